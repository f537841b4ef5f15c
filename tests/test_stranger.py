"""A stranger's packages, installed with pip: a device that trains, and one that is broken and harms nothing.

The environment is fresh and gets tensorplug as a wheel, so that nothing is imported from the source tree.
What tensorplug depends on comes from the environment that runs the tests, to save the download.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import textwrap
import venv
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parent.parent
# The build tools of this environment serve where it has them; else pip fetches them.
ISOLATION = ["--no-build-isolation"] if find_spec("hatchling") and find_spec("Cython") else []


class Environment:
    """A virtual environment with the wheel of this source tree in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "env/bin/python"
        self.variables = {
            name: value
            for name, value in os.environ.items()
            if name not in ("PYTHONPATH", "PYTHONHOME") and not name.startswith(("TENSORPLUG_", "COV_"))
        }
        venv.create(folder / "env", with_pip=False)
        (site,) = (folder / "env/lib").glob("python*/site-packages")
        (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
        self.check(self.command("wheel", "--no-deps", *ISOLATION, "--wheel-dir", str(folder), str(ROOT)))
        self.install(str(next(folder.glob("tensorplug-*.whl"))), "--no-deps", "--force-reinstall")

    def command(self, *arguments: str) -> list[str]:
        """The command that runs pip on this environment."""
        return [sys.executable, "-m", "pip", "--python", str(self.python), *arguments]

    def install(self, *arguments: str) -> None:
        self.check(self.command("install", "--quiet", *ISOLATION, *arguments))

    def uninstall(self, distribution: str) -> None:
        self.check(self.command("uninstall", "--quiet", "--yes", distribution))

    def run(self, program: str) -> str:
        return self.check([str(self.python), "-c", textwrap.dedent(program)])

    def check(self, command: list[str]) -> str:
        result = subprocess.run(
            command, check=False, cwd=self.folder, env=self.variables, capture_output=True, text=True
        )
        assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
        return result.stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    return Environment(tmp_path_factory.mktemp("stranger"))


def test_wheel_stands_alone(environment):
    """Everything comes from the wheel, compiled, and the CPU works."""
    printed = environment.run("""
        import tensorplug as tp, tensorplug_dispatcher.call, tensorplug_layers.autograd, tensorplug_cpu
        x = tp.tensor([1.0, 2.0], requires_grad=True)
        (x * x).sum().backward()
        print(x.grad.tolist())
        for module in (tp, tensorplug_dispatcher.call, tensorplug_layers.autograd, tensorplug_cpu):
            print(module.__file__)
        from tensorplug_cpu.build_native import library_path, variants
        assert all(library_path(name).exists() for name in variants())
    """).splitlines()
    assert printed[0] == "[2.0, 4.0]"
    assert all(path.startswith(str(environment.folder)) for path in printed[1:])
    assert printed[2].endswith(".so")


def test_device_of_a_stranger_trains(environment):
    """Installed while a program runs, found by rescan, and a step on it lowers the loss."""
    install = environment.command("install", "--quiet", *ISOLATION, str(ROOT / "examples/backends/minimal"))
    environment.run(f"""
        import subprocess
        import tensorplug as tp
        try:
            tp.zeros(2, device="minimal")
        except tp.UnknownDeviceError as error:
            assert "no installed plugin offers device type 'minimal'" in str(error), error
        else:
            raise AssertionError("the device is there before its package is")
        subprocess.run({install!r}, check=True)
        tp.devices.rescan()
        assert tp.zeros(2, device="minimal").tolist() == [0.0, 0.0]
    """)
    try:
        assert "minimal" in environment.check([str(environment.folder / "env/bin/tensorplug"), "devices"])
        printed = environment.run("""
            import tensorplug as tp

            def train(device):
                tp.manual_seed(0)
                model = tp.nn.Sequential(tp.nn.Linear(8, 16), tp.nn.ReLU(), tp.nn.Linear(16, 1)).to(device)
                optimizer = tp.optim.Adam(model.parameters(), lr=0.05)
                x = tp.randn(32, 8, device=device)
                y = x.sum(1, keepdim=True)
                losses = []
                for _ in range(5):
                    optimizer.zero_grad()
                    loss = tp.nn.functional.mse_loss(model(x), y)
                    loss.backward()
                    optimizer.step()
                    losses.append(loss.item())
                for p in model.parameters():
                    assert p.device.type == p.grad.device.type == device
                return losses

            tp.devices.set_host_policy("allow")
            print(*train("minimal"))
            print(*train("cpu"))
        """)
    finally:
        environment.uninstall("tensorplug-minimal")
    there, here = ([float(loss) for loss in line.split()] for line in printed.splitlines())
    assert there[-1] < there[0]
    assert there == pytest.approx(here, rel=1e-5)


@pytest.mark.parametrize("style", ["library", "compiler"])
def test_a_new_backend_installs_and_passes_the_first_suites(environment, tmp_path, style):
    """The templates are in the wheel, and what they make is a package that pip takes."""
    program = str(environment.folder / "env/bin/tensorplug")
    environment.check([program, "new-backend", "acme", "--style", style, "--into", str(tmp_path)])
    environment.install("--no-deps", str(tmp_path / "tensorplug-acme"))
    try:
        suites = ["--suite", "S0", "--suite", "S1"]
        printed = environment.check([program, "conformance", "run", "acme:0", *suites])
        assert "acme:0, S0, S1 alone: " in printed and "fail" not in printed
    finally:
        environment.uninstall("tensorplug-acme")


BROKEN = """
def probe():
    raise OSError("no board in slot 3")

probe()
"""


def test_broken_plugin_harms_nothing(environment, tmp_path):
    (tmp_path / "tensorplug_broken.py").write_text(BROKEN)
    pyproject = (ROOT / "examples/backends/minimal/pyproject.toml").read_text()
    (tmp_path / "pyproject.toml").write_text(pyproject.replace("minimal", "broken"))
    (tmp_path / "README.md").touch()
    environment.install(str(tmp_path))
    try:
        printed = environment.run("""
            import sys
            import tensorplug as tp
            assert tp.ones(3).sum().item() == 3
            assert "tensorplug_broken" not in sys.modules
            try:
                tp.ones(3, device="broken")
            except tp.PluginError as error:
                print(error)
            assert tp.ones(3).sum().item() == 3
        """)
        assert "broken" in environment.check([str(environment.folder / "env/bin/tensorplug"), "devices"])
    finally:
        environment.uninstall("tensorplug-broken")
    source = next((environment.folder / "env").resolve().rglob("site-packages"))
    assert printed == (
        "device plugin 'broken' of tensorplug-broken 0.1.0 (entry point tensorplug_broken) could not be "
        "imported: OSError: no board in slot 3. Upgrade or repair it ('pip install --upgrade "
        "tensorplug-broken') or remove it ('pip uninstall tensorplug-broken'), then call rescan().\n"
        "Its traceback:\n"
        "  Traceback (most recent call last):\n"
        f'    File "{source}/tensorplug_broken.py", line 5, in <module>\n'
        "      probe()\n"
        f'    File "{source}/tensorplug_broken.py", line 3, in probe\n'
        '      raise OSError("no board in slot 3")\n'
        "  OSError: no board in slot 3\n"
    )
