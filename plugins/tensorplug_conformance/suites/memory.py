"""S1: views, copies, in-place writes and memory, seen from the device.

Every case does the same on the device and in NumPy-free Python on lists, so that no other backend has a say.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import tensorplug as tp
from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.errors import InplaceError, OutOfMemoryError
from tensorplug_dispatcher.ops import F

from ..case import NOT_RUN, PASS, UNSUPPORTED, Case, Result, check
from ..samples import LAYOUTS, laid_out

VIEWS: Final[dict[str, Callable[[Any], Any]]] = {
    "transposed": lambda x: x.t(),
    "row": lambda x: x[1],
    "column": lambda x: x[:, 2],
    "sliced": lambda x: x[1:, ::2],
    "narrowed": lambda x: x.narrow(1, 1, 3),
    "expanded": lambda x: x[0].expand(3, 6),
    "reshaped": lambda x: x.reshape(6, 4),
    "permuted": lambda x: x.reshape(2, 2, 6).permute(2, 0, 1),
    "flipped": lambda x: F.as_strided(x, (4, 6), (6, -1), 5),
    "strided": lambda x: F.as_strided(x, (3, 3), (7, 2), 1),
    "unsqueezed": lambda x: x.unsqueeze(1),
    "diagonal": lambda x: x.diagonal(),
    "scalar": lambda x: x[2, 3],
    "empty": lambda x: x[2:2],
}


def cases(device: str, depth: str) -> Iterator[Case]:
    for dtype in dtypes.ALL:
        yield Case(f"S1/round-trip/{dtype.name}/all", partial(_round_trip, dtype))
        for layout in LAYOUTS if depth != "smoke" else ("transposed",):
            yield Case(f"S1/copy/{dtype.name}/{layout}", partial(_copy, dtype, layout))
    for name, view in VIEWS.items():
        yield Case(f"S1/view-read/float32/{name}", partial(_view_read, view))
        if name not in ("expanded", "empty"):
            yield Case(f"S1/view-write/float32/{name}", partial(_view_write, view))
    for subject, run in {
        "fresh-results": _fresh_results,
        "in-place": _in_place,
        "overlap": _overlap,
        "overlap-out": _overlap_out,
        "expanded-write": _expanded_write,
        "out-resize": _out_resize,
        "versions": _versions,
        "out-of-memory": _out_of_memory,
        "reuse": _reuse,
        "many-live": _many_live,
    }.items():
        yield Case(f"S1/{subject}/float32/one", run)
    for power in {"smoke": (), "nightly": (31,), "release": (31, 32)}[depth]:
        yield Case(f"S1/big/uint8/2^{power}", partial(_big, 1 << power))


def _big(size: int, device: str) -> Result:
    """A tensor with elements beyond ``size``: indices that do not fit 31 or 32 bits."""
    found: Any = tp.device(device)
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    memory = next(i.memory for i in found.runtime.devices() if i.index == found.index) or free
    needed = 3 * size
    if min(free, memory) < needed:
        return Result(NOT_RUN, f"it needs {needed} bytes; {min(free, memory)} are free")
    n = size + 8
    try:
        x = tp.zeros(n, dtype=tp.uint8, device=device)
    except OutOfMemoryError as error:
        return Result(NOT_RUN, f"it needs {n} bytes in one piece: {error}")
    x[n - 3 :] = 7
    x[size - 1 : size + 2].add_(2)
    wanted = [0, 0, 0, 2, 2, 2, 0, 0, 0, 7, 7, 7]
    check(
        x[size - 4 :].cpu().tolist() == wanted, f"the end reads {x[size - 4 :].cpu().tolist()}, not {wanted}"
    )
    places = tp.tensor([n - 1, 0, size, size + 4]).to(device)
    check(x[places].cpu().tolist() == [7, 0, 2, 0], f"places beyond {size} read {x[places].cpu().tolist()}")
    check(x.amax().item() == 7 and x[: size - 1].amax().item() == 0, "the maximum lies elsewhere")
    check(x[:: size // 4].cpu().tolist() == [0, 0, 0, 0, 2], "a view of large strides reads elsewhere")
    check(
        x.view(2, n // 2).t()[n // 2 - 2 :, 1].cpu().tolist() == [7, 7], "a transposed view reads elsewhere"
    )
    return Result(PASS)


def _numbers(dtype: Any, count: int) -> list[Any]:
    if dtype is dtypes.bool_:
        return [bool(i % 3) for i in range(count)]
    return [(i * 5) % 17 for i in range(count)]


def _base(device: str) -> tuple[Any, Any]:
    """The same 4 x 6 numbers on the host and on the device."""
    x = tp.arange(24, dtype=tp.float32).reshape(4, 6)
    return x, x.to(device)


def _listed(tensor: Any) -> Any:
    """The elements as nested lists, read by way of a dense copy on the device."""
    return tensor.clone().contiguous().cpu().tolist()


def _expected(view: Callable[[Any], Any], numbers: list[float]) -> Any:
    """The same view of host memory, read element by element from its layout: no kernel takes part."""
    x = tp.arange(24, dtype=tp.float32).reshape(4, 6)
    v = view(x)

    def read(shape: tuple[int, ...], strides: tuple[int, ...], at: int) -> Any:
        if not shape:
            return numbers[at]
        return [read(shape[1:], strides[1:], at + i * strides[0]) for i in range(shape[0])]

    return read(tuple(v.shape), tuple(v.stride()), v.storage_offset())


def _declared(dtype: Any, device: str) -> Result | None:
    from tensorplug_dispatcher.errors import MissingKernelError

    try:
        tp.zeros(1, dtype=dtype, device=device)
    except MissingKernelError as error:
        return Result(UNSUPPORTED, str(error))
    return None


def _round_trip(dtype: Any, device: str) -> Result:
    for count in (0, 1, 7, 1000):
        numbers = _numbers(dtype, count)
        x = tp.tensor(numbers, dtype=dtype).to(device)
        check(x.device.type == tp.device(device).type, f"the tensor is on {x.device}")
        check(x.cpu().tolist() == tp.tensor(numbers, dtype=dtype).tolist(), f"{count} elements changed")
    return Result(PASS)


def _copy(dtype: Any, layout: str, device: str) -> Result:
    refused = _declared(dtype, device)
    if refused is not None:
        return refused
    numbers = _numbers(dtype, 12)
    x = laid_out(tp.tensor(numbers, dtype=dtype).reshape(3, 4).to(device), layout)
    rows = [numbers[4 * i : 4 * i + 4] for i in range(3)]
    wanted = [rows[0]] * 3 if layout == "expanded" else rows
    check(_listed(x) == wanted, f"a copy of a {layout} tensor is {_listed(x)}, not {wanted}")
    return Result(PASS)


def _view_read(view: Callable[[Any], Any], device: str) -> Result:
    _, y = _base(device)
    wanted = _expected(view, [float(i) for i in range(24)])
    got = _listed(view(y))
    check(got == wanted, f"the view reads {got}, not {wanted}")
    return Result(PASS)


def _view_write(view: Callable[[Any], Any], device: str) -> Result:
    _, y = _base(device)
    part = view(y)
    part.copy_(tp.full(tuple(part.shape), -1.0).to(device))
    marks = [float(i) for i in range(24)]

    def write(shape: tuple[int, ...], strides: tuple[int, ...], at: int) -> None:
        if not shape:
            marks[at] = -1.0
            return
        for i in range(shape[0]):
            write(shape[1:], strides[1:], at + i * strides[0])

    write(tuple(part.shape), tuple(part.stride()), part.storage_offset())
    got = y.cpu().reshape(-1).tolist()
    check(got == marks, f"after writing through the view the base is {got}, not {marks}")
    return Result(PASS)


def _fresh_results(device: str) -> Result:
    """No element of a result is what the memory held before."""
    for n in (1, 5, 64, 1000):
        junk = tp.full((n,), 12345.0, device=device)
        del junk
        x = tp.ones(n, device=device) + tp.ones(n, device=device)
        check(x.cpu().tolist() == [2.0] * n, f"a sum of {n} elements is not written in full")
    return Result(PASS)


def _in_place(device: str) -> Result:
    x, y = _base(device)
    before = y.storage
    y.mul_(2).add_(1)
    y[1:3, ::2] -= 5
    x.mul_(2).add_(1)
    x[1:3, ::2] -= 5
    check(y.storage is before, "an in-place op changed the storage")
    check(y.cpu().tolist() == x.tolist(), "in-place arithmetic gives other numbers")
    return Result(PASS)


def _overlap(device: str) -> Result:
    """A partial overlap of an in-place op's operands must raise, and change nothing."""
    _, y = _base(device)
    flat = y.view(24)
    before = flat.cpu().tolist()
    try:
        flat[1:].add_(flat[:-1])
    except InplaceError:
        check(flat.cpu().tolist() == before, "the refused write changed the tensor")
        return Result(PASS)
    raise AssertionError("an in-place op on overlapping operands raised nothing")


