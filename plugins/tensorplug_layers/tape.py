"""The tape: nodes that remember how a tensor was made, and the rules that turn cotangents back.

A node is one recorded call. Its ``edges`` hold, for every tensor argument, (target, output number, layout):
the target
is the node that made the argument, or the leaf itself, or None where no gradient is wanted. What a
derivative needs is
read from the names of its parameters (see ``tensorplug_dispatcher.op``), so nothing else is saved.
"""

from __future__ import annotations

import traceback
from typing import Any

import cython

from tensorplug_dispatcher import ops
from tensorplug_dispatcher.errors import AutogradError, InplaceError
from tensorplug_dispatcher.signatures import normalize_attributes
from tensorplug_dispatcher.tensor import REQUIRES_GRAD

if not cython.compiled:
    from tensorplug_dispatcher.call import Entry, OpFunction
    from tensorplug_dispatcher.layout import Layout
    from tensorplug_dispatcher.tensor import _AUTOGRAD, Storage, TensorBase, wrap

GRAD, ARGUMENT, OUTPUT, LAYOUT, NEEDS, OUT_LAYOUT = 0, 1, 2, 3, 4, 5

_REQUIRES_GRAD = REQUIRES_GRAD  # a C integer when compiled
_sequence: cython.ulonglong = 0
_anomaly: cython.bint = False


def set_anomaly(mode: bool) -> None:
    """Whether new nodes remember where they were made."""
    global _anomaly
    _anomaly = mode


def next_sequence() -> int:
    global _sequence
    _sequence += 1
    return _sequence


class SavedOutput:
    """An output that its own node saved: memory without history, so that no reference cycle arises."""

    def __init__(self) -> None:
        pass


class Node:
    """One recorded call: ``grad_fn`` of the tensors that it made."""

    def __init__(self) -> None:
        self.edges = []
        self.sequence = next_sequence()
        if not cython.compiled:
            _pure_fields(self)

    def name(self) -> str:
        """The op's name as PyTorch writes it, like ``AddBackward0``."""
        return self.rule.name if self.rule is not None else type(self).__name__

    def __repr__(self) -> str:
        return f"<{self.name()} object at {hex(id(self))}>"

    @property
    def next_functions(self) -> tuple[Any, ...]:
        """(node, output number) of every tensor argument; (None, 0) where no gradient flows."""
        from tensorplug_layers.autograd.engine import AccumulateGrad

        found = []
        for i in range(0, len(self.edges), 3):
            target = self.edges[i]
            if isinstance(target, TensorBase):
                found.append((AccumulateGrad(target), 0))
            else:
                found.append((target, self.edges[i + 1]))
        return tuple(found)

    @property
    def edge_list(self) -> list[Any]:
        return self.edges

    @property
    def metadata(self) -> dict[str, Any]:
        return {} if self.trace is None else {"traceback_": self.trace}

    @property
    def output_count(self) -> int:
        return self.rule.n_outputs if self.rule is not None else 1

    def set_edges(self, tensors: Any) -> None:
        """Edges to these tensors (None: no gradient), for nodes that are not made by an op."""
        edges: list[Any] = []
        for tensor in tensors:
            if tensor is None:
                edges.extend((None, 0, None))
            else:
                add_edge(edges, tensor)
        self.edges = edges

    def register_hook(self, hook: Any) -> Any:
        """Call ``hook(grad_inputs, grad_outputs)`` after the node has run; it may return new grad_inputs."""
        from tensorplug_layers.autograd.hooks import add_hook

        if self.hooks is None:
            self.hooks = {}
        return add_hook(self.hooks, ("post", hook))

    def register_prehook(self, hook: Any) -> Any:
        """Call ``hook(grad_outputs)`` before the node runs; it may return new grad_outputs."""
        from tensorplug_layers.autograd.hooks import add_hook

        if self.hooks is None:
            self.hooks = {}
        return add_hook(self.hooks, ("pre", hook))

    def apply(self, grads: list[Any]) -> list[Any]:
        """Cotangents of the tensor arguments, in order, from those of the outputs."""
        return apply_rule(self, grads)

    def release(self) -> None:
        """Drop what was saved for the backward pass."""
        if self.saved is not None:
            self.saved = None
            self.outputs = None
            self.freed = True

    def __call__(self, *grads: Any) -> Any:
        results = self.apply(list(grads))
        return results[0] if len(results) == 1 else tuple(results)


