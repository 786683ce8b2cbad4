"""The program that runs a network in LiteRT's Interpreter, as the virtual board speaks with it."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tflite

from n6link.transport import interpreter


@dataclass(frozen=True)
class Described:
    """A tensor as the program describes it."""

    element: int
    shape: tuple[int, ...]
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int
    name: str


class Board:
    """The other side of the program's socket."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            got = self.connection.recv(size - len(data))
            assert got, "the program has closed the socket"
            data += got
        return data

    def answer(self) -> tuple[int, bytes]:
        status, size = interpreter.ANSWER.unpack(self.receive(interpreter.ANSWER.size))
        return status, self.receive(size)

    def described(self) -> tuple[list[Described], list[Described]]:
        """The description of inputs and outputs."""
        status, data = self.answer()
        assert status == 0, data
        rest = memoryview(data)
        sides: list[list[Described]] = []
        for _ in range(2):
            (count,) = struct.unpack_from("=I", rest)
            rest = rest[4:]
            sides.append([])
            for _ in range(count):
                element, rank, *more = interpreter.TENSOR.unpack_from(rest)
                shape, (scale, zero_point, axis, channels, size) = more[:8], more[8:]
                rest = rest[interpreter.TENSOR.size :]
                scales = struct.unpack_from(f"={channels}f", rest) or (scale,)
                zero_points = struct.unpack_from(f"={channels}i", rest, 4 * channels) or (zero_point,)
                rest = rest[8 * channels :]
                name = bytes(rest[:size]).rstrip(b"\0").decode()
                assert size % 4 == 0
                rest = rest[size:]
                sides[-1].append(Described(element, tuple(shape[:rank]), scales, zero_points, axis, name))
        assert not rest
        return sides[0], sides[1]

    def run(self, values: bytes) -> bytes:
        """The outputs."""
        self.connection.sendall(values)
        status, data = self.answer()
        assert status == 0, data
        assert struct.unpack_from("=Q", data)[0] > 0, "nanoseconds"
        return data[8:]


@contextmanager
def serving(path: Path) -> Iterator[Board]:
    """The program at work on a network, in a thread; it ends when the socket is closed."""
    pytest.importorskip("ai_edge_litert.interpreter", reason="the extra `sim` is not installed")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(60)
        thread = threading.Thread(target=interpreter.serve, args=(theirs, str(path)), daemon=True)
        thread.start()
        yield Board(ours)
        ours.close()
        thread.join(60)
        assert not thread.is_alive()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.tflite"


def test_it_describes_and_runs(path: Path) -> None:
    tflite.write_fully_connected(path, np.array([[1, 2], [3, 4], [5, -6]], np.int8), rows=1)
    with serving(path) as board:
        (window,), (logits,) = board.described()
        assert window == Described(9, (1, 1, 2), (1.0,), (0,), 0, "window")
        assert (logits.shape, logits.name) == ((1, 1, 3), "logits")
        for values, wanted in (((1, 2), (5, 11, -7)), ((-1, 0), (-1, -3, -5))):
            assert board.run(np.array(values, np.int8).tobytes()) == np.array(wanted, np.int8).tobytes()


def test_the_shape_of_an_output_is_that_of_the_first_run(path: Path) -> None:
    """A run that gives another one is refused; the next one is good."""
    tflite.write_range(path)
    with serving(path) as board:
        (first,), (result,) = board.described()
        assert (first.shape, result.shape) == ((), (8,))
        board.connection.sendall(np.int32(3).tobytes())
        assert board.answer() == (1, b"the shape of output result depends on the values of the inputs")
        assert board.run(np.int32(0).tobytes()) == np.arange(8, dtype=np.int32).tobytes()


def test_a_dimension_that_is_not_stored_is_one(path: Path) -> None:
    tflite.write_growing(path, stored=0)
    with serving(path) as board:
        (values,), (result,) = board.described()
        assert values.shape == result.shape == (1, 4, 2)


def test_a_network_that_does_not_run_on_zeros(path: Path) -> None:
    tflite.write_remainder(path)
    with serving(path) as board:
        board.described()
        assert board.run(np.array([4], np.int32).tobytes()) == np.array([3], np.int32).tobytes(), "7 % 4"
        board.connection.sendall(bytes(4))
        status, reason = board.answer()
        assert status == 1 and b"Division by 0" in reason and b"\n" not in reason


def test_names_of_a_signature(path: Path) -> None:
    """Two names may belong to one tensor."""
    tflite.write_copies(path, [b"first", b"second"], signature=[b"values", b"a", b"b", b"c"])
    with serving(path) as board:
        inputs, outputs = board.described()
        assert [tensor.name for tensor in inputs] == ["values"]
        assert [tensor.name for tensor in outputs] == ["a", "b"]


def test_scales_of_channels(path: Path) -> None:
    tflite.write_copies(path, [b"copy"], scales=[0.5, 0.25, 2.0])
    with serving(path) as board:
        (values,), _ = board.described()
        assert (values.scales, values.zero_points, values.axis) == ((0.5, 0.25, 2.0), (0, 1, 2), 1)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"nonsense", "LiteRT does not run it: "), (None, "LiteRT does not run it: Could not open ")],
    ids=["nonsense", "missing"],
)
def test_a_file_that_litert_does_not_read(path: Path, content: bytes | None, reason: str) -> None:
    if content is not None:
        path.write_bytes(content)
    with serving(path) as board:
        status, said = board.answer()
        assert status == 1 and said.decode().startswith(reason) and len(said) > len("LiteRT does not run it: ")


def test_elements_that_no_tensor_has(path: Path) -> None:
    tflite.write_copies(path, [b"copy"], dtype="COMPLEX64")
    with serving(path) as board:
        assert board.answer() == (1, b"tensor values has elements of type complex64, which no n6link tensor has")
