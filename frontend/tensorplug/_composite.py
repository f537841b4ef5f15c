"""Functions made of several ops, as public functions: ``@composite`` gives a plain formula what PyTorch's
functions have beside it, and what an op of the table has by itself.

- NumPy's names of arguments (``axis`` for ``dim``, ``keepdims`` for ``keepdim``), which PyTorch takes too.
- ``out=``: the result written into given tensors, by the rules of PyTorch's own (``write_results``).
- ``wide=True``: float16 and bfloat16 are computed in float32 and rounded once, at the end, as an op does.
  Without it each step of the formula would round.
"""

from __future__ import annotations

import inspect
from functools import wraps

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.call import NUMPY_NAMES
from tensorplug_dispatcher.errors import SignatureError
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.tensor import TensorBase

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

HALVES = (dtypes.float16, dtypes.bfloat16)


def composite(
    function: Callable[..., Any] | None = None, *, out: str = "", wide: bool = False
) -> Callable[..., Any]:
    """Make ``function`` a public one. ``out``: the names of its results, "out" for a single one, where
    PyTorch has ``out=``; a name with ``~`` also takes a tensor of a wider dtype. ``wide``: see above.
    """
    if function is None:
        return lambda function: composite(function, out=out, wide=wide)
    names, label = tuple(out.split()), function.__name__
    formula = widened(function) if wide else function
    signature = inspect.signature(function)
    anything = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in signature.parameters.values())
    renamed = {other: name for other, name in NUMPY_NAMES.items() if anything or name in signature.parameters}

    @wraps(function)
    def public(*args: Any, **kwargs: Any) -> Any:
        if not kwargs:
            return formula(*args)
        outs = kwargs.pop("out", None) if names else None
        for given, name in renamed.items():
            if given in kwargs:
                if name in kwargs:
                    raise SignatureError(f"{function.__name__}() got both '{given}' and '{name}'; give one")
                kwargs[name] = kwargs.pop(given)
        if outs is None:
            return formula(*args, **kwargs)
        made = without_autocast(formula, *args, **kwargs)
        from tensorplug_dispatcher.writing import write_results

        return write_results(label, names, made, outs)

    if names:
        parameters = list(signature.parameters.values())
        place = len(parameters) - (parameters[-1].kind is inspect.Parameter.VAR_KEYWORD)
        parameters.insert(place, inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, default=None))
        signature = signature.replace(parameters=parameters)
    public.__signature__ = signature  # type: ignore[attr-defined]
    return public


def without_autocast(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """``function(*args)`` in the operands' own dtypes: a call with ``out=`` takes no part in autocast."""
    from tensorplug_layers.autocast import autocast

    kind = next((x.device.type for x in args if isinstance(x, TensorBase)), "cpu")
    with autocast(kind, enabled=False):
        return function(*args, **kwargs)


def widened(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` with operands of float16 or of bfloat16 cast to float32, and its float32 results back."""

    @wraps(function)
    def wide(*args: Any, **kwargs: Any) -> Any:
        found = None
        for x in (*args, *kwargs.values()):
            if isinstance(x, TensorBase) and x.dtype.is_floating_point:
                if x.dtype not in HALVES or found not in (None, x.dtype):
                    return function(*args, **kwargs)
                found = x.dtype
        if found is None:
            return function(*args, **kwargs)
        made = function(*map(_up, args), **{name: _up(x) for name, x in kwargs.items()})
        if isinstance(made, tuple):
            return type(made)([_down(x, found) for x in made])
        return _down(made, found)

    return wide


def _up(x: Any) -> Any:
    return F.cast(x, dtypes.float32) if isinstance(x, TensorBase) and x.dtype in HALVES else x


def _down(x: Any, dtype: dtypes.DType) -> Any:
    return F.cast(x, dtype) if isinstance(x, TensorBase) and x.dtype is dtypes.float32 else x
