"""A device that has the kernels of the lower tiers only can do the ops
of the tiers above, through decompositions.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("torch")

from test_against_torch import NAMES, compare, dtypes_for, invoke, samples_of

from tensorplug_dispatcher import dtypes, epoch, kernels
from tensorplug_dispatcher.devices import registry as devices
from tensorplug_dispatcher.ops import OPS

pytestmark = pytest.mark.filterwarnings("ignore:.*degrees of freedom is <= 0")


def takes(name: str, dtype: dtypes.DType) -> bool:
    return any(dtype in dtypes_for(OPS[name], item.args) for item in samples_of(OPS[name]))


@pytest.fixture(scope="module", params=[1, 2, 3], ids=lambda tier: f"T{tier}")
def tier(request: pytest.FixtureRequest) -> Iterator[int]:
    """The CPU with the kernels of the tiers up to this one;
    those of elementwise primitives of T2 and T3 stay.
    """
    devices.host_device()
    everything = dict(kernels._registry)
    for key in everything:
        op = OPS[key[1]]
        if op.tier > request.param and not (op.elementwise and op.decompose is None):
            del kernels._registry[key]
    epoch.invalidate()
    yield request.param
    kernels._registry.update(everything)
    epoch.invalidate()


@pytest.mark.parametrize("name", [n for n in NAMES if OPS[n].decompose is not None])
@pytest.mark.parametrize("dtype", [dtypes.float32, dtypes.int64], ids=lambda d: d.name)
def test_ops_above_work(tier: int, name: str, dtype: dtypes.DType) -> None:
    drawn = OPS[name].family == "random" and tier < OPS["random_bits"].tier
    if OPS[name].tier <= tier or drawn or not takes(name, dtype):
        return
    compare(name, dtype, lambda args: invoke(name, args), strides=False)
