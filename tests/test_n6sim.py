"""The virtual board as a program: its command line, its links, how it ends, and its second life after a reset."""

from __future__ import annotations

import asyncio
import json
import os
import re
import select
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path
from zlib import crc32

import anyio
import anyio.lowlevel
import numpy as np
import pytest
from e2e_fixtures import executable, noise
from n6sim import REFERENCE, Client, on_socket, refusal, running

from n6link.device import N6Device
from n6link.errors import DeviceError, DeviceRebooted, TransportError
from n6link.link import frames
from n6link.protocol import HelloReplyFlag, Limit, MessageType, ResetCause, ResetKind, Status, records

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the virtual board needs a POSIX system")

HERE = f"x={Path(__file__)}"
INPUT = bytes(range(256)) * 27
"""of the network ``reference``: 48 x 48 x 3 bytes"""


# ---- the command line


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("", "one of --fd, --unix, --tcp and --pty is required; see n6sim --help"),
        ("--pty --tcp 0", "only one of --fd, --unix, --tcp and --pty can be served"),
        ("--fd 0", "--fd 0 is not an open socket"),
        ("--fd 999", "--fd 999 is not an open socket"),
        ("--fd -1", "--fd -1 is not a number from 0 to 32767"),
        ("--tcp 65536", "--tcp 65536 is not a number from 0 to 65535"),
        ("--tcp 1x", "--tcp 1x is not a number"),
        ("--tcp=", "--tcp  is not a number"),
        ("--pty --baud 299", "--baud 299 is not a number from 300 to 1000000000"),
        ("--pty --baud 99999999999999999999", "--baud 99999999999999999999 is not a number"),
        ("--pty --uart 12500001", "--uart 12500001 is not a number from 300 to 12500000"),
        ("--pty --uart 9600 --baud 9600", "--uart 9600 and --baud 9600 exclude each other"),
        ("--pty --slots 1", "--slots 1 is not a number from 2 to 8"),
        ("--pty --slots 9", "--slots 9 is not a number from 2 to 8"),
        ("--pty --id 12345678901234567", "--id 12345678901234567 does not have 1 to 16 bytes"),
        ("--pty --chunk 128", "--chunk 128 is not a number from 256 to 8192"),
        ("--pty --chunk 768", "--chunk 768 is not a power of two"),
        ("--pty --fast", "--fast is not an option, or has no value; see n6sim --help"),
        ("--pty --baud", "--baud is not an option, or has no value"),
        ("--pty extra", "extra is not an option; see n6sim --help"),
        ("--pty --network plain", "--network plain is not NAME=PATH with a name of 1 to 31 bytes"),
        ("--pty --network =reference:", "--network =reference: is not NAME=PATH"),
        ("--pty --network x=", "--network x= is not NAME=PATH"),
        (f"--pty --network {'n' * 32}=reference:", "with a name of 1 to 31 bytes"),
        ("--pty --network a=reference: --network a=b.tflite", "--network a=b.tflite: another network has this name"),
        ("--pty" + "".join(f" --network n{i}=reference:" for i in range(33)), "--network n32=reference:: more than 32"),
        (
            "--pty --network a=reference:;colour=blue",
            "--network a: colour=blue is not card=FILE, blocks=FILE, operations=FILE or check=FILE",
        ),
        (
            "--pty --network a=reference:;card=",
            "--network a: card= is not card=FILE, blocks=FILE, operations=FILE or check=FILE",
        ),
        ("--pty --network a=reference:;card=/nowhere", "--network a: /nowhere: No such file or directory"),
        ("--pty --network a=reference:;card=/", "--network a: /: Is a directory"),
        (f"--pty --network a=reference:;check={__file__}", " bytes, not 6924"),
        ("--pty --network a=reference:unknown", "no built-in network has this name; the first one is reference"),
        (f"--pty --network a=reference:;blocks={__file__}", "--network a: a built-in network has its own blocks"),
        (f"--pty --network {HERE}", f"--network {HERE} requires LiteRT; use --litert PATH"),
        (f"--pty --litert /nowhere/lib.so --network {HERE}", "LiteRT cannot be opened: /nowhere/lib.so: cannot open"),
    ],
)
def test_what_is_wrong_with_the_command_line(arguments: str, says: str) -> None:
    assert says in refusal(*arguments.split())


