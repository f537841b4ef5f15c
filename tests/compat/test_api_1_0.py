"""Plugins that were written for plugin API 1.0 keep working, unchanged.

The files under ``api_1_0`` are frozen: they stand for packages that are installed somewhere and that nobody
will edit. What breaks them breaks those. Plugins for a later API go into a folder of their own.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

FROZEN = Path(__file__).with_name("api_1_0")
SHA256 = {
    "absent.py": "51010631dbe2df86d59f14d804b9243d1a3440de72ada0907aa736a240f9160d",
    "address_kernels.py": "ff6b8f38cddf9f7611862a19623d0dc17fb71070b789d1b575e355c081919d77",
    "eight_methods.py": "57f59d6a06f8082318fd1c6866e2c3df71f0cb0d3b2d4fd2ea84615ca39f33f3",
    "entry_points.txt": "bc26cb62663a1359969e070791abc510c2e8fa025b4359403bbc8139232cbd0e",
    "layer.py": "50df5c7cec9941086abf458bde02f8ad6ab7a569a5096180693ec64d4262d817",
    "object_plugin.py": "7ff5feb9d89961666e95457632fd2deb4d71bf562e36b9971b4b45bbd71b8a08",
    "optional_runtime.py": "4f544ec9767d9bb78698c43b7abd90af1f6bfea9b2e90cdd571c5506d42fcbae",
    "prepared_kernels.py": "f67fba01d778f0fc289d2ec69a77733a8d300655b91c0ea89e370d083b05ea13",
    "python_kernels.py": "766ebd270f60d6a6f9748150ad370a7c99cfab4b8ca1e651708e2bc5ab41bfb3",
}


def test_frozen_plugins_are_as_they_were() -> None:
    found = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in FROZEN.iterdir() if p.is_file()}
    changed = sorted(name for name in found.keys() | SHA256.keys() if found.get(name) != SHA256.get(name))
    assert not changed, (
        f"{', '.join(changed)} under {FROZEN.name} changed: these plugins are frozen. Undo it and keep the "
        f"core compatible; plugins for another API go into another folder"
    )


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """One in which the frozen plugins are installed."""
    info = tmp_path_factory.mktemp("site") / "old_plugins-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: old-plugins\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text((FROZEN / "entry_points.txt").read_text())
    path = os.pathsep.join([str(info.parent), str(FROZEN), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


PROGRAMS = {
    "eight-methods": """
        tp.devices.set_host_policy("allow")
        x = tp.arange(6, dtype=tp.float32).reshape(2, 3).to("eight-methods")
        assert x.t()[1:].tolist() == [[1.0, 4.0], [2.0, 5.0]]
        assert x.to(tp.int64).sum().item() == 15
        assert tp.full((2,), 7, device="eight-methods").tolist() == [7, 7]
        w = tp.ones(3, 1, device="eight-methods", requires_grad=True)
        (x @ w).square().sum().backward()
        assert w.grad.device == x.device and w.grad.tolist() == [[72.0], [102.0], [132.0]]
        tp.migrate(w, "cpu")
        (record,) = tp.devices.load("eight-methods")
        assert (record.api, record.features, record.notes, record.native) == ("1.0", (), (), 3)
        try:
            tp.Stream("eight-methods")
        except tp.DeviceError as error:
            assert "has no streams" in str(error)
        assert tp.devices.health("eight-methods")
        del x, w
        tp.devices.reload("eight-methods")
        tp.devices.unload("eight-methods")
    """,
    "python-kernels": """
        import python_kernels as plugin
        from tensorplug_dispatcher import F
        x = tp.arange(12, dtype=tp.float32).reshape(3, 4).to("python-kernels")
        assert (x.t() + x.t()).tolist()[1] == [2.0, 10.0, 18.0]
        assert (x.t() * x.t()).tolist()[1] == [1.0, 25.0, 81.0]
        assert (x[0] * 2).tolist() == [0.0, 2.0, 4.0, 6.0]
        assert x.sum(0, keepdim=True).tolist() == [[12.0, 15.0, 18.0, 21.0]]
        assert plugin.called == ["add", "dense mul", "small mul", ("sum", (0,), True)]
        assert F.sgd_step(x[0], x[1], 0.5, 0.0).tolist() == [-2.0, -1.5, -1.0, -0.5]
        assert plugin.called[-1] == ("sgd_step", 0.5)
        text = tp.devices.explain("mul", "python-kernels", "float32")
        assert text.index("provider 'small' priority 5") < text.index("provider 'dense' priority 1"), text
        assert "has a predicate" in text
    """,
    "address-kernels": """
        import address_kernels as plugin
        x = tp.arange(20000, dtype=tp.float32).to("address-kernels")
        assert (x + x)[:3].tolist() == [0.0, 2.0, 4.0] and (x[:3] + x[1:4]).tolist() == [1.0, 3.0, 5.0]
        assert plugin.called == [20000, 3]
        try:
            -x
        except ZeroDivisionError as error:  # code 3 of a kernel
            assert "neg divided an integer by zero" in str(error)
        else:
            raise AssertionError("a kernel's code raised nothing")
        try:
            x.to(tp.int64) + 1
        except tp.MissingKernelError as error:
            assert "kernel of provider 'c': refused these layouts or attributes" in str(error)
        assert tp.device("address-kernels").host
    """,
    "prepared-kernels": """
        import prepared_kernels as plugin
        x = tp.arange(6, dtype=tp.float32).reshape(2, 3).to("prepared-kernels")
        for _ in range(2):
            assert (x[1] + x[0]).tolist() == [3.0, 5.0, 7.0]
        assert (x.t() * 2.0).tolist() == [[0.0, 6.0], [2.0, 8.0], [4.0, 10.0]]
        assert plugin.prepared == [(0, "add", (3,), []), (0, "mul", (3, 2), [1])], plugin.prepared
        assert plugin.launched[:2] == [("add", [0, 3, 0], [])] * 2
        assert " - absent: the library is not installed" in tp.devices.explain("add", "prepared-kernels")
        try:
            x.reshape(1, 2, 3) + 1
        except tp.MissingKernelError as error:
            assert "refused these layouts" in str(error)
    """,
    "optional-runtime": """
        import optional_runtime as plugin
        (record,) = tp.devices.load("optional-runtime")
        assert record.features == ("memory_info", "empty_cache", "create_stream", "caches")
        assert record.notes == ()
        memory = tp.devices.memory("optional-runtime")
        assert (memory["free"], memory["total"]) == (1000, 4000)
        assert tp.devices.empty_cache("optional-runtime") == 77
        stream, event = tp.Stream("optional-runtime"), tp.Event("optional-runtime", enable_timing=True)
        with stream:
            event.record()
        stream.wait_event(event)
        stream.synchronize()
        assert event.query() and event.elapsed_time(event) == 1.5
        assert plugin.called == ["event.record", "stream.wait", "stream.synchronize"], plugin.called
        x = tp.arange(1000, dtype=tp.float32)
        tp.migrate(x, "optional-runtime")
        tp.migrate(x, "cpu")
        assert x.tolist() == list(map(float, range(1000)))
    """,
    "object-plugin": """
        from tensorplug_dispatcher.devices import plugins
        assert tp.zeros(3, device="object-plugin").tolist() == [0.0] * 3
        plugin = plugins.load("tensorplug.backends", "object-plugin")
        assert plugin.tensorplug_manifest() == {"description": "an object", "url": "https://example.org"}
    """,
    "layer": """
        from tensorplug_dispatcher import layers
        from tensorplug_dispatcher.tensor import CONTEXT
        x = tp.tensor([1.0, 2.0], requires_grad=True)
        CONTEXT.set(CONTEXT.get().replace(included=layers.bit("doubling")))
        y = x * 3
        y.sum().backward()
        assert y.tolist() == [6.0, 12.0] and x.grad.tolist()[0] in (3.0, 6.0)
        import layer
        assert {"mul", "sum"} <= set(layer.seen) and "copy" not in layer.seen
    """,
    "absent": """
        try:
            tp.ones(2, device="absent")
        except tp.DeviceError as error:
            assert str(error) == (
                "device type 'absent' of old-plugins 1.0 (entry point absent) is absent: no board in slot 3. "
                "Once it is there, call tensorplug.devices.rescan()"
            ), error
    """,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_still_works(environment: dict[str, str], name: str) -> None:
    program = "import tensorplug as tp\nif True:" + PROGRAMS[name]
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["eight-methods", "python-kernels", "optional-runtime", "object-plugin"])
def test_the_kit_finds_nothing_wrong_with_its_first_suite(environment: dict[str, str], name: str) -> None:
    command = [sys.executable, "-m", "tensorplug", "conformance", "run", f"{name}:0", "--suite", "S0"]
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
