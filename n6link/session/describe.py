"""Reads the descriptions of all networks of a device: LIST, and the pages of DESCRIBE.

For each network, the first pages of all sections are requested together, then all other pages; the link keeps as many requests open
as the device allows. Requests and memory are limited by the counts in NetworkRecord and by the limits here. A network with an
impossible description, or one that the device's runtime could not start, is rejected with the reason; the others can be used.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, TypeAlias, TypeVar

from n6link.epochs.pools import Pool
from n6link.epochs.timers import EpochTable
from n6link.errors import RemoteProtocolError
from n6link.link.events import Reply
from n6link.protocol import MessageType, NetworkState, Section, TimerSource, records
from n6link.protocol.codec import Record, printable
from n6link.protocol.messages import SECTIONS
from n6link.session.info import MAX_NETWORKS, DeviceInfo, NetworkInfo
from n6link.session.replies import decoding
from n6link.tensors import tensor
from n6link.tensors.tensor import ByName, TensorSpec

R = TypeVar("R", bound=Record)
Ask: TypeAlias = Callable[[Sequence[tuple[MessageType, bytes]]], Awaitable[list[Reply]]]

MAX_BLOCKS: Final = 4096
"""maximum number of epoch blocks per network; the largest known network has 409"""
MAX_SCALES: Final = 65536
"""maximum number of per-channel scales of all inputs, or of all outputs, of one network"""
BATCH: Final = 64
"""number of pages that are requested together"""


async def read(ask: Ask, count: int, device: DeviceInfo) -> tuple[list[NetworkInfo], dict[str, str]]:
    """The networks of a device.

    Args:
        ask: sends several requests at the same time.
        count: the number of networks that the device announces.
        device: the device.

    Returns:
        The networks that can be used, and the reason for each other network, by name.

    Raises:
        RemoteProtocolError: the list of networks contains a contradiction.
        N6Error: an error of ask.
    """
    networks: list[NetworkInfo] = []
    rejected: dict[str, str] = {}
    for network in await _networks(ask, count):
        name = network.name or f"number {network.index}"
        if name in rejected or any(other.name == name for other in networks):
            rejected[f"{name} (index {network.index})"] = "another network has the same name"
            continue
        try:
            if network.state is NetworkState.FAILED:
                rejected[name] = await reason(ask, network.index)
                continue
            _check(network, device)
            networks.append(_info(network, await _sections(ask, network.index, _expected(network)), device))
        except (RemoteProtocolError, ValueError) as error:
            rejected[name] = str(error)
    return networks, rejected


async def listed(ask: Ask) -> list[records.NetworkRecord]:
    """The list of networks as the device sends it.

    Raises:
        RemoteProtocolError: it contains a contradiction.
        N6Error: an error of ask.
    """
    payload = (await ask([(MessageType.LIST, records.List().pack())]))[0].payload
    with decoding("LIST"):
        total = records.ListReply.unpack(payload).total
    return await _networks(ask, total)


async def packed(ask: Ask, network: records.NetworkRecord) -> Mapping[Section, bytes]:
    """The sections of a network: packed records, or the bytes of texts.

    Raises:
        RemoteProtocolError: a section has another number of records than announced.
        ValueError: a reply is malformed.
        N6Error: an error of ask.
    """
    sections = await _sections(ask, network.index, _expected(network) | {Section.REASON: None})
    return {
        section: b"".join(record.pack() for record in found.records) or bytes(found.text)
        for section, found in sections.items()
    }


async def _networks(ask: Ask, count: int) -> list[records.NetworkRecord]:
    if count > MAX_NETWORKS:
        raise RemoteProtocolError(f"the device announces {count} networks; at most {MAX_NETWORKS} are possible")
    networks: list[records.NetworkRecord] = []
    while len(networks) < count:
        payload = (await ask([(MessageType.LIST, records.List(first=len(networks)).pack())]))[0].payload
        with decoding("LIST"):
            page = records.ListReply.unpack(payload)
            found = records.NetworkRecord.unpack_all(payload, page.count, page.head, page.record)
        if page.first != len(networks) or not found:
            raise RemoteProtocolError(f"the device announces {count} networks, but lists {len(networks)}")
        networks += found
    return networks[:count]


def _check(network: records.NetworkRecord, device: DeviceInfo) -> None:
    """Checks counts and sizes before they are used.

    Raises:
        RemoteProtocolError: one of them is impossible.
    """
    if network.input_bytes > device.slot_size:
        raise RemoteProtocolError(
            f"its inputs have {network.input_bytes} bytes, but a slot of the device has {device.slot_size}"
        )
    if network.blocks > MAX_BLOCKS:
        raise RemoteProtocolError(f"it has {network.blocks} epoch blocks; at most {MAX_BLOCKS} are possible")


def _expected(network: records.NetworkRecord) -> dict[Section, int | None]:
    """The number of records, or bytes, of each section; None = at most :data:`MAX_SCALES`."""
    return {
        Section.INPUTS: network.inputs,
        Section.OUTPUTS: network.outputs,
        Section.POOLS: network.pools,
        Section.BLOCKS: network.blocks,
        Section.CARD: network.card_bytes,
        Section.INPUT_SCALES: None,
        Section.OUTPUT_SCALES: None,
    }


@dataclass(slots=True)
class _Found:
    """The received part of one section."""

    total: int
    records: list[Record]
    text: bytearray

    @property
    def count(self) -> int:
        return len(self.records) or len(self.text)


async def reason(ask: Ask, index: int) -> str:
    """Why a network cannot run.

    Args:
        ask: sends several requests at the same time.
        index: of the network.
    """
    found = (await _sections(ask, index, {Section.REASON: None}))[Section.REASON]
    return printable(bytes(found.text)) or "the device did not send the reason"


async def _sections(ask: Ask, index: int, wanted: Mapping[Section, int | None]) -> dict[Section, _Found]:
    """The records of sections of a network.

    Args:
        ask: sends several requests at the same time.
        index: of the network.
        wanted: see :func:`_expected`.

    Raises:
        RemoteProtocolError: a section has another number of records than announced.
        ValueError: a reply is malformed.
    """
    sections = {section: _Found(0, [], bytearray()) for section in wanted}
    await _pages(ask, index, sections, [(section, 0) for section in sections])
    rest: list[tuple[Section, int]] = []
    for (section, expected), found in zip(wanted.items(), sections.values(), strict=True):
        if found.total != expected if expected is not None else found.total > MAX_SCALES:
            announced = f"{expected} were announced" if expected is not None else f"at most {MAX_SCALES} are possible"
            raise RemoteProtocolError(f"section {section.name} has {found.total} records, but {announced}")
        step = found.count
        rest += [(section, first) for first in range(step, found.total, step)] if step else []
    for at in range(0, len(rest), BATCH):
        await _pages(ask, index, sections, rest[at : at + BATCH])
    for section, found in sections.items():
        if found.count != found.total:
            raise RemoteProtocolError(
                f"section {section.name} has {found.total} records, but the device sent {found.count}"
            )
    return sections


async def _pages(ask: Ask, index: int, sections: dict[Section, _Found], wanted: Sequence[tuple[Section, int]]) -> None:
    """Adds pages to their sections, in order."""
    questions = [
        (MessageType.DESCRIBE, records.Describe(index, section, first=first).pack()) for section, first in wanted
    ]
    for reply, (section, first) in zip(await ask(questions), wanted, strict=True):
        page, found = records.DescribeReply.unpack(reply.payload), sections[section]
        if (page.network, page.section, page.first) != (index, section, first) or (
            page.total > first and not page.count
        ):
            raise RemoteProtocolError(
                f"the device's reply does not fit DESCRIBE of section {section.name} from record {first}"
            )
        found.total = page.total
        if not page.count:
            continue
        if section in SECTIONS:
            found.records += SECTIONS[section].unpack_all(reply.payload, page.count, page.head, page.record)
        else:
            found.text += reply.payload[page.head : page.head + page.count]


def _info(network: records.NetworkRecord, sections: dict[Section, _Found], device: DeviceInfo) -> NetworkInfo:
    def found(kind: type[R], section: Section) -> tuple[R, ...]:
        return tuple(record for record in sections[section].records if isinstance(record, kind))

    def tensors(section: Section, scales: Section) -> tuple[TensorSpec, ...]:
        return tensor.from_records(found(records.TensorRecord, section), found(records.ScaleRecord, scales))

    inputs = tensors(Section.INPUTS, Section.INPUT_SCALES)
    if not device.parts_size:
        inputs = tuple(replace(spec, encodings=()) for spec in inputs)
    outputs = tensors(Section.OUTPUTS, Section.OUTPUT_SCALES)
    end = max((spec.offset + spec.size for spec in inputs), default=0)
    if end != network.input_bytes:
        raise RemoteProtocolError(f"its inputs end after {end} bytes, but an upload has {network.input_bytes}")
    size = sum(spec.size for spec in outputs)
    if size > device.result_size:
        raise RemoteProtocolError(f"its outputs have {size} bytes, but a result buffer has {device.result_size}")
    return NetworkInfo(
        index=network.index,
        name=network.name,
        digest=network.digest,
        input_bytes=network.input_bytes,
        output_bytes=network.output_bytes,
        timer_source=network.timer_source if isinstance(network.timer_source, TimerSource) else TimerSource.NONE,
        inputs=_by_name("input", inputs),
        outputs=_by_name("output", outputs),
        pools=tuple(map(Pool.from_record, found(records.PoolRecord, Section.POOLS))),
        epochs=EpochTable.from_records(found(records.BlockRecord, Section.BLOCKS), epochs=network.epochs),
        device=device,
        card_text=printable(bytes(sections[Section.CARD].text).replace(b"\r\n", b"\n").replace(b"\t", b" ")),
    )


def _by_name(what: str, specs: Sequence[TensorSpec]) -> Mapping[str, TensorSpec]:
    """Tensors by name; if a name is used twice, the second gets a number."""
    named: dict[str, TensorSpec] = {}
    for spec in specs:
        name, number = spec.name, 0
        while name in named:
            number += 1
            name = f"{spec.name}_{number}"
        named[name] = spec if name == spec.name else replace(spec, name=name)
    return MappingProxyType(ByName(what, "the network", named))
