"""The doctor names the cause: each one is arranged, on a virtual board, a pseudo terminal, or a computer whose files are the test's.

``test_doctor_causes.py`` does it with the command.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import anyio
import nobody
import numpy as np
import pytest
import wire
from e2e_fixtures import board, sim_url
from faults import Faults, breaking
from lines import Line, Usb
from reductions import spec
from references import SENTIMENT
from scripted import nonce_of, number_of, script
from test_doctor_causes import Stalling
from typer.testing import CliRunner

from n6link import doctor, settings
from n6link.cli import app
from n6link.control.histogram import Histogram
from n6link.device import N6Device
from n6link.doctor import Diagnosis, Severity, Trouble, examine, port, rules
from n6link.doctor.limits import Forecast
from n6link.doctor.measure import ENCODE, PINGS, Measurements, Stages
from n6link.errors import DeviceError, TransportError
from n6link.network import Network
from n6link.protocol import CheckState, ResetCause, Status, VoltageMode
from n6link.result import Result
from n6link.serve.server import Server
from n6link.session import connection
from n6link.session.check import Check
from n6link.session.info import DeviceInfo
from n6link.session.rates import RATES, Attempt
from n6link.tensors import tensor
from n6link.tensors.noise import noise
from n6link.transport import ports
from n6link.transport.serial_port import SerialStream
from n6link.transport.url import open_stream

pytestmark = pytest.mark.usefixtures("busy_computer")

HEALTHY = Measurements(Histogram(), 9e4, 9e4, 92160.0, (), 0.0, 0.0, 0, 0.001, 0.0, 0.001, {}, {}, {}, {})
for _ in range(PINGS):
    HEALTHY.round_trips.add(0.001)

VIRTUAL = b"n6sim".hex()
"""the unique id of a virtual board"""


def troubles(found: Diagnosis) -> list[Trouble]:
    return [finding.trouble for finding in found.findings]


@pytest.fixture
async def info() -> DeviceInfo:
    async with N6Device(sim_url()) as dev:
        return dev.info


# ---- what is between


async def test_a_healthy_board() -> None:
    found = await examine(sim_url())
    assert found.healthy and found.severity is Severity.NOTE and not found.findings
    assert found.measurements and found.measurements.round_trips.count == PINGS
    assert [forecast.network for forecast in found.forecasts] == ["reference", "reference_colour"]
    assert found.verdict.startswith("the board is healthy; reference")
    drift = found.measurements.drift
    assert found.simulated and drift is not None and abs(drift) <= found.measurements.drift_error + 5e-4
    assert found.measurements.line is None and found.measurements.up and found.measurements.down


async def test_a_low_rate() -> None:
    found = await examine(sim_url(baud=460800))
    assert troubles(found) == [Trouble.LOW_RATE] and found.severity is Severity.SLOW
    assert found.verdict.startswith("the line has 460,800 baud, and 921,600 are usual; omit baud=")
    assert found.measurements and found.measurements.line == 46080
    (reference, *_) = found.forecasts
    assert reference.stages.upload > 0.9 * 6912 / 46080, "an input of the network, at this rate"


async def test_a_line_that_damages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "LOSS", 0.01)
    found = await examine(f"{sim_url(chunk=1024)}&flip=2e-4&seed=3")
    assert Trouble.LOSSY_LINE in troubles(found) and found.severity is Severity.FAULT
    assert found.measurements and max(found.measurements.lost_up or 0, found.measurements.lost_down or 0) > rules.LOSS


@pytest.mark.parametrize(("find", "put"), [(b"\n", b"\r\n"), (b"\x00", b"")], ids=["LF to CR LF", "NUL is removed"])
async def test_a_line_that_changes_bytes(find: bytes, put: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "open_stream", breaking(open_stream, Faults(find=find, put=put), 0))
    found = await examine(sim_url(), timeout=0.5)
    assert troubles(found) == [Trouble.FOREIGN_BYTES] and found.severity is Severity.DEAD
    assert "changes bytes" in found.verdict


async def test_a_reader_that_stalls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "STALL", 0.3)
    monkeypatch.setattr(rules, "STALL_RATIO", 1.0)  # on a busy computer each round trip may be slow

    async def stalling(url: str | None = None) -> Stalling:
        return Stalling(await open_stream(url), Faults(), 0)

    monkeypatch.setattr(connection, "open_stream", stalling)
    found = await examine(sim_url())
    assert troubles(found) == [Trouble.STALLS]
    assert "the line pauses at times: the slowest of 100 round trips took" in found.verdict


async def test_a_second_reader(line: Line, usb: Usb) -> None:
    """It takes a part of each answer."""
    usb.plug("ttyACM0", "0483:374e", "1", node=line.path)
    usb.run(77, "minicom")
    (usb.root / "proc/77/fd").mkdir()
    (usb.root / "proc/77/fd/3").symlink_to(line.path)
    async with anyio.create_task_group() as group:
        group.start_soon(line.write, b"N6 half of a frame")
        found = await examine(f"serial:{usb.root}/dev/ttyACM0", timeout=0.3)
    assert troubles(found) == [Trouble.SECOND_READER]
    assert "minicom (process 77) has serial port" in found.verdict and found.verdict.endswith("; close it")


async def test_a_board_that_is_used_by_another_program() -> None:
    with board("--tcp", "0") as used:
        async with N6Device(used.url):
            found = await examine(used.url)
    assert troubles(found) == [Trouble.PORT_BUSY] and "in use by n6link" in found.verdict


async def test_a_port_that_is_open_elsewhere(line: Line) -> None:
    async with await open_stream(line.url):
        found = await examine(line.url)
    assert troubles(found) == [Trouble.PORT_BUSY]


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to other users")
def test_a_port_of_another_user(line: Line) -> None:
    os.chmod(line.path, 0o600)
    (said,) = nobody.run("print(asyncio.run(doctor.examine(sys.argv[1])).to_dict()['findings'])", line.url)
    assert "'trouble': 'no permission'" in said and "install the rules" in said


async def test_firmware_of_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    script(monkeypatch, lambda sent: wire.hello_reply(number_of(sent), nonce=nonce_of(sent), major=1))
    found = await examine("tcp:peer:1", timeout=0.3)
    assert troubles(found) == [Trouble.OLD_FIRMWARE] and "firmware" in found.verdict


async def test_a_board_that_is_silent_and_one_that_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    assert troubles(await examine("unix:/none/at/all")) == [Trouble.UNUSABLE]
    script(monkeypatch, lambda _: b"")
    assert troubles(await examine("tcp:peer:1", timeout=0.1)) == [Trouble.SILENT]
    script(monkeypatch, lambda _: b"login: ")
    assert troubles(await examine("tcp:peer:1", timeout=0.1)) == [Trouble.OTHER_PROTOCOL]


async def test_no_board(usb: Usb) -> None:
    found = await examine()
    assert troubles(found) == [Trouble.NO_BOARD] and found.verdict.startswith("no STM32N6 board was found")


async def test_a_network_that_cannot_run(tmp_path: Path) -> None:
    (tmp_path / "stale.tflite").write_text("not the weights of this build")
    found = await examine(f"sim:{tmp_path}/stale.tflite,reference:")
    assert troubles(found) == [Trouble.STALE_WEIGHTS] and found.severity is Severity.FAULT
    assert found.verdict.startswith("network 'stale' cannot run: ")
    assert [forecast.network for forecast in found.forecasts] == ["reference"]


async def test_a_network_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are measured."""
    run = Network.run

    async def failing(network: Network, data: Any, **options: Any) -> Result:
        if network.name == "reference":
            raise DeviceError("the device answers NPU_FAULT: the network runtime failed (value 4)", Status.NPU_FAULT, 4)
        return await run(network, data, **options)

    monkeypatch.setattr(Network, "run", failing)
    found = await examine(sim_url())
    assert troubles(found) == [Trouble.FAILING] and found.severity is Severity.FAULT
    assert "network 'reference' fails with random inputs: the device answers NPU_FAULT" in found.verdict
    assert [forecast.network for forecast in found.forecasts] == ["reference_colour"]


