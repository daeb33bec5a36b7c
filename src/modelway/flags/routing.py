"""Which bundle of a release answers a request: a pure function of the rules, the release and the routing key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.errors import InputError
from modelway.records.flags import Route

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelway.flags.document import Rules

_SHORTEST_COMMIT = 7
"""Characters of a commit or digest that name it."""


class Router:
    """Routes requests among the bundles of one release.

    Args:
        rules: the flags in force.
        champion: the champion's version.
        challengers: the other versions, in the order they were named, each with the further names it goes by (commit,
            run, digest); a name's first 7 or more characters do.

    Raises:
        InputError: the flags might send a request to a version that is not in the release.
    """

    def __init__(self, rules: Rules, champion: str, challengers: Mapping[str, Sequence[str]]) -> None:
        self.rules = rules
        self._champion = champion
        self._challengers = {}
        if rules.uses_challenger:
            self._challengers = {value: _find(value, champion, challengers) for value in rules.version.values}
        # Most of the time every request takes one route; that costs no hash.
        values = (*rules.enabled.values, *rules.shadow.values, *rules.version.values)
        self._only = self._route("") if len(values) == 3 else None

    def route(self, key: str) -> Route:
        """The route of a request with this routing key; the same key takes the same route at every replica."""
        return self._only or self._route(key)

    def _route(self, key: str) -> Route:
        rules = self.rules
        other = self._challengers.get(rules.version.value(key), self._champion)
        if other == self._champion:  # what was rolled out became the champion, and the flags still ask for it
            return Route("champion", self._champion, None, rules.epoch)
        if rules.enabled.value(key):
            return Route("challenger", other, None, rules.epoch)
        return Route("champion", self._champion, other if rules.shadow.value(key) else None, rules.epoch)


def _find(name: str, champion: str, challengers: Mapping[str, Sequence[str]]) -> str:
    """The version that a flag's value means: a challenger, or the champion by its very name."""
    if name == champion:
        return champion
    if not challengers:
        raise InputError(
            "the flags ask for a challenger, and the release has none",
            where="NEW_MODEL_VERSION",
            remedy="Serve a release with --challenger, or switch the flags off.",
        )
    if not name:
        return list(challengers)[-1]
    if name in challengers:
        return name
    for version, others in challengers.items():
        if any(other == name or (len(name) >= _SHORTEST_COMMIT and other.startswith(name)) for other in others):
            return version
    known = ", ".join(challengers)
    raise InputError(
        f"the flags ask for the challenger {name!r}, which is not in the release",
        where="NEW_MODEL_VERSION",
        remedy=f"Challengers here: {known}.",
    )
