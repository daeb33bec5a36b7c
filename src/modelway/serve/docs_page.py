"""The page at `/docs`: the model's own fields and example, and a form to try it; it needs no network."""

from __future__ import annotations

import json
import re
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from modelway.serve.values import describe

if TYPE_CHECKING:
    from modelway.serve.release import ServedModel


def docs_page(model: ServedModel) -> str:
    """The page as HTML."""
    rows = "\n".join(
        f"<tr><td><code>{escape(column.name)}</code></td><td>{column.type.value}</td>"
        f"<td>{escape(describe(column))}</td></tr>"
        for column in model.signature.columns
    )
    template = files("modelway.serve").joinpath("docs.html").read_text(encoding="utf-8")
    parts = {
        "NAME": escape(model.name),
        "VERSION": escape(model.version),
        "FIELDS": rows,
        "EXAMPLE": escape(json.dumps(_example(model), indent=2, ensure_ascii=False)),
        "CLASSES": escape(", ".join(model.classes)) or "a number",
    }
    # In one pass: a column may be named like a part.
    return re.sub(r"\[\[(\w+)\]\]", lambda found: parts.get(found[1], found[0]), template)


def _example(model: ServedModel) -> dict[str, Any]:
    """The bundle's example in the form that people read and change best: each value beside its name."""
    given = model.example or {}
    if "dataframe_split" not in given:
        return given or {"dataframe_records": []}
    split = given["dataframe_split"]
    return {"dataframe_records": [dict(zip(split["columns"], row, strict=True)) for row in split["data"]]}
