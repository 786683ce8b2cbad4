"""A board and its line on the event loop; the package opens it as ``simulated:``.

Both directions take their time: bytes leave at the rate of the line, and arrive one latency later. On the way they pass the
faults. Where a port has flow control a full buffer holds the sender back, elsewhere bytes that find no room are lost.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, Protocol

from anyio.abc import ByteStream

from n6link.link import frames
from n6link.link.handshake import Greeting
from n6link.link.link import ZEROS
from n6link.protocol import MessageType
from n6link.transport import url
from n6link.transport.faults import WAYS, Fault, Way
from simulation.board import NEVER, Board, Turn
from simulation.connection import Connection
from simulation.faults import RESTART, Faults
from simulation.line import Frames, Line
from simulation.outages import overlap, since
from simulation.rules import Rules
from simulation.virtual_time import VirtualLoop

BOOT: Final = 0.3
"""seconds that a board needs to start"""
PIECES: Final = 0.2
"""share of what arrives that is seen in two pieces"""
INSTANT: Final = 1e-8
"""seconds between two arrivals: timers of the same time ring in any order"""
LEAST_WAIT: Final = 50e-6
"""seconds between two turns of a board that asks for one at once"""


@dataclass(frozen=True, slots=True)
class Port:
    """A board's port and its line.

    Attributes:
        window: as the core's configuration has it.
        chunk: the same.
        buffers: input slots, and result buffers.
        rate: bytes per second.
        latency: seconds.
        receive: bytes that the port holds while the core does not look.
        send: bytes that it takes from the core at a time.
        flow: whether a full buffer holds the sender back; else what does not fit is lost.
        baud: that the board reports.
        host: bytes that the host's system holds while the program does not read.
        uart: whether the rate can be changed; it is ``baud`` at first, and ``rate`` is a tenth of it.
        clean: the highest undamaged rate from a time on, in order of time; empty = all rates.
        spoilt: share of the bytes that change at a higher rate.
    """

    window: int
    chunk: int
    buffers: int
    rate: float
    latency: float
    receive: int
    send: int
    flow: bool
    baud: int = 0
    host: int = 65536
    uart: bool = False
    clean: tuple[tuple[float, int], ...] = ()
    spoilt: float = 0.0


class Bench:
    """See the head of this module.

    Attributes:
        faults: what goes wrong.
        lie: changes a frame that the board sends, given its type; see :mod:`simulation.liar`.
        tags: how often an inference of each tag was started, for each start of the board.
        may_repeat: whether an inference, given its tag, may be started at a time and again at another; None = never.
        rules: what both ends must keep to.
        wrong: whether the board computes wrong outputs, also after a restart; to be changed with :meth:`spoil`.
        slow: how many times longer its runs take.
        digest: of all that has happened on the line, with its times.
        outages: times (begin, end) in which nothing can be expected.
        lethal: times at which a connection was lost.
        resets: times at which the board started again.
    """

    def __init__(self, port: Port, faults: Faults, *, networks: int, features: int = 0, seed: int = 0) -> None:
        self.port = port
        self.faults = faults
        self.lie: Callable[[int, bytes], bytes] = lambda kind, frame: frame
        self.tags: list[Counter[int]] = []
        self.may_repeat: Callable[[int, float, float], bool] | None = None
        self.rules = Rules()
        self.wrong, self.slow = False, 1
        self.digest = hashlib.blake2b(digest_size=16)
        self.outages: list[tuple[float, float]] = []
        self.lethal: list[float] = []
        self.resets: list[float] = []
        self.heard = 0.0
        """when the host sent something last"""
        self.lines = {way: Line(faults, way) for way in WAYS}
        self.timed: list[Fault] = []
        self._options = {"networks": networks, "features": features, "seed": seed}
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self._loop = loop
        self._draw = random.Random(f"pieces {seed}")
        self._noise = random.Random(f"noise {seed}")
        self._baud: dict[Way, int] = dict.fromkeys(WAYS, port.baud)
        """rate at which each end sends and listens"""
        self._silent: dict[Way, float] = dict.fromkeys(WAYS, -1.0)
        self._free: dict[Way, float] = dict.fromkeys(WAYS, 0.0)
        self._landed: dict[Way, float] = dict.fromkeys(WAYS, 0.0)
        self._frames = {way: Frames() for way in WAYS}
        self._inbox = b""
        self._flying = 0
        self._timer: asyncio.TimerHandle | None = None
        self._wait_until = self._boots_until = 0.0
        self._cut_at = -1.0
        self._absent_until = self._ahead = 0.0
        self._room = asyncio.Event()
        self._started = 0
        self._stopped: Counter[int] = Counter()
        """inferences of the present start of the board that another program has stopped"""
        self._begun: list[float] = []
        """when those of the present start of the board were started, if another one may be a repetition"""
        self._client: Connection | None = None
        self.board = self._start()
        for fault in faults.timed:
            if fault.kind != RESTART:  # of the server
                self._loop.call_at(fault.at, self._happen, fault)

    def close(self) -> None:
        """Ends the board."""
        if self._timer:
            self._timer.cancel()
        self._collect()
        self.board.close()

    @property
    def shared(self) -> bool:
        """Whether other programs use the board too: no."""
        return False

    @property
    def fired(self) -> list[Fault]:
        """The faults that have happened."""
        return [fault for line in self.lines.values() for fault in line.fired] + self.timed

    def out(self, begin: float, end: float) -> float:
        """Seconds of a span in which nothing can be expected."""
        return overlap(self.outages, begin, end)

    def whole(self, now: float) -> float:
        """Seconds since the last outage."""
        return since(self.outages, now)

    async def open(self) -> Connection:
        """A new connection of the host; an older one breaks."""
        if self._loop.time() < self._absent_until:
            raise FileNotFoundError(2, "the board is not there")
        if self._client:
            self._client.break_()
        self._client = Connection(self)
        self._baud["up"] = self.port.baud
        if self.port.flow:
            self.board.relink()
        return self._client

    def piece(self, size: int) -> int:
        """How many bytes of so many are seen at once."""
        return self._draw.randrange(1, size) if size > 1 and self._draw.random() < PIECES else size

    def closed(self, client: Connection) -> None:
        """The host has closed a connection."""
        client.break_()
        if self._client is client:
            self._client = None

    def spoil(self, *, wrong: bool = False, slow: int = 1) -> None:
        """From now on the board computes wrong outputs, or slowly."""
        self.wrong, self.slow = wrong, slow
        self.board.spoil(wrong=wrong, slow=slow)

    # ---- rates

    def set_baud(self, baud: int) -> None:
        """The host changes the rate of its port."""
        self._note(f"baud {baud}", b"")
        self._baud["up"] = baud

    def _rate(self, way: Way) -> float:
        """Bytes per second."""
        return self._baud[way] / 10 if self.port.uart else self.port.rate

    def _heard(self, data: bytes, sent: int, at: Way) -> bytes:
        """What the receiver makes of bytes that were sent at a rate."""
        if not self.port.uart:
            return data
        if sent != self._baud[at]:
            return self._noise.randbytes(len(data))
        limit = next((baud for begin, baud in reversed(self.port.clean) if begin <= self._loop.time()), sent)
        if sent <= limit:
            return data
        changed = bytearray(data)
        for index in range(len(changed)):
            if self._noise.random() < self.port.spoilt:
                changed[index] ^= 1 << self._noise.randrange(8)
        return bytes(changed)

    # ---- from the host

    def free(self) -> float:
        """When the line takes the next bytes of the host; NEVER while the board's port is full."""
        if self.port.flow and len(self._inbox) + self._flying >= self.port.receive:
            return NEVER
        return self._free["up"]

    async def wait_for_room(self, until: float) -> None:
        """Waits until the line may take more."""
        if until < NEVER:
            await asyncio.sleep(until - self._loop.time())
        else:
            self._room.clear()
            await self._room.wait()

    def put(self, data: bytes) -> None:
        """The host sends some bytes."""
        now = self._loop.time()
        self.heard = now
        self._note("up", data)
        frames = self._frames["up"].take(data)
        self.rules.host_sends(frames)
        line = self.lines["up"]
        begin = max(now, self._free["up"])
        rate, baud = self._rate("up"), self._baud["up"]
        self._free["up"] = begin + len(data) / rate
        data = line.carry(line.lose(frames, now), now)
        self._flying += len(data)
        # A port without flow control reads while the bytes arrive: a long write does not come in one piece.
        step = max(len(data), 1) if self.port.flow else self.port.receive // 4
        for at in range(0, len(data), step):
            piece = data[at : at + step]
            start, end = begin + at / rate, begin + (at + len(piece)) / rate
            self._loop.call_at(self._lands("up", end), self._arrive, piece, start, self._started, baud)

    def _lands(self, way: Way, left: float) -> float:
        """When bytes arrive that have left: never before, or together with, earlier ones, also if faults have added bytes to these."""
        self._landed[way] = max(left + self.port.latency, self._landed[way] + INSTANT)
        return self._landed[way]

    def _arrive(self, data: bytes, begin: float, started: int, baud: int) -> None:
        now = self._loop.time()
        self._flying -= len(data)
        if begin <= self._cut_at:
            data = data[: int((self._cut_at - begin) * self.port.rate)]
        if now < self._silent["up"] or started != self._started or now < self._boots_until:
            return
        data = self._heard(data, baud, "down")
        if (piece := self.piece(len(data))) < len(data):
            self._inbox += data[:piece]
            self.turn()
            data = data[piece:]
        self._inbox += data
        excess = len(self._inbox) - self.port.receive
        if excess > 0 and not self.port.flow:
            self._inbox = self._inbox[:-excess]
            if self.whole(now) > 1.0:
                self.rules.broken(f"{excess} bytes found no room in the port's buffer of {self.port.receive}")
        self.turn()

    # ---- the board

    def turn(self) -> None:
        """Has the board work, if it does."""
        now = self._loop.time()
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if now < self._wait_until:
            self._timer = self._loop.call_at(self._wait_until, self.turn)
            return
        leaving = now < self._free["down"]
        busy = leaving or (self.port.flow and self._client is not None and self._client.full)
        done = self.board.turn(now + self._ahead, self._inbox, 0 if busy else self.port.send, busy=leaving)
        self._baud["down"] = done.baud
        if self.may_repeat:
            self._begun += [now] * (self.board.starts - len(self._begun))
        if done.taken:
            self._inbox = self._inbox[done.taken :]
            self._room.set()
        if done.sent:
            self._send(done.sent, now)
        if done.restart:
            self._restart(Fault("reset", "down", now, BOOT))
            return
        self._sleep(done, now, busy)

    def _sleep(self, done: Turn, now: float, busy: bool) -> None:
        due = now + max(done.wait, LEAST_WAIT)
        if (done.sent or busy) and self._free["down"] > now:
            due = min(due, self._free["down"])
        if due < NEVER:
            self._timer = self._loop.call_at(due, self.turn)

    def _send(self, data: bytes, now: float) -> None:
        self._note("down", data)
        frames = self._frames["down"].take(data)
        self.rules.board_sends(frames)
        frames = [(kind, self.lie(kind, frame)) for kind, frame in frames]
        data = b"".join(frame for _, frame in frames)
        line = self.lines["down"]
        self._free["down"] = max(now, self._free["down"]) + len(data) / self._rate("down")
        if data := line.carry(line.lose(frames, now), now):
            self._loop.call_at(self._lands("down", self._free["down"]), self._deliver, data, self._baud["down"])

    def _deliver(self, data: bytes, baud: int) -> None:
        if self._client and self._loop.time() >= self._silent["down"]:
            self._client.arrive(self._heard(data, baud, "up"))

    def _start(self) -> Board:
        self._started += 1
        port, options = self.port, self._options
        board = Board(
            window=port.window,
            chunk=port.chunk,
            buffers=port.buffers,
            networks=options["networks"],
            features=options["features"],
            baud=port.baud,
            uart=port.uart,
            boot_nonce=(options["seed"] << 20) + self._started,
        )
        board.spoil(wrong=self.wrong, slow=self.slow)
        return board

    def _collect(self) -> None:
        last: dict[int, float] = {}
        if self.may_repeat:
            for tag, begun in zip(self.board.runs, self._begun, strict=True):
                self._stopped[tag] += tag in last and self.may_repeat(tag, last[tag], begun)
                last[tag] = begun
            self._begun.clear()
        ran = Counter(self.board.runs)
        self.tags.append(Counter({tag: max(count - self._stopped[tag], 1) for tag, count in ran.items()}))
        self._stopped.clear()
        if not self.board.intact:
            self.rules.broken("the board has written beyond its buffers")

    # ---- what happens to them

    def _note(self, what: str, data: bytes) -> None:
        self.digest.update(f"{what} {self._loop.time():.9f} {len(data)} ".encode())
        self.digest.update(data)

    def _happen(self, fault: Fault) -> None:
        now = self._loop.time()
        self.timed.append(fault)
        actions: dict[str, Callable[[Fault], None]] = {
            "stall": self._stall,
            "silence": self._silence,
            "slow": self._slow,
            "freeze": self._freeze,
            "reset": self._restart,
            "cut": self._cut,
            "unplug": self._unplug,
            "sleep": self._sleep_,
            "stop": self._stop,
            "taken": self._taken,
        }
        if fault.kind not in ("stall", "reset", "sleep"):
            self.outages.append((now, now + fault.size))
        actions[fault.kind](fault)

    def _stall(self, fault: Fault) -> None:
        begin = max(self._loop.time(), self._free[fault.way])
        self._free[fault.way] = begin + fault.size
        self.outages.append((begin, begin + fault.size))

    def _silence(self, fault: Fault) -> None:
        self._silent[fault.way] = self._loop.time() + fault.size

    def _slow(self, fault: Fault) -> None:
        if self._client:
            self._client.rest(fault.size)

    def _freeze(self, fault: Fault) -> None:
        self._wait_until = self._loop.time() + fault.size

    def _restart(self, fault: Fault) -> None:
        now = self._loop.time()
        self._collect()
        self.board.close()
        self.board = self._start()
        self.rules.board_starts()
        self._inbox = b""
        if data := self.lines["down"].carry(self._frames["down"].cut(), now):
            self._loop.call_at(
                self._lands("down", max(now, self._free["down"])), self._deliver, data, self._baud["down"]
            )
        self._baud["down"] = self.port.baud
        self._room.set()
        self._wait_until = self._boots_until = now + fault.size
        self.outages.append((now, now + fault.size))
        self.lethal.append(now)
        self.resets.append(now)
        if self.port.flow:
            self._cut(fault)
        self.turn()

    def _unplug(self, fault: Fault) -> None:
        self._absent_until = max(self._absent_until, self._loop.time() + fault.size)
        self._cut(fault)

    def _sleep_(self, fault: Fault) -> None:
        """Nothing passes meanwhile: the host has no time for that. A port with flow control is lost, as USB is."""
        self._ahead += fault.size
        if self.port.flow:
            self._cut(fault)
        self.turn()

    def _stop(self, fault: Fault) -> None:
        """Nothing passes meanwhile either; what was on its way arrives at once when the program goes on."""
        self._loop.stand_still(fault.size)

    def _taken(self, fault: Fault) -> None:
        """The work of the session before ends, and its keys may be used again: a run that was stopped may be repeated."""
        self._unplug(fault)
        if self._loop.time() < self._boots_until:
            return
        self.board.relink()
        self.rules.board_starts()
        self._inbox = b""
        worked, now = self.board.at_work, self._loop.time() + self._ahead
        hello = frames.pack(MessageType.HELLO, 1, Greeting(1 + self._draw.getrandbits(60), "another program").pack())
        data = ZEROS + hello
        while data:
            data = data[self.board.turn(now, data, self.port.send).taken :]
        if worked and not self.board.at_work:
            self._stopped[self.board.runs[-1]] += 1
        self.turn()

    def _cut(self, fault: Fault) -> None:
        self._cut_at = self._loop.time()
        self.lethal.append(self._cut_at)
        self._room.set()
        if self._client:
            self._client.break_()


class Opens(Protocol):
    """Where ``simulated:`` leads."""

    async def open(self) -> ByteStream:
        """A new connection."""


current: Final[ContextVar[Opens]] = ContextVar("what a program of a simulation opens")


async def _open(rest: str) -> ByteStream:
    return await current.get().open()


url.register("simulated", _open)
