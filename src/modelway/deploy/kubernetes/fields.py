"""Which fields of an object modelway manages, read from the `managedFields` that the API server keeps.

The format is `FieldsV1` of Kubernetes: `f:NAME` is a field, `k:{...}` an element of a list by its keys, `v:VALUE` an
element of a set, `.` the element itself. https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

from __future__ import annotations

import copy
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from modelway.parsing import parse_json

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]
MANAGER = "modelway"
"""The field manager of what a release says."""
SCALER = "modelway-scale"
"""The field manager of the number of pods where no release says it: an autoscaler, or `modelway stop`, does."""
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([numkKMGTPE]i?|[eE][+-]?[0-9]+)?")
_SUFFIXES = {name: Decimal(1000) ** at for at, name in enumerate(("n", "u", "m", "", "k", "M", "G", "T", "P", "E"), -3)}
_SUFFIXES |= {f"{name}i": Decimal(1024) ** at for at, name in enumerate(("K", "M", "G", "T", "P", "E"), 1)}


def owned(found: Json) -> Json:
    """Return the fields of an object that modelway manages, with their values now.

    Fields that another manager has changed since are not among them: the API server has passed them to that manager.
    """
    identity = {"name": found["metadata"]["name"], "namespace": found["metadata"].get("namespace")}
    result: Json = {"apiVersion": found["apiVersion"], "kind": found["kind"], "metadata": identity}
    fields: Json = {}
    for entry in _entries(found):
        fields = _united(fields, entry.get("fieldsV1", {}))
    return _merged(result, _extract(found, fields) if fields else {})


def changed_at(found: Json) -> str:
    """Return when modelway last changed an object (ISO 8601, UTC); empty if that is not known."""
    entries = found["metadata"].get("managedFields", [])
    return max((entry.get("time", "") for entry in entries if entry.get("manager") in {MANAGER, SCALER}), default="")


def take_over(found: Json) -> list[Json] | None:
    """Return the `managedFields` in which server-side apply owns what modelway once wrote by other requests.

    Without this, fields that a release no longer has would stay: their old entry still owns them. It is what `kubectl`
    does when it moves from client-side to server-side apply (k8s.io/client-go/util/csaupgrade). None if there is
    nothing to do.
    """
    entries = _entries(found)
    if all(entry["operation"] == "Apply" for entry in entries):
        return None
    fields: Json = {}
    for entry in entries:
        fields = _united(fields, entry.get("fieldsV1", {}))
    one = {**entries[0], "operation": "Apply", "fieldsV1": fields}
    return [one, *(entry for entry in found["metadata"]["managedFields"] if entry not in entries)]


def differences(wanted: Json, found: Json) -> tuple[str, ...]:
    """Return the paths at which two objects differ, either way; quantities are compared by their value."""
    return tuple(_differ(wanted, found, ""))


def _entries(found: Json) -> list[Json]:
    return [
        entry
        for entry in found["metadata"].get("managedFields", [])
        if entry.get("manager") == MANAGER and not entry.get("subresource")
    ]


def _united(one: Json, other: Json) -> Json:
    result = copy.deepcopy(one)
    for key, value in other.items():
        # A leaf owns all that is below it; an empty parent of fields does not.
        result[key] = _united(result[key], value) if result.get(key) and value else result.get(key) or value
    return result


def _extract(value: Any, fields: Json) -> Any:
    if not fields or fields == {".": {}}:
        return copy.deepcopy(value)
    if isinstance(value, list):
        return [item for item in (_element(one, fields) for one in value) if item is not None]
    result = {}
    for key, below in fields.items():
        name = key.removeprefix("f:")
        if key.startswith("f:") and isinstance(value, dict) and name in value:
            result[name] = _extract(value[name], below)
    return result


def _element(item: Any, fields: Json) -> Any:
    """Return what is ours of a list's element; None if nothing is."""
    for key, below in fields.items():
        told: Any = parse_json(key[2:]) if key[:2] in {"k:", "v:"} else None
        if key.startswith("v:") and told == item:
            return item
        if key.startswith("k:") and isinstance(item, dict) and told.items() <= item.items():
            return _extract(item, below)
    return None


def _merged(one: Json, other: Json) -> Json:
    for key, value in other.items():
        one[key] = _merged(one[key], value) if isinstance(one.get(key), dict) and isinstance(value, dict) else value
    return one


def _differ(one: Any, other: Any, path: str) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}):
            yield from _differ(one.get(key), other.get(key), f"{path}.{key}".lstrip("."))
    elif isinstance(one, list) and isinstance(other, list) and _keyed(one) and _keyed(other):
        mine, theirs = ({_key(item): item for item in items} for items in (one, other))
        for name in sorted({*mine, *theirs}):
            yield from _differ(mine.get(name), theirs.get(name), f"{path}[{name}]")
    elif one != other and not (".resources." in path and _same_amount(one, other)):
        yield path


def _keyed(items: list[Any]) -> bool:
    """Return whether a list's order means nothing, since each element has a key of its own."""
    return all(isinstance(item, dict) and _key(item) for item in items)


def _key(item: Json) -> str:
    return str(item.get("mountPath") or item.get("name") or "")


def _same_amount(one: Any, other: Any) -> bool:
    amounts = _amount(str(one)), _amount(str(other))
    return amounts[0] is not None and amounts[0] == amounts[1]


def _amount(text: str) -> Decimal | None:
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return None
    number, suffix = match[1], match[2] or ""
    if suffix[:1] in {"e", "E"} and suffix[1:]:
        return Decimal(f"{number}{suffix}")
    return Decimal(number) * _SUFFIXES[suffix] if suffix in _SUFFIXES else None
