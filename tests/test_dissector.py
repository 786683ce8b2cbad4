"""The dissector for Wireshark: tshark finds in a recording what the package finds."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import nobody
import pytest
import wire
from e2e_fixtures import noise, sim_url
from typer.testing import CliRunner

from n6link import blocking
from n6link.cli import app
from n6link.link import frames
from n6link.protocol import MessageType, records
from n6link.recorder import decode, pcapng
from n6link.recorder.recording import Recording
from n6link.recorder.traffic import Passed, traffic

pytestmark = pytest.mark.tshark
SEPARATOR: Final = "|"


@pytest.fixture(scope="module")
def dissector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that the command prints."""
    file = tmp_path_factory.mktemp("dissector") / "n6link.lua"
    done = CliRunner().invoke(app, ["trace", "--dissector"])
    assert done.exit_code == 0
    file.write_text(done.output)
    return file


def tshark(dissector: Path, recording: Path, *options: str) -> str:
    """What tshark prints; it may not complain of the dissector. From version 4.4 on, it does not run scripts for root."""
    with nobody.folder() as folder:
        packets, script = (shutil.copy(path, folder) for path in (recording, dissector))
        for path in (packets, script):
            os.chmod(path, 0o644)
        command = ["tshark", "-n", "-r", packets, "-X", f"lua_script:{script}", *options]
        user, others = (nobody.NOBODY, [nobody.NOBODY]) if os.geteuid() == 0 else (None, None)
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
            env=os.environ | {"HOME": str(folder)},
            user=user,
            group=user,
            extra_groups=others,
        )
    assert "Lua" not in done.stdout + done.stderr, done.stdout + done.stderr
    return done.stdout


def columns(dissector: Path, recording: Path, *fields: str, only: str = "") -> list[list[str]]:
    """Values of fields, one line for each packet."""
    options = [word for field in fields for word in ("-e", field)]
    filters = ["-Y", only] if only else []
    printed = tshark(dissector, recording, "-T", "fields", "-E", f"separator={SEPARATOR}", *filters, *options)
    return [line.split(SEPARATOR) for line in printed.splitlines()]


def every(lines: list[list[str]], column: int) -> list[str]:
    """The values of a column; a packet may have several."""
    return [value for line in lines for value in line[column].split(",") if value]


