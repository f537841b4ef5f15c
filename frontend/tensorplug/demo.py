"""The demonstration: a convolutional network learns scikit-learn's handwritten digits,
and moves while it learns.

Halfway the whole training state (parameters, buffers, optimizer) moves live to another device, and an epoch
later back.
The same training without the move must give the same losses.
"""

from __future__ import annotations

import time
from pathlib import Path

import tensorplug as tp

from . import devices, nn, optim
from .utils.data import DataLoader, TensorDataset

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

BATCH = 64
TOLERANCE = 1e-5
PATHS = ("native", "view", "decomposed", "host", "transfer", "moved")


class Digits:
    """1,797 scanned digits of 8 × 8 pixels (scikit-learn's copy of the UCI test set),
    a quarter of them held out.
    """

    def __init__(self, seed: int) -> None:
        from sklearn.datasets import load_digits

        data: Any = load_digits()
        images = (tp.from_numpy(data.images).float() / 16).unsqueeze(1)
        labels = tp.from_numpy(data.target).long()
        order = tp.randperm(len(images), generator=tp.Generator().manual_seed(seed))
        held_out = len(images) // 4
        self.test = (images[order[:held_out]], labels[order[:held_out]])
        self.train = TensorDataset(images[order[held_out:]], labels[order[held_out:]])


def network() -> nn.Sequential:
    """Two convolutions with batch norm, pooling, a hidden layer, dropout: 8 × 8 pixels to 10 classes."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 4 * 4, 64),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(64, 10),
    )


class Training:
    """One training run: its losses by step, and where it moved."""

    def __init__(self, digits: Digits, epochs: int, seed: int, moves: dict[int, str]) -> None:
        self.digits = digits
        self.epochs = epochs
        self.seed = seed
        self.moves = moves
        self.losses: list[float] = []
        self.accuracy: list[float] = []
        self.moved: list[tuple[int, str]] = []
        tp.manual_seed(seed)
        self.model = network()
        # Adam's default eps makes full steps of what is nothing but rounding, which differs between devices.
        self.optimizer = optim.Adam(self.model.parameters(), lr=2e-3, eps=1e-4)
        self.device = tp.device("cpu")
        self.loader = DataLoader(
            digits.train, batch_size=BATCH, shuffle=True, generator=tp.Generator().manual_seed(seed)
        )

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return self.epochs * len(self.loader)

    def run(self, bar: Any) -> None:
        """Train; ``bar`` is a tqdm progress bar that is told of every step."""
        criterion = nn.CrossEntropyLoss()
        tp.manual_seed(self.seed)  # dropout draws the same masks in every run
        for epoch in range(self.epochs):
            if epoch in self.moves:
                self.device = tp.device(self.moves[epoch])
                before = [id(p) for p in self.model.parameters()]
                tp.migrate([self.model, self.optimizer], self.device)
                assert before == [id(p) for p in self.model.parameters()]
                self.moved.append((len(self.losses), str(self.device)))
            self.model.train()
            for images, labels in self.loader:
                self.optimizer.zero_grad()
                loss = criterion(self.model(images.to(self.device)), labels.to(self.device))
                loss.backward()
                self.optimizer.step()
                self.losses.append(loss.item())
                bar.update()
                bar.set_postfix_str(f"loss {self.losses[-1]:.3f} on {self.device}", refresh=False)
            self.accuracy.append(self.test())

    def test(self) -> float:
        """The share of held-out digits that are recognised."""
        images, labels = self.digits.test
        self.model.eval()
        with tp.no_grad():
            scores = self.model(images.to(self.device))
        return (scores.argmax(1).cpu() == labels).float().mean().item()


def ops_table() -> str:
    """Which ops ran native, decomposed or on the host, by device."""
    groups: dict[tuple[str, str], dict[str, int]] = {}
    for op, device, path, _, calls in devices.report():
        names = groups.setdefault((device, path), {})
        names[op] = names.get(op, 0) + calls
    lines = []
    for device, path in sorted(groups, key=lambda k: (k[0], PATHS.index(k[1]))):
        names = groups[device, path]
        often = sorted(names, key=lambda n: -names[n])
        shown = ", ".join(often[:8]) + (f" and {len(often) - 8} more" if len(often) > 8 else "")
        lines.append(
            f"  {device:<8} {path:<11} {len(names):>3} ops {sum(names.values()):>8,} calls   {shown}"
        )
    return "\n".join(lines)


def draw(moving: Training, still: Training, picture: Path) -> None:
    """Save the loss curves, with the moves marked, and their difference below."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (top, bottom) = pyplot.subplots(
        2, 1, figsize=(9, 6), sharex=True, height_ratios=(3, 1), layout="constrained"
    )
    top.semilogy(still.losses, color="#b0b0b0", linewidth=4, label="never moved")
    top.semilogy(moving.losses, color="#1f5fa8", linewidth=1.2, label="moved while training")
    top.set_ylabel("training loss")
    top.set_title(f"Handwritten digits: {moving.accuracy[-1]:.1%} of the held-out quarter recognised")
    difference = [abs(a - b) for a, b in zip(moving.losses, still.losses)]
    bottom.semilogy([max(d, 1e-9) for d in difference], color="#1f5fa8", linewidth=1)
    bottom.axhline(TOLERANCE, color="#c0392b", linestyle=":", linewidth=1)
    bottom.text(0, TOLERANCE * 1.4, "allowed", color="#c0392b", fontsize=8)
    bottom.set_ylim(5e-10, 1e-4)
    bottom.set_ylabel("difference")
    bottom.set_xlabel("step")
    for step, device in moving.moved:
        for axes in (top, bottom):
            axes.axvline(step, color="#d98324", linewidth=1.2)
        top.annotate(
            f"to {device}",
            (step, 1),
            xycoords=("data", "axes fraction"),
            xytext=(4, -12),
            textcoords="offset points",
            color="#d98324",
            fontsize=9,
        )
    top.legend(loc="lower left")
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=120)
    pyplot.close(figure)


