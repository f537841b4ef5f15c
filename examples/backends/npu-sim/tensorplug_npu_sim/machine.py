"""The machine that is simulated, as numbers.

A chip has DRAM, a scratchpad between it and the units, and three units that work from the scratchpad:

- the **matrix unit** holds a tile of the right operand (``tile_k`` by ``tile_n``) and takes a row of the
  left one a cycle: bfloat16 products summed in float32, or int8 (uint8) products summed in int32, with a
  tile twice as high;
- the **vector unit** works on ``lanes`` elements of 32 bits a cycle; smaller elements are widened, int64
  takes two lanes. What it knows is float32 and int32 arithmetic; a root or a quotient takes ``slow`` cycles,
  a transcendental function ``slower``. It also multiplies matrices of float32 and int32, one product a lane;
- the **DMA engine** moves bytes between DRAM and scratchpad, and between the host and DRAM. Elements that do
  not lie one after the other cost a burst each.

A command costs ``launch`` cycles, then the larger of its arithmetic and its DMA, which overlap.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from tensorplug_dispatcher.errors import DeviceAbsentError


@dataclass(frozen=True, slots=True)
class Machine:
    """``TENSORPLUG_NPU_SIM`` may name a TOML file with other values for some of these."""

    chips: int = 2  # devices: npu-sim:0, npu-sim:1…
    clock: float = 1.0e9  # cycles a second
    dram: int = 256 << 20  # bytes of each chip
    scratchpad: int = 1 << 20  # bytes
    tile_k: int = 128  # rows of the right operand in the matrix unit, twice as many for int8
    tile_n: int = 128  # its columns
    tile_m: int = 256  # rows of the left operand that the scratchpad holds at a time
    lanes: int = 128  # of the vector unit, 32 bits each
    slow: int = 4  # cycles of a division or a root
    slower: int = 8  # cycles of a transcendental function
    bandwidth: int = 64  # bytes a cycle between DRAM and scratchpad
    burst: int = 32  # bytes, the least that DRAM gives
    latency: int = 100  # cycles until the first byte
    launch: int = 40  # cycles of a command
    link: int = 16  # bytes a cycle between host and DRAM

    @classmethod
    def configured(cls, environment: Mapping[str, str] = os.environ) -> Machine:
        """The machine of ``TENSORPLUG_NPU_SIM``. Raises DeviceAbsentError where the file is not right."""
        path = environment.get("TENSORPLUG_NPU_SIM", "")
        if not path:
            return cls()
        try:
            content = tomllib.loads(Path(path).read_text())
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise DeviceAbsentError(f"the machine description {path} cannot be read: {error}") from error
        known = [field.name for field in fields(cls)]
        problems = [f"{name!r} is no field of it" for name in content if name not in known]
        problems += [
            f"{name} is {value!r}, which is no positive {'number' if name == 'clock' else 'whole number'}"
            for name, value in content.items()
            if name in known and not _positive(value, name)
        ]
        found = cls() if problems else cls(**content)
        if found.tiles > found.scratchpad:
            problems.append(f"its tiles take {found.tiles} bytes of a scratchpad of {found.scratchpad}")
        if problems:
            raise DeviceAbsentError(
                f"the machine description {path} is not right: {'; '.join(problems)}; the fields are "
                f"{', '.join(known)}"
            )
        return found

    @property
    def tiles(self) -> int:
        """The bytes of a tile of each operand and of the sums, in the scratchpad."""
        k = 2 * self.tile_k  # int8 rows, or half as many of bfloat16
        return self.tile_m * k + k * self.tile_n + 4 * self.tile_m * self.tile_n


def _positive(value: object, name: str) -> bool:
    return (type(value) is int or (name == "clock" and type(value) is float)) and value > 0  # type: ignore[operator]
