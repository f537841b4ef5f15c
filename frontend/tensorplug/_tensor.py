"""``Tensor``: the compiled operators and properties of the core, with PyTorch's methods put on from tables.

An op of the table is its own method (``OpFunction`` is a descriptor), so that ``x.relu()`` costs no Python
frame; what
differs from the op's signature comes from the modules ``_shape``, ``_arithmetic``, ``_reductions``, ...
"""

from __future__ import annotations

from tensorplug_dispatcher import operators
from tensorplug_dispatcher.call import InplaceMethod
from tensorplug_dispatcher.dtypes import QUANTIZED
from tensorplug_dispatcher.errors import AutogradError
from tensorplug_dispatcher.ops import OPS, F, activation
from tensorplug_dispatcher.tensor import FUNCTION_VIEW, RETAINS_GRAD, set_tensor_class, view_of

from . import (
    _arithmetic,
    _conversion,
    _creation,
    _indexing,
    _inplace,
    _interop,
    _products,
    _reductions,
    _selection,
    _shape,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

# Families whose ops are functions of ``nn.functional`` or of the core, not of the top namespace.
HIDDEN_FAMILIES = frozenset(
    ("convolution", "nn", "normalization", "optimizer", "pooling", "quantized", "random")
)
HIDDEN = frozenset(
    (
        "alias",
        "assign",
        "cast",
        "constant_pad_nd",
        "copy",
        "detach",
        "dot",
        "embedding",
        "embedding_backward",
        "fill",
        "index",
        "iota",
        "linear",
        "one_hot",
        "pad",
        "slice",
        "to_device",
        "view_dtype",
    )
)
_OF_FUNCTIONAL = frozenset(op.name for op in activation.OPS)
ACTIVATIONS = ("relu", "sigmoid")  # the activations that are also methods
NOT_METHODS = ("cat", "searchsorted", "stack", "var_mean", "where")
# elementwise ops that PyTorch's tensors have no in-place variant of
NOT_INPLACE = (
    *("fmax", "fmin", "isfinite", "isinf", "isnan", "logaddexp", "maximum", "minimum", "signbit", "where"),
)
# fields of the core's record, which are no part of the interface
INTERNAL = frozenset(
    (
        *("base_", "base_version", "become", "flags", "grad_", "grad_fn_", "handle_", "hooks_", "key_bits"),
        *("layout_", "mark", "marked", "offset", "offset_", "storage_", "strides"),
        "attributes", "bits", "user_attributes",
    )
)
MORE_INPLACE = ("index_copy", "scatter_add", "tril", "triu")


class TensorType(type):
    """Lets ``Tensor(2, 3)`` make a tensor while results of ops are made without a Python ``__new__``."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls is Tensor:
            return _creation.legacy(args, **kwargs)
        return super().__call__(*args, **kwargs)


class Tensor(operators.TensorOps, metaclass=TensorType):
    """A multi-dimensional array on a device, with PyTorch's interface. Made by ``tensor``, ``zeros``,
    ``randn``, ...
    """

    __slots__ = ()
    __array_priority__ = 1000
    __hash__ = operators.TensorOps.__hash__

    @staticmethod
    def _make_subclass(cls: type, data: Any, requires_grad: bool = False) -> Any:
        """A tensor of class ``cls`` (it adds no slots) over the memory of ``data``, without its history."""
        made: Any = view_of(data, data.layout, data.offset)
        made.__class__ = cls
        if requires_grad:
            made.requires_grad = True
        return made

    def as_subclass(self, cls: type) -> Any:
        """The same memory as an instance of ``cls``."""
        made: Any = F.alias(self)
        made.__class__ = cls
        return made

    def __repr__(self) -> str:
        from ._printing import text_of

        return text_of(self)

    def __str__(self) -> str:
        return self.__repr__()

    def __format__(self, spec: str) -> str:
        if self.ndim == 0:
            return format(self.item(), spec)
        return object.__format__(self, spec)

    def __iter__(self) -> Iterator[Tensor]:
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return iter(_shape.unbind(self, 0))

    def __reversed__(self) -> Tensor:
        return self if self.ndim == 0 else F.flip(self, (0,))

    def __contains__(self, element: Any) -> bool:
        return bool(F.any(F.eq(self, element)).item())

    def __dir__(self) -> list[str]:
        return sorted({*object.__dir__(self)} - INTERNAL)

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers; a number for a 0-d tensor."""
        from ._host import as_list

        return as_list(self)

    # -- gradients -------------------------------------------------------------------------------------------

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Add the gradients of this tensor (times ``gradient``, 1 for a scalar) into ``.grad`` of the leaves.

        Raises AutogradError where nothing requires a gradient or the graph was freed.
        """
        from .autograd import backward

        backward(self, gradient, retain_graph, create_graph, inputs=inputs)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set ``requires_grad``, in place."""
        self.requires_grad = requires_grad
        return self

    def detach_(self) -> Tensor:
        """Drop the history, in place."""
        if self._base is not None:
            raise AutogradError(
                "Can't detach views in-place. Use detach() instead. If you are using a chunk "
                "or split, detach the pieces"
            )
        self.grad_fn_ = None
        self.requires_grad = False
        return self

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> Any:
        """Call ``hook(grad)`` when this tensor's gradient is known; it may return another."""
        from tensorplug_layers.autograd import register_hook

        return register_hook(self, hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> Any:
        """Call ``hook(tensor)`` after ``.grad`` of this leaf was added to. Returns a handle."""
        from tensorplug_layers.autograd import register_post_accumulate_grad_hook

        return register_post_accumulate_grad_hook(self, hook)

    def retain_grad(self) -> None:
        """Keep the gradient of this tensor, though it is no leaf, in ``.grad``."""
        from tensorplug_layers.autograd import retain_grad

        retain_grad(self)

    # -- properties ------------------------------------------------------------------------------------------

    @property
    def retains_grad(self) -> bool:
        """Whether this tensor is no leaf and keeps its gradient: ``retain_grad()`` was called."""
        return bool(self.flags & RETAINS_GRAD)

    def _is_view(self) -> bool:
        """Whether autograd knows this tensor as a view of another."""
        return self._base is not None or bool(self.flags & FUNCTION_VIEW)

    @property
    def data(self) -> Tensor:
        """The same memory with no history; assigning shares the memory of another tensor."""
        return self.detach()

    @data.setter
    def data(self, value: Tensor) -> None:
        _inplace.set_data(self, value)

    @property
    def T(self) -> Tensor:
        """All dimensions reversed."""
        return _shape.reverse_dims(self)

    @property
    def mT(self) -> Tensor:
        """The last two dimensions swapped."""
        return _shape.adjoint(self)

    H = T
    mH = mT

    @property
    def real(self) -> Tensor:
        """The tensor itself: there are no complex dtypes."""
        return self

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements; levels of four bits lie two a byte, in whole bytes a row."""
        if self.dtype.name.endswith("int4"):
            width = self.shape[-1]
            return self.numel() // max(width, 1) * ((width + 1) // 2)
        return self.layout.nbytes

    @property
    def is_cpu(self) -> bool:
        """Whether the tensor is in host memory."""
        return self.device.type == "cpu"

    @property
    def is_cuda(self) -> bool:
        """Whether the tensor is on a CUDA device."""
        return self.device.type == "cuda"

    @property
    def is_meta(self) -> bool:
        """Whether the tensor has a shape only."""
        return self.device.type == "meta"

    @property
    def is_quantized(self) -> bool:
        """Whether the values are levels of a scale (floats of eight bits are not counted)."""
        return self.dtype.kind == QUANTIZED and not self.dtype.name.startswith("float8")

    is_sparse = False
    is_mkldnn = False
    is_nested = False


def _named(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def naming(method: Callable[..., Any]) -> Callable[..., Any]:
        method.__name__ = method.__qualname__ = name
        return method

    return naming


@_named("detach")
def detach(input: Tensor) -> Tensor:
    """The same memory with no history."""
    return input.detach()


def matmul_any(a: Any, b: Any) -> Any:
    """``a @ b`` for what is no pair of matrices."""
    return _products.matmul(a, b)


def public_ops() -> dict[str, Any]:
    """The ops that PyTorch has under the same name in its top namespace, by name."""
    found = {}
    for name, op in OPS.items():
        if op.family in HIDDEN_FAMILIES or name in HIDDEN or name.endswith(("_backward", "_step")):
            continue
        if name in _OF_FUNCTIONAL and name not in ACTIVATIONS:
            continue
        if op.parameters and op.parameters[0].is_tensor:
            found[name] = getattr(F, name)
    return found


FUNCTIONS: dict[str, Any] = {}  # what the top namespace gets from the tables


def _assemble() -> None:
    """Put the table's ops and the modules' functions on ``Tensor``, and collect the functions."""
    ops = public_ops()
    FUNCTIONS.update(ops)
    FUNCTIONS["dot"] = FUNCTIONS["vdot"] = F.dot
    for alias, name in _arithmetic.ALIASES.items():
        FUNCTIONS[alias] = getattr(F, name)
    for module in (_shape, _arithmetic, _reductions, _products, _selection):
        FUNCTIONS.update(module.FUNCTIONS)
    methods = {name: f for name, f in FUNCTIONS.items() if name not in NOT_METHODS}
    for name, function in list(ops.items()):
        if name in MORE_INPLACE or (function.op.elementwise and name not in NOT_INPLACE):
            methods[name + "_"] = InplaceMethod(function)
    for alias, name in _arithmetic.ALIASES.items():
        methods[alias + "_"] = InplaceMethod(getattr(F, name))
    FUNCTIONS.update(_shape.JOINING)
    for module in (_arithmetic, _reductions, _products, _selection):
        FUNCTIONS.update(module.ONLY_FUNCTIONS)
    FUNCTIONS.update(_conversion.FUNCTIONS)
    FUNCTIONS.update(
        {f"{name}_": InplaceFunction(methods[f"{name}_"]) for name in ("relu", "sigmoid", "tanh")}
    )
    FUNCTIONS.update({"clone": _inplace.clone, "detach": detach, "unsqueeze": F.unsqueeze})
    methods.update(
        {
            "clone": _inplace.clone,
            "where": _where_method,
            "swapaxes": F.transpose,
            "swapdims": F.transpose,
            "absolute": F.abs,
            "nelement": _conversion.numel,
            "ndimension": ndimension,
            "multinomial": _random("multinomial"),
            "bernoulli": _random("bernoulli"),
            **{name: _of_quantized(name) for name in QUANTIZED_METHODS},
        }
    )
    FUNCTIONS.update({"swapaxes": F.transpose, "swapdims": F.transpose})
    for extra in (
        _arithmetic.INPLACE,
        _reductions.INPLACE,
        _selection.INPLACE,
        _inplace.METHODS,
        _conversion.METHODS,
        _shape.METHODS,
        _interop.METHODS,
    ):
        methods.update(extra)
    for name, method in methods.items():
        setattr(Tensor, name, method)


class InplaceFunction:
    """``relu_(x)``: an in-place method as a function."""

    def __init__(self, method: Any) -> None:
        self.method = method
        self.__name__ = method.__name__

    def __call__(self, input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return self.method(input, *args, **kwargs)


def _where_method(self: Tensor, condition: Tensor, other: Any) -> Tensor:
    """``self`` where ``condition`` holds, else ``other``."""
    return _arithmetic.where(condition, self, other)


def ndimension(self: Tensor) -> int:
    """The number of dimensions."""
    return self.ndim


QUANTIZED_METHODS = (
    *("dequantize", "int_repr", "qscheme", "q_scale", "q_zero_point", "q_per_channel_axis"),
    *("q_per_channel_scales", "q_per_channel_zero_points"),
)


def _of_quantized(name: str) -> Callable[..., Any]:
    @_named(name)
    def method(self: Tensor) -> Any:
        from .quantization import _tensors

        return _tensors.METHODS[name](self)

    return method


def _random(name: str) -> Callable[..., Any]:
    @_named(name)
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        from . import random

        return getattr(random, name)(self, *args, **kwargs)

    return method


_assemble()
set_tensor_class(Tensor)
operators.set_indexing(_indexing.getitem, _indexing.setitem)
operators.set_matmul(matmul_any)
operators.set_array_operands(_interop.array_operand)
