#!/usr/bin/env bash
# ml_dtypes 0.6.0 with NumPy 2.4.6: numpy.sum of bfloat16 adds in bfloat16, one after the other, and stands still where
# one more no longer changes it; numpy.mean divides that. NumPy adds its own float16 in pairs, and takes float32 for
# its mean. Seen:
#   float16  sum 1000.0, mean 1.0
#   bfloat16 sum 256.0, mean 0.255859375
#   float8_e4m3fn sum 16.0, mean 0.015625
source "$(dirname "$0")/environment"
packages ml_dtypes==0.6.0 numpy==2.4.6
seen "float16  sum 1000.0, mean 1.0
bfloat16 sum 256.0, mean 0.255859375
float8_e4m3fn sum 16.0, mean 0.015625" <<'PROGRAM'
import ml_dtypes
import numpy as np

for dtype in (np.float16, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn):
    ones = np.ones(1000, dtype)
    print(f"{np.dtype(dtype).name:8} sum {float(ones.sum())}, mean {float(ones.mean())}")
PROGRAM
