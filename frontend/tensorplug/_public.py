"""``@public``: the one way to add a function that is made of ops.

The decorator says where the function is seen, and gives a plain formula what PyTorch's functions have beside
it, as an op of the table has by itself. ``@public("function", "method", "inplace", out="out")`` is all that
is needed: ``make build`` reads the decorators from the source, with the records of the ops, and writes
``_generated.py`` and its stub, from which ``tensorplug`` and ``Tensor`` have what they show
(tools/public_table.py).
"""

from __future__ import annotations

from functools import wraps

from tensorplug_dispatcher import dtypes, promotion
from tensorplug_dispatcher.composite import Composite
from tensorplug_dispatcher.context import context
from tensorplug_dispatcher.errors import DTypeError
from tensorplug_dispatcher.keys import HISTORY
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.tensor import TensorBase

from ._arguments import named as keyword
from ._arguments import sizes as sizes_of
from .later import later

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    Formula = TypeVar("Formula", bound=Callable[..., Any])

autocast = later("tensorplug_layers.autocast", "autocast")
write_results = later("tensorplug_dispatcher.writing", "write_results")
HALVES = (dtypes.float16, dtypes.bfloat16)


def public(
    *places: str, names: str = "", out: str = "", wide: bool = False, op: Any = None, sizes: Any = None
) -> Callable[[Formula], Formula]:
    """Make a formula a public function.

    - ``places``: "function" (of its namespace), "method", "inplace" (a method whose name ends in ``_``, which
      writes the result over the tensor). NumPy's names of arguments (``axis``, ``keepdims``) come with it.
    - ``names``: all its names where they are not the formula's alone, as in ``names="clamp clip"``.
    - ``out``: the names of its results, "out" for a single one, where PyTorch has ``out=``; one with ``~``
      also takes a tensor of a wider dtype.
    - ``wide``: float16 and bfloat16 are computed in float32 and rounded once, at the end, as an op does;
      without it each step of the formula would round.
    - ``op``: an op that is the same where all arguments are as its schema says; then it is called instead.
      ``sizes``: likewise for an op that takes sizes, given as ints one by one.
    """

    def made(formula: Any) -> Any:
        core = widened(formula) if wide else formula
        renames = {"dim", "keepdim"} & {*formula.__code__.co_varnames}
        if not (out or wide or op or sizes or renames):
            return formula
        return Composite(core, op or sizes, sizes is not None, _writer(tuple(out.split())) if out else None)

    return made


def _writer(results: tuple[str, ...]) -> Callable[..., Any]:
    def write(name: str, formula: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> Any:
        return write_results(name, results, without_autocast(formula, *args, **kwargs), out)

    return write


def without_autocast(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """``function(*args)`` in the operands' own dtypes: a call with ``out=`` takes no part in autocast."""
    kind = next((x.device.type for x in args if isinstance(x, TensorBase)), "cpu")
    with autocast(kind, enabled=False):
        return function(*args, **kwargs)


def widened(function: Formula) -> Formula:
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

    return wide  # type: ignore[return-value]


def _up(x: Any) -> Any:
    return F.cast(x, dtypes.float32) if isinstance(x, TensorBase) and x.dtype in HALVES else x


def _down(x: Any, dtype: dtypes.DType) -> Any:
    return F.cast(x, dtype) if isinstance(x, TensorBase) and x.dtype is dtypes.float32 else x


def spread(op: Any) -> Composite:
    """An op whose last parameter is sizes, which may also be given one by one: ``x.permute(1, 0)``."""
    label = op.names[-1]

    def general(input: Any, *sizes: Any, **given: Any) -> Any:
        return op.call((input, sizes_of(keyword(sizes, given, op.name, label), op.name, label)))

    general.__name__ = general.__qualname__ = op.name
    general.__doc__ = op.__doc__
    return Composite(general, op, True, None)


def named(op: Any, result: Any) -> Callable[..., Any]:
    """An op whose results have names, those of ``result`` in ``return_types``."""

    @wraps(op, assigned=("__name__", "__qualname__", "__doc__"), updated=())
    def function(*args: Any, **kwargs: Any) -> Any:
        return result(op(*args, **kwargs))

    return function


def recording(*tensors: Any) -> bool:
    """Whether a write between these tensors has to be recorded."""
    for x in tensors:
        if x.key_bits & HISTORY:
            return context().grad_enabled
    return False


def inplace(function: Any) -> Callable[..., Any]:
    """The in-place method of a formula: computes, then copies over ``self``. What the derivative saves is a
    copy of ``self``, which the write leaves alone.
    """

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        given = [x for x in (self, *args, *kwargs.values()) if isinstance(x, TensorBase)]
        made = function(F.copy(self) if recording(*given) else self, *args, **kwargs)
        if not promotion.can_cast(made.dtype, self.dtype):
            raise DTypeError(
                f"result type {made.dtype.name} of {method.__name__}() can't be cast to the desired output "
                f"type {self.dtype.name}; use {function.__name__}()"
            )
        return self.copy_(made)

    method.__name__ = method.__qualname__ = function.__name__ + "_"
    method.__doc__ = f"In-place variant of ``{function.__name__}``."
    return method


def result_of(function: Any, out: Any, *args: Any) -> Any:
    """``function(*args)``, written into ``out`` where one is given."""
    return function(*args) if out is None else function(*args, out=out)


def into(name: str, out: Any, made: Any, label: str = "out~") -> Any:
    """``made``, written into ``out`` where one is given; ``label`` "out": of the very dtype."""
    return made if out is None else write_results(name, (label,), made, out)
