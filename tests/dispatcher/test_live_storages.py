"""``Device.live_storages``: the ring of a device's storages, which moves and unloading rely on."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

import tensorplug as tp
from tensorplug_dispatcher.storage import Storage


@pytest.fixture
def mirror() -> Any:
    return tp.device("mirror:1")


def test_storages_come_and_go(mirror: Any) -> None:
    before = set(mirror.live_storages())
    a = tp.zeros(3, device=mirror)
    b = tp.ones(4, device=mirror)
    view = a[1:]
    assert set(mirror.live_storages()) - before == {a.storage, b.storage}
    del a
    assert view.storage in mirror.live_storages(), "a view keeps it alive"
    del view
    assert set(mirror.live_storages()) - before == {b.storage}
    del b
    assert set(mirror.live_storages()) == before


def test_foreign_memory_is_listed() -> None:
    import numpy

    x = tp.from_numpy(numpy.zeros(3))
    assert x.storage in tp.device("cpu").live_storages()
    storage = x.storage
    ours = weakref.ref(storage)
    del x, storage
    assert ours() is None and all(s is not None for s in tp.device("cpu").live_storages())


def test_replace_moves_between_the_rings(mirror: Any) -> None:
    a, b = tp.zeros(3, device=mirror), tp.ones(3)
    mine, other = a.storage, b.storage
    mine.replace(other)
    assert mine in tp.device("cpu").live_storages() and mine not in mirror.live_storages()
    assert other in mirror.live_storages() and other not in tp.device("cpu").live_storages()
    assert a.tolist() == [1, 1, 1] and b.tolist() == [0, 0, 0]
    mine.replace(mine)
    assert tp.device("cpu").live_storages().count(mine) == 1 and a.tolist() == [1, 1, 1]


def test_a_second_init_is_listed_once(mirror: Any) -> None:
    storage = tp.zeros(3, device=mirror).storage
    storage.__init__(mirror, 64)
    assert mirror.live_storages().count(storage) == 1


def test_a_storage_without_memory_is_not_listed(mirror: Any) -> None:
    before = len(mirror.live_storages())
    empty = Storage.__new__(Storage)
    with pytest.raises(tp.OutOfMemoryError):
        Storage(mirror, 1 << 61)
    assert len(mirror.live_storages()) == before
    del empty


def test_a_dying_storage_is_not_revived(mirror: Any) -> None:
    """The callback of a weak reference runs while the storage is being freed."""
    seen: list[int] = []
    storage = tp.zeros(3, device=mirror).storage
    count = len(mirror.live_storages())
    reference = weakref.ref(storage, lambda _: seen.append(len(mirror.live_storages())))
    del storage
    assert seen == [count - 1] and reference() is None


def test_many_in_any_order(mirror: Any) -> None:
    import random

    gc.collect()  # what other tests left in cycles
    before = len(mirror.live_storages())
    draw = random.Random(5)
    held: list[Any] = []
    for _ in range(2000):
        if held and draw.random() < 0.5:
            held.pop(draw.randrange(len(held)))
        else:
            held.append(tp.empty(draw.randrange(1, 9), device=mirror).storage)
    assert {id(s) for s in held} <= {id(s) for s in mirror.live_storages()}
    assert len(mirror.live_storages()) == before + len(held)
    held.clear()
    gc.collect()
    assert len(mirror.live_storages()) == before


@pytest.mark.parametrize("device", ["cpu", "mirror"])
def test_memory_of_a_tensor_in_a_cycle_is_used_again_unharmed(device: str) -> None:
    """The collector finalizes all that a cycle alone keeps, but no buffer that goes back to the cache."""

    class Knot:
        pass

    for value in range(3):
        knot: Any = Knot()
        knot.itself, knot.tensor = knot, tp.ones(1000, device=device)
        was = id(knot.tensor.storage.handle)
        del knot
        gc.collect()
        tensor = tp.full((1000,), float(value), device=device)
        assert id(tensor.storage.handle) == was
        if device == "cpu":
            assert tensor.storage.handle.ptr == tensor.data_ptr() != 0
        assert tensor.tolist() == [value] * 1000
