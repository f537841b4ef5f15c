"""The report's page as a browser shows it: nothing is fetched, and the colours are there to be seen."""

from __future__ import annotations

import copy
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tensorplug_conformance import page, report
from tensorplug_conformance.case import FAIL, PASS, Case, Result
from tensorplug_conformance.manifest import Manifest, Waiver
from tensorplug_conformance.suites import SUITES

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")
HEAD = {
    "schema": 3,
    "suite": "2026.2",
    "suites": list(SUITES),
    "device": "cpu",
    "depth": "smoke",
    "seed": 5,
    "made": "2026-10-01T00:00:00+00:00",
    "plugin": {"name": "x", "distribution": "d", "version": "1", "api": [1, 0], "hash": "0" * 64},
    "hardware": {"name": "n", "memory": 0, "details": ""},
    "tensorplug": "0",
    "system": {"platform": "p", "processor": "", "python": "3", "numpy": "2"},
    "facts": {},
}
WAIVER = Waiver("W1", "S2/exp/float16/0", "an issue", "2.4 ulp", "the exp2 unit", "2026-12-31", "somebody")
CLAIMS = Manifest(unsupported_dtypes=("float64",), unsupported_ops=("gelu",), waivers=(WAIVER,))
STATUSES = ("pass", "decomposed", "fallback", "unsupported-declared", "waived", "not-run", "fail", "crash")
DTYPES = ("float32", "float16", "int64")

pytestmark = pytest.mark.skipif(not BROWSER, reason="no chromium is installed: apt install chromium")


def content(**changes: str) -> dict[str, Any]:
    """A report of sixty ops in three dtypes, every eighth with another status."""
    cases, results = {}, {}
    for number in range(60):
        for place, dtype in enumerate(DTYPES):
            case = Case(f"S2/op{number}/{dtype}/0", lambda device: Result(PASS), number % 5)
            cases[case.id] = case
            status = changes.get(case.id, STATUSES[number % 8])
            ulp = float(number % 40) / 2
            results[case.id] = Result(status, "<b>&", ulp, ulp / 2, 100, 0.001 * number + place)
    return report.make({**HEAD, "manifest": CLAIMS.as_json()}, cases, results)


def shot(html: str, folder: Path, size: tuple[int, int] = (1200, 4000)) -> Any:
    from PIL import Image

    source, picture = folder / "page.html", folder / "page.png"
    source.write_text(html)
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += [f"--user-data-dir={folder / 'profile'}", f"--window-size={size[0]},{size[1]}"]
    command += [f"--screenshot={picture}", source.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=100)
    with Image.open(picture) as image:
        return image.convert("RGB").copy()


def pixels(image: Any) -> Counter[str]:
    return Counter({f"#{bytes(colour).hex()}": n for n, colour in image.getcolors(1 << 24)})


def test_every_status_has_its_colour_on_the_page(tmp_path: Path) -> None:
    image = shot(page.page(content()), tmp_path)
    assert image.size == (1200, 4000)
    seen = pixels(image)
    for status in STATUSES:
        colour = page.COLOURS[status][0]
        assert seen[colour] > 500, f"{status} ({colour}) is not to be seen: {seen.most_common(12)}"
    assert seen["#5b8fd6"] > seen["#e0a030"], "the bars of the errors are not to be seen"


def test_one_failure_is_to_be_seen(tmp_path: Path) -> None:
    red = page.COLOURS[FAIL][0]
    fine = {f"S2/op{n}/{d}/0": PASS for n in range(60) for d in DTYPES}
    before = pixels(shot(page.page(content(**fine)), tmp_path))
    (one := tmp_path / "one").mkdir()
    after = pixels(shot(page.page(content(**{**fine, "S2/op3/float16/0": FAIL})), one))
    assert after[red] > before[red] + 300


def test_the_page_needs_nothing_else_and_shows_what_changed(tmp_path: Path) -> None:
    old = content()
    new = copy.deepcopy(old)
    new["results"][0].update(status="fail", message="it <broke>")
    html = page.page(new, old)
    assert not re.search(r"(src|href)=|https?:|@import|<script", html)
    for text in ("declared absent: float64, gelu", "seed 5", "depth smoke", "until 2026-12-31", "exp2 unit"):
        assert text in html
    assert "absent: float64, gelu" in page.badge(new) and "2026.2 smoke" in page.badge(new)
    headings = ("Suites", "Waived", "Failures", "Since ", "Ops", "Errors, units in the last place", "Slowest")
    for heading in headings:
        assert f"<h2>{heading}" in html
    assert "S2/op0/float32/0: pass -&gt; fail it &lt;broke&gt;" in html
    seen = pixels(shot(html, tmp_path, (400, 4000)))  # as on a telephone
    assert seen[page.COLOURS[PASS][0]] > 300
