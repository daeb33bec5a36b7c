"""Batch runs through any order of starts, kills, resumes, harm and newer runs, against a short model.

A kill leaves what the disk holds at that moment: the folder is copied there, and put back after the process's own
clean-up has run. Units are scored in this process; `test_the_number_of_workers_changes_no_byte` confirms that the
workers write the same bytes, and `test_a_killed_run_goes_on_and_writes_the_same_bytes` does the same with real kills.
"""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from modelway.batch import run as batch_run
from modelway.batch.partition import Partition
from modelway.batch.place import Place
from modelway.batch.run import Outcome, Request, run_batch
from modelway.bundle import open_bundle, pack_bundle
from modelway.errors import InputError, UsageError
from modelway.records.batch import BatchOptions
from modelway.records.bundle import Origin
from modelway.records.data import DataOptions, S3Options
from modelway.storage import documents

HEADER = "applied_on,age,income,amount,term_months,employment,purpose,home,credit_history_years,late_payments,note"
ROWS = {
    "good": "2026-11-23,{age},30000.0,9000.0,24,employed,car,rent,3.5,0,for the family",
    "refused": "2026-11-23,old,30000.0,9000.0,24,employed,car,boat,3.5,0,x",
    "unreadable": "1,2,3",
    "unscorable": "2026-11-23,40,1e300,9000.0,24,employed,car,rent,3.5,0,x",
}
KINDS = {"age: no integer": "refused", "home: unknown value": "refused", "can't be read": "unreadable"}
FILES = {
    "a.csv": ["good"] * 20 + ["refused", "unreadable", "good"] + ["good"] * 12,
    "b.csv": ["good"] * 3,
    "c.csv": ["unscorable"] + ["good"] * 25 + ["unreadable"],
}
STARTED = {name: f"2026-11-2{day}T02:00:00+00:00" for day, name in enumerate(("old", "new", "newer", "newest"), 4)}


class KilledError(BaseException):
    """The process ends here."""


@dataclass(frozen=True)
class World:
    """Two inputs of the same size, two models, and what an uninterrupted run of each gives."""

    root: Path
    bundles: tuple[Path, Path]

    def write_input(self, number: int) -> None:
        """Write one of the inputs; they differ in one digit."""
        folder = self.root / "in"
        folder.mkdir(exist_ok=True)
        for name, kinds in FILES.items():
            lines = [ROWS[kind].format(age=20 + at) for at, kind in enumerate(kinds)]
            lines[0] = lines[0].replace(",3.5,", f",{number + 2}.5,")
            (folder / name).write_text("\n".join([HEADER, *lines]) + "\n")

    def request(self, output: Path, name: str, model: int, most: float) -> Request:
        return Request(
            options=BatchOptions(memory="2GB", workers=1, max_rejects=most, slices=("purpose",)),
            source=DataOptions(uri=str(self.root / "in")),
            bundle=self.bundles[model],
            output=str(output),
            run=name,
            now=STARTED[name],
            keys=(),
            s3=S3Options(),
        )

    @functools.cache  # noqa: B019 - there is one world a run of the tests
    def uninterrupted(self, name: str, number: int, model: int) -> dict[str, bytes]:
        output = self.root / f"whole-{name}-{number}-{model}"
        assert run_batch(self.request(output, name, model, 100)).error is None
        return published(output / name)


def published(folder: Path) -> dict[str, bytes]:
    """Return what a run publishes, without times and without the run before, which depends on what else ran."""
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in {"timings.json", "manifest.json"} and "_run" not in path.parts
    }
    summary = json.loads(found["batch.json"])
    for name in ("previous", "previous_shift"):
        summary.pop(name)
    summary["plan"].pop("previous")
    return {**found, "batch.json": json.dumps(summary, sort_keys=True).encode()}


def intact_parts(folder: Path) -> set[int]:
    """Return the parts whose record and files are there, byte by byte."""
    found = set()
    for path in folder.glob("_run/part-*.json"):
        try:
            record = json.loads(path.read_text())
        except ValueError:
            continue
        files = {folder / file["name"]: file["sha256"] for file in record["files"]}
        if all(one.exists() and hashlib.sha256(one.read_bytes()).hexdigest() == sha for one, sha in files.items()):
            found.add(record["unit"]["number"])
    return found


@dataclass
class Begun:
    """A run that was begun: with which input and model, after which other run, and whether it is published."""

    number: int
    model: int
    previous: str | None
    whole: dict[str, bytes] | None = None


