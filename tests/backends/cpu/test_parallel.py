"""The thread pool: settings, nesting, callers at once, and a forked child."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator

import pytest

from tensorplug_cpu import native_library

RANGE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


@pytest.fixture
def pool() -> Iterator[ctypes.CDLL]:
    library = native_library.library()
    before = library.tp_get_num_threads()
    library.tp_set_num_threads(4)
    yield library
    library.tp_set_num_threads(before)


def covered(library: ctypes.CDLL, n: int, grain: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    library.tp_parallel_for(
        ctypes.c_int64(n), ctypes.c_int64(grain), RANGE(lambda _, a, b: found.append((a, b))), None
    )
    return sorted(found)


@pytest.mark.parametrize(
    ("n", "grain"), [(0, 1), (1, 1), (10, 100), (1000, 1), (1000, 7), (1 << 40, 1 << 30)]
)
def test_ranges_cover_all_once(pool: ctypes.CDLL, n: int, grain: int) -> None:
    ranges = covered(pool, n, grain)
    assert [a for a, _ in ranges] == [0, *(b for _, b in ranges[:-1])][: len(ranges)]
    assert (ranges[-1][1] if ranges else 0) == n
    assert all(a % grain == 0 for a, _ in ranges)


def test_one_thread_runs_inline(pool: ctypes.CDLL) -> None:
    pool.tp_set_num_threads(0)
    assert pool.tp_get_num_threads() == 1
    assert covered(pool, 1000, 1) == [(0, 1000)]


def test_nested_loops_run_inline(pool: ctypes.CDLL) -> None:
    inner: list[list[tuple[int, int]]] = []
    outer = RANGE(lambda _, a, b: inner.append(covered(pool, 50, 1)))
    pool.tp_parallel_for(ctypes.c_int64(8), ctypes.c_int64(1), outer, None)
    assert inner
    assert all(ranges == [(0, 50)] for ranges in inner)


def test_callers_at_once(pool: ctypes.CDLL) -> None:
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
def test_a_forked_child_has_threads_of_its_own(pool: ctypes.CDLL) -> None:
    covered(pool, 1000, 1)
    child = os.fork()
    if child == 0:
        os._exit(0 if sum(b - a for a, b in covered(pool, 1000, 1)) == 1000 else 1)
    assert os.waitpid(child, 0)[1] == 0
