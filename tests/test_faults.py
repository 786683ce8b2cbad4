"""Faults of a line: what they are, how a URL names them, and that a program survives them on every kind of cable."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

import anyio
import numpy as np
import pytest
from e2e_fixtures import executable, noise, on_both_backends

from n6link import N6Device, blocking
from n6link.errors import BadInput, DeviceRebooted, TransportError
from n6link.session import connection
from n6link.session.state import State
from n6link.transport import sim
from n6link.transport.cable import Cable
from n6link.transport.faults import BURST, IN_TIME, OF_BYTES, WAYS, Fault, Faults, Wire
from n6link.transport.rig import Rig
from n6link.transport.url import Stream, check_url, open_stream

LONG: Final = 60.0
"""seconds in which a board is back for certain"""
NETWORKS: Final = "reference:"
NEVER: Final = 86400
"""mean seconds between faults that do not happen during a test; the board has a cable because of them"""


@pytest.fixture
def rigs(monkeypatch: pytest.MonkeyPatch) -> list[Rig]:
    """The cables of the boards that are opened, with which a test has a fault happen after it has opened the board."""
    made: list[Rig] = []

    async def opened(url: str | None = None) -> Stream:
        stream = await open_stream(url)
        if stream.rig and stream.rig not in made:
            made.append(stream.rig)
        return stream

    monkeypatch.setattr(connection, "open_stream", opened)
    return made


# ------------------------------------------------------------------------------------------- definitions


@pytest.mark.parametrize("kind", OF_BYTES)
def test_a_rate_is_that_of_its_faults_and_the_seed_decides_where(kind: str) -> None:
    rates: dict[str, Any] = {kind: 0.01}
    faults = Faults(**rates, seed=3)
    data = bytes(range(256)) * 400
    wires = [Wire(faults.of_bytes("up")) for _ in range(2)]
    whole = wires[0].carry(data)
    assert whole != data
    assert 900 < len(wires[0].fired) < 1150
    assert {fault.kind for fault in wires[0].fired} == {kind}
    assert all(0 <= fault.size <= BURST for fault in wires[0].fired)
    assert wires[1].carry(data) == whole
    others = (faults.of_bytes("down"), faults.of_bytes("up", 1), Faults(**rates, seed=4).of_bytes("up"))
    assert all(Wire(other).carry(data) != whole for other in others)


def test_pieces_of_a_flipped_stream_are_those_of_the_whole() -> None:
    faults, data = Faults(flip=0.02), os.urandom(5000)
    whole, wire = Wire(faults.of_bytes("down")).carry(data), Wire(faults.of_bytes("down"))
    assert b"".join(wire.carry(data[at : at + 7]) for at in range(0, len(data), 7)) == whole


def test_a_clean_wire_passes_its_faults_over() -> None:
    wire = Wire(iter([Fault("flip", at=3), Fault("flip", at=12)]))
    assert wire.carry(bytes(10), clean=True) == bytes(10)
    assert wire.carry(bytes(10)) == bytes(2) + b"\x01" + bytes(7)


def test_faults_in_time() -> None:
    faults = Faults(cut=2.0, reset=4.0, stall=1.0, seed=9)
    found = list(itertools.islice(faults.in_time(), 7000))
    assert [fault.at for fault in found] == sorted(fault.at for fault in found)
    counts = Counter(fault.kind for fault in found)
    assert set(counts) == set(IN_TIME)
    assert 1.8 < counts["cut"] / counts["reset"] < 2.2
    assert 1.8 < counts["stall"] / counts["cut"] < 2.2
    assert found == list(itertools.islice(faults.in_time(), 7000))
    assert list(Faults(flip=1e-3).in_time()) == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"flip": "2"}, "flip=2.0 must be a rate per byte from 0 to 0.1"),
        ({"drop": "-1e-9"}, "drop=-1e-09 must be a rate"),
        ({"insert": "nan"}, "insert=nan must be a rate"),
        ({"cut": "0.001"}, "cut=0.001 must be the mean number of seconds between two faults, from 0.01 to 86400"),
        ({"reset": "inf"}, "reset=inf must be"),
        ({"stall": "nan"}, "stall=nan must be"),
        ({"cut": "often"}, "cut='often' is not a number; write it as in flip=1e-5"),
        ({"cut": ""}, "cut='' is not a number"),
        ({"seed": "1.5"}, "seed='1.5' is not a whole number"),
        ({"seed": "-1"}, "seed=-1 must be a whole number from 0"),
    ],
)
def test_values_that_are_not_possible(options: dict[str, str], says: str) -> None:
    with pytest.raises(BadInput, match=re.escape(says)):
        Faults.parse(options)
    ((key, value),) = options.items()
    with pytest.raises(TransportError, match=re.escape(says)):
        check_url(f"sim:{NETWORKS}?{key}={value}")


def test_what_a_url_says_of_them() -> None:
    board = sim.parse(f"{NETWORKS}?slots=3&flip=1e-5,other=reference:?cut=3&seed=7")
    assert board.faults == Faults(flip=1e-5, cut=3.0, seed=7)
    assert board.options == {"slots": 3}
    assert Faults.parse(dict(part.split("=") for part in str(board.faults).split("&"))) == board.faults
    assert not Faults(seed=7)
    assert str(Faults(seed=7)) == ""
    assert not sim.parse(f"{NETWORKS}?flip=0").faults
    for wrong, says in (("flip=1e-5&flip=2e-5", "twice"), ("flop=1", "unknown option 'flop'.*flip.*stall, cut, reset")):
        with pytest.raises(TransportError, match=says):
            sim.parse(f"{NETWORKS}?{wrong}")


# ------------------------------------------------------------------------------------------- sim: with faults


def same(result: Any, right: Any) -> bool:
    return all(np.array_equal(result.outputs[name], right.outputs[name]) for name in right.outputs)


@on_both_backends
async def test_results_are_right_over_a_line_with_faults_of_bytes() -> None:
    executable()
    async with N6Device(f"sim:{NETWORKS}?chunk=256&flip=1e-4&drop=3e-5&double=3e-5&insert=3e-5&burst=3e-5") as dev:
        network = dev["reference"]
        right = await network.run(noise(network))
        for _ in range(30):
            assert same(await network.run(noise(network)), right)
        assert dev.counters.payload_errors + dev.counters.header_errors + dev.counters.retransmits > 0


@on_both_backends
async def test_a_cut_line_leads_to_the_same_board_and_a_reset_to_a_new_start(rigs: list[Rig]) -> None:
    executable()
    counts: dict[str, tuple[int, int]] = {}
    for kind in ("cut", "reset"):
        rigs.clear()
        async with N6Device(f"sim:{NETWORKS}?{kind}={NEVER}", reconnect=LONG) as dev, dev.events() as changes:
            network, boot = dev["reference"], dev.info.boot_nonce
            right = await network.run(noise(network))
            rigs[0].set_faults(Faults.parse({kind: "0.5", "seed": "2"}))
            while not dev.health.returns:
                try:
                    assert same(await network.run(noise(network)), right)
                except DeviceRebooted:
                    assert kind == "reset"
            assert (dev.info.boot_nonce == boot) == (kind == "cut")
            counts[kind] = dev.health.returns, dev.health.reboots
            assert (await anext(changes)).state is State.RECONNECTING
    assert counts["cut"][1] == 0
    assert counts["reset"][0] == counts["reset"][1]


QUIET: Final = """
import sys, numpy as np
from n6link.blocking import N6Device
with N6Device(sys.argv[1]) as dev:
    net = dev["reference"]
    for _ in range(30):
        net.run(np.zeros(net.inputs["image"].shape, np.int8))
    counted = dev.counters
    print(counted.payload_errors + counted.header_errors + counted.retransmits)
