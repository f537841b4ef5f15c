"""S10: whole models, for inference against the executable specification, and in training against the host."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import tensorplug as tp
from tensorplug import nn

from .. import reference
from ..case import FAIL, PASS, Case, Result, check
from ..samples import seed_of


class _Attention(nn.Module):
    """One block of a transformer, written in plain ops."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, 16)
        self.query, self.key, self.value = nn.Linear(16, 16), nn.Linear(16, 16), nn.Linear(16, 16)
        self.norm = nn.LayerNorm(16)
        self.inner, self.outer = nn.Linear(16, 32), nn.Linear(32, 16)
        self.head = nn.Linear(16, 11)

    def forward(self, tokens: Any) -> Any:
        x = self.embed(tokens)
        q, k, v = self.query(x), self.key(x), self.value(x)
        x = x + tp.softmax(q @ k.transpose(-1, -2) / 4.0, -1) @ v
        x = x + self.outer(nn.functional.gelu(self.inner(self.norm(x))))
        return self.head(x)


def _mlp() -> tuple[Any, Any, Any]:
    model = nn.Sequential(nn.Linear(12, 24), nn.ReLU(), nn.LayerNorm(24), nn.Linear(24, 3))
    return model, tp.randn(32, 12), tp.randint(0, 3, (32,))


def _cnn() -> tuple[Any, Any, Any]:
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3, stride=2, padding=1),
        nn.GELU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(6, 4),
    )
    return model, tp.randn(8, 1, 8, 8), tp.randint(0, 4, (8,))


def _transformer() -> tuple[Any, Any, Any]:
    return _Attention(), tp.randint(0, 11, (4, 7)), tp.randint(0, 11, (4, 7))


MODELS: Final[dict[str, Callable[[], tuple[Any, Any, Any]]]] = {
    "mlp": _mlp,
    "cnn": _cnn,
    "transformer": _transformer,
}
OPTIMIZERS: Final[dict[str, Callable[[Any], Any]]] = {
    "sgd": lambda p: tp.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
    "adamw": lambda p: tp.optim.AdamW(p, lr=0.01),
}


def cases(device: str, depth: str) -> Iterator[Case]:
    for name in MODELS:
        yield Case(f"S10/inference/float32/{name}", partial(_inference, name))
        for optimizer in OPTIMIZERS if depth != "smoke" or name == "cnn" else ("adamw",):
            yield Case(f"S10/training/float32/{name}-{optimizer}", partial(_training, name, optimizer))


def _made(name: str, device: str) -> tuple[Any, Any, Any]:
    tp.manual_seed(seed_of("models"))
    model, data, target = MODELS[name]()
    return model.to(device), data.to(device), target.to(device)


def _inference(name: str, device: str) -> Result:
    """The model's answers are those of the specification, in number and (for 99 %) in choice."""

    def run(where: str) -> Any:
        model, data, _ = _made(name, where)
        with tp.no_grad():
            return model.eval()(data).cpu()

    got, wanted = run(device), run(reference.NAME)
    distance = (got - wanted).abs().max().item()
    same = (got.argmax(-1) == wanted.argmax(-1)).float().mean().item()
    check(distance < 1e-4, f"the answers are off by up to {distance}")
    check(same >= 0.99, f"{100 * same:.1f} % of the choices agree, 99 % must")
    return Result(PASS, data={"distance": distance})


def _training(name: str, optimizer: str, device: str) -> Result:
    """The loss curve is the host's, and the loss falls."""

    def run(where: str) -> list[float]:
        model, data, target = _made(name, where)
        steps = OPTIMIZERS[optimizer](model.parameters())
        losses = []
        for _ in range(5):
            steps.zero_grad()
            out = model(data)
            loss = nn.functional.cross_entropy(out.reshape(-1, out.shape[-1]), target.reshape(-1))
            loss.backward()
            steps.step()
            losses.append(loss.item())
        return losses

    got = run(device)
    wanted = run("cpu" if tp.device(device).type != "cpu" else reference.NAME)
    worst = max(abs(a - b) for a, b in zip(got, wanted, strict=True))
    if worst > 1e-4:
        return Result(FAIL, f"the loss curve {got} is off by {worst} from {wanted}")
    check(got[-1] < got[0], f"the loss does not fall: {got}")
    return Result(PASS, data={"worst": worst})
