"""What a call says in the end: `summary.json` beside the artifact, or the table and the exit code of what failed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dagger import dag

from modelway_ci.printable import printable, printable_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    import dagger

    from modelway_ci.refusal import RefusalError
    from modelway_ci.stage import Outcome

FILE = "summary.json"
FAIL = 'printf "%s\\n" "$1" >&2; exit "$2"'
"""Says its first argument and ends with its second."""


def summarize(
    outcomes: Sequence[Outcome], exit_code: int, evaluation: str | None = None, registration: str | None = None
) -> dict[str, Any]:
    """The record of a call, with the keys of `modelway train --json`.

    Args:
        outcomes: the stages, in the order they ran.
        exit_code: how the call ends.
        evaluation: the text of `metrics.json`.
        registration: what `register --json` or `pull --json` printed.
    """
    record: dict[str, Any] = {
        "exit_code": exit_code,
        "stages": {outcome.stage: outcome.exit_code for outcome in outcomes},
        "version": None,
        "created": False,
    }
    if registration is not None:
        told = json.loads(registration)
        record["version"] = (told.get("version") or {}).get("number")
        record["created"] = told.get("created", False)
    if evaluation is not None:
        told = json.loads(evaluation)
        record |= {key: told[key] for key in ("verdict", "metrics", "gates", "model_digest")}
    failed = next((outcome for outcome in outcomes if outcome.exit_code), None)
    if exit_code and failed is not None:
        record["failed"] = {
            "stage": failed.stage,
            "exit_code": failed.exit_code,
            "said": failed.said,
            "ran": failed.ran,
        }
    return record


def refused(refusal: RefusalError) -> dict[str, Any]:
    """The record of a call that was refused before any stage ran."""
    code = refusal.exit_code
    failed = {"stage": "the call", "exit_code": code, "said": str(refusal), "ran": False}
    return {"exit_code": code, "stages": {}, "failed": failed}


def table(record: dict[str, Any]) -> str:
    """The record for people: the stages, what the one that failed said last, the gates."""
    lines = [f"{stage:<12} exit code {code}" for stage, code in record["stages"].items()]
    gates = [f"gate {gate['gate']}: {gate['verdict']}: {gate['reason']}" for gate in record.get("gates", ())]
    lines += map(printable, gates)
    if failed := record.get("failed"):
        lines += ["", f"{failed['stage']} ended with exit code {failed['exit_code']}; it said last:"]
        lines.append(failed["said"])
    elif record.get("version") is not None:
        lines.append(f"{'registered as' if record['created'] else 'already'} version {record['version']}")
    return printable_lines("\n".join(lines))


def conclude(
    base: dagger.Container,
    record: dict[str, Any],
    artifact: dagger.Directory | None,
    *,
    report_only: bool,
    shown: str | None = None,
) -> dagger.Directory:
    """What the call gives: the artifact with the record in it; or, when it is red, a directory that can't be had.

    A last small step prints the table and exits with the record's code; whoever asks for the directory gets that code.
    It is not run here: an error within a function would come with the function's own traceback around it.
    """
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    directory = (artifact or dag.directory()).with_new_file(FILE, text)
    code = record["exit_code"]
    if code == 0 or report_only:
        return directory
    failing = base.with_exec(["sh", "-c", FAIL, "modelway", shown or table(record), str(code)])
    return dag.directory().with_directory("", failing.rootfs(), include=[FILE])
