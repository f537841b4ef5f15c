"""``Tensor``: the operators of the core, the methods of the public table (``_generated.py``), and what is
written by hand: the class itself, what Python asks of a container, gradients, properties.
"""

from __future__ import annotations

from tensorplug_dispatcher import operators
from tensorplug_dispatcher.dtypes import QUANTIZED
from tensorplug_dispatcher.errors import AutogradError
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.tensor import (
    FUNCTION_VIEW,
    RETAINS_GRAD,
    TensorBase,
    flags_of,
    set_origin,
    set_tensor_class,
    view_of,
)
from tensorplug_layers import autograd as layer

from . import _creation, _indexing, _inplace, _interop, _products, _shape
from ._generated import TensorOps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

# What the core's record has that is part of the interface; the rest of it is not shown.
FIELDS = {
    *"_version data_ptr device dim dtype is_contiguous layout ndim numel output_nr shape storage".split(),
    *dir(object),
}


def _record(x: Any) -> Any:
    """``x`` with the fields of the core, which its type does not show."""
    return x


def shown(cls: type) -> set[str]:
    """The names that a class of tensors shows."""
    return {*dir(cls)} - {*dir(TensorBase)} | FIELDS


class TensorType(type):
    """Lets ``Tensor(2, 3)`` make a tensor while results of ops are made without a Python ``__new__``."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls is Tensor:
            return _creation.legacy(args, **kwargs)
        return super().__call__(*args, **kwargs)


class Tensor(TensorOps, metaclass=TensorType):
    """A multi-dimensional array on a device, with PyTorch's interface. Made by ``tensor``, ``zeros``,
    ``randn``, ...
    """

    __slots__ = ()
    __array_priority__ = 1000
    __hash__ = TensorOps.__hash__

    @staticmethod
    def _make_subclass(kind: type, data: Any, requires_grad: bool = False) -> Any:
        """A tensor of class ``kind`` (it adds no slots) over the memory of ``data``, without its history."""
        made: Any = view_of(data, data.layout, data.offset)
        made.__class__ = kind
        if requires_grad:
            made.requires_grad = True
        return made

    def as_subclass(self, cls: type) -> Any:
        """The same memory as an instance of ``cls``."""
        made: Any = F.alias(self)
        made.__class__ = cls
        return made

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
        return sorted({*shown(type(self)), *_record(self).user_attributes})

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
        layer.backward(self, gradient, retain_graph, create_graph, inputs=inputs)

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
        set_origin(_record(self), None)
        self.requires_grad = False
        return self

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> Any:
        """Call ``hook(grad)`` when this tensor's gradient is known; it may return another."""
        return layer.register_hook(self, hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> Any:
        """Call ``hook(tensor)`` after ``.grad`` of this leaf was added to. Returns a handle."""
        return layer.register_post_accumulate_grad_hook(self, hook)

    def retain_grad(self) -> None:
        """Keep the gradient of this tensor, though it is no leaf, in ``.grad``."""
        layer.retain_grad(self)

    # -- properties ------------------------------------------------------------------------------------------

    @property
    def retains_grad(self) -> bool:
        """Whether this tensor is no leaf and keeps its gradient: ``retain_grad()`` was called."""
        return bool(flags_of(_record(self)) & RETAINS_GRAD)

    def _is_view(self) -> bool:
        """Whether autograd knows this tensor as a view of another."""
        return self._base is not None or bool(flags_of(_record(self)) & FUNCTION_VIEW)

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


set_tensor_class(Tensor)
operators.set_indexing(_indexing.getitem, _indexing.setitem)
operators.set_matmul(_products.matmul)
operators.set_array_operands(_interop.array_operand)
