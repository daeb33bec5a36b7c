"""Print in one line whether a real API server is found, and what is skipped without: `make kube-check`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from real_cluster.servers import PROGRAMS, reason_to_skip

if __name__ == "__main__":
    reason = reason_to_skip()
    found = f"{reason}: tests on a real cluster are skipped" if reason else f"{', '.join(PROGRAMS)}: nothing is skipped"
    sys.stdout.write(f"{found}\n")
