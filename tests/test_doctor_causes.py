"""``n6link doctor`` names each cause, in the sentence that docs/how-to/doctor.md has. Causes are arranged; what the computer knows of its ports is the test's."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import anyio
import nobody
import pytest
import wire
from e2e_fixtures import board, sim_url
from faults import Faults, FaultyStream, breaking
from lines import Line, Usb
from scripted import nonce_of, number_of, script
from simulation.liar import Lie, changer
from simulation.line import Frames
from typer.testing import CliRunner

from n6link import blocking
from n6link.cli import app
from n6link.doctor import rules
from n6link.protocol import MessageType, records
from n6link.session import connection
from n6link.transport.url import open_stream

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "how-to" / "doctor.md"


@dataclass(frozen=True, slots=True)
class Said:
    """What the command said."""

    exit_code: int
    trouble: str
    """of the first finding; empty = there is none"""
    verdict: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a cause is arranged; what is started ends after the test."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    line: Line
    usb: Usb
    stack: ExitStack

    def opens(self, change: Callable[[Any], Any]) -> None:
        """All streams that this process opens are changed."""

        async def opened(url: str | None = None) -> Any:
            return change(await open_stream(url))

        self.monkeypatch.setattr(connection, "open_stream", opened)

    def usb_board(self, speed: int, latency: int | None = None) -> str:
        """A virtual board whose port looks like that of a USB device with a speed in Mbit/s, and perhaps with a chip that waits so many milliseconds."""
        virtual = self.stack.enter_context(board("--pty"))
        node = virtual.url.removeprefix("serial:")
        path = self.usb.plug("ttyACM0", "0483:5740", "00", at="1-2", manufacturer="n6link", node=node)
        devices = self.usb.root / "sys/bus/usb/devices"
        devices.mkdir()
        (devices / "1-2").symlink_to(self.usb.root / "sys/devices/1-2")
        (devices / "1-2/speed").write_text(f"{speed}\n")
        if latency is not None:
            driver = self.usb.root / "sys/bus/usb-serial/devices/ttyACM0"
            driver.mkdir(parents=True)
            (driver / "latency_timer").write_text(f"{latency}\n")
        return f"serial:{path}"


@pytest.fixture
def place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, busy_computer: None, line: Line, usb: Usb
) -> Iterator[Place]:
    monkeypatch.setenv("N6LINK_CONFIG", str(tmp_path / "settings.toml"))
    with ExitStack() as stack:
        yield Place(tmp_path, monkeypatch, line, usb, stack)


class Lying(FaultyStream):
    """A line to a board that says something else."""

    def __init__(self, inner: Any, lie: Lie) -> None:
        super().__init__(inner, Faults(), 0)
        self._frames, self._change = Frames(), changer(lie)

    async def receive(self, max_bytes: int = 65536) -> bytes:
        data = b""
        while not data:
            found = self._frames.take(await self._inner.receive(max_bytes))
            data = b"".join(self._change(kind, frame) if kind else frame for kind, frame in found)
        return data


class Stalling(FaultyStream):
    """A line whose reader sleeps at times."""

    reads = 0

    async def receive(self, max_bytes: int = 65536) -> bytes:
        self.reads += 1
        if self.reads % 60 == 0:
            await anyio.sleep(2 * rules.STALL)
        return await super().receive(max_bytes)


# ---- the causes; each arranges one, and returns the URL


def healthy(place: Place) -> str:
    return sim_url()


def low_rate(place: Place) -> str:
    return sim_url(baud=460800)


def lossy_line(place: Place) -> str:
    place.monkeypatch.setattr(rules, "LOSS", 0.01)
    return f"{sim_url(chunk=1024)}&flip=2e-4&seed=3"


def mangled_line_ends(place: Place) -> str:
    place.monkeypatch.setattr(connection, "open_stream", breaking(open_stream, Faults(find=b"\n", put=b"\r\n"), 0))
    return sim_url()


def stalled_reader(place: Place) -> str:
    place.monkeypatch.setattr(rules, "STALL", 0.3)
    place.monkeypatch.setattr(rules, "STALL_RATIO", 1.0)  # on a busy computer each round trip may be slow
    place.opens(lambda stream: Stalling(stream, Faults(), 0))
    return sim_url()


def second_reader(place: Place) -> str:
    """It takes a part of each answer."""
    os.write(place.line.board, b"N6 half of a frame")
    path = place.usb.plug("ttyACM0", "0483:374e", "1", node=place.line.path)
    place.usb.run(77, "minicom")
    (place.usb.root / "proc/77/fd").mkdir()
    (place.usb.root / "proc/77/fd/3").symlink_to(place.line.path)
    return f"serial:{path}"


def slow_npu(place: Place) -> str:
    """Each run takes two seconds more of the board's clock."""

    def lie(kind: MessageType | int, index: int, payload: bytes) -> bytes:
        if kind != MessageType.RESULT:
            return payload
        result = records.Result.unpack(payload)
        return replace(result, t_end=result.t_end + 2 * TICKS).pack() + payload[result.head :]

    place.opens(lambda stream: Lying(stream, lie))
    return sim_url()


