"""A method that writes in place has the gradient of the one that does not; leaves refuse all of them."""

from __future__ import annotations

from typing import Any

import pytest

import tensorplug as tp

PLACE = tp.tensor([2, 0])
MASK = tp.tensor([True, False, True, False])
PAIR = (0, PLACE, tp.tensor([0.25, 0.75]))
ARGUMENTS: dict[str, Any] = {
    "addcdiv": (tp.full((4,), 0.5), tp.full((4,), 0.25)),
    "addcmul": (tp.full((4,), 0.5), tp.full((4,), 0.25)),
    "clamp": (0.3, 0.6),
    "clip": (0.3, 0.6),
    "cumprod": (0,),
    "cumsum": (0,),
    "fill_diagonal": (0.5,),
    "index_add": PAIR,
    "index_copy": PAIR,
    "index_fill": (0, PLACE, 0.5),
    "index_put": ((PLACE,), PAIR[2]),
    "lerp": (tp.full((4,), 0.5), 0.25),
    "masked_fill": (MASK, 0.5),
    "masked_scatter": (MASK, PAIR[2]),
    "scatter": PAIR,
    "scatter_add": PAIR,
    "scatter_reduce": (*PAIR, "prod"),
    "heaviside": (tp.full((4,), 0.5),),
}
SHAPED = {"tril", "triu", "fill_diagonal"}  # of matrices
NO_GRADIENT = """
as_strided bernoulli copy detach exponential fill log_normal normal random requires_grad resize resize_as
retain_grad set squeeze swapaxes swapdims t transpose uniform unsqueeze zero become base grad grad_fn handle
hooks quantizer
""".split()  # new values, or what has no gradient
OTHER = tp.tensor([0.5, 0.4, 1.5, 0.3])


def names() -> list[str]:
    found = [n[:-1] for n in dir(tp.Tensor) if n.endswith("_") and not n.startswith("_")]
    return [n for n in found if n not in NO_GRADIENT and hasattr(tp.Tensor, n)]


def start() -> Any:
    return tp.tensor([0.2, 0.9, 0.55, 0.4], requires_grad=True)


def arguments(name: str) -> tuple[Any, ...]:
    """What ``name`` takes beside the tensor: as listed, else nothing, else a tensor."""
    if name in ARGUMENTS:
        return tuple(ARGUMENTS[name])
    try:
        getattr(shaped(name, start().detach()), name)()
    except (tp.SignatureError, TypeError):
        return (OTHER,)
    except tp.TensorplugError:
        pass  # not for floats
    return ()


def shaped(name: str, x: Any) -> Any:
    return x.reshape(2, 2) if name in SHAPED else x


def gradient(name: str, given: tuple[Any, ...], in_place: bool) -> Any:
    """The results and the gradient, or the error's type."""
    x = start()
    y = shaped(name, x * 1.0)
    try:
        if in_place:
            kept = y
            z = getattr(y, f"{name}_")(*given)
            assert z is kept
        else:
            z = getattr(y, name)(*given).to(x.dtype)
        (z * shaped(name, x)).sum().backward()
    except tp.TensorplugError as error:
        return type(error).__name__
    return z.tolist(), None if x.grad is None else x.grad.tolist()


@pytest.mark.parametrize("name", names())
def test_as_out_of_place(name: str) -> None:
    given = arguments(name)
    apart = gradient(name, given, False)
    here = gradient(name, given, True)
    if isinstance(apart, str):  # not for floats
        assert isinstance(here, str), (name, apart, here)
    elif isinstance(here, str):  # the result's dtype is another
        assert (name, here) == ("float_power", "DTypeError")
    else:
        assert repr(here) == repr(apart), name


@pytest.mark.parametrize("name", names())
def test_leaves_refuse(name: str) -> None:
    """Leaves, views of them, and leaves that are themselves views of something without a history."""
    given = arguments(name)
    for make in (
        start,
        lambda: start()[:],
        lambda: tp.tensor([9.0, 0.2, 0.9, 0.55, 0.4])[1:].requires_grad_(),
        lambda: tp.tensor([9.0, 0.2, 0.9, 0.55, 0.4])[1:].requires_grad_()[:],
    ):
        x = shaped(name, make())
        before = x.tolist()
        with pytest.raises(tp.TensorplugError):
            getattr(x, f"{name}_")(*given)
        assert x.tolist() == before
        assert x.is_leaf or x._base is not None
