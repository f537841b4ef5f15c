"""``Function``: a differentiable operation of one's own, forward and backward in Python."""

from __future__ import annotations

import functools
import warnings
from typing import Any

from tensorplug_dispatcher.context import CONTEXT
from tensorplug_dispatcher.errors import AutogradError
from tensorplug_dispatcher.keys import HISTORY
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.tensor import (
    FUNCTION_VIEW,
    INFERENCE,
    NO_GRAD_VIEW,
    TensorBase,
    flags_of,
    set_base,
    set_flags,
    set_origin,
)

from ..node import Node, brought, changed, device_of
from ..tape import check_inplace, edges_to, follow, rebase_view
from .modes import no_grad


class FunctionCtx:
    """What forward hands to backward. Source: torch.autograd.function.FunctionCtx."""

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors (or None) for ``saved_tensors``; in-place changes to them are detected."""
        for tensor in tensors:
            if tensor is not None and not isinstance(tensor, TensorBase):
                raise TypeError(
                    f"save_for_backward can only save tensors, but argument is of type "
                    f"{type(tensor).__name__}; set it as an attribute of ctx instead"
                )
        self.to_save = tensors

    def mark_dirty(self, *tensors: Any) -> None:
        """Say which inputs forward changed in place; they must be returned."""
        self.dirty = tensors

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Say which outputs never require a gradient."""
        self.constant = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether absent gradients reach backward as zeros (the default) or as None."""
        self.materialize_grads = value

    to_save: tuple[Any, ...] = ()
    dirty: tuple[Any, ...] = ()
    constant: tuple[Any, ...] = ()
    materialize_grads = True
    needs_input_grad: tuple[bool, ...] = ()


class FunctionNode(FunctionCtx, Node):
    """The node of one call of a Function; it is also its ``ctx``."""

    function: Any
    slots: list[bool]
    out_layouts: Any
    packed: list[Any] | None
    to_save_count: int = 0
    done: bool

    def name(self) -> str:
        return f"{self.function.__name__}Backward"

    @property
    def output_count(self) -> int:
        return len(self.out_layouts)

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        if self.packed is None:
            if self.to_save and not self.done:
                return self.to_save
            raise AutogradError(
                "Trying to backward through the graph a second time "
                "(or directly access saved tensors after they have already been freed): "
                f"{self.name()} has freed what it saved. Specify retain_graph=True at the first backward() "
                "or grad() call if you need to go through the graph again"
            )
        found: list[Any] = []
        for kind, tensor, version in self.packed:
            if tensor is None:
                found.append(None)
                continue
            if tensor._version != version:
                changed(self, tensor.layout, tensor._version, version)
            if kind >= 0:  # an output: without history when it was saved, so that no cycle arises
                tensor = tensor.detach()
                set_origin(tensor, self, kind)
                tensor.mark(HISTORY)
            found.append(tensor)
        return tuple(found)

    def bring(self, device: Any) -> Any:
        before = self.packed
        if before is None:
            return None
        moved = [(kind, brought(tensor, device), version) for kind, tensor, version in before]
        if all(new[1] is old[1] for new, old in zip(moved, before, strict=True)):
            return None
        self.packed = [
            (kind, tensor, version if tensor is old[1] else tensor._version)
            for (kind, tensor, version), old in zip(moved, before, strict=True)
        ]
        return before

    def put_back(self, before: Any) -> None:
        self.packed = before

    def release(self) -> None:
        if self.packed is not None and self.to_save_count:
            self.packed = None

    def pack(self, outputs: tuple[Any, ...]) -> None:
        """Take over what forward saved."""
        own = {id(t): i for i, t in enumerate(outputs)}
        self.packed = [
            (-1, None, 0)
            if t is None
            else (own[id(t)], t.detach(), t._version)
            if id(t) in own
            else (-1, t, t._version)
            for t in self.to_save
        ]
        self.to_save_count = len(self.to_save)
        self.to_save = ()
        self.done = True

    def apply(self, grads: list[Any]) -> list[Any]:
        if self.materialize_grads:
            device = device_of(grads)
            grads = [
                F.fill(tuple(layout.shape), 0, layout.dtype, device=device)
                if g is None and layout is not None
                else g
                for g, layout in zip(grads, self.out_layouts, strict=True)
            ]
        results = self.function.backward(self, *grads)
        results = list(results) if isinstance(results, (tuple, list)) else [results]
        while len(results) > len(self.slots) and results[-1] is None:
            results.pop()
        if len(results) != len(self.slots):
            raise AutogradError(
                f"function {self.name()} returned an incorrect number of gradients (expected "
                f"{len(self.slots)}, got {len(results)}); return one for each argument of forward"
            )
        chosen: list[Any] = []
        for i, (is_tensor, result) in enumerate(zip(self.slots, results, strict=True)):
            if not is_tensor:
                if result is not None:
                    raise AutogradError(
                        f"function {self.name()} returned a gradient different from None at position "
                        f"{i + 1}, but the corresponding forward input was not a Tensor"
                    )
                continue
            layout: Any = self.edges[3 * len(chosen) + 2]
            if result is not None and tuple(result.shape) != tuple(layout.shape):
                from ..node import sum_to

                try:
                    result = sum_to(result, layout.shape)
                except Exception:
                    raise AutogradError(
                        f"Function {self.name()} returned an invalid gradient at index {i} - got "
                        f"{list(result.shape)} but expected shape compatible with {list(layout.shape)}"
                    ) from None
            if result is not None and result.dtype is not layout.dtype:
                result = F.cast(result, layout.dtype)
            chosen.append(result)
        return chosen


class Function:
    """Subclass with static ``forward(ctx, ...)`` (or ``forward(...)`` and ``setup_context``) and
    ``backward(ctx, *grads)``.

    Source: torch.autograd.Function.
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise NotImplementedError("You must implement the backward function for custom autograd.Function.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise AutogradError(
            f"{type(self).__name__} should not be instantiated; call {type(self).__name__}.apply(...)"
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run forward unrecorded, and record the call as one node."""
        node = FunctionNode()
        node.function = cls
        node.packed = None
        node.done = False
        tensors = [a for a in args if isinstance(a, TensorBase)]
        node.slots = [isinstance(a, TensorBase) for a in args]
        recorded = CONTEXT.get().grad_enabled and any(t.requires_grad for t in tensors)
        node.needs_input_grad = tuple([isinstance(a, TensorBase) and a.requires_grad for a in args])
        edges = edges_to(tensors)
        with no_grad():
            if "setup_context" in cls.__dict__ or any(
                "setup_context" in base.__dict__ for base in cls.__mro__[:-2]
            ):
                outputs = cls.forward(*args, **kwargs)
                cls.setup_context(node, args, outputs)  # type: ignore[attr-defined]
            else:
                outputs = cls.forward(node, *args, **kwargs)
        results = outputs if isinstance(outputs, tuple) else (outputs,)
        dirty = _checked_dirty(cls.__name__, node.dirty, tensors, results)
        if not recorded:
            return outputs
        node.edges = edges
        constant = {id(t) for t in node.constant}
        inputs = {id(t): i for i, t in reversed(list(enumerate(tensors)))}
        finished: list[Any] = []
        differentiable: list[bool] = []
        for out in results:
            is_tensor = isinstance(out, TensorBase)
            differentiable.append(is_tensor and id(out) not in constant and out.dtype.is_floating_point)
            if is_tensor and id(out) in inputs and id(out) not in dirty:
                base = out
                out = out.detach()  # an input handed through becomes a new tensor over the same memory
                if differentiable[-1]:
                    _mark_view(out, base)
            elif differentiable[-1] and id(out) not in dirty and _is_view(out):
                _mark_view(out, next((t for t in tensors if t.storage is out.storage), None))
            finished.append(out)
        node.pack(tuple(finished))
        node.out_layouts = tuple([t.layout if isinstance(t, TensorBase) else None for t in finished])
        for number, out in enumerate(finished):
            if not differentiable[number]:
                continue
            if id(out) in dirty and out._base is not None:
                set_flags(out, removed=INFERENCE)
                rebase_view(out, node, False, inputs[id(out)])
                continue
            set_origin(out, node, number)
            out.mark(HISTORY)
            set_flags(out, removed=INFERENCE)
            follow(out, node)
        return tuple(finished) if isinstance(outputs, tuple) else finished[0]


def _is_view(out: Any) -> bool:
    return bool(flags_of(out) & NO_GRAD_VIEW) or out._base is not None


def _mark_view(out: Any, base: Any) -> None:
    """``out`` is a view that a Function returned: changes to its memory cannot be added to its history."""
    set_flags(out, FUNCTION_VIEW, NO_GRAD_VIEW)
    set_base(out, base)


def _checked_dirty(name: str, dirty: Any, tensors: list[Any], results: tuple[Any, ...]) -> set[int]:
    """The inputs that forward says it changed in place; raises where one is not returned,
    or cannot have a history of that.
    """
    inputs = {id(t) for t in tensors}
    returned = {id(t) for t in results}
    for tensor in dirty:
        if id(tensor) not in returned:
            raise AutogradError(
                f"{name}: some elements marked as dirty during the forward method were not returned as "
                f"output. The inputs that are modified in place must all be outputs of the Function"
            )
        if id(tensor) not in inputs:
            warnings.warn(
                f"{name}: only input tensors should be given to ctx.mark_dirty(), not one of shape "
                f"{list(tensor.shape)} that forward made",
                stacklevel=3,
            )
        elif CONTEXT.get().grad_enabled:
            check_inplace(name, tensor)
            if tensor._base is not None and len(results) > 1 and any(t.requires_grad for t in tensors):
                raise AutogradError(
                    f"{name} modifies in place an input that is a view of another tensor and returns "
                    f"{len(results)} tensors; such a Function can return one only. Give it a clone() of the "
                    f"view, or make two Functions of it"
                )
    return {id(t) for t in dirty} & inputs


def once_differentiable(backward: Any) -> Any:
    """Decorator of a backward that cannot itself be differentiated."""

    @functools.wraps(backward)
    def wrapped(ctx: Any, *grads: Any) -> Any:
        with no_grad():
            results = backward(ctx, *grads)
        if not CONTEXT.get().grad_enabled or not any(g is not None and g.requires_grad for g in grads):
            return results
        several = isinstance(results, tuple)
        refused = tuple(
            [
                None if r is None else _Refuse.apply(r, *[g for g in grads if g is not None])
                for r in (results if several else (results,))
            ]
        )
        return refused if several else refused[0]

    return wrapped


class _Refuse(Function):
    @staticmethod
    def forward(ctx: Any, result: Any, *grads: Any) -> Any:
        return result.detach()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise AutogradError(
            "trying to differentiate twice a function that was marked with @once_differentiable"
        )
