"""Hooks of modules: handles, the record of a module's hooks, and the calls that run them."""

from __future__ import annotations

from collections import OrderedDict
from itertools import count
from weakref import ref

import tensorplug as tp
from tensorplug_dispatcher.steps import Restoring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_identities = count()


class RemovableHandle(Restoring):
    """What registering a hook returns: ``remove()`` takes the hook out; as a context manager, on leaving."""

    def __init__(self, hooks: OrderedDict[int, Any]) -> None:
        self.id = next(_identities)
        self._hooks = ref(hooks)

    def remove(self) -> None:
        """Remove the hook; calling it again does nothing."""
        hooks = self._hooks()
        if hooks is not None:
            hooks.pop(self.id, None)

    def _restore(self, before: Any) -> None:
        self.remove()


class HookList(OrderedDict):
    """Hooks by the id of their handle, in the order in which they run."""

    def add(self, hook: Any, prepend: bool = False) -> RemovableHandle:
        handle = RemovableHandle(self)
        self[handle.id] = hook
        if prepend:
            self.move_to_end(handle.id, last=False)
        return handle


class CallHooks:
    """The hooks around a module's call. Forward entries are ``(hook, with_kwargs, always_call)``."""

    __slots__ = ("backward", "backward_pre", "forward", "forward_pre")

    def __init__(self) -> None:
        self.forward_pre = HookList()
        self.forward = HookList()
        self.backward_pre = HookList()
        self.backward = HookList()


class StateHooks:
    """The hooks around a module's ``state_dict`` and ``load_state_dict``. Save entries: ``(hook,
    may_replace)``."""

    __slots__ = ("load_post", "load_pre", "save_post", "save_pre")

    def __init__(self) -> None:
        self.save_pre = HookList()
        self.save_post = HookList()
        self.load_pre = HookList()
        self.load_post = HookList()


GLOBAL = CallHooks()
_NONE = CallHooks()


