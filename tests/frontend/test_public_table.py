"""The public table: what records and ``@public`` say is what there is, at run time and for an editor."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from language_server import SERVER, Server, language_server

import tensorplug as tp
from tensorplug import _generated
from tensorplug_dispatcher.op import PLACES
from tensorplug_dispatcher.ops import OPS, F

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "tools/public_table.py"


@pytest.fixture(scope="module")
def tool() -> Any:
    spec = importlib.util.spec_from_file_location("public_table", TOOL)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["public_table"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


# -- what is written is what the table says ------------------------------------------------------------------


def test_what_is_written_is_current(tool: Any) -> None:
    found = tool.table()
    assert tool.GENERATED.read_text() == tool.source(found)
    assert tool.STUB.read_text() == tool.stub(found)
    assert tool.FUNCTIONS.read_text() == tool.functions_stub()
    assert tool.TEXTS.read_text() == tool.texts()


def test_every_name_of_the_table_is_there(tool: Any) -> None:
    found = tool.table()
    assert [n for n in found.functions if not callable(getattr(tp, n, None))] == []
    assert [n for n in found.methods if not callable(getattr(tp.Tensor, n, None))] == []
    assert set(found.functions) <= set(tp.__all__) and len(tp.__all__) == len(set(tp.__all__))


PYTORCHS = ("given", "layout", "memory_format", "options", "pin_memory")  # in ``**options`` and ``**given``


def test_the_stub_has_the_parameters_of_what_runs(tool: Any) -> None:
    for name, (_, seen) in tool.table().functions.items():
        if seen.module and not name.endswith("_"):
            real = [p for p in inspect.signature(getattr(tp, name)).parameters if p not in PYTORCHS]
            assert [p.name for p in seen.parameters if p.name not in PYTORCHS] == real, name


def test_a_name_is_the_compiled_object_itself() -> None:
    assert tp.exp is F.exp and inspect.getattr_static(tp.Tensor, "exp") is F.exp
    if not os.environ.get("TENSORPLUG_PURE"):
        assert type(tp.add).__call__.__class__.__name__ == "wrapper_descriptor"  # no frame of Python


def test_two_functions_of_one_name_are_refused(tool: Any) -> None:
    one = next(seen for seen in tool.seen_functions() if seen.name == "diag")
    other = tool.replace(one, module="_products")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tool, "seen_functions", lambda: [one, other])
        with pytest.raises(SystemExit, match=r"the function diag is both _shape\.diag and _products\.diag"):
            tool.table.__wrapped__()


def test_an_unknown_place_is_refused(tool: Any) -> None:
    node = ast.parse('@public("funktion")\ndef f(x): ...').body[0]
    assert isinstance(node, ast.FunctionDef)
    with pytest.raises(SystemExit, match="m.f: @public takes function, method, inplace, not funktion"):
        tool.function_of(node, node.decorator_list[0], "m")
    assert {word for op in OPS.values() for word in (op.public or "").split()} <= {*PLACES}


# -- composites ----------------------------------------------------------------------------------------------


def test_a_composite_is_a_function_a_method_in_place_and_takes_out() -> None:
    x = tp.tensor([0.25, 0.5])
    wanted = tp.logit(x)
    out = tp.empty(2)
    assert tp.logit(x, out=out) is out and tp.equal(out, wanted) and tp.equal(x.logit(), wanted)
    assert x.logit_() is x and tp.equal(x, wanted)
    assert tp.unbind(tp.ones(2, 3), axis=1)[0].shape == (2,)
    with pytest.raises(TypeError, match=r"unbind\(\) got both 'axis' and 'dim'; give one"):
        tp.unbind(tp.ones(2, 3), axis=1, dim=1)


def test_a_composite_beside_an_op_is_the_op_for_plain_arguments() -> None:
    x = tp.ones(2, 3)
    assert tp.equal(tp.add(x, x), x + x) and tp.equal(tp.add(x, x, alpha=2), x * 3)
    assert x.permute(1, 0).shape == (3, 2) == x.permute((1, 0)).shape == x.permute(dims=(1, 0)).shape
    assert x.add.__self__ is x and x.add.__name__ == "add"


def test_composites_tell_their_signature_and_can_be_pickled() -> None:
    assert str(inspect.signature(tp.logit)).startswith("(input: 'Tensor', eps: 'float | None' = None, *, out")
    assert pickle.loads(pickle.dumps(tp.logit)) is tp.logit and "``log(x / (1 - x))``" in tp.logit.__doc__
    assert repr(tp.logit) == "<function tensorplug._arithmetic.logit>"


def test_named_results_are_tuples_of_two() -> None:
    found = tp.ones(2, 3).max(1)
    values, indices = found
    assert found.values is values and found.indices is indices and isinstance(found, tp.return_types.max)


def test_what_comes_later_is_found_at_its_first_use() -> None:
    code = (
        "import sys, tensorplug as tp\n"
        "assert 'tensorplug._printing' not in sys.modules and 'tensorplug.serialization' not in sys.modules\n"
        "assert repr(tp.ones(1)) == 'tensor([1.])' and tp.save.__module__ == 'tensorplug.serialization'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert {*_generated.LATER} <= {*dir(tp)}


# -- what an editor sees -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if not SERVER.exists() or shutil.which("node") is None and not (SERVER.parent / "node").exists():
        pytest.skip("pyright's language server is not there; pip install 'tensorplug[lint]'")
    with language_server(tmp_path_factory.mktemp("editor")) as started:
        yield started


HEAD = "import tensorplug as tp\nx = tp.ones(2, 3)\n"


def share(offered: set[str], wanted: set[str]) -> float:
    return len(offered & wanted) / len(wanted)


def test_the_namespace_is_completed(server: Server) -> None:
    wanted = {*tp.__all__, *tp.MODULES}
    offered = server.completions(HEAD + "tp.")
    assert share(offered, wanted) >= 0.98, sorted(wanted - offered)


EXPRESSIONS = ["x", "(x + x)", "(2 - x)", "x[0]", "tp.add(x, x)", "x.relu()", "x.max(1).values"]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_tensor_is_completed(server: Server, expression: str) -> None:
    wanted = {n for n in dir(tp.ones(1)) if not n.startswith("_")}
    offered = server.completions(f"{HEAD}{expression}.")
    assert share(offered, wanted) >= 0.98, sorted(wanted - offered)


def test_the_ops_are_completed(server: Server) -> None:
    offered = server.completions("from tensorplug_dispatcher.ops import F\nF.")
    assert share(offered, set(OPS)) >= 0.98, sorted(set(OPS) - offered)


WRONG = """
tp.no_such_function(x)
x.no_such_method()
(x + x).no_such_field
x.sum(1, keepdimm=True)
tp.add(x, x, alfa=2)
tp.zeros(2, devise="cpu")
tp.cat(x, dim="a")
tp.nn.functional.no_such_loss(x)
"""
RIGHT = """
x.permute(1, 0), x.permute((1, 0)), x.view(-1), x.view(2, 3), x.view(tp.int32), x.reshape(shape=(3, 2))
x.sum(axis=1, keepdims=True), x.mean(), x.to("cpu"), tp.cat([x, x], dim=1), tp.cat([x, x], axis=1)
2 - x, x**2, x @ x.T, -x, x < 3, x.float().int().bool(), x.max(1).values, x.max().item()
tp.randn(3, requires_grad=True).sum().backward()
x.add_(x, alpha=2).mul_(3), tp.squeeze(x, 1), tp.stack((x, x)), x.split(1, dim=1)[0].relu()
tp.nn.functional.cross_entropy(x, tp.tensor([0, 1])), tp.nn.Linear(2, 3)(x.T)
tp.zeros(2, 3, dtype=tp.float64, device="cpu"), tp.tensor([1.0]), tp.where(x > 0, x, 0.0)
tp.save({"x": x}, "x.safetensors"), tp.autocast("cpu"), tp.manual_seed(0), tp.no_grad()
tp.clamp(x, 0, 1), tp.clamp(x, min=0.5), x.clamp_(max=x), x.std(0, keepdim=True), x.sort(descending=True)[0]
"""


def test_wrong_lines_are_errors(server: Server) -> None:
    found = server.errors(HEAD + WRONG)
    assert sorted(found) == list(range(3, 3 + len(WRONG.strip().split("\n")))), found


def test_right_lines_are_none(server: Server) -> None:
    assert server.errors(HEAD + RIGHT) == {}
    exec(HEAD + RIGHT.replace("x.safetensors", os.devnull), {})


# -- the build -----------------------------------------------------------------------------------------------


def test_the_build_writes_what_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("hatch_build_of_tree", ROOT / "hatch_build.py")
    assert spec is not None and spec.loader is not None
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    ran: list[list[str]] = []
    monkeypatch.setattr(build, "_run", lambda command, failure: ran.append(command))
    build._write_table(tmp_path)
    build._write_table(tmp_path)
    assert [Path(command[1]) for command in ran] == [TOOL]
    (tmp_path / "public_table.hash").write_text("of another source")
    build._write_table(tmp_path)
    assert len(ran) == 2
