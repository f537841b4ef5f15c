"""Every op of the table on the mirror, and on a library that has the standard and nothing else.

array-api-strict implements the standard to the letter: no dtypes are mixed, no functions, dtypes or operators
are there that the standard does not promise. What computes on it computes on any library of the standard.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from op_on_device import compare, paths, refusals

import tensorplug as tp
from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.ops import OPS
from tensorplug_faults.distributions import install_distributions

pytestmark = pytest.mark.filterwarnings("ignore:.*degrees of freedom is <= 0")
CORE = {"to_device"}  # what the core does with no kernel at all

STRICT = """
    import array_api_strict
    import numpy

    import tensorplug_mirror
    from tensorplug_arrays import Adapter, Spec, kernels
    from tensorplug_dispatcher import dtypes

    tensorplug_api = (1, 0)
    HALVES = (dtypes.float16, dtypes.bfloat16)


    class Strict(Adapter):
        def read(self, handle):
            return array_api_strict.asarray(handle)

        def write(self, handle, value):
            assert value.shape == handle.shape and value.dtype == array_api_strict.asarray(handle).dtype
            handle[...] = numpy.from_dlpack(value)

        def spec(self, handle):
            return Spec(handle.shape, self.dtype_of(array_api_strict.asarray(handle)))

        def scope(self, handle):
            return numpy.errstate(all="ignore")


    def tensorplug_runtime():
        return tensorplug_mirror.MirrorRuntime()


    def tensorplug_kernels():
        return kernels(Strict(array_api_strict, tuple(d for d in dtypes.ALL if d not in HALVES)))
"""
HALVES = (dtypes.float16, dtypes.bfloat16)
DEFINED = [name for name, op in OPS.items() if not op.is_view and (op.tier < 4 or op.expr is not None)]


@pytest.fixture(scope="module")
def strict() -> Iterator[str]:
    pytest.importorskip("array_api_strict")
    packages = {"tensorplug-strict": {"strict": "tensorplug_strict"}}
    with install_distributions(packages, {"tensorplug_strict": STRICT}):
        yield "strict:0"
        tp.devices.unload("strict", move_to="cpu")


def problems_of(name: str, device: str, halves: bool) -> list[str]:
    """Values, dtypes, shapes, strides and refusals of all samples; ops of T0 to T3 by the device alone."""
    op = OPS[name]
    before = paths(name, device)
    problems = compare(name, device, lambda dtype: halves or dtype not in HALVES)
    problems += refusals(name, device)
    ran = paths(name, device) - before
    primitive = op.tier < 4 and not op.is_view and name not in CORE
    if primitive and set(ran) - ({"decomposed"} if not halves and op.decompose else set()) != {"native"}:
        problems.append(f"ran {dict(ran)}, not native alone")
    return problems


@pytest.mark.parametrize("name", OPS)
def test_the_mirror_computes_as_the_cpu(name: str) -> None:
    problems = problems_of(name, "mirror:0", True)
    if problems:
        pytest.fail(f"{OPS[name].schema}\n" + "\n".join(problems), pytrace=False)


@pytest.mark.parametrize("name", DEFINED)
def test_the_standard_is_enough(name: str, strict: str) -> None:
    problems = problems_of(name, strict, False)
    if problems:
        pytest.fail(f"{OPS[name].schema}\n" + "\n".join(problems), pytrace=False)
