"""``out=`` wherever PyTorch has it, and NumPy's names of arguments: derived from the other tests' calls.

A call ``T.f(...)`` in those lists is made again with ``out=`` in all its forms; where PyTorch takes it, it
must be taken here, with the same result or an error of the same kind.
"""

from __future__ import annotations

import ast
import inspect
import re
import warnings
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from alike import compare, inputs  # noqa: E402
from test_creation_like_torch import FILLED, RANGES  # noqa: E402
from test_functions_like_torch import GROUPS  # noqa: E402

import tensorplug  # noqa: E402

pytestmark = pytest.mark.oracle

MORE = """
T.addmm(p, x.t(), x, beta=0.5) | T.clamp_min(x, 0.5) | T.aminmax(x, dim=0) | T.column_stack([x, x])
T.cummax(x, 0) | T.cummin(x, 1) | T.diag(x) | T.diag(v) | T.diff(x, dim=0)
T.dstack([x, x]) | T.hstack([x, x])
T.vstack([x, x]) | T.row_stack([x, x]) | T.float_power(x, 2) | T.gcd(i, i) | T.lcm(i, i) | T.histc(x, bins=3)
T.isin(i, T.tensor([1, 2])) | T.kron(x, p) | T.kthvalue(x, 2) | T.ldexp(x, i) | T.logaddexp2(x, y)
T.logit(y / 4) | T.max(x, 0) | T.max(x) | T.max(x, y) | T.min(x, 1) | T.min(x) | T.min(x, y) | T.median(x, 0)
T.mode(x, 0) | T.nanmedian(x, 1) | T.nanmean(x, 1) | T.nansum(x, 1) | T.msort(x) | T.nan_to_num(special)
T.quantile(x, 0.3, dim=1) | T.scatter(x, 1, k.unsqueeze(1), 9.0) | T.searchsorted(sorted5, v)
T.bucketize(v, sorted5) | T.sinc(x) | T.slice_scatter(x, T.zeros(3, 2), 1, 1, 3)
T.take(x, T.tensor([0, 5, -1]))
T.take_along_dim(x, x.argsort(1), dim=1) | T.tensordot(x, p, 1) | T.inner(x, y) | T.outer(v, w) | T.ger(v, w)
T.cross(x[:, :3], y[:, :3], dim=1) | T.mv(x, v) | T.addmv(w, x, v) | T.addr(x, w, v) | T.range(0, 3)
T.baddbmm(T.ones(2, 3, 3), c, c.mT) | T.addbmm(T.ones(3, 3), c, c.mT)
T.heaviside(x, y) | T.isposinf(special)
T.isneginf(special) | T.argsort(x, dim=0) | T.linalg.cross(x[:, :3], y[:, :3]) | T.linalg.matrix_norm(x)
T.linalg.matrix_norm(x, 1) | T.linalg.matrix_power(p, 2) | T.linalg.multi_dot([x, p, p]) | T.linalg.norm(x)
T.linalg.norm(x, 1) | T.linalg.vecdot(x, y) | T.linalg.vector_norm(x) | T.linalg.matmul(x, p)
T.linalg.diagonal(p) | T.nn.functional.avg_pool2d(c, 2) | T.nn.functional.avg_pool3d(d, 2)
T.nn.functional.gelu(x) | T.nn.functional.hardshrink(x) | T.nn.functional.logsigmoid(x)
T.nn.functional.normalize(x) | T.nn.functional.softshrink(x)
T.index_add(x, 0, k, y) | T.index_copy(x, 0, k, y)
T.index_select(x, 0, k) | T.gather(x, 1, i.abs() % 4) | T.scatter_add(x, 0, k.unsqueeze(0), T.ones(1, 3))
T.scatter_reduce(x, 1, i.abs() % 4, y, 'sum') | T.masked_select(x, m) | T.nonzero(x) | T.sort(x, 0)
T.topk(x, 2) | T.cumsum(x, 0) | T.cumprod(x, 1) | T.var(x, 0) | T.std(x, 0) | T.norm(x) | T.norm(x, 2, 0)
T.logsumexp(x, 0) | T.sum(x, 0) | T.mean(x, 0) | T.prod(x, 0) | T.amax(x, 0) | T.amin(x, 0) | T.argmax(x, 0)
T.argmin(x, 0) | T.all(m, 0) | T.any(m, 0) | T.softmax(x, 0) | T.log_softmax(x, 0) | T.tril(p) | T.triu(p)
T.cat([x, y]) | T.concat([x, y]) | T.concatenate([x, y]) | T.stack([x, y])
T.where(m, x, y) | T.clamp(x, y, y)
T.clamp_max(x, y) | T.nn.functional.linear(x, p) | T.nn.functional.softplus(x)
T.lerp(x, y, 0.3) | T.round(x, decimals=1) | T.add(x, y, alpha=2) | T.dot(v, v)
T.vdot(v, v) | T.mm(x, p) | T.bmm(c, c.mT) | T.matmul(x, p) | T.square(x) | T.fmod(x, y) | T.remainder(x, y)
T.trunc(x) | T.fix(x) | T.bitwise_and(i, i) | T.logical_not(m) | T.eye(3) | T.ones(2, 3) | T.zeros(2, 3)
T.full((2, 3), 1.5) | T.arange(4) | T.linspace(0, 1, 5) | T.logspace(0, 1, 5) | T.frac(x) | T.multiply(x, y)
T.arccos(y / 4) | T.arccosh(y + 1) | T.arcsin(y / 4) | T.arcsinh(x) | T.arctan(x) | T.arctan2(x, y)
T.arctanh(y / 4) | T.absolute(x) | T.clip(x, 0, 1) | T.divide(x, y) | T.greater(x, y) | T.greater_equal(x, y)
T.less(x, y) | T.less_equal(x, y) | T.negative(x) | T.not_equal(x, y) | T.sgn(x) | T.subtract(x, y)
T.true_divide(x, y) | T.ge(x, y) | T.le(x, y) | T.lt(x, y) | T.fmin(x, y) | T.neg(x) | T.ceil(x) | T.cosh(x)
T.hypot(x, y) | T.nn.functional.adaptive_avg_pool1d(c, 2) | T.argwhere(x) | T.deg2rad(x)
""".replace("\n", "|").split("|")


