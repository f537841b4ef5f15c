"""Every op of the table on every OpenCL device: the CPU's results, errors, and who computed them."""

from __future__ import annotations

from typing import Any

import pyopencl as cl
import pytest
from op_on_device import compare, paths, refusals

import tensorplug as tp
from tensorplug_dispatcher.ops import OPS

DEVICE = "opencl:0"
# Ops of T0 to T3 that have no program yet. It only ever shrinks.
NOT_YET: frozenset[str] = frozenset()
# Ops of T4 that are not elementwise and have programs of their own. It only ever grows.
FUSED = {
    *("any", "all", "count_nonzero", "mean", "var", "var_mean", "std", "norm", "logsumexp"),
    *("cummax", "cummin", "topk", "argsort", "kthvalue", "cat", "stack", "addmm", "linear"),
    *("index_select", "index_add", "index_copy", "index", "index_put", "embedding", "embedding_backward"),
    *("rand", "randn", "randint", "dropout_mask", "bernoulli"),
    *("conv", "conv_input_grad", "conv_weight_grad"),
    *("max_pool", "max_pool_backward", "avg_pool", "avg_pool_backward"),
    *("adaptive_avg_pool", "adaptive_max_pool", "nll_loss_forward", "nll_loss_backward"),
    *("softmax", "log_softmax", "softmax_backward", "log_softmax_backward"),
    *("layer_norm", "layer_norm_backward", "rms_norm", "group_norm"),
    *("batch_norm_train", "batch_norm_backward", "batch_norm_eval", "scaled_dot_product_attention"),
    *("quantize", "dequantize", "quantized_linear", "quantized_conv2d", "weight_only_linear"),
}
# What the core does with no kernel at all.
CORE = {"to_device"}

pytestmark = pytest.mark.filterwarnings("ignore:.*degrees of freedom is <= 0")


def target() -> Any:
    return tp.device(DEVICE).runtime.opened(0).target


def of_two_kinds() -> list[str]:
    """Ops whose programs for processors and for GPUs are not the same ones; of elementwise ops, two."""
    from tensorplug_codegen.programs import builders

    return [name for name in builders() if not OPS[name].elementwise or name in ("add", "where")]


@pytest.mark.parametrize("name", of_two_kinds())
def test_programs_for_gpus(name: str, gpu: None) -> None:
    """The same of the programs that a GPU gets, run on whatever there is."""
    test_same_as_the_cpu(name)


@pytest.mark.parametrize("name", OPS)
def test_same_as_the_cpu(name: str) -> None:
    """Values, dtypes, shapes, strides and refusals of all samples; ops of T0 to T3 by the device alone."""
    op = OPS[name]
    before = paths(name, DEVICE)
    problems = compare(name, DEVICE, target().takes)
    problems += refusals(name, DEVICE)
    ran = paths(name, DEVICE) - before
    if op.tier < 4 and not op.is_view and name not in CORE | NOT_YET and set(ran) != {"native"}:
        problems.append(f"ran {dict(ran)}, not native alone")
    if name in FUSED and not ran["native"]:
        problems.append(f"ran {dict(ran)}, never native")
    if problems:
        pytest.fail(f"{op.schema}\n" + "\n".join(problems), pytrace=False)


def test_what_is_not_there_yet_is_not_there() -> None:
    from tensorplug_codegen.programs import builders

    assert [name for name in NOT_YET if name in builders() or OPS[name].tier > 3] == []


def test_fused_ops_have_programs() -> None:
    from tensorplug_codegen.programs import builders

    with_programs = {name for name in builders() if OPS[name].tier == 4 and not OPS[name].elementwise}
    assert with_programs == FUSED


def test_every_dtype_that_the_device_has_is_tested() -> None:
    """What a device cannot take is float64 where it has none, and nothing else."""
    from tensorplug_dispatcher import dtypes

    missing = {d.name for d in dtypes.ALL if not target().takes(d)}
    assert missing <= {"float64"}
    assert bool(missing) == (not cl.get_platforms()[0].get_devices()[0].double_fp_config)
