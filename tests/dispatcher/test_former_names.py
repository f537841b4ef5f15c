"""Names that ops of plugin API 1.0 and 1.1 had stay valid:
a kernel of ``conv2d`` is one of ``conv`` over two dimensions.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import textwrap

import pytest

from tensorplug_conformance import manifest
from tensorplug_dispatcher import autocast, ops
from tensorplug_dispatcher.errors import PluginError, ShapeError
from tensorplug_dispatcher.op import Op
from tensorplug_dispatcher.ops import OPS, F

PROGRAM = """
    import tensorplug as tp
    from tensorplug_dispatcher import Refusal, Threshold, kernel, kernels
    from tensorplug_dispatcher.dtypes import float32
    from tensorplug_dispatcher.kernels import STRIDED, prepared_kernels

    nnf, called, prepared = tp.nn.functional, [], []
    tp.zeros(1, device="mirror:0")

    def small(outs, ins, attrs):
        'Few channels'
        return True if ins[0].shape[1] < 4 else Refusal("many channels")

    at = Threshold("channels", 4, "one way, then none")

    @kernel("conv2d", dtypes={float32}, when=small, thresholds=[at], provider="old")
    def conv2d(outs, ins, attrs):
        called.append("conv2d")
        outs[0][...] = 7

    def pool(number):
        @kernel(f"max_pool{number}d", provider="old")
        def run(outs, ins, attrs):
            called.append(f"max_pool{number}d")
            outs[0][...], outs[1][...] = number, 0
        return run

    def prepare(index, op, outs, ins, attrs, numbers):
        prepared.append((op, outs[0].ndim))
        def launch(operands, offsets, values):
            called.append(op)
        return launch, ()

    made = [conv2d, pool(1), pool(2), *prepared_kernels({"avg_pool3d": prepare}, provider="old")]
    kernels.register("mirror", made, "old plugin")

    def conv(n, channels=2):
        x, w = tp.ones(1, channels, *(5,) * n).to("mirror:0"), tp.ones(3, channels, *(2,) * n).to("mirror:0")
        called.clear()
        got = getattr(nnf, f"conv{n}d")(x, w)
        return list(called), got.reshape(-1)[0].item()

    assert [conv(n) for n in (1, 2, 3)] == [([], 4.0), (["conv2d"], 7.0), ([], 16.0)]
    assert conv(2, 4) == ([], 16.0)

    def pooled(n):
        called.clear()
        got = getattr(nnf, f"max_pool{n}d")(tp.ones(1, 1, *(4,) * n).to("mirror:0") * 9, 2)
        return list(called), got.reshape(-1)[0].item()

    assert [pooled(n) for n in (1, 2, 3)] == [(["max_pool1d"], 1.0), (["max_pool2d"], 2.0), ([], 9.0)]

    for n in (1, 2, 3):
        getattr(nnf, f"avg_pool{n}d")(tp.ones(1, 1, *(4,) * n).to("mirror:0"), 2)
    assert set(prepared) == {("avg_pool3d", 5)} and called.count("avg_pool3d") == 1

    report = [row for row in tp.devices.report() if row[1] == "mirror"]
    ways = {(op, path, provider): calls for op, _, path, provider, calls in report}
    assert ways["conv", "native", "old"] == 1 and ways["conv", "decomposed", "core"] == 3
    assert ways["max_pool", "native", "old"] == 2 and ways["max_pool", "decomposed", "core"] == 1

    text = tp.devices.explain("conv", "mirror:0", "float32")
    assert "has a predicate: conv2d, of 4 dimensions; Few channels" in text, text
    assert "refused the last such call: many channels" in text, text
    assert "native: provider 'old'" in tp.devices.explain("conv2d", "mirror:0", "float32")
    text = tp.devices.explain("conv3d", "mirror:0", "float32")
    assert "kernel" not in text and "decomposed into" in text, text
    (found,) = kernels.candidates("mirror", "conv")
    assert (found.op, found.formerly, found.thresholds) == ("conv", "conv2d", (at,))
    kernels.exchange("mirror", kernels.registered("mirror", "old plugin"), "old plugin")
    assert conv(2) == (["conv2d"], 7.0) and conv(3) == ([], 16.0)

    new = kernel("conv", provider="new", priority=1)(lambda outs, ins, attrs: outs[0].fill(1))
    kernels.register("mirror", [new], "new plugin")
    assert [conv(n)[1] for n in (1, 2, 3)] == [1.0, 1.0, 1.0]
