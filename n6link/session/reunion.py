"""Reconnects a lost device: opens its stream again, with increasing pauses, until it answers or a time limit.

A stream that still works is tried first: a board on a UART answers there after a reset, and a board that was only silent continues.
Then the stream is opened again, with the same URL and with other URLs where the same board may be now. The unique id in the answer to
HELLO identifies the board. A virtual board that still runs is never started again: it would lose its state.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

import anyio
from anyio.abc import ByteStream

from n6link import ambient
from n6link.errors import N6Error, N6Timeout, TransportError, VersionMismatch, WrongDevice
from n6link.session.channel import Channel

T = TypeVar("T")

ATTEMPT: Final = 2.0
"""time-out of HELLO, seconds: the start of a board takes less than one second"""
FIRST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 1.0
OWN: Final = ("sim:", "qemu:", "replay:")
"""devices that start and end with their stream"""


async def bring_back(
    channel: Channel,
    *,
    urls: Callable[[], Sequence[str]],
    connect: Callable[[str], Awaitable[ByteStream]],
    resume: Callable[[float], Awaitable[T]],
    bound: float,
    failed: Callable[[N6Error], None] = lambda error: None,
) -> T:
    """See the top of this module.

    Args:
        channel: the channel with the interrupted dialogue.
        urls: possible URLs of the device, most likely first.
        connect: opens a stream.
        resume: continues the dialogue over the attached stream; its argument is the maximum seconds without an answer.
        bound: seconds after which no further attempt is made.
        failed: called with the error of each attempt.

    Returns:
        The result of ``resume``.

    Raises:
        WrongDevice: another board answers.
        VersionMismatch: the device now has another protocol.
        TransportError: the device did not answer in time.
    """
    until, pause = ambient.monotonic() + bound, FIRST_PAUSE
    last: N6Error | None = None
    while True:
        for url in urls():
            left = max(until - ambient.monotonic(), FIRST_PAUSE)
            try:
                if channel.broken:
                    await channel.detach()
                    await channel.attach(await _within(left, url, connect))
                return await resume(min(ATTEMPT, left))
            except VersionMismatch:
                raise
            except N6Error as error:
                last = last if isinstance(last, WrongDevice) else error
                failed(last)
            if not channel.broken and not url.startswith(OWN):
                await channel.detach()
        if ambient.monotonic() + pause >= until:
            break
        await anyio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
    kind = WrongDevice if isinstance(last, WrongDevice) else TransportError
    raise kind(f"{channel.name} was not connected again within {bound:g} s: {last}") from last


async def _within(seconds: float, url: str, connect: Callable[[str], Awaitable[ByteStream]]) -> ByteStream:
    with anyio.move_on_after(seconds):
        return await connect(url)
    raise N6Timeout(f"{url} could not be opened within {seconds:g} s")
