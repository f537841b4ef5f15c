"""Finds text that is wrapped in the middle of a clause: ``python tools/wrapping.py [FILE ...]``.

Three kinds, which a tool that cuts lines leaves behind:

- a message in pieces of which one ends in mid-clause though the next one's first word would fit beside it;
- a paragraph of a documentation string or a comment with such a line;
- a documentation string whose first sentence breaks for a word or two.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("frontend", "dispatcher", "backends", "plugins", "tools", "tests", "examples", "benchmarks")
WIDTH = 110
ROOM = 24  # columns left on a line, from which on it was not full
ORPHAN = 24  # columns of a second line that is only the rest of the first
PIECE = re.compile(r'^(?P<before>.*?)(?P<prefix>f?)"(?P<text>(?:[^"\\]|\\.)+)"$')
LAST = re.compile(r'^\s*f?"(?P<text>(?:[^"\\]|\\.)+)"')
CLAUSE = re.compile(r"([.,;:!?)\]}”…—–-]|->|=>|\\n)\s*$")
JOINS = frozenset(  # words with which a line may begin, whatever room is left on the line before
    """and or so as of for with by from to in on at than if when while where which that whose who is are into
    until before after under over between without unless but since because like whether""".split()
)
STRUCTURE = re.compile(r"^\s*([-*+>|=#:]|\d+\.|``|\.\. |>>>|\.\.\. )|^\s*$|\s{3,}\S")


def groups(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Strings in pieces, a line each: the number of the first, and their texts."""
    start, found = 0, []
    for i, line in enumerate([*lines, ""]):
        last = LAST.match(line) if found else None
        piece = None if line.lstrip().startswith("#") else PIECE.match(line)
        if piece and not piece["before"].count('"') % 2 and (not found or not piece["before"].strip()):
            start = start if found else i
            found.append(piece["text"])
        else:
            if found and last:
                found.append(last["text"])
            if len(found) > 1:
                yield start, found
            found = []


def pieces(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Messages in pieces: the line's number and what is wrong."""
    for start, texts in groups(lines):
        cuts = [i for i, text in enumerate(texts[:-1]) if not CLAUSE.search(text)]
        cuts = [i for i in cuts if texts[i + 1].split(" ")[0].strip("({") not in JOINS]
        room = WIDTH - (len(lines[start + 1]) - len(lines[start + 1].lstrip())) - 3
        fewer = len("".join(texts)) <= room * (len(texts) - 1) and "\\n" not in "".join(texts[:-1])
        for i in cuts:
            line = lines[start + i]
            word = re.match(r"\s*\S*\s?", texts[i + 1])
            assert word is not None
            if fewer or len(line) + len(word[0]) + ROOM <= WIDTH:
                yield start + i + 1, f"a message is cut: {texts[i][-30:]!r} {texts[i + 1][:30]!r}"


def paragraphs(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The documentation strings as lines, each with its place, by paragraphs; and blocks of comments."""
    text = path.read_text()
    lines = text.split("\n")
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if ast.get_docstring(node) is not None:
            first = node.body[0]
            span = range(first.lineno, (first.end_lineno or first.lineno) + 1)
            yield from cut([(n, lines[n - 1]) for n in span])
    yield from cut([(n + 1, line if re.match(r"\s*# [^-]", line) else "") for n, line in enumerate(lines)])


def cut(lines: list[tuple[int, str]]) -> Iterator[tuple[int, list[str]]]:
    block: list[tuple[int, str]] = []
    for number, line in [*lines, (0, "")]:
        bare = re.sub(r"^# ?", "", line.strip())
        if not bare or bare == '"""' or STRUCTURE.search(bare):
            if len(block) > 1:
                yield block[0][0], [text for _, text in block]
            block = []
        else:
            block.append((number, line))


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Lines of paragraphs that end early, and first sentences that break for a word or two."""
    for start, lines in paragraphs(path):
        for i, (line, after) in enumerate(zip(lines, lines[1:], strict=False)):
            word = re.sub(r"^\s*(# )?", "", after).split(" ")[0]
            if CLAUSE.search(line) or word in JOINS:
                continue
            if len(line) + 1 + len(word) + ROOM <= WIDTH:
                yield start + i, f"a line is cut: {line.strip()[-40:]!r} {after.strip()[:30]!r}"
        opening = re.match(r'\s*[rf]?"""', lines[0])
        last = lines[-1].strip().removesuffix('"""')
        if opening and len(lines) == 2 and not CLAUSE.search(lines[0]) and len(last) <= ORPHAN:
            yield start, f"a first sentence breaks for {last!r}"


def find(path: Path) -> list[str]:
    """What is wrong in a file, as ``line: what``."""
    if path.name.startswith("_texts") or path.name == "_generated.py":
        return []
    found = [*pieces(path.read_text().split("\n")), *texts(path)]
    return [f"{line}: {what}" for line, what in sorted(found)]


def files() -> list[Path]:
    return [
        *sorted(p for room in ROOMS for p in (ROOT / room).rglob("*.py") if "generated" not in p.parts),
        *sorted(ROOT.glob("*.py")),
    ]


def main(names: list[str]) -> int:
    wrong = [f"{p}:{what}" for p in [Path(n) for n in names] or files() for what in find(p)]
    print("\n".join(wrong))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
