"""A recording as a device: the same results, times and errors, in order; other inputs; bad recordings."""

from __future__ import annotations

import json
import logging
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import anyio
import anyio.to_thread
import numpy as np
import pytest
from e2e_fixtures import REFERENCE, executable, noise, on_both_backends, sim_url
from n6sim import refusal
from typer.testing import CliRunner

from n6link import N6Device, Recorder, Result, blocking
from n6link.cli import app
from n6link.errors import DeviceError, DeviceRebooted, N6Error, N6Timeout, RecordingError, TransportError
from n6link.json_types import plain
from n6link.protocol import SCHEMA_ID, Status
from n6link.recorder import pcapng
from n6link.recorder.recording import Recording
from n6link.recorder.script import script
from n6link.recorder.traffic import Damage, traffic
from n6link.transport import replay, sim

ABSENT: Final = 1000
"""value of the error after the last recorded run, as in firmware/npu/recorded.h"""


def values(result: Result) -> tuple[Any, ...]:
    """What a result has that does not depend on when it ran."""
    return (
        {name: array.tobytes() for name, array in result.outputs.items()},
        result.epochs.ticks[:, 1:].tolist() if result.epochs else None,
    )


async def run(dev: N6Device, seeds: Sequence[int], name: str = "reference", **options: Any) -> list[Result]:
    return [await dev[name].run(noise(dev[name], seed), **options) for seed in seeds]


