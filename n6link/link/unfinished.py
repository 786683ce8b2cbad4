"""Unfinished inferences, whose end the host does not know; they limit the number of new INFERs.

A device stores the keys of the last ``FINISHED_KEYS`` inferences that have ended. If the ERROR of an inference is lost, and this number of
others ends before its INFER is repeated, the device does not have its key any more, and would run it again. Therefore the host counts the
INFERs that it sends: when :data:`MOST` others were sent since the device has reported the state of an inference, no further
one is sent before the device reports it again; after half of them the host repeats the INFER.

After the end of an inference, and before the host knows it, the device can store at most these other keys: those in its queue at that time; those that
were sent after the last report, :data:`MOST`; those that were sent before and lost, so that they arrive later, the same number; and the same number again
if the report answered an earlier repetition than the last. ``n6_finished.h`` compares the sum with ``FINISHED_KEYS``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from n6link.link.exchange import Exchange
from n6link.protocol import Limit

MOST: Final = int(Limit.FINISHED_KEYS) // 4
"""maximum number of new INFERs after the last report of an unfinished inference"""


@dataclass(slots=True)
class _Known:
    """Numbers of sent INFERs: at the last report of an inference, and at the oldest repetition without an answer."""

    since: int
    asked: int | None


class Unfinished:
    """See the top of this module."""

    def __init__(self) -> None:
        self._left = 0
        self._known: dict[Exchange, _Known] = {}

    def clear(self) -> None:
        """The device has removed all of them."""
        self._known.clear()

    def leaves(self, infer: Exchange) -> list[Exchange]:
        """An INFER is sent, maybe for a second time.

        Returns:
            The inferences whose INFER must be repeated.
        """
        known = self._known.get(infer)
        if known:
            known.asked = self._left if known.asked is None else known.asked
            return []
        self._left += 1
        self._known[infer] = _Known(self._left, self._left)
        if len(self._known) == 1:
            return []
        oldest = self._left - MOST // 2
        return [other for other, known in self._known.items() if known.since <= oldest and known.asked is None]

    def reported(self, infer: Exchange) -> None:
        """The device has reported that an inference waits, is queued or runs."""
        known = self._known.get(infer)
        if known and known.asked is not None:
            known.since, known.asked = known.asked, None

    def ended(self, infer: Exchange) -> None:
        """Its end is known, or the host does not repeat it any more."""
        self._known.pop(infer, None)

    @property
    def full(self) -> bool:
        """Whether no other INFER may be sent."""
        oldest = self._left - MOST
        for known in self._known.values():
            if known.since <= oldest:
                return True
        return False
