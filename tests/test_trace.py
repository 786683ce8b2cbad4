"""A recording as text and as JSON: every message with its values, credits, damage, events."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
import wire
from e2e_fixtures import noise, sim_url
from typer.testing import CliRunner

from n6link import blocking
from n6link.cli import app
from n6link.link import frames
from n6link.protocol import MessageType, NetworkState, ResetKind, Section, records, schema
from n6link.protocol.messages import BITS, BODIES, SECTIONS
from n6link.recorder import decode, trace
from n6link.recorder.recording import Bytes, Event, Item, Recording
from n6link.recorder.traffic import Damage, Passed, traffic


def lines(items: Iterable[Item]) -> list[trace.Line]:
    return list(trace.Tracer().lines(traffic(items)))


def said(items: Iterable[Item]) -> list[str]:
    """Mark, title and text of each line."""
    return [f"{line.mark} {line.title}  {line.said}".rstrip() for line in lines(items)]


def sent(*parts: bytes, outbound: bool = True) -> list[Item]:
    return [Bytes(float(index), outbound, part) for index, part in enumerate(parts)]


def data(number: int, offset: int, chunk: bytes, position: int | None = None) -> bytes:
    front = frames.header(MessageType.DATA, number, frames.HEADER_SIZE + len(chunk))
    return b"".join(frames.pack_data(front, offset if position is None else position, offset, 0, memoryview(chunk)))


# ------------------------------------------------------------------------------------------- the tables


def test_every_body_of_the_schema_is_in_the_tables() -> None:
    roles = {
        (kind, role): body
        for kind, message in schema.MESSAGES.items()
        for role, body in (("request", message.request), ("reply", message.reply), ("event", message.event))
        if body
    }
    assert BODIES.keys() == roles.keys()
    for key, (record, _) in BODIES.items():
        assert (record.__name__ if record else None) == roles[key].struct
    assert SECTIONS[Section.BLOCKS] is records.BlockRecord
    assert Section.CARD not in SECTIONS
    assert BITS.keys() >= {("Hello", "features"), ("HelloReply", "flags"), ("Infer", "flags")}


@pytest.mark.parametrize("frame", wire.GOLDEN, ids=lambda frame: str(frame["name"]))
def test_golden_frames_are_decoded(frame: dict[str, Any]) -> None:
    outbound = frame["from"] == "host"
    (passed,) = (item for item in traffic(sent(frame["bytes"], outbound=outbound)) if isinstance(item, Passed))
    assert passed.message.name == frame["type"]
    assert passed.message.id == frame["id"]
    assert not passed.message.problem
    assert passed.message.role == ("request" if outbound else "reply" if frame.get("reply") else "event")
    json.dumps(decode.values(passed.message))


def test_values_are_names_where_they_have_one() -> None:
    reply = records.HelloReply(flags=1, features=3, boot_nonce=0xABC, build="b1", unique_id=b"\1\2".ljust(16, b"\0"))
    values = decode.record_values(reply)
    assert values["flags"] == "OPENED"
    assert values["features"] == "TIMERS|REDUCE"
    assert values["boot_nonce"] == "0000000000000abc"
    assert values["unique_id"] == "0102"
    assert decode.record_values(records.HelloReply(features=1 << 20 | 1))["features"] == "TIMERS|0x100000"
    assert decode.record_values(records.NetworkRecord(state=NetworkState.FAILED))["state"] == "FAILED"
    assert decode.record_values(records.Reset(kind=ResetKind.DEVICE))["kind"] == "DEVICE"


def test_a_frame_of_another_version_is_shown() -> None:
    assert said(sent(frames.pack(0x7E, 5, b"abcd"))) == ["> type 0x7e #5  4 bytes: not a message of this version"]
    assert said(sent(frames.pack(MessageType.INFER, 5, b"abcd"))) == [
        "> INFER #5  4 bytes: Infer requires 32 bytes, got 4"
    ]


# ------------------------------------------------------------------------------------------- lines


def test_damage_text_and_zeros_between_frames() -> None:
    ping = frames.pack(MessageType.PING, 3, records.Ping(host_time=9).pack())
    broken = bytearray(ping)
    broken[14] ^= 1
    header = bytearray(ping)
    header[6] ^= 1
    items = [
        *sent(bytes(1040), ping),
        *sent(b"boot: clocks ready\n", ping.replace(b"n6", b"xx"), bytes(broken) + ping, outbound=False),
        *sent(bytes(header) + ping),
    ]
    found = list(traffic(items))
    assert next(item.zeros for item in found if isinstance(item, Damage)) == 1040
    assert any("boot: clocks ready" in item.text for item in found if isinstance(item, Damage))
    assert sum(item.payloads for item in found if isinstance(item, Damage)) == 1
    assert sum(item.headers for item in found if isinstance(item, Damage)) == 1
    assert len([item for item in found if isinstance(item, Passed)]) == 3
    text = said(items)
    assert text[0] == "> between frames  1040 zero bytes before a frame"
    assert any(line.startswith("! damage from the device") and "1 payloads with a wrong CRC" in line for line in text)
    assert any("text 'boot: clocks ready'" in line for line in text)


def test_a_frame_over_several_reads_is_one_line() -> None:
    frame = data(9, 0, bytes(range(256)))
    assert said(sent(*(frame[at : at + 7] for at in range(0, len(frame), 7)))) == [
        "> DATA #9  bytes 0 to 255, slot 0, credit 4294967040"
    ]


def test_a_frame_that_is_cut_at_the_end_hides_nothing() -> None:
    ping = frames.pack(MessageType.PING, 3, records.Ping().pack())
    inside = data(9, 0, ping + bytes(100))[:-50]
    items = [*sent(inside), Event(9.0, "attached", "attached to it", {"url": "it"}), *sent(ping)]
    assert [line.split("  ")[0] for line in said(items)] == [
        "! damage from the host",
        "> PING #3",
        "! damage from the host",
        "- attached",
        "> PING #3",
    ]


def test_chunks_of_a_transfer_are_joined() -> None:
    items = sent(
        data(9, 0, bytes(512)),
        data(9, 512, bytes(512)) + data(9, 1024, bytes(100)),
        data(9, 512, bytes(512)),
        data(10, 0, bytes(4)),
    )
    joined = list(trace.joined(lines(items)))
    assert [line.said.split(", ")[0] for line in joined] == [
        "bytes 0 to 1123 in 3 chunks",
        "bytes 512 to 1023",
        "bytes 0 to 3",
    ]
    assert joined[0].time == 0.0


def test_credits_of_both_directions() -> None:
    hello = records.Hello(window=2048)
    answer = records.HelloReply(flags=1, window=1024)
    items = [
        *sent(frames.pack(MessageType.HELLO, 1, hello.pack())),
        *sent(frames.pack(MessageType.HELLO, 1, answer.pack(), 1), outbound=False),
        *sent(data(2, 0, bytes(256))),
        *sent(frames.pack(MessageType.CREDIT, 0, records.Credit(limit=1280).pack()), outbound=False),
        *sent(data(2, 0, bytes(256), position=256), outbound=False),
    ]
    credit = [line.plain["credit"] for line in lines(items) if "credit" in line.plain]
    assert credit == [768, 1024, 1536]


def test_errors_and_log_lines() -> None:
    error = records.ErrorReply(status=14, type=MessageType.INFER, value=7).pack() + b"the NPU failed"
    log = records.Log(level=30).pack() + b"hot"
    items = sent(frames.pack(MessageType.ERROR, 4, error, 1), frames.pack(MessageType.LOG, 0, log), outbound=False)
    assert said(items) == ["< ERROR #4  NPU_FAULT to INFER, value 7: the NPU failed", "< LOG  WARNING: hot"]


# ------------------------------------------------------------------------------------------- the command


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One inference, and a ping with which its RELEASE leaves."""
    file = tmp_path_factory.mktemp("trace") / "one.pcapng"
    with blocking.N6Device(sim_url(), record=file) as dev:
        dev["reference"].run(noise(dev["reference"]), timers=True)
        dev.ping()
    return file


