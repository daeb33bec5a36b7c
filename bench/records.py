"""What the benchmarks measured, run by run: `bench/records/NAME.jsonl`, a line a value, which `make scorecard` draws.

A benchmark calls `record` beside each number that it tells. `MODELWAY_BENCH_RECORDS` names another folder, for trying.
"""

from __future__ import annotations

import datetime
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from measure import machine
from pydantic import Field, FiniteFloat, ValidationError

from modelway.errors import InputError
from modelway.records.base import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

HERE = Path(__file__).resolve().parent
OURS = "modelway"
_BEGAN = datetime.datetime.now(tz=datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


class Aim(Record):
    """What a value has to keep."""

    rule: Literal["at most", "at least", "below"]
    bound: FiniteFloat
    of: Literal["median", "each"] = "median"
    """Whether a run's rounds are judged by their median or one by one."""

    def __str__(self) -> str:
        return f"{self.rule} {self.bound:g}" + (", each" if self.of == "each" else "")


class Measurement(Record):
    """One value of one run."""

    benchmark: str = Field(min_length=1)
    """Its name in `benchmarks.py`."""
    run: str = Field(pattern=r"^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?$")
    """When the run began, in UTC; of those before there were records, the day alone."""
    commit: str | None
    """What was measured, with "+" where files had been changed; None where nobody kept it."""
    machine: str = Field(min_length=1)
    load: FiniteFloat | None = None
    """The mean number of busy processes in the minute before the value was noted, our own among them."""
    command: str = Field(min_length=1)
    case: str = ""
    """The row of a table: of what it was measured."""
    way: str = Field(min_length=1)
    """Who was measured: modelway, a way of using it, or a peer."""
    what: str = Field(min_length=1)
    unit: str = ""
    value: FiniteFloat | None
    """None where there is none, for the reason that stands in `note`."""
    round: int | None = Field(default=None, ge=1)
    """The pair or round, which ways share that took turns."""
    summary: str = ""
    """What the value was made of where single values were not kept or do not exist: "median of 5"."""
    aim: Aim | None = None
    note: str = ""


def at_most(bound: float, *, of: Literal["median", "each"] = "median") -> Aim:
    """The aim of what should be small."""
    return Aim(rule="at most", bound=bound, of=of)


def below(bound: float) -> Aim:
    """The same, where the bound itself is too much."""
    return Aim(rule="below", bound=bound)


def at_least(bound: float, *, of: Literal["median", "each"] = "median") -> Aim:
    """The aim of what should be large."""
    return Aim(rule="at least", bound=bound, of=of)


def record(
    benchmark: str,
    what: str,
    value: float | None,
    unit: str = "",
    *,
    way: str = OURS,
    case: str = "",
    round: int | None = None,  # noqa: A002 - the field's name
    summary: str = "",
    aim: Aim | None = None,
    note: str = "",
) -> None:
    """Append a value to the benchmark's file, at once, so that a run that is ended keeps what it measured.

    The arguments are the fields of `Measurement`; when, where and of what commit it is found out here.
    """
    commit, command = _origin()
    one = Measurement(
        benchmark=benchmark, run=_BEGAN, commit=commit, machine=machine(), load=round_to(os.getloadavg()[0]),
        command=command, case=case, way=way, what=what, unit=unit, value=None if value is None else round_to(value),
        round=round, summary=summary, aim=aim, note=note,
    )  # fmt: skip
    path = folder() / f"{benchmark}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(line(one))


def record_rounds(benchmark: str, what: str, values: Iterable[float], unit: str = "", **more: object) -> None:
    """The values of rounds 1, 2, ...; `more` as in `record`."""
    for number, value in enumerate(values, start=1):
        record(benchmark, what, value, unit, round=number, **more)  # type: ignore[arg-type]


def line(one: Measurement) -> str:
    """A value as a line of its file; what has its default is left out."""
    return one.model_dump_json(exclude_defaults=True) + "\n"


def round_to(value: float, digits: int = 6) -> float:
    """The value with so many significant digits: more would be noise in a file that people compare."""
    return float(f"{value:.{digits}g}")


def folder() -> Path:
    """Where the files lie."""
    return Path(os.environ.get("MODELWAY_BENCH_RECORDS") or HERE / "records")


def read_records(benchmark: str) -> list[Measurement]:
    """The values of a benchmark in the order in which they came; none where it has no file.

    Raises:
        InputError: a line is no such value, or of another benchmark; with file and line.
    """
    path = folder() / f"{benchmark}.jsonl"
    if not path.exists():
        return []
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
    return [_read(text, benchmark, f"{path}, line {number}") for number, text in lines]


def _read(text: str, benchmark: str, where: str) -> Measurement:
    remedy = "Correct the line, or take it out."
    try:
        one = Measurement.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        what = f"{key}: {first['msg']}" if key else first["msg"]
        raise InputError(f"no record of a benchmark: {what}", where=where, remedy=remedy) from None
    if one.benchmark != benchmark:
        raise InputError(f"it is of {one.benchmark!r}, not of {benchmark!r}", where=where, remedy=remedy)
    return one


@cache
def _origin() -> tuple[str | None, str]:
    """The commit and the command."""
    command = " ".join(["python", f"bench/{Path(sys.argv[0]).name}", *sys.argv[1:]])

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", "-C", str(HERE), *arguments], check=False, capture_output=True, text=True)
        return done.stdout.strip()

    commit = git("rev-parse", "--short=12", "HEAD")
    # Records themselves are what a run changes.
    changed = git("status", "--porcelain", "--untracked-files=no", "--", "..", ":!records", ":!RESULTS.md")
    return (f"{commit}{'+' if changed else ''}" if commit else None), command
