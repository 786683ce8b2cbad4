"""All exceptions that n6link raises.

::

    N6Error
    ├── TransportError            the byte stream cannot be opened, is in use, or was lost
    │   ├── NoDeviceError         not exactly one connected board fits what was asked for
    │   ├── PortBusy              another program uses the serial port
    │   ├── PortDenied            this user is not permitted to open the serial port
    │   └── WrongDevice           another board answers instead of the one that was lost
    ├── ProtocolError
    │   ├── LocalProtocolError    the caller or n6link would violate the protocol
    │   ├── RemoteProtocolError   the peer violates the protocol, or is not an n6link device
    │   └── VersionMismatch       the protocol versions differ; the message names the older side
    ├── DeviceError               the device refused a request, or could not execute it; has a status
    ├── DeviceRebooted            the device was restarted during a request
    ├── N6Timeout                 (also a TimeoutError) a deadline has passed, or there was no progress for too long
    ├── BoardsDiffer              boards of a pool do not compute the same values, and nothing says which are right
    ├── NetworkChanged            the device came back without this network, or with another one of this name
    ├── UnknownName               (also a KeyError) a network, input or output with this name does not exist
    ├── BadInput                  (also a ValueError) an array, image, text or option cannot be used
    ├── SettingsError             the settings file cannot be read or written, is damaged, or of another version
    ├── CardError                 a network card is missing, wrong, or does not fit its network
    ├── ReportError               a report of ST's tools cannot be read
    ├── RecordingError            a recording cannot be read or written, is damaged, of another version, or lacks what is needed
    ├── MissingExtra              (also an ImportError) a package of an extra, such as Pillow, is not installed
    └── ToolError                 a program that n6link runs, such as a compiler, is missing or has failed

A message says what is wrong, with the value, and then, after a semicolon, what to do. It starts in lower case and does not end
with a period, so that programs can put it into their own sentences. Any other exception from n6link is a bug.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import cast

from n6link.protocol import Status


class N6Error(Exception):
    """Root of all exceptions of n6link."""


class TransportError(N6Error):
    """The byte stream cannot be opened, is in use by another program, or was lost."""


class NoDeviceError(TransportError):
    """No connected board fits what was asked for, or more than one does."""


class PortBusy(TransportError):
    """Another program uses the serial port."""


class PortDenied(TransportError):
    """This user is not permitted to open the serial port."""


class WrongDevice(TransportError):
    """Another board answers instead of the one that was lost."""


class ProtocolError(N6Error):
    """The protocol was violated."""


class LocalProtocolError(ProtocolError):
    """The caller or n6link would violate the protocol, such as by a call on a closed device."""


class RemoteProtocolError(ProtocolError):
    """The peer violates the protocol, or uses another protocol."""


class VersionMismatch(ProtocolError):
    """Host and firmware were built from different protocol definitions."""


class DeviceError(N6Error):
    """The device answered a request with an error.

    Attributes:
        status: the reason, see ``protocol.md``.
        value: the wrong value that the device reported.
        said: the device's own text; may be empty.
        field: offset of the refused field in the request; None = no field was refused.
    """

    def __init__(
        self, message: str, status: Status | int, value: int = 0, said: str = "", field: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.value = value
        self.said = said
        self.field = field

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (str(self), self.status, self.value, self.said)  # for other processes


class DeviceRebooted(N6Error):
    """The device was restarted: its queue, uploads and results are lost."""


class BoardsDiffer(N6Error):
    """Boards of a pool have different networks of one name, or compute different values, and nothing says which are right."""


class NetworkChanged(N6Error):
    """The device came back without this network, or with another one of this name."""


class N6Timeout(N6Error, TimeoutError):
    """A deadline has passed, or there was no progress for too long.

    Attributes:
        cause: of a missing answer, one of :class:`n6link.link.diagnosis.Cause`; empty = a deadline of the caller, or unknown.
    """

    def __init__(self, message: str, cause: str = "") -> None:
        super().__init__(message)
        self.cause = cause


class UnknownName(N6Error, KeyError):
    """A network, input or output with this name does not exist."""

    __str__ = Exception.__str__  # KeyError's own shows the repr() of the message


class BadInput(N6Error, ValueError):
    """An argument cannot be used: wrong shape, dtype or range, or not an image."""


class SettingsError(N6Error):
    """The settings file cannot be read or written, is damaged, or belongs to another version of n6link."""


class CardError(N6Error):
    """A network card is missing, cannot be read, or does not fit its network."""


class ReportError(N6Error):
    """A report of ST Edge AI Core cannot be read."""


class RecordingError(N6Error):
    """A recording cannot be read or written, is damaged, belongs to another version, or lacks what is needed."""


class MissingExtra(N6Error, ImportError):
    """A package of an extra is not installed; the message contains the command that installs it."""


@contextmanager
def requires(what: str, package: str, extra: str) -> Generator[None, None, None]:
    """A block that imports a package of an extra at its first use.

    Args:
        what: what the package is for, as the subject of the message.
        package: its name.
        extra: the extra of n6link that contains it.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        yield
    except ImportError as error:
        raise MissingExtra(f"{what} requires {package}; install it with: pip install 'n6link[{extra}]'") from error


class ToolError(N6Error):
    """A program that n6link runs (a compiler, or ST's signing tool, programmer or compiler of networks) is missing or has failed."""


def innermost(error: BaseException) -> BaseException:
    """The first error of a group, also of nested groups; any other error unchanged."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return error
