"""What the C kernels take as ``params``: a struct each, written into ``generated/kernels.h`` when the kernels
are built, so that C and Python name the same numbers and neither counts them.

A field is one int64; ``stride[3]`` is three of them, ``sizes[]`` the rest. Floating numbers are their bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final


class Parameters:
    """The parameters of a kernel. ``SCAN(function=0, ...)`` gives its numbers in the struct's order.

    Raises TypeError where a field is missing, unknown, or has too many or few numbers.
    """

    def __init__(self, name: str, fields: str) -> None:
        self.name = f"tp_{name}_params"
        self.fields = tuple(fields.split())
        parts = [field.rstrip("]").partition("[") for field in self.fields]
        # name → how many numbers: None: one and no sequence; 0: any number of them
        self.counts: dict[str, int | None] = {f: int(n or 0) if bracket else None for f, bracket, n in parts}

    def __call__(self, **given: Any) -> list[int]:
        if given.keys() != self.counts.keys():
            wrong = ", ".join(sorted(given.keys() ^ self.counts.keys()))
            fields = ", ".join(self.counts)
            raise TypeError(f"{self.name} has the fields {fields}; missing or unknown: {wrong}")
        packed: list[int] = []
        for field, count in self.counts.items():
            value: Sequence[int] = given[field] if count is not None else (given[field],)
            if count and len(value) != count:
                raise TypeError(f"{self.name}.{field} has {count} numbers, but {len(value)} were given")
            packed += value
        return packed


# c and o: channels that a group has, in and out. Three spatial dimensions, fewer have sizes of 1.
CONV: Final = Parameters("conv", "dtype images groups c o in[3] k[3] out[3] stride[3] padding[3] dilation[3]")
# adaptive: kernel, stride, padding and dilation are not used. include_pad: means count the padding. divisor:
# of means, 0 for the window's size.
POOL: Final = Parameters(
    "pool",
    "dtype planes in[3] out[3] kernel[3] stride[3] padding[3] dilation[3] adaptive include_pad divisor",
)
# stream: write the result past the caches. piece: rows whose sums are taken together. columns: batches, work
# on rows of all channels. weight, bias, mean, parameter: dtypes, the last one of the cotangents of weight
# and bias.
NORM: Final = Parameters(
    "norm", "dtype outer n inner groups eps stream piece columns weight bias mean parameter"
)
# a, b, bias: places among the kernel's pointers, bias -1 where there is none; with their row and column
# strides. dims: the batch's sizes, then the steps of a, b and c in each, batch_dims numbers each.
MATMUL: Final = Parameters(
    "matmul", "dtype m n k a b bias a_rs a_cs b_rs b_cs ldc bias_rs bias_cs batch batch_dims dims[]"
)
SOFTMAX: Final = Parameters("softmax", "dtype function outer length inner stream")
SCAN: Final = Parameters("scan", "function from to outer length inner")  # from, to: dtypes
# count: results a line. kth: the place of kthvalue.
SORT: Final = Parameters("sort", "function dtype outer length inner count descending wants_values kth")
# own: there are boundaries for each row. length: how many; values: values a row.
SEARCHSORTED: Final = Parameters("searchsorted", "dtype right own length values total")
NONZERO: Final = Parameters("nonzero", "itemsize floating numel count ndim sizes[]")
# numbers: MASK: p. INTEGERS: low, high - low.
RANDOM: Final = Parameters("random", "function dtype count numbers[]")
IOTA: Final = Parameters("iota", "dtype length stride start step")  # stride in bytes
# itemsize: of the data side. wrap: negative indices count from the end. padding: rows of this index are left
# out (-1: none). run: elements side by side, its steps in data and rows. span: of the offsets. data, first,
# rows: the data side, the first index and the row side among the pointers. sizes: sizes and row strides of
# the places; width, length, step and strides of each index; sizes, data strides and row strides of the free
# dimensions; PUT and ADD: the input's place (0: zeros) and tp_copy's parameters.
INDEX_ROWS: Final = Parameters(
    "index_rows",
    "mode dtype itemsize wrap padding indices count run run_data run_row units span numel data first rows "
    "places_ndim free_ndim sizes[]",
)
# width: of an index. length and step: of the indexed dimension. lines: done in order, their steps in rows
# and indices. run: a line's elements, its steps in data, rows and indices. splits: runs may be split. sizes:
# sizes and strides of the indices to check; sizes, data, row and index strides of the free dimensions;
# tp_copy's parameters.
INDEX_ELEMENTS: Final = Parameters(
    "index_elements",
    "mode dtype itemsize width length step lines line_row line_index run run_data run_row run_index splits "
    "numel check_ndim free_ndim sizes[]",
)
# width: bytes of a target. fill: backward, tp_copy's parameters that fill the result.
NLL: Final = Parameters("nll", "backward dtype width outer classes inner ignored fill[]")
# strides: sizes, then strides of target and source in bytes, ndim numbers each. total: units of work.
COPY: Final = Parameters("copy", "kind itemsize ndim total grain streamed sizes[]")
# second: there is a second result. sizes: of what is kept, its strides, the result's strides, sizes and
# strides of what is reduced. All strides in bytes.
REDUCE: Final = Parameters(
    "reduce",
    "op code out_code itemsize finish count outputs mode parts grain correction second kept reduced sizes[]",
)
# sizes: then for each operand flags, code, itemsize, strides[ndim], then the static values
ELEMENTWISE: Final = Parameters(
    "elementwise", "loop outputs tensors dynamic statics ndim total grain block row_mode sizes[]"
)

ALL: Final = tuple(value for value in globals().values() if isinstance(value, Parameters))