def n6link(*words: str | Path) -> Any:
    return CliRunner().invoke(app, list(map(str, words)), env={"COLUMNS": "100"})


def test_the_text_of_one_inference(recording: Path) -> None:
    done = n6link("trace", recording)
    assert not done.exit_code, done.stderr
    text = done.stdout.splitlines()
    assert text[0].startswith("times are seconds since 20")
    order = [
        "recording",
        "attached",
        "between frames",
        "HELLO",
        "session",
        "INFO",
        "clock",
        "LIST",
        "DESCRIBE",
        "open",
        "DATA",
    ]
    order += ["COMMIT", "INFER", "RESULT", "DATA", "RELEASE", "closed"]
    rest = iter(text)
    for word in order:
        assert any(word in line for line in rest), word
    (result,) = (line for line in text if " RESULT " in line)
    assert "network=reference " in result
    assert "ran " in result
    assert any("bytes 0 to 6911, slot 0, credit 255232" in line for line in text)


def test_json_lines_have_everything(recording: Path) -> None:
    done = n6link("trace", recording, "--json")
    objects = [json.loads(line) for line in done.stdout.splitlines()]
    assert all("time" in each and ("message" in each or "event" in each or "damage" in each) for each in objects)
    (result,) = (each for each in objects if each.get("message") == "RESULT")
    assert result["from"] == "device"
    assert result["values"]["blocks"] == 6
    assert result["values"]["records"][0]["reduction"] in ("RAW", "ARGMAX")
    assert [each["values"]["state"] for each in objects if each.get("event") == "state"] == ["open", "closed"]


def test_a_recording_that_is_cut_off_is_shown_and_said(recording: Path, tmp_path: Path) -> None:
    whole = recording.read_bytes()
    cut = tmp_path / "cut.pcapng"
    cut.write_bytes(whole[: len(whole) // 2])
    done = n6link("trace", cut)
    assert not done.exit_code
    assert len(done.stdout.splitlines()) > 10
    assert "ends within a packet: its last" in done.stderr.replace("\n", " ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["trace"], "requires a recording"),
        (["trace", "missing.pcapng"], "cannot be read"),
        (["info", "--record", "a?loop=1"], "unknown option"),
    ],
)
def test_bad_input_of_the_command(words: Sequence[str], said: str) -> None:
    done = n6link(*words)
    assert done.exit_code == 2
    assert said in done.stderr.replace("\n", " ")


def test_commands_record(tmp_path: Path) -> None:
    done = n6link("info", "--json", "--url", sim_url(), "--record", tmp_path / "info.pcapng")
    assert not done.exit_code, done.stderr
    assert any(isinstance(item, Passed) for item in traffic(Recording(tmp_path / "info.pcapng").items()))


def test_every_command_that_connects_has_the_option() -> None:
    for command in ("demo", "info", "run", "generate", "classify", "check", "profile", "monitor"):
        done = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "100"})
        assert "--record" in done.output
