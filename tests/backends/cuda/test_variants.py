"""Every size at which the generator of device programs chooses is declared, and every choice is made.

Programs are made for a machine that launches nothing, as for a GPU and as for a processor, from the table's
samples, the standard sizes and what the programs declare. Needs no device.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from math import prod
from typing import Any

import pytest
from builder_lines import FOLDER, Lines, missing
from op_on_device import dtypes_for, invoke, samples

import tensorplug as tp
import tensorplug_codegen.programs as programs
from tensorplug_codegen.dialect import OPENCL
from tensorplug_codegen.programs import convolution, rows, walk
from tensorplug_dispatcher import dtypes, epoch
from tensorplug_dispatcher import thresholds as sizes
from tensorplug_dispatcher.errors import TensorplugError
from tensorplug_dispatcher.op import Input
from tensorplug_dispatcher.ops import OPS

# constants that are no sizes of a call at which the way changes, or are crossed otherwise
NOT_DECLARED = {
    "MAX_DIMS": "dimensions, not elements",
    "STREAM_BYTES": "32 MiB: tests/backends/opencl/test_streaming.py makes it small",
    "PANELS": "bytes of scratch: tests/backends/opencl/test_products.py cuts images",
    "LARGEST_EXACT": "bounds of numbers that are drawn",
}


def constants(tree: ast.Module) -> Iterator[str]:
    """Names of a module's integers: ``ROWS: Final = 8``, ``WORK: Final = 1 << 15``."""
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            parts = list(ast.walk(node.value))
            if all(isinstance(p, (ast.Constant, ast.BinOp, ast.operator)) for p in parts) and any(
                isinstance(p, ast.Constant) and type(p.value) is int for p in parts
            ):
                yield node.target.id


def declared_names(tree: ast.Module) -> set[str]:
    """Names that stand in a Threshold."""
    calls = [
        n for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "Threshold"
    ]
    return {n.id for found in calls for arg in found.args for n in ast.walk(arg) if isinstance(n, ast.Name)}


def test_constants_that_decide_are_declared() -> None:
    trees = [ast.parse(file.read_text()) for file in sorted(FOLDER.glob("*.py"))]
    known = {name for tree in trees for name in constants(tree)}
    assert len(known) > 30
    declared = set().union(*map(declared_names, trees))
    assert known - declared == set(NOT_DECLARED)


# -- variants ------------------------------------------------------------------------------------------------


def forget() -> None:
    """Empty the caches of the builders, which other tests have filled."""
    for file in FOLDER.glob("*.py"):
        if file.stem != "__init__":
            for function in vars(import_module(f"{programs.__name__}.{file.stem}")).values():
                getattr(function, "cache_clear", lambda: None)()


def blank(spec: Input, dtype: dtypes.DType) -> Any:
    """A tensor of that shape and layout, of whatever numbers: programs look at neither."""
    kind = dtypes.dtype_named(spec.dtype) if spec.dtype else dtype
    shape = spec.shape

    def empty(*sizes: int) -> Any:
        return tp.empty(sizes, dtype=kind, device="unrun:0")

    if not shape or spec.layout == "dense":
        return empty(*shape)
    if spec.layout == "transposed":
        return empty(shape[-1], *shape[1:-1], shape[0]).transpose(0, -1) if len(shape) > 1 else empty(*shape)
    if spec.layout == "sliced":
        return empty(*shape[:-1], 2 * shape[-1])[..., ::2]
    if spec.layout == "offset":
        return empty(prod(shape) + 3)[3:].view(shape)
    return empty(1, *shape[1:]).expand(shape) if shape[0] else empty(*shape)


def ask(name: str, args: Any, dtype: dtypes.DType) -> None:
    """Have a call's programs made; what comes out is nonsense, and so may an error be that follows."""

    def made(arg: Any) -> Any:
        if isinstance(arg, list):
            return [made(a) for a in arg]
        return blank(arg, dtype) if isinstance(arg, Input) else arg

    try:
        invoke(name, [made(arg) for arg in args], "unrun:0")
    except (TensorplugError, ArithmeticError, ValueError):
        pass


def calls(name: str) -> Iterator[tuple[Any, dtypes.DType]]:
    """Samples of the table, and of sizes; of elementwise ops, which are many of one form, those of three."""
    op = OPS[name]
    for _, item, dtype in samples(op):
        yield item.args, dtype
    if not op.elementwise or name in ("add", "exp", "where"):
        for _, item, _ in sizes.samples(op, programs.thresholds().get(name, ()), sizes.STANDARD):
            yield item.args, dtypes_for(op, item.args)[0] if op.dtypes == "integer" else dtypes.float32


def test_every_variant_is_made(machines: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a GPU and for a processor, in the samples' dtypes and in halves, with small limits of memory."""
    monkeypatch.setenv("TENSORPLUG_CACHE", "off")
    device = machines.unrun.runtime.opened(0)
    gpu = device.target
    processor = replace(gpu, dialect=OPENCL, kind="cpu", units=16)
    asked = [(name, *one) for name in programs.builders() for one in calls(name)]
    families = ("convolution", "indexing", "selection", "softmax")
    halves = [
        (name, item.args, dtypes.float16)  # of small calls: limits this small cut large ones in thousands
        for name in programs.builders()
        if OPS[name].family in families
        for _, item, dtype in samples(OPS[name])
        if dtype is dtypes.float32
    ]
    wide = [
        (name, args, dtypes.float64)
        for name, args, _ in halves
        if OPS[name].family in ("indexing", "selection")
    ]
    apart = Input((6, 4), 0, 5, "int64", layout="transposed")  # indices that are not one run
    asked.append(("embedding_backward", (Input((6, 4, 3)), apart, 5, -1), dtypes.float32))
    lines = Lines()
    for target, cases, limit in (
        (gpu, asked, 1 << 25),
        (processor, asked, 1 << 25),
        (gpu, halves, 1 << 12),
        (processor, halves, 1 << 12),
        (replace(gpu, dialect=OPENCL), wide, 1 << 25),  # without atomics of 64 bits
        (processor, [one for one in asked if one[0] in ("exp", "add", "softmax", "layer_norm")], 1 << 12),
    ):
        monkeypatch.setattr(device, "target", target)
        for module, name in ((walk, "STREAM_BYTES"), (rows, "STREAM_BYTES"), (convolution, "PANELS")):
            monkeypatch.setattr(module, name, min(limit, getattr(module, name)))
        epoch.invalidate()
        forget()
        with lines:
            for name, args, dtype in cases:
                ask(name, args, dtype)
    epoch.invalidate()
    left = missing(lines.ran)
    assert not left, "\n".join(left)
