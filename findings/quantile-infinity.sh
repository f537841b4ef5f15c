#!/usr/bin/env bash
# NumPy 2.4.6, PyTorch 2.13.0 and JAX 0.10.2: where the number after the wanted one is infinite, NumPy's quantile is NaN,
# though the wanted one is an element itself (its neighbour's weight is 0, and 0 times infinity is NaN): its median and
# its quantile 0.5 of one array differ. PyTorch and JAX give the element; with -inf before inf they too give NaN. Seen:
#                            numpy torch jax
#   median of 1, 2, inf      2.0   2.0   2.0
#   quantile 0.5 of the same nan   2.0   2.0
#   quantile 0 of 1, inf     nan   1.0   1.0
#   quantile 0 of -inf, inf  nan   nan   nan
source "$(dirname "$0")/environment"
packages numpy==2.4.6 torch==2.13.0 jax==0.10.2 jaxlib==0.10.2 ml_dtypes==0.6.0 scipy==1.17.1 opt_einsum==3.4.0
seen "                         numpy torch jax
median of 1, 2, inf      2.0   2.0   2.0
quantile 0.5 of the same nan   2.0   2.0
quantile 0 of 1, inf     nan   1.0   1.0
quantile 0 of -inf, inf  nan   nan   nan" <<'PROGRAM'
import warnings

import jax.numpy as jnp
import numpy as np
import torch

warnings.simplefilter("ignore")
inf = float("inf")
libraries = ((np, np.array), (torch, torch.tensor), (jnp, jnp.array))
print(" " * 24, "numpy torch jax")


def row(name, function):
    print(f"{name:<24}", " ".join(f"{float(function(*each)):<5}" for each in libraries).rstrip())


row("median of 1, 2, inf", lambda library, array: library.median(array([1.0, 2.0, inf])))
row("quantile 0.5 of the same", lambda library, array: library.quantile(array([1.0, 2.0, inf]), 0.5))
row("quantile 0 of 1, inf", lambda library, array: library.quantile(array([1.0, inf]), 0.0))
row("quantile 0 of -inf, inf", lambda library, array: library.quantile(array([-inf, inf]), 0.0))
PROGRAM