def record(path: Path, runs: int = 3, **options: Any) -> Path:
    """Records some inferences of the first network."""
    with blocking.N6Device(sim_url(), record=path) as dev:
        for seed in range(runs):
            dev["reference"].run(noise(dev["reference"], seed), **options)
    return path


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three inferences with whole outputs."""
    return record(tmp_path_factory.mktemp("replay") / "three.pcapng", reduce=False)


# ------------------------------------------------------------------------------------------- the same again


@on_both_backends
async def test_results_times_and_descriptions_are_those_of_the_recording(tmp_path: Path) -> None:
    file = tmp_path / "all.pcapng"
    names = ("reference", "reference_colour")
    async with N6Device(sim_url(slots=3, chunk=512), record=file) as dev:
        there = [values(result) for name in names for result in await run(dev, range(3), name, timers=True)]
        about, networks = dev.info, {name: network.info for name, network in dev.networks.items()}
    async with N6Device(f"replay:{file}") as dev:
        here = [values(result) for name in names for result in await run(dev, range(3), name, timers=True)]
        for name, network in dev.networks.items():
            assert plain(replace(network.info, device=networks[name].device)) == plain(networks[name])
        for field in ("board", "firmware", "build", "unique_id", "slots", "chunk", "runtime"):
            assert getattr(dev.info, field) == getattr(about, field), field
        assert dev.info.slots == 3
    assert here == there


@pytest.mark.parametrize("options", [{}, {"reduce": True}, {"reduce": False}, {"outputs": ["class"]}])
def test_whatever_was_asked_for_is_answered_again(tmp_path: Path, options: dict[str, Any]) -> None:
    file, name = tmp_path / "asked.pcapng", "reference_colour" if "outputs" in options else "reference"
    found = []
    for url, where in ((sim_url(), file), (f"replay:{file}?speed=0", None)):
        with blocking.N6Device(url, record=where) as dev:
            result = dev[name].run(noise(dev[name], 7), **options)
            found.append(plain(result.outputs if options else result.decode()))
    assert found[0] == found[1]


@on_both_backends
async def test_several_at_once_get_the_results_of_their_inputs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "several.pcapng"
    found: list[dict[int, Any]] = []
    for url, where in ((sim_url(), file), (f"replay:{file}?speed=0", None)):
        results: dict[int, Any] = {}

        async def one(dev: N6Device, seed: int, results: dict[int, Any] = results) -> None:
            (result,) = await run(dev, [seed])
            results[seed] = values(result)[0]

        async with N6Device(url, record=where) as dev, anyio.create_task_group() as tasks:
            for seed in range(6) if where else reversed(range(6)):
                tasks.start_soon(one, dev, seed)
        found.append(results)
    assert found[0] == found[1]
    assert "differ" not in caplog.text


def test_a_ring_is_replayed(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "ring.pcapng", ring=64 << 10)
    with blocking.N6Device(sim_url(), record=recorder) as dev:
        for seed in range(30):
            last = values(dev["reference"].run(noise(dev["reference"], seed)))
        recorder.save()
    found = script(recorder.path)
    assert 0 < found.runs["reference"] < 30
    with blocking.N6Device(f"replay:{recorder.path}?speed=0") as dev:
        for seed in range(30 - found.runs["reference"], 30):
            result = values(dev["reference"].run(noise(dev["reference"], seed)))
    assert result[0] == last[0]


@on_both_backends
async def test_a_recording_of_a_bad_line_has_all_results(tmp_path: Path) -> None:
    """Damaged and repeated chunks and requests are in it; the replay is on a good line."""
    file = tmp_path / "bad_line.pcapng"
    found = []
    for url, where in ((f"{sim_url()}?flip=1e-4&drop=1e-5&seed=3", file), (f"replay:{file}?speed=0", None)):
        async with N6Device(url, record=where) as dev:
            found.append([values(result)[0] for result in await run(dev, range(20), reduce=False)])
    assert found[0] == found[1]
    assert any(isinstance(item, Damage) and item.skipped for item in traffic(Recording(file).items()))


# ------------------------------------------------------------------------------------------- failures


async def application(dev: N6Device) -> str:
    """Uses a network until something fails; says after how many results, and what."""
    count = 0
    try:
        for seed in range(100):
            await run(dev, [seed])
            count += 1
    except N6Error as error:
        status = error.status if isinstance(error, DeviceError) else None
        return f"{count} results, then {type(error).__name__} {status}"
    return "all is well"


@on_both_backends
async def test_an_error_of_the_npu_is_replayed(recording: Path, tmp_path: Path) -> None:
    """The first device fails because its own recording has no fourth run: the error that is recorded is one of the C core."""
    file = tmp_path / "fault.pcapng"
    async with N6Device(f"replay:{recording}", record=file) as dev:
        failed = await application(dev)
    assert failed == f"3 results, then DeviceError {Status.NPU_FAULT}"
    assert script(file).faults == 1
    async with N6Device(f"replay:{file}") as dev:
        assert await application(dev) == failed
        with pytest.raises(DeviceError) as error:
            await run(dev, [0])
        assert error.value.value == ABSENT


@on_both_backends
async def test_a_device_that_hangs_hangs_again(tmp_path: Path) -> None:
    file = tmp_path / "hang.pcapng"
    with sim.rig(sim_url().removeprefix("sim:")) as rig:
        async with N6Device(rig.url, record=file, reconnect=0) as dev:
            await run(dev, range(2))
            rig.freeze()
            dev.connection.channel.timeout = 0.4
            with pytest.raises(N6Timeout):
                await run(dev, [2])
    assert script(file).endless == 1
    async with N6Device(f"replay:{file}", reconnect=0) as dev:
        await run(dev, range(2))
        usual, dev.connection.channel.timeout = dev.connection.channel.timeout, 0.4
        with pytest.raises(N6Timeout):
            await run(dev, [2])
        dev.connection.channel.timeout = usual
        await dev.ping()


async def restarted(dev: N6Device, before: Callable[[], object], meanwhile: Callable[[], object]) -> str:
    """What an application gets that asks for three results and a fourth, with something that happens before and during the third one."""
    await run(dev, range(2))
    before()
    said, sent = "", dev.counters.tx_chunks

    async def third() -> None:
        nonlocal said
        try:
            await run(dev, [2])
            said = "a result"
        except DeviceRebooted as error:
            said = f"DeviceRebooted: {str(error).partition(' was ')[2]}"

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(third)
        while dev.counters.tx_chunks == sent and not said:  # noqa: ASYNC110
            await anyio.sleep(0.001)
        await anyio.to_thread.run_sync(meanwhile)
    await run(dev, [3])
    return f"{said}; {dev.health.reboots} restarts"


def nothing() -> None:
    """Happens during a replay."""


@on_both_backends
async def test_a_device_that_restarts_restarts_again(tmp_path: Path) -> None:
    file = tmp_path / "restart.pcapng"
    with sim.rig(sim_url().removeprefix("sim:")) as rig:
        async with N6Device(rig.url, record=file, reconnect=60) as dev:
            there = await restarted(dev, rig.freeze, rig.reset)
    assert there.startswith("DeviceRebooted: ")
    assert script(file).reboots == 1
    async with N6Device(f"replay:{file}?speed=0", reconnect=60) as dev:
        assert await restarted(dev, nothing, nothing) == there


@on_both_backends
async def test_a_restart_that_the_host_asked_for_is_not_a_failure(tmp_path: Path) -> None:
    file = tmp_path / "asked.pcapng"
    for url, where in ((sim_url(), file), (f"replay:{file}", None)):
        async with N6Device(url, record=where) as dev:
            await run(dev, [0])
            await dev.reset(restart=True)
            await run(dev, [1])
            assert dev.health.reboots == 1
    assert script(file).reboots == script(file).endless == 0


# ------------------------------------------------------------------------------------------- other inputs, and the end


@on_both_backends
async def test_other_inputs_get_the_next_results_and_are_counted(
    recording: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with N6Device(sim_url()) as dev:
        there = [values(result)[0] for result in await run(dev, range(3), reduce=False)]
    async with N6Device(f"replay:{recording}?speed=0") as dev, dev.logs() as lines:
        here = [values(result)[0] for result in await run(dev, [100, 1, 101], reduce=False)]
        with pytest.raises(DeviceError) as error:
            await run(dev, [0])
        assert error.value.value == ABSENT
        said = [(await anext(lines)).text for _ in range(3)]
    assert here == [there[0], there[1], there[2]]
    assert said[0] == said[1] == "replay: reference: the input differs from the recorded one"
    assert said[2] == "replay: reference: the recording does not contain another run"
    assert "3 recorded inferences were played, 0 were not; 2 inputs differed" in caplog.text
    assert "1 inferences were requested after the last recorded one" in caplog.text


def test_a_replay_that_is_the_same_is_not_a_warning(recording: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with blocking.N6Device(f"replay:{recording}?speed=0") as dev:
        dev["reference"].run(noise(dev["reference"], 0))
    (said,) = (each for each in caplog.records if each.name == "n6link.replay")
    assert said.levelno == logging.INFO
    assert said.getMessage() == "1 recorded inferences were played, 2 were not"


def test_encoded_inputs_are_played_in_order(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Their digest is that of the encoded bytes, so the runtime cannot recognise them."""
    caplog.set_level(logging.INFO)
    pictures = [np.full((48, 48, 3), colour, np.uint8) for colour in ((200, 0, 0), (0, 200, 0), (0, 0, 200))]
    path = tmp_path / "coded.pcapng"
    with blocking.N6Device(sim_url(), record=path) as dev:
        first = [values(dev["reference"].run(picture, reduce=False, encode="qoi"))[0] for picture in pictures]
    with blocking.N6Device(f"replay:{path}?speed=0") as dev:
        again = [values(dev["reference"].run(picture, reduce=False, encode="qoi"))[0] for picture in pictures]
    assert again == first and first[0] != first[1] != first[2]
    (said,) = (each for each in caplog.records if each.name == "n6link.replay")
    assert said.getMessage() == "3 recorded inferences were played, 0 were not"


