"""What ran so far, and why an op runs as it does."""

from __future__ import annotations

from typing import Any

from . import epoch, kernels, layers, ops
from .devices import registry as devices
from .dtypes import dtype_named
from .errors import SignatureError
from .request import LAYOUTS_ONLY

_FORMS = {
    kernels.PYTHON: "",
    kernels.ADDRESS: " (C address)",
    kernels.PREPARED: " (compiled for its layouts)",
}


def report() -> list[tuple[str, str, str, str, int]]:
    """What ran so far: (op, device type, path, provider, calls), most calls first."""
    rows: dict[tuple[str, str, str, str], int] = {}
    for function in epoch.functions:
        for base in function.bases.values():
            if base.device.type == LAYOUTS_ONLY:  # nothing runs there
                continue
            for plan in base.plan_list():
                key = (function.name, base.device.type, plan.path, plan.provider)
                rows[key] = rows.get(key, 0) + plan.calls
        for (device_type, path, provider), calls in function.counts.items():
            if device_type == LAYOUTS_ONLY:
                continue
            key = (function.name, device_type, path, provider)
            rows[key] = rows.get(key, 0) + calls
    return sorted(((*k, n) for k, n in rows.items() if n), key=lambda r: -r[4])


def _predicate(found: kernels.Kernel) -> str:
    """What there is to say of calls that a kernel does not take."""
    said = ""
    if found.when is not None:
        purpose = (getattr(found.when, "__doc__", None) or "").strip().partition("\n")[0].rstrip(".")
        said = f" - has a predicate{purpose and f': {purpose}'}"
    last = kernels.refused.get(found, "")
    return f"{said}{last and f' - refused the last such call: {last}'}"


def reset_report() -> None:
    """Start counting anew."""
    epoch.invalidate()
    for function in epoch.functions:
        function.counts = {}


def explain(name: str, device: Any = None, dtype: Any = None) -> str:
    """Why an op runs as it does on a device: every kernel with its provider, the decomposition, the host.

    Of a former name (``conv2d``), only the kernels that take such calls.
    """
    if not ops.known(name):
        import difflib

        close = difflib.get_close_matches(name, [*ops.OPS, *ops.former], 3)
        raise SignatureError(
            f"no op is called {name!r}"
            + (
                f"; did you mean {', '.join(close)}?"
                if close
                else "; tensorplug_dispatcher.ops.OPS lists them"
            )
        )
    op = ops.OPS[name]
    where = devices.default_device() if device is None else devices.device(device)
    kind = dtype_named(dtype.split(".")[-1]) if isinstance(dtype, str) else dtype
    lines = [
        f"{op.schema}  (tier {op.tier}, {op.family})",
        f"on {where}" + (f" for {kind.name}" if kind else ""),
    ]
    chosen = "view: layout arithmetic in the core, no kernel is needed" if op.is_view else ""
    for k in kernels.candidates(where.type, op.name):
        if k.formerly and name in ops.former and k.formerly != name:
            continue
        takes = kind is None or kernels.takes(k, kind)
        reason = k.absent() if k.absent is not None else ""
        if takes and not reason and not chosen:
            chosen = f"native: provider {k.provider!r}"
        lines.append(
            f"  kernel  provider {k.provider!r} priority {k.priority} layout {k.layout} "
            f"dtypes {'all' if k.dtypes is None else ', '.join(sorted(d.name for d in k.dtypes))}"
            f"{_FORMS[k.form]}{'' if takes else ' - does not take this dtype'}{_predicate(k)}"
            f"{' - absent: ' + reason if reason else ''}"
        )
    if not op.is_view and op.decompose is not None:
        chosen = chosen or "decomposed into lower-tier ops"
        lines.append("  decomposition  available")
    for layer in layers.registered():
        if hasattr(layer, "explain"):
            try:
                lines.extend(list(map(str, layer.explain(op.name, where))))
            except Exception as error:  # of one layer: the rest is worth knowing
                lines.append(f"  layer  {layer.name!r} does not say: {type(error).__name__}: {error}")
    policy = devices.host_policy()
    if where.type != devices.HOST_TYPE and not op.is_view:
        lines.append(f"  host  policy {policy!r}")
        if policy != "error":
            chosen = chosen or "host"
    plugin = where.plugin
    lines += [f"  note  plugin {plugin.name!r}: {note}" for note in (plugin.remarks if plugin else ())]
    lines.append(f"→ {chosen or 'MissingKernelError'}")
    return "\n".join(lines)
