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

OWN = frozenset({"lock-images.yml"})
"""Workflows that keep modelway itself: no other repository gets them."""

_CALL = 'dagger call "${who[@]}"'
_MODEL_CODE = '      - "src/**"\n      - "*.py"\n'
_OUR_MODULE = '      - "dagger.json"\n      - "ci/**"\n'
_TAGS = '  push:\n    tags: ["model-v*"]\n'
_ENGINE = " " * 10 + "# An engine that is kept"


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
        own = _with_place(_with_module(name, text, module), place, list(known))
        own = _with_index(own) if place.index else own
        rendered[f"{FOLDER}/{place.prefix}{name}"] = mark(own, modelway.__version__, module, place)
    return rendered


def _with_module(name: str, text: str, module: ModuleReference) -> str:
    """The call names the module and the source; what concerns the module's own code starts nothing."""
    text = _replaced(text, _CALL, f'dagger call -m "{module}" --source . "${{who[@]}}"')
    text = text.replace("docs/github-actions.md", f"docs/github-actions.md of {module.address}")
    if name == "train-model.yml":
        text = _replaced(text, _MODEL_CODE, '      - "**/*.py"\n      - "!tests/**"\n')
        text = _replaced(text, _OUR_MODULE, "")
    return text


def _with_place(text: str, place: WorkflowPlace, names: list[str]) -> str:
    """The workflow of one model among others in a repository: it runs in its folder, for what lies there."""
    if place.prefix:
        for name in names:
            text = text.replace(f"{FOLDER}/{name}", f"{FOLDER}/{place.prefix}{name}")
        text = re.sub(r"(?m)^name: (.*)$", rf"name: \1 ({place.prefix.rstrip('-')})", text, count=1)
        text = re.sub(r"(?m)^  group: ", f"  group: {place.prefix}", text, count=1)
        # Versions of all models are numbered alike: no tag says whose it is.
        text = text.replace(_TAGS, "")
    if not place.folder:
        return text
    folder = place.folder
    where = f"\ndefaults:\n  run:\n    working-directory: {json.dumps(folder)}\n"
    text = _replaced(text, "\npermissions:\n", f"{where}\npermissions:\n")
    text = re.sub(r"(?m)^( +(?:path|files): )reports/", rf"\1{folder}/reports/", text)
    text = re.sub(r"(?m)^( {12})reports/(?=\S+$)", rf"\1{folder}/reports/", text)
    return _with_paths(text, folder)


def _with_paths(text: str, folder: str) -> str:
    """Path filters below the folder. `paths-ignore` becomes `paths`: GitHub takes one of them alone."""

    def below(match: re.Match[str]) -> str:
        ignoring = match["key"] == "paths-ignore"
        lines = [f"{match['indent']}paths:\n"]
        globs = re.findall(r'- "(.*)"', match["globs"])
        if ignoring:
            lines.append(f'{match["indent"]}  - "{folder}/**"\n')
        for glob in globs:
            out, bare = ("!", glob.removeprefix("!")) if ignoring or glob.startswith("!") else ("", glob)
            ours = bare.startswith(".github/")
            lines.append(f'{match["indent"]}  - "{out}{bare if ours else f"{folder}/{bare}"}"\n')
        return "".join(lines)

    return re.sub(r'(?P<indent> {4})(?P<key>paths(?:-ignore)?):\n(?P<globs>(?: {6}- ".*"\n)+)', below, text)


def _with_index(text: str) -> str:
    """Packages come from the index that a secret names, in a call, and in the workflows that it hands secrets to."""
    secret = f"{INDEX}: ${{{{ secrets.{INDEX} }}}}\n"
    text = _replaced(text, _ENGINE, f"{' ' * 10}{secret}{_ENGINE}")
    call = " " * 10 + "dagger call -m"
    text = _replaced(text, call, f"{' ' * 10}[[ -z ${INDEX} ]] || who+=(--index-url env://{INDEX})\n{call}")
    # Six spaces: what a reusable workflow declares, and what it is handed.
    text = re.sub(r"(?m)^( {6}MLFLOW_TRACKING_URI:)$", rf"      {INDEX}:\n        required: false\n\1", text)
    return re.sub(r"(?m)^( {6}MLFLOW_TRACKING_URI: )", lambda match: f"      {secret}{match[1]}", text)


def _replaced(text: str, old: str, new: str) -> str:
    if old not in text:
        raise ValueError(f"{old!r} stands in no workflow of that name")
    return text.replace(old, new)
