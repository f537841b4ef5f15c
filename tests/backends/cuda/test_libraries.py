"""The optional providers: cuBLASLt by nvmath-python, cuDNN by nvidia-cudnn-frontend. The libraries are played
by the classes below, which keep to their interfaces and compute with NumPy.
"""

from __future__ import annotations

import ctypes
import enum
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from simulated import DTYPES, SimulatedDriver

import tensorplug as tp
import tensorplug.nn.functional as functional
from tensorplug_cuda.driver import Driver
from tensorplug_dispatcher import epoch
from tensorplug_dispatcher.devices import lifecycle

SINGLE, HALF, BFLOAT16 = 0, 2, 14


def strided_view(address: int, kind: Any, shape: Any, strides: Any) -> Any:
    size = np.dtype(kind).itemsize
    reach = sum((n - 1) * s for n, s in zip(shape, strides)) + 1
    flat = np.frombuffer((ctypes.c_ubyte * (reach * size)).from_address(address), kind)
    return np.lib.stride_tricks.as_strided(flat, shape, [s * size for s in strides])


class Light:
    """cuBLASLt, as ``nvmath.bindings.cublasLt`` has it."""

    MatmulDescAttribute = enum.IntEnum("Desc", "TRANSA TRANSB EPILOGUE BIAS_DATA_TYPE BIAS_POINTER", start=3)
    MatmulPreferenceAttribute = enum.IntEnum(
        "Preference", ["MAX_WORKSPACE_BYTES", *(f"MIN_ALIGNMENT_{x}_BYTES" for x in "ABCD")]
    )
    Epilogue = enum.IntEnum("Epilogue", "DEFAULT RELU BIAS")

    def __init__(self, driver: SimulatedDriver) -> None:
        self.driver = driver
        self.things: list[Any] = []
        self.preferences: list[dict[int, int]] = []
        self.matmuls: list[Any] = []

    def _new(self, thing: Any) -> int:
        self.things.append(thing)
        return len(self.things) - 1

    def create(self) -> int:
        return self._new("handle")

    def matmul_desc_create(self, compute: int, scale: int) -> int:
        return self._new({"compute": compute, "scale": scale})

    def matmul_desc_set_attribute(self, desc: int, attribute: int, address: int, size: int) -> None:
        kind = {4: ctypes.c_int32, 8: ctypes.c_uint64}[size]
        self.things[desc][self.MatmulDescAttribute(attribute).name] = kind.from_address(address).value

    def matrix_layout_create(self, kind: int, rows: int, columns: int, leading: int) -> int:
        return self._new((kind, rows, columns, leading))

    def matmul_preference_create(self) -> int:
        return self._new({})

    def matmul_preference_set_attribute(self, place: int, attribute: int, address: int, size: int) -> None:
        kind = {4: ctypes.c_uint32, 8: ctypes.c_uint64}[size]
        name = self.MatmulPreferenceAttribute(attribute).name
        self.things[place][name] = kind.from_address(address).value

    def matmul_preference_destroy(self, place: int) -> None:
        self.preferences.append(self.things[place])

    def MatmulHeuristicResult(self) -> Any:
        memory = (ctypes.c_uint64 * 12)()
        return SimpleNamespace(ptr=ctypes.addressof(memory), memory=memory)

    def matmul_algo_get_heuristic(self, handle: int, desc: int, *rest: int) -> None:
        assert self.things[handle] == "handle"
        ctypes.c_uint64.from_address(rest[6]).value = 77
        ctypes.c_int.from_address(rest[7]).value = 1

    def matmul(self, handle: int, desc: int, alpha: int, *rest: int) -> None:
        a, a_layout, b, b_layout, beta, c, c_layout, d, d_layout, algorithm, workspace, size, stream = rest
        assert (ctypes.c_uint64.from_address(algorithm).value, d) == (77, c)
        numbers = [ctypes.c_float.from_address(address).value for address in (alpha, beta)]
        assert numbers == [1.0, 0.0] and size == 32 << 20 and workspace
        setting = dict(self.things[desc])
        self.matmuls.append(setting)

        def columns(address: int, layout: int) -> Any:
            kind, rows, width, leading = self.things[layout]
            return strided_view(address, DTYPES[kind], (rows, width), (1, leading))

        left, right, out = columns(a, a_layout), columns(b, b_layout), columns(d, d_layout)
        left, right = left.T if setting["TRANSA"] else left, right.T if setting["TRANSB"] else right
        bias = strided_view(setting["BIAS_POINTER"], DTYPES[setting["BIAS_DATA_TYPE"]], (out.shape[0],), (1,))
        assert setting["EPILOGUE"] == self.Epilogue.BIAS
        wide = left.astype(np.float64) @ right.astype(np.float64) + bias.astype(np.float64)[:, None]
        out[...] = wide.astype(out.dtype)


