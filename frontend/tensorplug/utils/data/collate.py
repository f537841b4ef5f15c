"""From a list of samples to a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorplug as tp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _is_array(value: Any) -> bool:
    """Whether ``value`` is a NumPy array or scalar, without importing NumPy."""
    return type(value).__module__ == "numpy" and hasattr(value, "dtype")


def default_convert(data: Any) -> Any:
    """Arrays inside ``data`` as tensors; mappings
    and sequences keep their structure, the rest stays as it is.
    """
    if isinstance(data, tp.Tensor):
        return data
    if _is_array(data):
        return data if data.dtype.kind in "SUO" else tp.as_tensor(data)
    if isinstance(data, Mapping):
        return _like(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(default_convert(value) for value in data))
    if isinstance(data, tuple):
        return [default_convert(value) for value in data]
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _like(data, [default_convert(value) for value in data])
    return data


def _like(original: Any, made: Any) -> Any:
    """``made`` as the type of ``original``, where that takes it."""
    try:
        return made if type(original) is type(made) else type(original)(made)
    except TypeError:
        return made


def default_collate(batch: list[Any]) -> Any:
    """Samples of one structure as one batch of that structure.

    Tensors and arrays are stacked, floats become float64, integers int64, strings stay a list; tuples and
    lists become lists with one batch an element, mappings the same mapping of batches, named tuples the same
    named tuple. Raises TypeError for other types, RuntimeError where sequences differ in length.
    """
    first = batch[0]
    if isinstance(first, tp.Tensor):
        return tp.stack(batch, 0)
    if _is_array(first):
        if first.dtype.kind in "SUO":
            raise TypeError(_unknown(first.dtype))
        if first.ndim == 0:
            return tp.as_tensor(batch)
        return tp.stack([tp.as_tensor(value) for value in batch], 0)
    if isinstance(first, float):
        return tp.tensor(batch, dtype=tp.float64)
    if isinstance(first, int):
        return tp.tensor(batch)
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        return _like(first, {key: default_collate([sample[key] for sample in batch]) for key in first})
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*(default_collate(list(values)) for values in zip(*batch)))
    if isinstance(first, Sequence):
        if any(len(sample) != len(first) for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        columns = [default_collate(list(values)) for values in zip(*batch)]
        return columns if isinstance(first, tuple) else _like(first, columns)
    raise TypeError(_unknown(type(first)))


def _unknown(kind: Any) -> str:
    return f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {kind}"
