"""The tape: what the autograd layer does to a call, out of place, in place, and on views."""

from __future__ import annotations

import traceback
from typing import Any

import cython

from tensorplug_dispatcher import ops
from tensorplug_dispatcher.errors import AutogradError, InplaceError
from tensorplug_dispatcher.tensor import FUNCTION_VIEW, REQUIRES_GRAD, RETAINS_GRAD

if not cython.compiled:
    from tensorplug_dispatcher.call import OpFunction
    from tensorplug_dispatcher.context import _HISTORY
    from tensorplug_dispatcher.entries import Entry
    from tensorplug_dispatcher.tensor import TensorBase, wrap

    from .node import Node, Rule, SavedOutput, next_sequence

    LAST_NEED = 63  # the bit that all edges beyond it share; compiled code has it as a C constant (tape.pxd)

from .node import _pure_fields, rule_of

_REQUIRES_GRAD = REQUIRES_GRAD  # a C integer when compiled
_RETAINS_GRAD = RETAINS_GRAD
_anomaly: cython.bint = False


def set_anomaly(mode: bool) -> None:
    """Whether new nodes remember where they were made."""
    global _anomaly
    _anomaly = mode


def edge_of(tensor: TensorBase) -> tuple[Any, ...]:
    """(target, output number, layout) of a tensor argument."""
    return (target_of(tensor), tensor.output_nr, tensor.layout_)


def edges_to(tensors: Any) -> tuple[Any, ...]:
    """The edges to these tensors (None: no gradient), for nodes that are not made by an op."""
    edges: list[Any] = []
    for tensor in tensors:
        edges.extend((None, 0, None) if tensor is None else edge_of(tensor))
    return tuple(edges)


def edge_past_views(tensor: TensorBase) -> tuple[Any, ...]:
    """(target, output number, layout) of a tensor, not looking at its views."""
    if tensor.grad_fn_ is not None:
        return (tensor.grad_fn_, tensor.output_nr, tensor.layout_)
    return (tensor if tensor.flags & _REQUIRES_GRAD else None, 0, tensor.layout_)


def target_of(tensor: TensorBase) -> object:
    """Where a tensor's cotangent goes: its node, itself if it is a leaf, or None."""
    if tensor.base_ is not None and tensor.base_version != tensor.storage_.version:
        base: TensorBase = tensor.base_
        if base.bits & _HISTORY:
            view_history(tensor)
    if tensor.grad_fn_ is not None:
        return tensor.grad_fn_
    if tensor.flags & _REQUIRES_GRAD:
        return tensor
    return None


def edges_of(rule: Rule, args: tuple[Any, ...]) -> tuple[Any, ...]:
    a: TensorBase
    b: TensorBase
    if rule.one:
        a = args[0]
        return (target_of(a), a.output_nr, a.layout_)
    if rule.two and isinstance(args[0], TensorBase) and isinstance(args[1], TensorBase):
        a = cython.cast(TensorBase, args[0])
        b = cython.cast(TensorBase, args[1])
        return (target_of(a), a.output_nr, a.layout_, target_of(b), b.output_nr, b.layout_)
    edges: list[Any] = []
    for position in rule.positions:
        arg = args[position]
        if isinstance(arg, TensorBase):
            edges.extend(edge_of(arg))
        elif isinstance(arg, tuple):
            for item in arg:
                edges.extend(edge_of(item))
        else:
            edges.extend((None, 0, None))
    return tuple(edges)


