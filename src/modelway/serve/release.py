"""The bundles of a release, loaded and ready to answer."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelway.bundle import open_bundle
from modelway.bundle.layout import BASELINE, SERVING_EXAMPLE
from modelway.errors import InputError
from modelway.parsing import parse_json
from modelway.records.data import Task
from modelway.serve.metrics import SCORE_BOUNDS
from modelway.serve.refusals import RefusedError
from modelway.serve.scoring import read_json
from modelway.serve.validation import Validator

if TYPE_CHECKING:
    from modelway.bundle import Bundle
    from modelway.records.bundle import Signature
    from modelway.records.evaluate import Scores
    from modelway.records.serve import ServeOptions
    from modelway.records.trust import Trust
    from modelway.serve.validation import Question

_SCORE_BUCKETS = 20


@dataclass(frozen=True)
class ReleasePaths:
    """Where the bundles of a release lie.

    Attributes:
        champion: the champion's directory.
        challengers: the others', in the order they were named.
    """

    champion: str
    challengers: tuple[str, ...] = ()


class ServedModel:
    """One bundle with all that answering needs, made once.

    Attributes:
        seconds: how long it took for a small request, when it last answered one.

    Args:
        bundle: the loaded bundle.
        directory: where it lies.
        options: how it is served.
    """

    def __init__(self, bundle: Bundle, directory: Path, options: ServeOptions) -> None:
        self.seconds = 0.0
        self.bundle = bundle
        self.directory = str(directory)
        self.name: str = bundle.info.name
        self.version = str(bundle.info.version)
        self.task = bundle.signature.task
        self.classes: tuple[str, ...] = bundle.signature.classes
        self.validator = Validator(bundle.signature, options.input)
        self.score_bounds = _score_bounds(self.task, bundle)
        self.example = _read_json(bundle, SERVING_EXAMPLE)

    @property
    def signature(self) -> Signature:
        """The bundle's signature."""
        return self.bundle.signature

    @property
    def other_names(self) -> tuple[str, ...]:
        """What the version goes by besides its number."""
        info = self.bundle.info
        names = (info.commit, info.run_id, info.model_digest, self.bundle.digest)
        return tuple(name for name in names if name)

    def score(self, question: Question) -> Scores:
        """Score a request's rows; raises `InputError` where a row can't be, and anything where the model fails."""
        return self.bundle.predict(question.columns, question.rows)


class Release:
    """What a server serves: a champion and its challengers, by version.

    Raises:
        InputError: two bundles have one version, or are of different models.
    """

    def __init__(self, champion: ServedModel, challengers: tuple[ServedModel, ...], paths: ReleasePaths) -> None:
        self.champion = champion
        self.paths = paths
        self.models = {champion.version: champion}
        for model in challengers:
            if model.version in self.models:
                raise InputError(
                    f"two bundles of the release have the version {model.version}",
                    where=model.name,
                    remedy="Name each version once.",
                )
            if model.name != champion.name:
                raise InputError(
                    f"the challenger is a bundle of {model.name!r}, the champion one of {champion.name!r}",
                    remedy="Serve versions of one model.",
                )
            self.models[model.version] = model
        self.challengers = {model.version: model.other_names for model in challengers}


def load_release(paths: ReleasePaths, options: ServeOptions, trust: Trust) -> Release:
    """Verify and load all bundles of a release, and let each answer once.

    Raises:
        InputError: a bundle is missing, does not verify, needs what is not trusted, or gives no answer to its own
            example.
    """
    models = [load_model(path, options, trust) for path in (paths.champion, *paths.challengers)]
    return Release(models[0], tuple(models[1:]), paths)


def load_model(path: str, options: ServeOptions, trust: Trust) -> ServedModel:
    """Verify and load one bundle, and let it answer once; raises as `load_release`."""
    bundle = open_bundle(Path(path), trust)
    model = ServedModel(bundle, Path(path), options)
    if model.example is not None:
        _answer_once(model, path)
    return model


def _answer_once(model: ServedModel, path: str) -> None:
    """The bundle's own example: what can't be answered is found now, and the first caller does not wait for caches."""
    try:
        question = read_json(json.dumps(model.example).encode(), model.validator)
        model.score(question)
        started = time.perf_counter()
        model.score(question)
        model.seconds = time.perf_counter() - started
    except (RefusedError, InputError) as error:
        raise InputError(
            f"the model does not answer its own example: {error}",
            where=path,
            remedy="Package the version again, or look at `serve.input`.",
        ) from error


def _score_bounds(task: Task, bundle: Bundle) -> tuple[float, ...]:
    """The positive class's probability by tenths; of a regression, the spread of the held-out predictions."""
    baseline = _read_json(bundle, BASELINE)
    if task is Task.CLASSIFICATION or baseline is None:
        return SCORE_BOUNDS
    edges = baseline["predictions"]["edges"]
    return tuple(sorted(set(edges[:: max(1, len(edges) // _SCORE_BUCKETS)])))


def _read_json(bundle: Bundle, name: str) -> dict[str, Any] | None:
    """Return what a file holds that a bundle may lack."""
    try:
        found: dict[str, Any] = parse_json(bundle.files[name])
    except (KeyError, ValueError):
        return None
    return found
