"""`modelway.yaml` → one frozen settings tree; every error names file, line, key and remedy."""

from __future__ import annotations

import difflib
import json
import re
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import yaml
from pydantic import ValidationError

from modelway.errors import SettingsError
from modelway.redaction import hide_password, holds_password
from modelway.settings.yaml_values import read_yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    # The records of all stages: a server that has no settings file starts half a second sooner without them.
    from modelway.records.settings import Settings, SettingsSlice

_S = TypeVar("_S", bound="SettingsSlice")

FILE_NAME = "modelway.yaml"
_SHOWN = 80
_LARGEST = 4_000_000
"""Bytes of a settings file."""
_REMEDY = "`modelway schema` lists every key; examples/loans/modelway.yaml explains each."
_FREE = {"--tracking-uri", "MLFLOW_TRACKING_URI"}
"""Where a database's address comes from outside of the settings; the registry refuses a password over HTTP itself."""
_REMOVE_IT = "Remove user and password from it; docs/accounts.md lists the environment variables that hold them."
_BUILT_IN_ENVIRONMENTS: dict[str, dict[str, Any]] = {
    "local": {"model_version": "champion", "target": {"kind": "local"}},
    "staging": {"model_version": "challenger"},
    "production": {"model_version": "champion"},
}


@dataclass(frozen=True)
class Override:
    """A flag's value that replaces the one in the settings file."""

    flag: str
    keys: tuple[str, ...]
    value: Any

    @classmethod
    def parse(cls, text: str) -> Override:
        """Read `a.b=c`, where c is YAML; raises `SettingsError` when it is not of that form."""
        text_shown = hide_password(text)
        flag = f"--set {text_shown if len(text_shown) <= _SHOWN else f'{text_shown[: _SHOWN - 1]}…'}"
        dotted, equals, value = text.partition("=")
        keys = tuple(dotted.split("."))
        if not equals or not all(keys):
            raise SettingsError("expected a.b=c", where=flag)
        return cls(flag, keys, read_yaml(value, flag, lines=False)[1])


def find_settings(start: Path) -> Path:
    """The settings file in a directory or the nearest one above; raises `SettingsError` when there is none."""
    for directory in (start, *start.parents):
        if (path := directory / FILE_NAME).is_file():
            return path
    raise SettingsError(
        f"no {FILE_NAME} found here or in a parent directory",
        where=str(start),
        remedy="Name one with --config, or go to the project.",
    )


def load_settings(path: Path, overrides: Sequence[Override] = ()) -> Settings:
    """Read a settings file, with overrides put in.

    Raises:
        SettingsError: the file is missing or invalid YAML, or a key or value in it cannot be used.
    """
    from modelway.records.settings import Settings

    return _load(path, overrides, lambda _: Settings)


def load_slice(path: Path, overrides: Sequence[Override] = ()) -> SettingsSlice:
    """Read a settings file that may hold the keys of one stage alone; a whole one is checked as a whole.

    Raises:
        SettingsError: as `load_settings` does.
    """
    from modelway.records.settings import Settings, SettingsSlice

    return _load(path, overrides, lambda values: Settings if "prepare" in values else SettingsSlice)


def _load(path: Path, overrides: Sequence[Override], kind: Callable[[dict[str, Any]], type[_S]]) -> _S:
    root, values = _parse(_read(path), path)
    origins = _apply_overrides(values, overrides)
    _refuse_passwords(values, path, root, origins)
    layers = values.get("environments")
    values["environments"] = _overlay_environments(layers)
    try:
        return kind(values).model_validate_json(json.dumps(values))
    except ValidationError as error:
        raise _explain(error, path, root, origins, layers) from error


