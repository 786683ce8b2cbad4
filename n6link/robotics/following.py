"""What a device reports, in an MCAP file: changes of its state, log lines, statistics."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Protocol, TypeVar

import anyio
import anyio.to_thread

from n6link import ambient
from n6link.device import N6Device
from n6link.errors import N6Error, RecordingError
from n6link.robotics.mcap_file import ROOT
from n6link.session.clock import ClockMap
from n6link.session.info import DeviceInfo
from n6link.session.state import AWAY, State, StateChange
from n6link.session.stats import Stats
from n6link.session.subscription import LogRecord

T = TypeVar("T")


class Sink(Protocol):
    """The methods of :class:`~n6link.robotics.McapFile` that are used."""

    def describe(self, device: DeviceInfo, url: str, *, root: str) -> None: ...  # noqa: D102
    def add_state(self, change: StateChange, clock: ClockMap | None, *, root: str) -> None: ...  # noqa: D102
    def add_stats(self, stats: Stats, round_trip: float, *, root: str) -> None: ...  # noqa: D102
    def add_log(self, record: LogRecord, clock: ClockMap | None, *, root: str) -> None: ...  # noqa: D102


async def follow(device: N6Device, file: Sink, *, interval: float | None = None, root: str = ROOT) -> None:
    """Records the states, the log lines and, at an interval, the statistics of an open device, until it is cancelled or lost.

    ::

        async with N6Device() as dev, anyio.create_task_group() as tasks:
            tasks.start_soon(follow, dev, file)

    Args:
        device: an open device.
        file: where to, such as a :class:`~n6link.robotics.McapFile`.
        interval: seconds between two readings of the statistics, which the device sends; None = it does not.
        root: the beginning of its topics, if the file has those of several devices.

    Raises:
        RecordingError: the file cannot be written, or is closed.
    """

    async def write(add: Callable[[T, ClockMap | None], None], item: T) -> None:
        clock = device.clock if device.state is State.OPEN else None
        await anyio.to_thread.run_sync(add, item, clock)

    async def follow_items(items: AsyncIterator[T], add: Callable[[T, ClockMap | None], None]) -> None:
        while device.state is State.OPEN or device.state in AWAY:
            try:
                async for item in items:
                    await write(add, item)
                return
            except RecordingError:
                raise
            except N6Error:
                continue  # an interruption, which is recorded as a state

    async def follow_stats(seconds: float) -> None:
        async with device.subscribe(seconds) as readings:
            await follow_items(readings, lambda stats, _: file.add_stats(stats, device.health.round_trip, root=root))

    async with device.events() as changes, device.logs() as lines, anyio.create_task_group() as tasks:
        add_state, add_log = partial(file.add_state, root=root), partial(file.add_log, root=root)
        await anyio.to_thread.run_sync(partial(file.describe, device.info, device.url, root=root))
        await write(add_state, StateChange(ambient.monotonic(), device.state))
        tasks.start_soon(follow_items, changes, add_state)
        tasks.start_soon(follow_items, lines, add_log)
        if interval is not None:
            tasks.start_soon(follow_stats, interval)
