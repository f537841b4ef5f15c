"""The reference pages: every public name is on one, and they say what the sources say."""

from __future__ import annotations

import re
from pathlib import Path

import reference

import tensorplug as tp

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs/reference"


def headings(page: str) -> set[str]:
    return set(re.findall(r"^### (\S+)$", (FOLDER / page).read_text(), re.M))


def test_the_pages_are_current() -> None:
    """``make build`` writes them again."""
    made = reference.pages()
    assert {path.name for path in FOLDER.glob("*.md")} == set(made)
    assert [name for name, text in made.items() if (FOLDER / name).read_text() != text] == []


def test_every_name_of_the_top_namespace_has_its_place() -> None:
    assert set(tp.__all__) - headings("tensorplug.md") == set()


def test_every_method_and_property_of_tensors_has_its_place() -> None:
    assert {n for n in dir(tp.ones(1)) if not n.startswith("_")} - headings("tensor.md") == set()


def test_every_name_of_every_public_module_has_its_place() -> None:
    for name in reference.MODULES:
        assert set(reference.names_of(reference.module(name))) - headings(f"{name}.md") == set(), name


def test_every_public_module_has_a_page() -> None:
    found = {*tp.MODULES, "nn.functional", "nn.init", "optim.lr_scheduler", "utils.data"}
    assert found - set(reference.MODULES) == {"backends", "demo", "utils"}  # which have no names of their own


def test_no_function_or_method_is_without_a_word() -> None:
    for page in ("tensorplug.md", "tensor.md", "linalg.md", "nn.functional.md"):
        parts = re.split(r"^### ", (FOLDER / page).read_text(), flags=re.M)[1:]
        silent = [part for part in parts if not re.search(r"^\S", part.partition("\n")[2], re.M)]
        assert silent == [], page
