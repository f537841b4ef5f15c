"""What can go wrong between client and server, as types."""

from __future__ import annotations

from tensorplug_dispatcher.errors import DeviceAbsentError, DeviceError


class FrameError(DeviceError):
    """Bytes that are no frame of the protocol, a frame over the limits, or a request that makes no sense."""


class PeerLostError(DeviceError):
    """The other side closed the connection, or said nothing for too long."""


class UnreachableError(DeviceAbsentError):
    """A server that does not answer, or speaks another protocol."""


class FullError(DeviceAbsentError):
    """A server that has as many sessions as it serves at a time."""


class TokenError(DeviceAbsentError):
    """Client and server do not have the same token."""
