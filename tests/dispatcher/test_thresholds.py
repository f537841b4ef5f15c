"""Thresholds of kernels are data: checked at the door, and samples lie on both sides of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import prod
from typing import Any

import pytest

from tensorplug_dispatcher import Threshold, kernels
from tensorplug_dispatcher.errors import PluginError
from tensorplug_dispatcher.op import Input, Sample
from tensorplug_dispatcher.ops import OPS
from tensorplug_dispatcher.thresholds import MEASURES, STANDARD, problem, samples

SIZED = replace(OPS["sum"], sizes={"line": lambda n: [Sample((Input((2, n)), 1))]})


def test_samples_lie_on_both_sides_of_a_threshold() -> None:
    found = [name for name, _, _ in samples(SIZED, [Threshold("line", 256, "second pass")])]
    assert found == ["line-255", "line-256", "line-257"]


def test_a_block_has_samples_with_and_without_a_tail() -> None:
    found = [
        item.args[0].shape for _, item, _ in samples(SIZED, [Threshold("line", 8, "vector", every=True)])
    ]
    assert found == [(2, 7), (2, 8), (2, 9), (2, 17)]


def test_two_thresholds_at_one_size_are_one_sample_with_the_dtypes_of_both() -> None:
    at = [Threshold("line", 8, "a", dtypes=("float32",)), Threshold("line", 9, "b", dtypes=("int8",))]
    found = {name: names for name, _, names in samples(SIZED, at)}
    assert found["line-8"] == ("float32", "int8") and found["line-7"] == ("float32",)


def test_no_size_below_one() -> None:
    assert [name for name, _, _ in samples(SIZED, [Threshold("line", 1, "one")])] == ["line-1", "line-2"]


@pytest.mark.parametrize(
    "threshold, text",
    [
        (Threshold("lime", 3, ""), "sum has no measure 'lime'; it has line (Op.sizes)"),
        (Threshold("line", 0, ""), "a threshold of line at 0 is below the smallest size, 1"),
        ("line", "'line' is no Threshold"),
    ],
)
def test_what_cannot_be_asked_is_refused(threshold: Threshold, text: str) -> None:
    assert problem(SIZED, [threshold]) == text


def test_a_kernel_with_a_threshold_that_its_op_cannot_be_asked_for_is_refused() -> None:
    wrong = kernels.kernel("sum", thresholds=[Threshold("lime", 3, "")])(lambda outs, ins, attrs: None)
    with pytest.raises(PluginError, match="kernel for 'sum': sum has no measure 'lime'"):
        kernels.register("nowhere", [wrong], "test")
    assert kernels.candidates("nowhere", "sum") == []


def test_every_measure_of_the_table_is_known() -> None:
    used = {measure for op in OPS.values() for measure in op.sizes or ()}
    assert used <= set(MEASURES)


# computing ops that have no size of their own, each with the reason
WITHOUT_SIZES: dict[str, str] = {}


def test_every_computing_op_says_how_large_calls_are_made() -> None:
    without = {name for name, op in OPS.items() if not op.sizes and not op.is_view}
    assert without == set(WITHOUT_SIZES)


def test_every_measure_has_sizes_that_are_always_asked() -> None:
    """A measure without any is asked for thresholds alone."""
    assert set(STANDARD) == set(MEASURES) - {"work"}


def largest(args: Iterable[Any]) -> int:
    """The most elements of an input, in arguments of a sample."""
    return max(
        (largest(a) if isinstance(a, list) else prod(a.shape) if isinstance(a, Input) else 0 for a in args),
        default=0,
    )


@pytest.mark.parametrize("name", [n for n, op in OPS.items() if op.sizes])
def test_samples_of_a_size_have_it_and_stay_small(name: str) -> None:
    op = OPS[name]
    assert op.sizes is not None
    for measure, make in op.sizes.items():
        for n in (1, 2, 9, 37):
            found = list(make(n))
            assert found, f"{measure} {n}"
            sizes = {size for item in found for size in numbers_in(item.args)}
            near = {n, n + 1, n - 1, (n + 1) // 2, n + 3}
            assert measure in ("elements", "work", "pixels") or near & sizes, f"{measure} {n}: {found}"
        for n in STANDARD.get(measure, (2**18,)):
            for item in make(n):
                assert largest(item.args) <= 3_000_000, f"{measure} {n}: {item}"


def numbers_in(args: Iterable[Any]) -> Iterator[int]:
    """All sizes in arguments: of inputs, of attributes, of lists of inputs."""
    for arg in args:
        if isinstance(arg, Input):
            yield from arg.shape
        elif isinstance(arg, (list, tuple)):
            yield len(arg)
            yield from numbers_in(arg)
        elif isinstance(arg, int):
            yield arg
