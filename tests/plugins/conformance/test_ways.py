"""What counts as native: the device's own kernel, at most after a conversion of its arguments."""

from __future__ import annotations

import pytest

from tensorplug_conformance.suites.ops import way
from tensorplug_dispatcher.observation import Call


def native(op: str, *inner: Call, on: str = "d") -> Call:
    return Call(op, on, "native", list(inner))


def made_of(op: str, *inner: Call) -> Call:
    return Call(op, "d", "decomposed", list(inner))


VIEW = Call("permute", "d", "view")


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ([native("sum")], ("native", "")),
        ([VIEW], ("native", "")),
        ([], ("native", "")),
        ([native("cast"), native("sum", native("copy"))], ("native", "")),
        # arguments are converted, then the op runs itself
        ([made_of("sum", native("cast"), VIEW, native("sum"))], ("native", "")),
        ([made_of("sum", native("cast"), made_of("sum", native("mul")))], ("decomposed", "")),
        ([made_of("softmax", native("exp"), native("sum"))], ("decomposed", "")),
        ([made_of("gelu")], ("decomposed", "")),
        # another device has a part in it
        ([Call("sum", "d", "host", [native("sum", on="cpu")])], ("host", "")),
        ([made_of("mean", Call("sum", "d", "host"))], ("host", "")),
        ([made_of("sum", native("sum", on="cpu"))], ("host", "")),
        ([made_of("sum", native("cast"), made_of("sum", native("sum", on="cpu")))], ("host", "")),
        # what calls itself native and lets another work
        ([native("matmul", native("matmul", on="cpu"))], ("native", "matmul")),
        ([made_of("linear", native("matmul", native("add", on="cpu")))], ("decomposed", "add")),
        ([native("matmul", native("copy", on="cpu"), Call("view", "cpu", "view"))], ("native", "")),
    ],
)
def test_ways(calls: list[Call], expected: tuple[str, str]) -> None:
    assert way(calls, "d:0") == expected
