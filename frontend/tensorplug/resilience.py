"""``resilient``: training goes on after the loss of a device, from a shadow of its state."""

from __future__ import annotations

import random as python_random
import sys
from dataclasses import dataclass

from tensorplug_dispatcher.devices.migration import Carrier, copied
from tensorplug_dispatcher.devices.registry import device as device_named
from tensorplug_dispatcher.devices.states import LOST, quarantine
from tensorplug_dispatcher.errors import (
    DeviceError,
    DeviceLostError,
    PluginError,
    SignatureError,
    TensorplugError,
)
from tensorplug_dispatcher.storage import Device

from ._public import public
from ._snapshot import Snapshot, put_back, refill, set_generators
from .migration import Walk, tensors_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, TypeVar

    from tensorplug_dispatcher.storage import Storage

    T = TypeVar("T")

__all__ = ["Failover", "ReplayError", "Resilient", "resilient"]


class ReplayError(TensorplugError):
    """A step cannot be repeated, because it has changed its own arguments."""


@dataclass(frozen=True, slots=True)
class Failover:
    """A loss that was survived: in step ``step`` (from 0) on ``lost``; ``replayed`` steps were done again on
    ``device``, and ``error`` says why.
    """

    step: int
    lost: str
    device: str
    replayed: int
    error: Exception


@public("function")
def resilient(
    state: Any,
    *,
    every: int = 10,
    shadow: Any = "cpu",
    devices: Sequence[Any] = ("cpu",),
    errors: tuple[type[Exception], ...] = (DeviceLostError,),
    verify: bool = True,
) -> Resilient:
    """Keep a shadow of ``state`` on the device ``shadow``, renewed after ``every`` steps, and survive losses.

    ``state``: all that a step changes (modules, optimizers, schedulers, generators, tensors, objects with
    attributes), in a list, a dict or by itself. A step is a call of ``run.step(function, *args)``. Where it
    raises one of ``errors``, the device is quarantined, the shadow is restored, on the first of ``devices``
    that is well for what lived on the lost one, and the steps since the shadow are done again. Random streams
    continue where they were, so that the run is that of one without loss, bit for bit on a device of the same
    kind. What ``verify`` does is told at ``migrate``.

    Raises SignatureError for arguments that do not go together. Source: docs/migration.md.

    >>> run = tp.resilient([model, optimizer], every=20, devices=["opencl:1", "cpu"])
    >>> for images, labels in loader:
    ...     loss = run.step(train, images, labels)
    """
    if not isinstance(every, int) or every < 1:
        raise SignatureError(f"resilient(): every must be a number of steps from 1 on, not {every!r}")
    names = (devices,) if isinstance(devices, (str, Device)) else tuple(devices)
    if not names:
        raise SignatureError("resilient(): devices is empty; name one or more on which to go on after a loss")
    return Resilient(state, every, device_named(shadow), names, errors, verify)


