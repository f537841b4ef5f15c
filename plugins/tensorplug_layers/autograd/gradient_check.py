"""Derivatives against finite differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorplug_dispatcher.dtypes import int64
from tensorplug_dispatcher.errors import AutogradError, TensorplugError
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.tensor import TensorBase

from .engine import grad
from .modes import enable_grad, no_grad


class GradcheckError(TensorplugError):
    """An analytical derivative that differs from the numerical one."""


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def _values(tensor: Any) -> list[float]:
    flat = F.copy(tensor.detach())
    count = flat.numel()
    rows = F.view(flat, (count,))
    return [rows[i].item() for i in range(count)]


def _differentiable(outputs: Any) -> list[Any]:
    return [o for o in _as_tuple(outputs) if isinstance(o, TensorBase) and o.requires_grad]


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    fast_mode: bool = False,
) -> bool:
    """Compare ``func``'s gradients with central differences of step ``eps``; inputs should be float64.

    Raises GradcheckError (or returns False) on a difference beyond ``atol + rtol * |numerical|``.
    Source: torch.autograd.gradcheck.
    """
    try:
        _check(func, _as_tuple(inputs), eps, atol, rtol, nondet_tol)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _check(
    func: Callable[..., Any], inputs: tuple[Any, ...], eps: float, atol: float, rtol: float, nondet_tol: float
) -> None:
    watched = [i for i in inputs if isinstance(i, TensorBase) and i.requires_grad]
    if not watched:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, "
            "but none of them have requires_grad=True."
        )
    with enable_grad():
        outputs = _differentiable(func(*inputs))
    if not outputs:
        return
    for position, tensor in enumerate(watched):
        numerical = _numerical(func, inputs, tensor, len(outputs), eps)
        for number, out in enumerate(outputs):
            for place in range(out.numel()):
                first = _analytical(out, place, tensor)
                if nondet_tol == 0.0 and place == 0 and first != _analytical(out, place, tensor):
                    raise GradcheckError(
                        f"Backward is not reentrant: output {number}, "
                        f"input {position} gave two different gradients for the same cotangent"
                    )
                for k, analytical in enumerate(first):
                    wanted = numerical[number][k][place]
                    if not abs(analytical - wanted) <= atol + rtol * abs(wanted):
                        raise GradcheckError(
                            f"Jacobian mismatch for output {number} with respect to input {position}, "
                            f"element [{place}, {k}]: numerical {wanted}, "
                            f"analytical {analytical} (atol {atol}, rtol {rtol})"
                        )


def _analytical(out: Any, place: int, tensor: Any) -> list[float]:
    cotangent = F.fill((out.numel(),), 0, out.dtype, device=out.device)
    F.copy_into(cotangent[place], F.fill((), 1, out.dtype, device=out.device))
    found = grad(out, tensor, F.view(cotangent, tuple(out.shape)), retain_graph=True, allow_unused=True)[0]
    return [0.0] * tensor.numel() if found is None else _values(found)


def _numerical(func: Callable[..., Any], inputs: tuple[Any, ...], tensor: Any, count: int, eps: float) -> Any:
    """[output][input element] → the column of central differences."""
    from tensorplug_dispatcher.tensor import view_of

    columns: list[list[list[float]]] = [[] for _ in range(count)]
    plain = F.copy(tensor.detach())
    flat = F.view(plain, (plain.numel(),))
    # the function sees its own argument, changed below the tape and restored afterwards
    for k in range(plain.numel()):
        sides = []
        original = flat[k].item()
        for step in (eps, -eps):
            F.copy_into(flat[k], F.fill((), original + step, tensor.dtype, device=tensor.device))
            with no_grad():
                F.copy_into(view_of(tensor, tensor.layout, tensor.offset), plain)
            with enable_grad():
                sides.append([_values(o) for o in _differentiable(func(*inputs))])
        F.copy_into(flat[k], F.fill((), original, tensor.dtype, device=tensor.device))
        F.copy_into(view_of(tensor, tensor.layout, tensor.offset), plain)
        for number in range(count):
            high, low = sides[0][number], sides[1][number]
            columns[number].append([(h - m) / (2 * eps) for h, m in zip(high, low, strict=True)])
    return columns


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    **unused: Any,
) -> bool:
    """gradcheck of the gradient itself. Source: torch.autograd.gradgradcheck."""
    arguments = _as_tuple(inputs)
    with enable_grad():
        outputs = _differentiable(func(*arguments))
    if not outputs:
        raise AutogradError("gradgradcheck needs a function whose output requires a gradient")
    if grad_outputs is None:
        cotangents = []
        for number, out in enumerate(outputs):
            bits = F.random_bits(tuple(out.shape), 2_024 + number, 0, int64, device=out.device)
            unit = F.mul(F.cast(F.bitwise_and(bits, 0xFFFFFF), out.dtype), 2.0**-24)
            made = F.add(unit, 0.1).detach()
            made.requires_grad = True
            cotangents.append(made)
    else:
        cotangents = list(_as_tuple(grad_outputs))
    watched = [i for i, a in enumerate(arguments) if isinstance(a, TensorBase) and a.requires_grad]

    def gradient(*values: Any) -> Any:
        args, given = values[: len(arguments)], values[len(arguments) :]
        outs = _differentiable(func(*args))
        found = grad(outs, [args[i] for i in watched], list(given), create_graph=True, allow_unused=True)
        return tuple([f for f in found if f is not None])

    return gradcheck(
        gradient,
        (*arguments, *cotangents),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
    )
