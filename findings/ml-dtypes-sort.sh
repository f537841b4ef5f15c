#!/usr/bin/env bash
# ml_dtypes 0.6.0 with NumPy 2.4.6: numpy.sort of bfloat16 does not sort where there is a NaN. NumPy puts NaN last, for
# its own dtypes; the comparison that ml_dtypes registers says of a NaN that it is neither less nor greater, so that it
# stays where it is, and what lies before and after it is sorted apart. (float8 is the same.) Seen:
#   float16  [-1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, nan]
#   bfloat16 [1.0, 3.0, nan, -1.0, 0.0, 2.0, 4.0, 5.0]
#   in order but for the NaN: float16 True, bfloat16 False
source "$(dirname "$0")/environment"
packages ml_dtypes==0.6.0 numpy==2.4.6
seen "float16  [-1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, nan]
bfloat16 [1.0, 3.0, nan, -1.0, 0.0, 2.0, 4.0, 5.0]
in order but for the NaN: float16 True, bfloat16 False" <<'PROGRAM'
import ml_dtypes
import numpy as np

values = [3, 1, np.nan, 2, 0, 5, 4, -1]
sorted_ = {name: np.sort(np.array(values, dtype)).astype(float)
           for name, dtype in (("float16", np.float16), ("bfloat16", ml_dtypes.bfloat16))}
for name, found in sorted_.items():
    print(f"{name:8} {found.tolist()}")
ordered = {name: bool((np.diff(found[~np.isnan(found)]) >= 0).all()) for name, found in sorted_.items()}
print("in order but for the NaN: " + ", ".join(f"{name} {is_so}" for name, is_so in ordered.items()))
PROGRAM
