"""The transformer's encoder gives torch's outputs, gradients and names, and learns."""

from __future__ import annotations

from typing import Any

import pytest
from twins import close, mine, same_calls, twins

import tensorplug as tp


def x(*shape: int) -> Any:
    import torch

    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


LAYERS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "norm first": {"norm_first": True},
    "gelu, batch first": {"activation": "gelu", "batch_first": True},
    "no bias": {"bias": False, "layer_norm_eps": 1e-3},
}


@pytest.mark.oracle
@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("case", LAYERS)
def test_encoder(case: str, norm: bool) -> None:
    pytest.importorskip("torch")

    def build(nn: Any) -> Any:
        layer = nn.TransformerEncoderLayer(8, 2, 12, 0.0, **LAYERS[case])
        return nn.TransformerEncoder(layer, 2, nn.LayerNorm(8) if norm else None, enable_nested_tensor=False)

    own, theirs = twins(build)
    assert list(own.state_dict()) == list(theirs.state_dict())
    assert repr(own) == repr(theirs)
    same_calls(own, theirs, x(4, 3, 8), tolerance=5e-5)


@pytest.mark.oracle
@pytest.mark.parametrize("masks", ["causal", "float", "padding", "both", "unbatched"])
def test_masks(masks: str) -> None:
    torch = pytest.importorskip("torch")
    own, theirs = twins(
        lambda nn: nn.TransformerEncoder(
            nn.TransformerEncoderLayer(8, 2, 12, 0.0), 2, enable_nested_tensor=False
        )
    )
    arguments: dict[str, Any] = {}
    if masks in ("causal", "both", "unbatched"):
        arguments["mask"] = torch.ones(4, 4).triu(1).bool()
    if masks == "float":
        arguments["mask"] = x(4, 4)
    if masks in ("padding", "both"):
        arguments["src_key_padding_mask"] = torch.tensor([[0, 0, 0, 1], [0] * 4, [0, 0, 1, 1]]).bool()
    source = x(4, 8) if masks == "unbatched" else x(4, 3, 8)
    close(own(mine(source), **{k: mine(v) for k, v in arguments.items()}), theirs(source, **arguments), 2e-5)
    if masks == "causal":
        arguments["is_causal"] = True
        close(own(mine(source), mine(arguments["mask"]), is_causal=True), theirs(source, **arguments), 2e-5)


def test_layers_of_an_encoder_are_copies() -> None:
    layer = tp.nn.TransformerEncoderLayer(4, 2, 8)
    encoder = tp.nn.TransformerEncoder(layer, 3)
    weights = [one.linear1.weight for one in encoder.layers] + [layer.linear1.weight]
    assert len({id(w) for w in weights}) == 4 and len({w.data_ptr() for w in weights}) == 4
    assert all(bool((w == weights[0]).all()) for w in weights)


def test_dropout_only_while_training() -> None:
    layer = tp.nn.TransformerEncoderLayer(4, 2, 8, dropout=0.5)
    source = tp.randn(3, 2, 4)
    assert not bool((layer(source) == layer(source)).all())
    layer.eval()
    assert bool((layer(source) == layer(source)).all())


def test_errors() -> None:
    with pytest.raises(RuntimeError) as caught:
        tp.nn.TransformerEncoderLayer(4, 2, activation="tanh")
    assert str(caught.value) == "activation should be relu/gelu, not tanh"
    with pytest.raises(AssertionError, match="embed_dim must be divisible by num_heads"):
        tp.nn.TransformerEncoderLayer(5, 2)
    with pytest.raises(RuntimeError, match="Need attn_mask if specifying the is_causal hint"):
        tp.nn.TransformerEncoderLayer(4, 2)(tp.randn(3, 2, 4), is_causal=True)


def test_a_small_language_model_learns() -> None:
    from sequences import Characters, language_model

    text = Characters()
    tp.manual_seed(0)
    model = language_model(tp, text.vocabulary, width=32, layers=1, length=16)
    optimizer = tp.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for step in range(60):
        inputs, targets = text.batch(16, 16, step)
        loss = tp.nn.functional.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert losses[0] > 4.0 and sum(losses[-10:]) / 10 < 3.2


def test_a_small_transformer_reads_digits() -> None:
    from sequences import digit_rows, row_classifier

    pytest.importorskip("sklearn")
    (rows, labels), (held_out, answers) = digit_rows()
    tp.manual_seed(0)
    model = row_classifier(tp)
    optimizer = tp.optim.AdamW(model.parameters(), lr=5e-3)
    for step in range(120):
        at = (step * 64) % (len(labels) - 64)
        loss = tp.nn.functional.cross_entropy(model(rows[at : at + 64]), labels[at : at + 64])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with tp.no_grad():
        accuracy = float((model(held_out).argmax(1) == answers).float().mean())
    assert accuracy > 0.85
