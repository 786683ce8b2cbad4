"""What the clients of served boards did, in an MCAP file: results, latencies, refusals, and the link of each board.

Clients do not wait for the file: what is to be recorded goes into a queue of bounded length, and a thread passes it to another process, which
decodes and writes (:mod:`n6link.serve.recorder`). If the queue is full, it is not recorded, and is counted: the file's log and
its metadata have the number. If the file cannot be written, the recording ends with one line of the log, and the server goes on.

A server sees results as they are sent, so they are decoded with the options of the card, positions are in pixels of the network's input, and pictures
are not recorded. Topics of a client begin with ``client_1``, ``client_2`` and so on, in the order of connection.
"""

from __future__ import annotations

import logging
import queue
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any, Final, Self

from n6link.device import N6Device
from n6link.errors import RecordingError, requires
from n6link.result import Timing
from n6link.serve.recorder import READY, Call, Pickler
from n6link.session.clock import ClockMap
from n6link.session.inference import Job, Outcome
from n6link.session.info import DeviceInfo, NetworkInfo
from n6link.session.state import StateChange
from n6link.session.stats import Stats
from n6link.session.subscription import LogRecord

ROOM: Final = 256
"""calls that wait for the thread"""
INTERVAL: Final = 1.0
"""seconds between two readings of a board's statistics"""
_logger = logging.getLogger("n6link.serve")