def needs_of(edges: tuple[Any, ...]) -> cython.ulonglong:
    needs: cython.ulonglong = 0
    slot: cython.int
    for slot in range(len(edges) // 3):
        if edges[3 * slot] is not None:
            needs |= cython.cast(cython.ulonglong, 1) << (slot if slot < LAST_NEED else LAST_NEED)
    return needs


def record(
    rule: Rule,
    args: tuple[Any, ...],
    edges: tuple[Any, ...],
    needs: cython.ulonglong,
    out: object,
    ahead: cython.uint,
) -> Node:
    """Make the node of a call and attach it to the floating outputs. ``ahead``:
    a version raise still to come.
    """
    node: Node = Node.__new__(Node)
    if not cython.compiled:
        _pure_fields(node)
    node.sequence = next_sequence()
    node.rule = rule
    node.edges = edges
    node.needs = needs
    saves: tuple[Any, ...] = rule.saves_for(needs)
    tensor: TensorBase
    if saves[0]:
        if saves[1]:
            kept: list[Any] = []
            versions: list[Any] = []
            for i, arg in enumerate(args):
                if isinstance(arg, TensorBase):
                    if i in saves[1]:
                        tensor = arg
                        kept.append(arg)
                        versions.append(tensor.storage_.version)
                        continue
                    kept.append(None)
                elif isinstance(arg, tuple) and arg and isinstance(arg[0], TensorBase):
                    kept.append(arg if i in saves[1] else None)
                else:
                    kept.append(arg)
                versions.append(0)
            node.saved = tuple(kept)
            node.versions = tuple(versions)
        elif rule.has_lists:
            node.saved = tuple([None if i in rule.positions else a for i, a in enumerate(args)])
        else:
            node.saved = tuple([None if isinstance(a, TensorBase) else a for a in args])
    if saves[2]:
        outputs: list[Any] = []
        for number in saves[2]:
            tensor = out if rule.n_outputs == 1 else out[number]
            entry: SavedOutput = SavedOutput.__new__(SavedOutput)
            entry.storage = tensor.storage_
            entry.layout = tensor.layout_
            entry.offset = tensor.offset_
            entry.version = tensor.storage_.version + ahead
            entry.number = number
            outputs.append(entry)
        node.outputs = outputs
        if node.saved is None:
            node.saved = ()
    if rule.n_outputs == 1:
        tensor = out
        if tensor.layout_.floating:
            tensor.grad_fn_ = node
            tensor.bits |= _HISTORY
        node.out_layouts = tensor.layout_
    else:
        layouts: list[Any] = []
        for number, item in enumerate(out):
            tensor = item
            layouts.append(tensor.layout_)
            if tensor.layout_.floating:
                tensor.grad_fn_ = node
                tensor.output_nr = number
                tensor.bits |= _HISTORY
        node.out_layouts = tuple(layouts)
    if _anomaly:
        node.trace = traceback.format_stack()[:-1]
    return node


class TapeEntry(Entry):
    """The autograd layer's link of a chain for ops that have a derivative."""

    def __init__(self, rule: Rule, inner: Entry) -> None:
        self.rule = rule
        self.inner = inner

    def call(self, args: tuple[Any, ...]) -> Any:
        edges: tuple[Any, ...] = edges_of(self.rule, args)
        out = self.inner.call(args)
        needs: cython.ulonglong = needs_of(edges)
        if needs:
            record(self.rule, args, edges, needs, out, 0)
        return out

    def call_into(self, args: tuple[Any, ...], outs: tuple[Any, ...]) -> Any:
        if outs[0] is not args[0]:
            refuse_out(self.rule.op.name)
        target: TensorBase = outs[0]
        check_inplace(self.rule.op.name, target)
        edges: tuple[Any, ...] = edges_of(self.rule, args)
        needs: cython.ulonglong = needs_of(edges)
        saved: tuple[Any, ...] = args
        if needs and 0 in self.rule.saves_for(needs)[1]:
            before: TensorBase = plain_copy(target)
            before.grad_fn_ = target.grad_fn
            before.output_nr = target.output_nr
            before.bits = target.bits
            saved = (before, *args[1:])
        self.inner.call_into(args, outs)
        if needs:
            rebase(self.rule, saved, edges, needs, target, False)
        return target


class TruthEntry(Entry):
    """The autograd layer's link of a chain for comparisons, which have no derivative."""

    def __init__(self, function: OpFunction, inner: Entry) -> None:
        self.function = function
        self.inner = inner

    def call(self, args: tuple[Any, ...]) -> Any:
        return self.inner.call(args)

    def call_into(self, args: tuple[Any, ...], outs: tuple[Any, ...]) -> Any:
        target: TensorBase = outs[0]
        if target is not args[0]:
            if target.requires_grad:
                refuse_out(self.function.name)
            return self.inner.call_into(args, outs)
        check_inplace(self.function.name, target)
        if target_of(target) is None:
            return self.inner.call_into(args, outs)
        constant = ops.F.cast(self.inner.call(args), target.layout_.dtype)
        return ops.F.assign.write_into((target, constant), outs)  # which ends the history of the target


def plain_copy(tensor: TensorBase) -> TensorBase:
    return ops.F.copy(wrap(tensor.storage_, tensor.layout_, tensor.offset_))


def refuse_out(name: str) -> None:
    raise AutogradError(
        f"{name}(): functions with out=... arguments don't support automatic differentiation, "
        "but one of the arguments requires grad; use the functional form, or call it under no_grad()"
    )


def check_inplace(name: str, tensor: TensorBase) -> None:
    """Raise InplaceError for a leaf that requires a gradient, or a view of one; the leaf may be a view
    itself, of a tensor without a history.
    """
    if tensor.base_ is not None:
        base: TensorBase = tensor.base_
        marked: cython.uint = (tensor.flags | base.flags) & _REQUIRES_GRAD
        if base.grad_fn_ is None and (marked or tensor.grad_fn_ is not None):
            raise InplaceError(
                "a view of a leaf Variable that requires grad is being used in an in-place operation "
                f"({name}_ on shape {list(tensor.layout_.shape)}); do it under no_grad(), or on a clone()"
            )
    elif tensor.grad_fn_ is None and tensor.flags & _REQUIRES_GRAD:
        raise InplaceError(
            f"a leaf Variable that requires grad is being used in an in-place operation ({name}_ on shape "
            f"{list(tensor.layout_.shape)}); do it under no_grad(), or on a clone()"
        )


def rebase(
    rule: Rule,
    args: tuple[Any, ...],
    edges: tuple[Any, ...],
    needs: cython.ulonglong,
    target: TensorBase,
    overwrites: cython.bint,
) -> None:
    """Give ``target``, just written in place, its new history; for a view, through its base."""
    if target.base_ is None:
        target.output_nr = 0
        made: Node = record(rule, args, edges, needs, target, 1)
        follow(target, made)
        return
    shell: TensorBase = wrap(target.storage_, target.layout_, target.offset_)
    node: Node = record(rule, args, edges, needs, shell, 1)
    rebase_view(target, node, overwrites)


def rebase_view(target: TensorBase, node: Node, overwrites: cython.bint, slot: cython.int = 0) -> None:
    """The base of ``target`` gets the history "all as before, but this region made by ``node``".

    ``slot``: the place among the node's tensor arguments where it got the view as it was.
    """
    from tensorplug_layers.autograd.slices import CopySlices

    base: TensorBase = target.base_
    slices: Node = CopySlices(base, target, node, overwrites, slot)
    base.grad_fn_ = slices
    follow(base, slices)
    base.output_nr = 0
    base.bits |= _HISTORY
    target.bits |= _HISTORY
    target.grad_fn_ = None
    target.base_version = target.storage_.version - 1


def follow(tensor: TensorBase, node: Node) -> None:
    """What keeps the gradient of ``tensor`` goes on to the node of its new value."""
    if tensor.flags & _RETAINS_GRAD:
        from tensorplug_layers.autograd.engine import keep_gradient

        keep_gradient(tensor, node)


def rebase_alias(target: TensorBase, result: TensorBase) -> None:
    """Write ``result`` over ``target`` (shape and dtype are checked) and let it take over the history of
    ``result``.
    """
    from tensorplug_dispatcher.writing import copy_results

    copy_results(ops.F.copy, result, (target,))
    if not result.grad_fn_ and not result.flags & _REQUIRES_GRAD:
        return
    function: OpFunction = ops.F.copy
    rebase(rule_of(function), (result,), edge_of(result), 1, target, True)


def view_history(view: TensorBase) -> object:
    """The grad_fn of a view whose base has been changed in place since: read from the base as it is now.

    Raises InplaceError for a view whose derivative is a Function's own.
    """
    if view.flags & FUNCTION_VIEW:
        raise InplaceError(
            f"a view that a Function returned (shape {list(view.layout_.shape)}) is used after its base, "
            "or another view of its base, was modified in place; its derivative is the Function's own and "
            "cannot be brought up to date. Let the Function return a clone()"
        )
    base: TensorBase = view.base_
    function: OpFunction = ops.F.as_strided
    args = (base, tuple(view.layout_.shape), view.layout_.strides, view.offset_)
    edges = (base if base.grad_fn_ is None else base.grad_fn_, base.output_nr, base.layout_)
    node: Node = Node.__new__(Node)
    if not cython.compiled:
        _pure_fields(node)
    node.sequence = next_sequence()
    node.rule = rule_of(function)
    node.edges = edges
    node.needs = 1
    node.saved = (None, *args[1:])
    node.out_layouts = view.layout_
    view.grad_fn_ = node
    view.output_nr = 0
    follow(view, node)
    view.base_version = view.storage_.version
    return node
