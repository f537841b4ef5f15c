"""What one client has on the server: buffers, plans, and the first error that it has not been told of yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import tensorplug as tp
from tensorplug_dispatcher import OPS, F, kernels
from tensorplug_dispatcher.errors import DeviceLostError, OutOfMemoryError, TensorplugError
from tensorplug_dispatcher.layout import Layout, span
from tensorplug_dispatcher.tensor import from_storage

from .encoding import decoded, decoded_layout, integers, numbers
from .errors import FrameError
from .wire import MAX_PAYLOAD, Channel

MAX_BYTES: Final = 1 << 62


def ops_of(device: Any) -> dict[str, str]:
    """The schemas of the ops that can run on a device natively or by decomposition, by name."""
    return {
        op.name: op.schema
        for op in OPS.values()
        if not op.is_view
        and op.name != "to_device"
        and (op.decompose is not None or kernels.candidates(device.type, op.name))
    }


class Plan:
    """An op with given layouts and attributes, to be launched on any buffers that are large enough."""

    def __init__(self, device: Any, request: Mapping[str, Any]) -> None:
        name = request.get("op")
        if name not in OPS or OPS[name].is_view or name == "to_device":
            raise FrameError(f"{str(name)[:60]!r} is no op that a server runs")
        self.op = OPS[name]
        self.device = device
        self.outs = [_layout(value) for value in _list(request, "outs")]
        self.ins = [decoded_layout(value) for value in _list(request, "ins")]
        attributes = request.get("attrs")
        if not isinstance(attributes, dict) or len(self.outs) != len(self.op.outputs):
            raise FrameError(f"attributes or results do not fit {self.op.schema}")
        self.attributes = {key: decoded(value) for key, value in attributes.items()}
        self.dynamic = sum(p.is_dynamic for p in self.op.parameters)
        single = sum(p.is_tensor and p.kind != "Tensor[]" for p in self.op.parameters)
        self.listed = len(self.ins) - single  # how many tensors the op's list has
        if self.listed < 0 or (self.listed and all(p.kind != "Tensor[]" for p in self.op.parameters)):
            raise FrameError(f"{len(self.ins)} operands do not fit {self.op.schema}")
        for p in self.op.parameters:
            if not (p.is_tensor or p.is_dynamic or p.kind.startswith("device")):
                if p.name not in self.attributes:
                    raise FrameError(f"the attribute {p.name!r} of {self.op.schema} is missing")

    def launch(self, buffers: Mapping[int, tp.Tensor], request: Mapping[str, Any]) -> None:
        """Run it. Raises FrameError where it would leave a buffer, and what the op raises."""
        operands, offsets = _list(request, "operands"), _list(request, "offsets")
        values = numbers(request.get("values"))
        layouts = [*self.outs, *self.ins]
        if not len(operands) == len(offsets) == len(layouts) or len(values) != self.dynamic:
            raise FrameError(f"the operands or numbers of a launch do not fit {self.op.schema}")
        if not integers(offsets):
            raise FrameError("the offsets of a launch are no whole numbers")
        tensors = [_operand(buffers, *each) for each in zip(operands, offsets, layouts, strict=True)]
        outs, ins = tuple(tensors[: len(self.outs)]), tensors[len(self.outs) :]
        if not all(isinstance(out, tp.Tensor) for out in outs):
            raise FrameError("a launch writes to a number")
        function: Any = getattr(F, self.op.name)
        function.call_into(self._arguments(ins, values), outs)

    def _arguments(self, ins: list[Any], values: list[Any]) -> tuple[Any, ...]:
        """The op's arguments in the schema's order. A number keeps the dtype that it was planned with, also
        where no tensor is there to say it.
        """
        given = list(ins)
        if self.op.elementwise and not any(isinstance(item, tp.Tensor) for item in ins):
            for place, layout in enumerate(self.ins):
                if given[place] is not None and layout is not None:
                    given[place] = tp.full((), given[place], dtype=layout.dtype, device=self.device)
        found: list[Any] = []
        for p in self.op.parameters:
            if p.kind == "Tensor[]":
                found.append(tuple(given[: self.listed]))
                del given[: self.listed]
            elif p.is_tensor:
                found.append(given.pop(0))
            elif p.is_dynamic:
                found.append(values.pop(0))
            elif p.kind.startswith("device"):
                found.append(self.device)
            else:
                found.append(self.attributes[p.name])
        return tuple(found)


def _layout(value: Any) -> Layout:
    found = decoded_layout(value)
    if found is None:
        raise FrameError("a result has no layout")
    return found


def _list(request: Mapping[str, Any], key: str) -> list[Any]:
    found = request.get(key)
    if not isinstance(found, list):
        raise FrameError(f"a request has no list {key!r}")
    return found


def _number(request: Mapping[str, Any], key: str) -> int:
    found = request.get(key)
    if type(found) is not int or not 0 <= found <= MAX_BYTES:
        raise FrameError(f"a request has {key} {str(found)[:60]}, which is no whole number of the range")
    return found


def _operand(buffers: Mapping[int, tp.Tensor], operand: Any, offset: int, layout: Layout | None) -> Any:
    """None, a number, or a tensor that lies within the buffer."""
    if operand is None:
        return None
    if isinstance(operand, list):
        return numbers(operand)[0]
    if layout is None or type(operand) is not int or operand not in buffers:
        raise FrameError(f"a launch names the buffer {str(operand)[:60]}, which there is not")
    buffer = buffers[operand]
    low, high = span(layout, offset)
    if low < 0 or offset < 0 or high * layout.itemsize > buffer.numel():
        raise FrameError(
            f"a launch touches the elements {low} to {high} of {layout.dtype.name} in a buffer of "
            f"{buffer.numel()} bytes"
        )
    return from_storage(buffer.storage, layout, offset)


class Session:
    """The requests of one client, in order."""

    def __init__(self, device: Any, channel: Channel) -> None:
        self.device = device
        self.channel = channel
        self.buffers: dict[int, tp.Tensor] = {}
        self.plans: dict[int, Plan] = {}
        self.failed: tuple[str, Exception] | None = None
        self.requests: dict[str, Callable[[Mapping[str, Any]], None]] = {
            "allocate": self.allocate,
            "prepare": self.prepare,
            "launch": self.launch,
            "upload": self.upload,
            "download": self.download,
            "copy": self.copy,
            "synchronize": self.synchronize,
            "memory": self.memory,
        }

    @tp.inference_mode()
    def serve(self) -> None:
        """Serve until the client goes. Raises PeerLostError or FrameError: then the connection is over."""
        while True:
            request, payload = self.channel.receive(None)
            do = request.get("do")
            if do not in self.requests or len(payload):
                raise FrameError(f"{str(do)[:60]!r} is no request, or has a payload that it must not have")
            holdings: dict[str, dict[int, Any]] = {"free": self.buffers, "drop": self.plans}
            for kind, known in holdings.items():
                gone = request.get(kind, [])
                if not isinstance(gone, list) or not integers(gone):
                    raise FrameError(f"{str(gone)[:60]} is no list of numbers to {kind}")
                for number in gone:
                    known.pop(number, None)
            self.requests[do](request)

    def reply(self, **content: Any) -> None:
        self.channel.send(content)

    def answer(self, op: str, work: Callable[[], Any]) -> bool:
        """Do what the client waits for, and tell it that it is done,
        or of the first error since it was last told; whether it is.
        """
        try:
            work()
        except Exception as error:
            self.note(op, error)
        failed, self.failed = self.failed, None
        self.reply(**({} if failed is None else described(*failed)))
        return failed is None

    def note(self, op: str, error: Exception) -> None:
        if self.failed is None or isinstance(error, DeviceLostError):
            self.failed = op, error

    # -- requests

    def allocate(self, request: Mapping[str, Any]) -> None:
        number, nbytes = _number(request, "buffer"), _number(request, "nbytes")
        if number in self.buffers:
            raise FrameError(f"the buffer {number} is there already")
        try:
            self.buffers[number] = tp.empty(nbytes, dtype=tp.uint8, device=self.device)
        except Exception as error:
            self.reply(**described("allocate", error))
        else:
            self.reply()

    def prepare(self, request: Mapping[str, Any]) -> None:
        plan = Plan(self.device, request)
        native = kernels.candidates(self.device.type, plan.op.name)
        if not native and plan.op.decompose is None:
            self.reply(refused=f"{self.device} over there has no kernel for {plan.op.name}")
            return
        self.plans[_number(request, "plan")] = plan
        self.reply()

    def launch(self, request: Mapping[str, Any]) -> None:
        """Run a plan. Where the client waits it is told what came of it,
        else with its next request that waits.
        """
        number = _number(request, "plan")
        plan = self.plans.get(number)
        if plan is None:
            raise FrameError(f"a launch names the plan {number}, which there is not")
        failure: dict[str, Any] = {}
        try:
            plan.launch(self.buffers, request)
        except FrameError:
            raise
        except Exception as error:
            if request.get("wait") is True:
                failure = described(plan.op.name, error)
            else:
                self.note(plan.op.name, error)
        if request.get("wait") is True:
            self.reply(**failure)

    def upload(self, request: Mapping[str, Any]) -> None:
        buffer, nbytes = self._piece(request)
        content = memoryview(bytearray(nbytes))
        for at in range(0, nbytes, MAX_PAYLOAD):
            piece = content[at : at + MAX_PAYLOAD]
            header, got = self.channel.receive(self.channel.seconds, piece)
            if header != {"do": "piece"} or len(got) != len(piece):
                raise FrameError(f"an upload of {nbytes} bytes is broken off at byte {at}")
        try:
            if nbytes:
                buffer[:nbytes].copy_(tp.frombuffer(content, dtype=tp.uint8))
        except Exception as error:
            self.note("upload", error)

    def download(self, request: Mapping[str, Any]) -> None:
        buffer, nbytes = self._piece(request)
        content = memoryview(bytearray(nbytes))

        def work() -> None:
            tp.devices.synchronize(self.device)
            if nbytes:
                tp.frombuffer(content, dtype=tp.uint8).copy_(buffer[:nbytes])

        if self.answer("download", work):
            for at in range(0, nbytes, MAX_PAYLOAD):
                self.channel.send({"do": "piece"}, content[at : at + MAX_PAYLOAD])

    def copy(self, request: Mapping[str, Any]) -> None:
        """Copy the bytes of one buffer to another."""
        source, target = (self._buffer(_number(request, key)) for key in ("source", "target"))
        nbytes = min(source.numel(), target.numel())
        try:
            target[:nbytes].copy_(source[:nbytes])
        except Exception as error:
            self.note("transfer", error)

    def synchronize(self, request: Mapping[str, Any]) -> None:
        self.answer("synchronize", lambda: tp.devices.synchronize(self.device))

    def memory(self, request: Mapping[str, Any]) -> None:
        found = tp.devices.memory(self.device)
        self.reply(free=found["free"], total=found["total"])

    def _buffer(self, number: int) -> tp.Tensor:
        if number not in self.buffers:
            raise FrameError(f"a request names the buffer {number}, which there is not")
        return self.buffers[number]

    def _piece(self, request: Mapping[str, Any]) -> tuple[tp.Tensor, int]:
        buffer, nbytes = self._buffer(_number(request, "buffer")), _number(request, "nbytes")
        if nbytes > buffer.numel():
            raise FrameError(f"{nbytes} bytes of a buffer of {buffer.numel()} were asked for")
        return buffer, nbytes


def described(op: str, error: Exception) -> dict[str, Any]:
    """An error as a reply."""
    kind = type(error).__name__
    if isinstance(error, (OutOfMemoryError, MemoryError)):
        kind = "MemoryError"
    elif not isinstance(error, (TensorplugError, ZeroDivisionError)):
        kind = "KernelError"
    return {"error": kind, "op": op, "message": str(error)}
