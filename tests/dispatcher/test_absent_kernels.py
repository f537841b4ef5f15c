"""Kernels whose library is not there: passed over, with the reason in every explanation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import tensorplug as tp
from tensorplug_dispatcher import kernels
from tensorplug_dispatcher.dtypes import float32, float64
from tensorplug_dispatcher.errors import MissingKernelError

REASON = "acme cannot be loaded; pip install acme"


def refuse(*arguments: Any) -> Any:
    raise AssertionError("a kernel that is absent was asked")


@pytest.fixture
def absent(minimal: str) -> Iterator[list[str]]:
    """A provider of ``add`` and ``iota`` on ``minimal``, before its own; the reason may be changed."""
    reason = [REASON]
    tp.device(minimal)
    made = kernels.prepared_kernels(
        dict.fromkeys(("add", "iota"), refuse),
        provider="acme",
        priority=50,
        dtypes={float32},
        absent=lambda: reason[0],
    )
    kernels.register(minimal, made, "acme")
    yield reason
    kernels.unregister(minimal, "acme")


def test_the_next_one_serves(absent: list[str]) -> None:
    x = tp.ones(3, device="minimal:0")
    assert (x + x).tolist() == [2, 2, 2]
    text = tp.devices.explain("add", "minimal:0", "float32")
    assert (
        "provider 'acme' priority 50 layout strided dtypes float32 (compiled for its layouts) - "
        f"absent: {REASON}" in text
    )
    assert not text.endswith("provider 'acme'")


def test_the_error_of_an_op_without_another_says_why(absent: list[str]) -> None:
    with pytest.raises(MissingKernelError) as caught:
        tp.arange(3, dtype=tp.float32, device="minimal:0")
    assert f"tried: kernel of provider 'acme': {REASON}; " in str(caught.value)
    with pytest.raises(MissingKernelError, match="kernel of provider 'acme': does not take float64"):
        tp.arange(3, dtype=tp.float64, device="minimal:0")


def test_it_is_asked_once_it_is_there(absent: list[str]) -> None:
    absent[0] = ""
    with pytest.raises(Exception, match="a kernel that is absent was asked"):
        x = tp.ones(5, 7, device="minimal:0")
        _ = x + x
    assert tp.devices.explain("add", "minimal:0", "float32").endswith("native: provider 'acme'")
    assert not tp.devices.explain("add", "minimal:0", float64).endswith("provider 'acme'")


def test_a_device_that_cannot_copy_says_so_and_does_not_ask_the_host_for_ever(minimal: str) -> None:
    """The host is reached by copies: without the kernel, views and written results have no way there."""
    x = tp.arange(6.0).to(minimal)
    source = kernels.candidates(minimal, "copy")[0].source
    every = [k for (kind, _), found in kernels._registry.items() if kind == minimal for k in found]
    kernels.exchange(minimal, [k for k in every if k.op != "copy"], source)
    try:
        with tp.devices.host_fallback("allow"):
            assert x.cpu().tolist() == [0, 1, 2, 3, 4, 5]
            for call in (
                lambda: x[1:3].cpu(),
                lambda: x[::2].sin(),
                lambda: x.clone(),
                lambda: x.copy_(x + 1),
            ):
                with pytest.raises(
                    MissingKernelError, match=r"copy\(\) cannot run on minimal:0 .*every device must"
                ):
                    call()
    finally:
        kernels.exchange(minimal, every, source)
    assert x[1:3].tolist() == [1, 2]
