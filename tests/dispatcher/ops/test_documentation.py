"""What the documentation of an op says is what its samples do: shapes, dtypes, errors."""

from __future__ import annotations

import re
from typing import Any

import pytest
from symbolic import DTYPE_WORDS, Binding, Mismatch, Term, broadcast, parse, reduced

import tensorplug as tp
from tensorplug_conformance.samples import laid_out, numbers_of
from tensorplug_dispatcher import documentation, dtypes, errors
from tensorplug_dispatcher.op import Input, Op, Sample
from tensorplug_dispatcher.ops import OPS, F

ONCE = dtypes.float32
PUBLIC = [name for name, op in OPS.items() if op.public]


def tensor_of(arg: Any, dtype: dtypes.DType) -> Any:
    """An argument of a sample as a tensor."""
    if isinstance(arg, list):
        return [tensor_of(a, dtype) for a in arg]
    if not isinstance(arg, Input):
        return arg
    chosen = dtypes.dtype_named(arg.dtype) if arg.dtype else dtype
    values = [v if v == v and abs(v) < 1e4 else 0 for v in numbers_of(arg, chosen, 7)]
    made = tp.tensor(values, dtype=dtypes.float64 if chosen.is_floating_point else dtypes.int64)
    return laid_out(made.to(chosen).reshape(arg.shape), arg.layout)


def run(op: Op, sample: Sample, dtype: dtypes.DType) -> tuple[dict[str, Any], tuple[Any, ...]]:
    """The arguments by name, defaults filled in, and the results."""
    names = [p.name for p in op.parameters]
    given = dict(zip(names, [tensor_of(a, dtype) for a in sample.args], strict=False))
    function = getattr(F, op.name)
    results = function.call(function.bind((), given))
    args = {**{p.name: p.default for p in op.parameters}, **given}
    return args, results if isinstance(results, tuple) else (results,)


def hold(op: Op, column: str, args: dict[str, Any], results: tuple[Any, ...]) -> None:
    """Raise Mismatch where a call was not as the column says."""
    operands, wanted = parse(column)
    tensors = {p.name for p in op.parameters if p.is_tensor}
    binding = Binding({n: v for n, v in args.items() if n not in tensors})
    for name in tensors:
        if isinstance(args[name], (list, tuple)):
            binding.letters[name] = [tuple(x.shape) for x in args[name]]
    for term in operands:
        if term.name not in tensors:
            raise Mismatch(f"there is no operand {term.name!r}")
        several = isinstance(args[term.name], (list, tuple))
        for x in args[term.name] if several else [args[term.name]]:
            if x is not None and not (several and x.shape == (0,)):  # which cat leaves out
                binding.operand(term, tuple(x.shape), several)
                of_dtype(term, x)
    if len(wanted) != len(results):
        raise Mismatch(f"{len(wanted)} results are said, and {len(results)} come")
    for term, result in zip(wanted, results, strict=True):
        binding.result(term, tuple(result.shape))
        of_dtype(term, result)


def of_dtype(term: Term, x: Any) -> None:
    if term.dtype and x.dtype.name not in DTYPE_WORDS[term.dtype]:
        raise Mismatch(f"{term.name} is {x.dtype.name}, not {term.dtype}")


def no_dimensions(column: str, args: dict[str, Any]) -> bool:
    """Whether this call has a 0-d tensor where the column counts dimensions: it is taken as one of one."""
    return " at " in column and any(getattr(x, "ndim", None) == 0 for x in args.values())


@pytest.mark.parametrize("name", OPS)
def test_shapes_are_those_of_the_samples(name: str) -> None:
    op = OPS[name]
    held = 0
    for sample in op.samples():  # type: ignore[misc]
        args, results = run(op, sample, first_dtype(op))
        shapes = [tuple(x.shape) for x in args.values() if isinstance(x, tp.Tensor)]
        rule = documentation.rule_of(op)
        for result in results:
            if rule == "same":
                assert tuple(result.shape) == shapes[0]
            elif rule == "broadcast":
                assert tuple(result.shape) == broadcast(*shapes), sample
            elif rule == "reduced":
                kept = bool(args.get("keepdim", False))
                assert tuple(result.shape) == reduced(shapes[0], args["dim"], kept), sample
        if op.shapes and not no_dimensions(op.shapes, args):
            hold(op, op.shapes, args, results)
        held += 1
    assert held


def first_dtype(op: Op) -> dtypes.DType:
    group = dtypes.GROUPS[op.dtypes]
    return ONCE if ONCE in group else group[-1]


