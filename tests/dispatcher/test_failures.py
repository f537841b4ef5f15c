"""What a backend raises or returns by mistake becomes an error that names device, plugin and op."""

from __future__ import annotations

from typing import Any

import numpy
import pytest

import tensorplug as tp
from tensorplug_dispatcher import kernels
from tensorplug_dispatcher.errors import DeviceError, IndexRangeError, KernelError


def test_a_kernel_that_raises(plugin: Any) -> None:
    device = plugin.device()
    x = tp.ones(3, device=device)
    plugin.faults["add"] = ValueError("no lanes left")
    with pytest.raises(KernelError) as caught:
        x + x
    plugin.faults.clear()
    assert str(caught.value) == (
        f"add() failed on {device} (plugin '{plugin.name}' of acme-{plugin.name} 1.2): "
        f"ValueError: no lanes left"
    )
    assert isinstance(caught.value.__cause__, ValueError)
    assert (x + x).tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    "error", [IndexError("7"), ZeroDivisionError("x"), IndexRangeError("7 is out of range")]
)
def test_what_is_the_calls_own_fault_stays(plugin: Any, error: Exception) -> None:
    x = tp.ones(3, device=plugin.device())
    plugin.faults["add"] = error
    with pytest.raises(type(error)) as caught:
        x + x
    assert caught.value is error


@pytest.mark.parametrize("method", ["upload", "download", "synchronize"])
def test_a_runtime_that_raises(plugin: Any, method: str) -> None:
    device = plugin.device()
    x = tp.ones(3, device=device)
    plugin.faults[method] = OSError("the cable is out")
    with pytest.raises(DeviceError) as caught:
        x.cpu() if method != "upload" else tp.ones(3).to(device)
    plugin.faults.clear()
    assert str(caught.value) == (
        f"{method}() failed on {device} (plugin '{plugin.name}' of acme-{plugin.name} 1.2): "
        f"OSError: the cable is out"
    )


def test_a_kernel_that_returns_its_result(plugin: Any) -> None:
    @kernels.kernel("neg", layout=kernels.STRIDED)
    def neg(outs: Any, ins: Any, attrs: Any) -> Any:
        return numpy.negative(ins[0])

    device = plugin.device()
    kernels.register(plugin.name, [neg], "forgetful")
    with pytest.raises(KernelError) as caught:
        -tp.ones(2, 3, device=device)
    assert str(caught.value) == (
        f"neg() failed on {device}: its kernel (provider 'forgetful') returned ndarray of shape [2, 3]; a "
        f"kernel writes its results into outs and returns None"
    )
