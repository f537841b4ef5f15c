"""The policies of the op table: every op has one,
results have the dtypes that PyTorch's autocast gives them.
"""

from __future__ import annotations

from typing import Any

import pytest

import tensorplug as tp
from tensorplug_dispatcher import autocast, dtypes
from tensorplug_dispatcher.op import POLICIES, Op
from tensorplug_dispatcher.ops import OPS, F
from tensorplug_layers.autocast.policies import wanted_by

# PyTorch's list for CUDA (https://pytorch.org/docs/stable/amp.html, "Autocast Op Reference"), as far as it
# names ops of the table; what is on none of its lists is "promote" (elementwise ops by themselves) or "none".
LOW = (
    "matmul addmm linear conv conv_input_grad scaled_dot_product_attention"  # PyTorch: conv1d, conv2d, ...
).split()
FLOAT32 = (
    "pow acos asin cosh exp expm1 log log10 log2 log1p reciprocal rsqrt sinh tan softplus layer_norm "
    "group_norm nll_loss_forward cumprod cumsum prod sum softmax log_softmax norm logsumexp"
).split()
PROMOTE = "addcdiv addcmul atan2 dot index_put index_copy scatter_add cat stack".split()
ROUND = "batch_norm_train batch_norm_eval rms_norm".split()


def test_every_op_has_a_policy() -> None:
    assert {op.autocast for op in OPS.values()} == set(POLICIES)


@pytest.mark.parametrize(("policy", "names"), [("low", LOW), ("float32", FLOAT32), ("round", ROUND)])
def test_the_table_is_pytorchs_list(policy: str, names: list[str]) -> None:
    assert sorted(name for name, op in OPS.items() if op.autocast == policy) == sorted(names)


def test_what_promotes() -> None:
    assert {name for name in PROMOTE if OPS[name].autocast != "promote"} == set()
    families = {"elementwise", "reduction", "statistics", "pooling", "composition"}
    others = {n for n, op in OPS.items() if op.autocast == "promote" and op.family not in families}
    assert others <= set(PROMOTE)


def test_derivatives_are_left_alone() -> None:
    """They run in the dtypes of what was recorded."""
    ends = ("_backward", "weight_grad")
    touched = {n for n, op in OPS.items() if n.endswith(ends) and op.autocast in ("low", "float32", "round")}
    assert touched == set()


def test_an_unknown_policy_is_refused_where_the_op_is_made() -> None:
    with pytest.raises(ValueError) as caught:
        Op("nonsense(Tensor input)", 4, autocast="fast")
    assert str(caught.value) == (
        "op 'nonsense' has the autocast policy 'fast'; there are low, float32, promote, round, none"
    )


# -- against PyTorch's autocast on the CPU
# -------------------------------------------------------------------------------

# Ops whose results have another dtype than in PyTorch, and why.
DIFFERENT = {
    "pad": "PyTorch's list for processors has padding that reflects or replicates",
    "conv_input_grad": "PyTorch's list has the transposed convolution, not the derivative",
    "dot": "PyTorch refuses vectors of two dtypes",
    "nll_loss_forward": "the table's op has other results than PyTorch's function",
}
FLOATS = (dtypes.float32, dtypes.bfloat16)


def _cases() -> list[str]:
    skipped = {"view_backward", "optimizer", "quantized", "random", "storage"}
    taken = {n: op for n, op in OPS.items() if op.samples is not None and op.dtypes != "integral"}
    return [n for n, op in taken.items() if op.family not in skipped]


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("given", FLOATS, ids=lambda d: d.name)
@pytest.mark.parametrize("name", _cases())
def test_dtypes_of_results(name: str, given: Any) -> None:
    torch = pytest.importorskip("torch")
    from op_samples import to_tensorplug, torch_args
    from torch_references import reference

    function = reference(name)
    if function is None:
        assert OPS[name].autocast in ("none", "promote", "low"), "a policy that nothing compares"
        return
    compared = 0
    several = None if OPS[name].formerly else 4  # PyTorch has a policy for each number of dimensions
    for number, sample in enumerate(list(OPS[name].samples() or ())[:several]):
        args = torch_args(sample.args, given, f"{name}{number}")
        ready = [getattr(torch, a.name) if isinstance(a, dtypes.DType) else a for a in args]
        try:
            with torch.autocast("cpu", torch.bfloat16):
                theirs = function(*ready)
        except (RuntimeError, NotImplementedError, IndexError):
            continue
        with tp.autocast("cpu", tp.bfloat16):
            ours = _invoke(name, [to_tensorplug(a) for a in args])
        theirs = theirs if isinstance(theirs, (tuple, list)) else (theirs,)
        ours = ours if isinstance(ours, (tuple, list)) else (ours,)
        compared += 1
        # of max_pool3d PyTorch's list has the function, not the op that also gives the places
        if name not in DIFFERENT and (name, ours[0].ndim) != ("max_pool", 5):
            assert ours[0].dtype.name == str(theirs[0].dtype).removeprefix("torch."), sample.note
    assert compared or name in DIFFERENT or OPS[name].autocast in ("none", "promote")


def _invoke(name: str, args: list[Any]) -> Any:
    positional, named = [], {}
    for parameter, arg in zip(OPS[name].parameters, args):
        if parameter.keyword_only:
            named[parameter.name] = arg
        else:
            positional.append(arg)
    return getattr(F, name)(*positional, **named)


