"""Every module gives torch's output, gradients, buffers, names and representation."""

from __future__ import annotations

from typing import Any

import pytest
from twins import same_calls, twins

import tensorplug as tp

torch = pytest.importorskip("torch")


def x(*shape: int) -> Any:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def indices(*shape: int, high: int = 7) -> Any:
    return torch.randint(high, shape, generator=torch.Generator().manual_seed(1))


ACTIVATIONS = [
    "ReLU",
    "GELU",
    "Sigmoid",
    "Tanh",
    "LeakyReLU",
    "ELU",
    "SiLU",
    "Softplus",
    "Hardtanh",
    "ReLU6",
    "Mish",
    "SELU",
    "CELU",
    "LogSigmoid",
    "Tanhshrink",
    "Softsign",
    "Hardswish",
    "Hardsigmoid",
    "Hardshrink",
    "Softshrink",
    "PReLU",
    "Identity",
]
MODULES: dict[str, tuple[Any, ...]] = {
    **{name: (lambda nn, name=name: getattr(nn, name)(), x(3, 4)) for name in ACTIVATIONS},
    "GELU tanh": (lambda nn: nn.GELU("tanh"), x(3, 4)),
    "LeakyReLU 0.2": (lambda nn: nn.LeakyReLU(0.2), x(3, 4)),
    "ELU 2": (lambda nn: nn.ELU(2.0), x(3, 4)),
    "Softplus 2": (lambda nn: nn.Softplus(2.0, 1.0), x(3, 4)),
    "Threshold": (lambda nn: nn.Threshold(0.1, 2.0), x(3, 4)),
    "PReLU channels": (lambda nn: nn.PReLU(4, 0.1), x(3, 4, 2)),
    "GLU": (lambda nn: nn.GLU(1), x(3, 4)),
    "Softmax": (lambda nn: nn.Softmax(1), x(3, 4)),
    "Softmax first": (lambda nn: nn.Softmax(0), x(3, 4)),
    "Softmin": (lambda nn: nn.Softmin(-1), x(3, 4)),
    "Softmax2d": (lambda nn: nn.Softmax2d(), x(2, 3, 2, 2)),
    "LogSoftmax": (lambda nn: nn.LogSoftmax(1), x(3, 4, 2)),
    "Linear": (lambda nn: nn.Linear(4, 5), x(3, 4)),
    "Linear 1-D": (lambda nn: nn.Linear(4, 5), x(4)),
    "Linear 3-D without bias": (lambda nn: nn.Linear(4, 5, bias=False), x(2, 3, 4)),
    "Bilinear": (lambda nn: nn.Bilinear(3, 4, 5), x(2, 3), x(2, 4)),
    "Bilinear without bias": (lambda nn: nn.Bilinear(3, 4, 5, bias=False), x(2, 6, 3), x(2, 6, 4)),
    "Conv1d": (lambda nn: nn.Conv1d(4, 6, 3, stride=2, padding=1, groups=2), x(2, 4, 9)),
    "Conv1d same": (lambda nn: nn.Conv1d(2, 3, 4, padding="same", dilation=2), x(2, 2, 9)),
    "Conv2d": (lambda nn: nn.Conv2d(3, 4, 3), x(2, 3, 6, 7)),
    "Conv2d 3-D": (lambda nn: nn.Conv2d(3, 4, 3), x(3, 6, 7)),
    "Conv2d options": (lambda nn: nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 2), (1, 2), 2, False), x(2, 4, 9, 8)),
    "Conv2d depthwise": (lambda nn: nn.Conv2d(4, 4, 3, padding=1, groups=4), x(2, 4, 5, 5)),
    "Conv2d same": (lambda nn: nn.Conv2d(2, 3, (4, 3), padding="same"), x(2, 2, 6, 5)),
    "Conv2d valid": (lambda nn: nn.Conv2d(2, 3, 3, padding="valid"), x(2, 2, 6, 5)),
    "Conv2d reflect": (lambda nn: nn.Conv2d(2, 3, 3, padding=2, padding_mode="reflect"), x(2, 2, 6, 5)),
    "Conv2d circular": (lambda nn: nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular"), x(2, 2, 6, 5)),
    "Conv2d replicate": (
        lambda nn: nn.Conv2d(2, 3, 3, padding="same", padding_mode="replicate"),
        x(2, 2, 6, 5),
    ),
    "BatchNorm1d": (lambda nn: nn.BatchNorm1d(4), x(5, 4)),
    "BatchNorm1d 3-D": (lambda nn: nn.BatchNorm1d(4, momentum=None), x(5, 4, 3)),
    "BatchNorm2d": (lambda nn: nn.BatchNorm2d(3, eps=1e-3, momentum=0.3), x(4, 3, 2, 5)),
    "BatchNorm2d plain": (
        lambda nn: nn.BatchNorm2d(3, affine=False, track_running_stats=False),
        x(4, 3, 2, 5),
    ),
    "BatchNorm2d eval": (lambda nn: nn.BatchNorm2d(3).eval(), x(4, 3, 2, 5)),
    "LayerNorm": (lambda nn: nn.LayerNorm(6), x(3, 6)),
    "LayerNorm two": (lambda nn: nn.LayerNorm((4, 6), 1e-3), x(3, 4, 6)),
    "LayerNorm no bias": (lambda nn: nn.LayerNorm(6, bias=False), x(3, 6)),
    "LayerNorm plain": (lambda nn: nn.LayerNorm(6, elementwise_affine=False), x(3, 6)),
    "RMSNorm": (lambda nn: nn.RMSNorm(6), x(3, 6)),
    "RMSNorm eps": (lambda nn: nn.RMSNorm((4, 6), 1e-3), x(3, 4, 6)),
    "GroupNorm": (lambda nn: nn.GroupNorm(2, 6), x(3, 6, 4, 2)),
    "GroupNorm plain": (lambda nn: nn.GroupNorm(3, 6, affine=False), x(3, 6)),
    "Embedding": (lambda nn: nn.Embedding(7, 5), indices(3, 4)),
    "Embedding padding": (lambda nn: nn.Embedding(7, 5, padding_idx=-4), indices(3, 4)),
    "Embedding max_norm": (lambda nn: nn.Embedding(7, 5, max_norm=0.5), indices(3, 4)),
    "Embedding norm_type": (lambda nn: nn.Embedding(7, 5, 1, max_norm=2.0, norm_type=1.0), indices(3, 4)),
    "Dropout eval": (lambda nn: nn.Dropout(0.3).eval(), x(3, 4)),
    "MaxPool1d": (lambda nn: nn.MaxPool1d(3, 2, 1), x(2, 3, 9)),
    "MaxPool2d": (lambda nn: nn.MaxPool2d(2), x(2, 3, 6, 7)),
    "MaxPool2d 3-D": (lambda nn: nn.MaxPool2d(2), x(3, 6, 7)),
    "MaxPool2d options": (lambda nn: nn.MaxPool2d((3, 2), 2, (1, 0), (1, 2), ceil_mode=True), x(2, 3, 8, 9)),
    "MaxPool2d indices": (lambda nn: nn.MaxPool2d(3, 2, return_indices=True), x(2, 3, 8, 9)),
    "AvgPool1d": (lambda nn: nn.AvgPool1d(3, 2, 1), x(2, 3, 9)),
    "AvgPool2d": (lambda nn: nn.AvgPool2d(2), x(2, 3, 6, 7)),
    "AvgPool2d options": (lambda nn: nn.AvgPool2d(3, 2, 1, True, False), x(2, 3, 8, 9)),
    "AvgPool2d divisor": (lambda nn: nn.AvgPool2d((3, 2), divisor_override=4), x(2, 3, 8, 9)),
    "AdaptiveAvgPool1d": (lambda nn: nn.AdaptiveAvgPool1d(4), x(2, 3, 9)),
    "AdaptiveAvgPool2d": (lambda nn: nn.AdaptiveAvgPool2d((2, 3)), x(2, 3, 8, 9)),
    "AdaptiveAvgPool2d 1": (lambda nn: nn.AdaptiveAvgPool2d(1), x(2, 3, 8, 9)),
    "AdaptiveAvgPool2d uneven": (lambda nn: nn.AdaptiveAvgPool2d((3, None)), x(2, 3, 8, 9)),
    "AdaptiveMaxPool2d": (lambda nn: nn.AdaptiveMaxPool2d((3, 2)), x(2, 3, 8, 9)),
    "AdaptiveMaxPool2d even": (lambda nn: nn.AdaptiveMaxPool2d((4, 3)), x(2, 3, 8, 9)),
    "Flatten": (lambda nn: nn.Flatten(), x(2, 3, 4)),
    "Unflatten": (lambda nn: nn.Unflatten(1, (2, -1)), x(2, 6)),
    "Sequential": (lambda nn: nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)), x(3, 4)),
    "MultiheadAttention": (lambda nn: nn.MultiheadAttention(6, 2), x(4, 3, 6), x(5, 3, 6), x(5, 3, 6)),
    "MultiheadAttention unbatched": (lambda nn: nn.MultiheadAttention(6, 2), x(4, 6), x(5, 6), x(5, 6)),
    "MultiheadAttention first": (
        lambda nn: nn.MultiheadAttention(6, 3, bias=False, batch_first=True),
        x(3, 4, 6),
        x(3, 5, 6),
        x(3, 5, 6),
    ),
    "MultiheadAttention kdim": (
        lambda nn: nn.MultiheadAttention(6, 2, kdim=3, vdim=5, add_zero_attn=True),
        x(4, 3, 6),
        x(5, 3, 3),
        x(5, 3, 5),
    ),
    "MultiheadAttention bias_kv": (
        lambda nn: nn.MultiheadAttention(6, 2, add_bias_kv=True),
        x(4, 3, 6),
        x(5, 3, 6),
        x(5, 3, 6),
    ),
}


