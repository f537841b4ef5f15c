"""The table's samples on a device against the CPU. Needs no PyTorch.

Operands are made on the CPU, moved, and given their layouts there; what the CPU computes from the same
numbers in float64 (and, for what rounds on the way, in their own dtype) is the reference.
"""

from __future__ import annotations

import os
import random
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import tolerances

import tensorplug as tp
from tensorplug_dispatcher import dtypes, errors
from tensorplug_dispatcher.explanation import report
from tensorplug_dispatcher.op import Input, Op, Sample
from tensorplug_dispatcher.ops import OPS, F
from tensorplug_dispatcher.tensor import TensorBase

DTYPES_OF = dtypes.GROUPS
RANGES = {"bool": (0, 2), "uint8": (0, 256), "int8": (-128, 128)}
# float64 holds what these compute from the dtype's own bits, or draws other numbers than the dtype does
OWN_DTYPE_ONLY = {"view_dtype", "rand", "randn", "dropout_mask", "bernoulli"}

Layouts = Callable[[Any, str], Any]


def values_of(spec: Input, dtype: dtypes.DType, seed: int) -> Any:
    """The numbers of an input, dense, on the CPU."""
    count = 1
    for n in spec.shape:
        count *= n
    if spec.values is not None:
        numbers: list[Any] = list(spec.values)
        if not dtype.is_floating_point and dtype is not dtypes.bool_:
            numbers = [int(v) for v in numbers]
    elif dtype.is_floating_point:
        draw = random.Random(seed)
        numbers = [draw.uniform(spec.low, spec.high) for _ in range(count)]
    else:
        draw = random.Random(seed)
        lowest, end = RANGES.get(dtype.name, (-(1 << 15), 1 << 15))
        low = min(max(int(spec.low), lowest), end - 1) if dtype is not dtypes.bool_ else 0
        high = max(min(int(spec.high), end), low + 1) if dtype is not dtypes.bool_ else 2
        numbers = [draw.randrange(low, high) for _ in range(count)]
    return tp.tensor(numbers, dtype=dtype).reshape(spec.shape)


def with_layout(values: Any, layout: str) -> Any:
    """The same numbers under another layout (``expanded`` repeats the first along the first dimension)."""
    if layout == "offset":
        base = tp.zeros(values.numel() + 3, dtype=values.dtype, device=values.device)
        base[3:] = values.reshape(-1)
        return base[3:].view(values.shape)
    if values.ndim == 0 or layout == "dense":
        return values
    if layout == "transposed":
        return values.transpose(0, -1).contiguous().transpose(0, -1)
    if layout == "sliced":
        shape = (*values.shape[:-1], 2 * values.shape[-1])
        base = tp.zeros(shape, dtype=values.dtype, device=values.device)
        base[..., ::2] = values
        return base[..., ::2]
    assert layout == "expanded", layout
    return values[:1].expand(values.shape) if values.shape[0] else values


def dtypes_for(op: Op, args: Iterable[Any]) -> tuple[dtypes.DType, ...]:
    """All that the op takes where an input leaves its dtype open, else one."""

    def is_open(arg: Any) -> bool:
        return (
            any(map(is_open, arg)) if isinstance(arg, list) else isinstance(arg, Input) and arg.dtype is None
        )

    return DTYPES_OF[op.dtypes] if any(map(is_open, args)) else (dtypes.float32,)


def operands(args: Iterable[Any], dtype: dtypes.DType, key: str, device: Any, laid: Layouts) -> list[Any]:
    """A sample's arguments with tensors on ``device`` in the place of Inputs; ``key`` seeds the numbers."""
    seed = zlib.crc32(key.encode())

    def convert(arg: Any, place: int) -> Any:
        if isinstance(arg, Input):
            chosen = dtypes.dtype_named(arg.dtype) if arg.dtype else dtype
            return laid(values_of(arg, chosen, seed + place).to(device), arg.layout)
        if isinstance(arg, list):
            return [convert(a, place + 100 * (i + 1)) for i, a in enumerate(arg)]
        return arg

    return [convert(arg, i) for i, arg in enumerate(args)]


def tensors_in(args: Iterable[Any]) -> list[Any]:
    return [
        t for a in args for t in (tensors_in(a) if isinstance(a, list) else [a]) if isinstance(t, TensorBase)
    ]


def in_float64(args: Iterable[Any]) -> list[Any]:
    return [
        in_float64(a)
        if isinstance(a, list)
        else a.to(dtypes.float64)
        if isinstance(a, TensorBase) and a.dtype.is_floating_point
        else a
        for a in args
    ]


def invoke(name: str, args: Iterable[Any], device: Any) -> list[Any]:
    """Call an op with arguments in the schema's order; ``device`` goes where the op asks for one."""
    positional, named = [], {}
    op = OPS[name]
    for parameter, arg in zip(op.parameters, args):
        if parameter.keyword_only:
            named[parameter.name] = arg
        else:
            positional.append(arg)
    if any(p.name == "device" for p in op.parameters):
        positional = positional[: [p.name for p in op.parameters].index("device")]
        if name == "to_device":
            positional.append(device)
        else:
            named["device"] = device
    result = getattr(F, name)(*positional, **named)
    return list(result) if isinstance(result, (tuple, list)) else [result]


def array(tensor: Any) -> Any:
    """A tensor of the CPU as an array: float64 for every floating dtype."""
    return (tensor.to(dtypes.float64) if tensor.dtype.is_floating_point else tensor.contiguous()).numpy()


