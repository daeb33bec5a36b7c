"""What validation lets in is in the log, and can be read back: the same extreme values for both."""

from __future__ import annotations

import gzip
import http.client
import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest

from modelway.observe.log_compaction import compact_hours
from modelway.observe.log_hours import LogPlace
from modelway.observe.log_rows import LogRows, features_of
from modelway.observe.rollout_rows import SLICE, RolloutRows, micros
from modelway.observe.score_buckets import ScoreBuckets
from modelway.records.bundle import SignatureColumn
from modelway.records.data import ColumnType, S3Options, Task
from modelway.records.observe import Baseline
from modelway.records.progress import silent
from modelway.records.serve import InputOptions, LogOptions, PredictionRecord
from modelway.serve.answers import Answer
from modelway.serve.metrics import Kept
from modelway.serve.recorder import Recorder, Served
from modelway.serve.refusals import RefusedError
from modelway.serve.scoring import READERS, read_json
from modelway.serve.validation import Validator

from .conftest import ROW, STAND_IN
from .extremes import KEYS, NAMES, REQUEST_IDS, extreme_rows, same_value, to_json

NOW = datetime(2024, 5, 1, 12, 30, tzinfo=UTC)


def _column(name: str, kind: ColumnType, **more) -> SignatureColumn:
    return SignatureColumn(name=name, type=kind, **{"nullable": True, **more})


COLUMNS = (
    _column("whole", ColumnType.INTEGER),
    _column("bounded", ColumnType.INTEGER, nullable=False, min=0.0, max=100.0),
    _column("number", ColumnType.NUMBER),
    _column("amount", ColumnType.NUMBER),
    _column("flag", ColumnType.BOOLEAN),
    _column("city", ColumnType.CATEGORY, values=("Bonn", "Köln")),
    _column("home", ColumnType.CATEGORY, nullable=False, values=("own", "rent"), refuse_unseen=True),
    _column("applied_on", ColumnType.DATE, nullable=False),
    _column("birthday", ColumnType.DATE, format="%d.%m.%Y"),
    _column("stamped", ColumnType.DATE, format="%Y-%m-%dT%H:%M:%S.%f%z"),
    _column("note", ColumnType.TEXT, nullable=False),
)
KINDS = tuple(_column(name, kind) for name, kind in zip(NAMES, list(ColumnType) * 10, strict=False))


class Model:
    """What the recorder asks of a model."""

    version = "3"
    classes = ("no", 'y"es\u2028')

    def __init__(self, columns: tuple[SignatureColumn, ...]) -> None:
        self.signature = self
        self.columns = columns
        self.validator = Validator(self, InputOptions())


class Lines(list):
    """A journal that keeps what it is given."""

    dropped = 0

    def append(self, _stream: str, line: bytes, _moment: float, *, bulk: bool = False) -> bool:
        super().append(line)
        return True

    def wait_for_room(self, _size: int, _seconds: float) -> bool:
        return True


def _recorded(model: Model, question, **options) -> tuple[list[bytes], Kept]:
    lines, kept = Lines(), Kept()
    recorder = Recorder(LogOptions(**options), lines, kept)
    answer = Answer([model.classes[1]] * question.rows, [[0.25, 0.75]] * question.rows)
    served = Served(
        "id", "request", NOW.timestamp(), "k", "champion", "3", "e", 200, 1.0, model, question=question, answer=answer
    )
    recorder.record(served, (model, answer))
    recorder.close()
    return list(lines), kept


def _accepted(model: Model, rows: list[dict]) -> list[tuple[dict, object]]:
    """The rows that validation lets in, each with what it made of it."""
    found = []
    for row in rows:
        try:
            found.append((row, read_json(to_json({"dataframe_records": [row]}), model.validator)))
        except RefusedError:
            continue
    return found


@pytest.mark.parametrize("columns", [COLUMNS, KINDS], ids=["values", "names"])
def test_record_of_every_accepted_row_round_trips(columns, tmp_path) -> None:
    model = Model(columns)
    accepted = _accepted(model, extreme_rows(columns, 1, 900))
    assert len(accepted) > 100
    lines = []
    for row, question in accepted:
        (line,), kept = _recorded(model, question)
        assert (kept.outcomes["logged"], kept.failed_records) == (1, 0)
        features = PredictionRecord.from_json(line).features
        for column in columns:
            assert same_value(row[column.name], features[column.name], column), (column, row[column.name])
        lines.append(line)
    place = _written(tmp_path, lines)
    for compacts in (False, True):
        if compacts:
            assert compact_hours(place, [_HOUR]).left == []
        log = LogRows({one.name: one.type for one in columns}, _baseline(model), _HOUR, _HOUR + timedelta(hours=1))
        table = pa.concat_tables(log.tables(place, "read"))
        assert (log.unreadable, table.num_rows) == ([], len(accepted))
        read = features_of(table, log.kinds)
        for column in columns:
            sent = [question.columns[column.name][0] for _, question in accepted]
            if column.type is ColumnType.DATE:
                assert read[column.name].cast(pa.int64()).to_pylist() == sent
            else:
                floats = [float(value) if type(value) is int else value for value in sent]
                assert read[column.name].to_pylist() == floats