def _overlap_out(device: str) -> Result:
    """``out=`` that overlaps an operand in part must raise and change nothing; the operand may be it."""
    _, y = _base(device)
    flat = y.view(24)
    before = flat.cpu().tolist()
    for out, operand in ((flat[1:13], flat[:12]), (flat[::2][:6], flat[:6])):
        try:
            tp.mul(operand, 2, out=out)
        except InplaceError:
            check(flat.cpu().tolist() == before, "the refused write changed the tensor")
        else:
            raise AssertionError("out= that overlaps an operand raised nothing")
    tp.mul(flat, 2, out=flat)
    check(flat.cpu().tolist() == [2 * x for x in before], "out= that is the operand gives other numbers")
    return Result(PASS)


def _expanded_write(device: str) -> Result:
    y = tp.zeros(1, device=device).expand(4)
    try:
        y.add_(1)
    except InplaceError:
        return Result(PASS)
    raise AssertionError("an in-place write to an expanded tensor raised nothing")


def _out_resize(device: str) -> Result:
    out = tp.empty(0, device=device)
    _, y = _base(device)
    found = tp.add(y, y, out=out)
    check(found is out and list(out.shape) == [4, 6], f"out= has the shape {list(out.shape)}")
    check(out.cpu().tolist() == (2 * tp.arange(24.0).reshape(4, 6)).tolist(), "out= holds other numbers")
    return Result(PASS)


