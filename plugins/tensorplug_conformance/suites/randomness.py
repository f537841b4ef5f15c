"""S5: the same seed gives the same numbers on every device, and the same call the same bits twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import tensorplug as tp
from tensorplug_dispatcher.ops import F

from .. import reference
from ..case import PASS, Case, Result, check

EXACT: Final[dict[str, Callable[[str], Any]]] = {
    "bits-int32": lambda d: F.random_bits((1000,), 1234, 5, tp.int32, device=tp.device(d)),
    "bits-int64": lambda d: F.random_bits((333,), 1 << 40, 1 << 33, tp.int64, device=tp.device(d)),
    "rand": lambda d: tp.rand(777, device=d),
    "randint": lambda d: tp.randint(-50, 1000, (555,), device=d),
    "randperm": lambda d: tp.randperm(100, device=d),
    "bernoulli": lambda d: tp.bernoulli(tp.full((400,), 0.3, device=d)),
}


def cases(device: str, depth: str) -> Iterator[Case]:
    for name, draw in EXACT.items():
        yield Case(f"S5/same-bits/any/{name}", partial(_same_bits, draw))
        yield Case(f"S5/twice/any/{name}", partial(_twice, draw))
        yield Case(f"S5/advances/any/{name}", partial(_advances, draw))
    yield Case("S5/normal/float32/close", _normal)
    yield Case("S5/uniform/float32/statistics", _uniform)
    for op in ("matmul", "sum", "softmax", "index_add", "conv"):
        yield Case(f"S5/repeat/float32/{op}", partial(_repeat, op))


def _drawn(draw: Callable[[str], Any], device: str, seed: int = 7) -> list[Any]:
    tp.manual_seed(seed)
    found: list[Any] = draw(device).cpu().tolist()
    return found


def _same_bits(draw: Callable[[str], Any], device: str) -> Result:
    got, wanted = _drawn(draw, device), _drawn(draw, reference.NAME)
    wrong = [i for i, (a, b) in enumerate(zip(got, wanted, strict=True)) if a != b]
    check(
        not wrong,
        f"{len(wrong)} of {len(got)} numbers differ from the specification's"
        + (f", first element {wrong[0]}: {got[wrong[0]]!r}, not {wanted[wrong[0]]!r}" if wrong else ""),
    )
    return Result(PASS)


def _twice(draw: Callable[[str], Any], device: str) -> Result:
    check(_drawn(draw, device) == _drawn(draw, device), "the same seed gave other numbers the second time")
    if draw not in (EXACT["bits-int32"], EXACT["bits-int64"]):  # which are given their seed
        check(_drawn(draw, device) != _drawn(draw, device, 8), "another seed gave the same numbers")
    return Result(PASS)


def _advances(draw: Callable[[str], Any], device: str) -> Result:
    """Two draws after each other use other counters (``random_bits`` is given its own)."""
    if draw in (EXACT["bits-int32"], EXACT["bits-int64"]):
        x = F.random_bits((8,), 3, 0, tp.int32, device=tp.device(device)).cpu().tolist()
        y = F.random_bits((4,), 3, 1, tp.int32, device=tp.device(device)).cpu().tolist()
        check(x[4:] == y, "offset 1 is not the second block of the stream")
        return Result(PASS)
    tp.manual_seed(3)
    check(draw(device).cpu().tolist() != draw(device).cpu().tolist(), "a random counter was used twice")
    return Result(PASS)


def _normal(device: str) -> Result:
    tp.manual_seed(11)
    got = tp.randn(500, device=device).cpu()
    tp.manual_seed(11)
    wanted = tp.randn(500, device=reference.NAME).cpu()
    worst = (got - wanted).abs().max().item()
    check(worst < 1e-5, f"normal numbers differ by up to {worst} from the specification's")
    return Result(PASS)


def _uniform(device: str) -> Result:
    tp.manual_seed(5)
    x = tp.rand(20000, device=device).cpu()
    mean, low, high = x.mean().item(), x.min().item(), x.max().item()
    check(low >= 0 and high < 1, f"uniform numbers lie in [{low}, {high}]")
    check(abs(mean - 0.5) < 0.01, f"their mean is {mean}")
    counts = [((x >= i / 10) & (x < (i + 1) / 10)).sum().item() for i in range(10)]
    check(all(abs(c - 2000) < 250 for c in counts), f"tenths hold {counts} of 20000")
    return Result(PASS)


def _repeat(op: str, device: str) -> Result:
    tp.manual_seed(1)
    a, b = tp.rand(64, 64).to(device), tp.rand(64, 64).to(device)
    image, weight = tp.rand(2, 4, 9, 9).to(device), tp.rand(3, 4, 3, 3).to(device)
    places = tp.tensor([i % 5 for i in range(64)]).to(device)
    calls: dict[str, Callable[[], Any]] = {
        "matmul": lambda: a @ b,
        "sum": lambda: a.sum(),
        "softmax": lambda: tp.softmax(a, -1),
        "index_add": lambda: tp.zeros(5, 64, device=device).index_add(0, places, a),
        "conv": lambda: tp.nn.functional.conv2d(image, weight, padding=1),
    }
    first = calls[op]().cpu().tolist()
    for _ in range(5):
        check(
            calls[op]().cpu().tolist() == first, f"{op} of the same operands gives other bits the second time"
        )
    return Result(PASS)
