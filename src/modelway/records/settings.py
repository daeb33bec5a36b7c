"""The whole settings tree; `settings.py` reads it from a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, model_validator

from modelway.records.audit import AuditOptions
from modelway.records.base import Record
from modelway.records.batch import BatchOptions
from modelway.records.changed import ChangedOptions
from modelway.records.check_code import CheckCodeOptions
from modelway.records.check_data import CheckDataOptions
from modelway.records.data import PrepareOptions, Task
from modelway.records.environment import EnvironmentOptions
from modelway.records.evaluate import EvaluateOptions, metric_names
from modelway.records.fit import FitOptions
from modelway.records.monitor import MonitorOptions
from modelway.records.package import PackageOptions
from modelway.records.register import RegisterOptions
from modelway.records.rollout import RolloutOptions
from modelway.records.serve import ServeOptions
from modelway.records.smoke_train import SmokeTrainOptions
from modelway.records.testing import TestOptions
from modelway.records.trust import Trust, join_names, locate_key

if TYPE_CHECKING:
    from pathlib import Path


class SettingsSlice(Record):
    """Some keys of `modelway.yaml`: what a stage in a container gets, so that a change elsewhere re-runs nothing."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=100)]
    """The model's name in the registry: letters, digits, hyphens, underscores."""
    prepare: PrepareOptions | None = None
    """What the data set is and how it is split."""
    fit: FitOptions = FitOptions()
    """How the model is made."""
    evaluate: EvaluateOptions = EvaluateOptions()
    """What is measured and what must hold."""
    register_: Annotated[RegisterOptions, Field(alias="register")] = RegisterOptions()
    """Where models are registered."""
    package: PackageOptions = PackageOptions()
    """How a registered version becomes a bundle."""
    check_code: CheckCodeOptions = CheckCodeOptions()
    """Which tools look at the code."""
    check_data: CheckDataOptions = CheckDataOptions()
    """What a data set must be like, beyond `prepare.columns`."""
    test: TestOptions = TestOptions()
    """How the tests are run."""
    audit: AuditOptions = AuditOptions()
    """What is audited, and which exceptions hold."""
    smoke_train: SmokeTrainOptions = SmokeTrainOptions()
    """How small a training must do."""
    serve: ServeOptions = ServeOptions()
    """How a bundle is served."""
    monitor: MonitorOptions = MonitorOptions()
    """How the health of a live model is watched."""
    rollout: RolloutOptions = RolloutOptions()
    """How a challenger comes to all of the traffic, or goes back."""
    batch: BatchOptions = BatchOptions()
    """How a data set is scored."""
    changed: ChangedOptions = ChangedOptions()
    """Which files are code, data, settings and documents."""
    environments: dict[str, EnvironmentOptions] = {}
    """Where models are delivered to, by name; `defaults` holds what they have in common."""

    def trust(self, root: Path) -> Trust:
        """Return what may be loaded in this project, by every stage alike.

        A signature is required of all bundles where `serve` or `batch` requires one; where only one of them names the
        key, it is the key of both.

        Args:
            root: the directory of the settings file.
        """
        key = self.serve.public_key or self.batch.public_key or None
        return Trust(
            names=join_names(self.fit.trusted),
            public_key=locate_key(key, root),
            require_signature=self.serve.require_signature or self.batch.require_signature,
        )


class Settings(SettingsSlice):
    """`modelway.yaml`. The top-level keys are the stages; a stage sees its own key alone."""

    prepare: PrepareOptions
    """What the data set is and how it is split."""

    @model_validator(mode="after")
    def _sections_agree(self) -> Settings:
        self._check_columns()
        self._check_metrics()
        self._check_log()
        if self.fit.search.trials and not self.prepare.split.validation:
            raise ValueError("fit.search needs validation rows, but prepare.split.validation is 0")
        if self.fit.target_transform != "none" and self.prepare.task is not Task.REGRESSION:
            raise ValueError("fit.target_transform is for regression")
        return self

    def _check_columns(self) -> None:
        features = self.fit.features
        named = {
            "fit.features.drop": features.drop,
            "fit.features.columns": tuple(features.columns),
            "fit.features.custom": tuple(column for custom in features.custom for column in custom.columns),
            "evaluate.slices": self.evaluate.slices,
            "evaluate.sensitive": self.evaluate.sensitive,
            "monitor.drift.ignore": self.monitor.drift.ignore,
            "monitor.drift.slices": self.monitor.drift.slices or (),
            "monitor.performance.slices": self.monitor.performance.slices,
        }
        for key, columns in named.items():
            for column in columns:
                if column not in self.prepare.columns:
                    raise ValueError(f"{key} names {column!r}, which is not in prepare.columns")
        for key in ("fit.features.columns", "fit.features.custom"):
            if self.prepare.target in named[key]:
                raise ValueError(f"{key} names the target {self.prepare.target!r}, which is no feature")

    def _check_log(self) -> None:
        """What monitoring and a rollout read of the log must not have been removed."""
        kept = self.serve.log.keep_days
        if kept is None:
            return
        deadline = max(step.deadline_hours for step in self.rollout.steps)
        needed = {
            "that monitor.hours reads": self.monitor.hours,
            "that a step of rollout.steps and rollout.watch_hours may last": deadline + self.rollout.watch_hours,
        }
        for what, hours in needed.items():
            if kept * 24 < hours:
                raise ValueError(f"serve.log.keep_days is {kept:g}, less than the {hours:g} hours {what}")

    def _check_metrics(self) -> None:
        known = metric_names(self.prepare.task)
        options = self.evaluate
        named = {
            "evaluate.metrics": options.metrics,
            "evaluate.primary": (options.primary,) if options.primary else (),
            "evaluate.gates.minimum": tuple(options.gates.minimum),
            "evaluate.gates.maximum": tuple(options.gates.maximum),
            "monitor.performance.metric": tuple(filter(None, [self.monitor.performance.metric])),
        }
        for key, metrics in named.items():
            for metric in metrics:
                if metric not in known:
                    raise ValueError(f"{key} names {metric!r}, which is no metric here; known are {', '.join(known)}")