def write(path: Path, packets: Sequence[tuple[bytes, bool]]) -> Path:
    """A file with reads and writes."""
    blocks = [pcapng.line_packet(index * 1000, data, outbound=out) for index, (data, out) in enumerate(packets)]
    path.write_bytes(pcapng.head("test") + b"".join(part for block in blocks for part in block))
    return path


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Inferences of two networks."""
    file = tmp_path_factory.mktemp("dissector") / "two.pcapng"
    with blocking.N6Device(sim_url(), record=file) as dev:
        for name in ("reference", "reference_colour"):
            dev[name].run(noise(dev[name]), timers=True)
        dev.stats()
    return file


def passed(recording: Path) -> list[Passed]:
    return [item for item in traffic(Recording(recording).items()) if isinstance(item, Passed)]


def test_all_frames_are_found(dissector: Path, recording: Path) -> None:
    found = columns(dissector, recording, "n6link.type", "n6link.id", "n6link.role")
    expected = passed(recording)
    assert [int(value, 16) for value in every(found, 0)] == [item.message.kind for item in expected]
    assert [int(value) for value in every(found, 1)] == [item.message.id for item in expected]
    assert every(found, 2) == [item.message.role for item in expected]


def test_values_are_those_of_the_records(dissector: Path, recording: Path) -> None:
    structs = {
        "hello_reply": records.HelloReply,
        "info_reply": records.InfoReply,
        "commit": records.Commit,
        "infer": records.Infer,
        "result": records.Result,
    }
    expected: dict[str, list[int]] = {}
    for struct, record in structs.items():
        bodies = [item.message.body for item in passed(recording) if isinstance(item.message.body, record)]
        for name in bodies[0].__slots__:
            if isinstance(getattr(bodies[0], name), int):
                expected[f"n6link.{struct}.{name}"] = [int(getattr(body, name)) for body in bodies]
    found = columns(dissector, recording, *expected)
    for column, (name, values) in enumerate(expected.items()):
        assert [int(value, 0) for value in every(found, column)] == values, name


def test_names_of_networks_tensors_and_blocks(dissector: Path, recording: Path) -> None:
    fields = ("network_record.name", "tensor_record.name", "block_record.operation", "result_record.length")
    found = columns(dissector, recording, *(f"n6link.{field}" for field in fields))
    messages = [item.message for item in passed(recording)]
    for column, (kind, name) in enumerate(
        (
            (records.NetworkRecord, "name"),
            (records.TensorRecord, "name"),
            (records.BlockRecord, "operation"),
            (records.ResultRecord, "length"),
        )
    ):
        expected = [
            str(getattr(record, name)) for message in messages for record in message.records if isinstance(record, kind)
        ]
        assert every(found, column) == [part for text in expected for part in text.split(",")]


@pytest.mark.parametrize("size", [1, 13])
def test_frames_over_several_packets(dissector: Path, tmp_path: Path, size: int) -> None:
    """All golden frames, cut into pieces, in both directions at once."""
    golden = {out: [frame for frame in wire.GOLDEN if (frame["from"] == "host") == out] for out in (True, False)}
    streams = {out: b"".join(frame["bytes"] for frame in golden[out]) for out in golden}
    longest = max(map(len, streams.values()))
    mixed = [(part, out) for at in range(0, longest, size) for out in golden if (part := streams[out][at : at + size])]
    file = write(tmp_path / "golden.pcapng", mixed)
    found = columns(dissector, file, "n6link.type", "n6link.id", "n6link.role", "n6link.skipped")
    for out, expected in golden.items():
        lines = [line for line in found if line[2] and (line[2].startswith("request")) == out]
        assert [int(value, 16) for value in every(lines, 0)] == [MessageType[frame["type"]] for frame in expected]
        assert [int(value) for value in every(lines, 1)] == [frame["id"] for frame in expected]
    assert every(found, 3) == []


def test_damage_is_marked_and_the_next_frame_is_found(dissector: Path, tmp_path: Path) -> None:
    ping = frames.pack(MessageType.PING, 3, records.Ping(host_time=9).pack())
    payload, header = bytearray(ping), bytearray(ping)
    payload[14] ^= 1
    header[6] ^= 1
    file = write(
        tmp_path / "damage.pcapng",
        [
            (bytes(100) + ping, True),
            (b"boot\n" + ping, False),
            (bytes(payload) + ping, True),
            (bytes(header) + ping, True),
        ],
    )
    found = columns(
        dissector, file, "n6link.skipped", "n6link.type", "n6link.payload_crc", "n6link.header_crc", "n6link.stray"
    )
    assert [line[1] for line in found] == ["0x02"] * 4
    assert [line[0] for line in found] == ["100", "5", str(len(ping)), str(len(ping))]
    assert [bool(line[2]) for line in found] == [False, False, True, False]
    assert [bool(line[3]) for line in found] == [False, False, False, True]
    assert [bool(line[4]) for line in found] == [False, True, False, False]


def test_a_malformed_frame_is_marked(dissector: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "short.pcapng", [(frames.pack(MessageType.LIST, 1, b"\1\2\3", 1), False)])
    assert "the payload is too short" in tshark(dissector, file, "-V")


def test_events_are_shown(dissector: Path, recording: Path) -> None:
    printed = tshark(dissector, recording)
    assert "attached to " in printed
    assert "n6link event" in printed
    found = columns(dissector, recording, "n6link_event.json", only='n6link_event.json contains "clock"')
    assert json.loads(SEPARATOR.join(found[0]))["event"] == "clock"


def test_the_text_of_one_inference(dissector: Path, recording: Path) -> None:
    tree = tshark(dissector, recording, "-V", "-Y", "n6link.type == 0x11 || n6link.type == 0x12")
    for line in (
        "n6link, host to device",
        "DATA, id ",
        "COMMIT, id ",
        "INFER, id ",
        "flags: 0x01 (TIMERS)",
        "RESULT reply, id ",
        "state: QUEUED (1)",
        "source: OUTPUT (0)",
    ):
        assert line in tree
    values: dict[str, Any] = decode.record_values(
        next(i.message.body for i in passed(recording) if i.message.kind == MessageType.RESULT)
    )
    assert f"t_end: {values['t_end']}" in tree


def test_a_session_that_is_resumed_on_another_stream_begins_with_a_frame(dissector: Path, tmp_path: Path) -> None:
    """The rest of a frame before the cut does not hide the frames after it."""
    ping = frames.pack(MessageType.PING, 3, records.Ping().pack())
    attached = pcapng.event_packet(1, b'{"event": "attached", "said": "attached to it"}', "attached to it")
    blocks = [pcapng.line_packet(0, ping[:20], outbound=True), attached, pcapng.line_packet(2, ping, outbound=True)]
    file = tmp_path / "resumed.pcapng"
    file.write_bytes(pcapng.head("test") + b"".join(part for block in blocks for part in block))
    found = columns(dissector, file, "n6link.type", "n6link.skipped")
    assert every(found, 0) == ["0x02"]
    assert every(found, 1) == []
