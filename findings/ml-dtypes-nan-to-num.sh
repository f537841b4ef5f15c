#!/usr/bin/env bash
# ml_dtypes 0.6.0 with NumPy 2.4.6: nan_to_num, asked for an array of bfloat16 or an 8-bit float, gives NaN and the
# infinities back without a word: NumPy does not count these dtypes as inexact, and isnan of the same array is true. Seen:
#   float16       nan_to_num: 0.0 65504.0 -65504.0             isnan: True False False
#   bfloat16      nan_to_num: nan inf -inf                     isnan: True False False
#   float8_e5m2   nan_to_num: nan inf -inf                     isnan: True False False
source "$(dirname "$0")/environment"
packages numpy==2.4.6 ml_dtypes==0.6.0
seen "float16       nan_to_num: 0.0 65504.0 -65504.0             isnan: True False False
bfloat16      nan_to_num: nan inf -inf                     isnan: True False False
float8_e5m2   nan_to_num: nan inf -inf                     isnan: True False False" <<'PROGRAM'
import ml_dtypes
import numpy as np

given = np.array([np.nan, np.inf, -np.inf])
for dtype in (np.float16, ml_dtypes.bfloat16, ml_dtypes.float8_e5m2):
    x = given.astype(dtype)
    numbers = " ".join(str(float(each)) for each in np.nan_to_num(x))
    print(f"{dtype.__name__:<13} nan_to_num: {numbers:<32} isnan:", *np.isnan(x))
PROGRAM
