"""Resolution: what a call will do. Runs once per key and once per combination
of layouts; never on a cached call.

Order: native kernel → decomposition → host (if the policy lets it) → MissingKernelError.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from . import epoch, kernels, layers, observation, ops
from .boundary import address_of, is_address
from .context import context
from .conversion import rounded
from .devices import registry as devices
from .devices import states
from .dtypes import float32
from .entries import CallableEntry, Entry, KernelEntry
from .errors import (
    DeviceLostError,
    DeviceMismatchError,
    KernelError,
    MissingKernelError,
    SignatureError,
    TensorplugError,
)
from .kernels import ADDRESS, DENSE, PREPARED, Kernel, Refusal
from .keys import DEVICE_MASK, LAYER_MASK, on_one_device
from .kinds import KIND_OF, Kind
from .layout import Layout, dense, expand, strided, with_dtype
from .op import Op
from .plans import CallablePlan, NativePlan, PreparedPlan, PythonPlan, ViewPlan
from .request import HALVES, Request
from .signatures import layout_of, normalize_attributes
from .storage import Device
from .tensor import TensorBase, empty, view_of
from .writing import copy_into, to_device, transfer, without_layers

PARALLEL_BYTES = 32768  # from here on a kernel runs without the GIL


# -- chains
# ---------------------------------------------------------------------------------------------------------


def make_chain(function: Any, key: int) -> Entry:
    """The chain of a key: its layers in rank order around the backend's entry."""
    bits = key & DEVICE_MASK
    consumed = key & LAYER_MASK
    if function.op.role == "transfer":
        entry: Any = CallableEntry(to_device)
    elif not bits:
        raise SignatureError(
            f"{function.name}() got no tensor, so that there is no device to run it on; "
            f"its signature is {function.op.schema}"
        )
    elif not on_one_device(key):
        return CallableEntry(lambda args, outs: _on_one_device(function, args, outs))
    else:
        entry = function.bases.get((bits, consumed))
        if entry is None:
            device = devices.with_bits(bits)
            made = KernelEntry(function, device, consumed, make_plan)
            entry = function.bases.setdefault((bits, consumed), made)
        if observation.observing():
            entry = observation.observed(entry)
    for _, layer in layers.active(key):
        wrapped = layers.wrapped(layer, function, key, entry)
        if wrapped is not None:
            entry = wrapped if isinstance(wrapped, Entry) else CallableEntry(wrapped)
    return entry  # type: ignore[no-any-return]


def _tensors(args: Sequence[Any]) -> list[Any]:
    found = []
    for arg in args:
        if isinstance(arg, TensorBase):
            found.append(arg)
        elif isinstance(arg, tuple):
            found.extend(a for a in arg if isinstance(a, TensorBase))
    return found


def _on_one_device(function: Any, args: tuple[Any, ...], outs: Any) -> Any:
    """Operands on several devices: 0-d host tensors follow the others, as in PyTorch; anything else is an
    error, ``out=`` elsewhere too.
    """
    tensors = _tensors(args) + list(outs or ())
    for device in {t.device for t in tensors}:
        if device.state == states.LOST:
            raise states.unusable(device, function.name)
        states.await_closing(device, function.name)
    here = {t.device for t in tensors}
    if len(here) == 1:
        named = [a for a in args if isinstance(a, Device)]
        if here.issuperset(named):  # another thread has moved operands since the call's key was made
            return function.call(args) if outs is None else function.write_into(args, outs)
        raise DeviceMismatchError(
            f"{function.name}() was asked to run on {', '.join(map(str, named))} with operands on "
            f"{tensors[0].device}; move them with .to({str(tensors[0].device)!r})"
        )
    targets = {t.device for t in _tensors(args) if t.ndim or not t.device.host}
    targets |= {t.device for t in outs or ()}  # a result is written where it is
    if len(targets) != 1:
        where = ", ".join(f"{list(t.shape)} on {t.device}" for t in tensors)
        raise DeviceMismatchError(
            f"{function.name}() got operands on several devices: {where}; move them to one, "
            f"for instance with .to({str(tensors[0].device)!r})"
        )
    target = targets.pop()
    moved = tuple([_move(a, target) for a in args])
    return function.call(moved) if outs is None else function.call_into(moved, outs)


