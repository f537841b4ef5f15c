"""One sweep backwards over the tape. A node is always younger than what it was made from, so that taking the
youngest first is a topological order; the heap replaces recursion, and no graph is walked before it is
needed.
"""

from __future__ import annotations

import os
import sys
from heapq import heappop, heappush
from threading import get_ident
from time import sleep
from typing import Any

import cython

from tensorplug_dispatcher import layers, ops
from tensorplug_dispatcher.context import CONTEXT
from tensorplug_dispatcher.devices.states import CLOSING, passes, wait
from tensorplug_dispatcher.errors import AutogradError, DeviceMismatchError
from tensorplug_dispatcher.keys import HISTORY
from tensorplug_dispatcher.steps import in_context
from tensorplug_dispatcher.tensor import view_of

from .node import apply_together, brought
from .tape import set_anomaly

if not cython.compiled:
    from tensorplug_dispatcher.storage import Device, at_work
    from tensorplug_dispatcher.tensor import TensorBase

    from .node import Node


AUTOCAST = layers.bit("autocast")
PAUSE = 2e-5  # seconds between two looks whether a leaf is free

_anomaly: cython.bint = False  # tape.py has a copy, for its own speed
_check_nan: cython.bint = True


class HookError(AutogradError, TypeError):
    """A hook gave back what is no tensor."""


def anomaly_mode() -> tuple[bool, bool]:
    """(whether new nodes remember where they were made, whether a sweep stops at the first NaN then)."""
    return bool(_anomaly), bool(_check_nan)


def set_anomaly_mode(anomaly: bool, check_nan: bool) -> None:
    """Set what ``anomaly_mode`` gives, for the whole process and in one step."""
    global _anomaly, _check_nan
    _anomaly = anomaly
    _check_nan = check_nan
    set_anomaly(anomaly)


def run(roots: list[Any], retain_graph: bool, create_graph: bool, captures: Any) -> Any:
    """Push the roots' gradients back. With ``captures`` (tensors) returns their gradients and changes no
    ``.grad``.
    """
    state = CONTEXT.get()
    included = state.included & ~AUTOCAST  # derivatives run in the dtypes of what was recorded
    if create_graph:
        state = state.replace(included=included, excluded=state.excluded & ~HISTORY, inference=False)
    else:
        state = state.replace(included=included, excluded=state.excluded | HISTORY)
    with in_context(state):
        return sweep(roots, retain_graph, create_graph, captures)


def sweep(roots: list[Any], retain_graph: bool, create_graph: bool, captures: Any) -> Any:
    pending: dict[Any, Any] = {}
    heap: list[Any] = []
    watched: dict[int, Any] = {}  # leaves with hooks, which want the whole gradient: id → [leaf, gradient]
    needed: Any = None
    wanted: Any = None
    if captures is not None:
        wanted = wanted_places(captures)
        needed = needed_nodes(roots, wanted)
    for target, number, gradient in roots:
        if isinstance(target, TensorBase):
            give_leaf(target, gradient, False, create_graph, watched, wanted)
        elif needed is None or target in needed:
            deliver(target, number, gradient, pending, heap)
    roots = []
    gradient = None
    while heap:
        node: Node = heappop(heap)[1]
        grads: list[Any] = pending.pop(node)
        if node.tensor_hooks:
            run_tensor_hooks(node, grads)
        if captures is not None:
            for number in range(len(grads)):
                if (id(node), number) in wanted:
                    wanted[(id(node), number)][1] = grads[number]
            if not needed[node]:
                continue
        if node.hooks:
            grads = run_pre_hooks(node, grads)
        results: list[Any]
        try:
            results = node.apply(grads)
        except DeviceMismatchError as error:
            results = apply_together(node, grads, error)
        if node.hooks:
            results = run_post_hooks(node, results, grads)
        if _anomaly and _check_nan:
            refuse_nan(node, results)
        edges: tuple[Any, ...] = node.edges
        if len(results) * 3 != len(edges):
            raise AutogradError(
                f"{node.name()} returned {len(results)} gradients for {len(edges) // 3} inputs; "
                "return one for each, None where there is none"
            )
        if not retain_graph:
            node.release()
        grads = None  # type: ignore[assignment]
        i: cython.Py_ssize_t
        for i in range(len(results)):
            gradient = results[i]
            if gradient is None:
                continue
            results[i] = None
            target = edges[3 * i]
            if target is None:
                continue
            if isinstance(target, TensorBase):
                alone = sys.getrefcount(gradient) <= ALONE
                give_leaf(target, gradient, alone, create_graph, watched, wanted)
            elif needed is None or target in needed:
                deliver(target, edges[3 * i + 1], gradient, pending, heap)
            gradient = None
    for leaf, gradient in watched.values():
        give_watched(leaf, gradient, create_graph, wanted)
    if captures is not None:
        return [wanted[place_of(t)][1] for t in captures]
    return None


