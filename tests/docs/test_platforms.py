"""What docs/platforms.md says of locks and images holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.markers import Marker

from modelway.records.environment import ImageOptions

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "platforms.md").read_text(encoding="utf-8")
PLATFORMS = [
    {"sys_platform": system, "platform_system": name, "platform_machine": machine}
    for system, name in (("linux", "Linux"), ("darwin", "Darwin"))
    for machine in ("x86_64", "aarch64", "arm64")
]
LOCKS = [ROOT / "requirements.lock", *sorted((ROOT / "ci" / "locks").glob("*.lock"))]


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_a_lock_is_for_every_platform(path: Path) -> None:
    pins = re.findall(r"^(\S+)==\S+(?: ; ([^\\\n]+))?", path.read_text(encoding="utf-8"), re.M)
    assert pins
    for name, text in pins:
        if text:
            marker = Marker(text.strip())
            assert len({marker.evaluate(one) for one in PLATFORMS}) == 1, (name, text)


def test_the_makefile_makes_them_universal() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^LOCK := uv pip compile .*--universal", makefile, re.M)


def test_the_default_platform_is_the_documented_one() -> None:
    (default,) = ImageOptions(repository="loans").platforms
    assert f"the default is `{default}`" in TEXT


def test_the_example_is_valid_settings(tmp_path: Path) -> None:
    from modelway.settings import load_slice

    (example,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.S)
    (tmp_path / "modelway.yaml").write_text(f"name: loans\n{example}")
    image = load_slice(tmp_path / "modelway.yaml").environments["production"].image
    assert image is not None
    assert image.platforms == ("linux/amd64", "linux/arm64")
