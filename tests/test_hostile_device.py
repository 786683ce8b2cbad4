"""A device that lies: each call ends in time, with a result or an error that names the lie; text of the device is printable."""

from __future__ import annotations

import logging
import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fuzzing.device import texts
from simulation import liar
from simulation.board import Board
from simulation.line import Frames
from typer.testing import CliRunner

from n6link import N6Device, networks
from n6link.cli import app
from n6link.errors import CardError, N6Error, N6Timeout, RemoteProtocolError
from n6link.link.handshake import MAX_BUFFER
from n6link.link.transfer import Download
from n6link.protocol import FieldTag, LogLevel, MessageType, Section, records
from n6link.protocol.codec import Record, text
from n6link.protocol.fields import pack_fields
from n6link.tensors import card as cards

pytestmark = pytest.mark.gcc

EVIL = "\x1b]0;owned\x07\x1b[31m\u202e\n"
"""sets the title and the colour of a terminal, reverses the text, and starts a line"""
HARMLESS = r"\x1b]0;owned\x07\x1b[31m\u202e"
MARKUP = "[/][link=x]\x1b[2J"
"""ends and starts a tag of rich, which formats the output of the commands"""
LIES: dict[MessageType, type[Record]] = {
    MessageType.HELLO: records.HelloReply,
    MessageType.INFO: records.InfoReply,
    MessageType.LIST: records.NetworkRecord,
    MessageType.RESULT: records.Result,
    MessageType.STATS: records.StatsReply,
    MessageType.EPOCH_STATS: records.EpochStatsReply,
}


def says(kind: MessageType, **values: Any) -> liar.Lie:
    """Another value in a struct of all frames of a type."""

    def lie(sent: MessageType | int, index: int, payload: bytes) -> bytes:
        if sent != kind:
            return payload
        head = records.ListReply.SIZE if kind is MessageType.LIST else 0
        struct = replace(LIES[kind].unpack(payload, head), **values)  # type: ignore[type-var]
        return payload[:head] + struct.pack() + payload[head + struct.SIZE :]

    return lie


def cut(kind: MessageType, size: int) -> liar.Lie:
    """All frames of a type are shorter."""
    return lambda sent, index, payload: payload[:size] if sent == kind else payload


async def infer(device: N6Device, name: str = "tiny") -> bytes:
    network = device[name]
    data = {name: np.zeros(spec.shape, spec.dtype) for name, spec in network.inputs.items()}
    result = await network.run(data)
    return b"".join(array.tobytes() for array in result.outputs.values())


async def everything(device: N6Device) -> None:
    """Opens the device, and asks for all that can be asked for."""
    async with device:
        await device.ping()
        await infer(device)
        await device.stats()
        await device.epoch_stats("tiny")


