"""The Optuna study: how trials draw their random numbers, run and end.

A trial's random numbers follow from the seed and from how many trials came before it, not from what the process did
earlier. With one worker, a search that was interrupted and resumed therefore tries what it would have tried anyway.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import optuna
from optuna.trial import TrialState

from modelway.errors import OutsideError, SettingsError
from modelway.records.fit import CustomEstimatorOptions
from modelway.train.estimators import train_estimator
from modelway.train.problem import DivergedError
from modelway.train.space import suggest, with_params
from modelway.transport import bound_sqlalchemy
from modelway.waiting import OverdueError, deadline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modelway.records.fit import EstimatorOptions, FitOptions
    from modelway.train.problem import Problem, Sample
    from modelway.train.space import Space

_T = TypeVar("_T")
_KEY = "fit.search.storage"
_REPORTS = 10
"""How often a trial tells its loss for pruning; each time costs a write to the study."""


class _Sampler(optuna.samplers.BaseSampler):
    """Optuna's tree-structured Parzen estimator, seeded anew for each trial."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._tpe = optuna.samplers.TPESampler(seed=seed)

    def before_trial(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        others = study.get_trials(deepcopy=False)
        rank = sum(other.number < trial.number and other.state is not TrialState.FAIL for other in others)
        self._tpe = optuna.samplers.TPESampler(seed=(self._seed + 1_000_003 * rank) % 2**32)
        self._tpe.before_trial(study, trial)

    def infer_relative_search_space(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> dict[str, Any]:
        space: dict[str, Any] = self._tpe.infer_relative_search_space(study, trial)
        return space

    def sample_relative(
        self, study: optuna.Study, trial: optuna.trial.FrozenTrial, search_space: dict[str, Any]
    ) -> dict[str, Any]:
        values: dict[str, Any] = self._tpe.sample_relative(study, trial, search_space)
        return values

    def sample_independent(
        self, study: optuna.Study, trial: optuna.trial.FrozenTrial, param_name: str, param_distribution: Any
    ) -> Any:
        return self._tpe.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: optuna.Study, trial: optuna.trial.FrozenTrial, state: TrialState, values: Any) -> None:
        self._tpe.after_trial(study, trial, state, values)


def open_study(options: FitOptions, address: str | None, name: str) -> optuna.Study:
    """The study of this name, made if need be; in memory without an address."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    pruner = optuna.pruners.MedianPruner() if options.search.pruning else optuna.pruners.NopPruner()
    return optuna.create_study(
        storage=None if address is None else _storage(address),
        study_name=name,
        load_if_exists=True,
        direction="minimize",
        sampler=_Sampler(options.seed),
        pruner=pruner,
    )


def _storage(address: str) -> optuna.storages.RDBStorage:
    # Workers wait for each other's writes; the default of 5 seconds is short on a busy machine.
    if address.startswith("sqlite:"):
        return optuna.storages.RDBStorage(address, engine_kwargs={"connect_args": {"timeout": 60}})
    return _within_deadline(lambda: _DatabaseStorage(address), address)


def _within_deadline(call: Callable[[], _T], address: str) -> _T:
    """Call what asks a database server; it goes on while its statements end in time."""
    bound_sqlalchemy()
    with deadline(_KEY, peer=urlsplit(address).netloc.rpartition("@")[2]) as bound:
        return bound.run(call)


def _bounded(name: str) -> Callable[..., Any]:
    inner = getattr(optuna.storages.RDBStorage, name)

    def method(self: optuna.storages.RDBStorage, *args: Any, **kwargs: Any) -> Any:
        return _within_deadline(lambda: inner(self, *args, **kwargs), str(self.url))

    return method


_DatabaseStorage: type[optuna.storages.RDBStorage] = type(
    "_DatabaseStorage",
    (optuna.storages.RDBStorage,),
    {name: _bounded(name) for name in optuna.storages.BaseStorage.__abstractmethods__},
)
"""A study in a database server, each of whose calls has a deadline."""


@contextmanager
def study_errors(address: str | None) -> Iterator[None]:
    """Turn the database's errors into `SettingsError` and `OutsideError`."""
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

    where = None if address is None else _KEY
    try:
        yield
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise SettingsError(
            f"this is no address of a database that can be reached: {error}",
            where=where,
            remedy="Write it as for SQLAlchemy, such as sqlite:///studies.db, and install the database's driver.",
        ) from error
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise OutsideError(f"the study's database can't be used: {reason}", where=where) from error


def finished_trials(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """The trials that count: complete, or given up by pruning."""
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def fail_unfinished(study: optuna.Study) -> None:
    """Mark what an interrupted process left running; one study is searched by one command at a time."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)


def run_trial(
    study: optuna.Study, options: FitOptions, space: Space, problem: Problem, train: Sample, validation: Sample
) -> None:
    """Run one trial to its end; one whose training diverges counts as pruned."""
    trial = study.ask()
    try:
        estimator = with_params(options.estimator, suggest(trial, space))
        loss = _validation_loss(trial, options, estimator, problem, train, validation)
    except (optuna.TrialPruned, DivergedError):
        study.tell(trial, state=TrialState.PRUNED)
    except OverdueError:
        raise  # the database that does not answer would not take the trial's end either
    except BaseException:
        study.tell(trial, state=TrialState.FAIL)
        raise
    else:
        study.tell(trial, loss)


def _validation_loss(
    trial: optuna.Trial,
    options: FitOptions,
    estimator: EstimatorOptions,
    problem: Problem,
    train: Sample,
    validation: Sample,
) -> float | None:
    every = 1 if isinstance(estimator, CustomEstimatorOptions) else max(1, estimator.epochs // _REPORTS)

    def report(epoch: int, loss: float | None) -> None:
        if options.search.pruning and loss is not None and epoch % every == 0:
            trial.report(loss, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned

    return train_estimator(estimator, problem, train, validation, report).loss
