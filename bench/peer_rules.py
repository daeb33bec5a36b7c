"""The published rules of other rollout controllers, on requests and errors by interval, thousands of runs at once.

Each asks that 99% of the challenger's requests of the last minute succeeded, and measures once a minute:

- Argo Rollouts: back when the failed measurements, which are never reset, exceed failureLimit.
- Flagger: back at `threshold` failed checks, which are never reset while the rollout goes on.
- Kayenta's judge: a 98% confidence interval of the Hodges-Lehmann shift of the minutes' error rates, challenger less
  champion, by the Mann-Whitney test; "high" where its lower end is above a quarter of it. One metric, so the score is
  100 or 0: below marginal (50) is back. Judged at each look from ten minutes on, on all minutes so far.
- A one-sided z-test at 5% of the two proportions since the beginning, looked at each minute.
"""

from __future__ import annotations

import numpy as np

LEAST_SUCCESS = 0.99


class FailedMinutes:
    """Argo Rollouts and Flagger: so many failed measurements are too many."""

    def __init__(self, runs: int, too_many: int) -> None:
        self._failed, self._too_many = np.zeros(runs, int), too_many

    def back(self, requests: tuple[np.ndarray, ...], errors: tuple[np.ndarray, ...]) -> np.ndarray:
        """Which runs go back after this minute; both arguments are (champion, challenger), each of shape (runs,)."""
        asked = requests[1] > 0
        success = 1 - errors[1] / np.maximum(requests[1], 1)
        self._failed += asked & (success < LEAST_SUCCESS)
        return self._failed >= self._too_many


class ZTest:
    """Two proportions, one-sided, at 5%, at every look."""

    def __init__(self, runs: int) -> None:
        self._counts = np.zeros((4, runs))

    def back(self, requests: tuple[np.ndarray, ...], errors: tuple[np.ndarray, ...]) -> np.ndarray:
        """As above."""
        self._counts += np.stack([*requests, *errors])
        champion, challenger, b, c = self._counts
        pooled = (b + c) / np.maximum(champion + challenger, 1)
        deviation = np.sqrt(pooled * (1 - pooled) * (1 / np.maximum(champion, 1) + 1 / np.maximum(challenger, 1)))
        difference = c / np.maximum(challenger, 1) - b / np.maximum(champion, 1)
        return (deviation > 0) & (difference > 1.6449 * deviation)


class Kayenta:
    """The Mann-Whitney judge of Netflix's and Google's Kayenta."""

    def __init__(self, runs: int) -> None:
        self._rates: list[np.ndarray] = []
        self._runs = runs

    def back(self, requests: tuple[np.ndarray, ...], errors: tuple[np.ndarray, ...]) -> np.ndarray:
        """As above."""
        self._rates.append(np.stack([bad / np.maximum(asked, 1) for asked, bad in zip(requests, errors, strict=True)]))
        size = len(self._rates)
        if size < 10 or size % 5:  # every five minutes: the sort over all pairs is what takes the time
            return np.zeros(self._runs, bool)
        rates = np.stack(self._rates)  # (minutes, 2, runs)
        shifts = (rates[:, None, 1] - rates[None, :, 0]).reshape(size * size, self._runs)
        # The interval of the Hodges-Lehmann shift by the normal approximation of the rank sum (Hollander and Wolfe).
        rank = int(size * size / 2 - 2.326 * np.sqrt(size * size * (2 * size + 1) / 12))
        ends = np.partition(shifts, (max(rank, 0), size * size // 2), axis=0)
        lower, estimate = ends[max(rank, 0)], ends[size * size // 2]
        return (lower > 0.25 * np.abs(estimate)) & (lower > 0)


def rules(runs: int) -> dict[str, FailedMinutes | ZTest | Kayenta]:
    """All of them at their beginning, by name."""
    return {
        "Argo, limit 0": FailedMinutes(runs, 1),
        "Argo, limit 3": FailedMinutes(runs, 4),
        "Flagger, threshold 3": FailedMinutes(runs, 3),
        "Flagger, threshold 10": FailedMinutes(runs, 10),
        "Kayenta": Kayenta(runs),
        "z-test": ZTest(runs),
    }
