"""Convolutions and attention through cuDNN, by nvidia-cudnn-frontend where that is installed.

A kernel for given layouts is a graph that cuDNN plans once. What it does not support is left to the others:
``prepare`` then gives None.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from tensorplug_dispatcher import Layout, dtypes, prepared_kernels
from tensorplug_dispatcher.kernels import Kernel
from tensorplug_dispatcher.layout import span
from tensorplug_dispatcher.precision import float32_matmul_precision

from .driver import DEVICE_TO_DEVICE

PRIORITY: Final = 20
ALIGNMENT: Final = 16  # bytes, of every operand of a graph
CONVOLUTIONS: Final = ("conv", "conv_input_grad", "conv_weight_grad")
ATTENTION: Final = "scaled_dot_product_attention"
TYPES: Final = {"float32": "FLOAT", "float16": "HALF", "bfloat16": "BFLOAT16"}


def kernels(runtime: Any) -> list[Kernel]:
    """The provider "cudnn"."""

    def prepare(
        index: int,
        op: str,
        outs: tuple[Layout, ...],
        ins: tuple[Layout | None, ...],
        attrs: Mapping[str, Any],
        numbers: frozenset[int],
    ) -> Any:
        if numbers or not all(g.numel for g in (*outs, *ins) if g is not None):
            return None
        device = runtime.opened(index)
        with device.at(op):
            graph = Graph(device, op, (*outs, *ins))
            describe = _attention if op == ATTENTION else _convolution
            if not describe(graph, op, attrs) or not graph.plan():
                return None
        return graph, (graph.workspace,) if graph.workspace else ()

    absent = runtime.driver.cudnn_absent
    half = {dtypes.float16, dtypes.bfloat16}
    found = []
    for ops, taken in ((CONVOLUTIONS, {dtypes.float32, *half}), ((ATTENTION,), half)):
        made = dict.fromkeys(ops, prepare)
        found += prepared_kernels(made, provider="cudnn", priority=PRIORITY, dtypes=taken, absent=absent)
    return found


class Graph:
    """A cuDNN graph over an op's operands, and its launch. ``places``: operand → tensor of the graph."""

    def __init__(self, device: Any, op: str, layouts: tuple[Any, ...]) -> None:
        self.device = device
        self.op = op
        self.layouts = layouts
        self.cudnn = device.driver.cudnn
        out = layouts[0]
        self.size = out.itemsize
        kind = self.type = getattr(self.cudnn.data_type, TYPES[out.dtype.name])
        single = self.cudnn.data_type.FLOAT
        self.graph = self.cudnn.pygraph(
            io_data_type=kind,
            intermediate_data_type=single,
            compute_data_type=single,
            handle=device.cudnn_handle,
        )
        self.places: dict[int, Any] = {}
        self.workspace = 0
        self.exact = out.dtype is dtypes.float32 and float32_matmul_precision() == "highest"

    def tensor(self, place: int, shape: Any = None, strides: Any = None) -> Any:
        """The operand as an input of the graph, under another shape where one is given."""
        layout = self.layouts[place]
        made = self.graph.tensor(
            name=f"operand{place}",
            dim=list(layout.shape if shape is None else shape),
            stride=list(layout.strides if strides is None else strides),
            data_type=self.type,
        )
        self.places[place] = made
        return made

    def result(self, made: Any, shape: Any = None, strides: Any = None) -> None:
        """What the graph computes is the op's output."""
        layout = self.layouts[0]
        made.set_output(True).set_data_type(self.type)
        made.set_dim(list(layout.shape if shape is None else shape))
        made.set_stride(list(layout.strides if strides is None else strides))
        self.places[0] = made

    def plan(self) -> bool:
        """Let cuDNN choose how to compute it; False where it cannot."""
        graph, heuristics = self.graph, self.cudnn.heur_mode
        try:
            graph.validate()
            graph.build_operation_graph()
            graph.create_execution_plans([heuristics.A, heuristics.FALLBACK])
            if self.exact:  # no TF32 where the program asked for float32
                graph.deselect_numeric_notes([self.cudnn.numerical_note.TENSOR_CORE])
            graph.check_support()
            graph.build_plans()
        except self.cudnn.cudnnGraphNotSupportedError:
            return False
        self.workspace = int(graph.get_workspace_size())
        return True

    def __call__(self, operands: list[Any], offsets: list[int], values: list[Any]) -> None:
        device = self.device
        workspace = operands[-1].address if self.workspace else 0
        if device.streamed:
            for place in self.places:
                device.touch(operands[place], device.current())
        pointers, after, kept = {}, None, []
        for place, made in self.places.items():
            address = operands[place].address + offsets[place] * self.size
            if address % ALIGNMENT:
                copy = self._aligned(place)
                kept.append(copy)
                if place:
                    self._move(place, copy.address, operands[place], offsets[place])
                else:
                    after = copy
                address = self._origin(place, copy.address)
            pointers[made] = address
        with device.at(self.op):
            self.graph.execute(pointers, workspace, handle=device.cudnn_handle)
        if after is not None:
            self._move(0, after.address, operands[0], offsets[0], back=True)

    # -- operands that begin where cuDNN cannot read

    def _aligned(self, place: int) -> Any:
        low, high = span(self.layouts[place], 0)
        return self.device.allocate((high - low) * self.size)

    def _origin(self, place: int, address: int) -> int:
        """Where the first element is, in memory that begins with the lowest one."""
        return address - span(self.layouts[place], 0)[0] * self.size

    def _move(self, place: int, copy: int, operand: Any, offset: int, back: bool = False) -> None:
        """Copy all between an operand's lowest and highest element."""
        low, high = span(self.layouts[place], offset)
        own, nbytes = operand.address + low * self.size, (high - low) * self.size
        target, source = (own, copy) if back else (copy, own)
        with self.device.at(self.op):
            self.device.driver.copy(target, source, nbytes, DEVICE_TO_DEVICE, self.device.current())


