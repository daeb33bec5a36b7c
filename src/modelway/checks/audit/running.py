"""Runs the audit's tools: each may crash, hang, or meet a file that its parser chokes on."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelway.atomic import scratch_directory
from modelway.checks.audit.outcome import AuditFaultError
from modelway.checks.tools import environment
from modelway.escaping import log_text
from modelway.parsing import parse_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from modelway.checks.tools import ToolRun, Tools


@dataclass(frozen=True)
class Site:
    """Where the audit takes place.

    Attributes:
        root: the project's directory.
        tools: what runs the tools.
        logs: the directory for what the tools say beside their reports.
        seconds: how long a tool may look at the tree.
    """

    root: Path
    tools: Tools
    logs: Path
    seconds: float

    def run(self, command: Sequence[str], cwd: Path, seconds: float) -> ToolRun:
        """Run a tool to its end, whatever that is, and keep what it said on stderr.

        Raises:
            AuditFaultError: it is not installed.
        """
        run = self.tools.run(command, cwd, timeout=seconds, environment=environment(PYTHONUTF8="1"))
        if run.missing:
            raise AuditFaultError(f"{run.problem}: install modelway[audit]")
        if run.stderr:
            self.logs.mkdir(exist_ok=True)
            with (self.logs / f"{command[0]}.log").open("a", encoding="utf-8") as log:
                log.write(log_text(run.stderr))
        return run

    def scan(self, module: str, question: dict[str, Any]) -> Any:
        """Run a module of ours that looks at files, in a process of its own.

        Args:
            module: its name; `scan.serve` makes a program of it.
            question: what it is asked, as JSON.

        Returns:
            Its answer, from JSON.

        Raises:
            AuditFaultError: it gave none.
        """
        with scratch_directory() as directory:
            asked, answered = directory / "question.json", directory / "answer.json"
            asked.write_text(json.dumps(question), encoding="ascii")
            # -P: nothing is imported from where it runs.
            command = [sys.executable, "-P", "-m", module, str(asked), str(answered)]
            # What it prints is kept nowhere: it may hold what it was looking for.
            run = self.tools.run(command, self.root, timeout=self.seconds, environment=environment(PYTHONUTF8="1"))
            name = module.rpartition(".")[2].replace("_", " ")
            if run.problem is not None:
                what = run.problem.replace(sys.executable, f"the {name}")
                raise AuditFaultError(f"{what} (audit.timeout)")
            if run.exit_code or not answered.is_file():
                raise AuditFaultError(f"the {name} ended with {run.exit_code} and gave no answer")
            return parse_json(answered.read_bytes(), paths=True)
