from __future__ import annotations

import json

import pytest


@pytest.fixture
def document():
    """Makes a flag document from the targeting or the fixed value of each flag."""

    def make(enabled=False, shadow=False, version=None, **extra) -> dict:
        flags = {"NEW_MODEL_ENABLED": _boolean(enabled), "SHADOW_MODEL_ENABLED": _boolean(shadow)}
        if version is not None:
            flags["NEW_MODEL_VERSION"] = {"state": "ENABLED", "variants": {"v": version}, "defaultVariant": "v"}
        return {"flags": flags, **extra}

    return make


@pytest.fixture
def text(document):
    return lambda *args, **options: json.dumps(document(*args, **options)).encode()


def _boolean(value) -> dict:
    flag = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
    if isinstance(value, bool):
        return flag | {"defaultVariant": "on" if value else "off"}
    return flag | {"targeting": value}
