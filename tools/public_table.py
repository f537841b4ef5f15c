"""Writes what users see from the one public table: the ops' records and the functions under ``@public``.

Run by ``make build`` (hatch_build.py), and by hand: ``python tools/public_table.py``. It writes

- ``frontend/tensorplug/_generated.py``: ``TensorOps`` with the methods, the functions, ``__all__``;
- ``frontend/tensorplug/_generated.pyi``: the same with signatures, types and first lines of documentation;
- ``dispatcher/tensorplug_dispatcher/_functions.pyi``: what ``F`` has, for whoever reads or types ``F.mul``;
- ``dispatcher/tensorplug_dispatcher/_texts.py``: what ``help(tensorplug.mul)`` shows, worked out once.

Decorators are read from the syntax of the files: nothing but the op table has to be importable.
"""

from __future__ import annotations

import ast
import builtins
import os
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FRONTEND = ROOT / "frontend/tensorplug"
DISPATCHER = ROOT / "dispatcher/tensorplug_dispatcher"
GENERATED = FRONTEND / "_generated.py"
STUB = FRONTEND / "_generated.pyi"
FUNCTIONS = DISPATCHER / "_functions.pyi"
TEXTS = DISPATCHER / "_texts.py"

# Modules that ``import tensorplug`` leaves for later; functions in namespaces of their own are not ours.
LATER = (
    *("_dlpack", "_pickling", "_printing", "migration", "quantization._tensors", "resilience"),
    "serialization",
)
ELSEWHERE = ("nn", "linalg", "_public", "_generated")

HEAD = '"""Written by tools/public_table.py from the ops and from what is @public; not to be edited."""\n'
WIDTH = 110


@dataclass(frozen=True)
class Seen:
    """One public name's source: an op's record or a decorated function."""

    name: str  # of the op or the function
    module: str  # "" for an op
    places: tuple[str, ...]
    names: tuple[str, ...]
    doc: str
    parameters: tuple[Parameter, ...]
    returns: str
    overloads: tuple[tuple[tuple[Parameter, ...], str], ...] = ()

    @property
    def later(self) -> bool:
        return self.module in LATER

    @property
    def expression(self) -> str:
        if self.module:
            return f"{self.module}.{self.name}"
        if "sizes" in self.places:
            return f"spread(F.{self.name})"
        if "named" in self.places:
            return f"named(F.{self.name}, return_types.{self.name})"
        return f"F.{self.name}"


@dataclass(frozen=True)
class Parameter:
    """``kind``: "" for an ordinary one, "*" or "**", "keyword"."""

    name: str
    annotation: str
    default: str | None = None
    kind: str = ""


OUT = Parameter("out", "Tensor | None", "None", "keyword")
OUTS = Parameter("out", "tuple[Tensor, ...] | None", "None", "keyword")


# -- ops -----------------------------------------------------------------------------------------------------

KINDS = {
    "Tensor": "Tensor",
    "Tensor[]": "Sequence[Tensor]",
    "int": "int",
    "int[]": "int | Sequence[int]",
    "float": "Number",
    "bool": "bool",
    "str": "str",
    "Scalar": "Number",
    "dtype": "DType",
    "dim": "int",
    "dims": "int | Sequence[int] | None",
    "device": "Device | str",
    "any": "Any",
}


def parameters_of(op: Any) -> tuple[Parameter, ...]:
    """An op's parameters as Python has them, NumPy's names of some beside."""
    from tensorplug_dispatcher.op import REQUIRED

    made = []
    for p in op.parameters:
        kind = p.kind.rstrip("!")
        text = KINDS[kind.rstrip("?")]
        if kind == "Tensor" and op.elementwise and p.name not in op.no_numbers:
            text = "Tensor | Number"
        if kind.endswith("?"):
            text += " | None"
        default = None if p.default is REQUIRED else repr(p.default)
        made.append(Parameter(p.name, text, default, "keyword" if p.keyword_only else ""))
    return tuple(made)