def _versions(device: str) -> Result:
    _, y = _base(device)
    view = y[1]
    before = y._version
    view.add_(1)
    check(y._version == before + 1 == view._version, "a write through a view does not raise the version")
    return Result(PASS)


def _out_of_memory(device: str) -> Result:
    """More than there is: a typed error, and the device goes on."""
    try:
        tp.empty(1 << 60, dtype=tp.uint8, device=device)
    except OutOfMemoryError as error:
        check(error.requested >= 1 << 60, f"the error says {error.requested} bytes")
        check((tp.ones(3, device=device) + 1).cpu().tolist() == [2.0] * 3, "the device does not go on")
        return Result(PASS)
    raise AssertionError("an allocation of 2**60 bytes raised nothing")


def _reuse(device: str) -> Result:
    """Memory that is given back while its last user may still run holds no other's numbers."""
    for i in range(50):
        a = tp.full((4096,), float(i), device=device)
        b = a * 2
        del a
        c = tp.full((4096,), -1.0, device=device)
        check(
            b[::1000].cpu().tolist() == [2.0 * i] * 5, "a result changed when its operand's memory was reused"
        )
        del b, c
    return Result(PASS)


def _many_live(device: str) -> Result:
    """Tensors that live at the same time share no memory."""
    held = [tp.full((257,), float(i), device=device) for i in range(100)]
    for i, x in enumerate(held):
        check(x.cpu().tolist() == [float(i)] * 257, f"tensor {i} of 100 holds another's numbers")
    return Result(PASS)
