"""What is registered: a directory that `evaluate` wrote, read back into records."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from modelway.artifacts import MANIFEST, digest_of, file_digest, list_files
from modelway.errors import InputError
from modelway.records.evaluate import Evaluation
from modelway.records.fit import Fit, ModelInfo
from modelway.records.observe import Baseline

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from modelway.records.base import Record

MODEL = "model"
"""The directory of the model's own files."""

_R = TypeVar("_R", bound="Record")


@dataclass(frozen=True)
class Candidate:
    """A trained and evaluated model.

    Attributes:
        directory: holds `model/`, `metrics.json`, `baseline.json` and whatever is kept besides (reports, plots).
        files_digest: SHA-256 over all files of `model/`, to know them again after a download.
    """

    directory: Path
    evaluation: Evaluation
    baseline: Baseline
    fit: Fit
    info: ModelInfo
    files_digest: str

    @property
    def model(self) -> Path:
        """The model's own files."""
        return self.directory / MODEL

    @property
    def extras(self) -> list[Path]:
        """The files and directories beside the model, sorted."""
        return sorted(
            path
            for path in self.directory.iterdir()
            if path.name not in {MODEL, MANIFEST} and not path.name.startswith(".")
        )

    def kept_digests(self, texts: Mapping[str, str]) -> dict[str, str]:
        """Return the SHA-256 of each file that is kept beside the model, `texts` by name among them."""
        files = {path.name: file_digest(path) for path in self.extras if path.is_file()}
        return files | {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}


def read_candidate(directory: Path) -> Candidate:
    """Read what `evaluate` wrote.

    Raises:
        InputError: a file is missing or not what it should be.
    """
    return Candidate(
        directory=directory,
        evaluation=_read(directory / "metrics.json", Evaluation),
        baseline=_read(directory / "baseline.json", Baseline),
        fit=_read(directory / MODEL / "fit.json", Fit),
        info=_read(directory / MODEL / "model.json", ModelInfo),
        files_digest=files_digest(directory / MODEL),
    )


def files_digest(model: Path) -> str:
    """SHA-256 (hexadecimal) over all files of a model directory but its manifest."""
    return digest_of(list_files(model))


def _read(path: Path, kind: type[_R]) -> _R:
    try:
        return kind.from_json(path.read_bytes())
    except FileNotFoundError:
        raise InputError("the file is missing", where=str(path), remedy="Run `modelway evaluate` again.") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}",
            where=str(path),
            remedy="Run `modelway evaluate` again.",
        ) from error