def other_device() -> str:
    """Where the demonstration moves to: a GPU, else an OpenCL device, else the loopback device."""
    return next((kind for kind in ("cuda", "opencl") if devices.available(kind)), "mirror")


def run(epochs: int = 8, device: str = "", seed: int = 0, picture: str = "out/demo.png") -> int:
    """The whole demonstration; returns 0 where the two runs agree, else 1. Needs the extra
    ``tensorplug[demo]``. ``device`` is where it moves to (empty: ``other_device()``).
    """
    device = device or other_device()
    try:
        import matplotlib  # noqa: F401
        import sklearn  # noqa: F401
        from tqdm import tqdm
    except ImportError as error:
        print(f"the demonstration needs {error.name}: pip install 'tensorplug[demo]'")
        return 1
    if epochs < 3:
        print(f"the demonstration needs 3 epochs or more to move and return, not {epochs}")
        return 1
    began = time.perf_counter()
    policy = devices.host_policy()
    devices.set_host_policy("allow")
    devices.reset_report()
    try:
        digits = Digits(seed)
        half = epochs // 2
        still = Training(digits, epochs, seed, {})
        moving = Training(digits, epochs, seed, {half: device, half + 1: "cpu"})
        for training, name in ((still, "staying"), (moving, "moving ")):
            with tqdm(total=training.steps, desc=name, unit="step", leave=True) as bar:
                training.run(bar)
    finally:
        devices.set_host_policy(policy)
    worst = max(abs(a - b) for a, b in zip(still.losses, moving.losses))
    draw(moving, still, Path(picture))
    print("\nWhat ran where:\n" + ops_table())
    print(f"\nmoves: {', '.join(f'to {name} before step {step}' for step, name in moving.moved)}")
    print(
        f"recognised of {len(digits.test[1])} held-out digits: {moving.accuracy[-1]:.2%} "
        f"(never moved: {still.accuracy[-1]:.2%})"
    )
    print(f"largest difference of the two loss curves: {worst:.1e} (allowed: {TOLERANCE:.0e})")
    print(f"picture: {picture}\ntime: {time.perf_counter() - began:.1f} s")
    return 0 if worst <= TOLERANCE else 1
