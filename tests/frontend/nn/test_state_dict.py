"""State dicts: what they hold, what loading reports, and their hooks. Needs no PyTorch."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest

import tensorplug as tp
from tensorplug import nn
from tensorplug.nn.modules._state import StateDictError


def net() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def test_round_trip() -> None:
    source, target = net(), net()
    result = target.load_state_dict(source.state_dict())
    assert repr(result) == "<All keys matched successfully>"
    assert result.missing_keys == [] and result.unexpected_keys == []
    for a, b in zip(source.state_dict().values(), target.state_dict().values()):
        assert a.tolist() == b.tolist()


def test_it_shares_storage_and_has_no_history() -> None:
    module = net()
    state = module.state_dict()
    assert isinstance(state, OrderedDict) and state._metadata["1"] == {"version": 2}
    assert not state["0.weight"].requires_grad
    with tp.no_grad():
        module[0].weight.zero_()
    assert float(state["0.weight"].abs().sum()) == 0
    assert module.state_dict(keep_vars=True)["0.weight"] is module[0].weight
    assert list(module.state_dict(prefix="a."))[0] == "a.0.weight"


def test_all_differences_are_listed_at_once() -> None:
    state = net().state_dict()
    del state["0.bias"], state["1.running_var"]
    state["0.weight"] = tp.zeros(2, 3)
    state["extra"] = tp.zeros(1)
    state["7.weight"] = tp.zeros(1)
    module = net()
    shapes = tp.zeros(2, 3).shape, tp.zeros(4, 3).shape
    with pytest.raises(StateDictError) as caught:
        module.load_state_dict(state)
    assert isinstance(caught.value, RuntimeError)
    assert str(caught.value) == (
        'Error(s) in loading state_dict for Sequential:\n\tMissing key(s) in state_dict: "0.bias", '
        '"1.running_var". '
        '\n\tUnexpected key(s) in state_dict: "extra", "7.weight". '
        f"\n\tsize mismatch for 0.weight: copying a param with shape {shapes[0]} from checkpoint, "
        f"the shape in current model is {shapes[1]}."
    )
    del state["0.weight"]
    result = module.load_state_dict(state, strict=False)
    assert result.missing_keys == ["0.weight", "0.bias", "1.running_var"]
    assert result.unexpected_keys == ["extra", "7.weight"]


def test_a_wrong_size_is_an_error_without_strict() -> None:
    with pytest.raises(StateDictError, match="size mismatch for weight"):
        nn.Linear(2, 2).load_state_dict({"weight": tp.zeros(3, 2)}, strict=False)


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ([1], "Expected state_dict to be dict-like, got <class 'list'>."),
        ({"weight": 3.0, "bias": tp.zeros(2)}, 'While copying the parameter named "weight", expected'),
    ],
)
def test_what_is_no_state_dict(state: Any, text: str) -> None:
    with pytest.raises((TypeError, StateDictError)) as caught:
        nn.Linear(2, 2).load_state_dict(state)
    assert text in str(caught.value)


def test_assign_takes_the_tensors_themselves() -> None:
    module = nn.Linear(2, 2)
    state = {"weight": tp.ones(2, 2, dtype=tp.float64), "bias": nn.Parameter(tp.ones(2))}
    module.load_state_dict(state, assign=True)
    assert isinstance(module.weight, nn.Parameter) and module.weight.dtype is tp.float64
    assert module.bias is state["bias"]


def test_loading_casts_and_keeps_identity() -> None:
    module = nn.Linear(2, 2)
    weight = module.weight
    module.load_state_dict({"weight": tp.ones(2, 2, dtype=tp.float64), "bias": tp.ones(2)})
    assert module.weight is weight and weight.dtype is tp.float32 and weight.tolist() == [[1, 1], [1, 1]]


def test_extra_state() -> None:
    class Counting(nn.Module):
        count = 1

        def get_extra_state(self) -> dict[str, int]:
            return {"count": self.count}

        def set_extra_state(self, state: dict[str, int]) -> None:
            self.count = state["count"]

    source, target = nn.Sequential(Counting()), nn.Sequential(Counting())
    source[0].count = 5
    assert list(source.state_dict()) == ["0._extra_state"]
    target.load_state_dict(source.state_dict())
    assert target[0].count == 5
    with pytest.raises(StateDictError, match=r'Missing key\(s\) in state_dict: "0._extra_state"'):
        target.load_state_dict({})


def test_old_batch_norm_states_load() -> None:
    state = dict(nn.BatchNorm1d(2).state_dict())
    del state["num_batches_tracked"]
    nn.BatchNorm1d(2).load_state_dict(state)


def test_hooks_of_saving() -> None:
    module = nn.Linear(1, 1)
    seen: list[str] = []
    handles = [
        module.register_state_dict_pre_hook(lambda m, prefix, keep: seen.append("pre" + prefix)),
        module.register_state_dict_post_hook(lambda m, state, prefix, meta: state.pop("bias") and None),
    ]
    assert list(module.state_dict()) == ["weight"] and seen == ["pre"]
    for handle in handles:
        handle.remove()
    assert list(module.state_dict()) == ["weight", "bias"] and seen == ["pre"]
    with (
        module.register_state_dict_post_hook(lambda *a: {}),
        pytest.raises(RuntimeError, match="must return None"),
    ):
        module.state_dict()
    module._register_state_dict_hook(lambda m, state, prefix, meta: {"other": 1})
    assert module.state_dict() == {"other": 1}


def test_hooks_of_loading() -> None:
    module = nn.Linear(1, 1)

    def rename(module: Any, state: Any, prefix: str, *rest: Any) -> None:
        state[prefix + "weight"] = state.pop(prefix + "old")

    module.register_load_state_dict_pre_hook(rename)
    module.register_load_state_dict_post_hook(lambda m, keys: keys.missing_keys.clear())
    original = {"old": tp.ones(1, 1)}
    module.load_state_dict(original)
    assert list(original) == ["old"] and module.weight.tolist() == [[1.0]]
    module.register_load_state_dict_post_hook(lambda m, keys: 1)
    with pytest.raises(AssertionError, match="not expected to return new values"):
        module.load_state_dict(original)