def settings_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a settings file."""
    from modelway.records.documented import described_schema
    from modelway.records.settings import Settings

    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **described_schema(Settings)}


def place_of(path: Path, keys: Sequence[str]) -> str:
    """File and line of a key, for what is found wrong with it later; numbers among the keys are places in lists."""
    root, _ = _parse(_read(path), path)
    _, line = _locate(root, tuple(int(key) if key.isdigit() else key for key in keys))
    return f"{path}:{line}"


def _read(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():
            raise SettingsError("not a regular file", where=str(path), remedy=f"Name a {FILE_NAME}.")
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise SettingsError(f"the settings file is larger than {_LARGEST:,} bytes", where=str(path))
        return content.decode("utf-8-sig")
    except FileNotFoundError:
        raise SettingsError("settings file not found", where=str(path), remedy="Check --config.") from None
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"the settings file is not UTF-8: {error.reason}", where=str(path), remedy="Save it as UTF-8."
        ) from error
    except OSError as error:
        raise SettingsError(f"cannot read the settings file: {error.strerror}", where=str(path)) from error


def _parse(text: str, path: Path) -> tuple[yaml.MappingNode, dict[str, Any]]:
    root, values = read_yaml(text, str(path))
    if not isinstance(root, yaml.MappingNode) or not isinstance(values, dict):
        raise SettingsError("the settings file holds no keys", where=str(path), remedy=_REMEDY)
    return root, values


def _apply_overrides(values: dict[str, Any], overrides: Sequence[Override]) -> dict[tuple[str, ...], str]:
    """Put the overrides into the values; gives the flag that each overridden key came from."""
    origins: dict[tuple[str, ...], str] = {}
    for override in overrides:
        place = values
        for key in override.keys[:-1]:
            place = place.setdefault(key, {})
            if not isinstance(place, dict):
                raise SettingsError(f"{key!r} holds a single value and has no keys below it", where=override.flag)
        place[override.keys[-1]] = deepcopy(override.value)  # a later flag may change a key in it
        # What it replaces comes from no flag any more.
        origins = {keys: flag for keys, flag in origins.items() if keys[: len(override.keys)] != override.keys}
        origins[override.keys] = override.flag
    return origins


def _flag_of(keys: tuple[str, ...], origins: Mapping[tuple[str, ...], str]) -> str | None:
    """Return the flag that the value of a key came from; None if the file has it."""
    return next((origins[keys[:end]] for end in range(len(keys), 0, -1) if keys[:end] in origins), None)


def _refuse_passwords(
    values: Any, path: Path, root: yaml.MappingNode, origins: Mapping[tuple[str, ...], str], above: tuple[Any, ...] = ()
) -> None:
    """Raise `SettingsError` where an address has a password in it: settings are committed, printed, copied around."""
    if isinstance(values, dict | list):
        for key, value in values.items() if isinstance(values, dict) else enumerate(values):
            _refuse_passwords(value, path, root, origins, (*above, key))
    elif isinstance(values, str) and holds_password(values):
        keys, line = tuple(map(str, above)), _locate(root, above)[1]
        flag = _flag_of(keys, origins)
        if flag not in _FREE:
            raise SettingsError(
                f"{'.'.join(keys)}: an address must not hold a password",
                where=flag or f"{path}:{line}",
                remedy=_REMOVE_IT,
            )


def _overlay_environments(environments: Any) -> Any:
    """Each environment laid over the defaults; what is malformed is left for the record to refuse."""
    if environments is None:
        environments = {}
    if not isinstance(environments, dict) or not all(isinstance(value, dict) for value in environments.values()):
        return environments
    defaults = environments.get("defaults", {})
    names = [*_BUILT_IN_ENVIRONMENTS, *environments]
    laid = {
        name: _BUILT_IN_ENVIRONMENTS.get(name, {}) | defaults | environments.get(name, {})
        for name in names
        if name != "defaults"
    }
    # `local` runs on this machine whatever the others have in common; its port alone can be set.
    own = environments.get("local", {}).get("target", {})
    built_in = _BUILT_IN_ENVIRONMENTS["local"]["target"]
    laid["local"]["target"] = built_in | own if isinstance(own, dict) else own
    return laid


def _explain(
    error: ValidationError, path: Path, root: yaml.MappingNode, origins: Mapping[tuple[str, ...], str], layers: Any
) -> SettingsError:
    """One error that names all that is wrong; the first one gives place and remedy."""
    problems: dict[str, SettingsError] = {}
    for detail in error.errors():
        keys, line = _locate(root, _loc_in_layer(detail["loc"], layers) + _named_key(detail))
        what, remedy = _describe(detail, keys)
        problem = SettingsError(what, where=_flag_of(keys, origins) or f"{path}:{line}", remedy=remedy)
        problems.setdefault(str(problem), problem)
    first, *further = problems.values()
    return SettingsError(first.what, where=first.where, remedy=first.advice, further=further)


def _loc_in_layer(loc: tuple[int | str, ...], layers: Any) -> tuple[int | str, ...]:
    """Return where an error's value is set: in `environments.defaults` if the environment takes it from there."""
    if loc[:1] != ("environments",) or len(loc) < 3 or not isinstance(layers, dict):
        return loc
    own, defaults = layers.get(loc[1]), layers.get("defaults")
    is_own = isinstance(own, dict) and loc[2] in own
    from_defaults = not is_own and isinstance(defaults, dict) and loc[2] in defaults
    return (loc[0], "defaults", *loc[2:]) if from_defaults and loc[1:3] != ("local", "target") else loc


