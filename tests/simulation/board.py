"""``board.c`` in this process."""

from __future__ import annotations

import ctypes
import hashlib
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_HERE: Final = Path(__file__).resolve().parent
_FIRMWARE: Final = _HERE.parents[1] / "firmware"
_FLAGS: Final = ("-std=c11", "-O2", "-shared", "-fPIC", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")
NEVER: Final = 10.0**9
"""seconds"""
_OUT: Final = 1 << 16


class _Options(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_uint32) for name in ("window", "chunk", "buffers", "networks", "features", "baud", "uart")),
        ("boot_nonce", ctypes.c_uint64),
    )


class _Turn(ctypes.Structure):
    _fields_ = (
        ("due", ctypes.c_uint64),
        *((name, ctypes.c_uint32) for name in ("taken", "made", "restart", "baud")),
    )


class _Start(ctypes.Structure):
    _fields_ = (("tag", ctypes.c_uint64), ("network", ctypes.c_uint64))


@dataclass(frozen=True, slots=True)
class Turn:
    """What a board did."""

    taken: int
    """bytes"""
    sent: bytes
    wait: float
    """seconds until it has to be given another turn, if no byte comes before"""
    restart: bool
    """it has been asked to restart"""
    baud: int
    """rate of its line from now on"""


@cache
def library() -> ctypes.CDLL:
    """The compiled board; made once for each state of its sources."""
    sources = [_HERE / "board.c", *sorted((_FIRMWARE / "core").rglob("*.c"))]
    headers = sorted((_FIRMWARE / "core").rglob("*.h"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in [*sources, *headers])).hexdigest()[:16]
    made = _FIRMWARE / "build" / "simulation" / f"board-{digest}.so"
    if not made.exists():
        made.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=made.parent) as folder:
            new = Path(folder) / "board.so"
            include = [f"-I{path}" for path in sorted({header.parent for header in headers})]
            subprocess.run(["gcc", *_FLAGS, *include, *map(str, sources), "-o", str(new)], check=True)
            new.replace(made)
    loaded = ctypes.CDLL(str(made))
    bytes_ = ctypes.c_char_p
    size = ctypes.c_uint32
    board = ctypes.c_void_p
    functions: dict[str, tuple[Any, list[Any]]] = {
        "sim_open": (board, [ctypes.POINTER(_Options)]),
        "sim_close": (None, [board]),
        "sim_relink": (None, [board]),
        "sim_turn": (None, [board, ctypes.c_uint64, bytes_, size, board, size, size, ctypes.POINTER(_Turn)]),
        "sim_starts": (size, [board, ctypes.POINTER(ctypes.POINTER(_Start))]),
        "sim_intact": (ctypes.c_bool, [board]),
        "sim_spoil": (None, [board, size, size]),
        "sim_at_work": (ctypes.c_bool, [board]),
        "sim_compute": (None, [size, board, board]),
    }
    for name, (result, arguments) in functions.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    return loaded


def compute(network: int, image: NDArray[np.uint8], size: int) -> bytes:
    """What a network makes of its inputs.

    Args:
        network: its index.
        image: all inputs, as they are in a slot.
        size: bytes of all outputs.
    """
    out = np.empty(size, np.uint8)
    library().sim_compute(network, image.ctypes.data, out.ctypes.data)
    return out.tobytes()


class Board:
    """A board from its start to its reset; to be closed."""

    def __init__(self, **options: int) -> None:
        self._library = library()
        self._board = self._library.sim_open(_Options(**options))
        if not self._board:
            raise ValueError(f"the core refuses {options}")
        self._out = ctypes.create_string_buffer(_OUT)
        self._turn = _Turn()

    def close(self) -> None:
        self._library.sim_close(self._board)

    def turn(self, seconds: float, data: bytes, room: int, *, busy: bool = False) -> Turn:
        """Gives it bytes, and the time to work until it would sleep.

        Args:
            seconds: of its clock.
            data: that have come, as many as it takes.
            room: bytes that it may send.
            busy: earlier bytes are still leaving.
        """
        turn = self._turn
        micros = round(seconds * 1e6)
        self._library.sim_turn(self._board, micros, data, len(data), self._out, min(room, _OUT), busy, turn)
        sent = ctypes.string_at(self._out, turn.made) if turn.made else b""
        due = turn.due
        wait = NEVER if due > NEVER * 1e6 else (micros + due) / 1e6 - seconds
        return Turn(turn.taken, sent, wait, bool(turn.restart), turn.baud)

    def spoil(self, *, wrong: bool, slow: int) -> None:
        """From now on its outputs are wrong, or its runs take some times longer."""
        self._library.sim_spoil(self._board, wrong, slow)

    def relink(self) -> None:
        """Another client has opened the line."""
        self._library.sim_relink(self._board)

    @property
    def starts(self) -> int:
        """Number of inferences that it has started."""
        return int(self._library.sim_starts(self._board, ctypes.byref(ctypes.POINTER(_Start)())))

    @property
    def runs(self) -> list[int]:
        """The tags of all inferences that it has started."""
        starts = ctypes.POINTER(_Start)()
        count = self._library.sim_starts(self._board, ctypes.byref(starts))
        return [starts[index].tag for index in range(count)]

    @property
    def at_work(self) -> bool:
        """Whether the last of them has not ended."""
        return bool(self._library.sim_at_work(self._board))

    @property
    def intact(self) -> bool:
        """Whether nothing was written after the end of its buffers."""
        return bool(self._library.sim_intact(self._board))
