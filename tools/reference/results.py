"""The JSON that commands leave for people and machines to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.records.batch import BatchSummary
from modelway.records.checks import PartReport
from modelway.records.ci import CiSummary
from modelway.records.decision import Decision
from modelway.records.documented import described_schema
from modelway.records.drift import DriftReport
from modelway.records.evaluate import Evaluation
from modelway.records.performance import PerformanceReport
from modelway.records.rollout_state import Rollout
from modelway.records.verdict import Verdict
from tools.reference.markdown import code, page, prose
from tools.reference.schema import Sections

if TYPE_CHECKING:
    from modelway.records.base import Record

MADE_OF = "the records in src/modelway/records"
RESULTS: dict[str, type[Record]] = {
    "metrics.json": Evaluation,
    "checks.json": PartReport,
    "summary.json": CiSummary,
    "batch.json": BatchSummary,
    "drift_report.json": DriftReport,
    "performance_report.json": PerformanceReport,
    "decision.json": Decision,
    "rollout.json": Rollout,
}


def results_page() -> str:
    """The page."""
    texts = []
    for name, kind in RESULTS.items():
        schema = described_schema(kind)
        sections = Sections(schema)
        sections.describe(name, schema, name.removesuffix(".json"), 2)
        texts += sections.texts
    verdicts = ", ".join(code(verdict.value) for verdict in Verdict)
    return page("Results", MADE_OF, f"## Verdicts\n\n{verdicts}. {prose(Verdict.__doc__)}", *texts)
