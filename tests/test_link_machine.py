"""State machines of the link: Hypothesis chooses what happens next, and shrinks what fails.

:class:`HostAndCore` has the real core on the other end of a line that loses, damages, doubles and delays frames and is cut.
:class:`HostAndScript` has a script that may do all that protocol.md allows a device, in any order: grants of any size, NAKs of
any chunk, answers late or twice, chunks of a result in any order.

In both, when the faults have ended, every inference ends with its right result, after one run.
"""

from __future__ import annotations

import struct
from collections import deque
from typing import Any, Final
from zlib import crc32

import numpy as np
import pytest
import wire
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from simulation.board import Board, compute

from n6link.link import frames
from n6link.link.events import Begun, Failed, Lost, Opened, Received, Refused, Reply
from n6link.link.exchange import Exchange, Inference
from n6link.link.handshake import Greeting
from n6link.link.link import Link, State
from n6link.link.numbers import distance
from n6link.link.retry import TICK, Retry
from n6link.protocol import Flag, InferState, MessageType, records

PATIENCE: Final = 1e6
"""seconds: nothing is given up here"""
CHUNK: Final = 256
SLOTS: Final = 2
INPUTS: Final = (64, 4096)
OUTPUTS: Final = (32, 1024)
"""bytes of the networks tiny and fold of the simulator's board"""
OPEN: Final = 3
"""inferences at once"""
LONGEST: Final = 120.0
"""seconds after which everything has ended on a line without faults"""


class Host:
    """A link with its rules of silence, and the calls of a program.

    Attributes:
        wanted: what each INFER is to bring, by its id.
        done: inferences that have ended well.
    """

    def __init__(self, *, window: int) -> None:
        self.link = Link(window=window)
        self.retry = Retry(self.link)
        self.now = 0.0
        self.tag = 0
        self.nonce = 1
        self.wanted: dict[int, bytes] = {}
        self.slots = set(range(SLOTS))
        self.in_slot: dict[int, int] = {}
        self.tags: dict[int, int] = {}
        self.done = 0
        self.link.open(Greeting(self.nonce, max_chunk=CHUNK), 1, patience=PATIENCE)

    @property
    def may_ask(self) -> bool:
        return bool(self.slots) and len(self.wanted) < OPEN

    def infer(self, network: int, priority: int) -> int:
        """Asks for a run; returns the tag of its input."""
        self.tag += 1
        image = np.frombuffer(struct.pack("<Q", self.tag) + bytes([self.tag % 256]) * (INPUTS[network] - 8), np.uint8)
        slot = self.slots.pop()
        inference = Inference(0xABC0 + self.tag, network, slot, priority, False, None, b"")
        _, exchange = self.link.infer(memoryview(image.tobytes()), inference, patience=PATIENCE)
        self.wanted[exchange.id] = compute(network, image, OUTPUTS[network])
        self.in_slot[exchange.id] = slot
        self.tags[exchange.id] = self.tag
        return self.tag

    def write(self) -> list[bytes]:
        """Frames that leave."""
        whole: list[bytes] = []
        while buffers := self.link.data_to_send(self.now, 2 * CHUNK):
            whole += split(b"".join(buffers))
        return whole

    def read(self, data: bytes) -> None:
        self.link.receive_data(data, self.now)
        for event in self.link.events():
            self.take(event)

    def take(self, event: object) -> None:
        if isinstance(event, Begun):
            self.slots.add(self.in_slot.pop(event.id))
        elif isinstance(event, Received):
            assert bytes(event.data) == self.wanted.pop(event.id)
            self.done += 1
            self.link.request(MessageType.RELEASE, records.Release(target=event.id).pack(), patience=PATIENCE)
        else:
            assert not isinstance(event, Failed | Refused | Lost), event

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK)):
            self.now += TICK
            assert self.retry.tick(self.now) == []


def split(data: bytes) -> list[bytes]:
    """Frames, one by one; zeros that flush the line are a piece of their own."""
    pieces: list[bytes] = []
    while data:
        at = data.find(frames.MAGIC)
        if at != 0:
            pieces.append(data if at < 0 else data[:at])
        else:
            length = int.from_bytes(data[8:10], "little")
            pieces.append(data[: frames.HEADER_SIZE + length + (frames.CRC_SIZE if length else 0)])
        data = data[len(pieces[-1]) :]
    return pieces


