"""Faults in a small project: which tests are chosen, what counts as seen, and what remains after a fault."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tools.mutants import running
from tools.mutants.__main__ import DONE, main
from tools.mutants.choosing import Chooser

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
# Other processes run these tests at the same time.
NAP = str(1_000_000 + os.getpid())
DAEMON = f"import subprocess; subprocess.Popen(['sleep', '{NAP}'], start_new_session=True); times = -1"

pytestmark = pytest.mark.slow


def results(root: Path) -> list[dict[str, Any]]:
    """Return the results of the list of faults, in the order in which they came."""
    text = (root / ".mutants" / "results" / "faults.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def sleepers() -> list[psutil.Process]:
    """Return what the fault with a daemon has started."""
    return [one for one in psutil.process_iter(["cmdline"]) if one.info["cmdline"] == ["sleep", NAP]]


@pytest.mark.parametrize("namespaces", [True, False])
def test_faults_are_seen_by_the_tests_that_run_them(
    mapped: Path,
    fault_list: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    namespaces: bool,
) -> None:
    if not namespaces:
        monkeypatch.setattr(running, "_namespace", tuple)
    before = {path: path.read_bytes() for path in mapped.rglob("*.py")}
    faults = fault_list(
        ("seen", "sums.py", "        return LIMIT", "        return value"),
        ("unseen", "sums.py", "value > LIMIT", "value > LIMIT + 1"),
        ("constant", "sums.py", "LIMIT = 3", "LIMIT = 4"),
        ("server", "server.py", "2 * int(text)", "3 * int(text)"),
        ("hangs", "sums.py", "times -= 1", "times -= 0"),
        ("daemon", "sums.py", "times -= 1", DAEMON),
        ("kills", "sums.py", "times -= 1", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"),
        (
            "kills its parent",
            "sums.py",
            "times -= 1",
            "import os, signal; os.kill(os.getppid(), signal.SIGKILL); times = -1",
        ),
    )
    assert main(["--root", str(mapped), "faults", str(faults), "--patience", "15"]) == DONE
    found = {one["id"]: (one["verdict"], one["by"], one["tests"]) for one in results(mapped)}
    assert found == {
        "seen": ("seen", "tests/test_sums.py::test_clip", 1),
        "unseen": ("unseen", "", 1),
        "constant": ("seen", "tests/test_sums.py::test_clip", 1),
        # The server belongs to both of its tests, whichever started it.
        "server": ("seen", "tests/test_server.py::test_two", 2),
        "hangs": ("seen", "timeout", 1),
        "daemon": ("seen", "tests/test_sums.py::test_count_down", 1),
        "kills": ("seen", "pytest exited with 137", 1),
        "kills its parent": found["kills its parent"],
    }
    assert found["kills its parent"][0] == "seen"
    assert not sleepers()
    assert {path: path.read_bytes() for path in mapped.rglob("*.py")} == before
    assert not list(Path(tempfile.gettempdir()).glob(f"mutants-{os.getpid()}"))
    report = capsys.readouterr().out
    assert "| sums | 7 | 0 | 6 (86%) | 1 |" in report
    assert "+    if value > LIMIT + 1:" in report


def test_faults_after_a_kill_go_on_where_they_were(mapped: Path, fault_list: Callable[..., Path]) -> None:
    faults = fault_list(
        ("seen", "sums.py", "        return LIMIT", "        return value"),
        ("unseen", "sums.py", "value > LIMIT", "value > LIMIT + 1"),
        ("hangs", "sums.py", "times -= 1", f"{DAEMON} + 2"),
    )
    command = [sys.executable, "-m", "tools.mutants", "--root", str(mapped), "faults", str(faults), "--jobs", "1"]
    state = mapped / ".mutants" / "results" / "faults.jsonl"
    with subprocess.Popen([*command, "--patience", "600"], cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        while not sleepers():
            assert process.poll() is None
            time.sleep(0.1)
        process.kill()
    for one in sleepers():
        one.wait(60)
    assert [one["id"] for one in results(mapped)] == ["seen", "unseen"]
    with state.open("a", encoding="utf-8") as file:
        file.write('{"key": "half a li')
    subprocess.run([*command, "--patience", "10"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    lines = state.read_text(encoding="utf-8").splitlines()
    assert lines.pop(2) == '{"key": "half a li'
    whole = [json.loads(line) for line in lines]
    assert [(one["id"], one["verdict"]) for one in whole] == [("seen", "seen"), ("unseen", "unseen"), ("hangs", "seen")]
    assert not list(Path(tempfile.gettempdir()).glob(f"mutants-{process.pid}"))


def test_an_unseen_fault_is_tried_again_once_the_tests_change(mapped: Path, fault_list: Callable[..., Path]) -> None:
    faults = fault_list(
        ("seen", "sums.py", "        return LIMIT", "        return value"),
        ("unseen", "sums.py", "value > LIMIT", "value > LIMIT + 1"),
    )
    command = ["--root", str(mapped), "faults", str(faults)]
    main(command)
    main(command)
    assert sorted(one["id"] for one in results(mapped)) == ["seen", "unseen"]
    tests = mapped / "tests" / "test_sums.py"
    tests.write_text(tests.read_text(encoding="utf-8").replace("clip(9)", "clip(4)"), encoding="utf-8")
    main(command)
    assert [(one["id"], one["verdict"]) for one in results(mapped)[2:]] == [("unseen", "seen")]


def test_near_translates_lines_and_reports_what_it_cuts(mapped: Path) -> None:
    sums = mapped / "src" / "modelway" / "sums.py"
    sums.write_text('"""Three lines more."""\n\n\n' + sums.read_text(encoding="utf-8"), encoding="utf-8")
    chooser = Chooser(mapped, mapped / ".mutants" / "maps")
    assert [test.name for test in chooser.near("src/modelway/sums.py", {9}, 0).tests] == [
        "tests/test_sums.py::test_clip"
    ]
    unused = chooser.near("src/modelway/sums.py", {20}, 0)
    assert (len(unused.tests), unused.reason) == (2, "run the file, and none the line")
    chosen = chooser.near("src/modelway/server.py", {5}, 1e-9)
    assert (len(chosen.tests), chosen.cut) == (1, 1)
