"""Which way calls went, as a tree."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

import tensorplug as tp
from tensorplug_dispatcher.observation import Call, observe


def test_a_decomposition_shows_what_it_is_made_of() -> None:
    x = tp.tensor([[1.0, 2.0], [3.0, 4.0]])
    with observe() as calls:
        tp.prod(x.to(tp.int16), 1, dtype=tp.float64)
    ways = {(c.op, c.path): [(i.op, i.path) for i in c.inner] for c in calls}
    assert ways["prod", "decomposed"] == [("cast", "native"), ("prod", "native")]
    assert [c.op for c in calls[-1].every()] == ["prod", "cast", "prod"]


def test_views_in_place_and_out() -> None:
    x, out = tp.ones(4), tp.empty(0)
    with observe() as calls:
        x[1:].add_(1)
        tp.add(x, x, out=out)
    assert [(c.op, c.path) for c in calls if c.op in ("slice", "add")] == [
        ("slice", "view"),
        ("add", "native"),
        ("add", "native"),
    ]


def test_the_host_is_seen_as_such() -> None:
    x = tp.ones(3, device="mirror:0")
    with observe() as calls:
        x.cpu() + 1
    assert {c.device for c in calls if c.op == "add"} == {"cpu"}


def test_a_call_that_raises_is_there_without_a_path() -> None:
    with observe() as calls, pytest.raises(tp.ShapeError):
        tp.ones(2) + tp.ones(3)
    assert Call("add", "cpu") in calls


def test_inner_observers_take_what_is_theirs_and_others_see_nothing() -> None:
    x = tp.ones(2)
    with observe() as outer:
        x + 1
        with observe() as inner, ThreadPoolExecutor(1) as pool:
            x * 2
            pool.submit(lambda: x - 1).result()
    x / 2
    assert [c.op for c in outer] == ["add"] and [c.op for c in inner] == ["mul"]
