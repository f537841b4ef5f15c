"""Time, operations and bytes by op, as a dispatch layer: what ``tensorplug.profile`` switches on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

tensorplug_api = (1, 0)


def tensorplug_layers() -> Iterable[Any]:
    from .layer import ProfileLayer

    return (ProfileLayer(),)