def _move(arg: Any, target: Device) -> Any:
    if isinstance(arg, TensorBase) and arg.device is not target:
        return ops.F.to_device(arg, target)
    if isinstance(arg, tuple):
        return tuple([_move(a, target) for a in arg])
    return arg


# -- plans
# ----------------------------------------------------------------------------------------------------------


def make_plan(entry: KernelEntry, args: tuple[Any, ...], outs: tuple[Any, ...] | None) -> Any:
    """The plan of a call with layouts not seen before; made again where kernels come or go meanwhile."""
    while True:
        began = epoch.number()
        states.await_closing(entry.device, entry.function.name)
        if not entry.device.ready and not states.admitted(entry.device, entry.function, args, outs):
            return CallablePlan(partial(states.rerouted, entry.function), "moved", "core")
        try:
            plan = _planned(entry, args, outs)
        except DeviceLostError as error:
            states.raise_lost(entry.device, entry.function.name, error)
        if began == epoch.number():
            return plan


def _planned(entry: KernelEntry, args: tuple[Any, ...], outs: tuple[Any, ...] | None) -> Any:
    function = entry.function
    op: Op = function.op
    args = normalize_attributes(op, args)
    if op.is_view:
        assert op.view is not None
        layout, delta = op.view(*[layout_of(a) for a in args])
        return ViewPlan(layout, delta, layout_of(args[0]))
    request = Request(op, entry.device, args, outs, entry)
    tried: list[str] = []
    for maker in (_native, _by_slices, _decomposed, _on_host):
        plan = maker(request, tried)
        if plan is not None:
            return plan
    raise MissingKernelError(_missing(request, tried))


# -- native
# ---------------------------------------------------------------------------------------------------------


def _native(request: Request, tried: list[str]) -> Any:
    for found in kernels.candidates(request.device.type, request.op.name):
        who = f"kernel of provider {found.provider!r}"
        if not kernels.takes(found, request.dtype):
            tried.append(f"{who}: does not take {request.dtype.name}")
            continue
        if found.absent is not None and (reason := _asked(request, found, "absent", found.absent)):
            tried.append(f"{who}: {reason}")
            continue
        plan = _bind_kernel(request, found)
        if not isinstance(plan, Refusal):
            return _casting_back(request, plan)
        tried.append(f"{who}: refused these layouts or attributes{plan.reason and f' ({plan.reason})'}")
        if plan.reason:
            kernels.refused[found] = plan.reason
    if not kernels.candidates(request.device.type, request.op.name):
        tried.append("native: no kernel is registered")
    return None


def _asked(request: Request, found: Kernel, what: str, function: Callable[..., Any], *args: Any) -> Any:
    """What a kernel's own function says of a call; raises KernelError where it fails, and errors of ours."""
    try:
        return function(*args)
    except TensorplugError:
        raise
    except Exception as error:
        raise _unplanned(request, found, f"{what}() failed: {type(error).__name__}: {error}") from error


def _unplanned(request: Request, found: Kernel, why: str) -> KernelError:
    return KernelError(
        f"{request.op.name}() cannot run on {request.device}{states.whose(request.device)}: in the kernel of "
        f"provider {found.provider!r}, {why}"
    )


