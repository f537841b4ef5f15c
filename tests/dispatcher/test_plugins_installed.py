"""Plugins are found however they are installed, and advice and marks follow from it."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest
from plugin_site import GOOD, failure

from tensorplug_dispatcher.devices import plugins


def editable(site, tmp_path_factory, source: str, how: str = "path") -> Path:
    """Install a plugin as pip does an editable one: metadata and a ``.pth`` file that a start reads."""
    checkout = tmp_path_factory.mktemp("checkout")
    (checkout / "acme_editable.py").write_text(textwrap.dedent(source))
    info = site.folder / "acme_editable-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-editable\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[tensorplug.backends]\nacme = acme_editable\n")
    url = checkout.as_uri()
    (info / "direct_url.json").write_text(json.dumps({"url": url, "dir_info": {"editable": True}}))
    (info / "RECORD").write_text("acme_editable.pth,,\nacme_editable-1.2.dist-info/METADATA,,\n")
    line = str(checkout) if how == "path" else f"import sys; sys.path.append({str(checkout)!r})"
    if how != "gone":
        (site.folder / "acme_editable.pth").write_text(line + "\n")
    plugins.rescan()
    return checkout


@pytest.mark.parametrize("how", ["path", "finder"])
def test_an_editable_installation_into_the_running_process_is_found(site, tmp_path_factory, how):
    editable(site, tmp_path_factory, GOOD, how)
    assert plugins.load("tensorplug.backends", "acme").tensorplug_runtime() is not None


def test_an_editable_installation_that_cannot_be_found_is_explained(site, tmp_path_factory):
    checkout = editable(site, tmp_path_factory, GOOD, "gone")
    assert (
        "could not be imported: ModuleNotFoundError: No module named 'acme_editable'. Its module is not "
        f"where its editable installation of {checkout} says; if it was installed while this process ran, "
        "start a new one, else install it again, then call rescan()."
    ) in str(failure())


@pytest.mark.parametrize(
    ("source", "advice"),
    [
        ("raise OSError('torn')",
         "Mend it in {checkout}, from where it is installed as editable, or remove it ('pip uninstall "
         "acme-editable'), then call rescan()."),
        (GOOD.replace("(1, 0)", "(0, 9)"), "Bring its checkout in {checkout} up to date."),
        ("import time\ntime.sleep(0.5)",
         "Set TENSORPLUG_PLUGIN_TIMEOUT (seconds) higher if it is only slow. Once it is mended, "
         "tensorplug.devices.load('acme') ends this load and tries again."),
    ],
)  # fmt: skip
def test_nobody_is_told_to_upgrade_a_checkout(site, tmp_path_factory, source, advice):
    checkout = editable(site, tmp_path_factory, source)
    text = str(failure(timeout=0.1 if "sleep" in source else 30))
    assert advice.format(checkout=checkout) in text and "--upgrade" not in text


def test_advice_for_what_has_no_name(site):
    site.install("raise OSError('torn')")
    (site.folder / "acme_device-1.2.dist-info" / "METADATA").unlink()
    plugins.rescan()
    advice = "Its metadata do not say what it is: mend or remove its files, then call rescan()."
    assert advice in str(failure())


def test_what_was_uninstalled_while_it_is_loaded_is_marked(site):
    site.install(GOOD)
    record = plugins.load("tensorplug.backends", "acme").record
    assert record.remarks == ()
    info = site.folder / "acme_device-1.2.dist-info"
    aside = site.folder / "aside"
    info.rename(aside)
    plugins.marked()
    assert record.remarks == ("acme-device 1.2 was uninstalled; what is loaded stays until unload",)
    aside.rename(info)
    plugins.rescan()
    assert record.remarks == ()
    newer = info.rename(site.folder / "acme_device-1.3.dist-info")
    (newer / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-device\nVersion: 1.3\n")
    plugins.rescan()
    assert record.remarks == (
        "acme-device 1.3 (entry point acme_device) is installed now, what is loaded is 1.2; reload takes "
        "the new one",
    )