# ---- what the board says


def test_a_wrong_clock(info: DeviceInfo) -> None:
    """A board on which the core voltage was not raised; one that was built for the low voltage; one that is too fast for its voltage."""
    slow = replace(info, board="STM32N6570-DK", cpu_hz=600_000_000, npu_hz=1_000_000_000)
    (finding,) = rules.of_device(slow, (), {})
    assert finding.trouble is Trouble.WRONG_CLOCK
    assert finding.sentence == "the CPU runs at 600 MHz, and not at 800 MHz"
    assert not list(rules.of_device(replace(slow, cpu_hz=800_000_000, voltage=VoltageMode.OVERDRIVE), (), {}))
    low = replace(slow, voltage=VoltageMode.NOMINAL, npu_hz=800_000_000)
    (finding,) = rules.of_device(low, (), {})
    assert finding.trouble is Trouble.LOW_VOLTAGE and finding.severity is Severity.SLOW
    fast, voltage = rules.of_device(replace(low, cpu_hz=800_000_000), (), {})
    assert (fast.trouble, voltage.trouble) == (Trouble.WRONG_CLOCK, Trouble.LOW_VOLTAGE)
    assert fast.sentence == "the CPU runs at 800 MHz at nominal core voltage, and not at 600 MHz"


def test_a_clock_that_does_not_have_the_rate_that_it_reports() -> None:
    (finding,) = rules.of_line(replace(HEALTHY, drift=0.25, drift_error=0.001))
    assert finding.trouble is Trouble.WRONG_CLOCK and "is 25.00% slower than the rate" in finding.sentence
    assert not list(rules.of_line(replace(HEALTHY, drift=0.25, drift_error=0.25)))


