"""Whether each arm gets the share of the keys that it should; where it does not, nothing else can be believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

TILTS = np.array([0.2, 0.5, 0.8, 0.9, 0.97, 1.03, 1.1, 1.25, 2.0, 5.0])
"""How many times the odds that it should have the challenger may get."""


def log_mismatch(
    champion: NDArray[np.float64], challenger: NDArray[np.float64], share: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """One interval's log e-values against "each new key is the challenger's with the probability that was set".

    With s the share that was set, n the challenger's new keys and N all, ψ^n / (1 - s + sψ)^N for each ψ of `TILTS`:
    its mean is 1 exactly, and s may change between intervals. A sequential multinomial test as Lindon and Malek
    (NeurIPS 2022) have it, with a mixture over a grid in place of their Dirichlet, so that shares may change.

    Args:
        champion: keys seen for the first time in the rollout that the champion answered, shape (...).
        challenger: the same for the challenger.
        share: what was set.

    Returns:
        Shape (..., tilts).
    """
    set_share = np.asarray(share, dtype=float)[..., None]
    seen = (champion + challenger)[..., None]
    logs: NDArray[np.float64] = challenger[..., None] * np.log(TILTS) - seen * np.log1p(set_share * (TILTS - 1))
    return logs
