"""What a runtime or a kernel's own functions may return that cannot be: each is a typed error that names the
plugin, the method and the value, and the plugin's devices go on, or are not there.
"""

from __future__ import annotations

from typing import Any

import pytest

import tensorplug as tp
from tensorplug_dispatcher.errors import DeviceError, KernelError, PluginError


def test_devices_may_be_a_generator_and_have_gaps(plugin: Any) -> None:
    plugin.edit("return [DeviceInfo(i", "return (DeviceInfo(3 * i + 1")
    plugin.edit('"soft", 1 << 20) for i in range(COUNT)]', '"soft", 1 << 20) for i in range(COUNT))')
    assert [one.name for one in tp.devices.load(plugin.name)] == [f"{plugin.name}:1", f"{plugin.name}:4"]
    assert (tp.ones(2, device=f"{plugin.name}:4") + 1).tolist() == [2, 2]
    with pytest.raises(tp.UnknownDeviceError, match=f"plugin '{plugin.name}' offers: {plugin.name}:1, "):
        tp.device(f"{plugin.name}:0")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("None", "it returned None; it must return a list of DeviceInfo, an empty one where there is none"),
        ("7", "it returned 7; it must return a list of DeviceInfo"),
        ("['gpu']", "it returned 'gpu', which has index = "),
        ("[DeviceInfo(-1, 'x')]", "which has index = -1; give DeviceInfo(index, name, memory, details)"),
        ("[DeviceInfo('0', 'x')]", "which has index = '0'"),
        ("[DeviceInfo(True, 'x')]", "which has index = True"),
        ("[DeviceInfo(0, None)]", "which has name = None"),
        ("[DeviceInfo(0, 'x', None)]", "which has memory = None"),
        ("[DeviceInfo(0, 'x', -5)]", "which has memory = -5"),
        ("[DeviceInfo(0, 'x', 0, 3)]", "which has details = 3"),
        ("[DeviceInfo(2, 'x'), DeviceInfo(2, 'y')]", "it returned the index 2 twice, for "),
        ("(DeviceInfo(i, 'x') for i in __import__('itertools').count())", "more than 4096 devices, and may "),
        ("(1 // 0 for i in range(3))", "integer division or modulo by zero"),
    ],
)
def test_devices_that_cannot_be(plugin: Any, value: str, reason: str) -> None:
    plugin.edit('return [DeviceInfo(i, "soft", 1 << 20) for i in range(COUNT)]', f"return {value}")
    with pytest.raises(PluginError) as raised:
        tp.device(f"{plugin.name}:0")
    start = (
        f"device plugin {plugin.name!r} of acme-{plugin.name} 1.2 (entry point {plugin.module}) failed in "
    )
    assert str(raised.value).startswith(f"{start}devices(): ") and reason in str(raised.value)
    (record,) = tp.devices.list(load=True) and [r for r in tp.devices.list() if r.type == plugin.name]
    assert record.state == "broken" and reason in record.reason


@pytest.mark.parametrize(
    ("old", "new", "call", "reason"),
    [
        ("return Buffer(nbytes)", "return None", lambda name: tp.empty(3, device=name),
         "allocate(0, 64) on {name}:0 (plugin '{name}' of acme-{name} 1.2) returned None; it must return"),
        ("return Buffer(nbytes)", "b = Buffer(nbytes); b.ptr = 'here'; return b",
         lambda name: tp.empty(3, device=name), "whose address 'ptr' is 'here', not a number; it must"),
        ("return 1000, 1 << 20", "return 5", tp.devices.memory,
         "memory_info(0) on {name}:0 (plugin '{name}' of acme-{name} 1.2) returned 5; it must return"),
        ("return 1000, 1 << 20", "return -1, 10", tp.devices.memory, "returned (-1, 10); it must return"),
        ("return 1000, 1 << 20", "return None, 10", tp.devices.memory, "returned (None, 10); it must return"),
        ("return 1000, 1 << 20", "raise KeyError(index)", tp.devices.memory, "memory_info() failed on"),
        ("return 7", "return -7", tp.devices.empty_cache, "empty_cache(0) on {name}:0"),
        ("return 7", "return 'all'", tp.devices.empty_cache, "returned 'all'; it must return a number"),
    ],
)  # fmt: skip
def test_methods_that_return_what_cannot_be(plugin: Any, old: str, new: str, call: Any, reason: str) -> None:
    plugin.edit(old, new)
    tp.device(f"{plugin.name}:0")
    with pytest.raises(DeviceError) as raised:
        call(f"{plugin.name}:0")
    assert reason.format(name=plugin.name) in str(raised.value), str(raised.value)


def test_nothing_given_back_is_a_number_too(plugin: Any) -> None:
    plugin.edit("return 7", "return None")
    assert tp.devices.empty_cache(f"{plugin.name}:0") == 0