def place_of(tensor: Any) -> Any:
    """What a tensor is in the graph: (its node, its number) or, for a leaf, the tensor."""
    node = tensor.grad_fn
    return (id(tensor), -1) if node is None else (id(node), tensor.output_nr)


def wanted_places(captures: Any) -> dict[Any, Any]:
    places: dict[Any, Any] = {}
    for tensor in captures:
        node = tensor.grad_fn
        places[place_of(tensor)] = [tensor if node is None else node, None]
    return places


def needed_nodes(roots: list[Any], wanted: dict[Any, Any]) -> dict[Any, bool]:
    """The nodes on a way from a root to a wanted place; True where the node itself must run."""
    seen: set[Any] = set()
    order: list[Any] = []
    stack: list[Any] = [root[0] for root in roots if not isinstance(root[0], TensorBase)]
    while stack:
        node: Node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        order.append(node)
        for i in range(0, len(node.edges), 3):
            target = node.edges[i]
            if target is not None and not isinstance(target, TensorBase) and target not in seen:
                stack.append(target)
    order.sort(key=lambda n: n.sequence)
    captured = {key[0] for key in wanted if key[1] >= 0}
    needed: dict[Any, bool] = {}
    for item in order:
        node = item
        runs = False
        for i in range(0, len(node.edges), 3):
            target = node.edges[i]
            if target is None:
                continue
            if isinstance(target, TensorBase):
                runs = runs or (id(target), -1) in wanted
            else:
                runs = runs or target in needed
        if runs or id(node) in captured:
            needed[node] = runs
    return needed


def deliver(
    target: object, number: object, gradient: object, pending: dict[Any, Any], heap: list[Any]
) -> None:
    """Add a cotangent to what waits for a node."""
    grads = pending.get(target)
    if grads is None:
        node: Node = target  # type: ignore[assignment]
        grads = [None] * node.output_count
        pending[target] = grads
        heappush(heap, (-node.sequence, node))
    have = grads[number]
    if have is not None:
        gradient = ops.F.add.call2(have, beside(have, gradient))
    grads[number] = gradient


def give_leaf(
    leaf: TensorBase, gradient: Any, alone: cython.bint, create_graph: cython.bint, watched: Any, wanted: Any
) -> object:
    """A cotangent has reached a leaf: it is captured or accumulated, or added to what its hooks wait for.

    ``alone``: nothing but the sweep holds the cotangent.
    """
    if leaf.hooks_:
        entry = watched.get(id(leaf))
        if entry is None:
            watched[id(leaf)] = [leaf, beside(leaf, gradient)]
        else:
            entry[1] = ops.F.add(entry[1], beside(entry[1], gradient))
    elif wanted is None:
        accumulate(leaf, gradient, alone, create_graph, None)
    else:
        entry = wanted.get((id(leaf), -1))
        if entry is not None:
            gradient = beside(leaf, gradient)
            entry[1] = gradient if entry[1] is None else ops.F.add(entry[1], gradient)
    return None


