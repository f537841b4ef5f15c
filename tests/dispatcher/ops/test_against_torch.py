"""Every op of the table against PyTorch: values, dtypes, shapes, strides of views, errors,
first and second derivatives.

All of it is derived from the table's samples. Values are compared with PyTorch's in float64, computed from
inputs that were rounded to the dtype under test, within the op's tolerance class.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tolerances  # noqa: E402
from op_samples import (  # noqa: E402
    DTYPES_OF,
    dtypes_for,
    to_tensorplug,
    to_torch,
    torch_args,
    torch_dtype,
)
from torch_references import reference  # noqa: E402

from tensorplug_dispatcher import dtypes, errors  # noqa: E402
from tensorplug_dispatcher.devices import registry as devices  # noqa: E402
from tensorplug_dispatcher.op import Op, Sample  # noqa: E402
from tensorplug_dispatcher.ops import OPS, F  # noqa: E402
from tensorplug_dispatcher.signatures import normalize_attributes  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.*degrees of freedom is <= 0")

NAMES = [name for name, op in OPS.items() if op.family != "optimizer"]


def samples_of(op: Op) -> list[Sample]:
    return list(op.samples()) if op.samples is not None else []


def cases() -> Iterator[Any]:
    for name in NAMES:
        op = OPS[name]
        found = sorted({d.code for s in samples_of(op) for d in dtypes_for(op, s.args)})
        for code in found:
            yield pytest.param(name, dtypes.ALL[code], id=f"{name}-{dtypes.ALL[code].name}")


def report(op: Op, problems: list[str]) -> None:
    if problems:
        pytest.fail(f"{op.schema}\n" + "\n".join(problems), pytrace=False)


def as_list(result: Any) -> list[Any]:
    return list(result) if isinstance(result, (tuple, list)) else [result]


def invoke(name: str, args: Iterable[Any]) -> Any:
    """Call an op with arguments in the schema's order, those that must be named by their names."""
    positional, named = [], {}
    for parameter, arg in zip(OPS[name].parameters, args):
        if parameter.keyword_only:
            named[parameter.name] = arg
        else:
            positional.append(arg)
    return getattr(F, name)(*positional, **named)


def in_float64(args: Iterable[Any]) -> list[Any]:
    return [
        in_float64(a)
        if isinstance(a, list)
        else a.double()
        if isinstance(a, torch.Tensor) and a.dtype.is_floating_point
        else a
        for a in args
    ]


def torch_ready(args: Iterable[Any]) -> list[Any]:
    return [torch_dtype(a) if isinstance(a, dtypes.DType) else a for a in args]


def tensors_in(args: Iterable[Any]) -> list[Any]:
    return [
        t
        for a in args
        for t in (tensors_in(a) if isinstance(a, list) else [a])
        if isinstance(t, torch.Tensor)
    ]


def expected(name: str, args: list[Any]) -> tuple[list[Any], list[Any]] | None:
    """PyTorch's results: in the arguments' own dtypes where it can (else empty), and computed in float64."""
    function = reference(name)
    if function is None:
        return None
    try:
        own = as_list(function(*torch_ready(args)))
    except (RuntimeError, NotImplementedError) as error:
        if (
            "not implemented for" not in str(error)
            and "expected scalar type" not in str(error)
            and "must have the same dtype" not in str(error)
        ):
            raise
        own = []
    floating = any(t.dtype.is_floating_point for t in tensors_in(args))
    wide = as_list(function(*torch_ready(in_float64(args)))) if floating and name != "view_dtype" else own
    return own, wide


