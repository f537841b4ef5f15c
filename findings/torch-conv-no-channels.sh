#!/usr/bin/env bash
# PyTorch 2.13.0, CPU: a convolution of an image without channels gives a result with as many channels as the image has,
# none, instead of as many as there are filters; a linear layer without inputs gives its outputs (zeros, or the bias). Seen:
#   conv2d of [1, 0, 5, 5] with 3 filters   [1, 0, 4, 4]
#   conv2d of [1, 1, 5, 5] with 3 filters   [1, 3, 4, 4]
#   linear of [1, 0] with 3 outputs         [1, 3]
source "$(dirname "$0")/environment"
packages torch==2.13.0 numpy==2.4.6
seen "conv2d of [1, 0, 5, 5] with 3 filters   [1, 0, 4, 4]
conv2d of [1, 1, 5, 5] with 3 filters   [1, 3, 4, 4]
linear of [1, 0] with 3 outputs         [1, 3]" <<'PROGRAM'
import torch
import torch.nn.functional as F

for channels in (0, 1):
    found = F.conv2d(torch.ones(1, channels, 5, 5), torch.ones(3, channels, 2, 2))
    print(f"conv2d of [1, {channels}, 5, 5] with 3 filters  ", list(found.shape))
print("linear of [1, 0] with 3 outputs        ", list(F.linear(torch.ones(1, 0), torch.ones(3, 0)).shape))
PROGRAM
