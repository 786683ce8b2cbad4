"""A state machine: the host's link and the C core, on a line that loses, damages, doubles and delays frames, and is cut."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from link_host import CHUNK, LONGEST, PATIENCE, SETTINGS, SLOTS, Host, damage, split
from simulation.board import Board

from n6link.link.link import State
from n6link.link.retry import TICK
from n6link.protocol import Limit, MessageType

pytestmark = pytest.mark.gcc


class HostAndCore(RuleBasedStateMachine):
    """See the top of this module."""

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
        """The board runs once."""
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
    @rule(
        down=st.booleans(),
        index=st.integers(0, 7),
        what=st.sampled_from(["lose", "double", "damage"]),
        place=st.integers(),
    )
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
        """The bytes on the line in one direction."""
        (self.down if down else self.up).clear()

    @rule(seconds=st.sampled_from([TICK, 0.1, 0.6, 2.0]))
    def wait(self, seconds: float) -> None:
        # The device refuses an inference whose upload makes no progress for WAIT_MS: all waits of an example are shorter.
        self.host.wait(max(0.0, min(seconds, Limit.WAIT_MS / 1000 - 2 - self.host.now)))
        self.up += self.host.write()
        self.work()

    @precondition(lambda self: self.host.nonce < 4 and self.host.link.session and self.host.wanted)
    @rule(chunk=st.sampled_from([None, CHUNK]))
    def cut(self, chunk: int | None) -> None:
        """The connection is cut, and the host connects again."""
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


TestLinkAndCore = HostAndCore.TestCase
TestLinkAndCore.settings = SETTINGS
