"""What an adapter may leave out or change: dtypes, functions, definitions; and the errors of data."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tensorplug as tp
import tensorplug_mirror
from tensorplug_arrays import Adapter
from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.errors import IndexRangeError, MissingKernelError
from tensorplug_dispatcher.ops import OPS, F
from tensorplug_faults.distributions import install_distributions
from tensorplug_mirror.library import NumPy

SINGLE = """
    import tensorplug_mirror
    from tensorplug_arrays import kernels
    from tensorplug_dispatcher import dtypes
    from tensorplug_mirror.library import NumPy

    tensorplug_api = (1, 0)


    class Single(NumPy):
        def __init__(self):
            super().__init__()
            self.dtypes = tuple(d for d in dtypes.ALL if d is not dtypes.float64)


    def softmax(call, x):
        e = call.lib.xp.exp(x - call.lib.xp.max(x, axis=call.attrs["dim"], keepdims=True))
        return e / call.lib.xp.sum(e, axis=call.attrs["dim"], keepdims=True)


    def tensorplug_runtime():
        return tensorplug_mirror.MirrorRuntime()


    def tensorplug_kernels():
        return kernels(Single(), {"softmax": softmax})
"""


@pytest.fixture(scope="module")
def single() -> Iterator[str]:
    """A device without float64 that has a softmax of its own."""
    packages = {"tensorplug-single": {"single": "tensorplug_single"}}
    with install_distributions(packages, {"tensorplug_single": SINGLE}):
        yield "single:0"
        tp.devices.unload("single", move_to="cpu")


def test_every_primitive_and_every_expression_has_a_kernel() -> None:
    found = {kernel.op for kernel in tensorplug_mirror.tensorplug_kernels()}
    core = {"to_device"}
    assert found >= {n for n, op in OPS.items() if op.tier < 4 and not op.is_view} - core
    assert found >= {n for n, op in OPS.items() if op.elementwise and op.expr is not None}
    assert not any(OPS[name].is_view for name in found)


def test_errors_of_data_say_the_values() -> None:
    x = tp.arange(6.0, device="mirror").reshape(2, 3)
    with pytest.raises(IndexRangeError) as caught:
        F.gather(x, 1, tp.tensor([[0, 3], [-2, 1]], device="mirror"))
    assert str(caught.value) == (
        "index out of range in gather: the indices lie in [-2, 3], the dimension has 3 places; check the "
        "indices' minimum and maximum"
    )
    for divide in (F.floor_divide, F.remainder, F.fmod):
        with pytest.raises(ZeroDivisionError) as divided:
            divide(tp.tensor([1, 2], device="mirror"), tp.tensor([1, 0], device="mirror"))
        name = divide.name
        assert str(divided.value) == (
            f"ZeroDivisionError: {name} divided an integer by zero; mask the zeros with where()"
        )


def test_a_library_without_float64(single: str) -> None:
    """Its functions stay within their classes of accuracy; what is float64 has no kernel, and says so."""
    with pytest.raises(MissingKernelError, match="does not take float64"):
        tp.ones(2, dtype=tp.float64, device=single)
    x = tp.linspace(-4, 4, 1001)
    for name, ulp in (("erf", 16), ("erfc", 64), ("gelu", 64), ("exp", 3)):
        got = np.array(getattr(F, name)(x.to(single)).cpu().tolist())
        exact = np.array(getattr(F, name)(x.double()).tolist())
        error = np.abs(got - exact) / np.spacing(np.abs(exact).astype(np.float32)).astype(np.float64)
        assert error.max() <= ulp, name


def test_random_numbers_need_no_float64(single: str) -> None:
    tp.manual_seed(5)
    here = tp.rand(9).tolist()
    tp.manual_seed(5)
    assert tp.rand(9, device=single).tolist() == here


def test_own_definitions_come_first(single: str) -> None:
    shown = tp.devices.explain("softmax", single, "float32")
    assert shown.endswith("native: provider 'single'")
    x = tp.randn(3, 4)
    assert tp.allclose(x.to(single).softmax(1).cpu(), x.softmax(1))


def test_nothing_is_imported_before_it_is_needed() -> None:
    program = (
        "import sys, tensorplug_mirror; tensorplug_mirror.tensorplug_runtime()\n"
        "assert not {'numpy', 'tensorplug_arrays', 'ml_dtypes'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("add", [False, True])
@pytest.mark.parametrize("count", [1, 2, 7, 300])
def test_scatter_of_the_standard_alone(add: bool, count: int) -> None:
    """Sorted and summed in runs, or the last of each run taken."""
    draw = np.random.default_rng(count)
    x, values = draw.integers(-99, 99, 40), draw.integers(-99, 99, count)
    places = draw.integers(0, 40, count)
    wanted: Any = NumPy().put(x, places, values, add)
    assert Adapter.put(NumPy(), x, places, values, add).tolist() == wanted.tolist()


def test_unknown_dtypes_are_named() -> None:
    with pytest.raises(TypeError, match="complex64 is none of the dtypes of this adapter"):
        NumPy().dtype_of(np.zeros(1, np.complex64))
    assert NumPy().dtype_of(np.zeros(1, np.int16)) is dtypes.int16


@pytest.mark.parametrize("name", ["exp2", "sigmoid", "square", "rsqrt", "silu"])
def test_composed_expressions_of_zero_dimensions_in_float64(name: str) -> None:
    """A result of no dimensions is a float of NumPy's, and no number of Python's."""
    x = tp.tensor(1.5, dtype=tp.float64)
    got = getattr(tp.nn.functional if name == "silu" else tp, name)(x.to("mirror"))
    assert got.shape == () and got.dtype is tp.float64
    assert got.item() == pytest.approx(getattr(tp.nn.functional if name == "silu" else tp, name)(x).item())
