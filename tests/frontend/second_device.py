"""The device type that tests of moves and losses take: the mirror, or ``TENSORPLUG_SECOND_DEVICE``.

It needs two devices: PoCL has as many as ``POCL_DEVICES="pthread pthread"`` names.
"""

from __future__ import annotations

import os
from typing import Final

KIND: Final = os.environ.get("TENSORPLUG_SECOND_DEVICE", "mirror")
ZERO: Final = f"{KIND}:0"
ONE: Final = f"{KIND}:1"
