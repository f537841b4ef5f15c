"""Runs one expression in PyTorch and in tensorplug and compares: values, dtypes, shapes,
strides, or the error's type.

An expression is Python text in which ``T`` is the framework and ``x``, ``y``, ... are inputs made alike in
both.
"""

from __future__ import annotations

import math
from typing import Any

import pytest

torch = pytest.importorskip("torch")
tensorplug = pytest.importorskip("tensorplug")

# with the package opt_einsum installed PyTorch contracts in another order, and strides come out differently
torch.backends.opt_einsum.enabled = False


def _spread(count: int, low: float, high: float) -> list[float]:
    """Numbers in a fixed, irregular order, exact in float32."""
    return [low + (high - low) * ((i * 37 + 11) % 64) / 64 for i in range(count)]


def inputs(T: Any) -> dict[str, Any]:
    """The inputs, made with the framework ``T``."""

    def floats(*shape: int, low: float = -4.0, high: float = 4.0, dtype: Any = None) -> Any:
        flat = T.tensor(_spread(math.prod(shape), low, high), dtype=dtype or T.float32)
        return flat.reshape(shape)

    names = {
        "T": T,
        "inf": math.inf,
        "nan": math.nan,
        "x": floats(3, 4),
        "y": floats(3, 4, low=0.5, high=3.0),
        "v": floats(4),
        "w": floats(3),
        "c": floats(2, 3, 4),
        "d": floats(2, 3, 4, 5),
        "e": T.zeros(0, 3),
        "s": T.tensor(2.5),
        "f64": floats(3, 4, dtype=T.float64),
        "f16": floats(3, 4, dtype=T.float16),
        "b16": floats(3, 4, dtype=T.bfloat16),
        "i": T.tensor([[3, -1, 4, 1], [-5, 9, 2, 6], [5, 3, -5, 8]]),
        "k": T.tensor([2, 0, 1]),
        "i32": T.tensor([7, -3, 2, 5], dtype=T.int32),
        "i8": T.tensor([7, -3, 2, 5], dtype=T.int8),
        "u8": T.tensor([7, 3, 250, 5], dtype=T.uint8),
        "m": T.tensor([[True, False, True, False], [False, False, True, True], [True, True, False, False]]),
        "bv": T.tensor([True, False, True]),
        "bv4": T.tensor([True, False, True, True]),
        "special": T.tensor([1.0, math.nan, -math.inf, math.inf, -0.0, 0.0, 2.5]),
        "p": floats(4, 4),
        "q": floats(4, 5),
        "g": floats(2, 4, 5),
        "sorted5": T.tensor([1.0, 3.0, 5.0, 7.0, 9.0]),
    }
    names["xt"] = names["x"].t()
    names["cp"] = names["c"].permute(2, 0, 1)
    return names


def evaluate(text: str, T: Any) -> Any:
    """The value of an expression, or of the last line of statements; an exception is returned as it is."""
    names = inputs(T)
    *before, last = [part.strip() for part in text.split(";")]
    try:
        for line in before:
            exec(line, names)
        return eval(last, names)
    except Exception as error:
        return error


def compare(
    mine: Any, theirs: Any, text: str, rtol: float = 1e-5, atol: float = 1e-6, strides: bool = True
) -> None:
    """Assert that a value of tensorplug's equals one of PyTorch's."""
    if isinstance(theirs, Exception):
        assert isinstance(mine, Exception), (
            f"{text}: PyTorch raises {type(theirs).__name__} ({theirs}), here: {mine!r}"
        )
        kinds = tuple(k for k in (IndexError, TypeError, ValueError, RuntimeError) if isinstance(theirs, k))
        assert isinstance(mine, kinds or type(theirs)), (
            f"{text}: {type(mine).__name__} ({mine}) is no {kinds} ({theirs})"
        )
        return
    if isinstance(mine, Exception):
        raise AssertionError(
            f"{text}: raises {type(mine).__name__}: {mine}; PyTorch gives {theirs!r}"
        ) from mine
    if isinstance(theirs, torch.Tensor):
        assert isinstance(mine, tensorplug.Tensor), f"{text}: {mine!r} is no tensor"
        assert str(mine.dtype).split(".")[1] == str(theirs.dtype).split(".")[1], (
            f"{text}: {mine.dtype} {theirs.dtype}"
        )
        assert tuple(mine.shape) == tuple(theirs.shape), f"{text}: shape {mine.shape}, PyTorch {theirs.shape}"
        if strides and theirs.numel():
            significant = [i for i, n in enumerate(theirs.shape) if n != 1]
            assert [mine.stride(i) for i in significant] == [theirs.stride(i) for i in significant], (
                f"{text}: strides {mine.stride()}, PyTorch {theirs.stride()}"
            )
        close(mine.tolist(), theirs.tolist(), text, rtol, atol)
    elif isinstance(theirs, (tuple, list)):
        assert len(mine) == len(theirs), f"{text}: {len(mine)} parts, PyTorch {len(theirs)}"
        for a, b in zip(mine, theirs, strict=True):
            compare(a, b, text, rtol, atol, strides)
    elif isinstance(theirs, (torch.dtype, torch.Size, torch.device)):
        assert str(mine).replace("tensorplug", "torch") == str(theirs), text
    elif isinstance(theirs, str):
        assert mine.replace("tensorplug", "torch") == theirs, f"{text}:\n{mine}\nPyTorch:\n{theirs}"
    else:
        assert type(mine) is type(theirs), f"{text}: {mine!r} {theirs!r}"
        close(mine, theirs, text, rtol, atol)


def close(mine: Any, theirs: Any, text: str, rtol: float, atol: float) -> None:
    if isinstance(theirs, list):
        assert len(mine) == len(theirs), text
        for a, b in zip(mine, theirs, strict=True):
            close(a, b, text, rtol, atol)
    elif isinstance(theirs, float):
        same = (
            mine == theirs
            or (math.isnan(mine) and math.isnan(theirs))
            or abs(mine - theirs) <= atol + rtol * abs(theirs)
        )
        assert same, f"{text}: {mine} is not {theirs}"
    else:
        assert mine == theirs and type(mine) is type(theirs), f"{text}: {mine!r} is not {theirs!r}"


def check(text: str, **tolerance: Any) -> None:
    """Evaluate ``text`` in both and compare."""
    compare(evaluate(text, tensorplug), evaluate(text, torch), text, **tolerance)
