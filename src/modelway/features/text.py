"""Hashed counts of words (Weinberger et al., "Feature hashing", ICML 2009, without the sign)."""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from modelway.records.features import TextFeature

_KEPT = 4096
_WORD = re.compile(r"\w+")


def hashed_places(text: str, hash_size: int, ngrams: int) -> list[int]:
    """The feature that each run of 1 to `ngrams` words adds one to; words are lower-cased."""
    words = _WORD.findall(text.lower())
    runs = (
        " ".join(words[start : start + length])
        for length in range(1, ngrams + 1)
        for start in range(len(words) - length + 1)
    )
    return [zlib.crc32(run.encode()) % hash_size for run in runs]


def write_texts(feature: TextFeature, texts: Iterable[str | None], out: NDArray[np.float32]) -> None:
    """Fill `out`, shape (rows, hash_size), which holds zeros; a row with words gets length 1 (Euclidean)."""
    for row, text in enumerate(texts):
        if text:
            counts = Counter(hashed_places(text, feature.hash_size, feature.ngrams))
            length = math.sqrt(sum(count * count for count in counts.values()))
            for place, count in counts.items():
                out[row, place] = count / length


class KnownTexts:
    """The features of texts that recur: in a table they often do, and finding words is what costs.

    Args:
        feature: how texts become features.
    """

    def __init__(self, feature: TextFeature) -> None:
        self._feature = feature
        self._known: dict[str | None, NDArray[np.float32]] = {}

    def features(self, texts: Sequence[str | None], width: int) -> NDArray[np.float32]:
        """The same as `write_texts` gives, shape (texts, width)."""
        found = np.zeros((len(texts), width), dtype=np.float32)
        known = self._known
        for row, text in enumerate(texts):
            features = known.get(text)
            if features is None:
                write_texts(self._feature, (text,), found[row : row + 1])
                if len(known) >= _KEPT:
                    known = self._known = {}
                known[text] = found[row].copy()
            else:
                found[row] = features
        return found