# ------------------------------------------------------------------------------------------- the command


@pytest.mark.parametrize("end", ["--unix", "--tcp", "--pty"])
def test_the_command_serves_a_recording(recording: Path, tmp_path: Path, end: str) -> None:
    where = {"--unix": ["--unix", str(tmp_path / "board")], "--tcp": ["--tcp", "0"], "--pty": ["--pty"]}[end]
    command = [sys.executable, "-m", "n6link", "replay", str(recording), "--speed", "0", *where]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stderr
            url = json.loads(process.stdout.readline())["url"]
            with blocking.N6Device(url) as dev:
                for seed in (0, 1, 50):
                    dev["reference"].run(noise(dev["reference"], seed), reduce=False)
            process.send_signal(signal.SIGINT)
            counts = json.loads(process.stdout.readline())
            said = " ".join(process.stderr.read().split())
            assert process.wait(60) == 0
        finally:
            process.kill()
    assert counts == {"played": 3, "different": 1, "absent": 0, "left": 0}
    assert "inferences: 3 of reference, 0 of reference_colour" in said
    assert said.endswith("3 recorded inferences were played, 0 were not; 1 inputs differed from the recorded ones")


def test_wrong_usage_of_the_command(recording: Path) -> None:
    for words, said in (
        ([str(recording)], "requires exactly one of --pty, --tcp PORT and --unix PATH"),
        (["missing", "--pty"], "cannot be read"),
    ):
        done = CliRunner().invoke(app, ["replay", *words], env={"COLUMNS": "200"})
        assert done.exit_code == 2
        assert said in done.output


