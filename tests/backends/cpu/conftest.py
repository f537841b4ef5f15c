"""What tests of the CPU's kernels share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(params=[1, 2, 3], ids=["float32", "AVX512-BF16", "AMX"])
def bfloat16_instructions(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Products of bfloat16 by each kind of instruction that this processor has."""
    from tensorplug_cpu import native_library

    kernels = native_library.library()
    used = kernels.tp_limit_bf16(request.param)
    if used != request.param:
        kernels.tp_limit_bf16(3)
        pytest.skip("this processor, or this variant of the kernels, lacks the instructions")
    yield used
    kernels.tp_limit_bf16(3)
