"""Every module says its formula and has an example, which is run; and so are the examples elsewhere."""

from __future__ import annotations

import doctest
import inspect
import re
from typing import Any

import pytest

import tensorplug as tp
from tensorplug import nn
from tensorplug.nn import functional

MODULES = {name: value for name in nn.__all__ if isinstance(value := getattr(nn, name), type)}
# what holds other things and computes nothing of its own
HOLDERS = {
    *("Module", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Parameter", "Buffer"),
}
NAMES = {"tp": tp, "nn": nn, "F": functional}


def examples_of(name: str, value: Any) -> list[doctest.Example]:
    return doctest.DocTestParser().get_examples(inspect.getdoc(value) or "", name)


def run(name: str, value: Any) -> str:
    """What a doctest of one documentation string complains of."""
    said: list[str] = []
    text = inspect.getdoc(value) or ""
    test = doctest.DocTestParser().get_doctest(text, dict(NAMES), name, None, None)
    doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    return "".join(said)


def test_every_module_has_its_formula() -> None:
    lacking = [
        n for n, m in MODULES.items() if not re.search(r"Formula: ``.+?``", inspect.getdoc(m) or "", re.S)
    ]
    assert set(lacking) == HOLDERS


def test_every_module_has_an_example() -> None:
    assert [n for n, m in MODULES.items() if not examples_of(n, m)] == []


@pytest.mark.parametrize("name", MODULES)
def test_the_example_of_a_module_gives_what_it_shows(name: str) -> None:
    assert run(name, MODULES[name]) == ""


def test_every_example_shows_a_result() -> None:
    """The last line of one prints something, so that there is something to hold it against."""
    assert [n for n, m in MODULES.items() if not examples_of(n, m)[-1].want] == []


def test_a_wrong_example_is_found() -> None:
    def wrong() -> None:
        """
        >>> nn.ReLU()(tp.tensor([-1.0]))
        tensor([1.])
        """

    assert "Expected" in run("wrong", wrong)
