"""The bit rate of a device's line: requested, proved, stored for the board, and left if it does not work. Rules: ``protocol.md`` section 8.

A port is opened at its *first rate*. If the device has the Feature RATE and the port can change its rate, the highest rate of :data:`RATES` is
used that the port has, that the device accepts, and that a proof shows to be undamaged. The proof is traffic in both directions with a checksum on each
frame: any single changed bit is counted by one of the two sides. Traffic that is only late, because this computer is busy, is repeated. The
result is stored in the settings file (``learnt.ID.rate``), if the line is a cable of a board with a unique id; the next connection tries this
rate first, and never a higher one. ``n6link doctor`` tries all of them again.

While the device is open, the rate is watched:

* If no good frame arrives for :data:`LOST` seconds although requests wait, both sides return to the first rate (the device by itself), and the
  rates are tried again from the present one.
* If the damage rises, or a request is repeated without success, the proof is repeated. If it fails, only lower rates are tried.

Each connection to a device starts at the first rate, also after an interruption. Requests of the program wait during a change.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import anyio

from n6link import ambient
from n6link.errors import DeviceError, N6Error, N6Timeout, TransportError
from n6link.protocol import Feature, Limit, MessageType, records
from n6link.session import learnt
from n6link.session.channel import Channel
from n6link.session.replies import decoding
from n6link.transport.url import Stream

RATES: Final = (2_764_800, 2_000_000, 1_500_000)
"""bits per second. ST documents the first one as the maximum of the ST-Link's port; the others are rates that all usual USB adapters have"""
PINGS: Final = 4
"""frames of about 1 KB that are on the line at once during a proof, in each direction"""
TIMES: Final = 4
"""number of times that they are sent"""
TIMES_AGAIN: Final = 16
"""the same after damage: one fault in 30 KB is found with a probability of 0.99"""
STUCK: Final = 1.0
"""seconds without an answer to a repeated request after which the rate is proved again"""
REST: Final = 5.0
"""seconds until the next proof for this reason"""
SPARE: Final = 1
"""repeated pings among these of a good proof"""
LATE: Final = 4
"""number of times that more of them may be repeated without damage: this computer was busy, and they are sent again"""
LOST: Final = 2.0
"""seconds without a good frame after which the first rate is set; the device needs one second for that"""
ANSWER: Final = 0.1
"""seconds until a ping is replaced, while the two sides may have different rates"""
CHANGED: Final = 1.0
"""seconds in which the device must answer at a new rate; then it leaves the rate"""
FOUND: Final = 4.0
"""seconds in which the device must answer at the first rate: it leaves the other one within a second"""
LOOK: Final = 0.25
"""seconds between two checks"""

_TAIL: Final = int(Limit.MAX_CONTROL) - records.PingReply.SIZE

_logger = logging.getLogger("n6link.device")


@dataclass(frozen=True, slots=True)
class Attempt:
    """A rate that was tried."""

    baud: int
    """bits per second"""
    obstacle: str = ""
    """why it is not used; empty = it is used"""
    refused: bool = False
    """whether the device does not have this rate"""


