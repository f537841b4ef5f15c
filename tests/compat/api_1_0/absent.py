"""Plugin API 1.0: a plugin whose device is not there."""

from tensorplug_dispatcher.errors import DeviceAbsentError

tensorplug_api = (1, 0)


def tensorplug_runtime():
    raise DeviceAbsentError("no board in slot 3")
