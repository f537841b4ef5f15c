"""What ``import tensorplug`` gives, and what it leaves for later."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import tensorplug as tp
from tensorplug_dispatcher.ops import OPS


def test_import_is_light() -> None:
    heavy = (
        "numpy",
        "pluggy",
        "importlib.metadata",
        "ml_dtypes",
        "ctypes",
        "cffi",
        "pycparser",
        "tensorplug_cpu",
        "tensorplug_mirror",
        "tensorplug.nn",
        "tensorplug.optim",
        "tensorplug.utils",
        "asyncio",
        "typing_extensions",
    )
    code = f"import sys, tensorplug; print([m for m in {heavy!r} if m in sys.modules])"
    environment = {
        k: v for k, v in os.environ.items() if k not in ("COVERAGE_PROCESS_START", "TENSORPLUG_PURE")
    }
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert shown.stdout.strip() == "[]"


def test_all_names_exist() -> None:
    missing = [name for name in tp.__all__ if not hasattr(tp, name)]
    assert missing == []
    for name in ("nn", "optim", "utils", "autograd", "random", "devices", "linalg"):
        assert getattr(tp, name).__name__ == f"tensorplug.{name}"
    with pytest.raises(AttributeError, match="module 'tensorplug' has no attribute 'nonsense'"):
        _ = tp.nonsense


def test_every_public_op_is_seen_where_its_record_says() -> None:
    for name, op in OPS.items():
        for seen in (name, *op.also.split()):
            for place, where, ending in (
                ("function", tp, ""),
                ("method", tp.Tensor, ""),
                ("inplace", tp.Tensor, "_"),
                ("inplace_function", tp, "_"),
            ):
                if place in op.public.split():
                    assert callable(getattr(where, seen + ending)), (place, seen)


INTERNAL = {
    *("base_", "base_version", "become", "bits", "flags", "grad_", "grad_fn_", "handle_", "hooks_"),
    *("key_bits", "layout_", "mark", "marked", "offset", "offset_", "quantizer_", "storage_", "strides"),
    "user_attributes",
}


def test_a_tensor_shows_no_field_of_the_core() -> None:
    x = tp.ones(2, requires_grad=True)
    assert set(dir(x)) & INTERNAL == set()
    assert {"grad", "shape", "add_", "relu", "sum", "T", "output_nr"} <= set(dir(x))
    for name in ("elu", "gelu_", "fmax_", "isnan_", "maximum_", "silu", "var_mean", "softplus_"):
        assert not hasattr(x, name), name


@pytest.mark.oracle
def test_a_tensor_shows_what_pytorchs_does() -> None:
    torch = pytest.importorskip("torch")
    known = {*dir(torch.ones(2, requires_grad=True)), *dir(torch.Tensor)}
    shown = {n for n in dir(tp.ones(2, requires_grad=True)) if not n.startswith("_")}
    assert shown - known == OWN


OWN: set[str] = set()  # what tensors have here and PyTorch's have not


@pytest.mark.oracle
def test_names_are_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    ours = {"bucketize", "demo", "devices"}
    unknown = [
        n
        for n in tp._generated.__all__
        if not hasattr(torch, n) and not hasattr(torch.Tensor, n) and n not in ours
    ]
    assert [n for n in unknown if n not in OPS] == []
    # what people use first
    wanted = """
        abs add all allclose amax any arange argmax argsort as_tensor bmm broadcast_to cat chunk clamp clone
        cos cumsum diag dot einsum empty eq equal exp eye flatten flip floor from_numpy full gather ge gt
        isfinite isnan index_select is_tensor le linspace log logical_and logsumexp lt masked_select matmul
        max mean median meshgrid min mm mul multinomial mv ne no_grad nonzero norm normal ones ones_like
        outer permute pow prod quantile rand randint randn randperm relu repeat_interleave reshape roll
        round rsqrt scatter searchsorted sigmoid sign sin softmax sort split sqrt square squeeze stack std
        sub sum take tanh tensor tensordot tile topk trace transpose tril triu unbind unique unsqueeze var
        where zeros zeros_like manual_seed save load set_default_dtype set_num_threads finfo iinfo
    """.split()
    assert [n for n in wanted if not hasattr(tp, n)] == []
    methods = """
        add_ backward bool byte clamp_ contiguous copy_ cpu data_ptr detach dim double element_size expand
        expand_as fill_ float half index_add_ index_put_ int is_contiguous item long masked_fill
        masked_fill_ mul_ narrow new_zeros normal_ numel numpy permute register_hook repeat requires_grad_
        retain_grad reshape_as scatter_ scatter_add_ size storage_offset stride t to tolist transpose type
        type_as uniform_ view view_as zero_ T mT grad grad_fn is_leaf data device dtype shape ndim
    """.split()
    assert [n for n in methods if not hasattr(tp.Tensor, n)] == []


def test_the_class_is_no_trap() -> None:
    assert isinstance(tp.zeros(1), tp.Tensor) and tp.Tensor(2, 3).shape == (2, 3)
    assert isinstance(tp.zeros(1).device, tp.device) and tp.device("cpu") is tp.device("cpu", 0)
    assert not hasattr(tp.Tensor, "copy") and not hasattr(tp.Tensor, "fill")
    with pytest.raises(TypeError):
        {tp.zeros(1): 1}[1.5] if False else iter(tp.tensor(1))
    with pytest.raises(AttributeError):
        _ = tp.zeros(1).nonsense


def test_default_dtype_and_device() -> None:
    assert tp.get_default_dtype() is tp.float32 and str(tp.get_default_device()) == "cpu"
    try:
        tp.set_default_dtype(tp.float64)
        assert (
            tp.tensor(1.5).dtype is tp.float64
            and tp.zeros(1).dtype is tp.float64
            and tp.rand(1).dtype is tp.float64
        )
        assert (tp.ones(2, dtype=tp.int64) / 2).dtype is tp.float64 and repr(
            tp.tensor(1.5)
        ) == "tensor(1.5000)"
    finally:
        tp.set_default_dtype(tp.float32)
    with pytest.raises(TypeError, match="only floating-point dtypes can be the default"):
        tp.set_default_dtype(tp.int64)


def test_unknown_devices_are_named() -> None:
    with pytest.raises(tp.UnknownDeviceError, match="no installed plugin offers device type 'nowhere'"):
        tp.zeros(1, device="nowhere")


def test_threads() -> None:
    before = tp.get_num_threads()
    try:
        tp.set_num_threads(1)
        assert tp.get_num_threads() == 1
    finally:
        tp.set_num_threads(before)
    with pytest.raises(ValueError, match="expects a positive integer, but got 0"):
        tp.set_num_threads(0)


def test_devices_table() -> None:
    assert "cpu" in tp.devices and tp.devices.available("cpu") and not tp.devices.available("nowhere")
    assert tp.devices.count("cpu") == 1 and "cpu" in repr(tp.devices)
    assert "add(Tensor input, Tensor other)" in tp.devices.explain("add", "cpu", tp.float32)
    tp.devices.reset_report()
    _ = tp.ones(2) + 1
    assert any(op == "add" and path == "native" for op, _, path, _, _ in tp.devices.report())
    stats = tp.devices.memory("cpu")
    assert stats["peak"] >= stats["allocated"] > 0
