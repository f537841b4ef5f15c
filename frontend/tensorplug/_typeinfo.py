"""``finfo`` and ``iinfo``: the limits of dtypes."""

from __future__ import annotations

from tensorplug_dispatcher import promotion
from tensorplug_dispatcher.dtypes import INTEGER, DType
from tensorplug_dispatcher.errors import DTypeError

DEFAULT = object()  # None is no dtype
RESOLUTIONS = {"float16": 1e-3, "bfloat16": 1e-2, "float32": 1e-6, "float64": 1e-15}


class finfo:
    """The limits of a floating dtype (default: the default dtype):
    ``bits eps max min tiny smallest_normal resolution``.
    """

    def __init__(self, type: DType | object = DEFAULT) -> None:
        dtype = promotion.default_dtype() if type is DEFAULT else type
        if not isinstance(dtype, DType) or not dtype.eps:
            raise DTypeError(
                f"tensorplug.finfo() requires a floating point input type, not {dtype!r}. Use "
                f"tensorplug.iinfo to handle 'integer' dtypes"
            )
        self.bits = dtype.itemsize * 8
        self.eps = dtype.eps
        self.max = dtype.max
        self.min = dtype.min
        self.smallest_normal = self.tiny = dtype.smallest_normal
        self.resolution = RESOLUTIONS.get(dtype.name, 1.0)
        self.dtype = dtype.name

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, "
            f"eps={self.eps:g}, smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, "
            f"dtype={self.dtype})"
        )


class iinfo:
    """The limits of an integer dtype: ``bits max min``."""

    def __init__(self, type: DType) -> None:
        if not isinstance(type, DType) or type.kind != INTEGER:
            raise DTypeError(
                f"tensorplug.iinfo() requires an integer input type, not {type!r}. Use "
                "tensorplug.finfo for floating dtypes"
            )
        self.bits = type.itemsize * 8
        self.max = int(type.max)
        self.min = int(type.min)
        self.dtype = type.name

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"
