"""Plugin API 1.0: Python kernels with everything that `kernel` and `Kernel` take."""

import numpy
from eight_methods import Runtime, cast, copy, fill

from tensorplug_dispatcher import DENSE, STRIDED, Kernel, kernel
from tensorplug_dispatcher.dtypes import float32, float64, int64

tensorplug_api = (1, 0)
called = []


@kernel("add", dtypes={float32, float64, int64}, layout=STRIDED, provider="strided")
def add(outs, ins, attrs):
    called.append("add")
    numpy.add(ins[0], ins[1], out=outs[0])


@kernel("mul", dtypes=[float32], layout=DENSE, provider="dense", priority=1)
def dense_mul(outs, ins, attrs):
    assert all(x.flags.c_contiguous for x in (*outs, *ins))
    called.append("dense mul")
    outs[0][...] = ins[0] * ins[1]


def is_small(outs, ins, attrs):
    """A predicate on layouts and attributes."""
    return outs[0].numel < 10 and outs[0].dtype is float32 and not attrs


@kernel("mul", layout=STRIDED, provider="small", priority=5, when=is_small)
def small_mul(outs, ins, attrs):
    called.append("small mul")
    outs[0][...] = ins[0] * ins[1]


def total(outs, ins, attrs):
    called.append(("sum", attrs["dim"], attrs["keepdim"]))
    outs[0][...] = ins[0].sum(axis=attrs["dim"], keepdims=attrs["keepdim"])


def step(outs, ins, attrs):
    called.append(("sgd_step", attrs["lr"]))
    outs[0][...] = ins[0] - attrs["lr"] * (ins[1] + attrs["weight_decay"] * ins[0])


def tensorplug_runtime():
    return Runtime()


def tensorplug_kernels():
    own = [Kernel("sum", total, frozenset({float32}), STRIDED), Kernel("sgd_step", step, None, STRIDED)]
    return (item for item in [copy, cast, fill, add, dense_mul, small_mul, *own])
