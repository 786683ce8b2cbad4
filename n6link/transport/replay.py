"""``replay:`` serves a recording as a device: the firmware's C core in a process on this machine, which plays the recorded results.

::

    replay:FILE                   a recording of N6Device(record=FILE), N6LINK_RECORD or --record; with its timing
    replay:FILE?speed=10          ten times as fast; speed=0: without waiting

The device has the name, the limits and the networks of the recorded one. Each inference gets the recorded result, with its times, or
the recorded error, in order for each network; if a run did not end, or the device was restarted during a run, this happens again. Of
the next eight runs of a network the first one with the same input is played, because a program with several requests at the same time
does not always send them in the same order. An input that differs from the recorded one is counted and logged, and gets the next result.
After the last recorded run, an inference fails with DeviceError NPU_FAULT, value 1000.

Only what was recorded can be returned: of an output that the device has reduced, only the recorded values; the others are the lowest
ones. Damaged bytes and interruptions of the line are in the recording (``n6link trace``), and are not replayed.
"""

from __future__ import annotations

import json
import logging
import math
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import anyio.to_thread

from n6link.errors import TransportError
from n6link.recorder.script import Script, script
from n6link.transport.process import ChildStream, spawn_board
from n6link.transport.sim import find_executable

NAME: Final = "the replay"
FASTEST: Final = 1e6
_logger = logging.getLogger("n6link.replay")


@dataclass(frozen=True, slots=True)
class Replay:
    """The content of a ``replay:`` URL."""

    path: Path
    speed: float = 1.0
    """recorded times are divided by it; 0 = no waiting"""

    def read(self) -> Script:
        """The recording for the virtual board.

        Raises:
            RecordingError: it cannot be used.
        """
        return script(self.path)

    def command(self, found: Script, folder: Path) -> list[str]:
        """The command line that plays a recording, without the options for its link.

        Args:
            found: the recording.
            folder: for a file that the board reads until it is ready.

        Raises:
            TransportError: n6sim is not installed.
        """
        file = folder / "recording.replay"
        file.write_bytes(found.data)
        options = {"slots": found.slots, "chunk": found.chunk, "speed": f"{self.speed:g}"}
        if found.baud and self.speed:
            options["baud"] = max(round(found.baud * self.speed), 300)
        command = [str(find_executable()), "--replay", str(file)]
        return command + [word for key, value in options.items() for word in (f"--{key}", str(value))]


def parse(rest: str) -> Replay:
    """Reads the part of a URL after ``replay:``.

    Raises:
        TransportError: it does not contain a file, or has an option that is not possible.
    """
    name, _, query = rest.partition("?")
    if not name:
        raise TransportError(f"'replay:{rest}' does not contain a recording; use replay:FILE")
    speed = 1.0
    if query:
        key, _, value = query.partition("=")
        try:
            speed = float(value) if key == "speed" else math.nan
        except ValueError:
            speed = math.nan
        if not 0 <= speed <= FASTEST:
            raise TransportError(
                f"'replay:{rest}' has the option {query!r}; use speed=X with a number from 0 to {FASTEST:g}"
            )
    return Replay(Path(unquote(name)), speed)


def played(line: bytes) -> Mapping[str, int]:
    """What the virtual board reports at its end: runs that were played, with other inputs, after the end, and that are left."""
    with suppress(ValueError, AttributeError, TypeError):
        return {str(key): int(value) for key, value in json.loads(line.splitlines()[-1]).items()}
    return {}


def summary(counts: Mapping[str, int]) -> str:
    """The same in words."""
    said = f"{counts['played']} recorded inferences were played, {counts['left']} were not"
    if counts["different"]:
        said += f"; {counts['different']} inputs differed from the recorded ones"
    if counts["absent"]:
        said += f"; {counts['absent']} inferences were requested after the last recorded one"
    return said


async def open_replay(rest: str) -> ChildStream:
    """Starts the replay of a recording.

    Raises:
        TransportError: the URL is malformed, or the virtual board is not installed.
        RecordingError: the recording cannot be used.
    """
    replay = parse(rest)
    with tempfile.TemporaryDirectory(prefix="n6replay-") as folder:
        command = await anyio.to_thread.run_sync(lambda: replay.command(replay.read(), Path(folder)))
        stream = await spawn_board(command, NAME)
    stream.ended = _report
    return stream


def _report(output: bytes) -> None:
    if counts := played(output):
        level = logging.WARNING if counts["different"] or counts["absent"] else logging.INFO
        _logger.log(level, "%s", summary(counts))
