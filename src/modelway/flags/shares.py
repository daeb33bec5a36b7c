"""The flag documents that modelway writes itself: two-way splits with one total, so that a share grows in place.

A key's place among 10,000 follows from its hash alone and the challenger's share begins at 0, so whoever is in a share
stays in it while it grows; and each flag hashes with its own name, so shadow and canary split independently.
"""

from __future__ import annotations

import copy
from typing import Any

from modelway.flags.document import EPOCH
from modelway.records.flags import FlagName, Shares

_TOTAL = 10_000
_SCHEMA = "https://flagd.dev/schema/v0/flags.json"


def with_shares(document: dict[str, Any] | None, shares: Shares, *, anew: bool = False) -> dict[str, Any]:
    """A document in which these shares are in force; other flags stay as they are.

    The epoch, a number, is one more than the document's wherever the shares change.

    Args:
        document: what is in force now, or None.
        shares: what is to be in force; rounded to 1/10,000, but a share above 0 never to 0.
        anew: begin a new epoch even if the shares stay.
    """
    result: dict[str, Any] = copy.deepcopy(document) if document else {"$schema": _SCHEMA, "flags": {}}
    flags = {
        FlagName.NEW_MODEL_ENABLED.value: _switch(shares.new_model),
        FlagName.SHADOW_MODEL_ENABLED.value: _switch(shares.shadow),
        FlagName.NEW_MODEL_VERSION.value: {
            "state": "ENABLED",
            "variants": {"chosen": shares.version},
            "defaultVariant": "chosen",
        },
    }
    if not anew and all(result["flags"].get(name) == flag for name, flag in flags.items()):
        return result
    result["flags"] |= flags
    epoch = (result.get("metadata") or {}).get(EPOCH)
    number = epoch if isinstance(epoch, int) and not isinstance(epoch, bool) else 0
    result["metadata"] = {**(result.get("metadata") or {}), EPOCH: number + 1}
    return result


def read_shares(document: dict[str, Any]) -> Shares | None:
    """The shares of a document that `with_shares` wrote; None where somebody wrote rules of another form."""
    try:
        flags = document["flags"]
        shares = Shares(
            new_model=_share(flags[FlagName.NEW_MODEL_ENABLED]),
            shadow=_share(flags[FlagName.SHADOW_MODEL_ENABLED]),
            version=flags[FlagName.NEW_MODEL_VERSION]["variants"]["chosen"],
        )
    except (KeyError, TypeError, IndexError, ValueError):
        return None
    return shares if with_shares(document, shares) == document else None


def _switch(share: float) -> dict[str, Any]:
    parts = max(1, round(share * _TOTAL)) if share else 0
    flag: dict[str, Any] = {
        "state": "ENABLED",
        "variants": {"on": True, "off": False},
        "defaultVariant": "on" if parts == _TOTAL else "off",
    }
    if 0 < parts < _TOTAL:
        flag["targeting"] = {"fractional": [["on", parts], ["off", _TOTAL - parts]]}
    return flag


def _share(flag: dict[str, Any]) -> float:
    if "targeting" in flag:
        return float(flag["targeting"]["fractional"][0][1] / _TOTAL)
    return 1.0 if flag["defaultVariant"] == "on" else 0.0
