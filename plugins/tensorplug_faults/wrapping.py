"""A device that does what another does, call by call, unless a fault is injected."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import entry_points
from typing import Any

from tensorplug_dispatcher import DeviceInfo, Kernel
from tensorplug_dispatcher.autocast import Autocast
from tensorplug_dispatcher.boundary import address_of, lib
from tensorplug_dispatcher.errors import IndexRangeError, KernelError, PluginError, UnknownDeviceError
from tensorplug_dispatcher.kernels import ADDRESS, PREPARED

from .distributions import Installation, install_distributions
from .faults import Call, Faulty

GROUP = "tensorplug.backends"
_installed: dict[str, Installation] = {}


def wrap(kind: str) -> str:
    """Offer the devices of type ``kind`` once more, as ``faulty-KIND``, for ``inject``; returns that name.

    The wrapped plugin gets a runtime of its own. Raises UnknownDeviceError where no plugin offers ``kind``.
    """
    name = f"faulty-{kind}"
    if name not in _installed:
        _entry_point(kind)
        entry_point = f"tensorplug_faults.wrapped:{kind.replace('-', '_')}"
        _installed[name] = install_distributions({f"tensorplug-{name}": {name: entry_point}})
    return name


def _entry_point(kind: str) -> Any:
    found = [e for e in entry_points(group=GROUP) if kind in (e.name, e.name.replace("-", "_"))]
    if not found:
        raise UnknownDeviceError(
            f"device type {kind!r} cannot be wrapped: no installed plugin offers it; see tensorplug.devices"
        )
    return found[0]


class Plugin:
    """The plugin ``faulty-KIND``: the hooks of the other, with its runtime and kernels wrapped. Each time it
    is loaded it has a runtime of its own, as any plugin.
    """

    tensorplug_api = (1, 0)

    def __init__(self, kind: str) -> None:
        self.entry_point = _entry_point(kind)
        self.module = self.entry_point.load()
        self.runtime: FaultyRuntime | None = None

    def tensorplug_runtime(self) -> FaultyRuntime:
        self.runtime = FaultyRuntime(f"faulty-{self.entry_point.name}", self.module.tensorplug_runtime())
        return self.runtime

    def tensorplug_kernels(self) -> Iterable[Kernel]:
        hook = getattr(self.module, "tensorplug_kernels", tuple)
        runtime = self.runtime or self.tensorplug_runtime()
        return [wrapped_kernel(runtime, kernel) for kernel in hook()]

    def tensorplug_autocast(self) -> Autocast:
        record: Autocast = getattr(self.module, "tensorplug_autocast", Autocast)()
        return record


class Buffer:
    """A buffer of the wrapped runtime; it has no address, so that nobody uses it unseen."""

    __slots__ = ("generation", "index", "inner", "nbytes")

    def __init__(self, inner: Any, nbytes: int, index: int, generation: int) -> None:
        self.inner = inner
        self.nbytes = nbytes
        self.index = index
        self.generation = generation


class Bound:
    """What the wrapped runtime's ``bind`` has made, and of which device it is."""

    __slots__ = ("index", "value")

    def __init__(self, value: Any, index: int) -> None:
        self.value = value
        self.index = index


class Seen:
    """An array (or its storage) as the wrapped runtime sees it: with its own handle."""

    def __init__(self, outer: Any, **own: Any) -> None:
        self.__dict__.update(own, _outer=outer)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._outer, name)