def _bind_kernel(request: Request, found: Kernel) -> Any:
    """A plan of the kernel, or a Refusal."""
    refusal = Refusal("")
    strides: tuple[bool, ...] = (False,) if found.layout == DENSE else (True, False)
    narrow = [g if g is None or g.dtype is not float32 else with_dtype(g, request.dtype) for g in request.ins]
    wide = request.dtype in HALVES and narrow != request.ins  # not every kernel takes two dtypes
    if request.op.role == "copy" and not all(x.dense for x in (*request.ins, *request.outs)):
        strides = strides[:-1]  # what makes tensors dense for kernels that need it cannot need it itself
    choices = [(s, given) for given in ([request.ins, narrow] if wide else [request.ins]) for s in strides]
    name = found.formerly or request.op.name
    for keep_strides, given_ins in choices:
        ins, outs = list(given_ins), request.outs
        if not keep_strides:
            ins = [None if g is None else dense(g.shape, g.dtype) for g in ins]
            outs = tuple([dense(g.shape, g.dtype) for g in outs])
        if found.when is not None:
            taken = _asked(request, found, "when", found.when, outs, tuple(ins), request.attributes)
            if not taken:
                refusal = taken if isinstance(taken, Refusal) else refusal
                continue
        plan: Any
        if found.form == ADDRESS:
            given = name, outs, tuple(ins), request.attributes
            made = _asked(request, found, "prepare", found.function, *given)
            if made is None or isinstance(made, Refusal):
                refusal = refusal if made is None else made
                continue
            if not isinstance(made, tuple) or len(made) != 2 or not is_address(made[0]):
                raise _unplanned(
                    request, found, f"prepare() returned {made!r}; it must return (address, params) or None"
                )
            plan = _native_plan(request, found, outs, ins, made)
        elif found.form == PREPARED:
            made = _asked(
                request,
                found,
                "prepare",
                found.function,
                request.device.index,
                name,
                outs,
                tuple(ins),
                request.attributes,
                _numbers(request),
            )
            if made is None or isinstance(made, Refusal):
                refusal = refusal if made is None else made
                continue
            if not isinstance(made, tuple) or len(made) != 2 or not callable(made[0]):
                raise _unplanned(
                    request, found, f"prepare() returned {made!r}; it must return (launch, scratch) or None"
                )
            launch, scratch = made
            if not isinstance(scratch, (tuple, list)) or not all(map(devices.whole, scratch)):
                raise _unplanned(
                    request, found, f"prepare() asked for scratch memory of {scratch!r}; give byte counts"
                )
            plan = PreparedPlan(
                request.device,
                outs,
                _kinds(request, ins)[0],
                _fixes(request, ins, rounds=True),
                launch,
                tuple(scratch),
                found.provider,
            )
        else:
            plan = PythonPlan(
                request.device,
                outs,
                tuple(ins),
                _kinds(request, ins)[0],
                _fixes(request, ins),
                found.function,
                request.attributes,
                request.dynamic,
                found.provider,
            )
        plan.function = request.entry.function
        if outs != request.outs and request.outs is not request.natural:
            return _through_temporary(plan)
        return plan
    return refusal


def _native_plan(
    request: Request, found: Kernel, outs: tuple[Layout, ...], ins: list[Any], made: Any
) -> NativePlan:
    address, params = made
    work = max([g.nbytes for g in (*outs, *ins) if g is not None], default=0)
    # a number is one element in memory: what is to be dense is a tensor of it
    filled = frozenset([k for k in _numbers(request) if ins[k].dense and ins[k].numel != 1])
    kinds, codes = _kinds(request, ins, filled)
    return NativePlan(
        request.op.name,
        request.device,
        outs,
        kinds,
        codes,
        _fixes(request, ins, filled),
        address_of(address),
        params,
        address,
        found.provider,
        work >= PARALLEL_BYTES,
    )


def _numbers(request: Request) -> frozenset[int]:
    """The inputs (by position among them) for which a number stands."""
    found, place = set(), 0
    for p, given in zip(request.op.parameters, request.given, strict=True):
        if p.is_tensor:
            if given is not None and not isinstance(given, (Layout, tuple)):
                found.add(place)
            place += len(given) if isinstance(given, tuple) else 1
    return frozenset(found)


def _kinds(request: Request, ins: list[Any], filled: frozenset[int] = frozenset()) -> tuple[bytes, bytes]:
    """What ``launch`` does with each argument, and the dtype code of numbers that stand for tensors; the
    inputs ``filled`` are tensors made of numbers.
    """
    kinds, codes = bytearray(), bytearray()
    place = 0
    for p, given in zip(request.op.parameters, request.given, strict=True):
        code = 0
        if p.kind == "Tensor[]":
            kind = Kind.LIST
            place += len(given)
        elif p.is_tensor:
            tensor = isinstance(given, Layout) or place in filled
            kind = Kind.NOTHING if given is None else Kind.TENSOR if tensor else Kind.NUMBER
            code = 0 if ins[place] is None else ins[place].dtype.code
            place += 1
        else:
            kind = KIND_OF.get(p.kind, Kind.ATTRIBUTE) if p.is_dynamic else Kind.ATTRIBUTE
            code = request.outs[0].code
        kinds.append(kind)
        codes.append(code)
    return bytes(kinds), bytes(codes)


