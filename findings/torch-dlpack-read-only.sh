#!/usr/bin/env bash
# PyTorch 2.13.0 with NumPy 2.4.6: an array that may not be written is said to be so in DLPack's versioned form, and
# torch.from_dlpack takes no notice, without a warning (torch.from_numpy warns): writing to the tensor changes the
# array. Seen:
#   from_numpy warns: True
#   from_dlpack warns: False
#   writeable: False, and holds [9.0, 1.0, 2.0]
source "$(dirname "$0")/environment"
packages torch==2.13.0 numpy==2.4.6
seen "from_numpy warns: True
from_dlpack warns: False
writeable: False, and holds [9.0, 1.0, 2.0]" <<'PROGRAM'
import warnings

import numpy as np
import torch

array = np.arange(3.0)
array.flags.writeable = False
for name in ("from_numpy", "from_dlpack"):
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        x = getattr(torch, name)(array)
    print(f"{name} warns: {any('writ' in str(one.message) for one in heard)}")
x[0] = 9
print(f"writeable: {array.flags.writeable}, and holds {array.tolist()}")
PROGRAM
