"""What modelway seals, the module opens."""

from __future__ import annotations

import secrets

import pytest

from modelway.deploy.image.seal import seal
from modelway_ci.seal import unseal


@pytest.mark.parametrize("length", [0, 1, 31, 32, 33, 3000])
def test_what_is_sealed_is_opened_by_its_key_alone(length: int) -> None:
    text, key = "ü" + "x" * length, secrets.token_hex(32)
    sealed = seal(text, key)
    assert unseal(sealed, key) == text
    assert "xxx" not in sealed
    assert seal(text, secrets.token_hex(32)) != sealed
    if length > 30:
        with pytest.raises(UnicodeDecodeError):
            for _ in range(20):  # noise is hardly ever text; never twenty times
                unseal(sealed, secrets.token_hex(32))
