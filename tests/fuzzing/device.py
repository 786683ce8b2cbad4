"""A whole device that lies: the real core in virtual time, whose payloads are changed; and a program that asks for everything.

The invariant: each call of the program ends, with a result or an error of the package; all text is printable.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Final

import numpy as np
from simulation import liar

from fuzzing.source import Source
from n6link import N6Device
from n6link.errors import N6Error
from n6link.network import Network
from n6link.protocol import MessageType
from n6link.protocol.records import Return
from n6link.tensors import reduce

LIES: Final = 6
"""at most"""
KINDS: Final = (
    *(
        MessageType.HELLO,
        MessageType.INFO,
        MessageType.LIST,
        MessageType.DESCRIBE,
        MessageType.RESULT,
        MessageType.INFER,
    ),
    *(
        MessageType.STATS,
        MessageType.EPOCH_STATS,
        MessageType.PING,
        MessageType.LOG,
        MessageType.DATA,
        MessageType.COMMIT,
    ),
)
VALUES: Final = (0, 1, 2, 255, 256, 65535, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7FC00000, 0x1B)
"""also the bits of a float that is not a number, and the start of an escape sequence"""


def one_input(data: bytes) -> None:
    """Runs the program with a device that lies as the input says.

    Raises:
        AssertionError: the invariant does not hold.
    """
    source = Source(data)
    lies: dict[tuple[MessageType, int], list[tuple[int, int, int]]] = {}
    while source.left and len(lies) < LIES:
        choice = source.byte()
        key = KINDS[choice % len(KINDS)], choice // len(KINDS) % 8
        lies.setdefault(key, []).append((source.byte(), source.byte(), source.byte()))

    def lie(kind: MessageType | int, index: int, payload: bytes) -> bytes:
        for what, offset, value in lies.get((MessageType(kind), index), ()):
            payload = _changed(payload, what, offset, value)
        return payload

    liar.run(lie, _visit, opens=False)


def _changed(payload: bytes, what: int, offset: int, value: int) -> bytes:
    """A payload with another number in it, of another length, or with a part of it again."""
    offset %= len(payload) + 1
    if what < 16:
        return payload[:offset]
    if what < 24:
        return payload + payload[:offset]
    size = (1, 2, 4, 8)[what & 3]
    number = VALUES[value % len(VALUES)] if what & 4 else value
    return payload[:offset] + number.to_bytes(8, "little")[:size] + payload[offset + size :]


async def _visit(device: N6Device) -> None:
    try:
        await device.open()
        try:
            await _ask(device)
        finally:
            await device.aclose()
    except N6Error as error:
        _check(str(error))


async def _ask(device: N6Device) -> None:
    _check_all(device.info)
    readings, lines = device.subscribe(0.2), device.logs()
    await readings.open()
    await lines.open()
    await _end(device.set_log_level(10))
    await _end(device.ping())
    for network in device.networks.values():
        _check_all(network.info)
        await _end(_infer(network))
        await _end(device.epoch_stats(network.name))
        await _end(network.check())
    await _end(device.stats())
    async for reading in readings:
        _check_all(reading)
        break
    await readings.aclose()
    await lines.aclose()
    async for line in lines:
        _check(line.text)


async def _end(call: Awaitable[object]) -> None:
    """Awaits a call that may fail."""
    try:
        await call
    except N6Error as error:
        _check(str(error))


async def _infer(network: Network) -> None:
    if sum(spec.size for spec in network.inputs.values()) > 1 << 20:
        return
    data = {name: np.zeros(spec.shape, spec.dtype) for name, spec in network.inputs.items()}
    result = await network.run(data, reduce=False)
    repr(result)
    repr(result.timing)
    if result.epochs:
        result.epochs.gaps.sum()
    result.dequantized()
    returns: list[Return] = []
    for index, spec in enumerate(network.outputs.values()):
        width = spec.row_length
        returns += [
            reduce.topk(index, spec, 3),
            reduce.detections(index, spec, 0.0, channels=width, channel=0, scores=width, columns=False),
            reduce.same_rows(index, spec),
            reduce.class_map(index, spec, 1),
        ]
    for wanted in returns[::4], returns[1::4], returns[:4], returns[3::4]:
        repr(await network.run(data, reduce=wanted[:4], timers=False))


def _check(text: str) -> None:
    assert text.replace("\n", "").isprintable(), text


def _check_all(value: object) -> None:
    for text in texts(value):
        _check(text)


def texts(value: object) -> Iterator[str]:
    """All text in a description."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from texts([*value.keys(), *value.values()])
    elif isinstance(value, tuple | list):
        for item in value:
            yield from texts(item)
    elif is_dataclass(value):
        yield from texts([getattr(value, field.name) for field in fields(value)])