def give_watched(leaf: TensorBase, gradient: Any, create_graph: bool, wanted: Any) -> None:
    """The whole gradient of a leaf with hooks: through the hooks, then capture or accumulation."""
    hooks = list(leaf.hooks_.values())
    for kind, hook in hooks:
        if kind == "grad":
            gradient = through(hook, gradient)
    if wanted is not None:
        entry = wanted.get((id(leaf), -1))
        if entry is not None:
            entry[1] = gradient
        return
    accumulate(leaf, gradient, False, create_graph, [hook for kind, hook in hooks if kind == "post"])


def beside(tensor: TensorBase, gradient: TensorBase) -> object:
    """The gradient on the device of ``tensor``, which may have been moved since the forward pass."""
    if gradient.storage_.device is tensor.storage_.device:
        return gradient
    return brought(gradient, tensor.storage_.device)


# Who adds to which leaf now. A turn lies on the stack of its call, as ``Run`` does: a lock in every leaf
# would cost memory, and one that is found by the leaf's name a look-up. Uncompiled, the leaf's id → the
# thread.
turns: dict[int, int] = {}


def accumulate(
    leaf: TensorBase, gradient: Any, alone: cython.bint, create_graph: cython.bint, hooks: Any
) -> object:
    """Add into ``leaf.grad`` and call the hooks; of two threads, one after the other.

    While it waits its turn nothing is held. In its turn the call counts as one in work on the leaf's device,
    so that a move waits for it and it never for a move, which would wait for whoever waits for this turn.
    """
    device: Device
    if cython.compiled:
        device = when_free(leaf)  # nothing since its last look has let another thread in
        run: Run
        turn: Turn
        begin_run(device, cython.address(run))
        begin_turn(leaf, cython.address(turn))
        try:
            add_to(leaf, gradient, alone, create_graph)
            if hooks is not None:
                for hook in hooks:
                    hook(leaf)
        finally:
            end_turn(cython.address(turn))
            end_run(cython.address(run))
    else:
        inner = turns.get(id(leaf)) == get_ident()  # in a hook of the leaf
        try:
            with at_work(when_free(leaf)):
                add_to(leaf, gradient, alone, create_graph)
                for hook in hooks or ():
                    hook(leaf)
        finally:
            if not inner and turns.get(id(leaf)) == get_ident():
                del turns[id(leaf)]
    return None


def when_free(leaf: TensorBase) -> Device:
    """Wait for a turn; returns the device that the leaf is on then."""
    device: Device
    while True:
        device = leaf.storage_.device
        if not device.ready and device.state == CLOSING and not passes():
            wait(device, "backward")
        elif not taken(leaf):
            return device
        else:
            sleep(PAUSE)


def taken(leaf: TensorBase) -> cython.bint:
    """Whether another thread is adding to the leaf. Uncompiled, it is this thread's turn if not."""
    if not cython.compiled:
        return turns.setdefault(id(leaf), get_ident()) != get_ident()
    else:
        here: cython.ulong = PyThread_get_thread_ident()
        turn: cython.pointer(Turn) = first_turn
        while turn != cython.NULL:
            if turn.leaf == cython.cast(cython.p_void, leaf) and turn.thread != here:
                return True
            turn = turn.next
        return False


def forget_other_turns() -> None:
    """In a forked child: what other threads were adding is over."""
    if not cython.compiled:
        mine = get_ident()
        for leaf in [leaf for leaf, thread in turns.items() if thread != mine]:
            del turns[leaf]
    else:
        here: cython.ulong = PyThread_get_thread_ident()
        turn: cython.pointer(Turn) = first_turn
        while turn != cython.NULL:
            following: cython.pointer(Turn) = turn.next
            if turn.thread != here:
                end_turn(turn)
            turn = following


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget_other_turns)


