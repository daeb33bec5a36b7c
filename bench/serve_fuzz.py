"""Schemathesis against a server's own /openapi.json: `python bench/serve_fuzz.py [SECONDS]`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from environments import environment
from servers import OURS, SERVERS, running

from serve import make_bundle

SECONDS = 120
_CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_headers_conformance,response_schema_conformance"
)


def measure(seconds: int = SECONDS) -> str:
    """Run it and give its lines of the results; what it found goes to stderr."""
    tool = environment(("schemathesis==4.32.5",)).parent / "schemathesis"
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        bodies = make_bundle(work)
        with running(SERVERS[OURS], work, bodies[0]) as server:
            url = f"http://127.0.0.1:{server.port}/openapi.json"
            done = subprocess.run(
                [str(tool), "run", url, "--checks", _CHECKS, "--max-time", str(seconds), "--no-color"],
                cwd=work, capture_output=True, text=True, check=False,
            )  # fmt: skip
    print(done.stdout, done.stderr, file=sys.stderr)
    said = [line.strip() for line in done.stdout.splitlines() if "generated" in line or "case" in line][-3:]
    verdict = "no failure" if done.returncode == 0 else f"exit code {done.returncode}"
    return f"Schemathesis 4.32.5, {seconds} s, {_CHECKS.replace(',', ', ')}: {verdict}. {' '.join(said)}"


if __name__ == "__main__":
    print(measure(*(int(number) for number in sys.argv[1:])))