"""


def test_a_program_without_logging_set_up_prints_nothing_about_damage() -> None:
    executable()
    done = subprocess.run(
        [sys.executable, "-c", QUIET, f"sim:{NETWORKS}?chunk=256&flip=3e-4&seed=1"],
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 10


def workers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "n6link cable"]


def test_the_board_ends_with_its_device_also_while_the_line_is_cut(rigs: list[Rig]) -> None:
    executable()

    async def body(*, close: bool) -> None:
        rigs.clear()
        dev = await N6Device(f"sim:{NETWORKS}?cut={NEVER}", reconnect=LONG).open()
        rigs[0].cut()
        while dev.state is not State.RECONNECTING:  # noqa: ASYNC110
            await anyio.sleep(0.005)
        assert len(workers()) == 1
        if close:
            await dev.aclose()

    for backend in ("asyncio", "trio"):
        for close in (True, False):
            anyio.run(lambda: body(close=close), backend=backend)  # noqa: B023 - it is called at once
            assert workers() == []


async def test_a_stream_without_a_device_ends_its_board() -> None:
    executable()
    stream = await open_stream(f"sim:{NETWORKS}?flip=1e-9")
    assert stream.rig
    pid = stream.rig.pid
    await stream.aclose()
    await stream.aclose()
    assert not os.path.exists(f"/proc/{pid}")  # noqa: ASYNC240
    assert workers() == []


def test_a_board_that_cannot_start() -> None:
    executable()
    with pytest.raises(TransportError, match="the virtual board did not start: .*no_such_network"):
        anyio.run(N6Device("sim:reference:no_such_network?flip=1e-5").open)
    assert workers() == []


# ------------------------------------------------------------------------------------------- rigs and cables


@pytest.fixture(params=["unix", "tcp", "pty"])
def link(request: pytest.FixtureRequest) -> Any:
    executable()
    return request.param


def test_a_blocking_program_on_a_rig(link: Any) -> None:
    with sim.rig(NETWORKS, link=link) as rig:
        with blocking.N6Device(rig.url, reconnect=LONG) as dev, dev.events() as changes:
            network, boot = dev["reference"], dev.info.boot_nonce
            right = network.run(noise(network))
            rig.cut()
            rig.cut()
            assert next(changes).state is State.RECONNECTING
            rig.restore()
            rig.restore()
            assert same(network.run(noise(network)), right)
            assert next(changes).rebooted is False
            rig.freeze()
            rig.restore()
            assert same(network.run(noise(network)), right)
            old = rig.pid
            rig.reset()
            assert rig.pid != old
            change = next(changes)
            while change.state is not State.OPEN:
                change = next(changes)
            assert change.rebooted
            assert dev.info.boot_nonce != boot
            assert same(network.run(noise(network)), right)
            rig.set_faults(Faults(flip=1e-4))
            for _ in range(20):
                assert same(network.run(noise(network)), right)
            rig.set_faults()
            fired = rig.fired
            assert {fault.kind for fault in fired} == {"flip"}
            assert {fault.way for fault in fired} == set(WAYS)
            network.run(noise(network))
            assert rig.fired == fired
        pid = rig.pid
    rig.close()
    assert not Path(f"/proc/{pid}").exists()
    assert workers() == []
    with pytest.raises(TransportError, match="this cable was closed"):
        rig.cut()


def test_a_board_that_somebody_kills_is_started_for_the_next_host(link: Any) -> None:
    if link == "pty":
        pytest.skip("nobody notices on a terminal")
    with sim.rig(NETWORKS, link=link) as rig:
        for _ in range(2):
            with blocking.N6Device(rig.url) as dev:
                assert dev.ping().rtt > 0
            os.kill(rig.pid, signal.SIGKILL)
            while " Z " not in Path(f"/proc/{rig.pid}/stat").read_text():
                time.sleep(0.005)


def host_of(cable: Cable) -> socket.socket:
    """A connection to the host's end."""
    return socket.create_connection(("127.0.0.1", int(cable.url.rpartition(":")[2])))


