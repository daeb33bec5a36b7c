"""The settings of a stranger's project, and the module of a model of the user's own, as far as both are not there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import ValidationError

from modelway.adopt.guessing import classes_of, guess_columns, guess_task, target_candidates
from modelway.adopt.model_module import find_module, module_path, new_module
from modelway.adopt.plan import path_in
from modelway.adopt.settings_file import settings_text, settings_values
from modelway.errors import InputError, UsageError
from modelway.records.data import ColumnType, Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelway.adopt.looking import Found
    from modelway.adopt.plan import Plan
    from modelway.records.adopt import InitOptions, WorkflowPlace
    from modelway.records.data import DataOptions
    from modelway.records.data_docs import ColumnSummary, DataProfile
    from modelway.records.progress import Progress

SETTINGS = "modelway.yaml"
_WATCHED = {"environment": "local"}


class Ask(Protocol):
    """Asks a person to choose; whoever can't be asked gets an error that names the flag."""

    def __call__(self, question: str, flag: str, options: Sequence[str]) -> str:
        """The answer: one of the options, or something else; raises `UsageError`."""


def plan_settings(
    plan: Plan, found: Found, options: InitOptions, place: WorkflowPlace, ask: Ask, progress: Progress
) -> None:
    """The settings, from a look at the data set; and the model's module where one is named.

    Raises:
        InputError: the data are missing or torn, or nothing in them can be predicted.
        OutsideError: S3 or the file system fails.
        UsageError: something has to be said and is not, or contradicts the data.
    """
    uri = options.data or _choose_data(found, ask)
    source, profile = _read(uri, found, progress)
    target = options.target or _choose_target(profile, ask)
    summary = next((one for one in profile.columns if one.name == target), None)
    if summary is None:
        names = ", ".join(one.name for one in profile.columns)
        raise UsageError(f"the data have no column {target!r}", where="--target", remedy=f"They have: {names}.")
    if summary.missing:
        raise InputError(
            f"the target {target!r} has no value in {summary.missing} of {profile.rows} rows",
            where=uri,
            remedy="Leave these rows out of the data set; a model can't learn from them.",
        )
    columns = guess_columns(profile, target)
    task = options.task or guess_task(summary, columns.used[target])
    classes = classes_of(summary) if task is Task.CLASSIFICATION else []
    texts = columns.used[target].type is ColumnType.CATEGORY
    try:
        values = settings_values(
            plan.name, source, target, task, columns,
            positive=_positive(options, summary, classes), classes=classes if texts else None,
            model=options.model, trusted=options.trusted, more=_more(found, place),
        )  # fmt: skip
    except ValidationError as error:
        what = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UsageError(what, where=f"--target {target}", remedy="Name another target or --task.") from error
    plan.target, plan.task, plan.rows = target, task, profile.rows
    plan.add(path_in(found, SETTINGS), settings_text(values, columns, uri, profile.rows))
    plan.notes += [f"left out: {name}: {why}" for name, why in columns.ignored.items()]
    plan.notes += columns.notes
    if os.path.isabs(uri) or uri.startswith(".."):  # noqa: PTH117 - an address, not a path yet
        plan.notes.append(f"{uri} lies outside of the project, which alone containers are sent: hand it in with --data")
    if options.model is not None:
        _plan_model(plan, found, options.model, task)


def _read(uri: str, found: Found, progress: Progress) -> tuple[DataOptions, DataProfile]:
    try:
        from modelway.adopt.reading import read_profile
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{error.name} is not installed, without which no data set is read",
            remedy="Install modelway[check-data], or more of it: modelway[monitor,ci] has all that commands need.",
        ) from error
    return read_profile(uri, found.root, progress)


def _plan_model(plan: Plan, found: Found, model: str, task: Task) -> None:
    path = path_in(found, module_path(model))
    if find_module(found.root, model):
        plan.keep(path, "it is there")
    else:
        plan.add(path, new_module(plan.name, model, task))
    if found.lock != "requirements.lock":
        how = f"`{found.export}`" if found.export else "`uv pip compile --generate-hashes`"
        plan.notes.append(f"containers install what your model imports from a hashed requirements.lock: {how} makes it")


def _choose_data(found: Found, ask: Ask) -> str:
    if len(found.data) == 1:
        return found.data[0]
    return ask("Which data set is the model trained on?", "--data", found.data)


def _choose_target(profile: DataProfile, ask: Ask) -> str:
    candidates = target_candidates(profile)
    if not candidates:
        raise InputError(
            "no column can be a target: it has two values at least, one in each row, and is no key",
            remedy="Name it with --target.",
        )
    return ask("Which column is to be predicted?", "--target", candidates)


def _positive(options: InitOptions, summary: ColumnSummary, classes: list[str]) -> str | None:
    if options.positive is not None and classes and options.positive not in classes:
        raise UsageError(
            f"{summary.name} is never {options.positive!r}", where="--positive", remedy=f"It is: {', '.join(classes)}."
        )
    return options.positive or (classes[-1] if len(classes) == 2 else None)


def _more(found: Found, place: WorkflowPlace) -> dict[str, Any]:
    """Further sections: what is watched until there is a production, the repository's own tools."""
    monitor: dict[str, Any] = dict(_WATCHED)
    if place.prefix:
        monitor["github"] = {"workflow": f"{place.prefix}train-model.yml"}
    return ({"check_code": found.check_code} if found.check_code else {}) | {"monitor": monitor}
