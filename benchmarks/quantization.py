"""Products of eight-bit integers: against the same in float32, and against PyTorch's quantized ops.

"levels" takes and gives quantized tensors, as PyTorch's static ops do; "dynamic" takes and gives float32 and
chooses the input's scale. PyTorch's weights are prepacked, ours lie as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness import Report, measure, require_torch, thread_counts

import tensorplug as tp
from tensorplug.nn import functional as nnf
from tensorplug.quantization import Config, quantized_weight
from tensorplug_dispatcher.ops import F
from tensorplug_layers.quantization import Recipe
from tensorplug_layers.quantization.quantizer import quantizer_of, stored

Call = Callable[[], Any]


def linear(torch: Any) -> dict[str, tuple[Call, Call]]:
    """linear of 32 x 1024 with 1024 x 1024."""
    x, w, b = tp.randn(32, 1024), tp.randn(1024, 1024) * 0.03, tp.randn(1024)
    q = quantized_weight(w, Config(), Recipe(tp.quint8))
    found = quantizer_of(q)
    levels, scale, point, end = _levels(x)

    def ours() -> Any:
        return F.quantized_linear(
            levels, stored_weight, b, scale, point, found.scale, found.weight_sum, end, point, tp.uint8
        )

    stored_weight = stored(q)
    tx, tw, tb = _torch(torch, x), _torch(torch, w), _torch(torch, b)
    qx, qw = _quantized(torch, tx, tw)
    packed = torch.ops.quantized.linear_prepack(qw, tb)
    dynamic = torch.ao.nn.quantized.dynamic.Linear(1024, 1024)
    dynamic.set_weight_bias(qw, tb)
    return {
        "levels, float32": (ours, lambda: nnf.linear(x, w, b)),
        "levels, PyTorch": (ours, lambda: torch.ops.quantized.linear(qx, packed, 0.05, 128)),
        "dynamic, float32": (lambda: nnf.linear(x, q, b), lambda: nnf.linear(x, w, b)),
        "dynamic, PyTorch": (lambda: nnf.linear(x, q, b), lambda: dynamic(tx)),
    }


def conv(torch: Any) -> dict[str, tuple[Call, Call]]:
    """conv2d 64 to 64 channels, 3 x 3, on 56 x 56."""
    x, w, b = tp.randn(1, 64, 56, 56), tp.randn(64, 64, 3, 3) * 0.03, tp.randn(64)
    q = quantized_weight(w, Config(), Recipe(tp.quint8))
    found = quantizer_of(q)
    levels, scale, point, end = _levels(x)
    settings: Any = ((1, 1), (1, 1), (1, 1), 1)
    stored_weight = stored(q)

    def ours() -> Any:
        return F.quantized_conv2d(
            levels,
            stored_weight,
            b,
            scale,
            point,
            found.scale,
            found.weight_sum,
            end,
            point,
            *settings,
            tp.uint8,
        )

    tx, tw, tb = _torch(torch, x), _torch(torch, w), _torch(torch, b)
    qx, qw = _quantized(torch, tx.to(memory_format=torch.channels_last), tw)
    packed = torch.ops.quantized.conv2d_prepack(qw, tb, [1, 1], [1, 1], [1, 1], 1)
    return {
        "levels, float32": (ours, lambda: nnf.conv2d(x, w, b, padding=1)),
        "levels, PyTorch": (ours, lambda: torch.ops.quantized.conv2d(qx, packed, 0.05, 128)),
        "dynamic, float32": (lambda: nnf.conv2d(x, q, b, padding=1), lambda: nnf.conv2d(x, w, b, padding=1)),
    }


def weights(torch: Any) -> dict[str, tuple[Call, Call]]:
    """One row through a weight of 4096 x 4096: eight and four bits against float32."""
    x, w = tp.randn(1, 4096), tp.randn(4096, 4096) * 0.03
    found = {}
    for bits, config in (
        (8, Config(activation=None)),
        (4, Config(weight=tp.qint4, granularity="group", group_size=64, activation=None)),
    ):
        q = quantized_weight(w, config, Recipe())
        found[f"{bits} bits, float32"] = ((lambda q=q: nnf.linear(x, q)), lambda: nnf.linear(x, w))
    return found


def _levels(x: Any) -> tuple[Any, Any, Any, Any]:
    q = tp.quantize_per_tensor(x, 0.03, 128, tp.quint8)
    return stored(q), tp.tensor(0.03), tp.tensor(128, dtype=tp.int32), tp.tensor(0.05)


def _torch(torch: Any, x: Any) -> Any:
    return torch.from_numpy(x.numpy().copy())


def _quantized(torch: Any, x: Any, w: Any) -> tuple[Any, Any]:
    rows = w.shape[0]
    scales = w.flatten(1).abs().amax(1) / 127
    return (
        torch.quantize_per_tensor(x, 0.03, 128, torch.quint8),
        torch.quantize_per_channel(w, scales, torch.zeros(rows, dtype=torch.long), 0, torch.qint8),
    )


LIMITS = {"levels, float32": 0.4, "levels, PyTorch": 1.0}


def main() -> None:
    torch = require_torch()
    from tensorplug_cpu.quantized import LEVELS, dot_level

    report = Report(
        "quantization",
        "other",
        torch=torch.__version__,
        engine=torch.backends.quantized.engine,
        products=LEVELS[dot_level()],
    )
    for threads in thread_counts():
        tp.set_num_threads(threads)
        torch.set_num_threads(threads)
        with tp.no_grad(), torch.no_grad():
            for what in (linear, conv, weights):
                for name, (ours, theirs) in what(torch).items():
                    report.add(
                        f"{what.__name__}: {name}",
                        threads,
                        *measure(ours, theirs, rounds=5, seconds=0.02),
                        scale=1e6,
                        unit="us",
                        limit=LIMITS.get(name),
                    )
    report.save()


if __name__ == "__main__":
    main()