def seen_ops(everything: bool = False) -> Iterator[Seen]:
    """The records of the op table that users see; with ``everything``, all of them."""
    from tensorplug_dispatcher.documentation import of_op
    from tensorplug_dispatcher.ops import OPS

    for op in OPS.values():
        if not op.public and not everything:
            continue
        count, places = len(op.outputs), tuple(op.public.split())
        returns = "Tensor" if count == 1 else f"tuple[{', '.join(['Tensor'] * count)}]"
        if "named" in places:
            returns = f"return_types.{op.name}"
        parameters = parameters_of(op)
        overloads = []
        if "sizes" in places:
            *before, last = parameters
            overloads = in_one((*before, replace(last, kind="*")), replace(last, kind="*"), returns)
        names = (op.name, *op.also.split())
        yield Seen(op.name, "", places, names, of_op(op), parameters, returns, tuple(overloads))


# -- functions under @public ---------------------------------------------------------------------------------


def seen_functions() -> Iterator[Seen]:
    """The functions of the frontend that stand under ``@public``."""
    for path in sorted(FRONTEND.rglob("*.py")):
        module = path.relative_to(FRONTEND).with_suffix("").as_posix().replace("/", ".")
        if module.split(".")[0] in ELSEWHERE:
            continue
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef):
                for decorator in node.decorator_list:
                    if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "public":
                        yield function_of(node, decorator, module)


def function_of(node: ast.FunctionDef, decorator: ast.Call, module: str) -> Seen:
    places = tuple(ast.literal_eval(x) for x in decorator.args)
    options = {k.arg: ast.unparse(k.value).strip("'\"") for k in decorator.keywords}
    unknown = set(places) - {"function", "method", "inplace"}
    if unknown or not places:
        given = ", ".join(sorted(unknown)) or "nothing"
        raise SystemExit(f"{module}.{node.name}: @public takes function, method, inplace, not {given}")
    parameters = tuple(arguments_of(node.args))
    outs = options.get("out", "").replace("~", "").split()
    if outs:
        parameters = (*parameters, OUT if len(outs) == 1 else OUTS)
    returns = ast.unparse(node.returns) if node.returns else "Any"
    overloads: list[tuple[tuple[Parameter, ...], str]] = []
    if len(outs) == 2:
        returns, overloads = named_results(node.name, parameters)
    starred = next((p for p in parameters if p.kind == "*"), None)
    if starred and any(p.kind == "**" and p.name == "given" for p in parameters):
        overloads = in_one(parameters, starred, returns)
    names = tuple(options.get("names", node.name).split())
    doc = ast.get_docstring(node) or ""
    return Seen(node.name, module, places, names, doc, parameters, returns, tuple(overloads))


def arguments_of(args: ast.arguments) -> Iterator[Parameter]:
    def text(arg: ast.arg) -> str:
        return ast.unparse(arg.annotation) if arg.annotation else "Any"

    def value_of(node: ast.expr) -> str:
        try:
            return repr(ast.literal_eval(node))
        except ValueError:
            return "..."

    plain = [*args.posonlyargs, *args.args]
    defaults = [None] * (len(plain) - len(args.defaults)) + [value_of(d) for d in args.defaults]
    for arg, default in zip(plain, defaults, strict=True):
        yield Parameter(arg.arg, text(arg), default)
    if args.vararg:
        yield Parameter(args.vararg.arg, text(args.vararg), None, "*")
    for arg, value in zip(args.kwonlyargs, args.kw_defaults, strict=True):
        yield Parameter(arg.arg, text(arg), None if value is None else value_of(value), "keyword")
    if args.kwarg and args.kwarg.arg == "options":  # of functions that make tensors, all of PyTorch's
        yield Parameter("layout", "Any", "None", "keyword")
        yield Parameter("pin_memory", "bool", "False", "keyword")
        yield Parameter("memory_format", "Any", "None", "keyword")
    elif args.kwarg:
        yield Parameter(args.kwarg.arg, text(args.kwarg), None, "**")


