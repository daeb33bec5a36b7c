"""`modelway.yaml` for a stranger's data set, for a person to read and correct."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import yaml

from modelway.records.data import Column, Task
from modelway.records.settings import Settings

if TYPE_CHECKING:
    from modelway.adopt.guessing import Columns
    from modelway.records.data import DataOptions


class _Dumper(yaml.SafeDumper):
    """Quotes whatever `settings.py` would read as a number, not as the text that it is; repeats rather than refers."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the base's signature
        return True


_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"^[-+]?\d+[eE][-+]?\d+$"), list("-+0123456789"))


def settings_values(
    name: str,
    data: DataOptions,
    target: str,
    task: Task,
    columns: Columns,
    *,
    positive: str | None = None,
    classes: list[str] | None = None,
    model: str | None = None,
    trusted: tuple[str, ...] = (),
    more: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The settings as a tree, which is one that modelway takes.

    Args:
        name: the model's.
        data: where the data set lies.
        target: the column to predict.
        task: what kind of prediction.
        columns: what was guessed.
        positive: of two classes, the one whose probability is meant.
        classes: the target's values, where they are texts and all known.
        model: `module:function` of the user's own estimator.
        trusted: types that such a model may hold.
        more: further sections, by their key.

    Raises:
        pydantic.ValidationError: they contradict each other.
    """
    described = {column: _short(one) for column, one in columns.used.items()}
    if classes:
        described[target]["values"] = classes
    prepare: dict[str, Any] = {"task": task.value, "target": target}
    prepare |= {"positive": positive} if positive is not None else {}
    prepare |= {"data": _short(data), "columns": described}
    prepare |= {"ignore": list(columns.ignored)} if columns.ignored else {}
    estimator: dict[str, Any] = {"kind": "boosted_trees"}
    if model is not None:
        estimator = {"kind": "custom", "function": model} | ({"trusted": list(trusted)} if trusted else {})
    values = {"name": name, "prepare": prepare, "fit": {"estimator": estimator}, **(more or {})}
    Settings.model_validate_json(json.dumps(values))
    return values


def settings_text(values: dict[str, Any], columns: Columns, where: str, rows: int) -> str:
    """The settings as a file with comments."""
    prepare = values["prepare"]
    lines = [
        f"# Written by `modelway init` from {where} ({rows:,} rows). What columns hold was guessed from their values.",
        "# `modelway schema` lists every key; `examples/loans/modelway.yaml` of modelway explains each.",
        f"name: {_inline(values['name'])}",
        "",
        "prepare:",
    ]
    lines += [f"  {key}: {_inline(value)}" for key, value in prepare.items() if key not in {"columns", "ignore"}]
    lines.append("  columns:")
    lines += [f"    {_inline(name)}: {_inline(column)}" for name, column in prepare["columns"].items()]
    if columns.ignored:
        lines.append("  ignore:")
        lines += [f"    - {_inline(name)}    # {_one_line(why)}" for name, why in columns.ignored.items()]
    lines += ["", "fit:", f"  estimator: {_inline(values['fit']['estimator'])}"]
    lines += [
        "",
        "# Besides what every model has to hold: better than knowing nothing, not worse than the champion, no leak.",
    ]
    lines += ["# evaluate:", f"#   gates: {{minimum: {{{_metric(values)}: 0.7}}}}", "#   sensitive: []"]
    for key, section in values.items():
        if key not in {"name", "prepare", "fit"}:
            lines += ["", f"{key}:"]
            lines += [f"  {_inline(name)}: {_inline(value)}" for name, value in section.items()]
    return "\n".join(lines) + "\n"


def _short(record: Column | DataOptions) -> dict[str, Any]:
    shortened: dict[str, Any] = record.model_dump(mode="json", exclude_defaults=True)
    return shortened


def _metric(values: dict[str, Any]) -> str:
    return "r2" if values["prepare"]["task"] == Task.REGRESSION.value else "accuracy"


def _inline(value: Any) -> str:
    """A value on one line."""
    text = yaml.dump(
        value,
        Dumper=_Dumper,
        default_flow_style=True,
        width=10**6,
        allow_unicode=True,
        sort_keys=False,
        explicit_end=False,
    )
    return text.removesuffix("...\n").strip()


def _one_line(text: str) -> str:
    return " ".join(text.split())
