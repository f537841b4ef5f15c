"""Making tensors, as PyTorch does."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from alike import check

FROM_DATA = """
T.tensor(1) | T.tensor(1.5) | T.tensor(True) | T.tensor([]) | T.tensor([[], []]) | T.tensor([1, 2.5])
T.tensor([True, 2]) | T.tensor([[1, 2], [3, 4]]) | T.tensor((1.0, 2.0)) | T.tensor(range(3))
T.tensor([[1, 2], [3]]) | T.tensor([1, 'a']) | T.tensor('a') | T.tensor(None) | T.tensor([None])
T.tensor({1: 2}) | T.tensor(object()) | T.tensor([[1, 2], 3]) | T.tensor([1, 2], dtype=T.float16)
T.tensor([1.7, -1.7], dtype=T.int32) | T.tensor([0.0, 2.0], dtype=T.bool) | T.tensor([300], dtype=T.uint8)
T.tensor([-1], dtype=T.uint8) | T.tensor(300, dtype=T.uint8) | T.tensor([2**40], dtype=T.int32)
T.tensor([2**63]) | T.tensor([nan], dtype=T.int64) | T.tensor([1e40]) | T.tensor(x) | T.tensor([s, s])
T.tensor([T.tensor(2), s]) | T.tensor([x, x]) | T.tensor([1.0, 2.0], dtype=T.bfloat16)
T.tensor(3, dtype=T.float64) | T.tensor([1, 2], dtype=float)
T.tensor([1.0], requires_grad=True).requires_grad | T.tensor([1], requires_grad=True) | T.Tensor([1, 2])
T.Tensor(2, 3).shape | T.as_tensor([1, 2]) | T.as_tensor(x, dtype=T.int64) | T.as_tensor(x) is x
T.asarray([1, 2.0]) | T.scalar_tensor(3)
""".replace("\n", "|").split("|")

FILLED = """
T.zeros(2, 3) | T.zeros((2, 3)) | T.zeros([2, 3], dtype=T.int8) | T.zeros(()) | T.zeros(0) | T.zeros(2, -1)
T.ones(2.5) | T.ones(3, dtype=T.bool) | T.full((2, 2), 7) | T.full((2,), 1.5) | T.full((2,), True)
T.full((2,), 3, dtype=T.float64) | T.full_like(x, 7) | T.zeros_like(i) | T.ones_like(x, dtype=T.int32)
T.zeros_like(xt) | T.zeros_like(cp) | T.zeros_like(x.expand(2, 3, 4)) | T.empty(2, 3).shape
T.empty_like(cp).stride() | T.empty_strided((2, 3), (1, 2)).stride() | T.zeros(size=(2, 2))
T.zeros(T.Size([2, 1])) | x.new_zeros(2, 3) | i.new_ones((2,)) | f64.new_full((2,), 3) | x.new_tensor([1, 2])
x.new_empty(3).shape | T.zeros(2, dtype=T.float32, requires_grad=True).requires_grad
T.full((2,), 300, dtype=T.uint8) | T.full((2,), -1, dtype=T.uint8) | T.full((2,), 1e39, dtype=T.float32)
T.full((2,), 70000, dtype=T.float16) | T.full((2,), inf, dtype=T.float16) | T.full_like(u8, 256)
u8.new_full((2,), 256) | T.full((2,), 2.9, dtype=T.int32) | T.full((2,), 300, dtype=T.bool)
T.rand(2, out=T.zeros(5)).shape | T.randn(size=(2,)).shape
T.randperm(4, out=T.zeros(0, dtype=T.int64)).shape
T.zeros(3, out=T.ones(3)) | T.zeros(2, foo=1)
""".replace("\n", "|").split("|")

RANGES = """
T.arange(0.5, 5.5, 1.5, dtype=T.int64) | T.arange(0, 5.5, 1, dtype=T.int64)
T.arange(0, 5, 0.5, dtype=T.int64)
T.arange(0, 5, 2.5, dtype=T.int64) | T.arange(5.5, 0, -1, dtype=T.int64)
T.arange(0.5, 5.5, 1.5, dtype=T.int32)
T.arange(0, 5, 0.5, dtype=T.uint8) | T.arange(-2.5, 3, 2.5, dtype=T.int64)
T.linspace(0.5, 5.5, 4, dtype=T.int64)
T.linspace(-2.5, 5.5, 7, dtype=T.int64) | T.linspace(-2.5, 5.5, 7, dtype=T.int32)
T.range(0, 5.5, dtype=T.int32)
T.linspace(0.9, 10.9, 3, dtype=T.int16) | T.linspace(0.9, 10.9, 1, dtype=T.int16)
T.range(0.5, 4.5, dtype=T.int64)
T.linspace(0.5, -7.5, 6, dtype=T.int64) | T.logspace(0.5, 2.5, 4, dtype=T.int64)
T.logspace(2, 0, 5, dtype=T.int8)
T.logspace(0.5, 2.5, 4, 2.5, dtype=T.int64) | T.logspace(0.5, 1.5, 1, dtype=T.int64) | T.range(0.5, 9, 2.5)
T.range(0.5, 9, 2.5, dtype=T.uint8) | T.range(3, 0) | T.range(3, 0, -1) | T.arange(3, dtype=T.bool)
T.arange(5) | T.arange(1, 5) | T.arange(1, 10, 3) | T.arange(5, 1, -2) | T.arange(1, 2.5, 0.5)
T.arange(0.0, 1.0, 0.3) | T.arange(5, 1) | T.arange(0, 1, 0) | T.arange(inf) | T.arange(3, dtype=T.float16)
T.arange(3, out=T.zeros(0)) | T.linspace(0, 1, 3, out=T.zeros(3)) | T.eye(2, out=T.zeros(0))
T.arange(3, foo=1)
T.arange(0) | T.arange(2.0, dtype=T.int64) | T.linspace(0, 1, 5) | T.linspace(3, -3, 7)
T.linspace(0, 10, 4, dtype=T.int64) | T.linspace(0, 1, 1) | T.linspace(0, 1, 0)
T.linspace(-1, 1, 10, dtype=T.float64) | T.linspace(0, 1, -1) | T.logspace(0, 2, 3)
T.logspace(0, 3, 4, base=2) | T.eye(3) | T.eye(2, 3) | T.eye(3, 2, dtype=T.int64) | T.eye(0)
T.tril_indices(0, 3) | T.tril_indices(3, 0) | T.tril_indices(3, 3, 2**62) | T.triu_indices(3, 3, -(2**62))
T.tril_indices(3, 3, -2**62) | T.triu_indices(2, 3, 9, dtype=T.int32) | T.tril_indices(5, 2, -2)
T.tril_indices(3, 4) | T.tril_indices(4, 3, -1) | T.triu_indices(3, 4, 1) | T.triu_indices(2, 5, -1)
T.meshgrid(v, w, indexing='ij') | T.meshgrid(v, w, indexing='xy') | T.cartesian_prod(v, w)
""".replace("\n", "|").split("|")

ABOUT = """
T.finfo(T.float32).eps | T.finfo(T.float16).max | T.finfo().tiny | T.finfo(T.bfloat16).bits
T.iinfo(T.int8).min | T.iinfo(T.uint8).max | T.iinfo(T.int64).bits | T.finfo(T.int8) | T.iinfo(T.float32)
str(T.finfo(T.float32)) | str(T.iinfo(T.int16)) | T.promote_types(T.uint8, T.int8)
T.promote_types(T.float16, T.bfloat16) | T.promote_types(T.int64, T.float16) | T.result_type(i, 1.5)
T.result_type(x, f64) | T.result_type(x, T.tensor(1.0, dtype=T.float64)) | T.result_type(u8, 300)
T.can_cast(T.float32, T.int32) | T.can_cast(T.int32, T.float16) | T.can_cast(T.int8, T.bool)
T.get_default_dtype() | T.is_tensor(x) | T.is_tensor([1]) | T.is_floating_point(i) | T.numel(x) | x.size()
x.size(-1) | x.size(2) | x.stride() | xt.stride(0) | x.dim() | x.ndim | x.numel() | x.nelement()
x.element_size() | x.itemsize | x.nbytes | x.is_contiguous() | xt.is_contiguous() | x[1:].storage_offset()
x.type() | i.type() | b16.type() | x.type(T.int64) | x.is_floating_point() | i.is_signed() | u8.is_signed()
len(x) | len(s) | bool(s) | bool(x) | bool(T.tensor([])) | float(s) | int(s) | s.item() | x.item()
k[0].item() | bv[0].item() | i.tolist() | e.tolist() | s.tolist() | T.zeros(2, 0).tolist() | f16.tolist()
b16.tolist() | m.tolist() | 2.5 in x | 100 in x | [1, 2, 3][k[0]] | [1, 2][s] | x.device | T.device('cpu')
x.dtype | x.shape | x.T.shape | c.mT.shape | list(x.shape) | x.shape.numel() | x.shape[:1] | x.shape + (2,)
'{:.2f}'.format(s) | f'{s}' | [row.tolist() for row in x] | list(s) | x.get_device() | hash(x) == hash(x)
x.is_same_size(i) | x.data.requires_grad | x.grad is None | x.is_leaf | x.requires_grad | x.grad_fn is None
""".replace("\n", "|").split("|")


@pytest.mark.parametrize("text", [t.strip() for t in FROM_DATA + FILLED + RANGES + ABOUT if t.strip()])
def test_like_torch(text: str) -> None:
    check(text)
