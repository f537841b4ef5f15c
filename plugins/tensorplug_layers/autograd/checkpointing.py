"""Checkpointing: trade compute for memory by running a part of the forward pass again in the backward one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorplug_dispatcher.context import CONTEXT
from tensorplug_dispatcher.errors import AutogradError
from tensorplug_dispatcher.steps import Restoring, in_context
from tensorplug_dispatcher.tensor import TensorBase

from .function import Function
from .modes import enable_grad

_random_state: dict[str, Any] = {}


def set_random_state_functions(get: Callable[[], Any], set: Callable[[Any], None]) -> None:
    """How the frontend's random stream is saved and restored, so that a second run draws the same numbers."""
    _random_state.update(get=get, set=set)


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """``function(*args, **kwargs)`` that keeps only its inputs, and is run again when its gradient is wanted.

    Parameters that ``function`` uses get their gradients too. Source: torch.utils.checkpoint.checkpoint.
    """
    run = _Run(function, kwargs, preserve_rng_state)
    anchor = _anchor(args)
    if anchor is None:
        return function(*args, **kwargs)
    return _Checkpoint.apply(run, anchor, *args)


def _anchor(args: tuple[Any, ...]) -> Any:
    """A tensor that requires a gradient, so that the call is recorded even
    if only parameters inside need one.
    """
    from tensorplug_dispatcher.dtypes import float32
    from tensorplug_dispatcher.ops import F

    if not CONTEXT.get().grad_enabled:
        return None
    made = F.fill((), 0, float32, device=next((a.device for a in args if isinstance(a, TensorBase)), None))
    made.requires_grad = True
    return made


class _Run:
    def __init__(self, function: Callable[..., Any], kwargs: dict[str, Any], keep_random: bool) -> None:
        self.function = function
        self.kwargs = kwargs
        self.state = _random_state["get"]() if keep_random and _random_state else None
        self.context = CONTEXT.get()

    def again(self, args: tuple[Any, ...]) -> Any:
        """Once more, with the layers (such as autocast) that were switched on the first time."""
        here = CONTEXT.get()
        with in_context(here.replace(included=self.context.included, extra=self.context.extra)):
            if self.state is None:
                return self.function(*args, **self.kwargs)
            with _drawing_from(self.state):
                return self.function(*args, **self.kwargs)


class _drawing_from(Restoring):
    """A block whose random numbers come from another state of the stream."""

    def __init__(self, state: Any) -> None:
        self.state = state

    def _before(self) -> Any:
        return _random_state["get"]()

    def _apply(self, before: Any) -> None:
        _random_state["set"](self.state)

    def _restore(self, before: Any) -> None:
        _random_state["set"](before)


class _Checkpoint(Function):
    @staticmethod
    def forward(ctx: Any, run: _Run, anchor: Any, *args: Any) -> Any:
        ctx.run = run
        ctx.plain = [None if isinstance(a, TensorBase) else a for a in args]
        ctx.save_for_backward(*[a for a in args if isinstance(a, TensorBase)])
        ctx.set_materialize_grads(False)
        return run.function(*args, **run.kwargs)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        saved = list(ctx.saved_tensors)
        originals = iter(saved)
        args = []
        slots = ctx.slots[2:]
        for is_tensor, value in zip(slots, ctx.plain, strict=True):
            if not is_tensor:
                args.append(value)
                continue
            tensor = next(originals)
            fresh = tensor.detach()
            if tensor.requires_grad:
                fresh.requires_grad = True
            args.append(fresh)
        with enable_grad():
            outputs = ctx.run.again(tuple(args))
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        pairs = [
            (o, g)
            for o, g in zip([o for o in outputs if isinstance(o, TensorBase)], grads, strict=True)
            if g is not None and o.requires_grad
        ]
        if not pairs:
            raise AutogradError(
                "none of output has requires_grad=True, this checkpoint() is not necessary; "
                "nothing in the checkpointed function requires a gradient"
            )
        from .engine import backward

        backward([o for o, _ in pairs], [g for _, g in pairs])
        return (None, None, *[a.grad if isinstance(a, TensorBase) else None for a in args])
