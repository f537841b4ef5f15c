"""The mechanism: plans, resolution, providers, C addresses, layers, in-place and out=, the allocator,
threads.
"""

from __future__ import annotations

import ctypes
import math
import threading
import weakref
from typing import Any

import pytest

import tensorplug as tp
from tensorplug_dispatcher import (
    DENSE,
    STRIDED,
    Kernel,
    _pure,
    epoch,
    kernel,
    layers,
    native_kernels,
    operators,
    prepared_kernels,
)
from tensorplug_dispatcher.context import CONTEXT
from tensorplug_dispatcher.errors import PluginError
from tensorplug_dispatcher.ops import OPS, F


def test_a_repeated_call_makes_no_new_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorplug_dispatcher import resolve

    a = tp.ones(7, 3)
    assert F.add(a, a).tolist() == [[2.0] * 3] * 7
    F.mul(a[0], 2.0)
    monkeypatch.setattr(resolve, "_planned", lambda *_: pytest.fail("planned again"))
    for i in range(3):
        F.add(a, a)
        F.mul(a[i], 2.0 + i)
    again = F.add(a, a)
    monkeypatch.undo()
    assert again.tolist() == [[2.0] * 3] * 7


def test_a_plan_keeps_no_tensor_of_the_call_that_made_it() -> None:
    epoch.invalidate()
    for name, make in (
        ("cat", lambda: ((tp.ones(3, 7), tp.ones(2, 7)), 0)),  # decomposed
        ("add", lambda: (tp.ones(3, 7), tp.ones(7))),  # native
        ("add", lambda: (tp.ones(3, 7, dtype=tp.int64), tp.ones(7))),  # native, with a cast
    ):
        args = make()
        first = args[0][0] if name == "cat" else args[0]
        memory = weakref.ref(first)
        getattr(F, name)(*args)
        del args, first
        assert memory() is None, name


def test_the_shape_of_an_output_is_worked_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorplug_dispatcher import outputs

    a, out, small = tp.ones(6, 5), tp.zeros(6, 5), tp.zeros(0)
    for other in (1.0, a):
        tp.add(a, other, out=out)
    monkeypatch.setattr(outputs, "Request", lambda *_: pytest.fail("worked out again"))
    tp.add(a, 2.5, out=out)
    assert out.tolist() == [[3.5] * 5] * 6
    tp.add(a, a, out=out)
    assert out.tolist() == [[2.0] * 5] * 6
    monkeypatch.undo()
    tp.add(a, a, out=small)
    assert small.shape == (6, 5)


UPDATES = {
    "index_add": lambda x, index, rows: F.index_add.inplace(x, 0, index, rows),
    "index_copy": lambda x, index, rows: F.index_copy.inplace(x, 0, index, rows),
    "scatter": lambda x, index, rows: F.scatter.inplace(x, 0, index.view(2, 1), rows),
    "scatter_add": lambda x, index, rows: F.scatter_add.inplace(x, 0, index.view(2, 1), rows),
    "index_put": lambda x, index, rows: F.index_put.inplace(x, (index,), rows, False),
}


