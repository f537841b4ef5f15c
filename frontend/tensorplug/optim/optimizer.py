"""``Optimizer``: the base of all optimizers (https://pytorch.org/docs/stable/optim.html)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from copy import deepcopy
from functools import wraps
from weakref import WeakSet

import tensorplug as tp
from tensorplug_dispatcher.steps import held

from .._owners import BESIDE, OPTIMIZERS, known_as
from ..nn.modules._hooks import HookList, RemovableHandle, StateHooks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tensorplug import Tensor


class _Required:
    """The default of a setting that every parameter group must give."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()


class OptimizerHooks(StateHooks):
    """The hooks of an optimizer: around its state dicts and around its steps."""

    __slots__ = ("step_post", "step_pre")

    def __init__(self) -> None:
        super().__init__()
        self.step_pre = HookList()
        self.step_post = HookList()


_global_pre = HookList()
_global_post = HookList()
_NO_HOOKS = OptimizerHooks()
_alive: WeakSet[Optimizer] = WeakSet()  # whose state moves when a module does


def state_beside(storages: Any) -> list[Tensor]:
    """The state that optimizers keep for parameters in these storages, where it lives on their device."""
    found: list[Tensor] = []
    for optimizer in list(_alive):
        for param, state in list(optimizer.state.items()):
            if isinstance(param, tp.Tensor) and param.storage in storages:
                found.extend(
                    value
                    for value in state.values()
                    if isinstance(value, tp.Tensor)
                    and (value.ndim or not param.ndim)
                    and value.device is param.device
                )
    return found


BESIDE.append(state_beside)


