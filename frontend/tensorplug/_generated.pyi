"""Written by tools/public_table.py from the ops and from what is @public; not to be edited."""

import builtins
from typing import TypeAlias, TypeVar, overload

from collections.abc import Sequence
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.layout import Layout
from tensorplug_dispatcher.layout import Size
from tensorplug_dispatcher.storage import Device
from typing import Any
from typing import IO
import os
from . import random
from . import return_types
from ._conversion import UntypedStorage
from ._tensor import Tensor
from .quantization._tensors import Scheme
from .random import Generator
from .resilience import Resilient

Number: TypeAlias = int | float
T = TypeVar("T")

class TensorOps:
    """The methods of tensors."""

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
    def __add__(self, other: Tensor | Number) -> Tensor: ...
    def __radd__(self, other: Tensor | Number) -> Tensor: ...
    def __iadd__(self, other: Tensor | Number) -> Tensor: ...
    def __sub__(self, other: Tensor | Number) -> Tensor: ...
    def __rsub__(self, other: Tensor | Number) -> Tensor: ...
    def __isub__(self, other: Tensor | Number) -> Tensor: ...
    def __mul__(self, other: Tensor | Number) -> Tensor: ...
    def __rmul__(self, other: Tensor | Number) -> Tensor: ...
    def __imul__(self, other: Tensor | Number) -> Tensor: ...
    def __truediv__(self, other: Tensor | Number) -> Tensor: ...
    def __rtruediv__(self, other: Tensor | Number) -> Tensor: ...
    def __itruediv__(self, other: Tensor | Number) -> Tensor: ...
    def __floordiv__(self, other: Tensor | Number) -> Tensor: ...
    def __rfloordiv__(self, other: Tensor | Number) -> Tensor: ...
    def __ifloordiv__(self, other: Tensor | Number) -> Tensor: ...
    def __mod__(self, other: Tensor | Number) -> Tensor: ...
    def __rmod__(self, other: Tensor | Number) -> Tensor: ...
    def __imod__(self, other: Tensor | Number) -> Tensor: ...
    def __pow__(self, other: Tensor | Number) -> Tensor: ...
    def __rpow__(self, other: Tensor | Number) -> Tensor: ...
    def __ipow__(self, other: Tensor | Number) -> Tensor: ...
    def __and__(self, other: Tensor | Number) -> Tensor: ...
    def __rand__(self, other: Tensor | Number) -> Tensor: ...
    def __iand__(self, other: Tensor | Number) -> Tensor: ...
    def __or__(self, other: Tensor | Number) -> Tensor: ...
    def __ror__(self, other: Tensor | Number) -> Tensor: ...
    def __ior__(self, other: Tensor | Number) -> Tensor: ...
    def __xor__(self, other: Tensor | Number) -> Tensor: ...
    def __rxor__(self, other: Tensor | Number) -> Tensor: ...
    def __ixor__(self, other: Tensor | Number) -> Tensor: ...
    def __lshift__(self, other: Tensor | Number) -> Tensor: ...
    def __rlshift__(self, other: Tensor | Number) -> Tensor: ...
    def __ilshift__(self, other: Tensor | Number) -> Tensor: ...
    def __rshift__(self, other: Tensor | Number) -> Tensor: ...
    def __rrshift__(self, other: Tensor | Number) -> Tensor: ...
    def __irshift__(self, other: Tensor | Number) -> Tensor: ...
    def __lt__(self, other: Tensor | Number) -> Tensor: ...
    def __le__(self, other: Tensor | Number) -> Tensor: ...
    def __gt__(self, other: Tensor | Number) -> Tensor: ...
    def __ge__(self, other: Tensor | Number) -> Tensor: ...
    def __matmul__(self, other: Tensor) -> Tensor: ...
    def __rmatmul__(self, other: Tensor) -> Tensor: ...
    def __eq__(self, other: object) -> Tensor: ...  # type: ignore[override]
    def __ne__(self, other: object) -> Tensor: ...  # type: ignore[override]
    def __array__(self, dtype: Any = None, copy: builtins.bool | None = None) -> Any:
        """``numpy.asarray(tensor)``."""
    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: builtins.bool = False) -> Any:
        """The result of a NumPy function on tensors, as a tensor."""
    def __copy__(self) -> Tensor:
        """``copy.copy``: another tensor over the same memory."""
    def __deepcopy__(self, memo: dict[builtins.int, Any]) -> Tensor:
        """A copy for ``copy.deepcopy``: leaves only; tensors that shared memory share it again."""
    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: Any = None,
        dl_device: Any = None,
        copy: builtins.bool | None = None,
    ) -> Any:
        """A DLPack capsule over the tensor's memory (https://data-apis.org/array-api: ``__dlpack__``)."""
    def __dlpack_device__(self) -> tuple[builtins.int, builtins.int]:
        """(device type, index) in DLPack's numbers: 1 is host memory."""
    def __reduce_ex__(self, protocol: Any) -> Any:
        """For pickle: the bytes, shape, dtype and device. Models are saved by ``save``, without pickle."""
    def __repr__(self) -> str:
        """The text of ``repr(tensor)``."""
    def __str__(self) -> str:
        """The text of ``repr(tensor)``."""
    def abs(self, *, out: Tensor | None = None) -> Tensor:
        """The absolute value; the integer minimum stays itself."""
    def abs_(self) -> Tensor:
        """In place: The absolute value; the integer minimum stays itself."""
    def absolute(self, *, out: Tensor | None = None) -> Tensor:
        """The absolute value; the integer minimum stays itself."""
    def absolute_(self) -> Tensor:
        """In place: The absolute value; the integer minimum stays itself."""
    def acos(self, *, out: Tensor | None = None) -> Tensor:
        """The inverse cosine in radians; NaN outside [-1, 1]."""
    def acos_(self) -> Tensor:
        """In place: The inverse cosine in radians; NaN outside [-1, 1]."""
    def acosh(self, *, out: Tensor | None = None) -> Tensor:
        """The inverse hyperbolic cosine; NaN below 1."""
    def acosh_(self) -> Tensor:
        """In place: The inverse hyperbolic cosine; NaN below 1."""
    def add(self, other: Tensor | Number, *, alpha: builtins.float = 1, out: Tensor | None = None) -> Tensor:
        """``input + alpha * other``."""
    def add_(self, other: Tensor | Number, *, alpha: builtins.float = 1) -> Tensor:
        """In place, ``self + alpha * other``."""
    def addbmm(
        self,
        batch1: Tensor,
        batch2: Tensor,
        *,
        beta: builtins.float = 1,
        alpha: builtins.float = 1,
        out: Tensor | None = None,
    ) -> Tensor:
        """``beta * input + alpha *`` the sum of the batch's products."""
    def addcdiv(
        self,
        tensor1: Tensor,
        tensor2: Tensor,
        *,
        value: Number = 1,
        out: Tensor | None = None,
    ) -> Tensor:
        """x + value * tensor1 / tensor2."""
    def addcdiv_(self, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1) -> Tensor:
        """In place: x + value * tensor1 / tensor2."""
    def addcmul(
        self,
        tensor1: Tensor,
        tensor2: Tensor,
        *,
        value: Number = 1,
        out: Tensor | None = None,
    ) -> Tensor:
        """x + value * tensor1 * tensor2."""
    def addcmul_(self, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1) -> Tensor:
        """In place: x + value * tensor1 * tensor2."""
    def addmm(
        self,
        mat1: Tensor,
        mat2: Tensor,
        *,
        beta: builtins.float = 1,
        alpha: builtins.float = 1,
        out: Tensor | None = None,
    ) -> Tensor:
        """``beta * input + alpha * (mat1 @ mat2)``."""
    def addmv(
        self,
        mat: Tensor,
        vec: Tensor,
        *,
        beta: builtins.float = 1,
        alpha: builtins.float = 1,
        out: Tensor | None = None,
    ) -> Tensor:
        """``beta * input + alpha * (mat @ vec)``."""
    def addr(
        self,
        vec1: Tensor,
        vec2: Tensor,
        *,
        beta: builtins.float = 1,
        alpha: builtins.float = 1,
        out: Tensor | None = None,
    ) -> Tensor:
        """``beta * input + alpha * outer(vec1, vec2)``."""
    def adjoint(self) -> Tensor:
        """The last two dimensions swapped."""
    def all(
        self,
        dim: builtins.int | Sequence[builtins.int] | None = None,
        keepdim: builtins.bool = False,
        *,
        out: Tensor | None = None,
        axis: builtins.int | Sequence[builtins.int] | None = ...,
        keepdims: builtins.bool = ...,
    ) -> Tensor:
        """Whether no value over dim is zero."""
    def allclose(
        self,
        other: Tensor,
        rtol: builtins.float = 1e-05,
        atol: builtins.float = 1e-08,
        equal_nan: builtins.bool = False,
    ) -> builtins.bool:
        """Whether ``isclose`` holds everywhere."""
    def amax(
        self,
        dim: builtins.int | Sequence[builtins.int] | None = None,
        keepdim: builtins.bool = False,
        *,
        out: Tensor | None = None,
        axis: builtins.int | Sequence[builtins.int] | None = ...,
        keepdims: builtins.bool = ...,
    ) -> Tensor:
        """The largest value over dim; NaN wins."""
    def amin(
        self,
        dim: builtins.int | Sequence[builtins.int] | None = None,
        keepdim: builtins.bool = False,
        *,
        out: Tensor | None = None,
        axis: builtins.int | Sequence[builtins.int] | None = ...,
        keepdims: builtins.bool = ...,
    ) -> Tensor:
        """The smallest value over dim; NaN wins."""
    def aminmax(
        self,
        *,
        dim: builtins.int | None = None,
        keepdim: builtins.bool = False,
        out: tuple[Tensor, ...] | None = None,
        axis: builtins.int | None = ...,
        keepdims: builtins.bool = ...,
    ) -> return_types.aminmax:
        """The smallest and the largest, over all or along ``dim``."""
    def any(
        self,
        dim: builtins.int | Sequence[builtins.int] | None = None,
        keepdim: builtins.bool = False,
        *,
        out: Tensor | None = None,
        axis: builtins.int | Sequence[builtins.int] | None = ...,
        keepdims: builtins.bool = ...,
    ) -> Tensor:
        """Whether any value over dim is not zero."""
    def arccos(self, *, out: Tensor | None = None) -> Tensor:
        """The inverse cosine in radians; NaN outside [-1, 1]."""
    def arccos_(self) -> Tensor:
        """In place: The inverse cosine in radians; NaN outside [-1, 1]."""
    def arccosh(self, *, out: Tensor | None = None) -> Tensor:
        """The inverse hyperbolic cosine; NaN below 1."""
    def arccosh_(self) -> Tensor:
        """In place: The inverse hyperbolic cosine; NaN below 1."""
    def arcsin(self, *, out: Tensor | None = None) -> Tensor:
        """The inverse sine in radians; NaN outside [-1, 1]."""
    def arcsin_(self) -> Tensor:
        """In place: The inverse sine in radians; NaN outside [-1, 1]."""
    def arcsinh(self, *, out: Tensor | None = None) -> Tensor:
        """The inverse hyperbolic sine."""
    def arcsinh_(self) -> Tensor:
        """In place: The inverse hyperbolic sine."""
    def arctan(self, *, out: Tensor | None = None) -> Tensor:
        """The inverse tangent in radians."""
    def arctan2(self, other: Tensor, *, out: Tensor | None = None) -> Tensor:
        """The angle of the point (y, x) in (-pi, pi]."""
    def arctan2_(self, other: Tensor) -> Tensor:
        """In place: The angle of the point (y, x) in (-pi, pi]."""
    def arctan_(self) -> Tensor:
        """In place: The inverse tangent in radians."""
    def arctanh(self, *, out: Tensor | None = None) -> Tensor:
        """The inverse hyperbolic tangent; NaN outside [-1, 1]."""
    def arctanh_(self) -> Tensor:
        """In place: The inverse hyperbolic tangent; NaN outside [-1, 1]."""
    def argmax(
        self,
        dim: builtins.int | None = None,
        keepdim: builtins.bool = False,
        *,
        out: Tensor | None = None,
        axis: builtins.int | None = ...,
        keepdims: builtins.bool = ...,
    ) -> Tensor:
        """The int64 index of the largest value along dim, or of the flattened tensor."""
    def argmin(
        self,
        dim: builtins.int | None = None,
        keepdim: builtins.bool = False,
        *,
        out: Tensor | None = None,
        axis: builtins.int | None = ...,
        keepdims: builtins.bool = ...,
    ) -> Tensor:
        """The int64 index of the smallest value along dim, or of the flattened tensor."""
    def argsort(
        self,
        dim: builtins.int = -1,
        descending: builtins.bool = False,
        stable: builtins.bool = True,
        *,
        out: Tensor | None = None,
        axis: builtins.int = ...,
    ) -> Tensor:
        """The places that sort ``input`` along ``dim``; always stable."""
    def argwhere(self) -> Tensor:
        """The places of the values that are not zero, one a row."""
    def as_strided(
        self,
        size: Sequence[builtins.int],
        stride: Sequence[builtins.int],
        storage_offset: builtins.int | None = None,
    ) -> Tensor:
        """A view with these sizes and strides; ``storage_offset`` counts from the storage's first element."""
    def as_strided_(self, size: Any, stride: Any, storage_offset: builtins.int | None = None) -> Tensor:
        """Other sizes and strides, in place."""
    def asin(self, *, out: Tensor | None = None) -> Tensor:
        """The inverse sine in radians; NaN outside [-1, 1]."""
    def asin_(self) -> Tensor:
        """In place: The inverse sine in radians; NaN outside [-1, 1]."""
    def asinh(self, *, out: Tensor | None = None) -> Tensor:
        """The inverse hyperbolic sine."""
    def asinh_(self) -> Tensor:
        """In place: The inverse hyperbolic sine."""
    def atan(self, *, out: Tensor | None = None) -> Tensor:
        """The inverse tangent in radians."""
    def atan2(self, other: Tensor, *, out: Tensor | None = None) -> Tensor:
        """The angle of the point (y, x) in (-pi, pi]."""
    def atan2_(self, other: Tensor) -> Tensor:
        """In place: The angle of the point (y, x) in (-pi, pi]."""
    def atan_(self) -> Tensor:
        """In place: The inverse tangent in radians."""
    def atanh(self, *, out: Tensor | None = None) -> Tensor:
        """The inverse hyperbolic tangent; NaN outside [-1, 1]."""
    def atanh_(self) -> Tensor:
        """In place: The inverse hyperbolic tangent; NaN outside [-1, 1]."""
    def baddbmm(
        self,
        batch1: Tensor,
        batch2: Tensor,
        *,
        beta: builtins.float = 1,
        alpha: builtins.float = 1,
        out: Tensor | None = None,
    ) -> Tensor:
        """``beta * input + alpha * bmm(batch1, batch2)``."""
    def bernoulli(
        self,
        p: builtins.float | None = None,
        *,
        generator: Generator | None = None,
        out: Tensor | None = None,
    ) -> Tensor:
        """1 with the probability that ``input`` (or ``p``) gives, else 0, in the dtype of ``input``."""
    def bernoulli_(self, p: Any = 0.5, *, generator: random.Generator | None = None) -> Tensor:
        """Fill with 1 with probability ``p`` (a number or a tensor), else 0."""
    def bfloat16(self, memory_format: Any = None) -> Tensor:
        """The values as bfloat16; the tensor itself where it is so already."""
    def bincount(self, weights: Tensor | None = None, minlength: builtins.int = 0) -> Tensor:
        """How often each number occurs in a vector of non-negative integers, or the sum of its ``weights``.
        """
    def bitwise_and(self, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
        """Bits in both."""
    def bitwise_and_(self, other: Tensor | Number) -> Tensor:
        """In place: Bits in both."""
    def bitwise_left_shift(self, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
        """x times 2**y; 0 where y is negative or not below the number of bits."""
    def bitwise_left_shift_(self, other: Tensor | Number) -> Tensor:
        """In place: x times 2**y; 0 where y is negative or not below the number of bits."""
    def bitwise_not(self, *, out: Tensor | None = None) -> Tensor:
        """Every bit inverted; logical on bool."""
    def bitwise_not_(self) -> Tensor:
        """In place: Every bit inverted; logical on bool."""
    def bitwise_or(self, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
        """Bits in either."""
    def bitwise_or_(self, other: Tensor | Number) -> Tensor:
        """In place: Bits in either."""
    def bitwise_right_shift(self, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
        """x divided by 2**y, the sign kept; a y out of range shifts all bits out."""
    def bitwise_right_shift_(self, other: Tensor | Number) -> Tensor:
        """In place: x divided by 2**y, the sign kept; a y out of range shifts all bits out."""
    def bitwise_xor(self, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
        """Bits in one only."""
    def bitwise_xor_(self, other: Tensor | Number) -> Tensor:
        """In place: Bits in one only."""
    def bmm(self, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
        """Products of [B, M, K] and [B, K, N], with no broadcasting."""
    def bool(self, memory_format: Any = None) -> Tensor:
        """The values as bool; the tensor itself where it is so already."""
    def broadcast_to(self, size: Sequence[builtins.int]) -> Tensor:
        """``input`` expanded to ``size``."""
    def byte(self, memory_format: Any = None) -> Tensor:
        """The values as uint8; the tensor itself where it is so already."""
    def ceil(self, *, out: Tensor | None = None) -> Tensor:
        """The smallest integer not below x."""
    def ceil_(self) -> Tensor:
        """In place: The smallest integer not below x."""
    def char(self, memory_format: Any = None) -> Tensor:
        """The values as int8; the tensor itself where it is so already."""
    def chunk(
        self,
        chunks: builtins.int,
        dim: builtins.int = 0,
        *,
        axis: builtins.int = ...,
    ) -> tuple[Tensor, ...]:
        """At most ``chunks`` views of equal size along ``dim``; the last may be smaller."""
    def clamp(
        self,
        min: Tensor | Number | None = None,
        max: Tensor | Number | None = None,
        *,
        out: Tensor | None = None,
    ) -> Tensor:
        """Values below ``min`` become ``min``, above ``max`` ``max``; each a number or a tensor. NaN stays.
        """
    def clamp_(self, min: Tensor | Number | None = None, max: Tensor | Number | None = None) -> Tensor:
        """In place ``clamp``."""
    def clamp_max(self, max: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
        """Values above ``max`` become ``max``."""
    def clamp_max_(self, max: Tensor | Number) -> Tensor:
        """In place: Values above ``max`` become ``max``."""
    def clamp_min(self, min: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
        """Values below ``min`` become ``min``."""
    def clamp_min_(self, min: Tensor | Number) -> Tensor:
        """In place: Values below ``min`` become ``min``."""
    def clip(
        self,
        min: Tensor | Number | None = None,
        max: Tensor | Number | None = None,
        *,
        out: Tensor | None = None,
    ) -> Tensor:
        """Values below ``min`` become ``min``, above ``max`` ``max``; each a number or a tensor. NaN stays.
        """
    def clip_(self, min: Tensor | Number | None = None, max: Tensor | Number | None = None) -> Tensor:
        """In place ``clamp``."""
    def clone(self, *, memory_format: Any = None) -> Tensor:
        """A copy with memory of its own; gradients flow through. Strides of dense permuted tensors are kept.
        """
    def contiguous(self, memory_format: Any = None) -> Tensor:
        """``self`` where it is dense and row-major, else a dense copy."""
    def copy_(self, src: Any, non_blocking: builtins.bool = False) -> Tensor:
        """Write ``src``, moved, converted and broadcast as needed, over ``self``; gradients flow to ``src``.
        """
    def copysign(self, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
        """The magnitude of x with the sign of y."""
    def copysign_(self, other: Tensor | Number) -> Tensor:
        """In place: The magnitude of x with the sign of y."""
    def cos(self, *, out: Tensor | None = None) -> Tensor:
        """The cosine; x in radians."""
    def cos_(self) -> Tensor:
        """In place: The cosine; x in radians."""
    def cosh(self, *, out: Tensor | None = None) -> Tensor:
        """The hyperbolic cosine."""
    def cosh_(self) -> Tensor:
        """In place: The hyperbolic cosine."""
    def count_nonzero(
        self,
        dim: builtins.int | Sequence[builtins.int] | None = None,
        *,
        axis: builtins.int | Sequence[builtins.int] | None = ...,
    ) -> Tensor:
        """How many values over dim are not zero, as int64."""
    def cpu(self, memory_format: Any = None) -> Tensor:
        """``self`` in host memory; itself where it is there already."""
    def cross(
        self,
        other: Tensor,
        dim: builtins.int | None = None,
        *,
        out: Tensor | None = None,
        axis: builtins.int | None = ...,
    ) -> Tensor:
        """The cross product of vectors of size 3 along ``dim`` (default: the first such dimension)."""
    def cuda(
        self,
        device: Any = None,
        non_blocking: builtins.bool = False,
        memory_format: Any = None,
    ) -> Tensor:
        """``self`` on a CUDA device, where a plugin offers one."""
    def cummax(
        self,
        dim: builtins.int = ...,
        *,
        out: tuple[Tensor, ...] | None = None,
        axis: builtins.int = ...,
    ) -> return_types.cummax:
        """The largest element up to each along dim, and its last place."""
    def cummin(
        self,
        dim: builtins.int = ...,
        *,
        out: tuple[Tensor, ...] | None = None,
        axis: builtins.int = ...,
    ) -> return_types.cummin:
        """The smallest element up to each along dim, and its last place."""
    def cumprod(
        self,
        dim: builtins.int = ...,
        *,
        dtype: DType | None = None,
        out: Tensor | None = None,
        axis: builtins.int = ...,
    ) -> Tensor:
        """The product of all elements up to each along dim."""
    def cumprod_(
        self,
        dim: builtins.int = ...,
        *,
        dtype: DType | None = None,
        axis: builtins.int = ...,
    ) -> Tensor:
        """In place ``cumprod``, in the tensor's own dtype."""
    def cumsum(
        self,
        dim: builtins.int = ...,
        *,
        dtype: DType | None = None,
        out: Tensor | None = None,
        axis: builtins.int = ...,
    ) -> Tensor:
        """The sum of all elements up to each along dim."""
    def cumsum_(
        self,
        dim: builtins.int = ...,
        *,
        dtype: DType | None = None,
        axis: builtins.int = ...,
    ) -> Tensor:
        """In place ``cumsum``, in the tensor's own dtype."""
    def deg2rad(self, *, out: Tensor | None = None) -> Tensor:
        """Degrees as radians."""
    def deg2rad_(self) -> Tensor:
        """In place: Degrees as radians."""
    def dequantize(self) -> Tensor:
        """The numbers that the levels stand for; a plain tensor itself. Source: torch.dequantize."""
    def diag(self, diagonal: builtins.int = 0, *, out: Tensor | None = None) -> Tensor:
        """``diag``: the diagonal of a matrix as a vector, or the square matrix with a vector as diagonal."""
    def diag_embed(
        self,
        offset: builtins.int = 0,
        dim1: builtins.int = -2,
        dim2: builtins.int = -1,
    ) -> Tensor:
        """Matrices with the last dimension of ``input`` on a diagonal, zeros elsewhere."""
    def diagonal(self, offset: builtins.int = 0, dim1: builtins.int = 0, dim2: builtins.int = 1) -> Tensor:
        """The diagonal of two dimensions as a new last one."""
    def diff(
        self,
        n: builtins.int = 1,
        dim: builtins.int = -1,
        prepend: Tensor | None = None,
        append: Tensor | None = None,
        *,
        out: Tensor | None = None,
        axis: builtins.int = ...,
    ) -> Tensor:
        """Differences of neighbours along ``dim``, ``n`` times."""
    def dist(self, other: Tensor, p: builtins.float = 2) -> Tensor:
        """The ``p``-norm of the difference."""
    def div(
        self,
        other: Tensor | Number,
        *,
        rounding_mode: str | None = None,
        out: Tensor | None = None,
    ) -> Tensor:
        """``input / other``; ``rounding_mode`` "trunc" or "floor" rounds the quotient and keeps integers."""
    def div_(self, other: Tensor | Number, *, rounding_mode: str | None = None) -> Tensor:
        """In place, ``self / other``."""
    def divide(
        self,
        other: Tensor | Number,
        *,
        rounding_mode: str | None = None,
        out: Tensor | None = None,
    ) -> Tensor:
        """``input / other``; ``rounding_mode`` "trunc" or "floor" rounds the quotient and keeps integers."""
    def divide_(self, other: Tensor | Number, *, rounding_mode: str | None = None) -> Tensor:
        """In place, ``self / other``."""
    def dot(self, other: Tensor, *, out: Tensor | None = None) -> Tensor:
        """The inner product of two vectors."""
    def double(self, memory_format: Any = None) -> Tensor:
        """The values as float64; the tensor itself where it is so already."""
    def element_size(self) -> builtins.int:
        """Bytes of one element."""
    def eq(self, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
        """Whether x equals y."""
    def eq_(self, other: Tensor | Number) -> Tensor:
        """In place: Whether x equals y."""
    def equal(self, other: Tensor) -> builtins.bool:
        """Whether both have the same shape and the same values."""
    def erf(self, *, out: Tensor | None = None) -> Tensor:
        """The error function."""
    def erf_(self) -> Tensor:
        """In place: The error function."""
    def erfc(self, *, out: Tensor | None = None) -> Tensor:
        """1 - erf(x), accurate for large x."""
    def erfc_(self) -> Tensor:
        """In place: 1 - erf(x), accurate for large x."""
    def exp(self, *, out: Tensor | None = None) -> Tensor:
        """e to the power x."""
    def exp2(self, *, out: Tensor | None = None) -> Tensor:
        """2 to the power x."""
    def exp2_(self) -> Tensor:
        """In place: 2 to the power x."""
    def exp_(self) -> Tensor:
        """In place: e to the power x."""
    @overload
    def expand(self, *size: builtins.int) -> Tensor:
        """Dimensions of size 1 repeated with stride 0."""
    @overload
    def expand(self, size: Sequence[builtins.int] | builtins.int) -> Tensor:
        """Dimensions of size 1 repeated with stride 0."""
    def expand_as(self, other: Tensor) -> Tensor:
        """``self`` expanded to the shape of ``other``."""
    def expm1(self, *, out: Tensor | None = None) -> Tensor:
        """exp(x) - 1, accurate near 0."""
    def expm1_(self) -> Tensor:
        """In place: exp(x) - 1, accurate near 0."""
    def exponential_(
        self,
        lambd: builtins.float = 1.0,
        *,
        generator: random.Generator | None = None,
    ) -> Tensor:
        """Fill with numbers of the exponential distribution of rate ``lambd``."""
    def fill_(self, value: Any) -> Tensor:
        """Set every element to ``value``, a number or a 0-d tensor."""
    def fill_diagonal_(self, fill_value: builtins.float, wrap: builtins.bool = False) -> Tensor:
        """Set the main diagonal of a matrix (or of a tensor whose sizes are all equal)."""
    def fix(self, *, out: Tensor | None = None) -> Tensor:
        """The integer part, rounded towards 0."""
    def fix_(self) -> Tensor:
        """In place: The integer part, rounded towards 0."""
    def flatten(self, start_dim: builtins.int = 0, end_dim: builtins.int = -1) -> Tensor:
        """The dimensions from ``start_dim`` to ``end_dim`` (included) as one."""
    @overload
    def flip(self, *dims: builtins.int) -> Tensor:
        """The order reversed along ``dims``."""
    @overload
    def flip(self, dims: Sequence[builtins.int] | builtins.int) -> Tensor:
        """The order reversed along ``dims``."""
    def fliplr(self) -> Tensor:
        """The columns in reverse order."""
    def flipud(self) -> Tensor:
        """The rows in reverse order."""
    def float(self, memory_format: Any = None) -> Tensor:
        """The values as float32; the tensor itself where it is so already."""
    def float_power(self, exponent: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
        """The power in float64."""
    def float_power_(self, exponent: Tensor | Number) -> Tensor:
        """In place, the power in float64, which ``self`` must have."""
    def floor(self, *, out: Tensor | None = None) -> Tensor:
        """The largest integer not above x."""
    def floor_(self) -> Tensor:
        """In place: The largest integer not above x."""
    def floor_divide(self, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
        """floor(x / y). Raises ZeroDivisionError for an integer 0."""
    def floor_divide_(self, other: Tensor | Number) -> Tensor:
        """In place: floor(x / y). Raises ZeroDivisionError for an integer 0."""
    def fmax(self, other: Tensor, *, out: Tensor | None = None) -> Tensor:
        """The larger of x and y; a number beats NaN."""
    def fmin(self, other: Tensor, *, out: Tensor | None = None) -> Tensor:
        """The smaller of x and y; a number beats NaN."""
    def fmod(self, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
        """The remainder of x / y with the sign of x, as in C. Raises ZeroDivisionError for an integer 0."""
    def fmod_(self, other: Tensor | Number) -> Tensor:
        """In place: The remainder of x / y with the sign of x, as in C. Raises ZeroDivisionError for an
        integer 0.
        """
    def frac(self, *, out: Tensor | None = None) -> Tensor:
        """x - trunc(x)."""
    def frac_(self) -> Tensor:
        """In place: x - trunc(x)."""
    def gather(
        self,
        dim: builtins.int,
        index: Tensor,
        *,
        sparse_grad: builtins.bool = False,
        out: Tensor | None = None,
    ) -> Tensor:
        """``out[i][j] = input[index[i][j]][j]`` for dim 0, and so on."""
    def gcd(self, other: Tensor, *, out: Tensor | None = None) -> Tensor:
        """The greatest common divisor of integers (Euclid's algorithm)."""
    def ge(self, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
        """Whether x is at least y."""
    def ge_(self, other: Tensor | Number) -> Tensor:
        """In place: Whether x is at least y."""
    def ger(self, vec2: Tensor, *, out: Tensor | None = None) -> Tensor:
        """All products of two vectors' elements: [M, N]."""
    def get_device(self) -> builtins.int:
        """The device's index; -1 for the CPU."""
    def greater(self, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
        """Whether x is above y."""
    def greater_(self, other: Tensor | Number) -> Tensor:
        """In place: Whether x is above y."""
    def greater_equal(self, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
        """Whether x is at least y."""
    def greater_equal_(self, other: Tensor | Number) -> Tensor:
        """In place: Whether x is at least y."""
    def gt(self, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
        """Whether x is above y."""
    def gt_(self, other: Tensor | Number) -> Tensor:
        """In place: Whether x is above y."""
    def half(self, memory_format: Any = None) -> Tensor:
        """The values as float16; the tensor itself where it is so already."""
    def heaviside(self, values: Tensor, *, out: Tensor | None = None) -> Tensor:
        """0 below zero and for NaN, 1 above, ``values`` at zero."""
    def heaviside_(self, values: Tensor) -> Tensor:
        """In place: 0 below zero and for NaN, 1 above, ``values`` at zero."""
    def histc(
        self,
        bins: builtins.int = 100,
        min: builtins.float = 0,
        max: builtins.float = 0,
        *,
        out: Tensor | None = None,
    ) -> Tensor:
        """How many elements are in each of ``bins`` equal intervals from ``min`` to ``max`` (both 0: those of
        the data).
        """
    def hsplit(self, indices_or_sections: Any) -> tuple[Tensor, ...]:
        """Pieces by column (along dimension 0 for vectors)."""
    def hypot(self, other: Tensor, *, out: Tensor | None = None) -> Tensor:
        """sqrt(x*x + y*y) without overflow on the way."""
    def hypot_(self, other: Tensor) -> Tensor:
        """In place: sqrt(x*x + y*y) without overflow on the way."""
    def index_add(
        self,
        dim: builtins.int,
        index: Tensor,
        source: Tensor,
        *,
        alpha: builtins.float = 1,
        out: Tensor | None = None,
    ) -> Tensor:
        """``input`` with ``alpha`` times the slices of ``source`` added at the places ``index`` of ``dim``.
        """
    def index_add_(
        self,
        dim: builtins.int,
        index: Tensor,
        source: Tensor,
        *,
        alpha: builtins.float = 1,
    ) -> Tensor:
        """In place ``index_add``."""
    def index_copy(
        self,
        dim: builtins.int,
        index: Tensor,
        source: Tensor,
        *,
        out: Tensor | None = None,
    ) -> Tensor:
        """The input with slices along dim replaced by those of source."""
    def index_copy_(self, dim: builtins.int, index: Tensor, source: Tensor) -> Tensor:
        """In place: The input with slices along dim replaced by those of source."""
    def index_fill(self, dim: builtins.int, index: Tensor, value: Any) -> Tensor:
        """``input`` with ``value`` in the slices ``index`` of ``dim``."""
    def index_fill_(self, dim: builtins.int, index: Tensor, value: Any) -> Tensor:
        """In place ``index_fill``."""
    def index_put(self, indices: Sequence[Any], values: Any, accumulate: builtins.bool = False) -> Tensor:
        """A copy of ``input`` after ``index_put_``."""
    def index_put_(self, indices: Sequence[Any], values: Any, accumulate: builtins.bool = False) -> Tensor:
        """In place, ``self[indices] = values``, or ``+=`` (repeated places add up) with ``accumulate``."""
    def index_select(self, dim: builtins.int, index: Tensor, *, out: Tensor | None = None) -> Tensor:
        """The slices along dim that index names."""
    def inner(self, other: Tensor, *, out: Tensor | None = None) -> Tensor:
        """Sums of products over the last dimension of both."""
    def int(self, memory_format: Any = None) -> Tensor:
        """The values as int32; the tensor itself where it is so already."""
    def int_repr(self) -> Tensor:
        """The levels, one an element: int8 or uint8 (also those of four bits, which lie two a byte in
        memory).
        """
    def is_complex(self) -> builtins.bool:
        """False: there are no complex dtypes."""
    def is_floating_point(self) -> builtins.bool:
        """Whether the dtype is a floating one."""
    def is_nonzero(self) -> builtins.bool:
        """Whether the one element of ``input`` is not zero."""
    def is_same_size(self, other: Tensor) -> builtins.bool:
        """Whether the shapes are equal."""
    def is_set_to(self, other: Any) -> builtins.bool:
        """Whether both look at the same memory in the same way."""
    def is_signed(self) -> builtins.bool:
        """Whether the dtype holds negative numbers."""
    def isclose(
        self,
        other: Tensor,
        rtol: builtins.float = 1e-05,
        atol: builtins.float = 1e-08,
        equal_nan: builtins.bool = False,
    ) -> Tensor:
        """Where ``|input - other| <= atol + rtol * |other|``; infinities are close to themselves."""
    def isfinite(self) -> Tensor:
        """Whether x is neither infinite nor NaN."""
    def isinf(self) -> Tensor:
        """Whether x is +inf or -inf."""
    def isnan(self) -> Tensor:
        """Whether x is not a number."""
    def isneginf(self, *, out: Tensor | None = None) -> Tensor:
        """Where the value is -inf."""
    def isposinf(self, *, out: Tensor | None = None) -> Tensor:
        """Where the value is +inf."""
    def isreal(self) -> Tensor:
        """True everywhere: there are no complex dtypes."""
    def kron(self, other: Tensor, *, out: Tensor | None = None) -> Tensor:
        """Kronecker's product."""
    def kthvalue(
        self,
        k: builtins.int,
        dim: builtins.int = -1,
        keepdim: builtins.bool = False,
        *,
        out: tuple[Tensor, ...] | None = None,
        axis: builtins.int = ...,
        keepdims: builtins.bool = ...,
    ) -> return_types.kthvalue:
        """The k-th smallest value along dim and its place."""
    def lcm(self, other: Tensor, *, out: Tensor | None = None) -> Tensor:
        """The least common multiple of integers."""
    def ldexp(self, other: Tensor, *, out: Tensor | None = None) -> Tensor:
        """``input * 2 ** other``, where neither is too large though ``2 ** other`` may be."""
    def ldexp_(self, other: Tensor) -> Tensor:
        """In place: ``input * 2 ** other``, where neither is too large though ``2 ** other`` may be."""
    def le(self, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
        """Whether x is at most y."""
    def le_(self, other: Tensor | Number) -> Tensor:
        """In place: Whether x is at most y."""
    def lerp(self, end: Tensor, weight: Any, *, out: Tensor | None = None) -> Tensor:
        """``input + weight * (end - input)``, all of one floating dtype."""
    def lerp_(self, end: Tensor, weight: Any) -> Tensor:
        """In place ``lerp``."""
    def less(self, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
        """Whether x is below y."""
    def less_(self, other: Tensor | Number) -> Tensor:
        """In place: Whether x is below y."""
    def less_equal(self, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
        """Whether x is at most y."""
    def less_equal_(self, other: Tensor | Number) -> Tensor:
        """In place: Whether x is at most y."""
    def log(self, *, out: Tensor | None = None) -> Tensor:
        """The natural logarithm; NaN below 0, -inf at 0."""
    def log10(self, *, out: Tensor | None = None) -> Tensor:
        """The logarithm to base 10."""
    def log10_(self) -> Tensor:
        """In place: The logarithm to base 10."""
    def log1p(self, *, out: Tensor | None = None) -> Tensor:
        """log(1 + x), accurate near 0."""
    def log1p_(self) -> Tensor:
        """In place: log(1 + x), accurate near 0."""
    def log2(self, *, out: Tensor | None = None) -> Tensor:
        """The logarithm to base 2."""
    def log2_(self) -> Tensor:
        """In place: The logarithm to base 2."""
    def log_(self) -> Tensor:
        """In place: The natural logarithm; NaN below 0, -inf at 0."""
    def log_normal_(
        self,
        mean: builtins.float = 1.0,
        std: builtins.float = 2.0,
        *,
        generator: random.Generator | None = None,
    ) -> Tensor:
        """Fill with numbers whose logarithm is normal."""
    def log_softmax(
        self,
        dim: Any = None,
        dtype: DType | None = None,
        *,
        out: Tensor | None = None,
        axis: Any = None,
    ) -> Tensor:
        """The logarithm of ``softmax``, computed without overflow."""
    def logaddexp(self, other: Tensor, *, out: Tensor | None = None) -> Tensor:
        """log(exp(x) + exp(y)) without overflow."""
    def logaddexp2(self, other: Tensor, *, out: Tensor | None = None) -> Tensor:
        """``log2(2 ** input + 2 ** other)`` without overflow."""
    def logical_and(self, other: Tensor, *, out: Tensor | None = None) -> Tensor:
        """Whether both differ from 0."""
    def logical_and_(self, other: Tensor) -> Tensor:
        """In place: Whether both differ from 0."""
    def logical_not(self, *, out: Tensor | None = None) -> Tensor:
        """Whether x is 0."""
    def logical_not_(self) -> Tensor:
        """In place: Whether x is 0."""
    def logical_or(self, other: Tensor, *, out: Tensor | None = None) -> Tensor:
        """Whether one differs from 0."""
    def logical_or_(self, other: Tensor) -> Tensor:
        """In place: Whether one differs from 0."""
    def logical_xor(self, other: Tensor, *, out: Tensor | None = None) -> Tensor:
        """Whether exactly one differs from 0."""
    def logical_xor_(self, other: Tensor) -> Tensor:
        """In place: Whether exactly one differs from 0."""
    def logit(self, eps: builtins.float | None = None, *, out: Tensor | None = None) -> Tensor:
        """``log(x / (1 - x))``; with ``eps``, x is first clamped to [eps, 1 - eps]."""
    def logit_(self, eps: builtins.float | None = None) -> Tensor:
        """In place: ``log(x / (1 - x))``; with ``eps``, x is first clamped to [eps, 1 - eps]."""
    def logsumexp(
        self,
        dim: builtins.int | Sequence[builtins.int] | None = ...,
        keepdim: builtins.bool = False,
        *,
        out: Tensor | None = None,
        axis: builtins.int | Sequence[builtins.int] | None = ...,
        keepdims: builtins.bool = ...,
    ) -> Tensor:
        """log(sum(exp(input))) over dim, safe from overflow."""
    def long(self, memory_format: Any = None) -> Tensor:
        """The values as int64; the tensor itself where it is so already."""
    def lt(self, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
        """Whether x is below y."""
    def lt_(self, other: Tensor | Number) -> Tensor:
        """In place: Whether x is below y."""
    def masked_fill(self, mask: Tensor, value: Any) -> Tensor:
        """``input`` with ``value`` (a number or a 0-d tensor) where ``mask`` holds."""
    def masked_fill_(self, mask: Tensor, value: Any) -> Tensor:
        """In place ``masked_fill``."""
    def masked_scatter(self, mask: Tensor, source: Tensor) -> Tensor:
        """``input`` with the elements of ``source``, in order, where ``mask`` holds."""
    def masked_scatter_(self, mask: Tensor, source: Tensor) -> Tensor:
        """In place: ``input`` with the elements of ``source``, in order, where ``mask`` holds."""
    def masked_select(self, mask: Tensor, *, out: Tensor | None = None) -> Tensor:
        """The elements where ``mask`` holds, as a vector."""
    def matmul(self, other: Tensor, *, out: Tensor | None = None) -> Tensor:
        """``input @ other``: vectors [K], matrices [M, K] @ [K, N], or batches [..., M, K] @ [..., K, N] that
        broadcast.
        """
    @overload
    def max(self) -> Tensor:
        """``max(x)``; ``max(x, dim, keepdim=False)`` → (values, indices); ``max(x, other)`` elementwise."""
    @overload
    def max(
        self,
        dim: builtins.int,
        keepdim: builtins.bool = False,
        *,
        out: tuple[Tensor, ...] | None = None,
    ) -> return_types.max:
        """``max(x)``; ``max(x, dim, keepdim=False)`` → (values, indices); ``max(x, other)`` elementwise."""
    @overload
    def max(self, other: Tensor, *, out: Tensor | None = None) -> Tensor:
        """``max(x)``; ``max(x, dim, keepdim=False)`` → (values, indices); ``max(x, other)`` elementwise."""
    def maximum(self, other: Tensor, *, out: Tensor | None = None) -> Tensor:
        """The larger of x and y; NaN if one is NaN."""
    def mean(
        self,
        dim: builtins.int | Sequence[builtins.int] | None = None,
        keepdim: builtins.bool = False,
        *,
        dtype: DType | None = None,
        out: Tensor | None = None,
        axis: builtins.int | Sequence[builtins.int] | None = ...,
        keepdims: builtins.bool = ...,
    ) -> Tensor:
        """The mean over dim."""
    @overload
    def median(self) -> Tensor:
        """The lower median of all elements, or (values, indices) along ``dim``; NaN where there is one."""
    @overload
    def median(
        self,
        dim: builtins.int,
        keepdim: builtins.bool = False,
        *,
        out: tuple[Tensor, ...] | None = None,
    ) -> return_types.median:
        """The lower median of all elements, or (values, indices) along ``dim``; NaN where there is one."""
    @overload
    def min(self) -> Tensor:
        """``min(x)``; ``min(x, dim, keepdim=False)`` → (values, indices); ``min(x, other)`` elementwise."""
    @overload
    def min(
        self,
        dim: builtins.int,
        keepdim: builtins.bool = False,
        *,
        out: tuple[Tensor, ...] | None = None,
    ) -> return_types.min:
        """``min(x)``; ``min(x, dim, keepdim=False)`` → (values, indices); ``min(x, other)`` elementwise."""
    @overload
    def min(self, other: Tensor, *, out: Tensor | None = None) -> Tensor:
        """``min(x)``; ``min(x, dim, keepdim=False)`` → (values, indices); ``min(x, other)`` elementwise."""
    def minimum(self, other: Tensor, *, out: Tensor | None = None) -> Tensor:
        """The smaller of x and y; NaN if one is NaN."""
    def mm(self, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
        """The product of two matrices, with no broadcasting."""
    def mode(
        self,
        dim: builtins.int = -1,
        keepdim: builtins.bool = False,
        *,
        out: tuple[Tensor, ...] | None = None,
        axis: builtins.int = ...,
        keepdims: builtins.bool = ...,
    ) -> return_types.mode:
        """The most frequent value along ``dim`` (the smallest of several) and its last place."""
    def moveaxis(
        self,
        source: builtins.int | Sequence[builtins.int],
        destination: builtins.int | Sequence[builtins.int],
    ) -> Tensor:
        """Dimensions moved to new places, the others kept in order."""
    def movedim(
        self,
        source: builtins.int | Sequence[builtins.int],
        destination: builtins.int | Sequence[builtins.int],
    ) -> Tensor:
        """Dimensions moved to new places, the others kept in order."""
    def msort(self, *, out: Tensor | None = None) -> Tensor:
        """The values in order along the first dimension."""
    def mul(self, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
        """x * y; on bool: and."""
    def mul_(self, other: Tensor | Number) -> Tensor:
        """In place: x * y; on bool: and."""
    def multinomial(
        self,
        num_samples: builtins.int,
        replacement: builtins.bool = False,
        *,
        generator: Generator | None = None,
        out: Tensor | None = None,
    ) -> Tensor:
        """Indices drawn by the weights in the rows of ``input`` ([n] or [m, n], floating): [num_samples] or
        [m, num_samples].
        """
    def multiply(self, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
        """x * y; on bool: and."""
    def multiply_(self, other: Tensor | Number) -> Tensor:
        """In place: x * y; on bool: and."""
    def mv(self, vec: Tensor, *, out: Tensor | None = None) -> Tensor:
        """The product of a matrix [M, K] and a vector [K]."""
    def nan_to_num(
        self,
        nan: builtins.float = 0.0,
        posinf: builtins.float | None = None,
        neginf: builtins.float | None = None,
        *,
        out: Tensor | None = None,
    ) -> Tensor:
        """NaN and the infinities replaced, by default with 0 and the dtype's extremes."""
    def nan_to_num_(
        self,
        nan: builtins.float = 0.0,
        posinf: builtins.float | None = None,
        neginf: builtins.float | None = None,
    ) -> Tensor:
        """In place: NaN and the infinities replaced, by default with 0 and the dtype's extremes."""
    def nanmean(
        self,
        dim: Any = None,
        keepdim: builtins.bool = False,
        *,
        dtype: DType | None = None,
        out: Tensor | None = None,
        axis: Any = ...,
        keepdims: builtins.bool = ...,
    ) -> Tensor:
        """The mean of what is not NaN."""
    @overload
    def nanmedian(self) -> Tensor:
        """As ``median``, without the NaNs."""
    @overload
    def nanmedian(
        self,
        dim: builtins.int,
        keepdim: builtins.bool = False,
        *,
        out: tuple[Tensor, ...] | None = None,
    ) -> return_types.nanmedian:
        """As ``median``, without the NaNs."""
    def nansum(
        self,
        dim: Any = None,
        keepdim: builtins.bool = False,
        *,
        dtype: DType | None = None,
        out: Tensor | None = None,
        axis: Any = ...,
        keepdims: builtins.bool = ...,
    ) -> Tensor:
        """The sum with NaN taken as 0."""
    def narrow(self, dim: builtins.int, start: builtins.int, length: builtins.int) -> Tensor:
        """length elements along dim from start on."""
    def ndimension(self) -> builtins.int:
        """The number of dimensions."""
    def ne(self, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
        """Whether x differs from y."""
    def ne_(self, other: Tensor | Number) -> Tensor:
        """In place: Whether x differs from y."""
    def neg(self, *, out: Tensor | None = None) -> Tensor:
        """-x."""
    def neg_(self) -> Tensor:
        """In place: -x."""
    def negative(self, *, out: Tensor | None = None) -> Tensor:
        """-x."""
    def negative_(self) -> Tensor:
        """In place: -x."""
    def nelement(self) -> builtins.int:
        """The number of elements."""
    def new_empty(
        self,
        *size: Any,
        dtype: Any = None,
        device: Any = None,
        requires_grad: builtins.bool = False,
        layout: Any = None,
        pin_memory: builtins.bool = False,
        memory_format: Any = None,
    ) -> Tensor:
        """An undefined tensor with the dtype and device of this one unless others are given."""
    def new_full(
        self,
        size: Any,
        fill_value: Any,
        *,
        dtype: Any = None,
        device: Any = None,
        requires_grad: builtins.bool = False,
        layout: Any = None,
        pin_memory: builtins.bool = False,
        memory_format: Any = None,
    ) -> Tensor:
        """``full`` with the dtype and device of this tensor unless others are given."""
    def new_ones(
        self,
        *size: Any,
        dtype: Any = None,
        device: Any = None,
        requires_grad: builtins.bool = False,
        layout: Any = None,
        pin_memory: builtins.bool = False,
        memory_format: Any = None,
    ) -> Tensor:
        """A tensor of ones, with the dtype and device of this one unless others are given."""
    def new_tensor(
        self,
        data: Any,
        *,
        dtype: Any = None,
        device: Any = None,
        requires_grad: builtins.bool = False,
    ) -> Tensor:
        """``tensor(data)`` with the dtype and device of this tensor unless others are given."""
    def new_zeros(
        self,
        *size: Any,
        dtype: Any = None,
        device: Any = None,
        requires_grad: builtins.bool = False,
        layout: Any = None,
        pin_memory: builtins.bool = False,
        memory_format: Any = None,
    ) -> Tensor:
        """A tensor of zeros, with the dtype and device of this one unless others are given."""
    def nonzero(self, *, as_tuple: builtins.bool = False, out: Tensor | None = None) -> Any:
        """The places of the values that are not zero: int64 [n, ndim], or one vector a dimension with
        ``as_tuple``.
        """
    def norm(
        self,
        p: Any = 'fro',
        dim: Any = None,
        keepdim: builtins.bool = False,
        dtype: DType | None = None,
        *,
        out: Tensor | None = None,
        axis: Any = ...,
        keepdims: builtins.bool = ...,
    ) -> Tensor:
        """The ``p``-norm of the elements over ``dim`` (None: all); "fro" is 2."""
    def normal_(
        self,
        mean: builtins.float = 0.0,
        std: builtins.float = 1.0,
        *,
        generator: random.Generator | None = None,
    ) -> Tensor:
        """Fill with normal numbers."""
    def not_equal(self, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
        """Whether x differs from y."""
    def not_equal_(self, other: Tensor | Number) -> Tensor:
        """In place: Whether x differs from y."""
    def numpy(self, *, force: builtins.bool = False) -> Any:
        """The values as a NumPy array over the same memory; bfloat16 as ``ml_dtypes.bfloat16``."""
    def outer(self, vec2: Tensor, *, out: Tensor | None = None) -> Tensor:
        """All products of two vectors' elements: [M, N]."""
    @overload
    def permute(self, *dims: builtins.int) -> Tensor:
        """The dimensions in another order."""
    @overload
    def permute(self, dims: Sequence[builtins.int] | builtins.int) -> Tensor:
        """The dimensions in another order."""
    def positive(self) -> Tensor:
        """``input`` itself; raises DTypeError for bools."""
    def pow(self, exponent: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
        """``input`` to the power ``exponent``, each a tensor or a number. Raises for integers to a negative
        number.
        """
    def pow_(self, exponent: Tensor | Number) -> Tensor:
        """In place ``pow``."""
    def prod(
        self,
        dim: builtins.int | Sequence[builtins.int] | None = None,
        keepdim: builtins.bool = False,
        *,
        dtype: DType | None = None,
        out: Tensor | None = None,
        axis: builtins.int | Sequence[builtins.int] | None = ...,
        keepdims: builtins.bool = ...,
    ) -> Tensor:
        """The product over dim."""
    def q_per_channel_axis(self) -> builtins.int:
        """The dimension whose indices have a scale each."""
    def q_per_channel_scales(self) -> Tensor:
        """The scales: [channels], or [..., groups] where there is one a group."""
    def q_per_channel_zero_points(self) -> Tensor:
        """The zero points, int32, as ``q_per_channel_scales`` gives the scales."""
    def q_scale(self) -> builtins.float:
        """The scale of a tensor that has one for all."""
    def q_zero_point(self) -> builtins.int:
        """The zero point of a tensor that has one for all."""
    def qscheme(self) -> Scheme:
        """The kind of the scales: per tensor, channel or group, with zero points (affine) or without."""
    def quantile(
        self,
        q: Any,
        dim: builtins.int | None = None,
        keepdim: builtins.bool = False,
        *,
        interpolation: str = 'linear',
        out: Tensor | None = None,
        axis: builtins.int | None = ...,
        keepdims: builtins.bool = ...,
    ) -> Tensor:
        """The quantiles ``q`` (numbers in [0, 1], 0-d or 1-d; a 1-d q gives a first dimension) over ``dim``
        (None: all).
        """
    def rad2deg(self, *, out: Tensor | None = None) -> Tensor:
        """Radians as degrees."""
    def rad2deg_(self) -> Tensor:
        """In place: Radians as degrees."""
    def random_(
        self,
        *args: builtins.int,
        generator: random.Generator | None = None,
        **bounds: builtins.int,
    ) -> Tensor:
        """``random_(from=0, to)``: fill with whole numbers in [from, to); by default all that the dtype holds
        exactly.
        """
    def ravel(self) -> Tensor:
        """All elements in one dimension; a view where possible."""
    def reciprocal(self, *, out: Tensor | None = None) -> Tensor:
        """1 / x."""
    def reciprocal_(self) -> Tensor:
        """In place: 1 / x."""
    def record_stream(self, stream: Any) -> None:
        """Nothing: memory is not handed out again while a stream uses it. See torch.Tensor.record_stream."""
    def relu(self, *, out: Tensor | None = None) -> Tensor:
        """max(x, 0); NaN stays. The derivative at 0 is 0."""
    def relu_(self) -> Tensor:
        """In place: max(x, 0); NaN stays. The derivative at 0 is 0."""
    def remainder(self, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
        """x modulo y, with the sign of y as in Python. Raises ZeroDivisionError for an integer 0."""
    def remainder_(self, other: Tensor | Number) -> Tensor:
        """In place: x modulo y, with the sign of y as in Python. Raises ZeroDivisionError for an integer 0.
        """
    @overload
    def repeat(self, *repeats: builtins.int) -> Tensor:
        """The tensor repeated along each dimension."""
    @overload
    def repeat(self, repeats: Sequence[builtins.int] | builtins.int) -> Tensor:
        """The tensor repeated along each dimension."""
    def repeat_interleave(
        self,
        repeats: Any = None,
        dim: builtins.int | None = None,
        *,
        output_size: builtins.int | None = None,
        axis: builtins.int | None = ...,
    ) -> Tensor:
        """Every element repeated in place: ``repeats`` times, or as often as a tensor of counts says."""
    @overload
    def reshape(self, *shape: builtins.int) -> Tensor:
        """``input`` under another shape: a view where the strides permit, else a copy."""
    @overload
    def reshape(self, shape: Sequence[builtins.int] | builtins.int) -> Tensor:
        """``input`` under another shape: a view where the strides permit, else a copy."""
    def reshape_as(self, other: Tensor) -> Tensor:
        """``self`` reshaped to the shape of ``other``."""
    def resize_(self, *size: Any) -> Tensor:
        """Another shape in place, dense; new elements, if any, are undefined."""
    def resize_as_(self, other: Tensor) -> Tensor:
        """The shape of ``other``, in place."""
    def roll(self, shifts: Any, dims: Any = None) -> Tensor:
        """Elements moved by ``shifts`` along ``dims``; what goes over the end comes back at the start."""
    def rot90(self, k: builtins.int = 1, dims: Sequence[builtins.int] = (0, 1)) -> Tensor:
        """Turned by ``k`` quarters in the plane of ``dims``, from the first towards the second."""
    def round(self, *, decimals: builtins.int = 0, out: Tensor | None = None) -> Tensor:
        """To the nearest whole number, halves to the even one; ``decimals`` places behind or before the
        point.
        """
    def round_(self, *, decimals: builtins.int = 0) -> Tensor:
        """In place: To the nearest whole number, halves to the even one; ``decimals`` places behind or before
        the point.
        """
    def rsqrt(self, *, out: Tensor | None = None) -> Tensor:
        """1 / sqrt(x)."""
    def rsqrt_(self) -> Tensor:
        """In place: 1 / sqrt(x)."""
    def scatter(
        self,
        dim: builtins.int,
        index: Tensor,
        src: Any = None,
        *,
        value: Any = None,
        reduce: str | None = None,
        out: Tensor | None = None,
    ) -> Tensor:
        """``input`` with ``out[index[i][j]][j] = src[i][j]`` for dim 0; ``src`` a tensor or a number."""
    def scatter_(
        self,
        dim: builtins.int,
        index: Tensor,
        src: Any = None,
        *,
        value: Any = None,
        reduce: str | None = None,
    ) -> Tensor:
        """In place ``scatter``."""
    def scatter_add(
        self,
        dim: builtins.int,
        index: Tensor,
        src: Tensor,
        *,
        out: Tensor | None = None,
    ) -> Tensor:
        """The input with out[index[i][j]][j] += src[i][j] for dim 0."""
    def scatter_add_(self, dim: builtins.int, index: Tensor, src: Tensor) -> Tensor:
        """In place: The input with out[index[i][j]][j] += src[i][j] for dim 0."""
    def scatter_reduce(
        self,
        dim: builtins.int,
        index: Tensor,
        src: Tensor,
        reduce: str,
        *,
        include_self: builtins.bool = True,
        out: Tensor | None = None,
    ) -> Tensor:
        """``input`` combined with the elements of ``src`` that go to each place: "sum", "prod", "mean",
        "amax", "amin".
        """
    def scatter_reduce_(
        self,
        dim: builtins.int,
        index: Tensor,
        src: Tensor,
        reduce: str,
        *,
        include_self: builtins.bool = True,
    ) -> Tensor:
        """In place: ``input`` combined with the elements of ``src`` that go to each place: "sum", "prod",
        "mean", "amax", "amin".
        """
    def select(self, dim: builtins.int, index: builtins.int) -> Tensor:
        """One index along dim; the dimension goes."""
    def select_scatter(self, src: Tensor, dim: builtins.int, index: builtins.int) -> Tensor:
        """A copy of ``input`` with ``src`` in its slice ``index`` of ``dim``."""
    def set_(self, source: Tensor | None = None) -> Tensor:
        """Share the memory of ``source``; without one, become empty."""
    def sgn(self, *, out: Tensor | None = None) -> Tensor:
        """-1, 0 or 1; 0 for NaN."""
    def sgn_(self) -> Tensor:
        """In place: -1, 0 or 1; 0 for NaN."""
    def short(self, memory_format: Any = None) -> Tensor:
        """The values as int16; the tensor itself where it is so already."""
    def sigmoid(self, *, out: Tensor | None = None) -> Tensor:
        """1 / (1 + exp(-x))."""
    def sigmoid_(self) -> Tensor:
        """In place: 1 / (1 + exp(-x))."""
    def sign(self, *, out: Tensor | None = None) -> Tensor:
        """-1, 0 or 1; 0 for NaN."""
    def sign_(self) -> Tensor:
        """In place: -1, 0 or 1; 0 for NaN."""
    def signbit(self, *, out: Tensor | None = None) -> Tensor:
        """Whether x is negative, -0.0 included."""
    def sin(self, *, out: Tensor | None = None) -> Tensor:
        """The sine; x in radians."""
    def sin_(self) -> Tensor:
        """In place: The sine; x in radians."""
    def sinc(self, *, out: Tensor | None = None) -> Tensor:
        """``sin(pi x) / (pi x)``, 1 at zero."""
    def sinc_(self) -> Tensor:
        """In place: ``sin(pi x) / (pi x)``, 1 at zero."""
    def sinh(self, *, out: Tensor | None = None) -> Tensor:
        """The hyperbolic sine."""
    def sinh_(self) -> Tensor:
        """In place: The hyperbolic sine."""
    def size(self, dim: builtins.int | None = None, *, axis: builtins.int | None = ...) -> Any:
        """``x.size()``: the shape; ``x.size(dim)``: one size."""
    def slice_scatter(
        self,
        src: Tensor,
        dim: builtins.int = 0,
        start: builtins.int | None = None,
        end: builtins.int | None = None,
        step: builtins.int = 1,
        *,
        out: Tensor | None = None,
        axis: builtins.int = ...,
    ) -> Tensor:
        """A copy of ``input`` with ``src`` in ``start:end:step`` of ``dim``."""
    def softmax(
        self,
        dim: Any = None,
        dtype: DType | None = None,
        *,
        out: Tensor | None = None,
        axis: Any = None,
    ) -> Tensor:
        """``exp(x)`` over its sum along ``dim``; ``dtype``: convert first."""
    def sort(
        self,
        dim: builtins.int = -1,
        descending: builtins.bool = False,
        stable: builtins.bool = True,
        *,
        out: tuple[Tensor, ...] | None = None,
        axis: builtins.int = ...,
    ) -> return_types.sort:
        """(values, indices) in order along ``dim``; always stable, NaN is the largest."""
    def split(
        self,
        split_size_or_sections: Any,
        dim: builtins.int = 0,
        *,
        axis: builtins.int = ...,
    ) -> tuple[Tensor, ...]:
        """Views of pieces along ``dim``: of one size (the last may be smaller), or of the sizes listed."""
    def sqrt(self, *, out: Tensor | None = None) -> Tensor:
        """The square root; NaN below 0."""
    def sqrt_(self) -> Tensor:
        """In place: The square root; NaN below 0."""
    def square(self, *, out: Tensor | None = None) -> Tensor:
        """x * x."""
    def square_(self) -> Tensor:
        """In place: x * x."""
    @overload
    def squeeze(self, *dim: builtins.int, axis: Any = None) -> Tensor:
        """Without the dimensions of size 1: all, or those that are named."""
    @overload
    def squeeze(self, dim: Sequence[builtins.int] | builtins.int | DType, *, axis: Any = None) -> Tensor:
        """Without the dimensions of size 1: all, or those that are named."""
    def squeeze_(self, *dim: Any, axis: Any = None) -> Tensor:
        """Drop dimensions of size 1, in place."""
    def std(
        self,
        dim: Any = None,
        unbiased: builtins.bool | None = None,
        keepdim: builtins.bool = False,
        *,
        correction: builtins.float | None = None,
        out: Tensor | None = None,
        axis: Any = ...,
        keepdims: builtins.bool = ...,
    ) -> Tensor:
        """The standard deviation; arguments as of ``var``."""
    def storage_offset(self) -> builtins.int:
        """Elements before the first one in the storage."""
    def stride(self, dim: builtins.int | None = None, *, axis: builtins.int | None = ...) -> Any:
        """``x.stride()``: the strides in elements; ``x.stride(dim)``: one of them."""
    def sub(self, other: Tensor | Number, *, alpha: builtins.float = 1, out: Tensor | None = None) -> Tensor:
        """``input - alpha * other``; raises DTypeError for bools."""
    def sub_(self, other: Tensor | Number, *, alpha: builtins.float = 1) -> Tensor:
        """In place, ``self - alpha * other``."""
    def subtract(
        self,
        other: Tensor | Number,
        *,
        alpha: builtins.float = 1,
        out: Tensor | None = None,
    ) -> Tensor:
        """``input - alpha * other``; raises DTypeError for bools."""
    def subtract_(self, other: Tensor | Number, *, alpha: builtins.float = 1) -> Tensor:
        """In place, ``self - alpha * other``."""
    def sum(
        self,
        dim: builtins.int | Sequence[builtins.int] | None = None,
        keepdim: builtins.bool = False,
        *,
        dtype: DType | None = None,
        out: Tensor | None = None,
        axis: builtins.int | Sequence[builtins.int] | None = ...,
        keepdims: builtins.bool = ...,
    ) -> Tensor:
        """The sum over dim."""
    def swapaxes(self, dim0: builtins.int, dim1: builtins.int) -> Tensor:
        """Two dimensions swapped."""
    def swapaxes_(self, dim0: builtins.int, dim1: builtins.int) -> Tensor:
        """Swap two dimensions, in place."""
    def swapdims(self, dim0: builtins.int, dim1: builtins.int) -> Tensor:
        """Two dimensions swapped."""
    def swapdims_(self, dim0: builtins.int, dim1: builtins.int) -> Tensor:
        """Swap two dimensions, in place."""
    def t(self) -> Tensor:
        """The transpose of a matrix; a vector or a 0-d tensor as it is."""
    def t_(self) -> Tensor:
        """Transpose a matrix in place."""
    def take(self, index: Tensor, *, out: Tensor | None = None) -> Tensor:
        """The elements at these places of the flattened tensor."""
    def take_along_dim(
        self,
        indices: Tensor,
        dim: builtins.int | None = None,
        *,
        out: Tensor | None = None,
        axis: builtins.int | None = ...,
    ) -> Tensor:
        """``gather`` with broadcasting; without ``dim``, of the flattened tensors."""
    def tan(self, *, out: Tensor | None = None) -> Tensor:
        """The tangent; x in radians."""
    def tan_(self) -> Tensor:
        """In place: The tangent; x in radians."""
    def tanh(self, *, out: Tensor | None = None) -> Tensor:
        """The hyperbolic tangent."""
    def tanh_(self) -> Tensor:
        """In place: The hyperbolic tangent."""
    def tensor_split(
        self,
        indices_or_sections: Any,
        dim: builtins.int = 0,
        *,
        axis: builtins.int = ...,
    ) -> tuple[Tensor, ...]:
        """Views along ``dim``: a number of nearly equal ones, or cut at the indices listed."""
    @overload
    def tile(self, *dims: builtins.int) -> Tensor:
        """As repeat, with ones put in front of dims."""
    @overload
    def tile(self, dims: Sequence[builtins.int] | builtins.int) -> Tensor:
        """As repeat, with ones put in front of dims."""
    def to(
        self,
        *args: Any,
        dtype: Any = None,
        device: Any = None,
        other: Any = None,
        non_blocking: builtins.bool = False,
        copy: builtins.bool = False,
        memory_format: Any = None,
    ) -> Tensor:
        """``x.to(dtype)``, ``x.to(device, dtype)``, ``x.to(other)``: converted; itself where nothing is to
        do.
        """
    def tolist(self) -> Any:
        """The values as nested lists of Python numbers; a number for a 0-d tensor."""
    def topk(
        self,
        k: builtins.int,
        dim: builtins.int = -1,
        largest: builtins.bool = True,
        sorted: builtins.bool = True,
        *,
        out: tuple[Tensor, ...] | None = None,
        axis: builtins.int = ...,
    ) -> return_types.topk:
        """The k largest (or smallest) values along dim in order, and their places."""
    def trace(self) -> Tensor:
        """The sum of a matrix's diagonal."""
    def transpose(self, dim0: builtins.int, dim1: builtins.int) -> Tensor:
        """Two dimensions swapped."""
    def transpose_(self, dim0: builtins.int, dim1: builtins.int) -> Tensor:
        """Swap two dimensions, in place."""
    def tril(self, diagonal: builtins.int = 0, *, out: Tensor | None = None) -> Tensor:
        """The lower triangle, zeros above it."""
    def tril_(self, diagonal: builtins.int = 0) -> Tensor:
        """In place: The lower triangle, zeros above it."""
    def triu(self, diagonal: builtins.int = 0, *, out: Tensor | None = None) -> Tensor:
        """The upper triangle, zeros below it."""
    def triu_(self, diagonal: builtins.int = 0) -> Tensor:
        """In place: The upper triangle, zeros below it."""
    def true_divide(self, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
        """The true quotient x / y."""
    def true_divide_(self, other: Tensor | Number) -> Tensor:
        """In place: The true quotient x / y."""
    def trunc(self, *, out: Tensor | None = None) -> Tensor:
        """The integer part, rounded towards 0."""
    def trunc_(self) -> Tensor:
        """In place: The integer part, rounded towards 0."""
    def type(self, dtype: Any = None, non_blocking: builtins.bool = False) -> Any:
        """``x.type()``: the type's old name, like ``tensorplug.FloatTensor``; ``x.type(dtype)``: converted.
        """
    def type_as(self, other: Tensor) -> Tensor:
        """``self`` with the dtype and device of ``other``."""
    def unbind(self, dim: builtins.int = 0, *, axis: builtins.int = ...) -> tuple[Tensor, ...]:
        """The slices along ``dim``, without that dimension."""
    def unflatten(self, dim: builtins.int, sizes: Sequence[builtins.int]) -> Tensor:
        """Dimension ``dim`` as several of these ``sizes``, of which one may be -1."""
    def unfold(self, dimension: builtins.int, size: builtins.int, step: builtins.int) -> Tensor:
        """All windows of size along dimension, step apart, as a new last dimension."""
    def uniform_(
        self,
        *args: builtins.float,
        generator: random.Generator | None = None,
        **bounds: builtins.float,
    ) -> Tensor:
        """``uniform_(from=0, to=1)``: fill with uniform numbers in [from, to)."""
    def unique(
        self,
        sorted: builtins.bool = True,
        return_inverse: builtins.bool = False,
        return_counts: builtins.bool = False,
        dim: builtins.int | None = None,
        *,
        axis: builtins.int | None = ...,
    ) -> Any:
        """The distinct values in order; with the place of each element among them, and how often each occurs.
        """
    def unique_consecutive(
        self,
        return_inverse: builtins.bool = False,
        return_counts: builtins.bool = False,
        dim: builtins.int | None = None,
        *,
        axis: builtins.int | None = ...,
    ) -> Any:
        """As ``unique``, where only equal neighbours count as one."""
    def unsqueeze(self, dim: builtins.int = ..., *, axis: builtins.int = ...) -> Tensor:
        """A new dimension of size 1."""
    def unsqueeze_(self, dim: builtins.int = ..., *, axis: builtins.int = ...) -> Tensor:
        """Insert a dimension of size 1, in place."""
    def untyped_storage(self) -> UntypedStorage:
        """The memory behind the tensor."""
    def var(
        self,
        dim: Any = None,
        unbiased: builtins.bool | None = None,
        keepdim: builtins.bool = False,
        *,
        correction: builtins.float | None = None,
        out: Tensor | None = None,
        axis: Any = ...,
        keepdims: builtins.bool = ...,
    ) -> Tensor:
        """The variance over ``dim`` (None: all); divided by n - ``correction`` (1, or 0 if not ``unbiased``).
        """
    def vdot(self, other: Tensor, *, out: Tensor | None = None) -> Tensor:
        """The inner product of two vectors."""
    @overload
    def view(self, *size: builtins.int, dtype: DType | None = None) -> Tensor:
        """``x.view(2, -1)``, ``x.view((2, -1))``: the same memory under another shape. ``x.view(dtype)``: its
        bits.
        """
    @overload
    def view(
        self,
        size: Sequence[builtins.int] | builtins.int | DType,
        *,
        dtype: DType | None = None,
    ) -> Tensor:
        """``x.view(2, -1)``, ``x.view((2, -1))``: the same memory under another shape. ``x.view(dtype)``: its
        bits.
        """
    def view_as(self, other: Tensor) -> Tensor:
        """``self`` as a view of the shape of ``other``."""
    def vsplit(self, indices_or_sections: Any) -> tuple[Tensor, ...]:
        """Pieces by row."""
    def where(self, condition: Tensor, other: Any) -> Tensor:
        """``self`` where ``condition`` holds, else ``other``."""
    def xlogy(self, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
        """x * log(y); 0 where x is 0 (NaN where y is NaN)."""
    def xlogy_(self, other: Tensor | Number) -> Tensor:
        """In place: x * log(y); 0 where x is 0 (NaN where y is NaN)."""
    def zero_(self) -> Tensor:
        """Set every element to 0."""

def abs(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The absolute value; the integer minimum stays itself."""
def absolute(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The absolute value; the integer minimum stays itself."""
def acos(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The inverse cosine in radians; NaN outside [-1, 1]."""
def acosh(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The inverse hyperbolic cosine; NaN below 1."""
def add(
    input: Tensor | Number,
    other: Tensor | Number,
    *,
    alpha: float = 1,
    out: Tensor | None = None,
) -> Tensor:
    """``input + alpha * other``."""
def addbmm(
    input: Tensor,
    batch1: Tensor,
    batch2: Tensor,
    *,
    beta: float = 1,
    alpha: float = 1,
    out: Tensor | None = None,
) -> Tensor:
    """``beta * input + alpha *`` the sum of the batch's products."""
def addcdiv(
    input: Tensor,
    tensor1: Tensor,
    tensor2: Tensor,
    *,
    value: Number = 1,
    out: Tensor | None = None,
) -> Tensor:
    """x + value * tensor1 / tensor2."""
def addcmul(
    input: Tensor,
    tensor1: Tensor,
    tensor2: Tensor,
    *,
    value: Number = 1,
    out: Tensor | None = None,
) -> Tensor:
    """x + value * tensor1 * tensor2."""
def addmm(
    input: Tensor,
    mat1: Tensor,
    mat2: Tensor,
    *,
    beta: float = 1,
    alpha: float = 1,
    out: Tensor | None = None,
) -> Tensor:
    """``beta * input + alpha * (mat1 @ mat2)``."""
def addmv(
    input: Tensor,
    mat: Tensor,
    vec: Tensor,
    *,
    beta: float = 1,
    alpha: float = 1,
    out: Tensor | None = None,
) -> Tensor:
    """``beta * input + alpha * (mat @ vec)``."""
def addr(
    input: Tensor,
    vec1: Tensor,
    vec2: Tensor,
    *,
    beta: float = 1,
    alpha: float = 1,
    out: Tensor | None = None,
) -> Tensor:
    """``beta * input + alpha * outer(vec1, vec2)``."""
def adjoint(input: Tensor) -> Tensor:
    """The last two dimensions swapped."""
def all(
    input: Tensor,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    out: Tensor | None = None,
    axis: int | Sequence[int] | None = ...,
    keepdims: bool = ...,
) -> Tensor:
    """Whether no value over dim is zero."""
def allclose(
    input: Tensor,
    other: Tensor,
    rtol: float = 1e-05,
    atol: float = 1e-08,
    equal_nan: bool = False,
) -> bool:
    """Whether ``isclose`` holds everywhere."""
def amax(
    input: Tensor,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    out: Tensor | None = None,
    axis: int | Sequence[int] | None = ...,
    keepdims: bool = ...,
) -> Tensor:
    """The largest value over dim; NaN wins."""
def amin(
    input: Tensor,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    out: Tensor | None = None,
    axis: int | Sequence[int] | None = ...,
    keepdims: bool = ...,
) -> Tensor:
    """The smallest value over dim; NaN wins."""
def aminmax(
    input: Tensor,
    *,
    dim: int | None = None,
    keepdim: bool = False,
    out: tuple[Tensor, ...] | None = None,
    axis: int | None = ...,
    keepdims: bool = ...,
) -> return_types.aminmax:
    """The smallest and the largest, over all or along ``dim``."""
def any(
    input: Tensor,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    out: Tensor | None = None,
    axis: int | Sequence[int] | None = ...,
    keepdims: bool = ...,
) -> Tensor:
    """Whether any value over dim is not zero."""
def arange(
    start: Any,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    device: Any = None,
    out: Tensor | None = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """``start``, ``start + step``, ... below ``end``; ``arange(end)`` starts at 0. int64 where all numbers
    are ints.
    """
def arccos(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The inverse cosine in radians; NaN outside [-1, 1]."""
def arccosh(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The inverse hyperbolic cosine; NaN below 1."""
def arcsin(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The inverse sine in radians; NaN outside [-1, 1]."""
def arcsinh(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The inverse hyperbolic sine."""
def arctan(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The inverse tangent in radians."""
def arctan2(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The angle of the point (y, x) in (-pi, pi]."""
def arctanh(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The inverse hyperbolic tangent; NaN outside [-1, 1]."""
def argmax(
    input: Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    out: Tensor | None = None,
    axis: int | None = ...,
    keepdims: bool = ...,
) -> Tensor:
    """The int64 index of the largest value along dim, or of the flattened tensor."""
def argmin(
    input: Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    out: Tensor | None = None,
    axis: int | None = ...,
    keepdims: bool = ...,
) -> Tensor:
    """The int64 index of the smallest value along dim, or of the flattened tensor."""
def argsort(
    input: Tensor,
    dim: int = -1,
    descending: bool = False,
    stable: bool = True,
    *,
    out: Tensor | None = None,
    axis: int = ...,
) -> Tensor:
    """The places that sort ``input`` along ``dim``; always stable."""
def argwhere(input: Tensor) -> Tensor:
    """The places of the values that are not zero, one a row."""
def as_strided(
    input: Tensor,
    size: Sequence[int],
    stride: Sequence[int],
    storage_offset: int | None = None,
) -> Tensor:
    """A view with these sizes and strides; ``storage_offset`` counts from the storage's first element."""
def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """``data`` as a tensor without a copy where dtype and device permit: tensors, arrays or Python data."""
def asarray(
    obj: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    copy: bool | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """``obj`` as a tensor; shares memory unless ``copy`` is True or it must be converted."""
def asin(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The inverse sine in radians; NaN outside [-1, 1]."""
def asinh(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The inverse hyperbolic sine."""
def atan(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The inverse tangent in radians."""
def atan2(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The angle of the point (y, x) in (-pi, pi]."""
def atanh(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The inverse hyperbolic tangent; NaN outside [-1, 1]."""
def atleast_1d(*tensors: Any) -> Any:
    """Each tensor with at least 1 dimension."""
def atleast_2d(*tensors: Any) -> Any:
    """Each tensor with at least 2 dimensions, new ones in front."""
def atleast_3d(*tensors: Any) -> Any:
    """Each tensor with at least 3 dimensions."""
def baddbmm(
    input: Tensor,
    batch1: Tensor,
    batch2: Tensor,
    *,
    beta: float = 1,
    alpha: float = 1,
    out: Tensor | None = None,
) -> Tensor:
    """``beta * input + alpha * bmm(batch1, batch2)``."""
def bernoulli(
    input: Tensor,
    p: float | None = None,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """1 with the probability that ``input`` (or ``p``) gives, else 0, in the dtype of ``input``."""
def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each number occurs in a vector of non-negative integers, or the sum of its ``weights``."""
def bitwise_and(input: Tensor | Number, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Bits in both."""
def bitwise_left_shift(
    input: Tensor | Number,
    other: Tensor | Number,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """x times 2**y; 0 where y is negative or not below the number of bits."""
def bitwise_not(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Every bit inverted; logical on bool."""
def bitwise_or(input: Tensor | Number, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Bits in either."""
def bitwise_right_shift(
    input: Tensor | Number,
    other: Tensor | Number,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """x divided by 2**y, the sign kept; a y out of range shifts all bits out."""
def bitwise_xor(input: Tensor | Number, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Bits in one only."""
def block_diag(*tensors: Any) -> Tensor:
    """A matrix with these matrices along its diagonal and zeros elsewhere."""
def bmm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Products of [B, M, K] and [B, K, N], with no broadcasting."""
def broadcast_shapes(*shapes: Any) -> Size:
    """The shape that tensors of these shapes broadcast to; raises ShapeError where they do not."""
def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """The tensors, all expanded to their common shape."""
def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """``input`` expanded to ``size``."""
def bucketize(
    input: Any,
    boundaries: Tensor,
    *,
    out_int32: bool = False,
    right: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """The number of the bucket, between sorted ``boundaries``, that each of ``input`` is in."""
def can_cast(from_: DType, to: DType) -> bool:
    """Whether a result of one dtype may be written into the other: never to a lower kind."""
def cartesian_prod(*tensors: Any) -> Tensor:
    """All combinations of the vectors' elements, one a row."""
def cat(tensors: Sequence[Tensor], dim: int = 0, *, out: Tensor | None = None, axis: int = ...) -> Tensor:
    """The tensors joined along ``dim``; the dtype is their common one. Raises ShapeError for none."""
def ceil(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The smallest integer not below x."""
def chunk(input: Tensor, chunks: int, dim: int = 0, *, axis: int = ...) -> tuple[Tensor, ...]:
    """At most ``chunks`` views of equal size along ``dim``; the last may be smaller."""
def clamp(
    input: Tensor,
    min: Tensor | Number | None = None,
    max: Tensor | Number | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Values below ``min`` become ``min``, above ``max`` ``max``; each a number or a tensor. NaN stays."""
def clamp_max(input: Tensor, max: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Values above ``max`` become ``max``."""
def clamp_min(input: Tensor, min: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Values below ``min`` become ``min``."""
def clip(
    input: Tensor,
    min: Tensor | Number | None = None,
    max: Tensor | Number | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Values below ``min`` become ``min``, above ``max`` ``max``; each a number or a tensor. NaN stays."""
def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy with memory of its own; gradients flow through. Strides of dense permuted tensors are kept."""
def column_stack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Vectors as columns joined with matrices."""
def concat(tensors: Sequence[Tensor], dim: int = 0, *, out: Tensor | None = None, axis: int = ...) -> Tensor:
    """The tensors joined along ``dim``; the dtype is their common one. Raises ShapeError for none."""
def concatenate(
    tensors: Sequence[Tensor],
    dim: int = 0,
    *,
    out: Tensor | None = None,
    axis: int = ...,
) -> Tensor:
    """The tensors joined along ``dim``; the dtype is their common one. Raises ShapeError for none."""
def copysign(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The magnitude of x with the sign of y."""
def cos(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The cosine; x in radians."""
def cosh(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The hyperbolic cosine."""
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-08, *, axis: int = ...) -> Tensor:
    """The cosine of the angle between ``x1`` and ``x2`` along ``dim``; norms are at least ``eps``."""
def count_nonzero(
    input: Tensor,
    dim: int | Sequence[int] | None = None,
    *,
    axis: int | Sequence[int] | None = ...,
) -> Tensor:
    """How many values over dim are not zero, as int64."""
def cross(
    input: Tensor,
    other: Tensor,
    dim: int | None = None,
    *,
    out: Tensor | None = None,
    axis: int | None = ...,
) -> Tensor:
    """The cross product of vectors of size 3 along ``dim`` (default: the first such dimension)."""
def cummax(
    input: Tensor,
    dim: int = ...,
    *,
    out: tuple[Tensor, ...] | None = None,
    axis: int = ...,
) -> return_types.cummax:
    """The largest element up to each along dim, and its last place."""
def cummin(
    input: Tensor,
    dim: int = ...,
    *,
    out: tuple[Tensor, ...] | None = None,
    axis: int = ...,
) -> return_types.cummin:
    """The smallest element up to each along dim, and its last place."""
def cumprod(
    input: Tensor,
    dim: int = ...,
    *,
    dtype: DType | None = None,
    out: Tensor | None = None,
    axis: int = ...,
) -> Tensor:
    """The product of all elements up to each along dim."""
def cumsum(
    input: Tensor,
    dim: int = ...,
    *,
    dtype: DType | None = None,
    out: Tensor | None = None,
    axis: int = ...,
) -> Tensor:
    """The sum of all elements up to each along dim."""
def deg2rad(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Degrees as radians."""
def dequantize(input: Tensor) -> Tensor:
    """The numbers that the levels stand for; a plain tensor itself. Source: torch.dequantize."""
def detach(input: Tensor) -> Tensor:
    """The same memory with no history."""
def diag(input: Tensor, diagonal: int = 0, *, out: Tensor | None = None) -> Tensor:
    """``diag``: the diagonal of a matrix as a vector, or the square matrix with a vector as diagonal."""
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices with the last dimension of ``input`` on a diagonal, zeros elsewhere."""
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonal of two dimensions as a new last one."""
def diff(
    input: Tensor,
    n: int = 1,
    dim: int = -1,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
    *,
    out: Tensor | None = None,
    axis: int = ...,
) -> Tensor:
    """Differences of neighbours along ``dim``, ``n`` times."""
def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The ``p``-norm of the difference."""
def div(
    input: Tensor | Number,
    other: Tensor | Number,
    *,
    rounding_mode: str | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """``input / other``; ``rounding_mode`` "trunc" or "floor" rounds the quotient and keeps integers."""
def divide(
    input: Tensor | Number,
    other: Tensor | Number,
    *,
    rounding_mode: str | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """``input / other``; ``rounding_mode`` "trunc" or "floor" rounds the quotient and keeps integers."""
def dot(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inner product of two vectors."""
def dstack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Joined along the third dimension."""
def einsum(equation: Any, *operands: Any) -> Tensor:
    """Sums of products named by letters, as in ``einsum("bij,bjk->bik", a, b)``; ``...`` stands for the rest.
    Or by numbers below 52, ``einsum(a, [0, 1, 2], b, [0, 2, 3], [0, 1, 3])``, with ``...`` itself.
    """
def empty(
    *size: Any,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    out: Tensor | None = None,
    layout: Any = None,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor of shape ``size`` whose values are whatever the memory holds."""
def empty_like(
    input: Tensor,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor of the shape, dtype and device of ``input`` with undefined values."""
def empty_strided(
    size: Sequence[int],
    stride: Sequence[int],
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor with these sizes and strides, undefined values."""
def eq(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Whether x equals y."""
def equal(input: Tensor, other: Tensor) -> bool:
    """Whether both have the same shape and the same values."""
def erf(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The error function."""
def erfc(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """1 - erf(x), accurate for large x."""
def exp(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """e to the power x."""
def exp2(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """2 to the power x."""
def expm1(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """exp(x) - 1, accurate near 0."""
def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: Any = None,
    device: Any = None,
    out: Tensor | None = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """The (``n``, ``m``) matrix with ones on the diagonal; ``m`` defaults to ``n``."""
def fake_quantize_per_channel_affine(
    input: Tensor,
    scale: Tensor,
    zero_point: Tensor,
    axis: int,
    quant_min: int,
    quant_max: int,
) -> Tensor:
    """``fake_quantize_per_tensor_affine`` with a scale and zero point a channel. Source:
    torch.fake_quantize_per_channel_affine.
    """
def fake_quantize_per_tensor_affine(
    input: Tensor,
    scale: Any,
    zero_point: Any,
    quant_min: int,
    quant_max: int,
) -> Tensor:
    """``input`` rounded to what its levels stand for; gradients pass through where it is not cut off."""
def fix(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The integer part, rounded towards 0."""
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dimensions from ``start_dim`` to ``end_dim`` (included) as one."""
@overload
def flip(input: Tensor, *dims: int) -> Tensor:
    """The order reversed along ``dims``."""
@overload
def flip(input: Tensor, dims: Sequence[int] | int) -> Tensor:
    """The order reversed along ``dims``."""
def fliplr(input: Tensor) -> Tensor:
    """The columns in reverse order."""
def flipud(input: Tensor) -> Tensor:
    """The rows in reverse order."""
def float_power(input: Tensor | Number, exponent: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The power in float64."""
def floor(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The largest integer not above x."""
def floor_divide(input: Tensor | Number, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """floor(x / y). Raises ZeroDivisionError for an integer 0."""
def fmax(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The larger of x and y; a number beats NaN."""
def fmin(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The smaller of x and y; a number beats NaN."""
def fmod(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The remainder of x / y with the sign of x, as in C. Raises ZeroDivisionError for an integer 0."""
def frac(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """x - trunc(x)."""
def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor over the memory of an object with ``__dlpack__``, or of a DLPack capsule."""
def from_numpy(ndarray: Any) -> Tensor:
    """A tensor over the memory of a NumPy array: writes go both ways."""
def frombuffer(
    buffer: Any,
    *,
    dtype: Any,
    count: int = -1,
    offset: int = 0,
    requires_grad: bool = False,
) -> Tensor:
    """A 1-d tensor over an object with Python's buffer protocol; ``offset`` in bytes, ``count`` elements (-1:
    all).
    """
def full(
    size: Sequence[int],
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    out: Tensor | None = None,
    layout: Any = None,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor of shape ``size`` with every element ``fill_value``; the dtype is the value's unless given."""
def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor of the shape, dtype and device of ``input`` with every element ``fill_value``."""
def gather(
    input: Tensor,
    dim: int,
    index: Tensor,
    *,
    sparse_grad: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """``out[i][j] = input[index[i][j]][j]`` for dim 0, and so on."""
def gcd(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The greatest common divisor of integers (Euclid's algorithm)."""
def ge(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Whether x is at least y."""
def ger(input: Tensor, vec2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """All products of two vectors' elements: [M, N]."""
def get_default_device() -> Device:
    """Where tensors are made when nothing else is said."""
def get_float32_matmul_precision() -> str:
    """How exactly products of float32 matrices are computed: highest, high or medium."""
def get_num_threads() -> int:
    """How many threads the CPU's kernels use."""
def get_printoptions() -> dict[str, Any]:
    """The settings in force, by name."""
def get_rng_state() -> Tensor:
    """The default generator's state, a uint8 tensor."""
def greater(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Whether x is above y."""
def greater_equal(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Whether x is at least y."""
def gt(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Whether x is above y."""
def heaviside(input: Tensor, values: Tensor, *, out: Tensor | None = None) -> Tensor:
    """0 below zero and for NaN, 1 above, ``values`` at zero."""
def histc(
    input: Tensor,
    bins: int = 100,
    min: float = 0,
    max: float = 0,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """How many elements are in each of ``bins`` equal intervals from ``min`` to ``max`` (both 0: those of the
    data).
    """
def hsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Pieces by column (along dimension 0 for vectors)."""
def hstack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Joined by column (along dimension 0 for vectors)."""
def hypot(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """sqrt(x*x + y*y) without overflow on the way."""
def index_add(
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    *,
    alpha: float = 1,
    out: Tensor | None = None,
) -> Tensor:
    """``input`` with ``alpha`` times the slices of ``source`` added at the places ``index`` of ``dim``."""
def index_copy(
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The input with slices along dim replaced by those of source."""
def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """``input`` with ``value`` in the slices ``index`` of ``dim``."""
def index_put(input: Tensor, indices: Sequence[Any], values: Any, accumulate: bool = False) -> Tensor:
    """A copy of ``input`` after ``index_put_``."""
def index_select(input: Tensor, dim: int, index: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The slices along dim that index names."""
def initial_seed() -> int:
    """The seed of the default generator."""
def inner(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Sums of products over the last dimension of both."""
def is_complex(input: Tensor) -> bool:
    """False: there are no complex dtypes."""
def is_floating_point(input: Tensor) -> bool:
    """Whether the dtype is a floating one."""
def is_nonzero(input: Tensor) -> bool:
    """Whether the one element of ``input`` is not zero."""
def is_signed(input: Tensor) -> bool:
    """Whether the dtype holds negative numbers."""
def is_tensor(obj: object) -> bool:
    """Whether ``obj`` is a tensor."""
def isclose(
    input: Tensor,
    other: Tensor,
    rtol: float = 1e-05,
    atol: float = 1e-08,
    equal_nan: bool = False,
) -> Tensor:
    """Where ``|input - other| <= atol + rtol * |other|``; infinities are close to themselves."""
def isfinite(input: Tensor | Number) -> Tensor:
    """Whether x is neither infinite nor NaN."""
def isin(elements: Any, test_elements: Any, *, invert: bool = False, out: Tensor | None = None) -> Tensor:
    """Where ``elements`` are among ``test_elements``; each a tensor or a number."""
def isinf(input: Tensor | Number) -> Tensor:
    """Whether x is +inf or -inf."""
def isnan(input: Tensor | Number) -> Tensor:
    """Whether x is not a number."""
def isneginf(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Where the value is -inf."""
def isposinf(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Where the value is +inf."""
def isreal(input: Tensor) -> Tensor:
    """True everywhere: there are no complex dtypes."""
def kron(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Kronecker's product."""
def kthvalue(
    input: Tensor,
    k: int,
    dim: int = -1,
    keepdim: bool = False,
    *,
    out: tuple[Tensor, ...] | None = None,
    axis: int = ...,
    keepdims: bool = ...,
) -> return_types.kthvalue:
    """The k-th smallest value along dim and its place."""
def lcm(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The least common multiple of integers."""
def ldexp(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """``input * 2 ** other``, where neither is too large though ``2 ** other`` may be."""
def le(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Whether x is at most y."""
def lerp(input: Tensor, end: Tensor, weight: Any, *, out: Tensor | None = None) -> Tensor:
    """``input + weight * (end - input)``, all of one floating dtype."""
def less(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Whether x is below y."""
def less_equal(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Whether x is at most y."""
def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: Any = None,
    device: Any = None,
    out: Tensor | None = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """``steps`` numbers evenly spaced from ``start`` to ``end``, both included."""
def load(
    f: str | os.PathLike[str] | IO[bytes],
    map_location: Any = None,
    *,
    weights_only: bool = True,
) -> Any:
    """What ``save`` wrote to the path or the binary file ``f``; a dict of tensors for any other safetensors
    file.
    """
def log(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The natural logarithm; NaN below 0, -inf at 0."""
def log10(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The logarithm to base 10."""
def log1p(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """log(1 + x), accurate near 0."""
def log2(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The logarithm to base 2."""
def log_softmax(
    input: Tensor,
    dim: Any = None,
    dtype: DType | None = None,
    *,
    out: Tensor | None = None,
    axis: Any = None,
) -> Tensor:
    """The logarithm of ``softmax``, computed without overflow."""
def logaddexp(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """log(exp(x) + exp(y)) without overflow."""
def logaddexp2(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """``log2(2 ** input + 2 ** other)`` without overflow."""
def logical_and(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Whether both differ from 0."""
def logical_not(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Whether x is 0."""
def logical_or(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Whether one differs from 0."""
def logical_xor(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Whether exactly one differs from 0."""
def logit(input: Tensor, eps: float | None = None, *, out: Tensor | None = None) -> Tensor:
    """``log(x / (1 - x))``; with ``eps``, x is first clamped to [eps, 1 - eps]."""
def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Any = None,
    device: Any = None,
    out: Tensor | None = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """``base`` to the powers ``linspace(start, end, steps)``."""
def logsumexp(
    input: Tensor,
    dim: int | Sequence[int] | None = ...,
    keepdim: bool = False,
    *,
    out: Tensor | None = None,
    axis: int | Sequence[int] | None = ...,
    keepdims: bool = ...,
) -> Tensor:
    """log(sum(exp(input))) over dim, safe from overflow."""
def lt(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Whether x is below y."""
def manual_seed(seed: int) -> Generator:
    """Seed the default generator of all devices."""
def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """``input`` with ``value`` (a number or a 0-d tensor) where ``mask`` holds."""
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """``input`` with the elements of ``source``, in order, where ``mask`` holds."""
def masked_select(input: Tensor, mask: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements where ``mask`` holds, as a vector."""
def matmul(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """``input @ other``: vectors [K], matrices [M, K] @ [K, N], or batches [..., M, K] @ [..., K, N] that
    broadcast.
    """
@overload
def max(input: Tensor) -> Tensor:
    """``max(x)``; ``max(x, dim, keepdim=False)`` → (values, indices); ``max(x, other)`` elementwise."""
@overload
def max(
    input: Tensor,
    dim: int,
    keepdim: bool = False,
    *,
    out: tuple[Tensor, ...] | None = None,
) -> return_types.max:
    """``max(x)``; ``max(x, dim, keepdim=False)`` → (values, indices); ``max(x, other)`` elementwise."""
@overload
def max(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """``max(x)``; ``max(x, dim, keepdim=False)`` → (values, indices); ``max(x, other)`` elementwise."""
def maximum(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The larger of x and y; NaN if one is NaN."""
def mean(
    input: Tensor,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
    out: Tensor | None = None,
    axis: int | Sequence[int] | None = ...,
    keepdims: bool = ...,
) -> Tensor:
    """The mean over dim."""
@overload
def median(input: Tensor) -> Tensor:
    """The lower median of all elements, or (values, indices) along ``dim``; NaN where there is one."""
@overload
def median(
    input: Tensor,
    dim: int,
    keepdim: bool = False,
    *,
    out: tuple[Tensor, ...] | None = None,
) -> return_types.median:
    """The lower median of all elements, or (values, indices) along ``dim``; NaN where there is one."""
def meshgrid(*tensors: Any, indexing: str = 'ij') -> tuple[Tensor, ...]:
    """Coordinate grids from vectors; ``indexing`` "ij" (matrix) or "xy" (Cartesian: first two swapped)."""
def migrate(what: T, device: Any, *, verify: bool = True, lean: bool = False) -> T:
    """Move ``what`` to ``device`` and return it; a device or its name stands for everything that lives there.
    """
@overload
def min(input: Tensor) -> Tensor:
    """``min(x)``; ``min(x, dim, keepdim=False)`` → (values, indices); ``min(x, other)`` elementwise."""
@overload
def min(
    input: Tensor,
    dim: int,
    keepdim: bool = False,
    *,
    out: tuple[Tensor, ...] | None = None,
) -> return_types.min:
    """``min(x)``; ``min(x, dim, keepdim=False)`` → (values, indices); ``min(x, other)`` elementwise."""
@overload
def min(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """``min(x)``; ``min(x, dim, keepdim=False)`` → (values, indices); ``min(x, other)`` elementwise."""
def minimum(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The smaller of x and y; NaN if one is NaN."""
def mm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The product of two matrices, with no broadcasting."""
def mode(
    input: Tensor,
    dim: int = -1,
    keepdim: bool = False,
    *,
    out: tuple[Tensor, ...] | None = None,
    axis: int = ...,
    keepdims: bool = ...,
) -> return_types.mode:
    """The most frequent value along ``dim`` (the smallest of several) and its last place."""
def moveaxis(input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """Dimensions moved to new places, the others kept in order."""
def movedim(input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """Dimensions moved to new places, the others kept in order."""
def msort(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The values in order along the first dimension."""
def mul(input: Tensor | Number, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """x * y; on bool: and."""
def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Indices drawn by the weights in the rows of ``input`` ([n] or [m, n], floating): [num_samples] or [m,
    num_samples].
    """
def multiply(input: Tensor | Number, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """x * y; on bool: and."""
def mv(input: Tensor, vec: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The product of a matrix [M, K] and a vector [K]."""
def nan_to_num(
    input: Tensor,
    nan: float = 0.0,
    posinf: float | None = None,
    neginf: float | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """NaN and the infinities replaced, by default with 0 and the dtype's extremes."""
def nanmean(
    input: Tensor,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
    out: Tensor | None = None,
    axis: Any = ...,
    keepdims: bool = ...,
) -> Tensor:
    """The mean of what is not NaN."""
@overload
def nanmedian(input: Tensor) -> Tensor:
    """As ``median``, without the NaNs."""
@overload
def nanmedian(
    input: Tensor,
    dim: int,
    keepdim: bool = False,
    *,
    out: tuple[Tensor, ...] | None = None,
) -> return_types.nanmedian:
    """As ``median``, without the NaNs."""
def nansum(
    input: Tensor,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
    out: Tensor | None = None,
    axis: Any = ...,
    keepdims: bool = ...,
) -> Tensor:
    """The sum with NaN taken as 0."""
def narrow(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """length elements along dim from start on."""
def ne(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Whether x differs from y."""
def neg(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """-x."""
def negative(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """-x."""
def nonzero(input: Tensor, *, as_tuple: bool = False, out: Tensor | None = None) -> Any:
    """The places of the values that are not zero: int64 [n, ndim], or one vector a dimension with
    ``as_tuple``.
    """
def norm(
    input: Tensor,
    p: Any = 'fro',
    dim: Any = None,
    keepdim: bool = False,
    dtype: DType | None = None,
    *,
    out: Tensor | None = None,
    axis: Any = ...,
    keepdims: bool = ...,
) -> Tensor:
    """The ``p``-norm of the elements over ``dim`` (None: all); "fro" is 2."""
def normal(
    mean: Any,
    std: Any = 1.0,
    size: Sequence[int] | None = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Normal numbers with this mean and standard deviation, each a number or a tensor; ``size`` with two
    numbers.
    """
def not_equal(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Whether x differs from y."""
def numel(input: Tensor) -> int:
    """The number of elements."""
def ones(
    *size: Any,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    out: Tensor | None = None,
    layout: Any = None,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Ones of shape ``size``, given as numbers or as one sequence."""
def ones_like(
    input: Tensor,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Ones of the shape, dtype and device of ``input``."""
def outer(input: Tensor, vec2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """All products of two vectors' elements: [M, N]."""
@overload
def permute(input: Tensor, *dims: int) -> Tensor:
    """The dimensions in another order."""
@overload
def permute(input: Tensor, dims: Sequence[int] | int) -> Tensor:
    """The dimensions in another order."""
def positive(input: Tensor) -> Tensor:
    """``input`` itself; raises DTypeError for bools."""
def pow(input: Tensor | Number, exponent: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """``input`` to the power ``exponent``, each a tensor or a number. Raises for integers to a negative
    number.
    """
def prod(
    input: Tensor,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
    out: Tensor | None = None,
    axis: int | Sequence[int] | None = ...,
    keepdims: bool = ...,
) -> Tensor:
    """The product over dim."""
def promote_types(type1: DType, type2: DType) -> DType:
    """The smallest dtype that both convert to."""
def quantile(
    input: Tensor,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = 'linear',
    out: Tensor | None = None,
    axis: int | None = ...,
    keepdims: bool = ...,
) -> Tensor:
    """The quantiles ``q`` (numbers in [0, 1], 0-d or 1-d; a 1-d q gives a first dimension) over ``dim``
    (None: all).
    """
def quantize_per_channel(input: Tensor, scales: Any, zero_points: Any, axis: int, dtype: DType) -> Tensor:
    """``input`` with a scale and zero point for each index of dimension ``axis``. Source:
    torch.quantize_per_channel.
    """
def quantize_per_group(
    input: Tensor,
    scales: Tensor,
    zero_points: Tensor | None,
    group_size: int,
    dtype: DType,
) -> Tensor:
    """``input`` [..., K] with a scale (and zero point) for every ``group_size`` elements of its rows."""
def quantize_per_tensor(input: Tensor, scale: Any, zero_point: Any, dtype: DType) -> Tensor:
    """``input`` (floating, any shape) as levels of ``dtype`` with one scale and zero point."""
def quantize_per_tensor_dynamic(input: Tensor, dtype: DType, reduce_range: bool = False) -> Tensor:
    """``quantize_per_tensor`` with the scale and zero point that the range of the numbers gives."""
def rad2deg(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Radians as degrees."""
def rand(
    *size: Any,
    dtype: Any = None,
    device: Any = None,
    out: Tensor | None = None,
    requires_grad: bool = False,
    generator: Generator | None = None,
    layout: Any = None,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Uniform numbers in [0, 1) of shape ``size``."""
def rand_like(
    input: Tensor,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    generator: Generator | None = None,
    layout: Any = None,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Uniform numbers in [0, 1) of the shape, dtype and device of ``input``."""
def randint(
    *args: Any,
    low: int | None = None,
    high: int | None = None,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    out: Tensor | None = None,
    requires_grad: bool = False,
    generator: Generator | None = None,
    layout: Any = None,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """``randint(low=0, high, size)``: uniform integers in [low, high), int64 unless ``dtype`` is given."""
def randint_like(
    input: Tensor,
    *args: Any,
    low: int | None = None,
    high: int | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Uniform integers in [low, high) of the shape, dtype and device of ``input``."""
def randn(
    *size: Any,
    dtype: Any = None,
    device: Any = None,
    out: Tensor | None = None,
    requires_grad: bool = False,
    generator: Generator | None = None,
    layout: Any = None,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Numbers of the standard normal distribution of shape ``size``."""
def randn_like(
    input: Tensor,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    generator: Generator | None = None,
    layout: Any = None,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Standard normal numbers of the shape, dtype and device of ``input``."""
def randperm(
    n: int,
    *,
    dtype: Any = None,
    device: Any = None,
    out: Tensor | None = None,
    requires_grad: bool = False,
    generator: Generator | None = None,
    layout: Any = None,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """The numbers 0 to ``n`` - 1 in random order, int64 unless ``dtype`` is given."""
def range(
    start: Any,
    end: Any = None,
    step: Any = 1,
    *,
    layout: Any = None,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """``start``, ``start + step``, ... up to and including ``end``, floating. PyTorch's deprecated
    ``torch.range``.
    """
def ravel(input: Tensor) -> Tensor:
    """All elements in one dimension; a view where possible."""
def reciprocal(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """1 / x."""
def relu(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """max(x, 0); NaN stays. The derivative at 0 is 0."""
def relu_(input: Tensor | Number) -> Tensor:
    """In place: max(x, 0); NaN stays. The derivative at 0 is 0."""
def remainder(input: Tensor | Number, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """x modulo y, with the sign of y as in Python. Raises ZeroDivisionError for an integer 0."""
def repeat_interleave(
    input: Tensor,
    repeats: Any = None,
    dim: int | None = None,
    *,
    output_size: int | None = None,
    axis: int | None = ...,
) -> Tensor:
    """Every element repeated in place: ``repeats`` times, or as often as a tensor of counts says."""
@overload
def reshape(input: Tensor, *shape: int) -> Tensor:
    """``input`` under another shape: a view where the strides permit, else a copy."""
@overload
def reshape(input: Tensor, shape: Sequence[int] | int) -> Tensor:
    """``input`` under another shape: a view where the strides permit, else a copy."""
def resilient(
    state: Any,
    *,
    every: int = 10,
    shadow: Any = 'cpu',
    devices: Sequence[Any] = ('cpu',),
    errors: tuple[type[Exception], ...] = ...,
    verify: bool = True,
) -> Resilient:
    """Keep a shadow of ``state`` on the device ``shadow``, renewed after ``every`` steps, and survive losses.
    """
def result_type(tensor1: Any, tensor2: Any) -> DType:
    """The dtype of an arithmetic result of two tensors or numbers."""
def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """Elements moved by ``shifts`` along ``dims``; what goes over the end comes back at the start."""
def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """Turned by ``k`` quarters in the plane of ``dims``, from the first towards the second."""
def round(input: Tensor, *, decimals: int = 0, out: Tensor | None = None) -> Tensor:
    """To the nearest whole number, halves to the even one; ``decimals`` places behind or before the point."""
def row_stack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Joined by row."""
def rsqrt(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """1 / sqrt(x)."""
def rsub(input: Tensor | Number, other: Tensor | Number, *, alpha: float = 1) -> Tensor:
    """``other - alpha * input``."""
def save(obj: Any, f: str | os.PathLike[str] | IO[bytes]) -> None:
    """Write ``obj`` to the path or the (seekable, binary) file ``f``."""
def scalar_tensor(s: float, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A 0-d tensor of the number ``s`` in ``dtype`` (default: the default floating dtype)."""
def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Any = None,
    *,
    value: Any = None,
    reduce: str | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """``input`` with ``out[index[i][j]][j] = src[i][j]`` for dim 0; ``src`` a tensor or a number."""
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The input with out[index[i][j]][j] += src[i][j] for dim 0."""
def scatter_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
    out: Tensor | None = None,
) -> Tensor:
    """``input`` combined with the elements of ``src`` that go to each place: "sum", "prod", "mean", "amax",
    "amin".
    """
def searchsorted(
    sorted_sequence: Tensor,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Where each of ``input`` goes into a sorted sequence; behind equal ones with ``right``."""
def seed() -> int:
    """Seed the default generator from the operating system; returns the seed."""
def select(input: Tensor, dim: int, index: int) -> Tensor:
    """One index along dim; the dimension goes."""
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """A copy of ``input`` with ``src`` in its slice ``index`` of ``dim``."""
def set_default_device(device: Any) -> None:
    """Where tensors are made when nothing else is said; None is the CPU."""
def set_float32_matmul_precision(precision: str) -> None:
    """Choose ``highest`` (in float32), ``high`` or ``medium`` (fewer bits, TF32 for instance, where a device
    has that); raises ValueError for others. Source: torch.set_float32_matmul_precision.
    """
def set_num_threads(num: int) -> None:
    """How many threads the CPU's kernels may use; raises ShapeError for less than 1."""
def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors print; what is None stays, except that ``sci_mode=None`` chooses by the values again.
    """
def set_rng_state(new_state: Tensor) -> None:
    """Set the default generator's state."""
def sgn(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """-1, 0 or 1; 0 for NaN."""
def sigmoid(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """1 / (1 + exp(-x))."""
def sigmoid_(input: Tensor | Number) -> Tensor:
    """In place: 1 / (1 + exp(-x))."""
def sign(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """-1, 0 or 1; 0 for NaN."""
def signbit(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Whether x is negative, -0.0 included."""
def sin(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The sine; x in radians."""
def sinc(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """``sin(pi x) / (pi x)``, 1 at zero."""
def sinh(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The hyperbolic sine."""
def slice_scatter(
    input: Tensor,
    src: Tensor,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
    *,
    out: Tensor | None = None,
    axis: int = ...,
) -> Tensor:
    """A copy of ``input`` with ``src`` in ``start:end:step`` of ``dim``."""
def softmax(
    input: Tensor,
    dim: Any = None,
    dtype: DType | None = None,
    *,
    out: Tensor | None = None,
    axis: Any = None,
) -> Tensor:
    """``exp(x)`` over its sum along ``dim``; ``dtype``: convert first."""
def sort(
    input: Tensor,
    dim: int = -1,
    descending: bool = False,
    stable: bool = True,
    *,
    out: tuple[Tensor, ...] | None = None,
    axis: int = ...,
) -> return_types.sort:
    """(values, indices) in order along ``dim``; always stable, NaN is the largest."""
def split(
    tensor: Tensor,
    split_size_or_sections: Any,
    dim: int = 0,
    *,
    axis: int = ...,
) -> tuple[Tensor, ...]:
    """Views of pieces along ``dim``: of one size (the last may be smaller), or of the sizes listed."""
def sqrt(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The square root; NaN below 0."""
def square(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """x * x."""
@overload
def squeeze(input: Tensor, *dim: int, axis: Any = None) -> Tensor:
    """Without the dimensions of size 1: all, or those that are named."""
@overload
def squeeze(input: Tensor, dim: Sequence[int] | int | DType, *, axis: Any = None) -> Tensor:
    """Without the dimensions of size 1: all, or those that are named."""
def stack(tensors: Sequence[Tensor], dim: int = 0, *, out: Tensor | None = None, axis: int = ...) -> Tensor:
    """Tensors joined along a new dimension."""
def std(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    out: Tensor | None = None,
    axis: Any = ...,
    keepdims: bool = ...,
) -> Tensor:
    """The standard deviation; arguments as of ``var``."""
def std_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    axis: Any = ...,
    keepdims: bool = ...,
) -> tuple[Tensor, Tensor]:
    """Standard deviation and mean; arguments as of ``var``."""
def sub(
    input: Tensor | Number,
    other: Tensor | Number,
    *,
    alpha: float = 1,
    out: Tensor | None = None,
) -> Tensor:
    """``input - alpha * other``; raises DTypeError for bools."""
def subtract(
    input: Tensor | Number,
    other: Tensor | Number,
    *,
    alpha: float = 1,
    out: Tensor | None = None,
) -> Tensor:
    """``input - alpha * other``; raises DTypeError for bools."""
def sum(
    input: Tensor,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
    out: Tensor | None = None,
    axis: int | Sequence[int] | None = ...,
    keepdims: bool = ...,
) -> Tensor:
    """The sum over dim."""
def swapaxes(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions swapped."""
def swapdims(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions swapped."""
def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; a vector or a 0-d tensor as it is."""
def take(input: Tensor, index: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements at these places of the flattened tensor."""
def take_along_dim(
    input: Tensor,
    indices: Tensor,
    dim: int | None = None,
    *,
    out: Tensor | None = None,
    axis: int | None = ...,
) -> Tensor:
    """``gather`` with broadcasting; without ``dim``, of the flattened tensors."""
def tan(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The tangent; x in radians."""
def tanh(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The hyperbolic tangent."""
def tanh_(input: Tensor | Number) -> Tensor:
    """In place: The hyperbolic tangent."""
def tensor(
    data: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor with a copy of ``data``: a number, nested sequences of numbers, an array or a tensor."""
def tensor_split(
    input: Tensor,
    indices_or_sections: Any,
    dim: int = 0,
    *,
    axis: int = ...,
) -> tuple[Tensor, ...]:
    """Views along ``dim``: a number of nearly equal ones, or cut at the indices listed."""
def tensordot(a: Tensor, b: Tensor, dims: Any = 2, *, out: Tensor | None = None) -> Tensor:
    """Sums of products over ``dims``: a number (the last of ``a``, the first of ``b``) or two lists of
    dimensions.
    """
@overload
def tile(input: Tensor, *dims: int) -> Tensor:
    """As repeat, with ones put in front of dims."""
@overload
def tile(input: Tensor, dims: Sequence[int] | int) -> Tensor:
    """As repeat, with ones put in front of dims."""
def topk(
    input: Tensor,
    k: int,
    dim: int = -1,
    largest: bool = True,
    sorted: bool = True,
    *,
    out: tuple[Tensor, ...] | None = None,
    axis: int = ...,
) -> return_types.topk:
    """The k largest (or smallest) values along dim in order, and their places."""
def trace(input: Tensor) -> Tensor:
    """The sum of a matrix's diagonal."""
def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions swapped."""
def tril(input: Tensor, diagonal: int = 0, *, out: Tensor | None = None) -> Tensor:
    """The lower triangle, zeros above it."""
def tril_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None) -> Tensor:
    """The (2, n) row and column numbers of the lower triangle of a (``row``, ``col``) matrix."""
def triu(input: Tensor, diagonal: int = 0, *, out: Tensor | None = None) -> Tensor:
    """The upper triangle, zeros below it."""
def triu_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None) -> Tensor:
    """The (2, n) row and column numbers of the upper triangle of a (``row``, ``col``) matrix."""
def true_divide(input: Tensor | Number, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The true quotient x / y."""
def trunc(input: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The integer part, rounded towards 0."""
def unbind(input: Tensor, dim: int = 0, *, axis: int = ...) -> tuple[Tensor, ...]:
    """The slices along ``dim``, without that dimension."""
def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """Dimension ``dim`` as several of these ``sizes``, of which one may be -1."""
def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
    *,
    axis: int | None = ...,
) -> Any:
    """The distinct values in order; with the place of each element among them, and how often each occurs."""
def unique_consecutive(
    input: Tensor,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
    *,
    axis: int | None = ...,
) -> Any:
    """As ``unique``, where only equal neighbours count as one."""
def unsqueeze(input: Tensor, dim: int = ..., *, axis: int = ...) -> Tensor:
    """A new dimension of size 1."""
def var(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    out: Tensor | None = None,
    axis: Any = ...,
    keepdims: bool = ...,
) -> Tensor:
    """The variance over ``dim`` (None: all); divided by n - ``correction`` (1, or 0 if not ``unbiased``)."""
def var_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    axis: Any = ...,
    keepdims: bool = ...,
) -> tuple[Tensor, Tensor]:
    """Variance and mean; arguments as of ``var``."""
def vdot(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inner product of two vectors."""
def vsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Pieces by row."""
def vstack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Joined by row."""
def where(condition: Tensor, input: Any = None, other: Any = None, *, out: Tensor | None = None) -> Any:
    """``input`` where ``condition`` holds, else ``other``; with the condition alone, its true places by
    dimension.
    """
def xlogy(input: Tensor | Number, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """x * log(y); 0 where x is 0 (NaN where y is NaN)."""
def zeros(
    *size: Any,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    out: Tensor | None = None,
    layout: Any = None,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Zeros of shape ``size``, given as numbers or as one sequence."""
def zeros_like(
    input: Tensor,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Zeros of the shape, dtype and device of ``input``."""

LATER: dict[str, str]
__all__ = [
    "abs",
    "absolute",
    "acos",
    "acosh",
    "add",
    "addbmm",
    "addcdiv",
    "addcmul",
    "addmm",
    "addmv",
    "addr",
    "adjoint",
    "all",
    "allclose",
    "amax",
    "amin",
    "aminmax",
    "any",
    "arange",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "argmax",
    "argmin",
    "argsort",
    "argwhere",
    "as_strided",
    "as_tensor",
    "asarray",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "baddbmm",
    "bernoulli",
    "bincount",
    "bitwise_and",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "block_diag",
    "bmm",
    "broadcast_shapes",
    "broadcast_tensors",
    "broadcast_to",
    "bucketize",
    "can_cast",
    "cartesian_prod",
    "cat",
    "ceil",
    "chunk",
    "clamp",
    "clamp_max",
    "clamp_min",
    "clip",
    "clone",
    "column_stack",
    "concat",
    "concatenate",
    "copysign",
    "cos",
    "cosh",
    "cosine_similarity",
    "count_nonzero",
    "cross",
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "deg2rad",
    "dequantize",
    "detach",
    "diag",
    "diag_embed",
    "diagonal",
    "diff",
    "dist",
    "div",
    "divide",
    "dot",
    "dstack",
    "einsum",
    "empty",
    "empty_like",
    "empty_strided",
    "eq",
    "equal",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "expm1",
    "eye",
    "fake_quantize_per_channel_affine",
    "fake_quantize_per_tensor_affine",
    "fix",
    "flatten",
    "flip",
    "fliplr",
    "flipud",
    "float_power",
    "floor",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "frac",
    "from_dlpack",
    "from_numpy",
    "frombuffer",
    "full",
    "full_like",
    "gather",
    "gcd",
    "ge",
    "ger",
    "get_default_device",
    "get_float32_matmul_precision",
    "get_num_threads",
    "get_printoptions",
    "get_rng_state",
    "greater",
    "greater_equal",
    "gt",
    "heaviside",
    "histc",
    "hsplit",
    "hstack",
    "hypot",
    "index_add",
    "index_copy",
    "index_fill",
    "index_put",
    "index_select",
    "initial_seed",
    "inner",
    "is_complex",
    "is_floating_point",
    "is_nonzero",
    "is_signed",
    "is_tensor",
    "isclose",
    "isfinite",
    "isin",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "isreal",
    "kron",
    "kthvalue",
    "lcm",
    "ldexp",
    "le",
    "lerp",
    "less",
    "less_equal",
    "linspace",
    "load",
    "log",
    "log10",
    "log1p",
    "log2",
    "log_softmax",
    "logaddexp",
    "logaddexp2",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "logit",
    "logspace",
    "logsumexp",
    "lt",
    "manual_seed",
    "masked_fill",
    "masked_scatter",
    "masked_select",
    "matmul",
    "max",
    "maximum",
    "mean",
    "median",
    "meshgrid",
    "migrate",
    "min",
    "minimum",
    "mm",
    "mode",
    "moveaxis",
    "movedim",
    "msort",
    "mul",
    "multinomial",
    "multiply",
    "mv",
    "nan_to_num",
    "nanmean",
    "nanmedian",
    "nansum",
    "narrow",
    "ne",
    "neg",
    "negative",
    "nonzero",
    "norm",
    "normal",
    "not_equal",
    "numel",
    "ones",
    "ones_like",
    "outer",
    "permute",
    "positive",
    "pow",
    "prod",
    "promote_types",
    "quantile",
    "quantize_per_channel",
    "quantize_per_group",
    "quantize_per_tensor",
    "quantize_per_tensor_dynamic",
    "rad2deg",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
    "range",
    "ravel",
    "reciprocal",
    "relu",
    "relu_",
    "remainder",
    "repeat_interleave",
    "reshape",
    "resilient",
    "result_type",
    "roll",
    "rot90",
    "round",
    "row_stack",
    "rsqrt",
    "rsub",
    "save",
    "scalar_tensor",
    "scatter",
    "scatter_add",
    "scatter_reduce",
    "searchsorted",
    "seed",
    "select",
    "select_scatter",
    "set_default_device",
    "set_float32_matmul_precision",
    "set_num_threads",
    "set_printoptions",
    "set_rng_state",
    "sgn",
    "sigmoid",
    "sigmoid_",
    "sign",
    "signbit",
    "sin",
    "sinc",
    "sinh",
    "slice_scatter",
    "softmax",
    "sort",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "std_mean",
    "sub",
    "subtract",
    "sum",
    "swapaxes",
    "swapdims",
    "t",
    "take",
    "take_along_dim",
    "tan",
    "tanh",
    "tanh_",
    "tensor",
    "tensor_split",
    "tensordot",
    "tile",
    "topk",
    "trace",
    "transpose",
    "tril",
    "tril_indices",
    "triu",
    "triu_indices",
    "true_divide",
    "trunc",
    "unbind",
    "unflatten",
    "unique",
    "unique_consecutive",
    "unsqueeze",
    "var",
    "var_mean",
    "vdot",
    "vsplit",
    "vstack",
    "where",
    "xlogy",
    "zeros",
    "zeros_like",
]
