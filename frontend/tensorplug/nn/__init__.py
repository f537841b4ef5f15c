"""Neural networks: modules, their functions, parameters and initialisation, after ``torch.nn``."""

from __future__ import annotations

from . import functional, init, modules, utils
from .modules import *  # noqa: F403
from .modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
)
from .parameter import Buffer, Parameter

__all__ = [
    "Buffer",
    "Parameter",
    "functional",
    "init",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "utils",
]
__all__ += modules.__all__
