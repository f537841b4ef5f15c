"""What a plugin claims, and what it asks to be excused for: ``conformance.toml`` beside its module.

level = "L3"                       # the claim; a run that does not reach it says so
unsupported_dtypes = ["float64"]   # what the device does not have
unsupported_ops = ["sort"]         # ops that it has not, in no dtype
flushes_subnormals = false
accumulator = "float32"            # in which sums and products of float16 and bfloat16 are kept

[[waiver]]
id = "W1"
test = "S2/exp/float16/0"          # one test, no pattern
issue = "https://..." measured = "2.4 ulp" reason = "the hardware's exp2 unit"
expires = "2026-12-31"             # at most 180 days ahead
reviewer = "somebody"

At most MOST waivers, none of S0 and S1, and each only where the device raised a typed error or its error is
within EXCUSABLE times the tolerance: numbers that are silently wrong are never excused. What may be declared
absent has a floor, see ``floors``.
"""

from __future__ import annotations

import math
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from tensorplug_dispatcher import dtypes, ops
from tensorplug_dispatcher.errors import PluginError
from tensorplug_dispatcher.ops import OPS

from .case import FAIL, UNSUPPORTED, Case, Result

LEVELS: Final = ("none", "L0", "L1", "L2", "L3", "L4", "L5")
LONGEST: Final = timedelta(days=180)
MOST: Final = 12  # waivers
EXCUSABLE: Final = 4.0  # times the tolerance
NEVER_WAIVED: Final = ("S0", "S1")
_WAIVER_FIELDS: Final = ("id", "test", "issue", "measured", "reason", "expires", "reviewer")
_FIELDS: Final = frozenset(
    ("level", "unsupported_dtypes", "unsupported_ops", "flushes_subnormals", "accumulator", "waiver")
)


@dataclass(frozen=True, slots=True)
class Waiver:
    id: str
    test: str
    issue: str
    measured: str
    reason: str
    expires: str
    reviewer: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A plugin's claims. Without a file: no claim, nothing unsupported, no waivers."""

    level: str = "none"
    unsupported_dtypes: tuple[str, ...] = ()
    unsupported_ops: tuple[str, ...] = ()
    flushes_subnormals: bool = False
    accumulator: str = "float32"
    waivers: tuple[Waiver, ...] = field(default=())

    def declares(self, case: Case) -> bool:
        """Whether the device is said not to have what the case tests."""
        absent = self.unsupported_dtypes
        return case.subject in self.unsupported_ops or any(d in absent for d in (case.dtype, *case.uses))

    def waiver_of(self, case_id: str) -> Waiver | None:
        return next((w for w in self.waivers if w.test == case_id), None)

    def floors(self) -> dict[str, list[str]]:
        """What is declared absent that a level may not lack: from L1 on float32 and the ops of tiers 0 and 1,
        from L2 on all primitives (tiers 0 to 3).
        """
        core = [d for d in ("float32",) if d in self.unsupported_dtypes]
        core += [o for o in self.unsupported_ops if OPS[o].tier <= 1]
        primitives = [o for o in self.unsupported_ops if 1 < OPS[o].tier <= 3]
        found = {"L1": core, "L2": primitives}
        return {level: [f"{name} is declared absent" for name in names] for level, names in found.items()}

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of_json(cls, content: Mapping[str, Any]) -> Manifest:
        """The manifest that ``as_json`` gave, as it is (``checked`` says whether it is right)."""
        fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in content.items()}
        fields["waivers"] = tuple(Waiver(**w) for w in content["waivers"])
        return cls(**fields)


def read(path: Path, today: date | None = None) -> Manifest:
    """The manifest in a file; raises PluginError with what is wrong with it, all of it at once."""
    try:
        content = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise PluginError(f"the manifest {path.name} cannot be read: {error}; it is a TOML file") from error
    return checked(content, path.name, today)