def named_results(name: str, parameters: tuple[Parameter, ...]) -> tuple[str, list[Any]]:
    """A function of named results gives them where ``dim`` is given, and always where it needs none."""
    result = f"return_types.{name}"
    dim = next(p for p in parameters if p.name == "dim")
    if dim.default != "None" or name == "aminmax":
        return result, []
    place = parameters.index(dim)
    before, after = parameters[:place], parameters[place + 1 :]
    first = tuple(replace(p, default=None) for p in before)
    of_dim = (*first, Parameter("dim", "int"), *[p for p in after if p.name != "other"])
    overloads = [(first, "Tensor"), (of_dim, result)]
    if any(p.name == "other" for p in after):
        overloads.append(((*first, Parameter("other", "Tensor"), OUT), "Tensor"))
    return result, overloads


def in_one(parameters: tuple[Parameter, ...], starred: Parameter, returns: str) -> list[Any]:
    """``f(x, 2, 3)`` and ``f(x, (2, 3))``."""
    rest = [p for p in parameters if p.kind != "**" and p is not starred]
    before = [p for p in rest if p.kind == ""]
    after = [p for p in rest if p.kind == "keyword"]
    one = replace(starred, annotation="Sequence[int] | int", kind="", default=None)
    if after:  # x.view(dtype)
        one = replace(one, annotation="Sequence[int] | int | DType")
    every = replace(starred, annotation="int")
    spread = [*[p for p in before if p.default is None], every]
    return [
        ((*spread, *[replace(p, kind="keyword") for p in before if p.default is not None], *after), returns),
        ((*[p for p in before if p.default is None], one, *after), returns),
    ]


# -- what is written -----------------------------------------------------------------------------------------


@dataclass
class Table:
    """Every public name with what it is: functions, methods, in-place ones."""

    functions: dict[str, tuple[str, Seen]]
    methods: dict[str, tuple[str, Seen]]


@cache
def table() -> Table:
    """The whole table; a decorated function takes the place of the op of its name."""
    functions: dict[str, tuple[str, Seen]] = {}
    methods: dict[str, tuple[str, Seen]] = {}
    taken: dict[str, str] = {}
    for seen in [*seen_ops(), *seen_functions()]:
        what = seen.expression
        changed = f"InplaceMethod({what})" if not seen.module else f"inplace({what})"
        for name in seen.names:
            at = [(p, t) for p, t in (("function", functions), ("method", methods)) if p in seen.places]
            for place, names in at:
                if seen.module and taken.setdefault(f"{place} {name}", what) != what:
                    raise SystemExit(f"the {place} {name} is both {taken[f'{place} {name}']} and {what}")
                names[name] = (what, seen)
            if "inplace" in seen.places:
                methods[f"{name}_"] = (changed, seen)
            if "inplace_function" in seen.places:
                functions[f"{name}_"] = (changed, seen)
    return Table(functions, methods)


def modules(found: Table) -> list[str]:
    entries = [*found.functions.values(), *found.methods.values()]
    return sorted({s.module for _, s in entries if s.module and not s.later})


def source(found: Table) -> str:
    lines = [HEAD, "from __future__ import annotations\n"]
    lines += ["from tensorplug_dispatcher import operators"]
    lines += ["from tensorplug_dispatcher.call import InplaceMethod"]
    lines += ["from tensorplug_dispatcher.ops import F\n"]
    lines += ["from . import (", *[f"    {m}," for m in [*modules(found), "return_types"]], ")"]
    lines += ["from ._public import inplace, named, spread", "from .later import later\n\n"]
    lines += ["class TensorOps(operators.TensorOps):"]
    lines += ['    """The methods of tensors."""\n', "    __slots__ = ()\n"]
    for name, (what, seen) in sorted(found.methods.items()):
        text = f'later(".{seen.module}", "{seen.name}")' if seen.later else what
        lines.append(f"    {name} = {text}")
    lines.append("\n")
    for name, (what, seen) in sorted(found.functions.items()):
        if not seen.later:
            same = "(" in what and found.methods.get(name) == (what, seen)  # made once
            lines.append(f"{name} = TensorOps.{name}" if same else f"{name} = {what}")
    lines.append("\nLATER = {  # name: the module that has it")
    for name, (_, seen) in sorted(found.functions.items()):
        if seen.later:
            lines.append(f'    "{name}": "{seen.module}",')
    lines.append("}\n\n__all__ = [")
    lines += [f'    "{name}",' for name, (_, seen) in sorted(found.functions.items()) if not seen.later]
    lines.append("]")
    return "\n".join(lines) + "\n"


