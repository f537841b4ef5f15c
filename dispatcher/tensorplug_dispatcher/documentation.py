"""What an op's record says, as the text that ``help(tensorplug.add)`` and the reference pages show.

Everything is read from the columns when the public table is written (tools/public_table.py): an import loads
the text alone. The column ``shapes`` is ``operands -> results``, each a name and a list of sizes,
``input [*A, n at dim, *B] -> values [*A, *B], indices int64 [*A, *B]``: a size may say where it stands, and a
name may have a dtype after it. Results are lists as Python reads them: of letters that operands bind, of the
op's other parameters, and of the functions in ``tests/dispatcher/ops/symbolic.py``, which holds every column
against the samples.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any, Final

from . import dtypes
from .dtypes import GROUPS, DType
from .errors import DTypeError
from .layout import Layout, dense
from .op import Input, Op
from .signatures import normalize_attributes

WIDTH: Final = 90  # of a line: generated files and terminals indent it
GROUP_WORDS: Final = {
    "all": "any dtype",
    "numeric": "any dtype but bool",
    "floating": "floating dtypes",
    "integral": "integers and bool",
    "integer": "integers",
    "floating or int64": "floating dtypes and int64",
}
RULES: Final = {
    "same": "the result has the shape of ``{first}``",
    "broadcast": "operands broadcast, the result has their common shape",
    "reduced": "the result has the shape of ``{first}`` without ``dim``, where that is None without any",
}
UNFIT: Final = "operands that do not broadcast"
RAISED: Final = {
    "ShapeError": "shapes or sizes that do not fit",
    "IndexRangeError": "a dimension or an index that is out of range or not allowed",
    "DTypeError": "a dtype that is not taken",
}
NARROW: Final = (dtypes.float16, dtypes.bfloat16)


def of_op(op: Op) -> str:
    """The whole text: the meaning, then a line each of shapes, dtypes, what is raised, and the source."""
    meaning, source = meaning_and_source(op)
    lines = [f"Shapes: {shapes_of(op)}", f"Dtypes: {dtypes_of(op)}"]
    if raised := raised_by(op):
        lines.append("Raises: " + "; ".join(f"{error}, {when}" for error, when in raised.items()))
    lines.append(f"Source: {source}")
    return "\n".join([filled(meaning, ""), "", *[filled(f"- {line}.", "  ") for line in lines]])


def filled(text: str, indent: str) -> str:
    return textwrap.fill(
        text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def meaning_and_source(op: Op) -> tuple[str, str]:
    """``doc`` without its source, and that; PyTorch's function of the name where ``doc`` names none."""
    meaning, _, source = op.doc.partition("Source: ")
    if source:
        return meaning.strip(), source.removesuffix(".")
    name = op.torch_name or op.name
    if op.name.endswith("_backward"):
        return meaning, f"torch.ops.aten.{name}"
    if "function" in (op.public or "").split() or op.torch_name:
        return meaning, f"torch.{name}"
    return meaning, f"torch.nn.functional.{name}"


def rule_of(op: Op) -> str:
    """Which of ``RULES`` says the shapes; "" where the column does."""
    if op.shapes:
        return ""
    if op.family in ("reduction", "statistics"):
        return "reduced"
    return "same" if sum(p.is_tensor for p in op.parameters) == 1 else "broadcast"


def shapes_of(op: Op) -> str:
    """The column ``shapes``, or what follows from the kind of op."""
    rule = rule_of(op)
    if not rule:
        return f"``{op.shapes}``"
    first = next(p.name for p in op.parameters if p.is_tensor)
    keeps = any(p.name == "keepdim" for p in op.parameters)
    said = RULES[rule].format(first=first) + (", or of size 1 with ``keepdim``" if keeps else "")
    return said if len(op.outputs) == 1 else said.replace("the result has", "every result has")


# -- dtypes --------------------------------------------------------------------------------------------------


