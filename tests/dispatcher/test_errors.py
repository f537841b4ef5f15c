"""Bad input: the type and the full text of what is raised, and that nothing was written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import tensorplug as tp
from tensorplug_dispatcher import errors
from tensorplug_dispatcher.devices import plugins
from tensorplug_dispatcher.ops import F

CASES: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "shapes": (
        lambda: tp.ones(2, 3) + tp.ones(4),
        errors.ShapeError,
        "The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 1: "
        "shapes [2, 3] and [4] do not broadcast; reshape or expand one of them",
    ),
    "matmul": (
        lambda: tp.ones(2, 3) @ tp.ones(2, 3),
        errors.ShapeError,
        "mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3): [2, 3] @ [2, 3]; "
        "the first's columns must be the second's rows",
    ),
    "view": (
        lambda: tp.ones(2, 3).transpose(0, 1).view(6),
        errors.ShapeError,
        "view size is not compatible with input tensor's size and stride (at least one dimension spans "
        "across two contiguous subspaces). Use .reshape(...) instead: shape [3, 2] with strides [1, "
        "3] cannot be seen as [6]",
    ),
    "dtype": (
        lambda: tp.bitwise_and(tp.ones(2), tp.ones(2)),
        errors.DTypeError,
        "\"bitwise_and\" not implemented for 'float32': it takes integral dtypes; convert with .to(dtype)",
    ),
    "devices": (
        lambda: tp.ones(2) + tp.ones(2, device="mirror"),
        errors.DeviceMismatchError,
        "add() got operands on several devices: [2] on cpu, [2] on mirror:0; move them to one, "
        "for instance with .to('cpu')",
    ),
    "unknown device": (
        lambda: tp.ones(2, device="nodevice"),
        errors.UnknownDeviceError,
        "no installed plugin offers device type 'nodevice'; installed are: INSTALLED. Install the plugin's "
        "package with pip, then call tensorplug.devices.rescan()",
    ),
    "unknown index": (
        lambda: tp.ones(2, device="mirror:7"),
        errors.UnknownDeviceError,
        "device mirror:7 does not exist; plugin 'mirror' offers: mirror:0, mirror:1",
    ),
    "out of memory": (
        lambda: tp.empty(1 << 48),
        errors.OutOfMemoryError,
        "device 'cpu' is out of memory: 1125899906842624 bytes",
    ),
    "in-place dtype": (
        lambda: tp.ones(3, dtype=tp.int32).add_(1.5),
        errors.DTypeError,
        "result type float32 of add() can't be cast to the desired output type int32; give an output of "
        "that dtype",
    ),
    "in-place shape": (
        lambda: tp.ones(3).add_(tp.ones(2, 3)),
        errors.ShapeError,
        "output with shape [3] doesn't match the broadcast shape [2, 3] of add(); give an output of that "
        "shape",
    ),
    "in-place on expanded": (
        lambda: tp.ones(3).expand(2, 3).add_(1),
        errors.InplaceError,
        "add: more than one element of the written-to tensor (shape [2, 3], strides [0, 1]) "
        "refers to a single memory location; clone() the tensor before writing to it",
    ),
    "dim": (
        lambda: tp.ones(3).sum(4),
        errors.IndexRangeError,
        "Dimension out of range (expected to be in range of [-1, 0], but got 4)",
    ),
    "index": (
        lambda: tp.ones(3)[5],
        errors.IndexRangeError,
        "index 5 is out of bounds for dimension 0 with size 3",
    ),
    "item": (
        lambda: tp.ones(3).item(),
        errors.ShapeError,
        "a Tensor with 3 elements cannot be converted to Scalar (shape [3]); use tolist() for all values",
    ),
    "truth": (
        lambda: bool(tp.ones(3)),
        errors.ShapeError,
        "Boolean value of Tensor with more than one value is ambiguous (shape [3]); use any() or all()",
    ),
    "missing argument": (
        lambda: F.sum(),
        errors.SignatureError,
        "sum() misses its argument 'input'; its signature is sum(Tensor input, dims dim=None, "
        "bool keepdim=False, *, dtype? dtype=None)",
    ),
    "unknown argument": (
        lambda: F.sum(tp.ones(3), wrong=1),
        errors.SignatureError,
        "sum() got 'wrong' unexpectedly or twice; its signature is sum(Tensor input, dims dim=None, "
        "bool keepdim=False, *, dtype? dtype=None)",
    ),
    "requires_grad of integers": (
        lambda: tp.tensor([1, 2], requires_grad=True),
        errors.DTypeError,
        "only Tensors of floating point dtype can require gradients, not int64; convert with .to(float32) "
        "first",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_message(name: str) -> None:
    call, kind, text = CASES[name]
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    assert isinstance(caught.value, errors.TensorplugError)
    found = str(caught.value)
    text = text.replace("INSTALLED", ", ".join(sorted(plugins.installed("tensorplug.backends"))))
    assert found == text or (name == "out of memory" and found.startswith(text))


def test_missing_kernel_says_what_was_tried(minimal: str) -> None:
    with pytest.raises(errors.MissingKernelError) as caught:
        F.sin(tp.ones(2, device=minimal))
    assert str(caught.value) == (
        "sin() cannot run on minimal:0 (tensorplug-minimal 1.0) for float32[2]; native for it there: "
        "nothing; tried: native: no kernel is registered; decomposition: the op is primitive, it has none; "
        "host: not allowed by the policy 'error'. Convert or move the operands, register a kernel, "
        "or allow the host with tensorplug.devices.set_host_policy('allow')"
    )
    with tp.devices.host_fallback("allow"):
        assert F.sin(tp.zeros(2, device=minimal)).tolist() == [0, 0]
    with pytest.raises(errors.MissingKernelError):
        F.sin(tp.zeros(2, device=minimal))


def test_overlapping_write_is_refused_and_nothing_is_written() -> None:
    a = tp.arange(6.0)
    with pytest.raises(errors.InplaceError) as caught:
        a[1:].add_(a[:-1])
    assert str(caught.value) == (
        "add: some elements of the input tensor (shape [5], offset 0) and the written-to tensor (shape [5], "
        "offset 1) refer to a single memory location; clone() the input first"
    )
    assert a.tolist() == [0, 1, 2, 3, 4, 5]


def test_a_bad_index_writes_nothing() -> None:
    a = tp.zeros(3)
    with pytest.raises(errors.IndexRangeError):
        a.scatter_(0, tp.tensor([0, 1, 9]), tp.ones(3))
    assert a.tolist() == [0, 0, 0]


def test_memory_is_usable_after_running_out() -> None:
    with pytest.raises(errors.OutOfMemoryError) as caught:
        tp.empty(1 << 48)
    assert caught.value.device == "cpu" and caught.value.requested == 1 << 50
    assert tp.ones(1000).sum().item() == 1000


@pytest.mark.parametrize("shape, strides", [((0, 3), (1, 0)), ((3, 0), (0, 1))])
def test_what_has_no_elements_can_be_written_whatever_its_strides(
    shape: tuple[int, ...], strides: tuple[int, ...]
) -> None:
    empty = tp.as_strided(tp.zeros(8), shape, strides)
    assert empty.add_(1).shape == shape and tp.exp(tp.zeros(shape), out=empty) is empty
    with pytest.raises(errors.InplaceError, match="refers to a single memory location"):
        tp.as_strided(tp.zeros(8), (1, 3), (1, 0)).add_(1)
