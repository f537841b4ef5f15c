"""Writes ``docs/reference``: a page for every public module, from the public table and the docstrings.

Run by ``make build`` after what is compiled (hatch_build.py), and by hand: ``python tools/reference.py``.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import public_table
from public_table import ROOT, Seen

FOLDER = ROOT / "docs/reference"

# The public modules; those of the top namespace's functions and of the tensor's methods come first.
MODULES = (
    *("nn", "nn.functional", "nn.init", "nn.utils", "nn.utils.prune", "optim", "optim.lr_scheduler"),
    *("utils.data", "utils.checkpoint", "autograd", "amp", "quantization", "linalg", "random", "devices"),
    *("cuda", "backends.cuda", "serialization", "migration", "resilience", "return_types"),
)

README = """Every public name, a page for each module.

Shapes are lists of sizes: a letter is one size, `*S` any number of them, `n at dim` the size at the place
`dim`; behind the arrow stand the results, as Python would write them. Functions in them mean what they say:
`reduced(S, dim)` leaves `dim` out of S, `swapped`, `moved`, `inserted`, `without` and `squeezed` change
places, `broadcast` joins shapes, `repeated`, `interleaved` and `padded` make sizes larger. A type before a
list is its dtype."""
NOTE = "Written by `tools/reference.py` from the sources; not to be edited."


def module(name: str) -> Any:
    return importlib.import_module(f"tensorplug.{name}" if name else "tensorplug")


def names_of(found: Any) -> list[str]:
    """The public names of a module: its ``__all__``, else what it defines."""
    listed = getattr(found, "__all__", None)
    if listed is None:
        mine = {n: v for n, v in vars(found).items() if getattr(v, "__module__", None) == found.__name__}
        listed = [n for n in mine if not n.startswith("_")]
    return sorted(set(listed), key=lambda n: (n.lower(), n))


# -- one name ------------------------------------------------------------------------------------------------


def text_of(value: Any) -> str:
    """A documentation string, dedented; nothing where it is only inherited from a built-in type."""
    doc = getattr(value, "__doc__", None)
    if not doc or not (callable(value) or isinstance(value, property)):
        return ""
    if doc.startswith(f"{getattr(value, '__name__', '')}(") and is_compiled(value):  # Cython's signature
        doc = doc.partition("\n")[2]
    if isinstance(value, type) and doc in {base.__doc__ for base in value.__mro__[1:]}:
        return ""
    return as_markdown(inspect.cleandoc(doc))


def as_markdown(doc: str) -> str:
    """Double backquotes as single ones; examples as code."""
    lines: list[str] = []
    code = False
    for line in doc.split("\n"):
        starts = line.startswith(">>> ")
        if starts and not code:
            lines += ["", "```"]
            code = True
        elif code and not line.strip():
            lines.append("```")
            code = False
        lines.append(line if code else line.replace("``", "`"))
    if code:
        lines.append("```")
    return "\n".join(lines).replace("\n\n\n", "\n\n").strip()


def signature_of(value: Any) -> str:
    """``(input: Tensor, dim: int = 0) -> Tensor``; nothing where Python does not know it."""
    try:
        text = str(inspect.signature(value))
    except (TypeError, ValueError):
        return ""
    text = re.sub(r"<[^<>]*?([\w.]+)( object)?( at 0x[0-9a-f]+)[^<>]*>", r"\1", text)
    text = re.sub(r"'([\w.\[\], |*]+)'(?=[,)=\s]|$)", r"\1", text)
    return text.replace("(self, ", "(").replace("(self)", "()")


def of_table(name: str, seen: Seen, method: bool) -> Iterator[str]:
    """A name of the public table, with the places where else it is seen."""
    yield f"### {name}\n"
    what = f"x.{name}" if method else name
    shapes = list(seen.overloads) if seen.overloads and not name.endswith("_") else []
    for parameters, returns in shapes or [(seen.parameters, seen.returns)]:
        if name.endswith("_"):
            parameters = tuple(p for p in parameters if p.name != "out")
        elif not seen.module and "out" in seen.places:
            parameters = (*parameters, public_table.OUTS if "named" in seen.places else public_table.OUT)
        parts, result = public_table.signature(parameters, returns, method, ())
        shown = parts[1:] if method else parts
        yield f"    {what}({', '.join(shown)}) -> {result}"
    yield ""
    yield as_markdown(inspect.cleandoc(seen.doc)) + "\n"
    beside = [f"`{other}`" for other in seen.names if other not in (name, name.rstrip("_"))]
    if beside:
        yield f"Also called {', '.join(beside)}.\n"
    if not method and "method" in seen.places:
        place = f", in place `x.{name}_()`" if f"{name}_" in public_table.table().methods else ""
        yield f"Also a method, `x.{name}()`{place}.\n"


def of_value(name: str, value: Any) -> Iterator[str]:
    """A name of any other kind."""
    if getattr(value, "op", None) is not None:  # an op, as it is
        op = next(seen for seen in public_table.seen_ops(everything=True) if seen.name == value.name)
        yield from of_table(name, public_table.replace(op, names=(name,), places=()), False)
        return
    yield f"### {name}\n"
    if inspect.ismodule(value):
        inside = value.__name__.removeprefix("tensorplug.")
        said = f"A module: [{inside}]({inside}.md)." if inside in MODULES else (value.__doc__ or "").strip()
        yield said + "\n"
    elif isinstance(value, type) and is_compiled(value):
        yield f"    class {name}\n"
        yield text_of(value) + "\n"
    elif isinstance(value, type):
        yield f"    class {name}{signature_of(value).replace(' -> None', '')}\n"
        yield text_of(value) + "\n"
        yield from members(value)
    elif callable(value):
        yield f"    {name}{signature_of(value)}\n"
        yield text_of(value) + "\n"
    else:
        kind = type(value)
        shown = "" if " at 0x" in repr(value) or hasattr(value, "get_state") else f": `{value!r}`"
        yield f"A constant of type `{kind.__name__.lstrip('_')}`{shown}.\n"


def is_compiled(value: Any) -> bool:
    """Whether its module has a ``.pxd``: what Python knows of it depends on how it was made."""
    path = (getattr(value, "__module__", "") or "").replace(".", "/") + ".pxd"
    return any((ROOT / room / path).exists() for room in ("dispatcher", "plugins"))


def members(cls: type) -> Iterator[str]:
    """What a class defines itself, a line each."""
    for name, value in sorted(vars(cls).items()):
        plain = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
        if name.startswith("_") or not (inspect.isfunction(plain) or isinstance(plain, property)):
            continue
        said = text_of(plain).split("\n\n")[0].replace("\n", " ")
        shape = "" if isinstance(plain, property) else signature_of(plain)
        yield f"- `{name}{shape}`" + (f": {said}" if said else "")
    yield ""


# -- pages ---------------------------------------------------------------------------------------------------


def page(title: str, intro: str, entries: Iterator[str]) -> str:
    text = "\n".join([f"# {title}\n", f"{intro}\n", f"*{NOTE}*\n", *entries])
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+\n", "\n", text)).rstrip() + "\n"


def top() -> Iterator[str]:
    """The functions, types and constants of the top namespace."""
    found = public_table.table().functions
    for name in names_of(module("")):
        if name in found:
            yield from of_table(name, found[name][1], False)
        else:
            yield from of_value(name, getattr(module(""), name))


def tensor() -> Iterator[str]:
    """Every method and property of tensors."""
    tp = module("")
    found = public_table.table().methods
    for name in sorted(tensor_names()):
        if name in found:
            yield from of_table(name, found[name][1], True)
            continue
        value = inspect.getattr_static(tp.Tensor, name, None)
        yield f"### {name}\n"
        if name in FIELDS:
            yield f"    x.{name}{'()' if callable(value) else ''}\n"
        else:
            yield f"    x.{name}{signature_of(value) if callable(value) else ''}\n"
        yield FIELDS.get(name) or text_of(value)
        yield ""


def tensor_names() -> list[str]:
    return [name for name in module("_tensor").shown(module("").Tensor) if not name.startswith("_")]


FIELDS = {  # what the compiled core has, whose documentation strings depend on how it was made; constants
    "data_ptr": "The address of the first element, 0 where the host cannot read the memory.",
    "device": "The `Device` that has the memory.",
    "detach": "The same memory with no history.",
    "dim": "The number of dimensions.",
    "dtype": "The `DType` of the elements.",
    "grad": "The gradient that `backward()` has added up; None before.",
    "grad_fn": "The node of the graph that made the tensor; None for a leaf.",
    "is_contiguous": "Whether the elements lie dense and row by row.",
    "is_leaf": "Whether no op that is recorded made the tensor.",
    "is_mkldnn": "False: there are no such tensors.",
    "is_nested": "False: there are no nested tensors.",
    "is_sparse": "False: there are no sparse tensors.",
    "item": "The value of a tensor of one element as a Python number; ShapeError for any other.",
    "layout": "The `Layout`: shape, strides and dtype as one interned record.",
    "ndim": "The number of dimensions.",
    "numel": "The number of elements.",
    "output_nr": "Which result of `grad_fn` the tensor is.",
    "requires_grad": "Whether gradients are collected for the tensor; may be set on leaves.",
    "shape": "The sizes, a `Size`.",
    "storage": "The memory that the tensor, perhaps with others, is a view of.",
}


def entries_of(name: str) -> Iterator[str]:
    found = module(name)
    for one in names_of(found):
        yield from of_value(one, getattr(found, one))


def pages() -> dict[str, str]:
    """Every page by the name of its file."""
    made = {
        "tensorplug.md": page("tensorplug", as_markdown(module("").__doc__ or ""), top()),
        "tensor.md": page("tensorplug.Tensor", text_of(module("").Tensor), tensor()),
    }
    for name in MODULES:
        intro = as_markdown(inspect.cleandoc(module(name).__doc__ or ""))
        made[f"{name}.md"] = page(f"tensorplug.{name}", intro, entries_of(name))
    lines = [f"- [{text.partition(chr(10))[0].removeprefix('# ')}]({file})" for file, text in made.items()]
    made["README.md"] = page("Reference", README, iter(lines))
    return made


def write() -> None:
    """Write the pages that differ from what is there, and remove those of modules that are gone."""
    FOLDER.mkdir(exist_ok=True)
    made = pages()
    for file, text in made.items():
        path = FOLDER / file
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            print("wrote", path.relative_to(ROOT), flush=True)
    for path in FOLDER.glob("*.md"):
        if path.name not in made:
            path.unlink()


if __name__ == "__main__":
    write()
