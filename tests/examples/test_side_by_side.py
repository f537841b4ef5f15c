"""Five backends in one process, and a sixth that is broken: tensors move among all of them."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

NEEDED = ("opencl", "jax")  # by the backends that have a library


@pytest.fixture(scope="module")
def environment(
    need: Any, tmp_path_factory: pytest.TempPathFactory, child_environment: dict[str, str]
) -> dict[str, str]:
    """Every example backend is installed, and a plugin that raises when it is imported."""
    need(*NEEDED)
    site = tmp_path_factory.mktemp("broken")
    (site / "acme_broken.py").write_text("raise OSError('no board in slot 3')\n")
    info = site / "acme_broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[tensorplug.backends]\nbroken = acme_broken\n")
    path = os.pathsep.join([str(site), child_environment["PYTHONPATH"]])
    return {**child_environment, "PYTHONPATH": path, "JAX_PLATFORMS": "cpu"}


PREFACE = """
import itertools, threading
import tensorplug as tp

FIVE = ("cpu", "opencl", "mirror", "jax", "npu-sim")

def broken():
    try:
        tp.ones(2, device="broken")
    except tp.PluginError as error:
        assert "could not be imported: OSError: no board in slot 3" in str(error), error
    else:
        raise AssertionError("a plugin that is broken has a device")

broken()
"""


def run(environment: dict[str, str], program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PREFACE + textwrap.dedent(program)],
        check=False,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_tensors_move_between_any_two(environment: dict[str, str]) -> None:
    run(
        environment,
        """
        x = tp.arange(24, dtype=tp.float32).reshape(4, 6)
        for a, b in itertools.product(FIVE, FIVE):
            there = x.to(a)
            back = there.t()[1:, ::2].to(b)
            assert there.device.type == a and back.device.type == b
            assert back.tolist() == x.t()[1:, ::2].tolist(), (a, b)
            assert (back * 2 + 1).sum().item() == (x.t()[1:, ::2] * 2 + 1).sum().item(), (a, b)
            moved = x.to(a).clone()
            view = moved[1]
            tp.migrate(moved, b)
            assert moved.device.type == view.device.type == b and view.tolist() == x[1].tolist(), (a, b)
            if a != b:
                try:
                    there.reshape(-1)[:4] + back[0, :1].expand(4)
                except tp.DeviceMismatchError as error:
                    assert a in str(error) and b in str(error)
                else:
                    raise AssertionError(f"{a} and {b} were mixed")
        broken()
        assert tp.ones(1).device.type == "cpu"
        states = {(record.type, record.state) for record in tp.devices.list()}
        assert {("broken", "broken"), *((kind, "ready") for kind in FIVE)} <= states, states
        """,
    )


def test_training_goes_round(environment: dict[str, str]) -> None:
    """A step on each device in turn, parameters and optimizer state migrating: the curve is the CPU's."""
    run(
        environment,
        """
        def trained(devices):
            tp.manual_seed(0)
            layers = tp.nn.Linear(8, 16), tp.nn.GELU(), tp.nn.LayerNorm(16), tp.nn.Linear(16, 3)
            model = tp.nn.Sequential(*layers)
            optimizer = tp.optim.AdamW(model.parameters(), lr=0.02)
            x, target = tp.randn(32, 8), tp.randint(0, 3, (32,))
            losses = []
            for device in devices:
                tp.migrate([model, optimizer, x, target], device)
                optimizer.zero_grad()
                loss = tp.nn.functional.cross_entropy(model(x), target)
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
                assert loss.device.type == device
            return losses

        there, here = trained(FIVE * 2), trained(["cpu"] * 10)
        assert all(abs(a - b) < 1e-4 for a, b in zip(there, here)), (there, here)
        assert there[-1] < there[0]
        assert "host" not in {path for _, _, path, _, _ in tp.devices.report()}
        broken()
        """,
    )


def test_parts_of_a_model_on_all_of_them(environment: dict[str, str]) -> None:
    run(
        environment,
        """
        tp.manual_seed(0)
        model = tp.nn.Sequential(*[tp.nn.Linear(6, 6) for _ in FIVE])
        x = tp.randn(4, 6)
        wanted = model(x)
        wanted.square().sum().backward()
        grads = [p.grad.clone() for p in model.parameters()]
        model.zero_grad()
        placed = tp.devices.place(model, {str(i): device for i, device in enumerate(FIVE)})
        result = model(x)
        result.square().sum().backward()
        assert (result.cpu() - wanted).abs().max().item() < 1e-5
        for p, grad in zip(model.parameters(), grads):
            assert p.grad.device == p.device and (p.grad.cpu() - grad).abs().max().item() < 1e-4
        assert {p.device.type for p in model.parameters()} == set(FIVE)
        placed.remove()
        broken()
        """,
    )


def test_threads_on_all_of_them(environment: dict[str, str]) -> None:
    run(
        environment,
        """
        wrong = []

        def work(number):
            x = tp.arange(100, dtype=tp.float32) + number
            y = x
            for i in range(20):
                y = y.to(FIVE[(number + i) % 5]) + 1
            if y.cpu().tolist() != (x + 20).tolist():
                wrong.append(number)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong, wrong
        """,
    )


def test_one_that_goes_takes_no_other_along(environment: dict[str, str], tmp_path: Path) -> None:
    run(
        environment,
        """
        held = {kind: tp.full((3,), float(i), device=kind) for i, kind in enumerate(FIVE)}
        for kind in FIVE[1:]:
            tp.devices.unload(kind, move_to="cpu")
            broken()
            for i, (name, x) in enumerate(held.items()):
                assert (x + 1).tolist() == [i + 1.0] * 3, (kind, name)
        assert {x.device.type for x in held.values()} == {"cpu"}
        again = tp.ones(2, device="npu-sim").to("mirror")
        assert again.tolist() == [1.0, 1.0]
        """,
    )
