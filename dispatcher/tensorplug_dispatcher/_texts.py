"""Written by tools/public_table.py from the ops and from what is @public; not to be edited."""

from typing import Final

TEXTS: Final[dict[str, str]] = {
    "neg": """-x.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype but bool; the result has the same.
- Source: torch.neg.""",
    "abs": """The absolute value; the integer minimum stays itself.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype but bool; the result has the same.
- Source: torch.abs.""",
    "exp": """e to the power x.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype; the result of integers and bool has the default floating dtype.
- Source: torch.exp.""",
    "log": """The natural logarithm; NaN below 0, -inf at 0.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype; the result of integers and bool has the default floating dtype.
- Source: torch.log.""",
    "sqrt": """The square root; NaN below 0.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype; the result of integers and bool has the default floating dtype.
- Source: torch.sqrt.""",
    "sin": """The sine; x in radians.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype; the result of integers and bool has the default floating dtype.
- Source: torch.sin.""",
    "cos": """The cosine; x in radians.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype; the result of integers and bool has the default floating dtype.
- Source: torch.cos.""",
    "tanh": """The hyperbolic tangent.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype; the result of integers and bool has the default floating dtype.
- Source: torch.tanh.""",
    "erf": """The error function.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype; the result of integers and bool has the default floating dtype.
- Source: torch.erf.""",
    "floor": """The largest integer not above x.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype but bool; the result has the same.
- Source: torch.floor.""",
    "round": """The nearest integer, halves to even.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype but bool; the result has the same.
- Source: torch.round.""",
    "bitwise_not": """Every bit inverted; logical on bool.

- Shapes: the result has the shape of ``input``.
- Dtypes: integers and bool; the result has the same.
- Source: torch.bitwise_not.""",
    "log1p": """log(1 + x), accurate near 0.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype; the result of integers and bool has the default floating dtype.
- Source: torch.log1p.""",
    "expm1": """exp(x) - 1, accurate near 0.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype; the result of integers and bool has the default floating dtype.
- Source: torch.expm1.""",
    "reciprocal": """1 / x.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype; the result of integers and bool has the default floating dtype.
- Source: torch.reciprocal.""",
    "rsqrt": """1 / sqrt(x).

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype; the result of integers and bool has the default floating dtype.
- Source: torch.rsqrt.""",
    "square": """x * x.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype but bool; the result has the same.
- Source: torch.square.""",
    "sign": """-1, 0 or 1; 0 for NaN.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype but bool; the result has the same.
- Source: torch.sign.""",
    "ceil": """The smallest integer not below x.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype but bool; the result has the same.
- Source: torch.ceil.""",
    "trunc": """The integer part, rounded towards 0.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype but bool; the result has the same.
- Source: torch.trunc.""",
    "frac": """x - trunc(x).

- Shapes: the result has the shape of ``input``.
- Dtypes: floating dtypes; the result has the same.
- Source: torch.frac.""",
    "log2": """The logarithm to base 2.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype; the result of integers and bool has the default floating dtype.
- Source: torch.log2.""",
    "log10": """The logarithm to base 10.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype; the result of integers and bool has the default floating dtype.
- Source: torch.log10.""",
    "exp2": """2 to the power x.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype; the result of integers and bool has the default floating dtype.
- Source: torch.exp2.""",
    "sinh": """The hyperbolic sine.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype; the result of integers and bool has the default floating dtype.
- Source: torch.sinh.""",
    "cosh": """The hyperbolic cosine.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype; the result of integers and bool has the default floating dtype.
- Source: torch.cosh.""",
    "tan": """The tangent; x in radians.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype; the result of integers and bool has the default floating dtype.
- Source: torch.tan.""",
    "asin": """The inverse sine in radians; NaN outside [-1, 1].

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype; the result of integers and bool has the default floating dtype.
- Source: torch.asin.""",
    "acos": """The inverse cosine in radians; NaN outside [-1, 1].

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype; the result of integers and bool has the default floating dtype.
- Source: torch.acos.""",
    "atan": """The inverse tangent in radians.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype; the result of integers and bool has the default floating dtype.
- Source: torch.atan.""",
    "asinh": """The inverse hyperbolic sine.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype; the result of integers and bool has the default floating dtype.
- Source: torch.asinh.""",
    "acosh": """The inverse hyperbolic cosine; NaN below 1.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype; the result of integers and bool has the default floating dtype.
- Source: torch.acosh.""",
    "atanh": """The inverse hyperbolic tangent; NaN outside [-1, 1].

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype; the result of integers and bool has the default floating dtype.
- Source: torch.atanh.""",
    "erfc": """1 - erf(x), accurate for large x.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype; the result of integers and bool has the default floating dtype.
- Source: torch.erfc.""",
    "deg2rad": """Degrees as radians.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype; the result of integers and bool has the default floating dtype.
- Source: torch.deg2rad.""",
    "rad2deg": """Radians as degrees.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype; the result of integers and bool has the default floating dtype.
- Source: torch.rad2deg.""",
    "isnan": """Whether x is not a number.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype; the result is bool.
- Source: torch.isnan.""",
    "isinf": """Whether x is +inf or -inf.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype; the result is bool.
- Source: torch.isinf.""",
    "isfinite": """Whether x is neither infinite nor NaN.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype; the result is bool.
- Source: torch.isfinite.""",
    "signbit": """Whether x is negative, -0.0 included.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype; the result is bool.
- Source: torch.signbit.""",
    "logical_not": """Whether x is 0.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype; the result is bool.
- Source: torch.logical_not.""",
    "add": """x + y; on bool: or.

- Shapes: operands broadcast, the result has their common shape.
- Dtypes: any dtype; the result has the promoted one.
- Raises: ShapeError, operands that do not broadcast.
- Source: torch.add.""",
    "sub": """x - y.

- Shapes: operands broadcast, the result has their common shape.
- Dtypes: any dtype but bool; the result has the promoted one.
- Raises: ShapeError, operands that do not broadcast.
- Source: torch.sub.""",
    "mul": """x * y; on bool: and.

- Shapes: operands broadcast, the result has their common shape.
- Dtypes: any dtype; the result has the promoted one.
- Raises: ShapeError, operands that do not broadcast.
- Source: torch.mul.""",
    "div": """The true quotient x / y.

- Shapes: operands broadcast, the result has their common shape.
- Dtypes: any dtype; the result of integers and bool has the default floating dtype.
- Raises: ShapeError, operands that do not broadcast.
- Source: torch.div.""",
    "pow": """x to the power y. On integers a negative power gives 0, except of 1 and -1.

- Shapes: operands broadcast, the result has their common shape.
- Dtypes: any dtype but bool; the result has the promoted one.
- Raises: ShapeError, operands that do not broadcast.
- Source: torch.pow.""",
    "maximum": """The larger of x and y; NaN if one is NaN.

- Shapes: operands broadcast, the result has their common shape.
- Dtypes: any dtype; the result has the promoted one.
- Raises: ShapeError, operands that do not broadcast.
- Source: torch.maximum.""",
    "minimum": """The smaller of x and y; NaN if one is NaN.

- Shapes: operands broadcast, the result has their common shape.
- Dtypes: any dtype; the result has the promoted one.
- Raises: ShapeError, operands that do not broadcast.
- Source: torch.minimum.""",
    "eq": """Whether x equals y.

- Shapes: operands broadcast, the result has their common shape.
- Dtypes: any dtype; the result is bool.
- Raises: ShapeError, operands that do not broadcast.
- Source: torch.eq.""",
    "lt": """Whether x is below y.

- Shapes: operands broadcast, the result has their common shape.
- Dtypes: any dtype; the result is bool.
- Raises: ShapeError, operands that do not broadcast.
- Source: torch.lt.""",
    "bitwise_and": """Bits in both.

- Shapes: operands broadcast, the result has their common shape.
- Dtypes: integers and bool; the result has the promoted one.
- Raises: ShapeError, operands that do not broadcast.
- Source: torch.bitwise_and.""",
    "bitwise_or": """Bits in either.

- Shapes: operands broadcast, the result has their common shape.
- Dtypes: integers and bool; the result has the promoted one.
- Raises: ShapeError, operands that do not broadcast.
- Source: torch.bitwise_or.""",
    "bitwise_xor": """Bits in one only.

- Shapes: operands broadcast, the result has their common shape.
- Dtypes: integers and bool; the result has the promoted one.
- Raises: ShapeError, operands that do not broadcast.
- Source: torch.bitwise_xor.""",
    "where": """x where the condition (bool) holds, else y.

- Shapes: operands broadcast, the result has their common shape.
- Dtypes: any dtype; the result has the promoted one.
- Raises: ShapeError, operands that do not broadcast.
- Source: torch.where.""",
    "remainder": """x modulo y, with the sign of y as in Python. Raises ZeroDivisionError for an integer 0.

- Shapes: operands broadcast, the result has their common shape.
- Dtypes: any dtype but bool; the result has the promoted one.
- Raises: ShapeError, operands that do not broadcast.
- Source: torch.remainder.""",
    "floor_divide": """floor(x / y). Raises ZeroDivisionError for an integer 0.

- Shapes: operands broadcast, the result has their common shape.
- Dtypes: any dtype but bool; the result has the promoted one.
- Raises: ShapeError, operands that do not broadcast.
- Source: torch.floor_divide.""",
    "bitwise_left_shift": """x times 2**y; 0 where y is negative or not below the number of bits.

- Shapes: operands broadcast, the result has their common shape.
- Dtypes: integers; the result has the promoted one.
- Raises: ShapeError, operands that do not broadcast.
- Source: torch.bitwise_left_shift.""",
    "bitwise_right_shift": """x divided by 2**y, the sign kept; a y out of range shifts all bits out.

- Shapes: operands broadcast, the result has their common shape.
- Dtypes: integers; the result has the promoted one.
- Raises: ShapeError, operands that do not broadcast.
- Source: torch.bitwise_right_shift.""",
    "atan2": """The angle of the point (y, x) in (-pi, pi].

- Shapes: operands broadcast, the result has their common shape.
- Dtypes: any dtype; the result of integers and bool has the default floating dtype.
- Raises: ShapeError, operands that do not broadcast.
- Source: torch.atan2.""",
    "ne": """Whether x differs from y.

- Shapes: operands broadcast, the result has their common shape.
- Dtypes: any dtype; the result is bool.
- Raises: ShapeError, operands that do not broadcast.
- Source: torch.ne.""",
    "le": """Whether x is at most y.

- Shapes: operands broadcast, the result has their common shape.
- Dtypes: any dtype; the result is bool.
- Raises: ShapeError, operands that do not broadcast.
- Source: torch.le.""",
    "gt": """Whether x is above y.

- Shapes: operands broadcast, the result has their common shape.
- Dtypes: any dtype; the result is bool.
- Raises: ShapeError, operands that do not broadcast.
- Source: torch.gt.""",
    "ge": """Whether x is at least y.

- Shapes: operands broadcast, the result has their common shape.
- Dtypes: any dtype; the result is bool.
- Raises: ShapeError, operands that do not broadcast.
- Source: torch.ge.""",
    "logical_and": """Whether both differ from 0.

- Shapes: operands broadcast, the result has their common shape.
- Dtypes: any dtype; the result is bool.
- Raises: ShapeError, operands that do not broadcast.
- Source: torch.logical_and.""",
    "logical_or": """Whether one differs from 0.

- Shapes: operands broadcast, the result has their common shape.
- Dtypes: any dtype; the result is bool.
- Raises: ShapeError, operands that do not broadcast.
- Source: torch.logical_or.""",
    "logical_xor": """Whether exactly one differs from 0.

- Shapes: operands broadcast, the result has their common shape.
- Dtypes: any dtype; the result is bool.
- Raises: ShapeError, operands that do not broadcast.
- Source: torch.logical_xor.""",
    "fmod": """The remainder of x / y with the sign of x, as in C. Raises ZeroDivisionError for an
integer 0.

- Shapes: operands broadcast, the result has their common shape.
- Dtypes: any dtype but bool; the result has the promoted one.
- Raises: ShapeError, operands that do not broadcast.
- Source: torch.fmod.""",
    "fmax": """The larger of x and y; a number beats NaN.

- Shapes: operands broadcast, the result has their common shape.
- Dtypes: any dtype; the result has the promoted one.
- Raises: ShapeError, operands that do not broadcast.
- Source: torch.fmax.""",
    "fmin": """The smaller of x and y; a number beats NaN.

- Shapes: operands broadcast, the result has their common shape.
- Dtypes: any dtype; the result has the promoted one.
- Raises: ShapeError, operands that do not broadcast.
- Source: torch.fmin.""",
    "hypot": """sqrt(x*x + y*y) without overflow on the way.

- Shapes: operands broadcast, the result has their common shape.
- Dtypes: floating dtypes; the result has the promoted one.
- Raises: ShapeError, operands that do not broadcast.
- Source: torch.hypot.""",
    "logaddexp": """log(exp(x) + exp(y)) without overflow.

- Shapes: operands broadcast, the result has their common shape.
- Dtypes: floating dtypes; the result has the promoted one.
- Raises: ShapeError, operands that do not broadcast.
- Source: torch.logaddexp.""",
    "xlogy": """x * log(y); 0 where x is 0 (NaN where y is NaN).

- Shapes: operands broadcast, the result has their common shape.
- Dtypes: any dtype; the result of integers and bool has the default floating dtype.
- Raises: ShapeError, operands that do not broadcast.
- Source: torch.xlogy.""",
    "copysign": """The magnitude of x with the sign of y.

- Shapes: operands broadcast, the result has their common shape.
- Dtypes: any dtype; the result of integers and bool has the default floating dtype.
- Raises: ShapeError, operands that do not broadcast.
- Source: torch.copysign.""",
    "clamp": """x limited to [min, max]; max wins if they cross. NaN in x or as a bound gives NaN.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype but bool; the result has the same.
- Source: torch.clamp.""",
    "lerp": """x + weight * (end - x).

- Shapes: operands broadcast, the result has their common shape.
- Dtypes: floating dtypes; the result has the promoted one.
- Raises: ShapeError, operands that do not broadcast.
- Source: torch.lerp.""",
    "addcmul": """x + value * tensor1 * tensor2.

- Shapes: operands broadcast, the result has their common shape.
- Dtypes: any dtype but bool; the result has the promoted one.
- Raises: ShapeError, operands that do not broadcast.
- Source: torch.addcmul.""",
    "addcdiv": """x + value * tensor1 / tensor2.

- Shapes: operands broadcast, the result has their common shape.
- Dtypes: floating dtypes; the result has the promoted one.
- Raises: ShapeError, operands that do not broadcast.
- Source: torch.addcdiv.""",
    "relu": """max(x, 0); NaN stays. The derivative at 0 is 0.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype but bool; the result has the same.
- Source: torch.relu.""",
    "sigmoid": """1 / (1 + exp(-x)).

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype; the result of integers and bool has the default floating dtype.
- Source: torch.sigmoid.""",
    "silu": """x * sigmoid(x).

- Shapes: the result has the shape of ``input``.
- Dtypes: floating dtypes; the result has the same.
- Source: Hendrycks and Gimpel, arXiv:1606.08415.""",
    "gelu": """x times the normal distribution's cumulative function at x; approximate='tanh' takes the
paper's approximation.

- Shapes: the result has the shape of ``input``.
- Dtypes: floating dtypes; the result has the same.
- Source: Hendrycks and Gimpel, arXiv:1606.08415.""",
    "leaky_relu": """x above 0, else negative_slope * x.

- Shapes: the result has the shape of ``input``.
- Dtypes: floating dtypes; the result has the same.
- Source: torch.nn.functional.leaky_relu.""",
    "elu": """x above 0, else alpha * (exp(x) - 1).

- Shapes: the result has the shape of ``input``.
- Dtypes: floating dtypes; the result has the same.
- Source: arXiv:1511.07289.""",
    "softplus": """log(1 + exp(beta * x)) / beta; x itself where beta * x exceeds the threshold.

- Shapes: the result has the shape of ``input``.
- Dtypes: floating dtypes; the result has the same.
- Source: torch.nn.functional.softplus.""",
    "hardtanh": """x limited to [min_val, max_val]. The derivative at the bounds is 0.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype but bool; the result has the same.
- Source: torch.nn.functional.hardtanh.""",
    "relu6": """x limited to [0, 6].

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype but bool; the result has the same.
- Source: torch.nn.functional.relu6.""",
    "hardsigmoid": """x / 6 + 1 / 2 limited to [0, 1].

- Shapes: the result has the shape of ``input``.
- Dtypes: floating dtypes; the result has the same.
- Source: torch.nn.functional.hardsigmoid.""",
    "hardswish": """x * hardsigmoid(x).

- Shapes: the result has the shape of ``input``.
- Dtypes: floating dtypes; the result has the same.
- Source: arXiv:1905.02244.""",
    "mish": """x * tanh(softplus(x)).

- Shapes: the result has the shape of ``input``.
- Dtypes: floating dtypes; the result has the same.
- Source: arXiv:1908.08681.""",
    "sum": """The sum over dim.

- Shapes: the result has the shape of ``input`` without ``dim``, where that is None
  without any, or of size 1 with ``keepdim``.
- Dtypes: any dtype; the result is int64 for integers and bool, else has the same.
- Raises: IndexRangeError, a dimension or an index that is out of range or not allowed
  ('Dimension out of range', 'multiple times').
- Source: torch.sum.""",
    "amax": """The largest value over dim; NaN wins.

- Shapes: the result has the shape of ``input`` without ``dim``, where that is None
  without any, or of size 1 with ``keepdim``.
- Dtypes: any dtype; the result has the same.
- Raises: IndexRangeError, a dimension or an index that is out of range or not allowed
  ('amax(): Expected reduction dim', 'Dimension out of range').
- Source: torch.amax.""",
    "amin": """The smallest value over dim; NaN wins.

- Shapes: the result has the shape of ``input`` without ``dim``, where that is None
  without any, or of size 1 with ``keepdim``.
- Dtypes: any dtype; the result has the same.
- Raises: IndexRangeError, a dimension or an index that is out of range or not allowed
  ('amin(): Expected reduction dim', 'Dimension out of range').
- Source: torch.amin.""",
    "prod": """The product over dim.

- Shapes: the result has the shape of ``input`` without ``dim``, where that is None
  without any, or of size 1 with ``keepdim``.
- Dtypes: any dtype; the result is int64 for integers and bool, else has the same.
- Raises: IndexRangeError, a dimension or an index that is out of range or not allowed
  ('Dimension out of range', 'multiple times').
- Source: torch.prod.""",
    "argmax": """The int64 index of the largest value along dim, or of the flattened tensor.

- Shapes: the result has the shape of ``input`` without ``dim``, where that is None
  without any, or of size 1 with ``keepdim``.
- Dtypes: any dtype but bool; the result is int64.
- Raises: IndexRangeError, a dimension or an index that is out of range or not allowed
  ('argmax(): Expected reduction dim', 'Dimension out of range').
- Source: torch.argmax.""",
    "argmin": """The int64 index of the smallest value along dim, or of the flattened tensor.

- Shapes: the result has the shape of ``input`` without ``dim``, where that is None
  without any, or of size 1 with ``keepdim``.
- Dtypes: any dtype but bool; the result is int64.
- Raises: IndexRangeError, a dimension or an index that is out of range or not allowed
  ('argmin(): Expected reduction dim', 'Dimension out of range').
- Source: torch.argmin.""",
    "any": """Whether any value over dim is not zero.

- Shapes: the result has the shape of ``input`` without ``dim``, where that is None
  without any, or of size 1 with ``keepdim``.
- Dtypes: any dtype; the result is bool for bool and int8 and int16 and int32 and int64,
  else has the same.
- Raises: IndexRangeError, a dimension or an index that is out of range or not allowed
  ('Dimension out of range', 'multiple times').
- Source: torch.any.""",
    "all": """Whether no value over dim is zero.

- Shapes: the result has the shape of ``input`` without ``dim``, where that is None
  without any, or of size 1 with ``keepdim``.
- Dtypes: any dtype; the result is bool for bool and int8 and int16 and int32 and int64,
  else has the same.
- Raises: IndexRangeError, a dimension or an index that is out of range or not allowed
  ('Dimension out of range', 'multiple times').
- Source: torch.all.""",
    "count_nonzero": """How many values over dim are not zero, as int64.

- Shapes: ``input [*S] -> int64 [*reduced(S, dim)]``.
- Dtypes: any dtype; the result has the same unless another stands before its shape.
- Source: torch.count_nonzero.""",
    "mean": """The mean over dim.

- Shapes: the result has the shape of ``input`` without ``dim``, where that is None
  without any, or of size 1 with ``keepdim``.
- Dtypes: floating dtypes; the result has the same.
- Raises: DTypeError, a dtype that is not taken.
- Source: torch.mean.""",
    "logsumexp": """log(sum(exp(input))) over dim, safe from overflow.

- Shapes: ``input [*S] -> floating [*reduced(S, dim, keepdim)]``.
- Dtypes: any dtype; the result has the same unless another stands before its shape.
- Source: torch.logsumexp.""",
    "permute": """The dimensions in another order.

- Shapes: ``input [*S] -> [S[d] for d in dims]``.
- Dtypes: any dtype; the result has the same.
- Raises: ShapeError, shapes or sizes that do not fit; IndexRangeError, a dimension or an
  index that is out of range or not allowed ('multiple times', 'Dimension out of range').
- Source: torch.permute.""",
    "transpose": """Two dimensions swapped.

- Shapes: ``input [*S] -> [*swapped(S, dim0, dim1)]``.
- Dtypes: any dtype; the result has the same.
- Raises: IndexRangeError, a dimension or an index that is out of range or not allowed.
- Source: torch.transpose.""",
    "movedim": """Dimensions moved to new places, the others kept in order.

- Shapes: ``input [*S] -> [*moved(S, source, destination)]``.
- Dtypes: any dtype; the result has the same.
- Raises: ShapeError, shapes or sizes that do not fit ('same number of dims').
- Source: torch.movedim.""",
    "expand": """Dimensions of size 1 repeated with stride 0.

- Shapes: ``input [*S] -> [*size]``.
- Dtypes: any dtype; the result has the same.
- Raises: ShapeError, shapes or sizes that do not fit.
- Source: torch.Tensor.expand.""",
    "narrow": """length elements along dim from start on.

- Shapes: ``input [*A, n at dim, *B] -> [*A, length, *B]``.
- Dtypes: any dtype; the result has the same.
- Raises: IndexRangeError, a dimension or an index that is out of range or not allowed;
  ShapeError, shapes or sizes that do not fit.
- Source: torch.narrow.""",
    "select": """One index along dim; the dimension goes.

- Shapes: ``input [*A, n at dim, *B] -> [*A, *B]``.
- Dtypes: any dtype; the result has the same.
- Raises: IndexRangeError, a dimension or an index that is out of range or not allowed.
- Source: torch.select.""",
    "unsqueeze": """A new dimension of size 1.

- Shapes: ``input [*S] -> [*inserted(S, dim, 1)]``.
- Dtypes: any dtype; the result has the same.
- Raises: IndexRangeError, a dimension or an index that is out of range or not allowed.
- Source: torch.unsqueeze.""",
    "diagonal": """The diagonal of two dimensions as a new last one.

- Shapes: ``input [*S] -> [*without(S, dim1, dim2), n]``.
- Dtypes: any dtype; the result has the same.
- Raises: ShapeError, shapes or sizes that do not fit.
- Source: torch.diagonal.""",
    "unfold": """All windows of size along dimension, step apart, as a new last dimension.

- Shapes: ``input [*A, n at dimension, *B] -> [*A, (n - size) // step + 1, *B, size]``.
- Dtypes: any dtype; the result has the same.
- Raises: ShapeError, shapes or sizes that do not fit.
- Source: torch.Tensor.unfold.""",
    "stack": """Tensors joined along a new dimension.

- Shapes: ``tensors [*S] -> [*inserted(S, dim, len(tensors))]``.
- Dtypes: any dtype; the result has the same.
- Raises: ShapeError, shapes or sizes that do not fit.
- Source: torch.stack.""",
    "repeat": """The tensor repeated along each dimension.

- Shapes: ``input [*S] -> [*repeated(S, repeats)]``.
- Dtypes: any dtype; the result has the same.
- Raises: ShapeError, shapes or sizes that do not fit ('can not be smaller').
- Source: torch.Tensor.repeat.""",
    "tile": """As repeat, with ones put in front of dims.

- Shapes: ``input [*S] -> [*repeated(S, dims)]``.
- Dtypes: any dtype; the result has the same unless another stands before its shape.
- Source: torch.tile.""",
    "tril": """The lower triangle, zeros above it.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype; the result has the same.
- Raises: ShapeError, shapes or sizes that do not fit.
- Source: torch.tril.""",
    "triu": """The upper triangle, zeros below it.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype; the result has the same.
- Raises: ShapeError, shapes or sizes that do not fit.
- Source: torch.triu.""",
    "scatter_add": """The input with out[index[i][j]][j] += src[i][j] for dim 0.

- Shapes: ``input [*S], index integer [*T], src [*U] -> [*S]``.
- Dtypes: any dtype; the result has the same.
- Raises: ShapeError, shapes or sizes that do not fit; DTypeError, a dtype that is not
  taken; IndexRangeError, a dimension or an index that is out of range or not allowed
  ('out of range').
- Source: torch.scatter_add.""",
    "index_select": """The slices along dim that index names.

- Shapes: ``input [*A, n at dim, *B], index integer [m] -> [*A, m, *B]``.
- Dtypes: any dtype; the result has the same.
- Raises: IndexRangeError, a dimension or an index that is out of range or not allowed
  ('supposed to be a vector', 'out of range').
- Source: torch.index_select.""",
    "index_copy": """The input with slices along dim replaced by those of source.

- Shapes: ``input [*A, n at dim, *B], index integer [m], source [*A, m, *B] -> [*A, n,
  *B]``.
- Dtypes: any dtype; the result has the same.
- Raises: ShapeError, shapes or sizes that do not fit.
- Source: torch.index_copy.""",
    "cumsum": """The sum of all elements up to each along dim.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype; the result is int64 for integers and bool, else has the same.
- Raises: IndexRangeError, a dimension or an index that is out of range or not allowed
  ('Dimension out of range').
- Source: torch.cumsum.""",
    "cumprod": """The product of all elements up to each along dim.

- Shapes: the result has the shape of ``input``.
- Dtypes: any dtype; the result is int64 for integers and bool, else has the same.
- Raises: IndexRangeError, a dimension or an index that is out of range or not allowed
  ('Dimension out of range').
- Source: torch.cumprod.""",
    "cummax": """The largest element up to each along dim, and its last place.

- Shapes: every result has the shape of ``input``.
- Dtypes: any dtype; values has the same, indices is int64.
- Raises: IndexRangeError, a dimension or an index that is out of range or not allowed
  ('Dimension out of range').
- Source: torch.cummax.""",
    "cummin": """The smallest element up to each along dim, and its last place.

- Shapes: every result has the shape of ``input``.
- Dtypes: any dtype; values has the same, indices is int64.
- Raises: IndexRangeError, a dimension or an index that is out of range or not allowed
  ('Dimension out of range').
- Source: torch.cummin.""",
    "topk": """The k largest (or smallest) values along dim in order, and their places.

- Shapes: ``input [*A, n at dim, *B] -> values [*A, k, *B], indices int64 [*A, k, *B]``.
- Dtypes: any dtype but bool; values has the same, indices is int64.
- Raises: ShapeError, shapes or sizes that do not fit.
- Source: torch.topk.""",
    "kthvalue": """The k-th smallest value along dim and its place.

- Shapes: ``input [*S] -> values [*reduced(S, dim, keepdim)], indices int64 [*reduced(S,
  dim, keepdim)]``.
- Dtypes: any dtype but bool; values has the same, indices is int64.
- Raises: ShapeError, shapes or sizes that do not fit.
- Source: torch.kthvalue.""",
    "dot": """The inner product of two vectors.

- Shapes: ``input [n], other [n] -> []``.
- Dtypes: any dtype but bool; the result has the same.
- Raises: ShapeError, shapes or sizes that do not fit.
- Source: torch.dot.""",
}
