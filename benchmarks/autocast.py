"""Mixed precision on the processor: training steps of a small transformer in float32 and under autocast in
bfloat16, ours and PyTorch's; the losses after 500 steps; products and casts by themselves.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from harness import Report, measure, require_torch, thread_counts

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "frontend"))

WIDTH, HEADS, LAYERS, LENGTH, BATCH = 256, 4, 4, 128, 8


def training(library: Any, low: bool) -> Callable[[], Any]:
    """A step of a causal language model of four layers on one batch of characters."""
    from sequences import Characters, language_model

    text = Characters()
    library.manual_seed(0)
    model = language_model(library, text.vocabulary, WIDTH, HEADS, LAYERS, LENGTH)
    optimizer = library.optim.AdamW(model.parameters(), lr=1e-3)
    inputs, targets = (as_tensor(library, part) for part in text.batch(BATCH, LENGTH, 0))

    def step() -> Any:
        with library.autocast("cpu", library.bfloat16) if low else nullcontext():
            logits = model(inputs)
            loss = library.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


def as_tensor(library: Any, tensor: Any) -> Any:
    return tensor if library.__name__ == "tensorplug" else library.from_numpy(tensor.numpy())


def losses(low: bool, steps: int = 500) -> float:
    """The mean loss of the last fifty of so many steps, of a smaller model on changing batches."""
    from sequences import Characters, language_model

    import tensorplug as tp

    text = Characters()
    tp.manual_seed(0)
    model = language_model(tp, text.vocabulary, 64, 4, 2, 32)
    optimizer = tp.optim.AdamW(model.parameters(), lr=2e-3)
    found = []
    for step in range(steps):
        inputs, targets = text.batch(16, 32, step)
        with tp.autocast("cpu", tp.bfloat16, enabled=low):
            loss = tp.nn.functional.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return sum(found[-50:]) / 50


def main() -> None:
    torch = require_torch()
    import tensorplug as tp

    wide, narrow = losses(False), losses(True)
    difference = abs(narrow / wide - 1)
    print(f"loss after 500 steps: float32 {wide:.4f}, bfloat16 {narrow:.4f}: {difference:.2%} apart")
    peers = "'bf16 / f32': ours in both, or PyTorch's in both ('torch: …'); the others: ours and PyTorch's"
    report = Report("autocast", "peer", loss_float32=wide, loss_bfloat16=narrow, rows_compare=peers)
    for threads in thread_counts():
        tp.set_num_threads(threads)
        torch.set_num_threads(threads)
        steps = {(library, low): training(library, low) for library in (tp, torch) for low in (False, True)}
        options: dict[str, Any] = {"rounds": 5, "seconds": 0.5}
        ms: dict[str, Any] = {"scale": 1e3, "unit": "ms"}
        report.add(
            "transformer step: bf16 / f32",
            threads,
            *measure(steps[tp, True], steps[tp, False], **options),
            **ms,
            limit=0.7,
        )
        report.add(
            "torch: transformer step bf16 / f32",
            threads,
            *measure(steps[torch, True], steps[torch, False], **options),
            **ms,
        )
        report.add(
            "transformer step, bf16", threads, *measure(steps[tp, True], steps[torch, True], **options), **ms
        )
        report.add(
            "transformer step, f32", threads, *measure(steps[tp, False], steps[torch, False], **options), **ms
        )
        kernels(report, tp, torch, threads)
    report.save()


def kernels(report: Report, tp: Any, torch: Any, threads: int) -> None:
    def product(library: Any, dtype: str) -> Callable[[], Any]:
        a, b = (library.ones(*shape).to(getattr(library, dtype)) for shape in ((2048, 256), (256, 1024)))
        return lambda: a @ b

    def cast(library: Any, source: str, target: str) -> Callable[[], Any]:
        x = library.ones(2048, 1024).to(getattr(library, source))
        wanted = getattr(library, target)
        return lambda: x.to(wanted)

    def convolution(dtype: str) -> Callable[[], Any]:
        x, w = tp.ones(8, 64, 56, 56).to(getattr(tp, dtype)), tp.ones(64, 64, 3, 3).to(getattr(tp, dtype))
        return lambda: tp.nn.functional.conv2d(x, w, padding=1)

    report.add(
        "conv 8x64x56x56, 3x3: bf16 / f32",
        threads,
        *measure(convolution("bfloat16"), convolution("float32")),
        scale=1e3,
        unit="ms",
    )
    report.add(
        "matmul 2048x256x1024: bf16 / f32",
        threads,
        *measure(product(tp, "bfloat16"), product(tp, "float32")),
        scale=1e6,
        unit="us",
    )
    report.add(
        "matmul 2048x256x1024, bf16",
        threads,
        *measure(product(tp, "bfloat16"), product(torch, "bfloat16")),
        scale=1e6,
        unit="us",
    )
    for source, target in (
        ("float32", "bfloat16"),
        ("bfloat16", "float32"),
        ("float32", "float16"),
        ("float16", "float32"),
    ):
        report.add(
            f"cast {source} to {target}",
            threads,
            *measure(cast(tp, source, target), cast(torch, source, target)),
            scale=1e6,
            unit="us",
        )


if __name__ == "__main__":
    main()