def add_to(leaf: TensorBase, gradient: Any, alone: cython.bint, create_graph: cython.bint) -> object:
    """Add into ``leaf.grad``: in place while nothing is recorded, so that its identity stays.

    The first gradient becomes ``leaf.grad`` without a copy where nobody else holds it or its memory, for
    what comes later is added into that memory.
    """
    tensor: TensorBase = gradient
    if tensor.storage_.device is not leaf.storage_.device:
        tensor = gradient = brought(gradient, leaf.storage_.device)
    if leaf.grad_ is None:
        if create_graph:
            leaf.grad_ = gradient
        elif alone and tensor.layout_.dense and sys.getrefcount(tensor.storage_) <= STORAGE_ALONE:
            leaf.grad_ = view_of(tensor, tensor.layout_, tensor.offset_)
        else:
            leaf.grad_ = ops.F.copy(tensor)
    elif create_graph:
        leaf.grad_ = ops.F.add(leaf.grad_, gradient)
    else:
        ops.F.add.call_into((leaf.grad_, gradient), (leaf.grad_,))
    return None


def keep(tensor: TensorBase, gradient: Any) -> None:
    """Add into the ``.grad`` of what ``backward(inputs=)`` or ``retain_grad`` names, out of place."""
    accumulate(tensor, gradient, False, True, None)


def _alone() -> int:
    """What ``getrefcount`` says of an object that one variable of a function of this module holds."""
    thing: Any = object()
    return sys.getrefcount(thing)


ALONE = _alone()
STORAGE_ALONE = 1 if cython.compiled else 2  # an attribute's value, which compiled code passes as it is


class Keeper:
    """A hook that looks at a gradient when all the others are done with it."""

    __slots__ = ("__weakref__",)


def run_tensor_hooks(node: Node, grads: list[Any]) -> None:
    hooks = list(node.tensor_hooks.values())
    for number, hook in hooks:
        if grads[number] is not None and not isinstance(hook, Keeper):
            grads[number] = through(hook, grads[number])
    for number, hook in hooks:
        if grads[number] is not None and isinstance(hook, Keeper):
            hook(grads[number])


def through(hook: Any, gradient: Any) -> Any:
    """The gradient after a hook; raises where the hook gives back what is no gradient of the same tensor."""
    changed = hook(gradient)
    if changed is None:
        return gradient
    name = getattr(hook, "__name__", repr(hook))
    if not isinstance(changed, TensorBase):
        raise HookError(f"expected a Tensor, but hook {name!r} returned {type(changed).__name__!r}")
    if tuple(changed.shape) != tuple(gradient.shape) or changed.dtype is not gradient.dtype:
        raise AutogradError(
            f"hook {name!r} has changed the size or dtype of the gradient: it got {list(gradient.shape)} "
            f"{gradient.dtype.name} and returned {list(changed.shape)} {changed.dtype.name}; return the same"
        )
    return changed


def run_pre_hooks(node: Node, grads: list[Any]) -> list[Any]:
    for kind, hook in list(node.hooks.values()):
        if kind == "pre":
            changed = hook(tuple(grads))
            if changed is not None:
                grads = list(changed) if isinstance(changed, (tuple, list)) else [changed]
    return grads


def run_post_hooks(node: Node, results: list[Any], grads: list[Any]) -> list[Any]:
    for kind, hook in list(node.hooks.values()):
        if kind == "post":
            changed = hook(tuple(results), tuple(grads))
            if changed is not None:
                results = list(changed) if isinstance(changed, (tuple, list)) else [changed]
    return results


def refuse_nan(node: Node, results: list[Any]) -> None:
    """Anomaly mode: stop at the first NaN, showing where the node was made."""
    for i, result in enumerate(results):
        if result is not None and ops.F.any(ops.F.isnan(result)).item():
            import warnings

            if node.trace is not None:
                warnings.warn(
                    f"Error detected in {node.name()}. Traceback of forward call that caused the "
                    f"error:\n"
                    f"{''.join(node.trace)}",
                    stacklevel=2,
                )
            raise AutogradError(
                f"Function '{node.name()}' returned nan values in its {i}th output; "
                "the warning above shows the forward call that made it"
            )
