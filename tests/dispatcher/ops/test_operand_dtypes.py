"""Kernels that read an operand as it lies, whatever its dtype, are found: every operand of every op is given
in each other dtype, and what runs natively must give what the decomposition gives, or both an error.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from op_samples import torch_args

import tensorplug as tp
from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.ops import OPS, F
from tensorplug_dispatcher.request import Request
from tensorplug_dispatcher.signatures import normalize_attributes
from tensorplug_dispatcher.tensor import TensorBase

# an elementwise op promotes its operands, a view looks at no element, a random one gives other numbers
NAMES = [
    name
    for name, op in OPS.items()
    if not op.elementwise and not op.is_view and op.decompose is not None and op.family != "random"
]
CLOSE = {"prod": 0.1}  # many factors, each rounded


def tensors(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return tp.tensor(value.tolist(), dtype=getattr(tp, str(value.dtype)[6:])).reshape(tuple(value.shape))
    if isinstance(value, (tuple, list)) and value and isinstance(value[0], torch.Tensor):
        return tuple(tensors(one) for one in value)
    return value


def decomposed(name: str, args: tuple[Any, ...]) -> Any:
    op = OPS[name]
    bound = normalize_attributes(op, getattr(F, name).bind(args, {}))
    device = next(one for one in args if isinstance(one, TensorBase)).device
    return op.decompose(*Request(op, device, bound, None).converted(bound))


def outcome(function: Any, *args: Any) -> Any:
    """Results as (dtype, float64 numbers), or the error."""
    try:
        found = function(*args)
    except tp.TensorplugError as error:
        return error
    if found is NotImplemented:
        return found
    several = found if isinstance(found, tuple) else (found,)
    numbers = [torch.tensor(one.to(tp.float64).tolist(), dtype=torch.float64) for one in several]
    return [(one.dtype.name, values) for one, values in zip(several, numbers, strict=True)]


def calls(name: str) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """The first samples that run, with one operand in another dtype."""
    for number, sample in enumerate(list(OPS[name].samples())[:2]):
        for dtype in (dtypes.float32, dtypes.int32, dtypes.uint8):
            args = tuple(tensors(one) for one in torch_args(sample.args, dtype, name))
            if not isinstance(outcome(getattr(F, name), *args), Exception):
                break
        else:
            continue
        for place, operand in enumerate(args):
            for other in dtypes.ALL:
                if isinstance(operand, TensorBase) and other is not operand.dtype:
                    changed = (*args[:place], operand.to(other), *args[place + 1 :])
                    yield f"sample {number}, {place} in {other.name}", changed


@pytest.mark.parametrize("name", NAMES)
def test_an_operand_in_another_dtype(name: str) -> None:
    warnings.simplefilter("ignore")
    for note, args in calls(name):
        want = outcome(decomposed, name, args)
        if want is NotImplemented:
            continue
        got = outcome(getattr(F, name), *args)
        if isinstance(got, Exception) or isinstance(want, Exception):
            assert isinstance(got, Exception) and isinstance(want, Exception), (note, got, want)
            continue
        for (dtype, have), (wanted_dtype, wanted) in zip(got, want, strict=True):
            assert dtype == wanted_dtype, note
            close = torch.allclose(have, wanted, CLOSE.get(name, 0.02), 0.02, equal_nan=True)
            assert have.shape == wanted.shape and close, (note, have, wanted)
