"""Write the pages, or with `--check` name those that differ from what the code says now, and end with 4."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tools.reference.commands import commands_page
from tools.reference.exit_codes import exit_codes_page
from tools.reference.functions import functions_page
from tools.reference.logs import log_page
from tools.reference.metrics import metrics_page
from tools.reference.results import results_page
from tools.reference.settings import settings_page

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"
PAGES: dict[str, Callable[[], str]] = {
    "commands.md": commands_page,
    "settings.md": settings_page,
    "functions.md": functions_page,
    "exit-codes.md": exit_codes_page,
    "metrics.md": metrics_page,
    "log.md": log_page,
    "results.md": results_page,
}


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    FOLDER.mkdir(exist_ok=True)
    found = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    wanted = {name: make() for name, make in PAGES.items()}
    stale = sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))
    for name in stale:
        print(f"docs/reference/{name} {'differs from the code: make reference' if check else 'written'}")
        if not check:
            _write(FOLDER / name, wanted.get(name))
    return 4 if check and stale else 0


def _write(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink()
    else:
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