class Resilient:
    """A training run that survives the loss of a device; see ``resilient``.

    ``steps`` is how many steps were done, ``failovers`` the losses that were survived. State that is changed
    between two steps (by a scheduler, say) is noticed. A step may draw random numbers from generators of the
    state, the default one, Python's and NumPy's; it may not write to its arguments.
    """

    def __init__(
        self,
        state: Any,
        every: int,
        shadow: Device,
        devices: tuple[Any, ...],
        errors: tuple[type[Exception], ...],
        verify: bool,
    ) -> None:
        self.state = state
        self.every = every
        self.shadow = shadow
        self.devices = devices
        self.errors = errors
        self.verify = verify
        self.steps = 0
        self.failovers: list[Failover] = []
        self._snapshot: Snapshot | None = None
        self._journal: list[Step] = []
        self._mark: Mark | None = None  # the state at the end of the last step; None: unknown
        self._unfinished: Exception | None = None  # the loss after which not all was done again

    @property
    def device(self) -> Device:
        """Where the state is now: the device of its first tensor. For moving batches there."""
        tensors = self._snapshot.state.tensors if self._snapshot is not None else tensors_of(self.state)
        if not tensors:
            raise DeviceError("a resilient run whose state has no tensor is on no device")
        found: Device = tensors[0].device
        return found

    def step(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Do one step, ``function(*args, **kwargs)``, and return its result; a loss in it is survived.

        Any other exception passes, with the state as the step has left it. Steps that are done again return
        into nowhere: what ``function`` does besides changing the state happens again.
        """
        self._finish()
        if self._snapshot is None or self._mark is None or not self._mark.holds(self._snapshot):
            self.save()
        assert self._snapshot is not None
        step = Step(self._snapshot, self.shadow, function, args, kwargs)
        self._mark = None
        try:
            result = step.run()
        except self.errors as error:
            result = self._go_on(error, step)
        self._journal.append(step)
        self.steps += 1
        if len(self._journal) >= self.every:
            self.save()
        else:
            self._mark = Mark(self._snapshot)
        return result

    def save(self) -> None:
        """Renew the shadow now. After this no earlier step is done again."""
        self._finish()
        self._mark = None  # until snapshot and journal belong together again
        while True:
            try:
                fresh = Snapshot(self.state, self.shadow, self.verify, self._snapshot)
                break
            except self.errors as error:
                if self._snapshot is None:
                    raise
                self._go_on(error, None)
        self._snapshot = fresh
        self._journal = []
        self._mark = Mark(fresh)

    def _finish(self) -> None:
        """Go on from a loss where that was broken off: until then the state is that of some earlier step."""
        if self._unfinished is not None:
            self._go_on(self._unfinished, None)

    def _go_on(self, error: Exception, step: Step | None) -> Any:
        """Restore the shadow where it can live, and do the steps since again, up to ``step``."""
        assert self._snapshot is not None
        steps = self._journal if step is None else [*self._journal, step]
        self._unfinished = error
        while True:
            lost = self._lost(error)
            device = self._next(error)
            try:
                self._snapshot.restore(device)
                result = None
                for one in steps:
                    one.restore(self._snapshot, device, self.verify)
                    if one is step:  # what breaks it off leaves the state as the step has left it
                        self._unfinished = None
                    result = one.run()
            except self.errors as another:
                self._unfinished = error = another
                continue
            self._unfinished = None
            self.failovers.append(Failover(self.steps, lost, device.name, len(self._journal), error))
            return result

    def _lost(self, error: Exception) -> str:
        """Quarantine the device that has failed; its name."""
        name = getattr(error, "device", "") or self.device.name
        device = device_named(name)
        if device.state != LOST:
            quarantine(device, f"a step has failed there: {type(error).__name__}: {error}")
        return device.name

    def _next(self, error: Exception) -> Device:
        """The first of the devices that is well; raises ``error`` where none is, or the shadow is lost."""
        tried = []
        if not self.shadow.ready:
            error.add_note(f"The run cannot go on: the shadow on {self.shadow.name} is {self.shadow.state}.")
            raise error
        for name in self.devices:
            try:
                device = device_named(name)
            except (DeviceError, PluginError) as unusable:
                tried.append(f"{name}: {unusable}")
                continue
            if device.ready:
                return device
            tried.append(f"{device.name} is {device.state}")
        error.add_note(f"The run cannot go on: {'; '.join(tried)}.")
        raise error


class Step:
    """One step as it began: what to call, and what surrounds it that is not in the snapshot."""

    def __init__(
        self,
        snapshot: Snapshot,
        shadow: Device,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs
        state = snapshot.state
        self.settings = [dict(one) for one in state.settings]
        self.training = [module.training for module in state.modules]
        self.generators = [(one._seed, one._offset) for one in state.generators]
        self.python = python_random.getstate()
        self.numpy = _numpy_state()
        self.cleared = [tensor.grad is None for tensor in state.tensors]
        walk = Walk()
        walk.visit([args, kwargs], "args", False)
        self.inputs = [(tensor.storage, tensor._version) for tensor in walk.tensors]
        self.copies = _copies([s for s, _ in self.inputs if s not in snapshot.copies], shadow)

    def run(self) -> Any:
        return self.function(*self.args, **self.kwargs)

    def restore(self, snapshot: Snapshot, device: Device, verify: bool) -> None:
        """Make what surrounds the step as it was when it began; the state itself is already so."""
        changed = [
            storage
            for storage, version in self.inputs
            if storage.version != version and storage not in snapshot.copies
        ]
        if any(storage not in self.copies for storage in changed):
            name = getattr(self.function, "__qualname__", repr(self.function))
            raise ReplayError(
                f"the step {name} cannot be done again after the loss of a device: it has written to its "
                f"arguments; clone() what it writes to"
            )
        again = {s: copy for s, copy in self.copies.items() if s in changed or not s.device.ready}
        put_back(again, device, verify)
        state = snapshot.state
        for live, kept in zip(state.settings, self.settings, strict=True):
            refill(live, kept)
        for module, mode in zip(state.modules, self.training, strict=True):
            module.training = mode
        set_generators(state.generators, self.generators)
        python_random.setstate(self.python)
        if self.numpy is not None:
            sys.modules["numpy"].random.set_state(self.numpy)
        for tensor, cleared in zip(state.tensors, self.cleared, strict=True):
            if cleared and tensor.grad is not None:
                tensor.grad = None
        self.inputs = [(storage, storage.version) for storage, _ in self.inputs]


def _copies(storages: list[Storage], shadow: Device) -> dict[Storage, Storage]:
    """Copies of those storages that a loss could take."""
    carrier = Carrier()
    return {s: copied(s, shadow, False, carrier) for s in dict.fromkeys(storages) if not s.device.host}


def _numpy_state() -> Any:
    numpy: Any = sys.modules.get("numpy")
    return None if numpy is None or "numpy.random" not in sys.modules else numpy.random.get_state()


class Mark:
    """The versions of a state's tensors and gradients, by which it is noticed that they were changed."""

    def __init__(self, snapshot: Snapshot) -> None:
        tensors = snapshot.state.tensors
        self.tensors = [(tensor.storage, tensor._version) for tensor in tensors]
        self.grads = [None if t.grad is None else (t.grad.storage, t.grad._version) for t in tensors]

    def holds(self, snapshot: Snapshot) -> bool:
        """Whether nothing was changed since; gradients that were dropped do not count."""
        now = Mark(snapshot)
        return self.tensors == now.tensors and all(
            new is None or new == old for old, new in zip(self.grads, now.grads, strict=True)
        )
