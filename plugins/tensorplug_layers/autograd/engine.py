"""The backward pass: nodes in the reverse order of their making, without recursion, from a heap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from weakref import ref

from tensorplug_dispatcher.context import CONTEXT
from tensorplug_dispatcher.errors import AutogradError, DTypeError, ShapeError
from tensorplug_dispatcher.keys import HISTORY
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.tensor import RETAINS_GRAD, TensorBase, flags_of, hooks_of, origin, set_flags

from ..sweep import Keeper, keep, run
from .hooks import RemovableHandle, add_hook


class AccumulateGrad:
    """What ``next_functions`` shows for a leaf: its gradient is added up in ``variable.grad``."""

    def __init__(self, variable: Any) -> None:
        self.variable = variable
        self.next_functions: tuple[Any, ...] = ()

    def name(self) -> str:
        return "AccumulateGrad"

    def __repr__(self) -> str:
        return f"<AccumulateGrad object at {hex(id(self))}>"


def _roots(outputs: Sequence[Any], grads: Sequence[Any], what: str) -> list[tuple[Any, int, Any]]:
    roots = []
    for i, (out, grad) in enumerate(zip(outputs, grads, strict=True)):
        if not out.requires_grad:
            raise AutogradError(
                f"element {i} of tensors does not require grad and does not have a grad_fn (shape "
                f"{list(out.shape)}): nothing that it was computed from has requires_grad=True, "
                "or it was computed under no_grad()"
            )
        if grad is None:
            if out.numel() != 1:
                raise AutogradError(
                    f"grad can be implicitly created only for scalar outputs, not for shape "
                    f"{list(out.shape)}; call {what} on a sum or mean, or give the gradient"
                )
            grad = F.fill.call((tuple(out.shape), 1, out.dtype, out.device))
        else:
            if tuple(grad.shape) != tuple(out.shape):
                raise ShapeError(
                    f"Mismatch in shape: grad_output[{i}] has a shape of {list(grad.shape)} "
                    f"and output[{i}] "
                    f"has a shape of {list(out.shape)}; give a gradient of the output's shape"
                )
            if grad.dtype is not out.dtype:
                if not grad.dtype.is_floating_point:
                    raise DTypeError(
                        f"grad_output[{i}] has dtype {grad.dtype.name}, the output {out.dtype.name}; "
                        "convert it"
                    )
                grad = F.cast(grad, out.dtype)
        node = out.grad_fn
        roots.append((out if node is None else node, 0 if node is None else out.output_nr, grad))
    return roots


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add the gradients of ``tensors`` into ``.grad`` of the leaves (or of ``inputs`` only).

    Raises AutogradError where nothing requires a gradient, the graph was freed or a saved tensor was changed.
    Source: torch.autograd.backward.
    """
    outputs = (tensors,) if isinstance(tensors, TensorBase) else tuple(tensors)
    if grad_tensors is None:
        grads: Sequence[Any] = (None,) * len(outputs)
    else:
        grads = (grad_tensors,) if isinstance(grad_tensors, TensorBase) else tuple(grad_tensors)
    chosen = None
    if inputs is not None:
        chosen = (inputs,) if isinstance(inputs, TensorBase) else tuple(inputs)
        if not chosen:
            raise AutogradError(
                "'inputs' argument to backward() cannot be empty; leave it out to reach all leaves"
            )
    retain = create_graph if retain_graph is None else retain_graph
    roots = _roots(outputs, grads, "backward()")
    if chosen is None:
        run(roots, retain, create_graph, None)
        return
    found = run(roots, retain, create_graph, chosen)
    with _recording(create_graph):
        for tensor, gradient in zip(chosen, found, strict=True):
            if gradient is not None:
                keep(tensor, gradient)


