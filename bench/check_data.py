"""`modelway check-data` against a scan written by hand and three other packages: 12 checks of one Parquet file.

Each of the packages gets an environment of its own, in the user's cache directory; it stays there.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import yaml
from check_data_set import COLUMNS, FAULTS, write_data_set
from environments import environment
from measure import LOG, Run, ratio, run
from records import at_most, record, record_rounds

ROWS, ROUNDS = 5_000_000, 5
HERE = Path(__file__).resolve().parent
PEERS = HERE / "check_data_peers"
QUIET = {"GX_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
DATA = "data.parquet"
FOUND = {*FAULTS, "email_missing"}
OURS = "modelway check-data"
CHECKED = "modelway check-data, profile: checked"


@dataclass(frozen=True)
class Peer:
    """What check-data is compared with.

    Attributes:
        script: a file of `check_data_peers`.
        packages: what its environment holds; that of this process when empty.
        page: whether it writes a page as well.
    """

    script: str
    packages: tuple[str, ...] = ()
    page: bool = False

    def command(self) -> list[str]:
        """What runs it in the directory of the data."""
        python = environment(self.packages) if self.packages else Path(sys.executable)
        page = ["page.html"] if self.page else []
        return [str(python), str(PEERS / self.script), DATA, ",".join(COLUMNS), *page]


_POINTBLANK = ("pointblank==1.1.1", "polars==2.1.0")
OTHERS = {
    "one pass of polars by hand": Peer("scan.py"),
    "Great Expectations 1.24.1 (pandas)": Peer(
        "with_great_expectations.py", ("great_expectations==1.24.1", "pandas==3.1.1", "pyarrow==25.0.1")
    ),
    "pandera 0.35.0 (polars)": Peer("with_pandera.py", ("pandera[polars]==0.35.0", "polars==2.1.0")),
    "pointblank 1.1.1 (polars, lazy)": Peer("with_pointblank.py", _POINTBLANK),
    "pointblank, its page as well": Peer("with_pointblank.py", _POINTBLANK, page=True),
}


AIMS = {
    ("Great Expectations 1.24.1 (pandas)", "peak memory"): 0.25,
    **{(name, "seconds"): 1.0 for name in OTHERS},
    ("Great Expectations 1.24.1 (pandas)", "seconds"): 0.25,
    ("one pass of polars by hand", "seconds"): 1.5,
}
"""What modelway's run may take, to each of the others'."""
PAGE_SECONDS = 1.0


def write_settings(path: Path) -> None:
    """The twelve checks as settings."""
    checks = [
        {"check": "columns", "name": "schema", "names": list(COLUMNS), "order": True},
        {"check": "row_count", "name": "rows", "min": 1, "max": 10_000_000},
        {"check": "missing", "name": "id_present", "column": "id"},
        {"check": "unique", "name": "id_unique", "columns": ["id"]},
        {"check": "range", "name": "age_range", "column": "age", "min": 18, "max": 100},
        {"check": "range", "name": "amount_range", "column": "amount", "min": 0, "max": 10_000},
        {"check": "allowed", "name": "grade_set", "column": "grade", "values": ["A", "B", "C", "D"]},
        {"check": "regex", "name": "code_regex", "column": "code", "pattern": r"^[A-Z]{2}\d{6}$"},
        {"check": "missing", "name": "email_missing", "column": "email", "max": 0.02},
        {"check": "mean", "name": "x0_mean", "column": "x0", "min": -0.1, "max": 0.1},
        {"check": "median", "name": "x1_median", "column": "x1", "min": -0.1, "max": 0.1},
        {"check": "compare", "name": "end_after_start", "column": "end", "operator": ">=", "other": "start"},
    ]
    path.write_text(yaml.safe_dump({"name": "bench", "check_data": {"data": {"uri": DATA}, "checks": checks}}))


def run_ours(work: Path, profile: str = "all") -> tuple[Run, set[str]]:
    """Run check-data, which ends with 4; gives the checks that failed as well."""
    command = [str(Path(sys.executable).parent / "modelway"), "check-data", "--output", "reports"]
    command += ["--set", f"check_data.profile={profile}"]
    done = run(command, work, expected=4)
    checks = json.loads((work / "reports" / "checks.json").read_text())["checks"]
    return done, {check["check"] for check in checks if check["verdict"] != "pass"}


def run_peer(peer: Peer, work: Path) -> tuple[Run, set[str]]:
    """Run a peer; gives the checks that failed as well."""
    done = run(peer.command(), work, environment=QUIET)
    last = (work / LOG).read_text().strip().splitlines()[-1]
    return done, set(json.loads(last))


def page_seconds(work: Path) -> float:
    """How long the data docs of what was found take, from the start of a process of their own."""
    return statistics.median(
        run([sys.executable, str(PEERS / "page.py"), "reports/data_checks.json"], work).seconds for _ in range(ROUNDS)
    )


def said(found: set[str]) -> str:
    """Whether a peer found the faults that were planted."""
    if found == FOUND:
        return "all"
    parts = [f"not {', '.join(sorted(FOUND - found))}"] if FOUND - found else []
    parts += [f"also {', '.join(sorted(found - FOUND))}"] if found - FOUND else []
    return "; ".join(parts)


def measure(rows: int = ROWS, rounds: int = ROUNDS) -> str:
    """Run the benchmark and give its lines of the results."""
    for peer in OTHERS.values():
        peer.command()
    times: dict[str, list[Run]] = {name: [] for name in (OURS, CHECKED, *OTHERS)}
    found: dict[str, set[str]] = {}
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        write_data_set(work / DATA, rows)
        write_settings(work / "modelway.yaml")
        runners = {OURS: lambda: run_ours(work), CHECKED: lambda: run_ours(work, "checked")}
        runners |= {name: lambda peer=peer: run_peer(peer, work) for name, peer in OTHERS.items()}
        for number in range(rounds + 1):
            order = list(runners)
            for who in order[number % len(order) :] + order[: number % len(order)]:
                done, found[who] = runners[who]()
                if number:
                    times[who].append(done)
        page = page_seconds(work)
    _record(rows, times, found, page)
    return "\n".join(_table(rows, rounds, times, found, page))


def _record(rows: int, times: dict[str, list[Run]], found: dict[str, set[str]], page: float) -> None:
    case, whole = f"{rows:,} rows", rows == ROWS
    for who, runs in times.items():
        wrong = len(found[who] ^ FOUND)
        none = at_most(0) if who in {OURS, CHECKED} else None
        record("check-data", "faults missed or made up", wrong, way=who, case=case, aim=none)
        record_rounds("check-data", "seconds of all cores", [one.cpu_seconds for one in runs], "s", way=who, case=case)
        for what, unit, field in (("seconds", "s", "seconds"), ("peak memory", "MiB", "peak_mib")):
            theirs = [getattr(one, field) for one in runs]
            record_rounds("check-data", what, theirs, unit, way=who, case=case)
            if who == OURS:
                continue
            ratios = [getattr(mine, field) / other for mine, other in zip(times[OURS], theirs, strict=True)]
            aim = at_most(AIMS[who, what]) if whole and (who, what) in AIMS else None
            record_rounds("check-data", f"ratio of {what}, modelway to peer", ratios, way=who, case=case, aim=aim)
    aim = at_most(PAGE_SECONDS) if whole else None
    record("check-data", "the page alone", page, "s", case=case, summary=f"median of {ROUNDS}", aim=aim)


def _table(rows: int, rounds: int, times: dict[str, list[Run]], found: dict[str, set[str]], page: float) -> list[str]:
    lines = [
        f"Twelve checks of {rows:,} rows x {len(COLUMNS)} columns of Parquet, {len(FOUND)} of which were broken on",
        f"purpose; medians of {rounds} rounds after one to warm up, each with one run of everybody in turn. Memory is",
        "that of the process and its children at its highest. Ratios are medians of the rounds' own, modelway's to",
        "each. modelway's run has the profile of every column, the failed rows, JUnit and the page in it, the others'",
        "the verdicts alone where nothing else is said. `python bench/check_data.py` repeats this part.",
        "",
        "| | seconds | of all cores | peak memory | ratio of seconds | ratio of memory | planted faults found |",
        "|---|---|---|---|---|---|---|",
    ]
    ours = times[OURS]
    for name, runs in times.items():
        seconds, cores, memory = (
            statistics.median(getattr(one, what) for one in runs) for what in ("seconds", "cpu_seconds", "peak_mib")
        )
        slower, larger = (
            ratio([getattr(one, what) for one in ours], [getattr(one, what) for one in runs])
            for what in ("seconds", "peak_mib")
        )
        ratios = f"{slower:.2f} | {larger:.2f}" if name != OURS else "| "
        lines.append(
            f"| {name} | {seconds:.1f} s | {cores:.1f} s | {memory:.0f} MiB | {ratios} | {said(found[name])} |"
        )
    narrow = ", ".join(
        f"{ratio([one.seconds for one in times[CHECKED]], [one.seconds for one in times[name]]):.2f} of {name}"
        for name in OTHERS
    )
    bounds = "0.25 of Great Expectations' seconds and memory, 1 of any other package's seconds, 1.5 of the scan's"
    return [
        *lines,
        "",
        f"With `profile: checked`, which reads the ten columns that the others read, the seconds are {narrow}.",
        "",
        f"The data docs alone, in a process of their own: {page:.2f} s. Aims: {bounds}; the page in 1 s.",
    ]


if __name__ == "__main__":
    print(measure(*(int(number) for number in sys.argv[1:])))
