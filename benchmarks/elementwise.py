"""Large arrays: elementwise on 16 M float32, rows of 1024 for softmax,
layer norm and sum, matmul and conv2d.
"""

from __future__ import annotations

from harness import Report, measure, require_torch, thread_counts


def main() -> None:
    torch = require_torch()
    import torch.nn.functional as theirs

    import tensorplug as tp
    import tensorplug.nn.functional as ours

    report = Report("elementwise", "torch")
    n = 1 << 24
    a, b, c = (tp.rand(n) for _ in range(3))
    ta, tb, tc = (torch.rand(n) for _ in range(3))
    rows, trows = a.view(-1, 1024), ta.view(-1, 1024)
    m, tm = tp.rand(1024, 1024), torch.rand(1024, 1024)
    image, timage = tp.rand(8, 64, 56, 56), torch.rand(8, 64, 56, 56)
    weight, tweight = tp.rand(64, 64, 3, 3), torch.rand(64, 64, 3, 3)
    cases = [
        ("add, 16 M", lambda: a + b, lambda: ta + tb, 0.9),
        ("gelu, 16 M", lambda: ours.gelu(a), lambda: theirs.gelu(ta), 0.9),
        ("a*b+c, 16 M", lambda: a * b + c, lambda: ta * tb + tc, 0.9),
        ("softmax, rows of 1024", lambda: ours.softmax(rows, -1), lambda: theirs.softmax(trows, -1), 0.9),
        (
            "layer_norm, rows of 1024",
            lambda: ours.layer_norm(rows, (1024,)),
            lambda: theirs.layer_norm(trows, (1024,)),
            0.9,
        ),
        ("sum, rows of 1024", lambda: rows.sum(-1), lambda: trows.sum(-1), 0.9),
        ("matmul 1024", lambda: m @ m, lambda: tm @ tm, None),
        (
            "conv2d 64-64 3x3 56x56, batch 8",
            lambda: ours.conv2d(image, weight, padding=1),
            lambda: theirs.conv2d(timage, tweight, padding=1),
            None,
        ),
    ]
    with tp.no_grad(), torch.no_grad():
        for threads in thread_counts():
            tp.set_num_threads(threads)
            torch.set_num_threads(threads)
            for name, our, their, limit in cases:
                report.add(
                    name, threads, *measure(our, their, seconds=0.2), scale=1e3, unit="ms", limit=limit
                )
    report.save()


if __name__ == "__main__":
    main()
