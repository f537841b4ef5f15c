"""Written by tools/public_table.py from the ops and from what is @public; not to be edited."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from .call import OpFunction
from .dtypes import DType
from .storage import Device
from .tensor import TensorBase as Tensor

Number: TypeAlias = int | float

class _abs(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """The absolute value; the integer minimum stays itself. Shapes: the result has the shape of
        ``input``. Dtypes: any dtype but bool; the result has the same. Source: torch.abs.
        """
class _acos(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """The inverse cosine in radians; NaN outside [-1, 1]. Shapes: the result has the shape of ``input``.
        Dtypes: any dtype; the result of integers and bool has the default floating dtype. Source:
        torch.acos.
        """
class _acosh(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """The inverse hyperbolic cosine; NaN below 1. Shapes: the result has the shape of ``input``. Dtypes:
        any dtype; the result of integers and bool has the default floating dtype. Source: torch.acosh.
        """
class _adam_amsgrad_step(OpFunction):
    def __call__(
        self,
        param: Tensor | Number,
        grad: Tensor | Number,
        exp_avg: Tensor | Number,
        exp_avg_sq: Tensor | Number,
        max_exp_avg_sq: Tensor | Number,
        lr: Number,
        beta1: Number,
        beta2: Number,
        eps: Number,
        weight_decay: Number,
        bias_correction1: Number,
        bias_correction2: Number,
        decoupled: bool = False,
        maximize: bool = False,
        *,
        out: Any = None,
    ) -> Any:
        """Adam with the largest second moment so far, as amsgrad=True. Shapes: operands broadcast, every
        result has their common shape. Dtypes: floating dtypes; the result has the promoted one. Raises:
        ShapeError, operands that do not broadcast. Source: torch.optim.Adam.
        """
class _adam_step(OpFunction):
    def __call__(
        self,
        param: Tensor | Number,
        grad: Tensor | Number,
        exp_avg: Tensor | Number,
        exp_avg_sq: Tensor | Number,
        lr: Number,
        beta1: Number,
        beta2: Number,
        eps: Number,
        weight_decay: Number,
        bias_correction1: Number,
        bias_correction2: Number,
        decoupled: bool = False,
        maximize: bool = False,
        *,
        out: Any = None,
    ) -> Any:
        """Adam; with decoupled=True AdamW. Shapes: operands broadcast, every result has their common shape.
        Dtypes: floating dtypes; the result has the promoted one. Raises: ShapeError, operands that do not
        broadcast. Source: torch.optim.Adam, arXiv:1412.6980, arXiv:1711.05101.
        """
class _adaptive_avg_pool(OpFunction):
    def __call__(self, input: Tensor, output_size: int | Sequence[int], *, out: Any = None) -> Any:
        """Means of output_size blocks of the last dimensions. Shapes: ``input [*S] ->
        [*S[:-len(output_size)], *output_size]``. Dtypes: floating dtypes; the result has the same. Source:
        torch.nn.functional.adaptive_avg_pool2d.
        """
class _adaptive_max_pool(OpFunction):
    def __call__(self, input: Tensor, output_size: int | Sequence[int], *, out: Any = None) -> Any:
        """The largest values of output_size blocks of the last dimensions, and their flat places. Shapes:
        ``input [*S] -> out [*S[:-len(output_size)], *output_size], indices int64 [*S[:-len(output_size)],
        *output_size]``. Dtypes: floating dtypes; the result has the same unless another stands before its
        shape. Source: torch.nn.functional.adaptive_max_pool2d.
        """
class _add(OpFunction):
    def __call__(self, input: Tensor | Number, other: Tensor | Number, *, out: Any = None) -> Any:
        """x + y; on bool: or. Shapes: operands broadcast, the result has their common shape. Dtypes: any
        dtype; the result has the promoted one. Raises: ShapeError, operands that do not broadcast. Source:
        torch.add.
        """
class _addcdiv(OpFunction):
    def __call__(
        self,
        input: Tensor,
        tensor1: Tensor,
        tensor2: Tensor,
        *,
        value: Number = 1,
        out: Any = None,
    ) -> Any:
        """x + value * tensor1 / tensor2. Shapes: operands broadcast, the result has their common shape.
        Dtypes: floating dtypes; the result has the promoted one. Raises: ShapeError, operands that do not
        broadcast. Source: torch.addcdiv.
        """
class _addcmul(OpFunction):
    def __call__(
        self,
        input: Tensor,
        tensor1: Tensor,
        tensor2: Tensor,
        *,
        value: Number = 1,
        out: Any = None,
    ) -> Any:
        """x + value * tensor1 * tensor2. Shapes: operands broadcast, the result has their common shape.
        Dtypes: any dtype but bool; the result has the promoted one. Raises: ShapeError, operands that do
        not broadcast. Source: torch.addcmul.
        """
class _addmm(OpFunction):
    def __call__(self, bias: Tensor, a: Tensor, b: Tensor, *, out: Any = None) -> Any:
        """bias + a @ b for matrices. Shapes: ``bias [*S], a [M, K], b [K, N] -> [M, N]``. Dtypes: any dtype
        but bool; the result has the same. Raises: ShapeError, shapes or sizes that do not fit ('size of
        tensor', 'must be matrices'). Source: torch.addmm.
        """
class _alias(OpFunction):
    def __call__(self, input: Tensor, *, out: Any = None) -> Any:
        """The tensor itself as a view. Shapes: the result has the shape of ``input``. Dtypes: any dtype; the
        result has the same. Source: torch.ops.aten.alias.
        """
class _all(OpFunction):
    def __call__(
        self,
        input: Tensor,
        dim: int | Sequence[int] | None = None,
        keepdim: bool = False,
        *,
        out: Any = None,
        axis: int | Sequence[int] | None = ...,
        keepdims: bool = ...,
    ) -> Any:
        """Whether no value over dim is zero. Shapes: the result has the shape of ``input`` without ``dim``,
        where that is None without any, or of size 1 with ``keepdim``. Dtypes: any dtype; the result is
        bool for bool and int8 and int16 and int32 and int64, else has the same. Raises: IndexRangeError, a
        dimension or an index that is out of range or not allowed ('Dimension out of range', 'multiple
        times'). Source: torch.all.
        """
class _amax(OpFunction):
    def __call__(
        self,
        input: Tensor,
        dim: int | Sequence[int] | None = None,
        keepdim: bool = False,
        *,
        out: Any = None,
        axis: int | Sequence[int] | None = ...,
        keepdims: bool = ...,
    ) -> Any:
        """The largest value over dim; NaN wins. Shapes: the result has the shape of ``input`` without
        ``dim``, where that is None without any, or of size 1 with ``keepdim``. Dtypes: any dtype; the
        result has the same. Raises: IndexRangeError, a dimension or an index that is out of range or not
        allowed ('amax(): Expected reduction dim', 'Dimension out of range'). Source: torch.amax.
        """
class _amin(OpFunction):
    def __call__(
        self,
        input: Tensor,
        dim: int | Sequence[int] | None = None,
        keepdim: bool = False,
        *,
        out: Any = None,
        axis: int | Sequence[int] | None = ...,
        keepdims: bool = ...,
    ) -> Any:
        """The smallest value over dim; NaN wins. Shapes: the result has the shape of ``input`` without
        ``dim``, where that is None without any, or of size 1 with ``keepdim``. Dtypes: any dtype; the
        result has the same. Raises: IndexRangeError, a dimension or an index that is out of range or not
        allowed ('amin(): Expected reduction dim', 'Dimension out of range'). Source: torch.amin.
        """
class _any(OpFunction):
    def __call__(
        self,
        input: Tensor,
        dim: int | Sequence[int] | None = None,
        keepdim: bool = False,
        *,
        out: Any = None,
        axis: int | Sequence[int] | None = ...,
        keepdims: bool = ...,
    ) -> Any:
        """Whether any value over dim is not zero. Shapes: the result has the shape of ``input`` without
        ``dim``, where that is None without any, or of size 1 with ``keepdim``. Dtypes: any dtype; the
        result is bool for bool and int8 and int16 and int32 and int64, else has the same. Raises:
        IndexRangeError, a dimension or an index that is out of range or not allowed ('Dimension out of
        range', 'multiple times'). Source: torch.any.
        """
class _argmax(OpFunction):
    def __call__(
        self,
        input: Tensor,
        dim: int | None = None,
        keepdim: bool = False,
        *,
        out: Any = None,
        axis: int | None = ...,
        keepdims: bool = ...,
    ) -> Any:
        """The int64 index of the largest value along dim, or of the flattened tensor. Shapes: the result has
        the shape of ``input`` without ``dim``, where that is None without any, or of size 1 with
        ``keepdim``. Dtypes: any dtype but bool; the result is int64. Raises: IndexRangeError, a dimension
        or an index that is out of range or not allowed ('argmax(): Expected reduction dim', 'Dimension out
        of range'). Source: torch.argmax.
        """
class _argmin(OpFunction):
    def __call__(
        self,
        input: Tensor,
        dim: int | None = None,
        keepdim: bool = False,
        *,
        out: Any = None,
        axis: int | None = ...,
        keepdims: bool = ...,
    ) -> Any:
        """The int64 index of the smallest value along dim, or of the flattened tensor. Shapes: the result has
        the shape of ``input`` without ``dim``, where that is None without any, or of size 1 with
        ``keepdim``. Dtypes: any dtype but bool; the result is int64. Raises: IndexRangeError, a dimension
        or an index that is out of range or not allowed ('argmin(): Expected reduction dim', 'Dimension out
        of range'). Source: torch.argmin.
        """
class _argsort(OpFunction):
    def __call__(
        self,
        input: Tensor,
        dim: int = -1,
        descending: bool = False,
        *,
        out: Any = None,
        axis: int = ...,
    ) -> Any:
        """The places that sort the values along dim; stable. Shapes: ``input [*S] -> int64 [*S]``. Dtypes:
        any dtype; the result has the same unless another stands before its shape. Raises: IndexRangeError,
        a dimension or an index that is out of range or not allowed ('Dimension out of range'). Source:
        torch.argsort.
        """
class _as_strided(OpFunction):
    def __call__(
        self,
        input: Tensor,
        size: int | Sequence[int],
        stride: int | Sequence[int],
        offset: int = 0,
        *,
        out: Any = None,
    ) -> Any:
        """A view with these sizes and strides; offset counts elements from the input's first. Shapes: ``input
        [*S] -> [*size]``. Dtypes: any dtype; the result has the same. Source: torch.as_strided (whose
        storage_offset counts from the storage's first).
        """
class _as_strided_backward(OpFunction):
    def __call__(
        self,
        grad_output: Tensor,
        input_shape: int | Sequence[int],
        input_stride: int | Sequence[int],
        size: int | Sequence[int],
        stride: int | Sequence[int],
        offset: int,
        *,
        out: Any = None,
    ) -> Any:
        """The cotangent of as_strided. Shapes: ``grad_output [*G] -> [*input_shape]``. Dtypes: floating
        dtypes; the result has the same unless another stands before its shape. Source:
        torch.ops.aten.as_strided.
        """
class _asin(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """The inverse sine in radians; NaN outside [-1, 1]. Shapes: the result has the shape of ``input``.
        Dtypes: any dtype; the result of integers and bool has the default floating dtype. Source:
        torch.asin.
        """
class _asinh(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """The inverse hyperbolic sine. Shapes: the result has the shape of ``input``. Dtypes: any dtype; the
        result of integers and bool has the default floating dtype. Source: torch.asinh.
        """
class _assign(OpFunction):
    def __call__(self, input: Tensor, source: Tensor, *, out: Any = None) -> Any:
        """The source, broadcast to the input and in its dtype: what copy_ leaves there. Shapes: ``input [*S],
        source [*T] -> [*S]``. Dtypes: any dtype; the result has the same. Raises: ShapeError, shapes or
        sizes that do not fit. Source: torch.Tensor.copy_.
        """
class _atan(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """The inverse tangent in radians. Shapes: the result has the shape of ``input``. Dtypes: any dtype;
        the result of integers and bool has the default floating dtype. Source: torch.atan.
        """
class _atan2(OpFunction):
    def __call__(self, input: Tensor, other: Tensor, *, out: Any = None) -> Any:
        """The angle of the point (y, x) in (-pi, pi]. Shapes: operands broadcast, the result has their common
        shape. Dtypes: any dtype; the result of integers and bool has the default floating dtype. Raises:
        ShapeError, operands that do not broadcast. Source: torch.atan2.
        """
class _atanh(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """The inverse hyperbolic tangent; NaN outside [-1, 1]. Shapes: the result has the shape of ``input``.
        Dtypes: any dtype; the result of integers and bool has the default floating dtype. Source:
        torch.atanh.
        """
class _avg_pool(OpFunction):
    def __call__(
        self,
        input: Tensor,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int],
        padding: int | Sequence[int],
        ceil_mode: bool,
        count_include_pad: bool,
        divisor_override: int | None = None,
        *,
        out: Any = None,
    ) -> Any:
        """The mean of each window, over as many dimensions as kernel_size has numbers. Shapes: ``input [N, C,
        *S] -> [N, C, *P]``. Dtypes: floating dtypes and int64; the result has the same. Raises:
        ShapeError, shapes or sizes that do not fit ('Output size is too small', 'at most half', 'a number
        a spatial dimension'). Source: torch.nn.functional.avg_pool2d.
        """
class _avg_pool_backward(OpFunction):
    def __call__(
        self,
        grad_output: Tensor,
        input_shape: int | Sequence[int],
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int],
        padding: int | Sequence[int],
        ceil_mode: bool,
        count_include_pad: bool,
        divisor_override: int | None = None,
        *,
        out: Any = None,
    ) -> Any:
        """The cotangent of avg_pool. Shapes: ``grad_output [N, C, *P] -> [*input_shape]``. Dtypes: floating
        dtypes; the result has the same. Source: torch.nn.functional.avg_pool2d.
        """
class _batch_norm_backward(OpFunction):
    def __call__(
        self,
        grad_output: Tensor,
        input: Tensor,
        mean: Tensor,
        rstd: Tensor,
        weight: Tensor | None,
        *,
        out: Any = None,
    ) -> Any:
        """The cotangents of batch_norm_train. Shapes: ``grad_output [N, C, *S], input [N, C, *S], mean [C],
        rstd [C], weight [C] -> d_input [N, C, *S], d_weight [C], d_bias [C]``. Dtypes: floating dtypes;
        d_input has the same, d_weight has the same, d_bias has the same. Source:
        torch.ops.aten.native_batch_norm_backward.
        """
class _batch_norm_eval(OpFunction):
    def __call__(
        self,
        input: Tensor,
        mean: Tensor,
        variance: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        eps: Number,
        *,
        out: Any = None,
    ) -> Any:
        """Normalized with given statistics. Shapes: ``input [N, C, *S], mean [C], variance [C], weight [C],
        bias [C] -> [N, C, *S]``. Dtypes: floating dtypes; the result has the same. Source:
        torch.nn.functional.batch_norm with training=False.
        """
class _batch_norm_train(OpFunction):
    def __call__(
        self,
        input: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        eps: Number,
        *,
        out: Any = None,
    ) -> Any:
        """Normalized with each channel's own mean and (biased) variance; channels are dimension 1. Shapes:
        ``input [N, C, *S], weight [C], bias [C] -> out [N, C, *S], mean [C], rstd [C]``. Dtypes: floating
        dtypes; out has the same, mean is float32 for float16 and bfloat16, else has the same, rstd is
        float32 for float16 and bfloat16, else has the same. Raises: ShapeError, shapes or sizes that do
        not fit. Source: torch.nn.functional.batch_norm with training=True.
        """
class _bernoulli(OpFunction):
    def __call__(self, input: Tensor, seed: int, offset: int, *, out: Any = None) -> Any:
        """1 with the probability that each element says, else 0. Shapes: the result has the shape of
        ``input``. Dtypes: floating dtypes; the result has the same. Raises: DTypeError, a dtype that is
        not taken. Source: torch.bernoulli.
        """
class _bitwise_and(OpFunction):
    def __call__(self, input: Tensor | Number, other: Tensor | Number, *, out: Any = None) -> Any:
        """Bits in both. Shapes: operands broadcast, the result has their common shape. Dtypes: integers and
        bool; the result has the promoted one. Raises: ShapeError, operands that do not broadcast. Source:
        torch.bitwise_and.
        """
class _bitwise_left_shift(OpFunction):
    def __call__(self, input: Tensor | Number, other: Tensor | Number, *, out: Any = None) -> Any:
        """x times 2**y; 0 where y is negative or not below the number of bits. Shapes: operands broadcast,
        the result has their common shape. Dtypes: integers; the result has the promoted one. Raises:
        ShapeError, operands that do not broadcast. Source: torch.bitwise_left_shift.
        """
class _bitwise_not(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """Every bit inverted; logical on bool. Shapes: the result has the shape of ``input``. Dtypes:
        integers and bool; the result has the same. Source: torch.bitwise_not.
        """
class _bitwise_or(OpFunction):
    def __call__(self, input: Tensor | Number, other: Tensor | Number, *, out: Any = None) -> Any:
        """Bits in either. Shapes: operands broadcast, the result has their common shape. Dtypes: integers and
        bool; the result has the promoted one. Raises: ShapeError, operands that do not broadcast. Source:
        torch.bitwise_or.
        """
class _bitwise_right_shift(OpFunction):
    def __call__(self, input: Tensor | Number, other: Tensor | Number, *, out: Any = None) -> Any:
        """x divided by 2**y, the sign kept; a y out of range shifts all bits out. Shapes: operands broadcast,
        the result has their common shape. Dtypes: integers; the result has the promoted one. Raises:
        ShapeError, operands that do not broadcast. Source: torch.bitwise_right_shift.
        """
class _bitwise_xor(OpFunction):
    def __call__(self, input: Tensor | Number, other: Tensor | Number, *, out: Any = None) -> Any:
        """Bits in one only. Shapes: operands broadcast, the result has their common shape. Dtypes: integers
        and bool; the result has the promoted one. Raises: ShapeError, operands that do not broadcast.
        Source: torch.bitwise_xor.
        """
class _cast(OpFunction):
    def __call__(self, input: Tensor, dtype: DType, *, out: Any = None) -> Any:
        """A copy converted to dtype; floating to integer cuts towards zero. Shapes: the result has the shape
        of ``input``. Dtypes: any dtype; the result has ``dtype``. Source: torch.Tensor.to.
        """
class _cat(OpFunction):
    def __call__(self, tensors: Sequence[Tensor], dim: int = 0, *, out: Any = None, axis: int = ...) -> Any:
        """Tensors joined along a dimension. Shapes: ``tensors [*A, n at dim, *B] -> [*A, sum(n), *B]``.
        Dtypes: any dtype; the result has the same. Raises: ShapeError, shapes or sizes that do not fit.
        Source: torch.cat.
        """
class _ceil(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """The smallest integer not below x. Shapes: the result has the shape of ``input``. Dtypes: any dtype
        but bool; the result has the same. Source: torch.ceil.
        """
class _choose_qparams(OpFunction):
    def __call__(self, input: Tensor, low: int, high: int, symmetric: bool, *, out: Any = None) -> Any:
        """The scale and zero point that spread the range of the input, with 0, over the levels low to high.
        Shapes: ``input [*S] -> scale [], zero_point []``. Dtypes: floating dtypes; scale is float32,
        zero_point is int32. Source: ONNX DynamicQuantizeLinear.
        """
class _clamp(OpFunction):
    def __call__(
        self,
        input: Tensor | Number,
        min: Number | None = None,
        max: Number | None = None,
        *,
        out: Any = None,
    ) -> Any:
        """x limited to [min, max]; max wins if they cross. NaN in x or as a bound gives NaN. Shapes: the
        result has the shape of ``input``. Dtypes: any dtype but bool; the result has the same. Source:
        torch.clamp.
        """
class _constant_pad_nd(OpFunction):
    def __call__(self, input: Tensor, pad: int | Sequence[int], value: Number = 0, *, out: Any = None) -> Any:
        """Padded with a value, cropped where pad is negative; pairs from the last dimension on. Shapes:
        ``input [*S] -> [*padded(S, pad)]``. Dtypes: any dtype; the result has the same. Raises:
        ShapeError, shapes or sizes that do not fit ('two numbers a dimension'). Source:
        torch.nn.functional.pad.
        """
class _conv(OpFunction):
    def __call__(
        self,
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        stride: int | Sequence[int],
        padding: int | Sequence[int],
        dilation: int | Sequence[int],
        groups: int,
        *,
        out: Any = None,
    ) -> Any:
        """Cross-correlation of an input [N, C, ...] with a weight [out, C / groups, ...], over one spatial
        dimension or more. Shapes: ``input [N, C, *S], weight [O, C // groups, *K], bias [O] -> [N, O,
        *P]``. Dtypes: any dtype but bool; the result has the same. Raises: ShapeError, shapes or sizes
        that do not fit ('as many dimensions'). Source: torch.nn.functional.conv2d.
        """
class _conv_input_grad(OpFunction):
    def __call__(
        self,
        grad_output: Tensor,
        weight: Tensor,
        input_shape: int | Sequence[int],
        stride: int | Sequence[int],
        padding: int | Sequence[int],
        dilation: int | Sequence[int],
        groups: int,
        *,
        out: Any = None,
    ) -> Any:
        """The cotangent of the input of conv; also the transposed convolution. Shapes: ``grad_output [N, O,
        *P], weight [O, *K] -> [*input_shape]``. Dtypes: floating dtypes; the result has the same. Source:
        torch.nn.grad.conv2d_input.
        """
class _conv_weight_grad(OpFunction):
    def __call__(
        self,
        grad_output: Tensor,
        input: Tensor,
        weight_shape: int | Sequence[int],
        stride: int | Sequence[int],
        padding: int | Sequence[int],
        dilation: int | Sequence[int],
        groups: int,
        *,
        out: Any = None,
    ) -> Any:
        """The cotangent of the weight of conv. Shapes: ``grad_output [N, O, *P], input [N, C, *S] ->
        [*weight_shape]``. Dtypes: floating dtypes; the result has the same. Source:
        torch.nn.grad.conv2d_weight.
        """
class _copy(OpFunction):
    def __call__(self, input: Tensor, *, out: Any = None) -> Any:
        """A dense copy of a tensor of any strides. Shapes: the result has the shape of ``input``. Dtypes: any
        dtype; the result has the same. Source: torch.clone.
        """
class _copysign(OpFunction):
    def __call__(self, input: Tensor, other: Tensor | Number, *, out: Any = None) -> Any:
        """The magnitude of x with the sign of y. Shapes: operands broadcast, the result has their common
        shape. Dtypes: any dtype; the result of integers and bool has the default floating dtype. Raises:
        ShapeError, operands that do not broadcast. Source: torch.copysign.
        """
class _cos(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """The cosine; x in radians. Shapes: the result has the shape of ``input``. Dtypes: any dtype; the
        result of integers and bool has the default floating dtype. Source: torch.cos.
        """
class _cosh(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """The hyperbolic cosine. Shapes: the result has the shape of ``input``. Dtypes: any dtype; the result
        of integers and bool has the default floating dtype. Source: torch.cosh.
        """
class _count_nonzero(OpFunction):
    def __call__(
        self,
        input: Tensor,
        dim: int | Sequence[int] | None = None,
        *,
        out: Any = None,
        axis: int | Sequence[int] | None = ...,
    ) -> Any:
        """How many values over dim are not zero, as int64. Shapes: ``input [*S] -> int64 [*reduced(S,
        dim)]``. Dtypes: any dtype; the result has the same unless another stands before its shape. Source:
        torch.count_nonzero.
        """
class _cummax(OpFunction):
    def __call__(self, input: Tensor, dim: int = ..., *, out: Any = None, axis: int = ...) -> Any:
        """The largest element up to each along dim, and its last place. Shapes: every result has the shape of
        ``input``. Dtypes: any dtype; values has the same, indices is int64. Raises: IndexRangeError, a
        dimension or an index that is out of range or not allowed ('Dimension out of range'). Source:
        torch.cummax.
        """
class _cummin(OpFunction):
    def __call__(self, input: Tensor, dim: int = ..., *, out: Any = None, axis: int = ...) -> Any:
        """The smallest element up to each along dim, and its last place. Shapes: every result has the shape
        of ``input``. Dtypes: any dtype; values has the same, indices is int64. Raises: IndexRangeError, a
        dimension or an index that is out of range or not allowed ('Dimension out of range'). Source:
        torch.cummin.
        """
class _cumprod(OpFunction):
    def __call__(
        self,
        input: Tensor,
        dim: int = ...,
        *,
        dtype: DType | None = None,
        out: Any = None,
        axis: int = ...,
    ) -> Any:
        """The product of all elements up to each along dim. Shapes: the result has the shape of ``input``.
        Dtypes: any dtype; the result is int64 for integers and bool, else has the same. Raises:
        IndexRangeError, a dimension or an index that is out of range or not allowed ('Dimension out of
        range'). Source: torch.cumprod.
        """
class _cumsum(OpFunction):
    def __call__(
        self,
        input: Tensor,
        dim: int = ...,
        *,
        dtype: DType | None = None,
        out: Any = None,
        axis: int = ...,
    ) -> Any:
        """The sum of all elements up to each along dim. Shapes: the result has the shape of ``input``.
        Dtypes: any dtype; the result is int64 for integers and bool, else has the same. Raises:
        IndexRangeError, a dimension or an index that is out of range or not allowed ('Dimension out of
        range'). Source: torch.cumsum.
        """
class _deg2rad(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """Degrees as radians. Shapes: the result has the shape of ``input``. Dtypes: any dtype; the result of
        integers and bool has the default floating dtype. Source: torch.deg2rad.
        """
class _dequantize(OpFunction):
    def __call__(
        self,
        input: Tensor,
        scale: Tensor,
        zero_point: Tensor | None,
        dtype: DType,
        *,
        out: Any = None,
    ) -> Any:
        """The numbers of levels: (input - zero_point) * scale. Shapes: ``input [*S], scale [*Q], zero_point
        [*Q] -> [*S]``. Dtypes: any dtype; the result has the same unless another stands before its shape.
        Source: ONNX DequantizeLinear.
        """
class _detach(OpFunction):
    def __call__(self, input: Tensor, *, out: Any = None) -> Any:
        """The tensor as a constant: no gradient passes. Shapes: the result has the shape of ``input``.
        Dtypes: any dtype; the result has the same. Source: torch.Tensor.detach.
        """
class _diagonal(OpFunction):
    def __call__(
        self,
        input: Tensor,
        offset: int = 0,
        dim1: int = 0,
        dim2: int = 1,
        *,
        out: Any = None,
    ) -> Any:
        """The diagonal of two dimensions as a new last one. Shapes: ``input [*S] -> [*without(S, dim1, dim2),
        n]``. Dtypes: any dtype; the result has the same. Raises: ShapeError, shapes or sizes that do not
        fit. Source: torch.diagonal.
        """
class _diagonal_backward(OpFunction):
    def __call__(
        self,
        grad_output: Tensor,
        input_shape: int | Sequence[int],
        offset: int,
        dim1: int,
        dim2: int,
        *,
        out: Any = None,
    ) -> Any:
        """The cotangent of diagonal. Shapes: ``grad_output [*G] -> [*input_shape]``. Dtypes: any dtype; the
        result has the same unless another stands before its shape. Source:
        torch.ops.aten.diagonal_backward.
        """
class _div(OpFunction):
    def __call__(self, input: Tensor | Number, other: Tensor | Number, *, out: Any = None) -> Any:
        """The true quotient x / y. Shapes: operands broadcast, the result has their common shape. Dtypes: any
        dtype; the result of integers and bool has the default floating dtype. Raises: ShapeError, operands
        that do not broadcast. Source: torch.div.
        """
class _dot(OpFunction):
    def __call__(self, input: Tensor, other: Tensor, *, out: Any = None) -> Any:
        """The inner product of two vectors. Shapes: ``input [n], other [n] -> []``. Dtypes: any dtype but
        bool; the result has the same. Raises: ShapeError, shapes or sizes that do not fit. Source:
        torch.dot.
        """
class _dropout_mask(OpFunction):
    def __call__(
        self,
        shape: int | Sequence[int],
        p: Number,
        seed: int,
        offset: int,
        device: Device | str | None = None,
        *,
        out: Any = None,
    ) -> Any:
        """Bools that are true with probability 1 - p: what dropout keeps. Shapes: ``-> [*shape]``. Dtypes:
        the result is bool. Raises: ShapeError, shapes or sizes that do not fit. Source:
        torch.nn.functional.dropout.
        """
class _elu(OpFunction):
    def __call__(self, input: Tensor | Number, alpha: Number = 1.0, *, out: Any = None) -> Any:
        """x above 0, else alpha * (exp(x) - 1). Shapes: the result has the shape of ``input``. Dtypes:
        floating dtypes; the result has the same. Source: arXiv:1511.07289.
        """
class _embedding(OpFunction):
    def __call__(self, weight: Tensor, indices: Tensor, padding_idx: int = -1, *, out: Any = None) -> Any:
        """The rows of weight [num_embeddings, dim] that indices name; row padding_idx gets no gradient.
        Shapes: ``weight [n, d], indices integer [*S] -> [*S, d]``. Dtypes: floating dtypes; the result has
        the same. Raises: ShapeError, shapes or sizes that do not fit; DTypeError, a dtype that is not
        taken; IndexRangeError, a dimension or an index that is out of range or not allowed ('out of
        range'). Source: torch.nn.functional.embedding.
        """
class _embedding_backward(OpFunction):
    def __call__(
        self,
        grad_output: Tensor,
        indices: Tensor,
        num_embeddings: int,
        padding_idx: int,
        *,
        out: Any = None,
    ) -> Any:
        """The cotangent of embedding's weight. Shapes: ``grad_output [*S, d], indices integer [*S] ->
        [num_embeddings, d]``. Dtypes: floating dtypes; the result has the same. Raises: ShapeError, shapes
        or sizes that do not fit. Source: torch.ops.aten.embedding_dense_backward.
        """
class _eq(OpFunction):
    def __call__(self, input: Tensor, other: Tensor | Number, *, out: Any = None) -> Any:
        """Whether x equals y. Shapes: operands broadcast, the result has their common shape. Dtypes: any
        dtype; the result is bool. Raises: ShapeError, operands that do not broadcast. Source: torch.eq.
        """
class _erf(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """The error function. Shapes: the result has the shape of ``input``. Dtypes: any dtype; the result of
        integers and bool has the default floating dtype. Source: torch.erf.
        """
class _erfc(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """1 - erf(x), accurate for large x. Shapes: the result has the shape of ``input``. Dtypes: any dtype;
        the result of integers and bool has the default floating dtype. Source: torch.erfc.
        """
class _exp(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """e to the power x. Shapes: the result has the shape of ``input``. Dtypes: any dtype; the result of
        integers and bool has the default floating dtype. Source: torch.exp.
        """
class _exp2(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """2 to the power x. Shapes: the result has the shape of ``input``. Dtypes: any dtype; the result of
        integers and bool has the default floating dtype. Source: torch.exp2.
        """
class _expand(OpFunction):
    def __call__(self, input: Tensor, size: int | Sequence[int], *, out: Any = None) -> Any:
        """Dimensions of size 1 repeated with stride 0. Shapes: ``input [*S] -> [*size]``. Dtypes: any dtype;
        the result has the same. Raises: ShapeError, shapes or sizes that do not fit. Source:
        torch.Tensor.expand.
        """
class _expm1(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """exp(x) - 1, accurate near 0. Shapes: the result has the shape of ``input``. Dtypes: any dtype; the
        result of integers and bool has the default floating dtype. Source: torch.expm1.
        """
class _fake_quantize(OpFunction):
    def __call__(
        self,
        input: Tensor,
        scale: Tensor,
        zero_point: Tensor | None,
        low: int,
        high: int,
        *,
        out: Any = None,
    ) -> Any:
        """Numbers rounded to what their levels stand for; gradients pass straight through. Shapes: ``input
        [*S], scale [*Q], zero_point [*Q] -> [*S]``. Dtypes: floating dtypes; the result has the same.
        Source: torch.fake_quantize_per_tensor_affine.
        """
class _fill(OpFunction):
    def __call__(
        self,
        shape: int | Sequence[int],
        value: Number,
        dtype: DType,
        device: Device | str | None = None,
        *,
        out: Any = None,
    ) -> Any:
        """A dense tensor with every element set to value. Shapes: ``-> [*shape]``. Dtypes: any dtype; the
        result has ``dtype``. Raises: ShapeError, shapes or sizes that do not fit. Source: torch.full.
        """
class _flip(OpFunction):
    def __call__(self, input: Tensor, dims: int | Sequence[int], *, out: Any = None) -> Any:
        """The order reversed along dims. Shapes: the result has the shape of ``input``. Dtypes: any dtype;
        the result has the same. Raises: IndexRangeError, a dimension or an index that is out of range or
        not allowed ('Dimension out of range'). Source: torch.flip.
        """
class _float8_decode(OpFunction):
    def __call__(self, input: Tensor, format: str, dtype: DType, *, out: Any = None) -> Any:
        """The numbers of codes of eight bits, e4m3fn or e5m2. Shapes: the result has the shape of ``input``.
        Dtypes: any dtype; the result has the same unless another stands before its shape. Source:
        arXiv:2209.05433.
        """
class _float8_encode(OpFunction):
    def __call__(self, input: Tensor, format: str, *, out: Any = None) -> Any:
        """The codes of numbers rounded to floats of eight bits, e4m3fn or e5m2. Shapes: the result has the
        shape of ``input``. Dtypes: floating dtypes; the result is uint8. Source: arXiv:2209.05433.
        """
class _floor(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """The largest integer not above x. Shapes: the result has the shape of ``input``. Dtypes: any dtype
        but bool; the result has the same. Source: torch.floor.
        """
class _floor_divide(OpFunction):
    def __call__(self, input: Tensor | Number, other: Tensor | Number, *, out: Any = None) -> Any:
        """floor(x / y). Raises ZeroDivisionError for an integer 0. Shapes: operands broadcast, the result has
        their common shape. Dtypes: any dtype but bool; the result has the promoted one. Raises:
        ShapeError, operands that do not broadcast. Source: torch.floor_divide.
        """
class _fmax(OpFunction):
    def __call__(self, input: Tensor, other: Tensor, *, out: Any = None) -> Any:
        """The larger of x and y; a number beats NaN. Shapes: operands broadcast, the result has their common
        shape. Dtypes: any dtype; the result has the promoted one. Raises: ShapeError, operands that do not
        broadcast. Source: torch.fmax.
        """
class _fmin(OpFunction):
    def __call__(self, input: Tensor, other: Tensor, *, out: Any = None) -> Any:
        """The smaller of x and y; a number beats NaN. Shapes: operands broadcast, the result has their common
        shape. Dtypes: any dtype; the result has the promoted one. Raises: ShapeError, operands that do not
        broadcast. Source: torch.fmin.
        """
class _fmod(OpFunction):
    def __call__(self, input: Tensor, other: Tensor | Number, *, out: Any = None) -> Any:
        """The remainder of x / y with the sign of x, as in C. Raises ZeroDivisionError for an integer 0.
        Shapes: operands broadcast, the result has their common shape. Dtypes: any dtype but bool; the
        result has the promoted one. Raises: ShapeError, operands that do not broadcast. Source:
        torch.fmod.
        """
class _frac(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """x - trunc(x). Shapes: the result has the shape of ``input``. Dtypes: floating dtypes; the result
        has the same. Source: torch.frac.
        """
class _gather(OpFunction):
    def __call__(self, input: Tensor, dim: int, index: Tensor, *, out: Any = None) -> Any:
        """out[i][j] = input[index[i][j]][j] for dim 0. Shapes: ``input [*S], index integer [*T] -> [*T]``.
        Dtypes: any dtype; the result has the same. Raises: ShapeError, shapes or sizes that do not fit
        ('same number of dimensions'); DTypeError, a dtype that is not taken; IndexRangeError, a dimension
        or an index that is out of range or not allowed ('out of range'). Source: torch.gather.
        """
class _ge(OpFunction):
    def __call__(self, input: Tensor, other: Tensor | Number, *, out: Any = None) -> Any:
        """Whether x is at least y. Shapes: operands broadcast, the result has their common shape. Dtypes: any
        dtype; the result is bool. Raises: ShapeError, operands that do not broadcast. Source: torch.ge.
        """
class _gelu(OpFunction):
    def __call__(self, input: Tensor | Number, *, approximate: str = 'none', out: Any = None) -> Any:
        """x times the normal distribution's cumulative function at x; approximate='tanh' takes the paper's
        approximation. Shapes: the result has the shape of ``input``. Dtypes: floating dtypes; the result
        has the same. Source: Hendrycks and Gimpel, arXiv:1606.08415.
        """
class _gelu_backward(OpFunction):
    def __call__(
        self,
        grad_output: Tensor | Number,
        input: Tensor | Number,
        *,
        approximate: str = 'none',
        out: Any = None,
    ) -> Any:
        """grad_output times gelu's derivative at x. Shapes: operands broadcast, the result has their common
        shape. Dtypes: floating dtypes; the result has the promoted one. Raises: ShapeError, operands that
        do not broadcast. Source: torch.ops.aten.gelu_backward.
        """
class _group_norm(OpFunction):
    def __call__(
        self,
        input: Tensor,
        num_groups: int,
        weight: Tensor | None,
        bias: Tensor | None,
        eps: Number,
        *,
        out: Any = None,
    ) -> Any:
        """Normalized within groups of channels. Shapes: ``input [N, C, *S], weight [C], bias [C] -> [N, C,
        *S]``. Dtypes: floating dtypes; the result has the same. Raises: ShapeError, shapes or sizes that
        do not fit. Source: torch.nn.functional.group_norm.
        """
class _gt(OpFunction):
    def __call__(self, input: Tensor, other: Tensor | Number, *, out: Any = None) -> Any:
        """Whether x is above y. Shapes: operands broadcast, the result has their common shape. Dtypes: any
        dtype; the result is bool. Raises: ShapeError, operands that do not broadcast. Source: torch.gt.
        """
class _hardsigmoid(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """x / 6 + 1 / 2 limited to [0, 1]. Shapes: the result has the shape of ``input``. Dtypes: floating
        dtypes; the result has the same. Source: torch.nn.functional.hardsigmoid.
        """
class _hardswish(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """x * hardsigmoid(x). Shapes: the result has the shape of ``input``. Dtypes: floating dtypes; the
        result has the same. Source: arXiv:1905.02244.
        """
class _hardtanh(OpFunction):
    def __call__(
        self,
        input: Tensor | Number,
        min_val: Number = -1.0,
        max_val: Number = 1.0,
        *,
        out: Any = None,
    ) -> Any:
        """x limited to [min_val, max_val]. The derivative at the bounds is 0. Shapes: the result has the
        shape of ``input``. Dtypes: any dtype but bool; the result has the same. Source:
        torch.nn.functional.hardtanh.
        """
class _hypot(OpFunction):
    def __call__(self, input: Tensor, other: Tensor, *, out: Any = None) -> Any:
        """sqrt(x*x + y*y) without overflow on the way. Shapes: operands broadcast, the result has their
        common shape. Dtypes: floating dtypes; the result has the promoted one. Raises: ShapeError,
        operands that do not broadcast. Source: torch.hypot.
        """
class _index(OpFunction):
    def __call__(self, input: Tensor, indices: Sequence[Tensor], *, out: Any = None) -> Any:
        """The elements at tensors of places in the leading dimensions, which are broadcast together; negative
        ones count from the end. Shapes: ``input [*S], indices -> [*broadcast(*indices),
        *S[len(indices):]]``. Dtypes: any dtype; the result has the same. Raises: IndexRangeError, a
        dimension or an index that is out of range or not allowed ('could not be broadcast', 'too many
        indices', 'out of range'). Source: torch.ops.aten.index.
        """
class _index_add(OpFunction):
    def __call__(self, input: Tensor, dim: int, index: Tensor, source: Tensor, *, out: Any = None) -> Any:
        """The input with the slices of source added along dim. Shapes: ``input [*A, n at dim, *B], index
        integer [m], source [*A, m, *B] -> [*A, n, *B]``. Dtypes: any dtype; the result has the same.
        Raises: ShapeError, shapes or sizes that do not fit. Source: torch.index_add.
        """
class _index_copy(OpFunction):
    def __call__(self, input: Tensor, dim: int, index: Tensor, source: Tensor, *, out: Any = None) -> Any:
        """The input with slices along dim replaced by those of source. Shapes: ``input [*A, n at dim, *B],
        index integer [m], source [*A, m, *B] -> [*A, n, *B]``. Dtypes: any dtype; the result has the same.
        Raises: ShapeError, shapes or sizes that do not fit. Source: torch.index_copy.
        """
class _index_put(OpFunction):
    def __call__(
        self,
        input: Tensor,
        indices: Sequence[Tensor],
        values: Tensor,
        accumulate: bool = False,
        *,
        out: Any = None,
    ) -> Any:
        """The input with values written (or added) at tensors of places in the leading dimensions. Shapes:
        ``input [*S], indices, values [*V] -> [*S]``. Dtypes: any dtype; the result has the same. Raises:
        ShapeError, shapes or sizes that do not fit. Source: torch.Tensor.index_put_.
        """
class _index_select(OpFunction):
    def __call__(self, input: Tensor, dim: int, index: Tensor, *, out: Any = None) -> Any:
        """The slices along dim that index names. Shapes: ``input [*A, n at dim, *B], index integer [m] ->
        [*A, m, *B]``. Dtypes: any dtype; the result has the same. Raises: IndexRangeError, a dimension or
        an index that is out of range or not allowed ('supposed to be a vector', 'out of range'). Source:
        torch.index_select.
        """
class _iota(OpFunction):
    def __call__(
        self,
        length: int,
        dtype: DType,
        start: Number = 0,
        step: Number = 1,
        device: Device | str | None = None,
        *,
        out: Any = None,
    ) -> Any:
        """start, start + step, ...: length numbers. Shapes: ``-> [length]``. Dtypes: any dtype; the result
        has ``dtype``. Raises: ShapeError, shapes or sizes that do not fit. Source: torch.arange.
        """
class _isfinite(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """Whether x is neither infinite nor NaN. Shapes: the result has the shape of ``input``. Dtypes: any
        dtype; the result is bool. Source: torch.isfinite.
        """
class _isinf(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """Whether x is +inf or -inf. Shapes: the result has the shape of ``input``. Dtypes: any dtype; the
        result is bool. Source: torch.isinf.
        """
class _isnan(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """Whether x is not a number. Shapes: the result has the shape of ``input``. Dtypes: any dtype; the
        result is bool. Source: torch.isnan.
        """
class _kthvalue(OpFunction):
    def __call__(
        self,
        input: Tensor,
        k: int,
        dim: int = -1,
        keepdim: bool = False,
        *,
        out: Any = None,
        axis: int = ...,
        keepdims: bool = ...,
    ) -> Any:
        """The k-th smallest value along dim and its place. Shapes: ``input [*S] -> values [*reduced(S, dim,
        keepdim)], indices int64 [*reduced(S, dim, keepdim)]``. Dtypes: any dtype but bool; values has the
        same, indices is int64. Raises: ShapeError, shapes or sizes that do not fit. Source:
        torch.kthvalue.
        """
class _layer_norm(OpFunction):
    def __call__(
        self,
        input: Tensor,
        normalized_shape: int | Sequence[int],
        weight: Tensor | None,
        bias: Tensor | None,
        eps: Number,
        *,
        out: Any = None,
    ) -> Any:
        """Normalized over the last dimensions, scaled and shifted; mean and rstd are float32 for the half-
        width types. Shapes: ``input [*A, *normalized_shape], weight [*normalized_shape], bias
        [*normalized_shape] -> out [*A, *normalized_shape], mean [*M], rstd [*M]``. Dtypes: floating
        dtypes; out has the same, mean is float32 for float16 and bfloat16, else has the same, rstd is
        float32 for float16 and bfloat16, else has the same. Raises: ShapeError, shapes or sizes that do
        not fit. Source: torch.nn.functional.layer_norm.
        """
class _layer_norm_backward(OpFunction):
    def __call__(
        self,
        grad_output: Tensor,
        input: Tensor,
        mean: Tensor,
        rstd: Tensor,
        weight: Tensor | None,
        normalized_shape: int | Sequence[int],
        *,
        out: Any = None,
    ) -> Any:
        """The cotangents of layer_norm. Shapes: ``grad_output [*S], input [*S], mean [*M], rstd [*M], weight
        [*normalized_shape] -> d_input [*S], d_weight [*normalized_shape], d_bias [*normalized_shape]``.
        Dtypes: floating dtypes; d_input has the same, d_weight has the same, d_bias has the same. Source:
        torch.ops.aten.native_layer_norm_backward.
        """
class _le(OpFunction):
    def __call__(self, input: Tensor, other: Tensor | Number, *, out: Any = None) -> Any:
        """Whether x is at most y. Shapes: operands broadcast, the result has their common shape. Dtypes: any
        dtype; the result is bool. Raises: ShapeError, operands that do not broadcast. Source: torch.le.
        """
class _leaky_relu(OpFunction):
    def __call__(self, input: Tensor | Number, negative_slope: Number = 0.01, *, out: Any = None) -> Any:
        """x above 0, else negative_slope * x. Shapes: the result has the shape of ``input``. Dtypes: floating
        dtypes; the result has the same. Source: torch.nn.functional.leaky_relu.
        """
class _lerp(OpFunction):
    def __call__(self, input: Tensor, end: Tensor, weight: Tensor | Number, *, out: Any = None) -> Any:
        """x + weight * (end - x). Shapes: operands broadcast, the result has their common shape. Dtypes:
        floating dtypes; the result has the promoted one. Raises: ShapeError, operands that do not
        broadcast. Source: torch.lerp.
        """
class _linear(OpFunction):
    def __call__(self, input: Tensor, weight: Tensor, bias: Tensor | None = None, *, out: Any = None) -> Any:
        """input [..., K] times the transposed weight [N, K], plus bias [N]. Shapes: ``input [*S, K], weight
        [N, K], bias [N] -> [*S, N]``. Dtypes: any dtype but bool; the result has the same. Raises:
        ShapeError, shapes or sizes that do not fit. Source: torch.nn.functional.linear.
        """
class _log(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """The natural logarithm; NaN below 0, -inf at 0. Shapes: the result has the shape of ``input``.
        Dtypes: any dtype; the result of integers and bool has the default floating dtype. Source:
        torch.log.
        """
class _log10(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """The logarithm to base 10. Shapes: the result has the shape of ``input``. Dtypes: any dtype; the
        result of integers and bool has the default floating dtype. Source: torch.log10.
        """
class _log1p(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """log(1 + x), accurate near 0. Shapes: the result has the shape of ``input``. Dtypes: any dtype; the
        result of integers and bool has the default floating dtype. Source: torch.log1p.
        """
class _log2(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """The logarithm to base 2. Shapes: the result has the shape of ``input``. Dtypes: any dtype; the
        result of integers and bool has the default floating dtype. Source: torch.log2.
        """
class _log_softmax(OpFunction):
    def __call__(self, input: Tensor, dim: int = ..., *, out: Any = None, axis: int = ...) -> Any:
        """The logarithm of softmax along dim. Shapes: the result has the shape of ``input``. Dtypes: floating
        dtypes; the result has the same. Raises: DTypeError, a dtype that is not taken. Source:
        torch.log_softmax.
        """
class _log_softmax_backward(OpFunction):
    def __call__(self, grad_output: Tensor, out: Tensor, dim: int = ..., *, axis: int = ...) -> Any:
        """The cotangent of log_softmax's input from its result. Shapes: ``grad_output [*S], out [*S] ->
        [*S]``. Dtypes: floating dtypes; the result has the same unless another stands before its shape.
        Source: torch.ops.aten._log_softmax_backward_data.
        """
class _logaddexp(OpFunction):
    def __call__(self, input: Tensor, other: Tensor, *, out: Any = None) -> Any:
        """log(exp(x) + exp(y)) without overflow. Shapes: operands broadcast, the result has their common
        shape. Dtypes: floating dtypes; the result has the promoted one. Raises: ShapeError, operands that
        do not broadcast. Source: torch.logaddexp.
        """
class _logical_and(OpFunction):
    def __call__(self, input: Tensor, other: Tensor, *, out: Any = None) -> Any:
        """Whether both differ from 0. Shapes: operands broadcast, the result has their common shape. Dtypes:
        any dtype; the result is bool. Raises: ShapeError, operands that do not broadcast. Source:
        torch.logical_and.
        """
class _logical_not(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """Whether x is 0. Shapes: the result has the shape of ``input``. Dtypes: any dtype; the result is
        bool. Source: torch.logical_not.
        """
class _logical_or(OpFunction):
    def __call__(self, input: Tensor, other: Tensor, *, out: Any = None) -> Any:
        """Whether one differs from 0. Shapes: operands broadcast, the result has their common shape. Dtypes:
        any dtype; the result is bool. Raises: ShapeError, operands that do not broadcast. Source:
        torch.logical_or.
        """
class _logical_xor(OpFunction):
    def __call__(self, input: Tensor, other: Tensor, *, out: Any = None) -> Any:
        """Whether exactly one differs from 0. Shapes: operands broadcast, the result has their common shape.
        Dtypes: any dtype; the result is bool. Raises: ShapeError, operands that do not broadcast. Source:
        torch.logical_xor.
        """
class _logsumexp(OpFunction):
    def __call__(
        self,
        input: Tensor,
        dim: int | Sequence[int] | None = ...,
        keepdim: bool = False,
        *,
        out: Any = None,
        axis: int | Sequence[int] | None = ...,
        keepdims: bool = ...,
    ) -> Any:
        """log(sum(exp(input))) over dim, safe from overflow. Shapes: ``input [*S] -> floating [*reduced(S,
        dim, keepdim)]``. Dtypes: any dtype; the result has the same unless another stands before its
        shape. Source: torch.logsumexp.
        """
class _lt(OpFunction):
    def __call__(self, input: Tensor, other: Tensor | Number, *, out: Any = None) -> Any:
        """Whether x is below y. Shapes: operands broadcast, the result has their common shape. Dtypes: any
        dtype; the result is bool. Raises: ShapeError, operands that do not broadcast. Source: torch.lt.
        """
class _masked_fill(OpFunction):
    def __call__(self, input: Tensor, mask: Tensor, value: Number, *, out: Any = None) -> Any:
        """The input with value where mask is true. Shapes: ``input [*S], mask bool [*T] -> [*broadcast(S,
        T)]``. Dtypes: any dtype; the result has the same. Raises: DTypeError, a dtype that is not taken
        ('only supports boolean masks'). Source: torch.Tensor.masked_fill.
        """
class _matmul(OpFunction):
    def __call__(self, input: Tensor, other: Tensor, *, out: Any = None) -> Any:
        """Products of matrices [..., M, K] and [..., K, N] with the same batch dimensions. Shapes: ``input
        [*batch, M, K], other [*batch, K, N] -> [*batch, M, N]``. Dtypes: any dtype but bool; the result
        has the same. Raises: ShapeError, shapes or sizes that do not fit; DTypeError, a dtype that is not
        taken. Source: torch.matmul.
        """
class _max_pool(OpFunction):
    def __call__(
        self,
        input: Tensor,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int],
        padding: int | Sequence[int],
        dilation: int | Sequence[int],
        ceil_mode: bool,
        *,
        out: Any = None,
    ) -> Any:
        """The largest value of each window and its flat place in the plane, over as many dimensions as
        kernel_size has numbers. Shapes: ``input [N, C, *S] -> out [N, C, *P], indices int64 [N, C, *P]``.
        Dtypes: any dtype but bool; out has the same, indices is int64. Raises: ShapeError, shapes or sizes
        that do not fit ('Output size is too small', 'at most half', 'a number a spatial dimension').
        Source: torch.nn.functional.max_pool2d.
        """
class _max_pool_backward(OpFunction):
    def __call__(
        self,
        grad_output: Tensor,
        indices: Tensor,
        input_shape: int | Sequence[int],
        *,
        out: Any = None,
    ) -> Any:
        """The cotangent of max_pool; also max_unpool. Shapes: ``grad_output [N, C, *P], indices int64 [N, C,
        *P] -> [*input_shape]``. Dtypes: floating dtypes; the result has the same. Source:
        torch.nn.functional.max_pool2d.
        """
class _maximum(OpFunction):
    def __call__(self, input: Tensor, other: Tensor, *, out: Any = None) -> Any:
        """The larger of x and y; NaN if one is NaN. Shapes: operands broadcast, the result has their common
        shape. Dtypes: any dtype; the result has the promoted one. Raises: ShapeError, operands that do not
        broadcast. Source: torch.maximum.
        """
class _mean(OpFunction):
    def __call__(
        self,
        input: Tensor,
        dim: int | Sequence[int] | None = None,
        keepdim: bool = False,
        *,
        dtype: DType | None = None,
        out: Any = None,
        axis: int | Sequence[int] | None = ...,
        keepdims: bool = ...,
    ) -> Any:
        """The mean over dim. Shapes: the result has the shape of ``input`` without ``dim``, where that is
        None without any, or of size 1 with ``keepdim``. Dtypes: floating dtypes; the result has the same.
        Raises: DTypeError, a dtype that is not taken. Source: torch.mean.
        """
class _minimum(OpFunction):
    def __call__(self, input: Tensor, other: Tensor, *, out: Any = None) -> Any:
        """The smaller of x and y; NaN if one is NaN. Shapes: operands broadcast, the result has their common
        shape. Dtypes: any dtype; the result has the promoted one. Raises: ShapeError, operands that do not
        broadcast. Source: torch.minimum.
        """
class _mish(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """x * tanh(softplus(x)). Shapes: the result has the shape of ``input``. Dtypes: floating dtypes; the
        result has the same. Source: arXiv:1908.08681.
        """
class _movedim(OpFunction):
    def __call__(
        self,
        input: Tensor,
        source: int | Sequence[int],
        destination: int | Sequence[int],
        *,
        out: Any = None,
    ) -> Any:
        """Dimensions moved to new places, the others kept in order. Shapes: ``input [*S] -> [*moved(S,
        source, destination)]``. Dtypes: any dtype; the result has the same. Raises: ShapeError, shapes or
        sizes that do not fit ('same number of dims'). Source: torch.movedim.
        """
class _mul(OpFunction):
    def __call__(self, input: Tensor | Number, other: Tensor | Number, *, out: Any = None) -> Any:
        """x * y; on bool: and. Shapes: operands broadcast, the result has their common shape. Dtypes: any
        dtype; the result has the promoted one. Raises: ShapeError, operands that do not broadcast. Source:
        torch.mul.
        """
class _narrow(OpFunction):
    def __call__(self, input: Tensor, dim: int, start: int, length: int, *, out: Any = None) -> Any:
        """length elements along dim from start on. Shapes: ``input [*A, n at dim, *B] -> [*A, length, *B]``.
        Dtypes: any dtype; the result has the same. Raises: IndexRangeError, a dimension or an index that
        is out of range or not allowed; ShapeError, shapes or sizes that do not fit. Source: torch.narrow.
        """
class _ne(OpFunction):
    def __call__(self, input: Tensor, other: Tensor | Number, *, out: Any = None) -> Any:
        """Whether x differs from y. Shapes: operands broadcast, the result has their common shape. Dtypes:
        any dtype; the result is bool. Raises: ShapeError, operands that do not broadcast. Source:
        torch.ne.
        """
class _neg(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """-x. Shapes: the result has the shape of ``input``. Dtypes: any dtype but bool; the result has the
        same. Source: torch.neg.
        """
class _nll_loss_backward(OpFunction):
    def __call__(
        self,
        grad_output: Tensor,
        target: Tensor,
        weight: Tensor | None,
        num_classes: int,
        ignore_index: int,
        *,
        out: Any = None,
    ) -> Any:
        """The cotangent of the log-probabilities of nll_loss_forward. Shapes: ``grad_output [N, *P], target
        integer [N, *P], weight [num_classes] -> [N, num_classes, *P]``. Dtypes: floating dtypes; the
        result has the same. Source: torch.nn.functional.nll_loss.
        """
class _nll_loss_forward(OpFunction):
    def __call__(
        self,
        logp: Tensor,
        target: Tensor,
        weight: Tensor | None,
        ignore_index: int,
        *,
        out: Any = None,
    ) -> Any:
        """Each row's -weight[target] * logp[target], and its weight: both 0 where target is ignore_index.
        Shapes: ``logp [N, C, *P], target integer [N, *P], weight [C] -> losses [N, *P], weights [N, *P]``.
        Dtypes: floating dtypes; losses has the same, weights has the same. Raises: ShapeError, shapes or
        sizes that do not fit; IndexRangeError, a dimension or an index that is out of range or not allowed
        ('out of range'); DTypeError, a dtype that is not taken. Source: torch.nn.functional.nll_loss with
        reduction='none'.
        """
class _nonzero(OpFunction):
    def __call__(self, input: Tensor, count: int, *, out: Any = None) -> Any:
        """The coordinates, one row each, of the first count values that are not zero; count is what
        count_nonzero says, so that the shape is known. Shapes: ``input [*S] -> int64 [count, len(S)]``.
        Dtypes: any dtype; the result has the same unless another stands before its shape. Source:
        torch.nonzero.
        """
class _norm(OpFunction):
    def __call__(
        self,
        input: Tensor,
        p: Number = 2,
        dim: int | Sequence[int] | None = None,
        keepdim: bool = False,
        *,
        out: Any = None,
        axis: int | Sequence[int] | None = ...,
        keepdims: bool = ...,
    ) -> Any:
        """The vector p-norm over dim, with p any number or an infinity. Shapes: the result has the shape of
        ``input`` without ``dim``, where that is None without any, or of size 1 with ``keepdim``. Dtypes:
        floating dtypes; the result has the same. Raises: IndexRangeError, a dimension or an index that is
        out of range or not allowed ('is empty'). Source: torch.linalg.vector_norm.
        """
class _one_hot(OpFunction):
    def __call__(self, input: Tensor, num_classes: int, *, out: Any = None) -> Any:
        """1 at the class and 0 elsewhere, as int64, classes last. Shapes: ``input integer [*S] -> int64 [*S,
        num_classes]``. Dtypes: any dtype; the result has the same unless another stands before its shape.
        Raises: DTypeError, a dtype that is not taken. Source: torch.nn.functional.one_hot.
        """
class _pack_int4(OpFunction):
    def __call__(self, input: Tensor, *, out: Any = None) -> Any:
        """Levels of four bits [..., K], two a byte [..., ceil(K / 2)]: the first in the low half. Shapes:
        ``input [*S, K] -> [*S, (K + 1) // 2]``. Dtypes: any dtype; the result has the same unless another
        stands before its shape. Source: ONNX INT4.
        """
class _pad(OpFunction):
    def __call__(
        self,
        input: Tensor,
        pad: int | Sequence[int],
        mode: str = 'constant',
        value: Number = 0,
        *,
        out: Any = None,
    ) -> Any:
        """Padded with a value, by reflection, by the edge, or around. Shapes: ``input [*S] -> [*padded(S,
        pad)]``. Dtypes: any dtype; the result has the same. Raises: ShapeError, shapes or sizes that do
        not fit ('less than the corresponding', 'wrapping around more than once', "unrecognised padding
        mode 'mirror'"). Source: torch.nn.functional.pad.
        """
class _permute(OpFunction):
    def __call__(self, input: Tensor, dims: int | Sequence[int], *, out: Any = None) -> Any:
        """The dimensions in another order. Shapes: ``input [*S] -> [S[d] for d in dims]``. Dtypes: any dtype;
        the result has the same. Raises: ShapeError, shapes or sizes that do not fit; IndexRangeError, a
        dimension or an index that is out of range or not allowed ('multiple times', 'Dimension out of
        range'). Source: torch.permute.
        """
class _pow(OpFunction):
    def __call__(self, input: Tensor | Number, other: Tensor | Number, *, out: Any = None) -> Any:
        """x to the power y. On integers a negative power gives 0, except of 1 and -1. Shapes: operands
        broadcast, the result has their common shape. Dtypes: any dtype but bool; the result has the
        promoted one. Raises: ShapeError, operands that do not broadcast. Source: torch.pow.
        """
class _prod(OpFunction):
    def __call__(
        self,
        input: Tensor,
        dim: int | Sequence[int] | None = None,
        keepdim: bool = False,
        *,
        dtype: DType | None = None,
        out: Any = None,
        axis: int | Sequence[int] | None = ...,
        keepdims: bool = ...,
    ) -> Any:
        """The product over dim. Shapes: the result has the shape of ``input`` without ``dim``, where that is
        None without any, or of size 1 with ``keepdim``. Dtypes: any dtype; the result is int64 for
        integers and bool, else has the same. Raises: IndexRangeError, a dimension or an index that is out
        of range or not allowed ('Dimension out of range', 'multiple times'). Source: torch.prod.
        """
class _quantize(OpFunction):
    def __call__(
        self,
        input: Tensor,
        scale: Tensor,
        zero_point: Tensor | None,
        dtype: DType,
        low: int,
        high: int,
        *,
        out: Any = None,
    ) -> Any:
        """The levels of numbers: round(input / scale) + zero_point, halves to even, cut off at low and high.
        Shapes: ``input [*S], scale [*Q], zero_point [*Q] -> [*S]``. Dtypes: floating dtypes; the result
        has ``dtype``. Raises: ShapeError, shapes or sizes that do not fit ("whose sizes divide the
        tensor's", 'give one zero point a scale'); DTypeError, a dtype that is not taken. Source:
        torch.quantize_per_tensor, ONNX QuantizeLinear (with blocks).
        """
class _quantized_conv2d(OpFunction):
    def __call__(
        self,
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        input_scale: Tensor,
        input_zero_point: Tensor | None,
        weight_scale: Tensor,
        weight_sum: Tensor | None,
        output_scale: Tensor | None,
        output_zero_point: Tensor | None,
        stride: int | Sequence[int],
        padding: int | Sequence[int],
        dilation: int | Sequence[int],
        groups: int,
        dtype: DType,
        *,
        out: Any = None,
    ) -> Any:
        """Cross-correlation of levels [N, C, H, W] with a symmetric weight [out, C / groups, h, w], summed as
        integers; the border is filled with zeros, which are the zero point. Otherwise as quantized_linear.
        Shapes: ``input [N, C, *S], weight [O, C // groups, *K], bias [O] -> [N, O, *P]``. Dtypes: any
        dtype; the result has the same unless another stands before its shape. Source: ONNX QLinearConv.
        """
class _quantized_linear(OpFunction):
    def __call__(
        self,
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        input_scale: Tensor,
        input_zero_point: Tensor | None,
        weight_scale: Tensor,
        weight_sum: Tensor | None,
        output_scale: Tensor | None,
        output_zero_point: Tensor | None,
        dtype: DType,
        *,
        out: Any = None,
    ) -> Any:
        """input [..., K] of levels times the transposed symmetric weight [N, K], summed as integers; numbers
        come out, or levels where there is an output_scale: what lies midway between two goes to the even
        one. weight_sum: the sums of the weight's rows, int32 [N], worked out where they are not given.
        Shapes: ``input [*S, K], weight [N, K], bias [N] -> [*S, N]``. Dtypes: any dtype; the result has
        the same unless another stands before its shape. Raises: DTypeError, a dtype that is not taken;
        ShapeError, shapes or sizes that do not fit. Source: ONNX QLinearMatMul.
        """
class _quantized_matmul(OpFunction):
    def __call__(
        self,
        input: Tensor,
        other: Tensor,
        input_scale: Tensor,
        input_zero_point: Tensor | None,
        other_scale: Tensor,
        other_zero_point: Tensor | None,
        dtype: DType,
        *,
        out: Any = None,
    ) -> Any:
        """Products of matrices of levels [..., M, K] and [..., K, N], summed as integers. Shapes: ``input
        [*batch, M, K], other [*batch, K, N] -> [*batch, M, N]``. Dtypes: any dtype; the result has the
        same unless another stands before its shape. Source: ONNX MatMulInteger.
        """
class _rad2deg(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """Radians as degrees. Shapes: the result has the shape of ``input``. Dtypes: any dtype; the result of
        integers and bool has the default floating dtype. Source: torch.rad2deg.
        """
class _rand(OpFunction):
    def __call__(
        self,
        shape: int | Sequence[int],
        seed: int,
        offset: int,
        dtype: DType,
        device: Device | str | None = None,
        *,
        out: Any = None,
    ) -> Any:
        """Uniform numbers in [0, 1). Shapes: ``-> [*shape]``. Dtypes: any dtype; the result has ``dtype``.
        Raises: DTypeError, a dtype that is not taken. Source: torch.rand.
        """
class _randint(OpFunction):
    def __call__(
        self,
        low: int,
        high: int,
        shape: int | Sequence[int],
        seed: int,
        offset: int,
        dtype: DType,
        device: Device | str | None = None,
        *,
        out: Any = None,
    ) -> Any:
        """Whole numbers in [low, high). Shapes: ``-> [*shape]``. Dtypes: any dtype; the result has ``dtype``.
        Raises: ShapeError, shapes or sizes that do not fit. Source: torch.randint.
        """
class _randn(OpFunction):
    def __call__(
        self,
        shape: int | Sequence[int],
        seed: int,
        offset: int,
        dtype: DType,
        device: Device | str | None = None,
        *,
        out: Any = None,
    ) -> Any:
        """Normal numbers of mean 0 and variance 1. Shapes: ``-> [*shape]``. Dtypes: any dtype; the result has
        ``dtype``. Raises: DTypeError, a dtype that is not taken. Source: torch.randn.
        """
class _random_bits(OpFunction):
    def __call__(
        self,
        shape: int | Sequence[int],
        seed: int,
        offset: int,
        dtype: DType,
        device: Device | str | None = None,
        *,
        out: Any = None,
    ) -> Any:
        """Random words. int32: element i is word i % 4 of block i / 4. int64: words 2 (i % 2) and the next
        (high) of block i / 2, without the top bit. Shapes: ``-> [*shape]``. Dtypes: any dtype; the result
        has ``dtype``. Raises: DTypeError, a dtype that is not taken. Source: Philox4x32-10.
        """
class _randperm(OpFunction):
    def __call__(
        self,
        length: int,
        seed: int,
        offset: int,
        dtype: DType,
        device: Device | str | None = None,
        *,
        out: Any = None,
    ) -> Any:
        """The numbers below length in random order. Shapes: ``-> [length]``. Dtypes: any dtype; the result
        has ``dtype``. Raises: ShapeError, shapes or sizes that do not fit. Source: torch.randperm.
        """
class _reciprocal(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """1 / x. Shapes: the result has the shape of ``input``. Dtypes: any dtype; the result of integers and
        bool has the default floating dtype. Source: torch.reciprocal.
        """
class _relu(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """max(x, 0); NaN stays. The derivative at 0 is 0. Shapes: the result has the shape of ``input``.
        Dtypes: any dtype but bool; the result has the same. Source: torch.relu.
        """
class _relu6(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """x limited to [0, 6]. Shapes: the result has the shape of ``input``. Dtypes: any dtype but bool; the
        result has the same. Source: torch.nn.functional.relu6.
        """
class _relu_backward(OpFunction):
    def __call__(self, grad_output: Tensor | Number, output: Tensor | Number, *, out: Any = None) -> Any:
        """grad_output where relu's output is above 0 (or NaN), else 0. Shapes: operands broadcast, the result
        has their common shape. Dtypes: any dtype but bool; the result has the promoted one. Raises:
        ShapeError, operands that do not broadcast. Source: torch.relu.
        """
class _remainder(OpFunction):
    def __call__(self, input: Tensor | Number, other: Tensor | Number, *, out: Any = None) -> Any:
        """x modulo y, with the sign of y as in Python. Raises ZeroDivisionError for an integer 0. Shapes:
        operands broadcast, the result has their common shape. Dtypes: any dtype but bool; the result has
        the promoted one. Raises: ShapeError, operands that do not broadcast. Source: torch.remainder.
        """
class _repeat(OpFunction):
    def __call__(self, input: Tensor, repeats: int | Sequence[int], *, out: Any = None) -> Any:
        """The tensor repeated along each dimension. Shapes: ``input [*S] -> [*repeated(S, repeats)]``.
        Dtypes: any dtype; the result has the same. Raises: ShapeError, shapes or sizes that do not fit
        ('can not be smaller'). Source: torch.Tensor.repeat.
        """
class _repeat_interleave(OpFunction):
    def __call__(
        self,
        input: Tensor,
        repeats: int,
        dim: int | None = None,
        *,
        out: Any = None,
        axis: int | None = ...,
    ) -> Any:
        """Every element repeated in place along dim. Shapes: ``input [*S] -> [*interleaved(S, repeats,
        dim)]``. Dtypes: any dtype; the result has the same. Raises: ShapeError, shapes or sizes that do
        not fit ('can not be negative'). Source: torch.repeat_interleave.
        """
class _rms_norm(OpFunction):
    def __call__(
        self,
        input: Tensor,
        normalized_shape: int | Sequence[int],
        weight: Tensor | None,
        eps: Number,
        *,
        out: Any = None,
    ) -> Any:
        """Divided by the root mean square of the last dimensions, scaled. Shapes: ``input [*A,
        *normalized_shape], weight [*normalized_shape] -> [*A, *normalized_shape]``. Dtypes: floating
        dtypes; the result has the same. Source: torch.nn.functional.rms_norm.
        """
class _roll(OpFunction):
    def __call__(
        self,
        input: Tensor,
        shifts: int | Sequence[int],
        dims: int | Sequence[int] = (),
        *,
        out: Any = None,
    ) -> Any:
        """Elements moved along dims, what goes over the end comes back at the start. Shapes: the result has
        the shape of ``input``. Dtypes: any dtype; the result has the same. Raises: ShapeError, shapes or
        sizes that do not fit ('must align'). Source: torch.roll.
        """
class _round(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """The nearest integer, halves to even. Shapes: the result has the shape of ``input``. Dtypes: any
        dtype but bool; the result has the same. Source: torch.round.
        """
class _rsqrt(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """1 / sqrt(x). Shapes: the result has the shape of ``input``. Dtypes: any dtype; the result of
        integers and bool has the default floating dtype. Source: torch.rsqrt.
        """
class _scaled_dot_product_attention(OpFunction):
    def __call__(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        is_causal: bool = False,
        scale: Number | None = None,
        *,
        out: Any = None,
    ) -> Any:
        """Attention of query [..., L, E] to key [..., S, E] and value [..., S, V]; a bool mask is true where
        attention is allowed, another one is added. Shapes: ``query [*B, L, E], key [*B, S, E], value [*B,
        S, V], attn_mask [*M] -> [*B, L, V]``. Dtypes: floating dtypes; the result has the same. Raises:
        ShapeError, shapes or sizes that do not fit ('last size', 'should not be set when is_causal=True').
        Source: torch.nn.functional.scaled_dot_product_attention.
        """
class _scatter(OpFunction):
    def __call__(self, input: Tensor, dim: int, index: Tensor, src: Tensor, *, out: Any = None) -> Any:
        """The input with out[index[i][j]][j] = src[i][j] for dim 0. Shapes: ``input [*S], index integer [*T],
        src [*U] -> [*S]``. Dtypes: any dtype; the result has the same. Raises: ShapeError, shapes or sizes
        that do not fit; DTypeError, a dtype that is not taken; IndexRangeError, a dimension or an index
        that is out of range or not allowed ('out of range'). Source: torch.scatter.
        """
class _scatter_add(OpFunction):
    def __call__(self, input: Tensor, dim: int, index: Tensor, src: Tensor, *, out: Any = None) -> Any:
        """The input with out[index[i][j]][j] += src[i][j] for dim 0. Shapes: ``input [*S], index integer
        [*T], src [*U] -> [*S]``. Dtypes: any dtype; the result has the same. Raises: ShapeError, shapes or
        sizes that do not fit; DTypeError, a dtype that is not taken; IndexRangeError, a dimension or an
        index that is out of range or not allowed ('out of range'). Source: torch.scatter_add.
        """
class _searchsorted(OpFunction):
    def __call__(
        self,
        sorted_sequence: Tensor,
        values: Tensor,
        right: bool = False,
        *,
        out: Any = None,
    ) -> Any:
        """Where each value goes into a sorted sequence, as int64. Shapes: ``sorted_sequence [*A, n], values
        [*T] -> [*T]``. Dtypes: any dtype but bool; the result is int64. Raises: ShapeError, shapes or
        sizes that do not fit ('must match, but we got'). Source: torch.searchsorted.
        """
class _select(OpFunction):
    def __call__(self, input: Tensor, dim: int, index: int, *, out: Any = None) -> Any:
        """One index along dim; the dimension goes. Shapes: ``input [*A, n at dim, *B] -> [*A, *B]``. Dtypes:
        any dtype; the result has the same. Raises: IndexRangeError, a dimension or an index that is out of
        range or not allowed. Source: torch.select.
        """
class _select_backward(OpFunction):
    def __call__(
        self,
        grad_output: Tensor,
        input_shape: int | Sequence[int],
        dim: int,
        index: int,
        *,
        out: Any = None,
    ) -> Any:
        """The cotangent of select. Shapes: ``grad_output [*G] -> [*input_shape]``. Dtypes: floating dtypes;
        the result has the same unless another stands before its shape. Source:
        torch.ops.aten.select_backward.
        """
class _sgd_momentum_step(OpFunction):
    def __call__(
        self,
        param: Tensor | Number,
        grad: Tensor | Number,
        momentum_buffer: Tensor | Number,
        lr: Number,
        weight_decay: Number,
        momentum: Number,
        dampening: Number,
        nesterov: bool = False,
        maximize: bool = False,
        *,
        out: Any = None,
    ) -> Any:
        """Stochastic gradient descent with (Nesterov) momentum. Shapes: operands broadcast, every result has
        their common shape. Dtypes: floating dtypes; the result has the promoted one. Raises: ShapeError,
        operands that do not broadcast. Source: torch.optim.SGD.
        """
class _sgd_step(OpFunction):
    def __call__(
        self,
        param: Tensor | Number,
        grad: Tensor | Number,
        lr: Number,
        weight_decay: Number,
        maximize: bool = False,
        *,
        out: Any = None,
    ) -> Any:
        """Stochastic gradient descent without momentum. Shapes: operands broadcast, the result has their
        common shape. Dtypes: floating dtypes; the result has the promoted one. Raises: ShapeError,
        operands that do not broadcast. Source: torch.optim.SGD.
        """
class _sigmoid(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """1 / (1 + exp(-x)). Shapes: the result has the shape of ``input``. Dtypes: any dtype; the result of
        integers and bool has the default floating dtype. Source: torch.sigmoid.
        """
class _sigmoid_backward(OpFunction):
    def __call__(self, grad_output: Tensor | Number, output: Tensor | Number, *, out: Any = None) -> Any:
        """grad_output * output * (1 - output). Shapes: operands broadcast, the result has their common shape.
        Dtypes: floating dtypes; the result has the promoted one. Raises: ShapeError, operands that do not
        broadcast. Source: torch.ops.aten.sigmoid_backward.
        """
class _sign(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """-1, 0 or 1; 0 for NaN. Shapes: the result has the shape of ``input``. Dtypes: any dtype but bool;
        the result has the same. Source: torch.sign.
        """
class _signbit(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """Whether x is negative, -0.0 included. Shapes: the result has the shape of ``input``. Dtypes: any
        dtype; the result is bool. Source: torch.signbit.
        """
class _silu(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """x * sigmoid(x). Shapes: the result has the shape of ``input``. Dtypes: floating dtypes; the result
        has the same. Source: Hendrycks and Gimpel, arXiv:1606.08415.
        """
class _silu_backward(OpFunction):
    def __call__(self, grad_output: Tensor | Number, input: Tensor | Number, *, out: Any = None) -> Any:
        """grad_output times silu's derivative at x. Shapes: operands broadcast, the result has their common
        shape. Dtypes: floating dtypes; the result has the promoted one. Raises: ShapeError, operands that
        do not broadcast. Source: torch.ops.aten.silu_backward.
        """
class _sin(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """The sine; x in radians. Shapes: the result has the shape of ``input``. Dtypes: any dtype; the
        result of integers and bool has the default floating dtype. Source: torch.sin.
        """
class _sinh(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """The hyperbolic sine. Shapes: the result has the shape of ``input``. Dtypes: any dtype; the result
        of integers and bool has the default floating dtype. Source: torch.sinh.
        """
class _slice(OpFunction):
    def __call__(
        self,
        input: Tensor,
        dim: int,
        start: int,
        length: int,
        step: int = 1,
        *,
        out: Any = None,
    ) -> Any:
        """length elements along dim from start on, every step-th. Shapes: ``input [*A, n at dim, *B] -> [*A,
        length, *B]``. Dtypes: any dtype; the result has the same. Raises: IndexRangeError, a dimension or
        an index that is out of range or not allowed; ShapeError, shapes or sizes that do not fit ('step
        must be positive'). Source: torch.ops.aten.slice.Tensor, with the end already worked out.
        """
class _slice_backward(OpFunction):
    def __call__(
        self,
        grad_output: Tensor,
        input_shape: int | Sequence[int],
        dim: int,
        start: int,
        length: int,
        step: int,
        *,
        out: Any = None,
    ) -> Any:
        """The cotangent of slice. Shapes: ``grad_output [*G] -> [*input_shape]``. Dtypes: floating dtypes;
        the result has the same unless another stands before its shape. Source:
        torch.ops.aten.slice_backward.
        """
class _softmax(OpFunction):
    def __call__(self, input: Tensor, dim: int = ..., *, out: Any = None, axis: int = ...) -> Any:
        """exp(input) divided by its sum along dim. Shapes: the result has the shape of ``input``. Dtypes:
        floating dtypes; the result has the same. Raises: DTypeError, a dtype that is not taken. Source:
        torch.softmax.
        """
class _softmax_backward(OpFunction):
    def __call__(self, grad_output: Tensor, out: Tensor, dim: int = ..., *, axis: int = ...) -> Any:
        """The cotangent of softmax's input from its result. Shapes: ``grad_output [*S], out [*S] -> [*S]``.
        Dtypes: floating dtypes; the result has the same unless another stands before its shape. Source:
        torch.ops.aten._softmax_backward_data.
        """
class _softplus(OpFunction):
    def __call__(
        self,
        input: Tensor | Number,
        beta: Number = 1.0,
        threshold: Number = 20.0,
        *,
        out: Any = None,
    ) -> Any:
        """log(1 + exp(beta * x)) / beta; x itself where beta * x exceeds the threshold. Shapes: the result
        has the shape of ``input``. Dtypes: floating dtypes; the result has the same. Source:
        torch.nn.functional.softplus.
        """
class _sort(OpFunction):
    def __call__(
        self,
        input: Tensor,
        dim: int = -1,
        descending: bool = False,
        *,
        out: Any = None,
        axis: int = ...,
    ) -> Any:
        """Values in order along dim, and where each came from; stable, NaN is the largest. Shapes: every
        result has the shape of ``input``. Dtypes: any dtype; values has the same, indices is int64.
        Raises: IndexRangeError, a dimension or an index that is out of range or not allowed ('Dimension
        out of range'). Source: torch.sort.
        """
class _sqrt(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """The square root; NaN below 0. Shapes: the result has the shape of ``input``. Dtypes: any dtype; the
        result of integers and bool has the default floating dtype. Source: torch.sqrt.
        """
class _square(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """x * x. Shapes: the result has the shape of ``input``. Dtypes: any dtype but bool; the result has
        the same. Source: torch.square.
        """
class _squeeze(OpFunction):
    def __call__(
        self,
        input: Tensor,
        dim: int | Sequence[int] | None = None,
        *,
        out: Any = None,
        axis: int | Sequence[int] | None = ...,
    ) -> Any:
        """Dimensions of size 1 taken away. Shapes: ``input [*S] -> [*squeezed(S, dim)]``. Dtypes: any dtype;
        the result has the same. Source: torch.squeeze.
        """
class _stack(OpFunction):
    def __call__(self, tensors: Sequence[Tensor], dim: int = 0, *, out: Any = None, axis: int = ...) -> Any:
        """Tensors joined along a new dimension. Shapes: ``tensors [*S] -> [*inserted(S, dim,
        len(tensors))]``. Dtypes: any dtype; the result has the same. Raises: ShapeError, shapes or sizes
        that do not fit. Source: torch.stack.
        """
class _std(OpFunction):
    def __call__(
        self,
        input: Tensor,
        dim: int | Sequence[int] | None = None,
        correction: Number = 1,
        keepdim: bool = False,
        *,
        out: Any = None,
        axis: int | Sequence[int] | None = ...,
        keepdims: bool = ...,
    ) -> Any:
        """The standard deviation over dim. Shapes: the result has the shape of ``input`` without ``dim``,
        where that is None without any, or of size 1 with ``keepdim``. Dtypes: floating dtypes; the result
        has the same. Raises: DTypeError, a dtype that is not taken. Source: torch.std.
        """
class _sub(OpFunction):
    def __call__(self, input: Tensor | Number, other: Tensor | Number, *, out: Any = None) -> Any:
        """x - y. Shapes: operands broadcast, the result has their common shape. Dtypes: any dtype but bool;
        the result has the promoted one. Raises: ShapeError, operands that do not broadcast. Source:
        torch.sub.
        """
class _sum(OpFunction):
    def __call__(
        self,
        input: Tensor,
        dim: int | Sequence[int] | None = None,
        keepdim: bool = False,
        *,
        dtype: DType | None = None,
        out: Any = None,
        axis: int | Sequence[int] | None = ...,
        keepdims: bool = ...,
    ) -> Any:
        """The sum over dim. Shapes: the result has the shape of ``input`` without ``dim``, where that is None
        without any, or of size 1 with ``keepdim``. Dtypes: any dtype; the result is int64 for integers and
        bool, else has the same. Raises: IndexRangeError, a dimension or an index that is out of range or
        not allowed ('Dimension out of range', 'multiple times'). Source: torch.sum.
        """
class _take_along_dim(OpFunction):
    def __call__(
        self,
        input: Tensor,
        indices: Tensor,
        dim: int = ...,
        *,
        out: Any = None,
        axis: int = ...,
    ) -> Any:
        """gather with input and indices broadcast in the other dimensions. Shapes: ``input [*S], indices
        integer [*T] -> [*along(S, T, dim)]``. Dtypes: any dtype; the result has the same. Raises:
        ShapeError, shapes or sizes that do not fit. Source: torch.take_along_dim.
        """
class _tan(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """The tangent; x in radians. Shapes: the result has the shape of ``input``. Dtypes: any dtype; the
        result of integers and bool has the default floating dtype. Source: torch.tan.
        """
class _tanh(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """The hyperbolic tangent. Shapes: the result has the shape of ``input``. Dtypes: any dtype; the
        result of integers and bool has the default floating dtype. Source: torch.tanh.
        """
class _tanh_backward(OpFunction):
    def __call__(self, grad_output: Tensor | Number, output: Tensor | Number, *, out: Any = None) -> Any:
        """grad_output * (1 - output * output). Shapes: operands broadcast, the result has their common shape.
        Dtypes: floating dtypes; the result has the promoted one. Raises: ShapeError, operands that do not
        broadcast. Source: torch.ops.aten.tanh_backward.
        """
class _threshold_backward(OpFunction):
    def __call__(
        self,
        grad_output: Tensor | Number,
        input: Tensor | Number,
        threshold: Number,
        *,
        out: Any = None,
    ) -> Any:
        """grad_output where x exceeds the threshold, else 0. Shapes: operands broadcast, the result has their
        common shape. Dtypes: any dtype but bool; the result has the promoted one. Raises: ShapeError,
        operands that do not broadcast. Source: torch.ops.aten.threshold_backward.
        """
class _tile(OpFunction):
    def __call__(self, input: Tensor, dims: int | Sequence[int], *, out: Any = None) -> Any:
        """As repeat, with ones put in front of dims. Shapes: ``input [*S] -> [*repeated(S, dims)]``. Dtypes:
        any dtype; the result has the same unless another stands before its shape. Source: torch.tile.
        """
class _to_device(OpFunction):
    def __call__(self, input: Tensor, device: Device | str, *, out: Any = None) -> Any:
        """A dense copy on another device, the tensor itself on its own; the core moves it, no kernel does.
        Shapes: the result has the shape of ``input``. Dtypes: any dtype; the result has the same. Source:
        torch.Tensor.to.
        """
class _topk(OpFunction):
    def __call__(
        self,
        input: Tensor,
        k: int,
        dim: int = -1,
        largest: bool = True,
        sorted: bool = True,
        *,
        out: Any = None,
        axis: int = ...,
    ) -> Any:
        """The k largest (or smallest) values along dim in order, and their places. Shapes: ``input [*A, n at
        dim, *B] -> values [*A, k, *B], indices int64 [*A, k, *B]``. Dtypes: any dtype but bool; values has
        the same, indices is int64. Raises: ShapeError, shapes or sizes that do not fit. Source:
        torch.topk.
        """
class _transpose(OpFunction):
    def __call__(self, input: Tensor, dim0: int, dim1: int, *, out: Any = None) -> Any:
        """Two dimensions swapped. Shapes: ``input [*S] -> [*swapped(S, dim0, dim1)]``. Dtypes: any dtype; the
        result has the same. Raises: IndexRangeError, a dimension or an index that is out of range or not
        allowed. Source: torch.transpose.
        """
class _tril(OpFunction):
    def __call__(self, input: Tensor, diagonal: int = 0, *, out: Any = None) -> Any:
        """The lower triangle, zeros above it. Shapes: the result has the shape of ``input``. Dtypes: any
        dtype; the result has the same. Raises: ShapeError, shapes or sizes that do not fit. Source:
        torch.tril.
        """
class _triu(OpFunction):
    def __call__(self, input: Tensor, diagonal: int = 0, *, out: Any = None) -> Any:
        """The upper triangle, zeros below it. Shapes: the result has the shape of ``input``. Dtypes: any
        dtype; the result has the same. Raises: ShapeError, shapes or sizes that do not fit. Source:
        torch.triu.
        """
class _trunc(OpFunction):
    def __call__(self, input: Tensor | Number, *, out: Any = None) -> Any:
        """The integer part, rounded towards 0. Shapes: the result has the shape of ``input``. Dtypes: any
        dtype but bool; the result has the same. Source: torch.trunc.
        """
class _unfold(OpFunction):
    def __call__(self, input: Tensor, dimension: int, size: int, step: int, *, out: Any = None) -> Any:
        """All windows of size along dimension, step apart, as a new last dimension. Shapes: ``input [*A, n at
        dimension, *B] -> [*A, (n - size) // step + 1, *B, size]``. Dtypes: any dtype; the result has the
        same. Raises: ShapeError, shapes or sizes that do not fit. Source: torch.Tensor.unfold.
        """
class _unfold_backward(OpFunction):
    def __call__(
        self,
        grad_output: Tensor,
        input_shape: int | Sequence[int],
        dimension: int,
        size: int,
        step: int,
        *,
        out: Any = None,
    ) -> Any:
        """The cotangent of unfold: windows added up. Shapes: ``grad_output [*G] -> [*input_shape]``. Dtypes:
        floating dtypes; the result has the same unless another stands before its shape. Source:
        torch.ops.aten.unfold_backward.
        """
class _unpack_int4(OpFunction):
    def __call__(self, input: Tensor, length: int, signed: bool, *, out: Any = None) -> Any:
        """What pack_int4 packed: levels [..., length] in int8 (signed) or uint8. Shapes: ``input [*S, K] ->
        [*S, length]``. Dtypes: any dtype; the result has the same unless another stands before its shape.
        Source: ONNX INT4.
        """
class _unsqueeze(OpFunction):
    def __call__(self, input: Tensor, dim: int = ..., *, out: Any = None, axis: int = ...) -> Any:
        """A new dimension of size 1. Shapes: ``input [*S] -> [*inserted(S, dim, 1)]``. Dtypes: any dtype; the
        result has the same. Raises: IndexRangeError, a dimension or an index that is out of range or not
        allowed. Source: torch.unsqueeze.
        """
class _var(OpFunction):
    def __call__(
        self,
        input: Tensor,
        dim: int | Sequence[int] | None = None,
        correction: Number = 1,
        keepdim: bool = False,
        *,
        out: Any = None,
        axis: int | Sequence[int] | None = ...,
        keepdims: bool = ...,
    ) -> Any:
        """The variance over dim with count - correction degrees of freedom. Shapes: the result has the shape
        of ``input`` without ``dim``, where that is None without any, or of size 1 with ``keepdim``.
        Dtypes: floating dtypes; the result has the same. Raises: DTypeError, a dtype that is not taken.
        Source: torch.var.
        """
class _var_mean(OpFunction):
    def __call__(
        self,
        input: Tensor,
        dim: int | Sequence[int] | None = None,
        correction: Number = 1,
        keepdim: bool = False,
        *,
        out: Any = None,
        axis: int | Sequence[int] | None = ...,
        keepdims: bool = ...,
    ) -> Any:
        """The variance and the mean over dim. Shapes: every result has the shape of ``input`` without
        ``dim``, where that is None without any, or of size 1 with ``keepdim``. Dtypes: floating dtypes;
        var has the same, mean has the same. Raises: DTypeError, a dtype that is not taken. Source:
        torch.var_mean.
        """
class _view(OpFunction):
    def __call__(self, input: Tensor, shape: int | Sequence[int], *, out: Any = None) -> Any:
        """The same elements under another shape, without a copy. Shapes: ``input [*S] -> [*shape]``. Dtypes:
        any dtype; the result has the same. Raises: ShapeError, shapes or sizes that do not fit ('only one
        dimension can be inferred', 'is ambiguous'). Source: torch.Tensor.view.
        """
class _view_dtype(OpFunction):
    def __call__(self, input: Tensor, dtype: DType, *, out: Any = None) -> Any:
        """The same bits read as another dtype of the same size. Shapes: the result has the shape of
        ``input``. Dtypes: any dtype; the result has the same unless another stands before its shape.
        Raises: DTypeError, a dtype that is not taken ('of the same size'). Source:
        torch.Tensor.view(dtype).
        """
class _weight_only_linear(OpFunction):
    def __call__(
        self,
        input: Tensor,
        weight: Tensor,
        scale: Tensor,
        zero_point: Tensor | None,
        bias: Tensor | None,
        bits: int,
        signed: bool,
        *,
        out: Any = None,
    ) -> Any:
        """input [..., K] times the transposed weight [N, K] of 8 bits, or of 4 packed two a byte, with the
        bias added. Shapes: ``input [*S, K], weight [N, *W], scale [*Q], zero_point [*Q], bias [N] -> [*S,
        N]``. Dtypes: floating dtypes; the result has the same. Source: arXiv:2210.17323.
        """
class _where(OpFunction):
    def __call__(
        self,
        condition: Tensor | Number,
        input: Tensor | Number,
        other: Tensor | Number,
        *,
        out: Any = None,
    ) -> Any:
        """x where the condition (bool) holds, else y. Shapes: operands broadcast, the result has their common
        shape. Dtypes: any dtype; the result has the promoted one. Raises: ShapeError, operands that do not
        broadcast. Source: torch.where.
        """
class _xlogy(OpFunction):
    def __call__(self, input: Tensor | Number, other: Tensor | Number, *, out: Any = None) -> Any:
        """x * log(y); 0 where x is 0 (NaN where y is NaN). Shapes: operands broadcast, the result has their
        common shape. Dtypes: any dtype; the result of integers and bool has the default floating dtype.
        Raises: ShapeError, operands that do not broadcast. Source: torch.xlogy.
        """
class Functions:
    abs: _abs
    acos: _acos
    acosh: _acosh
    adam_amsgrad_step: _adam_amsgrad_step
    adam_step: _adam_step
    adaptive_avg_pool: _adaptive_avg_pool
    adaptive_max_pool: _adaptive_max_pool
    add: _add
    addcdiv: _addcdiv
    addcmul: _addcmul
    addmm: _addmm
    alias: _alias
    all: _all
    amax: _amax
    amin: _amin
    any: _any
    argmax: _argmax
    argmin: _argmin
    argsort: _argsort
    as_strided: _as_strided
    as_strided_backward: _as_strided_backward
    asin: _asin
    asinh: _asinh
    assign: _assign
    atan: _atan
    atan2: _atan2
    atanh: _atanh
    avg_pool: _avg_pool
    avg_pool_backward: _avg_pool_backward
    batch_norm_backward: _batch_norm_backward
    batch_norm_eval: _batch_norm_eval
    batch_norm_train: _batch_norm_train
    bernoulli: _bernoulli
    bitwise_and: _bitwise_and
    bitwise_left_shift: _bitwise_left_shift
    bitwise_not: _bitwise_not
    bitwise_or: _bitwise_or
    bitwise_right_shift: _bitwise_right_shift
    bitwise_xor: _bitwise_xor
    cast: _cast
    cat: _cat
    ceil: _ceil
    choose_qparams: _choose_qparams
    clamp: _clamp
    constant_pad_nd: _constant_pad_nd
    conv: _conv
    conv_input_grad: _conv_input_grad
    conv_weight_grad: _conv_weight_grad
    copy: _copy
    copysign: _copysign
    cos: _cos
    cosh: _cosh
    count_nonzero: _count_nonzero
    cummax: _cummax
    cummin: _cummin
    cumprod: _cumprod
    cumsum: _cumsum
    deg2rad: _deg2rad
    dequantize: _dequantize
    detach: _detach
    diagonal: _diagonal
    diagonal_backward: _diagonal_backward
    div: _div
    dot: _dot
    dropout_mask: _dropout_mask
    elu: _elu
    embedding: _embedding
    embedding_backward: _embedding_backward
    eq: _eq
    erf: _erf
    erfc: _erfc
    exp: _exp
    exp2: _exp2
    expand: _expand
    expm1: _expm1
    fake_quantize: _fake_quantize
    fill: _fill
    flip: _flip
    float8_decode: _float8_decode
    float8_encode: _float8_encode
    floor: _floor
    floor_divide: _floor_divide
    fmax: _fmax
    fmin: _fmin
    fmod: _fmod
    frac: _frac
    gather: _gather
    ge: _ge
    gelu: _gelu
    gelu_backward: _gelu_backward
    group_norm: _group_norm
    gt: _gt
    hardsigmoid: _hardsigmoid
    hardswish: _hardswish
    hardtanh: _hardtanh
    hypot: _hypot
    index: _index
    index_add: _index_add
    index_copy: _index_copy
    index_put: _index_put
    index_select: _index_select
    iota: _iota
    isfinite: _isfinite
    isinf: _isinf
    isnan: _isnan
    kthvalue: _kthvalue
    layer_norm: _layer_norm
    layer_norm_backward: _layer_norm_backward
    le: _le
    leaky_relu: _leaky_relu
    lerp: _lerp
    linear: _linear
    log: _log
    log10: _log10
    log1p: _log1p
    log2: _log2
    log_softmax: _log_softmax
    log_softmax_backward: _log_softmax_backward
    logaddexp: _logaddexp
    logical_and: _logical_and
    logical_not: _logical_not
    logical_or: _logical_or
    logical_xor: _logical_xor
    logsumexp: _logsumexp
    lt: _lt
    masked_fill: _masked_fill
    matmul: _matmul
    max_pool: _max_pool
    max_pool_backward: _max_pool_backward
    maximum: _maximum
    mean: _mean
    minimum: _minimum
    mish: _mish
    movedim: _movedim
    mul: _mul
    narrow: _narrow
    ne: _ne
    neg: _neg
    nll_loss_backward: _nll_loss_backward
    nll_loss_forward: _nll_loss_forward
    nonzero: _nonzero
    norm: _norm
    one_hot: _one_hot
    pack_int4: _pack_int4
    pad: _pad
    permute: _permute
    pow: _pow
    prod: _prod
    quantize: _quantize
    quantized_conv2d: _quantized_conv2d
    quantized_linear: _quantized_linear
    quantized_matmul: _quantized_matmul
    rad2deg: _rad2deg
    rand: _rand
    randint: _randint
    randn: _randn
    random_bits: _random_bits
    randperm: _randperm
    reciprocal: _reciprocal
    relu: _relu
    relu6: _relu6
    relu_backward: _relu_backward
    remainder: _remainder
    repeat: _repeat
    repeat_interleave: _repeat_interleave
    rms_norm: _rms_norm
    roll: _roll
    round: _round
    rsqrt: _rsqrt
    scaled_dot_product_attention: _scaled_dot_product_attention
    scatter: _scatter
    scatter_add: _scatter_add
    searchsorted: _searchsorted
    select: _select
    select_backward: _select_backward
    sgd_momentum_step: _sgd_momentum_step
    sgd_step: _sgd_step
    sigmoid: _sigmoid
    sigmoid_backward: _sigmoid_backward
    sign: _sign
    signbit: _signbit
    silu: _silu
    silu_backward: _silu_backward
    sin: _sin
    sinh: _sinh
    slice: _slice
    slice_backward: _slice_backward
    softmax: _softmax
    softmax_backward: _softmax_backward
    softplus: _softplus
    sort: _sort
    sqrt: _sqrt
    square: _square
    squeeze: _squeeze
    stack: _stack
    std: _std
    sub: _sub
    sum: _sum
    take_along_dim: _take_along_dim
    tan: _tan
    tanh: _tanh
    tanh_backward: _tanh_backward
    threshold_backward: _threshold_backward
    tile: _tile
    to_device: _to_device
    topk: _topk
    transpose: _transpose
    tril: _tril
    triu: _triu
    trunc: _trunc
    unfold: _unfold
    unfold_backward: _unfold_backward
    unpack_int4: _unpack_int4
    unsqueeze: _unsqueeze
    var: _var
    var_mean: _var_mean
    view: _view
    view_dtype: _view_dtype
    weight_only_linear: _weight_only_linear
    where: _where
    xlogy: _xlogy
    def empty(self, shape: Any, dtype: DType, device: Any = None) -> Any: ...
    def copy_into(self, target: Any, source: Any) -> Any: ...
    def reshape(self, input: Any, shape: Any) -> Any: ...
