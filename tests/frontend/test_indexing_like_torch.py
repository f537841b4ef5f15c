"""``x[index]`` and ``x[index] = value``, as PyTorch does."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from alike import check

INDICES = """
0 | -1 | 2 | 5 | -9 | 1:2 | :: | ::2 | 1: | -2: | :-1 | 5: | 1:1 | ::-1 | ... | None | None, 0 | 0, None
..., 0 | 0, ... | ..., None | 0, 1 | 0, 1, 2 | 0, 1, 2, 3 | :, 1 | :, :, 1 | :, 1:3 | 1, :, ::2 | 1, ..., 2
:, None, 1 | (0,) | () | [0, 1] | [1] | [] | [-1, 0] | [5] | [True, False] | [True, False, True]
[[0, 1], [1, 0]] | [0, 1], [1, 2] | [0, 1], [0, 1, 2] | :, [0, 1] | :, [0, 1], [1, 2] | [0, 1], :, [1, 2]
[0, 1], 1 | 1, [0, 1] | :, 0, [0, 1] | 0, :, [0, 1] | [0, 1], None, [1, 2] | None, [0, 1]
[0, 1], ..., [1, 2] | ..., [0, 1] | :, [[0, 1], [1, 2]] | :, [[0], [1]], [0, 1] | True | False | True, [0, 1]
T.tensor(True) | T.tensor(False) | T.tensor(1) | T.tensor([1, 0]) | T.tensor([[1, 0]])
T.tensor([1, 0], dtype=T.int32) | T.tensor([1, 0], dtype=T.int16) | T.tensor([1.0]) | 'a' | 1.0
T.tensor([5]) | T.tensor([0, -3]) | bv | :, bv | bv4 | ..., bv4 | c > 0 | c[0] > 0 | 0, m | :, m
T.tensor([1, 0], dtype=T.uint8) | :, T.tensor(1) | T.tensor(1), :, [0, 2] | T.tensor(1):2 | range(2)
[slice(0, 1), 0] | [0, None] | 0.5: | ..., ... | {1} | None, None | :, bv, 0 | :, bv, [0, 1]
bv[:2], :, [1, 2] | 1:, [0, 2], 1: | [[0, 0], [1, 1]], [[0, 1], [1, 2]] | :, :, bv4
T.empty(0, dtype=T.int64)
""".replace("\n", "|").split("|")

VALUES = (
    "7",
    "2.5",
    "True",
    "T.tensor(3.0)",
    "T.tensor(3)",
    "T.full((4,), 9.0)",
    "T.arange(8.0).reshape(2, 4)",
    "nan",
    "T.ones(1, 1, 1, 1)",
    "T.ones(5)",
    "'a'",
    "None",
    "[1, 2]",
    "T.ones(2, dtype=T.float64)",
)

OTHERS = """
s[0] | s[...] | s[None] | s[()] | s[:] | s[True] | s[T.tensor(True)] | s[[0]] | v[1] | v[-5] | v[bv4]
v[T.tensor(2)] | e[0] | e[:, 1] | e[[]] | e[T.tensor([0])] | xt[1] | xt[1:, 0] | cp[1, :, [0, 2]] | cp[..., 1]
d[:, [0, 1], :, [1, 2]] | d[0, :, [0, 1], 1:3] | d[:, [0, 1], 1:3, [1, 2]] | d[:, :, [0, 1], [1, 2]]
d[..., [0, 1], None] | d[[0], [1], [2], [3]] | d[0, [1], [2], 3] | m[bv] | i[i > 2] | i[:, k[:2]] | x[1][2]
x[1:][0] | x[:, 1][1] | x[x > 0] | x[x > 100] | x[m] | x[~m] | f16[0] | x.select(1, 2) | x.narrow(1, 1, 2)
y = x.clone(); y[1:] = y[:-1]; y | y = x.clone(); y[0][1] = 5; y | y = x.clone(); y[:, 1] = y[:, 2]; y
y = i.clone(); y[0] = 2.7; y | y = x.clone(); y[x > 0] = 0; y
y = x.clone(); y[x > 0] = T.arange(float((x > 0).sum())); y | y = x.clone(); y[y < 0] *= -1; y
y = x.clone(); y[[0, 0]] = T.ones(2, 4); y | y = x.clone(); y[0, [0, 1]] += 1; y
y = x.t().clone(); y[1] = w; y | y = x.clone().t(); y[1] = w; y
y = x.clone(); y[:, [1, 3]] = x[:, [3, 1]]; y | y = c.clone(); y[:, [0, 1], [1, 2]] = T.ones(2, 1); y
y = c.clone(); y[[0, 1], :, [1, 2]] = T.arange(6.0).reshape(2, 3); y | y = m.clone(); y[0] = True; y
y = x.clone(); y[None] = 1; y | y = x.clone(); y[..., 0] = w; y | y = x.clone(); y[T.tensor([7])] = 1; y
y = x.expand(2, 3, 4); y[0] = 1; y | y = x.clone(); y[bv] = T.ones(3, 4); y
y = x.clone(); y[T.tensor(True)] = 4; y | y = x.clone(); y[T.tensor(False)] = 4; y
""".replace("\n", "|").split("|")


def gathers(text: str) -> bool:
    """Whether tensors take part in indexing: PyTorch promises no strides for the result."""
    return (
        any(
            mark in text
            for mark in ("[[", "[T", "T.", ", [", "bv", "m]", ", m", "[~", ">", "k[", "[[", "range")
        )
        or text[:1] == "["
    )


def cleaned(texts: list[str]) -> list[str]:
    return [t.strip() for t in texts if t.strip()]


@pytest.mark.parametrize("index", cleaned(INDICES))
def test_getitem(index: str) -> None:
    check(f"c[{index}]", strides=not gathers(index))


@pytest.mark.parametrize("index", [t for t in cleaned(INDICES) if "uint8" not in t])
def test_setitem_of_a_number(index: str) -> None:
    check(f"y = c.clone(); y[{index}] = 7.5; y")


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize(
    "index",
    ["0", ":, 1", "..., 1:3", "[0, 1]", "c > 0", "0, [0, 1]", ":, [0, 2]", "[0, 1], :, [1, 2]", "0, 0, 0"],
)
def test_setitem_of_values(index: str, value: str) -> None:
    check(f"y = c.clone(); y[{index}] = {value}; y")


@pytest.mark.parametrize("text", cleaned(OTHERS))
def test_others(text: str) -> None:
    check(text, strides=not gathers(text))
