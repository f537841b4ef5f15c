"""Datasets, samplers, collating and loading. Needs no PyTorch."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

import tensorplug as tp
from tensorplug.utils import data

Point = namedtuple("Point", "x y")


class Squares(data.Dataset):
    def __init__(self, size: int = 10) -> None:
        self.size = size

    def __getitem__(self, index: int) -> tuple[int, float]:
        if not 0 <= index < self.size:
            raise IndexError(index)
        return index, float(index * index)

    def __len__(self) -> int:
        return self.size


class Stream(data.IterableDataset):
    def __iter__(self) -> Iterator[int]:
        return iter(range(5))


def generator(seed: int = 0) -> Any:
    return tp.Generator().manual_seed(seed)


# -- datasets ------------------------------------------------------------------------------------------------


def test_tensor_dataset() -> None:
    dataset = data.TensorDataset(tp.arange(4), tp.arange(8).reshape(4, 2))
    assert len(dataset) == 4 and [t.tolist() for t in dataset[2]] == [2, [4, 5]]
    with pytest.raises(AssertionError, match=r"Size mismatch between tensors: \(4,\), \(3,\)"):
        data.TensorDataset(tp.zeros(4), tp.zeros(3))


def test_concat_subset_and_sum() -> None:
    both = Squares(3) + Squares(2)
    assert isinstance(both, data.ConcatDataset) and len(both) == 5
    assert [both[i][0] for i in range(5)] == [0, 1, 2, 0, 1] and both[-1] == (1, 1.0)
    with pytest.raises(IndexError, match="index 5 is out of range"):
        both[5]
    with pytest.raises(ValueError, match="absolute value of index should not exceed dataset length"):
        both[-6]
    part = data.Subset(both, [4, 0])
    assert len(part) == 2 and part[0] == (1, 1.0) and part.__getitems__([1, 0]) == [(0, 0.0), (1, 1.0)]
    with pytest.raises(AssertionError, match="datasets should not be an empty iterable"):
        data.ConcatDataset([])
    with pytest.raises(AssertionError, match="ConcatDataset does not support IterableDataset"):
        data.ConcatDataset([Stream()])


def test_streams_and_stacks() -> None:
    assert list(Stream() + Stream()) == [0, 1, 2, 3, 4] * 2
    assert data.StackDataset(Squares(3), [7, 8, 9])[1] == ((1, 1.0), 8)
    assert data.StackDataset(a=Squares(3), b=[7, 8, 9])[2] == {"a": (2, 4.0), "b": 9}
    with pytest.raises(ValueError, match="Size mismatch between datasets"):
        data.StackDataset([1], [1, 2])


def test_random_split() -> None:
    parts = data.random_split(Squares(10), [7, 3], generator(1))
    assert [len(part) for part in parts] == [7, 3]
    assert sorted(parts[0].indices + parts[1].indices) == list(range(10))
    again = data.random_split(Squares(10), [7, 3], generator(1))
    assert [part.indices for part in parts] == [part.indices for part in again]
    assert [len(part) for part in data.random_split(Squares(10), [0.35, 0.35, 0.3])] == [4, 3, 3]
    with pytest.raises(
        ValueError, match="Sum of input lengths does not equal the length of the input dataset!"
    ):
        data.random_split(Squares(10), [7, 4])
    with pytest.raises(ValueError, match="Fraction at index 0 is not between 0 and 1"):
        data.random_split(Squares(10), [-0.5, 1.5])
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        data.random_split(Squares(1), [0.5, 0.5])


# -- samplers ------------------------------------------------------------------------------------------------


def test_samplers() -> None:
    source = Squares(6)
    assert list(data.SequentialSampler(source)) == list(range(6))
    shuffled = data.RandomSampler(source, generator=generator())
    first, second = list(shuffled), list(shuffled)
    assert sorted(first) == sorted(second) == list(range(6)) and first != second
    assert list(data.RandomSampler(source, generator=generator())) == first
    assert (
        len(list(data.RandomSampler(source, num_samples=15)))
        == 15
        == len(data.RandomSampler(source, num_samples=15))
    )
    drawn = list(data.RandomSampler(source, replacement=True, num_samples=200))
    assert set(drawn) == set(range(6)) and len(drawn) == 200
    assert sorted(data.SubsetRandomSampler([3, 5, 7])) == [3, 5, 7]
    weighted = list(data.WeightedRandomSampler([0.0, 1.0, 3.0], 400, generator=generator()))
    assert set(weighted) == {1, 2} and 230 < weighted.count(2) < 370
    assert sorted(data.WeightedRandomSampler([1.0, 1.0, 3.0], 3, replacement=False)) == [0, 1, 2]


def test_batch_sampler() -> None:
    assert list(data.BatchSampler(range(5), 2, False)) == [[0, 1], [2, 3], [4]]
    assert list(data.BatchSampler(range(5), 2, True)) == [[0, 1], [2, 3]]
    assert len(data.BatchSampler(range(5), 2, False)) == 3 and len(data.BatchSampler(range(5), 2, True)) == 2


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: data.RandomSampler([1], replacement=1), TypeError, "replacement should be a boolean value"),
        (
            lambda: data.RandomSampler([1], num_samples=0),
            ValueError,
            "num_samples should be a positive integer value, but got num_samples=0",
        ),
        (
            lambda: data.WeightedRandomSampler([1.0], 0),
            ValueError,
            "num_samples should be a positive integer",
        ),
        (lambda: data.WeightedRandomSampler([[1.0]], 1), ValueError, "weights should be a 1d sequence"),
        (
            lambda: data.BatchSampler([1], 0, False),
            ValueError,
            "batch_size should be a positive integer value",
        ),
        (
            lambda: data.BatchSampler([1], True, False),
            ValueError,
            "batch_size should be a positive integer value",
        ),
        (
            lambda: data.BatchSampler([1], 1, 0),
            ValueError,
            "drop_last should be a boolean value, but got drop_last=0",
        ),
    ],
)
def test_sampler_errors(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)


# -- collating -----------------------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    if isinstance(value, tp.Tensor):
        return value.tolist()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("batch", "expected", "dtype"),
    [
        ([1, 2], [1, 2], "int64"),
        ([1.5, 2], [1.5, 2.0], "float64"),
        ([True, False], [True, False], "bool"),
        ([(1, "a"), (2, "b")], [[1, 2], ["a", "b"]], None),
        ([[1, 2], [3, 4]], [[1, 3], [2, 4]], None),
        ([{"a": 1, "b": [2]}, {"a": 3, "b": [4]}], {"a": [1, 3], "b": [[2, 4]]}, None),
        ([b"x"], [b"x"], None),
    ],
)
def test_collate(batch: Any, expected: Any, dtype: str | None) -> None:
    result = data.default_collate(batch)
    assert plain(result) == expected
    if dtype:
        assert str(result.dtype).endswith(dtype)


def test_collate_keeps_types() -> None:
    assert plain(data.default_collate([tp.ones(2), tp.zeros(2)])) == [[1, 1], [0, 0]]
    point = data.default_collate([Point(1, 2), Point(3, 4)])
    assert isinstance(point, Point) and point.y.tolist() == [2, 4]
    assert isinstance(data.default_collate([OrderedDict(a=1)]), OrderedDict)
    with pytest.raises(RuntimeError, match="each element in list of batch should be of equal size"):
        data.default_collate([[1], [1, 2]])
    with pytest.raises(
        TypeError, match="default_collate: batch must contain tensors, numpy arrays, numbers, dicts or"
    ):
        data.default_collate([object()])


def test_collate_takes_arrays() -> None:
    np = pytest.importorskip("numpy")
    assert data.default_collate([np.ones((2, 2)), np.zeros((2, 2))]).shape[0] == 2
    assert data.default_collate([np.float32(1), np.float32(2)]).tolist() == [1, 2]
    converted = data.default_convert({"a": np.ones(2), "b": ["x", (1,)]})
    assert isinstance(converted["a"], tp.Tensor) and converted["b"] == ["x", [1]]
    with pytest.raises(TypeError, match="found <U1"):
        data.default_collate([np.array(["x"])])


# -- loading -------------------------------------------------------------------------------------------------


def test_batches_in_order() -> None:
    loader = data.DataLoader(Squares(5), batch_size=2)
    assert len(loader) == 3
    assert plain(list(loader)) == [[[0, 1], [0, 1]], [[2, 3], [4, 9]], [[4], [16]]]
    assert plain(list(loader)) == plain(list(loader))
    assert len(list(data.DataLoader(Squares(5), 2, drop_last=True))) == 2


def test_shuffle_follows_the_generator() -> None:
    def epochs(seed: int) -> list[Any]:
        loader = data.DataLoader(Squares(20), 7, shuffle=True, generator=generator(seed))
        return [[i for batch in loader for i in batch[0].tolist()] for _ in range(2)]

    first, second = epochs(0)
    assert sorted(first) == sorted(second) == list(range(20)) and first != second
    assert epochs(0) == [first, second] and epochs(1) != [first, second]
    tp.manual_seed(5)
    seeded = [b[0].tolist() for b in data.DataLoader(Squares(9), 3, shuffle=True)]
    tp.manual_seed(5)
    assert [b[0].tolist() for b in data.DataLoader(Squares(9), 3, shuffle=True)] == seeded


def test_loader_options() -> None:
    assert plain(list(data.DataLoader(Squares(3), batch_size=None))) == [[0, 0.0], [1, 1.0], [2, 4.0]]
    assert list(data.DataLoader(Squares(3), 2, collate_fn=len)) == [2, 1]
    loader = data.DataLoader(Squares(5), batch_sampler=[[4, 0], [1]])
    assert plain([b[0] for b in loader]) == [[4, 0], [1]] and len(loader) == 2 and loader.batch_size is None
    assert plain([b[0] for b in data.DataLoader(Squares(5), 2, sampler=[3, 1, 2])]) == [[3, 1], [2]]
    assert plain(list(data.DataLoader(Stream(), 2))) == [[0, 1], [2, 3], [4]]
    assert plain(list(data.DataLoader(Stream(), 2, drop_last=True))) == [[0, 1], [2, 3]]
    assert list(data.DataLoader(Stream(), None)) == [0, 1, 2, 3, 4]
    assert [len(b) for b in data.DataLoader([1, 2, 3], 2)] == [2, 1]
    assert data.get_worker_info() is None
    with pytest.raises(TypeError):
        len(data.DataLoader(Stream(), 2))


def test_a_dataset_that_fetches_batches() -> None:
    class Fast(Squares):
        def __getitems__(self, indices: list[int]) -> list[int]:
            return [10 * i for i in indices]

    assert plain(list(data.DataLoader(Fast(3), 2))) == [[0, 10], [20]]


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        (
            {"num_workers": 2},
            data.WorkersUnsupportedError,
            "DataLoader(num_workers=2): worker processes are not supported; use num_workers=0",
        ),
        ({"num_workers": -1}, ValueError, "num_workers option should be non-negative"),
        ({"timeout": -1}, ValueError, "timeout option should be non-negative"),
        ({"sampler": [1], "shuffle": True}, ValueError, "sampler option is mutually exclusive with shuffle"),
        (
            {"batch_sampler": [[1]], "shuffle": True},
            ValueError,
            "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last",
        ),
        (
            {"batch_size": None, "drop_last": True},
            ValueError,
            "batch_size=None option disables auto-batching and is mutually exclusive with drop_last",
        ),
        (
            {"batch_size": 0},
            ValueError,
            "batch_size should be a positive integer value, but got batch_size=0",
        ),
        (
            {"prefetch_factor": 2},
            ValueError,
            "prefetch_factor option could only be specified in multiprocessing",
        ),
        ({"persistent_workers": True}, ValueError, "persistent_workers option needs num_workers > 0"),
    ],
)
def test_loader_errors(options: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        data.DataLoader(Squares(), **options)
    assert text in str(caught.value)


def test_streams_take_no_order() -> None:
    for options in ({"shuffle": True}, {"sampler": [1]}, {"batch_sampler": [[1]]}):
        with pytest.raises(ValueError, match="DataLoader with IterableDataset: expected unspecified"):
            data.DataLoader(Stream(), **options)  # type: ignore[arg-type]


class Long:
    """A data source of a length, and nothing else."""

    def __len__(self) -> int:
        return 10**12


@pytest.mark.parametrize("count", [10**10, 10**15])
def test_samplers_with_replacement_draw_in_blocks(count: int) -> None:
    """A pass may be longer than memory."""
    for sampler in (
        data.RandomSampler(Long(), replacement=True, num_samples=count),
        data.WeightedRandomSampler([0.1, 0.9], count),
    ):
        assert len(sampler) == count
        assert len(list(islice(sampler, 100_000))) == 100_000


def test_samplers_draw_as_many_as_they_say() -> None:
    for count in (1, 1 << 15, (1 << 15) + 1, 70_000):
        assert len(list(data.RandomSampler(range(7), replacement=True, num_samples=count))) == count
        assert len(list(data.WeightedRandomSampler([0.1, 0.9], count))) == count
    assert sorted(data.WeightedRandomSampler([0.1] * 9, 9, replacement=False)) == list(range(9))
