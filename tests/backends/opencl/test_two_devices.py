"""Two OpenCL devices in one process: a model is split over them, and moves between them while it trains.

PoCL gives as many devices as it is told to when it is loaded, so each test is a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

HEAD = """
    import gc
    import tensorplug as tp
    import tensorplug.nn as nn

    def problem():
        tp.manual_seed(3)
        layers = nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.2), nn.BatchNorm1d(16), nn.Linear(16, 3)
        model = nn.Sequential(*layers)
        optimizer = tp.optim.Adam(model.parameters(), lr=0.05)
        x, y = tp.randn(40, 6), tp.randint(0, 3, (40,))
        return model, optimizer, x, y

    def step(model, optimizer, x, y, there=None):
        optimizer.zero_grad()
        out = model(x if there is None else x.to(there))
        loss = nn.functional.cross_entropy(out, y.to(out.device))
        loss.backward()
        optimizer.step()
        return loss.item()

    def alone(steps):
        model, optimizer, x, y = problem()
        tp.manual_seed(5)
        return [step(model, optimizer, x, y) for _ in range(steps)]

    def near(a, b):
        assert all(abs(p - q) <= 1e-5 * max(1, abs(p)) for p, q in zip(a, b, strict=True)), (a, b)
"""


def run(code: str) -> str:
    source = textwrap.dedent(HEAD) + textwrap.dedent(code)
    variables = {**os.environ, "POCL_DEVICES": "pthread pthread"}
    done = subprocess.run(
        [sys.executable, "-c", source], env=variables, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_training_moves_from_one_to_the_other_and_back() -> None:
    run(
        """
        model, optimizer, x, y = problem()
        tp.manual_seed(5)
        losses = []
        for i in range(12):
            where = ("cpu", "opencl:0", "opencl:1", "opencl:0")[i // 3]
            if i % 3 == 0:
                tp.migrate([model, optimizer], where)
            assert {p.device for p in model.parameters()} == {tp.device(where)}
            losses.append(step(model, optimizer, x, y, where))
        near(losses, alone(12))
        """
    )


def test_a_backward_whose_forward_ran_elsewhere() -> None:
    run(
        """
        model, optimizer, x, y = problem()
        tp.manual_seed(5)
        loss = nn.functional.cross_entropy(model(x), y)
        tp.migrate([model, optimizer, loss, x, y], "opencl:0")
        tp.migrate([model, optimizer, loss, x, y], "opencl:1")
        loss.backward()
        optimizer.step()
        near([loss.item(), step(model, optimizer, x, y)], alone(2))
        assert model[0].weight.grad.device == tp.device("opencl:1")
        """
    )


def test_a_model_split_over_three_devices_trains() -> None:
    run(
        """
        model, optimizer, x, y = problem()
        tp.devices.place(model, {"": "cpu", "0": "opencl:0", "4": "opencl:1"})
        tp.manual_seed(5)
        near([step(model, optimizer, x, y) for _ in range(3)], alone(3))
        assert [str(model[i].weight.device) for i in (0, 3, 4)] == ["opencl:0", "cpu", "opencl:1"]
        """
    )


def test_operands_on_both_are_refused_by_name() -> None:
    out = run(
        """
        try:
            tp.ones(2, device="opencl:0") + tp.ones(2, device="opencl:1")
        except tp.DeviceMismatchError as error:
            print(error)
        """
    )
    assert out.strip() == (
        "add() got operands on several devices: [2] on opencl:0, [2] on opencl:1; move them to one, for "
        "instance with .to('opencl:0')"
    )


def test_many_moves_leave_nothing_behind_and_unloading_takes_all_along() -> None:
    run(
        """
        model, optimizer, x, y = problem()
        step(model, optimizer, x, y)
        state = [model, optimizer]
        before = [p.tolist() for p in model.parameters()]

        def held():
            gc.collect()
            return [tp.device(d).allocated for d in ("opencl:0", "opencl:1")]

        for i in range(60):
            tp.migrate(state, f"opencl:{i % 2}", lean=i % 3 == 0)
            if i == 9:
                first = held()
        assert held() == first, (held(), first)
        tp.devices.unload("opencl", move_to="cpu")
        assert {p.device.type for p in model.parameters()} == {"cpu"}
        assert before == [p.tolist() for p in model.parameters()]
        step(model, optimizer, x, y)
        tp.devices.load("opencl")
        tp.migrate(state, "opencl:1")
        step(model, optimizer, x, y, "opencl:1")
        """
    )


def test_two_threads_train_on_the_two() -> None:
    run(
        """
        import threading

        found = {}

        def train(where):
            with tp.device(where):
                generator = tp.Generator(where).manual_seed(1)
                w = tp.randn(8, 1, generator=generator).requires_grad_()
                x = tp.randn(64, 8, generator=generator)
                y = x @ tp.arange(8.0).unsqueeze(1)
                optimizer = tp.optim.SGD([w], lr=0.05)
                for _ in range(60):
                    optimizer.zero_grad()
                    ((x @ w - y) ** 2).mean().backward()
                    optimizer.step()
                found[where] = w.flatten().tolist()

        threads = [threading.Thread(target=train, args=(d,)) for d in ("opencl:0", "opencl:1", "cpu")]
        [t.start() for t in threads]
        [t.join(120) for t in threads]
        assert len(found) == 3, found
        near(found["opencl:0"], found["cpu"])
        near(found["opencl:1"], found["cpu"])
        """
    )
