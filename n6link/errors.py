"""Every exception that n6link raises on purpose.

::

    N6Error
    ├── TransportError            the byte stream: cannot be opened, busy, gone
    │   └── NoDeviceError         no URL was given and no single board was found
    ├── ProtocolError
    │   ├── LocalProtocolError    this side would have broken the rules; a bug, or a wrong argument
    │   ├── RemoteProtocolError   the peer broke the rules, or is no n6link device
    │   └── VersionMismatch       major version or schema differ; says which side is older
    ├── DeviceError               the device refused or failed a request; carries its status
    ├── DeviceRebooted            the device was restarted while work was under way
    ├── N6Timeout                 (also a TimeoutError) a deadline passed, or nothing moved for too long
    ├── UnknownName               (also a KeyError) no network, input or output has this name
    ├── BadInput                  (also a ValueError) an array, image, text or option that cannot be used
    ├── CardError                 a network card is missing, wrong, or does not fit its network
    └── ReportError               a report of ST's tools that cannot be read at all

Messages are one sentence that names the value, and where it helps a second one with the remedy.
Any other exception that leaves n6link is a bug.
"""

from __future__ import annotations

from typing import cast

from n6link.protocol import Status


class N6Error(Exception):
    """Root of all exceptions of n6link."""


class TransportError(N6Error):
    """The byte stream cannot be opened, is in use by another program, or has gone."""


class NoDeviceError(TransportError):
    """No URL was given, and not exactly one board was found."""


class ProtocolError(N6Error):
    """The rules of the protocol were broken."""


class LocalProtocolError(ProtocolError):
    """This side was asked to do what the protocol forbids."""


class RemoteProtocolError(ProtocolError):
    """The peer did what the protocol forbids, or speaks something else."""


class VersionMismatch(ProtocolError):
    """Host and firmware were built from different protocol definitions."""


class DeviceError(N6Error):
    """The device answered a request with an error.

    Attributes:
        status: why, as the protocol numbers it.
        value: the offending value that the device reported.
    """

    def __init__(self, message: str, status: Status | int, value: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.value = value


class DeviceRebooted(N6Error):
    """The device was restarted: its queue, uploads and results are lost."""


class N6Timeout(N6Error, TimeoutError):
    """A deadline passed, or nothing moved for too long."""


class UnknownName(N6Error, KeyError):
    """No network, input or output has this name."""

    __str__ = Exception.__str__


class BadInput(N6Error, ValueError):
    """An argument that cannot be used: wrong shape, dtype, range, or not an image at all."""


class CardError(N6Error):
    """A network card is missing, cannot be read, or does not fit its network."""


class ReportError(N6Error):
    """A report of ST Edge AI Core that cannot be read."""


def innermost(error: BaseException) -> BaseException:
    """The first error in a group, and in the groups in it; another error itself."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return error