def _pure_fields(node: Any) -> None:
    for name in (
        "rule",
        "saved",
        "versions",
        "outputs",
        "out_layouts",
        "device",
        "hooks",
        "tensor_hooks",
        "trace",
    ):
        setattr(node, name, None)
    node.needs = 0
    node.freed = False


class Rule:
    """How one op's cotangents are computed, read once from its record."""

    def __init__(self, function: OpFunction) -> None:
        import inspect

        op = function.op
        self.function = function
        self.op = op
        self.name = "".join(w[:1].upper() + w[1:] for w in op.name.split("_")) + "Backward0"
        self.n_outputs = len(op.outputs)
        self.positions = tuple([i for i, p in enumerate(op.parameters) if p.is_tensor])
        self.has_lists = any(p.kind == "Tensor[]" for p in op.parameters)
        self.dims = any(p.kind.startswith("dim") for p in op.parameters)
        self.saves = {}
        self.last_needs = 0
        self.last_saves = None
        self.one = function.kinds == b"T"
        self.two = function.kinds == b"TT"
        arguments = {p.name: i for i, p in enumerate(op.parameters)}
        outputs = {name: i for i, name in enumerate(op.outputs)}

        def sources(formula: Any) -> tuple[tuple[int, int], ...]:
            found = []
            for name in inspect.signature(formula).parameters:
                if name == "grad":
                    found.append((GRAD, 0))
                elif name == "needs":
                    found.append((NEEDS, 0))
                elif name.startswith("grad_") and name[5:] in outputs:
                    found.append((GRAD, outputs[name[5:]]))
                elif name in arguments:
                    found.append((ARGUMENT, arguments[name]))
                elif name in outputs:
                    found.append((OUTPUT, outputs[name]))
                elif name.endswith("_layout") and name[:-7] in arguments:
                    found.append((LAYOUT, arguments[name[:-7]]))
                elif name.endswith("_layout") and name[:-7] in outputs:
                    found.append((OUT_LAYOUT, outputs[name[:-7]]))
                else:
                    raise AutogradError(
                        f"the derivative of {op.name!r} asks for {name!r}, which is no "
                        f"parameter or "
                        f"output of {op.schema}"
                    )
            return tuple(found)

        if callable(op.vjp):
            self.joint = op.vjp
            self.joint_sources = sources(op.vjp)
            self.formulas = ()
        else:
            self.joint = None
            self.joint_sources = ()
            self.formulas = tuple(
                [
                    (op.vjp[p.name], sources(op.vjp[p.name])) if p.is_tensor and p.name in op.vjp else None
                    for p in op.parameters
                ]
            )

    def saves_for(self, needs: cython.ulonglong) -> tuple[Any, ...]:
        """(arguments saved?, saved tensor positions, saved outputs) when these slots need a gradient."""
        if needs == self.last_needs and self.last_saves is not None:
            return self.last_saves
        found = self.saves.get(needs)
        if found is None:
            wanted: list[Any] = []
            if self.joint is not None:
                wanted.extend(self.joint_sources)
            else:
                for slot, position in enumerate(self.positions):
                    if self.formulas[position] is not None and (self.has_lists or (needs >> slot) & 1):
                        wanted.extend(self.formulas[position][1])
            positions = frozenset(self.positions)
            attributes = any(kind == ARGUMENT and i not in positions for kind, i in wanted)
            tensors = frozenset(i for kind, i in wanted if kind == ARGUMENT and i in positions)
            outputs = tuple(sorted({i for kind, i in wanted if kind == OUTPUT}))
            found = (attributes or bool(tensors), tensors, outputs)
            self.saves[needs] = found
        self.last_needs = needs
        self.last_saves = found
        return found


def add_edge(edges: list[Any], tensor: TensorBase) -> None:
    """Append (target, output number, layout) of a tensor argument."""
    edges.append(target_of(tensor))
    edges.append(tensor.output_nr)
    edges.append(tensor.layout_)


def add_edge_of(tensor: TensorBase) -> list[Any]:
    """(target, output number, layout) of a tensor, not looking at its views."""
    if tensor.grad_fn_ is not None:
        return [tensor.grad_fn_, tensor.output_nr, tensor.layout_]
    return [tensor if tensor.flags & _REQUIRES_GRAD else None, 0, tensor.layout_]


def target_of(tensor: TensorBase) -> object:
    """Where a tensor's cotangent goes: its node, itself if it is a leaf, or None."""
    if tensor.base_ is not None and tensor.base_version != tensor.storage_.version:
        base: TensorBase = tensor.base_
        if base.bits & _AUTOGRAD:
            view_history(tensor)
    if tensor.grad_fn_ is not None:
        return tensor.grad_fn_
    if tensor.flags & _REQUIRES_GRAD:
        return tensor
    return None