def checked(content: Mapping[str, Any], name: str, today: date | None = None) -> Manifest:
    """A manifest from its content."""
    problems = [f"{key!r} is no field" for key in content if key not in _FIELDS]
    level = content.get("level", "none")
    if level not in LEVELS:
        problems.append(f"level {level!r} is none of {', '.join(LEVELS)}")
    accumulator = str(content.get("accumulator", "float32"))
    if accumulator not in (floats := [d.name for d in dtypes.FLOATS]):
        problems.append(f"accumulator {accumulator!r} is none of {', '.join(floats)}")
    unsupported = tuple(content.get("unsupported_dtypes", ()))
    known = {d.name for d in dtypes.ALL}
    problems += [f"{d!r} in unsupported_dtypes is no dtype" for d in unsupported if d not in known]
    absent = tuple(content.get("unsupported_ops", ()))
    problems += [f"{o!r} in unsupported_ops is no op of the table" for o in absent if not ops.known(o)]
    # who has not all that a former name stood for has not all of the op
    absent = tuple(dict.fromkeys(OPS[o].name if ops.known(o) else o for o in absent))
    waivers = []
    for number, entry in enumerate(content.get("waiver", ())):
        wrong = _waiver_problems(entry, today or date.today())
        problems += [f"waiver {entry.get('id', number)!r}: {text}" for text in wrong]
        if not wrong:
            waivers.append(Waiver(**{key: str(entry[key]) for key in _WAIVER_FIELDS}))
    if len(content.get("waiver", ())) > MOST:
        problems.append(f"{len(content['waiver'])} waivers; there may be {MOST}")
    tests = [w.test for w in waivers]
    problems += [f"{t} is waived twice" for t in sorted({t for t in tests if tests.count(t) > 1})]
    names = [w.id for w in waivers]
    problems += [f"waiver {n!r} is there twice" for n in sorted({n for n in names if names.count(n) > 1})]
    if problems:
        raise PluginError(f"the manifest {name} is not right: {'; '.join(problems)}")
    return Manifest(
        level,
        unsupported,
        absent,
        bool(content.get("flushes_subnormals", False)),
        accumulator,
        tuple(waivers),
    )


def _waiver_problems(entry: Mapping[str, Any], today: date) -> list[str]:
    missing = [f for f in _WAIVER_FIELDS if not str(entry.get(f, "")).strip()]
    if missing:
        return [f"{', '.join(missing)} must be given"]
    problems = []
    test = str(entry["test"])
    if any(mark in test for mark in "*?[") or test.count("/") != 3:
        problems.append(f"{test!r} is not one test; patterns are not allowed")
    if test.partition("/")[0] in NEVER_WAIVED:
        problems.append(f"nothing in {' and '.join(NEVER_WAIVED)} can be waived")
    try:
        expires = date.fromisoformat(str(entry["expires"]))
    except ValueError:
        return [*problems, f"expires {entry['expires']!r} is no date like 2026-12-31"]
    if expires < today:
        problems.append(f"it expired on {expires}; renew it with a new review, or remove it")
    elif expires > today + LONGEST:
        problems.append(f"it expires on {expires}, more than {LONGEST.days} days ahead")
    return problems


def problems_of(content: Mapping[str, Any], today: date) -> list[str]:
    """What is wrong with the manifest that a report holds."""
    fields = {key: value for key, value in content.items() if key != "waivers"}
    try:
        checked({**fields, "waiver": content["waivers"]}, "of the report", today)
    except PluginError as error:
        return [str(error)]
    return []


def excused(result: Result) -> str:
    """Why a waiver may stand for this failure; nothing where it may not."""
    raised, excess = result.data.get("raised"), result.data.get("excess", math.inf)
    if result.status not in (FAIL, UNSUPPORTED):
        return ""
    if raised:
        return f"it raised {raised}"
    return f"its error is {excess:.2f} times the tolerance" if excess <= EXCUSABLE else ""


def of_plugin(module: Any) -> Manifest:
    """The manifest beside a plugin's module; an empty one where there is none."""
    file = source_file(module)
    path = None if file is None else file.parent / "conformance.toml"
    return read(path) if path is not None and path.exists() else Manifest()


def source_file(plugin: Any) -> Path | None:
    """The file of a plugin's module, or of the class where the plugin is an object."""
    module = plugin if hasattr(plugin, "__file__") else sys.modules.get(type(plugin).__module__)
    file = getattr(module, "__file__", None)
    return Path(file) if file else None


def of_device(device: str) -> Manifest:
    """The manifest of the plugin behind a device."""
    import tensorplug as tp
    from tensorplug_dispatcher.devices import plugins

    return of_plugin(plugins.load("tensorplug.backends", tp.device(device).type).module)
