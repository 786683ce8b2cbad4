"""Recording: what the file has, when a ring is written, what a killed program leaves, and bad input."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import IO

import pytest
from e2e_fixtures import board, noise, on_both_backends, sim_url

from n6link import N6Device, Recorder, blocking
from n6link.errors import BadInput, DeviceError, N6Error, RecordingError
from n6link.link import frames
from n6link.protocol import MessageType
from n6link.recorder import pcapng, storage
from n6link.recorder.recording import Bytes, Event, Item, Recording
from n6link.transport.cable import Cable

ENDS = 60
"""seconds in which a program must end"""


def read(path: Path) -> list[Item]:
    recording = Recording(path)
    items = list(recording.items())
    assert not recording.cut
    return items


def events(items: list[Item], kind: str) -> list[Event]:
    return [item for item in items if isinstance(item, Event) and item.kind == kind]


def kinds(items: list[Item], *, outbound: bool) -> list[int]:
    """Types of the frames in one direction."""
    reader = frames.FrameReader(frames.Counters())
    return [
        kind
        for item in items
        if isinstance(item, Bytes) and item.outbound == outbound
        for kind, *_ in reader.feed(item.data)
    ]


# ------------------------------------------------------------------------------------------- a whole file


@on_both_backends
async def test_a_recording_has_all_bytes_and_the_states(tmp_path: Path) -> None:
    file = tmp_path / "all.pcapng"
    async with N6Device(sim_url(), record=file) as dev:
        await dev["reference"].run(noise(dev["reference"]))
        await dev.ping()  # RELEASE leaves with the next request
        received = dev.counters.rx_bytes
    items = read(file)
    assert sum(len(item.data) for item in items if isinstance(item, Bytes) and not item.outbound) >= received
    assert [event.values["state"] for event in events(items, "state")] == ["open", "closed"]
    assert kinds(items, outbound=True)[0] == MessageType.HELLO
    assert {MessageType.DATA, MessageType.COMMIT, MessageType.INFER, MessageType.RELEASE} <= set(
        kinds(items, outbound=True)
    )
    assert {MessageType.HELLO, MessageType.RESULT, MessageType.DATA} <= set(kinds(items, outbound=False))
    assert [event.values["url"] for event in events(items, "attached")] == [sim_url()]
    (session,) = events(items, "session")
    assert session.values["resumed"] is False
    assert session.values["boot_nonce"]
    assert events(items, "clock")
    assert [item.time for item in items] == sorted(item.time for item in items)


@on_both_backends
async def test_the_recording_goes_on_when_the_device_is_opened_again(tmp_path: Path) -> None:
    file = tmp_path / "twice.pcapng"
    dev = N6Device(sim_url(), record=file)
    for _ in range(2):
        async with dev:
            pass
    assert [event.values["state"] for event in events(read(file), "state")] == ["open", "closed"] * 2
    async with N6Device(sim_url(), record=file):
        pass
    assert len(events(read(file), "recording")) == 1, "another device replaces it"


@on_both_backends
async def test_a_reconnection_goes_on_in_the_same_file(tmp_path: Path) -> None:
    file = tmp_path / "cut.pcapng"
    with board("--tcp", "0") as stands, closing(Cable(lambda: stands.url, kind="tcp", path=tmp_path / "line")) as cable:
        async with N6Device(cable.url, record=file, reconnect=60) as dev, dev.events() as changes:
            cable.unplug()
            cable.plug()
            async for change in changes:
                if change.state.value == "open" and change.away:
                    break
            await dev.ping()
    items = read(file)
    states = [event.values["state"] for event in events(items, "state")]
    assert states == ["open", "reconnecting", "open", "closed"]
    assert [event.values["resumed"] for event in events(items, "session")] == [False, True]
    assert len({event.values["boot_nonce"] for event in events(items, "session")}) == 1
    assert len(events(items, "attached")) >= 2


@on_both_backends
async def test_an_error_of_a_call_is_an_event(tmp_path: Path) -> None:
    file = tmp_path / "error.pcapng"
    async with N6Device(sim_url(), record=file) as dev:
        with pytest.raises(DeviceError):
            await dev.connection.ask(MessageType.CHECK)
    (error,) = events(read(file), "error")
    assert error.values["type"] == "DeviceError"
    assert error.values["what"] == "CHECK"


def test_a_killed_program_leaves_a_valid_recording(tmp_path: Path) -> None:
    file = tmp_path / "killed.pcapng"
    program = (
        "import sys; from n6link.blocking import N6Device; dev = N6Device(sys.argv[1], record=sys.argv[2]).open()\n"
        "while True: dev.ping(); print(flush=True)"
    )
    command = [sys.executable, "-c", program, sim_url(), str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        for _ in range(200):
            process.stdout.readline()
        while file.stat().st_size < 4096:
            process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
    recording = Recording(file)
    items = list(recording.items())
    assert MessageType.PING in kinds(items, outbound=False)


def test_a_program_that_forgets_to_close_leaves_all_of_it(tmp_path: Path) -> None:
    file = tmp_path / "forgotten.pcapng"
    program = (
        "import sys; from n6link.blocking import N6Device; N6Device(sys.argv[1], record=sys.argv[2]).open().ping()"
    )
    subprocess.run([sys.executable, "-c", program, sim_url(), str(file)], check=True, timeout=ENDS)
    assert kinds(read(file), outbound=False)[-1] in (MessageType.PING, MessageType.CREDIT)


@pytest.mark.parametrize("ring", ["", "?ring=1M"])
async def test_recording_does_not_block_the_event_loop(tmp_path: Path, ring: str) -> None:
    blockbuster = pytest.importorskip("blockbuster")
    file = tmp_path / "blocks.pcapng"
    async with N6Device(sim_url(), record=f"{file}{ring}") as dev:
        with blockbuster.blockbuster_ctx():
            await dev["reference"].run(noise(dev["reference"]))
            with pytest.raises(DeviceError):
                await dev.connection.ask(MessageType.CHECK)
            await dev.ping()
    assert events(read(file), "error")


# ------------------------------------------------------------------------------------------- a ring


@on_both_backends
async def test_a_ring_is_written_when_something_fails_and_has_the_description(tmp_path: Path) -> None:
    file = tmp_path / "ring.pcapng"
    async with N6Device(sim_url(), record=f"{file}?ring=64K") as dev:
        network = dev["reference"]
        for seed in range(40):
            await network.run(noise(network, seed))
        assert not file.stat().st_size, "nothing has failed"
        with pytest.raises(DeviceError):
            await dev.connection.ask(MessageType.CHECK)
    items = read(file)
    assert file.stat().st_size < 3 * (64 << 10), "the first of the 40 inputs of 6,912 bytes are not there"
    (gap,) = events(items, "gap")
    assert gap.values["packets"]
    assert MessageType.DESCRIBE in kinds(items[: items.index(gap)], outbound=False)
    assert events(items, "error")
    assert MessageType.RESULT in kinds(items[items.index(gap) :], outbound=False)


@on_both_backends
async def test_a_ring_is_not_written_when_nothing_fails(tmp_path: Path) -> None:
    file = tmp_path / "quiet.pcapng"
    async with N6Device(sim_url(), record=Recorder(file, ring=1 << 20)) as dev:
        await dev.ping()
    assert not file.stat().st_size


@on_both_backends
async def test_an_exception_of_the_program_writes_the_ring(tmp_path: Path) -> None:
    file = tmp_path / "program.pcapng"
    with pytest.raises(ZeroDivisionError):
        async with N6Device(sim_url(), record=f"{file}?ring=1M"):
            raise ZeroDivisionError("its own")
    (error,) = events(read(file), "error")
    assert error.values["type"] == "ZeroDivisionError"


def test_an_exception_of_a_blocking_program_writes_the_ring(tmp_path: Path) -> None:
    file = tmp_path / "program.pcapng"
    with pytest.raises(ZeroDivisionError), blocking.N6Device(sim_url(), record=f"{file}?ring=1M"):
        raise ZeroDivisionError("its own")
    assert events(read(file), "error")


def test_an_application_writes_the_ring_itself(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "asked.pcapng", ring=1 << 20)
    with blocking.N6Device(sim_url(), record=recorder):
        recorder.save()
    assert events(read(tmp_path / "asked.pcapng"), "state")


def test_a_second_failure_within_the_pause_is_written_at_the_end(tmp_path: Path) -> None:
    file = tmp_path / "two.pcapng"
    ring = storage.Ring(file, b"", lambda count: (b"gap",), 1000)
    ring.put((b"first",))
    ring.failed()
    ring.put((b"second",))
    ring.failed()
    ring.close()
    assert file.read_bytes() == b"firstsecond"


def test_a_ring_keeps_the_newest_bytes_and_the_description(tmp_path: Path) -> None:
    file = tmp_path / "ring.pcapng"
    ring = storage.Ring(file, b"head ", lambda count: (f"<{count}>".encode(),), 10)
    ring.opening()
    ring.put((b"described ",))
    ring.opened(described=True)
    for letter in b"abcdefghijklmno":
        ring.put((bytes([letter]),))
    ring.failed()
    ring.close()
    assert file.read_bytes() == b"head described <5>fghijklmno"


def test_a_resumed_session_is_not_a_description(tmp_path: Path) -> None:
    file = tmp_path / "ring.pcapng"
    ring = storage.Ring(file, b"", lambda count: (), 4)
    for name, described in (("A", True), ("b", False)):
        ring.opening()
        ring.put((name.encode(),))
        ring.opened(described=described)
    ring.put((b"cdef",))
    ring.failed()
    ring.close()
    assert file.read_bytes() == b"Acdef"


# ------------------------------------------------------------------------------------------- a slow or full disk


def test_blocks_are_dropped_and_counted_when_the_disk_is_too_slow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "WAITING", 100)
    os.mkfifo(tmp_path / "slow")
    opened: list[IO[bytes]] = []
    reader = threading.Thread(target=lambda: opened.append((tmp_path / "slow").open("rb")))
    reader.start()
    growing = storage.Growing(tmp_path / "slow", b"", lambda count: (f"<{count}>".encode(),), again=False)
    reader.join()
    block = (b"x" * 60,)
    growing.put((b"y" * (1 << 20),))  # never fits
    for _ in range(1000):
        growing.put(block)
    with opened[0] as file:
        closer = threading.Thread(target=growing.close)
        closer.start()
        data = file.read()
        closer.join()
    taken = data.count(b"x") // 60
    dropped = sum(int(part.split(b">")[0]) for part in data.split(b"<")[1:])
    assert data.startswith(b"<1>")
    assert 0 < taken <= 1000
    assert dropped <= 1001 - taken


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system does not have /dev/full")
def test_a_full_disk_ends_the_recording_and_not_the_program(caplog: pytest.LogCaptureFixture) -> None:
    growing = storage.Growing(Path("/dev/full"), b"", lambda count: (), again=False)
    growing.put((b"x",))
    growing.close()
    growing.put((b"x",))
    assert "the recording /dev/full ends here: No space left on device" in caplog.text


# ------------------------------------------------------------------------------------------- names and bad input


@on_both_backends
async def test_two_devices_and_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "both.pcapng"
    monkeypatch.setenv("N6LINK_RECORD", str(file))
    async with N6Device(sim_url()), N6Device(sim_url()):
        with pytest.raises(BadInput, match="another device of this program records"):
            await N6Device(sim_url(), record=file).open()
    assert read(file)
    assert read(tmp_path / "both-2.pcapng")


def test_names_with_process_and_time(tmp_path: Path) -> None:
    with blocking.N6Device(sim_url(), record=tmp_path / "{pid}.pcapng"):
        pass
    assert read(tmp_path / f"{os.getpid()}.pcapng")


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ("", "does not contain a file"),
        ("?ring=4M", "does not contain a file"),
        ("a.pcapng?ring=big", "unknown option 'ring=big'"),
        ("a.pcapng?loop=4M", "unknown option 'loop=4M'"),
        ("a.pcapng?ring=4", "ring=4 is too small"),
    ],
)
def test_what_cannot_be_recorded_to(record: str, said: str) -> None:
    with pytest.raises(BadInput, match=said.replace("?", r"\?")):
        N6Device("sim:", record=record)


@on_both_backends
async def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    for record in (tmp_path / "missing" / "a.pcapng", f"{tmp_path / 'missing' / 'a.pcapng'}?ring=1M"):
        dev = N6Device(sim_url(), record=record)
        with pytest.raises(BadInput, match="cannot be written"):
            await dev.open()
        (tmp_path / "missing").mkdir()
        async with dev:
            await dev.ping()
        with pytest.raises(N6Error):
            await dev.ping()
        for left in (tmp_path / "missing").iterdir():
            left.unlink()
        (tmp_path / "missing").rmdir()


def recorded(tmp_path: Path) -> Path:
    file = tmp_path / "whole.pcapng"
    with blocking.N6Device(sim_url(), record=file) as dev:
        dev.ping()
    return file


def test_a_recording_that_is_cut_off_has_what_was_before(tmp_path: Path) -> None:
    file = recorded(tmp_path)
    whole, items = file.read_bytes(), read(file)
    file.write_bytes(whole[:-3])
    recording = Recording(file)
    assert list(recording.items()) == items[:-1]
    assert recording.cut


def test_files_that_are_no_recordings(tmp_path: Path) -> None:
    good = recorded(tmp_path).read_bytes()
    head = pcapng.head("another program")
    newer = pcapng.event_packet(0, b'{"event": "recording", "format": 99}', "")
    older = pcapng.event_packet(
        0, b'{"event": "recording", "format": 1, "protocol": "1.0", "schema": 1, "n6link": "0.0"}', ""
    )
    damaged = bytearray(good)
    damaged[len(pcapng.head("")) // 4 * 4 :] = b"\xff" * (len(good) - len(pcapng.head("")) // 4 * 4)
    bad = {
        b"": "is empty",
        b"plain text, which is longer": "is not a pcapng file",
        b"\x0a\x0d": "is not a pcapng file",
        b"\x0a\x0d\x0d\x0a\0\0\0\x1c\x1a\x2b\x3c\x4d": "another byte order",
        head: "does not contain a recording",
        head + b"".join(pcapng.line_packet(0, b"n6", outbound=True)): "a pcapng file of another program",
        head + b"".join(newer): "has the format 99 of recordings, this program reads 1; update n6link",
        head + b"".join(older): "was recorded with protocol 1.0",
        head + b"".join(pcapng.event_packet(0, b"[]", "")): "an event is not a JSON object",
        bytes(damaged): "is damaged at byte",
    }
    file = tmp_path / "bad.pcapng"
    for data, said in bad.items():
        file.write_bytes(data)
        with pytest.raises(RecordingError, match=said):
            list(Recording(file).items())
    with pytest.raises(RecordingError, match="cannot be read"):
        list(Recording(tmp_path / "missing").items())
    with pytest.raises(RecordingError, match="cannot be read"):
        list(Recording(tmp_path).items())


def test_padding_and_times_survive(tmp_path: Path) -> None:
    file = tmp_path / "lengths"
    blocks = [pcapng.line_packet(10**18 + size, bytes(size), outbound=size % 2 == 0) for size in range(9)]
    file.write_bytes(pcapng.head("test") + b"".join(part for block in blocks for part in block))
    with file.open("rb") as opened:
        packets = list(pcapng.read(opened, "it", pcapng.Ending()))
    assert [(p.time, p.data, p.outbound) for p in packets] == [
        (10**18 + size, bytes(size), size % 2 == 0) for size in range(9)
    ]
