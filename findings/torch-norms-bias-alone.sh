#!/usr/bin/env bash
# PyTorch 2.13.0, CPU: normalizations with a bias and without a weight give their result, but group_norm then has no
# derivative, and layer_norm and batch_norm have no second one; with a weight of ones all do. Seen:
#   group_norm, weight of ones: first, second
#   group_norm, no weight: RuntimeError
#   layer_norm, weight of ones: first, second
#   layer_norm, no weight: first, RuntimeError
#   batch_norm, weight of ones: first, second
#   batch_norm, no weight: first, RuntimeError
source "$(dirname "$0")/environment"
packages torch==2.13.0 numpy==2.4.6
seen "group_norm, weight of ones: first, second
group_norm, no weight: RuntimeError
layer_norm, weight of ones: first, second
layer_norm, no weight: first, RuntimeError
batch_norm, weight of ones: first, second
batch_norm, no weight: first, RuntimeError" <<'PROGRAM'
import torch
from torch.nn.functional import batch_norm, group_norm, layer_norm

NORMS = {
    "group_norm": lambda x, w, b: group_norm(x, 2, w, b),
    "layer_norm": lambda x, w, b: layer_norm(x, (6,), w, b),
    "batch_norm": lambda x, w, b: batch_norm(x, None, None, w, b, True),
}


def derivatives(norm, weight):
    x = torch.arange(24.0, dtype=torch.float64).reshape(4, 6).sin().requires_grad_()
    bias = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    factor = torch.arange(24.0, dtype=torch.float64).reshape(4, 6).cos().requires_grad_()
    found = []
    try:
        given = torch.autograd.grad((norm(x, weight, bias) * factor).sum(), (x, bias), create_graph=True)
        found.append("first")
        torch.autograd.grad(sum((g**2).sum() for g in given), (x, factor))
        found.append("second")
    except RuntimeError as error:
        found.append(type(error).__name__)
    return ", ".join(found)


for name, norm in NORMS.items():
    print(f"{name}, weight of ones:", derivatives(norm, torch.ones(6, dtype=torch.float64)))
    print(f"{name}, no weight:", derivatives(norm, None))
PROGRAM
