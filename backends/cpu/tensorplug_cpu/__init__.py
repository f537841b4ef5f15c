"""The CPU backend: host memory, C kernels for every op family, and a BLAS. Comes in through
``tensorplug.backends``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any

tensorplug_api = (1, 0)

FAMILIES = (
    "elementwise",
    "movement",
    "reduction",
    "linalg",
    "convolution",
    "pooling",
    "normalization",
    "softmax",
    "indexing",
    "scan_sort",
    "random",
    "quantized",
)


class CpuRuntime:
    """Host memory. Its buffers have an address, so that C kernels of the host take them."""

    host = True

    def devices(self) -> Sequence[Any]:
        import os

        from tensorplug_dispatcher import DeviceInfo

        from .native_library import variant

        return (
            DeviceInfo(
                0,
                "host processor",
                os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
                f"{os.cpu_count()} cores, kernels for {variant()}",
            ),
        )

    def allocate(self, index: int, nbytes: int) -> Any:
        from tensorplug_dispatcher.memory import OwnedBuffer

        return OwnedBuffer(nbytes)

    def upload(self, dst: Any, src: memoryview) -> None:
        dst.memory()[: len(src)] = src

    def download(self, src: Any, dst: memoryview) -> None:
        dst[:] = src.memory()[: len(dst)]

    def transfer(self, src: Any, dst: Any) -> bool:
        return False

    def bind(self, array: Any) -> Any:
        return array

    def synchronize(self, index: int) -> None:
        return None

    def close(self) -> None:
        return None

    def memory_info(self, index: int) -> tuple[int, int]:
        """(free, total) bytes of the machine; macOS does not tell the first, which is then 0."""
        import os

        page, known = os.sysconf("SC_PAGE_SIZE"), "SC_AVPHYS_PAGES" in os.sysconf_names
        free = os.sysconf("SC_AVPHYS_PAGES") if known else 0
        return page * free, page * os.sysconf("SC_PHYS_PAGES")

    def set_num_threads(self, count: int) -> None:
        """How many threads kernels may use, the caller's included."""
        from .native_library import library

        library().tp_set_num_threads(count)

    def get_num_threads(self) -> int:
        from .native_library import library

        return int(library().tp_get_num_threads())


def tensorplug_autocast() -> Any:
    """bfloat16 first. The kernels of what is on PyTorch's list for GPUs, but not on its list for processors,
    compute halves in float32 by themselves.
    """
    from tensorplug_dispatcher.autocast import Autocast

    alone = "exp log log1p expm1 reciprocal rsqrt log2 log10 sinh cosh tan asin acos pow softplus sum cumsum "
    alone += "cumprod softmax log_softmax logsumexp norm"
    policies = dict.fromkeys(alone.split(), "none")
    policies |= dict.fromkeys(("layer_norm", "group_norm"), "round")
    policies |= dict.fromkeys(("max_pool3d", "avg_pool3d"), "float32")
    return Autocast(policies=policies)


def tensorplug_runtime() -> CpuRuntime:
    return CpuRuntime()


def tensorplug_kernels() -> Iterable[Any]:
    from tensorplug_dispatcher.kernels import native_kernels

    from . import onednn, thresholds

    found: list[Any] = []
    for family in FAMILIES:
        made = import_module(f"{__name__}.{family}").KERNELS
        found += native_kernels(made, provider="native", thresholds=thresholds.of_family(family, made))
    return [*found, *onednn.kernels()]
