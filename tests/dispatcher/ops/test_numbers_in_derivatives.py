"""Derivatives of calls whose operands are partly numbers: no formula may be left with numbers alone.

Every differentiable elementwise op, with each choice of its operands as numbers: against float64 differences,
and against PyTorch where the numbers are at kinks.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest

import tensorplug as tp
from tensorplug_dispatcher.op import Input, Op
from tensorplug_dispatcher.ops import OPS, F


def operands_of(op: Op) -> list[int]:
    return [i for i, p in enumerate(op.parameters) if p.is_tensor and p.name != "condition"]


def cases() -> Iterator[Any]:
    for name, op in OPS.items():
        differentiable = op.vjp is not None or op.decompose is not None
        places = operands_of(op)
        if not op.elementwise or not differentiable or op.promotion == "bool" or name.endswith("_step"):
            continue
        for count in range(1, len(places)):
            for chosen in combinations(places, count):
                yield pytest.param(
                    name, chosen, id=f"{name}-{'-'.join(op.parameters[i].name for i in chosen)}"
                )


def sample_of(op: Op) -> Any:
    return next(s for s in op.samples() if not any(isinstance(a, Input) and a.values for a in s.args))


def drawn(spec: Input, place: int) -> list[float]:
    """Numbers of an input's range, none of them twice and none at a kink."""
    low, high = max(spec.low, -4.0), min(spec.high, 4.0)
    return [low + (high - low) * (((i * 5 + place * 3) % 8) + 0.37) / 8.1 for i in range(3)]


def called(name: str, args: list[Any]) -> Any:
    function = getattr(F, name)
    defaults = [p.default for p in OPS[name].parameters[len(args) :]]
    result = function.call((*args, *defaults))  # as formulas may, where users must give tensors
    return result[0] if isinstance(result, tuple) else result


@pytest.mark.parametrize("number", [0.75, 2])
@pytest.mark.parametrize(("name", "chosen"), list(cases()))
def test_against_differences(name: str, chosen: tuple[int, ...], number: float) -> None:
    op = OPS[name]
    given: list[Any] = []
    tensors: list[Any] = []
    for i, arg in enumerate(sample_of(op).args):
        if i in chosen:
            given.append(number)
        elif not isinstance(arg, Input):
            given.append(arg)
        elif arg.dtype == "bool":
            given.append(tp.tensor([True, False, True]))
        else:
            tensors.append(tp.tensor(drawn(arg, i), dtype=tp.float64, requires_grad=True))
            given.append(len(tensors) - 1)
            tensors[-1].place = i

    places = [t.place for t in tensors]

    def function(*leaves: Any) -> Any:
        filled = list(given)
        for place, leaf in zip(places, leaves):
            filled[place] = leaf
        return called(name, filled)

    assert tp.autograd.gradcheck(function, tuple(tensors))
    out = function(*tensors)
    first = tp.autograd.grad(out.sum(), tensors, create_graph=True, allow_unused=True)
    if any(g is not None and g.requires_grad for g in first):
        assert tp.autograd.gradgradcheck(function, tuple(tensors))


@pytest.mark.oracle
@pytest.mark.parametrize("number", [0, -1, 0.0, True])
@pytest.mark.parametrize(("name", "chosen"), list(cases()))
def test_at_kinks_like_torch(name: str, chosen: tuple[int, ...], number: float) -> None:
    import torch
    from torch_references import reference

    op = OPS[name]
    if name == "sub" and number is True:
        pytest.skip("bools are not subtracted")

    def gradients(T: Any) -> Any:
        given: list[Any] = []
        for i, arg in enumerate(sample_of(op).args):
            if i in chosen:
                given.append(number if T is tp else torch.tensor(number, dtype=torch.float64))
            elif not isinstance(arg, Input):
                given.append(arg)
            elif arg.dtype == "bool":
                given.append(T.tensor([True, False, True]))
            else:
                given.append(T.tensor(drawn(arg, i), dtype=T.float64, requires_grad=True))
        out = called(name, given) if T is tp else reference(name)(*given)
        out = out[0] if isinstance(out, (tuple, list)) else out
        leaves = [a for a in given if getattr(a, "requires_grad", False)]
        found = T.autograd.grad(out.sum(), leaves, allow_unused=True)
        return [[0.0] * 3 if g is None else g.tolist() for g in found]

    try:
        wanted = gradients(torch)
    except (RuntimeError, NotImplementedError) as error:
        pytest.skip(f"PyTorch: {error}")
    for mine, theirs in zip(gradients(tp), wanted, strict=True):
        assert mine == pytest.approx(theirs, rel=1e-9, abs=1e-12, nan_ok=True)
