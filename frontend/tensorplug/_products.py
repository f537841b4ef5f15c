"""Products of vectors, matrices and batches: PyTorch's ``matmul`` and its relations
on the batched matmul primitive.
"""

from __future__ import annotations

from string import ascii_lowercase, ascii_uppercase

from tensorplug_dispatcher import layers
from tensorplug_dispatcher.context import context
from tensorplug_dispatcher.conversion import number_of
from tensorplug_dispatcher.dtypes import BOOL, FLOATING
from tensorplug_dispatcher.errors import DTypeError, ShapeError, SignatureError
from tensorplug_dispatcher.layout import broadcast_shapes
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.promotion import result_type
from tensorplug_dispatcher.signatures import wrap_dim
from tensorplug_dispatcher.tensor import TensorBase

from ._arguments import check_same_dtype, is_integer, several
from ._public import into, public, result_of, widened, without_autocast
from ._shape import broadcast_tensors

AUTOCAST = layers.bit("autocast")
_LETTERS = ascii_uppercase + ascii_lowercase

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ._tensor import Tensor


@public("function", "method")
def matmul(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """``input @ other``: vectors [K], matrices [M, K] @ [K, N], or batches [..., M,
    K] @ [..., K, N] that broadcast.

    Shapes: [*A, M, K] and [*B, K, N] -> [*C, M, N], A and B broadcast to C; vectors [K]; dtypes: any but
    bool, the same for both. Source: torch.matmul.
    """
    if input.ndim == 2 and other.ndim == 2:
        return F.matmul(input, other) if out is None else F.matmul(input, other, out=out)
    if out is None:
        return _matmul(input, other)
    return into("matmul", out, without_autocast(_matmul, input, other), "out")


def _matmul(a: Any, b: Any) -> Any:
    if not isinstance(b, TensorBase):
        raise SignatureError(f"matmul(): argument 'other' must be a Tensor, not {type(b).__name__}")
    if a.ndim == 0 or b.ndim == 0:
        raise ShapeError(
            f"both arguments to matmul need to be at least 1D, but they are {a.ndim}D and "
            f"{b.ndim}D (shapes {list(a.shape)} and {list(b.shape)}); use * for numbers"
        )
    inner = b.shape[0] if b.ndim == 1 else b.shape[-2]
    if a.shape[-1] != inner:
        raise ShapeError(_mismatch(a, b, inner))
    if a.dtype is not b.dtype and not context().included & AUTOCAST:
        raise DTypeError(
            f"expected m1 and m2 to have the same dtype, but got: {a.dtype.name} != "
            f"{b.dtype.name}; convert one with .to()"
        )
    if b.ndim == 1:
        if a.ndim == 1:
            return F.dot(a, b)
        rows = a if a.ndim == 2 else F.reshape(a, (-1, inner)) if inner else F.reshape(a, (a.numel(), 0))
        return F.view(F.matmul(rows, F.unsqueeze(b, 1)), tuple(a.shape[:-1]))
    if a.ndim == 1:
        product = _matmul(F.unsqueeze(a, 0), b)
        return F.squeeze(product, product.ndim - 2)
    if b.ndim == 2:
        return _fold_left(a, b)
    batch = tuple(broadcast_shapes(a.shape[:-2], b.shape[:-2]))
    return F.matmul(_with_batch(a, batch), _with_batch(b, batch))


def _with_batch(x: Any, batch: tuple[int, ...]) -> Any:
    return x if tuple(x.shape[:-2]) == batch else F.expand(x, (*batch, *x.shape[-2:]))


def _fold_left(a: Any, b: Any) -> Any:
    """[..., M, K] @ [K, N] as one product of matrices."""
    if a.ndim == 2:
        return F.matmul(a, b)
    count = 1
    for n in a.shape[:-1]:
        count *= n
    product = F.matmul(F.reshape(a, (count, a.shape[-1])), b)
    return F.view(product, (*a.shape[:-1], b.shape[1]))


def _mismatch(a: Any, b: Any, inner: int) -> str:
    if a.ndim == 1 and b.ndim == 1:
        return (
            f"inconsistent tensor size, expected tensor {list(a.shape)} and src {list(b.shape)} to have "
            "the same number of elements"
        )
    rows = a.shape[-2] if a.ndim > 1 else 1
    columns = b.shape[-1] if b.ndim > 1 else 1
    return (
        f"mat1 and mat2 shapes cannot be multiplied ({rows}x{a.shape[-1]} and {inner}x{columns}): "
        f"{list(a.shape)} @ {list(b.shape)}; the first's columns must be the second's rows"
    )


def _need(x: Any, ndim: int, text: str) -> None:
    if x.ndim != ndim:
        raise ShapeError(f"{text} (its shape is {list(x.shape)})")


@public("function", "method")
def mm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The product of two matrices, with no broadcasting.

    Shapes: [M, K] and [K, N] -> [M, N]; dtypes: any but bool, the same for both. Source: torch.mm.
    """
    _need(input, 2, "self must be a matrix")
    _need(mat2, 2, "mat2 must be a matrix")
    return F.matmul(input, mat2) if out is None else F.matmul(input, mat2, out=out)


@public("function", "method")
def bmm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Products of [B, M, K] and [B, K, N], with no broadcasting.

    Shapes: [B, M, K] and [B, K, N] -> [B, M, N]; dtypes: any but bool, the same for both. Source: torch.bmm.
    """
    _need(input, 3, "batch1 must be a 3D tensor")
    _need(mat2, 3, "batch2 must be a 3D tensor")
    return F.matmul(input, mat2) if out is None else F.matmul(input, mat2, out=out)


@public("function", "method", out="out")
def mv(input: Tensor, vec: Tensor) -> Tensor:
    """The product of a matrix [M, K] and a vector [K].

    Shapes: [M, K] and [K] -> [M]; dtypes: any but bool, the same for both. Source: torch.mv.
    """
    _need(input, 2, "mv: the first operand must be a matrix")
    _need(vec, 1, "mv: the second operand must be a vector")
    return _matmul(input, vec)


@public("function", "method", out="out")
def inner(input: Tensor, other: Tensor) -> Tensor:
    """Sums of products over the last dimension of both.

    Shapes: [*A, K] and [*B, K] -> [*A, *B]; dtypes: any but bool, the same for both. Source: torch.inner.
    """
    if input.ndim == 0 or other.ndim == 0:
        return F.mul(input, other)
    return tensordot(input, other, ([-1], [-1]))


@public("function", "method", names="outer ger", out="out~")
def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """All products of two vectors' elements: [M, N].

    Shapes: [M] and [N] -> [M, N]; dtypes: any. Source: torch.outer.
    """
    _need(input, 1, "outer: Expected 1-D argument self")
    _need(vec2, 1, "outer: Expected 1-D argument vec2")
    return F.mul(F.unsqueeze(input, 1), vec2)


def _weighted(input: Any, product: Any, beta: float, alpha: float, name: str = "addmm") -> Any:
    beta, alpha = (number_of(name, x, product.dtype) for x in (beta, alpha))
    if alpha != 1:
        product = F.mul(product, alpha)
    if beta == 0:
        return product
    return F.add(product, input if beta == 1 else F.mul(input, beta))


@public("function", "method")
def addmm(
    input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1, out: Tensor | None = None
) -> Tensor:
    """``beta * input + alpha * (mat1 @ mat2)``.

    Shapes: [M, K] and [K, N] -> [M, N], input broadcasts to it; dtypes: any but bool, the same for all.
    Source: torch.addmm.
    """
    if beta == 1 and alpha == 1:
        return result_of(F.addmm, out, input, mat1, mat2)
    if out is None:
        return _scaled_addmm(input, mat1, mat2, beta, alpha)
    return into("addmm", out, without_autocast(_scaled_addmm, input, mat1, mat2, beta, alpha), "out")


@widened
def _scaled_addmm(input: Tensor, mat1: Tensor, mat2: Tensor, beta: float, alpha: float) -> Tensor:
    return _weighted(input, mm(mat1, mat2), beta, alpha)


@public("function", "method", out="out", wide=True)
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """``beta * input + alpha * (mat @ vec)``.

    Shapes: [M, K] and [K] -> [M], input broadcasts to it; dtypes: any but bool, the same for all. Source:
    torch.addmv.
    """
    return _weighted(input, mv(mat, vec), beta, alpha, "addmv")


@public("function", "method", out="out~", wide=True)
def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """``beta * input + alpha * outer(vec1, vec2)``.

    Shapes: [M] and [N] -> [M, N], input broadcasts to it; dtypes: any, promoted. Raises DTypeError for a
    dtype that is not taken. Source: torch.addr.
    """
    product = outer(vec1, vec2)
    wanted = result_type([input.layout, product.layout])
    for label, x in (("beta", beta), ("alpha", alpha)):
        if isinstance(x, float) and wanted.kind != FLOATING:
            raise DTypeError(
                f"addr(): For integral input tensors, argument {label} must not be a floating point number, "
                f"but it is {x}; give an int"
            )
        if isinstance(x, bool) and wanted.kind != BOOL:
            raise DTypeError(f"addr(): Boolean {label} only supported for Boolean results; give {int(x)}")
    return _weighted(input, product, beta, alpha, "addr")


@public("function", "method", out="out", wide=True)
def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """``beta * input + alpha * bmm(batch1, batch2)``.

    Shapes: [B, M, K] and [B, K, N] -> [B, M, N], input broadcasts to it; dtypes: any but bool, the same for
    all. Source: torch.baddbmm.
    """
    return _weighted(input, bmm(batch1, batch2), beta, alpha, "baddbmm")


@public("function", "method", out="out", wide=True)
def addbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """``beta * input + alpha *`` the sum of the batch's products.

    Shapes: [B, M, K] and [B, K, N] -> [M, N], input broadcasts to it; dtypes: any but bool, the same for all.
    Source: torch.addbmm.
    """
    product = bmm(batch1, batch2)
    return _weighted(input, F.sum(product, 0, dtype=product.dtype), beta, alpha, "addbmm")


@public("function", out="out")
def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Sums of products over ``dims``: a number (the last of ``a``, the first of ``b``)
    or two lists of dimensions.

    Shapes: [*A, *D] and [*D, *B] -> [*A, *B], D the sizes of ``dims``; dtypes: any but bool, the same for
    both. Raises ShapeError for sizes that do not fit. Source: torch.tensordot.
    """
    if is_integer(dims):
        if dims < 0 or dims > min(a.ndim, b.ndim):
            raise ShapeError(
                f"tensordot expects dims >= 0 and at most the operands' {min(a.ndim, b.ndim)} "
                f"dimensions, but got dims={dims}"
            )
        left, right = list(range(a.ndim - dims, a.ndim)), list(range(dims))
    else:
        left, right = (list(several(d)) for d in dims)
    left = [wrap_dim(d, a.ndim) for d in left]
    right = [wrap_dim(d, b.ndim) for d in right]
    if len(left) != len(right) or any(a.shape[i] != b.shape[k] for i, k in zip(left, right)):
        raise ShapeError(
            f"contracted dimensions need to match, but first has dims {left} of shape "
            f"{list(a.shape)} and second has dims {right} of shape {list(b.shape)}"
        )
    kept_a = [i for i in range(a.ndim) if i not in left]
    kept_b = [i for i in range(b.ndim) if i not in right]
    depth, rows, columns = (_count(a, left), _count(a, kept_a), _count(b, kept_b))
    x = F.reshape(F.permute(a, (*kept_a, *left)), (rows, depth))
    y = F.reshape(F.permute(b, (*right, *kept_b)), (depth, columns))
    return F.reshape(F.matmul(x, y), (*[a.shape[i] for i in kept_a], *[b.shape[i] for i in kept_b]))


def _count(x: Any, dims: Sequence[int]) -> int:
    count = 1
    for i in dims:
        count *= x.shape[i]
    return count


@public("function", "method", out="out~")
def kron(input: Tensor, other: Tensor) -> Tensor:
    """Kronecker's product.

    Shapes: [*S] and [*T] -> [*S · T], size by size; dtypes: any, promoted. Source: torch.kron.
    """
    ndim = max(input.ndim, other.ndim)
    a = F.reshape(input, (1,) * (ndim - input.ndim) + tuple(input.shape))
    b = F.reshape(other, (1,) * (ndim - other.ndim) + tuple(other.shape))
    wide_a = F.reshape(a, tuple(n for size in a.shape for n in (size, 1)))
    wide_b = F.reshape(b, tuple(n for size in b.shape for n in (1, size)))
    return F.reshape(F.mul(wide_a, wide_b), tuple(m * n for m, n in zip(a.shape, b.shape)))


@public("function", "method", out="out")
def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """The cross product of vectors of size 3 along ``dim`` (default: the first such dimension).

    Shapes: operands broadcast to the result, of size 3 along ``dim``; dtypes: any but bool, the same for
    both. Raises ShapeError for sizes that do not fit. Source: torch.cross.
    """
    check_same_dtype("cross", input=input, other=other)
    if input.ndim != other.ndim:
        raise ShapeError(
            f"cross: inputs must have the same number of dimensions, but got {list(input.shape)} and "
            f"{list(other.shape)}"
        )
    shape = broadcast_shapes(input.shape, other.shape)
    a, b = F.expand(input, tuple(shape)), F.expand(other, tuple(shape))
    if dim is None:
        dim = next((i for i, n in enumerate(shape) if n == 3), -1)
    place = wrap_dim(dim, len(shape))
    if shape[place] != 3:
        raise ShapeError(
            f"cross: inputs dimension {dim} must have length 3. Got {shape[place]} (shape {list(shape)})"
        )

    def turned(x: Any, by: int) -> Any:
        return F.roll(x, (by,), (place,))

    return F.sub(F.mul(turned(a, -1), turned(b, -2)), F.mul(turned(a, -2), turned(b, -1)))


@public("function", wide=True)
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between ``x1`` and ``x2`` along ``dim``; norms are at least ``eps``.

    Shapes: both broadcast to [*S] -> [*S] without ``dim``; dtypes: floating. Source: torch.cosine_similarity.
    """
    if x1.shape != x2.shape:
        x1, x2 = broadcast_tensors(x1, x2)
    floor = max(eps, 0.0)
    wanted = result_type([x1.layout, x2.layout])
    if wanted.kind == FLOATING:
        x1, x2 = (x if x.dtype is wanted else F.cast(x, wanted) for x in (x1, x2))
    lengths = [F.clamp(F.norm(x, 2.0, dim, True), floor, None) for x in (x1, x2)]
    return F.sum(F.mul(F.div(x1, lengths[0]), F.div(x2, lengths[1])), dim)


# -- einsum --------------------------------------------------------------------------------------------------


@public("function")
def einsum(equation: Any, *operands: Any) -> Tensor:
    """Sums of products named by letters, as in ``einsum("bij,bjk->bik", a, b)``; ``...`` stands for the rest.
    Or by numbers below 52, ``einsum(a, [0, 1, 2], b, [0, 2, 3], [0, 1, 3])``, with ``...`` itself.

    Operands are contracted from left to right. Raises ShapeError where sizes under one letter differ.

    Shapes: a letter is one size everywhere, the result has those behind the arrow; dtypes: any but bool, the
    same for all. Raises SignatureError for arguments that do not go together. Source: torch.einsum.
    """
    if isinstance(equation, TensorBase):
        equation, operands = _lettered((equation, *operands))
    elif not isinstance(equation, str):
        raise SignatureError(f"einsum(): the equation must be a str, not {equation!r}")
    tensors = list(operands[0] if len(operands) == 1 and isinstance(operands[0], (list, tuple)) else operands)
    terms, result = _parse(equation, tensors)
    sizes: dict[str, int] = {}
    for term, x in zip(terms, tensors):
        for letter, n in zip(term, x.shape):
            if sizes.setdefault(letter, n) != n:
                if sizes[letter] != 1 and n != 1:
                    raise ShapeError(
                        f"einsum(): the sizes {sizes[letter]} and {n} of subscript {letter} differ in "
                        f"{equation!r} with operands of shape {[list(t.shape) for t in tensors]}"
                    )
                sizes[letter] = max(sizes[letter], n)
    parts = [_without_repeats(term, x) for term, x in zip(terms, tensors)]
    term, x = parts[0]
    for i, (next_term, y) in enumerate(parts[1:], 1):
        later = set(result).union(*[p[0] for p in parts[i + 1 :]])
        term, x = _contract(term, x, next_term, y, later, sizes)
    return _arranged(term, x, result, sizes)


def _lettered(given: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """The equation and the operands of operands that are each followed by the numbers of their dimensions."""

    def letters(numbers: Any) -> str:
        try:
            return "".join(["..." if n is ... else _LETTERS[range(52).index(n)] for n in numbers])
        except (TypeError, ValueError):
            raise SignatureError(
                f"einsum(): each operand must be followed by a list of numbers in [0, 52), not by {numbers!r}"
            ) from None

    equation = ",".join([letters(numbers) for numbers in given[1::2]])
    if len(given) % 2:
        equation = ",".join([letters(numbers) for numbers in given[1:-1:2]]) + "->" + letters(given[-1])
    return equation, given[0 : len(given) // 2 * 2 : 2]


def _parse(equation: str, tensors: list[Any]) -> tuple[list[list[str]], list[str]]:
    left, arrow, right = equation.replace(" ", "").partition("->")
    inputs = left.split(",")
    if len(inputs) != len(tensors):
        raise ShapeError(
            f"einsum(): the equation {equation!r} names {len(inputs)} operands but {len(tensors)} were given"
        )
    terms = []
    extra = 0
    for text, x in zip(inputs, tensors):
        head, dots, tail = text.partition("...")
        if not (head + tail).isalpha() and head + tail:
            raise SignatureError(
                f"einsum(): subscripts must be letters or ..., but the equation has {text!r}"
            )
        rest = x.ndim - len(head) - len(tail)
        if rest < 0 or (rest and not dots):
            raise ShapeError(
                f"einsum(): the number of subscripts in {text!r} does not match the dimensions "
                f"of an operand of shape {list(x.shape)}"
            )
        extra = max(extra, rest)
        terms.append([*head, *[f".{k}" for k in range(rest, 0, -1)], *tail])
    dots_letters = [f".{k}" for k in range(extra, 0, -1)]
    if arrow:
        head, dots, tail = right.partition("...")
        result = [*head, *(dots_letters if dots else []), *tail]
    else:
        letters = [c for term in terms for c in term if not c.startswith(".")]
        result = dots_letters + sorted(c for c in set(letters) if letters.count(c) == 1)
    known = {c for term in terms for c in term}
    for c in result:
        if c not in known or result.count(c) > 1:
            raise SignatureError(
                f"einsum(): the output subscript {c} "
                f"appears {'more than once' if c in known else 'in no input'} in {equation!r}"
            )
    return terms, result


def _without_repeats(term: list[str], x: Any) -> tuple[list[str], Any]:
    """A letter that stands twice in one operand means its diagonal."""
    term = list(term)
    for letter in dict.fromkeys(term):
        while term.count(letter) > 1:
            first = term.index(letter)
            second = term.index(letter, first + 1)
            x = F.diagonal(x, 0, first, second)
            del term[second], term[first]
            term.append(letter)
    return term, x


def _contract(
    left: list[str], a: Any, right: list[str], b: Any, later: set[str], sizes: dict[str, int]
) -> tuple[list[str], Any]:
    a, left = _summed(a, left, later.union(right))
    b, right = _summed(b, right, later.union(left))
    batch = [c for c in left if c in right and c in later]
    inner = [c for c in left if c in right and c not in later]
    rows = [c for c in left if c not in right]
    columns = [c for c in right if c not in left]
    a = _arranged(left, a, batch + rows + inner, sizes)
    b = _arranged(right, b, batch + inner + columns, sizes)

    def total(letters: list[str]) -> int:
        count = 1
        for c in letters:
            count *= sizes[c]
        return count

    lead = tuple(sizes[c] for c in batch)
    if not inner and not rows and not columns:
        return batch, F.mul(a, b)
    x = F.reshape(a, (*lead, total(rows), total(inner)))
    y = F.reshape(b, (*lead, total(inner), total(columns)))
    term = batch + rows + columns
    return term, F.reshape(F.matmul(x, y), tuple(sizes[c] for c in term))


def _summed(x: Any, term: list[str], wanted: set[str]) -> tuple[Any, list[str]]:
    """Without the letters that nobody else asks for."""
    dims = tuple(i for i, c in enumerate(term) if c not in wanted)
    return (F.sum(x, dims), [c for c in term if c in wanted]) if dims else (x, term)


def _arranged(term: list[str], x: Any, wanted: list[str], sizes: dict[str, int]) -> Any:
    """``x`` with its dimensions in the order ``wanted``, summed over the others,
    expanded to the letters' sizes.
    """
    x, term = _summed(x, term, set(wanted))
    order = tuple(term.index(c) for c in wanted)
    if order != tuple(range(len(order))):
        x = F.permute(x, order)
    shape = tuple(sizes[c] for c in wanted)
    return x if tuple(x.shape) == shape else F.expand(x, shape)
