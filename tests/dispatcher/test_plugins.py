"""Plugins are found without being imported, loaded in a guard, and their faults are told in full."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

import pytest
from plugin_site import GOOD, REPAIR, Site, failure

from tensorplug_dispatcher.devices import plugins
from tensorplug_dispatcher.errors import PluginError, TensorplugError


def test_installed_imports_nothing(site):
    site.install("raise SystemExit('imported')")
    record = plugins.installed("tensorplug.backends")["acme"]
    assert (record.distribution, record.version, record.value) == ("acme-device", "1.2", "acme_device")
    assert record.status == "installed"
    assert "acme_device" not in sys.modules


def test_load_returns_what_the_hooks_return(site):
    site.install(
        GOOD
        + """
from tensorplug_dispatcher.devices.hooks import hookimpl

@hookimpl
def tensorplug_kernels():
    yield "a kernel"

def tensorplug_manifest():
    return {"url": "https://acme.example"}
"""
    )
    plugin = plugins.load("tensorplug.backends", "acme")
    assert type(plugin.tensorplug_runtime()).__name__ == "Runtime"
    assert plugin.tensorplug_kernels() == ("a kernel",)
    assert plugin.tensorplug_layers() == ()
    assert plugin.tensorplug_manifest() == {"url": "https://acme.example"}
    assert plugins.load("tensorplug.backends", "acme") is plugin
    assert plugins.installed("tensorplug.backends")["acme"].status == "loaded"
    plugins.rescan()
    assert plugins.load("tensorplug.backends", "acme") is plugin


def test_unknown_name(site):
    site.install(GOOD)
    with pytest.raises(
        PluginError,
        match=r"no installed distribution has a plugin 'acne' in the group "
        r"tensorplug\.backends; installed are: acme.*\. After a 'pip install' call rescan\(\)\.",
    ):
        plugins.load("tensorplug.backends", "acne")


def test_import_raises(site):
    site.install("def probe():\n    raise OSError('no board in slot 3')\n\nprobe()\n")
    error = failure()
    assert str(error) == (
        "device plugin 'acme' of acme-device 1.2 (entry point acme_device) could not be imported: "
        f"OSError: no board in slot 3. {REPAIR}\n"
        "Its traceback:\n"
        "  Traceback (most recent call last):\n"
        f'    File "{site.folder}/acme_device.py", line 4, in <module>\n'
        "      probe()\n"
        f'    File "{site.folder}/acme_device.py", line 2, in probe\n'
        "      raise OSError('no board in slot 3')\n"
        "  OSError: no board in slot 3"
    )
    assert (error.plugin, error.distribution, error.version, error.entry_point) == (
        "acme",
        "acme-device",
        "1.2",
        "acme_device",
    )
    assert "in probe" in error.cause_traceback
    assert plugins.installed("tensorplug.backends")["acme"].status == "broken"


@pytest.mark.parametrize(
    "source, reason",
    [
        ("import sys; sys.exit(3)", "could not be imported: SystemExit: 3"),
        ("class Stop(BaseException): pass\nraise Stop", "could not be imported: Stop"),
        ("import acme_missing", "could not be imported: ModuleNotFoundError: No module named 'acme_missing'"),
        ("def f(:", "could not be imported: SyntaxError: invalid syntax (acme_device.py, line 1)"),
        (
            "tensorplug_api = (1, 0)\ndef tensorplug_runtime():\n    raise ValueError('no driver')",
            "failed in its hook tensorplug_runtime(): ValueError: no driver",
        ),
    ],
)
def test_whatever_is_raised_is_kept(site, source, reason):
    site.install(source)
    where = "device plugin 'acme' of acme-device 1.2 (entry point acme_device)"
    prefix = f"{where} {reason}. {REPAIR}\nIts traceback:\n"
    assert str(failure()).startswith(prefix)
    assert str(failure()).startswith(prefix)


def test_keyboard_interrupt_passes(site):
    site.install("raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        plugins.load("tensorplug.backends", "acme")
    assert plugins.installed("tensorplug.backends")["acme"].status == "installed"


def test_import_hangs_then_finishes(site):
    site.install(
        "import pathlib, time\nwhile not pathlib.Path(__file__).with_name('go').exists():\n    "
        "time.sleep(0.01)\n" + GOOD
    )
    start = time.monotonic()
    error = failure(timeout=0.2)
    assert time.monotonic() - start < 5
    line = r'    File ".*acme_device\.py", line [23], in <module>\n'
    assert re.fullmatch(
        r"device plugin 'acme' of acme-device 1\.2 \(entry point acme_device\) had not finished loading "
        r"after 0\.2 s\. "
        r"Set TENSORPLUG_PLUGIN_TIMEOUT \(seconds\) higher if it is only slow, or remove it "
        r"\('pip uninstall acme-device'\)\. Once it is mended, tensorplug\.devices\.load\('acme'\) ends this "
        r"load and tries again\.\nIt is waiting here:\n" + line + r"(.|\n)*",
        str(error),
    )
    assert plugins.installed("tensorplug.backends")["acme"].status == "hanging"
    assert str(failure()) == str(error), "asking again waits no second time"
    (site.folder / "go").touch()
    plugins.installed("tensorplug.backends")["acme"].work.done.wait(10)
    assert plugins.load("tensorplug.backends", "acme").tensorplug_runtime() is not None


def test_timeout_from_the_environment(site, monkeypatch):
    site.install("import time\ntime.sleep(0.3)")
    monkeypatch.setenv("TENSORPLUG_PLUGIN_TIMEOUT", "0.05")
    assert "had not finished loading after 0.05 s" in str(failure())


@pytest.mark.parametrize("value", ["soon", "0", "-1", "nan"])
def test_bad_timeout_in_the_environment(site, monkeypatch, value):
    site.install(GOOD)
    monkeypatch.setenv("TENSORPLUG_PLUGIN_TIMEOUT", value)
    with pytest.raises(TensorplugError) as caught:
        plugins.load("tensorplug.backends", "acme")
    assert (
        str(caught.value)
        == f"TENSORPLUG_PLUGIN_TIMEOUT is {value!r}; it must be a positive number of seconds"
    )


def test_asks_for_itself_while_loading(site):
    site.install(
        "from tensorplug_dispatcher.devices import plugins\nplugins.load('tensorplug.backends', 'acme')\n"
    )
    assert (
        "PluginError: plugin 'acme' of acme-device 1.2 (entry point acme_device) "
        "asks for itself while it is being loaded; move that into a function that runs later."
    ) in str(failure())


@pytest.mark.parametrize(
    "api, status, rest",
    [
        (
            "(0, 9)",
            "too-old",
            "was written for plugin API 0.9, but this tensorplug has 1.1. "
            "Upgrade it: 'pip install --upgrade acme-device'.",
        ),
        (
            "(2, 0)",
            "too-new",
            "needs plugin API 2.0, but this tensorplug has 1.1. OURS.",
        ),
        (
            "'1.0'",
            "broken",
            "says tensorplug_api = '1.0'; a plugin must name the plugin API that it was written for as "
            "tensorplug_api = (1, 1). " + REPAIR,
        ),
        (
            "None",
            "broken",
            "says tensorplug_api = None; a plugin must name the plugin API that it was written for as "
            "tensorplug_api = (1, 1). " + REPAIR,
        ),
    ],
)
def test_api_version(site, monkeypatch, api, status, rest):
    site.install(GOOD.replace("(1, 0)", api))
    own = plugins.installed("tensorplug.backends")["cpu"]
    for checkout, ours in (
        ("", "Upgrade tensorplug: 'pip install --upgrade tensorplug'"),
        ("/src/tensorplug", "Bring the checkout of tensorplug in /src/tensorplug up to date"),
    ):
        monkeypatch.setattr(own, "checkout", checkout)
        said = rest.replace("OURS", ours)
        assert str(failure()) == f"device plugin 'acme' of acme-device 1.2 (entry point acme_device) {said}"
    assert plugins.installed("tensorplug.backends")["acme"].status == status


CONTRACT = (
    "device plugin 'acme' of acme-device 1.2 (entry point acme_device) does not keep the plugin contract: "
)
ALL_HOOKS = (
    "The hooks are tensorplug_runtime, tensorplug_kernels, tensorplug_layers, tensorplug_autocast, "
    "tensorplug_manifest"
)


@pytest.mark.parametrize(
    "source, reason",
    [
        (
            GOOD + "def tensorplug_kernel(): return ()",
            "it implements the hook tensorplug_kernel, which does not exist; did you mean "
            f"tensorplug_kernels? {ALL_HOOKS}",
        ),
        (
            GOOD + "def tensorplug_xyzzy(): return ()",
            f"it implements the hook tensorplug_xyzzy, which does not exist; {ALL_HOOKS}",
        ),
        (
            GOOD
            + "from tensorplug_dispatcher.devices.hooks import hookimpl\n@hookimpl\ndef kernels(): return ()",
            "it implements the hook kernels, which does not exist; did you mean tensorplug_kernels? "
            f"{ALL_HOOKS}",
        ),
        (
            GOOD + "def tensorplug_kernels(device): return ()",
            "its hook tensorplug_kernels takes the argument 'device', which the hook does not have; write "
            "'def tensorplug_kernels():' without arguments",
        ),
        (
            "tensorplug_api = (1, 0)",
            "it lacks the hook tensorplug_runtime, which the group tensorplug.backends requires",
        ),
        (
            GOOD.replace("def upload", "def uploads").replace("def close(self)", "def end(self)"),
            "its hook tensorplug_runtime returned an object of type Runtime, which lacks the runtime's "
            "methods upload, close",
        ),
        (
            GOOD + "def tensorplug_runtime(): pass",
            "its hook tensorplug_runtime returned None, which lacks the runtime's methods devices, "
            "allocate, upload, download, "
            "transfer, bind, synchronize, close",
        ),
        (
            GOOD.replace("def bind(self, array): ...", "bind = 3"),
            "its hook tensorplug_runtime returned an object of type Runtime, which lacks the runtime's "
            "method bind",
        ),
        (
            GOOD + "def tensorplug_kernels(): return 5",
            "its hook tensorplug_kernels returned an object of type int; it must return an iterable of "
            "Kernel objects",
        ),
        (
            GOOD + "def tensorplug_manifest(): return []",
            "its hook tensorplug_manifest returned an object of type list; it must return a dict",
        ),
    ],
)
def test_contract_is_checked_at_the_door(site, source, reason):
    site.install(source)
    assert str(failure()) == f"{CONTRACT}{reason}. {REPAIR}"


def test_layers_plugin(site):
    site.install(
        """
        tensorplug_api = (1, 0)
        class Layer:
            name, rank = "acme", 45
            def wrap(self, function, key, inner): ...
        def tensorplug_layers(): return [Layer()]
        """,
        group="tensorplug.layers",
    )
    (layer,) = plugins.load("tensorplug.layers", "acme").tensorplug_layers()
    assert layer.name == "acme"


def test_layers_plugin_without_its_hook(site):
    site.install(GOOD, group="tensorplug.layers")
    assert str(failure(group="tensorplug.layers")) == (
        "layer plugin 'acme' of acme-device 1.2 (entry point acme_device) does not keep the plugin contract: "
        f"it lacks the hook tensorplug_layers, which the group tensorplug.layers requires. {REPAIR}"
    )


def test_two_strangers_with_one_name(site):
    site.install(GOOD)
    site.install(GOOD, distribution="other-device", version="3", module="other_device")
    error = failure()
    assert str(error) == (
        "device plugin 'acme' is claimed by acme-device 1.2 (entry point acme_device) "
        "and by other-device 3 (entry point other_device). "
        "Uninstall all but one of them ('pip uninstall NAME'), then call rescan()."
    )
    assert plugins.installed("tensorplug.backends")["acme"].status == "duplicate"
    assert "acme_device" not in sys.modules and "other_device" not in sys.modules


@pytest.mark.parametrize("order", ["first", "last"])
def test_a_stranger_cannot_take_a_name_of_ours(site, order):
    ours = {"distribution": "tensorplug", "version": "0.0.1", "module": "acme_ours"}
    theirs = {"module": "acme_theirs", "distribution": "a-device" if order == "first" else "z-device"}
    site.install(GOOD, **ours)
    site.install("raise ValueError", **theirs)
    with pytest.warns(RuntimeWarning) as caught:
        plugin = plugins.load("tensorplug.backends", "acme")
    assert plugin.module.__name__ == "acme_ours"
    assert str(caught[0].message) == (
        f"the plugin name 'acme' belongs to tensorplug; {theirs['distribution']} 1.2 (entry point "
        "acme_theirs) claims it too and is ignored. Uninstall it, or ask its authors for another name."
    )
    assert [rival.status for rival in plugin.record.rivals] == ["duplicate"]


def test_one_distribution_twice_on_the_path_is_no_duplicate(site, tmp_path_factory, monkeypatch):
    site.install(GOOD)
    behind = tmp_path_factory.mktemp("behind")
    monkeypatch.setattr(sys, "path", [*sys.path, str(behind)])
    Site(behind).install("raise ValueError", version="1.1")
    assert plugins.load("tensorplug.backends", "acme").record.version == "1.2"


def test_rescan_tries_a_repaired_plugin_again(site):
    site.install("raise ValueError('half installed')")
    failure()
    (site.folder / "acme_device.py").write_text(GOOD)
    assert "half installed" in str(failure()), "a broken plugin stays broken until rescan"
    plugins.rescan()
    assert plugins.load("tensorplug.backends", "acme").tensorplug_runtime() is not None


@pytest.mark.parametrize(
    "entry_points",
    [
        "[tensorplug.backends]\nacme\n",
        "[tensorplug.backends]\nacme = not a module!\n",
        "[tensorplug.backends]\nacme = acme_device:missing.attribute\n",
    ],
)
def test_damaged_entry_points_harm_nobody_else(site, entry_points):
    site.install(GOOD, entry_points=entry_points)
    site.install(GOOD, distribution="other-device", module="other_device", name="other")
    assert plugins.load("tensorplug.backends", "other").tensorplug_runtime() is not None
    assert "could not be imported" in str(failure())


def test_missing_metadata(site):
    site.install(GOOD)
    (site.folder / "acme_device-1.2.dist-info" / "METADATA").unlink()
    plugins.rescan()
    record = plugins.load("tensorplug.backends", "acme").record
    assert record.source == "an unknown distribution of unknown version (entry point acme_device)"


def test_threads_share_one_load(site):
    from concurrent.futures import ThreadPoolExecutor

    site.install("import time\ntime.sleep(0.1)\n" + GOOD)
    with ThreadPoolExecutor(4) as pool:
        loaded = list(pool.map(lambda _: plugins.load("tensorplug.backends", "acme"), range(4)))
    assert all(plugin is loaded[0] for plugin in loaded)


def test_discovery_is_lazy():
    """Nothing heavy is imported by the module, nor pluggy by a scan."""
    program = (
        "import sys; from tensorplug_dispatcher.devices import plugins\n"
        "heavy = {'numpy', 'pluggy', 'importlib.metadata'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "plugins.installed('tensorplug.backends')\n"
        "assert not {'numpy', 'pluggy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_broken_plugin_of_ours(site):
    site.install("raise OSError('torn')", distribution="tensorplug")
    assert str(failure()).startswith(
        "device plugin 'acme' of tensorplug 1.2 (entry point acme_device) could not be imported: OSError: "
        "torn. Install tensorplug anew ('pip install --force-reinstall tensorplug').\nIts traceback:\n"
    )


# -- a load that hangs ---------------------------------------------------------------------------------------


def test_a_plugin_that_hung_is_loaded_once_it_is_mended(site):
    site.install("import time\nwhile True:\n    time.sleep(0.01)\n")
    failure(timeout=0.2)
    work = plugins.installed("tensorplug.backends")["acme"].work
    plugins.rescan()
    assert not work.over, "what may only be slow is left alone"
    later = time.time() + 10
    (site.folder / "acme_device.py").write_text(GOOD)
    os.utime(site.folder / "acme_device.py", (later, later))
    plugins.rescan()
    assert work.over and plugins.load("tensorplug.backends", "acme").tensorplug_runtime() is not None


def test_a_plugin_that_hung_is_tried_again_when_it_is_asked_for(site):
    site.install("import time\nwhile True:\n    time.sleep(0.01)\n")
    failure(timeout=0.2)
    work = plugins.installed("tensorplug.backends")["acme"].work
    plugins.retry("tensorplug.backends", "acme")
    assert work.over and plugins.installed("tensorplug.backends")["acme"].status == "installed"
    (site.folder / "acme_device.py").write_text(GOOD)
    assert plugins.load("tensorplug.backends", "acme").tensorplug_runtime() is not None


def test_a_load_that_cannot_be_ended_says_where_it_is_and_what_helps(site, monkeypatch):
    monkeypatch.setattr(plugins, "ENDING", 0.1)
    site.install("import time\ntime.sleep(3)\n")
    failure(timeout=0.2)
    (site.folder / "acme_device.py").write_text(GOOD)
    plugins.retry("tensorplug.backends", "acme")
    assert re.fullmatch(
        r"device plugin 'acme' of acme-device 1\.2 \(entry point acme_device\) still hangs in its import of "
        r"\d s ago, and cannot be ended\. The thread that loads it keeps its modules, so that this process "
        r"cannot import them again, mended or not: start a new process\.\nIt is waiting here:\n"
        r'    File ".*acme_device\.py", line 2, in <module>\n(.|\n)*',
        str(failure()),
    )


def test_a_load_that_ends_late_is_no_second_one(site):
    site.install("import time\ntime.sleep(0.4)\n" + GOOD)
    failure(timeout=0.1)
    work = plugins.installed("tensorplug.backends")["acme"].work
    work.done.wait(10)
    plugins.rescan()
    plugins.retry("tensorplug.backends", "acme")
    assert plugins.load("tensorplug.backends", "acme") is work.outcome


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("def allocate(self, index, nbytes)", "def allocate(self, nbytes)",
         "its hook tensorplug_runtime returned an object of type Runtime, whose method allocate(nbytes) is "
         "called as allocate(index, nbytes)"),
        ("return Runtime()", "return Runtime",
         "its hook tensorplug_runtime returned an object of type type, whose method devices(self) is called "
         "as devices(); it returned the class, not an object: write Runtime()"),
    ],
)  # fmt: skip
def test_the_methods_of_a_runtime_are_checked_at_the_door(site, old, new, reason):
    assert old in GOOD
    site.install(GOOD.replace(old, new))
    assert str(failure()) == f"{CONTRACT}{reason}. {REPAIR}"


def test_an_error_in_a_generator_of_kernels_is_the_hooks(site):
    site.install(GOOD + "def tensorplug_kernels():\n    yield 1\n    raise TypeError('odd')\n")
    assert "failed in its hook tensorplug_kernels(): TypeError: odd" in str(failure())
