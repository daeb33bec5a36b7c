"""A trained model asked over MLflow's own scoring protocol, without a server."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from modelway.atomic import scratch_directory
from modelway.errors import InputError
from modelway.registry.candidate import read_candidate
from modelway.registry.packaging import DATA, write_mlflow_model
from modelway.registry.session import settled

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.registry.candidate import Candidate

REQUEST = "serving_input_example.json"


def answer_example(directory: Path) -> str:
    """Pack a trained model as it would be registered, and ask it the request that is its input example.

    MLflow's own code reads the package, parses the JSON, applies the signature and writes the answer, all as
    `mlflow models serve` does with a request of type `application/json`.

    Args:
        directory: what the `evaluate` stage wrote.

    Returns:
        The answer: JSON with one object in `predictions`.

    Raises:
        InputError: the directory lacks a file, the package can't be loaded, or the answer is a refusal.
    """
    candidate = read_candidate(directory)
    with settled(), scratch_directory() as work:
        package = work
        write_mlflow_model(candidate, package)
        shutil.copytree(candidate.model, package / DATA)
        status, answer = _ask(_load(package, candidate), (package / REQUEST).read_text(encoding="utf-8"))
    if status != 200:
        raise InputError(f"the input example was answered with status {status}: {answer}", where=REQUEST)
    return answer


def _load(package: Path, candidate: Candidate) -> Any:
    import mlflow.pyfunc

    try:
        return mlflow.pyfunc.load_model(str(package))
    except Exception as error:
        what = f"MLflow can't load the model: {type(error).__name__}: {error}"
        raise InputError(what, where=str(candidate.model)) from error


def _ask(model: Any, request: str) -> tuple[int, str]:
    """Status and text of the answer."""
    from mlflow.exceptions import MlflowException
    from mlflow.pyfunc import scoring_server

    answer: Any = scoring_server.invocations
    try:
        response = answer(request, scoring_server.CONTENT_TYPE_JSON, model, model.metadata.get_input_schema())
    except MlflowException as error:
        return 400, error.message
    return response.status, response.response
