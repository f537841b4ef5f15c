"""docs/layers.md, step by step as it stands there; slots; the block that measures."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import tensorplug as tp
from tensorplug_dispatcher import epoch, layers
from tensorplug_dispatcher.devices import plugins
from tensorplug_dispatcher.errors import PluginError

PAGE = (Path(__file__).resolve().parents[2] / "docs/layers.md").read_text()
CODE = re.findall(r"```python\n(.*?)```", PAGE, re.S)
ENTRY = re.search(r"```toml\n(.*?)```", PAGE, re.S)
assert ENTRY is not None


@pytest.fixture
def counting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The layer of the page, installed."""
    (tmp_path / "counting.py").write_text(CODE[0])
    info = tmp_path / "counting-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: counting\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[tensorplug.layers]\ncounting = counting\n")
    with monkeypatch.context() as patched:
        patched.setattr(sys, "path", [str(tmp_path), *sys.path])
        plugins.rescan()
        yield
    for table in (layers._bits, layers._layers, layers._sources, plugins._found[layers.GROUP]):
        table.pop("counting", None)
    sys.modules.pop("counting", None)
    plugins.rescan()
    epoch.invalidate()


def test_a_layer_takes_thirty_lines() -> None:
    written = [line for line in (CODE[0] + ENTRY[1]).splitlines() if line.strip()]
    assert len(written) <= 30
    assert '[project.entry-points."tensorplug.layers"]\ncounting = "counting"' in ENTRY[1]


def test_the_page(counting: None, capsys: pytest.CaptureFixture[str]) -> None:
    space: dict[str, object] = {}
    for part in CODE[1:]:
        exec(part, space)
    calls, slot = capsys.readouterr().out.splitlines()
    assert "'matmul': 3" in calls and "'sum': 1" in calls  # forward, and one for each operand backward
    assert slot == "weights of the first layer None"


def test_nothing_passes_outside_the_block(counting: None) -> None:
    x = tp.ones(2)
    with tp.layer("counting") as counted:
        x + x
    x + x
    assert counted.calls == {"add": 1} and counted.nbytes == 8


def test_a_layer_that_is_not_there() -> None:
    with pytest.raises(PluginError, match="'none-such' is asked for but"), tp.layer("none-such"):
        pass
    assert "none-such" not in layers._bits


def test_slots_go_with_the_data() -> None:
    bound = layers.Slot("mine")
    x = tp.arange(4.0)
    bound.set(x, 1)
    other = x.detach()
    bound.set(other, 2)
    assert (bound.get(x), bound.get(other), bound.get(x * 1), bound.get(x[1:])) == (1, 2, None, None)
    y = tp.zeros(4)
    y.data = x
    assert bound.get(y) == 1
    bound.set(x, None)
    assert bound.get(x) is None and bound.get(y) == 1


def test_tensors_of_a_slot_move_along() -> None:
    bound = layers.Slot("pair", lambda value: [value])
    x, scale = tp.arange(4.0), tp.ones(1)
    bound.set(x, scale)
    tp.migrate(x, "mirror:0")
    assert x.device.type == scale.device.type == "mirror"


def test_profile_counts_what_it_costs() -> None:
    x, w = tp.ones(8, 16), tp.ones(4, 16, requires_grad=True)
    with tp.profile() as seen:
        tp.nn.functional.linear(x, w).sum().backward()
    rows = {row.op: row for row in seen.rows}
    assert rows["linear"].flops == 2 * 8 * 4 * 16 and rows["linear"].calls == 1
    assert rows["matmul"].flops == 2 * 8 * 4 * 16  # the cotangent of the weight
    assert rows["linear"].nbytes == 4 * (8 * 16 + 4 * 16 + 8 * 4)
    assert rows["sum"].flops == 32 and rows["expand"].nbytes == 0
    assert 0 < seen.seconds == sum(row.own_seconds for row in seen.rows)
    assert all(row.own_seconds <= row.seconds for row in seen.rows)
    assert str(seen).splitlines()[0].split() == ["op", "device", "calls", "own", "ms", "ms", "MFLOP", "MB"]
    before = rows["linear"].calls
    tp.nn.functional.linear(x, w)
    assert rows["linear"].calls == before


def test_profile_by_its_name_records_nothing() -> None:
    with tp.layer("profile"):
        assert (tp.ones(2) + 1).tolist() == [2.0, 2.0]


def test_profile_of_convolutions() -> None:
    x, w = tp.ones(2, 4, 9, 9), tp.ones(6, 2, 3, 3, requires_grad=True)
    with tp.profile() as seen:
        tp.nn.functional.conv2d(x, w, groups=2).sum().backward()
    rows = {row.op: row.flops for row in seen.rows}
    assert rows["conv"] == rows["conv_weight_grad"] == 2 * 2 * 6 * 7 * 7 * (2 * 3 * 3)


@pytest.mark.parametrize("device", ["cpu", "mirror:0"])
def test_profiles_are_apart(device: str) -> None:
    x = tp.ones(3, device=device)
    with tp.profile() as outer:
        x + x
        with tp.profile(synchronize=False) as inner:
            x * x
        x - x
    assert {row.op for row in outer.rows} == {"add", "sub"} and {row.op for row in inner.rows} == {"mul"}
    assert outer.rows[0].device == device.partition(":")[0]