def _fixes(
    request: Request, ins: list[Any], filled: frozenset[int] = frozenset(), rounds: bool = False
) -> tuple[Any, ...] | None:
    """For each argument, the cast, broadcast and dense copy that the kernel needs; None where nothing is to
    do. Numbers among the inputs ``filled`` become tensors; where the launch does not round them to halves
    (``rounds``), that is done here.
    """
    fixes: list[Any] = []
    place = 0
    for p, given in zip(request.op.parameters, request.given, strict=True):
        if not p.is_tensor:
            fixes.append(None)
        elif isinstance(given, tuple):
            wanted = ins[place : place + len(given)]
            place += len(given)
            each = [_fix(request, g, w) for g, w in zip(given, wanted, strict=True)]
            fixes.append(
                None
                if not any(each)
                else lambda items, each=each: tuple([t if f is None else f(t) for t, f in zip(items, each)])
            )
        else:
            fix: Any = None
            if isinstance(given, Layout):
                fix = _fix(request, given, ins[place])
            elif rounds and isinstance(given, (int, float)) and ins[place].dtype in HALVES:
                fix = partial(rounded, dtype=ins[place].dtype)
            if place in filled:
                fix = partial(_filled, request.device, ins[place])
            fixes.append(fix)
            place += 1
    return tuple(fixes) if any(f is not None for f in fixes) else None


def _fix(request: Request, given: Layout, wanted: Layout) -> Callable[[Any], Any] | None:
    """What turns a tensor of layout ``given`` into what a kernel sees as ``wanted``.

    Expanding is the kernel's business (strides of 0 over the same memory) unless it wants its inputs dense.
    """
    cast = given.dtype is not wanted.dtype
    shape = tuple(wanted.shape)
    copy = wanted.dense and not (given.dense and tuple(given.shape) == shape)
    if wanted.dense and given.numel == wanted.numel and given.dense:
        copy = False
    if not cast and not copy:
        return None

    def fix(tensor: Any) -> Any:
        plain = view_of(tensor, tensor.layout, tensor.offset)
        if cast:
            plain = ops.F.cast(plain, wanted.dtype)
        if copy:
            plain = ops.F.copy(view_of(plain, expand(plain.layout, shape), plain.offset))
        return plain

    return fix


def _casting_back(request: Request, plan: Any) -> Any:
    """``out=`` of another dtype: compute in the op's own dtype, then cast into it."""
    return _through_temporary(plan) if request.cast_back else plan


def _through_temporary(plan: Any) -> Any:
    def run(args: tuple[Any, ...], outs: tuple[Any, ...]) -> Any:
        results = plan.run(args, None)
        for out, result in zip(outs, results if isinstance(results, tuple) else (results,), strict=True):
            copy_into(out, result)

    return CallablePlan(run, plan.path, plan.provider, "through a temporary")


def _filled(device: Device, wanted: Layout, value: Any) -> Any:
    return ops.F.fill(tuple(wanted.shape), value, wanted.dtype, device=device)


def _by_slices(request: Request, tried: list[str]) -> Any:
    """A copy that no kernel takes as a whole, as of more dimensions than one has loops: along the shortest
    dimension, slice by slice, each with one dimension less.
    """
    shape = tuple(request.outs[0].shape)
    if request.op.role != "copy" or len(shape) < 2:
        return None
    named = kernels.candidates(request.device.type, "copy")
    found = [k for k in named if kernels.takes(k, request.dtype) and (k.absent is None or not k.absent())]
    if not found:  # no slice would be copied either
        return None
    dim = min(range(len(shape)), key=lambda d: shape[d])

    def piece(tensor: Any, place: int) -> Any:
        layout = tensor.layout
        rest = [(n, s) for d, (n, s) in enumerate(zip(shape, layout.strides, strict=True)) if d != dim]
        slice_of = strided([n for n, _ in rest], [s for _, s in rest], layout.dtype)
        return view_of(tensor, slice_of, tensor.offset + place * layout.strides[dim])

    def run(args: tuple[Any, ...], outs: Any) -> Any:
        result = empty(dense(shape, request.outs[0].dtype), request.device) if outs is None else outs[0]
        for place in range(shape[dim]):
            ops.F.copy.write_into((piece(args[0], place),), (piece(result, place),))
        return result if outs is None else outs

    return CallablePlan(run, "native", found[0].provider, "; ".join([*tried, "slice by slice"]))


# -- decomposition and host
# -----------------------------------------------------------------------------------------


