"""NumPy's numbers wherever a number may stand: as operands, sizes, dimensions, indices, fill values.

With PyTorch, every number that is written in the expressions of the other files here is replaced by one of
NumPy's, and what PyTorch takes must come out as there. Without it, operators and the op table must give what
they give for Python's numbers.
"""

from __future__ import annotations

import ast
import operator
from typing import Any

import pytest

np = pytest.importorskip("numpy")

import tensorplug as tp  # noqa: E402
from tensorplug_dispatcher import dtypes  # noqa: E402
from tensorplug_dispatcher.op import Input  # noqa: E402
from tensorplug_dispatcher.ops import OPS, F  # noqa: E402

OPERATORS = "add sub mul truediv floordiv mod pow and_ or_ xor lshift rshift eq ne lt le gt ge".split()
INPLACE = "iadd isub imul itruediv ifloordiv imod ipow iand ior ixor ilshift irshift".split()
FLOATS = ("float16", "float32", "float64")
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
MAKERS = {
    "floats": lambda: tp.tensor([1.0, -2.5]),
    "half": lambda: tp.tensor([1.0, -2.5], dtype=tp.float16),
    "0-d": lambda: tp.tensor(2.0),
    "ints": lambda: tp.tensor([5, 2]),
    "bools": lambda: tp.tensor([True, False]),
}


def numbers() -> dict[str, tuple[Any, Any]]:
    """NumPy's number and Python's of the same value, by the number's type."""
    made: dict[str, tuple[Any, Any]] = {name: (getattr(np, name)(1.5), 1.5) for name in FLOATS}
    made |= {name: (getattr(np, name)(3), 3) for name in INTEGERS}
    made |= {"bool": (np.bool_(True), True), "0-d float": (np.array(1.5), 1.5), "0-d int": (np.array(3), 3)}
    try:
        import ml_dtypes
    except ImportError:
        return made
    for name in ("bfloat16", "float8_e4m3fn", "float8_e5m2"):
        made[name] = (getattr(ml_dtypes, name)(1.5), 1.5)
    made["int4"] = (ml_dtypes.int4(3), 3)
    return made


def outcome(call: Any) -> Any:
    try:
        result = call()
    except Exception as error:
        return type(error)
    return result.dtype.name, tuple(result.shape), repr(result.tolist())


def foreign_first(number: Any) -> bool:
    """Whether NumPy (or a package on it) answers ``number + tensor`` itself and never asks the tensor."""
    return isinstance(number, np.ndarray) or type(number).__module__ == "ml_dtypes"


@pytest.mark.parametrize("kind", list(MAKERS))
@pytest.mark.parametrize("given", list(numbers()))
def test_operators_take_them_as_plain_numbers(given: str, kind: str) -> None:
    number, plain = numbers()[given]
    make = MAKERS[kind]
    for name in (*OPERATORS, *INPLACE):
        apply = getattr(operator, name)
        wanted = outcome(lambda: apply(make(), plain))  # noqa: B023
        assert outcome(lambda: apply(make(), number)) == wanted, f"tensor {name} {given}"  # noqa: B023
        if name in OPERATORS and not foreign_first(number):
            wanted = outcome(lambda: apply(plain, make()))  # noqa: B023
            assert outcome(lambda: apply(number, make())) == wanted, f"{given} {name} tensor"  # noqa: B023


def test_arrays_beside_an_operator_are_tensors() -> None:
    x, array = tp.tensor([1.0, 2.0]), np.array([1.5, 2.0])
    assert (x == array).tolist() == [False, True] and (x != array).tolist() == [True, False]
    assert (x < array).tolist() == [True, False] and (array < x).tolist() == [False, False]
    assert (x * array).dtype is tp.float64 and (array / x).tolist() == [1.5, 1.0]


def test_complex_numbers_are_refused_by_name() -> None:
    with pytest.raises(TypeError, match="complex"):
        tp.ones(2) * np.complex64(1)


def as_numpy(value: Any) -> Any:
    if isinstance(value, Input):
        return value
    if isinstance(value, (list, tuple)):
        return type(value)(as_numpy(v) for v in value)
    if type(value) is bool:
        return value
    return np.int64(value) if type(value) is int else np.float64(value) if type(value) is float else value


@pytest.mark.parametrize(
    "name", [n for n, op in OPS.items() if op.family not in ("optimizer", "quantized", "quantized_products")]
)
def test_every_op_takes_them_as_attributes(name: str) -> None:
    from op_inputs import invoke, with_tensors

    op = OPS[name]
    for number, item in enumerate(op.samples() if op.samples is not None else ()):
        dtype = dtypes.float32 if op.dtypes in ("all", "numeric", "floating") else dtypes.int64
        given = with_tensors(item.args, dtype, number)
        same = with_tensors(as_numpy(item.args), dtype, number)
        try:
            wanted = [t.tolist() for t in invoke(getattr(F, name), op, given)]
        except (tp.TensorplugError, ArithmeticError) as error:
            with pytest.raises(type(error)):
                invoke(getattr(F, name), op, same)
            continue
        got = [t.tolist() for t in invoke(getattr(F, name), op, same)]
        if name not in ("empty",):
            assert repr(got) == repr(wanted), f"sample {number} {item.args}"


class Rewriter(ast.NodeTransformer):
    """Writes ``npint(3)`` for 3 and ``npfloat(0.5)`` for 0.5."""

    def visit_Constant(self, node: ast.Constant) -> Any:
        name = {int: "npint", float: "npfloat"}.get(type(node.value))
        return node if name is None else ast.Call(ast.Name(name, ast.Load()), [node], [])


def rewritten(text: str) -> str:
    tree = Rewriter().visit(ast.parse(text.strip().replace("; ", "\n")))
    return "; ".join(ast.unparse(ast.fix_missing_locations(tree)).splitlines())


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("integer", "floating"), [("int64", "float64"), ("int32", "float32")])
@pytest.mark.parametrize(
    "module", ["test_functions_like_torch", "test_creation_like_torch", "test_indexing_like_torch"]
)
def test_in_every_expression(module: str, integer: str, floating: str, monkeypatch: Any) -> None:
    import importlib

    import alike

    def texts(value: Any) -> list[str]:
        parts = value.values() if isinstance(value, dict) else value
        return [t for v in parts for t in ([v] if isinstance(v, str) else texts(v))]

    made = alike.inputs
    limits = np.iinfo(integer)
    numbers = {
        "npint": lambda v: getattr(np, integer)(v) if limits.min <= v <= limits.max else v,
        "npfloat": getattr(np, floating),
    }
    monkeypatch.setattr(alike, "inputs", lambda T: {**made(T), **numbers})
    found = vars(importlib.import_module(module))
    lists = [v for n, v in found.items() if n.isupper() and isinstance(v, list)]
    problems = []
    for text in dict.fromkeys(t.strip() for group in lists for t in texts(group) if t.strip()):
        try:
            changed = rewritten(text)
        except SyntaxError:
            continue
        theirs = alike.evaluate(changed, alike.torch)
        if isinstance(theirs, Exception):
            continue
        coarse = "16" in text
        try:
            alike.compare(
                alike.evaluate(changed, tp),
                theirs,
                changed,
                1e-2 if coarse else 1e-5,
                1e-2 if coarse else 2e-6,
                False,
            )
        except AssertionError as problem:
            problems.append(str(problem))
    assert not problems, "\n".join(problems)
