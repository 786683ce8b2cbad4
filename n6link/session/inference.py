"""One inference as a dialogue: a slot, an upload, INFER, the result, RELEASE; and its errors.

::

    wait for a slot -> upload -> INFER directly after COMMIT -> RESULT: the slot is free -> last chunk: RELEASE

A device answers BUSY or NO_INPUT if it still works on a cancelled inference, or has lost an upload. Then the dialogue starts again
after a pause, with the same key, so that the inference does not run twice. If a call is cancelled, or fails, after INFER was sent, a
background task sends CANCEL; the slot is not free before the answer.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

import anyio

from n6link import ambient
from n6link.errors import DeviceError, N6Error, N6Timeout
from n6link.link.events import Begun, Event, Received, Sent
from n6link.link.exchange import GONE, Exchange, Inference
from n6link.protocol import MessageType, Status
from n6link.protocol.records import Cancel, Infer, Release, Result, ResultRecord
from n6link.session.channel import Channel
from n6link.session.slots import SlotPool

FIRST_PAUSE: Final = 0.005
LONGEST_PAUSE: Final = 0.2
FOREVER: Final = math.inf
"""seconds: RELEASE and CANCEL are repeated until the session ends. If the buffers of a device are not freed, it cannot run further
inferences, and no call waits for these answers"""
_RELEASE: Final = MessageType.RELEASE
_RETRIED: Final = frozenset({Status.BUSY, Status.NO_INPUT})
_INFER: Final = Infer.DTYPE.fields
assert _INFER
LEASED: Final = int(_INFER["network"][1])
"""offset of the field that is refused if another program has leased the network"""
_logger = logging.getLogger("n6link.device")


class Job(NamedTuple):
    """An inference to run."""

    network: int
    image: memoryview
    """all inputs: in the layout of a slot, or in parts"""
    returns: bytes
    """packed Return records; empty = all outputs whole"""
    timers: bool
    priority: int
    deadline: float | None
    """host time after which the result is not used"""
    computed: Callable[[], None] | None = None
    """called when the device has computed the result, and the slot is free"""
    parts: bytes = b""
    """packed Part records; empty = the image is in the layout of a slot"""
    sent: Callable[[], None] | None = None
    """called when the image has left"""


class Outcome(NamedTuple):
    """The result of a job; times are those of the host."""

    header: Result
    records: tuple[ResultRecord, ...]
    data: memoryview
    begun: float
    """transmission of the first chunk"""
    received: float
    """arrival of the last chunk"""
    digest: int = 0
    """CRC-32 of the job's image"""


class Runner:
    """Runs jobs on a device, as long as the numbers of its slots and networks do not change.

    Args:
        channel: the dialogue with the device.
        slots: its number of input slots.
        ready: waits until the device can be used.
    """

    def __init__(self, channel: Channel, slots: int, ready: Callable[[], Awaitable[object]]) -> None:
        self._channel = channel
        self._count = slots
        self._slots = SlotPool(slots)
        self._ready = ready
        self._over: N6Error | None = None

    def serves(self, channel: Channel, slots: int) -> bool:
        """Whether it runs jobs on this channel, with this number of slots."""
        return self._channel is channel and self._count == slots

    def end(self, error: N6Error) -> None:
        """Jobs that wait for a slot fail: after the reconnection the device has other networks."""
        self._over = error

    async def run(self, job: Job) -> Outcome:
        """Runs a job; may be cancelled at any time, which leaves the device usable.

        Raises:
            DeviceError: the device refused the job, or could not execute it.
            N6Timeout: its deadline has passed on the device, or there was no progress for too long.
            N6Error: the channel has failed.
        """
        key, pause, refused_since = ambient.randbits(64), FIRST_PAUSE, 0.0
        while True:
            slot = await self._slots.acquire(job.priority, job.network)
            try:
                await self._ready()
                if self._over:
                    raise self._over
            except BaseException:
                self._slots.release(slot)
                raise
            try:
                return await _Dialogue(self._channel, self._slots, slot).run(job, _inference(job, slot, key))
            except DeviceError as error:
                if error.status == Status.DEADLINE:
                    raise N6Timeout(
                        "the deadline has passed before the inference was finished; the device dropped it"
                    ) from error
                refused_since = refused_since or ambient.monotonic()
                if not _passes(error) or ambient.monotonic() > refused_since + self._channel.timeout:
                    raise
            await anyio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)


def _passes(error: DeviceError) -> bool:
    """Whether it can be expected to pass soon: not a lease of another program, which the refused field shows."""
    return error.status in _RETRIED and not (error.status == Status.BUSY and error.field == LEASED)


def _inference(job: Job, slot: int, key: int) -> Inference:
    network, _, returns, timers, priority, deadline, _, parts, _ = job
    return Inference(key, network, slot, priority, timers, deadline, returns, parts)


class _Dialogue:
    """One attempt; owns its slot until it releases it."""

    def __init__(self, channel: Channel, slots: SlotPool, slot: int) -> None:
        self._channel = channel
        self._slots = slots
        self._slot: int | None = slot

    async def run(self, job: Job, inference: Inference) -> Outcome:
        """Runs it; releases slot and result at the end, also after an error."""
        channel = self._channel
        box = channel.mailbox(at_once=self._frees if job.computed is None else None)
        try:
            upload, infer = channel.infer(job.image, inference, box, tell_sent=job.sent is not None)
        except BaseException:
            self._release_slot()
            raise
        try:
            while True:
                event = await box.get()
                if isinstance(event, Received):
                    sent = upload.upload
                    assert sent and sent.begun is not None
                    return Outcome(event.header, event.records, event.data, sent.begun, event.received, sent.crc)
                if isinstance(event, Sent) and job.sent:
                    job.sent()
                elif self._frees(event) and job.computed:
                    job.computed()
        finally:
            channel.forget(upload)
            self._end(infer)

    def _frees(self, event: Event | N6Error) -> bool:
        """Releases the slot if the result starts to arrive."""
        if isinstance(event, Begun):
            self._release_slot()
            return True
        return False

    def _release_slot(self) -> None:
        if self._slot is not None:
            self._slots.release(self._slot)
            self._slot = None

    def _end(self, infer: Exchange) -> None:
        """Releases the result buffer and the slot; if the device may still work on it, after its answer to CANCEL."""
        channel = self._channel
        channel.forget(infer)
        if infer.phase is not GONE and infer.tries and not channel.failure:
            channel.tasks.start_soon(self._cancel, infer.id)
            return
        if infer.result and not channel.failure:  # also if the call was cancelled before it read the last event
            alone = not channel.link.exchanges  # else another inference may wait for the buffer
            channel.send(_RELEASE, Release(target=infer.id).pack(), timeout=FOREVER, later=alone)
        self._release_slot()

    async def _cancel(self, number: int) -> None:
        try:
            await self._channel.ask(MessageType.CANCEL, Cancel(target=number).pack(), timeout=FOREVER)
        except N6Error as error:
            _logger.debug("inference %d could not be cancelled: %s", number, error)
        self._release_slot()
