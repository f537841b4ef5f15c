"""Scaling of gradients, so that small ones survive float16 (Micikevicius et al., arXiv:1710.03740)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from enum import Enum

import tensorplug as tp
from tensorplug_dispatcher.errors import DTypeError, GradScalerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tensorplug import Tensor
    from tensorplug.optim import Optimizer


class OptState(Enum):
    """Where an optimizer is since the last ``update``."""

    READY = 0
    UNSCALED = 1
    STEPPED = 2


def _fresh() -> dict[str, Any]:
    return {"stage": OptState.READY, "found_inf_per_device": {}}


class GradScaler:
    """Multiplies losses by a scale that adapts itself, divides gradients by it, and skips a step whose
    gradients are not finite.

    The scale starts as ``init_scale``, becomes ``growth_factor`` times as large after ``growth_interval``
    steps without a gradient that is not finite, and ``backoff_factor`` times after one with. ``device`` is
    where the scale lives (None: the default device). Whether a gradient was not finite is worked out on each
    device; the host asks once a step. ``enabled`` False makes everything here do nothing.
    Source: torch.amp.GradScaler.
    """

    def __init__(
        self,
        device: Any = None,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        self._enabled = enabled
        self._device = tp.get_default_device() if device is None else tp.device(device)
        if enabled:
            if growth_factor <= 1.0:
                raise GradScalerError(f"The growth factor must be > 1.0, but got {growth_factor}")
            if backoff_factor >= 1.0:
                raise GradScalerError(f"The backoff factor must be < 1.0, but got {backoff_factor}")
        self._init_scale = init_scale
        self._scale: Tensor | None = None  # float32 of no dimension, made at the first use
        self._growth_factor = growth_factor
        self._backoff_factor = backoff_factor
        self._growth_interval = growth_interval
        self._growth_tracker = 0
        self._per_optimizer_states: defaultdict[int, dict[str, Any]] = defaultdict(_fresh)

    # -- a step ----------------------------------------------------------------------------------------------

    def scale(self, outputs: Any) -> Any:
        """A tensor, or tensors in an iterable, times the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, tp.Tensor):
            return outputs * self._scale_on(outputs.device)
        if isinstance(outputs, Iterable):
            scaled = map(self.scale, outputs)
            return type(outputs)(scaled) if isinstance(outputs, (list, tuple)) else scaled
        raise GradScalerError(
            "outputs must be a Tensor or an iterable of Tensors, not "
            f"{type(outputs).__name__}; give what backward() is called on"
        )

    def _scale_on(self, device: Any) -> Tensor:
        if self._scale is None:
            self._scale = tp.full((), self._init_scale, dtype=tp.float32, device=self._device)
        # one number of no dimension takes part on any device
        return self._scale if self._scale.device is device else self._scale.to(device)

    def unscale_(self, optimizer: Optimizer) -> None:
        """Divide the gradients of the optimizer's parameters by the scale, in place, say to clip them.

        Raises GradScalerError where that was done already since the last ``update``, DTypeError for float16
        gradients, which cannot hold what they are divided into.
        """
        if not self._enabled:
            return
        state = self._per_optimizer_states[id(optimizer)]
        if state["stage"] is OptState.UNSCALED:
            raise GradScalerError(
                "unscale_() has already been called on this optimizer since the last update()."
            )
        if state["stage"] is OptState.STEPPED:
            raise GradScalerError("unscale_() is being called after step().")
        state["found_inf_per_device"] = self._unscaled(optimizer, "unscale_")
        state["stage"] = OptState.UNSCALED

    def _unscaled(self, optimizer: Optimizer, name: str) -> dict[Any, Tensor]:
        """Divide all gradients; device → float32 of no dimension, not 0 where one was not finite."""
        if self._scale is None:
            raise GradScalerError(_NO_SCALE.format(name))
        found: dict[Any, list[Tensor]] = {}
        factors: dict[Any, Tensor] = {}
        with tp.no_grad():
            for group in optimizer.param_groups:
                for param in group["params"]:
                    grad = param.grad
                    if grad is None:
                        continue
                    if grad.dtype is tp.float16:
                        raise DTypeError(
                            "Attempting to unscale FP16 gradients: keep the parameters in "
                            "float32 and let autocast cast them"
                        )
                    device = grad.device
                    if device not in factors:
                        factors[device] = self._scale_on(device).reciprocal()
                        found[device] = []
                    grad.mul_(factors[device])
                    # a sum over zeros of the gradient's shape is not finite where an element is not
                    found[device].append((grad * 0).sum(dtype=tp.float32))
            return {device: _any_not_finite(sums) for device, sums in found.items()}

    def step(self, optimizer: Optimizer, *args: Any, **kwargs: Any) -> Any:
        """``optimizer.step(*args, **kwargs)``, unless a gradient is not finite; divides them first where
        ``unscale_`` was not called. This is where the host asks the devices.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise GradScalerError("Closure use is not currently supported if GradScaler is enabled.")
        state = self._per_optimizer_states[id(optimizer)]
        if state["stage"] is OptState.STEPPED:
            raise GradScalerError("step() has already been called since the last update().")
        if state["stage"] is OptState.READY:
            self.unscale_(optimizer)
        if not state["found_inf_per_device"]:
            raise GradScalerError("No inf checks were recorded for this optimizer.")
        state["stage"] = OptState.STEPPED
        if any(float(found) for found in state["found_inf_per_device"].values()):
            state["found_inf"] = True
            return None
        state["found_inf"] = False
        return optimizer.step(*args, **kwargs)

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Adapt the scale to what the steps since the last ``update`` met, or set it to ``new_scale``."""
        if not self._enabled:
            return
        if self._scale is None:
            raise GradScalerError(_NO_SCALE.format("update"))
        if new_scale is not None:
            scale, tracker = self._checked_scale(new_scale), self._growth_tracker
        else:
            states = [s for s in self._per_optimizer_states.values() if s["found_inf_per_device"]]
            if not states:
                raise GradScalerError("No inf checks were recorded prior to update.")
            if any(self._found(state) for state in states):
                scale, tracker = self._scale * self._backoff_factor, 0
            elif self._growth_tracker + 1 == self._growth_interval:
                grown = self._scale * self._growth_factor
                # one that would not be finite stays
                scale, tracker = tp.where(tp.isfinite(grown), grown, self._scale), 0
            else:
                scale, tracker = self._scale, self._growth_tracker + 1
        # at once: an update that was broken off half way would be made twice
        vars(self).update(_scale=scale, _growth_tracker=tracker, _per_optimizer_states=defaultdict(_fresh))

    @staticmethod
    def _found(state: dict[str, Any]) -> bool:
        """What ``step`` has asked already; asked now where only ``unscale_`` was called."""
        if "found_inf" not in state:
            state["found_inf"] = any(float(found) for found in state["found_inf_per_device"].values())
        return bool(state["found_inf"])

    def _checked_scale(self, new_scale: float | Tensor) -> Tensor:
        assert self._scale is not None
        if isinstance(new_scale, tp.Tensor):
            if new_scale.numel() != 1 or new_scale.requires_grad or not new_scale.is_floating_point():
                raise GradScalerError(
                    "new_scale should be a float or a 1-element floating-point tensor with "
                    f"requires_grad=False, not {new_scale.dtype} of shape {list(new_scale.shape)}"
                )
            return tp.empty_like(self._scale).copy_(new_scale.reshape(()))
        return tp.full_like(self._scale, new_scale)

    # -- settings and state ----------------------------------------------------------------------------------

    def get_scale(self) -> float:
        """The scale now, 1.0 where scaling is off; the host waits for it."""
        if not self._enabled:
            return 1.0
        return self._init_scale if self._scale is None else float(self._scale)

    def get_growth_factor(self) -> float:
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        self._growth_interval = new_interval

    def is_enabled(self) -> bool:
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """scale, growth_factor, backoff_factor, growth_interval, _growth_tracker; empty where it is off."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._growth_tracker,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what ``state_dict`` gave; raises GradScalerError for one of a scaler that was off."""
        if not self._enabled:
            return
        if not state_dict:
            raise GradScalerError(
                "The source state dict is empty, possibly because it was saved from a "
                "disabled instance of GradScaler."
            )
        self._init_scale = state_dict["scale"]
        if self._scale is not None:
            self._scale.fill_(state_dict["scale"])
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._growth_tracker = state_dict["_growth_tracker"]

    def __getstate__(self) -> dict[str, Any]:
        if self._per_optimizer_states:
            raise GradScalerError(
                "A GradScaler instance may only be pickled at the beginning of an "
                "iteration, or at the end after scaler.update()."
            )
        own = {"_scale": None, "_init_scale": self.get_scale(), "_per_optimizer_states": None}
        return {**self.__dict__, **own}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _per_optimizer_states=defaultdict(_fresh))


_NO_SCALE = (
    "Attempted {} but _scale is None.  This may indicate your script did not use scaler.scale(loss "
    "or outputs) earlier in the iteration."
)


def _any_not_finite(sums: list[Tensor]) -> Tensor:
    """1.0 where one of the sums is not finite, else 0.0."""
    return tp.logical_not(tp.isfinite(tp.stack(sums))).any().float()
