"""Each gate refuses the fault that it is there for, and lets a good model through."""

from __future__ import annotations

from typing import Any


def test_gates_say_what_they_should(fault_name: str, fault_cases: dict[str, Any], load_room: Any) -> None:
    for number, (said, wanted) in enumerate(fault_cases[fault_name](load_room("modelway.evaluate"))):
        assert said == wanted, f"pair {number} of {fault_name}"
