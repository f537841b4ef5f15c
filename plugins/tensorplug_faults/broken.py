"""Plugins that are broken in a known way, each an installable distribution of a few lines."""

from __future__ import annotations

from typing import Final

from .distributions import Installation, install_distributions

RUNTIME: Final = """
from tensorplug_dispatcher import DeviceInfo

tensorplug_api = {api}

class Runtime:
    def devices(self): return [{devices}]
    def allocate(self, index, nbytes): return bytearray(nbytes)
    def upload(self, dst, src): memoryview(dst)[: len(src)] = src
    def download(self, src, dst): dst[:] = memoryview(src)[: len(dst)]
    def transfer(self, src, dst): return False
    def bind(self, array): return array
    def synchronize(self, index): ...
    def close(self): ...

def tensorplug_runtime():
    return Runtime()
"""
ONE: Final = 'DeviceInfo(0, "of a stranger")'
OURS: Final = "(1, 0)"

# What is wrong → the plugin's source.
BROKEN: Final[dict[str, str]] = {
    "import raises": 'raise OSError("injected: no board in slot 3")\n',
    "missing symbol": (
        f"import cffi\ntensorplug_api = {OURS}\nffi = cffi.FFI()\n"
        "ffi.cdef('void tensorplug_injected_missing_symbol(void);')\n"
        "ffi.dlopen(None).tensorplug_injected_missing_symbol\n"
    ),
    "hanging start": "import time\ntime.sleep(3600)\n",
    "zero devices": RUNTIME.format(api=OURS, devices=""),
    "older api": RUNTIME.format(api=(0, 9), devices=ONE),
    "newer api": RUNTIME.format(api=(2, 0), devices=ONE),
    "duplicate name": RUNTIME.format(api=OURS, devices=ONE),
}


def install(fault: str, name: str = "broken") -> Installation:
    """Install a plugin for device type ``name`` that is broken as ``fault`` (a key of ``BROKEN``) says.

    ``duplicate name`` installs two distributions that claim the name. Raises ValueError for another fault.
    """
    if fault not in BROKEN:
        raise ValueError(f"no broken plugin is known as {fault!r}; there are {', '.join(map(repr, BROKEN))}")
    module = f"tensorplug_{name}".replace("-", "_")
    distributions = {f"tensorplug-{name}": {name: module}}
    if fault == "duplicate name":
        distributions[f"other-{name}"] = {name: module}
    return install_distributions(distributions, {module: BROKEN[fault]})