# ------------------------------------------------------------------------------------------- bad input


def test_a_recording_that_is_cut_off_plays_what_is_there(recording: Path, tmp_path: Path) -> None:
    whole, cut = recording.read_bytes(), tmp_path / "cut.pcapng"
    lengths = [size for size in range(len(whole) - 2000, len(whole) - 8000, -999) if size % 4]
    for size in lengths:
        cut.write_bytes(whole[:size])
        found = script(cut)
        assert found.cut
        assert sum(found.runs.values()) - found.endless in (1, 2)
    with blocking.N6Device(f"replay:{cut}?speed=0") as dev:
        dev["reference"].run(noise(dev["reference"], 0), reduce=False)


def test_recordings_that_cannot_be_replayed(recording: Path, tmp_path: Path) -> None:
    whole = recording.read_bytes()
    head = pcapng.head("x") + b"".join(
        pcapng.event_packet(0, json.dumps({"event": "recording", "format": 1, "schema": SCHEMA_ID}).encode(), "")
    )
    bad = {
        b"": "is empty",
        b"no pcapng, as its start shows": "is not a pcapng file",
        head: "HELLO and INFO with their answers is missing",
        whole[: whole.index(b"heatmaps") - 200]: "does not contain the whole description of a device",
        whole.replace(b'"format": 1,', b'"format": 9,'): "update n6link",
    }
    file = tmp_path / "bad.pcapng"
    for data, said in bad.items():
        file.write_bytes(data)
        with pytest.raises(RecordingError, match=said), blocking.N6Device(f"replay:{file}"):
            pass


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ("", "does not contain a recording"),
        ("?speed=2", "does not contain a recording"),
        ("a?speed=fast", "has the option 'speed=fast'"),
        ("a?speed=-1", "has the option 'speed=-1'"),
        ("a?loop=1", "has the option 'loop=1'"),
        ("a?speed=inf", "has the option 'speed=inf'"),
    ],
)
def test_urls_that_are_wrong(rest: str, said: str) -> None:
    with pytest.raises(TransportError, match=said):
        replay.parse(rest)


def test_the_virtual_board_refuses_what_it_cannot_play(recording: Path, tmp_path: Path) -> None:
    data, file = script(recording).data, tmp_path / "script"
    executable()
    version = struct.pack("<I", 99)
    for bad in (b"", data[:100], data[:-8], b"x" + data[1:], data[:8] + version + data[12:], data[:400]):
        file.write_bytes(bad)
        assert "is not a replay file of this version" in refusal("--pty", "--replay", str(file))
    assert "No such file" in refusal("--pty", "--replay", str(tmp_path / "missing"))
    assert "omit --network" in refusal("--pty", "--replay", str(file), "--network", REFERENCE[0])
    assert "is not a number from 0" in refusal("--pty", "--replay", str(file), "--speed", "fast")
    assert "is not a number from 0" in refusal("--pty", "--replay", str(file), "--speed", "-1")
