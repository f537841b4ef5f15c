"""Quantized tensors: made, looked at, moved, copied, saved, and their errors."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

import tensorplug as tp
from tensorplug_dispatcher import keys
from tensorplug_dispatcher.errors import DTypeError, QuantizationError
from tensorplug_layers.quantization.quantizer import quantizer_of


def numbers() -> Any:
    tp.manual_seed(3)
    return tp.randn(4, 8)


def kinds() -> dict[str, Any]:
    x = numbers()
    scales = tp.tensor([0.02, 0.05, 0.03, 0.04])
    return {
        "tensor": tp.quantize_per_tensor(x, 0.05, 3, tp.qint8),
        "unsigned": tp.quantize_per_tensor(x, 0.03, 120, tp.quint8),
        "channel": tp.quantize_per_channel(x, scales, tp.zeros(4, dtype=tp.int32), 0, tp.qint8),
        "affine": tp.quantize_per_channel(x, scales, [1, -2, 3, 0], 0, tp.qint8),
        "group": tp.quantize_per_group(x, tp.rand(4, 2) + 0.2, None, 4, tp.qint4),
        "packed": tp.quantize_per_tensor(x, 0.4, 8, tp.quint4),
        "float8": x.to(tp.float8_e4m3fn),
    }


KINDS = tuple(kinds())


@pytest.fixture(params=KINDS)
def quantized(request: pytest.FixtureRequest) -> Any:
    return kinds()[request.param]


@pytest.fixture
def host_allowed() -> Iterator[None]:
    tp.devices.set_host_policy("allow")
    yield
    tp.devices.set_host_policy("error")


def same(a: Any, b: Any) -> bool:
    alike = a.dtype is b.dtype and a.shape == b.shape
    return alike and a.cpu().dequantize().tolist() == b.cpu().dequantize().tolist()


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["qint8", "quint8"])
def test_levels_are_pytorchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    x = torch.randn(50, 20) * 3
    ours = tp.from_numpy(x.numpy())
    point = 7 if name == "quint8" else -7
    want = torch.quantize_per_tensor(x, 0.04, point, getattr(torch, name))
    got = tp.quantize_per_tensor(ours, 0.04, point, getattr(tp, name))
    assert got.int_repr().tolist() == want.int_repr().tolist()
    assert got.dequantize().tolist() == want.dequantize().tolist()
    assert (got.q_scale(), got.q_zero_point()) == (pytest.approx(want.q_scale()), want.q_zero_point())
    scales, points = torch.rand(20) / 10 + 0.01, torch.arange(20) % 5
    wanted = torch.quantize_per_channel(x, scales, points, 1, getattr(torch, name))
    mine = tp.quantize_per_channel(ours, tp.from_numpy(scales.numpy()), points.tolist(), 1, getattr(tp, name))
    assert mine.int_repr().tolist() == wanted.int_repr().tolist()
    assert mine.q_per_channel_axis() == 1 and mine.q_per_channel_zero_points().tolist() == points.tolist()
    assert repr(mine.qscheme()) == "tensorplug.per_channel_affine"


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2"])
def test_floats_of_eight_bits_are_pytorchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    x = torch.cat([torch.randn(500) * 10.0**e for e in range(-8, 6)])
    got = tp.from_numpy(x.numpy()).to(getattr(tp, name))
    want = x.to(getattr(torch, name)).float()
    assert str(got.float().tolist()) == str(want.tolist())
    assert got.storage.nbytes < x.numel() * 1.2 and not got.is_quantized


def test_memory(quantized: Any) -> None:
    levels = 16 if "int4" in quantized.dtype.name else 32
    assert quantized.storage.nbytes <= max(64, levels)
    assert quantized.nbytes == levels and list(quantized.shape) == [4, 8] and quantized.key_bits & keys.LEVELS


def test_copies_keep_everything(quantized: Any) -> None:
    for made in (
        quantized.clone(),
        quantized.detach(),
        copy.deepcopy(quantized),
        copy.copy(quantized),
        pickle.loads(pickle.dumps(quantized)),
        tp.nn.Parameter(quantized, requires_grad=False),
        copy.deepcopy(tp.nn.Parameter(quantized, requires_grad=False)),
    ):
        assert same(made, quantized)
        assert repr(made).endswith(repr(quantized))


def test_files_keep_everything(quantized: Any) -> None:
    file = io.BytesIO()
    tp.save({"weight": quantized, "again": [tp.nn.Parameter(quantized, requires_grad=False)]}, file)
    file.seek(0)
    read = tp.load(file)
    assert same(read["weight"], quantized) and isinstance(read["again"][0], tp.nn.Parameter)
    assert repr(read["weight"]) == repr(quantized)


def test_moves(quantized: Any, host_allowed: None) -> None:
    moved = quantized.to("mirror")
    assert moved.device.type == "mirror" and same(moved, quantized)
    assert moved.dequantize().device.type == "mirror"
    parameter = tp.nn.Parameter(copy.deepcopy(quantized), requires_grad=False)
    tp.migrate(parameter, "mirror")
    scale = quantizer_of(parameter).scale
    assert parameter.device.type == "mirror" and (scale is None or scale.device.type == "mirror")
    assert same(parameter, quantized)


def test_conversion_back(quantized: Any) -> None:
    numbers = quantized.dequantize().tolist()
    assert quantized.tolist() == numbers and quantized.float().tolist() == numbers
    assert quantized.to(tp.float64).tolist() == numbers
    assert tp.dequantize(quantized).tolist() == numbers


VIEWS = {
    "rows": lambda x: x[1:3],
    "columns": lambda x: x[:, 4:],
    "step": lambda x: x[::2],
    "transposed": lambda x: x.T,
    "select": lambda x: x[1],
    "reshaped": lambda x: x.reshape(2, 16),
    "expanded": lambda x: x[:1].expand(3, 8),
    "unsqueezed": lambda x: x.unsqueeze(0),
    "split": lambda x: x.split(2)[1],
}


@pytest.mark.parametrize("view", VIEWS)
def test_views(quantized: Any, view: str) -> None:
    """A view stands for the same numbers; it stays quantized wherever its scales can follow."""
    function = VIEWS[view]
    seen = function(quantized)
    assert tp.dequantize(seen).tolist() == function(quantized.dequantize()).tolist()
    one = quantizer_of(quantized).per_tensor and "int4" not in quantized.dtype.name
    if one or view in ("rows", "split"):
        assert seen.dtype is quantized.dtype


@pytest.mark.parametrize("name", ["tensor", "channel", "group", "packed", "float8"])
def test_items_are_written_through(name: str) -> None:
    """What is written into a view is in the tensor, to half a step of its own scale."""
    half_step = {"tensor": 0.03, "channel": 0.03, "group": 0.61, "packed": 0.21, "float8": 0.1}[name]
    whole = kinds()[name]
    wanted = whole.dequantize()[3] * 0.5
    whole[1] = 0.0
    whole[2] = wanted
    assert whole[1].dequantize().tolist() == [0.0] * 8 and whole[3, 2].item() == whole.tolist()[3][2]
    assert ((whole.dequantize()[2] - wanted).abs() <= half_step).all().item()


def test_a_view_shares_memory() -> None:
    whole = kinds()["channel"]
    part = whole[2:]
    part.copy_(tp.zeros(2, 8))
    assert whole.dequantize()[2:].abs().sum().item() == 0 and whole.dequantize()[:2].abs().sum().item() > 0


def test_text() -> None:
    x = tp.tensor([[0.5, -1.0], [1.5, 0.0]])
    assert repr(tp.quantize_per_tensor(x, 0.5, 10, tp.quint8)) == (
        "tensor([[ 0.5000, -1.0000],\n        [ 1.5000,  0.0000]], size=(2, 2), dtype=tensorplug.quint8,\n"
        "       quantization_scheme=tensorplug.per_tensor_affine, scale=0.5,\n"
        "       zero_point=10)"
    )
    assert "group_size=2)" in repr(tp.quantize_per_group(x.repeat(1, 2), tp.ones(2, 2), None, 2, tp.qint4))
    assert "quantization_scheme=tensorplug.per_channel_symmetric, axis=0)" in repr(
        tp.quantize_per_channel(x, [1.0, 1.0], [0, 0], 0, tp.qint8)
    ).replace("\n       ", " ")


def test_writes() -> None:
    """Numbers written over a quantized tensor take its scale; a quantized tensor brings its own."""
    x = kinds()["tensor"]
    x.copy_(tp.full((4, 8), 0.26))
    assert x.q_scale() == pytest.approx(0.05) and x.int_repr().flatten()[0].item() == 8
    other = tp.quantize_per_tensor(tp.ones(4, 8), 0.5, 0, tp.qint8)
    before = x._version
    x.copy_(other)
    assert x.q_scale() == 0.5 and x.tolist() == other.tolist() and x._version == before + 1
    assert other.storage is not x.storage
    plain = tp.zeros(4, 8)
    plain.copy_(x)
    assert plain.tolist() == x.tolist()
    plain.add_(x)
    assert plain.tolist()[0][0] == 2.0
    x.fill_(2.0)
    assert x.tolist()[0][0] == 2.0
    x.add_(1.0)
    assert x.tolist()[0][0] == 3.0 and x.dtype is tp.qint8


def error(kind: Any, function: Any, *args: Any) -> str:
    with pytest.raises(kind) as caught:
        function(*args)
    return str(caught.value)


def test_errors_of_scales_and_zero_points() -> None:
    x = numbers()
    make, channel, group = tp.quantize_per_tensor, tp.quantize_per_channel, tp.quantize_per_group
    for bad in (0.0, -0.5, float("inf"), float("nan")):
        assert error(QuantizationError, make, x, bad, 0, tp.qint8) == (
            f"quantize_per_tensor: the scale is {bad}, but scales must be finite and greater than 0; "
            f"quantize_per_tensor_dynamic() chooses one from the numbers"
        )
    assert error(QuantizationError, make, x, 0.1, 256, tp.quint8) == (
        "quantize_per_tensor: zero point 256 is no level of quint8, which go from 0 to 255; choose one "
        "of these"
    )
    assert error(QuantizationError, make, x, 0.1, -9, tp.qint4) == (
        "quantize_per_tensor: zero point -9 is no level of qint4, which go from -8 to 7; choose one of these"
    )
    assert error(QuantizationError, channel, x, [0.1, 0.1, 0.0, 0.1], [0] * 4, 0, tp.qint8) == (
        "quantize_per_channel: scale number 2 is 0.0, but scales must be finite and greater than 0; "
        "quantize_per_tensor_dynamic() chooses one from the numbers"
    )
    assert error(QuantizationError, channel, x, [0.1] * 3, [0] * 3, 0, tp.qint8) == (
        "quantize_per_channel: 3 scales were given for the 4 channels of dimension 0 of a tensor of shape "
        "[4, 8]; give one a channel"
    )
    assert error(QuantizationError, channel, x, [0.1] * 4, [0] * 4, 2, tp.qint8) == (
        "quantize_per_channel: axis 2 is no dimension of a tensor of shape [4, 8]; give one of -2 to 1"
    )
    assert error(QuantizationError, group, x, tp.ones(4, 2), None, 3, tp.qint4) == (
        "quantize_per_group: groups of 3 do not divide the last dimension of a tensor of shape [4, 8]; "
        "choose a divisor of 8, or quantize per channel"
    )
    assert error(QuantizationError, group, x, tp.ones(4, 4), None, 4, tp.qint4) == (
        "quantize_per_group: the scales have shape [4, 4], but a tensor of shape [4, 8] in groups of 4 needs "
        "[4, 2]"
    )


def test_errors_of_dtypes() -> None:
    x = numbers()
    assert error(DTypeError, kinds()["tensor"].numpy) == (
        "numpy(): other libraries do not know qint8; give them the numbers, x.dequantize(), or the levels, "
        "x.int_repr()"
    )
    assert error(DTypeError, tp.quantize_per_tensor, x, 0.1, 0, tp.int8) == (
        "quantize_per_tensor: the dtype must be one of qint8, quint8, qint4, quint4, not int8; "
        "floats of eight bits are made with x.to(float8_e4m3fn)"
    )
    assert error(DTypeError, tp.quantize_per_tensor, x.long(), 0.1, 0, tp.qint8) == (
        "quantize_per_tensor: expected a floating-point tensor, but got int64; convert it with .float() or "
        ".dequantize()"
    )
    assert error(DTypeError, x.to, tp.qint8) == (
        "a float32 tensor cannot be converted to qint8 without a scale; use quantize_per_tensor(x, scale, "
        "zero_point, qint8), quantize_per_channel(), or quantize_per_tensor_dynamic(), "
        "which chooses the scale"
    )
    assert error(DTypeError, kinds()["tensor"].to, tp.quint8) == (
        "a qint8 tensor cannot be cast to quint8, which needs scales of its own; quantize x.dequantize() "
        "with quantize_per_tensor() or its like, or take the levels with x.int_repr()"
    )
    assert error(DTypeError, x.int_repr) == (
        "int_repr(): expected a quantized tensor, but got one of dtype float32; make one with "
        "quantize_per_tensor(), quantize_per_channel() or quantize_per_group()"
    )
    assert error(QuantizationError, kinds()["channel"].q_scale) == (
        "q_scale(): the tensor is per_channel_symmetric with scales of shape [4, 1]; use "
        "q_per_channel_scales()"
    )
    assert error(QuantizationError, lambda: tp.empty(3, dtype=tp.qint8) + 1) == (
        "a tensor of dtype qint8 and shape [3] has no scale; "
        "make quantized tensors with quantize_per_tensor() and its like, not with empty() or from raw memory"
    )
