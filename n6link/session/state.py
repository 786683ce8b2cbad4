"""The state of a device and its changes."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final


class State(enum.Enum):
    """State of a device.

    ::

        CLOSED --open()--> OPENING --> OPEN --aclose()--> CLOSED
                                        |  ^
        it was lost, or restart()       |  | it is connected again
                                        v  |
                            RECONNECTING, RESTARTING --it is not connected in time--> LOST --aclose(), open()-->
    """

    CLOSED = "closed"
    OPENING = "opening"
    OPEN = "open"
    RESTARTING = "restarting"
    """this program has restarted it"""
    RECONNECTING = "reconnecting"
    """the connection was lost, or it does not answer; reconnection attempts are made, and calls wait"""
    LOST = "lost"
    """the reconnection has failed; every call fails until the device is opened again"""


AWAY: Final = (State.RESTARTING, State.RECONNECTING)
"""states in which a reconnection is expected"""


@dataclass(frozen=True, slots=True)
class StateChange:
    """A change of a device's state."""

    time: float
    """``time.monotonic()``"""
    state: State
    reason: str = ""
    """why it was lost, or the reconnection has failed; empty without an error"""
    away: float = 0.0
    """after a reconnection: seconds without a connection"""
    rebooted: bool = False
    """whether it was restarted: requests in progress are lost"""
    changed: tuple[str, ...] = ()
    """networks that have changed, or do not exist any more; calls of their :class:`~n6link.Network` objects fail"""
