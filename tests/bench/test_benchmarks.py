"""The list of benchmarks: each is there, leaves records, and has its section of RESULTS.md."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RECORDERS = {"record", "record_rounds"}


def records_of(source: str) -> set[str]:
    """The names under which `measure` records, in itself and in what it calls of its own module."""
    tree = ast.parse(source)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    functions |= {node.name: node for one in classes for node in one.body if isinstance(node, ast.FunctionDef)}
    constants = _constants(tree)
    found: set[str] = set()
    waiting, seen = ["measure"], set()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in functions:
            continue
        seen.add(name)
        for node in ast.walk(functions[name]):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in RECORDERS:
                told = node.args[0]
                found.add(told.value if isinstance(told, ast.Constant) else constants[told.id])
            waiting += (
                [node.id] if isinstance(node, ast.Name) else [node.attr] if isinstance(node, ast.Attribute) else []
            )
    return found


def _constants(tree: ast.Module) -> dict[str, str]:
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            (target,) = node.targets
            pairs = (
                zip(target.elts, node.value.elts, strict=True)
                if isinstance(target, ast.Tuple)
                else [(target, node.value)]
            )
            found |= {one.id: value.value for one, value in pairs if isinstance(value, ast.Constant)}
    return found


def test_every_benchmark_records_what_it_measures(bench) -> None:
    for one in bench.benchmarks.BENCHMARKS:
        path = ROOT / "bench" / f"{one.module}.py"
        assert records_of(path.read_text()) == {one.name}, f"{path.name} records nothing, or under another name"


@pytest.mark.parametrize(
    "source",
    [
        "def measure():\n    return 'fast'\n",
        "def measure():\n    return 'fast'\n\ndef other():\n    record('help', 'seconds', 1)\n",
    ],
)
def test_a_benchmark_that_records_nothing_is_found(source) -> None:
    assert records_of(source) == set()


def test_a_record_in_what_measure_calls_counts() -> None:
    called = "NAME = 'help'\ndef measure():\n    return _write(1)\n\ndef _write(x):\n    record(NAME, 'seconds', x)\n"
    assert records_of(called) == {"help"}


def test_every_file_with_a_measure_is_a_benchmark_or_part_of_one(bench) -> None:
    parts = {"seed_scheme", "serve_shadow", "drift_labels"}
    files = {path.stem for path in (ROOT / "bench").glob("*.py") if "\ndef measure(" in path.read_text()}
    assert files == {one.module for one in bench.benchmarks.BENCHMARKS} | parts


def test_names_and_titles_are_told_apart(bench) -> None:
    for field in ("name", "title", "module"):
        values = [getattr(one, field) for one in bench.benchmarks.BENCHMARKS]
        assert len(values) == len(set(values))


def test_every_benchmark_has_its_section(bench) -> None:
    text = (ROOT / "bench" / "RESULTS.md").read_text()
    headings = [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")]
    assert sorted(headings) == sorted(one.title for one in bench.benchmarks.BENCHMARKS)


def test_what_people_wrote_stays_beside_what_was_measured(bench) -> None:
    text = "# Results\n\nProse.\n\n## One\n\nWhat it means.\n\n## Two\n\nMore.\n"
    once = bench.run.with_section(text, "One", "5 s")
    assert once.index("## One") < once.index("5 s") < once.index("What it means.") < once.index("## Two")
    twice = bench.run.with_section(once, "One", "6 s")
    assert "5 s" not in twice
    assert twice == once.replace("5 s", "6 s")
    for words in ("# Results", "Prose.", "What it means.", "## Two\n\nMore.\n"):
        assert words in twice


def test_the_last_section_and_a_new_one_are_written_too(bench) -> None:
    text = "# Results\n\n## Two\n\nMore.\n"
    last = bench.run.with_section(text, "Two", "7 s")
    assert last.index("## Two") < last.index("7 s") < last.index("More.")
    new = bench.run.with_section(last, "Three", "8 s")
    assert new.startswith(last.rstrip())
    assert new.index("## Three") < new.index("8 s")


def test_an_unknown_name_runs_nothing(bench, capsys) -> None:
    assert bench.run.main(["help", "sped"]) == 2
    said = capsys.readouterr().err
    assert "sped" in said
    assert "serving-fuzzed" in said
