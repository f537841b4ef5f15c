"""Models in reference cycles (a hook that holds its module,
an error that holds its frame) are collected safely.

The collector finalizes the members of a cycle in any order: memory must not be freed while the cache or
another tensor still has it.
"""

from __future__ import annotations

import gc
from typing import Any

import tensorplug as tp
from tensorplug import nn


def in_a_cycle() -> None:
    module = nn.Linear(2, 2)
    module.register_forward_hook(lambda m, args, out: module.note)  # a cycle: the hook holds its module
    module.note = None
    module(tp.ones(1, 2)).sum().backward()


def test_memory_of_collected_cycles_is_not_used_twice() -> None:
    kept: list[Any] = []
    for i in range(6):
        in_a_cycle()
        gc.collect()
        kept.append(tp.ones(2, 2) * i)
        kept.append(nn.Linear(2, 2).weight.detach().fill_(i))
    assert [tensor.tolist() for tensor in kept] == [[[i, i], [i, i]] for i in range(6) for _ in range(2)]
