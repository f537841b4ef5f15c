"""The op table is complete and consistent: what is forgotten in a record fails here, by introspection."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

pytest.importorskip("torch")

from op_samples import dtypes_for, to_tensorplug, torch_args

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.errors import PluginError
from tensorplug_dispatcher.layout import Layout
from tensorplug_dispatcher.op import POLICIES, Op
from tensorplug_dispatcher.ops import OPS, F, add
from tensorplug_dispatcher.signatures import normalize_attributes

KINDS = {
    *("Tensor", "Tensor?", "Tensor[]", "int", "int?", "int[]", "int[]?", "float", "float?", "bool", "str"),
    *("Scalar", "Scalar?", "dtype", "dtype?", "device", "device?", "dim", "dim?", "dims", "any"),
    *("float!", "int!", "Scalar!"),
}
PRIMITIVE = {
    *("copy", "cast", "fill", "to_device", "iota", "gather", "amax", "matmul", "random_bits"),
}  # what no other op can make


def layout_of(arg: Any) -> Any:
    """An argument as infer takes it."""
    return tuple(map(layout_of, arg)) if isinstance(arg, tuple) else getattr(arg, "layout", arg)


@pytest.mark.parametrize("name", OPS)
def test_record(name: str) -> None:
    op = OPS[name]
    assert op.name == name and op.doc and op.family
    assert 0 <= op.tier <= 4
    assert all(p.kind in KINDS for p in op.parameters), op.schema
    assert op.promotion in ("none", "promote", "float", "bool")
    assert op.autocast in POLICIES
    assert op.samples is not None and list(op.samples())
    if not op.elementwise:
        assert op.is_view or op.infer or op.decompose, "something says what the result looks like"
        assert not (op.is_view and op.infer), "a view's layout is its view column's"
    if op.tier == 4 or op.tier == 3:
        assert op.decompose is not None or op.expr is not None, "what is not primitive is made of other ops"


@pytest.mark.parametrize("name", [n for n in OPS if OPS[n].vjp is not None])
def test_derivative_asks_only_for_what_there_is(name: str) -> None:
    op = OPS[name]
    tensors = {p.name for p in op.parameters if p.is_tensor}
    known = {"grad", "needs", *(p.name for p in op.parameters), *op.outputs}
    known |= {f"grad_{n}" for n in op.outputs} | {f"{n}_layout" for n in (*tensors, *op.outputs)}
    formulas = [op.vjp] if callable(op.vjp) else list(op.vjp.values())
    if not callable(op.vjp):
        assert set(op.vjp) <= tensors
    for formula in formulas:
        parameters = inspect.signature(formula).parameters.values()
        assert {p.name for p in parameters if p.kind is not p.VAR_POSITIONAL} <= known
        assert all(p.name == "attributes" for p in parameters if p.kind is p.VAR_POSITIONAL)


@pytest.mark.parametrize("name", [n for n in OPS if not OPS[n].elementwise and OPS[n].infer is not None])
def test_infer_says_what_is_computed(name: str) -> None:
    """Shape and dtype of every result, and a dense layout unless the inferred one is another."""
    op = OPS[name]
    function = getattr(F, name)
    for number, item in enumerate(op.samples()):  # type: ignore[misc]
        dtype = dtypes_for(op, item.args)[-1]
        args = [to_tensorplug(a) for a in torch_args(item.args, dtype, f"{name} {number}")]
        bound = normalize_attributes(
            op, function.bind((), dict(zip([p.name for p in op.parameters], args, strict=False)))
        )
        inferred = op.infer(*[layout_of(a) for a in bound])  # type: ignore[misc]
        layouts = inferred if isinstance(inferred, tuple) else (inferred,)
        assert len(layouts) == len(op.outputs) and all(isinstance(each, Layout) for each in layouts)
        results = function.call(bound)
        results = results if isinstance(results, tuple) else (results,)
        for layout, result in zip(layouts, results, strict=True):
            assert result.dtype is layout.dtype, f"{item.args}: {result.dtype} was computed"
            assert tuple(result.shape) == tuple(layout.shape), f"{item.args}: {result.shape} was computed"


def test_only_primitives_lack_a_decomposition() -> None:
    lacking = {n for n, op in OPS.items() if op.decompose is None and not op.is_view and not op.elementwise}
    assert lacking == PRIMITIVE


def test_names_are_taken_once() -> None:
    with pytest.raises(
        PluginError, match=r"an op called 'copy' is in the table already \(family 'storage'\)"
    ):
        add(OPS["copy"])


def test_ops_need_samples() -> None:
    with pytest.raises(PluginError, match="op 'untested' has no samples"):
        add(Op("untested(Tensor input)", tier=4, family="somebody's"))
    assert "untested" not in OPS


def test_unknown_names() -> None:
    with pytest.raises(AttributeError, match="no op is called 'no_such_op'"):
        F.no_such_op  # noqa: B018
    assert set(OPS) <= set(dir(F))


def test_dtypes_are_singletons() -> None:
    assert all(dtypes.dtype_named(d.name) is d for d in dtypes.ALL)
