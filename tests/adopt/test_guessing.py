"""What columns are taken for, from what they hold."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from modelway.adopt.guessing import guess_columns, guess_task, target_candidates
from modelway.adopt.reading import read_profile
from modelway.records.data import Task

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def guessed(tmp_path: Path) -> Any:
    """Gives what is guessed of columns, each a list of texts."""

    def guess(target: str, **columns: list[str]) -> Any:
        lines = [",".join(columns), *map(",".join, zip(*columns.values(), strict=True))]
        (tmp_path / "data.csv").write_text("\n".join(lines) + "\n")
        return guess_columns(read_profile("data.csv", tmp_path)[1], target)

    return guess


ROWS = 120
TARGET = ["no", "yes"] * 60


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([str(number % 9) for number in range(ROWS)], "integer"),
        ([f"{number / 7:.3f}" for number in range(ROWS)], "number"),
        (["true", "false"] * 60, "boolean"),
        (["red", "green", "blue"] * 40, "category"),
        ([f"2025-01-{1 + number % 28:02}" for number in range(ROWS)], "date"),
        ([f"please call number {number} back" for number in range(ROWS)], "text"),
        ([f"word{number % 60}" for number in range(ROWS)], "text"),  # too few rows of each to be categories
        (["0123", "0124"] * 60, "category"),  # a leading zero is no number's
    ],
)
def test_types(guessed: Any, values: list[str], kind: str) -> None:
    found = guessed("t", x=values, t=TARGET)
    assert found.used["x"].type == kind
    assert not found.used["x"].nullable


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([f"C-{number}" for number in range(ROWS)], "a key"),
        ([str(1000 + number) for number in range(ROWS)], "a key"),  # a running number
        (["same"] * ROWS, "one value only"),
        ([""] * ROWS, "there is no value"),
        ([f"{1 + number % 12}/{1 + number % 28}/2025" for number in range(ROWS)], "a date"),
    ],
)
def test_what_tells_nothing_is_left_out_and_why(guessed: Any, values: list[str], why: str) -> None:
    found = guessed("t", x=values, t=TARGET)
    assert why in found.ignored["x"]
    assert set(found.used) == {"t"}


def test_numbers_that_only_happen_to_differ_stay(guessed: Any) -> None:
    found = guessed("t", paid=[str(7 * number * number) for number in range(ROWS)], t=TARGET)
    assert set(found.used) == {"paid", "t"}


def test_the_same_numbers_named_as_a_key_do_not(guessed: Any) -> None:
    found = guessed("t", customerId=[str(7 * number * number) for number in range(ROWS)], t=TARGET)
    assert set(found.ignored) == {"customerId"}


def test_values_that_fit_no_type_are_told(guessed: Any) -> None:
    # The type is guessed from the first megabyte; what comes later may be something else.
    values = [str(number) for number in range(300_000)]
    values[-1] = "unknown"
    found = guessed("t", x=values, t=["no", "yes"] * 150_000)
    assert found.used["x"].type == "text"
    assert "1 of 300000 values are no integer" in found.notes[0]


def test_the_target_is_used_whatever_it_is(guessed: Any) -> None:
    assert set(guessed("x", x=[str(number) for number in range(ROWS)], t=TARGET).used) == {"x", "t"}


def test_targets_by_name_then_from_the_end(tmp_path: Path) -> None:
    rows = [f"{number},{number % 3},{number % 2},{number % 5},name{number}" for number in range(ROWS)]
    (tmp_path / "data.csv").write_text("id,a,Label,b,who\n" + "\n".join(rows) + "\n")
    assert target_candidates(read_profile("data.csv", tmp_path)[1]) == ["Label", "b", "a"]


@pytest.mark.parametrize(
    ("values", "task"),
    [
        ([str(number % 2) for number in range(ROWS)], Task.CLASSIFICATION),
        ([str(number % 25) for number in range(ROWS)], Task.REGRESSION),
        ([f"{number % 2}.5" for number in range(ROWS)], Task.REGRESSION),
        (TARGET, Task.CLASSIFICATION),
        ([f"kind{number % 24}" for number in range(ROWS)], Task.CLASSIFICATION),
    ],
)
def test_the_task_follows_from_the_target(tmp_path: Path, values: list[str], task: Task) -> None:
    (tmp_path / "data.csv").write_text("a,t\n" + "\n".join(f"{at % 7},{value}" for at, value in enumerate(values)))
    profile = read_profile("data.csv", tmp_path)[1]
    summary = profile.columns[1]
    assert guess_task(summary, guess_columns(profile, "t").used["t"]) is task


@pytest.mark.parametrize("suffix", ["parquet", "jsonl"])
def test_other_formats(tmp_path: Path, suffix: str) -> None:
    import json

    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [{"when": f"2025-01-{1 + at % 28:02}", "x": at / 3, "tags": [at], "t": at % 2 == 0} for at in range(ROWS)]
    path = tmp_path / f"data.{suffix}"
    if suffix == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        typed = [row | {"when": datetime.fromisoformat(row["when"]).replace(tzinfo=UTC)} for row in rows]
        pq.write_table(pa.Table.from_pylist(typed), path)
    found = guess_columns(read_profile(path.name, tmp_path)[1], "t")
    assert {name: column.type for name, column in found.used.items()} == {"when": "date", "x": "number", "t": "boolean"}
    assert set(found.ignored) == {"tags"}