def edges_of(rule: Rule, args: tuple[Any, ...]) -> list[Any]:
    a: TensorBase
    b: TensorBase
    if rule.one:
        a = args[0]
        return [target_of(a), a.output_nr, a.layout_]
    if rule.two and isinstance(args[0], TensorBase) and isinstance(args[1], TensorBase):
        a = cython.cast(TensorBase, args[0])
        b = cython.cast(TensorBase, args[1])
        return [target_of(a), a.output_nr, a.layout_, target_of(b), b.output_nr, b.layout_]
    edges: list[Any] = []
    for position in rule.positions:
        arg = args[position]
        if isinstance(arg, TensorBase):
            add_edge(edges, arg)
        elif isinstance(arg, tuple):
            for item in arg:
                add_edge(edges, item)
        else:
            edges.append(None)
            edges.append(0)
            edges.append(None)
    return edges


def needs_of(edges: list[Any]) -> cython.ulonglong:
    needs: cython.ulonglong = 0
    slot: cython.int
    for slot in range(len(edges) // 3):
        if edges[3 * slot] is not None:
            needs |= cython.cast(cython.ulonglong, 1) << (slot if slot < 63 else 63)
    return needs


def record(
    rule: Rule,
    args: tuple[Any, ...],
    edges: list[Any],
    needs: cython.ulonglong,
    out: object,
    ahead: cython.uint,
) -> Node:
    """Make the node of a call and attach it to the floating outputs. ``ahead``: a version raise still to
    come.
    """
    global _sequence
    node: Node = Node.__new__(Node)
    if not cython.compiled:
        _pure_fields(node)
    _sequence += 1
    node.sequence = _sequence
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
            tensor.bits |= _AUTOGRAD
        node.device = tensor.storage_.device
        node.out_layouts = tensor.layout_
    else:
        layouts: list[Any] = []
        for number, item in enumerate(out):
            tensor = item
            layouts.append(tensor.layout_)
            node.device = tensor.storage_.device
            if tensor.layout_.floating:
                tensor.grad_fn_ = node
                tensor.output_nr = number
                tensor.bits |= _AUTOGRAD
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
        edges: list[Any] = edges_of(self.rule, args)
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
        edges: list[Any] = edges_of(self.rule, args)
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


def plain_copy(tensor: TensorBase) -> TensorBase:
    return ops.F.copy(wrap(tensor.storage_, tensor.layout_, tensor.offset_))


def refuse_out(name: str) -> None:
    raise AutogradError(
        f"{name}(): functions with out=... arguments don't support automatic "
        f"differentiation, but one "
        f"of the arguments requires grad; use the functional form, or call it under "
        f"no_grad()"
    )


def check_inplace(name: str, tensor: TensorBase) -> None:
    """Raise InplaceError for a leaf that requires a gradient, or a view of one."""
    if tensor.base_ is not None:
        base: TensorBase = tensor.base_
        if base.grad_fn_ is None and base.flags & _REQUIRES_GRAD:
            raise InplaceError(
                f"a view of a leaf Variable that requires grad is being used in an in-place "
                f"operation "
                f"({name}_ on shape {list(tensor.layout_.shape)}); do it under no_grad(), or "
                f"on a clone()"
            )
    elif tensor.grad_fn_ is None and tensor.flags & _REQUIRES_GRAD:
        raise InplaceError(
            f"a leaf Variable that requires grad is being used in an in-place operation "
            f"({name}_ on "
            f"shape {list(tensor.layout_.shape)}); do it under no_grad(), or on a clone()"
        )


def rebase(
    rule: Rule,
    args: tuple[Any, ...],
    edges: list[Any],
    needs: cython.ulonglong,
    target: TensorBase,
    overwrites: cython.bint,
) -> None:
    """Give ``target``, just written in place, its new history; for a view, through its base."""
    if target.base_ is None:
        target.output_nr = 0
        record(rule, args, edges, needs, target, 1)
        return
    shell: TensorBase = wrap(target.storage_, target.layout_, target.offset_)
    node: Node = record(rule, args, edges, needs, shell, 1)
    rebase_view(target, node, overwrites)


def rebase_view(target: TensorBase, node: Node, overwrites: cython.bint) -> None:
    """The base of ``target`` gets the history "all as before, but this region made by ``node``"."""
    from tensorplug_layers.autograd.slices import CopySlices

    base: TensorBase = target.base_
    slices: Node = CopySlices(base, target, node, overwrites)
    base.grad_fn_ = slices
    base.output_nr = 0
    base.bits |= _AUTOGRAD
    target.bits |= _AUTOGRAD
    target.grad_fn_ = None
    target.base_version = target.storage_.version - 1


def rebase_alias(target: TensorBase, result: TensorBase) -> None:
    """Write ``result`` over ``target`` (shape and dtype are checked) and let it take over the history of
    ``result``.
    """
    from tensorplug_dispatcher.writing import copy_results

    copy_results(ops.F.copy, result, (target,))
    if not result.grad_fn_ and not result.flags & _REQUIRES_GRAD:
        return
    function: OpFunction = ops.F.copy
    edges: list[Any] = []
    add_edge(edges, result)
    edges[2] = result.layout_
    rebase(rule_of(function), (result,), edges, 1, target, True)


def view_history(view: TensorBase) -> object:
    """The grad_fn of a view whose base has been changed in place since: read from the base as it is now."""
    base: TensorBase = view.base_
    function: OpFunction = ops.F.as_strided
    args = (base, tuple(view.layout_.shape), view.layout_.strides, view.offset_)
    edges: list[Any] = []
    if base.grad_fn_ is not None:
        edges.extend((base.grad_fn_, base.output_nr, base.layout_))
    else:
        edges.extend((base, 0, base.layout_))
    node: Node = Node.__new__(Node)
    if not cython.compiled:
        _pure_fields(node)
    global _sequence
    _sequence += 1
    node.sequence = _sequence
    node.rule = rule_of(function)
    node.edges = edges
    node.needs = 1
    node.saved = (None, *args[1:])
    node.out_layouts = view.layout_
    node.device = view.storage_.device
    view.grad_fn_ = node
    view.output_nr = 0
    view.base_version = view.storage_.version
    return node


_rules: dict[str, Any] = {}


def rule_of(function: OpFunction) -> Any:
    """The (one) rule of an op."""
    found = _rules.get(function.name)
    if found is None:
        found = _rules[function.name] = Rule(function)
    return found


# -- the way back
# -----------------------------------------------------------------------------------------------------


def apply_rule(node: Node, grads: list[Any]) -> list[Any]:
    """Cotangents of a node's tensor arguments; raises AutogradError where the graph was freed or changed."""
    rule: Rule = node.rule
    if node.freed:
        raise AutogradError(
            f"Trying to backward through the graph a second time (or directly access saved tensors after "
            f"they have "
            f"already been freed): {rule.name} has freed what it saved. Specify retain_graph=True at the "
            f"first "
            f"backward() or grad() call if you need to go through the graph again"
        )
    saved: object = node.saved
    outputs: dict[int, Any] = {}
    if node.outputs is not None:
        for item in node.outputs:
            entry: SavedOutput = item
            if entry.storage.version != entry.version:
                changed(node, entry.layout, entry.storage.version, entry.version)
            tensor: TensorBase = wrap(entry.storage, entry.layout, entry.offset)
            tensor.grad_fn_ = node
            tensor.output_nr = entry.number
            tensor.bits |= _AUTOGRAD
            outputs[entry.number] = tensor
    if node.versions is not None:
        for i, arg in enumerate(saved):  # type: ignore[arg-type,var-annotated]
            if isinstance(arg, TensorBase):
                tensor = arg
                if tensor.storage_.version != node.versions[i]:
                    changed(node, tensor.layout_, tensor.storage_.version, node.versions[i])
    args: object = saved
    if rule.dims and args:
        args = normalize_saved(node)
    results: list[Any] = []
    slots: cython.Py_ssize_t = len(node.edges) // 3
    slot: cython.Py_ssize_t = 0
    if rule.joint is not None:
        needs = tuple([node.edges[3 * i] is not None for i in range(slots)])
        found = rule.joint(*values(node, rule.joint_sources, grads, args, outputs, needs))
        for i in range(slots):
            grad = found[i] if node.edges[3 * i] is not None else None
            results.append(None if grad is None else fit(grad, node.edges[3 * i + 2]))
        return results
    for position in rule.positions:
        formula = rule.formulas[position]
        if (
            rule.has_lists
            and isinstance(rule.op.parameters[position].kind, str)
            and rule.op.parameters[position].kind == "Tensor[]"
        ):
            count: cython.Py_ssize_t = slots - len(rule.positions) + 1
            needs = tuple([node.edges[3 * (slot + i)] is not None for i in range(count)])
            found = formula[0](*values(node, formula[1], grads, args, outputs, needs)) if any(needs) else None
            for i in range(count):
                grad = found[i] if found is not None and needs[i] else None
                results.append(None if grad is None else fit(grad, node.edges[3 * (slot + i) + 2]))
            slot += count
            continue
        if node.edges[3 * slot] is None:
            results.append(None)
        elif formula is None:
            results.append(None)
        else:
            grad = formula[0](*values(node, formula[1], grads, args, outputs, None))
            results.append(None if grad is None else fit(grad, node.edges[3 * slot + 2]))
        slot += 1
    return results


def normalize_saved(node: Node) -> tuple[Any, ...]:
    """The saved arguments with ``dim`` counted from the front, as formulas expect it."""
    op = node.rule.op
    saved: tuple[Any, ...] = node.saved
    layouts = list(saved)
    slot = 0
    for position in node.rule.positions:
        if op.parameters[position].kind == "Tensor[]":
            layouts[position] = (node.edges[3 * slot + 2],)
            slot += len(node.edges) // 3 - len(node.rule.positions) + 1
        else:
            layouts[position] = node.edges[3 * slot + 2]
            slot += 1
    wrapped = normalize_attributes(op, tuple(layouts))
    tensors = frozenset(node.rule.positions)
    return tuple([saved[i] if i in tensors else wrapped[i] for i in range(len(saved))])


def values(
    node: Node,
    sources: tuple[Any, ...],
    grads: list[Any],
    args: object,
    outputs: dict[int, Any],
    needs: object,
) -> list[Any]:
    found: list[Any] = []
    for kind, i in sources:
        if kind == GRAD:
            grad = grads[i]
            if grad is None:
                layout = node.out_layouts if node.rule.n_outputs == 1 else node.out_layouts[i]
                grad = ops.F.fill(tuple(layout.shape), 0, layout.dtype, device=node.device)
            found.append(grad)
        elif kind == ARGUMENT:
            found.append(args[i])  # type: ignore[index]
        elif kind == OUTPUT:
            found.append(outputs[i])
        elif kind == LAYOUT:
            found.append(layout_at(node, i))
        elif kind == OUT_LAYOUT:
            found.append(node.out_layouts if node.rule.n_outputs == 1 else node.out_layouts[i])
        else:
            found.append(needs)
    return found


def layout_at(node: Node, position: int) -> object:
    """The layout of the tensor argument at ``position`` (a tuple of them for a list of tensors)."""
    slot = 0
    extra = len(node.edges) // 3 - len(node.rule.positions)
    for p in node.rule.positions:
        is_list = node.rule.op.parameters[p].kind == "Tensor[]"
        if p == position:
            if is_list:
                return tuple([node.edges[3 * (slot + i) + 2] for i in range(extra + 1)])
            return node.edges[3 * slot + 2]
        slot += extra + 1 if is_list else 1
    return None


def fit(grad: object, layout: Layout) -> object:
    """A cotangent in the shape and dtype of its argument: broadcast dimensions are summed."""
    tensor: TensorBase = grad  # type: ignore[assignment]
    if layout is None or tensor.layout_ is layout:
        return grad
    if tensor.layout_.shape != layout.shape:
        grad = sum_to(tensor, layout.shape)
        tensor = grad  # type: ignore[assignment]
    if tensor.layout_.dtype is not layout.dtype:
        grad = ops.F.cast(grad, layout.dtype)
    return grad


def sum_to(tensor: Any, shape: Any) -> Any:
    """Sum the dimensions that broadcasting added or stretched, so that the result has ``shape``."""
    lead = tensor.ndim - len(shape)
    dims = tuple(
        [i for i in range(tensor.ndim) if i < lead or (shape[i - lead] == 1 and tensor.shape[i] != 1)]
    )
    if dims:
        tensor = ops.F.sum(tensor, dims, True, dtype=tensor.dtype)
    if lead > 0:
        tensor = ops.F.view(tensor, tuple(shape))
    if tuple(tensor.shape) != tuple(shape):
        raise AutogradError(
            f"a derivative returned a cotangent of shape {list(tensor.shape)} for an "
            f"argument of shape "
            f"{list(shape)}; return one of the argument's shape"
        )
    return tensor


def changed(node: Node, layout: Any, version: int, expected: int) -> None:
    raise InplaceError(
        f"one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"[{layout.dtype.name} {list(layout.shape)}], saved by {node.name()}, is at version {version}; "
        f"expected version "
        f"{expected} instead. Hint: use a clone() before the in-place operation, or enable anomaly detection "
        f"(autograd.set_detect_anomaly(True)) to find the operation that failed to compute its gradient"
    )
