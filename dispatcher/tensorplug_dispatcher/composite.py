"""A public function that is made of ops: a formula, and what PyTorch's function of that name takes beside.

A call without keywords goes straight to the op where there is one and the arguments fit it as they are, else
to the formula; keywords are first put right (``axis`` for ``dim``, ``out=``). Compiled, so that none of this
is a Python frame of its own.
"""

from __future__ import annotations

from types import MethodType
from typing import Any

import cython

from .call import NUMPY_NAMES
from .errors import SignatureError

if not cython.compiled:
    from .call import OpFunction, all_ints, is_plain


CO_VARKEYWORDS = 8  # of a function's code: it has **kwargs (inspect.CO_VARKEYWORDS)


class Composite:
    """``formula`` as a function and as a method.

    ``op`` is called in its place where every argument is a tensor or a plain Python value as the schema asks;
    with ``sizes``, where all arguments but the first are ints, ``f(x, 2, 3)``, which it gets as one tuple.
    ``write(name, formula, args, kwargs, out)`` is what ``out=`` does; None where there is none.
    """

    def __init__(self, formula: Any, op: Any, sizes: bool, write: Any) -> None:
        self.formula = formula
        self.op = op
        self.sizes = sizes
        self.write = write
        code = getattr(formula, "__wrapped__", formula).__code__
        known = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        anything = bool(code.co_flags & CO_VARKEYWORDS)
        self.renamed = {
            other: name
            for other, name in NUMPY_NAMES.items()
            if other not in known and (anything or name in known)
        }
        for name in ("__name__", "__qualname__", "__doc__", "__module__"):
            setattr(self, name, getattr(formula, name))

    def __get__(self, instance: Any, owner: Any) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs:
            return self.with_keywords(args, kwargs)
        if self.op is not None:
            op: OpFunction = self.op
            if self.sizes:
                rest: tuple[Any, ...] = args[1:]
                if rest and all_ints(rest):
                    return op.call((args[0], rest))
            elif op.required <= len(args) <= op.positional and is_plain(op, args):
                return op.call(args + op.tails[len(args)])
        return self.formula(*args)

    def with_keywords(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The call with NumPy's names of arguments renamed; raises SignatureError where both are given."""
        for given, name in self.renamed.items():
            if given in kwargs:
                if name in kwargs:
                    raise SignatureError(f"{self.__name__}() got both '{given}' and '{name}'; give one")
                kwargs[name] = kwargs.pop(given)
        if self.write is None:
            return self.formula(*args, **kwargs)
        out = kwargs.pop("out", None)
        if out is None:
            return self.formula(*args, **kwargs)
        return self.write(self.__name__, self.formula, args, kwargs, out)

    @property
    def __signature__(self) -> Any:
        import inspect

        signature = inspect.signature(self.formula)
        if self.write is None:
            return signature
        parameters = list(signature.parameters.values())
        place = len(parameters) - (parameters[-1].kind is inspect.Parameter.VAR_KEYWORD)
        parameters.insert(place, inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, default=None))
        return signature.replace(parameters=parameters)

    def __repr__(self) -> str:
        return f"<function {self.__module__}.{self.__name__}>"

    def __reduce__(self) -> str:
        return self.__name__
