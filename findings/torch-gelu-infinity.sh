#!/usr/bin/env bash
# PyTorch 2.13.0, CPU: gelu of infinity depends on how many numbers there are. A tensor of one number gives inf, one of
# eight gives nan, since whole vectors take another way than what is left over; float64 and the approximation by tanh
# give inf at any length. Seen:
#   1 number: [inf], in float64 [inf], by tanh [inf]
#   8 numbers: [nan], in float64 [inf], by tanh [inf]
source "$(dirname "$0")/environment"
packages torch==2.13.0 numpy==2.4.6
seen "1 number: [inf], in float64 [inf], by tanh [inf]
8 numbers: [nan], in float64 [inf], by tanh [inf]" <<'PROGRAM'
import torch
from torch.nn.functional import gelu

for count, words in ((1, "1 number"), (8, "8 numbers")):
    x = torch.full((count,), float("inf"))
    alike = [sorted(set(map(str, y.tolist()))) for y in (gelu(x), gelu(x.double()), gelu(x, approximate="tanh"))]
    single, double, tanh = (f"[{', '.join(values)}]" for values in alike)
    print(f"{words}: {single}, in float64 {double}, by tanh {tanh}")
PROGRAM
