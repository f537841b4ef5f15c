"""Trading computation for memory: ``checkpoint`` runs a function again in the backward pass instead
of keeping what it saved.
"""

from __future__ import annotations

from tensorplug_layers.autograd.checkpointing import checkpoint, set_random_state_functions

from .. import random

set_random_state_functions(random.get_rng_state, random.set_rng_state)

__all__ = ["checkpoint"]
