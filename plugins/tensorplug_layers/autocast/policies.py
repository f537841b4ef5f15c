"""What autocast does to an op on a device type, and the bit that switches it on."""

from __future__ import annotations

from typing import Final

from tensorplug_dispatcher import layers
from tensorplug_dispatcher.autocast import DEFAULT, Autocast
from tensorplug_dispatcher.devices import plugins
from tensorplug_dispatcher.devices.registry import GROUP
from tensorplug_dispatcher.op import Op

AUTOCAST: Final = layers.bit("autocast")


def wanted_by(kind: str) -> Autocast:
    """The record of a device type; the default one where its plugin gives none (or there is no plugin)."""
    plugin = plugins.loaded(GROUP, kind)
    return DEFAULT if plugin is None else plugin.tensorplug_autocast()


def policy_of(op: Op, kind: str) -> str:
    """The policy of an op on devices of a type, but for ``parts`` of it."""
    return wanted_by(kind).policies.get(op.name, op.autocast)


def parts(op: Op, kind: str) -> dict[int, str]:
    """Dimensions of the first operand → the policy that a device type has for those alone: its record says it
    with a former name, such as ``max_pool3d``.
    """
    found = wanted_by(kind).policies
    return {ndim: found[name] for name, ndim in op.formerly.items() if name in found}
