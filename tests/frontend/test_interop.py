"""NumPy, DLPack, buffers, copy and pickle: shared memory where it is promised,
typed errors where it cannot be.
"""

from __future__ import annotations

import copy
import gc
import pickle
from typing import Any

import numpy as np
import pytest

import tensorplug as tp

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]


@pytest.mark.parametrize("name", DTYPES)
def test_numpy_shares_memory_both_ways(name: str) -> None:
    array = np.array([[0, 1, 2], [3, 4, 5]]).astype(name)
    tensor = tp.from_numpy(array)
    assert str(tensor.dtype) == f"tensorplug.{name}" and tensor.tolist() == array.tolist()
    tensor[0, 1] = 0
    assert not array[0, 1]
    back = tensor.numpy()
    assert (
        back.dtype == array.dtype
        and back.__array_interface__["data"][0] == array.__array_interface__["data"][0]
    )
    back[1, 1] = 0
    assert not tensor[1, 1]


def test_strides_survive() -> None:
    array = np.arange(24.0).reshape(2, 3, 4)
    view = tp.from_numpy(array.transpose(2, 0, 1)[1:, :, ::2])
    assert view.stride() == (1, 12, 8) and view.tolist() == array.transpose(2, 0, 1)[1:, :, ::2].tolist()
    assert tp.arange(6.0).reshape(2, 3).t().numpy().strides == (4, 12)
    assert tp.ones(3).expand(2, 3).numpy().strides == (0, 4)


def test_memory_lives_as_long_as_either_side() -> None:
    tensor = tp.from_numpy(np.arange(5.0))
    gc.collect()
    assert tensor.tolist() == [0, 1, 2, 3, 4]
    array = tp.arange(1000.0).numpy()
    gc.collect()
    tp.zeros(1000)
    assert array[999] == 999


def test_bfloat16_travels_as_ml_dtypes() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    array = tp.tensor([1.5, -2.0], dtype=tp.bfloat16).numpy()
    assert array.dtype == ml_dtypes.bfloat16 and array.tolist() == [1.5, -2.0]
    assert tp.from_numpy(array).dtype is tp.bfloat16


def test_empty_and_scalar_arrays() -> None:
    assert tp.from_numpy(np.zeros((0, 3), "float32")).shape == (0, 3)
    assert tp.zeros(2, 0).numpy().shape == (2, 0)
    assert tp.from_numpy(np.array(2.5)).item() == 2.5 and tp.tensor(2.5).numpy().shape == ()
    assert tp.tensor(np.float64(1)).dtype is tp.float64 and tp.tensor([np.int32(1)]).dtype is tp.int32
    assert tp.tensor(np.arange(3)).dtype is tp.int64 and tp.tensor([np.arange(3), np.arange(3)]).shape == (
        2,
        3,
    )


def test_numpy_functions_take_tensors() -> None:
    x = tp.arange(4.0)
    assert np.asarray(x).dtype == np.float32 and np.asarray(x, dtype="float64").tolist() == [0, 1, 2, 3]
    assert isinstance(np.sin(x), tp.Tensor) and np.allclose(np.sin(x).numpy(), np.sin(np.arange(4.0)))
    assert isinstance(x + np.ones(4), tp.Tensor) and (x + np.ones(4)).tolist() == [1, 2, 3, 4]
    assert x[np.array([0, 2])].tolist() == [0, 2] and x[np.array([True, False, True, False])].tolist() == [
        0,
        2,
    ]
    assert x[np.int64(2)].item() == 2 and (x * np.float32(2)).tolist() == [0, 2, 4, 6]
    x[np.array([1])] = np.array([9.0], "float32")
    assert x.tolist() == [0, 9, 2, 3]


