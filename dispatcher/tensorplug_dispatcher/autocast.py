"""Mixed precision as data: what an op's policy may be, and what a device type wants to be otherwise.

The policies are a column of the op table; a plugin's hook ``tensorplug_autocast`` returns an ``Autocast``
record with what differs on its devices. The layer that follows them is a plugin like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from . import ops
from .dtypes import DType, bfloat16, float16
from .op import POLICIES

LOW: Final = (bfloat16, float16)


@dataclass(frozen=True, slots=True)
class Autocast:
    """What a device type wants of autocast.

    ``dtypes``: the low-precision dtypes that it runs fast, the one to take first. ``policies``: op → policy
    where it is another than in the op table; a former name of part of an op (``max_pool3d``) says it of that
    part.
    """

    dtypes: tuple[DType, ...] = LOW
    policies: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


DEFAULT: Final = Autocast()  # of a device type that declares nothing


def fault(record: Autocast) -> str:
    """What is wrong with a record, "" for a good one."""
    if not record.dtypes:
        return "it has no dtypes; leave the hook out for bfloat16 and float16"
    for dtype in record.dtypes:
        if dtype not in LOW:
            return f"dtype {dtype!r} is not of low precision; there are {', '.join(d.name for d in LOW)}"
    for name, policy in record.policies.items():
        if not ops.known(name):
            return f"{name!r} is no op of the table; see tensorplug_dispatcher.ops.OPS for the names"
        if policy not in POLICIES:
            return f"op {name!r} cannot have the policy {policy!r}; the policies are {', '.join(POLICIES)}"
    return ""