@pytest.mark.parametrize(
    ("lie", "error", "message"),
    [
        (cut(MessageType.HELLO, 20), N6Timeout, "it sends frames, but not a valid answer to HELLO"),
        (
            says(MessageType.HELLO, slot_size=2**32 - 1),
            RemoteProtocolError,
            f"slot_size = 4294967295; at most {MAX_BUFFER}",
        ),
        (says(MessageType.HELLO, result_size=2**32 - 1), RemoteProtocolError, "result_size = 4294967295"),
        (says(MessageType.HELLO, networks=65535), RemoteProtocolError, "announces 65535 networks; at most 256"),
        (
            cut(MessageType.INFO, 1),
            RemoteProtocolError,
            "reply to INFO cannot be used: InfoReply requires 104 bytes, got 1",
        ),
        (
            cut(MessageType.LIST, 1),
            RemoteProtocolError,
            "reply to LIST cannot be used: ListReply requires 12 bytes, got 1",
        ),
        (cut(MessageType.PING, 1), N6Timeout, "did not answer PING for 2 s"),
        (
            cut(MessageType.STATS, 60),
            RemoteProtocolError,
            "reply to STATS cannot be used: StatsReply requires 112 bytes, got 60",
        ),
        (says(MessageType.STATS, record=4), RemoteProtocolError, "reply to STATS cannot be used"),
        (says(MessageType.STATS, total=65535), RemoteProtocolError, "statistics of 0 networks without a last page"),
        (cut(MessageType.EPOCH_STATS, 30), RemoteProtocolError, "reply to EPOCH_STATS cannot be used: 1 BlockStats"),
        (says(MessageType.EPOCH_STATS, record=0), RemoteProtocolError, "reply to EPOCH_STATS cannot be used"),
        (cut(MessageType.RESULT, 10), RemoteProtocolError, "malformed result: Result requires 56 bytes, got 10"),
        (says(MessageType.RESULT, outputs=255), RemoteProtocolError, "malformed result: 255 ResultRecord"),
        (says(MessageType.RESULT, length=2**32 - 1), RemoteProtocolError, "impossible result: 4294967295 bytes"),
        (
            says(MessageType.RESULT, crc=1),
            RemoteProtocolError,
            "arrived 3 times with a wrong digest: its CRC-32 is not 0x1",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_lie_is_named(lie: liar.Lie, error: type[N6Error], message: str) -> None:
    with pytest.raises(error) as caught:
        liar.run(lie, everything, opens=False)
    assert message in str(caught.value)


def test_a_device_may_say_anything_of_its_clock_and_its_rates() -> None:
    """They are used for figures only: no call fails, or waits for them."""
    for lie in (says(MessageType.HELLO, tick_hz=2**64 - 1), says(MessageType.INFO, baud=4, temperature_dc=-32768)):
        liar.run(lie, everything, opens=False)
    liar.run(says(MessageType.RESULT, t_start=2**64 - 1, t_end=0, t_committed=2**63), everything, opens=False)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is measured with procfs")
def test_a_result_costs_memory_only_for_what_arrives() -> None:
    """1 GB is announced, and 8 KB of it arrive."""

    def used() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    before = used()
    download = Download(1 << 30, 0, chunk=8192)
    download.place(1 << 20, memoryview(bytes(8192)))
    assert used() - before < 100 << 20


def test_a_malformed_event_is_counted_and_the_next_one_arrives() -> None:
    async def listen(device: N6Device) -> None:
        before = device.counters.malformed
        async with device.subscribe(0.1) as readings:
            async for reading in readings:
                assert len(reading.networks) == 3
                break
        assert device.counters.malformed == before + 2

    def lie(kind: MessageType | int, index: int, payload: bytes) -> bytes:
        if kind == MessageType.STATS and index == 0:
            return payload[:50]
        return says(MessageType.STATS, count=200)(kind, index, payload) if index == 1 else payload

    liar.run(lie, listen)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"input_bytes": 2**32 - 1}, "its inputs have 4294967295 bytes, but a slot of the device has 8192"),
        ({"input_bytes": 65}, "its inputs end after 64 bytes, but an upload has 65"),
        ({"blocks": 65535}, "it has 65535 epoch blocks; at most 4096 are possible"),
        ({"inputs": 255}, "section INPUTS has 1 records, but 255 were announced"),
    ],
)
def test_an_odd_network_does_not_disturb_the_others(
    values: dict[str, int], message: str, caplog: pytest.LogCaptureFixture
) -> None:
    def lie(kind: MessageType | int, index: int, payload: bytes) -> bytes:
        return says(MessageType.LIST, **values)(kind, index, payload)  # the first network of each page

    async def use(device: N6Device) -> None:
        assert list(device.networks) == ["fold", "heat"]
        assert len(await infer(device, "fold")) == 1024

    with caplog.at_level(logging.WARNING, logger="n6link"):
        liar.run(lie, use)
    assert [record.getMessage() for record in caplog.records] == [
        f"simulated:: network 'tiny' cannot be used: {message}"
    ]


