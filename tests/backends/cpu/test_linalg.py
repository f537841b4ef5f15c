"""Products of matrices against PyTorch: dtypes, strides, batches, sizes around the tiles."""

from __future__ import annotations

import threading

import pytest

torch = pytest.importorskip("torch")

from launch import launch  # noqa: E402

DTYPES = [
    torch.float32,
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
]


def numbers(shape, dtype, seed=0):
    generator = torch.Generator().manual_seed(seed)
    if dtype.is_floating_point:
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)
    return torch.randint(-100, 100, shape, generator=generator).to(dtype)


def check(name, ins, shape, reference):
    out = torch.full(shape, -7, dtype=ins[0].dtype)
    assert launch("linalg", name, [out], ins) == 0
    if not out.dtype.is_floating_point:
        assert torch.equal(out, reference(*ins))
        return
    wide = reference(*(None if t is None else t.double() for t in ins))
    bound = {torch.float64: 1e-12, torch.float32: 2e-5, torch.float16: 1e-3, torch.bfloat16: 8e-3}[out.dtype]
    torch.testing.assert_close(out.double(), wide, rtol=bound, atol=bound * 4)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("m", "n", "k"), [(4, 4, 4), (1, 1, 9), (70, 1, 33), (1, 70, 33), (65, 260, 70), (3, 2, 0)]
)
@pytest.mark.parametrize("transposed", [(False, False), (True, False), (False, True), (True, True)])
def test_matmul(dtype, m, n, k, transposed):
    a = numbers((k, m), dtype).T if transposed[0] else numbers((m, k), dtype)
    b = numbers((n, k), dtype, 1).T if transposed[1] else numbers((k, n), dtype, 1)
    check("matmul", [a, b], (m, n), torch.matmul)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int32])
@pytest.mark.parametrize("size", [3, 40])
def test_batches_and_strides(dtype, size):
    a, b = numbers((3, 2, size, size), dtype), numbers((2, size, size), dtype, 1)
    check("matmul", [a, b.expand(3, 2, size, size)], (3, 2, size, size), torch.matmul)
    check("matmul", [a, b[0].expand(3, 2, size, size)], (3, 2, size, size), torch.matmul)
    check("matmul", [a.transpose(0, 1), a.transpose(0, 1).mT], (2, 3, size, size), torch.matmul)
    check(
        "matmul",
        [a[..., ::2, :], b[:, :, 1:].expand(3, 2, size, size - 1)],
        (3, 2, (size + 1) // 2, size - 1),
        torch.matmul,
    )


@pytest.mark.parametrize("transposed", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize(
    ("m", "n", "k"), [(32, 32, 32), (33, 47, 31), (130, 300, 1100), (500, 35, 64), (200, 200, 1)]
)
def test_bfloat16_by_each_kind_of_instruction(bfloat16_instructions, m, n, k, transposed):
    dtype = torch.bfloat16
    a = numbers((k, m), dtype).T if transposed[0] else numbers((m, k), dtype)
    b = numbers((n, k), dtype, 1).T if transposed[1] else numbers((k, n), dtype, 1)
    check("matmul", [a, b], (m, n), torch.matmul)
    check("addmm", [numbers((n,), dtype, 2), a, b], (m, n), lambda bias, a, b: bias + a @ b)


def test_a_large_product_is_split():
    a, b = numbers((530, 300), torch.float32), numbers((300, 777), torch.float32, 1)
    check("matmul", [a, b], (530, 777), torch.matmul)


def test_strides_that_blas_does_not_take():
    a, b = numbers((40, 80), torch.float32)[:, ::2], numbers((40, 40), torch.float32)
    assert launch("linalg", "matmul", [torch.empty(40, 40)], [a, b]) is None


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bias_shape", [(), (1,), (20,), (1, 20), (30, 1), (30, 20)])
def test_addmm(dtype, bias_shape):
    ins = [numbers(bias_shape, dtype, 2), numbers((30, 40), dtype), numbers((40, 20), dtype, 1)]
    check("addmm", ins, (30, 20), lambda bias, a, b: bias + a @ b)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.int64])
@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("shape", [(5,), (6, 5), (2, 3, 5), (40, 50), (8, 4, 50), (0, 5)])
def test_linear(dtype, with_bias, shape):
    weight = numbers((70, shape[-1]), dtype, 1)
    bias = numbers((70,), dtype, 2) if with_bias else None

    def reference(x, w, b):
        return x @ w.mT if b is None else x @ w.mT + b

    x = numbers(shape, dtype)
    check("linear", [x, weight, bias], (*shape[:-1], 70), reference)
    if x.ndim == 3:
        check("linear", [x.transpose(0, 1), weight, bias], (shape[1], shape[0], 70), reference)
        check("linear", [x[:, 1:], weight, bias], (shape[0], shape[1] - 1, 70), reference)


def test_several_threads_at_once():
    a, b = numbers((200, 200), torch.float32), numbers((200, 200), torch.float32, 1)
    expected = torch.empty(200, 200)
    launch("linalg", "matmul", [expected], [a, b])
    results = []

    def work():
        for _ in range(20):
            out = torch.empty(200, 200)
            launch("linalg", "matmul", [out], [a, b])
            results.append(torch.equal(out, expected))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(results) == 80
    assert all(results)
