"""The lines of the prediction log and of its statistics."""

from __future__ import annotations

from modelway.records.documented import described_schema
from modelway.records.serve import LATENCY_BOUNDS_MS, PredictionRecord, StatisticsRecord
from tools.reference.markdown import page
from tools.reference.schema import Sections

MADE_OF = "src/modelway/records/serve.py"
ABOUT = (
    "Both are JSON Lines, compressed with gzip, below the log's address (`serve.log.uri`, `environments.NAME.log`). "
    "`modelway log compact`, and `modelway monitor` before it reads, replace the segments of an hour that is over by "
    "Parquet files in the hour's folder `compacted/`: a row for each line, with the line itself (`_line`), the name of "
    "its segment (`_segment`), and its fields as columns where they have one type throughout the file."
)


def log_page() -> str:
    """The page."""
    texts = []
    for heading, kind in (("Predictions", PredictionRecord), ("Statistics", StatisticsRecord)):
        schema = described_schema(kind)
        sections = Sections(schema)
        sections.describe(heading, schema, "", 2)
        texts += sections.texts
    bounds = ", ".join(f"{bound:g}" for bound in LATENCY_BOUNDS_MS)
    return page("The prediction log", MADE_OF, ABOUT, *texts, f"`LATENCY_BOUNDS_MS`, in milliseconds: {bounds}.")