def test_rows_at_the_end_of_a_span_are_of_the_next_one(tmp_path) -> None:
    """Each request is read once by spans that follow each other, to the microsecond."""
    model = Model(COLUMNS)
    record = json.loads(_recorded(model, _accepted(model, extreme_rows(COLUMNS, 1, 900))[0][1])[0][0])
    micro, half = timedelta(microseconds=1), _HOUR + timedelta(minutes=30)
    moments = [_HOUR, half - micro, half, half + micro, _HOUR + timedelta(hours=1) - micro]
    lines = [json.dumps({**record, "time": moment.isoformat()}).encode() for moment in moments]
    place, read = _written(tmp_path, lines), []
    for since in (_HOUR, half):
        log = LogRows({}, _baseline(model), since, since + timedelta(minutes=30))
        read.append(pa.concat_tables(log.tables(place, "read"))["time"].to_pylist())
    assert read == [moments[:2], moments[2:]]


def test_hashed_columns_and_slices_of_every_accepted_row_are_read(tmp_path) -> None:
    model = Model(COLUMNS)
    accepted = _accepted(model, extreme_rows(COLUMNS, 5, 500))
    names = tuple(column.name for column in COLUMNS)
    for hashed in ((), names):
        lines = [line for _, question in accepted for line in _recorded(model, question, hashed=hashed)[0]]
        place = _written(tmp_path / str(len(hashed)), lines)
        buckets = ScoreBuckets(Task.CLASSIFICATION, model.classes, (0.5,), {one.name: one.type for one in COLUMNS})
        for compacts in (False, True):
            if compacts:
                assert compact_hours(place, [_HOUR]).left == []
            rows = RolloutRows(None, buckets, shadow=True, slices=names)
            since, until = micros(_HOUR.timestamp()), micros(_HOUR.timestamp() + 3600)
            table = pa.concat_tables(rows.tables(place, _HOUR, since, until, 0.0))
            assert (rows.unreadable, table.num_rows) == ([], len(accepted))
            assert all(f"{SLICE}{name}" in table.schema.names for name in names)


def test_row_that_can_not_be_written_is_counted_and_costs_no_other(capsys) -> None:
    model = Model(COLUMNS)
    ((_, question),) = _accepted(model, [_PLAIN])
    for rows in (51, 70):  # beyond 64 another thread writes them
        question.rows = rows
        question.columns = {name: values[:1] * rows for name, values in question.columns.items()}
        question.columns["applied_on"][7] = -(2**63)
        lines, kept = _recorded(model, question)
        assert [json.loads(line)["row"] for line in lines] == [row for row in range(rows) if row != 7]
        assert (kept.outcomes["failed"], kept.failed_records) == (1, 1)
        assert sum(kept.outcomes.values()) == 1
        event = json.loads(capsys.readouterr().err)
        assert (event["event"], event["level"], event["row"]) == ("record_failed", "error", 7)


def test_line_of_many_megabytes_makes_no_file_unreadable(tmp_path) -> None:
    model = Model(COLUMNS)
    long = [{**_PLAIN, "note": text} for text in ("x" * 9_000_000, "\x01" * 1_600_000, "short")]
    lines = [line for _, question in _accepted(model, long) for line in _recorded(model, question)[0]]
    log = LogRows({"note": ColumnType.TEXT}, _baseline(model), _HOUR, _HOUR + timedelta(hours=1))
    (table,) = log.tables(_written(tmp_path, lines), "read")
    assert table["features"].to_pylist() == [{"note": row["note"]} for row in long]


def test_integer_of_more_than_64_bits_is_logged_beside_a_missing_number() -> None:
    """With NaN in it, a body is read by Python's decoder, which keeps such integers."""
    model = Model(COLUMNS)
    ((_, question),) = _accepted(model, [{**_PLAIN, "number": 10**300, "amount": float("nan")}])
    (line,), kept = _recorded(model, question)
    assert (json.loads(line)["features"]["number"], kept.outcomes["logged"]) == (1e300, 1)


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-00:01", "0001-W01-1T00:00+00:01"]
)
def test_date_outside_of_the_calendar_in_utc_is_refused(text) -> None:
    with pytest.raises(RefusedError) as refused:
        Model(COLUMNS).validator.check_records([{**_PLAIN, "applied_on": text}])
    (fault,) = refused.value.faults
    assert (fault.field, fault.expected) == ("applied_on", "a date in the years 1 to 9999 in UTC")


