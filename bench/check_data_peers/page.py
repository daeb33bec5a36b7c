"""The data docs of what check-data has found.

python bench/check_data_peers/page.py data_checks.json
"""

from __future__ import annotations

import sys
from pathlib import Path

from modelway.records.data_docs import DataChecks
from modelway.report.data_docs import render_data_docs

if __name__ == "__main__":
    given = Path(sys.argv[1])
    page = render_data_docs(DataChecks.from_json(given.read_bytes()))
    given.with_suffix(".html").write_text(page, encoding="utf-8")
