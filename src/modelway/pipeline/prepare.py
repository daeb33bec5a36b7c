"""The `prepare` stage: a data set in, its checked and split parts out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.artifacts import check_replaceable, digest_of, write_artifact
from modelway.data import Prepared, prepare_data, save_prepared
from modelway.records.progress import Progress, silent

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.records.data import Dataset, PrepareOptions

KIND = "prepared"


def prepare(options: PrepareOptions, root: Path, output: Path, progress: Progress = silent) -> Prepared:
    """Read, check and split a data set into an artifact directory.

    Args:
        options: the settings' `prepare` section.
        root: the directory of the settings file; relative addresses begin there.
        output: where the artifact directory goes.
        progress: told after each file.
    """
    check_replaceable(output)
    prepared = prepare_data(options, root, cache_of(root), progress)
    with write_artifact(output, KIND, {"data": data_digest(prepared.dataset)}) as directory:
        save_prepared(prepared, directory)
    return prepared


def data_digest(dataset: Dataset) -> str:
    """The digest that names the files a data set was read from."""
    return digest_of(dataset.source)


def dataset_digest(dataset: Dataset) -> str:
    """The digest that names a prepared data set: its files, and how they were read and split."""
    return digest_of({"dataset": dataset.to_json()})


def cache_of(root: Path) -> Path:
    """Where downloaded data sets are kept."""
    return root / ".modelway" / "cache" / "data"
