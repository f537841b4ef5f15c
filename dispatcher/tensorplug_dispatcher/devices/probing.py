"""What the plugins offer, asked in processes of their own: one that ends its process harms no other.

``probe`` starts a process that imports a plugin, asks for its devices, and writes what it has come to into a
file. A process that dies or hangs leaves there how far it came.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from . import lifecycle, plugins
from . import registry as devices
from .lifecycle import DeviceRecord, Health
from .registry import GROUP

PROGRAM: Final = "from tensorplug_dispatcher.devices.probing import main; main()"
WORKERS: Final = 4
GRACE: Final = 10.0  # seconds beside those that a plugin may take to load, and to tell its devices
STAGES: Final = {
    "": "before it was imported",
    "import": "while it was imported or one of its hooks called",
    "devices": "in devices()",
    "health": "while its devices were checked",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Probe:
    """What one plugin's process has told: the devices, and how they are where that was asked."""

    records: list[DeviceRecord]
    health: list[Health]


def probes(check: bool = False) -> list[Probe]:
    """Every installed plugin, each asked in a process of its own; ``check``: also how its devices are."""
    kinds = sorted(plugins.installed(GROUP))
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(lambda kind: probe(kind, check), kinds))


def probe(kind: str, check: bool = False) -> Probe:
    """One plugin, asked in a process of its own. Nothing that it does there is raised here."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "told"
        errors = Path(folder) / "errors"
        with errors.open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, kind, str(told), "check" if check else "", *sys.path],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                start_new_session=True,  # it is ended with all that it has started
            )
        try:
            ended = _ended(process, plugins.timeout_seconds() * (3 if check else 2) + GRACE)
        finally:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        lines = list(_lines(told))
        last = errors.read_text(errors="replace").strip().rpartition("\n")[2][:200]
    stage = next((line["stage"] for line in reversed(lines) if "stage" in line), "")
    records = [DeviceRecord(**_tuples(each)) for line in lines for each in line.get("records", ())]
    health = [Health(**each) for line in lines for each in line.get("health", ())]
    if stage != "end":
        reason = f"{ended} {STAGES[stage]}" + (f" ({last})" if last else "")
        if not records:
            records = [_broken(kind, reason)]
        else:
            health = [Health(one.name, "wrong", reason, 0.0, 0) for one in records]
    elif ended != "ended with status 0":
        records = [
            dataclasses.replace(one, notes=(*one.notes, f"its process {ended} after all")) for one in records
        ]
    return Probe(records, health)


def _ended(process: subprocess.Popen[bytes], seconds: float) -> str:
    """How a process has ended, as a text."""
    try:
        status = process.wait(seconds)
    except subprocess.TimeoutExpired:
        return f"did not come to an end within {seconds:g} s"
    if status >= 0:
        return f"ended with status {status}"
    with contextlib.suppress(ValueError):
        return f"died by {signal.Signals(-status).name}"
    return f"died by signal {-status}"


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        text = path.read_text()
    except OSError:
        return
    for line in text.splitlines():
        with contextlib.suppress(ValueError):  # it died while it wrote
            yield json.loads(line)


def _tuples(fields: dict[str, Any]) -> dict[str, Any]:
    dtypes = tuple([tuple(pair) for pair in fields["dtypes"]])
    return fields | {"dtypes": dtypes, "features": tuple(fields["features"]), "notes": tuple(fields["notes"])}


def _broken(kind: str, reason: str) -> DeviceRecord:
    record = plugins.installed(GROUP)[kind]
    return DeviceRecord(
        name=kind,
        type=kind,
        state="broken",
        reason=f"the process that loads it {reason}",
        distribution=record.distribution,
        version=record.version,
        api="",
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """The process of one plugin: its name, the file to write to, "check" or "", the path to import from."""
    kind, told, check, *path = sys.argv[1:] if arguments is None else arguments
    sys.path[:] = path

    def tell(**what: Any) -> None:
        with open(told, "a") as file:
            file.write(json.dumps(what) + "\n")

    tell(stage="import")
    with contextlib.suppress(Exception):  # kept, and shown by the record
        plugins.load(GROUP, kind)
        tell(stage="devices")
    records = lifecycle.records_of(kind, load=True)
    tell(records=[dataclasses.asdict(one) for one in records])
    if check:
        tell(stage="health")
        found = [lifecycle.health(devices.device(one.name)) for one in records if one.title]
        tell(health=[dataclasses.asdict(one) for one in found])
    tell(stage="end")
