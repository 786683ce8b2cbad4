"""Whether a device is there: its state, and who is told when that changes."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final


class State(enum.Enum):
    """Of a device.

    ::

    CLOSED --open()--> OPENING --> OPEN --aclose()--> CLOSED
                                    |  ^
    it went, or restart() was asked |  |it is there again
                                    v  |
                        RECONNECTING, RESTARTING --it does not come back--> LOST --aclose(), open()-->
    """

    CLOSED = "closed"
    OPENING = "opening"
    OPEN = "open"
    RESTARTING = "restarting"
    """this program has restarted it"""
    RECONNECTING = "reconnecting"
    """it has gone, or says nothing; it is looked for, and calls wait"""
    LOST = "lost"
    """it did not come back; every call fails until it is opened again"""


AWAY: Final = frozenset({State.RESTARTING, State.RECONNECTING})
"""the device is expected to be there again"""


@dataclass(frozen=True, slots=True)
class StateChange:
    """A device has another state."""

    time: float
    """``time.monotonic()``"""
    state: State
    reason: str = ""
    """why it went, or did not come back; empty where nothing is wrong"""
    away: float = 0.0
    """seconds for which it was not usable, once it is OPEN again"""
    rebooted: bool = False
    """it was restarted meanwhile: what was under way is lost"""
    changed: tuple[str, ...] = ()
    """networks that are not what they were, or not there any more; their :class:`~n6link.Network` objects say so"""
