"""A state machine: the host's link, and a device that may do all that protocol.md allows, in any order.

It makes grants of any size and NAKs of any chunk, answers late or twice, and sends the chunks of a result in any order. Nothing is
damaged here.
"""

from __future__ import annotations

from typing import Any
from zlib import crc32

import numpy as np
import wire
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from link_host import CHUNK, INPUTS, LONGEST, OUTPUTS, SETTINGS, Host
from simulation.board import compute

from n6link.link import frames
from n6link.link.link import State
from n6link.link.numbers import distance
from n6link.link.retry import TICK
from n6link.protocol import InferState, MessageType, records


class HostAndScript(RuleBasedStateMachine):
    """See the top of this module."""

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
        """A part of the permitted grant."""
        self.granted = max(self.granted, self.consumed + min(count, self.window))
        self.host.read(wire.event(MessageType.CREDIT, records.Credit(limit=self.granted).pack()))
        self.listen()

    @precondition(lambda self: self.slot)
    @rule(index=st.integers(0, 3), offset=st.integers(0, 15), length=st.integers(0, 3))
    def nak(self, index: int, offset: int, length: int) -> None:
        """NAK of any chunk, also of a received one, and of an upload that has ended."""
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
        """Chunks of a result, in any order and repeatedly, within the host's grant."""
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


TestLinkMachine = HostAndScript.TestCase
TestLinkMachine.settings = SETTINGS
