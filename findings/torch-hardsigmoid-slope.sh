#!/usr/bin/env bash
# PyTorch 2.13.0, CPU: the slope of hardsigmoid in float64 is 1/6 as float32 holds it, though its value and the slope of
# hardswish, of the same sixth, are float64's. A check of gradients by differences passes, since it allows that much. Seen:
#   hardsigmoid, slope     0.1666666716337204
#   hardsigmoid, value     0.5166666666666667
#   hardswish, slope       0.5333333333333333
source "$(dirname "$0")/environment"
packages torch==2.13.0 numpy==2.4.6
seen "hardsigmoid, slope     0.1666666716337204
hardsigmoid, value     0.5166666666666667
hardswish, slope       0.5333333333333333" <<'PROGRAM'
import torch
import torch.nn.functional as F

x = torch.tensor([0.1], dtype=torch.float64, requires_grad=True)
(slope,) = torch.autograd.grad(F.hardsigmoid(x).sum(), x)
print("hardsigmoid, slope    ", slope.item())
print("hardsigmoid, value    ", F.hardsigmoid(x).item())
(slope,) = torch.autograd.grad(F.hardswish(x).sum(), x)
print("hardswish, slope      ", slope.item())
PROGRAM