def test_what_cannot_be_shared_says_why() -> None:
    with pytest.raises(
        ValueError, match=r"At least one stride in the given numpy array is negative .* making a copy"
    ):
        tp.from_numpy(np.arange(3)[::-1])
    with pytest.raises(
        TypeError, match=r"can't convert np.ndarray of type numpy.complex128. The only supported types are"
    ):
        tp.from_numpy(np.zeros(2, complex))
    with pytest.raises(ValueError, match=r"byte order different from the native byte order \(>f4\)"):
        tp.from_numpy(np.zeros(2, ">f4"))
    with pytest.raises(TypeError, match=r"expected np.ndarray \(got list\)"):
        tp.from_numpy([1, 2])
    with pytest.raises(
        RuntimeError, match=r"Can't call numpy\(\) on Tensor that requires grad. Use tensor.detach\(\)"
    ):
        tp.ones(2, requires_grad=True).numpy()
    read_only = np.arange(3.0)
    read_only.flags.writeable = False
    with pytest.warns(UserWarning, match="The given NumPy array is not writable"):
        assert tp.from_numpy(read_only).tolist() == [0, 1, 2]
    assert tp.ones(2, requires_grad=True).numpy(force=True).tolist() == [1, 1]


def test_dlpack_with_numpy() -> None:
    x = tp.arange(6.0).reshape(2, 3).t()
    array = np.from_dlpack(x)
    assert array.strides == (4, 12)
    x[0, 0] = 7
    assert array[0, 0] == 7
    source = np.arange(4, dtype="int32")
    y = tp.from_dlpack(source)
    y[1] = 9
    assert source[1] == 9 and y.dtype is tp.int32
    assert x.__dlpack_device__() == (1, 0)
    del x, y
    gc.collect()
    assert array.sum() == 22


def test_dlpack_capsules_are_used_once() -> None:
    capsule = tp.ones(3).__dlpack__()
    assert tp.from_dlpack(capsule).tolist() == [1, 1, 1]
    with pytest.raises(TypeError, match="a capsule can be consumed only once"):
        tp.from_dlpack(capsule)
    with pytest.raises(BufferError, match="require gradient"):
        tp.ones(3, requires_grad=True).__dlpack__()
    del capsule
    tp.ones(1000).__dlpack__()
    gc.collect()


def test_dlpack_of_read_only_memory_is_copied() -> None:
    source = np.arange(3.0)
    source.flags.writeable = False
    made = tp.from_dlpack(source)
    made[0] = 7
    assert made.tolist() == [7, 1, 2] and source.tolist() == [0, 1, 2]
    with pytest.raises(BufferError, match="it is read-only"):
        tp.from_dlpack(source, copy=False)


def test_dlpack_copies_where_asked() -> None:
    source = np.arange(3.0)
    copied, shared = tp.from_dlpack(source, copy=True), tp.from_dlpack(source, copy=False)
    source[0] = 7
    assert copied[0] == 0 and shared[0] == 7
    moved = tp.from_dlpack(source, device="mirror:0")
    assert moved.device.type == "mirror" and moved.tolist() == [7, 1, 2]
    with pytest.raises(BufferError, match="it is to go to mirror:0"):
        tp.from_dlpack(source, device="mirror:0", copy=False)
    x = tp.arange(3.0)
    array = np.from_dlpack(x, copy=True)
    x[0] = 7
    assert array[0] == 0


def test_dlpack_versions_and_requests() -> None:
    x = tp.ones(3)
    names = {version: repr(x.__dlpack__(max_version=version)) for version in (None, (0, 8), (1, 0), (1, 3))}
    assert [("dltensor_versioned" in text) for text in names.values()] == [False, False, True, True]
    assert tp.from_dlpack(x.__dlpack__(max_version=(1, 0))).data_ptr() == x.data_ptr()
    with pytest.raises(BufferError, match="DLPack device .2, 0. was asked for"):
        x.__dlpack__(dl_device=(2, 0))
    with pytest.raises(RuntimeError, match="stream should be None"):
        x.__dlpack__(stream=5)
    with pytest.raises(BufferError, match="only host memory"):
        tp.ones(3, device="mirror:0").__dlpack__()
    assert tp.from_dlpack(tp.ones(3, device="mirror:0").__dlpack__(dl_device=(1, 0))).tolist() == [1, 1, 1]
    x.__dlpack__(max_version=(1, 0))  # never consumed
    gc.collect()


def test_dlpack_of_producers_that_know_no_keywords() -> None:
    class Old:
        def __init__(self, array: Any) -> None:
            self.array = array

        def __dlpack_device__(self) -> Any:
            return 1, 0

        def __dlpack__(self) -> Any:
            return self.array.__dlpack__()

    source = np.arange(3.0)
    shared, copied = tp.from_dlpack(Old(source)), tp.from_dlpack(Old(source), copy=True)
    source[0] = 7
    assert shared[0] == 7 and copied[0] == 0