# -- stubs ---------------------------------------------------------------------------------------------------

OPERATORS = {
    "Tensor | Number": "add radd iadd sub rsub isub mul rmul imul truediv rtruediv itruediv floordiv "
    "rfloordiv ifloordiv mod rmod imod pow rpow ipow and rand iand or ror ior xor rxor ixor lshift rlshift "
    "ilshift rshift rrshift irshift lt le gt ge",
    "Tensor": "matmul rmatmul",
    "object": "eq ne",
}
FIELDS = """
    @property
    def shape(self) -> Size: ...
    @property
    def dtype(self) -> DType: ...
    @property
    def device(self) -> Device: ...
    @property
    def ndim(self) -> builtins.int: ...
    @property
    def layout(self) -> Layout: ...
    @property
    def storage(self) -> Any: ...
    @property
    def requires_grad(self) -> builtins.bool: ...
    @requires_grad.setter
    def requires_grad(self, value: builtins.bool) -> None: ...
    @property
    def grad(self) -> Tensor | Any: ...  # None before backward()
    @grad.setter
    def grad(self, value: Tensor | None) -> None: ...
    @property
    def grad_fn(self) -> Any: ...
    @property
    def is_leaf(self) -> builtins.bool: ...
    @property
    def output_nr(self) -> builtins.int: ...
    @property
    def _version(self) -> builtins.int: ...
    @property
    def _base(self) -> Tensor | None: ...
    def numel(self) -> builtins.int: ...
    def dim(self) -> builtins.int: ...
    def data_ptr(self) -> builtins.int: ...
    def is_contiguous(self, memory_format: Any = None) -> builtins.bool: ...
    def item(self) -> Any: ...
    def detach(self) -> Tensor: ...
    def __neg__(self) -> Tensor: ...
    def __pos__(self) -> Tensor: ...
    def __abs__(self) -> Tensor: ...
    def __invert__(self) -> Tensor: ...
    def __len__(self) -> builtins.int: ...
    def __bool__(self) -> builtins.bool: ...
    def __int__(self) -> builtins.int: ...
    def __float__(self) -> builtins.float: ...
    def __index__(self) -> builtins.int: ...
    def __hash__(self) -> builtins.int: ...
    def __getitem__(self, index: Any) -> Tensor: ...
    def __setitem__(self, index: Any, value: Any) -> None: ...
"""
BUILTINS = ("bool", "dict", "float", "int", "list", "object", "str", "tuple", "type")


def inside_class(annotation: str, methods: Any) -> str:
    """``float`` as ``builtins.float`` where the class has a method of that name."""
    tree = ast.parse(annotation, mode="eval")
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in BUILTINS and node.id in methods:
            node.id = f"builtins.{node.id}"
    return ast.unparse(tree)


NUMPY = {"dim": "axis", "keepdim": "keepdims"}


def with_numpy(parameters: tuple[Parameter, ...]) -> tuple[Parameter, ...]:
    """``axis`` and ``keepdims`` as keywords beside ``dim`` and ``keepdim``, which then need no value."""
    names = {p.name for p in parameters}
    found = [p for p in parameters if p.name in NUMPY and p.kind != "*" and NUMPY[p.name] not in names]
    if not found or any(p.kind == "**" for p in parameters):
        return parameters
    first = parameters.index(found[0])
    rest_optional = all(p.default or p.kind for p in parameters[first + 1 :])
    if found[0].default is None and not rest_optional:
        found = found[1:]
    made = [replace(p, default="...") if p in found and p.default is None else p for p in parameters]
    return (*made, *[Parameter(NUMPY[p.name], p.annotation, "...", "keyword") for p in found])


