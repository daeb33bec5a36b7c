"""docs/explanation: its examples run, its links lead somewhere, and the tests that it names are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from modelway.errors import SEVERITY

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "explanation").glob("*.md"))
TEXTS = {page.stem: page.read_text(encoding="utf-8") for page in PAGES}
EXAMPLES = [
    pytest.param(code, id=f"{name}-{number}")
    for name, text in TEXTS.items()
    for number, code in enumerate(re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
]


def test_the_pages_are_there() -> None:
    assert set(TEXTS) >= {"gates", "statistics", "caching", "security"}
    assert all("```sh" not in text for text in TEXTS.values()), "nothing here runs commands"


@pytest.mark.parametrize("code", EXAMPLES)
def test_an_example_runs(code: str) -> None:
    assert "assert " in code or "raises" in code
    exec(compile(code, "example", "exec"), {})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", TEXTS[page.stem]):
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", found.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^a-z0-9 -]", "", one.lower()).replace(" ", "-") for one in headings}, target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_files_and_tests_that_are_named_are_there(page: Path) -> None:
    for place, test in re.findall(r"`((?:src|tests|ci)/[\w/.-]+?)(?:::(\w+))?`", TEXTS[page.stem]):
        assert (ROOT / place).exists(), place
        if test:
            assert f"def {test}(" in (ROOT / place).read_text(encoding="utf-8"), f"{place}::{test}"


def test_files_of_decide_that_statistics_names_are_there() -> None:
    named = set(re.findall(r"`(decide/\w+\.py)`", TEXTS["statistics"]))
    assert len(named) > 4
    assert all((ROOT / "src" / "modelway" / name).exists() for name in named)


def test_every_threat_names_its_test() -> None:
    rows = [line for line in TEXTS["security"].split("## Threats", 1)[1].splitlines() if line.startswith("| ")]
    rows = [row for row in rows if not row.startswith("| threat |")]
    without = [row for row in rows if "`tests/" not in row.rsplit("|", 2)[1]]
    assert len(rows) > 25
    assert [row.split("|")[1].strip() for row in without] == ["traffic that is made up to push a challenger"]


def test_the_order_of_exit_codes_is_the_codes() -> None:
    assert f"the first of {', '.join(map(str, SEVERITY))} that any part has" in TEXTS["gates"]


def test_locks_are_hashed_and_installed_by_their_hashes() -> None:
    for lock in [ROOT / "requirements.lock", *sorted((ROOT / "ci" / "locks").glob("*.lock"))]:
        pins = re.findall(r"^\S+==.*?(?=^\S|\Z)", lock.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        assert pins, lock
        assert all("--hash=sha256:" in pin for pin in pins), lock
    for place in ("docker/Dockerfile.serving", "ci/src/modelway_ci/images.py"):
        text = (ROOT / place).read_text(encoding="utf-8")
        assert "--require-hashes" in text
        assert "--no-deps" in text
