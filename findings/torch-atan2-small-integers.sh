#!/usr/bin/env bash
# PyTorch 2.13.0: the gradient of atan2 beside a tensor of 8-bit integers squares these in 8 bits, where they wrap: beside
# 20 it is 2.7 times as large as beside the same 20 in 64 bits, beside 200 five hundred times. hypot, of the
# same squares, is right. Seen (the gradient at 3, exact n / (9 + n^2)):
#   n = 20    uint8 0.130719   int64 0.0488998  hypot, uint8 0.14834
#   n = 200   uint8 2.73973    int64 0.00499888 hypot, uint8 0.0149983
source "$(dirname "$0")/environment"
packages torch==2.13.0 numpy==2.4.6
seen "n = 20    uint8 0.130719   int64 0.0488998  hypot, uint8 0.14834
n = 200   uint8 2.73973    int64 0.00499888 hypot, uint8 0.0149983" <<'PROGRAM'
import torch


def slope(function, number, dtype):
    x = torch.tensor([3.0], requires_grad=True)
    function(x, torch.tensor([number], dtype=dtype)).sum().backward()
    return f"{x.grad.item():<10.6g}"


for n in (20, 200):
    small, large = slope(torch.atan2, n, torch.uint8), slope(torch.atan2, n, torch.int64)
    print(f"n = {n:<5} uint8 {small} int64 {large} hypot, uint8 {slope(torch.hypot, n, torch.uint8)}".rstrip())
PROGRAM
