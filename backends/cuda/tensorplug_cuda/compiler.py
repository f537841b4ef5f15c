"""CUDA C to machine code through NVRTC, which needs no GPU; programs are kept on disk."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from tensorplug_codegen import program_cache

OPTIONS: Final = ("-std=c++17", "-default-device", "-w")


class CompileError(Exception):
    """NVRTC does not take a program; the text is its log."""


def architecture(capability: tuple[int, int]) -> tuple[str, bool]:
    """NVRTC's name for what a device runs, and whether that is the device's own machine code.

    One that is newer than NVRTC gets portable code, which its driver compiles.
    """
    number = 10 * capability[0] + capability[1]
    known = supported()
    if number in known:
        return f"sm_{number}", True
    return f"compute_{max((k for k in known if k < number), default=min(known))}", False


@cache
def supported() -> tuple[int, ...]:
    """The architectures that NVRTC knows, as numbers such as 90."""
    from cupy.cuda import nvrtc

    return tuple(int(n) for n in nvrtc.getSupportedArchs())


def compiled(text: str, capability: tuple[int, int]) -> bytes:
    """The program for devices of this capability. Raises CompileError with NVRTC's log."""
    from cupy.cuda import nvrtc

    arch, own = architecture(capability)
    program = nvrtc.createProgram(text, "program.cu", (), ())
    try:
        try:
            nvrtc.compileProgram(program, (*OPTIONS, f"-arch={arch}"))
        except nvrtc.NVRTCError as error:
            raise CompileError(nvrtc.getProgramLog(program).rstrip("\n\0") or str(error)) from None
        result = nvrtc.getCUBIN(program) if own else nvrtc.getPTX(program)
        return result if isinstance(result, bytes) else result.encode()
    finally:
        nvrtc.destroyProgram(program)


def load(driver: Any, text: str, capability: tuple[int, int]) -> int:
    """The module of a program on the current device: compiled, unless it was before and is on disk."""
    key = program_cache.key("cuda", text, *OPTIONS, str(capability), driver.compiler_version, driver.version)
    program = program_cache.load(key)
    if program is not None:
        try:
            return int(driver.load(program))
        except Exception as error:
            failure = driver.failure(error)
            if failure is None or failure.lost:
                raise
            program_cache.forget(key)  # another driver's, say: compiled anew
    program = driver.compile(text, capability)
    module = int(driver.load(program))
    program_cache.store(key, program)
    return module
