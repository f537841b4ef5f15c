#!/usr/bin/env bash
# JAX 0.10.2: an array of 4-bit integers has a mean and a maximum, and no sum: sum looks at NumPy's letter for the kind of
# dtype, which is V here, and takes it for no integer. With a dtype named it works. Seen:
#   max              7
#   mean             7.0
#   sum              ValueError: Invalid integer data type 'V'.
#   sum(dtype=int32) 21
source "$(dirname "$0")/environment"
packages numpy==2.4.6 jax==0.10.2 jaxlib==0.10.2 ml_dtypes==0.6.0 scipy==1.17.1 opt_einsum==3.4.0
seen "max              7
mean             7.0
sum              ValueError: Invalid integer data type 'V'.
sum(dtype=int32) 21" <<'PROGRAM'
import jax.numpy as jnp

x = jnp.full(3, 7, jnp.int4)
for name, function in (
    ("max", jnp.max),
    ("mean", jnp.mean),
    ("sum", jnp.sum),
    ("sum(dtype=int32)", lambda x: jnp.sum(x, dtype=jnp.int32)),
):
    try:
        found = function(x).item()
    except ValueError as error:
        found = f"ValueError: {error}"
    print(f"{name:<16} {found}")
PROGRAM
