"""S6: the dispatch layers: what a layer adds must be there on every device, in the same way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tensorplug as tp
from tensorplug_dispatcher import layers
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.tensor import CONTEXT

from ..case import PASS, Case, Result, check


def cases(device: str, depth: str) -> Iterator[Case]:
    for name, run in {
        "third-party": _third_party,
        "rank-order": _rank_order,
        "autograd-modes": _modes,
        "autograd-function": _function,
        "autograd-checkpoint": _checkpoint,
        "autograd-hooks": _hooks,
        "autograd-second": _second,
        "autograd-in-place": _in_place,
    }.items():
        yield Case(f"S6/{name}/float32/one", run)


class _Watch:
    def __init__(self, name: str, rank: int, seen: list[str]) -> None:
        self.name, self.rank, self.seen = name, rank, seen

    def wrap(self, function: Any, key: int, inner: Any) -> Any:
        def around(args: Any, outs: Any) -> Any:
            self.seen.append(f"{self.name}:{function.name}")
            return inner(args, outs)

        return around


def _watched(device: str, watches: list[_Watch]) -> Any:
    bits = 0
    for watch in watches:
        layers.register(watch)
        bits |= layers.bit(watch.name)
    token = CONTEXT.set(CONTEXT.get().replace(included=bits))
    try:
        return tp.ones(3, device=device) * 2.0
    finally:
        CONTEXT.reset(token)
        for watch in watches:
            layers.unregister(watch.name)


def _third_party(device: str) -> Result:
    seen: list[str] = []
    result = _watched(device, [_Watch("conformance-watch", 45, seen)])
    check(result.cpu().tolist() == [2.0] * 3, "a layer changed a result")
    check("conformance-watch:mul" in seen, f"the layer did not see the multiplication, only {seen}")
    return Result(PASS)


def _rank_order(device: str) -> Result:
    seen: list[str] = []
    inner, outer = _Watch("conformance-inner", 45, seen), _Watch("conformance-outer", 5, seen)
    _watched(device, [inner, outer])
    muls = [name for name in seen if name.endswith(":mul")]
    check(muls == ["conformance-outer:mul", "conformance-inner:mul"], f"layers ran in the order {muls}")
    return Result(PASS)


def _leaf(device: str) -> Any:
    return tp.tensor([1.0, -2.0, 3.0]).to(device).requires_grad_(True)


def _modes(device: str) -> Result:
    x = _leaf(device)
    with tp.no_grad():
        check(not (x * 2).requires_grad, "no_grad records")
    with tp.inference_mode():
        check(not (x * 2).requires_grad, "inference_mode records")
    check((x * 2).requires_grad and not (x * 2).detach().requires_grad, "recording or detach is wrong")
    return Result(PASS)


def _function(device: str) -> Result:
    class Cube(tp.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x * x

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            (x,) = ctx.saved_tensors
            return grad * 3 * x * x

    x = _leaf(device)
    Cube.apply(x).sum().backward()
    check(x.grad.cpu().tolist() == [3.0, 12.0, 27.0], f"the custom gradient is {x.grad.cpu().tolist()}")
    check(x.grad.device == x.device, f"the gradient is on {x.grad.device}")
    return Result(PASS)


def _checkpoint(device: str) -> Result:
    from tensorplug.utils.checkpoint import checkpoint

    x = _leaf(device)
    checkpoint(lambda t: (t * t).exp(), x, use_reentrant=False).sum().backward()
    y = _leaf(device)
    (y * y).exp().sum().backward()
    check(x.grad.cpu().tolist() == y.grad.cpu().tolist(), "a checkpointed gradient differs")
    return Result(PASS)


def _hooks(device: str) -> Result:
    x = _leaf(device)
    seen: list[Any] = []

    def hook(grad: Any) -> Any:
        seen.append(grad.device.type)
        return grad * 2

    x.register_hook(hook)
    (x * 3).sum().backward()
    check(seen == [tp.device(device).type], f"the hook saw {seen}")
    check(x.grad.cpu().tolist() == [6.0] * 3, f"the hook's gradient is {x.grad.cpu().tolist()}")
    return Result(PASS)


def _second(device: str) -> Result:
    x = _leaf(device)
    (first,) = tp.autograd.grad((x**3).sum(), x, create_graph=True)
    (second,) = tp.autograd.grad(first.sum(), x)
    got = second.cpu().tolist()
    check(all(abs(a - b) < 1e-4 for a, b in zip(got, [6.0, -12.0, 18.0], strict=True)), f"x**3'' is {got}")
    return Result(PASS)


def _in_place(device: str) -> Result:
    from tensorplug_dispatcher.errors import InplaceError

    x = _leaf(device)
    y = x * 1
    y[1:].mul_(10)
    y.sum().backward()
    check(x.grad.cpu().tolist() == [1.0, 10.0, 10.0], f"in-place on a view gives {x.grad.cpu().tolist()}")
    z = x.exp()
    w = F.mul(z, z)
    z.add_(1)
    try:
        w.sum().backward()
    except InplaceError:
        return Result(PASS)
    raise AssertionError("a saved tensor was changed in place and backward raised nothing")
