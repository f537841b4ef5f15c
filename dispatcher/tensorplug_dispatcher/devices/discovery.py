"""What the metadata of installed distributions say of plugins; nothing of theirs is imported.

Also how a distribution is installed: an editable one stands in a folder of its own, to which a ``.pth`` file
leads that Python reads at its start. ``reach`` reads it for one that was installed since.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from importlib.metadata import Distribution

GROUPS: Final = ("tensorplug.backends", "tensorplug.layers")
FIRST_PARTY: Final = "tensorplug"
UNKNOWN: Final = "an unknown distribution"


@dataclass(slots=True)
class PluginRecord:
    """One plugin as its metadata and its loading show it.

    ``status`` is ``installed`` (not imported yet), ``loaded``, ``absent`` (it says that its device is not
    there), ``broken``, ``hanging``, ``too-old``, ``too-new`` or ``duplicate``. ``reason`` says in a sentence
    what is wrong, ``traceback`` is the plugin's own. ``rivals`` are other distributions that claim the same
    name; ``api`` is the plugin API that it was written for, once it is loaded, and ``notes`` say what of it
    is not used. ``checkout`` is the folder of an editable installation, ``paths`` are its ``.pth`` files;
    ``mark`` says what has become of the distribution of a loaded plugin since.
    """

    group: str
    name: str
    distribution: str
    version: str
    value: str
    status: str = "installed"
    reason: str = ""
    traceback: str = ""
    rivals: tuple[PluginRecord, ...] = ()
    api: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()
    checkout: str = ""
    paths: tuple[str, ...] = ()
    mark: str = ""
    work: Any = field(default=None, repr=False, compare=False)

    @property
    def source(self) -> str:
        """``"acme-device 1.2 (entry point acme_device)"``"""
        return f"{self.distribution} {self.version} (entry point {self.value})"

    @property
    def remarks(self) -> tuple[str, ...]:
        """``notes`` and ``mark``: what people should know of it."""
        return (*self.notes, self.mark) if self.mark else self.notes

    @property
    def module(self) -> str:
        """The module of the entry point."""
        return self.value.partition(":")[0].strip()


def records() -> Iterator[PluginRecord]:
    """A record for each entry point of ours; of a distribution twice on the path, the first counts."""
    from importlib.metadata import distributions

    seen: set[str] = set()
    for distribution in distributions():
        try:
            text = distribution.read_text("entry_points.txt") or ""
        except Exception:  # unreadable metadata of a stranger
            continue
        if not any(f"[{group}]" in text for group in GROUPS):
            continue
        name, version = _identity(distribution)
        if name.lower() in seen and name != UNKNOWN:
            continue
        seen.add(name.lower())
        checkout = _checkout(distribution)
        paths = _paths(distribution) if checkout else ()
        for group, label, value in _entries(text):
            yield PluginRecord(group, label, name, version, value, checkout=checkout, paths=paths)


def _identity(distribution: Distribution) -> tuple[str, str]:
    import re

    try:
        metadata = distribution.metadata
        name, version = metadata["Name"], metadata["Version"]
    except Exception:  # a METADATA file that is damaged or missing
        return UNKNOWN, "of unknown version"
    return re.sub(r"[-_.]+", "-", name) if name else UNKNOWN, version or "of unknown version"


def _entries(text: str) -> Iterator[tuple[str, str, str]]:
    """(group, name, value) of our groups; lenient, since a stranger's damaged line must harm nobody else."""
    group = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            group = line.strip("[] ")
        elif group in GROUPS and line and not line.startswith(("#", ";")):
            name, _, value = map(str.strip, line.partition("="))
            yield group, name, value


def _checkout(distribution: Distribution) -> str:
    """The folder of an editable installation, as PEP 610 records it; "" for any other."""
    from urllib.parse import unquote, urlsplit

    try:
        found = json.loads(distribution.read_text("direct_url.json") or "{}")
        if found.get("dir_info", {}).get("editable") is True:
            return unquote(urlsplit(found["url"]).path)
    except Exception:  # no such file, or one that is damaged
        pass
    return ""


def _paths(distribution: Distribution) -> tuple[str, ...]:
    try:
        files = distribution.files or ()
        return tuple([str(distribution.locate_file(file)) for file in files if file.suffix == ".pth"])
    except Exception:  # a RECORD that is damaged
        return ()


def contested(first: PluginRecord, second: PluginRecord) -> PluginRecord:
    """The record of a name that two distributions claim."""
    claimants = (first, *first.rivals, second)
    own = [record for record in claimants if record.distribution == FIRST_PARTY]
    winner, *rivals = own + [record for record in claimants if record not in own]
    for rival in rivals:
        rival.rivals = ()
        rival.status = "duplicate"
    winner.rivals = tuple(rivals)
    if not own:
        winner.status = "duplicate"
        winner.reason = "is claimed by " + " and by ".join(sorted(record.source for record in claimants))
    return winner


def found() -> dict[str, dict[str, PluginRecord]]:
    """The plugins by group and name, from the metadata as they are now."""
    import importlib

    importlib.invalidate_caches()
    fresh: dict[str, dict[str, PluginRecord]] = {group: {} for group in GROUPS}
    for record in records():
        known = fresh[record.group].get(record.name)
        fresh[record.group][record.name] = record if known is None else contested(known, record)
    return fresh


def reach(record: PluginRecord) -> None:
    """Make the module of an editable installation importable that came after Python's start: read its
    ``.pth`` files as the start does.
    """
    import importlib
    import site
    from importlib.util import find_spec

    top = record.module.partition(".")[0]
    with contextlib.suppress(ImportError, ValueError):
        if not record.paths or find_spec(top) is not None:
            return
        for path in record.paths:
            site.addpackage(os.path.dirname(path), os.path.basename(path), None)
        importlib.invalidate_caches()


def remedy(record: PluginRecord) -> str:
    """How to mend a plugin that is broken, as a sentence without an end."""
    name = record.distribution
    if record.checkout:
        again = f"mend it in {record.checkout}, from where it is installed as editable"
        return f"{again[0].upper()}{again[1:]}, or remove it ('pip uninstall {name}')"
    if name == UNKNOWN:
        return "Its metadata do not say what it is: mend or remove its files"
    if name == FIRST_PARTY:
        return "Install tensorplug anew ('pip install --force-reinstall tensorplug')"
    return f"Upgrade or repair it ('pip install --upgrade {name}') or remove it ('pip uninstall {name}')"


def upgrade_of_ours(known: Iterable[PluginRecord]) -> str:
    """How to get a newer tensorplug, whose plugins are among the ``known``, as a sentence without an end."""
    checkout = next((record.checkout for record in known if record.distribution == FIRST_PARTY), "")
    if checkout:
        return f"Bring the checkout of tensorplug in {checkout} up to date"
    return "Upgrade tensorplug: 'pip install --upgrade tensorplug'"


def upgrade(record: PluginRecord) -> str:
    """How to get a newer version of a plugin's distribution, as a sentence without an end."""
    if record.checkout:
        return f"Bring its checkout in {record.checkout} up to date"
    if record.distribution == UNKNOWN:
        return "Its metadata do not say what it is: replace its files by newer ones"
    return f"Upgrade it: 'pip install --upgrade {record.distribution}'"
