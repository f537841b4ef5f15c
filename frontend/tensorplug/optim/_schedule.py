"""``LRScheduler``, the base of the schedules, and what they share."""

from __future__ import annotations

import tensorplug as tp
from tensorplug_dispatcher.steps import held

from .._owners import SCHEDULERS, known_as
from .optimizer import Optimizer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def warn(message: str) -> None:
    import warnings

    warnings.warn(message, UserWarning, stacklevel=3)


def current(optimizer: Optimizer, key: str = "lr") -> list[Any]:
    return [
        group[key].clone() if isinstance(group[key], tp.Tensor) else group[key]
        for group in optimizer.param_groups
    ]


def set_lr(group: dict[str, Any], value: Any) -> None:
    if isinstance(group["lr"], tp.Tensor):
        group["lr"].fill_(float(value))
    else:
        group["lr"] = value


def each(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """``value`` as a list with one entry a group."""
    count = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * count
    if len(value) != count:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. {name} has "
            f"{len(value)} values, param_groups has {count}."
        )
    return list(value)


@known_as(SCHEDULERS)
class LRScheduler:
    """Sets the learning rate of every group of ``optimizer``;
    call ``step()`` once an epoch, after the optimizer's.

    ``last_epoch`` -1 starts anew (the groups' "lr" becomes "initial_lr"); raises KeyError where a later epoch
    is given and a group has no "initial_lr".
    """

    _get_lr_called_within_step = False
    _is_initial = False
    _last_lr: list[Any]

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        for position, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                rate = group["lr"]
                group.setdefault("initial_lr", rate.clone() if isinstance(rate, tp.Tensor) else rate)
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{position}] when resuming "
                    "scheduler with last_epoch >= 0.\nThis typically happens when:\n1. You're trying to "
                    "resume training from a checkpoint but haven't properly loaded the optimizer state\n2. "
                    "You're using last_epoch >= 0 for a fresh training run (not recommended)"
                )
        self.base_lrs = current(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        with held(self, True, "_is_initial"):
            self.step()

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take what ``state_dict`` gave."""
        self.__dict__.update(state_dict)

    def get_last_lr(self) -> list[Any]:
        """The rates that the last ``step`` set, one a group."""
        return self._last_lr

    def get_lr(self) -> list[Any]:
        """The next rates, one a group; for ``step``."""
        raise NotImplementedError

    def step(self, epoch: int | None = None) -> None:
        """Set the rates of the next epoch (or of ``epoch``, which is deprecated)."""
        if self._step_count == 1 and not self.optimizer._step_called:
            warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. Call them in the "
                "opposite order: `optimizer.step()` before `lr_scheduler.step()`. Failure to do this will "
                "result in skipping the first value of the learning rate schedule."
            )
        self._step_count += 1
        if epoch is not None:
            warn(
                "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where "
                "possible. Please use `scheduler.step()` to step the scheduler."
            )
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        with held(self, True, "_get_lr_called_within_step"):
            if epoch is None:
                self.last_epoch += 1
                values = self.get_lr()
            else:
                self.last_epoch = epoch
                closed = getattr(self, "_get_closed_form_lr", None)
                values = self.get_lr() if closed is None else closed()
        for group, value in zip(self.optimizer.param_groups, values):
            set_lr(group, value)
        self._last_lr = current(self.optimizer)

    def _check_within_step(self) -> None:
        if not self._get_lr_called_within_step:
            warn("To get the last learning rate computed by the scheduler, please use `get_last_lr()`.")

    def _scaled(self, factor: float) -> list[Any]:
        return [group["lr"] * factor for group in self.optimizer.param_groups]


def check_optimizer(optimizer: Any) -> None:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
