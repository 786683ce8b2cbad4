"""A host's link for state machines: the calls of a program, and a clock that a test advances.

Hypothesis chooses the next event, and shortens sequences that fail. After the last fault, every inference must end with its correct
result, after one run.
"""

from __future__ import annotations

import struct
from typing import Final

import numpy as np
from hypothesis import HealthCheck, Phase, settings
from simulation.board import compute

from n6link.link import frames
from n6link.link.events import Begun, Failed, Lost, Received, Refused
from n6link.link.exchange import Inference
from n6link.link.handshake import Greeting
from n6link.link.link import Link
from n6link.link.retry import TICK, Retry
from n6link.protocol import MessageType, records

PATIENCE: Final = 1e6
"""seconds: no call times out"""
CHUNK: Final = 256
SLOTS: Final = 2
INPUTS: Final = (64, 4096)
OUTPUTS: Final = (32, 1024)
"""bytes of the networks tiny and fold of the simulator's board"""
OPEN: Final = 3
"""inferences at the same time"""
LONGEST: Final = 120.0
"""seconds after which everything has ended on a line without faults"""


class Host:
    """A link with its time-outs, and the calls of a program.

    Attributes:
        wanted: the expected result of each INFER, by its id.
        done: inferences that have succeeded.
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
        """Starts an inference; returns the tag of its input."""
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
        """The frames to send."""
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
            # A result is announced again after a resume.
            if (slot := self.in_slot.pop(event.id, None)) is not None:
                self.slots.add(slot)
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
    """Frames, one by one; zeros that flush the line are a separate item."""
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


SETTINGS: Final = settings(
    max_examples=100,
    stateful_step_count=60,
    phases=[Phase.explicit, Phase.generate],  # to shorten an example that fails takes minutes; remove this line for it
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
