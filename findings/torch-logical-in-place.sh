#!/usr/bin/env bash
# PyTorch 2.13.0: logical_not_ and its kin write 0 and 1 over a float tensor and leave its history as it was, so that
# gradients flow through numbers that are gone. eq_ ends the history, and logical_not out of place has none. Seen, for
# x = [1, 1], y = 3 x written over in place, and the gradient of its sum (right: 0):
#   y.eq_(3)              [0.0, 0.0]
#   y.logical_not_()      [3.0, 3.0]
#   y.logical_and_(y)     [3.0, 3.0]
#   logical_not(y)        requires_grad=False
source "$(dirname "$0")/environment"
packages torch==2.13.0 numpy==2.4.6
seen "y.eq_(3)              [0.0, 0.0]
y.logical_not_()      [3.0, 3.0]
y.logical_and_(y)     [3.0, 3.0]
logical_not(y)        requires_grad=False" <<'PROGRAM'
import torch

for name, write in (
    ("y.eq_(3)", lambda y: y.eq_(3)),
    ("y.logical_not_()", lambda y: y.logical_not_()),
    ("y.logical_and_(y)", lambda y: y.logical_and_(torch.ones(2))),
):
    x = torch.ones(2, requires_grad=True)
    y = x * 3
    write(y)
    y.sum().backward()
    print(f"{name:<21} {x.grad.tolist()}")
y = torch.ones(2, requires_grad=True) * 3
print(f"{'logical_not(y)':<21} requires_grad={torch.logical_not(y).requires_grad}")
PROGRAM
