"""The precision of products of float32 matrices, as PyTorch spells it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import tensorplug as tp
import tensorplug.backends.cuda


@pytest.fixture(autouse=True)
def back() -> Iterator[None]:
    yield
    tp.set_float32_matmul_precision("highest")


def test_one_switch_under_two_names() -> None:
    assert tp.get_float32_matmul_precision() == "highest" and not tp.backends.cuda.matmul.allow_tf32
    tp.backends.cuda.matmul.allow_tf32 = True
    assert tp.get_float32_matmul_precision() == "high"
    tp.set_float32_matmul_precision("medium")
    assert tp.backends.cuda.matmul.allow_tf32
    tp.backends.cuda.matmul.allow_tf32 = False
    assert tp.get_float32_matmul_precision() == "highest" and tp.backends.cuda.is_built()


def test_others_are_refused() -> None:
    with pytest.raises(ValueError) as caught:
        tp.set_float32_matmul_precision("low")
    assert str(caught.value) == (
        "float32 matmul precision 'low' is unknown; choose one of highest, high, medium"
    )