def test_all_that_a_host_has_sent_arrives_when_it_closes() -> None:
    """A session ends with a last frame; the cable must pass it on, however slow the board is."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"tcp:127.0.0.1:{listener.getsockname()[1]}"
        with closing(Cable(lambda: url, kind="tcp", path=Path("unused"))) as cable:
            data = os.urandom(3_000_000)

            def send() -> None:
                with host_of(cable) as host:
                    host.sendall(data)

            sender = threading.Thread(target=send)
            sender.start()
            with listener.accept()[0] as board:
                assert b"".join(iter(lambda: board.recv(50_000), b"")) == data
            sender.join()


def test_a_board_that_is_not_there_closes_the_host() -> None:
    def absent() -> str:
        return "tcp:127.0.0.1:1"

    with closing(Cable(absent, kind="tcp", path=Path("unused"))) as cable, host_of(cable) as host:
        assert host.recv(1) == b""


def test_a_port_that_another_program_has(tmp_path: Path) -> None:
    executable()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            TransportError, match=rf"tcp:127\.0\.0\.1:{port} cannot be served \(address already in use\)"
        ):
            sim.rig(NETWORKS, link="tcp", port=port)
    with pytest.raises(TransportError, match="cannot be served"):
        Cable(lambda: "unix:none", kind="unix", path=tmp_path / "no folder" / "line")
    assert workers() == []
    with sim.rig(NETWORKS, link="tcp") as rig:
        rig.cut()
        taken = socket.create_server(("127.0.0.1", int(rig.url.rpartition(":")[2])))
        with taken, pytest.raises(TransportError, match="cannot be served"):
            rig.restore()
        rig.restore()
        with blocking.N6Device(rig.url) as dev:
            assert dev.ping().rtt > 0


def test_the_command_that_serves_a_board_on_a_line_with_faults(tmp_path: Path) -> None:
    executable()
    base = [sys.executable, "-m", "n6link", "sim", "--network", NETWORKS, "--unix", str(tmp_path / "line")]
    with subprocess.Popen([*base, "--faults", "cut=0.5&seed=2"], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            url = json.loads(process.stdout.readline())["url"]
            assert url == f"unix:{tmp_path / 'line'}"
            returns = 0
            while not returns:
                # On a slow computer the line may be cut before the device is open.
                with suppress(TransportError), blocking.N6Device(url, reconnect=LONG) as dev:
                    while not (returns := dev.health.returns):
                        dev.ping()
                    assert dev.health.reboots == 0
        finally:
            process.terminate()
    done = subprocess.run([*base, "--faults", "cut=never"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "cut='never' is not a number" in done.stderr
