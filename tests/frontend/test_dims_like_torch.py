"""Every function that takes ``dim``, on a tensor of three different sizes: each dimension, counted from both
ends, several at once, with and without ``keepdim``.

Derived from the namespaces: whatever both frameworks have is called; what PyTorch takes must come out alike.
Three different sizes show a dimension that was moved for the computation and not moved back.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import alike  # noqa: E402

import tensorplug as tp  # noqa: E402

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore")]

SHAPE = (4, 2, 3)
NUMBERS = [((i * 37 + 11) % 64) / 8 - 4 for i in range(24)]
DIMS = (0, 1, 2, -1, -2, -3, None, (0, 1), (1, 2), (0, 2), (2, 0))
SECOND = ("", 2, 0.5, "points", "places", "other", "mask")  # what follows the tensor
RANDOM = ("bernoulli", "dropout", "multinomial", "normal", "rand", "gumbel")
OTHERS = {"data_ptr", "new_empty", "numpy", "to", "untyped_storage"}  # results that cannot be compared
NAMESPACES = {"": "T", "nn.functional": "T.nn.functional", "linalg": "T.linalg", "Tensor": "T.Tensor"}


def namespace(T: Any, path: str) -> Any:
    found = T
    for part in path.split(".") if path else ():
        found = getattr(found, part)
    return found


def cases() -> Iterator[Any]:
    for path in NAMESPACES:
        mine, theirs = namespace(tp, path), namespace(torch, path)
        for name in sorted(set(dir(mine)) & set(dir(theirs))):
            function = getattr(mine, name)
            if name.startswith(("_", "set_")) or not callable(function) or inspect.isclass(function):
                continue
            if any(word in name for word in RANDOM) or name.endswith(("_like", "_")) or name in OTHERS:
                continue
            yield pytest.param(path, name, id=f"{path}.{name}".lstrip("."))


def called(T: Any, path: str, name: str, second: Any, named: dict[str, Any]) -> Any:
    x = T.tensor(NUMBERS).reshape(SHAPE)
    operands = {
        "points": lambda: T.tensor([0.25, 0.7]),
        "places": lambda: T.tensor([1, 0]),
        "other": lambda: x * 0.5 + 1,
        "mask": lambda: x > 0,
    }
    given = () if second == "" else (operands[second]() if isinstance(second, str) else second,)
    try:
        return getattr(namespace(T, path), name)(x, *given, **named)
    except Exception as error:
        return error


@pytest.mark.parametrize(("path", "name"), list(cases()))
def test_each_dimension(path: str, name: str) -> None:
    problems = []
    for second in SECOND:
        for parameter in ("dim", "dims"):
            for keepdim in (None, True, False):
                refused = 0
                for dim in DIMS:
                    named = {} if dim is None else {parameter: dim}
                    named |= {} if keepdim is None else {"keepdim": keepdim}
                    theirs = called(torch, path, name, second, named)
                    if isinstance(theirs, Exception):
                        refused += 1
                        if refused == 7 and dim is None:  # takes no such argument
                            break
                        continue
                    mine = called(tp, path, name, second, named)
                    text = f"{name}(x, {second!r}, {named})"
                    try:
                        alike.compare(mine, theirs, text, strides=False)
                    except AssertionError as problem:
                        problems.append(str(problem)[:300])
    if problems and not all("is not offered" in p for p in problems):
        pytest.fail("\n".join(problems), pytrace=False)
