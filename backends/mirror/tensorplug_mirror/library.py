"""NumPy as tensorplug_arrays sees it: its handles are its arrays, and little differs from the standard."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy

from tensorplug_arrays import Adapter

from . import numpy_dtype


class NumPy(Adapter):
    def __init__(self) -> None:
        super().__init__(numpy)

    def dtype(self, dtype: Any) -> Any:
        return numpy_dtype(dtype)

    def scope(self, handle: Any) -> AbstractContextManager[Any]:
        return numpy.errstate(all="ignore")

    def convert(self, array: Any, dtype: Any) -> Any:
        return array.astype(dtype)  # NumPy's numbers have it too, which numpy.astype refuses

    def put(self, x: Any, places: Any, values: Any, add: bool) -> Any:
        found = x.copy()
        if add:
            numpy.add.at(found, places, values)
        else:
            found[places] = values  # the last one wins
        return found
