"""The server's image and the module name the same base images."""

from __future__ import annotations

import re

from modelway_ci.deliver import BUNDLE_COPIED
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
