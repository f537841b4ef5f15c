"""Plugin API 1.0: memory that the host may address, and kernels given as addresses of C functions."""

import ctypes

from eight_methods import Runtime as EightMethods
from eight_methods import cast, copy, fill

from tensorplug_dispatcher import OwnedBuffer, native_kernels

tensorplug_api = (1, 0)
called = []


class Runtime(EightMethods):
    host = True

    def allocate(self, index, nbytes):
        return OwnedBuffer(nbytes)

    def upload(self, dst, src):
        dst.memory()[: len(src)] = src

    def download(self, src, dst):
        dst[:] = src.memory()[: len(dst)]

    def bind(self, array):
        return EightMethods.bind(self, Seen(array))


class Seen:
    """An array whose storage's handle is memory that NumPy takes."""

    def __init__(self, array):
        self.shape, self.strides, self.dtype = array.shape, array.strides, array.dtype
        self.offset = array.offset
        self.storage = self
        self.handle = array.storage.handle.memory()


SIGNATURE = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_int64))


@SIGNATURE
def add_float32(data, params):
    """`data`: outputs, then inputs; `params`: what `prepare` gave."""
    count, factor = params[0], params[1]
    out, a, b = ((ctypes.c_float * count).from_address(data[i]) for i in range(3))
    for i in range(count):
        out[i] = a[i] + factor * b[i]
    called.append(count)
    return 0


@SIGNATURE
def fail(data, params):
    return int(params[0])


def prepare_add(op, outs, ins, attrs):
    if outs[0].dtype.name != "float32" or not all(g.dense for g in (*outs, *ins)):
        return None
    return ctypes.cast(add_float32, ctypes.c_void_p).value, [outs[0].numel, 1]


def prepare_neg(op, outs, ins, attrs):
    return ctypes.cast(fail, ctypes.c_void_p).value, (3,)


def tensorplug_runtime():
    return Runtime()


def tensorplug_kernels():
    addresses = native_kernels({"add": prepare_add, "neg": prepare_neg}, provider="c", priority=2)
    return [copy, cast, fill, *addresses]
