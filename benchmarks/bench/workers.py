"""Each program of a comparison runs in a process of its own, which is idle while the others are measured; so its CPU time is its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from multiprocessing.connection import Connection
from typing import Final, TypeAlias

from bench.lines import FORK, settle
from bench.measure import Measure, Sample

Work: TypeAlias = Callable[[], Awaitable[object]]
"""an operation; if it returns a :class:`Sample`, this is the measurement, which is not repeated"""
Opened: TypeAlias = AbstractAsyncContextManager[Mapping[str, Work]]
"""a connected program: what it can do, by name"""
MOST: Final = 2000
"""repeats of a short operation in one sample"""
ATTEMPTS: Final = 5
"""number of times that a program is opened"""
PAUSE: Final = 1.0
"""seconds after an error; the board has then ended an incomplete frame"""


class Worker:
    """A program in its process."""

    def __init__(self, pipe: Connection, span: float) -> None:
        self._pipe, self._span = pipe, span
        self._counts: dict[str, int] = {}
        self.works: tuple[str, ...] = self._receive()

    def _receive(self) -> tuple:  # type: ignore[type-arg]
        answer = self._pipe.recv()
        if isinstance(answer, Exception):
            raise answer
        return tuple(answer)

    def run(self, work: str) -> Sample:
        """Measures an operation once; short ones are repeated."""
        self._pipe.send((work, self._counts.get(work, 1)))
        begun = time.perf_counter()
        sample = Sample(*self._receive())
        elapsed = max(time.perf_counter() - begun, 1e-7)
        self._counts.setdefault(work, min(max(int(self._span / elapsed), 1), MOST))
        return sample

    def measure(self, work: str) -> Measure:
        """For :meth:`bench.measure.Bench.compare`."""
        return lambda: self.run(work)


@contextmanager
def worker(
    opened: Callable[[], Opened], span: float, loop: Callable[[], asyncio.AbstractEventLoop] | None = None
) -> Iterator[Worker]:
    """A process with a program; its first sample of an operation is for the number of repeats.

    Args:
        opened: the program, opened in the process.
        span: seconds of one sample.
        loop: makes the event loop; None = that of asyncio.

    Raises:
        Exception: what the program raised.
    """
    ours, theirs = FORK.Pipe()

    def main() -> None:
        settle()
        ours.close()
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(_serve(theirs, opened))

    child = FORK.Process(target=main, daemon=True)
    child.start()
    theirs.close()
    try:
        yield Worker(ours, span)
    finally:
        ours.close()  # the program closes its device, and ends
        child.join(5)
        child.kill()
        child.join()


async def _serve(pipe: Connection, opened: Callable[[], Opened]) -> None:
    """Measures until there are no more requests; a program that fails is opened again, and measured again."""
    # The floor does not repeat what is lost, and a board drops the rest of a chunk if this process does not run for some time.
    request: tuple[str, int] | None = None
    for left in reversed(range(ATTEMPTS)):
        try:
            async with opened() as works:
                if not request:
                    pipe.send(tuple(works))
                while request := request or await _request(pipe):
                    pipe.send(await _sample(works[request[0]], request[1]))
                    request = None
            return
        except Exception as error:  # noqa: BLE001  it is raised where the measurement was started
            if not request or not left:
                pipe.send(RuntimeError(f"{type(error).__name__}: {error}"))
                return
            await asyncio.sleep(PAUSE)


async def _sample(work: Work, count: int) -> Sample | tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(count):
        own = await work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return own if isinstance(own, Sample) else (wall / count, cpu / count)


async def _request(pipe: Connection) -> tuple[str, int] | None:
    """The next request; the loop runs while it waits, so that the program keeps its connection alive. None = there are no more."""
    arrived = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(pipe.fileno(), arrived.set)
    try:
        await arrived.wait()
        request: tuple[str, int] = pipe.recv()
        return request
    except EOFError:
        return None
    finally:
        loop.remove_reader(pipe.fileno())
