from typing import Any

def raise_in_thread(ident: int, exception: type[BaseException]) -> bool: ...
def same_bytes(a: memoryview, b: memoryview) -> bool: ...

class HostMemory:
    def __init__(self, address: int, nbytes: int, owner: Any) -> None: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...

def new_capsule(
    owner: Any,
    address: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    kind: tuple[int, int],
    version: tuple[int, int] | None,
    flags: int,
) -> Any: ...
def read_capsule(capsule: Any) -> Exported | None: ...
def take_capsule(capsule: Any) -> Any: ...

class Exported:
    version: tuple[int, int] | None
    flags: int
    device_type: int
    kind: tuple[int, int]
    lanes: int
    address: int
    shape: tuple[int, ...]
    strides: tuple[int, ...] | None
