"""Whether a model needs code that its reader does not trust."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.errors import InputError
from modelway.records.trust import TRUST

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from modelway.records.features import FeatureSpec


def functions_of(spec: FeatureSpec) -> tuple[str, ...]:
    """Return the functions (`module:function`) that features call, in order."""
    return tuple(dict.fromkeys(feature.function for feature in spec.features if feature.kind == "custom"))


def refuse_untrusted(needed: Iterable[str], trusted: Collection[str], where: str) -> None:
    """Raise `InputError` that lists every type and function that is needed and not trusted."""
    if missing := sorted(set(needed) - set(trusted)):
        raise InputError(
            f"the model needs types or functions that are not trusted here: {', '.join(missing)}",
            where=where,
            remedy="If you know who made it and trust this code, name each one with --trust NAME or in the environment "
            f"variable {TRUST}. In a project, fit.estimator.trusted and fit.features.custom in the settings name them.",
        )
