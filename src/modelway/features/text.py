"""Hashed counts of words (Weinberger et al., "Feature hashing", ICML 2009, without the sign)."""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    from modelway.records.features import TextFeature

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
