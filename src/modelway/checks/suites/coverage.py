"""What the tests have run of the code: pytest-cov measures, coverage reports, we judge."""

from __future__ import annotations

import importlib.util
import math
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from modelway.checks.streams import last_line
from modelway.checks.tools import environment
from modelway.records.checks import CheckResult, Finding
from modelway.records.testing import COVERAGE
from modelway.records.verdict import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.checks.tools import Tools
    from modelway.records.testing import CoverageOptions

XML = "coverage.xml"
HTML = "htmlcov"
_LAYOUT = "src"
_TIMEOUT = 600.0
_BELOW_OWN_FLOOR = 2
"""coverage's exit code where its own `fail_under` is missed; the report is written all the same."""
_ASKS = re.compile(r"--cov(?=[=\s\"',\]]|$)", re.MULTILINE)
_CONFIGURED = re.compile(r"^\[(?:tool\.)?coverage[.:]", re.MULTILINE)
_PYTEST_FILES = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
_COVERAGE_FILES = ("pyproject.toml", "tox.ini", "setup.cfg")


@dataclass(frozen=True)
class Measured:
    """How much of the code was run.

    Attributes:
        run: lines, and branches where those were measured, that were run.
        all: those there are.
        unit: what is counted.
        files: by its path, of each file with lines that were not run, the number of them and of all.
    """

    run: int
    all: int
    unit: str
    files: dict[str, tuple[int, int]]


def is_installed() -> bool:
    """Whether pytest-cov is there."""
    return importlib.util.find_spec("pytest_cov") is not None


def flags(options: CoverageOptions, root: Path) -> tuple[str, ...]:
    """What pytest is told, so that it measures and leaves the reports to us."""
    branch = ("--cov-branch",) if options.branch else ()
    return (*_sources(options, root), *branch, "--cov-report=")


def _sources(options: CoverageOptions, root: Path) -> tuple[str, ...]:
    """What is measured: as our settings say, else pytest's configuration, else coverage's, else the project's code."""
    if options.source:
        return ("--cov-reset", *(f"--cov={source}" for source in options.source))
    if any(_ASKS.search(_read(root / name)) for name in _PYTEST_FILES):
        return ()
    if (root / ".coveragerc").is_file() or any(_CONFIGURED.search(_read(root / name)) for name in _COVERAGE_FILES):
        return ("--cov",)
    return (f"--cov={_LAYOUT if (root / _LAYOUT).is_dir() else '.'}",)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def report(data: list[Path], root: Path, directory: Path, scratch: Path, tools: Tools) -> Measured | str:
    """Write `coverage.xml` and `htmlcov/` for the data of all suites; gives what was measured, or why nothing was."""
    kept = [str(path) for path in data if path.is_file()]
    if not kept:
        return "no coverage was recorded"
    surroundings = environment(("COV_CORE_", "COVERAGE_"), COVERAGE_FILE=str(scratch / "coverage"))
    for words in (
        ("combine", "--keep", *kept),
        ("xml", "-o", str(directory / XML)),
        ("html", "-d", str(directory / HTML)),
    ):
        command = (sys.executable, "-m", "coverage", *words)
        run = tools.run(command, root, timeout=_TIMEOUT, environment=surroundings, merge=True)
        if run.exit_code not in {0, _BELOW_OWN_FLOOR}:
            return f"coverage {words[0]}: {run.problem or last_line(run.stdout)}"
    # coverage ignores its page in git; here it is to be kept, and a hidden file would be lost by an upload.
    (directory / HTML / ".gitignore").unlink(missing_ok=True)
    return _measure(directory / XML, root)


def _measure(path: Path, root: Path) -> Measured:
    """Read the XML, and write it again with all paths relative to the project, as Codecov looks for them."""
    tree = ET.parse(path)  # noqa: S314 - written by the coverage that we ran
    top = tree.getroot()
    sources = [source.text or "" for source in top.iter("source")]
    files = {}
    for one in top.iter("class"):
        name = _from_root(one.get("filename", ""), sources, root)
        one.set("filename", name)
        lines = [line.get("hits") for line in one.iter("line")]
        if missed := lines.count("0"):
            files[name] = (missed, len(lines))
    for listed in top.iter("sources"):
        listed.clear()
        ET.SubElement(listed, "source").text = "."
    tree.write(path, encoding="utf-8", xml_declaration=True)
    branches = int(top.get("branches-valid", 0))
    return Measured(
        run=int(top.get("lines-covered", 0)) + int(top.get("branches-covered", 0)),
        all=int(top.get("lines-valid", 0)) + branches,
        unit="lines and branches" if branches else "lines",
        files=files,
    )


def _from_root(name: str, sources: list[str], root: Path) -> str:
    for source in sources:
        path = root / source / name
        if path.is_file() and path.is_relative_to(root):
            return path.relative_to(root).as_posix()
    return name


def judge(measured: Measured | str, floor: float | None, incomplete: list[str]) -> CheckResult:
    """The verdict on the coverage.

    Args:
        measured: what was measured, or why nothing was.
        floor: per cent that are wanted, if any.
        incomplete: suites without data: with them it might have been more, but not less.
    """
    if isinstance(measured, str) or not measured.all:
        reason = measured if isinstance(measured, str) else "there is no line to run in what was measured"
        return CheckResult(check=COVERAGE, verdict=Verdict.ERROR, reason=reason)
    share = 100 * measured.run / measured.all
    said = f"{math.floor(share * 100) / 100:g} % of {measured.all} {measured.unit}"
    if floor is None:
        return CheckResult(check=COVERAGE, verdict=Verdict.PASS, reason=f"{said}; no floor is set")
    if share >= floor:
        return CheckResult(check=COVERAGE, verdict=Verdict.PASS, reason=f"{said}; the floor is {floor:g} %")
    reason = f"{said}, less than the floor of {floor:g} %"
    if incomplete:
        reason = f"{reason}, but without {', '.join(incomplete)}"
        return CheckResult(check=COVERAGE, verdict=Verdict.ERROR, reason=reason)
    return CheckResult(check=COVERAGE, verdict=Verdict.FAIL, reason=reason, findings=_findings(measured))


def _findings(measured: Measured) -> tuple[Finding, ...]:
    """The files with lines that were not run, the most of them first."""
    worst = sorted(measured.files.items(), key=lambda item: (-item[1][0], item[0]))
    return tuple(
        Finding(rule="not-run", message=f"{missed} of {lines} lines were not run", path=path)
        for path, (missed, lines) in worst
    )