def calls() -> list[str]:
    """The calls of one function, in all lists, that end where the text does."""
    found = dict.fromkeys(t.strip() for texts in (*GROUPS.values(), FILLED, RANGES, MORE) for t in texts)
    kept = []
    for text in found:
        if not re.match(r"T(\.\w+)+\(", text):
            continue
        tree = ast.parse(text.replace("\n", " "), mode="eval").body if ";" not in text else None
        if isinstance(tree, ast.Call) and re.fullmatch(r"T(\.\w+)+", ast.unparse(tree.func)):
            if not any(k.arg == "out" for k in tree.keywords):
                kept.append(text)
    return kept


def function_of(text: str) -> str:
    return text[2 : text.index("(")]


def run(text: str, T: Any, more: dict[str, Any]) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return eval(text, {**inputs(T), **more})
    except Exception as error:
        return error


def with_argument(text: str, argument: str) -> str:
    return f"{text[:-1]}{'' if text.endswith('(') else ', '}{argument})"


def outputs(T: Any, like: Any, make: Any) -> Any:
    """``out=`` for a result like ``like``, PyTorch's: a tensor, or a tuple of them, each made by ``make``."""
    if isinstance(like, tuple):
        return tuple(make(T, x) for x in like)
    return make(T, like)


def of(T: Any, shape: Any, dtype: Any) -> Any:
    return T.zeros(tuple(shape), dtype=getattr(T, str(dtype).split(".")[-1]))


FACTORIES = ("arange", "eye", "full", "linspace", "logspace", "ones", "range", "zeros")
RANDOM = ("bernoulli", "empty", "multinomial", "normal", "rand", "randint", "randn", "randperm")
FORMS: dict[str, Any] = {
    "right": lambda T, x: of(T, x.shape, x.dtype),
    "empty": lambda T, x: of(T, (0,), x.dtype),
    "another shape": lambda T, x: of(T, (2, 5), x.dtype),
    "transposed": lambda T, x: of(T, tuple(x.shape)[::-1], x.dtype).permute(tuple(range(x.ndim))[::-1]),
    **{
        str(dtype): lambda T, x, dtype=dtype: of(T, x.shape, dtype)
        for dtype in ("float64", "float32", "float16", "int64", "int8", "uint8", "bool")
    },
}
CALLS = calls()
BY_ACCIDENT = "T.diff(v, n=0"  # casts with all n but 0, where PyTorch's error names another function


