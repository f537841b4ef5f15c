"""The conformance kit: what a device does itself, what it borrows, and whether all of it is right.

``tensorplug conformance run DEVICE`` runs the suites S0 to S10 on any installed device and writes a report
that ``verify`` checks again. The cases are derived from the op table; the reference is ``reference.py``, a
backend of its own that defines every primitive op in NumPy and float64.
"""

from __future__ import annotations

SUITE_VERSION = "2026.3"
SCHEMA_VERSION = 3  # of report.schema.json