PREPARED = """
from tensorplug_dispatcher import prepared_kernels, Refusal
def prepare(index, op, outs, ins, attrs, numbers):
    {body}
def tensorplug_kernels():
    return [copy, cast, fill, *prepared_kernels({{"neg": prepare}}, provider="p")]
"""


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("return 5", "prepare() returned 5; it must return (launch, scratch) or None"),
        ("return 5, ()", "prepare() returned (5, ()); it must return (launch, scratch) or None"),
        ("return print, (-1,)", "prepare() asked for scratch memory of (-1,); give byte counts"),
        ("return print, None", "prepare() asked for scratch memory of None; give byte counts"),
        ("raise KeyError(op)", "prepare() failed: KeyError: 'neg'"),
    ],
)
def test_a_kernel_that_cannot_be_prepared(plugin: Any, body: str, reason: str) -> None:
    plugin.write(plugin.source + PREPARED.format(body=body))
    x = tp.ones(2, device=plugin.name)
    with pytest.raises(KernelError) as raised:
        tp.neg(x)
    assert str(raised.value) == (
        f"neg() cannot run on {plugin.name}:0 (plugin {plugin.name!r} of acme-{plugin.name} 1.2): in the "
        f"kernel of provider 'p', {reason}"
    )
    del x


# -- why a kernel does not take a call -----------------------------------------------------------------------

PREDICATE = """
from tensorplug_dispatcher import Refusal
def when(outs, ins, attrs):
    '''Rows of at most four elements.'''
    {body}
@kernel("neg", layout=STRIDED, provider="p", when=when)
def neg(outs, ins, attrs):
    outs[0][...] = -ins[0]
@kernel("cast", layout=STRIDED, provider="c", when=lambda outs, ins, attrs: outs[0].dtype.name != "int16")
def cast(outs, ins, attrs):
    outs[0][...] = ins[0].astype(outs[0].dtype)
@kernel("fill", layout=STRIDED, provider="f", when=lambda outs, ins, attrs: outs[0].dtype.name != "float64" or
        Refusal("the device has no float64"))
def fill(outs, ins, attrs):
    outs[0][...] = attrs["value"]
def tensorplug_kernels():
    return [copy, cast, fill, neg]
"""
REASON = 'return outs[0].numel <= 4 or Refusal(f"{outs[0].numel} elements are more than four")'


def test_a_predicate_says_why(plugin: Any) -> None:
    plugin.write(plugin.source + PREDICATE.format(body=REASON))
    assert tp.neg(tp.ones(4, device=plugin.name)).tolist() == [-1] * 4
    shown = tp.devices.explain("neg", plugin.name)
    assert "has a predicate: Rows of at most four elements\n" in shown
    with pytest.raises(tp.MissingKernelError) as raised:
        tp.neg(tp.ones(5, device=plugin.name))
    assert (
        "kernel of provider 'p': refused these layouts or attributes (5 elements are more than four); "
        in str(raised.value)
    )
    shown = tp.devices.explain("neg", plugin.name)
    assert " - refused the last such call: 5 elements are more than four\n" in shown


@pytest.mark.parametrize("body", ["return outs[0].numel <= 4", "return None", "return 0"])
def test_a_predicate_may_say_nothing(plugin: Any, body: str) -> None:
    plugin.write(plugin.source + PREDICATE.format(body=body))
    with pytest.raises(tp.MissingKernelError, match="'p': refused these layouts or attributes; "):
        tp.neg(tp.ones(5, device=plugin.name))
    assert "refused the last" not in tp.devices.explain("neg", plugin.name)


def test_a_text_is_true_as_it_was_in_the_first_plugin_api(plugin: Any) -> None:
    plugin.write(plugin.source + PREDICATE.format(body="return 'bilinear'"))
    assert tp.neg(tp.ones(5, device=plugin.name)).tolist() == [-1] * 5


def test_a_predicate_that_fails(plugin: Any) -> None:
    plugin.write(plugin.source + PREDICATE.format(body="return attrs['mode']"))
    x = tp.ones(5, device=plugin.name)
    with pytest.raises(
        KernelError, match=r"in the kernel of provider 'p', when\(\) failed: KeyError: 'mode'"
    ):
        tp.neg(x)
    del x


def test_the_dtype_that_is_missing_is_named(plugin: Any) -> None:
    plugin.write(plugin.source + PREDICATE.format(body="return True"))
    x = tp.ones(3, device=plugin.name)
    with pytest.raises(tp.MissingKernelError) as raised:
        x.to(tp.int16)
    assert str(raised.value).startswith(
        f"cast() cannot run on {plugin.name}:0 (acme-{plugin.name} 1.2) for float32[3] → int16; "
    )
    with pytest.raises(tp.MissingKernelError) as raised:
        tp.ones(2, 3, dtype=tp.float64, device=plugin.name)
    assert str(raised.value).startswith(
        f"fill() cannot run on {plugin.name}:0 (acme-{plugin.name} 1.2) for no tensors → float64; "
    )
    assert "'f': refused these layouts or attributes (the device has no float64)" in str(raised.value)
    del x
