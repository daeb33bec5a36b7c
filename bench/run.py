"""Run benchmarks, all or those that are named, and put what they say into RESULTS.md: `make bench`.

python bench/run.py [NAME ...]: names as in `benchmarks.py`. Numbers go to `records/` besides, run by run.
"""

from __future__ import annotations

import datetime
import sys
from pathlib import Path

from benchmarks import BENCHMARKS
from measure import machine

RESULTS = Path(__file__).parent / "RESULTS.md"
BEGIN, END = "<!-- written by `make bench` -->", "<!-- as far as here -->"


def with_section(text: str, title: str, measured: str) -> str:
    """RESULTS.md with what was measured at the top of its section.

    Only what an earlier run wrote there is replaced: people write beside it what the numbers mean.
    """
    block = f"{BEGIN}\n{measured}\n{END}"
    heading = f"## {title}\n"
    before, found, rest = text.partition(f"\n{heading}")
    if not found:
        return f"{text.rstrip()}\n\n{heading}\n{block}\n"
    section, following, others = rest.partition("\n## ")
    start, began, earlier = section.partition(BEGIN)
    written = f"{start}{block}{earlier.partition(END)[2]}" if began else f"\n{block}\n{section}"
    return f"{before}\n{heading}{written}{following}{others}"


def main(names: list[str]) -> int:
    """Run them one after the other, and write each down when it is done; 2 for a name that there is not."""
    if unknown := set(names) - {one.name for one in BENCHMARKS}:
        known = ", ".join(one.name for one in BENCHMARKS)
        print(f"No such benchmark: {', '.join(sorted(unknown))}. There are: {known}.", file=sys.stderr)
        return 2
    for one in BENCHMARKS:
        if names and one.name not in names:
            continue
        measured = one.load()()
        today = datetime.datetime.now(tz=datetime.UTC).date()
        RESULTS.write_text(with_section(RESULTS.read_text(), one.title, f"{today}, {machine()}.\n\n{measured}"))
        print(f"## {one.title}\n\n{measured}\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
