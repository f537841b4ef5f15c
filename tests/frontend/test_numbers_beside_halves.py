"""A number beside float16 or bfloat16: rounded to the half or kept in float32, as the op's record says, and
PyTorch does; the same on every device, whether it has the op or decomposes it.
"""

from __future__ import annotations

from typing import Any

import pytest

import tensorplug as tp
from tensorplug_dispatcher.conversion import rounded
from tensorplug_dispatcher.dtypes import GROUPS
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.ops.elementwise import BINARY

NUMBERS = (0.1, 0.3, 1.1, 3.3, -0.7, 1e-5)
HALVES = ("float16", "bfloat16")
DEVICES = ["cpu", "mirror:0", pytest.param("opencl:0", marks=pytest.mark.needs("opencl"))]
WITH_NUMBERS = [
    (op, place)
    for op in BINARY
    for place, p in enumerate(op.parameters)
    if p.name not in op.no_numbers and p.name != "condition" and tp.float16 in GROUPS[op.dtypes]
]


def operand(dtype: str, count: int = 300) -> list[float]:
    """Numbers that the half holds, among them what the numbers round to."""
    kind = getattr(tp, dtype)
    drawn = [((i * 37 + 11) % 128 - 63.5) / 16 for i in range(count)]
    return tp.tensor([*NUMBERS, *drawn], dtype=kind).tolist()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize(("op", "place"), WITH_NUMBERS, ids=[f"{op.name}-{k}" for op, k in WITH_NUMBERS])
def test_rounded_or_kept(op: Any, place: int, dtype: str, device: str) -> None:
    """The result is that of float32, with the number as it is meant, rounded once."""
    kind, function = getattr(tp, dtype), getattr(F, op.name)
    x = tp.tensor(operand(dtype), dtype=kind)
    keeps = op.parameters[place].name in op.wide_numbers

    def call(tensor: Any, number: Any) -> Any:
        args = [tensor > 0.5 if p.name == "condition" else tensor for p in op.parameters]
        args[place] = number
        return function(*args)

    for number in NUMBERS:
        meant = number if keeps else rounded(number, kind)
        wanted = call(x.float(), meant)
        wanted = wanted.to(kind) if wanted.dtype is tp.float32 else wanted
        found = call(x.to(device), number).to("cpu")
        told = f"{op.name} of {dtype} and {number} on {device}"
        assert found.dtype is wanted.dtype, told
        exact = op.tolerance in ("exact", "add", "div")
        for a, b in zip(found.tolist(), wanted.tolist(), strict=True):
            near = b == pytest.approx(a, rel=0 if exact else kind.eps * 2, abs=0, nan_ok=True)
            assert near, f"{told}: {a} is not {b}"


CALLS = (
    """
x * N | N * x | x / N | x // N | x + N | x - N | N - x | x % N | N % x | x ** N | T.fmod(x, N) | x == N
x < N | x >= N | x + s | x % s
x.clone().mul_(N) | x.clone().div_(N) | x.clone().floor_divide_(N) | x.clone().add_(N) | x * s | x / s
x // s | x == s | T.where(x > 0, x, N) | T.copysign(x, N) | T.div(x, N, rounding_mode='trunc')
T.div(x, N, rounding_mode='floor') | N.clamp(x) | T.nn.functional.hardshrink(x, N)
T.nn.functional.leaky_relu(x, N) | x[:0] * N | x[::3] * N | x[::3] * s | x.reshape(2, -1).t() * N
x.reshape(2, -1).t() * s
""".replace("N.clamp(x)", "x.clamp(N)")
    .replace("\n", "|")
    .split("|")
)


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("text", [t.strip() for t in CALLS if t.strip()])
def test_like_torch(text: str, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    for number in NUMBERS:
        results = []
        for T in (torch, tp):
            x = T.tensor(operand(dtype), dtype=getattr(T, dtype))
            results.append(eval(text, {"T": T, "x": x, "N": number, "s": T.tensor(number)}))
        theirs, mine = results
        assert str(mine.dtype).split(".")[1] == str(theirs.dtype).split(".")[1]
        rel = 2 * torch.finfo(getattr(torch, dtype)).eps if "**" in text else 0
        wanted = pytest.approx(theirs.flatten().tolist(), rel=rel, abs=0, nan_ok=True)
        assert mine.flatten().tolist() == wanted, f"{text}, N = {number}"


def test_a_number_is_not_rounded_on_the_way_back() -> None:
    x = tp.ones(3, dtype=tp.float16, requires_grad=True)
    (x * 0.1 / 3.3).float().sum().backward()
    assert x.grad.tolist() == [float(tp.tensor(tp.tensor(1 / 3.3).half().float() * 0.1).half())] * 3
