"""Bundles by digest: packaged once, verified each time, and packaged again where they are no longer what they were."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from modelway.bundle import verify_bundle
from modelway.errors import GateError, InputError
from modelway.pipeline import bundles
from modelway.pipeline.bundles import BundleStore
from modelway.records.package import PackageOptions
from modelway.records.trust import Trust


@pytest.fixture
def store(tmp_path: Path, pack: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A store of which version 3 gives a bundle, and what it packaged."""
    packed = pack("regression", "linear").bundle
    digest = verify_bundle(packed, Trust(), load=False).digest
    made: list[str] = []

    def package(_: Any, __: Any, reference: str, output: Path, **more: Any) -> Any:
        made.append(reference)
        shutil.copytree(packed, output, dirs_exist_ok=True)
        return None, SimpleNamespace(digest=digest, trusted=())

    monkeypatch.setattr(bundles, "package", package)
    version = SimpleNamespace(number=3, name="known", tags={"verdict": "pass"})
    registry: Any = SimpleNamespace(get=lambda _: version)
    found = BundleStore(tmp_path / "bundles", registry, Trust(), PackageOptions())
    return SimpleNamespace(store=found, version=version, made=made, digest=digest, path=tmp_path / "bundles")


def append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b" ")


HARM: dict[str, Callable[[Path], object]] = {
    "a file has other bytes": lambda path: append(path / "baseline.json"),
    "a file has other bytes of the same size": lambda path: (path / "signature.json").write_bytes(
        (path / "signature.json").read_bytes().replace(b"0", b"1")
    ),
    "the manifest is empty": lambda path: (path / "manifest.json").write_text("{}"),
    "a file is gone": lambda path: (path / "baseline.json").unlink(),
    "a file was added": lambda path: (path / "more.json").write_text("{}"),
    "a folder was added": lambda path: (path / "more").mkdir(),
    "it is gone": shutil.rmtree,
}


@pytest.mark.parametrize("harm", HARM)
def test_a_bundle_that_is_no_longer_what_it_was_is_packaged_again(store: Any, harm: str) -> None:
    ref, version = store.store.bring("champion")
    assert (ref.version, ref.digest, version.number) == (3, store.digest, 3)
    assert store.store.directory(ref) == store.path / ref.digest
    assert store.made == ["3"]
    HARM[harm](store.path / ref.digest)
    assert store.store.directory(ref) == store.path / ref.digest
    assert store.made == ["3", "3"]
    assert verify_bundle(store.path / ref.digest, Trust(), load=False).digest == store.digest
    assert [path.name for path in store.path.iterdir() if not path.name.startswith(".")] == [ref.digest]


def test_a_version_that_gives_another_bundle_now_is_refused(store: Any) -> None:
    ref, _ = store.store.bring("3")
    with pytest.raises(InputError, match="version 3 gives another bundle now"):
        store.store.directory(ref.model_copy(update={"digest": "0" * 64}))


@pytest.mark.parametrize("verdict", ["fail", "error"])
def test_a_version_whose_gates_did_not_pass_is_not_packaged(store: Any, verdict: str) -> None:
    store.version.tags["verdict"] = verdict
    with pytest.raises(GateError, match=f"the gates of version 3 say {verdict}"):
        store.store.bring("3")
    assert store.made == []
