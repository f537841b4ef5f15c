"""Faults on purpose: wraps any device and makes it fail at the nth call, the same way every time.

>>> import tensorplug_faults as faults
>>> faults.wrap("mirror")
'faulty-mirror'
>>> with faults.inject("faulty-mirror:0", faults.Lost(call=17)) as injection:
...     train(device="faulty-mirror:0")

A wrapped device is an ordinary plugin, found through an entry point in a folder of its own; it does all that
the other does, through the public contract alone. ``install`` offers plugins that are broken in a known way,
``forked`` and ``truncate`` do to a process and to a file what accidents do.
"""

from __future__ import annotations

from .accidents import Outcome, forked, truncate
from .broken import BROKEN, install
from .distributions import Installation
from .faults import Call, Corrupt, Fault, Injection, KernelFault, Lost, OutOfMemory, Slow, WrongResult, inject
from .wrapping import wrap

__all__ = [
    "BROKEN",
    "Call",
    "Corrupt",
    "Fault",
    "Injection",
    "Installation",
    "KernelFault",
    "Lost",
    "OutOfMemory",
    "Outcome",
    "Slow",
    "WrongResult",
    "forked",
    "inject",
    "install",
    "truncate",
    "wrap",
]