@pytest.mark.parametrize(
    ("ndim", "message"),
    [
        (0, "tensor 'in' has a size of 64 bytes, but is int8 of shape ()"),
        (7, "tensor 'in' has 7 dimensions; at most 6 are possible"),
        (255, "tensor 'in' has 255 dimensions; at most 6 are possible"),
    ],
)
def test_a_tensor_with_an_impossible_number_of_dimensions_disturbs_no_other_network(
    ndim: int, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    def lie(kind: MessageType | int, index: int, payload: bytes) -> bytes:
        if kind != MessageType.DESCRIBE:
            return payload
        page = records.DescribeReply.unpack(payload)
        if page.section != Section.INPUTS or page.network:
            return payload
        (tensor,) = records.TensorRecord.unpack_all(payload, page.count, page.head, page.record)
        return page.pack() + replace(tensor, ndim=ndim).pack()

    async def use(device: N6Device) -> None:
        assert list(device.networks) == ["fold", "heat"]
        assert len(await infer(device, "fold")) == 1024

    with caplog.at_level(logging.WARNING, logger="n6link"):
        liar.run(lie, use)
    assert [record.getMessage() for record in caplog.records] == [
        f"simulated:: network 'tiny' cannot be used: {message}"
    ]


# ---- text


def evil(kind: MessageType | int, index: int, payload: bytes, said: str = EVIL) -> bytes:
    """All text that a device sends is evil."""
    fields = pack_fields(
        [(FieldTag.FAULT_RECORD, said), (FieldTag.MEMORY, f"{said} 1 2"), (FieldTag.NPU_RUNTIME, said)]
    )
    match kind:
        case MessageType.HELLO:
            return says(MessageType.HELLO, build=said)(kind, index, payload)
        case MessageType.INFO:
            return replace(records.InfoReply.unpack(payload), board=said, firmware=said[:13]).pack() + fields
        case MessageType.LIST:
            page = records.ListReply.unpack(payload)
            found = records.NetworkRecord.unpack_all(payload, page.count, page.head, page.record)
            return page.pack() + b"".join(
                replace(network, name=f"{said}{network.index}", card_bytes=len(CARD)).pack() for network in found
            )
        case MessageType.DESCRIBE:
            return _describe(payload, said)
        case MessageType.ERROR:
            return payload[: records.ErrorReply.SIZE] + said.encode()
        case MessageType.LOG:
            return payload[: records.Log.SIZE] + said.encode()
    return payload


CARD = (
    f'task = "{HARMLESS}"\nlabels = ["{HARMLESS}"] # {EVIL[-2]}'.replace(r"\x1b", r"\u001b")
    .replace(r"\x07", r"\u0007")
    .encode()
)


def _describe(payload: bytes, said: str) -> bytes:
    page = records.DescribeReply.unpack(payload)
    kinds: dict[int, type[Any]] = {
        Section.INPUTS: records.TensorRecord,
        Section.OUTPUTS: records.TensorRecord,
        Section.BLOCKS: records.BlockRecord,
    }
    if page.section == Section.CARD:
        return replace(page, count=len(CARD), total=len(CARD)).pack() + CARD
    if kind := kinds.get(page.section):
        field = "operation" if kind is records.BlockRecord else "name"
        found = kind.unpack_all(payload, page.count, page.head, page.record)
        return page.pack() + b"".join(replace(record, **{field: said}).pack() for record in found)
    return payload


def test_no_text_of_a_device_reaches_a_terminal(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A program that does not set up logging gets the warnings of the package on its standard error."""

    async def use(device: N6Device) -> None:
        seen = [
            *texts(device.info),
            str(device.networks),
            *texts([network.info for network in device.networks.values()]),
        ]
        assert sum(HARMLESS[:11] in text for text in seen) >= 20
        await device.set_log_level(LogLevel.DEBUG)
        async with device.logs() as lines:
            name = next(iter(device.networks))
            await infer(device, name)
            seen.append((await anext(aiter(lines))).text)
            assert seen[-1].startswith(HARMLESS)
            with pytest.raises(N6Error) as refused:
                await device.connection.ask(MessageType.CANCEL, b"1")
            seen.append(str(refused.value))
            assert HARMLESS in seen[-1]
        for line in seen:
            assert line.replace("\n", "").isprintable(), line

    with caplog.at_level(logging.DEBUG, logger="n6link"):
        liar.run(evil, use)
    said = [*capfd.readouterr(), *(record.getMessage() for record in caplog.records)]
    assert any(HARMLESS in text for text in said)
    assert all(text.replace("\n", "").isprintable() for text in said)


@contextmanager
def listening(lie: liar.Lie) -> Iterator[str]:
    """A board that lies, in a thread of its own, for one client after the other; returns its URL."""

    def serve() -> None:
        board = Board(window=65536, chunk=8192, buffers=2, networks=3, features=0, baud=0, boot_nonce=1)
        change = liar.changer(lie)
        with closing(board):
            while True:
                try:
                    client, _ = server.accept()
                except OSError:  # it was shut down
                    return
                board.relink()
                frames = Frames()
                with client, suppress(OSError):
                    client.settimeout(0.001)
                    data = b""
                    while True:
                        turn = board.turn(time.monotonic(), data, 1 << 16)
                        client.sendall(b"".join(change(kind, frame) for kind, frame in frames.take(turn.sent)))
                        data = data[turn.taken :]
                        try:
                            data += (received := client.recv(65536))
                        except TimeoutError:
                            continue
                        if not received:
                            break

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"tcp:127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(30)


@pytest.mark.parametrize("said", [EVIL, MARKUP], ids=["escapes", "markup"])
def test_no_command_shows_escape_sequences_of_a_device(said: str) -> None:
    name = text(f"{said}0".encode())
    with listening(partial(evil, said=said)) as url:
        for words in (
            ["info", "--url", url],
            ["info", name, "--url", url],
            ["info", "--json", "--url", url],
            ["profile", name, "--runs", "2", "--url", url],
            ["run", name, str(networks.PHOTO), "--url", url],
        ):
            shown = CliRunner().invoke(app, words)
            assert not isinstance(shown.exception, Exception), (words, shown.exception)
            assert shown.output.replace("\n", "").isprintable(), (words, shown.output)
            assert "x1b" in shown.output, (words, shown.output)


def test_strings_of_a_card_from_a_device_are_printable() -> None:
    card = cards.find("net", 'task = "t"\nlabels = ["\\u001b[2J", "ok"]\n[decode]\n"\\u0007" = {a = ["\\u009b"]}')
    assert card
    assert card.labels == (r"\x1b[2J", "ok")
    assert card.options == {r"\x07": {"a": [r"\x9b"]}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = " + "[" * 3000, "nested too deeply"),
        (f"pad = {'9' * 5000}", "is not valid TOML"),
        ("a = \x1b", "is not valid TOML"),
    ],
    ids=["nested", "long", "escape"],
)
def test_cards_that_break_the_reader(text: str, message: str) -> None:
    with pytest.raises(CardError, match=message) as caught:
        cards.find("net", text)
    assert str(caught.value).isprintable()