def damage(data: bytes, place: int) -> bytes:
    at = place % len(data)
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


class HostAndCore(RuleBasedStateMachine):
    """See the head of this module."""

    @initialize(
        window=st.sampled_from([CHUNK, 4 * CHUNK]), host=st.sampled_from([CHUNK, 8 * CHUNK]), consumes=st.booleans()
    )
    def start(self, window: int, host: int, consumes: bool) -> None:
        features = 64 if consumes else 0
        self.board = Board(
            window=window, chunk=CHUNK, buffers=SLOTS, networks=2, features=features, baud=0, boot_nonce=9
        )
        self.host = Host(window=host)
        self.up: deque[bytes] = deque()
        self.down: deque[bytes] = deque()
        self.rest = b""
        self.settle()

    def teardown(self) -> None:
        if not hasattr(self, "board"):
            return
        try:
            end = self.host.now + LONGEST
            while self.host.wanted or self.host.link.exchanges or self.host.link.state is not State.OPEN:
                assert self.host.now < end, (self.host.wanted.keys(), self.host.link.exchanges)
                self.settle()
                self.host.wait(TICK)
            assert sorted(self.board.runs) == list(range(1, self.host.tag + 1))
        finally:
            self.board.close()

    def work(self, data: bytes = b"") -> None:
        """The board has a turn."""
        while True:
            turn = self.board.turn(self.host.now, data, 1 << 16)
            data = data[turn.taken :]
            self.rest += turn.sent
            if not data and not turn.sent:
                break
        *whole, last = [*split(self.rest), b""]
        assert not last
        self.rest = b""
        self.down += whole

    def settle(self) -> None:
        """Everything arrives, until nothing is on the line."""
        while True:
            self.up += self.host.write()
            self.work()
            if not self.up and not self.down:
                return
            while self.up:
                self.work(self.up.popleft())
            while self.down:
                self.host.read(self.down.popleft())

    @precondition(lambda self: self.host.may_ask and self.host.link.state is State.OPEN)
    @rule(network=st.integers(0, 1), priority=st.integers(0, 1), more=st.booleans())
    def infer(self, network: int, priority: int, more: bool) -> None:
        self.host.infer(network, priority)
        if more and self.host.may_ask:
            self.host.infer(1 - network, priority)
        self.up += self.host.write()

    @precondition(lambda self: self.host.link.state is State.OPEN and len(self.host.link.exchanges) < 8)
    @rule(kind=st.sampled_from([MessageType.PING, MessageType.INFO, MessageType.STATS]))
    def request(self, kind: MessageType) -> None:
        self.host.link.request(kind, bytes(4) if kind is MessageType.STATS else b"", patience=PATIENCE)
        self.up += self.host.write()

    @precondition(lambda self: self.up)
    @rule(count=st.integers(1, 12))
    def send(self, count: int) -> None:
        for _ in range(min(count, len(self.up))):
            self.work(self.up.popleft())

    @precondition(lambda self: self.down)
    @rule(count=st.integers(1, 12))
    def receive(self, count: int) -> None:
        for _ in range(min(count, len(self.down))):
            self.host.read(self.down.popleft())
        self.up += self.host.write()

    @precondition(lambda self: self.up or self.down)
    @rule(down=st.booleans(), index=st.integers(0, 7), what=st.sampled_from(["lose", "double", "damage"]), place=st.integers())
    def fault(self, down: bool, index: int, what: str, place: int) -> None:
        line = self.down if (down and self.down) or not self.up else self.up
        index %= len(line)
        if what == "lose":
            del line[index]
        elif what == "double":
            line.insert(index, line[index])
        else:
            line[index] = damage(line[index], place)

    @precondition(lambda self: self.up or self.down)
    @rule(down=st.booleans())
    def lose_all(self, down: bool) -> None:
        """What is on the line in one direction."""
        (self.down if down else self.up).clear()

    @rule(seconds=st.sampled_from([TICK, 0.1, 0.6, 2.0]))
    def wait(self, seconds: float) -> None:
        self.host.wait(seconds)
        self.up += self.host.write()
        self.work()

    @precondition(lambda self: self.host.nonce < 4 and self.host.link.session and self.host.wanted)
    @rule(chunk=st.sampled_from([None, CHUNK]))
    def cut(self, chunk: int | None) -> None:
        """The connection is cut, and the host comes back."""
        self.up.clear()
        self.down.clear()
        self.board.relink()
        self.host.nonce += 1
        self.host.link.stream_changed()
        self.host.link.resume(self.host.nonce, max_chunk=chunk, patience=PATIENCE)
        self.up += self.host.write()

    @invariant()
    def nothing_runs_twice(self) -> None:
        if hasattr(self, "board"):
            assert len(set(self.board.runs)) == len(self.board.runs)
            assert self.board.intact


