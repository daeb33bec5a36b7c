"""Processes of this machine, told apart from later ones that got the same number."""

from __future__ import annotations

import os
import socket
import subprocess
from functools import cache
from pathlib import Path

_STARTED = 19
"""The place of the start time among the fields of /proc/PID/stat that follow the command's name."""
_ZOMBIE = "Z"


def cores() -> int:
    """The cores that this process may use; where the system does not tell (macOS), those that there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def start_of(pid: int) -> str | None:
    """When a process began, in the system's own words; None where none of this number runs.

    A number together with this is one process for ever: numbers are used again, and a reboot starts the clock anew, so
    the boot is a part of it.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except FileNotFoundError:
        return _ask_ps(pid) if not Path("/proc/self/stat").exists() else None
    except (ProcessLookupError, PermissionError):
        return None
    return None if fields[0] == _ZOMBIE else f"{boot()}/{fields[_STARTED]}"


def runs(pid: int, started: str) -> bool:
    """Whether this very process still runs."""
    return start_of(pid) == started


def send(pid: int, started: str, number: int) -> bool:
    """Send a signal to this very process and to no other; whether it was still there."""
    if not runs(pid, started):
        return False
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


@cache
def machine() -> str:
    """A text that no other machine has, as far as machines and containers have names of their own."""
    try:
        name = Path("/etc/machine-id").read_text(encoding="ascii").strip()
    except OSError:
        name = ""
    return f"{socket.gethostname()}/{name}"


@cache
def boot() -> str:
    """What the kernel calls the time since it began, the same in all containers of a machine; empty on macOS."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _ask_ps(pid: int) -> str | None:
    """Where there is no /proc, as on macOS."""
    found = subprocess.run(  # noqa: S603
        ["ps", "-o", "state=,lstart=", "-p", str(pid)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
        env={"LC_ALL": "C", "PATH": os.environ.get("PATH", os.defpath)},
    )
    state, _, started = found.stdout.strip().partition(" ")
    return started.strip() or None if not state.startswith(_ZOMBIE) else None
