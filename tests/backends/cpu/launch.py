"""Calls the CPU backend's C kernels on PyTorch tensors,
through the ``prepare`` functions and nothing else.
"""

from __future__ import annotations

import importlib
from array import array
from collections.abc import Sequence
from typing import Any

import torch

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.boundary import lib
from tensorplug_dispatcher.layout import Layout, strided

TORCH = {d: getattr(torch, d.name) for d in dtypes.ALL}
OURS = {t: d for d, t in TORCH.items()}


def layout_of(x: torch.Tensor) -> Layout:
    return strided(tuple(x.shape), tuple(x.stride()), OURS[x.dtype])


def launch(
    module: str,
    name: str,
    outs: Sequence[torch.Tensor],
    ins: Sequence[torch.Tensor | None],
    attrs: dict[str, Any] | None = None,
    dynamic: Sequence[float] = (),
    pointers: Sequence[torch.Tensor] = (),
) -> int | None:
    """The kernel's result (0: it worked), or None where the kernel does not take these operands.

    ``dynamic`` are the numbers of the call, ``pointers`` tensors that only the kernel sees.
    """
    prepare = importlib.import_module(f"tensorplug_cpu.{module}").KERNELS[name]
    prepared = prepare(
        name,
        tuple(map(layout_of, outs)),
        tuple(None if i is None else layout_of(i) for i in ins),
        attrs or {},
    )
    if prepared is None:
        return None
    address, params = prepared
    packed = array("q", params)
    numbers = [array("d" if isinstance(v, float) else "q", (v,)) for v in dynamic]
    data = array("Q", [0 if t is None else t.data_ptr() for t in (*outs, *ins, *pointers)])
    data.extend(number.buffer_info()[0] for number in numbers)
    return int(lib.tp_launch(address, data.buffer_info()[0], packed.buffer_info()[0]))
