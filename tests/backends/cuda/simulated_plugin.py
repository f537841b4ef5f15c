"""The CUDA backend over simulated machines, as plugins: what the entry points of ``conftest`` name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from simulated import OpenCLDevice, SimulatedDriver

import tensorplug_cuda
from tensorplug_cuda.runtime import CUDARuntime


class Machine:
    """A plugin of one device type."""

    tensorplug_api = (1, 0)

    def __init__(self, driver: SimulatedDriver, runs: bool) -> None:
        self.driver = driver
        self.runs = runs
        self.runtime = CUDARuntime(driver)

    def tensorplug_runtime(self) -> Any:
        if self.runs and self.driver.run is None:
            self.driver.run = OpenCLDevice(self.driver)
        return self.runtime

    def tensorplug_kernels(self) -> Iterable[Any]:
        return tensorplug_cuda.kernels(self.runtime)


simulated = Machine(SimulatedDriver(2), runs=True)
unrun = Machine(SimulatedDriver(), runs=False)  # launches nothing: for who only looks at the programs
breakable = Machine(SimulatedDriver(megabytes=16), runs=False)
unrun.driver.absences["blas"] = "products are to be generated"