@pytest.mark.parametrize("text", CALLS)
def test_out(text: str) -> None:
    like = run(text, torch, {})
    parts = like if isinstance(like, tuple) else (like,)
    if not parts or not all(isinstance(x, torch.Tensor) for x in parts):
        pytest.skip("gives no tensor")
    called = with_argument(text, "out=out")
    for form, make in FORMS.items():
        theirs_out, mine_out = outputs(torch, like, make), outputs(tensorplug, like, make)
        theirs = run(called, torch, {"out": theirs_out})
        if isinstance(theirs, TypeError):
            return  # this overload has no out=
        if isinstance(theirs, Exception):
            if not text.startswith(BY_ACCIDENT):
                assert isinstance(run(called, tensorplug, {"out": mine_out}), Exception), f"{called} {form}"
            continue
        if not same(theirs, like):
            continue  # PyTorch's own out= does not hold its result
        mine = run(called, tensorplug, {"out": mine_out})
        told = f"{called} with out= {form}"
        coarse = "16" in text + form
        tolerance = {"rtol": 1e-2, "atol": 1e-2} if coarse else {}
        compare(mine, theirs, told, strides=False, **tolerance)
        compare(mine_out, theirs_out, told, strides=False, **tolerance)
        for a, b in zip(as_tuple(mine), as_tuple(mine_out), strict=True):
            assert a is b, f"{told}: gives back another tensor"
    if function_of(text) not in FACTORIES and all(x.numel() > 1 for x in parts):
        one = lambda T, x: of(T, (1,) * x.ndim, x.dtype).expand(tuple(x.shape))  # noqa: E731
        expanded = outputs(tensorplug, like, one)
        refused = run(called, tensorplug, {"out": expanded})
        assert isinstance(refused, tensorplug.InplaceError), f"{called}: several elements in one place"


def same(result: Any, plain: Any) -> bool:
    """Whether PyTorch's result in ``out=`` is what the plain call gives, dtypes apart."""
    pairs = zip(as_tuple(result), as_tuple(plain), strict=True)
    return all(
        a.shape == b.shape and torch.allclose(a.double(), b.double(), 1e-2, 1e-2, equal_nan=True)
        for a, b in pairs
    )


def as_tuple(x: Any) -> tuple[Any, ...]:
    return tuple(x) if isinstance(x, tuple) else (x,)


@pytest.mark.parametrize("text", [t for t in CALLS if re.search(r"\bT\.\w+\(x\b", t)])
def test_out_of_what_requires_grad(text: str) -> None:
    like = run(text, torch, {})
    parts = as_tuple(like)
    if not parts or not all(isinstance(x, torch.Tensor) for x in parts):
        pytest.skip("gives no tensor")
    called = with_argument(text, "out=out")
    results = []
    for T in (torch, tensorplug):
        x = inputs(T)["x"].requires_grad_()
        results.append(run(called, T, {"x": x, "out": outputs(T, like, FORMS["right"])}))
    if isinstance(results[0], RuntimeError):
        assert isinstance(results[1], RuntimeError), called


@pytest.mark.parametrize("text", [t for t in CALLS if "dim=" in t])
def test_axis(text: str) -> None:
    called = text.replace("keepdim=", "keepdims=").replace(" dim=", " axis=")
    theirs = run(called, torch, {})
    if not isinstance(theirs, Exception):
        compare(run(called, tensorplug, {}), theirs, called, strides=False)


def test_every_out_is_tried() -> None:
    """A function that has ``out=`` in PyTorch has it here; and one that has it here is in the lists."""
    tried = {function_of(text) for text in CALLS}
    missing = []
    for name in public_functions():
        theirs, mine = torch, tensorplug
        for part in name.split("."):
            theirs, mine = getattr(theirs, part, None), getattr(mine, part)
        if theirs is None or name in tried or name in RANDOM:
            continue
        if takes_out(theirs):
            missing.append(name)
    assert missing == []


def test_draws_take_out() -> None:
    for name in RANDOM:
        assert "out" in inspect.signature(getattr(tensorplug, name)).parameters, name


def takes_out(function: Any) -> bool:
    """Whether PyTorch's function knows ``out=``: its parser says so when it is called wrongly."""
    if inspect.isfunction(function):
        return "out" in inspect.signature(function).parameters
    x = torch.ones(2)
    for args in ((), (x,), (x, x), (x, 1), (x, x, x), ([x],), (3,), (3, 3), (x, 1, x), (3, 3, 3)):
        try:
            function(*args, out="none")
        except Exception as error:
            text = str(error)
            if "argument 'out'" in text and "unexpected" not in text or "Tensor out" in text:
                return True
    return False


def public_functions() -> list[str]:
    import tensorplug.linalg
    import tensorplug.nn.functional

    found = [n for n in tensorplug.__all__ if callable(getattr(tensorplug, n))]
    found = [n for n in found if not inspect.isclass(getattr(tensorplug, n))]
    found += [f"linalg.{n}" for n in tensorplug.linalg.__all__]
    return found + [f"nn.functional.{n}" for n in tensorplug.nn.functional.__all__]