class Record:
    """A file, and the thread and the process that write it; a context manager.

    Args:
        path: of the file.
        several: of several boards: their topics begin with their unique ids.
        interval: seconds between two readings of a board's statistics.

    Attributes:
        passed: number of calls that were passed to the process, by name.
        dropped: number of those for which there was no room.

    Raises:
        RecordingError: the file cannot be created.
        MissingExtra: the package mcap is not installed.
    """

    def __init__(self, path: Path, *, several: bool = False, interval: float = INTERVAL) -> None:
        with requires("writing MCAP files", "mcap", "mcap"):
            import_module("mcap.writer")  # the process needs it
        self.passed: Counter[str] = Counter()
        self.dropped = 0
        self.interval = interval
        self._several = several
        self._clients: dict[str, Iterator[int]] = {}
        """numbers of the clients of each board, which may be opened again"""
        self._waiting: queue.Queue[Call | None] = queue.Queue(ROOM)
        self._failure = ""
        # It does not get Ctrl-C, and ends when its input ends.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "n6link.serve.recorder", str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        said = self._heard()
        if said != READY:
            self._end_process()
            raise RecordingError(said or "the process that writes the recording cannot be started")
        self._thread = threading.Thread(target=self._work, name="n6link serve --mcap", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting.put(None)
        self._thread.join()
        self._end_process()

    def board(self, dev: N6Device) -> BoardRecord:
        """The recording of one board.

        Args:
            dev: the board, open.
        """
        from n6link.robotics.mcap_file import ROOT
        from n6link.robotics.messages import topic_name

        root = f"{ROOT}/{topic_name(dev.info.unique_id)}" if self._several else ROOT
        return BoardRecord(self, dev, root, self._clients.setdefault(root, count(1)))

    def add(self, name: str, *arguments: Any, **options: Any) -> bool:
        """Gives a call to the thread; False = there is no room, which is counted."""
        try:
            self._waiting.put_nowait((name, arguments, options))
        except queue.Full:
            self.dropped += 1
            return False
        return True

    def _work(self) -> None:
        noted = 0
        while call := self._waiting.get():
            self._pass(call)
            if self.dropped > noted:
                noted = self.dropped
                line = LogRecord(
                    logging.WARNING, f"{noted} results or lines were not recorded: they arrived too fast", None
                )
                self._pass(("add_log", (line,), {}))
        self._pass(("note", ("not recorded", {"count": str(self.dropped)}), {}))

    def _pass(self, call: Call) -> None:
        if self._failure:
            return
        assert self._process.stdin
        try:
            Pickler(self._process.stdin, protocol=5).dump(call)
            self._process.stdin.flush()
        except OSError:
            self._failure = self._heard() or "its process has ended"
            _logger.error("the recording has ended, and the server goes on: %s", self._failure)
        except Exception:
            _logger.exception("%s was not recorded", call[0])
        else:
            self.passed[call[0]] += 1

    def _heard(self) -> str:
        """The next line of the process."""
        assert self._process.stdout
        return self._process.stdout.readline().decode().strip()

    def _end_process(self) -> None:
        """The file is complete when this returns."""
        with self._process as process:
            assert process.stdin
            with suppress(OSError):
                process.stdin.close()
            if not self._failure and (said := self._heard()):
                _logger.error("the recording is not complete: %s", said)


class BoardRecord:
    """The recording of one board; created by :meth:`Record.board`. Its methods are those that :func:`n6link.robotics.follow` uses."""

    def __init__(self, record: Record, dev: N6Device, root: str, numbers: Iterator[int]) -> None:
        self.record = record
        self._dev = dev
        self._root = root
        self._numbers = numbers
        self._known: set[tuple[int, int, int]] = set()

    async def follow(self) -> None:
        """Records what the board reports, until it is cancelled."""
        from n6link.robotics import follow

        await follow(self._dev, self, interval=self.record.interval, root=self._root)

    def describe(self, device: DeviceInfo, url: str, *, root: str) -> None:
        """See :meth:`n6link.robotics.McapFile.describe`."""
        self.record.add("describe", device, url, root=root)

    def add_state(self, change: StateChange, clock: ClockMap | None, *, root: str) -> None:
        """See :meth:`n6link.robotics.McapFile.add_state`."""
        self.record.add("add_state", change, clock, root=root)

    def add_stats(self, stats: Stats, round_trip: float, *, root: str) -> None:
        """See :meth:`n6link.robotics.McapFile.add_stats`."""
        self.record.add("add_stats", stats, round_trip, root=root)

    def add_log(self, record: LogRecord, clock: ClockMap | None = None, *, root: str) -> None:
        """See :meth:`n6link.robotics.McapFile.add_log`."""
        self.record.add("add_log", record, clock, root=root)

    def client(self) -> ClientRecord:
        """The recording of a new client."""
        return ClientRecord(self, f"{self._root}/client_{next(self._numbers)}")

    def network(self, index: int) -> NetworkInfo | None:
        """A network of the board; None = it has gone."""
        return next((net.info for net in self._dev.networks.values() if net.info.index == index), None)

    def timing(self, outcome: Outcome, asked: float) -> Timing:
        """The times of a result."""
        return Timing.of(outcome, self._dev.clock, captured=asked, prepared=asked)

    def key(self, info: NetworkInfo) -> int | None:
        """The number that the process knows for a network; None = there is no room for it."""
        own = info.device.boot_nonce, info.index, info.digest
        if own not in self._known:
            if not self.record.add("network", hash(own), info):
                return None
            self._known.add(own)
        return hash(own)


class ClientRecord:
    """The recording of one client of a board; created by :meth:`BoardRecord.client`."""

    def __init__(self, board: BoardRecord, root: str) -> None:
        self._board = board
        self._root = root

    def note(self, text: str, level: int = logging.INFO) -> None:
        """Adds a line to the log of the client."""
        self._board.add_log(LogRecord(level, text, None), root=self._root)

    def refused(self, job: Job, why: str) -> None:
        """Adds why an inference has no result."""
        info = self._board.network(job.network)
        self.note(f"{info.name if info else 'a network that has gone'}: {why}", logging.WARNING)

    def answered(self, job: Job, asked: float, outcome: Outcome) -> None:
        """Adds a result.

        Args:
            job: the inference.
            asked: host time of its arrival at the server.
            outcome: its result.
        """
        info = self._board.network(job.network)
        if info and (key := self._board.key(info)) is not None:
            plain = *outcome[:2], bytes(outcome.data), *outcome[3:]
            sent = len(job.image), job.parts
            timing = self._board.timing(outcome, asked)
            self._board.record.add("result", key, plain, job.returns, sent, timing, asked, self._root)
