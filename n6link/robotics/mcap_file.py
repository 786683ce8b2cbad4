"""MCAP files: pictures, results, latencies and states of devices on one time axis, for Foxglove, Rerun, rosbags and ROS 2.

::

    with McapFile("run.mcap") as file:
        async for result in results:
            file.add(result, result.decode(), picture=frame)

The file has the profile ``ros2``: messages in CDR, with the definitions of their types, so that a reader does not need anything else.
All times are the time of day of the start of the recording, continued by the monotonic clock (:mod:`n6link.robotics.wall`). A
message is logged when it is added; the time in its header is that of its picture. Chunks are completed at least once per
:data:`INTERVAL`: a program that is killed loses what is younger, and the file has no index, but everything else can be read. If
the disk is full, what is incomplete is cut off and the file is ended, so that it remains valid.
"""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Self, cast

from n6link.errors import RecordingError, requires
from n6link.result import Result
from n6link.robotics import cdr, messages
from n6link.robotics.messages import Message, topic_name
from n6link.robotics.types import message_type
from n6link.robotics.wall import SECOND, Wall
from n6link.session.clock import ClockMap
from n6link.session.info import DeviceInfo
from n6link.session.state import StateChange
from n6link.session.stats import Stats
from n6link.session.subscription import LogRecord
from n6link.version import __version__

if TYPE_CHECKING:
    from mcap.writer import Writer

INTERVAL: Final = 1.0
"""seconds after which a chunk is completed"""
SUFFIX: Final = ".mcap"
ROOT: Final = "/n6link"
"""the beginning of all topics"""
_MAGIC: Final = b"\x89MCAP0\r\n"
_DATA_END: Final = struct.pack("<BQI", 0x0F, 4, 0)
_FOOTER: Final = struct.pack("<BQQQI", 0x02, 20, 0, 0, 0)
_END: Final = _DATA_END + _FOOTER + _MAGIC
"""the end of a file without a summary"""