def differences(op: Op, got: Any, own: Any, wide: Any, args: list[Any], strides: bool) -> str:
    """What is wrong with one result, or nothing."""
    if got.shape != wide.shape:
        return f"shape {list(got.shape)}, PyTorch {list(wide.shape)}"
    if own is not None and got.dtype != own.dtype:
        floats = {t.dtype for t in tensors_in(args)}
        if not (op.family == "normalization" and floats & {torch.float16, torch.bfloat16}):
            return f"dtype {got.dtype}, PyTorch {own.dtype}"
    if strides and own is not None and own.numel() and got.stride() != own.stride():
        return f"strides {got.stride()}, PyTorch {own.stride()}"
    if not got.dtype.is_floating_point:
        want = wide.to(got.dtype)
        if op.tolerance == "step" and got.element_size() == 1 and got.dtype == wide.dtype:
            return (
                ""
                if (got.int() - want.int()).abs().le(1).all()
                else f"{got.flatten()[:8].tolist()}, PyTorch {want.flatten()[:8].tolist()}"
            )
        return (
            ""
            if torch.equal(got, want)
            else f"{got.flatten()[:8].tolist()}, PyTorch {want.flatten()[:8].tolist()}"
        )
    text = float_differences(op, got, wide.double(), args)
    if (
        text
        and own is not None
        and own.dtype == got.dtype
        and not float_differences(op, got, own.double(), args)
    ):
        return ""  # PyTorch rounds or overflows on the way just so
    return text


def float_differences(op: Op, got: Any, wide: Any, args: list[Any]) -> str:
    inputs = [
        t.detach().double().numpy() if t.dtype.is_floating_point else np.zeros(t.shape)
        for t in tensors_in(args)
    ]
    wanted = wide.detach().to(got.dtype).double().numpy()
    name = str(got.dtype).removeprefix("torch.")
    return tolerances.float_differences(op, name, got.double().numpy(), wanted, inputs)


def compare(name: str, dtype: dtypes.DType, call: Any, strides: bool) -> None:
    """Run ``call`` on all samples of an op under ``dtype`` and report every difference from PyTorch."""
    op = OPS[name]
    problems = []
    for number, item in enumerate(samples_of(op)):
        if dtype not in dtypes_for(op, item.args):
            continue
        args = torch_args(item.args, dtype, f"{name} {number}")
        where = f"sample {number} {item.args} {item.note}"
        refusal = None
        try:
            wanted = expected(name, args)
        except (RuntimeError, TypeError, ValueError, IndexError) as error:
            refusal = error
        try:
            results = [to_torch(t) for t in as_list(call([to_tensorplug(a) for a in args]))]
        except errors.TensorplugError as error:
            if refusal is None:
                problems.append(f"{where}: {type(error).__name__}: {error}; PyTorch takes it")
            continue
        if refusal is not None:
            problems.append(f"{where}: nothing was raised; PyTorch: {type(refusal).__name__}: {refusal}")
            continue
        if wanted is None or not wanted[1]:
            continue
        own, wide = wanted
        if len(results) > len(wide):
            problems.append(f"{where}: {len(results)} results, PyTorch {len(wide)}")
        for i, got in enumerate(results):
            text = differences(op, got, own[i] if own else None, wide[i], args, strides)
            if text:
                problems.append(f"{where}: {op.outputs[i]}: {text}")
    report(op, problems)


@pytest.mark.parametrize(("name", "dtype"), list(cases()))
def test_values(name: str, dtype: dtypes.DType) -> None:
    op = OPS[name]
    compare(name, dtype, lambda args: invoke(name, args), strides=op.is_view or op.elementwise)


@pytest.mark.parametrize("name", [n for n in NAMES if OPS[n].decompose is not None])
@pytest.mark.parametrize("dtype", [dtypes.float64, dtypes.int64], ids=lambda d: d.name)
def test_decomposition(name: str, dtype: dtypes.DType) -> None:
    """The rewrite into other ops gives the same, whatever kernels there are."""
    op = OPS[name]

    def call(args: list[Any]) -> Any:
        results = invoke(name, args)  # raises what the op raises
        function = getattr(F, name)
        named = {p.name: a for p, a in zip(op.parameters, args)}
        bound = normalize_attributes(op, function.bind((), named))
        rewritten = op.decompose(*bound)
        return results if rewritten is NotImplemented else rewritten

    compare(name, dtype, call, strides=False)


