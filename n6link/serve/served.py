"""A board as the clients of a server see it: the board's own description, and its clock."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from n6link import ambient
from n6link.device import N6Device
from n6link.errors import RemoteProtocolError
from n6link.protocol import Feature, FieldTag, Limit, MessageType, NetworkState, Section, records
from n6link.protocol.fields import unpack_fields
from n6link.serve.library import SECTIONS, Board, library
from n6link.session import describe
from n6link.session.replies import decoding
from n6link.version import __version__

MOST_BUFFERS: Final = 8
"""input slots, or result buffers, of one client: the limit of the core"""
RESULTS: Final = 4
"""result buffers of one client"""
_PASSED: Final = Feature.SIMULATED | Feature.CHECK
"""features of the board's runtime that clients have; the others are those of the core, or concern the board's memory"""


@dataclass(frozen=True, slots=True)
class Description:
    """A network as the board describes it."""

    record: records.NetworkRecord
    sections: Mapping[Section, bytes]
    """packed records, or bytes of texts"""


class Served:
    """A board, since one start. Create it with :meth:`read`; close all clients first.

    Attributes:
        pointer: the board, for functions of the library.
        slot_size: bytes of an input slot.
    """

    def __init__(self, board: Board, networks: Sequence[Description]) -> None:
        self._library = library()
        self.slot_size: int = board.slot_size
        self.pointer: int = self._library.n6_serve_new(board)
        if not self.pointer:
            raise MemoryError("there is not enough memory to describe the board")
        for network in networks:
            parts = [network.sections.get(Section(number), b"") for number in range(SECTIONS)]
            described = self._library.n6_serve_describe(
                self.pointer,
                network.record.pack(),
                (ctypes.c_char_p * SECTIONS)(*parts),
                (ctypes.c_uint32 * SECTIONS)(*map(len, parts)),
            )
            if not described:
                self.close()
                raise RemoteProtocolError(
                    f"the description of network {network.record.name!r} contains a contradiction; update the firmware"
                )

    @classmethod
    async def read(cls, dev: N6Device) -> Served:
        """Reads the description of an open device.

        Raises:
            RemoteProtocolError: it contains a contradiction.
            N6Error: the device does not answer.
        """
        ask, device = dev.connection.channel.ask_all, dev.info
        payload = await dev.connection.ask(MessageType.INFO)
        with decoding("INFO"):
            info = records.InfoReply.unpack(payload)
            fields = unpack_fields(payload[info.head :])
        usable = {network.index for network in dev.connection.networks}
        networks: list[Description] = []
        for record in await describe.listed(ask):
            if record.index in usable:
                with decoding("DESCRIBE"):
                    networks.append(Description(record, await describe.packed(ask, record)))
            else:
                networks.append(_unusable(record, dev.connection.rejected.get(record.name, "")))
        board = Board(
            tick_hz=device.tick_hz,
            boot_nonce=device.boot_nonce,
            features=sum(feature for feature in device.features if feature & _PASSED),
            slot_size=device.slot_size,
            result_size=device.result_size,
            parts_size=device.parts_size,
            networks=len(networks),
            chunk=Limit.MAX_CHUNK,
            slots=min(max(device.slots, 2), MOST_BUFFERS),
            results=RESULTS,
            depth=min(max(device.slots, 2), RESULTS),
            unique_id=(ctypes.c_uint8 * 16)(*bytes.fromhex(device.unique_id)),
            info=words(info.pack()),
            build=device.build.encode(),
            firmware=device.firmware.encode(),
            runtime=f"{device.runtime}, through n6link serve {__version__}".removeprefix(", ").encode()[:127],
            fault_record=device.fault_record.encode()[:127],
            memory=fields.get(FieldTag.MEMORY, "").encode()[:511],
        )
        return cls(board, networks)

    def tick(self, dev: N6Device) -> int:
        """Sets the clock to that of the board now, and returns it."""
        now = dev.clock.to_device(ambient.monotonic())
        self._library.n6_serve_clock(self.pointer, now)
        return now

    def close(self) -> None:
        """Frees its memory."""
        self._library.n6_serve_delete(self.pointer)


def words(packed: bytes) -> ctypes.Array[ctypes.c_uint64]:
    """The bytes of a record as an aligned array."""
    return (ctypes.c_uint64 * (len(packed) // 8)).from_buffer_copy(packed)


def _unusable(record: records.NetworkRecord, reason: str) -> Description:
    """A network without tensors that reports why it cannot run."""
    failed = replace(
        record,
        inputs=0,
        outputs=0,
        pools=0,
        blocks=0,
        card_bytes=0,
        input_bytes=0,
        output_bytes=0,
        state=NetworkState.FAILED,
    )
    return Description(failed, {Section.REASON: (reason or "its description cannot be used").encode()})