@pytest.mark.parametrize("dtype", [tp.float32, tp.bfloat16, tp.int8])
@pytest.mark.parametrize("name", UPDATES)
def test_updates_write_only_what_changes(name: str, dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorplug_dispatcher import entries

    index, rows = tp.tensor([2, 0]), tp.arange(8).to(dtype).view(2, 4)
    monkeypatch.setattr(entries, "copy_results", lambda *_: pytest.fail("through a temporary"))
    for x in (
        tp.ones(3, 4, dtype=dtype),
        tp.ones(4, 3, dtype=dtype).t(),
        tp.ones(3, 9, dtype=dtype)[:, 1::2],
    ):
        expected = UPDATES[name](x.clone(), index, rows).tolist()
        wanted = [[5, 6, 7, 8], [1, 1, 1, 1], [1, 2, 3, 4]] if "add" in name else [rows[1], [1] * 4, rows[0]]
        if not name.startswith("scatter"):
            assert expected == [list(map(float if dtype.is_floating_point else int, row)) for row in wanted]
        version, memory = x._version, x.data_ptr()
        assert UPDATES[name](x, index, rows) is x
        assert x.tolist() == expected and x.data_ptr() == memory and x._version == version + 1
    x = tp.ones(3, 4, dtype=dtype)
    with pytest.raises(tp.IndexRangeError):
        UPDATES[name](x, tp.tensor([0, 3]), rows)
    assert x.tolist() == tp.ones(3, 4, dtype=dtype).tolist()


def test_an_update_with_a_part_of_itself_goes_through_a_temporary() -> None:
    x = tp.arange(12.0).view(3, 4)
    x.index_copy_(0, tp.tensor([1, 2, 0]), x)
    assert x.tolist() == [[8, 9, 10, 11], [0, 1, 2, 3], [4, 5, 6, 7]]
    x.index_add_(0, tp.tensor([0, 0]), x[1:])
    assert x[0].tolist() == [12, 15, 18, 21]


def test_kernels_in_python_get_no_input_as_their_output(registry: Any) -> None:
    @kernel("index_add", provider="careless", priority=9)
    def index_add(outs: Any, ins: Any, attrs: Any) -> None:
        outs[0].fill_(0)
        outs[0].copy_(ins[0])
        for place, row in zip(ins[1].tolist(), ins[2], strict=True):
            outs[0][place].add_(row)

    registry.register("cpu", [index_add], "careless")
    x = tp.ones(3, 2)
    x.index_add_(0, tp.tensor([1, 1]), tp.ones(2, 2))
    assert x.tolist() == [[1, 1], [3, 3], [1, 1]]


def test_a_view_of_nothing_is_bound_from_the_start() -> None:
    """NumPy and others refuse an array of no elements that begins beyond its memory."""
    x = tp.ones(4, 3, device="mirror:0").as_strided((0, 2), (3, 1), 12)
    assert x.storage_offset() == 12
    assert tp.exp(x).shape == (0, 2)
    for count in (2, 9, 40):
        pieces = [tp.zeros(2, 0, 3, device="mirror:0")] * count
        assert tp.cat(pieces).shape == (2 * count, 0, 3)


FILLED = {  # an op with a number of its call → what makes that number, and no other, the result
    "masked_fill": lambda x, value: x.masked_fill(x == x, value),
    "constant_pad_nd": lambda x, value: tp.nn.functional.pad(x, (2, 0), value=value)[:2],
    "clamp": lambda x, value: x.clamp(min=value, max=value),
    "hardtanh": lambda x, value: tp.nn.functional.hardtanh(x, value, value),
    "full": lambda x, value: tp.full((2,), value, device=x.device),
    "where": lambda x, value: tp.where(x == x, value, 1.0),
}


@pytest.mark.parametrize(
    "device", ["cpu", "mirror:0", "reference:0", pytest.param("opencl:0", marks=pytest.mark.needs("opencl"))]
)
@pytest.mark.parametrize("name", FILLED)
def test_a_plan_for_zero_does_not_serve_minus_zero(name: str, device: str) -> None:
    x = tp.tensor([-1.0, -2.0]).to(device)
    for value in (0.0, -0.0, 0.0, -0.0, 2.0, -0.0):
        found = FILLED[name](x, value).tolist()
        assert [math.copysign(1.0, v) for v in found] == [math.copysign(1.0, value)] * 2, value


def test_one_nan_is_planned_as_another(monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorplug_dispatcher import resolve

    x, mask = tp.ones(3, 5), tp.ones(3, 5) > 0
    assert math.isnan(x.masked_fill(mask, float("nan")).sum().item())
    monkeypatch.setattr(resolve, "_planned", lambda *_: pytest.fail("planned again"))
    for _ in range(3):
        x.masked_fill(mask, float("nan"))


def test_rows_share_one_layout() -> None:
    a = tp.ones(5, 3)
    assert a[0].layout is a[4].layout and a[4].offset == 12


def test_priority_predicate_and_provider(registry: Any) -> None:
    ran: list[str] = []

    def provider(name: str) -> Any:
        def run(outs: Any, ins: Any, attrs: Any) -> None:
            ran.append(name)
            outs[0].zero_()

        return run

    big = Kernel(
        "neg",
        provider("big"),
        frozenset({tp.float64}),
        DENSE,
        "big",
        5,
        when=lambda outs, ins, attrs: outs[0].numel > 2,
    )
    registry.register("cpu", [big, Kernel("neg", provider("low"), None, STRIDED, "low", -1)], "test")
    F.neg(tp.ones(3, dtype=tp.float64))
    F.neg(tp.ones(2, dtype=tp.float64))
    F.neg(tp.ones(3))
    assert ran == ["big"]
    text = tp.devices.explain("neg", "cpu", "float64")
    assert text.index("provider 'big'") < text.index("provider 'native'") < text.index("provider 'low'")
    assert text.endswith("→ native: provider 'big'")


def test_a_kernel_may_be_a_c_address(registry: Any) -> None:
    prototype = ctypes.CFUNCTYPE(
        ctypes.c_int32, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_int64)
    )

    @prototype
    def forty_two(data: Any, params: Any) -> int:
        for i in range(params[0]):
            ctypes.c_float.from_address(data[0] + 4 * i).value = 42.0
        return 0

    address = ctypes.cast(forty_two, ctypes.c_void_p).value
    registry.register(
        "cpu",
        native_kernels(
            {"neg": lambda op, outs, ins, attrs: (address, (outs[0].numel,))}, provider="answer", priority=9
        ),
        "answer",
    )
    assert F.neg(tp.ones(3)).tolist() == [42, 42, 42]


def test_a_c_kernel_that_wants_dense_inputs_gets_numbers_as_tensors(registry: Any) -> None:
    """It walks over all elements: a pointer to the one number would be read past its end."""
    prototype = ctypes.CFUNCTYPE(
        ctypes.c_int32, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_int64)
    )

    @prototype
    def sub(data: Any, params: Any) -> int:
        out, a, b = [(ctypes.c_float * params[0]).from_address(data[k]) for k in range(3)]
        for i in range(params[0]):
            out[i] = a[i] - b[i]
        return 0

    address = ctypes.cast(sub, ctypes.c_void_p).value

    def prepare(op: str, outs: Any, ins: Any, attrs: Any) -> Any:
        assert all(g.dense for g in (*outs, *ins))
        return address, (outs[0].numel,)

    registry.register(
        "cpu", native_kernels({"sub": prepare}, provider="dense", priority=9, layout=DENSE), "dense"
    )
    x = tp.arange(6.0).reshape(2, 3)
    assert (x - 2).tolist() == [[-2, -1, 0], [1, 2, 3]]
    assert (1 - x.t()).tolist() == [[1, -2], [0, -3], [-1, -4]]
    assert (x - x[0]).tolist() == [[0, 0, 0], [3, 3, 3]] and (tp.ones(1) - 3).tolist() == [-2]


