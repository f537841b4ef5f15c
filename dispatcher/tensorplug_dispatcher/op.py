"""The op record: everything that anybody needs to know about an op, as columns.

A column that is a function takes the parameters of the op's schema by position, so
that one convention serves them all; what stands for a tensor differs:

=============  ====================================================================
column         a tensor parameter is given as
=============  ====================================================================
``infer``      its ``Layout`` (a Python number where a number was passed). An
               elementwise op needs none, nor one that is decomposed; where these have one, it is for its
               errors
``view``       its ``Layout``
``decompose``  the tensor
``expr``       an ``Expr`` (only the tensor parameters and ``float!``/``int!`` ones)
=============  ====================================================================

``vjp`` maps a tensor parameter to a function whose parameter *names* say what it
needs, and so what is saved: ``grad`` (the cotangent of the first output; ``grad_NAME``
for the output NAME), a tensor parameter, an attribute, an output's name, or
``NAME_layout`` for a tensor parameter's layout, which saves nothing; a last one,
``*attributes``, gets all attributes in the schema's order. It returns the cotangent of
that parameter. A single function in place of the mapping computes all cotangents
together; it may also ask for ``needs`` (a tuple of bools, one a tensor parameter) and
returns a tuple, None where nothing is needed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .dtypes import DType

REQUIRED: Final = object()

# What autocast does with an op's floating operands (float64 and integers stay as they are).
POLICIES: Final = {
    "low": "cast to the region's low-precision dtype",
    "float32": "cast to float32, and so is the result",
    "promote": "cast to the widest dtype among them",
    "round": "cast to float32 where they differ, the result rounded to the first operand's dtype",
    "none": "left alone",
}

# Where and how an op is seen by users: the words of the column ``public``.
PLACES: Final = {
    "function": "in the top namespace",
    "method": "of tensors",
    "inplace": "a method that writes over the tensor: x.relu_()",
    "inplace_function": "the same as a function: relu_(x)",
    "out": "results may be written into given tensors: out=",
    "sizes": "its sizes may be given one by one: x.permute(1, 0)",
    "named": "its results have names: return_types",
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an op's schema.

    ``kind`` is ``Tensor``, ``Tensor?``, ``Tensor[]``, or an attribute's kind: ``int``, ``int?``, ``int[]``,
    ``int[]?``, ``float``, ``float?``, ``bool``, ``str``, ``Scalar``, ``Scalar?``, ``dtype``, ``dtype?``,
    ``dim``,
    ``dim?``, ``dims`` (None, one or several), ``any`` (hashable). A kind that ends in ``!`` is a number that
    changes from call to call and takes no part in planning: ``float!`` (a C kernel gets a double), ``int!``
    (int64),
    ``Scalar!`` (a value of the first output's dtype).
    """

    name: str
    kind: str
    default: Any
    keyword_only: bool

    @property
    def is_tensor(self) -> bool:
        return self.kind.startswith("Tensor")

    @property
    def is_dynamic(self) -> bool:
        return self.kind.endswith("!")


def parse_schema(schema: str) -> tuple[str, tuple[Parameter, ...], tuple[str, ...]]:
    """``"sum(Tensor input, dims dim=None, *, dtype? dtype=None) -> out"`` → name,
    parameters, output names.
    """
    head, _, tail = schema.rpartition(")")
    name, _, inside = head.partition("(")
    outputs = tuple(part.strip() for part in tail.replace("->", "").split(",") if part.strip()) or ("out",)
    parameters: list[Parameter] = []
    keyword_only = False
    for part in re.split(r",(?![^(]*\))", inside):
        text = part.strip()
        if not text:
            continue
        if text == "*":
            keyword_only = True
            continue
        kind, _, rest = text.partition(" ")
        label, has_default, value = rest.partition("=")
        parameters.append(
            Parameter(label.strip(), kind, _literal(value.strip()) if has_default else REQUIRED, keyword_only)
        )
    return name.strip(), tuple(parameters), outputs


def _literal(text: str) -> Any:
    words: dict[str, Any] = {"None": None, "True": True, "False": False}
    if text in words:
        return words[text]
    if text.startswith(("'", '"')):
        return text[1:-1]
    if text.startswith("("):
        return tuple(_literal(part.strip()) for part in text[1:-1].split(",") if part.strip())
    try:
        return int(text)
    except ValueError:
        return float(text)


@dataclass(frozen=True, slots=True)
class Sample:
    """One call of an op, as data: ``args`` in schema order, tensors given as ``Input`` records."""

    args: tuple[Any, ...]
    note: str = ""


