"""The hyperparameter search, which goes on from where an earlier one was interrupted."""

from __future__ import annotations

import math
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

from optuna.trial import TrialState

from modelway.atomic import scratch_directory
from modelway.errors import SettingsError
from modelway.records.fit import Search, Trial
from modelway.train.space import decode, search_space, with_params
from modelway.train.study import fail_unfinished, finished_trials, open_study, run_trial, study_errors
from modelway.train.workers import Job, run_in_workers

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    import optuna

    from modelway.records.fit import EstimatorOptions, FitOptions
    from modelway.records.progress import Progress
    from modelway.train.problem import Problem, Sample
    from modelway.train.space import Space


def search(
    options: FitOptions,
    problem: Problem,
    train: Sample,
    validation: Sample,
    address: str | None,
    name: str,
    progress: Progress,
) -> tuple[EstimatorOptions, Search]:
    """Try settings of the estimator until the number of trials or the time is up.

    Trials that an earlier search of the same name finished count; those it left unfinished do not.

    Returns:
        The options of the trial with the least validation loss, and what was tried.

    Raises:
        SettingsError: the space does not fit the estimator, or no trial came to an end.
        OutsideError: the study's database can't be used, or a worker died.
    """
    space = search_space(options)
    with _shared_place(options, address) as folder, study_errors(address):
        address = f"sqlite:///{folder}/study.db" if folder else address
        study = open_study(options, address, name)
        fail_unfinished(study)
        try:
            _run_trials(
                study, space, Job(options, problem, address, name, _deadline(options)), train, validation, progress
            )
        finally:
            fail_unfinished(study)
        return _result(study, options, space)


def _shared_place(options: FitOptions, address: str | None) -> AbstractContextManager[Path | None]:
    """A folder for the study where several processes need one and the settings keep none."""
    return scratch_directory() if address is None and options.search.workers > 1 else nullcontext()


def _deadline(options: FitOptions) -> float:
    """The time on the monotonic clock from which on no trial begins."""
    return math.inf if options.search.timeout is None else time.monotonic() + options.search.timeout


def _run_trials(
    study: optuna.Study, space: Space, job: Job, train: Sample, validation: Sample, progress: Progress
) -> None:
    wanted = job.options.search.trials
    if (done := _tell(study, wanted, progress)) >= wanted:
        return
    if job.options.search.workers > 1:
        for _ in run_in_workers(job, wanted - done, train, validation):
            _tell(study, wanted, progress)
        return
    while done < wanted and time.monotonic() < job.deadline:
        run_trial(study, job.options, space, job.problem, train, validation)
        done = _tell(study, wanted, progress)


def _tell(study: optuna.Study, wanted: int, progress: Progress) -> int:
    trials = finished_trials(study)
    losses = [trial.value for trial in trials if trial.state is TrialState.COMPLETE and trial.value is not None]
    progress("search", min(len(trials), wanted), wanted, f"best loss {min(losses):.6g}" if losses else "")
    return len(trials)


def _result(study: optuna.Study, options: FitOptions, space: Space) -> tuple[EstimatorOptions, Search]:
    """Trials are numbered anew without the unfinished ones, so that an interruption leaves no trace."""
    tried = finished_trials(study)[: options.search.trials]
    trials = []
    for number, trial in enumerate(tried):
        complete = trial.state is TrialState.COMPLETE
        params = {name: decode(space[name], value) for name, value in trial.params.items() if name in space}
        value = trial.value if complete else None
        trials.append(Trial(number=number, params=params, value=value, state="complete" if complete else "pruned"))
    values = {trial.number: trial.value for trial in trials if trial.value is not None}
    if not values:
        raise SettingsError(
            "no trial of the search came to an end",
            where="fit.search",
            remedy="Allow more trials or time, or narrow the space.",
        )
    best = min(values, key=lambda number: (values[number], number))
    return with_params(options.estimator, trials[best].params), Search(trials=tuple(trials), best=best)
