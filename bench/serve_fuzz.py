"""Schemathesis against a server's own /openapi.json, and malformed bodies: `python bench/serve_fuzz.py [SECONDS]`."""

from __future__ import annotations

import http.client
import json
import random
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from environments import environment
from records import at_most, record
from servers import OURS, ROOT, SERVERS, Running, running

from serve import make_bundle

sys.path.insert(0, str(ROOT / "tests" / "serve"))
from malformed import damaged

SECONDS = 120
BODIES = 10_000
_MEMORY_FROM = 2_000
"""Bodies after which memory is taken for the first time: caches and pools are filled then."""
_CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_headers_conformance,response_schema_conformance"
)


def measure(seconds: int = SECONDS) -> str:
    """Run both and give the lines of the results; what Schemathesis found goes to stderr."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        bodies = make_bundle(work)
        with running(SERVERS[OURS], work, bodies[0]) as server:
            schema = _schemathesis(server, work, seconds)
            malformed = _malformed(server, work)
    return f"{schema}\n\n{malformed}"


def _schemathesis(server: Running, work: Path, seconds: int) -> str:
    tool = environment(("schemathesis==4.32.5",)).parent / "schemathesis"
    url = f"http://127.0.0.1:{server.port}/openapi.json"
    done = subprocess.run(
        [str(tool), "run", url, "--checks", _CHECKS, "--max-time", str(seconds), "--no-color"],
        cwd=work, capture_output=True, text=True, check=False,
    )  # fmt: skip
    print(done.stdout, done.stderr, file=sys.stderr)
    said = [line.strip() for line in done.stdout.splitlines() if "generated" in line][-1:]
    record("serving-fuzzed", "Schemathesis' exit code", done.returncode, case=f"{seconds} s", aim=at_most(0))
    verdict = "no failure" if done.returncode == 0 else f"exit code {done.returncode}"
    return f"Schemathesis 4.32.5, {seconds} s, {_CHECKS.replace(',', ', ')}: {verdict}. {' '.join(said)}"


def _malformed(server: Running, work: Path) -> str:
    source = random.Random(7)
    example = json.loads((work / "bundle" / "serving_input_example.json").read_bytes())["dataframe_split"]
    row = dict(zip(example["columns"], example["data"][0], strict=True))
    whole = json.dumps({"dataframe_records": [row, row]}).encode()
    values = [json.dumps(value).encode() for value in row.values()]
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    statuses: Counter[int] = Counter()
    memory = []
    for number in range(1, BODIES + 1):
        path = source.choice(["/predict", "/invocations", "/v2/models/loans/infer"])
        kind = source.choice(["application/json", "application/json", "text/csv"])
        connection.request("POST", path, damaged(whole, values, source), {"content-type": kind})
        response = connection.getresponse()
        response.read()
        statuses[response.status] += 1
        if number in {_MEMORY_FROM, BODIES}:
            memory.append(server.memory_mib())
    case = f"{BODIES:,} malformed bodies"
    errors = sum(count for status, count in statuses.items() if status >= 500)
    record("serving-fuzzed", "answers of 5xx", errors, case=case, aim=at_most(0))
    for after, held in zip((_MEMORY_FROM, BODIES), memory, strict=True):
        record("serving-fuzzed", "memory of all processes", held, "MiB", case=case, way=f"after {after:,}")
    told = ", ".join(f"{count:,} of {status}" for status, count in sorted(statuses.items()))
    return (
        f"{BODIES:,} malformed bodies to the same server: answers {told}; memory of all processes after "
        f"{_MEMORY_FROM:,} of them {memory[0]:.1f} MiB, at the end {memory[1]:.1f} MiB. Wanted: none of 5xx, no growth."
    )


if __name__ == "__main__":
    print(measure(*(int(number) for number in sys.argv[1:])))
