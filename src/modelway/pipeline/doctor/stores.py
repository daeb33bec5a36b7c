"""The places where data, predictions, logs and state lie: whether they can be reached, listed and read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelway.errors import ModelwayError, OutsideError, SettingsError
from modelway.pipeline.doctor.findings import failed, not_checked, ok
from modelway.records.data import DataOptions, S3Options
from modelway.storage import is_s3, is_writable, list_files, probe_s3

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelway.pipeline.doctor.scene import Scene
    from modelway.records.doctor import Finding
    from modelway.storage import Probe

MLFLOW_ENDPOINT = "MLFLOW_S3_ENDPOINT_URL"
_CONDITIONAL = ("AmazonS3", "MinIO")
"""What servers call themselves whose documents promise writes on a condition (If-Match, If-None-Match)."""


@dataclass(frozen=True)
class Store:
    """A place.

    Attributes:
        what: what lies there.
        uri: its address; a path is absolute.
        s3: where `s3://` leads.
        data: what is read there; None where modelway writes.
        swaps: whether two writers meet there, so that a write has to hold on a condition.
    """

    what: str
    uri: str
    s3: S3Options
    data: DataOptions | None = None
    swaps: bool = False


def check_stores(scene: Scene) -> Iterator[Finding]:
    """Each place of the settings."""
    for store in stores_of(scene):
        try:
            found = list(_remote(store) if is_s3(store.uri) else _local(store))
        except ModelwayError as error:
            found = [failed(store.what, error)]
        yield from found


def stores_of(scene: Scene) -> Iterator[Store]:
    """The places that the settings name, as the commands find them."""
    settings, root = scene.settings, scene.root
    prepare, monitor, batch = settings.prepare, settings.monitor, settings.batch
    if prepare is not None:
        yield Store("data", _absolute(prepare.data.uri, root), prepare.s3, prepare.data)
        for name, data in prepare.benchmarks.items():
            yield Store(f"benchmark {name}", _absolute(data.uri, root), prepare.s3, data)
    s3 = batch.s3 or (prepare.s3 if prepare is not None else S3Options())
    if batch.input is not None:
        yield Store("batch input", _absolute(batch.input.uri, root), s3, batch.input)
    yield Store("batch output", _absolute(batch.output, root), s3)
    if (labels := monitor.performance.labels) is not None:
        yield Store("labels", _absolute(labels, root), monitor.s3, DataOptions(uri=labels))
    if is_s3(artifacts := _absolute(settings.register_.artifact_location, root)):
        endpoint = scene.secrets.get(MLFLOW_ENDPOINT) or None
        yield Store("artifacts", artifacts, S3Options(endpoint_url=endpoint, path_style=endpoint is not None))
    if scene.environment is None:
        yield Store("prediction log", _absolute(settings.serve.log.uri, root), settings.serve.s3)
        return
    place, state = scene.environment.place, scene.environment.state
    yield Store("state", state.uri, state.s3, swaps=True)
    yield Store("flags", place.flags, place.options.s3, swaps=True)
    yield Store("prediction log", place.log, place.options.s3)


def _absolute(uri: str, root: Path) -> str:
    return uri if "://" in uri else str(root / uri)


def _local(store: Store) -> Iterator[Finding]:
    if store.data is not None:
        options = store.data
        found = list_files(store.uri, include=options.include, exclude=options.exclude)
        yield _readable(store, [one.uri for one in found])
    elif is_writable(store.uri if store.what != "flags" else store.uri.rpartition("/")[0]):
        yield ok(store.what, store.uri)
    else:
        error = OutsideError("may not be written", where=store.uri, remedy="Give us the right to write there.")
        yield failed(store.what, error)


def _readable(store: Store, paths: list[str]) -> Finding:
    for path in paths:
        try:
            with open(path, "rb") as file:  # noqa: PTH123 - a path that may be relative to nothing
                file.read(1)
        except OSError as error:
            away = OutsideError(f"can't be read: {error.strerror}", where=path, remedy="Give us the right to read it.")
            return failed(store.what, away)
    return ok(store.what, f"{store.uri}, {len(paths)} files")


def _remote(store: Store) -> Iterator[Finding]:
    seen = probe_s3(store.uri, store.s3)
    if seen.region and store.s3.region and seen.region != store.s3.region:
        remedy = f"Set s3.region to {seen.region}."
        yield failed(store.what, SettingsError(f"the bucket lies in {seen.region}", where=store.uri, remedy=remedy))
        return
    if store.data is not None:
        options = store.data
        found = list_files(store.uri, s3=store.s3, include=options.include, exclude=options.exclude)
        yield ok(store.what, f"{store.uri}, {len(found)} objects; {_reads(seen)}")
        return
    yield ok(store.what, f"{store.uri} is listed; {_reads(seen)}")
    yield not_checked(f"{store.what}: writing", "whether we may write is seen by the first write alone")
    if store.swaps:
        yield _conditional(store.what, seen)


def _reads(seen: Probe) -> str:
    return f"{seen.read} may be read" if seen.read else "nothing lies there yet that could be read"


def _conditional(what: str, seen: Probe) -> Finding:
    """Locks and flags hold because S3 refuses a write whose condition is not met; not every server does."""
    name = f"{what}: conditional writes"
    known = next((server for server in _CONDITIONAL if seen.server.startswith(server)), None)
    if known:
        return ok(name, f"the server calls itself {known}, which documents them; they were not tried")
    remedy = "See its documents for If-Match and If-None-Match on PUT: without, two deploys at once may cross."
    return not_checked(name, f"the server calls itself {seen.server or 'nothing'}; trying would write", remedy)
