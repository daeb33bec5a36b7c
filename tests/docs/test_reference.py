"""docs/reference is what the code says now."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from modelway.errors import EXIT_CODES

ROOT = Path(__file__).resolve().parents[2]


def test_every_page_is_what_the_code_says_now() -> None:
    command = [sys.executable, "-m", "tools.reference", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_readme_has_the_same_exit_codes() -> None:
    section = (ROOT / "README.md").read_text().partition("## Exit codes")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines() if line.startswith("| ")]
    assert {int(code): means for code, means in rows[1:]} == EXIT_CODES
