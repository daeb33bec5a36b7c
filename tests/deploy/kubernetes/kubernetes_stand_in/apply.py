"""Server-side apply in small: what tests/deploy/conformance needs of it, which also runs against a real API server.

Managed fields are kept as FieldsV1. Lists whose elements have one of `_KEYS` are merged by it, all others are replaced.
Conflicts are always forced, and defaults are not filled in.
"""

from __future__ import annotations

import copy
import json
from typing import Any

Json = dict[str, Any]
_KEYS = ("mountPath", "containerPort", "port", "name")
_ATOMIC = ("selector", "envFrom", "resources", "capabilities", "securityContext")


def applied(found: Json | None, wanted: Json, manager: str) -> Json:
    """An object after a manager has applied what it wants."""
    result = copy.deepcopy(found) if found else {}
    entries = result.setdefault("metadata", {}).pop("managedFields", [])
    before: set[tuple[str, ...]] = set()
    others = []
    fields = set(_paths(wanted, ()))
    for entry in entries:
        theirs = set(_flat(entry["fieldsV1"], ()))
        if entry["manager"] == manager:
            before |= theirs
        else:
            kept = {path for path in theirs if path not in fields or _value(result, path) == _value(wanted, path)}
            others.append((entry, kept))
    for path in before - fields:
        if not any(path in kept for _, kept in others):
            _remove(result, path)
    _merge(result, wanted)
    ours = {"manager": manager, "operation": "Apply", "fieldsV1": _nested(fields)}
    theirs_now = [{**entry, "fieldsV1": _nested(kept)} for entry, kept in others if kept]
    result["metadata"]["managedFields"] = [ours, *theirs_now]
    return result


def _merge(one: Json, other: Json) -> None:
    for key, value in other.items():
        if key in _ATOMIC or key not in one or not isinstance(value, dict | list):
            one[key] = copy.deepcopy(value)
        elif isinstance(value, dict):
            _merge(one[key], value)
        elif not _keyed(value):
            one[key] = copy.deepcopy(value)
        else:
            for item in value:
                same = [there for there in one[key] if _key(there) == _key(item)]
                if same:
                    _merge(same[0], item)
                else:
                    one[key].append(copy.deepcopy(item))


def _paths(value: Any, at: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The paths of all leaves, in the words of FieldsV1."""
    if isinstance(value, dict) and value and not (at and at[-1][2:] in _ATOMIC):
        top = {"apiVersion", "kind"} if not at else {"name", "namespace"} if at == ("f:metadata",) else set()
        return [path for key, below in value.items() if key not in top for path in _paths(below, (*at, f"f:{key}"))]
    if isinstance(value, list) and value and _keyed(value):
        return [path for item in value for path in _paths(item, (*at, f"k:{json.dumps(_key(item))}"))]
    return [at]


def _keyed(items: list[Any]) -> bool:
    return all(isinstance(item, dict) and _key(item) for item in items)


def _key(item: Json) -> Json:
    return next(({name: item[name]} for name in _KEYS if name in item), {})


def _value(value: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        if value is None:
            return None
        if step.startswith("k:"):
            value = next((item for item in value if json.loads(step[2:]).items() <= item.items()), None)
        else:
            value = value.get(step[2:])
    return value


def _remove(result: Json, path: tuple[str, ...]) -> None:
    """Take a leaf away, and what is empty without it."""
    parent = _value(result, path[:-1])
    if isinstance(parent, dict):
        parent.pop(path[-1][2:], None)
    elif isinstance(parent, list):
        parent[:] = [item for item in parent if not json.loads(path[-1][2:]).items() <= item.items()]
    if parent is not None and not parent and len(path) > 1:
        _remove(result, path[:-1])


def _flat(fields: Json, at: tuple[str, ...]) -> list[tuple[str, ...]]:
    if not fields:
        return [at]
    return [path for key, below in fields.items() for path in _flat(below, (*at, key))]


def _nested(paths: set[tuple[str, ...]]) -> Json:
    result: Json = {}
    for path in sorted(paths):
        at = result
        for step in path:
            at = at.setdefault(step, {})
    return result
