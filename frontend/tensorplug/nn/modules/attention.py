"""Multi-head attention (Vaswani et al., arXiv:1706.03762)."""

from __future__ import annotations

import tensorplug as tp

from .. import functional as F
from .. import init
from ..parameter import Parameter
from .linear import Linear
from .module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tensorplug import Tensor


class NonDynamicallyQuantizableLinear(Linear):
    """The output projection, under the name that PyTorch shows for it."""


class MultiheadAttention(Module):
    """Attention of ``num_heads`` heads of size embed_dim / num_heads, with projections before and after.

    query [L, N, E], key [S, N, kdim], value [S, N, vdim] ([N, L, E]… with ``batch_first``; N may be
    absent) → output like query, and the attention weights [N, L, S] (None with ``need_weights=False``,
    which is faster). Parameters: in_proj_weight [3E, E] (or q/k/v_proj_weight where kdim or vdim differ),
    in_proj_bias, out_proj.

    Formula: ``yₕ = softmax(Qₕ Kₕᵀ / √d) Vₕ, y = [y₁, y₂, …] W_oᵀ + b_o``.

    >>> attention = nn.MultiheadAttention(4, 2)
    >>> y, weights = attention(tp.ones(3, 1, 4), tp.ones(5, 1, 4), tp.ones(5, 1, 4))
    >>> y.shape, weights.shape
    (tensorplug.Size([3, 1, 4]), tensorplug.Size([1, 3, 5]))
    """

    in_proj_weight: Tensor | None
    in_proj_bias: Tensor | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and "
                f"num_heads={num_heads} instead"
            )
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")

        def parameter(wanted: bool, *shape: int) -> Parameter | None:
            return Parameter(tp.empty(*shape, device=device, dtype=dtype)) if wanted else None

        packed = self._qkv_same_embed_dim
        self.register_parameter("q_proj_weight", parameter(not packed, embed_dim, embed_dim))
        self.register_parameter("k_proj_weight", parameter(not packed, embed_dim, self.kdim))
        self.register_parameter("v_proj_weight", parameter(not packed, embed_dim, self.vdim))
        self.register_parameter("in_proj_weight", parameter(packed, 3 * embed_dim, embed_dim))
        self.register_parameter("in_proj_bias", parameter(bias, 3 * embed_dim))
        self.out_proj = NonDynamicallyQuantizableLinear(
            embed_dim, embed_dim, bias=bias, device=device, dtype=dtype
        )
        self.register_parameter("bias_k", parameter(add_bias_kv, 1, 1, embed_dim))
        self.register_parameter("bias_v", parameter(add_bias_kv, 1, 1, embed_dim))
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for name in ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"):
            weight = getattr(self, name)
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.constant_(self.in_proj_bias, 0.0)
            init.constant_(self.get_parameter("out_proj.bias"), 0.0)
        for name in ("bias_k", "bias_v"):
            added = getattr(self, name)
            if added is not None:
                init.xavier_normal_(added)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        swap = self.batch_first and query.ndim == 3
        if swap:
            if query is key and key is value:
                query = key = value = query.transpose(0, 1)
            else:
                query, key, value = query.transpose(0, 1), key.transpose(0, 1), value.transpose(0, 1)
        out, weights = F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            self.training,
            key_padding_mask,
            need_weights,
            attn_mask,
            not self._qkv_same_embed_dim,
            self.q_proj_weight,
            self.k_proj_weight,
            self.v_proj_weight,
            average_attn_weights,
            is_causal,
        )
        return (out.transpose(0, 1) if swap else out), weights
