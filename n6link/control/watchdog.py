"""A watchdog for control programs: trips when the device or its results are too old, and stays tripped until it is reset.

::

    dog = dev.watchdog(silence=0.5, results={net: 0.2})
    async for tick in loop:
        if dog.tripped:
            motors.stop()                    # until a person has read dog.reason and called dog.reset()
        else:
            steer(tick.latest(net).result)

It checks when ``tripped`` is read, which takes microseconds. A device that was lost and connected again between two checks trips it too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from n6link.control.loop import HasNewest, latest
from n6link.errors import BadInput
from n6link.session.health import Life


class Watchdog:
    """Made by ``N6Device.watchdog``; may be used in any thread.

    Args:
        life: returns the present state of the device.
        silence: maximum seconds without a frame from the device.
        results: networks, with the maximum age of their newest result in seconds. A network without a result trips it too.

    Attributes:
        reason: why it has tripped; empty = it had not tripped at the last check.
    """

    def __init__(self, life: Callable[[], Life], *, silence: float, results: Mapping[HasNewest, float]) -> None:
        for name, seconds in (("silence", silence), *(("a limit of results", limit) for limit in results.values())):
            if not 0 < seconds < math.inf:
                raise BadInput(f"{name}={seconds} must be a positive, finite number of seconds")
        self.reason = ""
        self._life = life
        self._silence = silence
        self._results = dict(results)
        self._departures = life().departures

    @property
    def tripped(self) -> bool:
        """Checks; whether it has tripped now or after the last :meth:`reset`."""
        self.reason = self.reason or self._look()
        return bool(self.reason)

    def reset(self) -> None:
        """Starts again. A cause that still exists trips it at the next check."""
        self.reason, self._departures = "", self._life().departures

    def _look(self) -> str:
        life = self._life()
        if not life.open:
            return f"the device is {life.state.value}"
        if life.departures != self._departures:
            return f"the device was lost and connected again {life.departures - self._departures} times"
        if life.age > self._silence:
            return f"the device has sent nothing for {life.age:.3g} s"
        for network, limit in self._results.items():
            newest = latest(network)
            if newest is None:
                return f"{getattr(network, 'name', 'a network')} has no result"
            if newest.age > limit:
                return f"the newest result of {getattr(network, 'name', 'a network')} is {newest.age:.3g} s old"
        return ""
