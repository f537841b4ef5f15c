"""One call as resolution sees it: operands promoted, converted and broadcast, and the layouts of results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .conversion import number_of, rounded
from .devices.registry import device
from .dtypes import GROUPS, DType, bfloat16, bool_, float16, float32, float64
from .errors import DTypeError, KernelError, ShapeError
from .keys import LAYER_MASK
from .layout import Layout, broadcast_shapes, dense, expand, non_overlapping_dense, strided, with_dtype
from .observation import unseen
from .op import Op
from .promotion import compute_dtype
from .signatures import layout_of
from .storage import Device
from .tensor import empty
from .writing import check_result_dtype, check_writable, without_layers

HALVES = (float16, bfloat16)
LAYOUTS_ONLY = "meta"  # the type of the device whose tensors have no memory


class Request:
    """One call as resolution sees it: layouts of inputs (promoted and broadcast)
    and outputs, attributes by name.
    """

    def __init__(
        self,
        op: Op,
        device: Device,
        args: tuple[Any, ...],
        outs: tuple[Any, ...] | None,
        entry: Any = None,
    ) -> None:
        self.entry = entry  # the one that asks for a plan; None where nothing but shapes is asked for
        self.op = op
        self.device = device
        self.given = [layout_of(a) for a in args]
        self.attributes = {
            p.name: a
            for p, a in zip(op.parameters, args, strict=True)
            if not p.is_tensor and not p.is_dynamic and not p.kind.startswith("device")
        }
        self.dynamic = tuple([(i, p.name) for i, p in enumerate(op.parameters) if p.is_dynamic])
        self.dtype: DType
        if op.elementwise:
            self._elementwise()
        else:
            self._general()
        self._convert_numbers(args)
        self.natural = self.outs
        self.cast_back = False
        if outs is not None:
            self._into(outs)

    def _elementwise(self) -> None:
        op = self.op
        positions = [i for i, p in enumerate(op.parameters) if p.is_tensor]
        operands = [self.given[i] for i in positions if op.parameters[i].name != "condition"]
        self.dtype = compute_dtype(op.promotion, operands)
        _check_dtype(op, self.dtype)
        if op.infer is not None:
            op.infer(*self.given)
        layouts = [g for g in self.given if isinstance(g, Layout)]
        shape = broadcast_shapes(*[g.shape for g in layouts])
        result = bool_ if op.promotion == "bool" else self.dtype
        out = elementwise_layout(shape, layouts, result)
        self.outs = (out,) * len(op.outputs)
        self.ins: list[Any] = []
        for i in positions:
            layout, dtype = self.given[i], bool_ if op.parameters[i].name == "condition" else self.dtype
            if self._stays_wide(op.parameters[i].name, layout):
                dtype = float32
            if isinstance(layout, Layout):
                if layout.dtype is not dtype:
                    layout = self._cast_layout(layout, dtype)
                self.ins.append(expand(layout, shape))
            else:
                self.ins.append(None if layout is None else strided(shape, (0,) * len(shape), dtype))

    def _stays_wide(self, name: str, given: Any) -> bool:
        """Whether a number, or a tensor of one that is wider, is not rounded to the halves beside it."""
        if name not in self.op.wide_numbers or self.dtype not in HALVES:
            return False
        return given.ndim == 0 and given.dtype in (float32, float64) if isinstance(given, Layout) else True

    def _convert_numbers(self, args: tuple[Any, ...]) -> None:
        """Numbers that are attributes become what elements are, or raise NumberRangeError; those of
        statistics are in the formula's terms, those that go into a new tensor are its own.
        """
        op = self.op
        self.numbers: dict[int, Any] = {}
        if op.family in ("statistics", "indexing"):
            return
        for i, (p, value) in enumerate(zip(op.parameters, args, strict=True)):
            if p.kind in ("Scalar", "Scalar?") and value is not None:
                self.numbers[i] = self.attributes[p.name] = number_of(op.name, value, self.dtype)

    def converted(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments of a call that this request stands for, for a decomposition: numbers are converted,
        and rounded to halves that are beside them where the op says so.
        """
        if self.numbers:
            args = tuple([self.numbers.get(i, a) for i, a in enumerate(args)])
        if self.op.elementwise and self.dtype in HALVES:
            args = tuple(
                [
                    rounded(a, self.dtype)
                    if p.is_tensor and isinstance(a, (int, float)) and p.name not in self.op.wide_numbers
                    else a
                    for p, a in zip(self.op.parameters, args, strict=True)
                ]
            )
        return args

    def _cast_layout(self, layout: Layout, dtype: DType) -> Layout:
        return dense(layout.shape, dtype) if not non_overlapping_dense(layout) else with_dtype(layout, dtype)

    def _general(self) -> None:
        op = self.op
        tensors = [g for p, g in zip(op.parameters, self.given, strict=True) if p.is_tensor]
        self.ins = []
        for g in tensors:
            self.ins.extend(g if isinstance(g, tuple) else (g,))
        first = next((g for g in self.ins if g is not None), None)
        if first is not None:
            _check_dtype(op, first.dtype)
        self.outs = results_of(op, self.given)
        for out in self.outs:
            if out.dtype.stored is not None:
                raise DTypeError(
                    f"{op.name}() is not implemented for {out.dtype.name}: no kernel makes tensors of this "
                    f"dtype; make them in float32 and convert with .to({out.dtype.name}), or quantize them"
                )
        self.dtype = first.dtype if first is not None else self.outs[0].dtype

    def _into(self, outs: tuple[Any, ...]) -> None:
        name = self.op.name
        for natural, out in zip(self.natural, outs, strict=True):
            check_writable(name, out)
            if tuple(natural.shape) != tuple(out.shape):
                raise ShapeError(
                    f"output with shape {list(out.shape)} doesn't match the broadcast shape "
                    f"{list(natural.shape)} of {name}(); give an output of that shape"
                )
            exact = not self.op.out_takes(natural.dtype, out.dtype)
            check_result_dtype(name, natural.dtype, out.dtype, exact)
            self.cast_back |= natural.dtype is not out.dtype
        if not self.cast_back:
            self.outs = tuple([o.layout for o in outs])