LOSSES: dict[str, Any] = {
    "mse_loss": lambda nnf, x, y, t: nnf.mse_loss(x, y),
    "l1_loss": lambda nnf, x, y, t: nnf.l1_loss(x, y),
    "smooth_l1_loss": lambda nnf, x, y, t: nnf.smooth_l1_loss(x, y),
    "huber_loss": lambda nnf, x, y, t: nnf.huber_loss(x, y),
    "cross_entropy": lambda nnf, x, y, t: nnf.cross_entropy(x, t),
    "nll_loss": lambda nnf, x, y, t: nnf.nll_loss(x, t),
    "kl_div": lambda nnf, x, y, t: nnf.kl_div(x, y, reduction="batchmean"),
    "poisson_nll_loss": lambda nnf, x, y, t: nnf.poisson_nll_loss(x, y),
    "hinge_embedding_loss": lambda nnf, x, y, t: nnf.hinge_embedding_loss(x, y * 0 + 1),
    "margin_ranking_loss": lambda nnf, x, y, t: nnf.margin_ranking_loss(x, y, y),
    "triplet_margin_loss": lambda nnf, x, y, t: nnf.triplet_margin_loss(x, y, y),
    "cosine_embedding_loss": lambda nnf, x, y, t: nnf.cosine_embedding_loss(x, y, t),
    "binary_cross_entropy_with_logits": lambda nnf, x, y, t: nnf.binary_cross_entropy_with_logits(x, y),
    "binary_cross_entropy": lambda nnf, x, y, t: nnf.binary_cross_entropy(x * 0 + 0.5, y * 0 + 0.5),
}


@pytest.mark.oracle
@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_float32(name: str) -> None:
    torch = pytest.importorskip("torch")
    results = []
    values = torch.randn(3, 4, generator=torch.Generator().manual_seed(0)).abs()
    for library in (torch, tp):
        x = library.tensor(values.tolist()).to(library.bfloat16)
        y = library.tensor((values + 0.3).tolist()).to(library.bfloat16)
        with library.autocast("cpu"):
            results.append(LOSSES[name](library.nn.functional, x, y, library.tensor([1, 0, 1])))
    theirs, ours = results
    assert ours.dtype is tp.float32 and theirs.dtype == torch.float32
    assert float(ours) == pytest.approx(float(theirs), rel=1e-4, abs=1e-5)
    outside = LOSSES[name](
        tp.nn.functional,
        tp.ones(3, 4).bfloat16() * 0.5,
        tp.ones(3, 4).bfloat16() * 0.25,
        tp.tensor([1, 0, 1]),
    )
    assert outside.dtype is tp.bfloat16


def test_every_loss_is_covered() -> None:
    import inspect

    from tensorplug.nn import _losses

    decorated = {n for n, f in vars(_losses).items() if inspect.isfunction(f) and hasattr(f, "__wrapped__")}
    assert decorated - {"gaussian_nll_loss"} == set(LOSSES), "PyTorch's autocast does not know that one"


# -- what a device declares
# ------------------------------------------------------------------------------------------------


def test_a_device_that_declares_nothing_follows_the_table() -> None:
    assert wanted_by("mirror") is autocast.DEFAULT
    tp.zeros(1, device="mirror:0")
    assert wanted_by("mirror") is autocast.DEFAULT
    x = tp.ones(3, 3, device="mirror:0")
    with tp.autocast("mirror"):
        low = x @ x
        assert low.dtype is tp.bfloat16 and low.exp().dtype is tp.float32


def test_the_processor_declares_pytorchs_list_for_processors() -> None:
    tp.zeros(1)
    policies = wanted_by("cpu").policies
    assert policies["exp"] == "none" and policies["max_pool3d"] == "float32" and "matmul" not in policies


def test_explain_shows_the_policy_and_who_changed_it() -> None:
    assert "  autocast  none (the table says float32)\n" in tp.devices.explain("exp", "cpu")
    assert "  autocast  float32\n" in tp.devices.explain("exp", "mirror:0")


UNFIT = "returned a record that cannot be used:"


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ("None", "returned None; it must return an Autocast record (tensorplug_dispatcher.autocast)"),
        ("Autocast(dtypes=())", f"{UNFIT} it has no dtypes; leave the hook out for bfloat16 and float16"),
        (
            "Autocast(dtypes=(float32,))",
            f"{UNFIT} dtype tensorplug.float32 is not of low precision; there are bfloat16, float16",
        ),
        (
            "Autocast(policies={'mat_mul': 'low'})",
            f"{UNFIT} 'mat_mul' is no op of the table; see tensorplug_dispatcher.ops.OPS for the names",
        ),
        (
            "Autocast(policies={'matmul': 'fast'})",
            f"{UNFIT} op 'matmul' cannot have the policy 'fast'; "
            "the policies are low, float32, promote, round, none",
        ),
    ],
)
def test_records_are_checked_at_the_door(record: str, message: str) -> None:
    from tensorplug_dispatcher.contracts import DoorError
    from tensorplug_dispatcher.devices.hooks import call_hooks

    class Plugin:
        @staticmethod
        def tensorplug_runtime() -> Any:
            import tensorplug_mirror

            return tensorplug_mirror.tensorplug_runtime()

        @staticmethod
        def tensorplug_autocast() -> Any:
            return eval(record, {"Autocast": autocast.Autocast, "float32": tp.float32})

    with pytest.raises(DoorError) as caught:
        call_hooks("tensorplug.backends", Plugin)
    assert str(caught.value) == f"its hook tensorplug_autocast {message}"
