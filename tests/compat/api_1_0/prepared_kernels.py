"""Plugin API 1.0: kernels that are made ready for layouts once and launched many times."""

import numpy
from eight_methods import Runtime, cast, copy, fill

from tensorplug_dispatcher import prepared_kernels
from tensorplug_dispatcher.dtypes import float32

tensorplug_api = (1, 0)
prepared = []
launched = []


def view(handle, offset, layout):
    if not isinstance(handle, bytearray):
        return handle  # a number
    size = layout.itemsize
    strides = [stride * size for stride in layout.strides]
    return numpy.ndarray(tuple(layout.shape), layout.dtype.numpy_name, handle, offset * size, strides)


def prepare(index, op, outs, ins, attrs, numbers):
    prepared.append((index, op, tuple(outs[0].shape), sorted(numbers)))
    if outs[0].ndim > 2:
        return None
    layouts = (*outs, *ins)

    def launch(operands, offsets, values):
        out, a, b = (view(*each) for each in zip(operands[:3], offsets[:3], layouts))
        assert len(operands) == 4 and len(operands[3]) >= 64  # the scratch memory that was asked for
        launched.append((op, offsets[:3], values))
        out[...] = a + b if op == "add" else a * b

    return launch, (64,)


def why():
    return "the library is not installed"


def tensorplug_runtime():
    return Runtime()


def tensorplug_kernels():
    return [
        copy,
        cast,
        fill,
        *prepared_kernels(
            {"add": prepare, "mul": prepare}, provider="programs", priority=3, dtypes=[float32]
        ),
        *prepared_kernels({"add": prepare}, provider="absent", priority=9, absent=why),
    ]