@pytest.mark.oracle
def test_dlpack_of_signs_that_pytorch_has_put_off() -> None:
    torch = pytest.importorskip("torch")
    lazy = torch.tensor([1 + 2j, 3 - 4j]).conj().imag
    assert lazy.is_neg()
    assert tp.from_dlpack(lazy).tolist() == [-2, 4]
    with pytest.raises(BufferError, match="were put off"):
        tp.from_dlpack(lazy, copy=False)


@pytest.mark.oracle
def test_dlpack_with_torch() -> None:
    torch = pytest.importorskip("torch")
    for dtype in ("float32", "bfloat16", "bool", "int64"):
        x = tp.tensor([[1, 0], [1, 1]]).to(getattr(tp, dtype))
        y = torch.from_dlpack(x)
        assert y.dtype is getattr(torch, dtype) and y.tolist() == x.tolist()
        y[0, 1] = 1
        assert x[0, 1] == 1
        assert tp.from_dlpack(y).data_ptr() == x.data_ptr()


def test_buffers() -> None:
    data = bytearray(np.arange(4, dtype="int16").tobytes())
    x = tp.frombuffer(data, dtype=tp.int16)
    x[0] = 7
    assert data[0] == 7 and tp.frombuffer(data, dtype=tp.int16, count=2, offset=2).tolist() == [1, 2]
    with pytest.raises(
        ValueError, match=r"buffer length \(8 bytes\) after offset \(1 bytes\).*|must be a multiple"
    ):
        tp.frombuffer(data, dtype=tp.int16, offset=1)
    with pytest.raises(ValueError, match="must not be greater than actual buffer length"):
        tp.frombuffer(data, dtype=tp.int16, count=5)
    with pytest.raises(ValueError, match="offset must be non-negative"):
        tp.frombuffer(data, dtype=tp.int16, offset=8)
    with pytest.warns(UserWarning, match="The given buffer is not writable"):
        assert tp.frombuffer(b"\1\2", dtype=tp.uint8).tolist() == [1, 2]


def test_deepcopy_keeps_sharing_and_flags() -> None:
    x = tp.arange(6.0, requires_grad=True)
    x.grad = tp.ones(6)
    y = copy.deepcopy(x)
    assert (
        y.requires_grad
        and y.tolist() == x.tolist()
        and y.grad.tolist() == [1] * 6
        and y.data_ptr() != x.data_ptr()
    )
    base = tp.arange(6.0)
    both = copy.deepcopy([base, base[2:]])
    both[0][2] = 50
    assert both[1][0] == 50 and base[2] == 2
    with pytest.raises(RuntimeError, match="Only Tensors created explicitly by the user"):
        copy.deepcopy(x * 2)


def test_copy_shares_memory() -> None:
    x = tp.arange(3.0)
    y = copy.copy(x)
    y[0] = 5
    assert x[0] == 5


@pytest.mark.parametrize("name", [*DTYPES, "bfloat16"])
def test_pickle(name: str) -> None:
    x = tp.arange(6).reshape(2, 3).to(getattr(tp, name)).t()
    y = pickle.loads(pickle.dumps(x))
    assert y.dtype is x.dtype and y.tolist() == x.tolist()
    y[0, 0] = 1
    assert pickle.loads(pickle.dumps(tp.zeros(0, 2))).shape == (0, 2)
    assert pickle.loads(pickle.dumps(tp.ones(2, requires_grad=True))).requires_grad
    assert pickle.loads(
        pickle.dumps((tp.float16, tp.device("cpu"), x.max(0)[1] if name == "float32" else None))
    )


def test_asarray() -> None:
    array = np.arange(3.0)
    assert tp.asarray(array).data_ptr() == array.__array_interface__["data"][0]
    assert tp.asarray(array, copy=True).data_ptr() != array.__array_interface__["data"][0]
    x = tp.ones(2)
    assert tp.asarray(x) is x and tp.asarray([1, 2]).tolist() == [1, 2]
    with pytest.raises(ValueError, match="can't alias"):
        tp.asarray([1, 2], copy=False)
    with pytest.raises(ValueError, match="can't alias"):
        tp.asarray(array, dtype=tp.float32, copy=False)
