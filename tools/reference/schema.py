"""A record's JSON Schema as tables: a section for each record that is reached from it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from tools.reference.markdown import anchor, code, plain, prose, table

_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
_KINDS = {"kind", "check", "by"}
_PLURALS = {"string": "strings", "integer": "integers", "number": "numbers", "boolean": "booleans"}


@dataclass
class Sections:
    """The sections of a page.

    Attributes:
        schema: the JSON Schema with its `$defs`.
        headings: where each record is described, by its name in `$defs`.
        texts: the sections, in order.
    """

    schema: dict[str, Any]
    headings: dict[str, str] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)

    @property
    def records(self) -> dict[str, Any]:
        """The schema's `$defs`."""
        found: dict[str, Any] = self.schema.get("$defs", {})
        return found

    def describe(self, heading: str, kind: dict[str, Any], path: str, level: int) -> None:
        """Write a record's section, then those of the records in its fields that have none yet."""
        waiting = self._claim(kind, path)
        shown = prose(kind.get("description"))
        self.texts.append("\n\n".join(filter(None, [f"{'#' * level} {heading}", shown, self._fields(kind)])))
        for name, where in waiting:
            self.describe(where, self.records[name], _path_of(where), min(level + 1, 4))

    def _claim(self, kind: dict[str, Any], path: str) -> list[tuple[str, str]]:
        """The records of a record's fields that get their sections below it."""
        claimed = []
        for key, value in kind.get("properties", {}).items():
            for name, step in _records_in(value, self.records):
                if name not in self.headings:
                    place = f"{path}.{key}{step}".lstrip(".")
                    self.headings[name] = self._heading(place, self.records[name])
                    claimed.append((name, self.headings[name]))
        return claimed

    def _heading(self, place: str, kind: dict[str, Any]) -> str:
        """A record's place, and what tells it from its siblings there: `fit.estimator, kind linear`."""
        fixed = {
            key: " or ".join([one["const"]] if "const" in one else one["enum"])
            for key, one in kind["properties"].items()
            if isinstance(one.get("const"), str) or (key in _KINDS and "enum" in one)
        }
        heading = place + "".join(f", {key} {values}" for key, values in fixed.items())
        if heading in self.headings.values():
            words = re.findall(r"[A-Z][a-z]+", kind["title"])
            return f"{place}, {' '.join(words).lower()}"
        return heading

    def _fields(self, kind: dict[str, Any]) -> str:
        required = kind.get("required", ())
        rows = []
        for key, value in kind.get("properties", {}).items():
            default = "required" if key in required else _default(value)
            rows.append((code(key), self._type(value), default, plain(value.get("description", ""))))
        if not any(row[2] for row in rows):
            return table(("key", "type", ""), ((key, kind, words) for key, kind, _, words in rows))
        return table(("key", "type", "default", ""), rows)

    def _type(self, value: dict[str, Any]) -> str:
        if "$ref" in value:
            return self._reference(value["$ref"])
        if union := value.get("anyOf") or value.get("oneOf"):
            return " or ".join(dict.fromkeys(self._type(one) for one in union))
        if "const" in value or "enum" in value:
            return " or ".join(code(str(one)) for one in value.get("enum", [value.get("const")]))
        if value.get("type") == "array":
            return self._list(value)
        if value.get("type") == "object":
            below = _below(value)
            return f"a mapping of names to {self._type(below)}" if below else "a mapping"
        return _plain_type(value)

    def _list(self, value: dict[str, Any]) -> str:
        if "prefixItems" in value:
            return f"[{', '.join(self._type(one) for one in value['prefixItems'])}]"
        items = self._type(value.get("items", {}))
        return f"a list of {_PLURALS.get(items, items)}"

    def _reference(self, reference: str) -> str:
        name = reference.rsplit("/", 1)[1]
        kind = self.records[name]
        if "properties" not in kind:
            return self._type({key: one for key, one in kind.items() if key != "description"})
        heading = self.headings.get(name)
        return f"[{heading}](#{anchor(heading)})" if heading else code(name)


def _plain_type(value: dict[str, Any]) -> str:
    bounds = [f"{sign} {value[bound]}" for bound, sign in _BOUNDS.items() if bound in value]
    if "pattern" in value:
        bounds.append(f"matching `{value['pattern']}`")
    return " ".join([str(value.get("type", "anything")), ", ".join(bounds)]).strip()


def _path_of(heading: str) -> str:
    return heading.split(",", 1)[0]


def _records_in(value: dict[str, Any], definitions: dict[str, Any]) -> list[tuple[str, str]]:
    """The records that a field holds, each with what stands behind the field's key to reach it."""
    if "$ref" in value:
        name = value["$ref"].rsplit("/", 1)[1]
        return [(name, "")] if "properties" in definitions[name] else []
    found = []
    for one in value.get("anyOf", []) + value.get("oneOf", []) + value.get("prefixItems", []):
        found += _records_in(one, definitions)
    if isinstance(value.get("items"), dict):
        found += [(name, f"[]{step}") for name, step in _records_in(value["items"], definitions)]
    if below := _below(value):
        found += [(name, f".NAME{step}") for name, step in _records_in(below, definitions)]
    return found


def _below(value: dict[str, Any]) -> dict[str, Any]:
    """What a mapping's values are."""
    for one in (value.get("additionalProperties"), *value.get("patternProperties", {}).values()):
        if isinstance(one, dict):
            return one
    return {}


def _default(value: dict[str, Any]) -> str:
    default = value.get("default")
    if default is None:
        return "none" if "default" in value else ""
    if isinstance(default, dict):
        return ""  # a record's own defaults stand in its section
    return code(json.dumps(default, ensure_ascii=False).strip('"')) if default != [] else "none"
