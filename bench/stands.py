"""What a server stands on, made to fail: the log's store, the spool's disk, the wall clock; all on this machine.

`python bench/stands.py PORT` is the store's own process; `Store` starts it.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

BUCKET = "log"
_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


class Store:
    """An S3 server (moto's) in a process of its own; what was put there outlives its absences."""

    def __init__(self, port: int, work: Path) -> None:
        self.port = port
        self.variables: Mapping[str, str] = _CREDENTIALS
        self._said = (work / "store.log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(port)],
            stdin=subprocess.PIPE, stdout=self._said, stderr=self._said, env={**os.environ, **_CREDENTIALS},
        )  # fmt: skip
        self._wait(True)
        self._client().create_bucket(Bucket=BUCKET)

    def options(self) -> list[str]:
        """How `modelway serve` finds it."""
        address = ["--set", f"serve.s3.endpoint_url=http://127.0.0.1:{self.port}"]
        return [*address, "--set", "serve.s3.path_style=true", "--log", f"s3://{BUCKET}/served"]

    def refuse(self) -> None:
        """Close the port: whoever connects is refused."""
        self._tell("stop")
        self._wait(False)

    def come_back(self) -> None:
        """Listen again, with everything that was there."""
        self._tell("start")
        self._wait(True)

    def hang(self) -> None:
        """Take connections, and never answer them."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Answer again."""
        self._process.send_signal(signal.SIGCONT)

    def names(self, prefix: str = "served/") -> list[str]:
        """The objects that lie there."""
        pages = self._client().get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [found["Key"] for page in pages for found in page.get("Contents", ())]

    def files(self, names: list[str] | None = None) -> dict[str, bytes]:
        """Objects by name, as far as they are still there; all of them by default."""
        client = self._client()
        wanted = self.names() if names is None else names
        return {name: client.get_object(Bucket=BUCKET, Key=name)["Body"].read() for name in wanted}

    def end(self) -> None:
        """End its process."""
        self._process.send_signal(signal.SIGCONT)
        self._process.kill()
        self._process.wait()
        self._said.close()

    def _tell(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n".encode())
        self._process.stdin.flush()

    def _wait(self, wanted: bool) -> None:
        deadline = time.monotonic() + 60
        while self._answers() != wanted:
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError(f"the store does not {'answer' if wanted else 'go away'}; see {self._said.name}")
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/moto-api/", timeout=5):
                return True
        except OSError:
            return False

    def _client(self):  # type: ignore[no-untyped-def]
        import boto3

        return boto3.client(
            "s3", endpoint_url=f"http://127.0.0.1:{self.port}", region_name="us-east-1",
            aws_access_key_id="bench", aws_secret_access_key="bench",
        )  # fmt: skip


@dataclass
class Disk:
    """A small file system of its own that can be full; `mounted` is False where mounting is not allowed."""

    path: Path
    mib: int
    mounted: bool = False

    def __post_init__(self) -> None:
        self.path.mkdir(parents=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={self.mib}m,mode=0755", "tmpfs", str(self.path)]
        done = subprocess.run(command, check=False, capture_output=True) if shutil.which("mount") else None
        self.mounted = done is not None and done.returncode == 0

    def fill(self) -> None:
        """Fill it to the last byte by a file of another program."""
        with (self.path / "filler").open("ab", buffering=0) as filler:
            for size in (2**16, 2**9, 1):
                try:
                    while True:
                        filler.write(b"\0" * size)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def free(self) -> None:
        """Remove that file."""
        (self.path / "filler").unlink(missing_ok=True)

    def end(self) -> None:
        """Unmount it."""
        if self.mounted:
            subprocess.run(["umount", "--lazy", str(self.path)], check=False)
            self.mounted = False


class Clock:
    """The wall clock of a server's processes; `why_not` says why it can't be moved here, or is empty.

    libfaketime would do the same, but its 0.9.10 (Debian 12) breaks Python 3.11's `time.sleep`.
    """

    def __init__(self, work: Path) -> None:
        self._file = work / "clock"
        self._file.write_bytes((0).to_bytes(8, sys.byteorder))
        self.variables: dict[str, str] = {}
        self.why_not = ""
        self.offset = 0
        library, source = work / "clock.so", Path(__file__).with_name("clock.c")
        if (compiler := shutil.which("cc")) is None:
            self.why_not = "no C compiler (cc) found"
            return
        command = [compiler, "-O2", "-fPIC", "-shared", "-o", str(library), str(source), "-ldl"]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            self.why_not = f"cc failed: {done.stderr.strip()[-200:]}"
            return
        self.variables = {"LD_PRELOAD": str(library), "BENCH_CLOCK": str(self._file)}

    def jump(self, seconds: int) -> None:
        """Set the clock to so many seconds from the true time."""
        with self._file.open("r+b") as file:
            file.write(seconds.to_bytes(8, sys.byteorder, signed=True))
        self.offset = seconds


def _serve(port: int) -> None:
    from moto.server import ThreadedMotoServer

    def begun() -> ThreadedMotoServer:
        server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
        server.start()
        return server

    server: ThreadedMotoServer | None = begun()
    for line in sys.stdin:
        if line.strip() == "stop" and server is not None:
            server.stop()
            server = None
        elif line.strip() == "start" and server is None:
            server = begun()


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
