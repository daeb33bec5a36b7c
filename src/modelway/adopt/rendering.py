"""Our own workflows, made those of a stranger's repository.

`adopt/workflows` is a link to this repository's `.github/workflows` (in a wheel: their copies), so that what users get
cannot drift from what runs here. What has to differ is put in by the substitutions below; one that finds nothing to
replace is a bug, and the tests render every workflow.
"""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import TYPE_CHECKING

import modelway
from modelway.adopt.marker import mark

if TYPE_CHECKING:
    from modelway.records.adopt import ModuleReference, WorkflowPlace

FOLDER = ".github/workflows"
"""Where a repository's workflows lie."""
INDEX = "MODELWAY_INDEX_URL"
"""The secret that holds the address of an index of packages, which may have a password in it."""

OWN = frozenset({"lock-images.yml", "mutants.yml"})
"""Workflows that keep modelway itself: no other repository gets them."""
_STEP = "      - uses: ./\n"
"""The step of our own action."""
_CHECKOUT = re.compile(r"      - uses: actions/checkout@.*\n        with:\n.*\n\n(?=      - uses: \./\n)")
_WITH = " " * 8 + "with:\n"
_MODEL_CODE = '      - "src/**"\n      - "*.py"\n'
_OUR_MODULE = '      - "dagger.json"\n      - "ci/**"\n      - "action.yml"\n'
_TAGS = '    tags: ["loans-v*"]\n'
_QUEUE = "  queue: max\n"


def templates() -> dict[str, str]:
    """The text of each workflow by its file's name, sorted."""
    folder = files(modelway).joinpath("adopt", "workflows")
    names = [one for one in folder.iterdir() if one.name.endswith(".yml") and one.name not in OWN]
    found = {one.name: one.read_text(encoding="utf-8") for one in names}
    return dict(sorted(found.items()))


def render_workflows(module: ModuleReference, place: WorkflowPlace) -> dict[str, str]:
    """Every workflow as it stands in a user's repository, by its path there, each with its marker.

    Args:
        module: what their calls name, since as a dependency its own default for the source is our repository.
        place: where the settings are, and what else the workflows go by.
    """
    known = templates()
    rendered = {}
    for name, text in known.items():
        own = _with_place(_with_module(name, text, module, place.folder), place, list(known))
        own = _with_index(own) if place.index else own
        rendered[f"{FOLDER}/{place.prefix}{name}"] = mark(own, modelway.__version__, module, place)
    return rendered


def _with_module(name: str, text: str, module: ModuleReference, folder: str) -> str:
    """The step uses the module's action, which checks out; what concerns the module's own code starts nothing."""
    # Our own workflows have the action in their checkout, and the module's default for the source is right there.
    text = _CHECKOUT.sub("", text)
    given = {"module": str(module)} | ({"folder": folder} if folder else {})
    lines = "".join(f"{' ' * 10}{key}: {json.dumps(value)}\n" for key, value in given.items())
    before, step, after = text.partition(_STEP)
    if not step:
        raise ValueError(f"{name} does not use the action")
    used = f"      - uses: {module.action}\n"
    text = before + used + _replaced(after, _WITH, f"{_WITH}{lines}", 1)
    text = text.replace("docs/github-actions.md", f"docs/github-actions.md of {module.address}")
    if name == "train-model.yml":
        text = _replaced(text, _MODEL_CODE, '      - "**/*.py"\n      - "!tests/**"\n')
        text = _replaced(text, _OUR_MODULE, "")
    # A server of GitHub Enterprise may not know it, and then refuses the whole workflow.
    return text if module.address.startswith("github.com/") else text.replace(_QUEUE, "")


def _with_place(text: str, place: WorkflowPlace, names: list[str]) -> str:
    """The workflow of one model among others in a repository: for what lies in its folder, and its own tags."""
    # Projects of earlier versions do not name their model here: a tag of another one is then refused by the deploy.
    text = text.replace(_TAGS, f'    tags: ["{place.name or "*"}-v*"]\n')
    if place.prefix:
        for name in names:
            text = text.replace(f"{FOLDER}/{name}", f"{FOLDER}/{place.prefix}{name}")
        text = re.sub(r"(?m)^name: (.*)$", rf"name: \1 ({place.prefix.rstrip('-')})", text, count=1)
        text = re.sub(r"(?m)^  group: ", f"  group: {place.prefix}", text, count=1)
        # Artifacts and required checks are known by their names in all of a repository.
        text = re.sub(r"(?m)^( +report: )", rf"\g<1>{place.prefix}", text)
        text = text.replace("report: " + place.prefix + "${{ matrix", "report: ${{ matrix")
        text = text.replace("          name: coverage-report\n", f"          name: {place.prefix}coverage-report\n")
        text = text.replace("    name: ${{ matrix.part }}\n", f"    name: {place.prefix}${{{{ matrix.part }}}}\n")
    return _with_paths(text, place.folder) if place.folder else text


def _with_paths(text: str, folder: str) -> str:
    """Path filters below the folder."""

    def below(match: re.Match[str]) -> str:
        out, bare = ("!", match["glob"][1:]) if match["glob"].startswith("!") else ("", match["glob"])
        place = bare if bare.startswith(".github/") else f"{folder}/{bare}"
        return f'      - "{out}{place}"\n'

    def filters(match: re.Match[str]) -> str:
        return match["head"] + re.sub(r' {6}- "(?P<glob>.*)"\n', below, match["globs"])

    return re.sub(r'(?P<head> {4}paths:\n)(?P<globs>(?: {6}- ".*"\n)+)', filters, text)


def _with_index(text: str) -> str:
    """Packages come from the index that a secret names, in a call, and in the workflows that it hands secrets to."""
    secret = f"${{{{ secrets.{INDEX} }}}}"
    text = _replaced(text, _WITH, f"{_WITH}{' ' * 10}index-url: {secret}\n", 1)
    # Six spaces: what a reusable workflow declares, and what it is handed.
    text = re.sub(r"(?m)^( {6}MLFLOW_TRACKING_URI:)$", rf"      {INDEX}:\n        required: false\n\1", text)
    return re.sub(r"(?m)^( {6}MLFLOW_TRACKING_URI: )", lambda match: f"      {INDEX}: {secret}\n{match[1]}", text)


def _replaced(text: str, old: str, new: str, count: int = -1) -> str:
    if old not in text:
        raise ValueError(f"{old!r} stands in no workflow of that name")
    return text.replace(old, new, count)
