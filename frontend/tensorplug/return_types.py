"""Results with named parts, such as ``x.max(dim)``:
tuples whose parts are also attributes, printed as PyTorch does.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._tensor import Tensor


class Result(tuple["Tensor", "Tensor"]):
    """A tuple whose parts have names."""

    __slots__ = ()
    _fields: tuple[str, ...] = ()

    def __repr__(self) -> str:
        parts = ",\n".join(f"{name}={value!r}" for name, value in zip(self._fields, self))
        return f"tensorplug.return_types.{type(self).__name__}(\n{parts})"

    def __reduce__(self) -> Any:
        return type(self), (tuple(self),)


class ValuesIndices(Result):
    """Values, and the int64 places along the dimension where they stood."""

    __slots__ = ()
    _fields = ("values", "indices")

    @property
    def values(self) -> Tensor:
        """The values."""
        return self[0]

    @property
    def indices(self) -> Tensor:
        """Their places along the dimension, int64."""
        return self[1]


class aminmax(Result):
    """The smallest and the largest value."""

    __slots__ = ()
    _fields = ("min", "max")

    @property
    def min(self) -> Tensor:
        """The smallest value."""
        return self[0]

    @property
    def max(self) -> Tensor:
        """The largest value."""
        return self[1]


class max(ValuesIndices):
    """The largest values and their places."""

    __slots__ = ()


class min(ValuesIndices):
    """The smallest values and their places."""

    __slots__ = ()


class median(ValuesIndices):
    """The lower medians and their places."""

    __slots__ = ()


class nanmedian(ValuesIndices):
    """The lower medians without NaN and their places."""

    __slots__ = ()


class mode(ValuesIndices):
    """The most frequent values and their places."""

    __slots__ = ()


class sort(ValuesIndices):
    """The values in order and their places."""

    __slots__ = ()


class topk(ValuesIndices):
    """The k largest or smallest values and their places."""

    __slots__ = ()


class kthvalue(ValuesIndices):
    """The k-th smallest values and their places."""

    __slots__ = ()


class cummax(ValuesIndices):
    """The largest values so far and their places."""

    __slots__ = ()


class cummin(ValuesIndices):
    """The smallest values so far and their places."""

    __slots__ = ()