def test_a_kernel_may_be_prepared_for_its_layouts(registry: Any) -> None:
    """Prepared once, launched with handles, offsets and numbers; scratch comes from the core."""
    prepared: list[Any] = []
    launched: list[Any] = []

    def prepare(index: int, op: str, outs: Any, ins: Any, attrs: Any, numbers: Any) -> Any:
        prepared.append((index, op, tuple(outs[0].shape), [tuple(g.strides) for g in ins], numbers))

        def launch(operands: Any, offsets: Any, values: Any) -> None:
            launched.append((operands[2], offsets, values, len(operands)))
            ctypes.c_float.from_address(operands[0].ptr).value = 5.0

        return launch, (256, 100)

    registry.register("cpu", prepared_kernels({"add": prepare}, provider="compiler", priority=9), "compiler")
    x = tp.ones(4)
    for number in (1.5, 2.5):
        assert F.add(x[1:2], number).item() == 5.0
    assert prepared == [(0, "add", (1,), [(1,), (0,)], frozenset({1}))]
    assert launched == [(1.5, [0, 1, 0, 0, 0], [], 5), (2.5, [0, 1, 0, 0, 0], [], 5)]
    out = tp.zeros(1)
    assert F.add(x[1:2], x[2:3], out=out) is out and out.item() == 5.0
    assert prepared[-1][-1] == frozenset() and launched[-1][1] == [0, 1, 2, 0, 0]
    registry.register(
        "cpu", prepared_kernels({"neg": lambda *a: None}, provider="picky", priority=9), "picky"
    )
    assert F.neg(x).tolist() == [-1] * 4, "a prepare that gives None leaves the call to the next kernel"
    assert "compiled for its layouts" in tp.devices.explain("add", "cpu", "float32")


def test_dense_kernels_get_dense_copies(registry: Any) -> None:
    seen: list[Any] = []

    @kernel("mul", layout=DENSE, provider="dense", priority=9)
    def mul(outs: Any, ins: Any, attrs: Any) -> None:
        seen.extend((tuple(t.shape), t.layout.dense) for t in (*outs, *ins))
        outs[0].fill_(7)

    registry.register("cpu", [mul], "dense")
    out = F.mul(tp.ones(2, 3).t(), tp.ones(2))
    assert seen == [((3, 2), True)] * 3 and out.tolist() == [[7, 7]] * 3


