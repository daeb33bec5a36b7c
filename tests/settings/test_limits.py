"""Every bound of a setting, as `limits.yaml` has it: what is exactly at it is accepted, what is beyond is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, get_args

import pytest
import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

from modelway.records.settings import Settings
from modelway.settings import settings_schema

LIMITS: dict[str, str] = yaml.safe_load((Path(__file__).parent / "limits.yaml").read_text(encoding="utf-8"))
"""By record and field: `[1, 5)` as in mathematics; of a text or a list its length; absent ends have no bound."""
KEYS = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "minItems", "maxItems", "minLength", "maxLength")


def parts_of(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A field's own schema, its alternatives', and that of what it holds."""
    yield schema
    yield from schema.get("anyOf", [])
    for inner in (schema.get("items"), schema.get("additionalProperties")):
        if isinstance(inner, dict):
            yield inner


def interval(bounds: dict[str, Any]) -> str:
    low = bounds.get("minimum", bounds.get("minItems", bounds.get("minLength", "")))
    high = bounds.get("maximum", bounds.get("maxItems", bounds.get("maxLength", "")))
    begin, low = ("(", bounds["exclusiveMinimum"]) if "exclusiveMinimum" in bounds else ("[", low)
    end, high = (")", bounds["exclusiveMaximum"]) if "exclusiveMaximum" in bounds else ("]", high)
    return f"{begin}{low}, {high}{end}"


def found() -> dict[str, str]:
    schema = settings_schema()
    limits = {}
    for record, one in [*schema["$defs"].items(), ("Settings", schema)]:
        for name, told in one.get("properties", {}).items():
            parts = [{key: part[key] for key in KEYS if key in part} for part in parts_of(told)]
            if bounds := " and ".join(interval(part) for part in parts if part):
                limits[f"{record.removeprefix('modelway__records__')}.{name}"] = bounds
    return limits


def test_each_bound_of_a_setting_is_in_the_table() -> None:
    assert found() == LIMITS


def records() -> dict[str, type[BaseModel]]:
    """All records below the settings, by the name that their schema has."""
    known: dict[str, type[BaseModel]] = {}
    waiting: list[Any] = [Settings]
    while waiting:
        one = waiting.pop()
        if isinstance(one, type) and issubclass(one, BaseModel):
            names = {one.__name__, f"{one.__module__.removeprefix('modelway.records.')}__{one.__name__}"}
            if not names <= known.keys():
                known |= dict.fromkeys(names, one)
                waiting += [field.annotation for field in one.model_fields.values()]
        else:
            waiting += get_args(one)
    return known


def numbers() -> dict[str, str]:
    """The type of each setting that is one number."""
    types = {}
    for record, one in settings_schema()["$defs"].items():
        for name, told in one.get("properties", {}).items():
            kinds = {part.get("type") for part in (told, *told.get("anyOf", []))} & {"integer", "number"}
            if len(kinds) == 1:
                types[f"{record.removeprefix('modelway__records__')}.{name}"] = str(kinds.pop())
    return types


TYPES = numbers()


@pytest.mark.parametrize("name", [name for name in LIMITS if name in TYPES])
def test_a_setting_at_its_bound_is_accepted_and_beyond_refused(name: str) -> None:
    record, _, field = name.rpartition(".")
    told = records()[record].model_fields[field]
    adapter = TypeAdapter(Annotated[told.annotation, *told.metadata] if told.metadata else told.annotation)
    begin, low, high, end = LIMITS[name][0], *LIMITS[name][1:-1].split(", "), LIMITS[name][-1]
    for bound, sign, closed in ((low, -1, begin == "["), (high, 1, end == "]")):
        if bound:
            whole = TYPES[name] == "integer"
            value: float = int(bound) if whole else float(bound)
            beyond = value + sign if whole else math.nextafter(value, sign * math.inf)
            inside = value - sign if whole else math.nextafter(value, -sign * math.inf)
            found = [_takes(adapter, one) for one in (inside, value, beyond)]
            assert found == [True, closed, False], bound


def _takes(adapter: TypeAdapter[Any], number: float) -> bool:
    try:
        adapter.validate_json(json.dumps(number))
    except ValidationError:
        return False
    return True
