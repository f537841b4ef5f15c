"""Every op of the table on a GPU: the CPU's results, errors, and who computed them.

Where there is none, ``TENSORPLUG_TEST_DEVICE=simulated:0`` runs it all on the simulated machine, in minutes.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from op_on_device import compare, paths, refusals

import tensorplug as tp
from tensorplug_dispatcher.errors import DeviceError
from tensorplug_dispatcher.ops import OPS

DEVICE = os.environ.get("TENSORPLUG_TEST_DEVICE", "cuda:0")
CORE = {"to_device"}  # what the core does with no kernel at all

pytestmark = pytest.mark.filterwarnings("ignore:.*degrees of freedom is <= 0")


@pytest.fixture(scope="module", autouse=True)
def device(request: pytest.FixtureRequest) -> Any:
    if DEVICE.startswith("simulated"):
        request.getfixturevalue("simulated")
    try:
        return tp.device(DEVICE)
    except DeviceError as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize("name", OPS)
def test_same_as_the_cpu(name: str) -> None:
    """Values, dtypes, shapes, strides and refusals of all samples; ops of T0 to T3 by the device alone."""
    op = OPS[name]
    before = paths(name, DEVICE)
    problems = compare(name, DEVICE)
    problems += refusals(name, DEVICE)
    ran = paths(name, DEVICE) - before
    if op.tier < 4 and not op.is_view and name not in CORE and set(ran) != {"native"}:
        problems.append(f"ran {dict(ran)}, not native alone")
    if problems:
        pytest.fail(f"{op.schema}\n" + "\n".join(problems), pytrace=False)
