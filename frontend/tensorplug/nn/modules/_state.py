"""Saving and loading of a module's state: the half of ``Module`` that deals with state dicts."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from collections.abc import Mapping

import tensorplug as tp
from tensorplug_dispatcher.errors import TensorplugError

from ..parameter import Parameter
from ._hooks import RemovableHandle, StateHooks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

EXTRA_STATE = "_extra_state"


class StateDictError(TensorplugError):
    """A state dict does not fit the module: keys are missing or unexpected, or shapes differ."""


class IncompatibleKeys(namedtuple("IncompatibleKeys", ("missing_keys", "unexpected_keys"))):
    """What ``load_state_dict`` returns: the keys that were missing and those that were not expected."""

    __slots__ = ()

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return "_" + super().__repr__()  # as PyTorch prints it

    __str__ = __repr__


class Stateful:
    """State dict methods of ``Module``."""

    _version: int = 1
    _state_hooks: StateHooks | None = None
    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _modules: dict[str, Any]
    _non_persistent_buffers_set: set[str]

    def _own_state_hooks(self) -> StateHooks:
        hooks = self.__dict__.get("_state_hooks")
        if hooks is None:
            hooks = self.__dict__["_state_hooks"] = StateHooks()
        return hooks

    def register_state_dict_pre_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Call ``hook(module, prefix, keep_vars)`` before the module's state is collected."""
        return self._own_state_hooks().save_pre.add((hook, False))

    def register_state_dict_post_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata)`` after; it changes the dict in place."""
        return self._own_state_hooks().save_post.add((hook, False))

    def _register_state_dict_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        return self._own_state_hooks().save_post.add((hook, True))

    def register_load_state_dict_pre_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys,
        error_msgs)`` before the module's state is loaded."""
        return self._own_state_hooks().load_pre.add((hook, True))

    def _register_load_state_dict_pre_hook(
        self, hook: Callable[..., None], with_module: bool = False
    ) -> RemovableHandle:
        return self._own_state_hooks().load_pre.add((hook, with_module))

    def register_load_state_dict_post_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Call ``hook(module, incompatible_keys)`` after; it may change the two lists in place."""
        return self._own_state_hooks().load_post.add(hook)

    def get_extra_state(self) -> Any:
        """Override, with ``set_extra_state``, to put more than tensors into the state dict."""
        raise TensorplugError(
            f"{type(self).__name__}.get_extra_state() is not defined; define it together "
            "with set_extra_state() to store extra state."
        )

    def set_extra_state(self, state: Any) -> None:
        """Override to take what ``get_extra_state`` gave."""
        raise TensorplugError(
            f"{type(self).__name__}.set_extra_state() is not defined; define it together "
            "with get_extra_state() to load extra state."
        )

    def state_dict(
        self, *, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """Names → tensors of all parameters and persistent buffers, submodules' names joined by dots.

        The tensors are detached and share storage with the module's (``keep_vars``: the parameters
        themselves).
        """
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        local_metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local_metadata
        hooks = self._state_hooks
        if hooks is not None:
            for hook, _ in hooks.save_pre.values():
                hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        if hooks is not None:
            for hook, may_replace in hooks.save_post.values():
                changed = hook(self, destination, prefix, local_metadata)
                if changed is not None:
                    if not may_replace:
                        raise RuntimeError("state_dict post-hook must return None")
                    destination = changed
        return destination

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        for name, tensor in self._parameters.items():
            if tensor is not None:
                destination[prefix + name] = tensor if keep_vars else tensor.detach()
        for name, tensor in self._buffers.items():
            if tensor is not None and name not in self._non_persistent_buffers_set:
                destination[prefix + name] = tensor if keep_vars else tensor.detach()
        if type(self).get_extra_state is not Stateful.get_extra_state:
            destination[prefix + EXTRA_STATE] = self.get_extra_state()

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy the values of ``state_dict`` into parameters and buffers (``assign``:
        take its tensors instead).

        Returns the missing and the unexpected keys. Raises ``StateDictError`` (a RuntimeError) that lists all
        mismatches of shape and, where ``strict``, all missing and unexpected keys.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        missing: list[str] = []
        unexpected: list[str] = []
        errors: list[str] = []
        metadata = getattr(state_dict, "_metadata", None)
        copied = OrderedDict(state_dict)
        if metadata is not None:
            copied._metadata = metadata  # type: ignore[attr-defined]

        def load(module: Any, local: dict[str, Any], prefix: str) -> None:
            local_metadata = {} if metadata is None else metadata.get(prefix[:-1], {})
            if assign:
                local_metadata["assign_to_params_buffers"] = assign
            module._load_from_state_dict(local, prefix, local_metadata, True, missing, unexpected, errors)
            for name, child in module._modules.items():
                if child is not None:
                    below = f"{prefix}{name}."
                    load(child, {key: value for key, value in local.items() if key.startswith(below)}, below)
            hooks = module._state_hooks
            if hooks is not None:
                keys = IncompatibleKeys(missing, unexpected)
                for hook in hooks.load_post.values():
                    if hook(module, keys) is not None:
                        raise AssertionError(
                            "Hooks registered with ``register_load_state_dict_post_hook`` "
                            "are not expected to return new values, if incompatible_keys "
                            "need to be modified, it should be done inplace."
                        )

        load(self, copied, "")
        if strict:
            if missing:
                errors.insert(0, f"Missing key(s) in state_dict: {_quoted(missing)}. ")
            if unexpected:
                errors.insert(
                    1 if missing else 0, f"Unexpected key(s) in state_dict: {_quoted(unexpected)}. "
                )
        if errors:
            raise StateDictError(
                "Error(s) in loading state_dict for {}:\n\t{}".format(
                    type(self).__name__, "\n\t".join(errors)
                )
            )
        return IncompatibleKeys(missing, unexpected)

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        hooks = self._state_hooks
        if hooks is not None:
            arguments = (
                state_dict,
                prefix,
                local_metadata,
                strict,
                missing_keys,
                unexpected_keys,
                error_msgs,
            )
            for hook, with_module in hooks.load_pre.values():
                if with_module:
                    hook(self, *arguments)
                else:
                    hook(*arguments)
        own = {name: tensor for name, tensor in self._parameters.items() if tensor is not None}
        own.update(
            (name, tensor)
            for name, tensor in self._buffers.items()
            if tensor is not None and name not in self._non_persistent_buffers_set
        )
        assign = local_metadata.get("assign_to_params_buffers", False)
        for name, target in own.items():
            key = prefix + name
            if key in state_dict:
                self._load_tensor(name, key, target, state_dict[key], assign, error_msgs)
            elif strict:
                missing_keys.append(key)
        extra = prefix + EXTRA_STATE
        if type(self).set_extra_state is not Stateful.set_extra_state:
            if extra in state_dict:
                self.set_extra_state(state_dict[extra])
            elif strict:
                missing_keys.append(extra)
        elif strict and extra in state_dict:
            unexpected_keys.append(extra)
        if strict:
            for key in state_dict:
                if key.startswith(prefix) and key != extra:
                    first, dot, _ = key[len(prefix) :].partition(".")
                    if first not in (self._modules if dot else own):
                        unexpected_keys.append(key)

    def _load_tensor(
        self, name: str, key: str, target: Any, source: Any, assign: bool, errors: list[str]
    ) -> None:
        if not isinstance(source, tp.Tensor):
            errors.append(
                f'While copying the parameter named "{key}", expected tensorplug.Tensor or '
                f"Tensor-like object from checkpoint but received {type(source)}"
            )
            return
        if source.shape != target.shape:
            if not (target.ndim == 0 and tuple(source.shape) == (1,)):
                errors.append(
                    f"size mismatch for {key}: copying a param with shape {source.shape} from "
                    f"checkpoint, the shape in current model is {target.shape}."
                )
                return
            source = source[0]
        try:
            with tp.no_grad():
                if not assign:
                    target.copy_(source)
                elif isinstance(target, Parameter):
                    wanted = target.requires_grad and source.is_floating_point()  # quantized ones need none
                    if not isinstance(source, Parameter):
                        source = Parameter(source, requires_grad=wanted)
                    else:
                        source.requires_grad_(wanted)
                    setattr(self, name, source)
                else:
                    setattr(self, name, source)
        except Exception as error:
            errors.append(
                f'While copying the parameter named "{key}", whose dimensions in the model are '
                f"{target.shape} and whose dimensions in the checkpoint are {source.shape}, "
                f"an exception occurred : {error.args}."
            )


def _quoted(keys: list[str]) -> str:
    return ", ".join(f'"{key}"' for key in keys)
