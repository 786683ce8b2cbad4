"""Frames of cameras and videos, and videos of drawings, by OpenCV (extra ``camera``)."""

from __future__ import annotations

import os
from collections.abc import Generator
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from n6link.errors import BadInput, requires

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

Frame = NDArray[np.uint8]

SUFFIXES: Final = frozenset({".mp4", ".m4v", ".avi", ".mov", ".mkv", ".webm", ".mpg", ".mpeg"})
RATE: Final = 25.0
"""Frames per second of a video of drawings."""
_CODECS: Final = {".avi": "MJPG", ".webm": "VP80"}
_CODEC: Final = "mp4v"
_QUIET: Final = -8
"""AV_LOG_QUIET of FFmpeg"""


def camera(number: int) -> Generator[Frame]:
    """The frames of a camera, RGB; it does not end.

    Raises:
        BadInput: there is no such camera, or it stops.
        MissingExtra: OpenCV is not installed.
    """
    opencv = _opencv("--camera")
    capture = opencv.VideoCapture(number)
    # The newest frame is wanted, not those that waited while the network was running.
    capture.set(opencv.CAP_PROP_BUFFERSIZE, 1)
    what = f"camera {number} cannot be opened; choose another number, and close other programs that use it"
    ended = f"camera {number} does not send frames any more; check its cable, and start again"
    return _read(opencv, capture, what, ended)


def frames(path: Path) -> Generator[Frame]:
    """The frames of a video, RGB.

    Raises:
        BadInput: it cannot be read.
        MissingExtra: OpenCV is not installed.
    """
    if not path.is_file():
        raise BadInput(f"{str(path)!r} does not exist; check the name")
    opencv = _opencv(f"reading {str(path)!r}")
    what = f"{str(path)!r} cannot be read as a video; use a format that OpenCV reads, such as MP4 with H.264"
    return _read(opencv, opencv.VideoCapture(str(path)), what)


def _read(opencv: Any, capture: Any, what: str, ended: str = "") -> Generator[Frame]:
    """All frames.

    Args:
        opencv: the module.
        capture: what is read.
        what: the error if there is not one frame.
        ended: the error after the last frame; empty = it may end.
    """
    try:
        for number in count():
            there, frame = capture.read()
            if not there and (number == 0 or ended):
                raise BadInput(ended if number else what)
            if not there:
                return
            yield opencv.cvtColor(frame, opencv.COLOR_BGR2RGB)
    finally:
        capture.release()


class Film:
    """A video of drawings.

    Args:
        path: its file, with one of the :data:`SUFFIXES`.

    Raises:
        MissingExtra: OpenCV is not installed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opencv = _opencv(f"writing {str(path)!r}")
        self._writer: Any = None
        self._size = (0, 0)

    def add(self, picture: Picture) -> None:
        """Adds a picture; all have the size of the first one.

        Raises:
            BadInput: the file cannot be written.
        """
        opencv = self._opencv
        if self._writer is None:
            self._size = picture.size
            code = opencv.VideoWriter_fourcc(*_CODECS.get(self._path.suffix.lower(), _CODEC))
            self._writer = opencv.VideoWriter(str(self._path), code, RATE, self._size)
            if not self._writer.isOpened():
                raise BadInput(
                    f"{str(self._path)!r} cannot be written as a video; choose .mp4 or .avi in a folder that exists"
                )
        frame = np.asarray(picture if picture.size == self._size else picture.resize(self._size))
        self._writer.write(opencv.cvtColor(frame, opencv.COLOR_RGB2BGR))

    def close(self) -> None:
        """Completes the file."""
        if self._writer is not None:
            self._writer.release()


def _opencv(what: str) -> Any:
    # Its messages repeat in its own words what ours say.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", str(_QUIET))
    with requires(what, "OpenCV", "camera"):
        return import_module("cv2")