class NotSupported(Exception):
    pass


class GraphTensor:
    def __init__(self, **settings: Any) -> None:
        self.__dict__.update(settings)

    def set_output(self, on: bool) -> GraphTensor:
        return self

    def set_data_type(self, kind: str) -> GraphTensor:
        self.data_type = kind
        return self

    def set_dim(self, shape: Any) -> GraphTensor:
        self.dim = shape
        return self

    def set_stride(self, strides: Any) -> GraphTensor:
        self.stride = strides
        return self


class Graphs:
    """cuDNN, as ``cudnn`` has it: graphs of one convolution or one attention."""

    data_type = SimpleNamespace(FLOAT=np.float32, HALF=np.float16, BFLOAT16=DTYPES[BFLOAT16])
    heur_mode = SimpleNamespace(A="a", FALLBACK="fallback")
    numerical_note = SimpleNamespace(TENSOR_CORE="tensor core")
    cudnnGraphNotSupportedError = NotSupported

    def __init__(self) -> None:
        self.refusing = False
        self.stream = -1
        self.graphs: list[Any] = []

    def create_handle(self) -> Any:
        return SimpleNamespace(kind="cudnn handle")

    def set_stream(self, handle: Any, stream: int) -> None:
        self.stream = stream

    def pygraph(self, **settings: Any) -> Graph:
        assert settings["compute_data_type"] is np.float32
        self.graphs.append(Graph(self))
        return self.graphs[-1]


