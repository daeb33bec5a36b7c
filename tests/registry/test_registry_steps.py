"""Each step of what changes a registry or fetches from it fails once: commits, files and, with a server, requests."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from modelway.atomic import sweep
from modelway.records.register import Alias, RegisterOptions
from modelway.records.verdict import Verdict
from modelway.registry import Registry
from modelway.registry.versions import FILES_DIGEST
from tests.every_step import Fault, Operation
from tests.registry.conftest import write_trained

if TYPE_CHECKING:
    from tests.registry.conftest import Server

TEXTS, TAGS = {"note.txt": "a note"}, {"commit": "abc", "data_digest": "d"}
KEPT = ("report.html", "note.txt")
FEW = 12
"""In the quick tests each so-many-th step fails."""
EVERY = [
    pytest.param(30, marks=pytest.mark.slow),
    pytest.param(1, marks=[pytest.mark.slow, pytest.mark.exhaustive]),
]
"""With a server, or for all operations, a step takes a second."""


@dataclass(frozen=True)
class Case:
    """An operation.

    Attributes:
        run: what it is; it is given a registry, and the directories of models by their seeds.
        before: how many versions there are, of the seeds 1, 2 and so on.
        after: the same then.
        champion: the number of the champion then.
        challenger: likewise.
    """

    run: Callable[[Registry, dict[int, Path]], object]
    before: int
    after: int
    champion: int
    challenger: int


def _register(seed: int) -> Callable[[Registry, dict[int, Path]], object]:
    return lambda registry, models: registry.register(models[seed], tags=TAGS, texts=TEXTS)


CASES = {
    "first": Case(_register(1), 0, 1, 1, 1),
    "next": Case(_register(2), 1, 2, 1, 2),
    "promote": Case(lambda registry, _: registry.promote("2"), 2, 2, 2, 2),
}


@pytest.fixture
def models(tmp_path: Path) -> dict[int, Path]:
    """Give evaluated models by their seeds."""
    made = {seed: tmp_path / f"trained-{seed}" for seed in (1, 2)}
    for seed, directory in made.items():
        write_trained(directory, seed, Verdict.PASS, 3, None)
    return made


def _check_versions(registry: Registry, models: dict[int, Path], case: Case, work: Path, *, done: bool) -> None:
    """Check that each version is whole: its files, its run, its tags; and what its aliases say."""
    found = registry.versions()
    assert [one.number for one in found] in ([*range(1, case.before + 1)], [*range(1, case.after + 1)])
    for version in found:
        assert version.model_digest == f"{version.number:064x}"
        assert version.tags.items() >= {**TAGS, "verdict": "pass"}.items()
        output = work / f"version-{version.number}"
        output.mkdir()
        registry.download(str(version.number), output)
        registry.download_kept(str(version.number), KEPT, output)
        original = {path.name: path.read_bytes() for path in (models[version.number] / "model").iterdir()}
        kept = {"report.html": b"<h1>report</h1>", "note.txt": b"a note"}
        assert {path.name: path.read_bytes() for path in output.iterdir()} == original | kept
        shutil.rmtree(output)
    runs = {one.run_id: _run(registry, one.run_id) for one in found}
    assert {run.info.status for run in runs.values()} <= {"FINISHED"}
    assert all(run.data.tags[FILES_DIGEST] and run.data.metrics["roc_auc"] == 0.9 for run in runs.values())
    wanted = {Alias.CHAMPION: case.champion, Alias.CHALLENGER: case.challenger}
    for alias, number in wanted.items():
        holder = next((one.number for one in found if alias in one.aliases), None)
        before = None if not case.before else case.before if alias is Alias.CHALLENGER else 1
        assert holder == number if done else holder in {number, before}
    if done:
        assert len(found) == case.after


def _run(registry: Registry, run_id: str) -> Any:
    with registry._calls() as client:
        return client.get_run(run_id)


def _operation(case: Case, models: dict[int, Path], template: Path, **more: Any) -> Operation:
    """Give an operation on an embedded registry."""

    def open_registry(root: Path) -> Registry:
        return Registry(RegisterOptions(), "loans", root, lock_seconds=5.0)

    def check(root: Path, done: bool) -> None:
        work = root.parent / "work"
        work.mkdir(exist_ok=True)
        _check_versions(open_registry(root), models, case, work, done=done)
        assert list(work.iterdir()) == []

    def traces(root: Path) -> list[str]:
        """Return all files but those of runs, of which one that failed keeps what it had."""
        paths = (path.relative_to(root) for path in root.rglob("*"))
        return sorted(str(path) for path in paths if path.parts[0] != "mlartifacts")

    first = template.parent / "first"
    shutil.copytree(template, first)
    for seed in range(1, case.before + 1):
        _register(seed)(open_registry(first), models)
    return Operation(
        lambda root: shutil.copytree(first, root, dirs_exist_ok=True),
        lambda root: case.run(open_registry(root), models),
        check,
        traces,
        **more,
    )


@pytest.mark.parametrize("fault", [Fault.BROKEN, Fault.KILLED])
def test_registry_with_some_steps_failing_has_whole_versions(
    root: Path, tmp_path: Path, models: dict[int, Path], fault: Fault
) -> None:
    _operation(CASES["first"], models, root).with_each_step(tmp_path / "steps", fault, every=FEW)


@pytest.mark.parametrize("every", EVERY)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("fault", Fault)
def test_registry_with_each_step_failing_has_whole_versions(
    root: Path, tmp_path: Path, models: dict[int, Path], fault: Fault, case: str, every: int
) -> None:
    _operation(CASES[case], models, root).with_each_step(tmp_path / "steps", fault, every=every)


@pytest.mark.parametrize("every", EVERY)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("fault", [Fault.BROKEN, Fault.LOST, Fault.KILLED])
def test_registry_on_a_server_with_each_request_failing_has_whole_versions(
    server: Server, tmp_path: Path, models: dict[int, Path], fault: Fault, case: str, every: int
) -> None:
    def open_registry(root: Path) -> Registry:
        name = f"{case}-{root.parent.name}-{root.name}"
        return Registry(server.options(), name, root, lock_seconds=5.0)

    def start(root: Path) -> None:
        for seed in range(1, CASES[case].before + 1):
            _register(seed)(open_registry(root), models)

    def check(root: Path, done: bool) -> None:
        _check_versions(open_registry(root), models, CASES[case], tmp_path, done=done)

    operation = Operation(start, lambda root: CASES[case].run(open_registry(root), models), check)
    operation.with_each_step(tmp_path / fault.name.lower(), fault, every=every)


@pytest.mark.parametrize("fault", Fault)
def test_download_with_each_step_failing_leaves_no_half_fetched_file(
    root: Path, tmp_path: Path, models: dict[int, Path], fault: Fault
) -> None:
    """Of what was fetched each file is whole, and what was fetched beside it is gone."""
    Registry(RegisterOptions(), "loans", root).register(models[1], texts=TEXTS)
    original = {path.name: path.read_bytes() for path in (models[1] / "model").iterdir()}
    original |= {"report.html": b"<h1>report</h1>", "note.txt": b"a note"}

    def fetch(output: Path) -> None:
        registry = Registry(RegisterOptions(), "loans", root)
        registry.download("1", output)
        registry.download_kept("1", KEPT, output)

    def check(output: Path, done: bool) -> None:
        found = {path.name: path.read_bytes() for path in output.iterdir() if path.is_file()}
        assert found == original if done else found.items() <= original.items()  # of all that came, nothing is half
        if done or fault not in {Fault.FULL, Fault.BROKEN}:  # where it is the clean-up that failed
            sweep(output)  # as the next one that fetches does
        assert not [path for path in output.iterdir() if path.is_dir()]

    Operation(lambda _: None, fetch, check).with_each_step(tmp_path / "steps", fault, every=FEW)
