#!/usr/bin/env bash
# JAX 0.10.2: an integer to the power of an array of integers takes the exponent modulo 64: 3^64 is 1 and 3^65 is 3, where
# a product of that many threes, and NumPy, wrap. An exponent that is a Python number is taken as a whole. Seen (int32):
#   exponent   an array     a number        NumPy
#   63    2111105451   2111105451   2111105451
#   64             1   2038349057   2038349057
#   65             3   1820079875   1820079875
#   127   2111105451  -2088621909  -2088621909
source "$(dirname "$0")/environment"
packages numpy==2.4.6 jax==0.10.2 jaxlib==0.10.2 ml_dtypes==0.6.0 scipy==1.17.1 opt_einsum==3.4.0
seen "63    2111105451   2111105451   2111105451
64             1   2038349057   2038349057
65             3   1820079875   1820079875
127   2111105451  -2088621909  -2088621909" <<'PROGRAM'
import jax.numpy as jnp
import numpy as np

for exponent in (63, 64, 65, 127):
    array = int(jnp.power(jnp.array([3], jnp.int32), jnp.array([exponent], jnp.int32))[0])
    number = int(jnp.power(jnp.array([3], jnp.int32), exponent)[0])
    exact = int(np.power(np.int32(3), np.int32(exponent)))
    print(f"{exponent:<4} {array:>11} {number:>12} {exact:>12}")
PROGRAM
