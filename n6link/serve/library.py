"""``n6serve``: the firmware's core as a library, one instance per client; see ``firmware/ports/serve/serve.h``."""

from __future__ import annotations

import ctypes
import importlib.util
import os
from ctypes import POINTER, Structure, byref, c_bool, c_char, c_char_p, c_uint8, c_uint16, c_uint32, c_uint64, c_void_p
from functools import cache
from pathlib import Path
from typing import Any, Final

from n6link.errors import TransportError
from n6link.protocol import Limit, records

SECTIONS: Final = 8
CHECK: Final = 0
"""number of an order that is a CHECK"""
FRAME: Final = int(Limit.HEADER_SIZE) + int(Limit.MAX_CONTROL) + int(Limit.CRC_SIZE)
"""bytes of the largest control frame"""


class Board(Structure):
    """``n6_serve_board_t``."""

    _fields_ = (
        ("tick_hz", c_uint64),
        ("boot_nonce", c_uint64),
        ("features", c_uint32),
        ("slot_size", c_uint32),
        ("result_size", c_uint32),
        ("parts_size", c_uint32),
        ("networks", c_uint16),
        ("chunk", c_uint16),
        ("slots", c_uint8),
        ("results", c_uint8),
        ("depth", c_uint8),
        ("unique_id", c_uint8 * 16),
        ("info", c_uint64 * (records.InfoReply.SIZE // 8)),
        ("build", c_char * 128),
        ("firmware", c_char * 128),
        ("runtime", c_char * 128),
        ("fault_record", c_char * 128),
        ("memory", c_char * 512),
    )


class Turn(Structure):
    """``n6_serve_turn_t``."""

    _fields_ = (
        ("due", c_uint64),
        ("taken", c_uint32),
        ("made", c_uint32),
        ("orders", c_uint32),
        ("log_level", c_uint8),
    )


class Order(Structure):
    """``n6_serve_order_t``, with the members of its ``n6_order_t``."""

    _fields_ = (
        ("number", c_uint32),
        ("network", c_uint16),
        ("priority", c_uint8),
        ("flags", c_uint8),
        ("deadline", c_uint64),
        ("ready_at", c_uint64),
        ("input", c_void_p),
        ("length", c_uint32),
        ("parts", c_uint8),
        ("returns", c_uint8),
        ("part", c_void_p),
        ("what", c_void_p),
        ("withdrawn", c_bool),
        ("records", c_uint32 * (int(Limit.MAX_RETURNS) * records.Return.SIZE // 4)),
    )


class Answer(Structure):
    """``n6_answer_t``."""

    _fields_ = (
        ("number", c_uint32),
        ("status", c_uint8),
        ("field", c_uint16),
        ("value", c_uint32),
        ("text", c_char_p),
        ("check", c_uint64 * (records.CheckReply.SIZE // 8)),
        ("result", c_void_p),
        ("records", c_void_p),
        ("data", c_void_p),
    )


_FUNCTIONS: Final[dict[str, tuple[Any, list[Any]]]] = {
    "n6_serve_new": (c_void_p, [POINTER(Board)]),
    "n6_serve_describe": (c_bool, [c_void_p, c_char_p, POINTER(c_char_p), POINTER(c_uint32)]),
    "n6_serve_clock": (None, [c_void_p, c_uint64]),
    "n6_serve_delete": (None, [c_void_p]),
    "n6_serve_open": (c_void_p, [c_void_p]),
    "n6_serve_turn": (None, [c_void_p, c_char_p, c_uint32, c_void_p, c_uint32, POINTER(Turn)]),
    "n6_serve_order": (c_bool, [c_void_p, POINTER(Order)]),
    "n6_serve_answer": (c_bool, [c_void_p, POINTER(Answer)]),
    "n6_serve_log": (c_bool, [c_void_p, c_uint8, c_char_p, c_uint64, c_uint32]),
    "n6_serve_waits": (None, [c_void_p, c_uint32, c_uint64, c_uint32]),
    "n6_serve_relink": (None, [c_void_p]),
    "n6_serve_leave": (None, [c_void_p]),
    "n6_serve_nonce": (c_uint64, [c_void_p]),
    "n6_serve_name": (c_char_p, [c_void_p]),
    "n6_serve_close": (None, [c_void_p]),
    "n6_serve_hello": (c_bool, [c_char_p, c_uint32, POINTER(c_uint64)]),
    "n6_serve_refuse": (c_uint32, [c_char_p, c_uint32, c_char_p, c_char_p]),
}


@cache
def library() -> ctypes.CDLL:
    """The library, loaded at the first call.

    Raises:
        TransportError: this installation does not contain it.
    """
    loaded = ctypes.CDLL(str(_find()))
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    return loaded


def _find() -> Path:
    if named := os.environ.get("N6LINK_SERVE"):
        if not os.path.isfile(named):
            raise TransportError(f"N6LINK_SERVE is {named!r}, which is not a file; set it to the library n6serve.so")
        return Path(named)
    spec = importlib.util.find_spec("n6link")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (path := Path(folder, "_bin", "n6serve.so")).is_file():
            return path
    raise TransportError(
        "this installation of n6link cannot serve a board: it was built without a C compiler, or on Windows; "
        "install a C compiler (`cc`) and n6link again, or set N6LINK_SERVE to the library n6serve.so"
    )


def resumed(data: bytes) -> int | None:
    """The nonce of the session that the first HELLO in these bytes continues, 0 = none; None = there is no HELLO."""
    nonce = c_uint64()
    return nonce.value if library().n6_serve_hello(data, len(data), byref(nonce)) else None


def refuse(data: bytes, text: str) -> bytes:
    """The frame that refuses the first HELLO in these bytes; empty = there is no HELLO."""
    out = ctypes.create_string_buffer(FRAME)
    size = library().n6_serve_refuse(data, len(data), text.encode(), out)
    return out.raw[:size]
