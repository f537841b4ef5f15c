"""Plugin API 1.0: everything optional that a runtime may have."""

from eight_methods import Runtime as EightMethods
from eight_methods import cast, copy, fill

tensorplug_api = (1, 0)
called = []


class Stream:
    def __init__(self):
        self.handle = self

    def synchronize(self):
        called.append("stream.synchronize")

    def done(self):
        return True

    def wait(self, event):
        called.append("stream.wait")


class Event:
    def record(self, stream):
        called.append("event.record")

    def synchronize(self):
        called.append("event.synchronize")

    def done(self):
        return True

    def elapsed(self, end):
        return 1.5


class Runtime(EightMethods):
    caches = True
    survives_fork = True

    def __init__(self):
        self.default = self.current = Stream()

    def read(self, src, offset, dst):
        called.append("read")
        dst[:] = memoryview(src)[offset : offset + len(dst)]

    def write(self, dst, offset, src):
        called.append("write")
        memoryview(dst)[offset : offset + len(src)] = src

    def memory_info(self, index):
        return 1000, 4000

    def memory_reserved(self, index):
        return 3000

    def empty_cache(self, index):
        return 77

    def properties(self, index):
        return {"colour": "green"}

    def create_stream(self, index, priority=0):
        return Stream()

    def default_stream(self, index):
        return self.default

    def current_stream(self, index):
        return self.current

    def use_stream(self, index, stream):
        self.current = stream

    def create_event(self, index, timing=False):
        return Event()


def tensorplug_runtime():
    return Runtime()


def tensorplug_kernels():
    return [copy, cast, fill]
