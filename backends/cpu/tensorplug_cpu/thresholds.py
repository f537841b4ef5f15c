"""Which sizes of a call decide its path through a kernel, op by op: ``sizes.py`` in the op table's measures.

Tests and the conformance kit ask on both sides of each (``Threshold``); a size that decides a branch of
``native/`` and stands behind none of these is found by ``tools/branch_coverage.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import isqrt
from typing import Final

from tensorplug_dispatcher import Threshold

from . import sizes as s

INTEGERS: Final = ("uint8", "int8", "int16", "int32", "int64")
HALVES: Final = ("float16", "bfloat16")
VECTOR: Final = 64  # elements of one byte in the widest vector
LONGEST: Final = 1 << 18  # elements; what is larger is not sampled (sizes in bytes beside it)

Thresholds = tuple[Threshold, ...]


def _tail(measure: str, at: int, what: str = "vector") -> Threshold:
    return Threshold(measure, at, f"{what}, and the rest of one", every=True)


def _elementwise(name: str) -> Thresholds:
    from .elementwise import CHEAP_TOLERANCES, OPS

    cheap = name not in OPS or OPS[name].tolerance in CHEAP_TOLERANCES
    grain = s.ELEMENTWISE_GRAIN if cheap else s.ELEMENTWISE_HEAVY_GRAIN
    return (
        _tail("elements", VECTOR),
        Threshold("elements", grain, "one thread, then several"),
        Threshold("run", s.ELEMENTWISE_ROW - 1, "blocks of many rows, then of one"),
        _tail("run", s.ELEMENTWISE_LONGEST_BLOCK, "block"),
    )


def _copy(name: str) -> Thresholds:
    return (
        _tail("elements", VECTOR),
        Threshold("elements", s.COPY_GRAIN_BYTES // 4, "one thread, then several"),
        Threshold("side", s.COPY_SMALLEST_TILE - 1, "runs, then tiles"),
        *(_tail("side", s.COPY_TILE_BYTES // item, "tile") for item in (1, 2, 4, 8)),
    )


def _cast(name: str) -> Thresholds:
    return (*_elementwise("cast"), *(one for one in _copy("cast") if one.measure == "side"))


def _fill(name: str) -> Thresholds:
    return (
        _tail("elements", VECTOR),
        Threshold("elements", s.COPY_GRAIN_BYTES // 4, "one thread, then several"),
    )


def _cat(name: str) -> Thresholds:
    return (
        Threshold("parts", s.CAT_MOST_PARTS, "one call, then the core's parts"),
        Threshold("elements", s.COPY_GRAIN_BYTES // 4, "one thread, then several"),
    )


def _product(name: str) -> Thresholds:
    return (
        Threshold("work", s.PRODUCT_SMALL, "plain loops, then BLAS"),
        Threshold("inner", s.PRODUCT_SMALL, "plain loops of one result, then BLAS"),
        Threshold("work", s.BF16_SMALLEST - 1, "BLAS, then squares of bfloat16", dtypes=("bfloat16",)),
        Threshold("work", s.ONEDNN_SMALLEST - 1, "own kernels, then oneDNN", dtypes=("bfloat16",)),
        Threshold("work", 2 * s.PRODUCT_SMALLEST_TASK - 1, "one thread, then several"),
        Threshold("rows", 2 * s.PRODUCT_SMALLEST_TILE - 1, "one tile, then two"),
        Threshold("columns", 2 * s.PRODUCT_SMALLEST_TILE - 1, "one tile, then two"),
        _tail("inner", s.GEMM_INNER, "block of integers"),
        _tail("inner", s.GEMM_UNROLL, "four terms at once"),
        _tail("columns", s.GEMM_COLUMNS, "block"),
        Threshold("rows", s.HALVES_ROWS, "one block, then two", dtypes=HALVES),
        Threshold("inner", s.HALVES_INNER, "one block, then two", dtypes=HALVES),
        _tail("rows", s.BF16_SIDE, "square of bfloat16"),
        _tail("columns", s.BF16_SIDE, "square of bfloat16"),
        _tail("inner", s.BF16_STEP, "step of bfloat16"),
        Threshold("batch", 2, "each thread a product, then several"),
    )


def _convolution(name: str) -> Thresholds:
    return (
        Threshold("channels", 1, "directly, then as a product"),
        Threshold("channels", s.CONV_ROWS // 9, "one block of channels, then two"),
        Threshold("channels", s.CONV_ROWS, "one block of channels, then two"),
        Threshold("pixels", 2 * s.VECTOR_BYTES // 4, "vectors of a line, and the rest of one", every=True),
        Threshold("pixels", s.CONV_COLUMNS - 1, "images together, then one by one"),
        *(Threshold("pixels", s.CONV_SCRATCH // rows, "one chunk, then two") for rows in (6, 8, 16)),
        Threshold("batch", s.CONV_TASKS, "an image a part, then several"),
        Threshold("window", 1, "the image is its own columns, then they are made"),
    )


def _pooling(name: str) -> Thresholds:
    return (
        Threshold("pixels", 2 * (s.POOL_FEW_COLUMNS - 1), "window by window, then tap by tap"),
        Threshold("pixels", 2 * s.POOL_COLUMNS, "one block of a row, then two"),
        _tail("window", s.POOL_LANES, "lanes"),
        Threshold("batch", 1, "one plane, then several"),
        Threshold("pixels", s.POOL_GRAIN // 2, "one thread, then several"),
    )


def _reduction(name: str) -> Thresholds:
    return (
        _tail("line", 4 * s.VECTOR_BYTES // 4, "four vectors"),
        _tail("line", 8, "eight rows at once"),
        Threshold("line", s.REDUCE_SHORT_ROW, "rows as columns, then by themselves"),
        Threshold("line", s.REDUCE_SHORT_RUN - 1, "gathered, then read where they lie"),
        Threshold("line", s.REDUCE_BLOCK, "one block, then two"),
        Threshold("line", s.REDUCE_LONG_BLOCK, "one long block, then two"),
        Threshold("lines", s.REDUCE_BLOCK, "one band of columns, then two"),
        Threshold("lines", s.REDUCE_BLOCK // 4, "rows joined to wider ones, then not"),
        Threshold("outer", s.REDUCE_SHORT_ROWS, "one block of rows, then two"),
        Threshold("outer", s.REDUCE_UNITS, "results are cut into parts, then not"),
        Threshold("elements", 2 * s.REDUCE_PART - 1, "one part, then two"),
    )


def _norm(name: str) -> Thresholds:
    return (
        _tail("line", s.NORM_LANES, "lanes"),
        Threshold("line", s.NORM_PIECE, "one piece of the result, then two"),
        Threshold("line", s.NORM_BLOCK, "one block of sums, then two"),
        Threshold("outer", s.NORM_FEWEST_ROWS, "one piece of rows, then two"),
        Threshold("outer", s.NORM_GRAIN // 4, "one thread, then several"),
        Threshold("channels", s.NORM_COLUMNS, "one block of columns, then two"),
        Threshold("channels", s.NORM_CHANNEL_GRAIN, "one thread finishes, then several"),
        Threshold("pixels", s.NORM_SHORT_PLANE - 1, "as columns, then plane by plane"),
        Threshold("pixels", s.NORM_BLOCK, "one block of sums, then two"),
        Threshold("batch", s.NORM_COLUMN_ROWS, "one piece of rows, then two"),
    )


def _softmax(name: str) -> Thresholds:
    return (
        _tail("line", s.NORM_LANES, "lanes"),
        _tail("line", 8, "padded group"),
        Threshold("lines", s.SOFTMAX_FEW_COLUMNS - 1, "line by line, then columns"),
        _tail("lines", s.SOFTMAX_COLUMNS, "block of columns"),
        Threshold("outer", s.SOFTMAX_GRAIN // 5, "one thread, then several"),
    )


def _scan(name: str) -> Thresholds:
    return (
        _tail("line", s.SCAN_BLOCK, "block"),
        Threshold("line", s.SCAN_LONG * s.SCAN_PIECE - 1, "whole lines, then pieces"),
        _tail("lines", s.SCAN_BLOCK, "block of columns"),
        Threshold("outer", s.SCAN_FEW_LINES - 1, "lines in pieces, then whole"),
    )


def _sort(name: str) -> Thresholds:
    return (
        Threshold("line", s.SORT_FEW, "insertion, then digits"),
        Threshold("line", 2 * s.SORT_PIECE - 1, "one piece, then several"),
        Threshold("line", 4 * s.SORT_PIECE - 1, "lines for the threads, then pieces of each"),
        Threshold("outer", s.SORT_GRAIN // 5, "one thread, then several"),
    )


def _search(name: str) -> Thresholds:
    return (Threshold("elements", s.SCAN_GRAIN // 8, "one thread, then several"),)


def _nonzero(name: str) -> Thresholds:
    return (_tail("elements", VECTOR), Threshold("elements", s.SCAN_PIECE, "one piece, then two"))


def _index(name: str) -> Thresholds:
    return (
        Threshold("indices", s.INDEX_FEW - 1, "place by place, then row by row"),
        _tail("indices", s.INDEX_CHUNK, "chunk"),
        Threshold("indices", s.INDEX_GRAIN, "one thread, then several"),
        Threshold("width", 1, "elements, then rows"),
        Threshold("width", s.INDEX_NARROW - 1, "rows on one thread, then shared"),
        _tail("width", s.INDEX_COLUMNS, "block of columns"),
        Threshold("width", 2 * s.INDEX_BLOCK_BYTES // 4, "rows whole, then cut"),
    )


def _nll(name: str) -> Thresholds:
    return (
        Threshold("indices", s.INDEX_GRAIN // 4, "one thread, then several"),
        Threshold("indices", s.INDEX_GRAIN, "one thread checks, then several"),
    )


def _iota(name: str) -> Thresholds:
    return (Threshold("elements", s.INDEX_GRAIN, "one thread, then several"),)


def _random(name: str) -> Thresholds:
    return (
        _tail("elements", s.RANDOM_CHUNK, "chunk"),
        Threshold("elements", s.RANDOM_CHUNK * s.RANDOM_GRAIN, "one thread, then several"),
    )


def _levels(name: str) -> Thresholds:
    return (
        _tail("elements", s.LEVELS_LANES, "lanes"),
        Threshold("elements", s.LEVELS_GRAIN, "one thread, then several"),
    )


def _quantized_linear(name: str) -> Thresholds:
    return (
        _tail("rows", s.DOT_PANEL, "panel"),
        _tail("columns", s.DOT_ROWS, "rows of a task"),
        _tail("inner", s.DOT_STEP, "step"),
        _tail("inner", 4, "four bytes"),
        Threshold("rows", s.DOT_PANELS_A_THREAD * s.DOT_PANEL, "panels made together, then each its own"),
        Threshold("inner", s.DOT_FILL_BYTES // s.DOT_PANEL, "several panels filled at a time, then one"),
        Threshold("inner", s.DOT_TASK // (s.DOT_ROWS * s.DOT_PANEL), "several blocks a task, then one"),
    )


def _quantized_conv(name: str) -> Thresholds:
    return (
        _tail("channels", 4, "four channels beside each other"),
        _tail("channels", s.DOT_STEP, "read from the image, or as columns"),
        _tail("channels", s.DOT_ROWS, "rows of a task"),
        _tail("pixels", 16, "positions beside each other"),
        _tail("pixels", s.DOT_PANEL, "panel"),
        Threshold("pixels", s.DOT_PANELS_A_THREAD * s.DOT_PANEL, "panels made together, then each its own"),
        Threshold("pixels", s.DOT_IMAGE_GRAIN, "one thread, then several"),
        Threshold("window", isqrt(s.DOT_MOST_TAPS) ** 2, "read from the image, then as columns"),
    )


def _weight_only(name: str) -> Thresholds:
    return (
        _tail("columns", s.WEIGHT_ROWS, "rows made numbers of at a time"),
        Threshold("inner", s.WEIGHT_GRAIN // 64, "one thread, then several"),
        _tail("inner", 2, "two numbers of a byte"),
    )


BY_FAMILY: Final[dict[str, Callable[[str], Thresholds]]] = {
    "elementwise": _elementwise,
    "reduction": _reduction,
    "linalg": _product,
    "convolution": _convolution,
    "pooling": _pooling,
    "normalization": _norm,
    "softmax": _softmax,
    "indexing": _index,
    "random": _random,
}
BY_OP: Final[dict[str, Callable[[str], Thresholds]]] = {
    "copy": _copy,
    "cast": _cast,
    "fill": _fill,
    "cat": _cat,
    "stack": _cat,
    **dict.fromkeys(("cumsum", "cumprod", "cummax", "cummin"), _scan),
    **dict.fromkeys(("sort", "argsort", "topk", "kthvalue"), _sort),
    "searchsorted": _search,
    "nonzero": _nonzero,
    "nll_loss_forward": _nll,
    "nll_loss_backward": _nll,
    "iota": _iota,
    **dict.fromkeys(("quantize", "dequantize", "choose_qparams"), _levels),
    "quantized_linear": _quantized_linear,
    "quantized_conv2d": _quantized_conv,
    "weight_only_linear": _weight_only,
}


# What calls of an op of a family have not; all else that a family says, each of its ops is asked for
WITHOUT: Final[dict[str, tuple[str, ...]]] = {
    "addmm": ("batch",),  # one product
    "max_pool_backward": ("window",),
    **dict.fromkeys(("layer_norm", "layer_norm_backward", "rms_norm"), ("batch", "channels", "pixels")),
    **dict.fromkeys(("batch_norm_train", "batch_norm_eval", "batch_norm_backward", "group_norm"), ("outer",)),
}


def of_op(family: str, name: str) -> Thresholds:
    """All thresholds of the kernel of ``name`` in ``family`` (a module of this package)."""
    return (BY_OP.get(name) or BY_FAMILY[family])(name)


def of_family(family: str, names: Iterable[str]) -> dict[str, Thresholds]:
    """op → its thresholds, as ``native_kernels`` takes them: it refuses what the op cannot be asked for."""
    return {
        name: tuple([t for t in of_op(family, name) if t.measure not in WITHOUT.get(name, ())])
        for name in names
    }