class Batch(RuleBasedStateMachine):
    """The model: which runs were begun with what, and which are published."""

    def __init__(self, world: World, scored: list[int]) -> None:
        super().__init__()
        self.world, self.scored = world, scored
        self.output = world.root / "out"
        shutil.rmtree(self.output, ignore_errors=True)
        self.number = 0
        self.world.write_input(0)
        self.begun: dict[str, Begun] = {}
        self.settled: set[str] = set()
        """Published runs whose last step was done, too: to become the latest, unless a newer one is."""

    # What is done.

    @rule(name=st.sampled_from(sorted(STARTED)), model=st.sampled_from([0, 0, 1]))
    def run_to_the_end(self, name: str, model: int) -> None:
        self.start(name, model)

    @precondition(lambda self: self.unpublished())
    @rule(data=st.data(), at=st.integers(1, 24), done=st.booleans())
    def kill_a_run(self, data: Any, at: int, done: bool) -> None:
        self.start(data.draw(st.sampled_from(self.unpublished())), 0, (at, done))

    @precondition(lambda self: self.parts())
    @rule(data=st.data())
    def resume(self, data: Any) -> None:
        name = data.draw(st.sampled_from(self.parts())).parent.parent.name
        self.number = self.begun[name].number
        self.world.write_input(self.number)
        self.start(name, self.begun[name].model)

    @precondition(lambda self: self.unpublished())
    @rule(data=st.data())
    def allow_fewer_rejects(self, data: Any) -> None:
        most = self.count("refused", "unreadable", "unscorable") - 1
        self.start(data.draw(st.sampled_from(self.unpublished())), most=most)

    @rule()
    def change_the_input(self) -> None:
        self.number = 1 - self.number
        self.world.write_input(self.number)

    @precondition(lambda self: self.parts())
    @rule(data=st.data(), how=st.sampled_from(["same size", "same size", "shorter", "gone", "record"]))
    def harm_a_part(self, data: Any, how: str) -> None:
        path = data.draw(st.sampled_from(self.parts()))
        if how == "record":
            records = sorted(path.parent.parent.glob("_run/part-*.json"))
            records[0].write_text("{torn")
        elif how == "gone":
            path.unlink()
        else:
            content = bytearray(path.read_bytes())
            content[len(content) // 2] ^= 1
            path.write_bytes(content if how == "same size" else content[:-1])
        (path.parent / f".{path.name}.1.part").write_bytes(b"half")

    # What the model says of it.

    def start(self, name: str, model: int = 0, killed: tuple[int, bool] | None = None, most: float = 100) -> None:
        begun, folder = self.begun.get(name), self.output / name
        request = self.world.request(self.output, name, model, most)
        before = self.tree()
        if begun is not None and (begun.number, begun.model) != (self.number, model):
            with pytest.raises(UsageError, match="was begun with"):
                run_batch(request)
            assert self.tree() == before
            return
        intact, latest = intact_parts(folder), self.latest()
        self.scored.clear()
        outcome = self.run(request, killed)
        if self.latest() == name or (outcome is not None and outcome.error is None):
            self.settled.add(name)
        if begun is None and (folder / "_run" / "plan.json").exists():
            begun = self.begun[name] = Begun(self.number, model, latest if latest != name else None)
        if begun is not None and begun.whole is not None:
            assert not self.scored
            assert outcome is None or (not outcome.fresh and not list(folder.glob("_run/part-*")))
            return
        assert not intact & set(self.scored), "a part that was there is scored again"
        if outcome is not None and outcome.error is None:
            self.finished(name, outcome, intact)
        elif outcome is not None:
            assert isinstance(outcome.error, InputError)
            assert most < self.count("refused", "unreadable", "unscorable")
            assert not intact_parts(folder)
        elif (folder / "_SUCCESS").exists():
            self.begun[name].whole = published(folder)

    def run(self, request: Request, killed: tuple[int, bool] | None) -> Outcome | None:
        """Run it; None where its process is killed at its n-th change of the folder, before or after that is done."""
        if killed is None:
            return run_batch(request)
        number, done = killed
        copy, at = self.world.root / "copy", 0

        def counted(change: Callable[..., Any]) -> Callable[..., Any]:
            def counting(*words: Any, **more: Any) -> Any:
                nonlocal at
                at += 1
                mine = at == number
                result = change(*words, **more) if done or not mine else None
                if mine:
                    shutil.copytree(self.output, copy)
                    raise KilledError
                return result

            return counting

        with pytest.MonkeyPatch.context() as patch:
            for name in ("publish", "write", "remove"):
                patch.setattr(Place, name, counted(getattr(Place, name)))
            patch.setattr(documents, "write_if_unchanged", counted(documents.write_if_unchanged))
            try:
                return run_batch(request)
            except KilledError:
                shutil.rmtree(self.output)
                copy.rename(self.output)
                return None

    def finished(self, name: str, outcome: Outcome, intact: set[int]) -> None:
        begun, folder = self.begun[name], self.output / name
        summary = outcome.result.summary
        assert {*self.scored, *intact} == set(range(summary.parts))
        assert len(self.scored) + len(intact) == summary.parts
        begun.whole = published(folder)
        assert begun.whole == self.world.uninterrupted(name, begun.number, begun.model)
        rejects = self.count("refused", "unreadable", "unscorable")
        rows = self.count(*ROWS)
        assert (summary.rows, summary.predicted, summary.rejects) == (rows, rows - rejects, rejects)
        assert summary.reasons == {
            "age: no integer": self.count("refused"),
            "home: unknown value": self.count("refused"),
            "can't be read": self.count("unreadable"),
            "can't be scored": self.count("unscorable"),
        }
        assert summary.plan.previous == begun.previous
        assert sum(pq.read_metadata(path).num_rows for path in folder.glob("predictions/*")) == rows - rejects
        assert sum(len(path.read_text().splitlines()) for path in folder.glob("rejects/*")) == rejects
        assert not list(folder.rglob("*.part"))
        assert not list(folder.glob("_run/part-*"))

    def count(self, *kinds: str) -> int:
        return sum(kind in kinds for found in FILES.values() for kind in found)

    def parts(self) -> list[Path]:
        """Return the parts of runs that are not published."""
        open_runs = [name for name, begun in self.begun.items() if begun.whole is None]
        folders = [self.output / name for name in sorted(open_runs)]
        return [
            path
            for folder in folders
            for path in sorted(folder.glob("predictions/part-*"))
            if list(folder.glob("_run/part-*.json"))
        ]

    def unpublished(self) -> list[str]:
        return [name for name in sorted(STARTED) if name not in self.begun or self.begun[name].whole is None]

    def latest(self) -> str | None:
        path = self.output / "_latest.json"
        return json.loads(path.read_text())["run"] if path.exists() else None

    def tree(self) -> dict[str, bytes]:
        """Return all files; a lock names who had it last."""
        return {
            str(path): path.read_bytes()
            for path in sorted(self.output.rglob("*"))
            if path.is_file() and "lock" not in path.name
        }

    # What holds after every step.

    @invariant()
    def what_is_published_stays_and_nothing_else_counts_as_published(self) -> None:
        for name, begun in self.begun.items():
            folder = self.output / name
            assert (folder / "_SUCCESS").exists() is (begun.whole is not None)
            if begun.whole is not None:
                assert published(folder) == begun.whole
                files = json.loads((folder / "manifest.json").read_text())["files"]
                assert files == {
                    one: hashlib.sha256((folder / one).read_bytes()).hexdigest()
                    for one in files.keys() | {one for one in begun.whole if one != "_SUCCESS"}
                }

    @invariant()
    def an_older_run_never_becomes_the_latest_after_a_newer_one(self) -> None:
        assert self.latest() == max(self.settled, key=lambda name: STARTED[name], default=None)


@pytest.fixture(scope="module")
def world(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    root = tmp_path_factory.mktemp("machine")
    origin = Origin(name="loans", version=4, run_id="s" * 32, created="2026-05-05T03:02:01+00:00")
    pack_bundle(bundle.parent / "trained", origin, root / "other")
    return World(root, (bundle, root / "other"))


def test_batch_runs_in_any_order_give_what_uninterrupted_ones_give(
    world: World, small_units: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored: list[int] = []

    def score(setup: Any, bundle: Any, units: Iterator[Any], workers: int, done: Callable[[Any], None]) -> None:
        partition = Partition(setup, bundle)
        for unit in units:
            scored.append(unit.number)
            done(partition.run(unit))

    monkeypatch.setattr(batch_run, "run_locally", score)
    opened = functools.cache(open_bundle)
    monkeypatch.setattr(batch_run, "open_bundle", opened)
    for name, size in {"cutting.UNIT_BYTES": 1024, "cutting.BLOCK": 256, "text.BLOCK": 256}.items():
        monkeypatch.setattr(f"modelway.batch.{name}", size)
    run_state_machine_as_test(
        lambda: Batch(world, scored),
        settings=settings(settings.get_profile("machine"), max_examples=20, stateful_step_count=15),
    )
