"""The column ``sizes``: how a call of an op is made in which one of its measures has a given size.

A factory a family: it takes the op and gives measure → function from a size to samples. Attributes, ranges
and dtypes are those of the op's first sample; only shapes, and what depends on them, are new. An op that
gives ``sizes`` itself keeps its own. Measures are described in ``thresholds.MEASURES``.

Numbers stay where every dtype holds them: sums of hundreds of thousands of terms do not overflow float16,
products are of ones with a few others among them, and what looks for a place has ties and a last place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ... import dtypes
from ...op import Input, Op
from .calls import Measures
from .images import convolution, pooling, quantized_conv
from .lines import (
    by_channel,
    by_group,
    few_factors,
    lines,
    lone,
    normalized,
    peaks,
    searchsorted,
    softmax,
    thirds,
    valleys,
)
from .moving import (
    along,
    cast,
    copy,
    created,
    elementwise,
    int4,
    joined,
    moved,
    nll,
    nonzero,
    of_grad,
    one_hot,
    per_tensor,
    rows,
    triangle,
)
from .products import (
    addmm,
    attention,
    dot,
    linear,
    matmul,
    quantized_linear,
    quantized_matmul,
    weight_only_linear,
)


def of_op(op: Op) -> Measures | None:
    """Measures of ``op``, from its name or its family; None for views and what has no size of its own."""
    if op.is_view:
        return None
    make = BY_NAME.get(op.name) or (elementwise if op.elementwise else BY_FAMILY.get(op.family))
    return None if make is None else make(op)


BY_FAMILY: Final[dict[str, Callable[[Op], Measures]]] = {
    "reduction": lines(),
    "statistics": lines(),
    "scan_sort": lines(),
    "softmax": softmax,
    "normalization": normalized,
    "convolution": convolution,
    "pooling": pooling,
    "quantized": per_tensor,
    "selection": rows,
}
BY_NAME: Final[dict[str, Callable[[Op], Measures]]] = {
    "copy": copy,
    "assign": copy,
    "to_device": copy,
    "cast": cast,
    "fill": created(dtypes.float32, dtypes.uint8),
    "iota": created(dtypes.float32, dtypes.int64),
    "random_bits": created(dtypes.int32, dtypes.int64),
    "rand": created(dtypes.float32, dtypes.float16),
    "randn": created(dtypes.float32, dtypes.float16),
    "randint": created(dtypes.int64),
    "randperm": created(dtypes.int64),
    "dropout_mask": created(),
    "bernoulli": elementwise,
    "masked_fill": elementwise,
    "argmax": lines(peaks),
    "argmin": lines(valleys),
    "any": lines(lone(0, 1)),
    "all": lines(lone(1, 0)),
    "count_nonzero": lines(thirds),
    "prod": lines(few_factors),
    "cumprod": lines(few_factors),
    "topk": lines(k=lambda n: min(n, 5)),
    "kthvalue": lines(k=lambda n: n // 2 + 1),
    "searchsorted": searchsorted,
    "matmul": matmul,
    "addmm": addmm,
    "linear": linear,
    "dot": dot,
    "scaled_dot_product_attention": attention,
    "quantized_linear": quantized_linear,
    "quantized_matmul": quantized_matmul,
    "quantized_conv2d": quantized_conv,
    "weight_only_linear": weight_only_linear,
    "batch_norm_train": by_channel,
    "batch_norm_eval": by_channel,
    "batch_norm_backward": by_channel,
    "group_norm": by_group,
    "gather": along,
    "scatter": along,
    "scatter_add": along,
    "take_along_dim": along,
    "one_hot": one_hot,
    "nll_loss_forward": nll,
    "nll_loss_backward": nll,
    "nonzero": nonzero,
    "cat": joined,
    "stack": joined,
    "flip": moved(dims=((0,), (1,))),
    "roll": moved(shifts=((1,), (2,)), dims=((0,), (1,))),
    "repeat": moved(repeats=((2,), (2, 2))),
    "tile": moved(dims=((2,), (2, 2))),
    "repeat_interleave": moved(repeats=(2, 2), dim=(0, 1)),
    "constant_pad_nd": moved(pad=((1, 2), (1, 2))),
    "pad": moved(pad=((1, 2), (1, 2))),
    "tril": triangle,
    "triu": triangle,
    "slice_backward": of_grad(lambda n: (Input((n,)), (2 * n + 1,), 0, 1, n, 2)),
    "select_backward": of_grad(lambda n: (Input((n,)), (3, n), 0, 1)),
    "diagonal_backward": of_grad(lambda n: (Input((-(-n // 3), 3)), (-(-n // 3), 3, 4), 1, 1, 2)),
    "unfold_backward": of_grad(lambda n: (Input((n, 3)), (n + 2,), 0, 3, 1)),
    "as_strided_backward": of_grad(
        lambda n: (Input((n, 2)), (n + 1,), (1,), (n, 2), (1, 1), 0),
    ),
    "pack_int4": int4,
    "unpack_int4": int4,
}
