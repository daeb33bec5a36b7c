"""A plain `train_stats.json` of means, deviations and shares as a baseline that knows no more than that.

Accepted are columns at the top or below `columns` or `features`: numbers as an object with `mean` and `std` (pandas'
`describe().to_json()` has them), categories as an object with `shares`, or as shares themselves. `count` or `rows`, and
`missing` (a share), are taken where they are; without them the statistics count as exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from modelway.errors import InputError
from modelway.parsing import parse_json
from modelway.records.data import ColumnType
from modelway.records.observe import Baseline, Distribution

if TYPE_CHECKING:
    from collections.abc import Mapping

_PARTS = 1_000_000
"""Rows that shares of unknown rows are written as."""


def read_baseline(content: bytes, where: str) -> Baseline:
    """A `baseline.json`, or plain statistics.

    Raises:
        InputError: it is neither.
    """
    try:
        told = parse_json(content)
    except ValueError as error:
        raise InputError("the baseline is no JSON", where=where, remedy=_REMEDY) from error
    if isinstance(told, dict) and "predictions" in told and "metrics" in told:
        try:
            return Baseline.from_json(content)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise InputError(f"{place}: {first['msg']}", where=where, remedy=_REMEDY) from error
    if not isinstance(told, dict):
        raise InputError("the baseline holds no columns", where=where, remedy=_REMEDY)
    return plain_baseline(told, where)


_REMEDY = "Name the baseline.json that `train` wrote, or a train_stats.json of means, deviations and shares."


def plain_baseline(told: Mapping[str, Any], where: str) -> Baseline:
    """The baseline of plain statistics; raises `InputError` where no column has any."""
    listed = told.get("columns") or told.get("features") or told
    rows = _number(told.get("rows", told.get("count")))
    columns = {
        name: found
        for name, about in listed.items()
        if isinstance(about, dict) and (found := _distribution(about, rows)) is not None
    }
    if not columns:
        raise InputError("no column has a mean and a deviation, or shares", where=where, remedy=_REMEDY)
    return Baseline(rows=int(rows or 0), columns=columns, predictions=None, metrics={})


def _distribution(about: Mapping[str, Any], rows: float | None) -> Distribution | None:
    own = _number(about.get("count", about.get("rows"))) or rows
    missing = min(max(_number(about.get("missing")) or 0.0, 0.0), 1.0)
    count = int(own or 0)
    mean, std = _number(about.get("mean")), _number(about.get("std"))
    if mean is not None and std is not None:
        return Distribution(
            type=ColumnType.NUMBER, rows=count, missing=round(missing * count), mean=mean, std=std,
            min=_number(about.get("min")), max=_number(about.get("max")),
        )  # fmt: skip
    shares = about.get("shares", about)
    if not isinstance(shares, dict) or not shares or not all(_number(share) is not None for share in shares.values()):
        return None
    total = sum(float(share) for share in shares.values())
    if not 0.5 <= total <= 1.5 and "shares" not in about:
        return None
    present = round((1 - missing) * count) if count else _PARTS
    categories = {name: round(float(share) / total * present) for name, share in shares.items()}
    ordered = dict(sorted(categories.items(), key=lambda pair: (-pair[1], pair[0])))
    return Distribution(type=ColumnType.CATEGORY, rows=count, missing=round(missing * count), categories=ordered)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