def signature(
    parameters: tuple[Parameter, ...], returns: str, method: bool, methods: Any
) -> tuple[list[str], str]:
    """``["self", "other: Tensor", "*", "alpha: Number = 1"]`` and ``"Tensor"``."""
    parts: list[str] = []
    keyword = False
    for i, p in enumerate(parameters):
        if method and i == 0:
            parts.append("self")
            continue
        kind = inside_class(p.annotation, methods) if method else p.annotation
        if p.kind in ("*", "**"):
            keyword = keyword or p.kind == "*"
            parts.append(f"{p.kind}{p.name}: {kind}")
            continue
        if p.kind == "keyword" and not keyword:
            parts.append("*")
            keyword = True
        parts.append(f"{p.name}: {kind}" + (f" = {p.default}" if p.default is not None else ""))
    kind = inside_class(returns, methods) if method else returns
    return parts, kind


def ordered(parameters: tuple[Parameter, ...]) -> tuple[Parameter, ...]:
    """Keywords before ``**rest``."""
    return tuple(sorted(parameters, key=lambda p: p.kind == "**"))


def stub_of(name: str, what: str, seen: Seen, method: bool, methods: Any) -> Iterator[str]:
    indent = "    " if method else ""
    changed = what.startswith(("inplace(", "InplaceMethod("))
    shapes = list(seen.overloads) if seen.overloads and not changed else [(seen.parameters, seen.returns)]
    first = seen.doc.split("\n\n")[0].replace("\n", " ").replace("\\", "\\\\").replace('"""', "'''")
    doc = f"In place: {first}" if changed else first
    for parameters, returns in shapes:
        if changed:
            parameters = tuple(p for p in parameters if p.name != "out")
        elif not seen.module and "out" in seen.places:
            parameters = (*parameters, OUTS if "named" in seen.places else OUT)
        if len(shapes) > 1:
            yield f"{indent}@overload"
        beside = parameters if len(shapes) > 1 else with_numpy(parameters)
        yield from headed(name, ordered(beside), returns, method, methods, indent)
        yield from documented(doc, indent + "    ")


def headed(
    name: str, parameters: tuple[Parameter, ...], returns: str, method: bool, methods: Any, indent: str
) -> Iterator[str]:
    """The line ``def``, or several where it is too long for one."""
    parts, result = signature(parameters, returns, method, methods)
    line = f"{indent}def {name}({', '.join(parts)}) -> {result}:"
    if len(line) <= WIDTH:
        yield line
        return
    yield f"{indent}def {name}("
    yield from [f"{indent}    {part}," for part in parts]
    yield f"{indent}) -> {result}:"


def documented(doc: str, indent: str) -> Iterator[str]:
    """A documentation string in lines that fit."""
    text = doc + (" " if doc.endswith('"') else "")
    if len(text) + len(indent) + 6 <= WIDTH:
        yield f'{indent}"""{text}"""'
        return
    lines = textwrap.wrap(doc, WIDTH - len(indent) - 3)
    yield f'{indent}"""{lines[0]}'
    yield from [indent + line for line in lines[1:]]
    yield f'{indent}"""'


def stub(found: Table) -> str:
    lines = [HEAD, "import builtins", "from typing import TypeAlias, TypeVar, overload\n"]
    lines += [*imported(found), "", 'Number: TypeAlias = int | float\nT = TypeVar("T")\n', "class TensorOps:"]
    lines += ['    """The methods of tensors."""', FIELDS.rstrip()]
    for kind, names in OPERATORS.items():
        for name in names.split():
            ignore = "  # type: ignore[override]" if kind == "object" else ""
            text = inside_class(kind, found.methods)
            lines.append(f"    def __{name}__(self, other: {text}) -> Tensor: ...{ignore}")
    for name, (what, seen) in sorted(found.methods.items()):
        lines += stub_of(name, what, seen, True, found.methods)
    lines.append("")
    for name, (what, seen) in sorted(found.functions.items()):
        lines += stub_of(name, what, seen, False, ())
    lines += ["", "LATER: dict[str, str]", "__all__ = ["]
    lines += [f'    "{name}",' for name in sorted(found.functions)]
    lines.append("]")
    return "\n".join(lines) + "\n"


GIVEN = {
    "Any": "from typing import Any",
    "DType": "from tensorplug_dispatcher.dtypes import DType",
    "Device": "from tensorplug_dispatcher.storage import Device",
    "Layout": "from tensorplug_dispatcher.layout import Layout",
    "Sequence": "from collections.abc import Sequence",
    "Size": "from tensorplug_dispatcher.layout import Size",
    "Tensor": "from ._tensor import Tensor",
    "return_types": "from . import return_types",
}


