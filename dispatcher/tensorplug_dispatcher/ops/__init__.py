"""The op table: ``OPS`` maps each op's name to its record, one module a family; ``F`` holds the callables.

Records call other ops through ``from . import F``, so ``F`` stands before the families are imported. An
attribute of ``F`` is made on its first use, by what ``call`` hands in; the table itself needs neither tensors
nor devices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, cast

from ..errors import PluginError
from ..op import Op
from . import sizes

if TYPE_CHECKING:
    from .._functions import Functions

FAMILIES: Final = (
    "storage",
    "elementwise",
    "activation",
    "reduction",
    "statistics",
    "movement",
    "composition",
    "view_backward",
    "indexing",
    "selection",
    "scan_sort",
    "linalg",
    "random",
    "softmax",
    "normalization",
    "convolution",
    "pooling",
    "nn",
    "optimizer",
    "quantized",
    "quantized_products",
)
COMPOSED: Final = ("reshape",)  # callables made of ops whose result may be the argument itself


class Namespace:
    """The callables of the table by name: ``F.mul(a, b)``; and those of the core that are no ops, which have
    no kernel and no derivative.
    """

    def __getattr__(self, name: str) -> Any:
        function: Any
        if name in COMPOSED:
            function = getattr(import_module(f"{__name__}.common"), name)
        elif name in former:
            function = getattr(self, former[name].name)
        elif name in OPS:
            if not _makers:
                raise AttributeError(f"F.{name} is made by tensorplug_dispatcher.call; import that first")
            function = _makers[0](OPS[name])
        else:
            raise AttributeError(
                f"no op is called {name!r}; tensorplug_dispatcher.ops.OPS lists all {len(OPS)}"
            )
        self.__dict__[name] = function
        return function

    def __dir__(self) -> Iterable[str]:
        return sorted({*OPS, *COMPOSED, *self.__dict__} - former.keys())


class Table(dict[str, Op]):
    """Ops by name. ``OPS["conv2d"]``, a former name, is the op that it has become part of; it is not listed,
    and not ``in`` the table.
    """

    def __missing__(self, name: str) -> Op:
        return former[name]


F: Final[Functions] = cast("Functions", Namespace())
OPS: Final[dict[str, Op]] = Table()
former: Final[dict[str, Op]] = {}  # names of plugin API 1.0 and 1.1 → the op that each is part of now
_makers: Final[list[Callable[[Op], Any]]] = []  # of the callable of a record


def provide(maker: Callable[[Op], Any], core: Mapping[str, Any]) -> None:
    """Say what makes an op's callable from its record, and which callables the core has besides."""
    _makers[:] = [maker]
    F.__dict__.update(core)


def add(op: Op) -> None:
    """Put ``op`` into the table; raises PluginError where its name is taken or it has no samples."""
    for name in (op.name, *op.formerly):
        if known(name):
            raise PluginError(
                f"an op called {name!r} is in the table already (family {OPS[name].family!r}); "
                f"give the new one of family {op.family!r} another name"
            )
    if op.samples is None:
        raise PluginError(f"op {op.name!r} has no samples; give it some, so that it can be tested")
    if op.sizes is None:
        object.__setattr__(op, "sizes", sizes.of_op(op))
    OPS[op.name] = op
    former.update(dict.fromkeys(op.formerly, op))


def known(name: str) -> bool:
    """Whether an op is called so, or part of one was."""
    return name in OPS or name in former


def function(name: str) -> Any:
    """The callable of the op called ``name``, now or formerly: what a pickled op comes back as."""
    return getattr(F, name)


for _family in FAMILIES:
    for _op in import_module(f"{__name__}.{_family}").OPS:
        add(_op)
