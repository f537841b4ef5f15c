"""The key of a call: its fields can be united without one looking like another."""

from __future__ import annotations

from itertools import islice
from math import comb
from typing import Any

import pytest

import tensorplug as tp
from tensorplug_dispatcher import keys, layers
from tensorplug_dispatcher.dtypes import ALL, QUANTIZED_DTYPES, DType
from tensorplug_dispatcher.errors import PluginError


def test_fields_are_apart_and_fill_the_key() -> None:
    fields = (keys.DTYPE_MASK, keys.DEVICE_MASK, keys.LAYER_MASK)
    assert sum(fields) == fields[0] | fields[1] | fields[2] == (1 << 64) - 1
    assert all(dtype.bits & keys.DEVICE_MASK == 0 for dtype in (*ALL, *QUANTIZED_DTYPES))


def test_words_of_devices() -> None:
    words = list(islice(keys.device_words(), 3000))
    assert len(set(words)) == 3000 and all(keys.on_one_device(word) for word in words)
    for one, other in zip(words, words[1:]):
        assert not keys.on_one_device(one | other)
    assert not keys.on_one_device(0)
    assert comb(keys.DEVICE_BITS, keys.DEVICE_WEIGHT) == 2_704_156


def test_more_devices_than_a_mask_had_bits(plugin: Any) -> None:
    plugin.edit("COUNT = 2", "COUNT = 70")
    tensors = [tp.full((2,), float(i), device=f"{plugin.name}:{i}") for i in range(70)]
    assert [(x + x).tolist() for x in tensors] == [[2.0 * i] * 2 for i in range(70)]
    for one, other in zip(tensors, tensors[1:]):
        with pytest.raises(tp.DeviceMismatchError, match="several devices"):
            one + other


def test_any_number_of_dtypes() -> None:
    """One more dtype takes no bit of the key that another has."""
    more = [DType(f"more{i}", 16 + i, 2, 2, rank=9, low=0, high=1) for i in range(64)]
    assert {dtype.bits for dtype in more} == {keys.OTHER_DTYPES}


def test_a_meaning_belongs_to_one_layer() -> None:
    assert layers.named(keys.HISTORY) == ["autograd"] and layers.named(keys.LEVELS) == ["quantization"]
    assert layers.claim("autograd", keys.HISTORY) == keys.HISTORY
    with pytest.raises(PluginError, match="layer 'mine' cannot claim bit .*: layer 'autograd' has it"):
        layers.claim("mine", keys.HISTORY)
    with pytest.raises(PluginError, match="layer 'autograd' cannot claim bit"):
        layers.claim("autograd", keys.LEVELS)


def test_the_dispatcher_names_no_layer() -> None:
    from pathlib import Path

    folder = Path(keys.__file__).parent
    for path in folder.glob("*.py"):
        for name in ('"autograd"', '"autocast"', '"quantization"', '"profile"'):
            assert name not in path.read_text(), (path.name, name)
