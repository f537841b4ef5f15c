"""Nodes, which remember how a tensor was made, and the rules that turn cotangents back.

A node is one recorded call. Its ``edges`` hold, for every tensor argument, (target, output number, layout):
the target is the node that made the argument, or the leaf itself, or None where no gradient is wanted. What a
derivative needs is read from the names of its parameters (see ``tensorplug_dispatcher.op``), so nothing else
is saved.
"""

from __future__ import annotations

from typing import Any

import cython

from tensorplug_dispatcher import ops
from tensorplug_dispatcher.errors import AutogradError, DeviceMismatchError, InplaceError
from tensorplug_dispatcher.signatures import normalize_attributes

if not cython.compiled:
    from tensorplug_dispatcher.call import OpFunction
    from tensorplug_dispatcher.context import _HISTORY
    from tensorplug_dispatcher.layout import Layout
    from tensorplug_dispatcher.storage import Storage
    from tensorplug_dispatcher.tensor import TensorBase, wrap

GRAD, ARGUMENT, OUTPUT, LAYOUT, NEEDS, OUT_LAYOUT = 0, 1, 2, 3, 4, 5

_sequence: cython.ulonglong = 0


def next_sequence() -> cython.ulonglong:
    """The number of a new node: younger nodes have greater ones."""
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
        self.edges = ()
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
    def metadata(self) -> dict[str, Any]:
        return {} if self.trace is None else {"traceback_": self.trace}

    @property
    def output_count(self) -> int:
        return self.rule.n_outputs if self.rule is not None else 1

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

    def bring(self, device: Any) -> Any:
        """Put copies on ``device`` in the place of saved tensors that are elsewhere.

        Returns what ``put_back`` takes to undo it, None where there were none.
        """
        before = (self.saved, self.versions, self.outputs)
        if self.saved is not None:
            self.saved = tuple([brought(arg, device) for arg in self.saved])
            if self.versions is not None:
                self.versions = tuple([a._version if isinstance(a, TensorBase) else 0 for a in self.saved])
        if self.outputs is not None:
            self.outputs = [brought_output(entry, device) for entry in self.outputs]
        if _same(before[0], self.saved) and _same(before[2], self.outputs):
            self.put_back(before)
            return None
        return before

    def put_back(self, before: Any) -> None:
        """Undo ``bring``."""
        self.saved, self.versions, self.outputs = before

    def release(self) -> None:
        """Drop the tensors that were saved for the backward pass; without any, it may run again."""
        if self.versions is not None or self.outputs is not None:
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
            for name, parameter in inspect.signature(formula).parameters.items():
                if parameter.kind is parameter.VAR_POSITIONAL:
                    found.extend([(ARGUMENT, i) for i, p in enumerate(op.parameters) if not p.is_tensor])
                elif name == "grad":
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
                        f"the derivative of {op.name!r} asks for {name!r}, "
                        f"which is no parameter or output of {op.schema}"
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
            found = self.saves[needs] = self.find_saves(needs)
        self.last_needs = needs
        self.last_saves = found
        return found

    def find_saves(self, needs: Any) -> tuple[Any, ...]:  # apart: its closures cost every call of saves_for
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
        return (attributes or bool(tensors), tensors, outputs)


_rules: dict[str, Any] = {}


def rule_of(function: OpFunction) -> Any:
    """The (one) rule of an op."""
    found = _rules.get(function.name)
    if found is None:
        found = _rules[function.name] = Rule(function)
    return found


def device_of(tensors: Any) -> Any:
    """The device of the first of these gradients that is there; None where none is."""
    for tensor in tensors:
        if tensor is not None:
            return tensor.device
    return None


def brought(value: Any, device: Any) -> Any:
    """A tensor, or those of a tuple, on ``device``; anything else as it is."""
    if isinstance(value, TensorBase):
        return value if value.device is device else ops.F.to_device(value, device)
    if isinstance(value, tuple) and any(isinstance(item, TensorBase) for item in value):
        moved = tuple([brought(item, device) for item in value])
        return value if _same(value, moved) else moved
    return value


def brought_output(entry: SavedOutput, device: Any) -> SavedOutput:
    if entry.storage.device is device:
        return entry
    tensor: TensorBase = ops.F.to_device(wrap(entry.storage, entry.layout, entry.offset), device)
    moved: SavedOutput = SavedOutput.__new__(SavedOutput)
    moved.storage = tensor.storage_
    moved.layout = tensor.layout_
    moved.offset = tensor.offset_
    moved.version = tensor.storage_.version
    moved.number = entry.number
    return moved


def _same(before: Any, after: Any) -> bool:
    return before is None or all(a is b for a, b in zip(before, after, strict=True))


def apply_together(node: Node, grads: list[Any], error: DeviceMismatchError) -> list[Any]:
    """``node.apply`` where the gradients are: something has moved to another device since the forward pass.

    Raises ``error``, with which ``apply`` has failed, where all is on one device already.
    """
    device = device_of(grads)
    before = node.bring(device)
    together = [brought(grad, device) for grad in grads]
    if before is None:
        if _same(grads, together):
            raise error
        return node.apply(together)
    try:
        return node.apply(together)
    finally:
        node.put_back(before)


def apply_rule(node: Node, grads: list[Any]) -> list[Any]:
    """Cotangents of a node's tensor arguments; raises AutogradError where the graph was freed or changed."""
    rule: Rule = node.rule
    if node.freed:
        raise AutogradError(
            "Trying to backward through the graph a second time (or directly access saved tensors after they "
            f"have already been freed): {rule.name} has freed what it saved. Specify retain_graph=True at "
            "the first backward() or grad() call if you need to go through the graph again"
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
            tensor.bits |= _HISTORY
            outputs[entry.number] = tensor
    if node.versions is not None:
        for i, arg in enumerate(saved):  # type: ignore[arg-type,var-annotated]
            if isinstance(arg, TensorBase):
                tensor = arg
                if tensor.storage_.version != node.versions[i]:
                    changed(node, tensor.layout_, tensor.storage_.version, node.versions[i])
    args: object = saved
    if rule.dims and args:
        args = normalize_saved(node, saved)
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


def normalize_saved(node: Node, saved: Any) -> tuple[Any, ...]:
    """The saved arguments with ``dim`` counted from the front, as formulas expect it."""
    op = node.rule.op
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
                grad = ops.F.fill(tuple(layout.shape), 0, layout.dtype, device=device_of(grads))
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
            f"a derivative returned a cotangent of shape {list(tensor.shape)} for an argument of shape "
            f"{list(shape)}; return one of the argument's shape"
        )
    return tensor


def changed(node: Node, layout: Any, version: int, expected: int) -> None:
    raise InplaceError(
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"[{layout.dtype.name} {list(layout.shape)}], saved by {node.name()}, is at version {version}; "
        f"expected version {expected} instead. Hint: use a clone() before the in-place operation, "
        "or enable anomaly detection (autograd.set_detect_anomaly(True)) "
        "to find the operation that failed to compute its gradient"
    )
