"""Whether a JSON value has the form that a JSON schema asks for.

As much of JSON Schema as ``report.schema.json`` uses, so that checking a report needs nothing installed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, Final

TYPES: Final[dict[str, Callable[[Any], bool]]] = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool) and math.isfinite(v),
}
FORMATS: Final[dict[str, Callable[[str], Any]]] = {
    "date": date.fromisoformat,
    "date-time": datetime.fromisoformat,
}
# words that say nothing about the form
SILENT: Final = frozenset(("$schema", "$id", "title", "description"))


def problems(value: Any, schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """What is wrong with a value, a line for each place: ``results.3.status: …``."""
    for word, asked in schema.items():
        if word not in SILENT:
            for place, text in CHECKS[word](value, asked, schema):
                where = ".".join(filter(None, (path, place)))
                yield text if text.startswith(where + ".") else f"{where or 'the report'}: {text}"


Found = Iterator[tuple[str, str]]


def _inside(value: Any, schema: Mapping[str, Any], place: str) -> Found:
    for text in problems(value, schema):
        below, _, rest = text.partition(": ")
        inner = "" if below == "the report" else f".{below}"
        yield f"{place}{inner}", rest


def _type(value: Any, asked: str, schema: Any) -> Found:
    if not TYPES[asked](value):
        yield "", f"{_shown(value)} is no {asked}"


def _enum(value: Any, asked: list[Any], schema: Any) -> Found:
    if value not in asked:
        yield "", f"{_shown(value)} is none of {', '.join(map(str, asked))}"


def _const(value: Any, asked: Any, schema: Any) -> Found:
    if value != asked or isinstance(value, bool) != isinstance(asked, bool):
        yield "", f"{_shown(value)} is not {asked!r}"


def _pattern(value: Any, asked: str, schema: Any) -> Found:
    if isinstance(value, str) and not re.search(asked, value):
        yield "", f"{_shown(value)} does not match {asked}"


def _format(value: Any, asked: str, schema: Any) -> Found:
    if isinstance(value, str):
        try:
            FORMATS[asked](value)
        except ValueError:
            yield "", f"{_shown(value)} is no {asked}"


def _length(value: Any, asked: int, schema: Any) -> Found:
    if isinstance(value, str) and len(value) < asked:
        yield "", f"{_shown(value)} is shorter than {asked}"


def _minimum(value: Any, asked: float, schema: Any) -> Found:
    if TYPES["number"](value) and value < asked:
        yield "", f"{value} is below {asked}"


def _maximum(value: Any, asked: float, schema: Any) -> Found:
    if TYPES["number"](value) and value > asked:
        yield "", f"{value} is above {asked}"


def _min_items(value: Any, asked: int, schema: Any) -> Found:
    if isinstance(value, list) and len(value) < asked:
        yield "", f"{len(value)} items, {asked} at least"


def _max_items(value: Any, asked: int, schema: Any) -> Found:
    if isinstance(value, list) and len(value) > asked:
        yield "", f"{len(value)} items, {asked} at most"


def _unique(value: Any, asked: bool, schema: Any) -> Found:
    if isinstance(value, list) and len({repr(v) for v in value}) < len(value):
        yield "", "an item is there twice"


def _items(value: Any, asked: Mapping[str, Any], schema: Any) -> Found:
    for i, item in enumerate(value if isinstance(value, list) else ()):
        yield from _inside(item, asked, str(i))


def _required(value: Any, asked: list[str], schema: Any) -> Found:
    for name in asked if isinstance(value, dict) else ():
        if name not in value:
            yield "", f"{name!r} is missing"


def _properties(value: Any, asked: Mapping[str, Any], schema: Any) -> Found:
    for name, inner in asked.items() if isinstance(value, dict) else ():
        if name in value:
            yield from _inside(value[name], inner, name)


def _additional(value: Any, asked: Any, schema: Mapping[str, Any]) -> Found:
    known = schema.get("properties", {})
    for name, item in value.items() if isinstance(value, dict) else ():
        if name in known:
            continue
        if asked is False:
            yield "", f"{name!r} is no member"
        elif asked is not True:
            yield from _inside(item, asked, name)


def _names(value: Any, asked: Mapping[str, Any], schema: Any) -> Found:
    for name in value if isinstance(value, dict) else ():
        for text in problems(name, asked):
            yield "", f"the name {text.partition(': ')[2]}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"


CHECKS: Final[dict[str, Callable[[Any, Any, Mapping[str, Any]], Found]]] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "pattern": _pattern,
    "format": _format,
    "minLength": _length,
    "minimum": _minimum,
    "maximum": _maximum,
    "minItems": _min_items,
    "maxItems": _max_items,
    "uniqueItems": _unique,
    "items": _items,
    "required": _required,
    "properties": _properties,
    "additionalProperties": _additional,
    "propertyNames": _names,
}