@pytest.mark.parametrize("case", MODULES)
def test_module(case: str) -> None:
    build, *inputs = MODULES[case]
    own, theirs = twins(build)
    assert repr(own) == repr(theirs)
    same_calls(own, theirs, *inputs, tolerance=2e-5)


def test_texts() -> None:
    def texts(T: Any) -> list[str]:
        nn, linear = T.nn, T.nn.Linear(2, 2)
        return [
            repr(nn.ParameterList([T.ones(2), T.zeros(2, 3)])),
            repr(nn.ParameterDict({"a": T.ones(2)})),
            repr(nn.Embedding(3, 2, 1, max_norm=2.0, norm_type=1.0)),
            repr(linear.load_state_dict({"weight": T.ones(2, 2), "more": T.ones(1)}, strict=False)),
            repr(linear.load_state_dict(linear.state_dict())),
        ]

    assert [text.replace("tensorplug", "torch") for text in texts(tp)] == texts(torch)


@pytest.mark.parametrize("case", [case for case in MODULES if case.split()[0] in ACTIVATIONS])
def test_activation_in_float64_far_from_zero(case: str) -> None:
    own, theirs = twins(lambda nn: MODULES[case][0](nn).double())
    values = torch.tensor([-40.0, -7.0, -1.5, -0.1, 0.0, 0.1, 1.5, 7.0, 40.0], dtype=torch.float64)
    if "channels" not in case:
        same_calls(own, theirs, values, tolerance=1e-7)