def test_what_the_firmware_reports(info: DeviceInfo) -> None:
    """Reasons of networks are in other findings."""
    said = replace(info, runtime="LL_ATON 1.1.3; flash runs at a quarter; pose: weights are missing", protocol="1.9")
    found = list(rules.of_device(said, ("reference",), {"pose": "weights are missing"}))
    assert [finding.trouble for finding in found] == [Trouble.STALE_WEIGHTS, Trouble.OLD_FIRMWARE, Trouble.REMARK]
    assert "uses protocol 1.9" in found[1].sentence
    assert found[2].sentence == "the firmware reports: flash runs at a quarter"
    assert {finding.severity for finding in found[1:]} == {Severity.NOTE}


def test_a_board_that_was_restarted_by_a_fault(info: DeviceInfo) -> None:
    (finding,) = rules.of_device(replace(info, reset_cause=ResetCause.FAULT, fault_record="pc=1\nlr=2"), (), {})
    assert finding.trouble is Trouble.RESTARTED and finding.sentence.endswith("followed a fault reset: pc=1")


def test_outputs_that_are_not_those_of_the_reference() -> None:
    checks = {"pose": Check(CheckState.DIFFERENT, 1, 0.1), "text": Check(CheckState.SAME, 1, 0.1)}
    (finding,) = rules.of_checks(checks)
    assert finding.trouble is Trouble.WRONG_OUTPUTS and "'pose'" in finding.sentence


def test_a_clock_that_is_hardly_known() -> None:
    assert not list(rules.of_line(HEALTHY))
    (finding,) = rules.of_line(replace(HEALTHY, clock_error=2 * rules.CLOCK_ERROR))
    assert finding.trouble is Trouble.UNSTABLE_CLOCK


# ---- the port


