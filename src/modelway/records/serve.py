"""Options of `serve`, and the schema of what a server writes: the prediction log and its statistics."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from modelway.records.base import Record
from modelway.records.data import S3Options

_Positive = Annotated[int, Field(ge=1)]
_Seconds = Annotated[float, Field(gt=0)]
_Fraction = Annotated[float, Field(ge=0, le=1)]


class InputOptions(Record):
    """What a request may hold."""

    extra: Literal["refuse", "ignore"] = "refuse"
    """What happens to columns that the model does not know."""
    nan: Literal["missing", "refuse"] = "missing"
    """Whether NaN stands for a missing value or is refused; JSON has none, but many clients write it."""
    max_bytes: _Positive = 10_000_000
    """The largest body; 413 beyond."""
    max_rows: _Positive = 100_000
    """The most rows of one request; 413 beyond."""
    max_values: _Positive = 1_000_000
    """The most values of one request, empty lines of CSV included; 413 beyond."""
    max_faults: _Positive = 20
    """How many faults of a request are named."""


class RoutingOptions(Record):
    """What decides which model answers a request."""

    header: str | None = "x-routing-key"
    """The header that holds the routing key (a customer's number, say)."""
    column: str | None = None
    """The column that holds it where the header is absent; of several rows the first one's. Without a key at all each
    request is routed by itself."""
    flags: str | None = None
    """The flag document: a path or `s3://` address; the environment's flags alone when absent."""
    poll_seconds: _Seconds = 0.5
    """How often the document is looked at."""


class ShadowOptions(Record):
    """How the challenger sees requests that the champion answers."""

    queue: _Positive = 256
    """Requests that wait for it at the most; beyond, they are dropped and counted."""
    cpu: Annotated[float, Field(gt=0, le=1)] = 0.5
    """The share of one core that each worker's shadow may take."""


class LogOptions(Record):
    """The prediction log: compressed JSON lines, by date and hour."""

    enabled: bool = True
    """Whether predictions are logged."""
    uri: str = ".modelway/log"
    """A directory or `s3://bucket/prefix`; relative to the settings file."""
    columns: tuple[str, ...] | None = None
    """The columns that are logged; all when absent."""
    hashed: tuple[str, ...] = ()
    """Of these columns a hash is logged in the place of the value."""
    sample: _Fraction = 1.0
    """The share of requests that is logged, with this probability in each record; failed ones always are."""
    flush_seconds: _Seconds = 1.0
    """How long a record stays in memory at the most: what a killed process may lose."""
    segment_seconds: _Seconds = 10.0
    """How long a segment grows before it goes to the log, and how long the statistics' buckets are."""
    queue_bytes: _Positive = 32_000_000
    """Memory for records that are not yet flushed; beyond, they are dropped and counted."""
    spool: str = ".modelway/spool"
    """The local directory where segments wait for a log that is away."""
    spool_bytes: _Positive = 256_000_000
    """Its size at the most; beyond, the oldest segments are dropped and their records counted."""
    keep_days: Annotated[float, Field(ge=1)] | None = None
    """Servers remove hours of the log that are older, once an hour; nothing is removed when absent, or while a
    challenger answers a part of the requests."""


class WorkerOptions(Record):
    """The processes that answer."""

    count: _Positive | None = None
    """How many. If absent, one per core, by the CPU quota and the affinity of the process, but no more than its memory
    holds: each needs its share of the model, and `upload_bytes` and `log.queue_bytes` at worst."""
    queue: _Positive = 256
    """Requests in one worker at the most; 429 beyond."""
    upload_bytes: _Positive = 256_000_000
    """Memory of one worker for large bodies that are being received or answered, at least twice `input.max_bytes`.
    Beyond, the upload that has grown least recently is given up (408), or the new one refused (429)."""
    connections: _Positive = 2048
    """Open connections of one worker at most. Beyond, the connection whose client has been silent longest is closed for
    a new one."""
    client_connections: _Positive | None = None
    """Open connections of one client's address in one worker at most (IPv6: of one /64); 429 beyond. No limit when
    absent: behind a balancer all clients share an address."""
    proxies: tuple[str, ...] = ()
    """Addresses and networks (`10.0.0.0/8`) of balancers, whose connections `client_connections` does not count."""
    head_seconds: _Seconds = 10.0
    """How long a request's head may take to arrive; the connection is closed after that."""
    body_seconds: _Seconds = 30.0
    """How long a request's body may take to arrive (408 beyond), and how long a client may read nothing of a
    response."""
    keep_alive_seconds: _Seconds = 75.0
    """How long an idle connection is kept."""
    notice_seconds: Annotated[float, Field(ge=0)] = 1.0
    """How long a server that was told to end goes on answering, while it says that it is not ready."""
    drain_seconds: _Seconds = 20.0
    """How long it then waits for requests under way."""
    hang_seconds: _Seconds = 6.0
    """How long a worker may do nothing at all before it is replaced."""

    @field_validator("proxies")
    @classmethod
    def _are_networks(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            ip_network(proxy, strict=False)
        return proxies


class ServeOptions(Record):
    """The `serve` section of the settings: how a bundle is served."""

    input: InputOptions = InputOptions()
    """What a request may hold."""
    routing: RoutingOptions = RoutingOptions()
    """What decides which model answers."""
    shadow: ShadowOptions = ShadowOptions()
    """How the challenger sees what the champion answers."""
    log: LogOptions = LogOptions()
    """The prediction log."""
    workers: WorkerOptions = WorkerOptions()
    """The processes that answer."""
    require_signature: bool = False
    """Whether a bundle without a valid signature is refused, by serve, batch and deploy alike."""
    public_key: str | None = None
    """The public key that signatures are verified with: the path of its file (PEM), relative to the settings file, or
    the PEM text itself."""
    rollout_page: str | None = None
    """The file that `GET /rollout` answers with, relative to the settings file; a local environment has its own."""
    access_log: Literal["none", "failures", "all"] = "failures"
    """Which requests get a line in the server's own log; a failure is a status of 429 or from 500 on."""
    s3: S3Options = S3Options()
    """Where `s3://` addresses lead."""

    @model_validator(mode="after")
    def _logs_what_it_hashes(self) -> ServeOptions:
        columns = self.log.columns
        if columns is not None and (lost := sorted(set(self.log.hashed) - set(columns))):
            raise ValueError(f"log.hashed names {lost[0]!r}, which is not in log.columns")
        return self


SMOKE_HEADER = "x-modelway-smoke"
"""The header with the token that proves that a request comes from a smoke test."""
SMOKE_TOKEN, SMOKE_DIGEST = "MODELWAY_SMOKE_TOKEN", "MODELWAY_SMOKE_TOKEN_SHA256"
"""Environment variables: the token (a secret), and its SHA-256 (not a secret), which is all that a server needs."""

HUNG_UP = 499
"""The status logged if the client disconnected, as in nginx. No response is sent with it."""

Value = float | int | bool | str | None


class PredictionRecord(Record):
    """One line of the prediction log: one row of a request, or a request that failed.

    Lies in `predictions/date=YYYY-MM-DD/hour=HH/NAME.jsonl.gz` below the log's address.
    """

    id: str
    """The prediction's id: the response's `x-prediction-id`, with `-N` behind it for row N of several."""
    request: str
    """The request's id."""
    row: int
    """The row's number in its request, from 0."""
    rows: int
    """How many rows the request has; 0 where it never came to them."""
    time: str
    """When the request came, ISO 8601, UTC."""
    key: str | None
    """A hash of the routing key; absent where the request had none."""
    variant: str
    """champion or challenger."""
    version: str
    """The version that answered."""
    epoch: str
    """The shares by which the request was routed; `pinned` where it named its version itself."""
    status: int
    """The response's HTTP status; 499 if the client disconnected before the request or the response was complete. If
    `rows` is above 0, the model had answered by then."""
    latency_ms: float
    """From the request's last byte to the response's, in milliseconds."""
    probability: float
    """The probability with which a request like this one is logged."""
    features: dict[str, Value] | None
    """The row's columns as far as they are logged; dates as ISO 8601."""
    prediction: str | float | None
    """The class or the value."""
    probabilities: dict[str, float] | None
    """By class; absent for regression."""
    shadow_version: str | None
    """The version that saw the request besides."""
    shadow_prediction: str | float | None
    """What it would have answered; absent where it saw nothing, was dropped or failed."""
    shadow_probabilities: dict[str, float] | None
    """Its probabilities."""
    smoke: bool = False
    """Whether a smoke test sent the request and proved it by its token. Monitoring and rollouts ignore these rows."""


LATENCY_BOUNDS_MS = (0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0, 10000.0)
"""Upper bounds of the latency histogram, in milliseconds; one more bucket holds what is beyond."""


class StatisticsRecord(Record):
    """One line of the statistics: all requests of one process to one version in one bucket, sampled or not.

    Lies in `statistics/date=YYYY-MM-DD/hour=HH/NAME.jsonl.gz` below the log's address. Buckets are multiples of
    `serve.log.segment_seconds` since 1970, and a request counts in that of the moment when it came. One that is
    answered after its bucket was written makes a line of its own: lines add up. While the flags may use a challenger, a
    process that had no requests in a bucket writes a line of none. Refused requests (4xx) count by the version that
    their route led to.
    """

    replica: str
    """The process that counted."""
    start: str
    """When the bucket began, ISO 8601, UTC."""
    seconds: float
    """How long it is."""
    variant: str
    """champion or challenger."""
    version: str
    """The version that the requests were routed to."""
    epoch: str
    """The shares by which they were routed."""
    requests: int
    """All requests, without smoke tests."""
    refused: int
    """Those that ended with 4xx."""
    errors: int
    """Those that ended with 5xx."""
    rows: int
    """Rows that were predicted."""
    latency: tuple[int, ...]
    """Requests by `LATENCY_BOUNDS_MS`, and beyond; without requests that never arrived completely."""
    latency_sum_ms: float
    """The sum of their latencies."""
    shadowed: int
    """Requests that the challenger saw besides."""
    shadow_dropped: int
    """Requests that it should have seen, and did not."""
    log_dropped: int
    """Records of the prediction log that the process has lost since it began: dropped for lack of room, or failed."""
    number: int | None = None
    """The line's number among those of its process, from 0, by which a copy is told; absent in old logs."""
    last: bool = False
    """Whether the process ends with this line, which counts no request."""
    hung_up: int = 0
    """Requests whose client disconnected; counted as neither refused nor errors."""
    smoke: int = 0
    """Requests of smoke tests, which no other field counts."""
