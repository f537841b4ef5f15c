#!/usr/bin/env bash
# PyTorch 2.13.0, CPU: max_pool1d of integers is refused unless one asks for the places as well; max_pool2d takes them
# either way. Seen:
#   max_pool1d, without places: NotImplementedError
#   max_pool1d, with places: [1, 3, 5, 7]
#   max_pool2d, without places: [1, 3, 5, 7]
source "$(dirname "$0")/environment"
packages torch==2.13.0 numpy==2.4.6
seen "max_pool1d, without places: NotImplementedError
max_pool1d, with places: [1, 3, 5, 7]
max_pool2d, without places: [1, 3, 5, 7]" <<'PROGRAM'
import torch
from torch.nn.functional import max_pool1d, max_pool2d

x = torch.arange(8).reshape(1, 1, 8)
try:
    print("max_pool1d, without places:", max_pool1d(x, 2).flatten().tolist())
except NotImplementedError as error:
    print("max_pool1d, without places:", type(error).__name__)
print("max_pool1d, with places:", max_pool1d(x, 2, return_indices=True)[0].flatten().tolist())
print("max_pool2d, without places:", max_pool2d(x[None], (1, 2)).flatten().tolist())
PROGRAM