def differences(op: Op, got: Any, own: Any, wide: Any, args: list[Any]) -> str:
    """What is wrong with a result of the device, or nothing.

    ``own`` is the CPU's in the same dtypes, ``wide`` the CPU's from operands in float64, or None.
    """
    if tuple(got.shape) != tuple(own.shape):
        return f"shape {list(got.shape)}, cpu {list(own.shape)}"
    if got.dtype is not own.dtype:
        return f"dtype {got.dtype}, cpu {own.dtype}"
    if own.numel() and got.strides != own.strides and (op.elementwise or op.is_view):
        return f"strides {got.strides}, cpu {own.strides}"
    seen, wanted = array(got.cpu()), array(own)
    if not got.dtype.is_floating_point:
        same = np.array_equal(seen, wanted)
        if op.tolerance == "step" and got.dtype.itemsize == 1:
            same = bool((np.abs(seen.astype(int) - wanted.astype(int)) <= 1).all())
        return "" if same else f"{seen.flatten()[:8].tolist()}, cpu {wanted.flatten()[:8].tolist()}"
    inputs = [array(t) if t.dtype.is_floating_point else np.zeros(t.shape) for t in tensors_in(args)]
    text = tolerances.float_differences(op, got.dtype.name, seen, wanted, inputs, "cpu")
    if text and wide is not None and wide.dtype.is_floating_point:
        rounded = array(wide.to(got.dtype))  # the CPU rounds on the way, the device may not
        text = tolerances.float_differences(op, got.dtype.name, seen, rounded, inputs, "cpu in float64")
    return text


def samples(op: Op) -> Iterator[tuple[int, Sample, dtypes.DType]]:
    """What is run of an op: every sample in float32 (int64 where that is not taken), and every other dtype in
    one sample, another one for each dtype and op.

    A device compiles a program for each dtype and kind of layout, which takes a tenth of a second or more. So
    of the elementwise ops, which are many and made by one generator, each has a third of the other dtypes,
    another third for the next op. ``TENSORPLUG_TABLE=full`` runs every sample in every dtype.
    """
    items = list(op.samples()) if op.samples is not None else []
    taken = [dtypes_for(op, item.args) for item in items]
    full = os.environ.get("TENSORPLUG_TABLE") == "full"
    place = list(OPS).index(op.name)
    for number, (item, kinds) in enumerate(zip(items, taken, strict=True)):
        main = dtypes.float32 if dtypes.float32 in kinds else dtypes.int64
        for dtype in kinds:
            fitting = [n for n, those in enumerate(taken) if dtype in those]
            turn = number == fitting[(place + 7 * dtype.code) % len(fitting)]
            if op.elementwise and (place + dtype.code) % 3:
                turn = False
            if dtype is main or turn or full:
                yield number, item, dtype


def compare(
    name: str,
    device: str,
    taken: Callable[[dtypes.DType], bool] = lambda dtype: True,
    laid: Layouts = with_layout,
) -> list[str]:
    """Runs all samples of an op on ``device`` and on the CPU and says what differs.

    A sample of dtypes that the device has no kernels for (``taken``) must be refused with a typed error or be
    right. ``laid`` gives operands their layouts.
    """
    op = OPS[name]
    problems = []
    for number, item, dtype in samples(op):
        where = f"sample {number} {dtype.name} {item.args} {item.note}"
        key = f"{name} {number}"
        args = operands(item.args, dtype, key, "cpu", laid)
        own, refusal = outcome(name, args, "cpu")
        kinds = {t.dtype for t in tensors_in(args)} | {t.dtype for t in own}
        kinds |= {a for a in args if isinstance(a, dtypes.DType)}
        try:
            moved = operands(item.args, dtype, key, device, laid)
            got, error = outcome(name, moved, device)
        except errors.TensorplugError as problem:
            got, error = [], problem
        if error is not None and isinstance(error, errors.MissingKernelError) and not all(map(taken, kinds)):
            continue
        if type(error) is not type(refusal):
            problems.append(
                f"{where}: {type(error).__name__}: {error}; cpu {type(refusal).__name__}: {refusal}"
            )
            continue
        floating = any(t.dtype in dtypes.FLOATS for t in tensors_in(args)) and name not in OWN_DTYPE_ONLY
        wide = outcome(name, in_float64(args), "cpu")[0] if floating and not refusal else []
        if len(got) != len(own):
            problems.append(f"{where}: {len(got)} results, cpu {len(own)}")
        for i, (mine, theirs) in enumerate(zip(got, own)):
            text = differences(op, mine, theirs, wide[i] if wide else None, args)
            if text:
                problems.append(f"{where}: {op.outputs[i]}: {text}")
    return problems


def outcome(name: str, args: list[Any], device: str) -> tuple[list[Any], Exception | None]:
    """The results, waited for, or what was raised."""
    try:
        results = invoke(name, args, device)
        tp.devices.synchronize(device)
    except (errors.TensorplugError, ArithmeticError) as error:
        return [], error
    return results, None


def refusals(name: str, device: str) -> list[str]:
    """Runs the calls that the table says must raise on ``device`` and says which do not, or otherwise."""
    op = OPS[name]
    problems = []
    dtype = dtypes.float32 if dtypes.float32 in DTYPES_OF[op.dtypes] else dtypes.int64
    for number, case in enumerate(op.errors() if op.errors is not None else ()):
        args = operands(case.args, dtype, f"{name} error {number}", device, with_layout)
        _, error = outcome(name, args, device)
        if error is None:
            problems.append(f"{case.args}: nothing was raised")
        elif not isinstance(error, getattr(errors, case.error)) or case.match not in str(error):
            problems.append(
                f"{case.args}: {type(error).__name__}: {error}; not a {case.error} that says {case.match!r}"
            )
    return problems


def paths(name: str, device: str) -> Counter[str]:
    """How often the op ran how on devices of this type so far."""
    kind = device.partition(":")[0]
    found: Counter[str] = Counter()
    for op, where, path, _, calls in report():
        if op == name and where == kind:
            found[path] += calls
    return found
