#!/usr/bin/env bash
# JAX 0.10.2, CPU: log1p in float64 is exact to a unit in the last place nearly everywhere, and loses seven bits where
# 1 + x comes near sqrt(1/2) from above, which is where its rational approximation takes over. log(1 + x), the plain way
# that log1p is there to improve on, is exact to a unit there. Largest errors of 200,001 places in units, per range of x:
#   -0.9 -0.5   log1p   1 log(1 + x)   1
#   -0.5 -0.3   log1p 128 log(1 + x)   1
source "$(dirname "$0")/environment"
packages numpy==2.4.6 jax==0.10.2 jaxlib==0.10.2 ml_dtypes==0.6.0 scipy==1.17.1 opt_einsum==3.4.0
seen "-0.9 -0.5   log1p   1 log(1 + x)   1
-0.5 -0.3   log1p 128 log(1 + x)   1" <<'PROGRAM'
import jax
import numpy as np

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp

x = np.linspace(-0.9, 3, 200001)
exact = np.log1p(x.astype(np.longdouble))


def units(found, where):
    off = np.abs(np.asarray(found)[where].astype(np.longdouble) - exact[where])
    return round(float((off / np.spacing(np.abs(exact[where].astype(np.float64)))).max()))


for low, high in ((-0.9, -0.5), (-0.5, -0.3)):
    where = (x >= low) & (x < high)
    print(low, high, f"  log1p {units(jnp.log1p(x), where):3d} log(1 + x) {units(jnp.log(1 + x), where):3d}")
PROGRAM
