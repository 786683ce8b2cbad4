"""The work of the host is linear in what a device sends, and in what a program asks for; what it keeps is bounded."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import wire
from effort import lines
from wire import opened, sent

from n6link.link import frames
from n6link.link.link import Link
from n6link.link.retry import TICK, Retry
from n6link.link.transfer import Download
from n6link.protocol import MessageType, records

MOST = 2.4
"""maximum ratio of the work for twice as much"""
Act = Callable[[], object]


def tick(count: int) -> Act:
    """A check of the time-outs, with this number of open requests."""
    link = opened(requests=1000)
    for _ in range(count):
        link.request(MessageType.INFO, patience=1000.0)
    sent(link)
    retry = Retry(link)
    retry.tick(0.0)
    return lambda: retry.tick(TICK)


def repeats(count: int) -> Act:
    """The check at which all of them are repeated."""
    act = tick(count)

    def wait() -> None:
        for _ in range(100):
            act()

    return wait


def alternate(count: int) -> Act:
    """A device sends every second chunk of a result."""

    def receive() -> None:
        download = Download(2 * count * 256, 0, chunk=256)
        for index in range(1, 2 * count, 2):
            download.place(index * 256, memoryview(bytes(256)))

    return receive


def damaged(count: int) -> Act:
    """A device sends every second chunk of a result damaged."""

    def receive() -> None:
        download = Download(2 * count * 256, 0, chunk=256)
        for index in range(2 * count):
            if index % 2:
                download.damaged(index * 256, 256)
            else:
                download.place(index * 256, memoryview(bytes(256)))

    return receive


def read(data: bytes, size: int) -> Act:
    """Bytes arrive in pieces."""

    def feed() -> None:
        reader = frames.FrameReader(frames.Counters())
        for at in range(0, len(data), size):
            for _ in reader.feed(data[at : at + size]):
                pass
        while reader.waiting:
            for _ in reader.search_again():
                pass

    return feed


def bytes_one_by_one(count: int) -> Act:
    return read(wire.data(1, 0, 0, bytes(count)), 1)


def half_magics(count: int) -> Act:
    return read(b"n" * count, 7)


def half_headers(count: int) -> Act:
    """Each looks like the start of a frame, whose rest does not come."""
    return read(frames.header(MessageType.DATA, 1, 8000) * count, 100)


def stray_lines(count: int) -> Act:
    return read(b"abc\n" * count, 16)


def naks(count: int) -> Act:
    """A device asks for all of an upload again and again."""
    link = opened()
    number = wire_upload(link)
    nak = wire.event(MessageType.NAK, records.Nak().pack(), number)

    def receive() -> None:
        for _ in range(count):
            link.receive_data(nak, 0.0)

    return receive


def wire_upload(link: Link) -> int:
    exchange = link.upload(memoryview(bytes(100000)), network=0, slot=0, patience=1.0)
    sent(link)
    return exchange.id


@pytest.mark.parametrize(
    "act",
    [tick, repeats, alternate, damaged, bytes_one_by_one, half_magics, half_headers, stray_lines, naks],
    ids=lambda act: act.__name__,
)
def test_twice_as_much_is_twice_the_work(act: Callable[[int], Act]) -> None:
    once, twice = lines(act(200)), lines(act(400))
    assert twice < MOST * once


def test_the_count_sees_quadratic_work() -> None:
    """A frame reader that looks at all bytes again, for each byte."""

    def again(count: int) -> Act:
        def feed() -> None:
            for at in range(0, count, 10):
                read(b"n6" * at, 1)()

        return feed

    assert lines(again(200)) > 3.5 * lines(again(100))
