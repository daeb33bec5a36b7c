"""`init`: what a stranger's project lacks to be one of modelway's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

import modelway
from modelway.adopt.model_module import find_module, module_path
from modelway.adopt.plan import Plan, find_markers, path_in, plan_dagger, plan_ignored, plan_workflows
from modelway.adopt.rendering import FOLDER, INDEX
from modelway.adopt.settings_plan import SETTINGS, Ask, plan_settings
from modelway.adopt.writing import write_all
from modelway.checks.suites.finding import has_tests
from modelway.errors import UsageError
from modelway.records.adopt import FileState, ModuleReference, State, WorkflowPlace
from modelway.records.progress import Progress, silent

if TYPE_CHECKING:
    from modelway.adopt.looking import Found
    from modelway.records.adopt import Adoption, InitOptions, Marker


def init(found: Found, options: InitOptions, name: str | None, ask: Ask, progress: Progress = silent) -> Adoption:
    """Write what a project lacks; nothing that is there is touched, but for lines that `.gitignore` lacks.

    Args:
        found: the project.
        options: what is wanted.
        name: what the settings that are there name the model; None where there are none.
        ask: chooses where nothing else decides.
        progress: told after each piece of the data.

    Raises:
        InputError: the data are missing or torn, or no target can be found in them.
        OutsideError: the file system or S3 fails.
        UsageError: something has to be said and is not; or what was said contradicts what is there.
    """
    plan = _plan(found, options, name, ask, progress)
    write_all(found.repository, plan.new, plan.replaced, [one.path for one in plan.files])
    written = {*plan.new, *plan.replaced}
    plan.files = [one.model_copy(update={"state": State.WRITTEN}) if one.path in written else one for one in plan.files]
    return plan.told


def check(found: Found, options: InitOptions, name: str | None) -> Adoption:
    """Say what is missing in a project, or differs from what `init` and `upgrade` would leave; nothing is written.

    Raises:
        InputError: dagger.json is torn.
        UsageError: what was said contradicts what is there.
    """
    plan = Plan(name or options.name or found.name)
    if name is None:
        plan.files.append(FileState(path=path_in(found, SETTINGS), state=State.MISSING))
    else:
        plan.keep(path_in(found, SETTINGS), "", State.SAME)
    markers = find_markers(found)
    known = next(iter(markers.values()), None)
    module = options.module or (known.module if known else None)
    if options.workflows and module is not None:
        plan_workflows(plan, found, module, _place(found, options, plan.name, known))
        plan_dagger(plan, found, module)
    elif options.workflows:
        plan.files.append(FileState(path=FOLDER, state=State.MISSING, reason="no workflow of modelway's is there"))
    plan_ignored(plan, found)
    return plan.told


def _plan(found: Found, options: InitOptions, name: str | None, ask: Ask, progress: Progress) -> Plan:
    plan = Plan(name or options.name or found.name)
    known = next(iter(find_markers(found).values()), None)
    module = options.module or (known.module if known else None)
    if options.workflows and module is None:
        answer = ask("Which Dagger module do the workflows call, as github.com/OWNER/REPO[@VERSION]?", "--module", [])
        module = ModuleReference.parse(answer, f"v{modelway.__version__}")
    place = _place(found, options, plan.name, known) if options.workflows else WorkflowPlace()
    if name is None:
        plan_settings(plan, found, options, place, ask, progress)
    else:
        plan.keep(path_in(found, SETTINGS), "it is there")
        if options.model is not None and not find_module(found.root, options.model):
            raise UsageError(
                f"there is no {module_path(options.model)}, and the settings are there already",
                where="--model",
                remedy="Write it and name it in fit.estimator.function: see docs/own-models.md.",
            )
    if module is not None and options.workflows:
        plan_workflows(plan, found, module, place)
        plan_dagger(plan, found, module)
        if found.lock is None:
            how = (
                f"`{found.export}`"
                if found.export
                else "`uv pip compile --generate-hashes`, once you have dependencies,"
            )
            plan.notes.append(f"no requirements.lock yet, so `audit` has no dependencies to check: {how} writes it")
        if not has_tests(found.root):
            plan.notes.append("no test yet, so `ci` has none to run: write one, such as tests/test_model.py")
        if place.index:
            plan.notes.append(f"packages come from an index of your own: set the secret {INDEX} to its address")
    plan_ignored(plan, found)
    if not found.in_git and options.workflows:
        plan.notes.append("this is no git repository yet: `git init`")
    return plan


def _place(found: Found, options: InitOptions, name: str, known: Marker | None) -> WorkflowPlace:
    index = options.private_index if options.private_index is not None else found.private_index
    if known is not None:
        return known.place
    prefix = options.prefix if options.prefix is not None else f"{name}-" if found.folder else ""
    try:
        return WorkflowPlace(folder=found.folder, prefix=prefix, index=index, name=name)
    except ValidationError as error:
        what = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UsageError(what, where=found.folder, remedy="Rename it, or give --no-workflows.") from error
