"""Numbers as people read them, and colours that they can read."""

from __future__ import annotations

import re

import pytest

from modelway.records.evaluate import Estimate
from modelway.report import formats
from modelway.report.charts import Axis
from modelway.report.page import style


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "\N{EN DASH}"),
        (0, "0"),
        (0.91416, "0.9142"),
        (-0.0041, "\N{MINUS SIGN}0.0041"),
        (1234.56, "1,235"),
        (12.5, "12.5"),
        (1e9, "1 \N{MULTIPLICATION SIGN} 10⁹"),
        (-2.5e-7, "\N{MINUS SIGN}2.5 \N{MULTIPLICATION SIGN} 10⁻⁷"),
        (99999.9, "100,000"),
        (1e308, "1 \N{MULTIPLICATION SIGN} 10³⁰⁸"),
    ],
)
def test_numbers(value, said):
    assert formats.number(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0%"),
        (1, "100%"),
        (0.1234, "12.3%"),
        (0.0001, "<0.1%"),
        (0.9999, ">99.9%"),
        (None, "\N{EN DASH}"),
        (1.5, "150%"),
    ],
)
def test_percentages_never_hide_a_rest(value, said):
    assert formats.percent(value) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.000412, "0.412 ms"),
        (0.5, "500 ms"),
        (12.34, "12.3 s"),
        (59.99, "60 s"),
        (92.6, "1 min 33 s"),
        (7200, "2 h 00 min"),
    ],
)
def test_durations(seconds, said):
    assert formats.duration(seconds) == said


@pytest.mark.parametrize(
    ("length", "said"),
    [(812, "812 B"), (48_120, "48.1 kB"), (999_999, "1 MB"), (1_412_331, "1.41 MB"), (7e12, "7,000 GB")],
)
def test_sizes(length, said):
    assert formats.size(int(length)) == said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((0.91423, 0.9085, 0.9193), ("0.914", "0.908 to 0.919")),
        ((0.5, 0.49996, 0.50004), ("0.50000", "0.49996 to 0.50004")),
        ((62.31, 60.0, 64.42), ("62.3", "60.0 to 64.4")),
        ((12345.6, 12000, 12700), ("12,346", "12,000 to 12,700")),
        ((0.5, None, None), ("0.5", "")),
        ((1.0, 1.0, 1.0), ("1", "1 to 1")),
        ((None, None, None), ("not defined", "")),
    ],
)
def test_intervals_decide_the_decimals(given, said):
    value, low, high = given
    assert formats.estimate(Estimate(value=value, low=low, high=high)) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (True, "yes"),
        (None, "\N{EN DASH}"),
        (1234, "1,234"),
        (0.05, "0.05"),
        ((64, 32), "64, 32"),
        ((), "\N{EN DASH}"),
        ("a", "a"),
        ({"b": 1}, "{'b': 1}"),
    ],
)
def test_scalars(value, said):
    assert formats.scalar(value) == said


@pytest.mark.parametrize(
    ("low", "high", "whole"),
    [(0, 1, False), (-3, 17, False), (0, 2, True), (1e-9, 2e-9, False), (0, 1e9, True), (-1.1, -1, False)],
)
def test_ticks_are_few_round_and_inside(low, high, whole):
    ticks = Axis("", low, high, whole=whole).ticks()
    assert 2 <= len(ticks) <= 8
    room = 1e-6 * (high - low)
    assert all(low - room <= tick <= high + room for tick in ticks)
    assert not whole or all(tick == int(tick) for tick in ticks)


def _luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = (int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
def test_text_has_contrast(mode):
    blocks = style("colours.css").split("@media")
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[mode]))
    for text in ("text", "muted", "accent"):
        for ground in ("ground", "raised"):
            assert _contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for verdict in ("pass", "fail", "inconclusive", "error"):
        for text in (verdict, "text", "accent"):
            assert _contrast(colours[text], colours[f"{verdict}-ground"]) >= 4.5, (text, verdict)
    assert _contrast(colours["strong-line"], colours["ground"]) >= 2.4


@pytest.mark.parametrize(("seconds", "said"), [(0, "1970-01-01"), (1764633600.0, "2025-12-02"), (-86400, "1969-12-31")])
def test_days(seconds, said):
    assert formats.day(seconds) == said