class Rates:
    """See the top of this module.

    Args:
        changed: called with the new rate after each change.

    Attributes:
        first: the first rate of the present stream; 0 = its rate cannot be changed.
        now: its present rate.
        attempts: the rates that were tried last, the highest first.
    """

    def __init__(self, changed: Callable[[int], None]) -> None:
        self.first = self.now = 0
        self.attempts: tuple[Attempt, ...] = ()
        self._changed = changed
        self._stream: Stream
        self._limit = RATES[0]
        self._lock = anyio.Lock()
        self._rests_until = 0.0

    def attach(self, stream: Stream, first: int | None = None) -> None:
        """A stream was opened. ``first`` is the first rate of its line, if the stream does not know it."""
        self._stream = stream
        self.first = self.now = stream.baud if first is None else first

    async def rest(self, channel: Channel) -> None:
        """The connection was interrupted: the first rate."""
        if self.now != self.first:
            with suppress(TransportError):  # the stream is broken, and will be opened again
                await self._set(channel, self.first)

    async def settle(self, channel: Channel) -> None:
        """A session was opened or resumed at the first rate: selects the rate.

        Raises:
            N6Error: the device does not answer any more.
        """
        if self._changeable(channel):
            async with self._lock:
                board = self._board(channel)
                await self._select(channel, board, known=await learnt.recall(board, "rate"))

    async def renew(self, channel: Channel) -> None:
        """Tries all rates again, also those above the stored one; not if the present one is the highest. Requests of the program wait.

        Raises:
            N6Error: the device does not answer any more.
        """
        if self._changeable(channel) and self.now < RATES[0]:
            async with self._lock:
                self._limit = RATES[0]
                if self.now != self.first:
                    await self._return(channel)
                await self._select(channel, self._board(channel), known=0)

    async def watch(self, channel: Channel) -> None:
        """Leaves a rate that does not work any more; see the top of this module."""
        while True:
            await anyio.sleep(LOOK)
            if self.now == self.first or channel.interruption or self._lock.locked():
                continue
            with suppress(N6Error):  # the connection is interrupted, and will be resumed
                if channel.unheard > LOST:
                    await self._recover(channel)
                elif channel.link.rising_damage() or self._stuck(channel):
                    await self._prove_again(channel)

    # ---- decisions

    def _changeable(self, channel: Channel) -> bool:
        session = channel.link.session
        return bool(self.first and session and session.features & Feature.RATE)

    def _board(self, channel: Channel) -> str:
        """Unique id of the board for which the rate is stored; empty = it is not stored."""
        session = channel.link.session
        return session.unique_id.rstrip(b"\0").hex() if session and self._stream.durable else ""

    def _stuck(self, channel: Channel) -> bool:
        now = ambient.monotonic()
        stuck = channel.stuck > STUCK and now >= self._rests_until
        if stuck:
            self._rests_until = now + REST
        return stuck

    async def _select(self, channel: Channel, unique_id: str, *, known: int) -> None:
        highest = min(self._limit, known or self._limit)
        begun = ambient.monotonic()
        self.attempts = ()
        for baud in sorted({*RATES, known}, reverse=True):
            if not self.first < baud <= highest:
                continue
            attempt = await self._try(channel, baud)
            self.attempts += (attempt,)
            if not attempt.obstacle:
                _logger.info("%s: %d baud, proved in %.3f s", channel.name, baud, ambient.monotonic() - begun)
                break
            _logger.info("%s: %d baud is not possible: %s", channel.name, baud, attempt.obstacle)
        await learnt.store(unique_id, "rate", self.now)

    async def _recover(self, channel: Channel) -> None:
        _logger.warning(
            "%s: no good frame for %.1f s at %d baud; the line has %d baud again",
            channel.name,
            channel.unheard,
            self.now,
            self.first,
        )
        async with self._lock:
            await self._return(channel)
        await self.settle(channel)

    async def _prove_again(self, channel: Channel) -> None:
        async with self._lock:
            channel.link.paused = True
            try:
                good = await self._prove(channel, TIMES_AGAIN)
            finally:
                self._release(channel)
            if good:
                return
            _logger.warning("%s: the line damages frames at %d baud; trying lower rates", channel.name, self.now)
            self._limit = self.now - 1
            await self._return(channel)
        await self.settle(channel)

    # ---- steps

    async def _try(self, channel: Channel, baud: int) -> Attempt:
        """Changes from the first rate to another one and proves it; else the first one is set again."""
        channel.link.paused = True
        try:
            payload = await _ask(channel, MessageType.RATE, records.Rate(baud=baud).pack(), channel.timeout)
            with decoding("RATE"):
                wait = records.RateReply.unpack(payload).switch_ms
            await anyio.sleep(min(wait / 1000, CHANGED))
            await self._set(channel, baud)
            if await self._prove(channel):
                return Attempt(baud)
            why = "the line damages frames at this rate"
        except DeviceError as error:
            return Attempt(baud, str(error), refused=True)
        except (
            TransportError
        ) as error:  # the port does not have this rate; or it was lost, and so the next line raises an error
            why = str(error)
        finally:
            self._release(channel)
        await self._return(channel)
        return Attempt(baud, why)

    async def _return(self, channel: Channel) -> None:
        """Sets the first rate, and waits until the device has followed."""
        channel.link.paused = True
        try:
            await self._set(channel, self.first)
            if not await self._answers(channel, FOUND):
                raise N6Timeout(
                    f"{channel.name} does not answer at {self.first} baud, to which it returns after a rate that does not work; reset the board"
                )
        finally:
            self._release(channel)

    async def _set(self, channel: Channel, baud: int) -> None:
        await self._stream.set_baud(baud)
        self.now = baud
        channel.link.rate_changed(baud)
        self._changed(baud)

    @staticmethod
    def _release(channel: Channel) -> None:
        channel.link.paused = False
        channel.wake()

    async def _prove(self, channel: Channel, times: int = TIMES) -> bool:
        try:
            if not await self._answers(channel, CHANGED):
                return False
            before, good, late = await _damage(channel), 0, 0
            while good < times and late <= LATE:
                repeats = await _repeats(channel)
                if repeats is None or await _damage(channel) != before:
                    return False
                good += repeats <= SPARE
                late += repeats > SPARE
            return good == times
        except N6Timeout:
            return False

    @staticmethod
    async def _answers(channel: Channel, seconds: float) -> bool:
        """Whether the device answers a ping in time. Each ping is new: a repeated one would wait longer each time."""
        until = ambient.monotonic() + seconds
        while ambient.monotonic() < until:
            try:
                await _ask(channel, MessageType.PING, b"", ANSWER)
            except N6Timeout:
                if channel.interruption:
                    raise
            else:
                return True
        return False


async def _ask(channel: Channel, kind: MessageType, body: bytes, patience: float) -> bytes:
    """The answer to a request that does not wait for others."""
    (reply,) = await channel.ask_all([(kind, body)], timeout=patience, fragile=True, urgent=True)
    return reply.payload


async def _damage(channel: Channel) -> tuple[int, ...]:
    """Damaged and skipped bytes that the device and this side have counted."""
    payload = await _ask(channel, MessageType.STATS, records.StatsRequest().pack(), CHANGED)
    with decoding("STATS"):
        there = records.StatsReply.unpack(payload)
    here = channel.link.counters
    return tuple(
        getattr(side, name) for side in (there, here) for name in ("header_errors", "payload_errors", "skipped")
    )


async def _repeats(channel: Channel) -> int | None:
    """Sends :data:`PINGS` pings. How many of them were repeated; None = one did not return with its tail."""
    repeats = channel.link.counters.repeats
    questions = [(MessageType.PING, _tail(number)) for number in range(PINGS)]
    replies = await channel.ask_all(questions, timeout=CHANGED, fragile=True, urgent=True)
    echoed = all(reply.payload.endswith(tail) for reply, (_, tail) in zip(replies, questions, strict=True))
    return channel.link.counters.repeats - repeats if echoed else None


def _tail(number: int) -> bytes:
    """Bytes with many and with few edges on the line, and random ones."""
    patterns = b"\x55\xaa" * (_TAIL // 2), bytes(_TAIL), b"\xff" * _TAIL, random.Random(number).randbytes(_TAIL)
    return patterns[number % len(patterns)]