def _decomposed(request: Request, tried: list[str]) -> Any:
    op, function, consumed = request.op, request.entry.function, request.entry.consumed
    if op.decompose is None:
        tried.append("decomposition: the op is primitive, it has none")
        return None
    decompose = op.decompose
    count = len(op.outputs)

    def run(args: tuple[Any, ...], outs: Any) -> Any:
        args = request.converted(normalize_attributes(op, args))
        if consumed:
            with without_layers(consumed):
                results = decompose(*args)
        else:
            results = decompose(*args)
        if results is NotImplemented:  # not for these arguments
            steps = [*tried, "decomposition: refused these arguments"]
            host = _on_host(request, steps)
            if host is None:
                raise MissingKernelError(_missing(request, steps))
            key = (request.device.type, host.path, host.provider)
            function.counts[key] = function.counts.get(key, 0) + 1
            return host.run(args, outs)
        results = results if isinstance(results, (tuple, list)) else (results,)
        if outs is not None:
            for out, result in zip(outs, results, strict=True):
                copy_into(out, result)
            return outs
        own = {id(t.storage) for t in _tensors(args)}
        fresh = tuple(
            [
                ops.F.copy(view_of(r, r.layout, r.offset))
                if id(r.storage) in own
                else view_of(r, r.layout, r.offset)
                for r in results
            ]
        )
        return fresh[0] if count == 1 else fresh

    return CallablePlan(run, "decomposed", "core", "; ".join(tried))


def _on_host(request: Request, tried: list[str]) -> Any:
    policy = devices.host_policy(context())
    if request.device.type == devices.HOST_TYPE:
        return None
    if policy == "error":
        tried.append("host: not allowed by the policy 'error'")
        return None
    if request.op.role == "copy":  # views are made dense and results written by it
        tried.append("host: tensors come there and back by this op, which every device must have")
        return None
    function, device = request.entry.function, request.device
    if policy == "warn":
        warnings.warn(
            f"{function.name}() has no kernel on {device} for {request.dtype.name} and runs on the host; "
            "tensorplug.devices.report() counts such calls",
            stacklevel=4,
        )

    steps = list(tried)

    def run(args: tuple[Any, ...], outs: Any) -> Any:
        if devices.host_policy(context()) == "error":  # the plan was made where the host was allowed
            raise MissingKernelError(_missing(request, [*steps, "host: not allowed by the policy 'error'"]))
        host = devices.host_device()
        with without_layers(LAYER_MASK):
            moved = tuple([host if isinstance(a, Device) else _move(_plain(a), host) for a in args])
            results = function.call(moved)
            results = results if isinstance(results, tuple) else (results,)
            back = tuple([transfer(r, device) for r in results])
        if outs is not None:
            for out, result in zip(outs, back, strict=True):
                copy_into(out, result)
            return outs
        return back[0] if len(back) == 1 else back

    return CallablePlan(run, "host", "cpu", "; ".join(tried))


def _plain(arg: Any) -> Any:
    if isinstance(arg, TensorBase):
        return view_of(arg, arg.layout, arg.offset)
    return tuple([_plain(a) for a in arg]) if isinstance(arg, tuple) else arg


def _missing(request: Request, tried: list[str]) -> str:
    op, device = request.op, request.device
    given = [
        f"{g.dtype.name}{list(g.shape)}" if isinstance(g, Layout) else repr(g)
        for p, g in zip(op.parameters, request.given, strict=True)
        if p.is_tensor
    ]
    operands = ", ".join(given) or "no tensors"
    results = sorted({g.dtype.name for g in request.natural})
    if results != sorted({g.dtype.name for g in request.given if isinstance(g, Layout)}):
        operands += f" → {', '.join(results)}"  # a cast, a creation
    plugin = device.plugin
    who = f"{plugin.distribution} {plugin.version}" if plugin is not None else "no plugin"
    native = sorted({d.name for k in kernels.candidates(device.type, op.name) for d in (k.dtypes or ())})
    return (
        f"{op.name}() cannot run on {device} ({who}) for {operands}; native for it there: "
        f"{', '.join(native) or 'nothing'}; tried: {'; '.join(tried)}. Convert or move the operands, "
        "register a kernel, or allow the host with tensorplug.devices.set_host_policy('allow')"
    )
