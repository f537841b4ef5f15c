"""The simulated accelerator: its memory, its queue, its units, and what it says that things cost."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import tensorplug as tp
from tensorplug_dispatcher.errors import DeviceAbsentError

EXAMPLES = Path(__file__).resolve().parents[2] / "examples/backends"


@pytest.fixture
def npu(examples: None) -> Iterator[Any]:
    """The plugin's module, imported; the plugin is unloaded at the end."""
    import tensorplug_npu_sim

    yield tensorplug_npu_sim
    gc.collect()
    tp.devices.unload("npu-sim", move_to="cpu")


def chip(index: int = 0) -> Any:
    return tp.device(f"npu-sim:{index}").runtime.runtime.chips[index]


def trained(device: str) -> list[float]:
    tp.manual_seed(0)
    model = tp.nn.Sequential(tp.nn.Conv2d(1, 4, 3), tp.nn.ReLU(), tp.nn.Flatten(), tp.nn.Linear(144, 3)).to(
        device
    )
    optimizer = tp.optim.AdamW(model.parameters(), lr=0.01)
    x, target = tp.randn(8, 1, 8, 8, device=device), tp.randint(0, 3, (8,), device=device)
    losses = []
    for _ in range(4):
        optimizer.zero_grad()
        loss = tp.nn.functional.cross_entropy(model(x), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_training_is_that_of_the_host(npu: Any) -> None:
    tp.devices.reset_report()
    there = trained("npu-sim")
    assert "host" not in {path for _, kind, path, _, _ in tp.devices.report() if kind == "npu-sim"}
    assert there == pytest.approx(trained("cpu"), rel=1e-5)


# -- memory --------------------------------------------------------------------------------------------------


def test_memory_has_addresses_and_an_end(npu: Any) -> None:
    free, total = chip().dram.left, chip().dram.nbytes
    assert total == 256 << 20
    a, b = tp.zeros(1000, device="npu-sim"), tp.zeros(1000, device="npu-sim")
    first, second = a.storage.handle, b.storage.handle
    assert first.address % 64 == second.address % 64 == 0
    assert abs(first.address - second.address) >= 4000
    with pytest.raises(tp.OutOfMemoryError) as raised:
        tp.empty(total // 4 + 1, device="npu-sim")
    assert "of 268435456 bytes of DRAM are free, the largest piece has" in str(raised.value.__cause__)
    assert tp.devices.memory("npu-sim")["total"] == total
    del a, b, first, second
    tp.devices.empty_cache("npu-sim")
    tp.devices.synchronize("npu-sim")
    assert chip().dram.left == free
    assert tp.ones(1 << 20, device="npu-sim").sum().item() == 1 << 20


def test_blocks_are_joined_when_they_come_back(npu: Any) -> None:
    from tensorplug_npu_sim.memory import Dram

    dram = Dram(1024)
    addresses = [dram.take(n) for n in (1, 64, 65, 256)]
    assert addresses == [0, 64, 128, 256]
    with pytest.raises(MemoryError) as raised:
        dram.take(513)
    assert str(raised.value) == (
        "513 bytes do not fit: 512 of 1024 bytes of DRAM are free, the largest piece has 512"
    )
    dram.give(64, 64)
    dram.give(256, 256)
    assert dram.free == [(64, 64), (256, 768)]
    dram.give(128, 65)
    assert dram.free == [(64, 960)]
    dram.give(0, 1)
    assert dram.free == [(0, 1024)] and dram.take(1024) == 0


def test_the_collector_may_come_while_a_block_is_taken(npu: Any) -> None:
    import faulthandler

    from tensorplug_npu_sim.memory import Buffer, Dram

    chip, before = SimpleNamespace(dram=Dram(1 << 20)), gc.get_threshold()
    faulthandler.dump_traceback_later(60, exit=True)  # the lock that it would wait for is this thread's own
    try:
        for turn in range(5000):
            gc.set_threshold(1 + turn % 37)
            held = SimpleNamespace(buffer=Buffer(chip, 64 * (1 + turn % 7)))
            held.itself = held
            del held
    finally:
        gc.set_threshold(*before)
        faulthandler.cancel_dump_traceback_later()
    gc.collect()
    assert chip.dram.free == [(0, 1 << 20)]


def test_nothing_else_reaches_its_memory(npu: Any) -> None:
    x = tp.ones(4, device="npu-sim")
    assert not hasattr(x.storage.handle, "ptr")
    assert not tp.device("npu-sim").host


# -- the queue -----------------------------------------------------------------------------------------------


def test_calls_return_when_the_command_is_queued(npu: Any) -> None:
    x = tp.ones(8, device="npu-sim")
    tp.devices.synchronize("npu-sim")
    gate = threading.Event()
    chip().queue.put("gate", 0, gate.wait)  # the worker waits here
    y = x * 2 + 1
    event = tp.Event("npu-sim")
    event.record()
    assert not event.query()
    gate.set()
    assert y.tolist() == [3.0] * 8
    assert event.query()


def test_an_error_comes_at_the_next_call_that_waits(npu: Any) -> None:
    x = tp.tensor([5, 6, 7]).to("npu-sim")
    x // tp.tensor([1, 0, 2]).to("npu-sim")
    with pytest.raises(ZeroDivisionError) as raised:
        tp.devices.synchronize("npu-sim")
    assert str(raised.value) == (
        "ZeroDivisionError: floor_divide divided an integer by zero; mask the zeros with where() (in "
        "floor_divide() on npu-sim:0, which was known after the call had returned)"
    )
    assert (x + 1).tolist() == [6, 7, 8]
    tp.gather(x, 0, tp.tensor([7]).to("npu-sim"))
    with pytest.raises(IndexError, match=r"\(in gather\(\) on npu-sim:0, which was known after"):
        x.tolist()


def test_events_note_the_time_of_the_machine(npu: Any) -> None:
    x = tp.ones(128, 128, device="npu-sim")

    def measured() -> float:
        start, end = (tp.Event("npu-sim", enable_timing=True) for _ in range(2))
        start.record()
        x @ x
        end.record()
        tp.devices.synchronize("npu-sim")
        return start.elapsed_time(end)

    cycles = 40 + 128**3 // 128  # a launch, and one product a lane and cycle
    assert measured() == measured() == pytest.approx(cycles / 1e6)


def test_chips_have_memories_and_queues_of_their_own(npu: Any) -> None:
    x = tp.arange(5, dtype=tp.float32, device="npu-sim:0")
    y = x.to("npu-sim:1") * 2
    assert y.device == tp.device("npu-sim:1") and y.tolist() == [0.0, 2.0, 4.0, 6.0, 8.0]
    with pytest.raises(tp.DeviceMismatchError):
        x + y


def test_a_plugin_that_is_unloaded_leaves_no_thread(npu: Any) -> None:
    tp.ones(3, device="npu-sim").sum().item()
    assert [t.name for t in threading.enumerate() if t.name.startswith("npu-sim")] == ["npu-sim:0"]
    tp.devices.unload("npu-sim", move_to="cpu")
    assert [t.name for t in threading.enumerate() if t.name.startswith("npu-sim")] == []


# -- the units -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shapes", [((3, 5), (5, 2)), ((300, 700), (700, 260)), ((2, 1, 9, 300), (3, 300, 7)), ((4, 0), (0, 3))]
)
@pytest.mark.parametrize(("a", "b"), [("int8", "int8"), ("bfloat16", "bfloat16")])
def test_tiles_give_the_product(npu: Any, shapes: Any, a: str, b: str) -> None:
    import numpy

    tp.manual_seed(1)
    kinds = (getattr(tp, a), getattr(tp, b))
    x, y = (tp.randint(-100, 100, shape).to(kind) for shape, kind in zip(shapes, kinds))
    tp.devices.load("npu-sim")
    from tensorplug_npu_sim.library import numpy_dtype, tiled

    arrays = [t.to(tp.int64).numpy().astype(numpy_dtype(t.dtype)) for t in (x, y)]
    got = tiled(chip(), *arrays)
    assert got.dtype == (numpy.int32 if a == "int8" else numpy.float32)
    exact = arrays[0].astype(numpy.float64) @ arrays[1].astype(numpy.float64)
    assert (got == exact).all()  # sums of integers below 2**24
    assert ((x.to("npu-sim") @ y.to("npu-sim")).cpu() == (x @ y)).all()


def test_a_scratchpad_that_is_too_small_is_refused(
    npu: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "machine.toml").write_text("scratchpad = 4096\nlanes = 0\nwheels = 4\n")
    monkeypatch.setenv("TENSORPLUG_NPU_SIM", str(tmp_path / "machine.toml"))
    with pytest.raises(DeviceAbsentError) as raised:
        tp.device("npu-sim")
    assert (
        f"the machine description {tmp_path}/machine.toml is not right: 'wheels' is no field of it; "
        f"lanes is 0, which is no positive whole number; the fields are chips, clock, dram,"
        in str(raised.value)
    )
    (tmp_path / "machine.toml").write_text("scratchpad = 4096\n")
    tp.devices.rescan()
    with pytest.raises(DeviceAbsentError, match="its tiles take 229376 bytes of a scratchpad of 4096"):
        tp.device("npu-sim")


def test_another_machine_costs_otherwise(npu: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "machine.toml").write_text("chips = 1\nclock = 5e8\nlanes = 256\n")
    monkeypatch.setenv("TENSORPLUG_NPU_SIM", str(tmp_path / "machine.toml"))
    assert [record.name for record in tp.devices.load("npu-sim")] == ["npu-sim:0"]
    x = tp.ones(128, 128, device="npu-sim")
    with npu.cost_report() as report:
        x @ x
    assert report.cycles == 40 + 128**3 // 256
    assert report.seconds == report.cycles / 5e8


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_what_it_does_not_compute_it_can_still_hold(npu: Any, dtype: str) -> None:
    x = tp.arange(6, dtype=getattr(tp, dtype)).reshape(2, 3).to("npu-sim")
    assert x.t()[1:].tolist() == [[1.0, 4.0], [2.0, 5.0]]
    with pytest.raises(
        tp.MissingKernelError, match=rf"add\(\) cannot run on npu-sim:0 .*: does not take {dtype}"
    ):
        x + x


def test_quantized_products_run_on_the_matrix_unit(npu: Any) -> None:
    from tensorplug_dispatcher import F

    tp.manual_seed(2)
    x, w = tp.randint(0, 256, (5, 300)).to(tp.uint8), tp.randint(-128, 128, (7, 300)).to(tp.int8)
    bias, scales = tp.randn(7), tp.rand(7, 1) + 0.1
    rest = (
        bias,
        tp.tensor(0.02),
        tp.tensor(120).to(tp.int32),
        scales,
        None,
        tp.tensor(3.5),
        tp.tensor(-4).to(tp.int32),
    )

    def called(device: str) -> Any:
        moved = [None if t is None else t.to(device) for t in (x, w, *rest)]
        return F.quantized_linear(*moved, tp.int8).cpu()

    with npu.cost_report() as report:
        there = called("npu-sim")
    assert [(row.op, row.unit) for row in report.rows if row.unit != "dma"] == [
        ("quantized_linear", "matrix")
    ]
    difference = (there.to(tp.int32) - called("cpu").to(tp.int32)).abs().max().item()
    assert difference <= 1


# -- costs ---------------------------------------------------------------------------------------------------


def test_costs_follow_from_the_layouts(npu: Any) -> None:
    """Each rule of the machine's description, worked out by hand."""
    x = tp.ones(256, 384, device="npu-sim")
    y = tp.ones(384, 200, device="npu-sim")
    half, other = x.to(tp.bfloat16), y.to(tp.bfloat16)
    whole = [t.to(tp.int8) for t in (x, y)]
    column = tp.ones(256, 64, device="npu-sim")[:, 0]

    def cost(work: Any) -> tuple[int, int]:
        with npu.cost_report() as report:
            work()
        (row,) = report.rows
        return row.cycles, row.nbytes

    n = 256 * 384
    assert cost(lambda: x + x) == (40 + 100 + 12 * n // 64, 12 * n)  # DMA takes longer than the lanes
    assert cost(lambda: x.exp()) == (40 + max(8 * n // 128, 100 + 8 * n // 64), 8 * n)
    assert cost(lambda: x @ y) == (40 + 256 * 384 * 200 // 128, 4 * (n + 384 * 200 + 256 * 200))
    # three tiles of 128 rows by two of 128 columns, each with 256 rows and the 256 cycles that it takes to
    # fill and empty it; the left operand is read once for each of the two columns of tiles
    moved = 2 * (2 * n + 384 * 200 + 256 * 200)
    assert cost(lambda: half @ other) == (40 + max(3 * 2 * (256 + 256), 100 + moved // 64), moved)
    # int8 tiles are twice as high: two of them
    moved = 2 * n + 384 * 200 + 256 * 200
    assert cost(lambda: whole[0] @ whole[1]) == (40 + max(2 * 2 * (256 + 384), 100 + moved // 64), moved)
    assert cost(lambda: column.clone()) == (40 + 100 + (256 * 32 + 256 * 4) // 64, 256 * 32 + 256 * 4)
    assert cost(lambda: column.expand(100, 256).sum()) == (
        40 + max(200, 100 + -(-(256 * 32 + 4) // 64)),
        256 * 32 + 4,
    )
    assert cost(lambda: x[0].cpu()) == (40 + 100 + 384 * 4 // 16, 384 * 4)


def test_a_tile_of_the_matrix_unit_takes_time_to_fill(npu: Any) -> None:
    """Seen where memory is fast enough not to hide it."""
    from tensorplug_npu_sim.costs import cost_of

    def operand(*shape: int, dtype: Any) -> Any:
        return SimpleNamespace(shape=shape, strides=(shape[1], 1), dtype=dtype)

    machine = npu.Machine(bandwidth=1 << 20, latency=1)
    for dtype, out, cycles, tile in (
        (tp.bfloat16, tp.float32, 3 * 2 * (300 + 2 * 256), 128 * 128),  # two times 256 rows, or fewer, a tile
        (tp.int8, tp.int32, 2 * 2 * (300 + 2 * 384), 256 * 128),
    ):
        a, b = operand(300, 384, dtype=dtype), operand(384, 200, dtype=dtype)
        cost = cost_of(machine, "matmul", [operand(300, 200, dtype=out)], [a, b], {})
        assert (cost.unit, cost.work, cost.cycles) == ("matrix", cycles, 40 + cycles)
        assert cost.ideal == 300 * 384 * 200 / tile


def test_a_report_is_the_same_every_time(npu: Any) -> None:
    def report() -> str:
        tp.manual_seed(0)
        model = tp.nn.Sequential(tp.nn.Linear(64, 32), tp.nn.GELU(), tp.nn.Linear(32, 8)).to("npu-sim")
        x = tp.randn(16, 64, device="npu-sim")
        with npu.cost_report() as found:
            model(x).square().mean().backward()
        return str(found)

    first = report()
    assert report() == first
    lines = first.splitlines()
    assert lines[0].split() == ["op", "unit", "calls", "cycles", "bytes", "utilisation"]
    assert lines[1].startswith("matmul") and lines[-2].startswith("total")
    assert lines[-1].endswith(" us at 1 GHz")


def test_a_report_counts_what_is_queued_inside_it_alone(npu: Any) -> None:
    x = tp.ones(8, device="npu-sim")
    with npu.cost_report() as outer:
        x + x
        with npu.cost_report() as inner:
            x * x
    x - x
    assert [row.op for row in inner.rows] == ["mul"]
    assert sorted(row.op for row in outer.rows) == ["add", "mul"]
    assert outer.calls == 2 and outer.cycles == 2 * inner.cycles
    assert 0 < inner.utilisation < 1
    with npu.cost_report() as empty:
        pass
    assert (empty.cycles, empty.nbytes, empty.utilisation, empty.rows) == (0, 0, 0.0, [])


def test_the_example_of_the_readme_prints_what_it_says(npu: Any, capsys: pytest.CaptureFixture[str]) -> None:
    readme = (EXAMPLES / "npu-sim/README.md").read_text()
    exec(compile(readme.split("```python")[1].split("```")[0], "README.md", "exec"), {})
    said = [line[4:] for line in readme.split("```")[2].splitlines() if line.startswith("    ")]
    assert capsys.readouterr().out.splitlines() == said


@pytest.mark.needs("conformance")
def test_it_conforms(child_environment: dict[str, str], tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "tensorplug",
        "conformance",
        "run",
        "npu-sim:0",
        "--report",
        str(tmp_path),
    ]
    done = subprocess.run(
        [*command, "--workers", "2"], check=False, env=child_environment, capture_output=True, text=True
    )
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["summary"]["level"] in ("L3", "L4", "L5"), done.stdout
    assert report["summary"]["ops"]["fallback"] == 0
    assert report["manifest"]["unsupported_dtypes"] == ["float16", "float64"]
    absent = [row for row in report["results"] if row["status"] == "unsupported-declared"]
    assert {row["message"] for row in absent} == {"the manifest says that the device does not have it"}
