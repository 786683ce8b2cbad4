"""Programs that share a simulated board: the server of the package, between the connections of programs and a board.

    program -- Seat -- n6link.serve.sharing -- N6Device -- Bench

A seat is the place of a program at the server. Its connection is a socket: bytes take a time, and a full buffer holds the sender
back. Faults of the connection are those of a line, which are more than a socket has; so the core of the client has to recover too.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import anyio
from anyio.abc import ByteStream

from n6link import N6Device
from n6link.errors import N6Error
from n6link.serve.sharing import Sharing
from n6link.transport.faults import WAYS, Fault, Way
from simulation.bench import INSTANT, PIECES, Bench, current
from simulation.faults import RESTART, Faults, Listed
from simulation.line import Frames, Line
from simulation.networks import owner
from simulation.outages import overlap, since
from simulation.rules import Rules

RATE: Final = 300e6
"""bytes per second of a socket"""
LATENCY: Final = 20e-6
"""seconds"""
BUFFER: Final = 65536
"""bytes of each way that the system holds"""
OF_SOCKETS: Final = ("stall", "silence", "slow", "freeze", "cut", "unplug")
"""faults in time that a connection can have; others happen to the board, or to the computer"""
ON_ITS_WAY: Final = 2.0
"""seconds that a withdrawal needs to the board, and a result to the server"""
SETTLE: Final = 5.0
"""seconds that a server needs, after an outage of its board, until its programs have the board again"""


class Pipe:
    """One way of a connection."""

    def __init__(self, seat: Seat, way: Way) -> None:
        self._seat = seat
        self._way: Way = way
        self._frames = Frames()
        self._loop = asyncio.get_running_loop()
        self._free = self._landed = self._rests_until = 0.0
        self._flying = 0
        self._received = bytearray()
        self._changed, self._room = asyncio.Event(), asyncio.Event()
        self.broken = self.ended = False

    # ---- the sender

    def send_nowait(self, data: bytes | memoryview) -> int:
        """Takes as many bytes as there is room for."""
        if self.broken:
            return 0
        taken = bytes(data[: max(BUFFER - self._flying - len(self._received), 0)])
        if taken:
            arrives = self._seat.carry(self._way, taken, self._frames)
            self._free = max(self._loop.time(), self._free) + len(taken) / RATE
            self._landed = max(self._free + LATENCY, self._landed + INSTANT)
            self._flying += len(arrives)
            self._loop.call_at(self._landed, self._arrive, arrives)
        return len(taken)

    async def send(self, data: bytes) -> None:
        """Sends all bytes."""
        await asyncio.sleep(0)
        while data:
            self._check()
            if not (taken := self.send_nowait(data)):
                self._room.clear()
                await self._room.wait()
            data = data[taken:]

    def end(self) -> None:
        """The sender sends nothing more."""
        self._loop.call_at(self._landed + LATENCY, self._end)

    # ---- the receiver

    async def receive(self, max_bytes: int) -> bytes:
        """Received bytes, at least one."""
        while not self._received or self._loop.time() < self._rests_until:
            self._check()
            if self.ended and not self._received:
                raise anyio.EndOfStream
            if self._loop.time() < self._rests_until:
                await asyncio.sleep(self._rests_until - self._loop.time())
            else:
                self._changed.clear()
                await self._changed.wait()
        size = self._seat.piece(min(max_bytes, len(self._received)))
        data = bytes(self._received[:size])
        del self._received[:size]
        self._room.set()
        return data

    def rest(self, seconds: float) -> None:
        """The receiver does not read for a time."""
        self._rests_until = self._loop.time() + seconds

    # ---- what happens to it

    def stall(self, seconds: float) -> None:
        """Bytes wait."""
        begin = max(self._loop.time(), self._free)
        self._free = begin + seconds
        self._seat.outages.append((begin, self._free))

    def break_(self) -> None:
        """The connection is lost, and what is on its way."""
        self.broken = True
        self._changed.set()
        self._room.set()

    def _arrive(self, data: bytes) -> None:
        self._flying -= len(data)
        if not self.broken and self._loop.time() >= self._seat.silent[self._way]:
            self._received += data
            self._changed.set()
        self._room.set()

    def _end(self) -> None:
        self.ended = True
        self._changed.set()

    def _check(self) -> None:
        if self.broken:
            raise anyio.BrokenResourceError from OSError("the connection was cut")


class End(ByteStream):
    """An end of a connection."""

    def __init__(self, out: Pipe, into: Pipe, closes: Callable[[], None]) -> None:
        self._out, self._into, self._closes = out, into, closes
        self._closed = False

    async def receive(self, max_bytes: int = 65536) -> bytes:
        if self._closed:
            raise anyio.ClosedResourceError
        try:
            return await self._into.receive(max_bytes)
        except anyio.BrokenResourceError:
            if self._closed:
                raise anyio.ClosedResourceError from None
            raise

    def send_nowait(self, item: bytes | memoryview) -> int:
        return self._out.send_nowait(item)

    async def send(self, item: bytes) -> None:
        await self._out.send(bytes(item))

    async def send_eof(self) -> None:
        self._out.end()

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            self._closes()
            self._out.end()
            self._into.break_()
        await asyncio.sleep(0)


class Seat:
    """The place of a program at a server; see the head of this module.

    Attributes:
        port: of the board.
        faults: of the connection.
        outages: of the connection.
        heard: when the program sent something last.
        rules: what both ends must keep to.
        lines: what has happened to the bytes.
        timed: faults in time that have happened.
        silent: time until which bytes of a way are lost.
        digest: of all that has passed.
    """

    def __init__(self, bench: Bench, faults: Faults, seed: int, accept: Callable[[End], bool]) -> None:
        self.port = bench.port
        self.faults = faults
        self.outages: list[tuple[float, float]] = []
        self.heard = 0.0
        self.rules = Rules()
        self.lines = {way: Line(faults, way) for way in WAYS}
        self.timed: list[Fault] = []
        self.silent: dict[Way, float] = dict.fromkeys(WAYS, -1.0)
        self.digest = hashlib.blake2b(digest_size=16)
        self._bench = bench
        self._accept = accept
        self._loop = asyncio.get_running_loop()
        self._draw = random.Random(f"seat {seed}")
        self._pipes: dict[Way, Pipe] = {}
        self._absent_until = 0.0
        self._cuts: list[float] = []
        self._ends: list[float] = []
        """times at which a connection ended, for whatever reason"""
        for fault in faults.timed:
            if fault.kind in OF_SOCKETS:
                self._loop.call_at(fault.at, self._happen, fault)

    # ---- what a ledger asks

    @property
    def shared(self) -> bool:
        """Whether other programs use the board too: yes."""
        return True

    @property
    def fired(self) -> list[Fault]:
        """The faults of the connection that have happened."""
        return [fault for line in self.lines.values() for fault in line.fired] + self.timed

    @property
    def lethal(self) -> list[float]:
        """Times at which a connection was lost."""
        return self._cuts + self._bench.lethal

    @property
    def resets(self) -> list[float]:
        """Times at which the board started again, and at which the server may have noticed it at the latest."""
        return [time for reset in self._bench.resets for time in (reset, reset + SETTLE)]

    def out(self, begin: float, end: float) -> float:
        """Seconds of a span in which nothing can be expected."""
        return overlap(self._all(), begin, end)

    def whole(self, now: float) -> float:
        """Seconds since the last outage."""
        return since(self._all(), now)

    def _all(self) -> list[tuple[float, float]]:
        return self.outages + [(begin, end + SETTLE) for begin, end in self._bench.outages]

    def was_left(self, begin: float, end: float) -> bool:
        """Whether its connection has ended while the result of an inference, which began and began again, was not in the server.

        The server withdraws what a lost connection leaves. The board may run it meanwhile, and runs it again if the program repeats it.
        """
        return any(begin - ON_ITS_WAY <= ended <= min(end, begin + ON_ITS_WAY) for ended in self._ends)

    # ---- the connection

    async def open(self) -> ByteStream:
        """A new connection; an older one breaks."""
        await asyncio.sleep(0)
        if self._loop.time() < self._absent_until:
            raise ConnectionRefusedError(111, "nobody listens there")
        self._break()
        up, down = Pipe(self, "up"), Pipe(self, "down")
        if not self._accept(End(down, up, self._note_end)):
            raise ConnectionResetError(104, "the server does not accept it")
        self._pipes = {"up": up, "down": down}
        return End(up, down, self._note_end)

    def carry(self, way: Way, data: bytes, frames: Frames) -> bytes:
        """What arrives of some bytes."""
        now = self._loop.time()
        if way == "up":
            self.heard = now
        self.digest.update(f"{way} {now:.9f} {len(data)} ".encode() + data)
        whole = frames.take(data)
        (self.rules.host_sends if way == "up" else self.rules.board_sends)(whole)
        line = self.lines[way]
        return line.carry(line.lose(whole, now), now)

    def piece(self, size: int) -> int:
        """How many bytes of so many are seen at once."""
        return self._draw.randrange(1, size) if size > 1 and self._draw.random() < PIECES else size

    # ---- what happens to it

    def _happen(self, fault: Fault) -> None:
        now = self._loop.time()
        self.timed.append(fault)
        if fault.kind != "stall":
            self.outages.append((now, now + fault.size))
        if fault.kind in ("cut", "unplug"):
            self._absent_until = max(self._absent_until, now + fault.size)
            self._cuts.append(now)
            self._break()
        elif fault.kind == "silence":
            self.silent[fault.way] = now + fault.size
        elif self._pipes and fault.kind == "stall":
            self._pipes[fault.way].stall(fault.size)
        elif self._pipes:
            self._pipes["down" if fault.kind == "slow" else "up"].rest(fault.size)

    def server_ends(self, fault: Fault) -> None:
        """The connection ends with its server."""
        now = self._loop.time()
        self.timed.append(fault)
        self.outages.append((now, now + fault.size + SETTLE))
        self._cuts.append(now)
        self._break()

    def _note_end(self) -> None:
        self._ends.append(self._loop.time())

    def _break(self) -> None:
        self._note_end()
        for pipe in self._pipes.values():
            pipe.break_()
        self._pipes = {}


def without_sockets(faults: Faults) -> Faults:
    """Those of the faults that happen to a board while connections have faults."""
    return Listed([fault for fault in faults.timed if fault.kind not in (*OF_SOCKETS, RESTART)])


class _Host:
    """The computer with the server."""

    def __init__(self, bench: Bench) -> None:
        self.seats: list[Seat] = []
        self.serves = asyncio.Event()
        self._bench = bench
        self._sharing: Sharing | None = None
        self._ends = asyncio.Event()
        self._pause = 0.0

    async def run(self) -> None:
        """Serves, again after each end."""
        current.set(self._bench)
        while True:
            self._ends = asyncio.Event()
            try:
                await self._serve()
            except* N6Error:  # the board cannot be opened, or was restarted before the server knew it
                pass
            await asyncio.sleep(self._pause or 1.0)

    async def _serve(self) -> None:
        async with N6Device("simulated:", reconnect=math.inf) as device, anyio.create_task_group() as tasks:
            sharing = Sharing(device)
            await tasks.start(sharing.run)
            self._sharing = sharing
            self.serves.set()
            await self._ends.wait()
            self._sharing = None
            tasks.cancel_scope.cancel()

    def accept(self, end: End) -> bool:
        """Whether the server, if it runs, accepts a connection."""
        return self._sharing is not None and self._sharing.accept(end)

    def restart(self, fault: Fault) -> None:
        """Ends the server, and with it all connections; it starts again later."""
        self._pause = fault.size
        for seat in self.seats:
            seat.server_ends(fault)
        self._ends.set()


@asynccontextmanager
async def shared(bench: Bench, faults: Faults, seed: int) -> AsyncIterator[list[Seat]]:
    """A block in which a server shares a board.

    Args:
        bench: the board, and its line with the server.
        faults: of the connection of the first program; it has its seat first. The other's has none.
        seed: of how bytes are seen.
    """
    host = _Host(bench)
    seats = host.seats
    for number, each in enumerate((faults, Listed(()))):
        seats.append(Seat(bench, each, 2 * seed + number, host.accept))
    bench.may_repeat = lambda tag, begin, again: seats[owner(tag)].was_left(begin, again)
    for fault in {*faults.timed, *bench.faults.timed}:
        if fault.kind == RESTART:
            asyncio.get_running_loop().call_at(fault.at, host.restart, fault)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(host.run)
        await host.serves.wait()
        yield seats
        tasks.cancel_scope.cancel()