def _recording(create_graph: bool) -> Any:
    from .modes import enable_grad, no_grad

    return enable_grad() if create_graph else no_grad()


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """The gradients of ``outputs`` with respect to ``inputs``; ``.grad`` stays as it is. Source:
    torch.autograd.grad.
    """
    outs = (outputs,) if isinstance(outputs, TensorBase) else tuple(outputs)
    ins = (inputs,) if isinstance(inputs, TensorBase) else tuple(inputs)
    if is_grads_batched:
        raise AutogradError("is_grads_batched=True is not supported; call grad() once for each gradient")
    if grad_outputs is None:
        grads: Sequence[Any] = (None,) * len(outs)
    else:
        grads = (grad_outputs,) if isinstance(grad_outputs, TensorBase) else tuple(grad_outputs)
    for i, tensor in enumerate(ins):
        if not tensor.requires_grad:
            raise AutogradError(
                f"One of the differentiated Tensors does not require grad: inputs[{i}] of shape "
                f"{list(tensor.shape)}; set requires_grad_() on it before the forward pass"
            )
    retain = create_graph if retain_graph is None else retain_graph
    found = list(run(_roots(outs, grads, "grad()"), retain, create_graph, ins))
    for i, gradient in enumerate(found):
        if gradient is None:
            if materialize_grads:
                found[i] = F.fill(tuple(ins[i].shape), 0, ins[i].dtype, device=ins[i].device)
            elif not allow_unused:
                raise AutogradError(
                    "One of the differentiated Tensors appears to not have been used "
                    f"in the graph (inputs[{i}], shape {list(ins[i].shape)}). "
                    "Set allow_unused=True if this is the desired behavior"
                )
    return tuple(found)


def register_hook(tensor: Any, hook: Any) -> RemovableHandle:
    """Call ``hook(grad)`` when the tensor's gradient is computed; a returned tensor replaces it."""
    if not tensor.requires_grad:
        raise AutogradError(
            "cannot register a hook on a tensor that doesn't require gradient; call requires_grad_() first"
        )
    node = tensor.grad_fn
    if node is None:
        return add_hook(hooks_of(tensor), ("grad", hook))
    if node.tensor_hooks is None:
        node.tensor_hooks = {}
    return add_hook(node.tensor_hooks, (tensor.output_nr, hook))


def register_post_accumulate_grad_hook(tensor: Any, hook: Any) -> RemovableHandle:
    """Call ``hook(tensor)`` after its ``.grad`` has been updated; leaves only."""
    if not tensor.is_leaf or not tensor.requires_grad:
        raise AutogradError(
            "post accumulate grad hooks can be registered on leaf tensors that require a gradient only"
        )
    return add_hook(hooks_of(tensor), ("post", hook))


def retain_grad(tensor: Any) -> None:
    """Keep the gradient of a tensor that is no leaf in its ``.grad``."""
    if not tensor.requires_grad:
        raise AutogradError("can't retain_grad on Tensor that has requires_grad=False")
    if tensor.is_leaf or flags_of(tensor) & RETAINS_GRAD:
        return
    set_flags(tensor, RETAINS_GRAD)
    keep_gradient(tensor, tensor.grad_fn)


class Keep(Keeper):
    """The hook of ``retain_grad``: it acts while the node is that of the tensor's present value."""

    __slots__ = ("node", "tensor")

    def __init__(self, tensor: Any, node: Any) -> None:
        self.tensor = ref(tensor)
        self.node = ref(node)

    def __call__(self, gradient: Any) -> None:
        alive = self.tensor()
        if alive is not None and origin(alive) is self.node():
            keep(alive, gradient)


def keep_gradient(tensor: Any, node: Any) -> None:
    """Have ``node``, which made the value of ``tensor``, keep its gradient in ``tensor.grad``."""
    if node.tensor_hooks is None:
        node.tensor_hooks = {}
    add_hook(node.tensor_hooks, (tensor.output_nr, Keep(tensor, node)))


def recorded(tensors: Iterable[Any]) -> bool:
    """Whether a call on these tensors would be recorded here."""
    return bool(CONTEXT.get().grad_enabled) and any(t.marked(HISTORY) for t in tensors)