def imported(found: Table) -> list[str]:
    """The imports of every name that an annotation has, from where its module has it."""
    lines = set(GIVEN.values())
    for _, seen in [*found.functions.values(), *found.methods.values()]:
        annotations = [seen.returns, *[p.annotation for p in seen.parameters]]
        names = {n.id for a in annotations for n in ast.walk(ast.parse(a)) if isinstance(n, ast.Name)}
        for name in names - {*GIVEN, "Number", "T", *dir(builtins)}:
            lines.add(import_of(name, seen.module))
    return sorted(lines, key=lambda line: (line.startswith("from ."), line))


def import_of(name: str, module: str) -> str:
    """The line that imports ``name`` as the frontend's ``module`` knows it."""
    tree = ast.parse((FRONTEND / f"{module.replace('.', '/')}.py").read_text())
    package = module.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and name in {a.asname or a.name for a in node.names}:
            if not node.level:
                return f"from {node.module} import {name}"
            beside = package if node.level == 1 else ""
            return f"from .{'.'.join(filter(None, [beside, node.module]))} import {name}"
        if isinstance(node, ast.Import) and name in {a.name for a in node.names}:
            return f"import {name}"
    return f"from .{module} import {name}"


def functions_stub() -> str:
    """What ``F`` has: an ``OpFunction`` an op, called with the parameters of its schema."""
    lines = [HEAD, "from collections.abc import Sequence", "from typing import Any, TypeAlias\n"]
    lines += ["from .call import OpFunction", "from .dtypes import DType", "from .storage import Device"]
    lines += ["from .tensor import TensorBase as Tensor\n", "Number: TypeAlias = int | float\n"]
    names = []
    for seen in sorted(seen_ops(everything=True), key=lambda s: s.name):
        names.append(seen.name)
        parameters = (Parameter("self", ""), *seen.parameters)
        if all(p.name != "out" for p in parameters):
            parameters = (*parameters, Parameter("out", "Any", "None", "keyword"))
        lines += [f"class _{seen.name}(OpFunction):"]
        lines += headed("__call__", with_numpy(parameters), "Any", True, (), "    ")
        lines += documented(" ".join(seen.doc.replace("\n- ", " ").split()), "        ")
    lines += ["class Functions:"]
    lines += [f"    {name}: _{name}" for name in names]
    lines += ["    def empty(self, shape: Any, dtype: DType, device: Any = None) -> Any: ..."]
    lines += ["    def copy_into(self, target: Any, source: Any) -> Any: ..."]
    lines += ["    def reshape(self, input: Any, shape: Any) -> Any: ..."]
    return "\n".join(lines) + "\n"


def texts() -> str:
    """The documentation of every op that users can meet: those that they see, and activation functions."""
    lines = [HEAD, "from typing import Final\n", "TEXTS: Final[dict[str, str]] = {"]
    from tensorplug_dispatcher.ops import OPS

    for seen in seen_ops(everything=True):
        op = OPS[seen.name]
        if op.public or (op.family == "elementwise" and not op.name.endswith(("_backward", "_step"))):
            text = seen.doc.replace("\\", "\\\\").replace('"""', "'''")
            lines.append(f'    "{seen.name}": """{text}""",')
    return "\n".join([*lines, "}"]) + "\n"


def inputs() -> list[Path]:
    """The files that the written ones follow from."""
    found = [p for p in FRONTEND.rglob("*.py") if p != GENERATED] + [*DISPATCHER.glob("ops/**/*.py")]
    return sorted([*found, DISPATCHER / "op.py", Path(__file__).resolve()])


def write() -> None:
    """Write all four where they differ from what is there."""
    found = table()
    made = {GENERATED: source(found), STUB: stub(found), FUNCTIONS: functions_stub(), TEXTS: texts()}
    for path, text in made.items():
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            print("wrote", path.relative_to(ROOT), flush=True)


if __name__ == "__main__":
    os.environ["TENSORPLUG_PURE"] = "1"
    sys.path.insert(0, str(ROOT / "dispatcher"))
    write()
