"""Sizes of ops that go element by element, or that move elements."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from ... import dtypes
from ...op import Input, Numbers, Op, Sample
from .calls import MANY, Measures, Shape, call, distinct, indices, inputs
from .lines import thirds


def elementwise(op: Op) -> Measures:
    def run(n: int) -> Iterable[Sample]:
        """Rows with gaps beside whole ones, and a number for each row."""
        same = inputs(op, (3, n))
        name = next(iter(same))
        yield call(op, **{**same, name: replace(same[name], layout="sliced")})
        yield call(op, **{**same, name: replace(same[name], layout="expanded")})
        if len(same) == 2 and op.elementwise:
            yield call(op, **inputs(op, (3, n), (3, 1)))
            yield call(op, **inputs(op, (3, 1), (1, n)))

    return {"elements": lambda n: [call(op, **inputs(op, (n,)))], "run": run}


def _transposed(op: Op) -> Callable[[int], Iterable[Sample]]:
    """A matrix with both sides of that size, or a narrow one each way where that would be large."""

    def side(n: int) -> Iterable[Sample]:
        for shape in [(n, n), (n, 2, 9)] if n <= 600 else [(n, 33), (33, n)]:
            same = inputs(op, shape)
            name = list(same)[-1]
            yield call(op, **{**same, name: replace(same[name], layout="transposed")})

    return side


def copy(op: Op) -> Measures:
    return {**elementwise(op), "side": _transposed(op)}


def cast(op: Op) -> Measures:
    def to_each(measure: Callable[[int], Iterable[Sample]]) -> Callable[[int], Iterable[Sample]]:
        targets = (dtypes.float16, dtypes.bfloat16, dtypes.float32, dtypes.int64, dtypes.uint8)
        return lambda n: [Sample((item.args[0], target)) for item in measure(n) for target in targets]

    return {measure: to_each(make) for measure, make in copy(op).items()}


def created(*kinds: dtypes.DType) -> Callable[[Op], Measures]:
    """Ops that make a tensor out of a shape, in each of some dtypes (in the first sample's where none)."""

    def measures(op: Op) -> Measures:
        shape = "length" if op.parameters[0].name == "length" else "shape"

        def elements(n: int) -> Iterable[Sample]:
            size: Any = n if shape == "length" else (n,)
            return [call(op, **{shape: size}, **named) for named in ([{"dtype": k} for k in kinds] or [{}])]

        return {"elements": elements}

    return measures


def _indexed(make: Callable[[int, int, int], Iterable[Sample]]) -> Measures:
    """``make`` gets the number of indices, the rows of what is indexed, and the elements that one moves."""
    return {
        "indices": lambda n: [*make(n, 50, 3 if n < MANY else 1), *make(n, n, 1)],
        "width": lambda n: make(7, 11, n),
        "table": lambda n: make(40, n, 3),
    }


def along(op: Op) -> Measures:
    """Gather and its kin, where an index is given for each element."""
    writes = op.name == "scatter"

    def make(count: int, table: int, width: int) -> Iterable[Sample]:
        if writes:  # twice at one place: which one stays is open
            count = min(count, table)
            places = distinct(count, table, width)
        else:
            places = indices((count, width), table)
        given = {"input": Input((table, width)), "dim": 0, "index": places, "indices": places}
        given["src"] = Input((count, width))
        yield call(op, **{p.name: given[p.name] for p in op.parameters})
        if width == 1 and not writes and count < MANY:
            last = {"index": indices((2, count), table), "indices": indices((2, count), table)}
            given = {**last, "input": Input((2, table)), "dim": 1, "src": Input((2, count))}
            yield call(op, **{p.name: given[p.name] for p in op.parameters})

    return _indexed(make)


def rows(op: Op) -> Measures:
    """Ops in which an index stands for a whole row."""
    once = op.name == "index_copy"

    def make(count: int, table: int, width: int) -> Iterable[Sample]:
        count = min(count, table) if once else count
        places = distinct(count, table) if once else indices((count,), table)
        given = {"input": Input((table, width)), "weight": Input((table, width)), "dim": 0}
        given |= {"index": places, "source": Input((count, width)), "num_embeddings": table}
        given |= {"grad_output": Input((count, width)), "values": Input((count, width))}
        if op.name in ("index", "index_put"):
            given |= {"indices": [places], "accumulate": True}
        else:
            given["indices"] = places
        yield call(op, **{p.name: given[p.name] for p in op.parameters if p.name in given})
        if op.name == "index_put":
            few = min(count, table)
            given |= {"indices": [distinct(few, table)], "values": Input((few, width)), "accumulate": False}
            yield call(op, **{p.name: given[p.name] for p in op.parameters if p.name in given})

    return _indexed(make)


def one_hot(op: Op) -> Measures:
    return {
        "indices": lambda n: [Sample((indices((n,), 5), 5))],
        "width": lambda n: [Sample((indices((7,), n), n))],
    }


def nll(op: Op) -> Measures:
    def at(rows: int, classes: int) -> Sample:
        given = {"logp": Input((rows, classes), -4, 0), "grad_output": Input((rows,))}
        given |= {"target": indices((rows,), classes), "weight": Input((classes,), 0.5, 2)}
        found = {p.name: given[p.name] for p in op.parameters if p.name in given}
        return call(op, **found, **({"num_classes": classes} if op.name.endswith("backward") else {}))

    return {"indices": lambda n: [at(n, 5)], "width": lambda n: [at(7, n)], "table": lambda n: [at(7, n)]}


def nonzero(op: Op) -> Measures:
    def at(shape: Shape, n: int) -> Sample:
        values = Numbers(n, lambda: thirds(n, 1))
        return Sample((Input(shape, values=values), n - list(values).count(0)))

    return {"elements": lambda n: [at((n,), n)], "line": lambda n: [at((1, n), n), at((n, 1), n)]}


def joined(op: Op) -> Measures:
    def parts(n: int) -> Iterable[Sample]:
        yield Sample(([Input((2, 3)) for _ in range(n)], 0))
        yield Sample(([Input((2, 1)) for _ in range(n)], 1))

    def elements(n: int) -> Iterable[Sample]:
        less = n if op.name == "stack" else n // 3 + 1
        yield Sample(([Input((n,)), Input((less,))], 0))
        if n < MANY:
            yield Sample(([Input((3, n)), Input((3, less))], 1))

    return {"parts": parts, "elements": elements}


def moved(**attributes: tuple[Any, ...]) -> Callable[[Op], Measures]:
    """Ops that move elements: attributes for a line, and for a matrix of three rows."""

    def measures(op: Op) -> Measures:
        def at(shape: Shape, turn: int) -> Sample:
            given = {name: values[turn] for name, values in attributes.items()}
            return call(op, **{**inputs(op, shape), **given})

        return {
            "elements": lambda n: [at((n,), 0)],
            "run": lambda n: [at((3, n), 1)],
            "outer": lambda n: [at((n, 3), 1)],
        }

    return measures


def triangle(op: Op) -> Measures:
    return {
        "run": lambda n: [call(op, input=Input((5, n)), diagonal=n // 2)],
        "outer": lambda n: [call(op, input=Input((n, 3)), diagonal=-1), call(op, input=Input((n, 2, 3)))],
        "elements": lambda n: [call(op, input=Input((2, -(-n // 2))), diagonal=1)],
        "side": lambda n: [call(op, input=Input((n, n) if n <= 600 else (n, 33)))],
    }


def of_grad(make: Callable[[int], tuple[Any, ...]]) -> Callable[[Op], Measures]:
    return lambda op: {"elements": lambda n: [Sample(make(n))]}


def per_tensor(op: Op) -> Measures:
    def at(shape: Shape, each: bool) -> Sample:
        given = inputs(op, shape)
        name = op.parameters[0].name
        found = {name: given[name]}
        if each:
            found |= {"scale": Input((3, 1), 0.1, 1.0, "float32"), "zero_point": None}
        return call(op, **found)

    if not any(p.name == "scale" for p in op.parameters):
        return {"elements": lambda n: [at((n,), False)], "run": lambda n: [at((3, n), False)]}
    return {"elements": lambda n: [at((n,), False)], "run": lambda n: [at((3, n), False), at((3, n), True)]}


def int4(op: Op) -> Measures:
    def at(rows: int, n: int) -> Sample:
        if op.name == "pack_int4":
            return Sample((Input((rows, n), -8, 8, "int8"),))
        return Sample((Input((rows, (n + 1) // 2), 0, 256, "uint8"), n, True))

    return {"line": lambda n: [at(3, n)], "outer": lambda n: [at(n, 5)], "elements": lambda n: [at(1, n)]}
