"""The strided driver and the generated loops: every way to walk operands gives what the plain loop gives."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from launch import OURS, TORCH, launch  # noqa: E402

from tensorplug_codegen.names import compute_dtypes, loop_name, variants  # noqa: E402
from tensorplug_cpu import native_library  # noqa: E402
from tensorplug_cpu.elementwise import OPS  # noqa: E402
from tensorplug_cpu.sizes import STREAM_BYTES  # noqa: E402
from tensorplug_dispatcher import dtypes  # noqa: E402

pytestmark = pytest.mark.oracle

# what an operand of shape [rows, columns] may be in memory, made from a dense tensor that is large enough
LAYOUTS: dict[str, Callable[[Any, int, int], Any]] = {
    "dense": lambda x, r, c: x[: r * c].view(r, c),
    "transposed": lambda x, r, c: x[: r * c].view(c, r).t(),
    "sliced": lambda x, r, c: x[: r * c * 2].view(r, c * 2)[:, ::2],
    "row": lambda x, r, c: x[:c].expand(r, c),
    "column": lambda x, r, c: x[:r, None].expand(r, c),
    "number": lambda x, r, c: x[0].expand(r, c),
}
SHAPES = ((1, 1), (3, 5), (7, 300), (300, 7), (2, 5000), (129, 257))


def values(dtype: dtypes.DType, seed: int = 0) -> Any:
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(90000, generator=generator) * 8 - (4 if dtype.is_signed else 0)).to(TORCH[dtype])


def dense_call(name: str, out: Any, *ins: Any) -> Any:
    """Contiguous, and in the dtype of the loop: the generated loop itself, or float32 and one rounding."""
    wide = [i.float() if i.dtype in (torch.float16, torch.bfloat16) else i for i in ins]
    result = torch.empty(out.shape, dtype=wide[-1].dtype if out.dtype == ins[-1].dtype else out.dtype)
    assert launch("elementwise", name, [result], [i.contiguous() for i in wide]) == 0
    return result.to(out.dtype)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "float64", "int64", "int8", "bool"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_any_strides(shape: tuple[int, int], dtype: str) -> None:
    d = dtypes.dtype_named(dtype)
    a, b = values(d), values(d, 1)
    for (la, make_a), (lb, make_b), lo in product(
        LAYOUTS.items(), LAYOUTS.items(), ("dense", "sliced", "transposed")
    ):
        x, y = make_a(a, *shape), make_b(b, *shape)
        for name in ("add", "lt"):
            out = LAYOUTS[lo](
                torch.zeros(2 * a.numel(), dtype=torch.bool if name == "lt" else a.dtype), *shape
            )
            assert launch("elementwise", name, [out], [x, y]) == 0
            assert torch.equal(out, dense_call(name, out, x, y)), (name, la, lb, lo)


@pytest.mark.parametrize("name", ["add", "exp", "relu"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_in_place(name: str, dtype: str) -> None:
    x = values(dtypes.dtype_named(dtype))
    ins = [x, x.flip(0)][: sum(p.is_tensor for p in OPS[name].parameters)]
    expected = dense_call(name, x, *ins)
    assert launch("elementwise", name, [x], [x, *ins[1:]]) == 0
    assert torch.equal(x, expected)


def test_results_past_the_caches() -> None:
    x = torch.randn(STREAM_BYTES // 4 + 17)[1:]
    out = torch.zeros(x.numel() + 3)[3:]
    assert launch("elementwise", "neg", [out], [x]) == 0
    assert torch.equal(out, -x)


def test_several_outputs_and_numbers_of_the_call() -> None:
    param, grad, mean, square = (torch.rand(50, 60) for _ in range(4))
    model = torch.nn.Parameter(param.clone())
    optimizer = torch.optim.AdamW([model], lr=0.01, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1)
    optimizer.state[model] = {
        "step": torch.tensor(4.0),
        "exp_avg": mean.clone(),
        "exp_avg_sq": square.clone(),
    }
    model.grad = grad
    optimizer.step()
    numbers = (0.01, 0.9, 0.999, 1e-8, 0.1, 1 - 0.9**5, 1 - 0.999**5)
    outs = [param, mean, square]
    assert (
        launch(
            "elementwise",
            "adam_step",
            outs,
            [param, grad, mean, square],
            {"decoupled": True, "maximize": False},
            numbers,
        )
        == 0
    )
    state = optimizer.state[model]
    torch.testing.assert_close(
        outs, [model.data, state["exp_avg"], state["exp_avg_sq"]], rtol=2e-6, atol=1e-7
    )


@pytest.mark.parametrize("dtype", dtypes.INTEGERS, ids=lambda d: d.name)
@pytest.mark.parametrize("name", ["remainder", "floor_divide", "fmod"])
def test_integer_division(name: str, dtype: dtypes.DType) -> None:
    a = torch.tensor(
        [7, dtype.max, 0, 1, *((-7, dtype.min, -1) if dtype.is_signed else ())], dtype=TORCH[dtype]
    )
    b = torch.tensor([2, 3, dtype.max, *((-2, -3, -1) if dtype.is_signed else ())], dtype=TORCH[dtype])
    x, y = (v.flatten() for v in torch.meshgrid(a, b, indexing="ij"))
    out = torch.empty_like(x)
    assert launch("elementwise", name, [out], [x, y]) == 0
    keep = (x != dtype.min) | (y != -1) if dtype.is_signed else x == x  # PyTorch's result there is undefined
    assert torch.equal(out[keep], getattr(torch, name)(x[keep], y[keep]))
    assert launch("elementwise", name, [out], [x, torch.zeros_like(x)]) == 3


def test_every_op_has_its_loops() -> None:
    missing = [
        loop_name(op, choice, dtype)
        for op in OPS.values()
        for choice in variants(op)
        for dtype in compute_dtypes(op)
        if not native_library.has(loop_name(op, choice, dtype))
    ]
    assert missing == []


def test_mixed_dtypes_are_refused() -> None:
    x = torch.zeros(3)
    assert launch("elementwise", "add", [x], [x, x.double()]) is None
    assert launch("elementwise", "lt", [x], [x, x]) is None
    assert OURS[x.dtype] is dtypes.float32