class Graph:
    def __init__(self, library: Graphs) -> None:
        self.library = library
        self.steps: list[str] = []
        self.notes: list[Any] = []
        self.work: Any = None
        self.added: Any = None

    def tensor(self, **settings: Any) -> GraphTensor:
        return GraphTensor(**settings)

    def __getattr__(self, name: str) -> Any:
        assert name in (
            "validate", "build_operation_graph", "create_execution_plans", "check_support", "build_plans"
        )  # fmt: skip
        return lambda *rest: self._step(name)

    def _step(self, name: str) -> None:
        self.steps.append(name)
        if name == "check_support" and self.library.refusing:
            raise NotSupported("no engine")

    def deselect_numeric_notes(self, notes: Any) -> None:
        self._step("deselect_numeric_notes")
        self.notes += notes

    def get_workspace_size(self) -> int:
        return 1000

    def conv_fprop(self, **given: Any) -> GraphTensor:
        self.work = ("conv", given)
        return GraphTensor()

    def conv_dgrad(self, **given: Any) -> GraphTensor:
        self.work = ("conv_input_grad", given)
        return GraphTensor()

    def conv_wgrad(self, **given: Any) -> GraphTensor:
        self.work = ("conv_weight_grad", given)
        return GraphTensor()

    def bias(self, name: str, input: GraphTensor, bias: GraphTensor) -> GraphTensor:
        self.added = bias
        return GraphTensor()

    def sdpa(self, **given: Any) -> Any:
        assert given["is_inference"]
        self.work = ("attention", given)
        return GraphTensor(), None

    def execute(self, pointers: dict[GraphTensor, int], workspace: int, handle: Any) -> None:
        assert workspace and handle.kind == "cudnn handle" and self.steps[-1] == "build_plans"
        assert all(address % 16 == 0 for address in pointers.values())
        views = {
            tensor: strided_view(address, tensor.data_type, tensor.dim, tensor.stride)
            for tensor, address in pointers.items()
        }
        op, given = self.work
        (out,) = [v for t, v in views.items() if t is not self.added and t not in given.values()]
        operands = {
            name: tp.tensor(views[t].astype(np.float32))
            for name, t in given.items()
            if isinstance(t, GraphTensor)
        }
        settings = [tuple(given[k]) for k in ("stride", "padding", "dilation") if k in given]
        from tensorplug_dispatcher.ops import F

        groups = 1
        if op == "conv":
            groups = operands["image"].shape[1] // operands["weight"].shape[1]
            bias = None if self.added is None else tp.tensor(views[self.added].astype(np.float32).reshape(-1))
            result = F.conv(operands["image"], operands["weight"], bias, *settings, groups)
        elif op == "conv_input_grad":
            result = F.conv_input_grad(operands["loss"], operands["filter"], out.shape, *settings, groups)
        elif op == "conv_weight_grad":
            result = F.conv_weight_grad(operands["loss"], operands["image"], out.shape, *settings, groups)
        else:
            scale = given["attn_scale"]
            result = F.scaled_dot_product_attention(
                operands["q"], operands["k"], operands["v"], None, given["use_causal_mask"], scale
            )
        out[...] = result.numpy().astype(out.dtype)


@pytest.fixture
def libraries(simulated: Any) -> Iterator[SimpleNamespace]:
    """The machine with both libraries installed."""
    found = SimpleNamespace(light=Light(simulated), cudnn=Graphs())
    simulated.light, simulated.cudnn = found.light, found.cudnn
    kept = dict(simulated.absences)
    simulated.absences.update(light="", cudnn="")
    device = tp.device("simulated:0").runtime.opened(0)
    device.local.__dict__.clear()
    epoch.invalidate()
    tp.devices.reset_report()
    yield found
    simulated.absences.update(kept)
    device.local.__dict__.clear()
    epoch.invalidate()


def providers(op: str) -> set[str]:
    return {row[3] for row in tp.devices.report() if row[0] == op and row[1] == "simulated"}


def close(got: Any, wanted: Any, limit: float = 1e-5) -> bool:
    return tp.allclose(got.cpu().float(), wanted.float(), rtol=limit, atol=limit)


# -- cuBLASLt ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype, limit", [("float32", 1e-5), ("float16", 1e-2), ("bfloat16", 1e-1)])
@pytest.mark.parametrize("shape", [(4, 5), (2, 3, 5), (5,)])
def test_linear_adds_its_bias_in_one_go(libraries: Any, dtype: str, limit: float, shape: Any) -> None:
    x, weight, bias = (tp.rand(s).to(getattr(tp, dtype)) for s in (shape, (6, 5), (6,)))
    got = functional.linear(x.to("simulated"), weight.to("simulated"), bias.to("simulated"))
    assert close(got, functional.linear(x, weight, bias), limit)
    assert providers("linear") == {"cublaslt"} and len(libraries.light.matmuls) == 1


def test_transposed_operands_and_offsets(libraries: Any) -> None:
    x, weight, bias = tp.rand(5, 4), tp.rand(7, 6)[1:], tp.rand(14)
    there = [t.to("simulated") for t in (x, tp.rand(1), bias)]
    whole = tp.rand(5, 8)
    got = functional.linear(there[0].t(), whole.to("simulated").t()[2:], there[2][3:9])
    assert close(got, functional.linear(x.t(), whole.t()[2:], bias[3:9]))
    assert providers("linear") == {"cublaslt"}
    aligned = {p["MIN_ALIGNMENT_A_BYTES"] for p in libraries.light.preferences}
    assert aligned == {4}, "the bias begins at byte 12"
    del weight


