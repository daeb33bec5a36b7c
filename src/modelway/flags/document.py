"""A flagd-format document (flagd.dev/reference/flag-definitions), or the environment, into the rules in force."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelway.errors import InputError, UsageError
from modelway.flags.rules import Fixed, Targeted, compile_split
from modelway.flags.targeting import unknown_variant
from modelway.parsing import parse_json
from modelway.records.flags import FlagName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelway.flags.rules import Rule

EPOCH = "epoch"
"""The key of the document's metadata that names the shares in force."""
MOST_BYTES = 1_000_000
"""The largest document."""
_MOST_DEPTH = 50
_EPOCHS = re.compile(r"[!-~]([ -~]{0,126}[!-~])?")
"""What an epoch may be, since it becomes a header's value."""
_DEFAULTS: dict[FlagName, bool | str] = {
    FlagName.NEW_MODEL_ENABLED: False,
    FlagName.SHADOW_MODEL_ENABLED: False,
    FlagName.NEW_MODEL_VERSION: "",
}
_OPTIONAL = FlagName.NEW_MODEL_VERSION
_WORDS = {"true": True, "false": False}


@dataclass(frozen=True)
class Rules:
    """The rule of each of our flags, and the epoch that they make."""

    enabled: Rule
    shadow: Rule
    version: Rule
    epoch: str

    @property
    def uses_challenger(self) -> bool:
        """Whether any request might reach a challenger."""
        return True in self.enabled.values or True in self.shadow.values


_ALL_OFF = Rules(Fixed(False), Fixed(False), Fixed(""), epoch="")


def parse_document(content: bytes | str, where: str) -> Rules:
    """Read a flag document.

    Flags that are not ours may stand in it. `NEW_MODEL_VERSION` may be absent, the two others may not.

    Raises:
        InputError: it is torn, no flag document, or lacks a flag that we need.
    """
    document = load_document(content, where)
    core = _core(document, where)
    rules = {name: _rule(name, document, core, where) for name in FlagName}
    return Rules(
        enabled=rules[FlagName.NEW_MODEL_ENABLED],
        shadow=rules[FlagName.SHADOW_MODEL_ENABLED],
        version=rules[FlagName.NEW_MODEL_VERSION],
        epoch=_epoch(document, where),
    )


def load_document(content: bytes | str, where: str) -> dict[str, Any]:
    """The JSON object of a document.

    Raises:
        InputError: it is not JSON in UTF-8, too large, too deeply nested, or has no flags.
    """
    if len(content) > MOST_BYTES:
        raise InputError(f"the flag document has more than {MOST_BYTES} bytes", where=where)
    try:
        text = content if isinstance(content, str) else content.decode("utf-8-sig")
        document = parse_json(text, depth=_MOST_DEPTH)
    except ValueError as error:
        raise InputError(f"the flag document is corrupt or not JSON: {error}", where=where) from error
    if not isinstance(document, dict) or not isinstance(document.get("flags"), dict):
        raise InputError("this is no flag document: it has no `flags`", where=where)
    return document


def rules_from_environment(environment: Mapping[str, str], document: Rules | None = None) -> Rules:
    """The simplest flags: variables that are true or false for every request, and a version.

    A flag that the environment names goes before the document's, so that `kubectl set env` does what it says whatever
    else steers the server; a variable that is absent or empty names nothing. The epoch tells both.

    Args:
        environment: the variables.
        document: the rules of the flag document; all off where there is none.

    Raises:
        UsageError: a value is neither true nor false.
    """
    named: dict[FlagName, Rule] = {
        name: Fixed(_value(name, environment[name])) for name in FlagName if environment.get(name)
    }
    if document is not None and not named:
        return document
    digest = _digest({name: rule.values for name, rule in named.items()})
    base = document or _ALL_OFF
    return Rules(
        enabled=named.get(FlagName.NEW_MODEL_ENABLED, base.enabled),
        shadow=named.get(FlagName.SHADOW_MODEL_ENABLED, base.shadow),
        version=named.get(FlagName.NEW_MODEL_VERSION, base.version),
        epoch=f"{base.epoch}-env-{digest}".removeprefix("-"),
    )


def _value(name: FlagName, text: str) -> bool | str:
    return text if name is _OPTIONAL else _word(name, text)


def _word(name: FlagName, text: str) -> bool:
    word = text.strip().lower()
    if word not in _WORDS:
        raise UsageError(f"{text!r} is neither true nor false", where=name.value)
    return _WORDS[word]


def _core(document: dict[str, Any], where: str) -> Any:
    from openfeature.contrib.tools.flagd.core import FlagdCore
    from openfeature.exception import OpenFeatureError

    core = FlagdCore()
    try:
        core.set_flags(json.dumps(document))
    except (OpenFeatureError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise InputError(f"this is no flag document: {error}", where=where) from error
    return core


def _rule(name: FlagName, document: dict[str, Any], core: Any, where: str) -> Rule:
    default = _DEFAULTS[name]
    flag = document["flags"].get(name)
    if flag is None:
        if name is _OPTIONAL:
            return Fixed(default)
        raise InputError(
            f"the flag {name} is missing", where=where, remedy="`modelway flags set` writes all that is needed."
        )
    variants = flag["variants"]
    if not isinstance(flag.get("targeting") or {}, dict):
        raise InputError(f"the targeting of the flag {name} is not an object", where=where)
    for value in variants.values():
        if type(value) is not type(default):
            raise InputError(f"the flag {name} has the value {value!r}, no {_kind(default)}", where=where)
    if flag["state"] == "DISABLED":
        return Fixed(default)
    chosen = flag.get("defaultVariant")
    if isinstance(chosen, bool):
        chosen = str(chosen).lower()
    if chosen and chosen not in variants:
        raise InputError(f"the flag {name} has the default {chosen!r}, which is none of its variants", where=where)
    usual = variants[chosen] if chosen else default
    targeting = flag.get("targeting")
    if not targeting:
        return Fixed(usual)
    evaluators = document.get("$evaluators")
    unknown = unknown_variant(targeting, variants, evaluators if isinstance(evaluators, dict) else {})
    if unknown is not None:
        raise InputError(
            f"the targeting of the flag {name} may give {unknown[:80]!r}, which is none of its variants",
            where=where,
            remedy=f"Its variants are {', '.join(map(repr, variants))}.",
        )
    split = None if "$evaluators" in document else compile_split(name, targeting, variants)
    return split or Targeted(core, name, (usual, *variants.values()), usual)


def _kind(value: object) -> str:
    return "boolean" if isinstance(value, bool) else "text"


def _epoch(document: dict[str, Any], where: str) -> str:
    """The epoch that the document names, else one that follows from all that decides our flags."""
    metadata = document.get("metadata")
    named = metadata.get(EPOCH) if isinstance(metadata, dict) else None
    if isinstance(named, int | str) and not isinstance(named, bool) and str(named):
        if not _EPOCHS.fullmatch(str(named)):
            raise InputError(
                f"the epoch {str(named)[:80]!r} is not 1 to 128 printable ASCII characters, without spaces at the ends",
                where=where,
            )
        return str(named)
    ours = {name.value: document["flags"].get(name) for name in FlagName}
    return _digest([ours, document.get("$evaluators")])


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]
