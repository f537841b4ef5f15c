"""Every op of the table at working sizes: the standard ones, and both sides of all that a kernel declares.

The conformance kit's specification (NumPy, in float64) is the reference of all ops; PyTorch in float64 is a
second one, since what is decomposed shares its expression with the kit's reference.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("ml_dtypes")

import tensorplug as tp
from tensorplug_conformance import tolerance
from tensorplug_conformance.case import FAIL
from tensorplug_conformance.suites import sizes
from tensorplug_conformance.worker import attempt
from tensorplug_dispatcher import dtypes, kernels
from tensorplug_dispatcher.op import Op
from tensorplug_dispatcher.ops import OPS
from tensorplug_dispatcher.thresholds import STANDARD, Threshold, samples


def declared(op: Op) -> list[Threshold]:
    """The sizes at which the CPU's kernels for an op say that their path changes."""
    return [one for kernel in kernels.candidates("cpu", op.name) for one in kernel.thresholds]


NAMES = [name for name, op in OPS.items() if op.sizes]


@pytest.mark.parametrize("name", NAMES)
def test_cpu_against_the_specification(name: str) -> None:
    """In one dtype at every size, and in two more at one size each."""
    problems = []
    for case in sizes.of_op(OPS[name], declared(OPS[name]), "smoke"):
        result = attempt(case, "cpu:0")
        if result.status == FAIL:
            problems.append(f"{case.id}: {result.message}")
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


def test_what_the_kernels_of_the_cpu_declare_is_asked() -> None:
    asked = {case.id for case in sizes.of_op(OPS["matmul"], declared(OPS["matmul"]), "smoke")}
    assert {"S2/matmul/float32/inner-256", "S2/matmul/float32/inner-257"} <= asked
    tp.device("cpu")
    assert declared(OPS["sum"])


# -- PyTorch -------------------------------------------------------------------------------------------------

# where numbers tie, PyTorch leaves open which place it names, and the specification says which
NOT_TORCH = {"topk", "kthvalue", "choose_qparams", "to_device", "as_strided_backward", "unpack_int4"}


# lines and elements of any size; more pieces than a grid takes are left to the specification
MEDIUM = {
    measure: [n for n in sizes_ if n < 10_000 or measure in ("line", "elements")]
    for measure, sizes_ in STANDARD.items()
}


def in_torch(name: str) -> bool:
    """Elementwise ops are left to the specification: their expressions meet PyTorch's at small sizes."""
    return name not in NOT_TORCH and not OPS[name].elementwise and OPS[name].family != "random"


@pytest.mark.oracle
@pytest.mark.parametrize("name", [n for n in NAMES if in_torch(n)])
def test_cpu_against_torch(name: str) -> None:
    torch = pytest.importorskip("torch")
    from op_samples import DTYPES_OF, to_tensorplug, to_torch, torch_args
    from test_against_torch import as_list, expected, invoke, tensors_in
    from torch_references import reference

    op = OPS[name]
    if reference(name) is None:
        pytest.skip("PyTorch has no counterpart")
    dtype = dtypes.float32 if dtypes.float32 in DTYPES_OF[op.dtypes] else dtypes.int64
    problems = []
    for label, item, _ in samples(op, (), MEDIUM):
        args = torch_args(item.args, dtype, f"{name} {label}")
        wanted = expected(name, args)
        results = [to_torch(t) for t in as_list(invoke(name, [to_tensorplug(a) for a in args]))]
        inputs = [
            t.double().numpy() if t.dtype.is_floating_point else np.zeros(t.shape) for t in tensors_in(args)
        ]
        for output, got, exact in zip(op.outputs, results, wanted[1] if wanted else [], strict=False):
            text = difference(op, got, exact, inputs, torch, tolerance.line(op, args))
            if text:
                problems.append(f"{label} {item.args}: {output}: {text}")
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


def difference(op: Op, got: Any, exact: Any, inputs: list[Any], torch: Any, along: int) -> str:
    if got.shape != exact.shape:
        return f"shape {list(got.shape)}, PyTorch {list(exact.shape)}"
    if got.dtype.is_floating_point:
        kind = str(got.dtype).removeprefix("torch.")
        wide = got.double().numpy(), exact.detach().double().numpy()
        return tolerance.compared(op, kind, *wide, inputs, along=along).message
    exact = exact.to(got.dtype)
    step = 1 if op.tolerance == "step" and got.element_size() == 1 else 0
    wrong = ((got.long() - exact.long()).abs() > step).flatten().nonzero().flatten()
    if not wrong.numel():
        return ""
    at = int(wrong[0])
    return f"{wrong.numel()} differ, the first at {at}: {got.flatten()[at]}, PyTorch {exact.flatten()[at]}"
