"""The virtual board's program: starting it with a command line, and a client that speaks frames by hand."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from types import TracebackType
from typing import Any, Final, Self
from zlib import crc32

from e2e_fixtures import executable

from n6link.link import frames
from n6link.protocol import SCHEMA_ID, VERSION_MAJOR, FieldTag, Flag, HelloFlag, Limit, MessageType, records
from n6link.protocol.fields import pack_fields

REFERENCE: Final = ("--network", "reference=reference:reference")
WINDOW: Final = 1 << 20


@dataclass(frozen=True)
class Program:
    """A virtual board that listens."""

    process: subprocess.Popen[bytes]
    url: str


@contextmanager
def running(*arguments: str, **options: Any) -> Iterator[Program]:
    """Starts n6sim, and sees to it at the end that it ends as it should.

    Args:
        arguments: its command line.
        options: of Popen.
    """
    command = [executable(), *arguments]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, **options) as process:
        try:
            assert process.stdout
            ready = json.loads(process.stdout.readline())
            assert ready.keys() == {"url", "pid"}, ready
            assert ready["pid"] == process.pid
            yield Program(process, ready["url"])
            process.terminate()
            assert process.wait(30) in (0, -signal.SIGKILL), "it ends cleanly, unless a test has killed it"
        finally:
            process.kill()


@contextmanager
def on_socket(*arguments: str) -> Iterator[tuple[Program, socket.socket]]:
    """The same on an inherited socket; gives the other end of that."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        number = theirs.fileno()
        with running("--fd", str(number), *arguments, pass_fds=(number,)) as program:
            theirs.close()
            yield program, ours


def refusal(*arguments: str) -> str:
    """What n6sim says when it does not start: one line of JSON, the same for people, and exit code 2."""
    done = subprocess.run(
        [executable(), *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 2, done
    (line,) = done.stdout.splitlines()
    report = json.loads(line)
    assert report.keys() == {"error"}
    return str(report["error"])


class Client:
    """Speaks to a board frame by frame, so that it can stop between any two of them.

    Args:
        url: of a unix or TCP socket.
    """

    def __init__(self, url: str) -> None:
        scheme, _, rest = url.partition(":")
        if scheme == "unix":
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(rest)
        else:
            host, _, port = rest.rpartition(":")
            self.socket = socket.create_connection((host, int(port)))
        self.socket.settimeout(30)
        self.sent = 0
        self.nonce = 0
        self.opened = records.HelloReply()
        self._reader = frames.FrameReader(frames.Counters())
        self._numbers = count(1)
        self._heard: list[tuple[int, int, int, bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def write(self, data: bytes) -> None:
        self.socket.sendall(data)
        self.sent += len(data)

    def send(self, kind: MessageType, payload: bytes = b"") -> int:
        """Sends a request; returns its id."""
        number = next(self._numbers)
        self.write(frames.pack(kind, number, payload))
        return number

    def reply(self, kind: MessageType, number: int) -> bytes:
        """The payload of the answer to a request."""
        got, payload = self._take(
            lambda got, flags: bool(flags & Flag.REPLY) and got in (kind, MessageType.ERROR), number
        )
        assert got == kind, payload
        return payload

    def refusal(self, number: int) -> tuple[records.ErrorReply, str]:
        """The ERROR that answers a request, and its text."""
        _, payload = self._take(lambda got, _: got == MessageType.ERROR, number)
        return records.ErrorReply.unpack(payload), payload[records.ErrorReply.SIZE :].decode()

    def result(self, number: int) -> bytes:
        """The outputs of an inference."""
        length = records.Result.unpack(self.reply(MessageType.RESULT, number)).length
        return self.data(number, length)

    def data(self, number: int, length: int) -> bytes:
        """That many bytes of an inference's result."""
        received = b""
        while len(received) < length:
            _, payload = self._take(lambda got, _: got == MessageType.DATA, number)
            _, offset, _, chunk = frames.unpack_data(memoryview(payload))
            assert offset == len(received)
            received += chunk
        return received

    def _take(self, wanted: Callable[[int, int], bool], number: int) -> tuple[int, bytes]:
        """Type and payload of the first frame with an id that is wanted by type and flags."""
        while True:
            for index, (kind, flags, to, payload) in enumerate(self._heard):
                if to == number and wanted(kind, flags):
                    del self._heard[index]
                    return kind, payload
            data = self.socket.recv(1 << 16)
            assert data, "the board has closed the connection"
            self._heard += [(kind, flags, to, bytes(body)) for kind, flags, to, body in self._reader.feed(data)]

    def ask(self, kind: MessageType, payload: bytes = b"") -> bytes:
        return self.reply(kind, self.send(kind, payload))

    def greet(self, name: str = "", resume: int = 0) -> int:
        """Sends HELLO; returns its id."""
        self.nonce = int.from_bytes(os.urandom(8), "little")
        hello = records.Hello(
            major=VERSION_MAJOR,
            schema=SCHEMA_ID,
            nonce=self.nonce,
            max_chunk=Limit.MAX_CHUNK,
            window=WINDOW,
            flags=HelloFlag.RESUME if resume else 0,
            resume=resume,
        )
        return self.send(MessageType.HELLO, hello.pack() + pack_fields([(FieldTag.HOST_NAME, name)] if name else []))

    def greeted(self, number: int) -> Any:
        """The answer to HELLO."""
        self.opened = records.HelloReply.unpack(self.reply(MessageType.HELLO, number))
        return self.opened

    def hello(self, name: str = "", resume: int = 0) -> Any:
        return self.greeted(self.greet(name, resume))

    def upload(self, image: bytes, *, chunk: int, position: int = 0) -> int:
        """Sends an input of network 0 into slot 0; returns the id of the upload, which has not been answered yet."""
        number = next(self._numbers)
        for offset in range(0, len(image), chunk):
            part = memoryview(image)[offset : offset + chunk]
            front = frames.header(MessageType.DATA, number, frames.HEADER_SIZE + len(part))
            self.write(b"".join(frames.pack_data(front, position + offset, offset, 0, part)))
        commit = records.Commit(position=position + len(image), length=len(image), crc=crc32(image)).pack()
        self.write(frames.pack(MessageType.COMMIT, number, commit))
        return number

    def infer(self, image: bytes) -> int:
        """Says hello, uploads an input of network 0 and has it run; returns when it is queued."""
        upload = self.upload(image, chunk=self.hello().chunk)
        key = int.from_bytes(os.urandom(8), "little")
        number = self.send(MessageType.INFER, records.Infer(key=key, upload=upload, digest=crc32(image)).pack())
        self.reply(MessageType.INFER, number)
        return number

    def reset_connection(self) -> None:
        """Closes a TCP connection with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