class FaultyRuntime:
    """The eight methods, each of which a fault may strike; optional methods of the other are there too."""

    host = False

    def __init__(self, kind: str, inner: Any) -> None:
        self.kind = kind
        self.inner = inner
        self.faulty: dict[int, Faulty] = {}
        self.caches = bool(getattr(inner, "caches", False))

    def faulty_device(self, index: int) -> Faulty:
        """What faults have done to a device, and where they are injected."""
        found = self.faulty.get(index)
        if found is None:
            found = self.faulty[index] = Faulty(f"{self.kind}:{index}")
        return found

    def run(self, index: int, kind: str, work: Callable[[], Any], op: str = "") -> Any:
        device = self.faulty_device(index)
        return device.run(Call(device.name, kind, op), work)

    def use(self, buffer: Buffer, kind: str, op: str = "") -> Any:
        """The wrapped buffer; raises DeviceLostError where it was allocated before the device was lost."""
        device = self.faulty_device(buffer.index)
        if buffer.generation != device.generation:
            raise device.lost_error(Call(device.name, kind, op))
        return buffer.inner

    def devices(self) -> Sequence[DeviceInfo]:
        found: Sequence[DeviceInfo] = self.inner.devices()
        return found

    def allocate(self, index: int, nbytes: int) -> Buffer:
        inner = self.run(index, "allocate", lambda: self.inner.allocate(index, nbytes))
        return Buffer(inner, nbytes, index, self.faulty_device(index).generation)

    def upload(self, dst: Buffer, src: memoryview) -> None:
        self._put("upload", dst, src)

    def download(self, src: Buffer, dst: memoryview) -> None:
        self._get("download", src, dst)

    def _put(self, method: str, dst: Buffer, src: memoryview, *offset: int) -> None:
        device = self.faulty_device(dst.index)

        def work() -> None:
            sent = src
            if device.corrupt_at is not None:
                spoiled = bytearray(src)
                device.spoil(spoiled)
                sent = memoryview(spoiled)
            getattr(self.inner, method)(self.use(dst, "upload"), *offset, sent)

        self.run(dst.index, "upload", work)

    def _get(self, method: str, src: Buffer, dst: memoryview, *offset: int) -> None:
        device = self.faulty_device(src.index)

        def work() -> None:
            getattr(self.inner, method)(self.use(src, "download"), *offset, dst)
            if device.corrupt_at is not None:
                spoiled = bytearray(dst)
                device.spoil(spoiled)
                dst[:] = spoiled

        self.run(src.index, "download", work)

    def transfer(self, src: Any, dst: Any) -> bool:
        if not isinstance(src, Buffer) or not isinstance(dst, Buffer):
            return False
        device = self.faulty_device(dst.index)

        def work() -> bool:
            done = bool(self.inner.transfer(self.use(src, "transfer"), self.use(dst, "transfer")))
            if done and device.corrupt_at is not None:
                spoiled = bytearray(min(src.nbytes, dst.nbytes))
                self.inner.download(dst.inner, memoryview(spoiled))
                device.spoil(spoiled)
                self.inner.upload(dst.inner, memoryview(spoiled))
            return done

        return bool(self.run(dst.index, "transfer", work))

    def bind(self, array: Any) -> Bound:
        buffer = array.storage.handle
        storage = Seen(array.storage, handle=self.use(buffer, "kernel"))
        return Bound(self.inner.bind(Seen(array, storage=storage)), buffer.index)

    def synchronize(self, index: int) -> None:
        self.run(index, "synchronize", lambda: self.inner.synchronize(index))

    def close(self) -> None:
        self.inner.close()

    def __getattr__(self, name: str) -> Any:
        """An optional capability: a call of the device like others where its first argument is an index."""
        value = getattr(self.inner, name)
        if name == "read":
            return lambda src, offset, dst: self._get("read", src, dst, offset)
        if name == "write":
            return lambda dst, offset, src: self._put("write", dst, src, offset)
        if not callable(value):
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            work = partial(value, *args, **kwargs)
            return self.run(args[0], name, work) if args and isinstance(args[0], int) else work()

        return call


# -- kernels -------------------------------------------------------------------------------------------------


def wrapped_kernel(runtime: FaultyRuntime, kernel: Kernel) -> Kernel:
    """The same kernel, each of whose launches a fault may strike."""
    if kernel.form == PREPARED:
        return replace(kernel, function=partial(_prepare, runtime, kernel.function))
    if kernel.form == ADDRESS:
        return replace(kernel, function=partial(_prepare_address, runtime, kernel.function), form=PREPARED)

    def run(outs: Sequence[Bound], ins: Sequence[Bound | None], attrs: Any) -> Any:
        def work() -> Any:
            given = [None if one is None else one.value for one in ins]
            return kernel.function([one.value for one in outs], given, attrs)

        return runtime.run(outs[0].index, "kernel", work, kernel.op)

    return replace(kernel, function=run)