def results_of(op: Op, given: Sequence[Any]) -> tuple[Layout, ...]:
    """The layouts of the results of an op that is neither elementwise nor a view, from layouts and attributes
    in the schema's order. Raises what the op's ``infer`` does.
    """
    if op.infer is None:
        return derived(op, given)
    outs = op.infer(*given)
    return outs if isinstance(outs, tuple) else (outs,)


def derived(op: Op, given: Sequence[Any]) -> tuple[Layout, ...]:
    """The layouts of the results of an op's decomposition, which runs on tensors without memory."""
    if op.decompose is None:
        raise KernelError(f"op {op.name!r} has no infer column; give its record one")
    nowhere = device(LAYOUTS_ONLY)

    def stand_in(one: Any) -> Any:
        if isinstance(one, tuple) and one and isinstance(one[0], Layout):
            return tuple([stand_in(part) for part in one])
        if isinstance(one, Device):
            return nowhere
        return empty(dense(one.shape, one.dtype), nowhere) if isinstance(one, Layout) else one

    with unseen(), without_layers(LAYER_MASK):
        made = op.decompose(*map(stand_in, given))
    if made is NotImplemented:
        raise KernelError(f"op {op.name!r} is not decomposed for these arguments, and has no infer column")
    results = made if isinstance(made, (tuple, list)) else (made,)
    return tuple([dense(result.layout.shape, result.layout.dtype) for result in results])


def _check_dtype(op: Op, dtype: DType) -> None:
    if (dtype.stored or dtype) not in GROUPS[op.dtypes]:
        raise DTypeError(
            f'"{op.name}" not implemented for {dtype.name!r}: it takes {op.dtypes} dtypes; convert with '
            f".to(dtype)"
        )


def elementwise_layout(shape: tuple[int, ...], layouts: Sequence[Layout], dtype: DType) -> Layout:
    """The result's layout: the inputs' permutation where they are dense in another order than row-major."""
    full = [g for g in layouts if tuple(g.shape) == shape]
    if not full or all(g.dense for g in full) or len(shape) < 2:
        return dense(shape, dtype)
    order = list(range(len(shape)))[::-1]  # innermost first
    for i in range(1, len(order)):
        place = i
        for j in range(i - 1, -1, -1):
            decision = _before(order[j], order[place], layouts, shape)
            if decision > 0:
                order[j], order[place] = order[place], order[j]
                place = j
            elif decision < 0:
                break
    strides = [0] * len(shape)
    step = 1
    for d in order:
        strides[d] = step
        step *= max(shape[d], 1)
    return strided(shape, strides, dtype)


def _before(a: int, b: int, layouts: Sequence[Layout], shape: tuple[int, ...]) -> int:
    """TensorIterator's comparison: 1 where dimension ``b`` should lie inside ``a``,
    -1 the reverse, 0 undecided.
    """
    for g in layouts:
        lead = len(shape) - g.ndim
        sa = 0 if a < lead or (g.shape[a - lead] == 1 and shape[a] != 1) else g.strides[a - lead]
        sb = 0 if b < lead or (g.shape[b - lead] == 1 and shape[b] != 1) else g.strides[b - lead]
        if sa == 0 or sb == 0:
            continue
        if sa < sb:
            return -1
        if sa > sb:
            return 1
        if shape[a] > shape[b]:
            return 1
    return 0
