"""The weekly sample of mutants: what is run, and what the summary shows of it."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

_MAKE = """#!/bin/bash
echo "$*" >> calls
[[ $1 == mutants-map ]] && exit "$MAP"
printf '1/2 seen   a\\n2/2 unseen b\\n\\n| capability | faults |\\n\\n-    if a:\\n+    if b:\\n'
exit "$RUN"
"""


@pytest.mark.parametrize(("mapped", "ran"), [(0, 0), (2, 0), (0, 2)])
def test_a_sample_is_run_and_summed_up_unless_make_fails(
    read_workflow: Any, tmp_path: Path, mapped: int, ran: int
) -> None:
    steps = [step for job in read_workflow("mutants.yml")["jobs"].values() for step in job["steps"]]
    (step,) = [step for step in steps if "run" in step]
    make = tmp_path / "bin" / "make"
    make.parent.mkdir()
    make.write_text(_MAKE)
    make.chmod(0o755)
    summary = tmp_path / "summary"
    variables = {
        "SEED": "7", "GITHUB_STEP_SUMMARY": str(summary), "MAP": str(mapped), "RUN": str(ran),
        "PATH": f"{make.parent}:{os.environ['PATH']}",
    }  # fmt: skip
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    ended = subprocess.run(command, cwd=tmp_path, env=variables, check=False, capture_output=True)
    assert ended.returncode == (mapped or ran)
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls == ["mutants-map", "mutants SAMPLE=100 SEED=7"][: 1 if mapped else 2]
    if not ended.returncode:
        assert summary.read_text() == "```diff\n| capability | faults |\n\n-    if a:\n+    if b:\n```\n"
    else:
        assert not summary.exists()