def test_addmm_with_a_row_is_for_cublaslt_and_others_for_cublas(libraries: Any) -> None:
    a, b = tp.rand(6, 5), tp.rand(5, 6)
    for shape, provider in (((6,), "cublaslt"), ((1, 6), "cublaslt"), ((6, 1), "cublas"), ((), "cublas")):
        bias = tp.rand(shape)
        tp.devices.reset_report()
        got = tp.addmm(bias.to("simulated"), a.to("simulated"), b.to("simulated"))
        assert close(got, tp.addmm(bias, a, b)) and providers("addmm") == {provider}, shape
    bias, out = tp.rand(6), tp.empty(6, 6, device="simulated")
    tp.devices.reset_report()
    tp.addmm(bias.to("simulated"), a.to("simulated"), b.to("simulated"), out=out.t())
    assert close(out.t(), tp.addmm(bias, a, b)), "a result by columns, for which the bias would be one"


def test_algorithms_are_sought_once_an_alignment(libraries: Any) -> None:
    x, weight, bias = (tp.rand(s).to("simulated") for s in ((4, 5), (6, 5), (6,)))
    for _ in range(3):
        functional.linear(x, weight, bias)
    assert [p["MIN_ALIGNMENT_D_BYTES"] for p in libraries.light.preferences] == [256]
    assert libraries.light.preferences[0]["MAX_WORKSPACE_BYTES"] == 32 << 20


# -- cuDNN ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype, limit", [("float32", 1e-4), ("float16", 2e-2), ("bfloat16", 2e-1)])
@pytest.mark.parametrize("biased", [True, False])
def test_convolutions(libraries: Any, dtype: str, limit: float, biased: bool) -> None:
    kind = getattr(tp, dtype)
    x, weight, bias = (tp.rand(s).to(kind) for s in ((2, 4, 7, 6), (6, 4, 3, 3), (6,)))
    there = [t.to("simulated") for t in (x, weight, bias)]
    given = (bias,) if biased else ()
    got = functional.conv2d(*there[: 2 + biased], stride=2, padding=1)
    assert close(got, functional.conv2d(x, weight, *given, stride=2, padding=1), limit)
    assert providers("conv") == {"cudnn"}
    (graph,) = libraries.cudnn.graphs
    exact = ["tensor core"] if dtype == "float32" else []
    assert graph.notes == exact, "float32 is no TF32"


def test_a_convolution_by_channels_last(libraries: Any) -> None:
    x, weight = tp.rand(2, 7, 6, 4).permute(0, 3, 1, 2), tp.rand(6, 4, 3, 3)
    got = functional.conv2d(x.to("simulated"), weight.to("simulated"))
    assert close(got, functional.conv2d(x, weight), 1e-4) and providers("conv") == {"cudnn"}


def test_the_gradients_of_a_convolution(libraries: Any) -> None:
    x, weight = tp.rand(2, 4, 7, 6, requires_grad=True), tp.rand(6, 4, 3, 3, requires_grad=True)
    there = [t.detach().to("simulated").requires_grad_() for t in (x, weight)]
    functional.conv2d(*there, stride=2, padding=1).square().sum().backward()
    functional.conv2d(x, weight, stride=2, padding=1).square().sum().backward()
    assert close(there[0].grad, x.grad, 1e-3) and close(there[1].grad, weight.grad, 1e-3)
    assert providers("conv_input_grad") == providers("conv_weight_grad") == {"cudnn"}


@pytest.mark.parametrize("shape", [(2, 3, 8, 16), (3, 8, 16), (8, 16)])
@pytest.mark.parametrize("causal", [False, True])
def test_attention(libraries: Any, shape: tuple[int, ...], causal: bool) -> None:
    q, k, v = (tp.rand(shape).half() for _ in range(3))
    there = [t.to("simulated") for t in (q, k, v)]
    got = functional.scaled_dot_product_attention(*there, is_causal=causal)
    wanted = functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
    assert close(got, wanted, 1e-2) and providers("scaled_dot_product_attention") == {"cudnn"}


