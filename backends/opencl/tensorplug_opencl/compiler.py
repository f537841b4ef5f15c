"""Compiles programs, and keeps the binaries on disk."""

from __future__ import annotations

import threading
from typing import Any

import pyopencl as cl

from tensorplug_codegen import program_cache
from tensorplug_dispatcher.errors import KernelError

_lock = threading.Lock()


def kernel(device: Any, op: str, source: str, name: str) -> Any:
    """A ``pyopencl.Kernel`` of its own (arguments belong to the object) of this name in this source."""
    with _lock:
        program = device.programs.get(source)
        if program is None:
            program = device.programs[source] = _program(device, op, device.target.text + source)
    return cl.Kernel(program, name)


def options(device: Any) -> tuple[str, ...]:
    exact = device.device.single_fp_config & cl.device_fp_config.CORRECTLY_ROUNDED_DIVIDE_SQRT
    # -w: PoCL warns of loops that it vectorizes later, when its own functions are linked
    return ("-cl-std=CL1.2", "-w", *(("-cl-fp32-correctly-rounded-divide-sqrt",) if exact else ()))


def _program(device: Any, op: str, text: str) -> Any:
    d = device.device
    flags = options(device)
    key = program_cache.key("opencl", text, *flags, d.platform.version, d.name, d.version, d.driver_version)
    binary = program_cache.load(key)
    if binary is not None:
        try:
            return cl.Program(device.context, [d], [binary]).build(" ".join(flags))
        except cl.Error:
            program_cache.forget(key)  # foreign or from another driver: built anew
    try:  # the C++ program, because pyopencl's own class brings a cache of pickles
        program = cl.Program(cl._cl._Program(device.context, text)).build(" ".join(flags))
    except cl.Error as error:
        numbered = "\n".join(f"{i:4} {line}" for i, line in enumerate(text.splitlines(), 1))
        raise KernelError(
            f"the program of {op}() does not build on {device.name} ({d.name.strip()}). The build log:\n"
            f"{error}\nThe source:\n{numbered}"
        ) from error
    program_cache.store(key, program.get_info(cl.program_info.BINARIES)[0])
    return program
