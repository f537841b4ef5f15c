"""Written by tools/public_table.py from the ops and from what is @public; not to be edited."""

from __future__ import annotations

from tensorplug_dispatcher import operators
from tensorplug_dispatcher.call import InplaceMethod
from tensorplug_dispatcher.ops import F

from . import (
    _arithmetic,
    _conversion,
    _creation,
    _host,
    _inplace,
    _interop,
    _joining,
    _order,
    _products,
    _ranges,
    _reductions,
    _selection,
    _settings,
    _shape,
    random,
    return_types,
)
from ._public import inplace, named, spread
from .later import later


class TensorOps(operators.TensorOps):
    """The methods of tensors."""

    __slots__ = ()

    __array__ = _interop.array_protocol
    __array_wrap__ = _interop.array_wrap
    __copy__ = later("._pickling", "shallow_copy")
    __deepcopy__ = later("._pickling", "deepcopy")
    __dlpack__ = later("._dlpack", "dlpack")
    __dlpack_device__ = later("._dlpack", "dlpack_device")
    __reduce_ex__ = later("._pickling", "reduce")
    __repr__ = later("._printing", "text_of")
    __str__ = later("._printing", "text_of")
    abs = F.abs
    abs_ = InplaceMethod(F.abs)
    absolute = F.abs
    absolute_ = InplaceMethod(F.abs)
    acos = F.acos
    acos_ = InplaceMethod(F.acos)
    acosh = F.acosh
    acosh_ = InplaceMethod(F.acosh)
    add = _arithmetic.add
    add_ = _arithmetic.add_
    addbmm = _products.addbmm
    addcdiv = F.addcdiv
    addcdiv_ = InplaceMethod(F.addcdiv)
    addcmul = F.addcmul
    addcmul_ = InplaceMethod(F.addcmul)
    addmm = _products.addmm
    addmv = _products.addmv
    addr = _products.addr
    adjoint = _shape.adjoint
    all = F.all
    allclose = _order.allclose
    amax = F.amax
    amin = F.amin
    aminmax = _reductions.aminmax
    any = F.any
    arccos = F.acos
    arccos_ = InplaceMethod(F.acos)
    arccosh = F.acosh
    arccosh_ = InplaceMethod(F.acosh)
    arcsin = F.asin
    arcsin_ = InplaceMethod(F.asin)
    arcsinh = F.asinh
    arcsinh_ = InplaceMethod(F.asinh)
    arctan = F.atan
    arctan2 = F.atan2
    arctan2_ = InplaceMethod(F.atan2)
    arctan_ = InplaceMethod(F.atan)
    arctanh = F.atanh
    arctanh_ = InplaceMethod(F.atanh)
    argmax = F.argmax
    argmin = F.argmin
    argsort = _order.argsort
    argwhere = _selection.argwhere
    as_strided = _shape.as_strided
    as_strided_ = _inplace.as_strided_
    asin = F.asin
    asin_ = InplaceMethod(F.asin)
    asinh = F.asinh
    asinh_ = InplaceMethod(F.asinh)
    atan = F.atan
    atan2 = F.atan2
    atan2_ = InplaceMethod(F.atan2)
    atan_ = InplaceMethod(F.atan)
    atanh = F.atanh
    atanh_ = InplaceMethod(F.atanh)
    baddbmm = _products.baddbmm
    bernoulli = random.bernoulli
    bernoulli_ = _inplace.bernoulli_
    bfloat16 = _conversion.to_bfloat16
    bincount = _order.bincount
    bitwise_and = F.bitwise_and
    bitwise_and_ = InplaceMethod(F.bitwise_and)
    bitwise_left_shift = F.bitwise_left_shift
    bitwise_left_shift_ = InplaceMethod(F.bitwise_left_shift)
    bitwise_not = F.bitwise_not
    bitwise_not_ = InplaceMethod(F.bitwise_not)
    bitwise_or = F.bitwise_or
    bitwise_or_ = InplaceMethod(F.bitwise_or)
    bitwise_right_shift = F.bitwise_right_shift
    bitwise_right_shift_ = InplaceMethod(F.bitwise_right_shift)
    bitwise_xor = F.bitwise_xor
    bitwise_xor_ = InplaceMethod(F.bitwise_xor)
    bmm = _products.bmm
    bool = _conversion.to_bool
    broadcast_to = _shape.broadcast_to
    byte = _conversion.to_byte
    ceil = F.ceil
    ceil_ = InplaceMethod(F.ceil)
    char = _conversion.to_char
    chunk = _shape.chunk
    clamp = _arithmetic.clamp
    clamp_ = _arithmetic.clamp_
    clamp_max = _arithmetic.clamp_max
    clamp_max_ = inplace(_arithmetic.clamp_max)
    clamp_min = _arithmetic.clamp_min
    clamp_min_ = inplace(_arithmetic.clamp_min)
    clip = _arithmetic.clamp
    clip_ = _arithmetic.clamp_
    clone = _inplace.clone
    contiguous = _inplace.contiguous
    copy_ = _inplace.copy_
    copysign = F.copysign
    copysign_ = InplaceMethod(F.copysign)
    cos = F.cos
    cos_ = InplaceMethod(F.cos)
    cosh = F.cosh
    cosh_ = InplaceMethod(F.cosh)
    count_nonzero = F.count_nonzero
    cpu = _conversion.cpu
    cross = _products.cross
    cuda = _conversion.cuda
    cummax = named(F.cummax, return_types.cummax)
    cummin = named(F.cummin, return_types.cummin)
    cumprod = F.cumprod
    cumprod_ = _reductions.cumprod_
    cumsum = F.cumsum
    cumsum_ = _reductions.cumsum_
    deg2rad = F.deg2rad
    deg2rad_ = InplaceMethod(F.deg2rad)
    dequantize = later(".quantization._tensors", "dequantize")
    diag = _shape.diag
    diag_embed = _shape.diag_embed
    diagonal = F.diagonal
    diff = _reductions.diff
    dist = _reductions.dist
    div = _arithmetic.div
    div_ = _arithmetic.div_
    divide = _arithmetic.div
    divide_ = _arithmetic.div_
    dot = F.dot
    double = _conversion.to_double
    element_size = _conversion.element_size
    eq = F.eq
    eq_ = InplaceMethod(F.eq)
    equal = _order.equal
    erf = F.erf
    erf_ = InplaceMethod(F.erf)
    erfc = F.erfc
    erfc_ = InplaceMethod(F.erfc)
    exp = F.exp
    exp2 = F.exp2
    exp2_ = InplaceMethod(F.exp2)
    exp_ = InplaceMethod(F.exp)
    expand = spread(F.expand)
    expand_as = _shape.expand_as
    expm1 = F.expm1
    expm1_ = InplaceMethod(F.expm1)
    exponential_ = _inplace.exponential_
    fill_ = _inplace.fill_
    fill_diagonal_ = _inplace.fill_diagonal_
    fix = F.trunc
    fix_ = InplaceMethod(F.trunc)
    flatten = _shape.flatten
    flip = _joining.flip
    fliplr = _joining.fliplr
    flipud = _joining.flipud
    float = _conversion.to_float
    float_power = _arithmetic.float_power
    float_power_ = _arithmetic.float_power_
    floor = F.floor
    floor_ = InplaceMethod(F.floor)
    floor_divide = F.floor_divide
    floor_divide_ = InplaceMethod(F.floor_divide)
    fmax = F.fmax
    fmin = F.fmin
    fmod = F.fmod
    fmod_ = InplaceMethod(F.fmod)
    frac = F.frac
    frac_ = InplaceMethod(F.frac)
    gather = _selection.gather
    gcd = _arithmetic.gcd
    ge = F.ge
    ge_ = InplaceMethod(F.ge)
    ger = _products.outer
    get_device = _conversion.get_device
    greater = F.gt
    greater_ = InplaceMethod(F.gt)
    greater_equal = F.ge
    greater_equal_ = InplaceMethod(F.ge)
    gt = F.gt
    gt_ = InplaceMethod(F.gt)
    half = _conversion.to_half
    heaviside = _arithmetic.heaviside
    heaviside_ = inplace(_arithmetic.heaviside)
    histc = _order.histc
    hsplit = _shape.hsplit
    hypot = F.hypot
    hypot_ = InplaceMethod(F.hypot)
    index_add = _selection.index_add
    index_add_ = _selection.index_add_
    index_copy = F.index_copy
    index_copy_ = InplaceMethod(F.index_copy)
    index_fill = _selection.index_fill
    index_fill_ = _selection.index_fill_
    index_put = _selection.index_put
    index_put_ = _selection.index_put_
    index_select = F.index_select
    inner = _products.inner
    int = _conversion.to_int
    int_repr = later(".quantization._tensors", "int_repr")
    is_complex = _conversion.is_complex
    is_floating_point = _conversion.is_floating_point
    is_nonzero = _conversion.is_nonzero
    is_same_size = _conversion.is_same_size
    is_set_to = _conversion.is_set_to
    is_signed = _conversion.is_signed
    isclose = _order.isclose
    isfinite = F.isfinite
    isinf = F.isinf
    isnan = F.isnan
    isneginf = _order.isneginf
    isposinf = _order.isposinf
    isreal = _order.isreal
    kron = _products.kron
    kthvalue = named(F.kthvalue, return_types.kthvalue)
    lcm = _arithmetic.lcm
    ldexp = _arithmetic.ldexp
    ldexp_ = inplace(_arithmetic.ldexp)
    le = F.le
    le_ = InplaceMethod(F.le)
    lerp = _arithmetic.lerp
    lerp_ = _arithmetic.lerp_
    less = F.lt
    less_ = InplaceMethod(F.lt)
    less_equal = F.le
    less_equal_ = InplaceMethod(F.le)
    log = F.log
    log10 = F.log10
    log10_ = InplaceMethod(F.log10)
    log1p = F.log1p
    log1p_ = InplaceMethod(F.log1p)
    log2 = F.log2
    log2_ = InplaceMethod(F.log2)
    log_ = InplaceMethod(F.log)
    log_normal_ = _inplace.log_normal_
    log_softmax = _arithmetic.log_softmax
    logaddexp = F.logaddexp
    logaddexp2 = _arithmetic.logaddexp2
    logical_and = F.logical_and
    logical_and_ = InplaceMethod(F.logical_and)
    logical_not = F.logical_not
    logical_not_ = InplaceMethod(F.logical_not)
    logical_or = F.logical_or
    logical_or_ = InplaceMethod(F.logical_or)
    logical_xor = F.logical_xor
    logical_xor_ = InplaceMethod(F.logical_xor)
    logit = _arithmetic.logit
    logit_ = inplace(_arithmetic.logit)
    logsumexp = F.logsumexp
    long = _conversion.to_long
    lt = F.lt
    lt_ = InplaceMethod(F.lt)
    masked_fill = _selection.masked_fill
    masked_fill_ = _selection.masked_fill_
    masked_scatter = _selection.masked_scatter
    masked_scatter_ = inplace(_selection.masked_scatter)
    masked_select = _selection.masked_select
    matmul = _products.matmul
    max = _reductions.max
    maximum = F.maximum
    mean = F.mean
    median = _reductions.median
    min = _reductions.min
    minimum = F.minimum
    mm = _products.mm
    mode = _reductions.mode
    moveaxis = F.movedim
    movedim = F.movedim
    msort = _order.msort
    mul = F.mul
    mul_ = InplaceMethod(F.mul)
    multinomial = random.multinomial
    multiply = F.mul
    multiply_ = InplaceMethod(F.mul)
    mv = _products.mv
    nan_to_num = _arithmetic.nan_to_num
    nan_to_num_ = inplace(_arithmetic.nan_to_num)
    nanmean = _reductions.nanmean
    nanmedian = _reductions.nanmedian
    nansum = _reductions.nansum
    narrow = F.narrow
    ndimension = _conversion.ndimension
    ne = F.ne
    ne_ = InplaceMethod(F.ne)
    neg = F.neg
    neg_ = InplaceMethod(F.neg)
    negative = F.neg
    negative_ = InplaceMethod(F.neg)
    nelement = _conversion.nelement
    new_empty = _conversion.new_empty
    new_full = _conversion.new_full
    new_ones = _conversion.new_ones
    new_tensor = _conversion.new_tensor
    new_zeros = _conversion.new_zeros
    nonzero = _selection.nonzero
    norm = _reductions.norm
    normal_ = _inplace.normal_
    not_equal = F.ne
    not_equal_ = InplaceMethod(F.ne)
    numpy = _interop.to_numpy
    outer = _products.outer
    permute = spread(F.permute)
    positive = _arithmetic.positive
    pow = _arithmetic.pow
    pow_ = _arithmetic.pow_
    prod = F.prod
    q_per_channel_axis = later(".quantization._tensors", "q_per_channel_axis")
    q_per_channel_scales = later(".quantization._tensors", "q_per_channel_scales")
    q_per_channel_zero_points = later(".quantization._tensors", "q_per_channel_zero_points")
    q_scale = later(".quantization._tensors", "q_scale")
    q_zero_point = later(".quantization._tensors", "q_zero_point")
    qscheme = later(".quantization._tensors", "qscheme")
    quantile = _reductions.quantile
    rad2deg = F.rad2deg
    rad2deg_ = InplaceMethod(F.rad2deg)
    random_ = _inplace.random_
    ravel = _shape.ravel
    reciprocal = F.reciprocal
    reciprocal_ = InplaceMethod(F.reciprocal)
    record_stream = _conversion.record_stream
    relu = F.relu
    relu_ = InplaceMethod(F.relu)
    remainder = F.remainder
    remainder_ = InplaceMethod(F.remainder)
    repeat = spread(F.repeat)
    repeat_interleave = _joining.repeat_interleave
    reshape = _shape.reshape
    reshape_as = _shape.reshape_as
    resize_ = _inplace.resize_
    resize_as_ = _inplace.resize_as_
    roll = _joining.roll
    rot90 = _joining.rot90
    round = _arithmetic.round
    round_ = inplace(_arithmetic.round)
    rsqrt = F.rsqrt
    rsqrt_ = InplaceMethod(F.rsqrt)
    scatter = _selection.scatter
    scatter_ = _selection.scatter_
    scatter_add = F.scatter_add
    scatter_add_ = InplaceMethod(F.scatter_add)
    scatter_reduce = _selection.scatter_reduce
    scatter_reduce_ = inplace(_selection.scatter_reduce)
    select = F.select
    select_scatter = _selection.select_scatter
    set_ = _inplace.set_
    sgn = F.sign
    sgn_ = InplaceMethod(F.sign)
    short = _conversion.to_short
    sigmoid = F.sigmoid
    sigmoid_ = InplaceMethod(F.sigmoid)
    sign = F.sign
    sign_ = InplaceMethod(F.sign)
    signbit = F.signbit
    sin = F.sin
    sin_ = InplaceMethod(F.sin)
    sinc = _arithmetic.sinc
    sinc_ = inplace(_arithmetic.sinc)
    sinh = F.sinh
    sinh_ = InplaceMethod(F.sinh)
    size = _shape.size_of
    slice_scatter = _selection.slice_scatter
    softmax = _arithmetic.softmax
    sort = _order.sort
    split = _shape.split
    sqrt = F.sqrt
    sqrt_ = InplaceMethod(F.sqrt)
    square = F.square
    square_ = InplaceMethod(F.square)
    squeeze = _shape.squeeze
    squeeze_ = _inplace.squeeze_
    std = _reductions.std
    storage_offset = _conversion.storage_offset
    stride = _shape.stride_of
    sub = _arithmetic.sub
    sub_ = _arithmetic.sub_
    subtract = _arithmetic.sub
    subtract_ = _arithmetic.sub_
    sum = F.sum
    swapaxes = F.transpose
    swapaxes_ = _inplace.transpose_
    swapdims = F.transpose
    swapdims_ = _inplace.transpose_
    t = _shape.t
    t_ = _inplace.t_
    take = _selection.take
    take_along_dim = _selection.take_along_dim
    tan = F.tan
    tan_ = InplaceMethod(F.tan)
    tanh = F.tanh
    tanh_ = InplaceMethod(F.tanh)
    tensor_split = _shape.tensor_split
    tile = spread(F.tile)
    to = _conversion.to
    tolist = _host.as_list
    topk = named(F.topk, return_types.topk)
    trace = _reductions.trace
    transpose = F.transpose
    transpose_ = _inplace.transpose_
    tril = F.tril
    tril_ = InplaceMethod(F.tril)
    triu = F.triu
    triu_ = InplaceMethod(F.triu)
    true_divide = F.div
    true_divide_ = InplaceMethod(F.div)
    trunc = F.trunc
    trunc_ = InplaceMethod(F.trunc)
    type = _conversion.type_of
    type_as = _conversion.type_as
    unbind = _shape.unbind
    unflatten = _shape.unflatten
    unfold = F.unfold
    uniform_ = _inplace.uniform_
    unique = _order.unique
    unique_consecutive = _order.unique_consecutive
    unsqueeze = F.unsqueeze
    unsqueeze_ = _inplace.unsqueeze_
    untyped_storage = _conversion.untyped_storage
    var = _reductions.var
    vdot = F.dot
    view = _shape.view
    view_as = _shape.view_as
    vsplit = _shape.vsplit
    where = _order.where_method
    xlogy = F.xlogy
    xlogy_ = InplaceMethod(F.xlogy)
    zero_ = _inplace.zero_