def test_full_speed_usb_hubs_and_latency(usb: Usb) -> None:
    name = usb.plug("ttyACM0", "0483:5740", "00", at="1-1.2.3.4", manufacturer="n6link")
    devices = usb.root / "sys/bus/usb/devices"
    devices.mkdir()
    (devices / "1-1.2.3.4").symlink_to(usb.root / "sys/devices/1-1.2.3.4")
    speed = usb.root / "sys/devices/1-1.2.3.4/speed"
    speed.write_text("12\n")
    (found,) = ports.devices()
    assert found.path == name
    assert [finding.trouble for finding in port.of_usb(found)] == [Trouble.FULL_SPEED, Trouble.HUBS]
    speed.write_text("480\n")
    assert [finding.trouble for finding in port.of_usb(replace(found, location="1-1"))] == []
    latency = usb.root / "sys/bus/usb-serial/devices/ttyACM0"
    latency.mkdir(parents=True)
    (latency / "latency_timer").write_text("16\n")
    (finding,) = port.of_usb(replace(found, location="1-1"))
    assert finding.trouble is Trouble.LATENCY and "waits 16 ms" in finding.sentence
    assert not list(port.of_usb(ports.Port("p", None, "not at USB")))


def test_modem_manager(line: Line, usb: Usb) -> None:
    assert not list(port.probed(line.path))
    usb.run(77, "ModemManager")
    (finding,) = port.probed(line.path)
    assert finding.trouble is Trouble.MODEM_MANAGER and finding.severity is Severity.NOTE


# ---- what limits a network


async def test_a_network_that_takes_token_ids(virtual_board: None) -> None:
    """Its ids, types and masks are in its tables also if they are random."""
    found = await examine(f"sim:{SENTIMENT}")
    assert found.severity < Severity.FAULT and [forecast.network for forecast in found.forecasts] == [SENTIMENT.stem]


@pytest.mark.parametrize("dtype", tensor.NUMPY_DTYPES.values(), ids=str)
def test_random_inputs(dtype: tensor.Element) -> None:
    made = noise(spec("x", (500, 3), dtype.str), 6)
    assert (
        made.dtype == dtype
        and made.shape == (500, 3)
        and np.array_equal(made, noise(spec("x", (500, 3), dtype.str), 6))
    )
    low, high = float(made.min()), float(made.max())
    small = dtype.kind in "iu" and dtype.itemsize < 4
    least, most = (np.iinfo(dtype.str).min, np.iinfo(dtype.str).max) if small else (0, 1)
    assert least <= low < high <= most and high - low > 0.9 * (most - least)


async def test_reductions_and_compressed_pictures(virtual_board: None) -> None:
    found = await examine("sim:movenet13")
    (pose,) = found.forecasts
    assert list(pose.ways) == ["whole", "reduced", f"reduced, {ENCODE}"]
    assert pose.reduced and pose.reduced.answer < pose.stages.answer / 10
    assert pose.encoded and pose.encoded.answer == pose.reduced.answer


@pytest.mark.parametrize(
    ("stages", "limit"),
    [((0.2, 0.01, 0.1), "upload"), ((0.01, 0.2, 0.1), "network"), ((0.01, 0.02, 0.3), "download")],
)
def test_the_slowest_stage(stages: tuple[float, float, float], limit: str) -> None:
    one = Forecast("pose", Stages(*stages, answer=1000), None)
    assert one.limit == limit
    assert one.stream == 1 / max(stages) and one.run == pytest.approx(1 / sum(stages))
    assert f"pose is limited by the {limit}" in one.sentence


def test_the_faster_way_counts() -> None:
    one = Forecast("pose", Stages(0.1, 0.02, 0.3, answer=120_000), Stages(0.1, 0.02, 0.001, answer=100))
    assert one.best is one.reduced and one.limit == "upload" and one.stream == 10


def test_what_makes_a_network_faster() -> None:
    slow, fast = Stages(0.2, 0.01, 0.1, answer=1000), Stages(0.02, 0.01, 0.001, answer=10)
    assert Forecast("pose", slow, None).remedy.startswith("use the USB port")
    assert "encode='jpeg:95' would give 50 frames/s, and lose details" in Forecast("pose", slow, None, fast).remedy
    assert "n6link profile pose" in Forecast("pose", Stages(0.1, 0.2, 0.1, answer=1), None).remedy
    down = Stages(0.01, 0.02, 0.3, answer=1000)
    assert "a card with a decoder" in Forecast("pose", down, None).remedy
    assert Forecast("pose", down, replace(down, answer=900)).remedy.startswith("use the USB port")


