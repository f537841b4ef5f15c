"""S5, long draws: streams that go on where they ended, that do not repeat,
and whose numbers are spread as they should be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import numpy as np

import tensorplug as tp
from tensorplug_dispatcher import dtypes, errors
from tensorplug_dispatcher.ops import F

from .. import reference
from ..case import PASS, UNSUPPORTED, Case, Result, check

COUNT: Final = 300_001
SEEDS: Final = ((7, 0), (1 << 40 | 5, 3), (-3, (1 << 32) - 1000), ((1 << 63) - 1, (1 << 40) + 1))
SHORT: Final = 20_003  # what the specification, which draws one by one, is asked for
DRAWS: Final[dict[str, Callable[[str, int], Any]]] = {
    "rand": lambda d, n: tp.rand(n, device=d),
    "rand-2d": lambda d, n: tp.rand(n // 7, 7, device=d),
    "randn": lambda d, n: tp.randn(n, device=d),
    "randint": lambda d, n: tp.randint(-(1 << 40), 1 << 41, (n,), device=d),
    "randint-bytes": lambda d, n: tp.randint(0, 256, (n,), device=d, dtype=tp.uint8),
    "bernoulli": lambda d, n: tp.bernoulli(tp.full((n,), 0.3, device=d)),
    "dropout": lambda d, n: tp.nn.functional.dropout(tp.ones(n, device=d), 0.4),
    "randperm": lambda d, n: tp.randperm(n, device=d),
}


def cases(device: str, depth: str) -> Iterator[Case]:
    for i, (seed, offset) in enumerate(SEEDS):
        for dtype in (dtypes.int32, dtypes.int64):
            run = partial(_bits, seed, offset, dtype)
            yield Case(f"S5/long-bits/{dtype.name}/{i}", run)
    for name, draw in DRAWS.items():
        yield Case(f"S5/long/any/{name}", partial(_long, name, draw))
        yield Case(f"S5/goes-on/any/{name}", partial(_goes_on, name, draw))
    for dtype in dtypes.FLOATS:
        yield Case(f"S5/spread/{dtype.name}/uniform", partial(_uniform, dtype))
        yield Case(f"S5/spread/{dtype.name}/normal", partial(_normal, dtype))
    yield Case("S5/spread/any/permutation", _permutation)


def philox(counters: Any, seed: int) -> list[Any]:
    """Four 32-bit words for each 64-bit counter (Philox4x32-10; Salmon et al., 2011), as uint64 arrays."""
    low = np.uint64(0xFFFFFFFF)
    shift = np.uint64(32)
    c = [counters & low, counters >> shift, np.zeros_like(counters), np.zeros_like(counters)]
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF
    for _ in range(10):
        a, b = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(b >> shift) ^ c[1] ^ np.uint64(k0), b & low, (a >> shift) ^ c[3] ^ np.uint64(k1), a & low]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c


def _bits(seed: int, offset: int, dtype: Any, device: str) -> Result:
    """Every word of a long draw is the stream's."""
    per = 4 if dtype is dtypes.int32 else 2
    blocks = -(-COUNT // per)
    words = np.stack(
        philox(np.arange(blocks, dtype=np.uint64) + np.uint64(offset), seed & ((1 << 64) - 1)), 1
    )
    if per == 4:
        due = words.reshape(-1)[:COUNT].astype(np.uint32).view(np.int32)
    else:
        both = words[:, ::2] | (words[:, 1::2] << np.uint64(32))
        due = (both.reshape(-1)[:COUNT] & np.uint64((1 << 63) - 1)).astype(np.int64)
    got = F.random_bits((COUNT,), seed, offset, dtype, device=tp.device(device)).cpu().numpy()
    wrong = np.flatnonzero(got != due)
    check(
        not wrong.size,
        f"{wrong.size} of {COUNT} words are not the stream's"
        + (f", the first at {wrong[0]}: {got[wrong[0]]}, not {due[wrong[0]]}" if wrong.size else ""),
    )
    return Result(PASS)


def _same(name: str, got: Any, due: Any) -> None:
    check(got.shape == due.shape, f"shape {list(got.shape)}, not {list(due.shape)}")
    a, b = got.cpu().numpy().reshape(-1), due.cpu().numpy().reshape(-1)
    near = np.abs(a - b) < 1e-5 * (1 + np.abs(b)) if name == "randn" else a == b
    wrong = np.flatnonzero(~near)
    check(
        not wrong.size,
        f"{wrong.size} of {a.size} numbers differ from the specification's"
        + (f", the first at {wrong[0]}: {a[wrong[0]]!r}, not {b[wrong[0]]!r}" if wrong.size else ""),
    )


def _long(name: str, draw: Callable[[str, int], Any], device: str) -> Result:
    found = []
    for where in (device, reference.NAME):
        tp.manual_seed(23)
        found.append(draw(where, SHORT))
    _same(name, *found)
    return Result(PASS)


def _goes_on(name: str, draw: Callable[[str, int], Any], device: str) -> Result:
    """After draws of odd lengths the next one begins where it should, and no draw is another's."""
    found: list[list[Any]] = []
    for where in (device, reference.NAME):
        tp.manual_seed(29)
        found.append([draw(where, n) for n in (5, 1, 260, 33, 260)])
    for got, due in zip(*found, strict=True):
        _same(name, got, due)
    a, b = (found[0][i].cpu().numpy() for i in (2, 4))
    check(not np.array_equal(a, b), "two draws are the same")
    return Result(PASS)


def _uniform(dtype: Any, device: str) -> Result:
    tp.manual_seed(31)
    try:
        x = tp.rand(COUNT, device=device, dtype=dtype).cpu().to(tp.float64).numpy()
    except errors.MissingKernelError as error:
        return Result(UNSUPPORTED, str(error))
    check(x.min() >= 0 and x.max() < 1, f"they lie in [{x.min()}, {x.max()}]; 1 does not belong to them")
    step = {"float16": 2.0**-11, "bfloat16": 2.0**-8}.get(dtype.name, 0.0)  # numbers are cut to the dtype's
    check(abs(x.mean() - 0.5) < 0.003 + step, f"their mean is {x.mean()}")
    check(abs(x.var() - 1 / 12) < 0.001 + step, f"their variance is {x.var()}")
    for lag in (1, 2, 4, 64, 256, 1024, 65536):
        both = np.corrcoef(x[:-lag], x[lag:])[0, 1]
        check(abs(both) < 0.015, f"numbers {lag} apart go together: correlation {both:.3f}")
        check((x[:-lag] == x[lag:]).mean() < 0.02, f"numbers repeat after {lag}")
    return Result(PASS)


def _normal(dtype: Any, device: str) -> Result:
    tp.manual_seed(37)
    try:
        x = tp.randn(COUNT, device=device, dtype=dtype).cpu().to(tp.float64).numpy()
    except errors.MissingKernelError as error:
        return Result(UNSUPPORTED, str(error))
    check(bool(np.isfinite(x).all()), "some are not finite")
    for name, got, due, near in (
        ("mean", x.mean(), 0.0, 0.01),
        ("variance", x.var(), 1.0, 0.02),
        ("skewness", (x**3).mean(), 0.0, 0.04),
        ("fourth moment", (x**4).mean(), 3.0, 0.15),
    ):
        check(abs(got - due) < near, f"their {name} is {got}, not near {due}")
    for bound, share in ((1.0, 0.3173), (2.0, 0.0455), (3.0, 0.0027)):
        beyond = float((np.abs(x) > bound).mean())
        check(abs(beyond - share) < 0.15 * share + 1e-3, f"{beyond:.4%} lie beyond {bound}, not {share:.4%}")
    check(abs(np.corrcoef(x[::2][: COUNT // 2], x[1::2])[0, 1]) < 0.015, "neighbours go together")
    return Result(PASS)


def _permutation(device: str) -> Result:
    tp.manual_seed(41)
    for n in (1, 257, 70_001):
        x = tp.randperm(n, device=device).cpu().numpy()
        check(np.array_equal(np.sort(x), np.arange(n)), f"randperm({n}) is no permutation")
        fixed = int((x == np.arange(n)).sum())
        check(n < 200 or fixed < 20, f"randperm({n}) leaves {fixed} where they were")
    return Result(PASS)
