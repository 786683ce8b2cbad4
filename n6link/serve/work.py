"""Runs the orders of clients on the board: an inference as it arrived, with its encoded inputs and reductions, or a check."""

from __future__ import annotations

from dataclasses import dataclass, replace

import anyio

from n6link import ambient
from n6link.device import N6Device
from n6link.errors import DeviceError, N6Error, N6Timeout
from n6link.protocol import MessageType, Status, records
from n6link.serve.desk import Desk, Share
from n6link.serve.record import ClientRecord
from n6link.session.inference import Job, Outcome


@dataclass(frozen=True, slots=True)
class Done:
    """The end of an order."""

    status: int = int(Status.OK)
    value: int = 0
    text: str = ""
    payload: bytes = b""
    """of the CHECK reply; or the Result"""
    records: bytes = b""
    """packed ResultRecords"""
    data: memoryview | bytes = b""


LATE = Done(int(Status.DEADLINE), text="the time to live has passed")


async def infer(
    dev: N6Device, desk: Desk, share: Share, job: Job, since: float | None = None, record: ClientRecord | None = None
) -> Done:
    """Runs an inference of a client when it is its turn.

    The times in the result are those of the board; ``t_queued`` is the time at which the server has started to send the inputs.

    Args:
        dev: the board.
        desk: gives turns.
        share: of the client.
        job: the inference.
        since: host time since which it waits; None = now.
        record: where its result is recorded.
    """
    left = None if job.deadline is None else max(job.deadline - ambient.monotonic(), 0.0)
    begun = ambient.monotonic()
    asked = begun if since is None else since
    try:
        with anyio.move_on_after(left) as patience:
            async with desk.place(share, job.priority, since):
                patience.deadline = float("inf")  # from here on, the board observes it
                begun = ambient.monotonic()
                try:
                    outcome = await dev.connection.infer(job)
                finally:
                    share.used += ambient.monotonic() - begun
            if record:
                record.answered(job, asked, outcome)
            return _done(dev, outcome)
        done = LATE
    except N6Error as error:
        done = failed(error)
    if record:
        record.refused(job, done.text)
    return done


def _done(dev: N6Device, outcome: Outcome) -> Done:
    header = replace(
        outcome.header,
        t_queued=min(dev.clock.to_device(outcome.begun), outcome.header.t_committed),
        head=records.Result.SIZE,
        record=records.ResultRecord.SIZE,
    )
    packed = b"".join(record.pack() for record in outcome.records)
    return Done(payload=header.pack(), records=packed, data=outcome.data)


async def check(dev: N6Device, network: int) -> Done:
    """Lets the board check a network with its stored input."""
    try:
        payload = await dev.connection.ask(MessageType.CHECK, records.Check(network=network).pack())
        return Done(payload=records.CheckReply.unpack(payload).pack())
    except N6Error as error:
        return failed(error)


def failed(error: N6Error) -> Done:
    """The answer for a client whose order has failed."""
    if isinstance(error, DeviceError):
        return Done(int(error.status), error.value, error.said)
    if isinstance(error, N6Timeout) and not error.cause:
        return LATE
    return Done(int(Status.NPU_FAULT), 0, f"the server has lost the inference: {error}")
