"""Use the neural networks of an STM32N6 board from Python, over a serial link.

See the README for an introduction, ``protocol.md`` for the protocol, and :mod:`n6link.errors` for all exceptions.
"""

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Final

from n6link.errors import (
    BadInput,
    BoardsDiffer,
    CardError,
    DeviceError,
    DeviceRebooted,
    LocalProtocolError,
    MissingExtra,
    N6Error,
    N6Timeout,
    NetworkChanged,
    NoDeviceError,
    ProtocolError,
    RecordingError,
    RemoteProtocolError,
    ReportError,
    SettingsError,
    TransportError,
    UnknownName,
    VersionMismatch,
    WrongDevice,
)
from n6link.version import __version__

if TYPE_CHECKING:
    from n6link.decoders.pose import Pose
    from n6link.device import N6Device
    from n6link.epochs.profile import Profile
    from n6link.epochs.timers import EpochBlock, EpochTable, EpochTimers
    from n6link.network import Network
    from n6link.pool.pool import N6Pool
    from n6link.protocol.records import Return
    from n6link.recorder.recorder import Recorder
    from n6link.result import Result, Timing
    from n6link.tensors.card import Card
    from n6link.tensors.tensor import TensorSpec
    from n6link.transport.ports import Port
    from n6link.transport.watch import PortChange, watch

logging.getLogger(__name__).addHandler(logging.NullHandler())  # a program that sets up no logging prints nothing

__all__ = [
    "BadInput",
    "BoardsDiffer",
    "Card",
    "CardError",
    "DeviceError",
    "DeviceRebooted",
    "EpochBlock",
    "EpochTable",
    "EpochTimers",
    "LocalProtocolError",
    "MissingExtra",
    "N6Device",
    "N6Error",
    "N6Pool",
    "N6Timeout",
    "Network",
    "NetworkChanged",
    "NoDeviceError",
    "Port",
    "PortChange",
    "Pose",
    "Profile",
    "ProtocolError",
    "Recorder",
    "RecordingError",
    "RemoteProtocolError",
    "ReportError",
    "Result",
    "Return",
    "SettingsError",
    "TensorSpec",
    "Timing",
    "TransportError",
    "UnknownName",
    "VersionMismatch",
    "WrongDevice",
    "__version__",
    "watch",
]

_HOMES: Final = {
    "Card": "n6link.tensors.card",
    "EpochBlock": "n6link.epochs.timers",
    "EpochTable": "n6link.epochs.timers",
    "EpochTimers": "n6link.epochs.timers",
    "N6Device": "n6link.device",
    "N6Pool": "n6link.pool.pool",
    "Network": "n6link.network",
    "Port": "n6link.transport.ports",
    "PortChange": "n6link.transport.watch",
    "Pose": "n6link.decoders.pose",
    "Profile": "n6link.epochs.profile",
    "Recorder": "n6link.recorder.recorder",
    "Result": "n6link.result",
    "Return": "n6link.protocol.records",
    "TensorSpec": "n6link.tensors.tensor",
    "Timing": "n6link.result",
    "watch": "n6link.transport.watch",
}
"""where the names are that a program loads when it uses them: a command that only prints its help uses none"""


if not TYPE_CHECKING:  # a type checker would take every name for an existing one

    def __getattr__(name: str) -> object:
        """Loads the module of a name at its first use."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value: object = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
