#!/usr/bin/env bash
# ml_dtypes 0.6.0 with NumPy 2.4.6: some operators of 4-bit integers stay in 4 bits and wrap, others are computed in int8,
# so that a number and its quotient or power are of different dtypes: 7 + 7 is -2 and 7 squared is 49. The two halves of
# one division differ too, by how they are asked for. Seen:
#   7 + 7            -2 int4
#   7 * 7            1 int4
#   square(7)        49 int8
#   7 ** 2           49 int8
#   -(-8)            8 int8
#   abs(-8)          8 int8
#   -7 // 2          -4 int4
#   divmod(-7, 2)[0] -4 int8
source "$(dirname "$0")/environment"
packages numpy==2.4.6 ml_dtypes==0.6.0
seen "7 + 7            -2 int4
7 * 7            1 int4
square(7)        49 int8
7 ** 2           49 int8
-(-8)            8 int8
abs(-8)          8 int8
-7 // 2          -4 int4
divmod(-7, 2)[0] -4 int8" <<'PROGRAM'
import ml_dtypes
import numpy as np


def whole(number):
    return np.array([number], ml_dtypes.int4)


for name, found in (
    ("7 + 7", whole(7) + whole(7)),
    ("7 * 7", whole(7) * whole(7)),
    ("square(7)", np.square(whole(7))),
    ("7 ** 2", whole(7) ** whole(2)),
    ("-(-8)", -whole(-8)),
    ("abs(-8)", np.abs(whole(-8))),
    ("-7 // 2", whole(-7) // whole(2)),
    ("divmod(-7, 2)[0]", np.divmod(whole(-7), whole(2))[0]),
):
    print(f"{name:<16} {int(found[0])} {found.dtype}")
PROGRAM