class HostAndScript(RuleBasedStateMachine):
    """See the head of this module. The script knows nothing of damage: its frames arrive."""

    @initialize(window=st.sampled_from([CHUNK, 2 * CHUNK, 8 * CHUNK]), requests=st.integers(1, 4))
    def start(self, window: int, requests: int) -> None:
        self.window = window
        self.host = Host(window=4 * CHUNK)
        self.granted = self.consumed = 0
        self.position, self.limit = 0, 4 * CHUNK
        self.asked: dict[int, MessageType] = {}
        self.slot: dict[int, dict[int, bytes]] = {}
        self.commits: dict[int, Any] = {}
        self.infers: dict[int, Any] = {}
        self.results: dict[int, bytes] = {}
        self.said: set[int] = set()
        self.open = requests
        self.listen()
        self.host.read(wire.hello_reply(nonce=1, window=window, requests=requests, result_size=4096))
        self.granted = window
        assert self.host.link.state is State.OPEN

    def teardown(self) -> None:
        if not hasattr(self, "host"):
            return
        end = self.host.now + LONGEST
        while self.host.wanted or self.host.link.exchanges:
            assert self.host.now < end, (self.host.wanted.keys(), self.host.link.exchanges)
            self.listen()
            self.grant(self.window)
            for number in [*self.commits, *self.infers]:
                self.answer(number)
            for number in [*self.asked]:
                self.answer(number)
            for number in [*self.results]:
                self.send_all(number)
            self.host.wait(TICK)

    # ---- what the host says

    def listen(self) -> None:
        for piece in self.host.write():
            for kind, _, number, payload in frames.FrameReader(frames.Counters()).feed(piece):
                self.hear(MessageType(kind), number, payload)
        waiting = len(self.asked) + len(self.commits) + sum(not infer.said for infer in self.infers.values())
        assert waiting <= self.open + 1  # the probe for credits apart

    def hear(self, kind: MessageType, number: int, payload: memoryview) -> None:
        if kind is MessageType.DATA:
            position, offset, _, chunk = frames.unpack_data(payload)
            assert distance(position + len(chunk), self.granted) <= 0
            assert position == self.consumed
            self.consumed = position + len(chunk)
            self.slot.setdefault(number, {})[offset] = bytes(chunk)
        elif kind is MessageType.COMMIT:
            self.commits[number] = records.Commit.unpack(payload)
            assert self.commits[number].position == self.consumed
        elif kind is MessageType.INFER:
            infer = records.Infer.unpack(payload)
            self.infers[number] = _Infer(infer.upload, infer.network, infer.digest, number in self.said)
        elif kind is MessageType.NAK:
            nak = records.Nak.unpack(payload)
            assert number in self.results
            assert nak.offset % CHUNK == 0
        elif kind is MessageType.CREDIT:
            self.limit = records.Credit.unpack(payload).limit
        elif kind is MessageType.RELEASE:
            self.results.pop(records.Release.unpack(payload).target, None)
            self.asked[number] = kind
        else:
            self.asked[number] = kind

    # ---- what the program does

    @precondition(lambda self: self.host.may_ask)
    @rule(network=st.integers(0, 1), priority=st.integers(0, 1))
    def infer(self, network: int, priority: int) -> None:
        self.host.infer(network, priority)
        self.listen()

    @rule(seconds=st.sampled_from([TICK, 0.6, 2.0]))
    def wait(self, seconds: float) -> None:
        self.host.wait(seconds)
        self.listen()

    # ---- what the device does

    @rule(count=st.integers(0, 8 * CHUNK))
    def grant(self, count: int) -> None:
        """Some of what it may grant."""
        self.granted = max(self.granted, self.consumed + min(count, self.window))
        self.host.read(wire.event(MessageType.CREDIT, records.Credit(limit=self.granted).pack()))
        self.listen()

    @precondition(lambda self: self.slot)
    @rule(index=st.integers(0, 3), offset=st.integers(0, 15), length=st.integers(0, 3))
    def nak(self, index: int, offset: int, length: int) -> None:
        """Of any chunk, also of one that it has; of an upload that has ended, too."""
        number = list(self.slot)[index % len(self.slot)]
        body = records.Nak(offset=offset * CHUNK, length=length * CHUNK).pack()
        self.host.read(wire.event(MessageType.NAK, body, number))
        self.listen()

    @precondition(lambda self: self.commits or self.infers or self.asked)
    @rule(index=st.integers(0, 7))
    def answer_one(self, index: int) -> None:
        numbers = [*self.commits, *self.infers, *self.asked]
        self.answer(numbers[index % len(numbers)])

    @precondition(lambda self: self.results)
    @rule(index=st.integers(0, 3), chunk=st.integers(0, 3))
    def send_chunk(self, index: int, chunk: int) -> None:
        """Of a result, in any order and more than once, as far as the host allows."""
        number = list(self.results)[index % len(self.results)]
        data = self.results[number]
        offset = chunk * CHUNK % max(len(data), 1)
        part = data[offset : offset + CHUNK]
        if distance(self.position + len(part), self.limit) <= 0:
            self.host.read(wire.data(number, self.position, offset, part))
            self.position += len(part)
            self.listen()

    def send_all(self, number: int) -> None:
        for chunk in range(-(-len(self.results.get(number, b"")) // CHUNK)):
            if number in self.results:
                self.send_chunk(list(self.results).index(number), chunk)

    def answer(self, number: int) -> None:
        if number in self.commits:
            self.answer_commit(number)
        elif number in self.infers:
            self.answer_infer(number)
        elif kind := self.asked.pop(number, None):
            body = b""
            if kind is MessageType.PING:
                self.granted = max(self.granted, self.consumed + self.window)
                body = records.PingReply(limit=self.granted, position=self.position).pack()
            self.host.read(wire.reply(kind, number, body))
        self.listen()

    def whole(self, number: int) -> bytes:
        """The chunks of an upload that have arrived."""
        return b"".join(chunk for _, chunk in sorted(self.slot.get(number, {}).items()))

    def answer_commit(self, number: int) -> None:
        commit, data = self.commits[number], self.whole(number)
        if len(data) < commit.length:
            body = records.Nak(offset=0, length=0).pack()
            self.host.read(wire.event(MessageType.NAK, body, number))
            return
        assert crc32(data) == commit.crc
        del self.commits[number]
        self.host.read(wire.reply(MessageType.COMMIT, number))

    def answer_infer(self, number: int) -> None:
        infer, data = self.infers[number], self.whole(self.infers[number].upload)
        ready = len(data) == INPUTS[infer.network] and infer.upload not in self.commits
        if not infer.said or not ready:
            infer.said = True
            self.said.add(number)
            state = InferState.QUEUED if ready else InferState.WAITING
            self.host.read(wire.reply(MessageType.INFER, number, records.InferReply(state=state, depth=1).pack()))
            return
        assert crc32(data) == infer.digest
        output = compute(infer.network, np.frombuffer(data, np.uint8), OUTPUTS[infer.network])
        del self.infers[number]
        self.results[number] = output
        self.host.read(wire.result(number, output))


class _Infer:
    """An INFER that the script has got."""

    def __init__(self, upload: int, network: int, digest: int, said: bool) -> None:
        self.upload, self.network, self.digest, self.said = upload, network, digest, said


SETTINGS: Final = settings(
    derandomize=True,
    deadline=None,
    max_examples=150,
    stateful_step_count=80,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)


@pytest.mark.gcc
class TestHostAndCore(HostAndCore.TestCase):  # type: ignore[name-defined, misc]
    settings = SETTINGS


@pytest.mark.gcc
class TestHostAndScript(HostAndScript.TestCase):  # type: ignore[name-defined, misc]
    settings = SETTINGS
