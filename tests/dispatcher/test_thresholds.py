"""Thresholds of kernels are data: checked at the door, and samples lie on both sides of each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tensorplug_dispatcher import Threshold, kernels
from tensorplug_dispatcher.errors import PluginError
from tensorplug_dispatcher.op import Input, Sample
from tensorplug_dispatcher.ops import OPS
from tensorplug_dispatcher.thresholds import MEASURES, problem, samples

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
