"""Products through oneDNN: results, strides, batches, threads; and what happens where it is not installed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from launch import launch  # noqa: E402

from tensorplug_cpu.onednn import library, products  # noqa: E402

installed = pytest.mark.skipif(bool(library.without_bfloat16()), reason=library.without_bfloat16() or "-")


def numbers(shape: Any, seed: int = 0) -> Any:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).bfloat16()


def check(name: str, ins: list[Any], shape: Any, reference: Any) -> None:
    out = torch.full(shape, -7, dtype=ins[0].dtype)
    assert launch("onednn.products", name, [out], ins) == 0
    wide = reference(*(None if t is None else t.double() for t in ins))
    torch.testing.assert_close(out.double(), wide, rtol=8e-3, atol=0.03)


@installed
@pytest.mark.parametrize(
    ("m", "n", "k"), [(32, 32, 32), (1, 300, 200), (300, 1, 200), (65, 260, 70), (500, 301, 99)]
)
@pytest.mark.parametrize("transposed", [(False, False), (True, False), (False, True), (True, True)])
def test_matmul(m: int, n: int, k: int, transposed: tuple[bool, bool]) -> None:
    a = numbers((k, m)).T if transposed[0] else numbers((m, k))
    b = numbers((n, k), 1).T if transposed[1] else numbers((k, n), 1)
    check("matmul", [a, b], (m, n), torch.matmul)


@pytest.mark.skipif(bool(library.absent()), reason=library.absent() or "-")
def test_tasks_are_run_on_any_processor() -> None:
    """In float32, which has other kernels elsewhere: what C is told of tasks and arguments is the same."""
    x, weight, bias = (numbers(shape, i).float() for i, shape in enumerate([(300, 200), (400, 200), 400]))
    check("linear", [x, weight, bias], (300, 400), torch.nn.functional.linear)
    a, b = numbers((7, 60, 50)).float(), numbers((7, 50, 40), 1).float()
    check("matmul", [a, b], (7, 60, 40), torch.matmul)
    check("matmul", [a.expand(2, 7, 60, 50), b.expand(2, 7, 50, 40)], (2, 7, 60, 40), torch.matmul)


@installed
def test_batches_and_strides() -> None:
    a, b = numbers((3, 4, 40, 56)), numbers((4, 56, 24), 1)
    check("matmul", [a, b.expand(3, 4, 56, 24)], (3, 4, 40, 24), torch.matmul)
    check("matmul", [a, b[0].expand(3, 4, 56, 24)], (3, 4, 40, 24), torch.matmul)
    check("matmul", [a.transpose(0, 1), a.transpose(0, 1).mT], (4, 3, 40, 40), torch.matmul)
    heads = numbers((20, 3, 4 * 16)).reshape(20, 3, 4, 16).permute(1, 2, 0, 3)  # as attention's
    check("matmul", [heads, heads.mT], (3, 4, 20, 20), torch.matmul)
    check("matmul", [a[..., ::2, :], a[..., :16, :].mT], (3, 4, 20, 16), torch.matmul)


@installed
@pytest.mark.parametrize("dim", [0, 1, 2])
@pytest.mark.parametrize("operand", [0, 1])
def test_strides_that_go_backwards(dim: int, operand: int) -> None:
    """PyTorch has no such tensors; oneDNN takes no such strides."""
    import numpy as np

    import tensorplug as tp
    from tensorplug_dispatcher.ops import F

    a, b = numbers((3, 130, 90)), numbers((3, 90, 70), 1)
    given = [tp.tensor(x.float().numpy()).to(tp.bfloat16) for x in (a, b)]
    plain = given[operand]
    first = plain.strides[dim] * (plain.shape[dim] - 1)
    steps = [-s if d == dim else s for d, s in enumerate(plain.strides)]
    given[operand] = F.as_strided(plain, tuple(plain.shape), tuple(steps), first)
    wide = [x.double().numpy() for x in (a, b)]
    wide[operand] = np.flip(wide[operand], dim)
    np.testing.assert_allclose((given[0] @ given[1]).float().numpy(), wide[0] @ wide[1], rtol=8e-3, atol=0.03)


@installed
@pytest.mark.parametrize("shape", [(40, 50), (8, 40, 50), (1, 1500)])
def test_linear_and_addmm(shape: Any) -> None:
    weight, bias = numbers((70, shape[-1]), 1), numbers((70,), 2)
    x = numbers(shape)

    def reference(x: Any, w: Any, b: Any) -> Any:
        return x @ w.mT if b is None else x @ w.mT + b

    for given in (bias, None):
        check("linear", [x, weight, given], (*shape[:-1], 70), reference)
    if len(shape) == 2:
        check("addmm", [bias, x, weight.mT], (shape[0], 70), lambda bias, a, b: bias + a @ b)
        check("addmm", [bias[None], x, weight.mT], (shape[0], 70), lambda bias, a, b: bias + a @ b)


@installed
def test_what_it_leaves_to_others() -> None:
    small, large = numbers((4, 4)), numbers((64, 64))
    assert launch("onednn.products", "matmul", [torch.empty_like(small)], [small, small]) is None
    assert launch("onednn.products", "addmm", [torch.empty_like(large)], [large, large, large]) is None


@installed
@pytest.mark.parametrize("threads", [1, 3])
def test_any_number_of_threads_gives_the_same(threads: int) -> None:
    import tensorplug as tp

    a, b = tp.randn(300, 200).bfloat16(), tp.randn(200, 100).bfloat16()
    expected = a @ b
    before = tp.get_num_threads()
    try:
        tp.set_num_threads(threads)
        assert bool((a @ b == expected).all())
    finally:
        tp.set_num_threads(before)


@installed
def test_several_threads_at_once() -> None:
    a, b = numbers((200, 200)), numbers((200, 200), 1)
    expected = torch.empty(200, 200, dtype=torch.bfloat16)
    launch("onednn.products", "matmul", [expected], [a, b])
    results = []

    def work() -> None:
        for _ in range(20):
            out = torch.empty(200, 200, dtype=torch.bfloat16)
            launch("onednn.products", "matmul", [out], [a, b])
            results.append(torch.equal(out, expected))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(results) == 80 and all(results)


@installed
def test_threads_of_openmp_stay_as_they_are() -> None:
    before = library.library().omp_get_max_threads()
    a = numbers((100, 100))
    launch("onednn.products", "matmul", [torch.empty_like(a)], [a, a])
    assert library.library().omp_get_max_threads() == before


def shown(code: str, **environment: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    ).stdout.strip()


def test_switched_off() -> None:
    code = (
        "import tensorplug as tp; a = tp.ones(64, 64).bfloat16(); print(float((a @ a).sum()));"
        "print(tp.devices.explain('matmul', 'cpu', tp.bfloat16))"
    )
    text = shown(code, TENSORPLUG_ONEDNN="0")
    assert text.startswith("262144.0") and text.endswith("native: provider 'native'")
    assert "switched off by TENSORPLUG_ONEDNN=0" in text


def test_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "PACKAGE", "onednn-that-nobody-has")
    assert library._path.__wrapped__() is None
    monkeypatch.setattr(library, "_path", lambda: None)
    assert library.absent.__wrapped__() == "oneDNN is not installed: pip install onednn-that-nobody-has"


def test_a_broken_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    broken = tmp_path / "libdnnl.so.3"
    broken.write_text("nothing")
    monkeypatch.setattr(library, "_path", lambda: broken)
    monkeypatch.setattr(library, "library", library.library.__wrapped__)
    assert library.absent.__wrapped__() == f"oneDNN does not load: {broken}: file too short"


@installed
def test_a_processor_without_bfloat16() -> None:
    """oneDNN would compute it by other means, more slowly than the plain kernels."""
    code = (
        "import tensorplug as tp; a = tp.ones(64, 64).bfloat16(); print(float((a @ a).sum()));"
        "print(tp.devices.explain('matmul', 'cpu', tp.bfloat16))"
    )
    text = shown(code, ONEDNN_MAX_CPU_ISA="AVX512_CORE_VNNI")
    assert text.startswith("262144.0") and text.endswith("native: provider 'native'")
    assert "absent: this processor has no instructions for bfloat16 (AVX512-BF16 or AMX)" in text


def test_nothing_is_loaded_before_it_is_wanted() -> None:
    code = (
        "import tensorplug as tp; tp.ones(64, 64) @ tp.ones(64, 64);"
        "print('libdnnl' in open('/proc/self/maps').read())"
    )
    assert shown(code) == "False"


@installed
def test_errors_of_the_library_are_told() -> None:
    from tensorplug_dispatcher.dtypes import bfloat16
    from tensorplug_dispatcher.errors import KernelError

    with pytest.raises(KernelError) as caught:
        library.descriptor((-5, 2), (2, 1), bfloat16)
    assert str(caught.value) == (
        "oneDNN: a descriptor of bfloat16[-5, 2] with strides [2, 1] failed: invalid arguments"
    )
    assert products.DTYPES <= set(library.DATA_TYPES)