def test_an_error_is_json_whatever_stands_in_it() -> None:
    odd = 'say "\\ \t\x01 ü'
    assert refusal("--pty", "--network", odd).startswith(f"--network {odd} is not NAME=PATH")
    assert refusal("--pty", "--network", '"' * 2000).startswith('--network """'), "cut to what fits"


def test_help() -> None:
    done = subprocess.run([executable(), "--help"], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("usage: n6sim (--fd N | --unix PATH | --tcp PORT | --pty)")
    for option in ("network", "litert", "baud", "uart", "slots", "chunk", "id", "parent-death", "verbose", "help"):
        assert f"  --{option}" in done.stdout
    assert max(map(len, done.stdout.splitlines())) < 80


async def test_options_reach_the_board() -> None:
    with running("--tcp", "0", "--slots", "7", "--chunk", "1024", "--baud", "4000000", *REFERENCE) as program:
        async with N6Device(program.url) as dev:
            assert (dev.info.slots, dev.info.chunk, dev.info.baud) == (7, 1024, 4_000_000)
            assert dev.info.simulated
    with running("--tcp", "0") as program:
        async with N6Device(program.url) as dev:
            assert (dev.info.slots, dev.info.chunk, dev.info.baud, dict(dev.networks)) == (4, 8192, 0, {})


async def test_a_network_gets_its_name_and_its_card(tmp_path: Path) -> None:
    """The card counts for the digest, by which a client knows networks again."""
    card = tmp_path / "card.toml"
    points = [f"point_{number}" for number in range(6)]
    card.write_text(f'task = "pose-heatmap"\nkeypoints = {points}\n')
    named = f"named=reference:;card={card}"
    with running("--tcp", "0", "--network", "plain=reference:reference", "--network", named) as program:
        async with N6Device(program.url) as dev:
            one, other = dev.networks.values()
            assert (one.name, other.name) == ("plain", "named")
            assert other.card and other.card.keypoints == tuple(points), other.card_problem
            assert one.card != other.card and one.info.digest != other.info.digest
            first, second = await one.run(noise(one)), await other.run(noise(other))
            for name, array in first.outputs.items():
                assert np.array_equal(array, second.outputs[name])


def test_a_card_that_is_too_long(tmp_path: Path) -> None:
    card = tmp_path / "card.toml"
    card.write_text("#" * 65536)
    assert refusal("--pty", "--network", f"a=reference:;card={card}") == (
        "--network a: its card is longer than 65535 bytes"
    )


# ---- links


@pytest.mark.parametrize("end", ["--unix", "--tcp"])
async def test_clients_come_one_after_another(end: str, tmp_path: Path) -> None:
    """The first one goes in the middle of a frame."""
    where = str(tmp_path / "socket") if end == "--unix" else "0"
    with running(end, where, *REFERENCE) as program:
        with Client(program.url) as first:
            boot = first.hello().boot_nonce
            first.socket.sendall(frames.pack(MessageType.PING, 77, bytes(16))[:9])
        with Client(program.url) as second:
            second.socket.sendall(b"text of a boot loader\r\n" * 3)
            assert second.hello().boot_nonce == boot
        async with N6Device(program.url) as third:
            assert (await third.stats()).link.payload_errors == 0


@pytest.mark.parametrize("end", ["--unix", "--tcp"])
async def test_others_are_told_who_holds_the_board(end: str, tmp_path: Path) -> None:
    """Each of them, one after another; the holder does not notice."""
    where = str(tmp_path / "socket") if end == "--unix" else "0"
    with running(end, where, *REFERENCE) as program:
        with Client(program.url) as holder:
            with Client(program.url) as guest:  # the holder has said nothing yet
                guest.socket.sendall(bytes(Limit.MAX_CONTROL + 16))
                error, text = guest.refusal(guest.greet())
                assert (error.status, error.type) == (Status.BUSY, MessageType.HELLO)
                assert text == "in use by another host"
            holder.hello("the arm")
            for _ in range(3):
                with Client(program.url) as guest:
                    number = guest.greet()
                    guest.send(MessageType.INFO)
                    error, text = guest.refusal(number)
                    assert re.fullmatch(r"in use by the arm for \d+ s", text)
                    assert guest.socket.recv(1) == b"", "the board has said all"
            assert holder.result(holder.infer(INPUT))
            stats = records.StatsReply.unpack(holder.ask(MessageType.STATS, records.StatsRequest().pack()))
            assert (stats.payload_errors, stats.skipped) == (0, 0)
        with Client(program.url) as next_one:
            assert next_one.hello().networks == 1


def test_a_guest_that_says_nothing_has_to_go() -> None:
    with running("--tcp", "0", *REFERENCE) as program, Client(program.url) as holder:
        holder.hello()
        with Client(program.url) as guest, Client(program.url) as other:
            assert guest.socket.recv(1) == b""
            assert other.refusal(other.greet())[0].status == Status.BUSY


async def test_a_session_goes_on_after_a_broken_connection(tmp_path: Path) -> None:
    """The inference runs on, and its result is fetched under its key."""
    with running("--unix", str(tmp_path / "socket"), *REFERENCE) as program:
        with Client(program.url) as first:
            expected = first.result(first.infer(INPUT))
        with Client(program.url) as second:
            infer = records.Infer(key=7, upload=2, digest=crc32(INPUT)).pack()
            upload = second.upload(INPUT, chunk=second.hello().chunk)
            assert upload == 2
            second.send(MessageType.INFER, infer)
            nonce = second.nonce
        with Client(program.url) as third:
            opened = third.hello(resume=nonce)
            assert opened.flags & HelloReplyFlag.RESUMED
            number = third.send(MessageType.INFER, infer)
            assert third.result(number) == expected
            payload = third.ask(MessageType.STATS, records.StatsRequest().pack())
            stats = records.StatsReply.unpack(payload)
            network = records.NetworkStats.unpack(payload, stats.head)
            assert (stats.queue, network.runs) == (0, 2)


@pytest.mark.parametrize("leave", [Client.reset_connection, lambda client: client.socket.close()])
async def test_a_client_leaves_in_the_middle_of_an_inference(leave: object, tmp_path: Path) -> None:
    with running("--tcp", "0", *REFERENCE) as program:
        async with N6Device(program.url) as dev:
            network = dev["reference"]
            expected = await network.run(np.frombuffer(INPUT, np.uint8).reshape(network.inputs["image"].shape))
        for _ in range(3):
            client = Client(program.url)
            client.infer(INPUT)
            assert callable(leave)
            leave(client)
            async with N6Device(program.url) as dev:
                network = dev["reference"]
                result = await network.run(np.frombuffer(INPUT, np.uint8).reshape(network.inputs["image"].shape))
                for name, array in expected.outputs.items():
                    assert np.array_equal(result.outputs[name], array)
                assert (await dev.stats()).queue == 0


def test_a_client_that_does_not_read_is_waited_for(tmp_path: Path) -> None:
    """What it has asked is answered when it reads again, all of it."""
    wire = b"".join(frames.pack(MessageType.INFO, number) for number in range(1, 50_001))
    with running("--unix", str(tmp_path / "socket")) as program, Client(program.url) as client:
        client.hello()
        client.socket.setblocking(False)
        sent = 0
        while select.select([], [client.socket], [], 0.2)[1]:
            sent += client.socket.send(wire[sent:])
        assert sent < len(wire)
        client.socket.settimeout(30)
        last = sent // frames.HEADER_SIZE
        replies = [client.reply(MessageType.INFO, number) for number in range(1, last + 1)]
        assert len({len(reply) for reply in replies}) == 1
        client.socket.sendall(wire[sent : (last + 1) * frames.HEADER_SIZE])
        assert len(client.reply(MessageType.INFO, last + 1)) == len(replies[0])


async def test_a_terminal_is_opened_again_and_again() -> None:
    """Like a UART, the board does not know who listens: an answer that nobody took is the next one's to skip."""
    with running("--pty", *REFERENCE) as program:
        boots = set()
        for _ in range(3):
            async with N6Device(program.url) as dev:
                await dev["reference"].run(noise(dev["reference"]))
                boots.add(dev.info.boot_nonce)
            port = os.open(program.url.removeprefix("serial:"), os.O_RDWR | os.O_NOCTTY)
            assert not termios.tcgetattr(port)[3] & (termios.ICANON | termios.ECHO), "raw"
            os.write(port, frames.pack(MessageType.INFO, 99))
            os.close(port)
        assert len(boots) == 1


def test_an_inherited_socket_is_the_only_client() -> None:
    with on_socket(*REFERENCE) as (program, link):
        assert program.url.startswith("fd:")
        link.sendall(frames.pack(MessageType.PING, 1, records.Ping().pack()))
        assert link.recv(1)
        link.close()
        assert program.process.wait(30) == 0


def test_what_an_inherited_socket_is_sent_before_it_closes_is_no_reason_to_stay() -> None:
    with on_socket("--baud", "9600", *REFERENCE) as (program, link):
        link.sendall(bytes(300))
        link.close()
        assert program.process.wait(30) == 0


async def test_a_paced_line_loses_nothing_and_is_no_faster_than_it_should_be() -> None:
    """All moments are those of the device's clock; the line may be slower where the machine is busy."""
    baud = 230400
    with running("--tcp", "0", *REFERENCE) as program:
        async with N6Device(program.url) as dev:
            values = noise(dev["reference"])
            expected = (await dev["reference"].run(values)).outputs
    with running("--tcp", "0", "--baud", str(baud), *REFERENCE) as program, Client(program.url) as client:
        chunk = client.hello().chunk
        (image,) = (array.tobytes() for array in values.values())
        begun = records.PingReply.unpack(client.ask(MessageType.PING, records.Ping().pack())).device_time
        sent = client.sent
        upload = client.upload(image, chunk=chunk)
        sent = client.sent - sent
        number = client.send(MessageType.INFER, records.Infer(key=1, upload=upload, digest=crc32(image)).pack())
        result = records.Result.unpack(client.reply(MessageType.RESULT, number))
        received = client.data(number, result.length)
        ended = records.PingReply.unpack(client.ask(MessageType.PING, records.Ping().pack())).device_time
        assert received == b"".join(array.tobytes() for array in expected.values())
        for size, ticks in ((sent, result.t_committed - begun), (result.length, ended - result.t_end)):
            floor = size * 10 / baud * 1e9
            assert floor <= ticks
        stats = records.StatsReply.unpack(client.ask(MessageType.STATS, records.StatsRequest().pack()))
        assert stats.rx_bytes == client.sent
        assert (stats.header_errors, stats.payload_errors, stats.skipped, stats.resyncs) == (0, 0, 0, 0)


def test_the_socket_file_of_a_board_that_was_killed_is_used_again(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with running("--unix", str(path)) as program:
        program.process.kill()
    assert path.is_socket()
    with running("--unix", str(path)) as program, Client(program.url) as client:
        assert client.hello().networks == 0
        program.process.terminate()
        assert program.process.wait(30) == 0
    assert not path.exists()


def test_a_path_that_is_in_use_stays_so(tmp_path: Path) -> None:
    path, file = tmp_path / "socket", tmp_path / "file"
    file.write_text("precious")
    with running("--unix", str(path)) as program:
        assert refusal("--unix", str(path)) == f"--unix {path}: Address already in use"
        with Client(program.url) as client:
            client.hello()
    assert refusal("--unix", str(file)) == f"--unix {file}: Address already in use"
    assert file.read_text() == "precious"
    assert refusal("--unix", str(tmp_path / "no" / "socket")).endswith("No such file or directory")
    assert "the path is longer than 107 bytes" in refusal("--unix", str(tmp_path / ("long" * 40)))


def test_a_port_that_is_in_use_stays_so() -> None:
    with running("--tcp", "0") as program:
        port = program.url.rpartition(":")[2]
        assert refusal("--tcp", port) == f"--tcp {port}: Address already in use"


# ---- the end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("busy", [False, True])
def test_a_signal_ends_it_cleanly(number: signal.Signals, busy: bool, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with running("--unix", str(path), *REFERENCE) as program, Client(program.url) as client:
        if busy:
            client.infer(INPUT)
        program.process.send_signal(number)
        assert program.process.wait(30) == 0
        assert not path.exists()


async def test_a_client_learns_that_the_board_has_ended() -> None:
    with running("--tcp", "0", *REFERENCE) as program:
        async with N6Device(program.url, reconnect=0) as dev:
            program.process.terminate()
            # a PING that the board has not read any more makes its socket end with a reset
            with pytest.raises(TransportError, match="has closed the connection|connection reset"):
                while True:
                    await dev.ping()
            # ended before it gets another SIGTERM, which would disturb a leak checker at its work
            assert await asyncio.to_thread(program.process.wait, 30) == 0


PARENT = """
import json, subprocess, sys, threading

def start():
    global board
    board = subprocess.Popen(sys.argv[1:])

thread = threading.Thread(target=start)
thread.start()
thread.join()
sys.stdin.read()
"""


def test_it_ends_with_its_parent_and_not_with_a_thread_of_that(tmp_path: Path) -> None:
    """The pipe closes when nobody holds its other end any more: neither the parent nor the board."""
    path = tmp_path / "socket"
    command = [sys.executable, "-c", PARENT, executable(), "--unix", str(path), "--parent-death", *REFERENCE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        try:
            assert parent.stdout
            ready = json.loads(parent.stdout.readline())
            with Client(ready["url"]) as client:
                client.infer(INPUT)
                parent.kill()
                assert parent.stdout.read() == b""
        finally:
            parent.kill()
    assert not path.exists()


# ---- a second life


async def test_a_reset_restarts_the_board() -> None:
    with running("--tcp", "0", *REFERENCE) as program:
        async with N6Device(program.url) as dev:
            network = dev["reference"]
            before = dev.info
            assert before.reset_cause is ResetCause.POWER_ON
            expected = await network.run(noise(network))
            asked = time.monotonic()
            await dev.reset(restart=True)
            assert dev.info.reset_cause is ResetCause.SOFTWARE
            assert dev.info.boot_nonce != before.boot_nonce
            assert dev.info.uptime < time.monotonic() - asked
            stats = await dev.stats()
            assert stats.networks[0].runs == 0
            network = dev["reference"]
            result = await network.run(noise(network))
            for name, array in expected.outputs.items():
                assert np.array_equal(result.outputs[name], array)


async def test_a_reset_ends_an_inference() -> None:
    with running("--tcp", "0", *REFERENCE) as program, Client(program.url) as client:
        for _ in range(3):
            client.infer(INPUT)
            reset = records.Reset(kind=ResetKind.DEVICE, boot_nonce=client.opened.boot_nonce)
            client.ask(MessageType.RESET, reset.pack())
            assert client.hello().results
            stats = records.StatsReply.unpack(client.ask(MessageType.STATS, records.StatsRequest().pack()))
            assert stats.queue == 0 and stats.rx_frames < 10


async def test_what_is_under_way_learns_of_a_reset() -> None:
    """More runs than the line and the device can hold: some wait when the device is restarted, however long this program waits."""
    with running("--tcp", "0", "--baud", "460800", *REFERENCE) as program:
        async with N6Device(program.url) as dev, anyio.create_task_group() as group:
            failed = anyio.Event()

            async def run() -> None:
                try:
                    await dev["reference"].run(noise(dev["reference"]))
                except (DeviceRebooted, DeviceError):
                    failed.set()

            sent = dev.counters.tx_bytes
            for _ in range(24):
                group.start_soon(run)
            while dev.counters.tx_bytes < sent + 256:
                await anyio.lowlevel.checkpoint()
            await dev.reset(restart=True)
            await failed.wait()
            group.cancel_scope.cancel()