def old_firmware(place: Place) -> str:
    script(place.monkeypatch, lambda sent: wire.hello_reply(number_of(sent), nonce=nonce_of(sent), major=1))
    return "tcp:peer:1"


def busy_port(place: Place) -> str:
    used = place.stack.enter_context(board("--tcp", "0"))
    place.stack.enter_context(blocking.N6Device(used.url))
    return used.url


def no_permission(place: Place) -> str:
    os.chmod(place.line.path, 0o600)
    return place.line.url


def stale_weights(place: Place) -> str:
    (place.folder / "stale.tflite").write_text("not the weights of this build")
    return f"sim:{place.folder}/stale.tflite,reference:"


def wrong_clock(place: Place) -> str:
    """A board on which the core voltage was not raised."""

    def lie(kind: MessageType | int, index: int, payload: bytes) -> bytes:
        if kind != MessageType.INFO:
            return payload
        info = records.InfoReply.unpack(payload)
        slow = replace(info, board="STM32N6570-DK", cpu_hz=600_000_000, npu_hz=1_000_000_000)
        return slow.pack() + payload[info.head :]

    place.opens(lambda stream: Lying(stream, lie))
    return sim_url()


def full_speed_usb(place: Place) -> str:
    return place.usb_board(12)


def driver_latency(place: Place) -> str:
    return place.usb_board(480, latency=16)


CAUSES: Final[dict[str, tuple[Callable[[Place], str], int, str]]] = {
    "a healthy link": (healthy, 0, ""),
    "a low rate": (low_rate, 3, "low rate"),
    "a line that damages bytes": (lossy_line, 1, "lossy line"),
    "a line that changes LF to CR LF": (mangled_line_ends, 1, "changed bytes"),
    "a program between that does not read for some time": (stalled_reader, 1, "stalls"),
    "another program reads the port": (second_reader, 1, "second reader"),
    "a slow NPU": (slow_npu, 0, ""),
    "old firmware": (old_firmware, 1, "firmware version"),
    "another program uses the board": (busy_port, 1, "busy port"),
    "no permission for the port": (no_permission, 1, "no permission"),
    "weights of another build": (stale_weights, 1, "network cannot run"),
    "a wrong clock": (wrong_clock, 1, "wrong clock"),
    "USB at full speed": (full_speed_usb, 3, "full-speed USB"),
    "a USB adapter that collects bytes": (driver_latency, 3, "driver latency"),
}
"""what arranges a cause, the exit code, and the first finding"""
TICKS: Final = 10**9
"""per second of the virtual board's clock"""
SHORT: Final = ("a line that changes LF to CR LF", "another program reads the port", "old firmware")
"""causes for which there is no answer at all"""


def page() -> dict[str, tuple[str, str]]:
    """The table of the page: exit code and sentence by cause; two sentences have "or" between them."""
    rows = [row.split(" | ") for row in PAGE.read_text().splitlines() if row.startswith("| ")][1:]
    return {
        cause.removeprefix("| "): (exit_code, said.removesuffix(" |").strip("`")) for cause, exit_code, said in rows
    }


@pytest.mark.parametrize("cause", CAUSES)
def test_a_cause(cause: str, place: Place) -> None:
    arrange, exit_code, trouble = CAUSES[cause]
    if arrange is no_permission and os.geteuid() != 0:
        pytest.skip("gives files to other users")
    options = [*("--url", arrange(place)), "--json", *("--timeout", "1" if cause in SHORT else "5")]
    if arrange is no_permission:
        said = by_nobody(options)
    else:
        done = CliRunner().invoke(app, ["doctor", *options])
        said = of_command(done.exit_code, done.stdout)
    assert (said.exit_code, said.trouble) == (exit_code, trouble), said.verdict
    code, sentences = page()[cause]
    assert int(code) == exit_code
    # One of two, if the cause damages another frame each time.
    patterns = [".*".join(map(re.escape, sentence.split("..."))) for sentence in sentences.split("` or `")]
    assert any(re.fullmatch(pattern, said.verdict) for pattern in patterns), said.verdict


def test_the_page_has_each_cause() -> None:
    assert list(page()) == list(CAUSES)


def of_command(exit_code: int, printed: str) -> Said:
    found = json.loads(printed)
    first = found["findings"][0]["trouble"] if found["findings"] else ""
    return Said(exit_code, first, found["verdict"])


def by_nobody(options: list[str]) -> Said:
    """The same without the rights of the administrator."""
    (exit_code, *printed) = nobody.run(
        "done = CliRunner().invoke(app, ['doctor', *sys.argv[1:]])\nprint(done.exit_code)\nprint(done.stdout)",
        *options,
        before="from n6link.cli import app\n"
        "from typer.testing import CliRunner\n"
        "CliRunner().invoke(app, ['doctor', '--url', 'serial:/none', '--json'])",  # imports what it needs
    )
    return of_command(int(exit_code), "\n".join(printed))