"""


@pytest.mark.parametrize("pure", ["", "1"])
def test_kernels_under_former_names_take_their_dimensions_alone(pure: str) -> None:
    """Of a plugin that has ``conv2d`` alone, 1-d and 3-d are decomposed; of two pools each has its calls."""
    environment = {**os.environ, "TENSORPLUG_PURE": pure}
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_former_name_finds_the_op_that_it_is_part_of() -> None:
    assert F.conv2d is F.conv and ops.function("max_pool3d_backward") is F.max_pool_backward
    assert OPS["conv1d_weight_grad"] is OPS["conv_weight_grad"]
    assert "conv2d" not in OPS and "conv2d" not in list(OPS) and "conv2d" not in dir(F)
    assert pickle.loads(pickle.dumps(F.conv)) is F.conv
    assert pickle.loads(pickle.dumps(F.conv).replace(b"\x04conv", b"\x06conv2d")) is F.conv
    with pytest.raises(KeyError):
        OPS["conv4d"]
    with pytest.raises(AttributeError, match="no op is called 'conv4d'"):
        F.conv4d  # noqa: B018


def test_every_former_name_is_of_one_op_that_has_samples_of_its_dimensions() -> None:
    assert len(ops.former) == 21
    for name, op in ops.former.items():
        assert op.samples is not None
        assert op.formerly[name] in {len(sample.args[0].shape) for sample in op.samples()}, name


def test_no_new_op_may_have_a_former_name() -> None:
    with pytest.raises(PluginError, match="an op called 'conv2d' is in the table already"):
        ops.add(Op("conv2d(Tensor input)", 4, samples=tuple))
    with pytest.raises(PluginError, match="an op called 'add' is in the table already"):
        ops.add(Op("convolve(Tensor input)", 4, samples=tuple, formerly={"add": 1}))


def test_records_of_plugins_may_say_former_names() -> None:
    assert not autocast.fault(autocast.Autocast(policies={"avg_pool3d": "float32"}))
    assert "no op of the table" in autocast.fault(autocast.Autocast(policies={"avg_pool4d": "float32"}))
    found = manifest.checked({"unsupported_ops": ["conv2d", "conv3d", "gelu"]}, "conformance.toml")
    assert found.unsupported_ops == ("conv", "gelu")


def test_any_number_of_dimensions_from_one_on() -> None:
    """Kernels have up to three; what is decomposed has no such limit."""
    import tensorplug as tp

    x, four = tp.arange(2 * 2**4, dtype=tp.float32).reshape(1, 2, 2, 2, 2, 2), (1,) * 4
    w = tp.ones(1, 2, 2, 2, 2, 2, requires_grad=True)
    out = F.conv(x, w, None, four, (0,) * 4, four, 1)
    out.backward(tp.ones_like(out))
    assert out.item() == 31 * 16 and w.grad.tolist() == x.tolist()
    largest, place = F.max_pool(x, (2,) * 4, four, (0,) * 4, four, False)
    assert largest.reshape(-1).tolist() == [15, 31] and place.reshape(-1).tolist() == [15, 15]
    assert F.avg_pool(x, (2,) * 4, four, (0,) * 4, False, True).reshape(-1).tolist() == [7.5, 23.5]
    for call in (
        lambda: F.conv(tp.ones(1, 2), tp.ones(3, 2), None, (), (), (), 1),
        lambda: F.max_pool(tp.ones(1, 2), (), (), (), (), False),
        lambda: F.avg_pool(tp.ones(1, 2), (), (), (), False, True),
        lambda: F.max_pool_backward(tp.ones(1, 2), tp.zeros(1, 2, dtype=tp.int64), (1, 2)),
    ):
        with pytest.raises(ShapeError):
            call()


def test_a_policy_of_a_former_name_is_of_its_dimensions_alone() -> None:
    """PyTorch's autocast on processors computes pools over three dimensions in float32, others as given."""
    import tensorplug as tp

    with tp.autocast("cpu", tp.bfloat16):
        kinds = [
            getattr(tp.nn.functional, f"{how}_pool{n}d")(tp.ones(1, 1, *(4,) * n, dtype=tp.bfloat16), 2).dtype
            for how in ("max", "avg")
            for n in (1, 2, 3)
        ]
        assert "autocast  float32 of 5 dimensions" in tp.devices.explain("max_pool", "cpu")
    assert kinds == [tp.bfloat16, tp.bfloat16, tp.float32] * 2
