"""A package that only a private index has, on a real engine: installed by the secret, which shows nowhere."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from .servers import running

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive]

PORT = 28417
"""The same each time: uv keeps what it downloaded by the index's address."""
USER, PASSWORD = "me", "hunter2-and-nothing-else"
WHEEL = "ours_of_the_shop-1.0-py3-none-any.whl"
MODEL = '''\
"""A model whose depth is the company's."""

from ours_of_the_shop import DEPTH
from sklearn.tree import DecisionTreeRegressor


def build() -> DecisionTreeRegressor:
    return DecisionTreeRegressor(max_depth=DEPTH, random_state=0)
'''


def outer_address():
    """An address of this machine that containers reach, which its loopback is not; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        try:
            one.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but its loopback's")
        return one.getsockname()[0]


@pytest.fixture
def index(tmp_path):
    """The index: its address without a password, and its folder, with the lock of what only it has."""
    folder, address = tmp_path / "index", outer_address()
    folder.mkdir()
    argv = [sys.executable, Path(__file__).with_name("private_index.py"), "0.0.0.0", PORT, folder]
    with running(argv, PORT, USER=USER, PASSWORD=PASSWORD):
        yield f"{address}:{PORT}/simple", folder


@pytest.fixture
def stranger(index, engine, shared_data, tmp_path):
    """A project whose lock names it, and its prepared data."""
    root = tmp_path / "stranger"
    root.mkdir()
    shutil.copy(shared_data / "bike_hour.csv", root)
    (root / "model.py").write_text(MODEL)
    shutil.copy(index[1] / "requirements.lock", root)
    name = f"bikes-{uuid.uuid4().hex[:8]}"
    trusted = ("--trusted", "sklearn.tree._tree.Tree", "--no-workflows", "--yes")
    for words in (
        ("init", "--target", "cnt", "--name", name, "--model", "model:build", *trusted),
        ("prepare", "--output", str(tmp_path / "prepared")),
    ):
        subprocess.run([sys.executable, "-m", "modelway", *words], cwd=root, check=True, capture_output=True)
    return root


def test_a_package_comes_from_a_private_index(call, project, index, stranger, tmp_path):
    address, folder = index
    called = ("-m", str(project), "--source", ".", "--index-url", "env://MODELWAY_INDEX_URL")
    words = (*called, "fit", "--prepared", str(tmp_path / "prepared"), "export", "--path", str(tmp_path / "model"))

    def fit(password):
        return call(*words, cwd=stranger, environment={"MODELWAY_INDEX_URL": f"http://{USER}:{password}@{address}"})

    refused = fit("a-guess")
    assert refused.exit_code == 6, refused.log[-3000:]
    assert not (folder / "given.txt").exists()
    done = fit(PASSWORD)
    assert done.exit_code == 0, done.log[-3000:]
    assert f"/files/{WHEEL}" in (folder / "given.txt").read_text().splitlines()
    written = [path for path in (tmp_path / "model").rglob("*") if path.is_file()]
    assert (tmp_path / "model" / "features.json") in written
    assert PASSWORD not in done.log
    assert not [path for path in written if PASSWORD.encode() in path.read_bytes()]
