"""``out=`` as a call is given it: tensors of the right number, resized to the shapes of the results."""

from __future__ import annotations

from typing import Any

from .errors import ShapeError, SignatureError
from .op import Op
from .request import Request
from .signatures import layout_of, normalize_attributes
from .tensor import TensorBase
from .writing import fit


def prepare_outputs(
    function: Any, args: tuple[Any, ...], outs: Any
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The arguments, and ``out=`` as a tuple of the right length; wrong shapes are resized with PyTorch's
    warning where not empty. An op that takes a ``dtype`` and got none computes in that of ``out``.
    """
    given = tuple(outs) if isinstance(outs, (tuple, list)) else (outs,)
    op: Op = function.op
    if len(given) != len(op.outputs) or not all(isinstance(o, TensorBase) for o in given):
        raise SignatureError(
            f"{function.name}(): out= takes {len(op.outputs)} tensors ({', '.join(op.outputs)}), not {outs!r}"
        )
    names = function.names
    if "dtype" in names and args[names.index("dtype")] is None:
        place = names.index("dtype")
        args = (*args[:place], given[0].dtype, *args[place + 1 :])
    if not op.is_view:
        for out, shape in zip(given, _shapes_of(function, args, given[0]), strict=True):
            if out.layout.shape != shape:
                if any(arg is out for arg in args):
                    raise ShapeError(
                        f"output with shape {list(out.shape)} doesn't match the broadcast shape "
                        f"{list(shape)} of {function.name}(), and cannot be resized because it is an operand "
                        f"too; give another tensor as out="
                    )
                fit(function.name, out, shape, 4)
    return args, given


_shapes: dict[Any, tuple[Any, ...]] = {}  # of results; asking costs twenty times as much
MAX_SHAPES = 4096


def _shapes_of(function: Any, args: tuple[Any, ...], like: Any) -> tuple[Any, ...]:
    """The shapes of the op's results, which follow from the operands' layouts and the attributes."""
    kinds = function.op.parameters
    key: Any = (
        function.name,
        *[
            None if kind.is_dynamic or (kind.is_tensor and isinstance(arg, (int, float))) else layout_of(arg)
            for kind, arg in zip(kinds, args, strict=True)
        ],
    )
    found = _shapes.get(key)
    if found is None:
        op = function.op
        request = Request(op, like.storage.device, normalize_attributes(op, args), None)
        if len(_shapes) >= MAX_SHAPES:
            _shapes.clear()
        found = _shapes[key] = tuple([natural.shape for natural in request.natural])
    return found
