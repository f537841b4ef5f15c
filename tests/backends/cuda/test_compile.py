"""Every program of every builder is CUDA C for every generation of GPUs. Needs NVRTC, and no GPU.

What the op table's samples ask the generator for is collected on a device that launches nothing; what differs
is then compiled to machine code, many programs at a time.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from op_on_device import invoke, operands, paths, samples, with_layout

from tensorplug_codegen.programs import builders
from tensorplug_cuda import compiler
from tensorplug_dispatcher.errors import TensorplugError
from tensorplug_dispatcher.ops import OPS

BATCH = 32  # programs in one call of NVRTC: a sixth of the time of one by one
GENERATIONS = {"sm_80": (8, 0), "sm_90": (9, 0), "sm_100": (10, 0)}


@pytest.fixture(scope="session")
def programs(machines: Any) -> tuple[str, list[str]]:
    """What programs begin with, and the rest of each program that any sample needs."""
    driver = machines.unrun.driver
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TENSORPLUG_CACHE", "off")
        for name in builders():
            refusals = [_ask(name, number, item, dtype) for number, item, dtype in samples(OPS[name])]
            assert paths(name, "unrun:0")["native"], f"no sample of {name} got a program: {refusals}"
    head = machines.unrun.runtime.opened(0).target.text
    texts = sorted(set(driver.texts))
    assert all(text.startswith(head) for text in texts)
    return head, [text[len(head) :] for text in texts]


def _ask(name: str, number: int, item: Any, dtype: Any) -> str:
    """Have the sample's programs made; what comes out is nonsense, and so may an error be that follows."""
    try:
        invoke(name, operands(item.args, dtype, f"{name} {number}", "unrun:0", with_layout), "unrun:0")
    except (TensorplugError, ArithmeticError, ValueError) as error:
        return str(error)
    return ""


def _apart(place: int, program: str) -> str:
    """A program that can stand beside others: kernels, helpers and macros of its own."""
    named = re.sub(r"(KERNEL void (?:\w+\([^)]*\) )?)(\w+)\(", rf"\1\2_{place}(", program)
    left = "".join(f"#undef {macro}\n" for macro in re.findall(r"^#define (\w+)", program, re.MULTILINE))
    return f"namespace n{place} {{\n{named}\n}}\n{left}"


@pytest.mark.slow
@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.needs("nvrtc")
def test_every_program_compiles(programs: tuple[str, list[str]], generation: str) -> None:
    head, bodies = programs
    apart = [_apart(i, body) for i, body in enumerate(bodies)]
    batches = [apart[i : i + BATCH] for i in range(0, len(apart), BATCH)]

    def refused(batch: list[str]) -> list[str]:
        try:
            compiler.compiled(head + "".join(batch), GENERATIONS[generation])
        except compiler.CompileError as error:
            if len(batch) == 1:
                return [f"{error}\n{batch[0]}"]
            half = len(batch) // 2
            return refused(batch[:half]) + refused(batch[half:])
        return []

    with ThreadPoolExecutor(2) as pool:
        problems = [text for found in pool.map(refused, batches) for text in found]
    if problems:
        pytest.fail(f"{len(problems)} of {len(bodies)} programs\n" + "\n".join(problems[:10]), pytrace=False)


def test_launches_are_within_what_a_gpu_takes(programs: tuple[str, list[str]], machines: Any) -> None:
    for launch in machines.unrun.driver.launches:
        x, y, z = launch.lanes
        assert 1 <= x * y * z <= 1024 and z <= 64, launch
        gx, gy, gz = launch.groups
        assert 1 <= gx < 1 << 31 and 1 <= gy < 1 << 16 and 1 <= gz < 1 << 16, launch


@pytest.mark.needs("nvrtc")
def test_a_program_that_does_not_compile_shows_the_log() -> None:
    with pytest.raises(
        compiler.CompileError, match=r'program.cu\(1\): error: identifier "nonsense" is undefined'
    ):
        compiler.compiled('extern "C" __global__ void f() { nonsense; }', (9, 0))


@pytest.mark.needs("nvrtc")
def test_devices_newer_than_the_compiler_get_portable_code() -> None:
    newest = max(compiler.supported())
    assert compiler.architecture((newest // 10, newest % 10)) == (f"sm_{newest}", True)
    assert compiler.architecture((99, 0)) == (f"compute_{newest}", False)
    portable = compiler.compiled('extern "C" __global__ void f() {}', (99, 0))
    assert f".target sm_{newest}".encode() in portable
