"""What a number becomes in another dtype, on every device: by ``conversion``, whose rule is PyTorch's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import tensorplug as tp
from tensorplug_dispatcher import conversion, dtypes
from tensorplug_dispatcher.errors import DTypeError, NumberRangeError
from tensorplug_dispatcher.ops import F

EDGES = [float("nan"), math.inf, -math.inf, 0.0, -0.0, 0.5, -0.5, -1.0, -1.5, 127.0, 128.0, -128.0, -129.0]
EDGES += [
    255.0,
    255.5,
    256.0,
    300.0,
    -300.0,
    32767.0,
    32768.0,
    -32769.0,
    65504.0,
    70000.0,
    -70000.0,
    3e9,
    -3e9,
]
EDGES += [2.0**n + d for n in (31, 32, 63, 64) for d in (0.0, 0.5, -0.5, 2.0**11, -(2.0**11))]
EDGES += [-x for x in EDGES[-20:]] + [1e19, -1e19, 1e30, -1e30, 1e300, -1e300]
INTEGERS = ("uint8", "int8", "int16", "int32", "int64")
FLOATS = ("float64", "float32", "float16", "bfloat16")
DEVICES = [
    "cpu",
    "mirror",
    pytest.param("opencl", marks=pytest.mark.needs("opencl")),
]


def numbers(source: str) -> Any:
    """The edges as numbers of a floating dtype, and what they are there."""
    held = tp.tensor(EDGES, dtype=tp.float64).to(getattr(tp, source))
    return held, held.to(tp.float64).tolist()


def supports(device: str, *names: str) -> bool:
    """Whether the device has these dtypes (some OpenCL devices have no float64)."""
    try:
        for name in names:
            tp.ones(2, dtype=getattr(tp, name)).to(device).to("cpu")
    except DTypeError:
        return False
    return True


@pytest.mark.parametrize("source", FLOATS)
@pytest.mark.parametrize("target", [*INTEGERS, "bool"])
@pytest.mark.parametrize("device", DEVICES)
def test_a_cast_follows_the_rule(device: str, source: str, target: str) -> None:
    if not supports(device, source, target):
        pytest.skip(f"{device} has no {source} or no {target}")
    held, values = numbers(source)
    wanted = [
        conversion.integer_of(v, getattr(dtypes, "bool_" if target == "bool" else target)) for v in values
    ]
    goal = getattr(tp, target)
    for x in (held, held.repeat(9), held.repeat(2).reshape(2, -1).t()[:, 0]):
        got = x.to(device).to(goal).to("cpu").to(tp.int64).tolist()
        assert got == wanted * (len(got) // len(wanted))
    assert [v.to(device).to(goal).to("cpu").to(tp.int64).item() for v in held] == wanted


@pytest.mark.parametrize("source", FLOATS)
@pytest.mark.parametrize("target", INTEGERS)
def test_the_reference_of_the_kit_follows_it_too(source: str, target: str) -> None:
    reference = pytest.importorskip("tensorplug_conformance.reference")
    _, values = numbers(source)
    out = np.zeros(len(values), target)
    reference._cast([out], [np.array(values)], {})
    assert out.tolist() == [conversion.integer_of(v, getattr(dtypes, target)) for v in values]


@pytest.mark.oracle
@pytest.mark.parametrize("source", FLOATS)
@pytest.mark.parametrize("target", INTEGERS)
def test_the_rule_is_that_of_pytorch_on_x86(source: str, target: str) -> None:
    import platform

    import torch

    x = torch.tensor(EDGES, dtype=torch.float64).to(getattr(torch, source))
    found, kind = x.to(getattr(torch, target)).tolist(), getattr(dtypes, target)
    for value, got in zip(x.double().tolist(), found, strict=True):
        if conversion.fits(value, kind) or platform.machine() == "x86_64":
            assert got == conversion.integer_of(value, kind), value


def test_what_fits() -> None:
    assert conversion.fits(-128.9, dtypes.int8) and not conversion.fits(-129.0, dtypes.int8)
    assert conversion.fits(-0.9, dtypes.uint8) and not conversion.fits(-1.0, dtypes.uint8)
    assert not any(conversion.fits(v, dtypes.int64) for v in (2.0**63, math.nan, math.inf))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("number", [70000, 70000.0, 1e39, 10**39])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_a_number_beside_floats_is_rounded_to_the_dtype(device: str, number: float, dtype: str) -> None:
    kind = getattr(tp, dtype)
    wanted = tp.tensor([float(number)], dtype=tp.float64).to(kind).item()
    x = tp.ones(3, dtype=kind).to(device)
    assert (x * number).to("cpu").tolist() == [wanted] * 3
    assert (number * x).to("cpu").tolist() == [wanted] * 3
    assert (x * -number).to("cpu").tolist() == [-wanted] * 3
    assert (x < number).to("cpu").tolist() == [True] * 3
    if number < 1e38:  # where() refuses what float32 does not hold, as PyTorch's does
        assert tp.where(x < 0, x, number).to("cpu").tolist() == [wanted] * 3


@pytest.mark.parametrize("device", DEVICES)
def test_a_number_beside_integers_wraps_and_has_64_bits(device: str) -> None:
    for dtype in INTEGERS:
        kind = getattr(dtypes, dtype)
        for number in (300, -1, 2**40, 2**63, -(2**63), 2**64 - 1):
            wanted = conversion.wrapped(1 + number, kind)
            assert (tp.ones(2, dtype=kind).to(device) + number).to("cpu").tolist() == [wanted] * 2
        with pytest.raises(
            NumberRangeError, match=r"value 18446744073709551616 cannot be converted to an integer"
        ):
            tp.ones(2, dtype=kind).to(device) + 2**64


def test_an_int_beyond_every_float_is_refused() -> None:
    for dtype in FLOATS:
        with pytest.raises(
            NumberRangeError, match=r"value 2\*\*1328 or more cannot be converted to a floating"
        ):
            tp.ones(2, dtype=getattr(tp, dtype)) * 10**400


def test_nan_fits_no_integer_tensor() -> None:
    with pytest.raises(DTypeError, match="value nan cannot be converted to type int32 without overflow"):
        tp.full((2,), math.nan, dtype=tp.int32)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("n", [1, 15, 16, 17, 40])
@pytest.mark.parametrize("dtype, low, high", [("int8", -128, 127), ("uint8", 0, 255), ("int8", -8, 7)])
def test_nan_as_a_level_is_the_highest(device: str, n: int, dtype: str, low: int, high: int) -> None:
    if not supports(device, "float32", dtype):
        pytest.skip(f"{device} has no {dtype}")
    x = tp.tensor([1.0, math.nan, -math.inf, math.inf][:n] * n)[:n].to(device)
    scale, point = tp.tensor(0.5).to(device), tp.tensor(1, dtype=tp.int32).to(device)
    got = F.quantize(x, scale, point, getattr(dtypes, dtype), low, high).to("cpu").tolist()
    assert got == ([3, high, low, high] * n)[:n]
    fake = F.fake_quantize(x, scale, point, low, high).to("cpu").tolist()
    assert fake == [(level - 1) * 0.5 for level in got]


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
def test_the_level_of_nan_is_that_of_pytorch() -> None:
    import torch

    for kind, dtype, low, high in ((torch.qint8, "int8", -128, 127), (torch.quint8, "uint8", 0, 255)):
        theirs = torch.quantize_per_tensor(torch.tensor([math.nan, 1.0]), 0.5, 1, kind).int_repr().tolist()
        ours = F.quantize(
            tp.tensor([math.nan, 1.0]),
            tp.tensor(0.5),
            tp.tensor(1, dtype=tp.int32),
            getattr(dtypes, dtype),
            low,
            high,
        )
        assert ours.tolist() == theirs
