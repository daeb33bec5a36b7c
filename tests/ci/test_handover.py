"""What a step hands over, the function that called it takes."""

from __future__ import annotations

import asyncio
import socket

import pytest

from modelway.deploy.image.handover import hand_over
from modelway.errors import OutsideError, UsageError
from modelway_ci.handover import Handover


def test_text_that_is_handed_over_arrives_once() -> None:
    async def run() -> str | None:
        async with Handover() as handover:
            place, _, key = handover.address.rpartition(":")
            with pytest.raises(OutsideError, match="not taken"):
                await asyncio.to_thread(hand_over, "other", f"{place}:{key[:-1]}")
            assert handover.text is None
            await asyncio.to_thread(hand_over, "host\nuser\ntökén" + "x" * 5000, handover.address)
            with pytest.raises(OutsideError, match="not taken"):
                await asyncio.to_thread(hand_over, "another", handover.address)
            return handover.text

    assert asyncio.run(run()) == "host\nuser\ntökén" + "x" * 5000


def test_text_that_no_one_awaits_is_an_outside_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(OutsideError, match="handed over") as raised:
        hand_over("secret", f"127.0.0.1:{port}:the-key")
    assert "the-key" not in str(raised.value)


@pytest.mark.parametrize("address", ["", "host", "host:1", "host:x:key", ":1:key"])
def test_address_of_another_form_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="HOST:PORT:KEY"):
        hand_over("secret", address)
