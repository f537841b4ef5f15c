"""What the C kernels take as ``params``: a struct each, written into ``generated/kernels.h`` when the kernels
are built, so that C and Python name the same numbers and neither counts them.

A field is one int64; ``stride[3]`` is three of them, ``sizes[]`` the rest, whose length the fields before it
say. What is in a rest several times, or is another kernel's, has a struct of its own (``CAT_PART``), so that
no number is found by its place (docs/decisions/0030). Floating numbers are their bits.
"""

from __future__ import annotations

from collections.abc import Mapping
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
        *head, last = self.counts.values()
        # in nearly all only the last is no single number, which takes half the time
        self._plain, self._rest = all(count is None for count in head) and not last, last == 0

    def __call__(self, **given: Any) -> list[int]:
        if len(given) != len(self.counts):
            raise self._wrong(given)
        try:
            if not self._plain:
                return self._pack(given)
            packed = [*map(given.__getitem__, self.counts)]
        except KeyError:
            raise self._wrong(given) from None
        if self._rest:
            packed += packed.pop()
        return packed

    def _pack(self, given: Mapping[str, Any]) -> list[int]:
        packed: list[int] = []
        for field, count in self.counts.items():
            value = given[field]
            if count is None:
                packed.append(value)
                continue
            if count and len(value) != count:
                raise TypeError(f"{self.name}.{field} has {count} numbers, but {len(value)} were given")
            packed += value
        return packed

    def _wrong(self, given: Mapping[str, Any]) -> TypeError:
        wrong, fields = ", ".join(sorted(given.keys() ^ self.counts.keys())), ", ".join(self.counts)
        return TypeError(f"{self.name} has the fields {fields}; missing or unknown: {wrong}")


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
# probability: of MASK. low, range: of INTEGERS, which are low + [0, range).
RANDOM: Final = Parameters("random", "function dtype count probability low range")
IOTA: Final = Parameters("iota", "dtype length stride start step")  # stride in bytes
# itemsize: of the data side. wrap: negative indices count from the end. padding: rows of this index are left
# out (-1: none). run: elements side by side, its steps in data and rows. span: of the offsets. data, first,
# rows: the data side, the first index and the row side among the pointers; input: of PUT and ADD, 0: zeros.
# sizes: sizes and row strides of the places; an INDEX each; sizes, data strides and row strides of the free
# dimensions; PUT and ADD: COPY.
INDEX_ROWS: Final = Parameters(
    "index_rows",
    "mode dtype itemsize wrap padding indices count run run_data run_row units span numel data first rows "
    "input places_ndim free_ndim sizes[]",
)
INDEX: Final = Parameters("index", "width length step strides[]")  # strides: over the places
# width: of an index. length and step: of the indexed dimension. lines: done in order, their steps in rows
# and indices. run: a line's elements, its steps in data, rows and indices. splits: runs may be split. sizes:
# sizes and strides of the indices to check; sizes, data, row and index strides of the free dimensions;
# PUT and ADD: COPY.
INDEX_ELEMENTS: Final = Parameters(
    "index_elements",
    "mode dtype itemsize width length step lines line_row line_index run run_data run_row run_index splits "
    "numel check_ndim free_ndim sizes[]",
)
# width: bytes of a target. fill: backward, the COPY that fills the result.
NLL: Final = Parameters("nll", "backward dtype width outer classes inner ignored fill[]")
# strides: sizes, then strides of target and source in bytes, ndim numbers each. total: units of work.
COPY: Final = Parameters("copy", "kind itemsize ndim total grain streamed sizes[]")
# parts: a CAT_PART each. first: its first byte in the result. length: of copy, a COPY; 0: it is empty.
CAT: Final = Parameters("cat", "count parts[]")
CAT_PART: Final = Parameters("cat_part", "first length copy[]")
# second: there is a second result. sizes: of what is kept, its strides, the result's strides, sizes and
# strides of what is reduced. All strides in bytes.
REDUCE: Final = Parameters(
    "reduce",
    "op code out_code itemsize finish count outputs mode parts grain correction second kept reduced sizes[]",
)
# sizes: then an ELEMENTWISE_OPERAND each, then the loop's numbers. statics: how many.
ELEMENTWISE: Final = Parameters(
    "elementwise", "loop outputs tensors dynamic statics ndim total grain block row_mode sizes[]"
)
ELEMENTWISE_OPERAND: Final = Parameters("elementwise_operand", "flags code itemsize strides[]")  # in bytes
# Of contiguous loops, cast's too. Those that are generated from the op table call their numbers by name.
LOOP: Final = Parameters("loop", "count numbers[]")
# kind: of the result. row_scales: the weight has a scale a row. product: QUANTIZED_LINEAR or QUANTIZED_CONV.
QUANTIZED: Final = Parameters("quantized", "level signed_input kind row_scales bias product[]")
QUANTIZED_LINEAR: Final = Parameters("quantized_linear", "m n k")
# c and o: channels that a group has, in and out
QUANTIZED_CONV: Final = Parameters(
    "quantized_conv", "batch groups c o in[2] k[2] out[2] stride[2] padding[2] dilation[2]"
)
# inner: elements that share a scale. scales: how many
QUANTIZE: Final = Parameters("quantize", "count inner scales low high")
DEQUANTIZE: Final = Parameters("dequantize", "count inner scales signed_levels")
CHOOSE_QPARAMS: Final = Parameters("choose_qparams", "count low high symmetric")
# group: elements of a row that share a scale. own: each row has its own scales, as many as groups.
WEIGHT_ONLY: Final = Parameters("weight_only", "m n k bits signed_levels group own groups bias")
# list: an ONEDNN_TASK each, which has an ONEDNN_ARGUMENT for each of its arguments
ONEDNN: Final = Parameters("onednn", "tasks arguments grain list[]")
# primitive and descriptors are addresses. scratch: bytes of the scratchpad.
ONEDNN_TASK: Final = Parameters("onednn_task", "primitive scratch scratch_descriptor arguments[]")
# number: oneDNN's. place: among the pointers, -1: nowhere. offset: bytes from there, or the address.
ONEDNN_ARGUMENT: Final = Parameters("onednn_argument", "number descriptor place offset")

ALL: Final = tuple(value for value in globals().values() if isinstance(value, Parameters))
