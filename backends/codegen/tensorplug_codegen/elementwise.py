"""The C loops of every elementwise op: one a compute dtype and variant, over contiguous elements.

``int32_t tp_<op>[_<variant>]_<dtype>(void *const *data, const int64_t *params)``: ``data`` holds outputs,
tensor inputs, then pointers to the ``float!`` parameters; ``params`` is a struct of the number of elements,
``count``, and the static numbers by their names (floating dtypes: the bits of a double). An output may be
exactly an input; other overlap is not allowed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tensorplug_dispatcher import expr as e
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.op import Op

from .language import C, Language
from .names import NUMBER, compute_dtypes, loop_name, numbers, variants
from .render import Body

MATHEMATICS = Path(__file__).with_name("mathfn.h")
FILES = 6  # generated files a set: enough for parallel compilation
STRIP = 512  # elements that are checked together before the fast form of an operation is used
# -fno-tree-pre and -fno-thread-jumps: else the compiler follows each clamp's constant arm separately and
# computes polynomials three times instead of blending (gelu took 100 ms instead of 23)
_HEAD = """/* Generated from the op table by tensorplug_codegen.
 * tensorplug-flags: -fwrapv -ffp-contract=fast -fno-tree-pre -fno-thread-jumps
 */
#include <math.h>
#include <stdint.h>
#include "mathfn.h"
"""


def traced(op: Op, attributes: Mapping[str, Any]) -> tuple[e.Expr, ...]:
    """The op's expressions, one an output, for these static attributes (NUMBER becomes a param)."""
    assert op.expr is not None
    arguments = [
        e.arg(p.name)
        if p.is_tensor
        else e.param(p.name)
        if p.is_dynamic or attributes[p.name] is NUMBER
        else attributes[p.name]
        for p in op.parameters
    ]
    result = op.expr(*arguments)
    return tuple(map(e.as_expr, result)) if isinstance(result, tuple) else (e.as_expr(result),)


def loop(op: Op, attributes: Mapping[str, Any], dtype: DType, language: Language = C) -> str:
    """The C source of one loop."""
    roots = traced(op, attributes)
    type_ = language.types[dtype.name]
    tensors = [p.name for p in op.parameters if p.is_tensor]
    dynamic = [p.name for p in op.parameters if p.is_dynamic]
    static = numbers(op, attributes)
    leaves = {name: f"x{i}" for i, name in enumerate(tensors)}
    for i, name in enumerate(dynamic):
        leaves[name] = f"*(const double *)data[{len(roots) + len(tensors) + i}]"
    for name in static:
        leaves[name] = f"tpm_real(given->{name})" if dtype.is_floating_point else f"({type_})given->{name}"
    body = Body(language, roots, dtype, leaves)
    lines = []
    for i, root in enumerate(roots):
        out_type = "uint8_t" if root.is_boolean else type_
        lines.append(f"{out_type} *const o{i} = data[{i}];")
    for i, name in enumerate(tensors):
        in_type = "uint8_t" if e.arg(name).is_boolean else type_
        lines.append(f"const {in_type} *const p{i} = data[{len(roots) + i}];")
    if body.moderate:
        general = Body(language, roots, dtype, leaves, general=True)
        lines += _stripped(body, general, tensors)
    else:
        lines += body.once + _for(body, tensors, "0", "n")
    inner = "\n".join(f"    {line}" for line in lines)
    fields = ", ".join(("count", *static))
    return (
        f"int32_t {loop_name(op, attributes, dtype)}(void *const *data, const int64_t *params) {{\n"
        f"    const struct {{ int64_t {fields}; }} *const given = (const void *)params;\n"
        f"    const int64_t n = given->count;\n{inner}\n    return 0;\n}}\n"
    )


def _loads(body: Body, tensors: Sequence[str]) -> list[str]:
    return [
        f"    const __typeof__(*p{i}) x{i} = p{i}[i];"
        for i in range(len(tensors))
        if body.uses(f"x{i}") or f"x{i}" in body.results
    ]


def _for(body: Body, tensors: Sequence[str], begin: str, end: str) -> list[str]:
    checks = [f"    if ({condition}) return {code};" for condition, code in body.checks]
    stores = [f"    o{i}[i] = {result};" for i, result in enumerate(body.results)]
    return [
        "#pragma GCC ivdep",
        f"for (int64_t i = {begin}; i < {end}; i++) {{",
        *_loads(body, tensors),
        *checks,
        *(f"    {line}" for line in body.lines),
        *stores,
        "}",
    ]


def _stripped(fast: Body, general: Body, tensors: Sequence[str]) -> list[str]:
    """Strips in which every operand is moderate take the fast form, which vectorizes;
    the others the general one.
    """
    return [
        f"for (int64_t begin = 0; begin < n; begin += {STRIP}) {{",
        f"    const int64_t end = begin + {STRIP} < n ? begin + {STRIP} : n;",
        "    int wild = 0;",
        "    for (int64_t i = begin; i < end; i++) {",
        *(f"    {line}" for line in _loads(fast, tensors)),
        f"        wild |= !({' && '.join(fast.moderate)});",
        "    }",
        "    if (wild) {",
        *(f"        {line}" for line in general.once + _for(general, tensors, "begin", "end")),
        "    } else {",
        *(f"        {line}" for line in fast.once + _for(fast, tensors, "begin", "end")),
        "    }",
        "}",
    ]


def kernels() -> Iterator[tuple[str, str]]:
    """Name and source of every loop."""
    from tensorplug_dispatcher.ops import activation, elementwise, optimizer

    for op in (*elementwise.OPS, *activation.OPS, *optimizer.OPS):
        for attributes in variants(op):
            for dtype in compute_dtypes(op):
                yield loop_name(op, attributes, dtype), loop(op, attributes, dtype)


def write_kernels(folder: Path) -> list[Path]:
    """Write the C files and the functions that they include; what is unchanged is left alone.
    Returns the paths of the C files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / MATHEMATICS.name, MATHEMATICS.read_text())
    parts: list[list[str]] = [[_HEAD] for _ in range(FILES)]
    for name, source in kernels():
        parts[sum(name.encode()) % FILES].append(source)
    paths = []
    for i, part in enumerate(parts):
        path = folder / f"elementwise_{i}.c"
        _write(path, "\n".join(part))
        paths.append(path)
    return paths


def _write(path: Path, text: str) -> None:
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
