"""The process that writes the recording of a server: decoding and writing would cost clients their latency in the server's process.

It reads pickled calls from standard input, until this ends: also if the server was killed, the file is completed. Its output is ``ready``, or
the error that ends the recording.
"""

from __future__ import annotations

import copyreg
import os
import pickle
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, Final, TypeAlias

from n6link import decoders
from n6link.errors import N6Error
from n6link.protocol import Encoding, records
from n6link.result import Result, Timing
from n6link.robotics.mcap_file import McapFile
from n6link.session.inference import Outcome
from n6link.session.info import NetworkInfo
from n6link.tensors.encoding import RAW, Sent
from n6link.tensors.inputs import Prepared

READY: Final = "ready"
NICE: Final = 10
"""The server, and the programs that use it, are more important."""
Call: TypeAlias = tuple[str, tuple[Any, ...], dict[str, Any]]
"""name of a method of :class:`Writer` or McapFile, and its arguments"""


def _reduced(mapping: Mapping[Any, Any]) -> tuple[Any, ...]:
    return unchangeable, (dict(mapping),)


def unchangeable(mapping: dict[Any, Any]) -> Mapping[Any, Any]:
    """A mapping that was written by :class:`Pickler`."""
    return MappingProxyType(mapping)


_TABLE: Final[dict[type, Any]] = {**copyreg.dispatch_table, MappingProxyType: _reduced}


class Pickler(pickle.Pickler):
    """Also writes mappings that cannot be changed."""

    dispatch_table = _TABLE


class Writer:
    """Writes the results of clients.

    Args:
        file: where to.
    """

    def __init__(self, file: McapFile) -> None:
        self._file = file
        self._networks: dict[int, NetworkInfo] = {}

    def call(self, call: Call) -> None:
        """Carries out a call."""
        name, arguments, options = call
        getattr(self if name in ("network", "result") else self._file, name)(*arguments, **options)

    def network(self, key: int, info: NetworkInfo) -> None:
        """A network that results will name."""
        self._networks[key] = info

    def result(
        self,
        key: int,
        plain: tuple[Any, ...],
        returns: bytes,
        sent: tuple[int, bytes],
        timing: Timing,
        asked: float,
        root: str,
    ) -> None:
        """Adds a result.

        Args:
            key: of its network.
            plain: the fields of its Outcome, with bytes.
            returns: packed Return records; empty = all outputs whole.
            sent: bytes of the upload, and its packed Part records.
            timing: its times.
            asked: host time of its arrival at the server.
            root: the beginning of its topics.
        """
        network, outcome = self._networks[key], Outcome(*plain)._replace(data=memoryview(plain[2]))
        size, parts = sent
        wanted = _unpacked(records.Return, returns) or [records.Return(index) for index in range(len(network.outputs))]
        given = Prepared(memoryview(bytes(size)), None, parts, _sent(parts))
        result = Result(network, outcome, wanted, timing=lambda: timing, given=given, captured=asked)
        meaning = None
        if network.card and network.card.task in decoders.tasks():
            with suppress(N6Error, LookupError):  # outputs that the decoder needs were not requested
                meaning = result.decode()
        self._file.add(result, meaning, root=root)


def _unpacked(kind: Any, packed: bytes) -> list[Any]:
    return [kind.unpack(packed[at : at + kind.SIZE]) for at in range(0, len(packed), kind.SIZE)]


def _sent(parts: bytes) -> Sent:
    """How the first encoded input was sent."""
    coded = (part.encoding for part in _unpacked(records.Part, parts))
    return next((Sent(Encoding(each)) for each in coded if each != Encoding.RAW), RAW)


def work(path: Path, calls: IO[bytes], say: Callable[[str], object]) -> None:
    """Writes a file until the calls end.

    Args:
        path: of the file.
        calls: pickled :data:`Call` tuples.
        say: passes a line to the server.
    """
    try:
        with McapFile(path) as file:
            say(READY)
            writer = Writer(file)
            with suppress(EOFError, pickle.UnpicklingError):  # the server has ended, or was killed
                while True:
                    writer.call(pickle.load(calls))
    except N6Error as error:
        say(str(error))


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(NICE)
    work(Path(sys.argv[1]), sys.stdin.buffer, lambda line: print(line, flush=True))  # noqa: T201  the server reads it