def test_registering_nonsense_is_refused(registry: Any) -> None:
    with pytest.raises(PluginError) as caught:
        registry.register("cpu", [Kernel("no_such_op", lambda *a: None)], "test")
    assert str(caught.value) == (
        "the plugin of device type 'cpu' registered a kernel for 'no_such_op', which is no op of the table; "
        "see tensorplug_dispatcher.ops.OPS for the names"
    )


def test_a_third_party_layer_wraps_ops_in_rank_order() -> None:
    order: list[str] = []

    class Watch:
        def __init__(self, name: str, rank: int) -> None:
            self.name, self.rank = name, rank

        def wrap(self, function: Any, key: int, inner: Any) -> Any:
            if function.name != "mul":
                return None

            def around(args: Any, outs: Any) -> Any:
                order.append(self.name)
                return inner(args, outs)

            return around

    watches = [Watch("test-inner", 45), Watch("test-outer", 5)]
    for watch in watches:
        layers.register(watch)
    bits = layers.bit("test-inner") | layers.bit("test-outer")
    token = CONTEXT.set(CONTEXT.get().replace(included=bits))
    try:
        x = tp.ones(2, requires_grad=True)
        y = x * 3
        y = y + 1
    finally:
        CONTEXT.reset(token)
        for watch in watches:
            layers.unregister(watch.name)
    assert order == ["test-outer", "test-inner"]
    y.sum().backward()
    assert x.grad.tolist() == [3, 3]
    assert (x * 3).tolist() == [3, 3] and len(order) == 2


def test_inplace_and_out_write_through_views_and_raise_the_version() -> None:
    a = tp.zeros(2, 3)
    version = a._version
    a[:, 1].add_(tp.tensor([1.0, 2.0]))
    assert a.tolist() == [[0, 1, 0], [0, 2, 0]] and a._version == version + 1
    out = tp.empty(3, 2).t()
    tp.add(a, 1.0, out=out)
    assert out.tolist() == [[1, 2, 1], [1, 3, 1]]
    with pytest.warns(UserWarning, match="was resized"):
        tp.add(tp.ones(4), 1, out=out)
    assert out.shape == (4,)
    whole = tp.empty(2, dtype=tp.float64)
    tp.add(tp.ones(2), 1, out=whole)
    assert whole.tolist() == [2, 2] and whole.dtype is tp.float64


def test_numbers_do_not_make_plans() -> None:
    a = tp.ones(11)
    F.mul(a, 0.5)
    before = sum(len(entry.plan_list()) for entry in F.mul.bases.values())
    for i in range(50):
        F.mul(a, 0.5 + i)
    assert sum(len(entry.plan_list()) for entry in F.mul.bases.values()) == before


def test_cached_memory_is_used_again_and_can_be_returned() -> None:
    device = tp.ones(1).device
    tp.devices.empty_cache("cpu")
    a = tp.empty(12_345)
    pointer = a.data_ptr()
    del a
    assert tp.empty(12_345).data_ptr() == pointer
    assert device.cached >= 4 * 12_345
    assert tp.devices.empty_cache("cpu") >= 4 * 12_345 and device.cached == 0


def test_many_threads_share_the_caches() -> None:
    wrong: list[Any] = []

    def work(seed: int) -> None:
        for i in range(200):
            n = 1 + (seed * 7 + i) % 23
            found = (tp.ones(n) * float(seed) + i).sum().item()
            if found != n * (seed + i):
                wrong.append((seed, i, found))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_every_op_explains_itself_on_every_device() -> None:
    for name in OPS:
        for device in ("cpu", "mirror"):
            assert "→" in tp.devices.explain(name, device, "float32")


@pytest.mark.skipif(_pure.requested(), reason="uncompiled classes have no slots of their own")
def test_operators_are_c_functions_of_the_class_that_users_have() -> None:
    """However many Python classes lie between: else ``a + b`` looks ``__add__`` up by name."""

    def number_slots(cls: type) -> list[int]:
        as_number = ctypes.c_void_p.from_address(id(cls) + 12 * ctypes.sizeof(ctypes.c_void_p)).value
        assert as_number is not None
        return list((ctypes.c_size_t * 8).from_address(as_number))

    assert number_slots(tp.Tensor) == number_slots(operators.TensorOps)