def _observed(step: Callable[..., Any]) -> Callable[..., Any]:
    """``step`` with the step hooks around it, and a note for schedulers that it was called."""

    @wraps(step)
    def observed(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        self._step_called = True
        hooks = self._hooks
        if (hooks is None and not _global_pre and not _global_post) or self._in_step:
            return step(self, *args, **kwargs)
        hooks = hooks or _NO_HOOKS
        with held(self, True, "_in_step"):  # the step of a base class that is called from here runs no hooks
            for hook in (*_global_pre.values(), *hooks.step_pre.values()):
                changed = hook(self, args, kwargs)
                if changed is not None:
                    if not (isinstance(changed, tuple) and len(changed) == 2):
                        raise RuntimeError(
                            f"{hook} must return None or a tuple of (new_args, new_kwargs), "
                            f"but got {changed}."
                        )
                    args, kwargs = changed
            out = step(self, *args, **kwargs)
            for hook in (*hooks.step_post.values(), *_global_post.values()):
                hook(self, args, kwargs)
        return out

    return observed


@known_as(OPTIMIZERS)
class Optimizer:
    """Changes parameters by their gradients.

    ``params``: parameters, (name, parameter) pairs, or dicts with "params" and settings of their own, a group
    each. ``defaults``: the settings of groups that do not give them. Subclasses define ``step``.
    """

    state: defaultdict[Any, dict[str, Any]]
    param_groups: list[dict[str, Any]]
    defaults: dict[str, Any]
    _hooks: OptimizerHooks | None = None
    _in_step = False
    _step_called = False
    _number_state: tuple[str, ...] = ()  # kept as Python numbers, 0-d float32 tensors in state dicts

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        step = cls.__dict__.get("step")
        if step is not None:
            cls.step = _observed(step)  # type: ignore[method-assign]

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        if isinstance(params, tp.Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                "but got " + type(params).__name__
            )
        _alive.add(self)
        self.defaults = defaults
        self.state = defaultdict(dict)
        self.param_groups = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        _alive.add(self)
        self.__dict__.update(state)

    def __repr__(self) -> str:
        text = type(self).__name__ + " ("
        for position, group in enumerate(self.param_groups):
            text += f"\nParameter Group {position}\n"
            text += "".join(f"    {key}: {group[key]}\n" for key in sorted(group) if key != "params")
        return text + ")"

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update all parameters that have a gradient;
        ``closure`` computes the loss again, which is returned.
        """
        raise NotImplementedError

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or fill them with zeros."""
        for group in self.param_groups:
            for param in group["params"]:
                if set_to_none:
                    param.grad = None
                elif param.grad is not None:
                    param.grad.detach_()
                    param.grad.zero_()

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group: ``{"params": ..., "lr": ...}``.
        Raises TypeError and ValueError, with PyTorch's messages.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, tp.Tensor):
            params = [params]
        elif isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, "
                "but the ordering of tensors in sets will change between runs. Please use a list instead."
            )
        else:
            params = list(params)
        names = [param[0] for param in params if isinstance(param, tuple)]
        if names:
            if len(names) != len(params):
                raise ValueError(
                    "all optimizer params should be with/without names. Some param names are missing"
                )
            param_group["param_names"] = names
            params = [param[1] for param in params]
        param_group["params"] = params
        for param in params:
            if not isinstance(param, tp.Tensor):
                raise TypeError(
                    "optimizer can only optimize Tensors, but one of the params is " + type(param).__name__
                )
            if not self.defaults.get("differentiable") and not (param.is_leaf or param.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(
                    f"parameter group didn't specify a value of required optimization parameter {name}"
                )
            param_group.setdefault(name, default)
        ids = {id(param) for param in params}
        if len(ids) != len(params):
            import warnings

            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, "
                "this will cause an error; see github.com/pytorch/pytorch/issues/40967 for more information",
                stacklevel=3,
            )
        for group in self.param_groups:
            if ("param_names" in param_group) != ("param_names" in group):
                with_names = "with names" if "param_names" in param_group else "without names"
                raise ValueError(
                    "all optimizer param groups should be with/without names. cannot add param "
                    f"group {with_names} to the optimizer"
                )
            if not ids.isdisjoint(id(param) for param in group["params"]):
                raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)

    # -- state -----------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """``{"state": {index: {...}}, "param_groups": [...]}`` with parameters replaced by their index.

        The tensors are those of the optimizer, not copies.
        """
        hooks = self._hooks or _NO_HOOKS
        for hook in hooks.save_pre.values():
            hook(self)
        index: dict[int, int] = {}
        groups = []
        start = 0
        for group in self.param_groups:
            for position, param in enumerate(group["params"], start):
                index.setdefault(id(param), position)
            packed = {key: value for key, value in group.items() if key != "params"}
            packed["params"] = [index[id(param)] for param in group["params"]]
            groups.append(packed)
            start += len(group["params"])
        state = {
            index[id(key)] if isinstance(key, tp.Tensor) else key: self._packed(value)
            for key, value in self.state.items()
        }
        result: dict[str, Any] = {"state": state, "param_groups": groups}
        for hook in hooks.save_post.values():
            changed = hook(self, result)
            if changed is not None:
                result = changed
        return result

    def _packed(self, state: Any) -> Any:
        if not self._number_state or not isinstance(state, dict):
            return state
        return {
            key: tp.tensor(float(value), dtype=tp.float32)
            if key in self._number_state and not isinstance(value, tp.Tensor)
            else value
            for key, value in state.items()
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the state and the settings of ``state_dict``;
        tensors are cast and moved to where the parameters are.

        Raises ValueError where groups or their sizes differ.
        """
        hooks = self._hooks or _NO_HOOKS
        state_dict = state_dict.copy()
        for hook in hooks.load_pre.values():
            changed = hook(self, state_dict)
            if changed is not None:
                state_dict = changed
        groups = self.param_groups
        saved = deepcopy(state_dict["param_groups"])
        if len(groups) != len(saved):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(own["params"]) != len(other["params"]) for own, other in zip(groups, saved)):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of "
                "optimizer's group"
            )
        param_of = {
            key: param
            for own, other in zip(groups, saved)
            for key, param in zip(other["params"], own["params"])
        }
        state: defaultdict[Any, Any] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in param_of:
                state[param_of[key]] = self._fitted(param_of[key], value, None)
            else:
                state[key] = value
        for own, other in zip(groups, saved):
            other["params"] = own["params"]
            if "param_names" in own:
                other.setdefault("param_names", own["param_names"])
        self.__setstate__({"state": state, "param_groups": saved})
        for hook in hooks.load_post.values():
            hook(self)

    def _fitted(self, param: Tensor, value: Any, key: Any) -> Any:
        """Loaded state for ``param``: floating-point tensors get its dtype
        and device, ``step`` stays as it is.
        """
        if isinstance(value, tp.Tensor):
            if key in self._number_state:
                return value.item()
            if key == "step":
                return value
            if param.is_floating_point():
                return value.to(device=param.device, dtype=param.dtype)
            return value.to(device=param.device)
        if isinstance(value, dict):
            return {name: self._fitted(param, item, name) for name, item in value.items()}
        if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
            return type(value)(self._fitted(param, item, None) for item in value)  # type: ignore[call-arg]
        return value

    # -- hooks -----------------------------------------------------------------------------------------------

    def _own_hooks(self) -> OptimizerHooks:
        if self._hooks is None:
            self._hooks = OptimizerHooks()
        return self._hooks

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` before every step; it may return new ``(args, kwargs)``."""
        return self._own_hooks().step_pre.add(hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` after every step."""
        return self._own_hooks().step_post.add(hook)

    def register_state_dict_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer)`` before ``state_dict``."""
        return self._own_hooks().save_pre.add(hook, prepend)

    def register_state_dict_post_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` after ``state_dict``; what it returns replaces the result."""
        return self._own_hooks().save_post.add(hook, prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` before loading; what it returns is loaded instead."""
        return self._own_hooks().load_pre.add(hook, prepend)

    def register_load_state_dict_post_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer)`` after loading."""
        return self._own_hooks().load_post.add(hook, prepend)


def register_optimizer_step_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """``register_step_pre_hook`` for all optimizers."""
    return _global_pre.add(hook)


def register_optimizer_step_post_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """``register_step_post_hook`` for all optimizers."""
    return _global_post.add(hook)


def run_closure(closure: Callable[[], Any] | None) -> Any:
    """The closure's loss, with gradients on; None without a closure."""
    if closure is None:
        return None
    with tp.enable_grad():
        return closure()


def check_settings(**settings: Any) -> None:
    """Raise ValueError for a negative setting, with PyTorch's words; the names are those of the messages."""
    for name, value in settings.items():
        if not value >= 0.0:
            raise ValueError(f"Invalid {_WORDS.get(name, f'{name} value')}: {value}")


_WORDS = {"lr": "learning rate", "eps": "epsilon value", "momentum": "momentum value"}


def check_modes(differentiable: bool, foreach: bool | None = None, fused: bool | None = None) -> None:
    """``fused`` and ``foreach`` change nothing here (steps are fused anyway);
    ``differentiable`` is refused.
    """
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
    if differentiable:
        raise NotImplementedError(
            "differentiable=True is not supported: steps update parameters in place "
            "without recording; write the update with tensor operations instead"
        )
