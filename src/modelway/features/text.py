"""Hashed counts of words (Weinberger et al., "Feature hashing", ICML 2009, without the sign)."""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from modelway.records.features import TextFeature

_KEPT = 4096
_WORD, _GAP = re.compile(r"\w+"), re.compile(r"\W")
_PIECE = 32 * 1024
"""Characters after which a piece of a text ends with the word that it is in."""


def count_hashed(text: str, hash_size: int, ngrams: int) -> Counter[int]:
    """Count the runs of 1 to `ngrams` words by the feature that each adds one to; words are lower-cased."""
    counts: Counter[int] = Counter()
    before: list[str] = []
    for words in _pieces(text.lower()):
        known, words = len(before), before + words  # noqa: PLW2901 - runs go on from piece to piece
        runs = (
            " ".join(words[start : start + length])
            for length in range(1, ngrams + 1)
            for start in range(max(0, known - length + 1), len(words) - length + 1)
        )
        counts.update(zlib.crc32(run.encode()) % hash_size for run in runs)
        before = words[max(0, len(words) - ngrams + 1) :]
    return counts


def _pieces(text: str) -> Iterator[list[str]]:
    """Yield the words of each piece of a text.

    A search for words holds Python's lock to its end: in one of 9 MB other requests would wait for half a second.
    """
    start = 0
    while start < len(text):
        gap = _GAP.search(text, start + _PIECE)
        end = len(text) if gap is None else gap.start()
        yield _WORD.findall(text, start, end)
        start = end


def write_texts(feature: TextFeature, texts: Iterable[str | None], out: NDArray[np.float32]) -> None:
    """Fill `out`, shape (rows, hash_size), which holds zeros; a row with words gets length 1 (Euclidean)."""
    for row, text in enumerate(texts):
        if text:
            counts = count_hashed(text, feature.hash_size, feature.ngrams)
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
