"""The header that C kernels include, Cython declares from and cffi parses: ``native/tensorplug.h``, written
from the tables. A build writes it anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from . import dtypes

PATH: Final = Path(__file__).with_name("native") / "tensorplug.h"

# What a kernel returns. The exceptions and their texts are in ``failures.ERROR_CODES``.
CODES: Final[Mapping[str, int]] = {
    "OK": 0,
    "INDEX_OUT_OF_RANGE": 1,
    "OUT_OF_MEMORY": 2,
    "DIVISION_BY_ZERO": 3,
    "INTERNAL": 4,
}

_TEXT: Final = """\
/* What a kernel in C and tensorplug agree on. Written from the tables by tensorplug_dispatcher/header.py. */
#pragma once
#include <stdint.h>

/* The codes of dtypes. */
{dtypes}

/* What a kernel returns; any other number is a failure of its own. */
{codes}

/* A kernel: `data` holds the addresses of the results, then of the operands (NULL where one is left out),
 * then of the numbers that may differ from call to call; `params` are the numbers that its `prepare` gave. */
typedef int32_t (*tp_kernel)(void *const *data, const int64_t *params);
"""


def enumeration(names: Mapping[str, int]) -> str:
    """An enum of C, each name with ``TP_`` before it."""
    return "enum {\n" + "".join(f"    TP_{name} = {value},\n" for name, value in names.items()) + "};"


def structure(name: str, fields: Iterable[str]) -> str:
    """A struct of C whose fields are the numbers of a kernel's ``params``, in this order."""
    return "typedef struct {\n    int64_t " + ", ".join(fields) + f";\n}} {name};"


def render() -> str:
    """The header's text."""
    codes = {dtype.name.upper(): dtype.code for dtype in dtypes.ALL if dtype.stored is None}
    return _TEXT.format(
        dtypes=enumeration(dict(sorted(codes.items(), key=lambda item: item[1]))), codes=enumeration(CODES)
    )


def write() -> None:
    """Write the header where it is not what the tables say."""
    text = render()
    if not PATH.exists() or PATH.read_text() != text:
        PATH.write_text(text)