def test_batch_norm_follows_running_statistics_over_several_steps() -> None:
    own, theirs = twins(lambda nn: nn.BatchNorm2d(3))
    for step in range(4):
        same_calls(
            own, theirs, torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(step)) * 3 + 1
        )
        own.zero_grad()
        theirs.zero_grad()
    same_calls(own.eval(), theirs.eval(), x(4, 3, 5, 5))


@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("average", [True, False])
@pytest.mark.parametrize("masks", ["none", "padding", "attention", "both", "float", "per head"])
def test_attention_masks(masks: str, average: bool, need_weights: bool) -> None:
    from twins import close, mine

    own, theirs = twins(lambda nn: nn.MultiheadAttention(6, 2))
    query, key = x(4, 3, 6), x(5, 3, 6) * 2
    arguments: dict[str, Any] = {}
    if masks in ("padding", "both"):
        arguments["key_padding_mask"] = torch.tensor(
            [[0, 0, 0, 0, 1], [0] * 5, [0, 1, 0, 1, 0]], dtype=torch.bool
        )
    if masks in ("attention", "both"):
        arguments["attn_mask"] = torch.ones(4, 5).triu(2).bool()
    if masks == "float":
        arguments["attn_mask"] = x(4, 5)
    if masks == "per head":
        arguments["attn_mask"] = x(6, 4, 5) > 1
    options = {"need_weights": need_weights, "average_attn_weights": average}
    expected = theirs(query, key, key, **arguments, **options)
    mine_key = mine(key)
    result = own(mine(query), mine_key, mine_key, **{k: mine(v) for k, v in arguments.items()}, **options)
    close(result[0], expected[0])
    assert (result[1] is None) == (expected[1] is None) == (not need_weights)
    if need_weights:
        close(result[1], expected[1])


def test_self_attention_projects_once() -> None:
    own, theirs = twins(lambda nn: nn.MultiheadAttention(6, 2))
    same_calls(lambda q: own(q, q, q), lambda q: theirs(q, q, q), x(4, 3, 6))
