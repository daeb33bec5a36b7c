"""What `smoke-train` asks of the model it made, in a process that knows nothing of the training."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, TypeVar

from modelway.bundle import load_model
from modelway.checks.predictions import FINITE, NOT_CONSTANT, SHAPE, check_finite, check_not_constant, check_shape
from modelway.data import load_prepared
from modelway.escaping import guard_streams
from modelway.pipeline.faults import failed
from modelway.records.checks import CheckResult
from modelway.records.trust import TRUST
from modelway.records.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection
    from pathlib import Path

    from modelway.bundle import Model

_T = TypeVar("_T")

LOADS, INPUT_EXAMPLE = "loads", "input_example"
CHECKS = (LOADS, SHAPE, FINITE, NOT_CONSTANT, INPUT_EXAMPLE)


def probe(
    directory: Path, prepared: Path, threshold: float, root: Path, trusted: tuple[str, ...] = ()
) -> list[CheckResult]:
    """Check a trained model in a fresh process; one result for each of `CHECKS`.

    Args:
        directory: holds `model/` and, for the input example, `metrics.json` and `baseline.json`.
        prepared: the prepared data set, whose held-out rows are predicted.
        threshold: the probability from which on the positive class is predicted.
        root: the directory of the settings file, to tell the user's code from others'.
        trusted: types and functions that the model may use in addition to modelway's own list.
    """
    context = multiprocessing.get_context("spawn")  # nothing of the training's memory is there
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(
        target=_work, args=(_Subject(directory, prepared, threshold, root, trusted), sender), daemon=True
    )
    process.start()
    sender.close()
    said: list[CheckResult] = []
    try:
        while len(said) < len(CHECKS):
            said.append(CheckResult.from_json(receiver.recv_bytes()))
        process.join()
    except EOFError:
        process.join()
        reason = f"the process ended with {_ending(process.exitcode)}"
        said.append(CheckResult(check=CHECKS[len(said)], verdict=Verdict.FAIL, reason=reason))
        said += skipped(CHECKS[len(said) :], "the process that was to tell had ended")
    finally:
        process.terminate()
        process.join()
    return said


def skipped(checks: tuple[str, ...], why: str) -> list[CheckResult]:
    """Checks that could not be made."""
    return [CheckResult(check=check, verdict=Verdict.ERROR, reason=why) for check in checks]


def _ending(code: int | None) -> str:
    return f"signal {-code} ({signal.strsignal(-code)})" if code is not None and code < 0 else f"code {code}"


@dataclass(frozen=True)
class _Subject:
    """What `probe` was given."""

    directory: Path
    prepared: Path
    threshold: float
    root: Path
    trusted: tuple[str, ...]

    def tried(self, check: str, doing: str, call: Callable[[], _T]) -> tuple[_T | None, CheckResult]:
        """What a call gives, and that the check passes; or None, and why it fails."""
        try:
            return call(), CheckResult(check=check, verdict=Verdict.PASS, reason=f"{doing} works in a fresh process")
        except Exception as error:  # noqa: BLE001 - the user's estimator may raise anything
            return None, failed(check, doing, error, self.root)


def _work(subject: _Subject, sender: Connection) -> None:
    """Make the checks one by one. Ctrl-C is the parent's business; so is stdout, whatever the user's code prints."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(sys.stderr.fileno(), 1)
    guard_streams()
    os.environ[TRUST] = ",".join(subject.trusted)  # MLflow's loader knows no other way
    for check in _checks(subject):
        sender.send_bytes(check.to_json().encode())


def _checks(subject: _Subject) -> Iterator[CheckResult]:
    model, loads = subject.tried(
        LOADS, "loading the model", lambda: load_model(subject.directory / "model", subject.trusted)
    )
    yield loads
    if model is None:
        yield from skipped(CHECKS[1:], "the model does not load")
        return
    yield from _predictions(subject, model)
    yield _input_example(subject, model)


def _predictions(subject: _Subject, model: Model) -> list[CheckResult]:
    table = load_prepared(subject.prepared, ("test",)).tables["test"]
    sizes = dict.fromkeys((table.num_rows, 1))
    scored, shape = subject.tried(
        SHAPE, "predicting", lambda: {rows: model.predict(table.slice(0, rows), subject.threshold) for rows in sizes}
    )
    if scored is not None:
        shape = check_shape(scored, len(model.info.classes))
    if scored is None or shape.verdict is not Verdict.PASS:
        return [shape, *skipped((FINITE, NOT_CONSTANT), "the held-out rows can't be predicted as they should be")]
    scores = scored[table.num_rows]
    names = list(model.info.inputs)
    different = table.select(names).group_by(names).aggregate([]).num_rows
    return [shape, check_finite(scores), check_not_constant(scores, different)]


def _input_example(subject: _Subject, model: Model) -> CheckResult:
    """Whether the model, packed as it would be registered, answers the request that is its input example."""
    from modelway.registry.serving import answer_example

    if not (subject.directory / "baseline.json").is_file():
        return skipped((INPUT_EXAMPLE,), "the evaluation left no profile to take an example from")[0]
    doing = "asking for the input example's prediction"
    answer, check = subject.tried(INPUT_EXAMPLE, doing, lambda: _parsed(answer_example(subject.directory)))
    if answer is None:
        return check
    wanted = ["prediction", *(f"probability_{name}" for name in model.info.classes)]
    if len(answer) != 1 or list(answer[0]) != wanted:
        reason = f"the answer is {json.dumps(answer)}; one object with {', '.join(wanted)} is wanted"
        return CheckResult(check=INPUT_EXAMPLE, verdict=Verdict.FAIL, reason=reason)
    reason = f"as a JSON request to MLflow's scoring code it is answered: {json.dumps(answer[0], ensure_ascii=False)}"
    return CheckResult(check=INPUT_EXAMPLE, verdict=Verdict.PASS, reason=reason)


def _parsed(answer: str) -> list[dict[str, object]]:
    """The predictions of an answer, read as strictly as a client in another language would."""

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"the answer holds {constant}, which is no JSON: {answer.strip()}")

    predictions: list[dict[str, object]] = json.loads(answer, parse_constant=refuse)["predictions"]
    return predictions