# ---- through a server


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[str, None]:
    """The URL of a server of a virtual board on a UART."""
    monkeypatch.setenv("N6LINK_RUNTIME", str(tmp_path / "servers"))
    ready, urls = anyio.Event(), list[str]()

    def announce(_: N6Device, where: Sequence[str]) -> None:
        urls.extend(where)
        ready.set()

    async def serve() -> None:
        await Server(sim_url(baud=921600), []).run(announce)

    serving = asyncio.create_task(serve())
    await ready.wait()
    yield urls[0]
    serving.cancel()
    with suppress(asyncio.CancelledError):
        await serving


async def test_a_board_that_is_examined_through_its_server(server: str, file: Path) -> None:
    """Also without a URL. Its waits are not those of the line."""
    found = await examine()
    assert found.url == server and found.healthy and troubles(found) == [Trouble.SHARED]
    assert found.server.startswith("n6link serve ") and "with 0 other programs" in found.findings[0].sentence
    measured = found.measurements
    assert measured and measured.shared and measured.lost_up is measured.lost_down is measured.drift is None
    assert measured.line == 92160 and measured.up and measured.down
    assert not found.stored
    waits = replace(HEALTHY, lost_up=None, lost_down=None, shared=True, round_trips=Histogram())
    for seconds in (0.001, 0.001, 2 * rules.STALL):
        waits.round_trips.add(seconds)
    (finding,) = rules.of_line(waits)
    assert finding.trouble is Trouble.STALLS and finding.severity is Severity.SLOW
    assert finding.sentence.startswith("the server pauses at times")
    (finding,) = rules.of_line(replace(waits, lost_up=0.0, lost_down=0.0, shared=False))
    assert finding.sentence.startswith("the line pauses at times")


async def test_a_network_that_another_program_has_leased(server: str) -> None:
    async with N6Device(server) as dev:
        await dev["reference"].lease(600)
        found = await examine(server)
    assert found.healthy and set(troubles(found)) == {Trouble.SHARED, Trouble.LEASED}
    assert [forecast.network for forecast in found.forecasts] == ["reference_colour"]
    sentences = " ".join(finding.sentence for finding in found.findings)
    assert "with 1 other program:" in sentences and "network 'reference' was not measured: " in sentences


# ---- what is stored


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings file of the test, which does not exist."""
    monkeypatch.setenv("N6LINK_CONFIG", str(tmp_path / "settings.toml"))
    return tmp_path / "settings.toml"


async def test_all_rates_are_tried_again_and_the_best_one_is_used_from_then_on(file: Path) -> None:
    settings.learn(VIRTUAL, rate=RATES[2])  # an earlier cable
    with board("--pty", "--uart", "921600") as virtual:
        async with N6Device(virtual.url) as dev:
            assert dev.info.baud == RATES[2]
        found = await examine(virtual.url)
        async with N6Device(virtual.url) as dev:
            assert dev.info.baud == RATES[0]
    assert found.measurements and found.measurements.rates == (Attempt(RATES[0]),)
    assert found.measurements.line == RATES[0] / 10 and Trouble.LOW_RATE not in troubles(found)
    assert found.stored["rate"] == RATES[0] and found.stored["doctor"] == found.verdict
    learnt = settings.load().learnt(VIRTUAL)
    assert learnt["rate"] == RATES[0] and learnt["doctor"] == found.verdict
    assert datetime.fromisoformat(str(learnt["examined"])).tzinfo


async def test_a_rate_that_the_line_does_not_carry(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one is used; one that the board does not have is not a fault of the line."""
    original = SerialStream.set_baud

    async def refuse(stream: SerialStream, baud: int) -> None:
        if baud == RATES[0]:
            raise TransportError(f"the port does not support {baud} baud")
        await original(stream, baud)

    monkeypatch.setattr(SerialStream, "set_baud", refuse)
    with board("--pty", "--uart", "921600") as virtual:
        found = await examine(virtual.url)
    assert troubles(found) == [Trouble.LOW_RATE] and found.severity is Severity.SLOW
    assert found.verdict.startswith(f"{RATES[0]:,} baud cannot be used: the port does not support {RATES[0]} baud; use")
    assert found.stored["rate"] == RATES[1]
    refused = (Attempt(RATES[0], "the device answers UNSUPPORTED", refused=True), Attempt(RATES[1]))
    assert not list(rules.of_line(replace(HEALTHY, rates=refused)))


