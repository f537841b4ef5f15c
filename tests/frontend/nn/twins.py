"""One model in both libraries: the same values in a tensorplug module and in its torch twin."""

from __future__ import annotations

from typing import Any

import numpy as np

import tensorplug as tp


def array(tensor: Any) -> np.ndarray:
    return tensor.detach().numpy()


def mine(tensor: Any, requires_grad: bool = False) -> Any:
    """A tensorplug tensor with the values of a torch one."""
    copy = tp.from_numpy(tensor.detach().numpy().copy())
    return copy.requires_grad_() if requires_grad else copy


def twins(build: Any) -> tuple[Any, Any]:
    """``build(nn)`` for both libraries; tensorplug's module gets the parameters and buffers of torch's."""
    import torch

    torch.manual_seed(0)
    theirs = build(torch.nn)
    own = build(tp.nn)
    own.load_state_dict({name: mine(value) for name, value in theirs.state_dict().items()})
    return own, theirs


def close(own: Any, theirs: Any, tolerance: float = 1e-5) -> None:
    assert tuple(own.shape) == tuple(theirs.shape)
    np.testing.assert_allclose(array(own), array(theirs), rtol=tolerance, atol=tolerance)


def same_calls(own: Any, theirs: Any, *inputs: Any, tolerance: float = 1e-5) -> None:
    """Outputs, gradients of floating-point inputs, and gradients of parameters of both modules agree."""
    import torch

    their_inputs = [x.clone().requires_grad_() if x.is_floating_point() else x for x in inputs]
    own_inputs = [mine(x, requires_grad=x.is_floating_point()) for x in inputs]
    their_out, own_out = theirs(*their_inputs), own(*own_inputs)
    if isinstance(their_out, tuple):
        for a, b in zip(own_out, their_out):
            close(a, b, tolerance)
        their_out, own_out = their_out[0], own_out[0]
    close(own_out, their_out, tolerance)
    weight = torch.randn(their_out.shape, dtype=their_out.dtype)
    (their_out * weight).sum().backward()
    (own_out * mine(weight)).sum().backward()
    for a, b in zip(own_inputs, their_inputs):
        if b.requires_grad:
            close(a.grad, b.grad, tolerance)
    if isinstance(theirs, torch.nn.Module):
        for (name, a), (other, b) in zip(own.named_parameters(), theirs.named_parameters()):
            assert name == other
            assert (a.grad is None) == (b.grad is None), name
            if b.grad is not None:
                close(a.grad, b.grad, tolerance)
        for (name, a), (other, b) in zip(own.named_buffers(), theirs.named_buffers()):
            assert name == other
            close(a, b, tolerance)