def _prepare(
    runtime: FaultyRuntime, prepare: Callable[..., Any], index: int, op: str, *request: Any
) -> tuple[Any, Any] | None:
    made = prepare(index, op, *request)
    if made is None:
        return None
    launch, scratch = made

    def run(operands: list[Any], offsets: list[Any], values: list[Any]) -> Any:
        def work() -> Any:
            inner = [runtime.use(o, "kernel", op) if isinstance(o, Buffer) else o for o in operands]
            return launch(inner, offsets, values)

        return runtime.run(index, "kernel", work, op)

    return run, scratch


def _prepare_address(
    runtime: FaultyRuntime,
    prepare: Callable[..., Any],
    index: int,
    op: str,
    outs: Sequence[Any],
    ins: Sequence[Any],
    attrs: Any,
    numbers: Sequence[int],
) -> tuple[Any, Any] | None:
    """A C function of the kernel signature, called by its address with those of its operands."""
    made = prepare(op, outs, ins, attrs)
    if made is None:
        return None
    address, params = made
    function = address_of(address)
    numbers_of_kernel = array("q", params if len(params) else (0,))
    layouts = [*outs, *ins]
    late = _dynamic_dtypes(op, outs[0].dtype)

    def run(operands: list[Any], offsets: list[Any], values: list[Any]) -> Any:
        def work() -> None:
            keep: list[Any] = []
            pointers = array("Q")
            for operand, offset, layout in zip(operands, offsets, layouts, strict=True):
                if operand is None:
                    pointers.append(0)
                elif isinstance(operand, Buffer):
                    start = runtime.use(operand, "kernel", op).ptr
                    pointers.append(start + offset * layout.itemsize)
                else:
                    keep.append(_packed(operand, layout.dtype.name))
                    pointers.append(keep[-1].buffer_info()[0])
            for value, dtype in zip(values, late, strict=True):
                keep.append(_packed(value, dtype))
                pointers.append(keep[-1].buffer_info()[0])
            code = lib.tp_launch(function, pointers.buffer_info()[0], numbers_of_kernel.buffer_info()[0])
            if code:
                raise FAILURES.get(code, KernelError)(f"{op}() failed with code {code}")

        return runtime.run(index, "kernel", work, op)

    return run, ()


def _dynamic_dtypes(op: str, result: Any) -> list[str]:
    """As what a C kernel takes each of an op's dynamic numbers."""
    from tensorplug_dispatcher import OPS

    kinds = {"float!": "float64", "int!": "int64", "Scalar!": result.name}
    return [kinds[p.kind] for p in OPS[op].parameters if p.kind in kinds]


FAILURES: dict[int, type[Exception]] = {1: IndexRangeError, 2: MemoryError, 3: ZeroDivisionError}
LETTERS = {
    "bool": "B",
    "uint8": "B",
    "int8": "b",
    "int16": "h",
    "int32": "i",
    "int64": "q",
    "float32": "f",
    "float64": "d",
}


def _packed(value: Any, dtype: str) -> array[Any]:
    """One number as C memory of a dtype."""
    if dtype == "float16":
        return array("H", struct.unpack("<H", struct.pack("<e", value)))
    if dtype == "bfloat16":
        bits = struct.unpack("<I", struct.pack("<f", value))[0]
        return array("H", [(bits + 0x7FFF + ((bits >> 16) & 1)) >> 16])
    letter = LETTERS[dtype]
    if letter in "fd":
        return array(letter, [value])
    width = array(letter).itemsize * 8
    wrapped = int(value) & ((1 << width) - 1)
    if letter != "B" and wrapped >> (width - 1):
        wrapped -= 1 << width
    return array(letter, [bool(value) if dtype == "bool" else wrapped])


def plugin_of(kind: str) -> Plugin:
    """The plugin for an attribute of ``tensorplug_faults.wrapped``; raises PluginError."""
    try:
        return Plugin(kind)
    except UnknownDeviceError as error:
        raise PluginError(str(error), plugin=f"faulty-{kind}") from error
