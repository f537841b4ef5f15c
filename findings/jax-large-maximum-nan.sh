#!/usr/bin/env bash
# JAX 0.10.2 on the CPU: the maximum and minimum of float32 and float64 arrays overlook NaN from 4,096 elements on; below
# that they give it, as NumPy does. The sum, argmax and float16 keep it at the same sizes. XLA takes another kernel for
# large reductions: with --xla_cpu_experimental_ynn_fusion_type= empty, NaN is found. Seen:
#   elements   max float32  min float32  max float64  max float16  sum  argmax
#       4032           nan          nan          nan          nan  nan  nan
#       4096           0.0          0.0          0.0          nan  nan  nan
#      70000           0.0          0.0          0.0          nan  nan  nan
#   without that kernel, 4096: nan
source "$(dirname "$0")/environment"
packages numpy==2.4.6 jax==0.10.2 jaxlib==0.10.2 ml_dtypes==0.6.0 scipy==1.17.1 opt_einsum==3.4.0
seen "elements   max float32  min float32  max float64  max float16  sum  argmax
    4032           nan          nan          nan          nan  nan  nan
    4096           0.0          0.0          0.0          nan  nan  nan
   70000           0.0          0.0          0.0          nan  nan  nan
without that kernel, 4096: nan" <<'PROGRAM'
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)


def with_nan(count, dtype):
    x = np.zeros(count, np.float64)
    x[1] = np.nan
    return jnp.asarray(x).astype(dtype)


print("elements   max float32  min float32  max float64  max float16  sum  argmax")
for count in (4032, 4096, 70000):
    found = [
        jnp.max(with_nan(count, "float32")),
        jnp.min(with_nan(count, "float32")),
        jnp.max(with_nan(count, "float64")),
        jnp.max(with_nan(count, "float16")),
    ]
    x = with_nan(count, "float32")
    place = "nan" if int(jnp.argmax(x)) == 1 else "other"
    print(f"{count:8}", "".join(f"{float(v):13}" for v in found), f" {float(jnp.sum(x))}  {place}")
flags = {**os.environ, "XLA_FLAGS": "--xla_cpu_experimental_ynn_fusion_type="}
program = "import jax.numpy as j, numpy as n; x = n.zeros(4096, 'f4'); x[1] = n.nan; print('without that kernel, 4096:', j.max(j.asarray(x)))"
print(subprocess.run([sys.executable, "-c", program], env=flags, capture_output=True, text=True).stdout.strip())
PROGRAM
