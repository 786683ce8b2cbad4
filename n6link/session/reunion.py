"""Brings a device back that has gone: opens its stream again, with pauses that grow, until it answers or the time is over.

A stream that still works is tried first: a board that was reset behind a UART answers there, and one that was only silent goes on. After that it is
opened again, under the URL that it had and then under those where the same board may be now; the unique id in the answer to HELLO decides
whether it is the same board. A virtual board that still runs is never started again: it would forget what it knows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

import anyio

from n6link import ambient
from n6link.errors import N6Error, N6Timeout, TransportError, VersionMismatch, WrongDevice
from n6link.session.channel import Channel
from n6link.transport.url import Stream

T = TypeVar("T")

ATTEMPT: Final = 2.0
"""seconds for the answer to HELLO: a board that starts needs less than one"""
FIRST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 1.0
OWN: Final = ("sim:", "qemu:")
"""what starts with the stream and ends with it"""


async def bring_back(
    channel: Channel,
    *,
    urls: Callable[[], Sequence[str]],
    connect: Callable[[str], Awaitable[Stream]],
    resume: Callable[[float], Awaitable[T]],
    bound: float,
) -> T:
    """See the head of this module.

    Args:
        channel: whose dialogue is interrupted.
        urls: where the device may be now, most likely first.
        connect: opens a stream.
        resume: continues the dialogue over the stream that is attached, given the seconds to wait for an answer; returns what came of it.
        bound: seconds after which no other attempt is made.

    Raises:
        WrongDevice: another board is there.
        VersionMismatch: it came back with another protocol.
        TransportError: it did not come back.
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
            if not channel.broken and not url.startswith(OWN):
                await channel.detach()
        if ambient.monotonic() + pause >= until:
            break
        await anyio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
    kind = WrongDevice if isinstance(last, WrongDevice) else TransportError
    raise kind(f"{channel.name} has not come back within {bound:g} s: {last}") from last


async def _within(seconds: float, url: str, connect: Callable[[str], Awaitable[Stream]]) -> Stream:
    with anyio.move_on_after(seconds):
        return await connect(url)
    raise N6Timeout(f"{url} could not be opened within {seconds:g} s")
