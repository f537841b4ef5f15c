"""What devices there are, and in which state: found as plugins, opened, moved between, closed and lost.

``registry`` gives a device by its name; ``plugins`` loads what ``discovery`` finds, within a ``deadline``,
and asks it through ``hooks`` and ``features``; ``states`` says who may call a device when; ``lifecycle``
loads, reloads and unloads, with ``migration`` of what lives there; ``probing`` looks at devices from other
processes. Users come by ``tensorplug.devices``, calls by ``registry`` and ``states``.
"""
