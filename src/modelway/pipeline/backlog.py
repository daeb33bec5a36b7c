"""What of an environment's prediction log is not in its store yet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelway.errors import UsageError
from modelway.records.deploy import LogBacklog
from modelway.records.environment import LocalOptions

if TYPE_CHECKING:
    from modelway.deploy.target import Place

_SECONDS = 5.0
_RECORDS, _BYTES = "modelway_log_undelivered_records", "modelway_log_undelivered_bytes"
_OLDEST, _DROPPED = "modelway_log_oldest_seconds", "modelway_log_dropped_records_total"


def read_backlog(place: Place, url: str | None) -> LogBacklog:
    """What the spools on this machine hold, and what a running server reports; what can't be found out is absent.

    Args:
        place: the environment's.
        url: where its servers answer; None where that is not known.
    """
    local = isinstance(place.options.target, LocalOptions)
    spool = _spooled(Path(place.serve.log.spool)) if local else {}
    return LogBacklog.model_validate({**spool, **(_reported(url) if url else {})})


def _spooled(root: Path) -> dict[str, Any]:
    from modelway.serve.log.left import count_left

    try:
        records, size = count_left(root)
    except OSError:
        return {}
    return {"spool_records": records, "spool_bytes": size}


def _reported(url: str) -> dict[str, Any]:
    """The sums over a server's processes, as `/metrics` gives them; of several replicas one answers."""
    from prometheus_client.parser import text_string_to_metric_families

    from modelway.deploy.smoke.asking import Asker
    from modelway.serve.log.counts import PREDICTIONS

    try:
        reply = Asker(url, _SECONDS).ask("GET", "/metrics", None)
        families = text_string_to_metric_families(reply.body.decode() if reply.status == 200 else "")
        samples = [sample for family in families for sample in family.samples]
    except (UsageError, ValueError):
        return {}
    single = {sample.name: sample.value for sample in samples if sample.labels == {"stream": PREDICTIONS}}
    single |= {sample.name: sample.value for sample in samples if not sample.labels}
    if _RECORDS not in single:
        return {}
    return {
        "records": int(single[_RECORDS]),
        "bytes": int(single.get(_BYTES, 0)),
        "oldest_seconds": single.get(_OLDEST, 0.0),
        "dropped": {
            sample.labels["reason"]: int(sample.value)
            for sample in samples
            if sample.name == _DROPPED and sample.labels["stream"] == PREDICTIONS
        },
    }
