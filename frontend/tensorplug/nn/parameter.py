"""Tensors that a module owns: ``Parameter`` (learned) and ``Buffer`` (state that is not learned)."""

from __future__ import annotations

import tensorplug as tp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tensorplug import Tensor


class Parameter(tp.Tensor):
    """A tensor that registers itself as a parameter when it is assigned to an attribute of a ``Module``.

    ``data``: the values, any shape; the parameter shares their storage. ``requires_grad``: False for
    frozen ones.

    >>> weight = nn.Parameter(tp.zeros(2))
    >>> weight.requires_grad, weight.is_leaf
    (True, True)
    """

    __slots__ = ()

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        if data is None:
            data = tp.empty(0)
        return tp.Tensor._make_subclass(cls, data.detach(), requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        known = memo.get(id(self))
        if known is not None:
            return known
        copied = type(self)(self.detach().clone(), self.requires_grad)
        memo[id(self)] = copied
        return copied

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return "Parameter containing:\n" + super().__repr__()

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _rebuild_parameter, (type(self), self.detach(), self.requires_grad)


def _rebuild_parameter(kind: type[Parameter], data: Tensor, requires_grad: bool) -> Parameter:
    return kind(data, requires_grad)


class Buffer(tp.Tensor):
    """A tensor that registers itself as a buffer when it is assigned to an attribute of a ``Module``.

    ``persistent``: whether it is part of the module's ``state_dict``.

    >>> module = nn.Module()
    >>> module.mean = nn.Buffer(tp.zeros(2))
    >>> list(module.state_dict())
    ['mean']
    """

    __slots__ = ()
    persistent: bool

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Buffer:
        if data is None:
            data = tp.empty(0)
        buffer = tp.Tensor._make_subclass(cls, data.detach(), data.requires_grad)
        buffer.persistent = persistent
        return buffer

    def __deepcopy__(self, memo: dict[int, Any]) -> Buffer:
        known = memo.get(id(self))
        if known is not None:
            return known
        copied = type(self)(self.detach().clone(), persistent=self.persistent)
        memo[id(self)] = copied
        return copied
