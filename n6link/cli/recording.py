"""The option --mcap: what a command does with a board, in a file for the tools of robotics."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread

from n6link.cli.boards import Boards
from n6link.cli.sources import Sample
from n6link.device import N6Device
from n6link.errors import BadInput
from n6link.result import Result

if TYPE_CHECKING:
    from n6link.robotics.mcap_file import McapFile


class Recording:
    """Records results; without a file, nothing.

    Args:
        file: an open file.
        threshold: keypoints with a smaller score are not drawn.
    """

    def __init__(self, file: McapFile | None = None, threshold: float = 0.25) -> None:
        self._file = file
        self._threshold = threshold

    async def add(self, sample: Sample, result: Result, meaning: object) -> None:
        """Adds the result of a sample, and its picture.

        Raises:
            RecordingError: the file cannot be written.
        """
        if file := self._file:
            await anyio.to_thread.run_sync(
                lambda: file.add(result, meaning, picture=sample.picture, threshold=self._threshold)
            )


NOTHING: Final = Recording()


@asynccontextmanager
async def recording(path: Path | None, dev: Boards, threshold: float) -> AsyncGenerator[Recording]:
    """A recording of an open device; the file is complete at the end, also after an error or Ctrl-C.

    Raises:
        RecordingError: the file cannot be written.
        MissingExtra: the package mcap is not installed.
    """
    if path is None:
        yield NOTHING
        return
    if not isinstance(dev, N6Device):
        raise BadInput(f"--mcap {str(path)!r} records one board; use one --url")
    from n6link.robotics import McapFile, follow

    with McapFile(path) as file:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(follow, dev, file)
            yield Recording(file, threshold)
            tasks.cancel_scope.cancel()