def _convolution(graph: Graph, op: str, attrs: Mapping[str, Any]) -> bool:
    if graph.layouts[0].ndim != 4:
        return False
    settings = {
        "padding": list(attrs["padding"]),
        "stride": list(attrs["stride"]),
        "dilation": list(attrs["dilation"]),
    }
    if op == "conv":
        made = graph.graph.conv_fprop(image=graph.tensor(1), weight=graph.tensor(2), **settings)
        if graph.layouts[3] is not None:
            bias = graph.layouts[3]
            step, width = bias.strides[0], bias.shape[0]
            operand = graph.tensor(3, (1, width, 1, 1), (width * step, step, step, step))
            made = graph.graph.bias(name="bias", input=made, bias=operand)
    elif op == "conv_input_grad":
        made = graph.graph.conv_dgrad(loss=graph.tensor(1), filter=graph.tensor(2), **settings)
    else:
        made = graph.graph.conv_wgrad(loss=graph.tensor(1), image=graph.tensor(2), **settings)
    graph.result(made)
    return True


def _attention(graph: Graph, op: str, attrs: Mapping[str, Any]) -> bool:
    """Without a mask, or causal. Leading dimensions are batch and heads."""
    out, query, key, value, mask = graph.layouts
    if mask is not None or query is None or query.ndim > 4:
        return False
    made = []
    for place, layout in ((1, query), (2, key), (3, value), (0, out)):
        if layout.strides[-1] != 1:
            return False
        lead = 4 - layout.ndim
        shape = (1,) * lead + tuple(layout.shape)
        strides = (layout.numel,) * lead + tuple(layout.strides)
        made.append((shape, strides) if not place else graph.tensor(place, shape, strides))
    scale = attrs.get("scale")
    result, _ = graph.graph.sdpa(
        q=made[0],
        k=made[1],
        v=made[2],
        is_inference=True,
        attn_scale=1.0 / math.sqrt(query.shape[-1]) if scale is None else float(scale),
        use_causal_mask=bool(attrs.get("is_causal")),
    )
    graph.result(result, *made[3])
    return True