def call_with_hooks(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call ``module.forward`` with the hooks of the module and of all modules, as PyTorch orders them."""
    own: CallHooks = module._call_hooks or _NONE
    always = [entry for entry in (*GLOBAL.forward.values(), *own.forward.values()) if entry[2]]
    done: list[Any] = []
    result = None
    try:
        for hook, with_kwargs, _ in (*GLOBAL.forward_pre.values(), *own.forward_pre.values()):
            if with_kwargs:
                changed = hook(module, args, kwargs)
                if changed is not None:
                    if not (isinstance(changed, tuple) and len(changed) == 2):
                        raise RuntimeError(
                            "forward pre-hook must return None or a tuple of (new_args, "
                            f"new_kwargs), but got {changed}."
                        )
                    args, kwargs = changed
            else:
                changed = hook(module, args)
                if changed is not None:
                    args = changed if isinstance(changed, tuple) else (changed,)
        pre = (*GLOBAL.backward_pre.values(), *own.backward_pre.values())
        post = (*GLOBAL.backward.values(), *own.backward.values())
        backward = BackwardHooks(module, pre, post) if pre or post else None
        if backward is not None:
            args = backward.watch_inputs(args)
        result = module.forward(*args, **kwargs)
        for entry in (*GLOBAL.forward.values(), *own.forward.values()):
            hook, with_kwargs, always_call = entry
            if always_call:
                done.append(entry)
            changed = hook(module, args, kwargs, result) if with_kwargs else hook(module, args, result)
            if changed is not None:
                result = changed
        if backward is not None:
            result = backward.watch_outputs(result)
        return result
    except Exception:
        for entry in always:
            if entry not in done:
                hook, with_kwargs, _ = entry
                changed = hook(module, args, kwargs, result) if with_kwargs else hook(module, args, result)
                if changed is not None:
                    result = changed
        raise


class BackwardHooks:
    """One call's full backward hooks, run by two identity nodes in the graph:
    at the outputs and at the inputs.

    The node at the outputs meets ``grad_output`` first and runs the pre-hooks; the node at the inputs has
    ``grad_input`` and runs the hooks. Where no input needs a gradient, the outputs' node runs them with None.
    """

    def __init__(self, module: Any, pre: tuple[Any, ...], post: tuple[Any, ...]) -> None:
        self.module = module
        self.pre = pre
        self.post = post
        self.grad_outputs: tuple[Any, ...] | None = None
        self.input_count = 0
        self.input_places: list[int] = []
        self.output_count = 0
        self.output_places: list[int] = []
        self.watching_inputs = False

    def watch_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        self.input_count = len(args)
        watched, self.input_places = self._watch(args, self._at_inputs)
        self.watching_inputs = bool(self.input_places)
        return watched

    def watch_outputs(self, result: Any) -> Any:
        if isinstance(result, tp.Tensor):
            outputs: tuple[Any, ...] = (result,)
        elif isinstance(result, tuple):
            outputs = result
        else:
            import warnings

            warnings.warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of "
                f"Tensors but received {type(result)}",
                stacklevel=4,
            )
            return result
        self.output_count = len(outputs)
        watched, self.output_places = self._watch(outputs, self._at_outputs)
        return watched[0] if outputs and not isinstance(result, tuple) else watched

    @staticmethod
    def _watch(values: tuple[Any, ...], on_grads: Callable[..., Any]) -> tuple[tuple[Any, ...], list[int]]:
        places = [i for i, value in enumerate(values) if isinstance(value, tp.Tensor)]
        if not (tp.is_grad_enabled() and any(values[i].requires_grad for i in places)):
            return values, []
        watched = _gradient_tap().apply(on_grads, *(values[i] for i in places))
        if isinstance(watched, tp.Tensor):
            watched = (watched,)
        out = list(values)
        for i, value in zip(places, watched):
            out[i] = value
        return tuple(out), places

    def _at_outputs(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        full = _scatter(grads, self.output_places, self.output_count)
        for hook in self.pre:
            changed = hook(self.module, full)
            if changed is not None:
                full = _checked(changed, full, "Backward pre hook", "grad_output")
        self.grad_outputs = full
        if not self.watching_inputs:
            for hook in self.post:
                if hook(self.module, (None,) * self.input_count, full) is not None:
                    raise RuntimeError(
                        "backward hook for Modules where no input requires gradient should "
                        "always return None or None for all gradients."
                    )
        return tuple(full[i] for i in self.output_places)

    def _at_inputs(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        full = _scatter(grads, self.input_places, self.input_count)
        if self.grad_outputs is None:
            raise RuntimeError(
                "Module backward hook for grad_input is called before the grad_output one. "
                "This happens because the gradient in your nn.Module flows to the Module's input without "
                "passing through the Module's output. Make sure that the output depends on the input and "
                "that the loss is computed based on the output."
            )
        for hook in self.post:
            changed = hook(self.module, full, self.grad_outputs)
            if changed is not None:
                full = _checked(changed, full, "Backward hook", "grad_input")
        self.grad_outputs = None
        return tuple(full[i] for i in self.input_places)


def _checked(changed: Any, full: tuple[Any, ...], what: str, grads: str) -> tuple[Any, ...]:
    out = changed if isinstance(changed, tuple) else (changed,)
    if len(out) != len(full):
        raise RuntimeError(
            f"{what} returned an invalid number of {grads}, got {len(out)}, but expected {len(full)}"
        )
    return out


def _scatter(grads: tuple[Any, ...], places: list[int], size: int) -> tuple[Any, ...]:
    full: list[Any] = [None] * size
    for i, grad in zip(places, grads):
        full[i] = grad
    return tuple(full)


_tap: Any = None


def _gradient_tap() -> Any:
    """The autograd function that returns its tensors and hands their cotangents to ``on_grads``; made on
    first use, for modules are imported before autograd is."""
    global _tap
    if _tap is None:

        class GradientTap(tp.autograd.Function):
            @staticmethod
            def forward(ctx: Any, on_grads: Callable[..., Any], *tensors: Any) -> Any:
                ctx.on_grads = on_grads
                return tuple(tensor.view_as(tensor) for tensor in tensors)

            @staticmethod
            def backward(ctx: Any, *grads: Any) -> Any:
                return (None, *ctx.on_grads(grads))

        _tap = GradientTap
    return _tap
