"""The lock of the base images, refreshed by an engine from whatever registry it has."""

from __future__ import annotations

import json

import pytest

from modelway.records.base_images import BaseImages
from modelway_ci.images import PYTHON, UV

pytestmark = pytest.mark.slow

ANSWER = {
    "result": {
        "releases": [{"name": "3.11", "eolFrom": "2027-10-31", "latest": {"name": "3.11.99", "date": "2027-01-01"}}]
    }
}


def test_the_registry_gives_each_tags_digest_and_a_call_uses_them(call, project):
    (project / "releases.json").write_text(json.dumps(ANSWER))
    words = ("lock-images", "--releases", "releases.json", "export", "--path", "refreshed")
    done = call(*words)
    assert done.exit_code == 0, done.log
    text = (project / "refreshed" / "base_images.lock").read_text()
    lock = BaseImages.from_json(text)
    assert set(lock.images) == {*PYTHON.values(), UV}
    assert None not in lock.images.values()
    assert lock.python.releases["3.11"].latest == "3.11.99"
    (project / "src" / "modelway" / "base_images.lock").write_text(text)
    pinned = call("lock-images", "--releases", "releases.json", "export", "--path", "again")
    assert pinned.exit_code == 0, pinned.log
    assert json.loads((project / "again" / "summary.json").read_text())["changed"] == []
    data = call("prepare", "--data", "data", "export", "--path", "prepared")
    assert data.exit_code == 0, data.log
    assert f"{PYTHON['3.11']}@{lock.images[PYTHON['3.11']]}" in data.log
