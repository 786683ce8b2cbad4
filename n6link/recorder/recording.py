"""Reads a recording: reads and writes of the line, and events, in order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from n6link.errors import RecordingError
from n6link.json_types import JsonObject, mapping
from n6link.protocol import SCHEMA_ID, VERSION
from n6link.recorder import pcapng
from n6link.recorder.recorder import FORMAT


@dataclass(frozen=True, slots=True)
class Bytes:
    """What one read or one write moved."""

    time: float
    """seconds since 1970"""
    outbound: bool
    """from the host to the device"""
    data: bytes


@dataclass(frozen=True, slots=True)
class Event:
    """What the host knew; :class:`n6link.recorder.recorder.Recorder` and ``session/journal.py`` have the kinds."""

    time: float
    """seconds since 1970"""
    kind: str
    said: str
    """the same for people"""
    values: JsonObject


Item: TypeAlias = Bytes | Event
RESTART: Final = frozenset({"attached", "gap"})
"""events after which the bytes do not continue those before"""


class Recording:
    """A file with a recording.

    Args:
        path: of the file.

    Attributes:
        cut: bytes of an incomplete block at the end, once all was read; 0 = the file is whole.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ending = pcapng.Ending()

    @property
    def cut(self) -> int:
        """Bytes of an incomplete block at the end, once all was read; 0 = the file is whole."""
        return self._ending.cut

    def items(self) -> Iterator[Item]:
        """All that was recorded, in order.

        Raises:
            RecordingError: the file cannot be read, is not a recording, is damaged, or was recorded with another protocol.
        """
        name, known = repr(str(self.path)), False
        try:
            with self.path.open("rb") as file:
                for packet in pcapng.read(file, name, self._ending):
                    item = _item(packet, name)
                    if isinstance(item, Event) and item.kind == "recording":
                        _check(item, name)
                        known = True
                    elif not known:
                        raise RecordingError(
                            f"{name} is a pcapng file of another program; choose a file that n6link has recorded"
                        )
                    yield item
        except OSError as error:
            raise RecordingError(f"{name} cannot be read: {error.strerror or error}") from error
        if not known:
            raise RecordingError(f"{name} does not contain a recording; choose a file that n6link has recorded")


def _item(packet: pcapng.Packet, name: str) -> Item:
    time = packet.time / pcapng.NANOSECONDS
    if packet.interface == pcapng.LINE:
        return Bytes(time, packet.outbound, packet.data)
    try:
        values = mapping(json.loads(packet.data))
        return Event(time, str(values["event"]), str(values.get("said", "")), values)
    except (ValueError, TypeError, KeyError) as error:
        raise RecordingError(f"{name} is damaged: an event is not a JSON object with a name ({error})") from error


def _check(event: Event, name: str) -> None:
    form, protocol, schema = (event.values.get(key) for key in ("format", "protocol", "schema"))
    if not isinstance(form, int) or form > FORMAT:
        raise RecordingError(f"{name} has the format {form} of recordings, this program reads {FORMAT}; update n6link")
    if schema != SCHEMA_ID:
        program, theirs = event.values.get("n6link"), f"{schema:08x}" if isinstance(schema, int) else schema
        raise RecordingError(
            f"{name} was recorded with protocol {protocol} ({theirs}) by n6link {program}, this program has {VERSION} "
            f"({SCHEMA_ID:08x}); use the n6link that has recorded it"
        )