def _describe(detail: Any, keys: tuple[str, ...]) -> tuple[str, str]:
    """What is wrong with a value, and what to do about it."""
    key = ".".join(keys)
    kind, found = detail["type"], detail["input"]
    if kind == "extra_forbidden":
        known = _known_keys(keys[:-1])
        close = difflib.get_close_matches(keys[-1], known, n=1)
        advice = f"Did you mean {close[0]!r}?" if close else f"Known here: {', '.join(known)}." if known else _REMEDY
        return f"unknown key {key}", advice
    if kind == "missing":
        return f"the key {key} is missing", _REMEDY
    if kind == "union_tag_not_found":
        return f"the key {key}.{detail['ctx']['discriminator'].strip(chr(39))} is missing", _REMEDY
    if kind == "union_tag_invalid":
        return _describe_tag(detail["ctx"], key)
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if kind == "value_error":
        return message, _REMEDY
    shown = hide_password(json.dumps(found, default=str))
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    advice = (
        'Put text that YAML takes for something else between quotes, as in "yes".' if kind == "string_type" else _REMEDY
    )
    return f"{key}: expected {message}, got {shown}", advice


def _describe_tag(context: Any, key: str) -> tuple[str, str]:
    """A kind that is not among the known ones, in a list of records of several kinds."""
    tag, known = context["tag"], re.findall(r"'([^']*)'", context["expected_tags"])
    close = difflib.get_close_matches(tag, known, n=1)
    meant = f"Did you mean {close[0]!r}? " if close else ""
    return f"{key}: unknown {context['discriminator'][1:-1]} {tag!r}", f"{meant}Known are: {', '.join(known)}."


def _named_key(detail: Any) -> tuple[str, ...]:
    """The key that a contradiction's message begins with: `fit.search needs ...` concerns that line of the file."""
    if detail["type"] != "value_error":
        return ()
    named = re.match(r"[a-z0-9_.]+", detail["msg"].removeprefix("Value error, "))
    return tuple(named.group().split(".")) if named else ()


def _locate(root: yaml.MappingNode, loc: tuple[int | str, ...]) -> tuple[tuple[str, ...], int]:
    """The keys that a person would name for an error's location, and the line of the nearest one in the file, from 1.

    pydantic names the chosen alternative of a union among the keys; those stand nowhere in the file.
    """
    node: yaml.Node = root
    line = root.start_mark.line
    keys: list[str] = []
    for position, part in enumerate(loc):
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            pairs = [(value, value) for value in node.value[part : part + 1]]
        else:
            entries = node.value if isinstance(node, yaml.MappingNode) else []
            pairs = [(key, value) for key, value in entries if key.value == part]
        if pairs:
            line, node = pairs[0][0].start_mark.line, pairs[0][1]
        elif position < len(loc) - 1 and not _is_known(tuple(keys), str(part)):
            continue  # an alternative's name; else the key is missing, or an override put it in
        keys.append(str(part))
    return tuple(keys), line + 1


def _known_keys(keys: tuple[str, ...]) -> list[str]:
    """The keys allowed below a place of the settings, from the schema; of a union, those of all its alternatives."""
    return sorted({key for place in _places(keys) for key in place.get("properties", {})})


def _is_known(keys: tuple[str, ...], key: str) -> bool:
    """Whether a key is allowed below a place; a mapping of names takes any."""
    return any(
        key in place.get("properties", {}) or isinstance(place.get("additionalProperties"), dict)
        for place in _places(keys)
    )


def _places(keys: tuple[str, ...]) -> list[dict[str, Any]]:
    """The schemas of what stands at a place of the settings."""
    schema = _schema()
    places = _alternatives([schema], schema)
    for key in keys:
        below = [
            one
            for place in places
            for one in (place.get("properties", {}).get(key), place.get("additionalProperties"))
            if isinstance(one, dict)
        ]
        places = _alternatives(below, schema)
    return places


@cache
def _schema() -> dict[str, Any]:
    from modelway.records.settings import Settings

    return Settings.model_json_schema()


def _alternatives(places: list[dict[str, Any]], schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The schemas that a list of schemas stands for, with references and unions resolved."""
    found = []
    for place in places:
        if "$ref" in place:
            found += _alternatives([schema["$defs"][place["$ref"].rsplit("/", 1)[1]]], schema)
        elif union := place.get("anyOf") or place.get("oneOf"):
            found += _alternatives(union, schema)
        else:
            found.append(place)
    return found
