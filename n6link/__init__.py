"""Use the neural networks of an STM32N6 board from Python, over a serial link.

See the README for an introduction, ``protocol.md`` for the protocol, and :mod:`n6link.errors` for all exceptions.
"""

import logging
from typing import TYPE_CHECKING

from n6link.decoders.pose import Pose
from n6link.device import N6Device
from n6link.epochs.profile import Profile
from n6link.epochs.timers import EpochBlock, EpochTable, EpochTimers
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
from n6link.network import Network
from n6link.protocol.records import Return
from n6link.recorder.recorder import Recorder
from n6link.result import Result, Timing
from n6link.tensors.card import Card
from n6link.tensors.tensor import TensorSpec
from n6link.transport.ports import Port
from n6link.transport.watch import PortChange, watch
from n6link.version import __version__

if TYPE_CHECKING:
    from n6link.pool.pool import N6Pool

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


def __getattr__(name: str) -> object:
    """Loads the pool when a program uses it: most programs have one board."""
    if name == "N6Pool":
        from n6link.pool.pool import N6Pool

        return N6Pool
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