@pytest.mark.parametrize(
    "column",
    [
        "input [*A, n at dim, *B] -> [*A, *B]",
        "input [*A, n at dim, *B] -> [*A, k, n]",
        "input [n] -> [n]",
        "input [*A, n at dim, *B] -> int64 [*A, k, *B]",
        "other [*S] -> [*S]",
        "input [*S] -> [*S], [*S]",
    ],
)
def test_a_wrong_column_is_found(column: str) -> None:
    args = {"input": tp.ones(2, 3, 4), "dim": 1, "start": 0, "length": 2}
    with pytest.raises(Mismatch):
        hold(OPS["narrow"], column, args, (F.narrow(*args.values()),))


@pytest.mark.parametrize("name", OPS)
def test_every_dtype_that_is_named_runs(name: str) -> None:
    """The first sample that leaves the dtype open, in each; the results' dtypes are those that are said."""
    op = OPS[name]
    sample = documentation.plain_sample(op)
    if sample is None:
        return
    said = documentation.results_by_dtype(op)
    for dtype in dtypes.GROUPS[op.dtypes] if said is None else said:
        _, results = run(op, Sample(sample), dtype)
        if said is not None:
            assert tuple(r.dtype for r in results) == said[dtype], dtype
        elif not op.elementwise and "dtype" not in [p.name for p in op.parameters]:
            words = [term.dtype for term in parse(op.shapes)[1]] if op.shapes else [""]
            for word, result in zip(words, results, strict=True):
                assert result.dtype.name in (DTYPE_WORDS[word] if word else (dtype.name,)), dtype
    if said is not None and set(said) != set(dtypes.GROUPS[op.dtypes]):
        for dtype in set(dtypes.GROUPS[op.dtypes]) - set(said):
            with pytest.raises(errors.DTypeError):
                run(op, Sample(sample), dtype)


@pytest.mark.parametrize("name", [n for n in OPS if documentation.raised_by(OPS[n])])
def test_what_is_raised_is_raised(name: str) -> None:
    op = OPS[name]
    said = documentation.raised_by(op)
    raised = set()
    if list(said.values()) == [documentation.UNFIT]:
        count = sum(p.is_tensor for p in op.parameters)
        rest = list(op.samples())[0].args[count:]  # type: ignore[misc]
        if all(isinstance(r, Input) for r in rest):
            rest = ()
        sizes = [2] * (count - 1) + [3]
        args = [
            tensor_of(Input((n,), dtype=operand_dtype(op, i)), first_dtype(op)) for i, n in enumerate(sizes)
        ]
        with pytest.raises(errors.ShapeError):
            getattr(F, name).call((*args, *rest))
        return
    for case in op.errors():  # type: ignore[misc]
        with pytest.raises(getattr(errors, case.error), match=re.escape(case.match)) as caught:
            run(op, Sample(case.args), first_dtype(op))
        raised.add(type(caught.value).__name__)
    assert raised == set(said)


def operand_dtype(op: Op, place: int) -> str | None:
    """The dtype that the first sample gives a certain operand."""
    spec = list(op.samples())[0].args[place]  # type: ignore[misc]
    return spec.dtype if isinstance(spec, Input) else None


@pytest.mark.parametrize("name", PUBLIC)
def test_help_says_all_of_it(name: str) -> None:
    text = getattr(F, name).__doc__
    meaning, _, rest = text.partition("\n\n- ")
    assert meaning.splitlines()[0] == OPS[name].schema and len(meaning.splitlines()) > 2
    kinds = [line.partition(":")[0] for line in f"- {rest}".split("\n") if line.startswith("- ")]
    raises = ["- Raises"] if documentation.raised_by(OPS[name]) else []
    assert kinds == ["- Shapes", "- Dtypes", *raises, "- Source"]


def test_sources_in_pytorch_are_there() -> None:
    torch = pytest.importorskip("torch")
    missing = []
    for op in OPS.values():
        source = documentation.meaning_and_source(op)[1]
        for name in re.findall(r"\btorch(?:\.\w+)+", source):
            found: Any = torch
            for part in name.split(".")[1:]:
                found = getattr(found, part, None)
            if found is None:
                missing.append((op.name, name))
    assert missing == []


def test_nothing_of_it_is_loaded_before_it_is_asked_for() -> None:
    import subprocess
    import sys

    program = "import sys, tensorplug; print('tensorplug_dispatcher.documentation' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout == "False\n"
