"""Reading the description of every network that a device has: LIST, and the pages of DESCRIBE.

First pages of all sections are asked for at once, then all the others; the link keeps as many in flight as the device
allows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeAlias, TypeVar

from n6link.epochs.pools import Pool
from n6link.epochs.timers import EpochTable
from n6link.errors import RemoteProtocolError
from n6link.link.events import Reply
from n6link.protocol import MessageType, Section, TimerSource, records
from n6link.protocol.codec import Record
from n6link.session.info import DeviceInfo, NetworkInfo
from n6link.tensors import tensor
from n6link.tensors.tensor import TensorSpec

R = TypeVar("R", bound=Record)
Ask: TypeAlias = Callable[[Sequence[tuple[MessageType, bytes]]], Awaitable[list[Reply]]]

MAX_RECORDS: Final = 0xFFFF
"""records, or bytes of a card, that a section may have: the counts of NetworkRecord are 16 bits wide"""
_RECORD: Final[dict[Section, type[Record]]] = {
    Section.INPUTS: records.TensorRecord,
    Section.OUTPUTS: records.TensorRecord,
    Section.POOLS: records.PoolRecord,
    Section.BLOCKS: records.BlockRecord,
    Section.INPUT_SCALES: records.ScaleRecord,
    Section.OUTPUT_SCALES: records.ScaleRecord,
}


async def read(ask: Ask, count: int, device: DeviceInfo) -> list[NetworkInfo]:
    """The networks of a device.

    Args:
        ask: asks several things at once.
        count: how many networks the device has announced.
        device: what it says of itself.

    Raises:
        RemoteProtocolError: a reply contradicts itself or another one.
        N6Error: as ask raises.
    """
    try:
        networks = await _networks(ask, count)
        sections = await _sections(ask, [network.index for network in networks])
        return [_info(network, sections, device) for network in networks]
    except ValueError as error:
        raise RemoteProtocolError(
            f"the device describes its networks in replies that are too short: {error}"
        ) from error


async def _networks(ask: Ask, count: int) -> list[records.NetworkRecord]:
    networks: list[records.NetworkRecord] = []
    while len(networks) < count:
        payload = (await ask([(MessageType.LIST, records.List(first=len(networks)).pack())]))[0].payload
        page = records.ListReply.unpack(payload)
        if page.first != len(networks) or not page.count:
            raise RemoteProtocolError(f"the device has announced {count} networks, and lists {len(networks)}")
        networks += records.NetworkRecord.unpack_all(payload, page.count, page.SIZE)
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
    questions = [
        (MessageType.DESCRIBE, records.Describe(network, section, first=first[0] if first else 0).pack())
        for network, section, *first in wanted
    ]
    return await ask(questions)


def _page(payload: bytes, network: int, section: Section, first: int) -> tuple[bytes, int]:
    """Records of one page, and how many the section has in all."""
    page = records.DescribeReply.unpack(payload)
    found = payload[page.SIZE : page.SIZE + page.count * _size(section)]
    if (page.network, page.section, page.first) != (network, section, first) or _count(section, found) != page.count:
        raise RemoteProtocolError(f"the device answers another DESCRIBE than that of {section.name} from {first}")
    if page.total > MAX_RECORDS or (page.total > first and not page.count):
        raise RemoteProtocolError(f"the device says that a network has {page.total} {section.name}")
    return found, page.total


def _size(section: Section) -> int:
    return _RECORD[section].SIZE if section in _RECORD else 1


def _count(section: Section, found: bytes | bytearray) -> int:
    return len(found) // _size(section)


def _info(
    network: records.NetworkRecord, sections: dict[tuple[int, Section], bytes], device: DeviceInfo
) -> NetworkInfo:
    def found(kind: type[R], section: Section) -> tuple[R, ...]:
        return kind.unpack_all(sections[network.index, section])

    def tensors(section: Section, scales: Section) -> tuple[TensorSpec, ...]:
        return tensor.from_records(found(records.TensorRecord, section), found(records.ScaleRecord, scales))

    inputs = tensors(Section.INPUTS, Section.INPUT_SCALES)
    if any(spec.offset + spec.size > network.input_bytes for spec in inputs):
        raise RemoteProtocolError(f"network {network.name!r} has inputs beyond its {network.input_bytes} input bytes")
    return NetworkInfo(
        index=network.index,
        name=network.name,
        digest=network.digest,
        input_bytes=network.input_bytes,
        output_bytes=network.output_bytes,
        timer_source=network.timer_source if isinstance(network.timer_source, TimerSource) else TimerSource.NONE,
        inputs=_by_name(inputs),
        outputs=_by_name(tensors(Section.OUTPUTS, Section.OUTPUT_SCALES)),
        pools=tuple(map(Pool.from_record, found(records.PoolRecord, Section.POOLS))),
        epochs=EpochTable.from_records(found(records.BlockRecord, Section.BLOCKS), epochs=network.epochs),
        device=device,
        card_text=sections[network.index, Section.CARD].decode("utf-8", "replace"),
    )


def _by_name(specs: Sequence[TensorSpec]) -> Mapping[str, TensorSpec]:
    return MappingProxyType({spec.name: spec for spec in specs})
