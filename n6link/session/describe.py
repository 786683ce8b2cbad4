"""Reading the description of every network that a device has: LIST, and the pages of DESCRIBE.

First pages of all sections are asked for at once, then all the others; the link keeps as many in flight as the device
allows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from n6link.epochs.pools import Pool
from n6link.epochs.timers import EpochTable
from n6link.errors import RemoteProtocolError
from n6link.link.events import Reply
from n6link.protocol import CODECS, MessageType, Section, TimerSource, text
from n6link.tensors import tensor
from n6link.tensors.tensor import TensorSpec

Ask: TypeAlias = Callable[[Sequence[tuple[MessageType, bytes]]], Awaitable[list[Reply]]]

MAX_RECORDS: Final = 0xFFFF
"""records, or bytes of a card, that a section may have: the counts of NetworkRecord are 16 bits wide"""
_RECORD: Final = {
    Section.INPUTS: "TensorRecord",
    Section.OUTPUTS: "TensorRecord",
    Section.POOLS: "PoolRecord",
    Section.BLOCKS: "BlockRecord",
    Section.INPUT_SCALES: "ScaleRecord",
    Section.OUTPUT_SCALES: "ScaleRecord",
}


@dataclass(frozen=True, slots=True)
class Description:
    """A network as its device describes it."""

    index: int
    name: str
    digest: int
    input_bytes: int
    output_bytes: int
    timer_source: TimerSource
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    pools: tuple[Pool, ...]
    epochs: EpochTable
    card: str
    """TOML text, may be empty"""


async def read(ask: Ask, count: int) -> list[Description]:
    """The networks of a device.

    Args:
        ask: asks several things at once.
        count: how many networks the device has announced.

    Raises:
        RemoteProtocolError: a reply contradicts itself or another one.
        N6Error: as ask raises.
    """
    try:
        networks = await _networks(ask, count)
        sections = await _sections(ask, [network.index for network in networks])
        return [_description(network, sections) for network in networks]
    except ValueError as error:
        raise RemoteProtocolError(
            f"the device describes its networks in replies that are too short: {error}"
        ) from error


async def _networks(ask: Ask, count: int) -> list[Any]:
    networks: list[Any] = []
    codec, record = CODECS["ListReply"], CODECS["NetworkRecord"]
    while len(networks) < count:
        payload = (await ask([(MessageType.LIST, CODECS["List"].pack(first=len(networks)))]))[0].payload
        page = codec.unpack(payload)
        if page.first != len(networks) or not page.count:
            raise RemoteProtocolError(f"the device has announced {count} networks, and lists {len(networks)}")
        networks += [record.unpack(payload, codec.size + i * record.size) for i in range(page.count)]
    return networks


async def _sections(ask: Ask, networks: Sequence[int]) -> dict[tuple[int, Section], bytes]:
    """The records of every section of every network."""
    keys = [(network, section) for network in networks for section in Section]
    firsts = [_page(reply.payload, *key, 0) for reply, key in zip(await _pages(ask, keys), keys, strict=True)]
    rest = [
        (*key, first)
        for key, (records, total) in zip(keys, firsts, strict=True)
        for first in range(_count(key[1], records), total, max(_count(key[1], records), 1))
    ]
    sections = {key: bytearray(records) for key, (records, _) in zip(keys, firsts, strict=True)}
    for reply, (network, section, first) in zip(await _pages(ask, rest), rest, strict=True):
        sections[network, section] += _page(reply.payload, network, section, first)[0]
    for key, (_, total) in zip(keys, firsts, strict=True):
        if _count(key[1], sections[key]) != total:
            raise RemoteProtocolError(
                f"the device has {total} {key[1].name}, and describes {_count(key[1], sections[key])}"
            )
    return {key: bytes(records) for key, records in sections.items()}


async def _pages(ask: Ask, wanted: Sequence[tuple[int, Section] | tuple[int, Section, int]]) -> list[Reply]:
    codec = CODECS["Describe"]
    questions = [
        (MessageType.DESCRIBE, codec.pack(network=network, section=section, first=first[0] if first else 0))
        for network, section, *first in wanted
    ]
    return await ask(questions)


def _page(payload: bytes, network: int, section: Section, first: int) -> tuple[bytes, int]:
    """Records of one page, and how many the section has in all."""
    codec = CODECS["DescribeReply"]
    page = codec.unpack(payload)
    records = payload[codec.size : codec.size + page.count * _size(section)]
    if (page.network, page.section, page.first) != (network, section, first) or _count(section, records) != page.count:
        raise RemoteProtocolError(f"the device answers another DESCRIBE than that of {section.name} from {first}")
    if page.total > MAX_RECORDS or (page.total > first and not page.count):
        raise RemoteProtocolError(f"the device says that a network has {page.total} {section.name}")
    return records, page.total


def _size(section: Section) -> int:
    return CODECS[_RECORD[section]].size if section in _RECORD else 1


def _count(section: Section, records: bytes | bytearray) -> int:
    return len(records) // _size(section)


def _description(network: Any, sections: dict[tuple[int, Section], bytes]) -> Description:
    def records(section: Section) -> Any:
        return CODECS[_RECORD[section]].array(sections[network.index, section])

    inputs = tensor.from_records(records(Section.INPUTS), records(Section.INPUT_SCALES))
    name = text(network.name)
    if any(spec.offset + spec.size > network.input_bytes for spec in inputs):
        raise RemoteProtocolError(f"network {name!r} has inputs beyond its {network.input_bytes} input bytes")
    return Description(
        index=network.index,
        name=name,
        digest=network.digest,
        input_bytes=network.input_bytes,
        output_bytes=network.output_bytes,
        timer_source=network.timer_source if isinstance(network.timer_source, TimerSource) else TimerSource.NONE,
        inputs=inputs,
        outputs=tensor.from_records(records(Section.OUTPUTS), records(Section.OUTPUT_SCALES)),
        pools=tuple(map(Pool.from_record, records(Section.POOLS))),
        epochs=EpochTable.from_records(records(Section.BLOCKS), epochs=network.epochs),
        card=sections[network.index, Section.CARD].decode("utf-8", "replace"),
    )
