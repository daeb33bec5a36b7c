"""Our own workflows in a stranger's repository: they call this module, pinned, on the stranger's source."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from modelway.adopt.marker import is_edited, mark, read_marker
from modelway.adopt.rendering import INDEX, OWN, render_workflows, templates
from modelway.errors import UsageError
from modelway.records.adopt import ModuleReference, WorkflowPlace

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = ROOT / ".github" / "workflows"
OURS = {path.name: path for path in sorted(WORKFLOWS.glob("*.yml")) if path.name not in OWN}
MODULE = ModuleReference.parse("github.com/octocat/modelway@v1.2.3", "v0")
PLACES = {
    "alone": WorkflowPlace(name="churn"),
    "monorepo": WorkflowPlace(folder="services/churn model", prefix="churn-", name="churn"),
    "private": WorkflowPlace(index=True, name="churn"),
    "both": WorkflowPlace(folder="services/churn", prefix="churn-", index=True, name="churn"),
}


@pytest.fixture(params=PLACES)
def rendered(request: pytest.FixtureRequest) -> tuple[WorkflowPlace, dict[str, str]]:
    place = PLACES[request.param]
    return place, render_workflows(MODULE, place)


def parsed(text: str) -> dict[Any, Any]:
    workflow: dict[Any, Any] = yaml.safe_load(text)
    return workflow | {"on": workflow.get(True, workflow.get("on"))}


def test_templates_are_our_own_workflows() -> None:
    # A link, so that there is no second text that could drift; a checkout that knows no links has to be told.
    assert templates() == {name: path.read_text() for name, path in OURS.items()}


def test_each_is_there_by_its_name(rendered: Any) -> None:
    place, files = rendered
    assert sorted(files) == sorted(f".github/workflows/{place.prefix}{name}" for name in OURS)


def test_what_keeps_modelway_itself_is_written_nowhere() -> None:
    assert all((WORKFLOWS / name).is_file() for name in OWN)
    written = render_workflows(MODULE, WorkflowPlace(name="churn"))
    assert not [path for path in written if path.rpartition("/")[2] in OWN]


def actions_of(text: str) -> list[dict[str, Any]]:
    """The steps that use our action."""
    steps = [step for job in parsed(text)["jobs"].values() for step in job.get("steps", ())]
    return [step for step in steps if step["uses"].startswith("octocat/modelway@")]


def test_nothing_of_our_repository_is_left(rendered: Any) -> None:
    _, files = rendered
    for text in files.values():
        assert "uses: ./\n" not in text
        for own in ('"ci/**"', '"dagger.json"', '"src/**"', '"action.yml"', "loans"):
            assert own not in text


def test_one_step_calls_the_module_in_the_models_folder(rendered: Any) -> None:
    place, files = rendered
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    for text in files.values():
        (step,) = actions_of(text)
        assert step["uses"] == "octocat/modelway@v1.2.3"
        given = step["with"]
        assert (given["module"], given.get("folder", "")) == (str(MODULE), place.folder)
        assert ("index-url" in given) == place.index
        assert set(given) <= set(action["inputs"])
        # The action checks out, so that Slack hears where that fails.
        (job,) = [one for one in parsed(text)["jobs"].values() if step in one.get("steps", ())]
        assert job["steps"] == [step]


def test_an_action_is_pinned_by_the_commit_that_is_known() -> None:
    module = ModuleReference.parse("https://git.example.com/o/r/sub@v1", "v0", "c" * 40)
    for text in render_workflows(module, PLACES["alone"]).values():
        assert f"- uses: o/r/sub@{'c' * 40} # v1\n" in text


def test_a_server_of_github_enterprise_gets_no_key_that_it_may_not_know() -> None:
    for address, known in (("github.com/o/r@v1", True), ("https://git.example.com/o/r@v1", False)):
        texts = render_workflows(ModuleReference.parse(address, "v0"), PLACES["alone"]).values()
        assert any("queue: max" in text for text in texts) is known


def test_workflows_call_each_other_by_their_names(rendered: Any) -> None:
    _, files = rendered
    for text in files.values():
        for name in re.findall(r"uses: \./(\S+)", text):
            assert name in files


def test_they_fit_the_published_schema(rendered: Any, tmp_path: Path) -> None:
    if importlib.util.find_spec("check_jsonschema") is None:
        pytest.skip("check-jsonschema is not installed")
    _, files = rendered
    for path, text in files.items():
        (tmp_path / Path(path).name).write_text(text)
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    found = subprocess.run([*command, *map(str, tmp_path.glob("*.yml"))], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


def test_path_filters_of_a_monorepo_are_below_its_folder() -> None:
    place = PLACES["both"]
    for path, text in render_workflows(MODULE, place).items():
        for event in parsed(text)["on"].values():
            filters = event if isinstance(event, dict) else {}
            assert "paths-ignore" not in filters, path
            for glob in filters.get("paths", ()):
                assert glob.removeprefix("!").startswith((f"{place.folder}/", ".github/workflows/churn-")), path
    train = parsed(render_workflows(MODULE, place)[".github/workflows/churn-train-model.yml"])
    assert "services/churn/**/*.py" in train["on"]["push"]["paths"]
    assert train["concurrency"]["group"].startswith("churn-")


def test_models_of_one_repository_share_no_name() -> None:
    names: set[str] = set()
    for model in ("churn", "bikes"):
        place = WorkflowPlace(folder=f"services/{model}", prefix=f"{model}-", name=model)
        own = set()
        for text in render_workflows(MODULE, place).values():
            workflow = parsed(text)
            (step,) = actions_of(text)
            include = [job.get("strategy", {}).get("matrix", {}) for job in workflow["jobs"].values()]
            reports = [one["report"] for matrix in include for one in matrix.get("include", ())]
            own |= {workflow["name"], workflow["concurrency"]["group"], *(reports or [step["with"]["report"]])}
            own |= {job["name"] for job in workflow["jobs"].values() if "matrix" in job["name"]}
        assert not names & own
        names |= own


def test_a_tag_starts_the_deploy_of_its_model_alone() -> None:
    def tags(place: WorkflowPlace) -> Any:
        text = next(text for path, text in render_workflows(MODULE, place).items() if "deploy" in path)
        return parsed(text)["on"]["push"]["tags"]

    assert tags(PLACES["alone"]) == tags(PLACES["monorepo"]) == ["churn-v*"]
    # What an earlier version wrote does not name its model.
    assert tags(WorkflowPlace()) == ["*-v*"]


def test_the_coverage_is_fetched_by_the_name_under_which_it_is_kept(rendered: Any) -> None:
    place, files = rendered
    workflow = parsed(files[f".github/workflows/{place.prefix}ml-ci.yml"])
    kept = [one["report"] for one in workflow["jobs"]["part"]["strategy"]["matrix"]["include"]]
    (fetch,) = [one for one in workflow["jobs"]["codecov"]["steps"] if "download-artifact@" in one["uses"]]
    assert fetch["with"]["name"] in kept


def test_the_secret_of_the_index_is_handed_on() -> None:
    for path, text in render_workflows(MODULE, PLACES["private"]).items():
        workflow = parsed(text)
        if "workflow_call" in workflow["on"]:
            assert workflow["on"]["workflow_call"]["secrets"][INDEX] == {"required": False}, path
        for job in workflow["jobs"].values():
            if "uses" in job:
                assert job["secrets"][INDEX] == f"${{{{ secrets.{INDEX} }}}}"


@given(
    st.text(),
    st.from_regex(r"(\w[\w .-]{0,5}(/\w[\w .-]{0,5})?)?", fullmatch=True),
    st.from_regex(r"([A-Za-z0-9][\w-]{0,5})?", fullmatch=True).filter(str.isascii),
    st.booleans(),
)
def test_a_marker_is_read_as_it_was_written(text: str, folder: str, prefix: str, index: bool) -> None:
    place = WorkflowPlace(folder=folder, prefix=prefix, index=index, name=prefix)
    module = MODULE.model_copy(update={"commit": "c" * 40 if index else None})
    content = mark(text, "0.1.0", module, place)
    marker = read_marker(content)
    assert marker is not None
    assert (marker.version, marker.module, marker.place) == ("0.1.0", module, place)
    assert not is_edited(content, marker)
    assert not is_edited(content.replace("\r\n", "\n").replace("\n", "\r\n"), marker)
    assert is_edited(content + "x", marker)


@pytest.mark.parametrize(
    "content", ["", "name: x\n", "# modelway:workflow\n", "# modelway:workflow version=1 sha256=0\n"]
)
def test_what_is_no_marker_is_none(content: str) -> None:
    assert read_marker(content) is None


@pytest.mark.parametrize(
    ("text", "address", "version", "commit"),
    [
        ("github.com/o/r", "github.com/o/r", "v7", None),
        ("github.com/o/r@main", "github.com/o/r", "main", None),
        ("github.com/o/r/sub@v1", "github.com/o/r/sub", "v1", None),
        ("https://git.example.com/o/r@v1", "https://git.example.com/o/r", "v1", None),
        ("ssh://git@github.com/o/r@v1", "ssh://git@github.com/o/r", "v1", None),
        ("ssh://git@github.com/o/r", "ssh://git@github.com/o/r", "v7", None),
        (f"github.com/o/r@{'a' * 40}", "github.com/o/r", "a" * 40, "a" * 40),
    ],
)
def test_references(text: str, address: str, version: str, commit: str | None) -> None:
    found = ModuleReference.parse(text, "v7")
    assert (found.address, found.version, found.commit) == (address, version, commit)


@pytest.mark.parametrize("text", ["", "r", "o/r", "github.com/o/r@v1 x", 'github.com/o/r"@v1', "../r@v1"])
def test_what_names_no_module_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        ModuleReference.parse(text, "v7")