async def test_a_rate_that_the_url_sets(file: Path) -> None:
    with board("--pty", "--uart", "921600") as virtual:
        found = await examine(f"{virtual.url}?baud=921600")
    assert troubles(found) == [Trouble.LOW_RATE] and found.severity is Severity.SLOW
    assert found.verdict == "the URL sets 921,600 baud, and rates up to 2,764,800 are not tried; omit baud= in the URL"
    assert "rate" not in found.stored


async def test_the_speed_of_a_line_without_a_bit_rate(file: Path) -> None:
    """If it is slow, programs get reductions as on a UART."""
    with board("--pty") as virtual:
        found = await examine(virtual.url)
        assert not found.measurements or found.measurements.line is None
        assert settings.load().learnt(VIRTUAL)["speed"] == found.stored["speed"]
        for speed, slow in ((950_000, True), (20_000_000, False)):
            settings.learn(VIRTUAL, speed=speed)
            async with N6Device(virtual.url) as dev:
                assert dev.info.speed == speed and dev.info.slow is slow


async def test_nothing_is_stored_for_a_board_that_ends_with_the_program(file: Path) -> None:
    found = await examine(sim_url())
    assert not found.stored and not settings.load().values


async def test_settings_that_cannot_be_written_are_a_note(file: Path) -> None:
    await anyio.Path(file).write_text("version = 99\n")
    with board("--pty") as virtual:
        found = await examine(virtual.url)
    assert troubles(found) == [Trouble.SETTINGS] and found.healthy
    assert "version = 99" in found.findings[0].sentence


# ---- the command


def test_the_command(tmp_path: Path) -> None:
    runner = CliRunner()
    good = runner.invoke(app, ["doctor", "--url", sim_url(), "--json"])
    said = json.loads(good.stdout)
    assert good.exit_code == 0 and said["healthy"] and said["networks"][0]["ways"]["whole"]["answer_bytes"] > 0
    slow = runner.invoke(app, ["doctor", "--url", sim_url(baud=460800)])
    assert slow.exit_code == 3 and "low rate: the line has 460,800 baud" in slow.stdout
    assert "of the line" in slow.stdout and "limited by" in slow.stdout
    wrong = runner.invoke(app, ["doctor", "--url", sim_url(), "--timeout", "-1"])
    assert wrong.exit_code == 2 and "timeout=-1.0 must be a positive" in wrong.stderr
    dead = runner.invoke(app, ["doctor", "--url", f"unix:{tmp_path}/none"])
    assert dead.exit_code == 1 and dead.stdout.startswith("cannot be opened: no program listens at")


def test_what_was_stored_is_said_by_the_command(file: Path) -> None:
    with board("--pty", "--uart", "921600") as virtual:
        done = CliRunner().invoke(app, ["doctor", "--url", virtual.url])
    assert "bit rate" in done.stdout and f"Stored for this board: rate {RATES[0]:,} baud, this sentence" in done.stdout
    with board("--pty") as virtual:
        done = CliRunner().invoke(app, ["doctor", "--url", virtual.url])
    assert "Stored for this board: speed " in done.stdout


def test_a_server_is_named_by_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = replace(HEALTHY, lost_up=None, lost_down=None, drift=None, shared=True)
    found = Diagnosis("unix:n6", "STM32N6570-DK", (), shared, (), server="n6link serve 0.1.0")

    async def examined(url: str | None, *, timeout: float) -> Diagnosis:  # noqa: ASYNC109
        return found

    monkeypatch.setattr(doctor, "examine", examined)
    done = CliRunner().invoke(app, ["doctor"])
    assert "STM32N6570-DK at unix:n6, through n6link serve 0.1.0" in done.stdout
    assert "round trip to the server" in done.stdout and "not visible through a server" in done.stdout
