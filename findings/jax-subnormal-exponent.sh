#!/usr/bin/env bash
# JAX 0.10.2, CPU: ldexp leaves a subnormal number as it is, whatever the exponent, and frexp gives every subnormal number
# the same exponent, so that the two together do not give the number back. Seen (exact: 2^-140 = 0.5 * 2^-139):
#   ldexp(2^-140, 140)    7.174648137343064e-43
#   frexp(2^-140)         0.5 -149
#   frexp(2^-130)         0.5 -149
source "$(dirname "$0")/environment"
packages numpy==2.4.6 jax==0.10.2 jaxlib==0.10.2 ml_dtypes==0.6.0 scipy==1.17.1 opt_einsum==3.4.0
seen "ldexp(2^-140, 140)    7.174648137343064e-43
frexp(2^-140)         0.5 -149
frexp(2^-130)         0.5 -149" <<'PROGRAM'
import jax.numpy as jnp

print("ldexp(2^-140, 140)   ", float(jnp.ldexp(jnp.float32(2.0**-140), 140)))
for power in (140, 130):
    print(f"frexp(2^-{power})        ", *[x.item() for x in jnp.frexp(jnp.float32(2.0**-power))])
PROGRAM
