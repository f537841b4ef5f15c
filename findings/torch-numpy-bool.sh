#!/usr/bin/env bash
# PyTorch 2.13.0 with NumPy 2.4.6: NumPy's True beside a tensor counts as a float, where Python's True, and NumPy's own
# integers, leave the tensor's dtype as it is. An addition changes the dtype; a logical operator says that it is not
# implemented for floats, though neither operand is one. Seen:
#   int64 + True              torch.int64
#   int64 + np.int8(1)        torch.int64
#   int64 + np.bool_(True)    torch.float32
#   bool & True               torch.bool
#   bool & np.bool_(True)     NotImplementedError: "bitwise_and_cpu" not implemented for 'Float'
source "$(dirname "$0")/environment"
packages torch==2.13.0 numpy==2.4.6
seen "int64 + True              torch.int64
int64 + np.int8(1)        torch.int64
int64 + np.bool_(True)    torch.float32
bool & True               torch.bool
bool & np.bool_(True)     NotImplementedError: \"bitwise_and_cpu\" not implemented for 'Float'" <<'PROGRAM'
import operator

import numpy as np
import torch

whole, truth = torch.tensor([1]), torch.tensor([True])
for name, function, left, right in (
    ("int64 + True", operator.add, whole, True),
    ("int64 + np.int8(1)", operator.add, whole, np.int8(1)),
    ("int64 + np.bool_(True)", operator.add, whole, np.bool_(True)),
    ("bool & True", operator.and_, truth, True),
    ("bool & np.bool_(True)", operator.and_, truth, np.bool_(True)),
):
    try:
        found = function(left, right).dtype
    except NotImplementedError as error:
        found = f"NotImplementedError: {error}"
    print(f"{name:<25} {found}")
PROGRAM