@pytest.mark.parametrize("name", [n for n in NAMES if OPS[n].errors is not None])
def test_errors(name: str) -> None:
    """What the table says must raise does, with its type and text."""
    op = OPS[name]
    problems = []
    dtype = dtypes.float32 if dtypes.float32 in DTYPES_OF[op.dtypes] else dtypes.int64
    for number, case in enumerate(op.errors()):
        args = torch_args(case.args, dtype, f"{name} error {number}")
        try:
            invoke(name, [to_tensorplug(a) for a in args])
        except getattr(errors, case.error) as error:
            if case.match not in str(error):
                problems.append(f"{case.args}: {error} does not say {case.match!r}")
        except Exception as error:
            problems.append(f"{case.args}: {type(error).__name__}: {error}, not {case.error}")
        else:
            problems.append(f"{case.args}: nothing was raised")
    report(op, problems)


# -- derivatives ---------------------------------------------------------------------------------------------


def differentiable(name: str) -> bool:
    op = OPS[name]
    return (
        op.vjp != {}
        and (op.vjp is not None or op.decompose is not None)
        and reference(name) is not None
        and op.promotion != "bool"
        and name != "detach"
        and name not in STATISTICS
    )


def cotangents(results: list[Any], seed: int) -> list[Any]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(r.shape, generator=generator, dtype=torch.float64) + 0.5 for r in results]


def torch_gradients(function: Any, args: list[Any], constant: set[int]) -> tuple[list[Any], list[Any]] | None:
    """First derivatives, and derivatives of their product with fixed numbers;
    None where nothing is differentiable.
    """

    def leaf(a: Any) -> Any:
        if isinstance(a, list):
            return [leaf(x) for x in a]
        if isinstance(a, torch.Tensor) and a.dtype.is_floating_point:
            return a.detach().clone(memory_format=torch.preserve_format).requires_grad_()
        return a

    leaves = [a if i in constant else leaf(a) for i, a in enumerate(args)]
    wanted = [t for t in tensors_in(leaves) if t.requires_grad]
    results = [r for r in as_list(function(*torch_ready(leaves))) if r.requires_grad]
    if not wanted or not results:
        return None
    first = torch.autograd.grad(results, wanted, cotangents(results, 1), create_graph=True, allow_unused=True)
    first = [torch.zeros_like(t) if g is None else g for g, t in zip(first, wanted, strict=True)]
    again = [g for g in first if g.requires_grad]
    if not again:
        return [g.detach() for g in first], [torch.zeros_like(t) for t in wanted]
    second = torch.autograd.grad(again, wanted, cotangents(again, 2), allow_unused=True)
    return [g.detach() for g in first], [
        torch.zeros_like(t) if g is None else g for g, t in zip(second, wanted)
    ]


def own_gradients(
    name: str, args: list[Any], outputs: int, constant: set[int]
) -> tuple[list[Any], list[Any]]:
    from tensorplug_layers.autograd import grad

    given = [to_tensorplug(a, requires_grad=i not in constant) for i, a in enumerate(args)]
    wanted = [
        t for a in given for t in (a if isinstance(a, list) else [a]) if getattr(t, "requires_grad", False)
    ]
    results = [r for r in as_list(invoke(name, given)) if r.requires_grad][:outputs]
    first = grad(
        results,
        wanted,
        [to_tensorplug(c) for c in cotangents([to_torch(r) for r in results], 1)],
        create_graph=True,
        allow_unused=True,
    )
    first = [F.mul(t, 0.0) if g is None else g for g, t in zip(first, wanted, strict=True)]
    values = [to_torch(g) for g in first]
    again = [g for g in first if g.requires_grad]
    if not again:
        return values, [torch.zeros(tuple(t.shape), dtype=torch.float64) for t in wanted]
    second = grad(
        again,
        wanted,
        [to_tensorplug(c) for c in cotangents([to_torch(g) for g in again], 2)],
        allow_unused=True,
    )
    return values, [
        torch.zeros(tuple(t.shape), dtype=torch.float64) if g is None else to_torch(g)
        for g, t in zip(second, wanted, strict=True)
    ]


