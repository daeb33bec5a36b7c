"""What a process may use by its control groups, as the kernel's files say (cgroups(7)): both versions, nested."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from modelway.processes import cores, memory

V2 = "30 24 0:26 {base} /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate"
V1 = "31 24 0:27 {base} /sys/fs/cgroup/{name} rw,nosuid - cgroup cgroup rw,{name}"
GIB = 2**30


def machine(root: Path, membership: str, mounts: str, files: dict[str, str]) -> Path:
    """The files of a machine with 64 GiB, of which a process sees these control groups."""
    proc = root / "proc" / "self"
    proc.mkdir(parents=True)
    (proc / "cgroup").write_text(membership)
    (proc / "mountinfo").write_text(f"24 1 0:20 / / rw - ext4 /dev/sda rw\n{mounts}\n")
    (root / "proc" / "meminfo").write_text(f"MemTotal:       {64 * GIB // 1024} kB\nMemFree: 1 kB\n")
    for name, text in files.items():
        path = root / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return root


@pytest.fixture
def many_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(24)), raising=False)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "200000 100000", "memory.max": str(GIB)}, (2, GIB)),
        ({"cpu.max": "150000 100000", "memory.max": "max"}, (2, 64 * GIB)),
        ({"cpu.max": "10000 100000", "memory.max": str(512 * 2**20)}, (1, 512 * 2**20)),
        ({"cpu.max": "max 100000", "memory.max": "max", "memory.high": str(2 * GIB)}, (24, 2 * GIB)),
        ({"cpu.max": "9900000 100000"}, (24, 64 * GIB)),
        ({"cpu.max": "", "memory.max": "nonsense"}, (24, 64 * GIB)),
        ({}, (24, 64 * GIB)),
    ],
)
@pytest.mark.usefixtures("many_cores")
def test_limits_of_version_2_in_a_container_are_those_of_its_group(
    tmp_path: Path, files: dict[str, str], expected: tuple[int, int]
) -> None:
    root = machine(tmp_path, "0::/\n", V2.format(base="/"), files)
    assert (cores(root), memory(root)) == expected


@pytest.mark.usefixtures("many_cores")
def test_limits_of_nested_groups_are_the_least_of_all(tmp_path: Path) -> None:
    files = {
        "kubepods/cpu.max": "max 100000",
        "kubepods/pod1/cpu.max": "300000 100000",
        "kubepods/pod1/server/cpu.max": "800000 100000",
        "kubepods/memory.max": str(3 * GIB),
        "kubepods/pod1/server/memory.max": str(4 * GIB),
        "kubepods/pod2/cpu.max": "100000 100000",
    }
    root = machine(tmp_path, "0::/kubepods/pod1/server\n", V2.format(base="/"), files)
    assert (cores(root), memory(root)) == (3, 3 * GIB)


@pytest.mark.usefixtures("many_cores")
def test_limits_of_a_mount_that_shows_a_part_of_the_tree_are_read_from_there(tmp_path: Path) -> None:
    files = {"cpu.max": "400000 100000", "memory.max": str(GIB)}
    root = machine(tmp_path, "0::/docker/abc\n", V2.format(base="/docker/abc"), files)
    assert (cores(root), memory(root)) == (4, GIB)


@pytest.mark.usefixtures("many_cores")
@pytest.mark.parametrize(("path", "base"), [("/docker/abc", "/docker/abc"), ("/docker/abc", "/"), ("/", "/")])
def test_limits_of_version_1_are_those_of_each_controller(tmp_path: Path, path: str, base: str) -> None:
    below = path if base == "/" else "/"
    files = {
        f"cpu{below}/cpu.cfs_quota_us": "250000",
        f"cpu{below}/cpu.cfs_period_us": "100000",
        f"memory{below}/memory.limit_in_bytes": str(GIB),
    }
    if below != "/":
        files |= {"memory/memory.limit_in_bytes": "9223372036854771712", "cpu/cpu.cfs_quota_us": "-1"}
    mounts = "\n".join(V1.format(base=base, name=name) for name in ("cpu", "memory"))
    root = machine(tmp_path, f"4:memory:{path}\n1:cpu:{path}\n1:name=systemd:/\n0::/\n", mounts, files)
    assert (cores(root), memory(root)) == (3, GIB)


@pytest.mark.usefixtures("many_cores")
def test_machine_without_control_groups_has_its_cores_and_memory(tmp_path: Path) -> None:
    assert (cores(tmp_path), memory(tmp_path)) == (24, None)


def test_limits_of_a_real_group_are_seen_inside_of_it(control_group: Callable[..., list[Path]]) -> None:
    joined = [str(path) for path in control_group(cpu=1.0, memory=512 * 2**20)]
    words = f"import os; [open(path, 'w').write(str(os.getpid())) for path in {joined}]\n"
    words += "from modelway.processes import cores, memory; print(cores(), memory())"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", str(512 * 2**20)]
