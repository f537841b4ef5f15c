"""Results with named parts, such as ``x.max(dim)``: tuples whose parts are also attributes, printed as
PyTorch does.
"""

from __future__ import annotations

from operator import itemgetter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Result(tuple):
    """A tuple whose parts have names."""

    __slots__ = ()
    _fields: tuple[str, ...] = ()

    def __repr__(self) -> str:
        parts = ",\n".join(f"{name}={value!r}" for name, value in zip(self._fields, self))
        return f"tensorplug.return_types.{type(self).__name__}(\n{parts})"

    def __reduce__(self) -> Any:
        return type(self), (tuple(self),)


def _type(name: str, *fields: str) -> type[Result]:
    members: dict[str, Any] = {"__slots__": (), "_fields": fields, "__module__": __name__}
    members.update({field: property(itemgetter(i)) for i, field in enumerate(fields)})
    return type(name, (Result,), members)


max = _type("max", "values", "indices")
min = _type("min", "values", "indices")
median = _type("median", "values", "indices")
nanmedian = _type("nanmedian", "values", "indices")
mode = _type("mode", "values", "indices")
sort = _type("sort", "values", "indices")
topk = _type("topk", "values", "indices")
kthvalue = _type("kthvalue", "values", "indices")
cummax = _type("cummax", "values", "indices")
cummin = _type("cummin", "values", "indices")
aminmax = _type("aminmax", "min", "max")
