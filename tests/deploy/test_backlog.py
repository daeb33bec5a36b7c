"""What `status` tells of a prediction log that is not in its store yet."""

from __future__ import annotations

import gzip
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelway.pipeline.backlog import read_backlog
from modelway.serve.exposition import expose
from modelway.serve.log import Counts
from modelway.serve.log.counts import Reason
from modelway.serve.metrics import Metrics

HOUR = "2024-01-01T10"


@pytest.fixture
def place(make_place: Any, tmp_path: Path) -> Any:
    """A place with two spools of ended processes: 2 + 3 + 4 predictions, a statistics line, and what counts not."""
    found = make_place()
    for number, files in enumerate(
        (
            {"predictions~%s~a.part": b"1\n2\n3", "statistics~%s~a~1.jsonl": b"1\n", ".predictions~%s~b~4.tmp": b"x"},
            {
                "predictions~%s~b~3.jsonl": b"1\n2\n3\n",
                "predictions~%s~c~4.jsonl.gz": gzip.compress(b"1\n2\n3\n4\n"),
                "predictions~%s~c~4.jsonl": b"1\n2\n3\n4\n",
                "predictions~%s~d~9.jsonl.failed": b"1\n",
            },
        )
    ):
        folder = tmp_path / "spool" / str(number)
        folder.mkdir(parents=True)
        for name, content in files.items():
            (folder / (name % HOUR)).write_bytes(content)
    return found


@pytest.fixture
def endpoint() -> Iterator[Any]:
    """A server that answers with whatever is put into it."""

    class Handler(http.server.BaseHTTPRequestHandler):
        answer: tuple[int, bytes] = (200, b"")

        def do_GET(self) -> None:
            self.send_response(Handler.answer[0])
            self.end_headers()
            self.wfile.write(Handler.answer[1])

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Handler.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield Handler
    server.shutdown()
    server.server_close()


def test_backlog_of_spools_counts_each_record_of_predictions_once(place: Any) -> None:
    backlog = read_backlog(place, None)
    assert backlog.spool_records == 2 + 3 + 4
    assert backlog.spool_bytes == len(b"1\n2\n31\n1\n2\n3\n") + len(gzip.compress(b"1\n2\n3\n4\n"))
    assert backlog.records is None
    assert "9 records" in str(backlog)
    assert "not known" in str(backlog)


def test_backlog_of_a_server_is_what_its_metrics_tell(place: Any, endpoint: Any) -> None:
    counts = Counts()
    counts.dropped("predictions", Reason.MEMORY, 7)
    counts.dropped("statistics", Reason.MEMORY, 9)
    gauges = {"log_predictions": 12, "log_statistics": 5, "log_bytes": 3456}
    endpoint.answer = 200, expose(Metrics().counts(gauges, counts.tree(), {"log_oldest_seconds": 5.0}))
    backlog = read_backlog(place, endpoint.url)
    assert (backlog.records, backlog.bytes, backlog.oldest_seconds) == (12, 3456, 5.0)
    assert backlog.dropped is not None
    assert {reason: count for reason, count in backlog.dropped.items() if count} == {"memory_full": 7}
    for words in ("12 records (3456 bytes)", "5 seconds old", "dropped: 7 (memory_full)"):
        assert words in str(backlog)


@pytest.mark.parametrize(
    "answer", [(503, b"ending"), (200, b"<html>a login page</html>"), (200, b"other_metric 1\n"), (200, b"\xff")]
)
def test_backlog_of_what_gives_no_metrics_is_not_known(place: Any, endpoint: Any, answer: Any) -> None:
    endpoint.answer = answer
    assert read_backlog(place, endpoint.url).records is None


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "no url", "ftp://somewhere"])
def test_backlog_of_what_can_not_be_reached_is_not_known(place: Any, url: str) -> None:
    assert read_backlog(place, url).records is None
