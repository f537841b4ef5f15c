"""Where there is no pyopencl or no platform the device is listed as absent, with the reason."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import sys
import tensorplug as tp
if {hide}:
    sys.modules["pyopencl"] = None
(record,) = [r for r in tp.devices.list(load=True) if r.type == "opencl"]
print(record.state)
print(record.reason)
try:
    tp.ones(1, device="opencl")
except tp.devices.DeviceError as error:
    print(type(error).__name__)
print((tp.ones(2) + 1).tolist())
"""


def run(hide: bool, **environment: str) -> list[str]:
    shown = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(hide=hide)],
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ, **environment),
    )
    return shown.stdout.splitlines()


def test_without_pyopencl() -> None:
    assert run(True) == [
        "absent",
        "pyopencl cannot be imported (import of pyopencl halted; None in sys.modules); pip install "
        "'tensorplug[opencl]'",
        "DeviceAbsentError",
        "[2.0, 2.0]",
    ]


@pytest.mark.needs("pyopencl")
def test_without_a_platform() -> None:
    state, reason, error, rest = run(False, OCL_ICD_VENDORS="/nonexistent", OPENCL_VENDOR_PATH="/nonexistent")
    assert (state, error, rest) == ("absent", "DeviceAbsentError", "[2.0, 2.0]")
    assert reason == (
        "no OpenCL platform is installed (clGetPlatformIDs failed: PLATFORM_NOT_FOUND_KHR); a processor is "
        "one with PoCL: apt install pocl-opencl-icd"
    )
