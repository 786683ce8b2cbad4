"""Records what passes on the line of a device, and what the host knows of it: for a fault that happens once in weeks.

A :class:`Recorder` gets each read and each write as it happened, with damaged bytes and what is between frames, and events: that a stream
was opened, the state of the device, the number of its start, errors of calls, comparisons of the clocks. :mod:`n6link.recorder.pcapng` has
the format of the file; ``n6link trace`` shows one, ``n6link replay`` and the URL ``replay:FILE`` serve it as a device.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from anyio.abc import ByteStream

from n6link import ambient
from n6link.errors import BadInput
from n6link.json_types import Json
from n6link.protocol import SCHEMA_ID, VERSION
from n6link.recorder import pcapng
from n6link.recorder.pcapng import Parts
from n6link.recorder.storage import Growing, Ring, Storage
from n6link.version import __version__
from n6link.waiting import listen

FORMAT: Final = 1
"""version of the events; a reader refuses a larger one"""
VARIABLE: Final = "N6LINK_RECORD"
SMALLEST: Final = 64 << 10
"""bytes of a ring: some inferences of a small network"""

_SIZE: Final = re.compile(r"(\d+)([KMG]?)")
_FACTORS: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_in_use: Final[set[Path]] = set()
_lock: Final = threading.Lock()


class Recorder:
    """Writes a recording; see the head of this module. One recorder is for one device at a time.

    ::

        N6Device(record="run.pcapng")                          # everything; N6LINK_RECORD=run.pcapng does the same
        N6Device(record="fault.pcapng?ring=4M")                # the last 4 MB, written when something fails
        N6Device(record=Recorder("fault.pcapng", ring=4 << 20))

    With a ring the file has the description of the device, and what happened before the newest failure: the device went or was
    restarted, a call ended with an error, an exception has left the ``async with`` block, or :meth:`save` was called. A program that
    is killed writes no ring. Without a ring a killed program loses the last 20 ms, and the file is valid.

    Args:
        path: of the file. An existing one is replaced, except when the device is opened again with the same recorder: then the
            recording goes on. ``{pid}`` and ``{time}`` in the name are replaced by the number of the process and the time of opening.
        ring: bytes that are kept in memory; None = all are written to the file at once.
        spare: whether another name is used if another device of this program records into the file.

    Raises:
        BadInput: ``ring`` is too small.
    """

    def __init__(self, path: str | os.PathLike[str], *, ring: int | None = None, spare: bool = False) -> None:
        if ring is not None and ring < SMALLEST:
            raise BadInput(f"ring={ring} is too small; use {SMALLEST} bytes or more")
        self.path = Path(path)
        self.ring = ring
        self._storage: Storage | None = None
        self._spare = spare
        self._again = False
        self._file: Path | None = None
        self._named: Path | None = None
        self._origin = 0

    @classmethod
    def read(cls, text: str | os.PathLike[str] | Recorder, *, spare: bool = False) -> Recorder:
        """The recorder that ``FILE`` or ``FILE?ring=SIZE`` describes; SIZE is in bytes, or has the unit K, M or G.

        Raises:
            BadInput: the text has another option, or not a size.
        """
        if isinstance(text, Recorder):
            return text
        name, _, query = os.fspath(text).partition("?")
        if not name:
            raise BadInput(f"record={os.fspath(text)!r} does not contain a file; use FILE or FILE?ring=4M")
        if not query:
            return cls(name, spare=spare)
        key, _, value = query.partition("=")
        size = _SIZE.fullmatch(value.upper())
        if key != "ring" or not size:
            raise BadInput(f"record={os.fspath(text)!r} has the unknown option {query!r}; use FILE or FILE?ring=4M")
        return cls(name, ring=int(size[1]) * _FACTORS[size[2]], spare=spare)

    @classmethod
    def from_environment(cls) -> Recorder | None:
        """The recorder that the variable N6LINK_RECORD describes; a second device of a program gets a file of its own.

        Raises:
            BadInput: as :meth:`read`.
        """
        text = os.environ.get(VARIABLE)
        return cls.read(text, spare=True) if text else None

    # ---- for a connection

    def open(self) -> None:
        """Begins, or goes on; waits for the disk.

        Raises:
            BadInput: another device of this program records into the file, or it cannot be written.
        """
        path, again = self._take(), self._again
        self._origin = time.time_ns() - _nanoseconds(ambient.monotonic())
        head = pcapng.head(f"n6link {__version__}") + b"".join(self._about())
        try:
            if self.ring is None:
                self._storage = Growing(path, head, self._gap, again=again)
            elif not isinstance(self._storage, Ring):
                path.touch()  # so that a path that cannot be written is reported now
                self._storage = Ring(path, head, self._gap, self.ring)
        except OSError as error:
            self._release()
            raise BadInput(f"the recording {str(path)!r} cannot be written: {error.strerror or error}") from error
        self._again = True

    def close(self) -> None:
        """Ends it until it is opened again; waits for the disk."""
        if self._file and self._storage:
            self._storage.close()
            self._release()

    def tap(self, stream: ByteStream, url: str) -> ByteStream:
        """The same stream, from now on recorded; it was opened under a URL."""
        if self._storage:
            self._storage.opening()
        self.event("attached", f"attached to {url}", url=url)
        return Tap(stream, self)

    def opened(self, *, described: bool) -> None:
        """The session over the last stream is open; whether the device was described again."""
        if self._storage:
            self._storage.opened(described=described)

    def line(self, data: bytes, *, outbound: bool) -> None:
        """A read or a write."""
        if self._file and self._storage:
            self._storage.put(pcapng.line_packet(self._now(), data, outbound=outbound))

    def event(self, name: str, said: str, **values: Json) -> None:
        """An event: its name, a sentence, and its values."""
        if self._file and self._storage:
            self._storage.put(self._event(name, said, values))

    def failed(self, error: BaseException, what: str = "") -> None:
        """A call has failed, or something else that should be looked into."""
        kind = type(error).__name__
        self.event("error", f"{kind}: {error}", type=kind, message=str(error), what=what)
        self.save()

    # ---- for applications

    @property
    def file(self) -> Path | None:
        """The file while a device is open, else None."""
        return self._file

    def save(self) -> None:
        """Writes a ring now, for a reason that only the application knows; in a thread."""
        if self._file and self._storage:
            self._storage.failed()

    # ----

    def _now(self) -> int:
        return self._origin + _nanoseconds(ambient.monotonic())

    def _event(self, name: str, said: str, values: Mapping[str, Json]) -> Parts:
        data = json.dumps({"event": name, "said": said, **values}, ensure_ascii=False).encode()
        return pcapng.event_packet(self._now(), data, said)

    def _about(self) -> Parts:
        values: dict[str, Json] = {"format": FORMAT, "n6link": __version__, "protocol": VERSION, "schema": SCHEMA_ID}
        return self._event("recording", f"recorded by n6link {__version__}, protocol {VERSION}", values)

    def _gap(self, count: int) -> Parts:
        return self._event("gap", f"{count} packets were not recorded", {"packets": count})

    def _take(self) -> Path:
        """Reserves the file within this program."""
        name = self.path.name.replace("{pid}", str(os.getpid())).replace("{time}", time.strftime("%Y%m%d-%H%M%S"))
        path, number = self._named or self.path.with_name(name), 1
        with _lock:
            while path.resolve() in _in_use:
                if not self._spare:
                    raise BadInput(f"another device of this program records into {str(path)!r}; use another file")
                number += 1
                path = path.with_name(f"{Path(name).stem}-{number}{Path(name).suffix}")
            _in_use.add(path.resolve())
        self._named = self._file = path
        return path

    def _release(self) -> None:
        with _lock:
            if self._file:
                _in_use.discard(self._file.resolve())
        self._file = None


class Tap(ByteStream):
    """A stream whose bytes are recorded. A write is recorded when it begins: also one that never ends."""

    def __init__(self, inner: ByteStream, recorder: Recorder) -> None:
        self._inner = inner
        self._recorder = recorder
        self._send_nowait: Callable[[bytes], int] | None = getattr(inner, "send_nowait", None)
        self.rest: Callable[[float], None] | None = getattr(inner, "rest", None)

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """Received bytes, at least one."""
        data = await self._inner.receive(max_bytes)
        self._recorder.line(data, outbound=False)
        return data

    async def listen(self, received: Callable[[bytes], None]) -> None:
        """Calls a function with all bytes as they arrive; returns only with an exception."""

        def record(data: bytes) -> None:
            self._recorder.line(data, outbound=False)
            received(data)

        await listen(self._inner, record)

    async def send(self, item: bytes) -> None:
        """Sends all bytes of a buffer."""
        self._recorder.line(bytes(item), outbound=True)
        await self._inner.send(item)

    def send_nowait(self, item: bytes) -> int:
        """Sends as many bytes as possible without waiting; returns their number."""
        sent = self._send_nowait(item) if self._send_nowait else 0
        if sent:
            self._recorder.line(item[:sent], outbound=True)
        return sent

    async def send_eof(self) -> None:
        """Sends an end of file, if the stream has one."""
        await self._inner.send_eof()

    async def aclose(self) -> None:
        """Closes the stream."""
        await self._inner.aclose()


def _nanoseconds(seconds: float) -> int:
    return int(seconds * pcapng.NANOSECONDS)
