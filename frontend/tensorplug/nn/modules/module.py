"""``Module``: the base of everything that holds parameters (https://pytorch.org/docs/stable/nn.html)."""

from __future__ import annotations

import tensorplug as tp
from tensorplug_dispatcher.steps import give

from ..._inplace import check_data
from ..._owners import OWNERS, known_as
from ...migration import migrate_storages, with_optimizer_state
from ..parameter import Buffer, Parameter
from ._hooks import GLOBAL, CallHooks, RemovableHandle, call_with_hooks
from ._registry import Registry
from ._state import Stateful

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Self

    from tensorplug import Tensor


def _type_name(value: object) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


@known_as(OWNERS)
class Module(Stateful):
    """A function with state: parameters, buffers and submodules, registered by assigning them to attributes.

    Subclasses call ``super().__init__()`` first and define ``forward``; calling the module runs
    ``forward`` and the registered hooks.

    >>> class Double(nn.Module):
    ...     def forward(self, x):
    ...         return 2 * x
    ...
    >>> Double()(tp.tensor([1.0, 2.0]))
    tensor([2., 4.])
    """

    training: bool
    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...  # registered members, which type checkers cannot see

    _call_hooks: CallHooks | None = None  # non-None on the class once a hook for all modules was registered

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if kwargs:
            raise TypeError(
                f"{type(self).__name__}.__init__() got an unexpected keyword argument '{next(iter(kwargs))}'"
            )
        if args:
            raise TypeError(
                f"{type(self).__name__}.__init__() takes 1 positional argument but {len(args) + 1} were given"
            )
        state = self.__dict__
        state["training"] = True
        state["_parameters"] = Registry(self)
        state["_buffers"] = Registry(self)
        state["_modules"] = Registry(self)
        state["_non_persistent_buffers_set"] = set()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._call_hooks is None:
            return self.forward(*args, **kwargs)
        return call_with_hooks(self, args, kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The module's computation; every subclass defines it."""
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function'
        )

    # -- registration ----------------------------------------------------------------------------------------

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter under ``name``; None reserves the name. Raises TypeError, KeyError, ValueError."""
        self._check_entry("parameter", "_parameters", name)
        if param is not None:
            if not isinstance(param, Parameter):
                raise TypeError(
                    f"cannot assign '{_type_name(param)}' object to parameter '{name}' "
                    "(tensorplug.nn.Parameter or None required)"
                )
            if param.grad_fn is not None:
                raise ValueError(
                    f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters "
                    f"must be created explicitly. To express '{name}' as a function of another "
                    "Tensor, compute the value in the forward() method."
                )
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is state and not learned; ``persistent``: whether the state dict holds it."""
        self._check_entry("buffer", "_buffers", name)
        if tensor is not None and not isinstance(tensor, tp.Tensor):
            raise TypeError(
                f"cannot assign '{_type_name(tensor)}' object to buffer '{name}' "
                "(tensorplug.Tensor or None required)"
            )
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def _check_entry(self, kind: str, registry: str, name: Any) -> None:
        """Raise AttributeError, TypeError or KeyError where a ``kind`` cannot be added under ``name``."""
        if registry not in self.__dict__:
            raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {_type_name(name)}")
        if "." in name:
            raise KeyError(f'{kind} name can\'t contain "."')
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if name not in self.__dict__[registry] and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a submodule under ``name``; None reserves the name. Raises TypeError, KeyError."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{_type_name(module)} is not a Module subclass")
        if not isinstance(name, str):
            raise TypeError(f"module name should be a string. Got {_type_name(name)}")
        if name not in self._modules and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")
        if "." in name:
            raise KeyError(f'module name can\'t contain ".", got: {name}')
        if name == "":
            raise KeyError('module name can\'t be empty string ""')
        self._modules[name] = module

    def register_module(self, name: str, module: Module | None) -> None:
        """The same as ``add_module``."""
        self.add_module(name, module)

    def __setattr__(self, name: str, value: Any) -> None:
        state = self.__dict__
        parameters = state.get("_parameters")
        if isinstance(value, (Parameter, Module)):
            kind = "parameters" if isinstance(value, Parameter) else "module"
            if parameters is None:
                raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
            own = parameters if kind == "parameters" else self._modules
            if name not in own and not self._forget(name):
                state.pop(name, None)
            if isinstance(value, Parameter):
                self.register_parameter(name, value)
            else:
                own[name] = value
        elif parameters is None:
            if isinstance(value, Buffer):
                raise AttributeError("cannot assign buffer before Module.__init__() call")
            object.__setattr__(self, name, value)
        elif name in parameters:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{_type_name(value)}' as parameter '{name}' "
                    "(tensorplug.nn.Parameter or None expected)"
                )
            self.register_parameter(name, None)
        elif name in self._modules:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{_type_name(value)}' as child module '{name}' "
                    "(tensorplug.nn.Module or None expected)"
                )
            self._modules[name] = None
        elif name in self._buffers or isinstance(value, Buffer):
            if value is not None and not isinstance(value, tp.Tensor):
                raise TypeError(
                    f"cannot assign '{_type_name(value)}' as buffer '{name}' "
                    "(tensorplug.nn.Buffer, tensorplug.Tensor or None expected)"
                )
            persistent = (
                value.persistent
                if isinstance(value, Buffer)
                else name not in self._non_persistent_buffers_set
            )
            if name not in self._buffers:
                state.pop(name, None)
            self.register_buffer(name, value, persistent)
        else:
            object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        if not self._forget(name):
            object.__delattr__(self, name)

    def _forget(self, name: str) -> bool:
        """Take ``name`` out of the registries; whether it was in one."""
        for registry in (self._parameters, self._buffers, self._modules):
            if name in registry:
                del registry[name]
                self._non_persistent_buffers_set.discard(name)
                return True
        return False

    # -- finding ---------------------------------------------------------------------------------------------

    def get_submodule(self, target: str) -> Module:
        """The submodule at the dotted path ``target``; raises AttributeError that names the missing part."""
        module: Module = self
        for part in target.split(".") if target else ():
            if not hasattr(module, part):
                raise AttributeError(f"{module._get_name()} has no attribute `{part}`")
            module = getattr(module, part)
            if not isinstance(module, Module):
                raise AttributeError(f"`{part}` is not an nn.Module")
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put ``module`` at the dotted path ``target``; ``strict``: only where there is one already."""
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if hasattr(parent, name):
            if not isinstance(getattr(parent, name), Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
        elif strict:
            raise AttributeError(f"{parent._get_name()} has no attribute `{name}`")
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at the dotted path ``target``; raises AttributeError."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
        param = getattr(module, name)
        if not isinstance(param, Parameter):
            raise AttributeError(f"`{name}` is not an nn.Parameter")
        return param

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at the dotted path ``target``; raises AttributeError."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
        if name not in module._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return module._buffers[name]

    def _named_members(
        self, registry: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        modules = (
            self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
            if recurse
            else ((prefix, self),)
        )
        for path, module in modules:
            for name, member in getattr(module, registry).items():
                if member is None or id(member) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(member))
                yield (f"{path}.{name}" if path else name), member

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """All parameters, each once."""
        for _, param in self._named_members("_parameters", "", recurse, True):
            yield param

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """All parameters with their dotted names."""
        return self._named_members("_parameters", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """All buffers, each once."""
        for _, buffer in self._named_members("_buffers", "", recurse, True):
            yield buffer

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """All buffers with their dotted names."""
        return self._named_members("_buffers", prefix, recurse, remove_duplicate)

    def children(self) -> Iterator[Module]:
        """The direct submodules, each once."""
        for _, module in self.named_children():
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The direct submodules with their names."""
        seen: set[int] = set()
        for name, module in self._modules.items():
            if module is not None and id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """This module and all below it."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module and all below it, with their dotted names."""
        if memo is None:
            memo = set()
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(
                    memo, f"{prefix}.{name}" if prefix else name, remove_duplicate
                )

    # -- changing --------------------------------------------------------------------------------------------

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call ``fn`` on all submodules, then on this module."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Replace the data of all parameters, their gradients and the buffers by ``fn`` of them.

        Parameters keep their identity, so that optimizers and aliases go on working.
        """
        if recurse:
            for module in self.children():
                module._apply(fn, recurse)
        with tp.no_grad():
            for param in self._parameters.values():
                if param is None:
                    continue
                data, grad = fn(param.detach()), param.grad
                check_data(param, data)
                give(param, data, None if grad is None else fn(grad))
            for name, buffer in self._buffers.items():
                if buffer is not None:
                    self._buffers[name] = fn(buffer)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Move to a device, cast floating-point tensors to a dtype, or both.

        ``to(device)``, ``to(dtype)``, ``to(device, dtype)``, ``to(tensor)``; keywords ``device``, ``dtype``,
        ``non_blocking`` (which changes nothing). Raises TypeError for a dtype that is not floating-point.
        A move is that of ``migrate``: all or nothing, every tensor stays the same object, and what optimizers
        keep for the parameters moves with them.
        """
        device, dtype = _parse_to(args, kwargs)
        if dtype is not None and not dtype.is_floating_point:
            raise TypeError(
                f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
            )

        found: list[Tensor] = []

        def convert(tensor: Tensor) -> Tensor:
            if dtype is not None and tensor.is_floating_point():
                tensor = tensor.to(dtype=dtype)
            found.append(tensor)
            return tensor

        self._apply(convert)
        if device is not None:
            migrate_storages(with_optimizer_state(found), tp.device(device), verify=False)
        return self

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """Move to ``device`` without copying: the values are undefined afterwards."""
        return self._apply(lambda tensor: tp.empty_like(tensor, device=device), recurse)

    def cpu(self) -> Self:
        """Move to the host's memory."""
        return self.to("cpu")

    def cuda(self, device: int | str | None = None) -> Self:
        """Move to a CUDA device (the device with that index; the first without)."""
        return self.to(f"cuda:{device}" if isinstance(device, int) else device or "cuda")

    def float(self) -> Self:
        """Cast floating-point tensors to float32."""
        return self.to(tp.float32)

    def double(self) -> Self:
        """Cast floating-point tensors to float64."""
        return self.to(tp.float64)

    def half(self) -> Self:
        """Cast floating-point tensors to float16."""
        return self.to(tp.float16)

    def bfloat16(self) -> Self:
        """Cast floating-point tensors to bfloat16."""
        return self.to(tp.bfloat16)

    def type(self, dst_type: Any) -> Self:
        """Cast all tensors to ``dst_type``."""
        return self._apply(lambda tensor: tensor.to(dtype=dst_type))

    def share_memory(self) -> Self:
        """Not supported: raises NotImplementedError that says what to do."""
        raise NotImplementedError(
            "nn.Module.share_memory() is not supported: tensors do not live in memory that processes share; "
            "give other processes state_dict() through tensorplug.save and tensorplug.load"
        )

    def train(self, mode: bool = True) -> Self:
        """Set ``training`` here and below."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Self:
        """The same as ``train(False)``."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set ``requires_grad`` of all parameters."""
        for param in self.parameters():
            param.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop all gradients, or fill them with zeros."""
        for param in self.parameters():
            grad = param.grad
            if grad is None:
                continue
            if set_to_none:
                param.grad = None
            else:
                grad.detach_()
                grad.zero_()

    # -- hooks -----------------------------------------------------------------------------------------------

    def _own_call_hooks(self) -> CallHooks:
        hooks = self.__dict__.get("_call_hooks")
        if hooks is None:
            hooks = self.__dict__["_call_hooks"] = CallHooks()
        return hooks

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before ``forward``; what it returns replaces ``args``.

        ``with_kwargs``: ``hook(module, args, kwargs)``, which returns None or ``(args, kwargs)``.
        """
        return self._own_call_hooks().forward_pre.add((hook, with_kwargs, False), prepend)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after ``forward``; what it returns replaces the output.

        ``with_kwargs``: ``hook(module, args, kwargs, output)``. ``always_call``: also where the call raised.
        """
        return self._own_call_hooks().forward.add((hook, with_kwargs, always_call), prepend)

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` before the module's backward; what it returns replaces
        ``grad_output``."""
        return self._own_call_hooks().backward_pre.add(hook, prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` when the gradients of the inputs are there.

        What it returns replaces ``grad_input``. Both are tuples, None where there is no gradient.
        """
        return self._own_call_hooks().backward.add(hook, prepend)

    # -- text and copies -------------------------------------------------------------------------------------

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """The part of the representation between the parentheses; override it."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        extra_lines = extra.split("\n") if extra else []
        child_lines = [
            f"({name}): " + repr(module).replace("\n", "\n  ") for name, module in self._modules.items()
        ]
        if not extra_lines and not child_lines:
            return self._get_name() + "()"
        if len(extra_lines) == 1 and not child_lines:
            return f"{self._get_name()}({extra_lines[0]})"
        return self._get_name() + "(\n  " + "\n  ".join(extra_lines + child_lines) + "\n)"

    def __dir__(self) -> list[str]:
        return sorted(name for name in {*dir(type(self)), *self.__dict__} if not name[0].isdigit())

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        for key in ("_parameters", "_buffers", "_modules"):
            for name in state[key]:
                state.pop(name, None)
            state[key] = dict(state[key])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        rest = dict(state)
        registries = {key: rest.pop(key) for key in ("_parameters", "_buffers", "_modules")}
        self.__dict__.update(rest)
        for key, members in registries.items():
            registry = self.__dict__[key] = Registry(self)
            registry.update(members)


def _parse_to(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
    device, dtype = kwargs.get("device"), kwargs.get("dtype")
    for arg in args:
        if isinstance(arg, tp.Tensor):
            device, dtype = arg.device, arg.dtype
        elif isinstance(arg, tp.dtype):
            dtype = arg
        elif arg is not None and not isinstance(arg, bool):
            device = arg
    return device, dtype


def _hook_all_modules() -> CallHooks:
    if Module._call_hooks is None:
        Module._call_hooks = CallHooks()
    return GLOBAL


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """``register_forward_pre_hook`` for every module."""
    return _hook_all_modules().forward_pre.add((hook, False, False))


def register_module_forward_hook(
    hook: Callable[..., Any], *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """``register_forward_hook`` for every module."""
    return _hook_all_modules().forward.add((hook, with_kwargs, always_call))


def register_module_full_backward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """``register_full_backward_pre_hook`` for every module."""
    return _hook_all_modules().backward_pre.add(hook)


def register_module_full_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """``register_full_backward_hook`` for every module."""
    return _hook_all_modules().backward.add(hook)
