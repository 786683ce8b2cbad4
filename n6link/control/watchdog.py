"""A watchdog for control programs: trips when the device or its results can no longer be trusted, and stays tripped until it is reset.

::

    dog = dev.watchdog(silence=0.5, results={net: 0.2})
    async for tick in loop:
        if dog.tripped:
            motors.stop()                    # until somebody has looked: dog.reason, dog.reset()
        else:
            steer(tick.latest(net).result)

It looks when it is asked, which costs microseconds, and remembers: a device that went and came back between two looks has tripped it as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from n6link.control.loop import HasNewest, latest
from n6link.errors import BadInput
from n6link.session.health import Life


class Watchdog:
    """Made by ``N6Device.watchdog``; may be asked from any thread.

    Args:
        life: of the device, now.
        silence: seconds without a sign of life from the device that trip it.
        results: networks, and the age in seconds of their newest result that trips it; no result at all trips it too.

    Attributes:
        reason: why it has tripped; empty = it has not, as far as it has looked.
    """

    def __init__(self, life: Callable[[], Life], *, silence: float, results: Mapping[HasNewest, float]) -> None:
        for name, seconds in (("silence", silence), *(("a limit of results", limit) for limit in results.values())):
            if not 0 < seconds < math.inf:
                raise BadInput(f"{name}={seconds} is not a time; give seconds above 0")
        self.reason = ""
        self._life = life
        self._silence = silence
        self._results = dict(results)
        self._departures = life().departures

    @property
    def tripped(self) -> bool:
        """Looks; whether it has tripped, now or since the last :meth:`reset`."""
        self.reason = self.reason or self._look()
        return bool(self.reason)

    def reset(self) -> None:
        """Begins again. What is still wrong trips it at the next look."""
        self.reason, self._departures = "", self._life().departures

    def _look(self) -> str:
        life = self._life()
        if not life.open:
            return f"the device is {life.state.value}"
        if life.departures != self._departures:
            return f"the device has gone and come back {life.departures - self._departures} times"
        if life.age > self._silence:
            return f"the device has said nothing for {life.age:.3g} s"
        for network, limit in self._results.items():
            newest = latest(network)
            if newest is None:
                return f"{getattr(network, 'name', 'a network')} has no result"
            if newest.age > limit:
                return f"the newest result of {getattr(network, 'name', 'a network')} is {newest.age:.3g} s old"
        return ""
