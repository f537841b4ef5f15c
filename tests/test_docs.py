"""What the documents say is there: names in the diagram, folders in the map, the README's first example."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = {
    path.name: path
    for room in (
        "dispatcher/tensorplug_dispatcher",
        "dispatcher/tensorplug_dispatcher/devices",
        "plugins/tensorplug_layers",
    )
    for path in (ROOT / room).glob("*.py")
}


def labels() -> list[str]:
    text = (ROOT / "docs/architecture.md").read_text()
    diagram = text[text.index("```mermaid") : text.index("```", text.index("```mermaid") + 3)]
    return [label for label in re.findall(r'\["([^"]+)"\]', diagram) if "(" in label]


@pytest.mark.parametrize("label", labels())
def test_names_in_the_diagram_are_in_the_files_it_gives(label: str) -> None:
    files = re.findall(r"(\w+\.py)", label)
    source = "\n".join(FILES[name].read_text() for name in files)
    names = [
        part for name in re.findall(r"\b(?:[A-Z]\w+(?:\.\w+)?|\w+_\w+)\b", label) for part in name.split(".")
    ]
    assert files and names
    for name in names:
        if name not in ("Python", "py"):
            assert re.search(rf"\b(class|def) {name}\b|\b{name}\b", source), f"{name} is not in {files}"


def test_folders_in_the_map_exist() -> None:
    readme = (ROOT / "README.md").read_text()
    rows = re.findall(r"^\| (`.+?) \|", readme, re.M)
    assert len(rows) >= 6
    for row in rows:
        for folder in re.findall(r"`([^`]+)`", row):
            assert (ROOT / folder).is_dir(), folder


def test_relative_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_whole_check_runs_what_the_readme_says() -> None:
    """The first commands, as they are written, in a copy with nothing installed."""
    readme, check = (ROOT / "README.md").read_text(), (ROOT / ".ci/run").read_text()
    commands = re.findall(r"^(make \w+) +#", readme, re.M)
    assert len(commands) == 2
    for command in commands:
        assert re.search(rf"^step \S+ newcomer {command}$", check, re.M)


def test_nothing_names_the_host_of_a_registry() -> None:
    """A page there may not be, and whoever installs chooses their own: package names are enough. ``.github``
    is left out, since its machines are told where to install from.
    """
    index = "py" + "pi."
    words = (index, "pythonhosted", "anaconda.", "npmjs.", "crates.io", "docker.io", "ghcr.io", "quay.io")
    hosts = re.compile(rf"https?://[\w.-]*({'|'.join(map(re.escape, words))})|{re.escape(index)}org")
    folders = ("frontend", "dispatcher", "backends", "plugins", "examples", "docs", "tests", "tools")
    kinds = {".py", ".md", ".in", ".toml", ".pxd", ".c", ".h", ".sh", ".html", ".yml", ""}
    files = [p for folder in folders for p in (ROOT / folder).rglob("*") if p.suffix in kinds and p.is_file()]
    files += [p for p in ROOT.iterdir() if p.suffix in kinds and p.is_file()]
    assert len(files) > 300
    named = [path for path in files if hosts.search(path.read_text(encoding="utf-8", errors="replace"))]
    assert not named


def test_the_first_example_of_the_readme_runs(capsys: pytest.CaptureFixture[str]) -> None:
    readme = (ROOT / "README.md").read_text()
    exec(compile(readme.split("```python")[1].split("```")[0], "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "grad_fn=" in printed and "device='mirror:0'" in printed and "mirror" in printed


def test_the_example_of_the_page_on_mixed_precision_runs(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs/amp.md").read_text()
    exec(compile(page.split("```python")[1].split("```")[0], "amp.md", "exec"), {})
    assert capsys.readouterr().out == "tensorplug.float32 tensorplug.float32\n"


def test_the_examples_of_the_page_on_devices_run(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs/devices.md").read_text()
    examples = [part.split("```")[0] for part in page.split("```python")[1:]]
    exec(compile("\n".join(examples), "devices.md", "exec"), {})
    printed = capsys.readouterr().out
    assert len(examples) == 6 and "mirror:0: ready; 1048576 bytes there and back in" in printed
    assert "is chosen:" in printed and "features  mirror:0  1 tensors moved in, 0 out" in printed
    assert "'transfer', 'from cpu'" in printed


def test_the_examples_of_the_page_on_moving_run(capsys: pytest.CaptureFixture[str]) -> None:
    import tensorplug as tp

    page = (ROOT / "docs/migration.md").read_text()
    examples = [part.split("```")[0] for part in page.split("```python")[1:]]
    policy = tp.devices.host_policy()
    try:
        exec(compile("\n".join(examples), "migration.md", "exec"), {})
    finally:
        tp.devices.set_host_policy(policy)
        assert tp.devices.health("faulty-mirror:0")
    printed = capsys.readouterr().out.splitlines()
    assert len(examples) == 4 and len(printed) == 2
    assert re.fullmatch(r"step \d+: from faulty-mirror:0 to mirror:1, \d steps done again", printed[0])
    assert printed[1] == (
        "CorruptTransferError Nothing was moved to faulty-mirror:1: everything is where it was."
    )
