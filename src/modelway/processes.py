"""Processes of this machine: told apart from later ones of the same number, what they may use, sockets they hand on."""

from __future__ import annotations

import math
import os
import socket
import subprocess
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_STARTED = 19
"""The place of the start time among the fields of /proc/PID/stat that follow the command's name."""
_ZOMBIE = "Z"


_BACKLOG = 2048
"""Connections that wait until a server accepts them."""
_FIRST_INHERITED = 3
"""SD_LISTEN_FDS_START of sd_listen_fds(3)."""
_LISTEN_PID, _LISTEN_FDS = "LISTEN_PID", "LISTEN_FDS"


def cores(root: Path = Path("/")) -> int:
    """Return the cores that this process may use: by its affinity and the CPU quota of its control groups, rounded up.

    Where the system has neither (macOS), those that there are.

    Args:
        root: the directory that holds `proc` and the mounted control groups.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = []
    for group in _groups("cpu", root):
        text = _words(group / "cpu.max") or [*_words(group / "cpu.cfs_quota_us"), *_words(group / "cpu.cfs_period_us")]
        with suppress(ValueError, ZeroDivisionError):  # "max 100000", or nothing at all
            quota, period = map(int, text)
            quotas += [quota / period] if quota > 0 else []
    return max(1, min(allowed, *(math.ceil(quota) for quota in quotas)) if quotas else allowed)


def memory(root: Path = Path("/")) -> int | None:
    """Return the bytes of memory that this process may use, with all others of its control groups; None if unknown.

    Args:
        root: the directory that holds `proc` and the mounted control groups.
    """
    names = ("memory.max", "memory.high", "memory.limit_in_bytes")
    texts = [word for group in _groups("memory", root) for name in names for word in _words(group / name)[:1]]
    limits = [int(text) for text in texts if text.isdecimal()]
    limits += [int(line.split()[1]) * 1024 for line in _lines(root / "proc/meminfo") if line.startswith("MemTotal:")]
    return min(limits, default=None)


def _groups(controller: str, root: Path) -> Iterator[Path]:
    """The directories of the control groups that limit this process, the innermost first: cgroups(7), both versions."""
    memberships = [line.split(":", 2) for line in _lines(root / "proc/self/cgroup")]
    for line in _lines(root / "proc/self/mountinfo"):
        fields, _, rest = line.partition(" - ")
        kind, _, options = rest.split(" ", 2)
        base, point = fields.split(" ")[3:5]
        for _, controllers, path in memberships:
            unified = kind == "cgroup2" and not controllers
            if not unified and (
                kind != "cgroup" or controller not in {*controllers.split(",")} & {*options.split(",")}
            ):
                continue
            # Inside of a container the mount shows a part of the tree, and the path may be one outside of it.
            below = os.path.relpath(path, base) if Path(path).is_relative_to(base) else "."
            top = root / point.lstrip("/")
            group = top / below
            yield from (one for one in (group, *group.parents) if one.is_relative_to(top))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _words(path: Path) -> list[str]:
    return (_lines(path) or [""])[0].split()


def open_listener(host: str, port: int) -> socket.socket:
    """Return a socket that listens, to be shared with the processes that are started from here.

    Args:
        host: the address; `::` is every address of this machine, those of IPv4 as well.
        port: 0 for any that is free.

    Raises:
        OSError: the address can't be had.
        OverflowError: there is no such port.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = host == "::" and socket.has_dualstack_ipv6()
    listener = socket.create_server((host, port), family=family, backlog=_BACKLOG, dualstack_ipv6=both)
    listener.set_inheritable(True)
    return listener


def hand_listener(number: int) -> None:
    """Let the program that this process becomes find a listening socket as sd_listen_fds(3) has it.

    Args:
        number: the socket's file descriptor.
    """
    if number == _FIRST_INHERITED:
        os.set_inheritable(number, True)
    else:
        os.dup2(number, _FIRST_INHERITED)
        os.close(number)
    os.environ |= {_LISTEN_PID: str(os.getpid()), _LISTEN_FDS: "1"}


def inherited_listener() -> socket.socket | None:
    """Return the listening socket that this process was started with by sd_listen_fds(3); None if there is none.

    The variables are removed: they are not for the processes that are started from here.
    """
    pid, count = os.environ.pop(_LISTEN_PID, ""), os.environ.pop(_LISTEN_FDS, "")
    os.environ.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or count != "1":
        return None
    return socket.socket(fileno=_FIRST_INHERITED)


def git_environment() -> dict[str, str]:
    """The environment for git, which may fetch what a partial clone lacks: it fails where it would ask a person."""
    own_ssh = "GIT_SSH" in os.environ or "GIT_SSH_COMMAND" in os.environ
    return {
        "GIT_HTTP_LOW_SPEED_LIMIT": "1000",  # bytes a second, so that a fetch that outlives git ends, too
        "GIT_HTTP_LOW_SPEED_TIME": "60",
        **os.environ,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "",
        "GCM_INTERACTIVE": "never",
        **({} if own_ssh else {"GIT_SSH_COMMAND": "ssh -oBatchMode=yes"}),
    }


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
