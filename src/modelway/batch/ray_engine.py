"""Units scored by a Ray cluster: Ray Data hands them out, and the code of a partition is the one that runs locally.

Ray tries again what a node took with it when it died. That a part is then made twice does no harm: it has the same
bytes both times, and is put in place as a whole.
"""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from modelway.atomic import scratch_directory
from modelway.batch.local_engine import ONE_THREAD, as_error
from modelway.errors import ModelwayError, OutsideError, UsageError
from modelway.records.batch import PartitionSetup, PartRecord, Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from modelway.records.batch import BatchOptions

_ATTEMPTS = 4
"""How often what is left is handed out, where nodes that die leave Ray without an answer."""


def run_on_ray(
    setup: PartitionSetup,
    units: Iterator[Unit],
    bundle: Path,
    options: BatchOptions,
    done: Callable[[PartRecord], None],
) -> None:
    """Score units on a cluster; input and output have to be where all nodes see them, as on S3.

    Args:
        setup: what is scored, by what, and where it goes.
        units: all of them are asked for before the first is scored.
        bundle: its directory; every node gets a copy, and verifies it.
        options: the cluster's address, and how many actors score.
        done: told of each part.

    Raises:
        UsageError: Ray is not installed.
        InputError, OutsideError: as an actor says; or the cluster fails.
    """
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise UsageError("--engine ray needs Ray", remedy="pip install 'modelway[ray]'") from error
    waiting = {unit.number: {"unit": unit.to_json()} for unit in units}
    began = not ray.is_initialized()
    try:
        if began and waiting:
            _join(ray, options.ray_address)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                _hand_out(ray, setup, waiting, bundle, options, done)
            except ray.exceptions.RayError as error:
                if attempt == _ATTEMPTS:
                    raise OutsideError(
                        f"Ray failed: {str(error).splitlines()[0]}",
                        where=options.ray_address,
                        remedy="Start the run again with the same --run: it goes on.",
                    ) from error
            else:
                return
    finally:
        if began:
            ray.shutdown()


def _hand_out(
    ray: Any,
    setup: PartitionSetup,
    waiting: dict[int, dict[str, str]],
    bundle: Path,
    options: BatchOptions,
    done: Callable[[PartRecord], None],
) -> None:
    """Score what waits, and take from it what is done; raises Ray's error where something is left."""
    if not waiting:
        return
    for row in _scored(ray, setup, list(waiting.values()), bundle, options):
        if row["error"]:
            raise _error_of(row)
        record = PartRecord.from_json(row["record"])
        # A part that was made twice, as its node died before it told, is told once.
        if waiting.pop(record.unit.number, None) is not None:
            done(record)


def _join(ray: Any, address: str | None) -> None:
    try:
        ray.init(address=address, log_to_driver=False, configure_logging=False, ignore_reinit_error=True)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise OutsideError(
            f"the Ray cluster can't be reached: {error}", where=address, remedy="Check --ray-address."
        ) from error


def _scored(
    ray: Any, setup: PartitionSetup, waiting: list[dict[str, str]], bundle: Path, options: BatchOptions
) -> Iterator[dict[str, Any]]:
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    cores = int(ray.cluster_resources().get("CPU", 1))
    actors = max(1, min(options.workers or cores, cores, len(waiting)))
    rows = ray.data.from_items(waiting, override_num_blocks=len(waiting)).map(
        Scorer,
        fn_constructor_args=(setup.to_json(), ray.put(_packed(bundle))),
        concurrency=(1, actors),
        num_cpus=1,
        runtime_env={"env_vars": dict(ONE_THREAD)},
    )
    yield from rows.iter_rows()


class Scorer:
    """What each actor of the cluster is: the bundle, loaded and verified, and the code of a partition.

    Args:
        setup: the `PartitionSetup`, as JSON.
        bundle: a reference to the bundle's files.
    """

    def __init__(self, setup: str, bundle: Any) -> None:
        import ray

        from modelway.batch.partition import Partition
        from modelway.bundle import open_bundle

        given = PartitionSetup.from_json(setup)
        # Ray may end the process at any moment; then the next one of this machine removes the directory.
        self._kept = ExitStack()  # closed with this object
        self._folder = self._kept.enter_context(scratch_directory())
        _unpack(ray.get(bundle) if isinstance(bundle, ray.ObjectRef) else bundle, self._folder)
        opened = open_bundle(self._folder, given.trust, digest=given.plan.bundle_digest)
        os.environ.update(ONE_THREAD)
        self._partition = Partition(given, opened)

    def __call__(self, row: dict[str, str]) -> dict[str, Any]:
        """Score one unit; an error that the user can meet goes back as a value, so that Ray does not try it again."""
        try:
            record = self._partition.run(Unit.from_json(row["unit"]))
        except ModelwayError as error:
            told = {"what": error.what, "where": error.where or "", "remedy": error.remedy or ""}
            return {"record": "", "error": error.exit_code, **told}
        return {"record": record.to_json(), "error": 0, "what": "", "where": "", "remedy": ""}

    def __del__(self) -> None:
        """Remove the copy of the bundle."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _error_of(row: dict[str, Any]) -> ModelwayError:
    told = {"exit_code": row["error"], "what": row["what"], "where": row["where"], "remedy": row["remedy"]}
    return as_error({key: value or None for key, value in told.items()})


def _packed(bundle: Path) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path in sorted(bundle.rglob("*")):
            if path.is_file():
                tar.add(path, path.relative_to(bundle).as_posix())
    return archive.getvalue()


def _unpack(content: bytes, folder: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        tar.extractall(folder, filter="data")
