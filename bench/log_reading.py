"""Reading a day of many small segments: `modelway monitor` before and after compaction, and a rollout's tick.

python bench/log_reading.py [--hours 24] [--replicas 10] [--records 10] [--bucket-hours 2] [--folder DIR]

The log is written by `log_set.py`. The bucket is on moto's server on loopback, in a process of its own that fills it.
From there a whole day is read once it is compacted, and only some hours of segments: the server takes milliseconds for
each.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from log_set import EPOCH, SEGMENT_SECONDS, LogSet
from measure import Run, run
from records import at_most, below, record

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve()
NAME = "log-reading"
FOLDER = Path(tempfile.gettempdir()) / "modelway-log"
RAW_HOURS = 2
"""Hours that a log always has as segments: the present one, and the one that has just ended."""
KEYS = {"AWS_ACCESS_KEY_ID": "someone", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_EC2_METADATA_DISABLED": "true"}


class Bench:
    """One run of all parts.

    Args:
        spec: the log; its last hour is over for so long that all of it may be compacted.
        bucket_hours: hours of segments that are read from the bucket.
    """

    def __init__(self, spec: LogSet, bucket_hours: int) -> None:
        self._spec = spec
        self._bucket_hours = bucket_hours
        self._work = spec.folder / "work"
        self.lines: list[str] = []

    def run(self) -> None:
        """Measure, and keep what was measured."""
        shutil.rmtree(self._spec.folder, ignore_errors=True)
        self._spec.write()
        self._work.mkdir()
        (self._work / "raw.yaml").write_text("name: log\nmonitor: {compact: false}\n")
        log = str(self._spec.folder / "log")
        bucket_hours = self._spec.folder / "some"
        for stream in ("predictions", "statistics"):
            for number in range(self._bucket_hours):
                hour = self._spec.since + timedelta(hours=number)
                part = f"{stream}/date={hour:%Y-%m-%d}/hour={hour:%H}"
                shutil.copytree(f"{log}/{part}", bucket_hours / part)
        segments = f"{self._spec.segments:,} segments, disk"
        self._tell(segments, "monitor, segments only", self._monitor(log, "raw.yaml"))
        recent = (self._spec.until - timedelta(hours=RAW_HOURS)).isoformat()
        self._tell(segments, "log compact", self._compact(log, recent))
        self._tell(segments, "rollout's tick", self._tick(log), below(2.0))
        self._compact(log, self._spec.until.isoformat())
        self._tell(segments, "monitor, compacted", self._monitor(log), at_most(60.0), at_most(1000.0))
        with _bucket(self._spec.folder / "log", bucket_hours) as endpoint:
            settings = (
                f"name: log\nmonitor:\n  s3: {{endpoint_url: '{endpoint}', region: us-east-1, path_style: true}}\n"
            )
            (self._work / "modelway.yaml").write_text(settings)
            about = f"{self._spec.segments:,} segments, bucket"
            self._tell(about, "monitor, compacted", self._monitor("s3://whole/log"), at_most(60.0), at_most(1000.0))
            self._tell(about, "monitor, compacted, again", self._monitor("s3://whole/log"))
            some = f"{self._spec.segments * self._bucket_hours // self._spec.hours:,} segments, bucket"
            self._tell(some, "rollout's first tick", self._tick("s3://some/log", endpoint, self._bucket_hours))
            self._tell(
                some, "rollout's next tick", self._tick("s3://some/log", endpoint, self._bucket_hours), below(2.0)
            )
            self._tell(some, "log compact", self._compact("s3://some/log", self._spec.until.isoformat()))

    def _tell(self, case: str, what: str, done: Run, seconds: Any = None, memory: Any = None) -> None:
        record(NAME, f"{what}: seconds", done.seconds, "s", case=case, aim=seconds)
        record(NAME, f"{what}: CPU", done.cpu_seconds, "s", case=case)
        record(NAME, f"{what}: peak memory", done.peak_mib, "MiB", case=case, aim=memory)
        load = os.getloadavg()[0]
        cells = f"{done.seconds:.1f} s | {done.cpu_seconds:.1f} s | {done.peak_mib:.0f} MiB | {load:.1f}"
        self.lines.append(f"| {case} | {what} | {cells} |")
        print(self.lines[-1], file=sys.stderr, flush=True)

    def _monitor(self, log: str, settings: str | None = None) -> Run:
        flags = ["--config", settings] if settings else []
        given = {"--predictions": log, "--baseline": self._spec.folder / "baseline.json",
                 "--ground-truth": self._spec.folder / "labels.csv", "--output-dir": "reports",
                 "--since": self._spec.since.isoformat(), "--until": self._spec.until.isoformat()}  # fmt: skip
        return self._modelway(*flags, "monitor", *[str(word) for pair in given.items() for word in pair])

    def _compact(self, log: str, until: str) -> Run:
        since = self._spec.since.isoformat()
        return self._modelway("log", "compact", "--uri", log, "--since", since, "--until", until)

    def _modelway(self, *words: str) -> Run:
        return run([sys.executable, "-m", "modelway", *words], self._work, environment=KEYS)

    def _tick(self, log: str, endpoint: str = "", hours: int | None = None) -> Run:
        end = self._spec.until if hours is None else self._spec.since + timedelta(hours=hours)
        words = [sys.executable, str(HERE), "--tick", log, str(end.timestamp()), endpoint, str(self._spec.replicas)]
        return run(words, self._work, environment=KEYS)


@contextmanager
def _bucket(whole: Path, some: Path) -> Iterator[str]:
    """Run moto's server, with a bucket of each folder, in a process of its own, and give its address."""
    words = [sys.executable, str(HERE), "--bucket", str(whole), str(some)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def serve_bucket(whole: Path, some: Path) -> None:
    """Fill the buckets, say where they are, and answer until the process is ended."""
    import logging

    from moto.s3.models import s3_backends
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    backend = s3_backends["123456789012"]["aws"]
    for name, folder in (("whole", whole), ("some", some)):
        backend.create_bucket(name, "us-east-1")
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix in {".gz", ".parquet"}:
                backend.put_object(name, f"log/{path.relative_to(folder).as_posix()}", path.read_bytes())
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    print(f"http://{host}:{port}", flush=True)
    while True:
        time.sleep(60)


def tick(log: str, end: float, endpoint: str, replicas: int) -> None:
    """Read what a rollout does a quarter of an hour after its last tick; all intervals have to be complete."""
    from modelway.observe.key_ledger import KeyLedger
    from modelway.observe.rollout_log import RolloutWindow, read_intervals
    from modelway.observe.score_buckets import ScoreBuckets
    from modelway.records.data import S3Options, Task
    from modelway.records.progress import silent
    from modelway.records.rollout import RolloutOptions

    options = RolloutOptions()
    window = RolloutWindow(end - 900, end, EPOCH, 1, 0.5, shadow=False)
    buckets = ScoreBuckets(Task.CLASSIFICATION, ("no", "yes"), tuple(at / 20 for at in range(1, 20)), {})
    s3 = S3Options(endpoint_url=endpoint, region="us-east-1", path_style=True) if endpoint else S3Options()
    found = read_intervals(
        log, window, KeyLedger(), buckets, options, float(SEGMENT_SECONDS), s3, Path("cache"), silent
    )
    told = [(one.requests, sum(report.requests for report in one.reports), len(one.reports)) for one in found.intervals]
    if not told or any(one != other or seen != replicas or not one for one, other, seen in told):
        raise RuntimeError(f"the intervals are not complete: {json.dumps(told)}")


def measure(spec: LogSet | None = None, bucket_hours: int = 2) -> str:
    """Run all parts and give the lines of the results."""
    until = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    spec = replace(spec, until=until) if spec is not None else LogSet(FOLDER, until)
    bench = Bench(spec, bucket_hours)
    bench.run()
    shutil.rmtree(spec.folder, ignore_errors=True)
    about = (
        f"A day of {spec.replicas} replicas, a segment of each stream every {SEGMENT_SECONDS} s, {spec.records} "
        "records of eight features in each. Every line is a process of its own, from start to end; the load is that of "
        "the machine."
    )
    head = ["| log | | by the clock | CPU | peak memory | load |", "|---|---|---|---|---|---|"]
    aims = "Aims: a compacted day in 60 s and 1,000 MiB, from disk and bucket; a tick below 2 s."
    return "\n".join([about, "`python bench/log_reading.py` repeats this part.", "", *head, *bench.lines, "", aims])


def main() -> None:
    """Measure and print; or be one of the processes that this takes."""
    if sys.argv[1:2] == ["--bucket"]:
        serve_bucket(*map(Path, sys.argv[2:4]))
    if sys.argv[1:2] == ["--tick"]:
        tick(sys.argv[2], float(sys.argv[3]), sys.argv[4], int(sys.argv[5]))
        return
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--replicas", type=int, default=10)
    parser.add_argument("--records", type=int, default=10)
    parser.add_argument("--bucket-hours", type=int, default=2, help="hours of segments that are read from the bucket")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    args = parser.parse_args()
    spec = LogSet(args.folder, datetime.now(UTC), args.hours, args.replicas, args.records)
    print(measure(spec, args.bucket_hours))


if __name__ == "__main__":
    main()
