"""Plugin API 1.0: a runtime with exactly eight methods, and three kernels. Nothing optional."""

import numpy

from tensorplug_dispatcher import STRIDED, DeviceInfo, kernel

tensorplug_api = (1, 0)


class Runtime:
    def devices(self):
        return [DeviceInfo(0, "eight methods")]

    def allocate(self, index, nbytes):
        return bytearray(nbytes)

    def upload(self, dst, src):
        memoryview(dst)[: len(src)] = src

    def download(self, src, dst):
        dst[:] = memoryview(src)[: len(dst)]

    def transfer(self, src, dst):
        return False

    def bind(self, array):
        size = array.dtype.itemsize
        strides = [stride * size for stride in array.strides]
        handle = array.storage.handle
        return numpy.ndarray(tuple(array.shape), array.dtype.numpy_name, handle, array.offset * size, strides)

    def synchronize(self, index):
        return None

    def close(self):
        return None


@kernel("copy", layout=STRIDED)
def copy(outs, ins, attrs):
    outs[0][...] = ins[0]


@kernel("cast", layout=STRIDED)
def cast(outs, ins, attrs):
    outs[0][...] = ins[0].astype(outs[0].dtype)


@kernel("fill")
def fill(outs, ins, attrs):
    outs[0].fill(attrs["value"])


def tensorplug_runtime():
    return Runtime()


def tensorplug_kernels():
    return [copy, cast, fill]
