"""What models are measured by, and what servers and watches tell Prometheus."""

from __future__ import annotations

import ast
import inspect
import math
import re

from modelway.evaluate.metrics import METRICS, Metric
from modelway.report import prometheus
from modelway.serve.exposition import expose
from modelway.serve.log import Counts
from modelway.serve.metrics import Metrics
from tools.reference.markdown import code, page, table

MADE_OF = "src/modelway/evaluate/metrics.py, src/modelway/serve/exposition.py, src/modelway/report/prometheus.py"


def metrics_page() -> str:
    """The page."""
    head = ("metric", "range", "better", "needs probabilities", "what it is")
    models = [
        f"## {problem.value.capitalize()}\n\n{table(head, map(_row, metrics.values()))}"
        for problem, metrics in METRICS.items()
    ]
    return page(
        "Metrics",
        MADE_OF,
        "Each comes with a bootstrap confidence interval. The first of a table is what comparisons use where"
        " `evaluate.primary` names none.",
        *models,
        f"## Prometheus: a server's `/metrics`\n\n{table(('name', 'type', ''), _served())}",
        f"## Prometheus: `metrics.prom` of `modelway monitor`\n\n{table(('name', ''), _watched())}",
    )


def _row(metric: Metric) -> tuple[str, ...]:
    low = "(-∞" if math.isinf(metric.low) else f"[{metric.low:g}"
    high = "∞)" if math.isinf(metric.high) else f"{metric.high:g}]"
    better = "higher" if metric.higher_is_better else "lower"
    return code(metric.name), f"{low}, {high}", better, "yes" if metric.needs_probability else "", metric.meaning


def _served() -> list[tuple[str, str, str]]:
    text = expose(Metrics().counts({}, Counts().tree())).decode()
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    return [(code(name), kinds[name], words) for name, words in re.findall(r"^# HELP (\S+) (.*)$", text, re.MULTILINE)]


def _watched() -> list[tuple[str, str]]:
    """The gauges are made with a report's numbers; their names and words stand in the source."""
    calls = [
        node.args
        for node in ast.walk(ast.parse(inspect.getsource(prometheus)))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Gauge"
    ]
    return [(code(_words(name)), _words(words)) for name, words, *_ in calls]


def _words(text: ast.expr) -> str:
    return str(ast.literal_eval(ast.unparse(text).removeprefix("f"))).replace("{part}", "PART")
