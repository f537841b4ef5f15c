"""The frontend on a device whose memory the host cannot address: the mirror, where the host may help."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator

import pytest

import tensorplug as tp


@pytest.fixture(autouse=True)
def host_may_help() -> Iterator[None]:
    before = tp.devices.host_policy()
    tp.devices.set_host_policy("allow")
    yield
    tp.devices.set_host_policy(before)


def test_there_and_back() -> None:
    x = tp.arange(6.0).reshape(2, 3).t()
    y = x.to("mirror")
    assert str(y.device) == "mirror:0" and y.data_ptr() == 0 and y.tolist() == x.tolist()
    assert y.to("mirror:0") is y and str(y.to("mirror:1").device) == "mirror:1"
    assert (
        y.cpu().tolist() == x.tolist()
        and y.to(x).device is x.device
        and y.to("cpu", tp.int64).dtype is tp.int64
    )
    assert x.type_as(y).device is y.device and y.type() == "tensorplug.mirror.FloatTensor"


def test_made_there() -> None:
    assert str(tp.zeros(2, device="mirror").device) == "mirror:0"
    assert tp.tensor([1, 2], device="mirror").tolist() == [1, 2] and tp.eye(2, device="mirror").tolist() == [
        [1, 0],
        [0, 1],
    ]
    assert tp.ones_like(tp.zeros(2, device="mirror")).device == tp.device("mirror")
    tp.set_default_device("mirror")
    try:
        assert str(tp.arange(3).device) == "mirror:0" and str(tp.rand(2).device) == "mirror:0"
    finally:
        tp.set_default_device(None)
    assert str(tp.arange(3).device) == "cpu"


def test_printed_there() -> None:
    x = tp.arange(3.0, device="mirror")
    assert repr(x) == "tensor([0., 1., 2.], device='mirror:0')"
    assert repr(x.half()) == "tensor([0., 1., 2.], device='mirror:0', dtype=tensorplug.float16)"
    long = tp.arange(2000, device="mirror").reshape(2, 1000)
    assert repr(long) == (
        "tensor([[   0,    1,    2,  ...,  997,  998,  999],\n"
        "        [1000, 1001, 1002,  ..., 1997, 1998, 1999]], device='mirror:0')"
    )
    assert f"{x[1]:.2f}" == "1.00" and bool(x[1]) and int(x[2]) == 2


def test_indexed_there() -> None:
    x = tp.arange(12.0).reshape(3, 4)
    y = x.to("mirror")
    for index in [0, (slice(None), 1), ..., ([0, 2], [1, 1]), (slice(None), [1, 0]), x > 5]:
        assert y[index].tolist() == x[index].tolist() and str(y[index].device) == "mirror:0"
    y[1] = 7.0
    y[:, [0, 1]] = tp.zeros(3, 2, device="mirror")
    y[y > 8] = -1.0
    assert y.tolist() == [[0, 0, 2, 3], [0, 0, 7, 7], [0, 0, -1, -1]]


def test_written_across_devices() -> None:
    x, y = tp.zeros(2, 3), tp.arange(3.0, device="mirror", requires_grad=True)
    x.copy_(y)
    assert x.tolist() == [[0, 1, 2], [0, 1, 2]] and x.requires_grad
    (x * tp.tensor([[1.0], [2.0]])).sum().backward()
    assert y.grad.tolist() == [3, 3, 3] and str(y.grad.device) == "mirror:0"


def test_random_numbers_are_the_same_everywhere() -> None:
    for draw in (
        lambda device: tp.rand(7, device=device),
        lambda device: tp.randn(5, device=device),
        lambda device: tp.randint(0, 100, (6,), device=device),
        lambda device: tp.randperm(8, device=device),
        lambda device: tp.bernoulli(tp.full((9,), 0.5, device=device)),
    ):
        values = []
        for device in ("cpu", "mirror"):
            tp.manual_seed(99)
            values.append(draw(device).cpu())
        assert tp.allclose(values[0].double(), values[1].double(), rtol=0, atol=1e-6)


def test_what_needs_host_memory_says_so() -> None:
    x = tp.ones(2, device="mirror")
    with pytest.raises(
        TypeError, match=r"can't convert mirror:0 device type tensor to numpy. Use Tensor.cpu\(\)"
    ):
        x.numpy()
    with pytest.raises(BufferError, match=r"the tensor is on mirror:0; use .cpu\(\)"):
        x.__dlpack__()
    assert x.numpy(force=True).tolist() == [1, 1]


def test_devices_do_not_mix() -> None:
    x, y = tp.ones(2), tp.ones(2, device="mirror")
    with pytest.raises(
        tp.DeviceMismatchError,
        match=r"add\(\) got operands on several devices: \[2\] on cpu, \[2\] on mirror:0",
    ):
        x + y
    assert (y + tp.tensor(1.0)).tolist() == [2, 2]


def test_copied_and_pickled_there() -> None:
    x = tp.arange(4.0, device="mirror")
    y = copy.deepcopy(x)
    y[0] = 9.0
    assert x[0] == 0 and str(y.device) == "mirror:0"
    z = pickle.loads(pickle.dumps(x))
    assert z.tolist() == x.tolist() and str(z.device) == "mirror:0"
