"""Data types: one frozen record each, and PyTorch's promotion rules over them.

A dtype's ``code`` is what C kernels see; its ``bits`` are its part of a dispatch key.
"""

from __future__ import annotations

from typing import Final

from . import keys

BOOL, INTEGER, FLOATING, QUANTIZED = 0, 1, 2, 3
KIND_NAMES: Final = ("bool", "integer", "floating", "quantized")


class DType:
    """An element type. Instances are singletons: compare them with ``is``."""

    __slots__ = (
        "bits",
        "code",
        "eps",
        "is_signed",
        "itemsize",
        "kind",
        "max",
        "min",
        "name",
        "numpy_name",
        "rank",
        "smallest_normal",
        "stored",
    )

    def __init__(
        self,
        name: str,
        code: int,
        kind: int,
        itemsize: int,
        *,
        rank: int,
        low: float,
        high: float,
        eps: float = 0.0,
        smallest_normal: float = 0.0,
        numpy_name: str = "",
        stored: DType | None = None,
    ) -> None:
        self.name = name
        self.code = code
        self.kind = kind
        self.itemsize = itemsize
        self.rank = rank
        self.min = low
        self.max = high
        self.eps = eps
        self.smallest_normal = smallest_normal
        self.is_signed = low < 0
        self.numpy_name = numpy_name or name
        self.stored = stored  # what holds the levels of a quantized dtype
        self.bits = keys.DTYPE_BITS.get(name, keys.OTHER_DTYPES)
        if stored is not None:
            self.bits |= keys.LEVELS

    @property
    def is_floating_point(self) -> bool:
        return self.kind == FLOATING

    @property
    def is_complex(self) -> bool:
        return False

    def __repr__(self) -> str:
        return f"tensorplug.{self.name}"

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return dtype_named, (self.name,)


def _integer(name: str, code: int, size: int, rank: int, signed: bool = True) -> DType:
    bits = size * 8
    low = -(1 << (bits - 1)) if signed else 0
    high = (1 << (bits - 1 if signed else bits)) - 1
    return DType(name, code, INTEGER, size, rank=rank, low=low, high=high)


bool_ = DType("bool", 0, BOOL, 1, rank=0, low=0, high=1)
uint8 = _integer("uint8", 1, 1, 1, signed=False)
int8 = _integer("int8", 2, 1, 2)
int16 = _integer("int16", 3, 2, 3)
int32 = _integer("int32", 4, 4, 4)
int64 = _integer("int64", 5, 8, 5)
float16 = DType(
    "float16", 6, FLOATING, 2, rank=6, low=-65504.0, high=65504.0, eps=2.0**-10, smallest_normal=2.0**-14
)
bfloat16 = DType(
    "bfloat16",
    7,
    FLOATING,
    2,
    rank=6,
    low=-(2.0**127) * (2 - 2.0**-7),
    high=2.0**127 * (2 - 2.0**-7),
    eps=2.0**-7,
    smallest_normal=2.0**-126,
)
float32 = DType(
    "float32",
    8,
    FLOATING,
    4,
    rank=7,
    low=-(2.0**127) * (2 - 2.0**-23),
    high=2.0**127 * (2 - 2.0**-23),
    eps=2.0**-23,
    smallest_normal=2.0**-126,
)
float64 = DType(
    "float64",
    9,
    FLOATING,
    8,
    rank=8,
    low=-1.7976931348623157e308,
    high=1.7976931348623157e308,
    eps=2.0**-52,
    smallest_normal=2.0**-1022,
)

ALL: Final = (bool_, uint8, int8, int16, int32, int64, float16, bfloat16, float32, float64)
FLOATS: Final = (float16, bfloat16, float32, float64)
INTEGERS: Final = (uint8, int8, int16, int32, int64)


def _quantized(
    name: str,
    code: int,
    stored: DType,
    low: float,
    high: float,
    eps: float = 0.0,
    smallest_normal: float = 0.0,
) -> DType:
    return DType(
        name,
        code,
        QUANTIZED,
        1,
        rank=9,
        low=low,
        high=high,
        eps=eps,
        smallest_normal=smallest_normal,
        stored=stored,
    )


# Dtypes of tensors whose values are levels of a scale. No kernel ever meets them: the quantization layer
# does,
# since their bits hold its own. The levels lie in memory as ``stored`` says, those of four bits two a byte.
qint8 = _quantized("qint8", 10, int8, -128, 127)
quint8 = _quantized("quint8", 11, uint8, 0, 255)
qint4 = _quantized("qint4", 12, uint8, -8, 7)
quint4 = _quantized("quint4", 13, uint8, 0, 15)
float8_e4m3fn = _quantized("float8_e4m3fn", 14, uint8, -448.0, 448.0, 2.0**-3, 2.0**-6)
float8_e5m2 = _quantized("float8_e5m2", 15, uint8, -57344.0, 57344.0, 2.0**-2, 2.0**-14)

FLOAT8: Final = (float8_e4m3fn, float8_e5m2)  # numbers by themselves, with no scale
QUANTIZED_DTYPES: Final = (qint8, quint8, qint4, quint4, float8_e4m3fn, float8_e5m2)
_BY_NAME: Final = {d.name: d for d in (*ALL, *QUANTIZED_DTYPES)}


def dtype_named(name: str) -> DType:
    """The dtype called ``name`` (``"float32"``); raises KeyError with the known names."""
    try:
        return _BY_NAME[name]
    except KeyError:
        raise KeyError(f"no dtype is called {name!r}; there are {', '.join(_BY_NAME)}") from None


def promote(a: DType, b: DType) -> DType:
    """The dtype that holds both, as ``torch.promote_types`` gives it."""
    if a is b:
        return a
    if a.kind != b.kind:
        return a if a.kind > b.kind else b
    if a.rank == b.rank:  # float16 with bfloat16
        return float32
    low, high = (a, b) if a.rank < b.rank else (b, a)
    if low is uint8 and high is int8:
        return int16
    return high


# What the column ``dtypes`` of the op table may say.
GROUPS: Final[dict[str, tuple[DType, ...]]] = {
    "all": ALL,
    "numeric": ALL[1:],  # no bool
    "floating": FLOATS,
    "integral": (bool_, *INTEGERS),
    "integer": INTEGERS,
    "floating or int64": (*FLOATS, int64),
}