def test_attention_with_a_mask_or_in_float32_is_for_others(libraries: Any) -> None:
    q = tp.rand(2, 8, 16, device="simulated")
    functional.scaled_dot_product_attention(q, q, q)
    half, mask = q.half(), tp.ones(8, 8, dtype=tp.bool, device="simulated")
    functional.scaled_dot_product_attention(half, half, half, attn_mask=mask)
    assert "cudnn" not in providers("scaled_dot_product_attention")


def test_operands_that_begin_anywhere_are_aligned_first(libraries: Any) -> None:
    x, weight = tp.rand(200), tp.rand(100)
    a, b = x.to("simulated"), weight.to("simulated")
    out = tp.empty(101, device="simulated")[1:].view(1, 4, 5, 5)
    from tensorplug_dispatcher.ops import F

    shape = ((1, 2, 7, 7), (4, 2, 3, 3))
    given = (a[3:101].view(shape[0]), b[5:77].view(shape[1]), None, (1, 1), (0, 0), (1, 1), 1)
    F.conv.call_into(given, (out,))
    wanted = functional.conv2d(x[3:101].view(shape[0]), weight[5:77].view(shape[1]))
    assert close(out, wanted, 1e-4) and providers("conv") == {"cudnn"}


def test_what_cudnn_does_not_support_is_left_to_others(libraries: Any) -> None:
    libraries.cudnn.refusing = True
    x, weight = tp.rand(1, 2, 5, 5), tp.rand(3, 2, 3, 3)
    got = functional.conv2d(x.to("simulated"), weight.to("simulated"))
    assert close(got, functional.conv2d(x, weight), 1e-4) and "cudnn" not in providers("conv")


def test_libraries_work_on_the_current_stream(libraries: Any) -> None:
    x, weight = tp.rand(1, 2, 5, 5).to("simulated"), tp.rand(3, 2, 3, 3).to("simulated")
    stream = tp.Stream("simulated:0")
    with stream:
        functional.conv2d(x, weight)
    assert libraries.cudnn.stream == stream.stream_id


# -- where they are not --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, module, text",
    [
        ("light_absent", "nvmath", "nvmath-python cannot be loaded (No module named 'nvmath.bindings'; "
         "'nvmath' is not a package); pip install nvmath-python"),
        ("cudnn_absent", "cudnn", "nvidia-cudnn-frontend cannot be loaded (import of cudnn halted; None in "
         "sys.modules); pip install nvidia-cudnn-frontend nvidia-cudnn-cu12"),
        ("blas_absent", "cupy_backends", "cuBLAS cannot be loaded (No module named 'cupy_backends.cuda'; "
         "'cupy_backends' is not a package); pip install 'tensorplug[cuda]'"),
    ],
)  # fmt: skip
def test_a_library_that_is_missing_says_so(
    monkeypatch: pytest.MonkeyPatch, name: str, module: str, text: str
) -> None:
    for loaded in [m for m in sys.modules if m == module or m.startswith(module + ".")]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, module, None)
    driver = Driver.__new__(Driver)
    driver.absences = {}
    assert getattr(driver, name)() == text


def test_explain_lists_every_provider_and_why_it_is_absent(simulated: Any) -> None:
    text = tp.devices.explain("linear", "simulated", "float32")
    assert "provider 'cublaslt' priority 20" in text and "- absent: nvmath-python is not simulated" in text
    assert text.endswith("→ native: provider 'cublas'")
    text = tp.devices.explain("conv", "simulated", "float32")
    assert "provider 'cudnn' priority 20" in text
    assert "- absent: nvidia-cudnn-frontend is not simulated" in text
    (record, _) = [r for r in lifecycle.records() if r.type == "simulated"]
    assert "create_stream" in record.features