abs = F.abs
absolute = F.abs
acos = F.acos
acosh = F.acosh
add = _arithmetic.add
addbmm = _products.addbmm
addcdiv = F.addcdiv
addcmul = F.addcmul
addmm = _products.addmm
addmv = _products.addmv
addr = _products.addr
adjoint = _shape.adjoint
all = F.all
allclose = _order.allclose
amax = F.amax
amin = F.amin
aminmax = _reductions.aminmax
any = F.any
arange = _ranges.arange
arccos = F.acos
arccosh = F.acosh
arcsin = F.asin
arcsinh = F.asinh
arctan = F.atan
arctan2 = F.atan2
arctanh = F.atanh
argmax = F.argmax
argmin = F.argmin
argsort = _order.argsort
argwhere = _selection.argwhere
as_strided = _shape.as_strided
as_tensor = _creation.as_tensor
asarray = _creation.asarray
asin = F.asin
asinh = F.asinh
atan = F.atan
atan2 = F.atan2
atanh = F.atanh
atleast_1d = _shape.atleast_1d
atleast_2d = _shape.atleast_2d
atleast_3d = _shape.atleast_3d
baddbmm = _products.baddbmm
bernoulli = random.bernoulli
bincount = _order.bincount
bitwise_and = F.bitwise_and
bitwise_left_shift = F.bitwise_left_shift
bitwise_not = F.bitwise_not
bitwise_or = F.bitwise_or
bitwise_right_shift = F.bitwise_right_shift
bitwise_xor = F.bitwise_xor
block_diag = _joining.block_diag
bmm = _products.bmm
broadcast_shapes = _shape.broadcast_shapes
broadcast_tensors = _shape.broadcast_tensors
broadcast_to = _shape.broadcast_to
bucketize = _order.bucketize
can_cast = _conversion.can_cast
cartesian_prod = _joining.cartesian_prod
cat = _joining.cat
ceil = F.ceil
chunk = _shape.chunk
clamp = _arithmetic.clamp
clamp_max = _arithmetic.clamp_max
clamp_min = _arithmetic.clamp_min
clip = _arithmetic.clamp
clone = _inplace.clone
column_stack = _joining.column_stack
concat = _joining.cat
concatenate = _joining.cat
copysign = F.copysign
cos = F.cos
cosh = F.cosh
cosine_similarity = _products.cosine_similarity
count_nonzero = F.count_nonzero
cross = _products.cross
cummax = TensorOps.cummax
cummin = TensorOps.cummin
cumprod = F.cumprod
cumsum = F.cumsum
deg2rad = F.deg2rad
detach = _inplace.detach
diag = _shape.diag
diag_embed = _shape.diag_embed
diagonal = F.diagonal
diff = _reductions.diff
dist = _reductions.dist
div = _arithmetic.div
divide = _arithmetic.div
dot = F.dot
dstack = _joining.dstack
einsum = _products.einsum
empty = _creation.empty
empty_like = _creation.empty_like
empty_strided = _creation.empty_strided
eq = F.eq
equal = _order.equal
erf = F.erf
erfc = F.erfc
exp = F.exp
exp2 = F.exp2
expm1 = F.expm1
eye = _ranges.eye
fix = F.trunc
flatten = _shape.flatten
flip = _joining.flip
fliplr = _joining.fliplr
flipud = _joining.flipud
float_power = _arithmetic.float_power
floor = F.floor
floor_divide = F.floor_divide
fmax = F.fmax
fmin = F.fmin
fmod = F.fmod
frac = F.frac
from_numpy = _interop.from_numpy
frombuffer = _interop.frombuffer
full = _creation.full
full_like = _creation.full_like
gather = _selection.gather
gcd = _arithmetic.gcd
ge = F.ge
ger = _products.outer
get_default_device = _settings.get_default_device
get_float32_matmul_precision = _settings.get_float32_matmul_precision
get_num_threads = _settings.get_num_threads
get_rng_state = random.get_rng_state
greater = F.gt
greater_equal = F.ge
gt = F.gt
heaviside = _arithmetic.heaviside
histc = _order.histc
hsplit = _shape.hsplit
hstack = _joining.hstack
hypot = F.hypot
index_add = _selection.index_add
index_copy = F.index_copy
index_fill = _selection.index_fill
index_put = _selection.index_put
index_select = F.index_select
initial_seed = random.initial_seed
inner = _products.inner
is_complex = _conversion.is_complex
is_floating_point = _conversion.is_floating_point
is_nonzero = _conversion.is_nonzero
is_signed = _conversion.is_signed
is_tensor = _conversion.is_tensor
isclose = _order.isclose
isfinite = F.isfinite
isin = _order.isin
isinf = F.isinf
isnan = F.isnan
isneginf = _order.isneginf
isposinf = _order.isposinf
isreal = _order.isreal
kron = _products.kron
kthvalue = TensorOps.kthvalue
lcm = _arithmetic.lcm
ldexp = _arithmetic.ldexp
le = F.le
lerp = _arithmetic.lerp
less = F.lt
less_equal = F.le
linspace = _ranges.linspace
log = F.log
log10 = F.log10
log1p = F.log1p
log2 = F.log2
log_softmax = _arithmetic.log_softmax
logaddexp = F.logaddexp
logaddexp2 = _arithmetic.logaddexp2
logical_and = F.logical_and
logical_not = F.logical_not
logical_or = F.logical_or
logical_xor = F.logical_xor
logit = _arithmetic.logit
logspace = _ranges.logspace
logsumexp = F.logsumexp
lt = F.lt
manual_seed = random.manual_seed
masked_fill = _selection.masked_fill
masked_scatter = _selection.masked_scatter
masked_select = _selection.masked_select
matmul = _products.matmul
max = _reductions.max
maximum = F.maximum
mean = F.mean
median = _reductions.median
meshgrid = _joining.meshgrid
min = _reductions.min
minimum = F.minimum
mm = _products.mm
mode = _reductions.mode
moveaxis = F.movedim
movedim = F.movedim
msort = _order.msort
mul = F.mul
multinomial = random.multinomial
multiply = F.mul
mv = _products.mv
nan_to_num = _arithmetic.nan_to_num
nanmean = _reductions.nanmean
nanmedian = _reductions.nanmedian
nansum = _reductions.nansum
narrow = F.narrow
ne = F.ne
neg = F.neg
negative = F.neg
nonzero = _selection.nonzero
norm = _reductions.norm
normal = random.normal
not_equal = F.ne
numel = _conversion.numel
ones = _creation.ones
ones_like = _creation.ones_like
outer = _products.outer
permute = TensorOps.permute
positive = _arithmetic.positive
pow = _arithmetic.pow
prod = F.prod
promote_types = _conversion.promote_types
quantile = _reductions.quantile
rad2deg = F.rad2deg
rand = random.rand
rand_like = random.rand_like
randint = random.randint
randint_like = random.randint_like
randn = random.randn
randn_like = random.randn_like
randperm = random.randperm
range = _ranges.range_
ravel = _shape.ravel
reciprocal = F.reciprocal
relu = F.relu
relu_ = TensorOps.relu_
remainder = F.remainder
repeat_interleave = _joining.repeat_interleave
reshape = _shape.reshape
result_type = _conversion.result_type
roll = _joining.roll
rot90 = _joining.rot90
round = _arithmetic.round
row_stack = _joining.vstack
rsqrt = F.rsqrt
rsub = _arithmetic.rsub
scalar_tensor = _creation.scalar_tensor
scatter = _selection.scatter
scatter_add = F.scatter_add
scatter_reduce = _selection.scatter_reduce
searchsorted = _order.searchsorted
seed = random.seed
select = F.select
select_scatter = _selection.select_scatter
set_default_device = _settings.set_default_device
set_float32_matmul_precision = _settings.set_float32_matmul_precision
set_num_threads = _settings.set_num_threads
set_rng_state = random.set_rng_state
sgn = F.sign
sigmoid = F.sigmoid
sigmoid_ = TensorOps.sigmoid_
sign = F.sign
signbit = F.signbit
sin = F.sin
sinc = _arithmetic.sinc
sinh = F.sinh
slice_scatter = _selection.slice_scatter
softmax = _arithmetic.softmax
sort = _order.sort
split = _shape.split
sqrt = F.sqrt
square = F.square
squeeze = _shape.squeeze
stack = F.stack
std = _reductions.std
std_mean = _reductions.std_mean
sub = _arithmetic.sub
subtract = _arithmetic.sub
sum = F.sum
swapaxes = F.transpose
swapdims = F.transpose
t = _shape.t
take = _selection.take
take_along_dim = _selection.take_along_dim
tan = F.tan
tanh = F.tanh
tanh_ = TensorOps.tanh_
tensor = _creation.tensor
tensor_split = _shape.tensor_split
tensordot = _products.tensordot
tile = TensorOps.tile
topk = TensorOps.topk
trace = _reductions.trace
transpose = F.transpose
tril = F.tril
tril_indices = _ranges.tril_indices
triu = F.triu
triu_indices = _ranges.triu_indices
true_divide = F.div
trunc = F.trunc
unbind = _shape.unbind
unflatten = _shape.unflatten
unique = _order.unique
unique_consecutive = _order.unique_consecutive
unsqueeze = F.unsqueeze
var = _reductions.var
var_mean = _reductions.var_mean
vdot = F.dot
vsplit = _shape.vsplit
vstack = _joining.vstack
where = _order.where
xlogy = F.xlogy
zeros = _creation.zeros
zeros_like = _creation.zeros_like

LATER = {  # name: the module that has it
    "dequantize": "quantization._tensors",
    "fake_quantize_per_channel_affine": "quantization._tensors",
    "fake_quantize_per_tensor_affine": "quantization._tensors",
    "from_dlpack": "_dlpack",
    "get_printoptions": "_printing",
    "load": "serialization",
    "migrate": "migration",
    "quantize_per_channel": "quantization._tensors",
    "quantize_per_group": "quantization._tensors",
    "quantize_per_tensor": "quantization._tensors",
    "quantize_per_tensor_dynamic": "quantization._tensors",
    "resilient": "resilience",
    "save": "serialization",
    "set_printoptions": "_printing",
}

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
    "result_type",
    "roll",
    "rot90",
    "round",
    "row_stack",
    "rsqrt",
    "rsub",
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
