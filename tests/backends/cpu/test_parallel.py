"""The thread pool: settings, nesting, callers at once, and a forked child."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from tensorplug_cpu import native_library
from tensorplug_dispatcher.boundary import Library, ffi

RANGE = "void(*)(void *, int64_t, int64_t)"
LOOP = f"void(*)(int64_t, int64_t, {RANGE}, void *)"


@pytest.fixture
def pool() -> Iterator[Library]:
    library = native_library.library()
    before = library.tp_get_num_threads()
    library.tp_set_num_threads(4)
    yield library
    library.tp_set_num_threads(before)


def covered(library: Library, n: int, grain: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    run = ffi.callback(RANGE, lambda _, a, b: found.append((a, b)))
    ffi.cast(LOOP, library.address("tp_parallel_for"))(n, grain, run, ffi.NULL)
    return sorted(found)


@pytest.mark.parametrize(
    ("n", "grain"), [(0, 1), (1, 1), (10, 100), (1000, 1), (1000, 7), (1 << 40, 1 << 30)]
)
def test_ranges_cover_all_once(pool: Library, n: int, grain: int) -> None:
    ranges = covered(pool, n, grain)
    assert [a for a, _ in ranges] == [0, *(b for _, b in ranges[:-1])][: len(ranges)]
    assert (ranges[-1][1] if ranges else 0) == n
    assert all(a % grain == 0 for a, _ in ranges)


def test_one_thread_runs_inline(pool: Library) -> None:
    pool.tp_set_num_threads(0)
    assert pool.tp_get_num_threads() == 1
    assert covered(pool, 1000, 1) == [(0, 1000)]


def test_nested_loops_run_inline(pool: Library) -> None:
    inner: list[list[tuple[int, int]]] = []
    outer = ffi.callback(RANGE, lambda _, a, b: inner.append(covered(pool, 50, 1)))
    ffi.cast(LOOP, pool.address("tp_parallel_for"))(8, 1, outer, ffi.NULL)
    assert inner
    assert all(ranges == [(0, 50)] for ranges in inner)


def test_callers_at_once(pool: Library) -> None:
    sums = [0] * 4

    def work(k: int) -> None:
        for _ in range(50):
            sums[k] += sum(b - a for a, b in covered(pool, 1000, 10))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sums == [50000] * 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork() is a POSIX call")
@pytest.mark.filterwarnings("ignore:This process")
def test_a_forked_child_has_threads_of_its_own(pool: Library) -> None:
    covered(pool, 1000, 1)
    child = os.fork()
    if child == 0:
        os._exit(0 if sum(b - a for a, b in covered(pool, 1000, 1)) == 1000 else 1)
    assert os.waitpid(child, 0)[1] == 0