# outputs that PyTorch's counterpart does not differentiate
DIFFERENTIABLE_OUTPUTS = {"layer_norm": 1, "batch_norm_train": 1, "nll_loss_forward": 1}
# parameters that PyTorch does not differentiate by
CONSTANTS = {
    "nll_loss_forward": {"weight"},
    "nll_loss_backward": {"weight"},
    "batch_norm_eval": {"mean", "variance"},
    "fake_quantize": {"scale"},
    "weight_only_linear": {"scale"},
    "quantized_linear": {"input_scale", "weight_scale", "output_scale"},
    "quantized_conv2d": {"input_scale", "weight_scale", "output_scale"},
}
# their statistics are taken as functions of the input, which the samples' are not: the second derivatives of
# layer_norm and batch_norm_train test them
STATISTICS = {"layer_norm_backward", "batch_norm_backward"}
PYTORCH_CANNOT = (
    *("not implemented", "derivative for", "invalid gradient at index", "is ambiguous"),
    # of 2.13.0, with a bias and without a weight: second derivatives of layer_norm and batch_norm, any of
    # group_norm
    *("Expected a proper Tensor but got None", "tensor does not have a device", "shape '[0]' is invalid"),
)


@pytest.mark.parametrize("name", [n for n in NAMES if differentiable(n)])
def test_gradients(name: str) -> None:
    """First and second derivatives in float64."""
    op = OPS[name]
    problems = []
    function = reference(name)
    outputs = DIFFERENTIABLE_OUTPUTS.get(name, len(op.outputs))
    constant = {i for i, p in enumerate(op.parameters) if p.name in CONSTANTS.get(name, ())}
    for number, item in enumerate(samples_of(op)):
        if dtypes.float64 not in dtypes_for(op, item.args):
            continue
        args = in_float64(torch_args(item.args, dtypes.float64, f"{name} {number}"))
        where = f"sample {number} {item.args} {item.note}"
        try:
            wanted = torch_gradients(lambda *a: as_list(function(*a))[:outputs], args, constant)
        except (RuntimeError, NotImplementedError) as error:
            if any(text in str(error) for text in PYTORCH_CANNOT):
                continue
            raise
        if wanted is None:
            continue
        got = own_gradients(name, args, outputs, constant)
        for order, (mine, theirs) in enumerate(zip(got, wanted, strict=True), start=1):
            for place, (a, b) in enumerate(zip(mine, theirs, strict=True)):
                if a.shape != b.shape:
                    problems.append(
                        f"{where}: derivative {order} of tensor {place}: shape {list(a.shape)}, PyTorch "
                        f"{list(b.shape)}"
                    )
                    continue
                if order == 2:  # PyTorch's is NaN at some kinks, like the norm of zeros
                    a = torch.where(b.isnan(), b, a)
                if not torch.allclose(a, b, rtol=1e-9, atol=1e-10, equal_nan=True):
                    problems.append(
                        f"{where}: derivative {order} of tensor {place}: {a.flatten()[:6].tolist()}, PyTorch "
                        f"{b.flatten()[:6].tolist()}"
                    )
    report(op, problems)


# -- the table itself ----------------------------------------------------------------------------------------


def test_every_op_has_a_reference() -> None:
    """Ops without one in PyTorch are named as such in torch_references.py."""
    from torch_references import REFERENCES

    assert [n for n in NAMES if reference(n) is None and n not in REFERENCES] == []


def test_devices_are_there() -> None:
    assert devices.host_device().type == "cpu"