class Numbers(Sequence[float]):
    """Values of an ``Input`` that are made each time that they are asked for: of large samples."""

    __slots__ = ("_count", "_make")

    def __init__(self, count: int, make: Callable[[], Sequence[float]]) -> None:
        self._count = count
        self._make = make

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[float]:
        return iter(self._make())

    def __getitem__(self, place: Any) -> Any:
        return self._make()[place]

    def __repr__(self) -> str:
        return f"<{self._count} numbers>"


@dataclass(frozen=True, slots=True)
class Input:
    """A tensor to be made for a sample: values drawn from [low, high) (integers:
    inclusive of low), seed by place.

    ``dtype`` None means the dtype under test. ``values`` gives explicit values instead (flat, row-major).
    ``layout`` is ``dense``, ``transposed``, ``sliced``, ``expanded`` or ``offset``.
    """

    shape: tuple[int, ...]
    low: float = -4.0
    high: float = 4.0
    dtype: str | None = None
    values: Sequence[float] | None = None
    layout: str = "dense"


@dataclass(frozen=True, slots=True)
class ErrorCase:
    """A call that must raise: ``error`` is the exception's name, ``match`` a part of its text."""

    args: tuple[Any, ...]
    error: str
    match: str


@dataclass(frozen=True, slots=True, eq=False)
class Op:
    """One op. See the module's text for the conventions of the columns."""

    schema: str
    tier: int
    family: str = ""
    dtypes: str = "all"  # a name of dtypes.GROUPS
    promotion: str = (
        "none"  # elementwise: "promote", "float" (integers become floating), "bool" (compares), "none"
    )
    wide_numbers: tuple[str, ...] = ()  # elementwise: where a number beside halves stays float32
    out_dtype: str = ""  # of out=: "same" as the result's, "cast", "truth" (see Op.out_takes); "" by family
    no_numbers: tuple[str, ...] = ()  # elementwise: the tensor parameters for which no number may stand
    infer: Callable[..., Any] | None = None
    expr: Callable[..., Any] | None = None
    view: Callable[..., Any] | None = None
    role: str = ""  # on which the core relies: "transfer" from device to device, "copy" to make tensors dense
    updates: bool = False  # changes some places of its first tensor: in place, C kernels get that as output
    decompose: Callable[..., Any] | None = None
    vjp: Mapping[str, Callable[..., Any]] | Callable[..., Any] | None = None
    autocast: str = "promote"  # one of POLICIES; a device may want another (see autocast.py)
    flops: Callable[..., int] | None = None  # of a call, from the first result's layout and what infer takes
    tolerance: str = "exact"
    samples: Callable[[], Iterable[Sample]] | None = None
    errors: Callable[[], Iterable[ErrorCase]] | None = None
    sizes: Mapping[str, Callable[[int], Iterable[Sample]]] | None = None  # measure → samples of that size
    onnx: str = ""  # ONNX operators of the same meaning, in the order in which they follow each other
    torch_name: str = ""  # PyTorch's name of the same function where it differs ("" means the same)
    public: str | None = None  # words of PLACES; None: all of an elementwise op, none of others
    also: str = ""  # PyTorch's second names of it, seen wherever it is
    # names that parts of it had as ops of their own, up to plugin API 1.1 → how many dimensions the first
    # operand and the first result of such a part have; see ``ops.former``
    formerly: Mapping[str, int] = field(default_factory=dict)
    doc: str = ""  # the meaning, and "Source: ..." where it is not PyTorch's function of the same name
    shapes: str = ""  # "input [*A, n] -> [*A]", see documentation.py; an elementwise op needs none
    name: str = field(init=False, default="")
    parameters: tuple[Parameter, ...] = field(init=False, default=())
    outputs: tuple[str, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        name, parameters, outputs = parse_schema(self.schema)
        if self.autocast not in POLICIES:
            raise ValueError(
                f"op {name!r} has the autocast policy {self.autocast!r}; there are {', '.join(POLICIES)}"
            )
        if self.public is None:
            seen = self.elementwise and not name.endswith("_backward")
            object.__setattr__(self, "public", "function method inplace out" if seen else "")
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "parameters", parameters)
        object.__setattr__(self, "outputs", outputs)

    @property
    def elementwise(self) -> bool:
        return self.promotion != "none"

    def out_takes(self, result: DType, out: DType) -> bool:
        """Whether a result may be cast into an ``out=`` of another dtype, as PyTorch lets it.

        Where PyTorch promotes or sums on the way it may ("cast"), else it may not ("same"); a truth may also
        go into uint8 ("truth").
        """
        rule = self.out_dtype
        if result is out or rule:
            return result is out or rule == "cast" or (rule, out.name) == ("truth", "uint8")
        summed = self.family in ("reduction", "scan_sort", "statistics") and self.tolerance != "exact"
        return self.elementwise or summed or self.family in ("composition", "storage")

    @property
    def is_view(self) -> bool:
        return self.view is not None

    @property
    def differentiable(self) -> bool:
        return self.vjp is not None