class McapFile:
    """Writes one file; a context manager. Methods wait for the disk, and may be called in any thread.

    Args:
        path: of the file; an existing one is replaced.
        wall: the time of day; None = the computer's.

    Attributes:
        path: of the file.
        wall: converts times of the session.
        counts: number of messages by topic.

    Raises:
        RecordingError: the file cannot be written.
        MissingExtra: the package mcap is not installed.
    """

    def __init__(self, path: str | os.PathLike[str], *, wall: Wall | None = None) -> None:
        with requires("writing MCAP files", "mcap", "mcap"):
            from mcap.writer import CompressionType, Writer
        self.path = Path(path)
        self.wall = wall or Wall()
        self.counts: dict[str, int] = {}
        self._lock = threading.Lock()
        self._schemas: dict[str, int] = {}
        self._channels: dict[str, int] = {}
        self._failure: RecordingError | None = None
        self._closed = False
        self._chunk = 0
        try:
            self._file = _File(self.path)
        except OSError as error:
            raise self._error(error) from error
        # Pictures are compressed already, and the rest is small.
        self._writer: Writer = Writer(cast("IO[bytes]", self._file), compression=CompressionType.NONE)
        try:
            self._write(self._begin)
        except RecordingError:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            with suppress(RecordingError):  # the error that ends the block is more important
                self.close()

    def close(self) -> None:
        """Completes the file; a second call does nothing.

        Raises:
            RecordingError: its end cannot be written, now or before.
        """
        if self._closed:
            return
        self._closed = True
        try:
            self._write(self._writer.flush)
            self._write(self._finish)
        finally:
            self._file.close()

    # ---- what is recorded

    def describe(self, device: DeviceInfo, url: str, *, root: str = ROOT) -> None:
        """Adds what a device is, as metadata.

        Args:
            device: the device.
            url: where it is.
            root: the beginning of its topics, if the file has those of several devices.

        Raises:
            RecordingError: the file cannot be written, or is closed.
        """
        about = {
            "url": url,
            "topics": root,
            "board": device.board,
            "firmware": device.firmware,
            "simulated": str(device.simulated),
        }
        self.note("device", about)

    def note(self, name: str, values: Mapping[str, str]) -> None:
        """Adds metadata.

        Raises:
            RecordingError: the file cannot be written, or is closed.
        """
        self._write(lambda: self._writer.add_metadata(name, dict(values)))

    def add(
        self,
        result: Result,
        meaning: object = None,
        *,
        picture: object = None,
        threshold: float = 0.25,
        root: str = ROOT,
    ) -> None:
        """Adds a result: what was found, a drawing of it, its latency and epochs, and its picture.

        Args:
            result: the result.
            meaning: what ``result.decode()`` returned; None = it was not decoded, and the outputs are written.
            picture: the picture, as for :func:`n6link.tensors.image.load`; written as JPEG. None = it is not written.
            threshold: keypoints with a smaller score are not drawn.
            root: as for :meth:`describe`.

        Raises:
            BadInput: it is not a picture.
            MissingExtra: Pillow is not installed, and there is a picture.
            RecordingError: the file cannot be written, or is closed.
        """
        now, captured = self.wall.now(), self.wall.at(result.captured)
        found: list[Message] = []
        if picture is not None:
            found.append(messages.of_picture(messages.jpeg(picture), "jpeg", captured))
        found += messages.of_result(result, meaning, self.wall, threshold=threshold)
        self.put(f"{root}/{topic_name(result.network.name)}", found, published=captured, logged=now)

    def add_state(self, change: StateChange, clock: ClockMap | None, *, root: str = ROOT) -> None:
        """Adds a change of a device's state, with the error of the comparison of the clocks.

        Raises:
            RecordingError: the file cannot be written, or is closed.
        """
        self.put(root, [messages.of_state(change, clock, self.wall)], published=self.wall.at(change.time), at_once=True)

    def add_stats(self, stats: Stats, round_trip: float, *, root: str = ROOT) -> None:
        """Adds a reading of a device's statistics, and the newest round trip in seconds.

        Raises:
            RecordingError: the file cannot be written, or is closed.
        """
        self.put(root, [messages.of_stats(stats, round_trip, self.wall.now())])

    def add_log(self, record: LogRecord, clock: ClockMap | None = None, *, root: str = ROOT) -> None:
        """Adds a log line, at the time of its origin if this is known.

        Raises:
            RecordingError: the file cannot be written, or is closed.
        """
        at = self.wall.now()
        if record.time is not None and clock and clock.offset == clock.offset:
            at = min(at, self.wall.at(clock.to_host(round(record.time * clock.tick_hz)).time))
        self.put(root, [messages.of_log(record, at)], published=at)

    def put(
        self,
        root: str,
        found: Iterable[Message],
        *,
        published: int | None = None,
        logged: int | None = None,
        at_once: bool = False,
    ) -> None:
        """Adds messages, below a topic.

        Args:
            root: the beginning of their topics.
            found: the messages.
            published: time of day of their origin, in nanoseconds; None = as ``logged``.
            logged: time of day of their arrival; None = now.
            at_once: complete the chunk, so that they are in the file even if the program is killed.

        Raises:
            BadInput: a message has a value that does not fit its type.
            RecordingError: the file cannot be written, or is closed.
        """
        encoded = [(f"{root}/{one.topic}", one.type, cdr.encode(one.type, one.values)) for one in found]
        now = self.wall.now() if logged is None else logged

        def write() -> None:
            for topic, kind, data in encoded:
                self._writer.add_message(self._channel(topic, kind), now, data, now if published is None else published)
                self.counts[topic] = self.counts.get(topic, 0) + 1
            if at_once or now - self._chunk >= INTERVAL * SECOND:
                self._writer.flush()  # type: ignore[no-untyped-call]
                self._chunk = now

        self._write(write)

    # ----

    def _begin(self) -> None:
        self._chunk = self.wall.now()
        self._writer.start("ros2", f"n6link {__version__}")
        self._writer.add_metadata(
            "clock",
            {
                "source": "the computer's time of day at the start of the recording, continued by its monotonic clock",
                "error_s": f"{self.wall.error:.9f}",
            },
        )

    def _channel(self, topic: str, kind: str) -> int:
        if topic not in self._channels:
            if kind not in self._schemas:
                schema = message_type(kind).schema.encode()
                self._schemas[kind] = self._writer.register_schema(kind, "ros2msg", schema)
            # rosbag2 looks for this key.
            self._channels[topic] = self._writer.register_channel(
                topic, "cdr", self._schemas[kind], {"offered_qos_profiles": ""}
            )
        return self._channels[topic]

    def _finish(self) -> None:
        self._writer.finish()  # type: ignore[no-untyped-call]
        self._file.flush()

    def _write(self, step: Callable[[], object]) -> None:
        """Changes the file, in one thread at a time; after a failure the file is ended."""
        with self._lock:
            if self._failure:
                raise self._failure.with_traceback(None)
            if self._file.closed:
                raise RecordingError(f"{str(self.path)!r} is closed; open another file")
            try:
                step()
                self._file.mark()
            except OSError as error:
                self._failure = self._error(error)
                self._file.cut()
                raise self._failure from error

    def _error(self, error: OSError) -> RecordingError:
        return RecordingError(
            f"{str(self.path)!r} cannot be written: {error.strerror or error}; choose another file or disk"
        )


class _File:
    """What the library writes to: a file that can be cut back to a state in which all records were complete.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._raw = FileIO(path, "wb")
        self._at = 0
        self._complete: list[int] = []

    def write(self, data: bytes) -> int:
        rest = memoryview(data)
        while rest:  # a full disk may take a part
            rest = rest[self._raw.write(rest) :]
        self._at += len(data)
        return len(data)

    def tell(self) -> int:
        return self._at

    def flush(self) -> None:
        """All bytes were passed to the system."""

    def close(self) -> None:
        self._raw.close()

    @property
    def closed(self) -> bool:
        return self._raw.closed

    def mark(self) -> None:
        """All records are complete."""
        if self._at not in self._complete[-1:]:
            self._complete.append(self._at)

    def cut(self) -> None:
        """Removes incomplete records and ends the file; if there is no space for the end, one more step is removed."""
        with suppress(OSError):
            while self._complete:
                end = self._complete.pop()
                self._raw.truncate(end)
                self._raw.seek(end)
                with suppress(OSError):
                    if self._raw.write(_END) == len(_END):
                        return
