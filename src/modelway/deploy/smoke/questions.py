"""What an endpoint is asked: data, planned from what it has to serve."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from modelway.deploy.smoke import judging
from modelway.records.data import ColumnType

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modelway.deploy.smoke.asking import Reply
    from modelway.deploy.smoke.expected import Expected
    from modelway.records.bundle import SignatureColumn

_DATATYPES = {ColumnType.INTEGER: "INT64", ColumnType.NUMBER: "FP64", ColumnType.BOOLEAN: "BOOL"}
_TORN = b'{"dataframe_records": [{"'
_LONG = "ä\u0000\u202e😀 " * 200
_NOVEL = "a value that nobody has ever seen"


@dataclass(frozen=True)
class Question:
    """One request, and what its answer has to be.

    Attributes:
        name: what it is about.
        method: HTTP's.
        path: below the endpoint.
        body: JSON, or nothing.
        judge: what is wrong with an answer; None where nothing is.
    """

    name: str
    method: str
    path: str
    body: bytes | None
    judge: Callable[[Reply], str | None]

    def wrong(self, reply: Reply) -> str | None:
        """What is wrong with an answer, whatever JSON it is; None where nothing is."""
        try:
            return self.judge(reply)
        except (TypeError, AttributeError, ValueError, KeyError, OverflowError):
            return "the answer is JSON of another form"


def questions(served: Sequence[Expected], tolerance: float) -> list[Question]:
    """What an endpoint is asked that has to serve these versions, the champion first."""
    champion = served[0]
    versions = [one.version for one in served]
    columns = [column.name for column in champion.signature.columns]
    return [
        *common(),
        Question("metadata", "GET", _model(champion), None, judging.lists(versions, columns)),
        example(champion.example, versions),
        *(_predictions(one, tolerance) for one in served),
        *_awkward(champion),
        _incomplete(champion),
    ]


def common() -> list[Question]:
    """What any server of ours is asked."""
    return [
        Question("health", "GET", "/health", None, judging.status(200)),
        Question("ready", "GET", "/v2/health/ready", None, judging.says("ready", wanted=True)),
        Question("malformed request", "POST", "/predict", _TORN, judging.refuses(None)),
    ]


def example(body: dict[str, Any], versions: Sequence[str]) -> Question:
    """The input example, answered by one of these versions, whichever the flags choose."""
    return Question("input example", "POST", "/predict", _json(body), judging.answers(1, versions))


def _predictions(expected: Expected, tolerance: float) -> Question:
    # Named by its version, so that neither flags nor the statistics of a rollout have to do with it.
    body = _infer(expected, expected.columns, expected.rows)
    name = f"predictions of version {expected.version}"
    return Question(name, "POST", f"{_model(expected, named=True)}/infer", body, judging.agrees(expected, tolerance))


def _awkward(expected: Expected) -> list[Question]:
    """Rows that are allowed and seldom."""
    columns, row = expected.signature.columns, expected.row(0)
    rows = {
        "missing values": row | {column.name: None for column in columns if column.nullable},
        "least values": row | {column.name: _bound(column, column.min) for column in columns if column.min is not None},
        "greatest values": row
        | {column.name: _bound(column, column.max) for column in columns if column.max is not None},
        "unseen categories": row
        | {one.name: _NOVEL for one in columns if one.type is ColumnType.CATEGORY and not one.refuse_unseen},
        "strange text": row | {column.name: _LONG for column in columns if column.type is ColumnType.TEXT},
    }
    path = f"{_model(expected, named=True)}/infer"
    asked = [
        Question(f"row with {name}", "POST", path, _infer(expected, _single(one), 1), judging.infers(expected, 1))
        for name, one in rows.items()
        if one != row
    ]
    many = {name: values * 10 for name, values in expected.columns.items()}
    count = expected.rows * 10
    return [
        *asked,
        Question(f"{count} rows", "POST", path, _infer(expected, many, count), judging.infers(expected, count)),
    ]


def _incomplete(expected: Expected) -> Question:
    """A row that lacks a column that has to be there."""
    needed = next((one.name for one in expected.signature.columns if not one.nullable), None)
    row = {name: value for name, value in expected.row(0).items() if name != needed}
    if needed is None:
        row["no_such_column"], needed = 1, "no_such_column"
    body = _infer(expected, _single(row), 1)
    path = f"{_model(expected, named=True)}/infer"
    return Question("row without a column", "POST", path, body, judging.refuses(needed))


def _model(expected: Expected, *, named: bool = False) -> str:
    path = f"/v2/models/{quote(expected.name, safe='')}"
    return f"{path}/versions/{expected.version}" if named else path


def _infer(expected: Expected, columns: dict[str, list[Any]], rows: int) -> bytes:
    types = {column.name: column.type for column in expected.signature.columns}
    inputs = [
        {
            "name": name,
            "shape": [rows],
            "datatype": _DATATYPES.get(types.get(name, ColumnType.TEXT), "BYTES"),
            "data": data,
        }
        for name, data in columns.items()
    ]
    return _json({"inputs": inputs})


def _single(row: dict[str, Any]) -> dict[str, list[Any]]:
    return {name: [value] for name, value in row.items()}


def _bound(column: SignatureColumn, value: float | None) -> Any:
    return int(value) if column.type is ColumnType.INTEGER and value is not None else value


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()
