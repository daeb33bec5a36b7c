"""docs/architecture.md is the house as it is: rooms, folders, imports, Dagger functions, workflows, artifacts."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "modelway"
MODULE = ROOT / "ci" / "src" / "modelway_ci"
TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
FOR_ALL = {
    "errors",
    "escaping",
    "parsing",
    "redaction",
    "records",
    "atomic",
    "locks",
    "processes",
    "sketches",
    "waiting",
    "transport",
}


def table(topic: str, header: str) -> list[list[str]]:
    """The rows of a section's table, cell by cell."""
    section = TEXT.split(f"\n## {topic}\n", 1)[1].split("\n## ", 1)[0]
    lines = section[section.index(f"| {header} |") :].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def named(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def first_column(topic: str, header: str) -> list[str]:
    return [name for row in table(topic, header) for name in named(row[0])]


def rooms() -> set[str]:
    """Folders and modules of the package."""
    entries = [path for path in PACKAGE.iterdir() if not path.name.startswith("__")]
    return {path.stem for path in entries if path.suffix == ".py" or (path.is_dir() and any(path.glob("*.py")))}


def contracts() -> dict[str, set[str]]:
    """What `[tool.importlinter]` forbids, by room."""
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    forbidden: dict[str, set[str]] = {}
    for contract in linter["contracts"]:
        assert contract["type"] == "forbidden"
        assert not contract.get("ignore_imports")
        for source in contract["source_modules"]:
            names = {name.removeprefix("modelway.") for name in contract["forbidden_modules"]}
            forbidden.setdefault(source.removeprefix("modelway."), set()).update(names)
    return forbidden


def test_every_room_has_its_row() -> None:
    rows = first_column("Rooms of `src/modelway`", "room")
    assert len(rows) == len(set(rows))
    assert set(rows) == rooms()


@pytest.mark.parametrize("room", sorted(rooms()))
def test_a_room_may_import_what_its_row_says(room: str) -> None:
    ((_, _, cell),) = [row for row in table("Rooms of `src/modelway`", "room") if named(row[0]) == [room]]
    others = rooms() - {room}
    if cell.startswith("all"):
        may = others - set(named(cell))
    elif room in FOR_ALL:
        may = set(named(cell))
    else:
        may = set(named(cell)) | FOR_ALL
    assert others - contracts().get(room, set()) == may


def test_no_contract_is_of_a_room_that_is_gone() -> None:
    found = contracts()
    assert set(found) <= rooms()
    assert {name for names in found.values() for name in names} <= rooms()


def test_every_folder_of_a_room_is_named() -> None:
    found = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.glob("*/*")
        if path.is_dir() and not path.is_symlink() and path.name != "__pycache__"
    }
    # A wheel holds copies of the workflows where the checkout has a link.
    assert set(first_column("Rooms of `src/modelway`", "folder")) == found - {"adopt/workflows"}
    assert (PACKAGE / "adopt" / "workflows").resolve() == ROOT / ".github" / "workflows"


def test_every_folder_of_the_repository_is_named() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no git checkout, so what belongs to the repository can't be told")
    found = {line.split("/")[0] for line in listed.stdout.splitlines() if "/" in line}
    assert set(first_column("Folders", "folder")) == found


def test_every_file_of_the_dagger_module_is_named() -> None:
    found = {path.name for path in MODULE.glob("*.py")} - {"__init__.py"}
    assert set(first_column("The Dagger module", "file")) == found


def test_every_dagger_function_is_named() -> None:
    (public,) = [
        node
        for node in ast.parse((MODULE / "main.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and node.name == "Modelway"
    ]
    found = {
        node.name.replace("_", "-")
        for node in public.body
        if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef)
        and {ast.unparse(one).partition("(")[0] for one in node.decorator_list} & {"always", "function"}
    }
    paragraph = TEXT.split("\nIts functions:", 1)[1].split("\n\n", 1)[0]
    assert set(named(paragraph)) == found
    calls = [name for row in table("Workflows", "file") for name in named(row[2])]
    assert set(calls) <= found


def test_every_workflow_is_named_with_its_call() -> None:
    rows = {named(row[0])[0]: named(row[2]) for row in table("Workflows", "file")}
    assert set(rows) == {path.name for path in (ROOT / ".github" / "workflows").iterdir()}
    for name, calls in rows.items():
        script = (ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8")
        for call in calls:
            assert re.search(rf"(?m)^ +((- )?(call|part): {call}$|dagger call .* {call} )", script), (name, call)


def test_every_kind_of_artifact_is_named() -> None:
    found = {"bundles"}  # written where it is named, without a constant
    for path in PACKAGE.rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            match node:
                case ast.Assign(targets=[ast.Name(id="KIND" | "PART")], value=ast.Constant(value=str(kind))):
                    found.add(kind)
    assert '"bundles"' in (PACKAGE / "pipeline" / "deploy_bundles.py").read_text(encoding="utf-8")
    assert set(first_column("Artifacts", "kind")) == found


def test_every_page_and_file_it_leads_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert (ROOT / "docs" / target).exists(), target
    for path in re.findall(r"`((?:ci|docker|src|tests|\.github)/[\w./]+)`", TEXT):
        assert (ROOT / path).exists(), path
