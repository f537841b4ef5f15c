"""S6: the dispatch layers: what a layer adds must be there on every device, in the same way.

Every installed layer has cases here: that it loads, what ``KNOWN`` asks of a layer of its name, and what its
own ``conformance()`` gives, a mapping of subjects to functions of a device that raise where something is
wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import tensorplug as tp
from tensorplug_dispatcher import layers
from tensorplug_dispatcher.context import CONTEXT
from tensorplug_dispatcher.devices import plugins
from tensorplug_dispatcher.errors import PluginError
from tensorplug_dispatcher.ops import F

from .. import facts
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
    for name, own in facts.of(device)["layers"].items():
        yield Case(f"{OF_LAYER}{name}/any/loads", partial(_loads, name))
        for subject, check_layer in KNOWN.get(name, {}).items():
            yield Case(f"{OF_LAYER}{name}/float32/{subject}", check_layer)
        for subject in own:
            yield Case(f"{OF_LAYER}{name}/any/own-{subject}", partial(_run_own, name, subject))


def installed() -> dict[str, list[str]]:
    """The installed layers, each with the subjects that it checks itself."""
    return {name: sorted(_own(name)) for name in sorted(plugins.installed(layers.GROUP))}


def _own(name: str) -> dict[str, Callable[[str], Any]]:
    """What the layers of a plugin check themselves: ``layer.conformance()`` gives subject -> f(device)."""
    try:
        found = plugins.load(layers.GROUP, name).tensorplug_layers()
    except PluginError:  # a broken one is shown by its case that loads it
        return {}
    return {
        subject: function
        for layer in found
        for subject, function in dict(getattr(layer, "conformance", dict)()).items()
    }


def _run_own(name: str, subject: str, device: str) -> Result:
    _own(name)[subject](device)
    return Result(PASS)


def _loads(name: str, device: str) -> Result:
    """The plugin loads, and its layers are layers. Installed is not switched on: results stay as they are."""
    found = list(plugins.load(layers.GROUP, name).tensorplug_layers())
    check(found, "the plugin has no layers")
    for layer in found:
        check(callable(layer.wrap) and isinstance(layer.rank, int), f"{layer!r} lacks wrap or rank")
    check((tp.ones(3, device=device) * 2).cpu().tolist() == [2.0] * 3, "a product is not right")
    return Result(PASS)


def _autocast(device: str) -> Result:
    """Under autocast products are of the low dtype and what must be exact is computed in float32,
    whichever of the two its result has on this device.
    """
    kind = tp.device(device).type
    x = tp.ones(4, 4).to(device)
    with tp.autocast(kind, dtype=tp.bfloat16):
        product = x @ x
        check(product.dtype is tp.bfloat16, f"a product under autocast is {product.dtype}")
        shares = tp.softmax(product * tp.arange(4, device=device), -1)
        total = shares.float().sum(-1).cpu().tolist()
        check(all(abs(t - 1) < 0.01 for t in total), f"softmax under autocast sums to {total}")
        with tp.autocast(kind, enabled=False):
            check((x @ x).dtype is tp.float32, "autocast cannot be switched off within")
    check((x @ x).dtype is tp.float32, "autocast goes on after its end")
    check(product.float().cpu().tolist() == [[4.0] * 4] * 4, "a product under autocast is wrong")
    return Result(PASS)


def _autocast_gradient(device: str) -> Result:
    w = tp.full((3, 3), 0.5).to(device).requires_grad_(True)
    with tp.autocast(tp.device(device).type, dtype=tp.bfloat16):
        loss = (tp.ones(2, 3).to(device) @ w).float().sum()
    loss.backward()
    check(w.grad.dtype is tp.float32, f"the gradient of a float32 weight is {w.grad.dtype}")
    check(w.grad.cpu().tolist() == [[2.0] * 3] * 3, f"the gradient is {w.grad.cpu().tolist()}")
    return Result(PASS)


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


def _ramp(*shape: int) -> Any:
    """Numbers of both signs, the same on every device."""
    count = 1
    for n in shape:
        count *= n
    return ((tp.arange(count).to(tp.float32) * 0.37) % 2.0 - 0.9).reshape(shape)


def _steps(device: Any, host: Any) -> int:
    """How many steps two tensors of levels are apart."""
    return int((device.int_repr().cpu().int() - host.int_repr().int()).abs().max().item())


def _quantized_tensor(device: str) -> Result:
    for dtype, point in ((tp.qint8, 3), (tp.quint8, 120), (tp.qint4, -2)):
        host = tp.quantize_per_tensor(_ramp(4, 6), 0.02 if dtype is not tp.qint4 else 0.2, point, dtype)
        here = tp.quantize_per_tensor(_ramp(4, 6).to(device), host.q_scale(), point, dtype)
        check(here.device == tp.device(device), f"the levels are on {here.device}")
        check(_steps(here, host) <= 1, f"levels of {dtype} are more than one step off")
        check(host.to(device).cpu().tolist() == host.tolist(), f"{dtype} changed on the way there and back")
    check(
        _ramp(4, 6).to(device).to(tp.float8_e4m3fn).cpu().tolist()
        == _ramp(4, 6).to(tp.float8_e4m3fn).tolist(),
        "floats of eight bits differ",
    )
    return Result(PASS)


def _quantized_reference(device: str) -> Result:
    host = tp.quantize_per_tensor(_ramp(4, 6), 0.02, 3, tp.qint8)
    here = host.to(device)
    for name in ("relu", "add", "mul", "sin"):
        args = (here, here) if name in ("add", "mul") else (here,)
        wanted = getattr(F, name)(*(host,) * len(args))
        check(_steps(getattr(F, name)(*args), wanted) <= 1, f"{name} is more than one step off")
    check(here[1:, ::2].cpu().tolist() == host[1:, ::2].tolist(), "a view stands for other numbers")
    return Result(PASS)


def _channels(rows: int, columns: int) -> Any:
    weight = _ramp(rows, columns)
    return tp.quantize_per_channel(weight, weight.abs().amax(1) / 127, [0] * rows, 0, tp.qint8)


def _quantized_linear(device: str) -> Result:
    x, weight = tp.quantize_per_tensor(_ramp(5, 9), 0.01, 100, tp.quint8), _channels(4, 9)
    got = tp.nn.functional.linear(x.to(device), weight.to(device)).cpu()
    wanted = tp.nn.functional.linear(x, weight)
    check(bool((got - wanted).abs().max().item() < 1e-4), "a product of integers differs")
    parts = [
        t.to(device) for t in (x.int_repr(), weight.int_repr(), weight.q_per_channel_scales().reshape(4, 1))
    ]
    scale, point = tp.tensor(0.01).to(device), tp.tensor(100, dtype=tp.int32).to(device)
    levels = F.quantized_linear(
        parts[0], parts[1], None, scale, point, parts[2], None, scale, point, tp.uint8
    ).cpu()
    expected = ((wanted / 0.01).round() + 100).clamp(0, 255)
    check(bool((levels.float() - expected).abs().max().item() <= 1), "integer results are over one step off")
    return Result(PASS)


def _quantized_weights(device: str) -> Result:
    weight = tp.quantize_per_group(_ramp(4, 8), tp.ones(4, 2) * 0.2, None, 4, tp.qint4)
    got = tp.nn.functional.linear(_ramp(3, 8).to(device), weight.to(device)).cpu()
    wanted = tp.nn.functional.linear(_ramp(3, 8), weight.dequantize())
    check(bool((got - wanted).abs().max().item() < 1e-4), "a weight of four bits gives another product")
    return Result(PASS)


def _fake_quantized(device: str) -> Result:
    x = _leaf(device)
    tp.fake_quantize_per_tensor_affine(x, 0.25, 0, -8, 7).sum().backward()
    got = x.grad.cpu().tolist()
    check(got == [1.0, 1.0, 0.0], f"the straight-through gradient is {got}")
    return Result(PASS)


OF_LAYER: Final = "S6/layer-"  # cases that depend on what is installed
# what a layer of this name must do, beside what its plugin checks itself
KNOWN: Final[dict[str, dict[str, Callable[[str], Result]]]] = {
    "autocast": {"dtypes": _autocast, "gradient": _autocast_gradient},
    "quantization": {
        "tensor": _quantized_tensor,
        "reference": _quantized_reference,
        "linear": _quantized_linear,
        "weights": _quantized_weights,
        "training": _fake_quantized,
    },
}
