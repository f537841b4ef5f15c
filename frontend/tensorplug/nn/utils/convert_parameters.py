"""Parameters as one vector and back."""

from __future__ import annotations

import tensorplug as tp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from tensorplug import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters, flattened and joined: [total]. Raises TypeError where they are on different devices."""
    params = _on_one_device(parameters)
    return tp.cat([param.reshape(-1) for param in params])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Make the parameters views of the parts of ``vec`` [total]; raises TypeError where it is no tensor."""
    if not isinstance(vec, tp.Tensor):
        raise TypeError(f"expected tensorplug.Tensor, but got: {type(vec).__name__}")
    start = 0
    for param in _on_one_device(parameters):
        end = start + param.numel()
        param.data = vec.detach()[start:end].view(param.shape)
        start = end


def _on_one_device(parameters: Iterable[Tensor]) -> list[Tensor]:
    params = list(parameters)
    if len({str(param.device) for param in params}) > 1:
        raise TypeError("Found two parameters on different devices, this is currently not supported.")
    return params