def dtypes_of(op: Op) -> str:
    """Which dtypes an op takes, and which its results have."""
    group = GROUP_WORDS[op.dtypes]
    if op.elementwise:
        several = sum(p.is_tensor for p in op.parameters) > 1
        result = {
            "promote": "the result has the promoted one" if several else "the result has the same",
            "float": "the result of integers and bool has the default floating dtype",
            "bool": "the result is bool",
        }[op.promotion]
        return f"{group}; {result}"
    taken = results_by_dtype(op)
    if taken is None:
        return f"{group}; the result has the same unless another stands before its shape"
    if set(taken) != set(GROUPS[op.dtypes]):
        group = next((w for g, w in GROUP_WORDS.items() if set(GROUPS[g]) == set(taken)), "") or ", ".join(
            dtype.name for dtype in taken
        )
    if any(p.kind == "dtype" for p in op.parameters):
        return f"{group}; the result has ``dtype``"
    if not any(p.is_tensor for p in op.parameters):
        return f"the result is {next(iter(taken.values()))[0].name}"
    columns = [{d: results[i] for d, results in taken.items()} for i in range(len(op.outputs))]
    labels = op.outputs if len(op.outputs) > 1 else ("the result",)
    said = [f"{label} {result_words(c)}" for label, c in zip(labels, columns, strict=True)]
    return f"{group}; {', '.join(said)}"


def result_words(results: dict[DType, DType]) -> str:
    """``{int64: int64, float16: float32, ...}`` in words."""
    changed = {dtype: result for dtype, result in results.items() if result is not dtype}
    if not changed:
        return "has the same"
    if len(set(results.values())) == 1:
        return f"is {next(iter(results.values())).name}"
    parts = []
    for result in dict.fromkeys(changed.values()):
        which = [d for d in results if results[d] is result and (d is not result or result.kind != 3)]
        integers = [d for d in which if not d.is_floating_point]
        words = "float16 and bfloat16" if set(which) >= set(NARROW) else ""
        if integers:
            everything = {d for d in results if not d.is_floating_point} == set(integers)
            words = "integers and bool" if everything and dtypes.bool_ in integers else "integers"
            if not everything:
                words = " and ".join(d.name for d in integers)
        parts.append(f"is {result.name} for {words or ' and '.join(d.name for d in which)}")
    return f"{', '.join(parts)}, else has the same"


def results_by_dtype(op: Op) -> dict[DType, tuple[DType, ...]] | None:
    """The results' dtypes under each dtype that a sample may be run in, by ``infer`` or ``view``; those are
    left out that it refuses. None where the record has neither.
    """
    column = op.infer or op.view
    if op.elementwise or column is None or op.samples is None:
        return None
    found: dict[DType, tuple[DType, ...]] = {}
    args = plain_sample(op)
    if args is None:
        return None
    for dtype in GROUPS[op.dtypes]:
        bound = normalize_attributes(op, tuple(layout_of(arg, dtype) for arg in args))
        try:
            made = column(*bound)
        except DTypeError:
            continue
        results = made if isinstance(made, tuple) and isinstance(made[-1], Layout) else (made,)
        found[dtype] = tuple((r[0] if isinstance(r, tuple) else r).dtype for r in results)
    return found


def plain_sample(op: Op) -> tuple[Any, ...] | None:
    """The arguments of the first sample whose first tensor leaves its dtype open, defaults filled in."""
    names = [p.name for p in op.parameters]
    for sample in op.samples() if op.samples else ():
        args = (*sample.args, *[p.default for p in op.parameters[len(sample.args) :]])
        opens = [a for a in flat(args) if isinstance(a, Input)]
        if "dtype" in names and op.parameters[names.index("dtype")].kind == "dtype?":
            if args[names.index("dtype")] is not None:
                continue
        if not opens or opens[0].dtype is None:
            return args
    return None


def flat(args: tuple[Any, ...]) -> Iterator[Any]:
    for arg in args:
        yield from arg if isinstance(arg, list) else (arg,)


def layout_of(arg: Any, dtype: DType) -> Any:
    """An argument of a sample as ``infer`` takes it."""
    if isinstance(arg, list):
        return tuple(layout_of(a, dtype) for a in arg)
    if not isinstance(arg, Input):
        return arg
    return dense(arg.shape, dtypes.dtype_named(arg.dtype) if arg.dtype else dtype)


# -- what is raised ------------------------------------------------------------------------------------------


def raised_by(op: Op) -> dict[str, str]:
    """Error → when, with the words of the messages that hold of every call."""
    found: dict[str, list[str]] = {}
    for case in op.errors() if op.errors else ():
        said = found.setdefault(case.error, [])
        general = " " in case.match and not any(c.isdigit() or c in "[]" for c in case.match)
        if general and case.match not in said:
            said.append(case.match)
    if op.elementwise and sum(p.is_tensor for p in op.parameters) > 1:
        return {"ShapeError": UNFIT}
    return {
        error: RAISED[error] + (f" ({', '.join(map(repr, said))})" if said else "")
        for error, said in found.items()
    }
