"""The errors of kernels that fail, or that do what they must not."""

from __future__ import annotations

from typing import Any

from .errors import IndexRangeError, KernelError, OutOfMemoryError, ShapeError
from .tensor import TensorBase

ERROR_CODES = {
    1: (
        IndexRangeError,
        "index out of range in {name}: an index lies outside the tensor {shapes}; "
        "check the indices' minimum and maximum",
    ),
    2: (MemoryError, "{name} found no memory for its scratch space {shapes}; use smaller batches"),
    3: (
        ZeroDivisionError,
        "ZeroDivisionError: {name} divided an integer by zero {shapes}; mask the zeros with where()",
    ),
    4: (
        KernelError,
        "{name}: the library that computes it (BLAS or oneDNN) refused the call {shapes}; nothing that it "
        "left is used. This is a fault of the kernel: report it with these shapes",
    ),
    9: (ShapeError, "{name} takes at most 32 tensors in one call {shapes}; call it on parts"),
}


def raise_code(code: int, name: str, args: tuple[Any, ...]) -> None:
    """The typed error for a kernel's non-zero result."""
    shapes = ", ".join(str(list(a.shape)) for a in args if isinstance(a, TensorBase))
    kind, text = ERROR_CODES.get(
        code, (KernelError, f"{{name}} failed on the device with code {code} {{shapes}}")
    )
    message = text.format(name=name, shapes=f"(operands of shape {shapes})" if shapes else "")
    if kind is MemoryError:
        raise OutOfMemoryError("cpu", 0)
    raise kind(message)


def raise_returned(name: str, device: Any, provider: Any, returned: Any) -> None:
    """The error of a kernel that gives a result back instead of writing it."""
    shape = getattr(returned, "shape", None)
    what = type(returned).__name__ + ("" if shape is None else f" of shape {list(shape)}")
    raise KernelError(
        f"{name}() failed on {device}: its kernel (provider {provider!r}) returned "
        f"{what}; a kernel writes its results into outs and returns None"
    )