def test_server_logs_every_extreme_row_that_it_answers(start, bundle, until) -> None:
    """Alone and together, with hashes, a key in a date's column, and a challenger that sees all of it."""
    server = start(
        "--challenger",
        str(bundle(4)),
        env={"SHADOW_MODEL_ENABLED": "true"},
        log__hashed=["city"],
        routing__column="since",
        routing__header=None,
        shadow__queue=100_000,
    )
    source = random.Random(3)
    columns = [one for one in _stand_in_columns() if one.name != "age"]
    answered: list[tuple[str, list[dict]]] = []
    fine = []
    for row in extreme_rows(columns, 11, 400):
        reply = server.ask("POST", "/predict", to_json({"dataframe_records": [{**row, "age": 60}]}))
        assert reply.status in {200, 400, 422}, (reply, row)
        if reply.status == 200:
            fine.append(row)
            answered.append((reply.headers["x-prediction-id"], [row]))
    assert len(fine) > 100
    short = [row for row in fine if len(to_json(row)) < 50_000]
    for count in (2, 51, 65, 200):
        rows = source.choices(short, k=count)
        reply = server.ask("POST", "/predict", to_json({"dataframe_records": [{**row, "age": 60} for row in rows]}))
        assert reply.status == 200
        answered.append((reply.headers["x-prediction-id"], rows))
    until(lambda: server.metric("modelway_shadow_requests_total") == len(answered))
    until(lambda: server.metric("modelway_request_outcomes_total", outcome="logged") == 400 + 4)
    server.stop()
    lines = {line["id"]: line for line in server.lines()}
    for id_, rows in answered:
        for at, row in enumerate(rows):
            line = lines[id_ if len(rows) == 1 else f"{id_}-{at}"]
            assert line["shadow_prediction"] == "yes"
            assert all(
                same_value(row[one.name], line["features"][one.name], one) for one in columns if one.name != "city"
            )
    assert server.events("record_failed") == server.events("library") == []


def test_server_logs_whatever_keys_and_request_ids_it_is_given(start) -> None:
    server = start()
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    body = to_json({"dataframe_records": [ROW]})
    wanted = 0
    for key in KEYS:
        for id_ in REQUEST_IDS:
            headers = {"x-routing-key": key.encode("latin-1"), "x-request-id": id_.encode("utf-8")}
            connection.request("POST", "/predict", body, {"content-type": "application/json", **headers})
            response = connection.getresponse()
            response.read()
            wanted += response.status == 200
    assert wanted == len(KEYS) * (len(REQUEST_IDS) - 1)  # DEL is no character of a header
    server.stop()
    assert len({PredictionRecord.model_validate(line).id for line in server.lines()}) == wanted


@pytest.mark.parametrize("reader", list(READERS.values()))
def test_body_of_half_surrogate_pairs_is_refused(reader) -> None:
    with pytest.raises(RefusedError) as refused:
        reader(to_json({"dataframe_records": [{**_PLAIN, "note": "\ud800"}]}), Model(COLUMNS).validator)
    assert refused.value.status in {400, 422}


_PLAIN = {
    "whole": 1, "bounded": 1, "number": 1.5, "amount": 2, "flag": True, "city": "Bonn", "home": "own",
    "applied_on": "2024-05-01", "birthday": "01.05.2024", "stamped": "2024-05-01T00:00:00.0+00:00", "note": "",
}  # fmt: skip


_HOUR = NOW.replace(minute=0)


def _written(root: Path, lines: list[bytes]) -> LogPlace:
    """A prediction log with one segment."""
    folder = root / "log" / "predictions" / f"date={_HOUR:%Y-%m-%d}" / f"hour={_HOUR:%H}"
    folder.mkdir(parents=True)
    (folder / "segment.jsonl.gz").write_bytes(gzip.compress(b"\n".join(lines) + b"\n", 1))
    return LogPlace(str(root / "log"), S3Options(), root / "cache", silent)


def _stand_in_columns() -> list:
    source = (STAND_IN / "sitecustomize.py").read_text().partition("\n_module =")[0]
    found: dict = {}
    exec(compile(source, "stand_in", "exec"), found)
    return list(found["_columns"]([]))


def _baseline(model: Model) -> Baseline:
    return SimpleNamespace(task=Task.CLASSIFICATION, classes=model.classes)
