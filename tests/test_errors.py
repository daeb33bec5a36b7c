"""Exit codes are a contract: the same for every command."""

from __future__ import annotations

import pytest

from modelway import errors


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.ModelwayError, 1),
        (errors.UsageError, 2),
        (errors.SettingsError, 2),
        (errors.InputError, 3),
        (errors.GateError, 4),
        (errors.InconclusiveError, 5),
        (errors.OutsideError, 6),
        (errors.RefusedError, 6),
        (errors.RolledBackError, 7),
    ],
)
def test_each_kind_has_its_exit_code(kind: type[errors.ModelwayError], code: int) -> None:
    assert kind("it broke").exit_code == code


def test_a_message_says_what_where_and_what_next() -> None:
    error = errors.InputError("there is no such file", where="data.csv", remedy="Name another.")
    assert str(error) == "data.csv: there is no such file\n  Name another."


@pytest.mark.parametrize(
    ("codes", "expected"),
    [([], 0), ([0, 0], 0), ([0, 5], 5), ([5, 4], 4), ([4, 3], 3), ([3, 6], 6), ([6, 7], 7), ([7, 1], 1)],
)
def test_parts_end_with_the_first_of_the_worst(codes: list[int], expected: int) -> None:
    assert errors.combine_exit_codes(codes) == expected
    assert errors.combine_exit_codes(codes[::-1]) == expected
