"""What every estimator of the room takes and gives."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelway.errors import SettingsError
from modelway.records.data import Task
from modelway.records.fit import Epoch

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Problem:
    """What is to be learned.

    Attributes:
        classes: how many there are; 0 for regression.
        threads: how many a library may use that gives the same bits on any number; None for all.
    """

    task: Task
    classes: int
    seed: int
    threads: int | None = None

    @property
    def loss(self) -> str:
        """The name of the loss that is made small, and that validation watches."""
        return "log_loss" if self.task is Task.CLASSIFICATION else "squared_error"


@dataclass(frozen=True)
class Sample:
    """Rows to learn from or to validate with.

    Attributes:
        matrix: shape (rows, features).
        target: shape (rows,); class numbers (int64) or the transformed target (float64).
    """

    matrix: NDArray[np.float32]
    target: NDArray[Any]


class DivergedError(SettingsError):
    """The loss is not finite any more."""

    def __init__(self) -> None:
        super().__init__(
            "the loss became infinite while training",
            where="fit.estimator.learning_rate",
            remedy="Choose a smaller learning rate.",
        )


class Watch:
    """Follows the losses epoch by epoch, and says when to stop.

    Args:
        patience: how many epochs without a better validation loss are endured; None for any number.
        on_epoch: told each epoch (from 1) with its validation loss; what it raises ends the training.
    """

    def __init__(self, patience: int | None, on_epoch: Callable[[int, float | None], None]) -> None:
        self.history: list[Epoch] = []
        self.best_epoch: int | None = None
        self.best_loss = math.inf
        self._patience = patience
        self._on_epoch = on_epoch

    def tell(self, epoch: int, train_loss: float | None, validation_loss: float | None) -> bool:
        """Note the losses after an epoch; True when training has to stop.

        Raises:
            DivergedError: a loss is not finite.
        """
        known = [loss for loss in (train_loss, validation_loss) if loss is not None]
        if not all(math.isfinite(loss) for loss in known):
            raise DivergedError
        if known:
            self.history.append(Epoch(epoch=epoch, train_loss=train_loss, validation_loss=validation_loss))
        if validation_loss is not None and validation_loss < self.best_loss:
            self.best_epoch, self.best_loss = epoch, validation_loss
        self._on_epoch(epoch, validation_loss)
        return self._patience is not None and self.best_epoch is not None and epoch - self.best_epoch >= self._patience
