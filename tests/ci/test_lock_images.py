"""The lock of the base images: what the module names, as of the day on which it was refreshed."""

from __future__ import annotations

import json

import pytest
from dagger import dag

from modelway.records.base_images import BaseImages, read_base_images
from modelway_ci import images, lock_images
from modelway_ci.refusal import RefusalError

ANSWER = {
    "schema_version": "1.2.1",
    "result": {
        "name": "python",
        "releases": [
            {"name": "3.13", "eolFrom": "2029-10-31", "latest": {"name": "3.13.15", "date": "2026-08-05"}},
            {"name": "3.11", "eolFrom": "2027-10-31", "latest": {"name": "3.11.16", "date": "2026-08-13"}},
            {"name": "2.7", "eolFrom": "2020-01-01", "latest": {"name": "2.7.18", "date": "2020-04-19"}},
        ],
    },
}
"""As endoflife.date's API 1.2.1 answers, its other fields left out."""


def test_the_lock_names_the_modules_images_and_no_others():
    assert set(read_base_images().images) == {*images.PYTHON.values(), images.UV}


@pytest.mark.parametrize("version", images.PYTHON)
def test_each_tag_is_the_latest_release_that_the_lock_knows(version):
    latest = read_base_images().python.releases[version].latest
    assert images.PYTHON[version].startswith(f"python:{latest}-slim-")


def test_the_lock_is_written_as_it_is_read(root):
    text = (root / images.LOCK).read_text(encoding="utf-8")
    assert json.dumps(json.loads(text), indent=2) + "\n" == text
    lock = read_base_images()
    assert lock_images.read_releases(ANSWER)["3.11"] == lock.python.releases["3.11"].model_dump(mode="json")
    assert lock.python.source == lock_images.RELEASES


def test_ancient_versions_are_left_out():
    assert list(lock_images.read_releases(ANSWER)) == ["3.11", "3.13"]


@pytest.fixture
def registry(monkeypatch):
    """The digests that the engine finds, by tag."""
    found = {image: f"sha256:{number:064x}" for number, image in enumerate((*images.PYTHON.values(), images.UV))}

    async def digest(image):
        return found[image]

    monkeypatch.setattr(lock_images, "_digest", digest)
    return found


class _File:
    def __init__(self, text):
        self.text = text

    async def contents(self):
        return self.text


class _Package:
    def __init__(self, text):
        self.text = text

    def file(self, path):
        assert path == images.LOCK
        return _File(self.text)


@pytest.mark.anyio
async def test_a_refreshed_lock_is_one_that_is_read_and_says_what_changed(root, registry):
    package = _Package((root / images.LOCK).read_text(encoding="utf-8"))
    refreshed = await lock_images.refresh(package, _File(json.dumps(ANSWER)))
    lock = BaseImages.from_json(refreshed.text)
    assert lock.images == registry
    assert set(refreshed.changed) == {*registry, "python"}
    again = await lock_images.refresh(_Package(refreshed.text), _File(json.dumps(ANSWER)))
    assert again.changed == ()
    assert refreshed.directory == dag.directory().with_new_file("base_images.lock", refreshed.text)


@pytest.mark.anyio
@pytest.mark.parametrize("answer", ["<html>", "{}", '{"result": {"releases": []}}', '{"result": {"releases": [{}]}}'])
async def test_an_answer_without_releases_changes_nothing(root, registry, answer):
    package = _Package((root / images.LOCK).read_text(encoding="utf-8"))
    with pytest.raises(RefusalError, match=r"endoflife\.date") as caught:
        await lock_images.refresh(package, _File(answer))
    assert caught.value.exit_code == 6
