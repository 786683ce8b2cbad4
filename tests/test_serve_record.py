"""What a server records of its clients, as mcap's own reader reads it: nobody waits for the file, and what is missing is counted."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, cast

import anyio
import numpy as np
import pytest
from e2e_fixtures import executable, noise, sim_url
from lines import Usb
from mcap.reader import make_reader
from test_mcap import full_disk, read
from typer.testing import CliRunner

from n6link import N6Device, ambient, networks
from n6link.cli import app
from n6link.errors import RecordingError
from n6link.protocol import Status
from n6link.protocol.records import Return
from n6link.serve import boards, recorder, work
from n6link.serve.desk import Desk, Share
from n6link.serve.listeners import Place
from n6link.serve.record import ROOM, BoardRecord, Record
from n6link.serve.recorder import READY, Pickler
from n6link.session.inference import Job


@pytest.fixture(autouse=True)
def own_folder(usb: Usb, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No other servers and boards."""
    executable()
    monkeypatch.setenv("N6LINK_RUNTIME", str(tmp_path / "servers"))


@asynccontextmanager
async def serving(record: Record, *urls: str) -> AsyncGenerator[list[str], None]:
    """A server in this process; the URL of each board for clients."""
    ready, found = anyio.Event(), list[str]()

    def announce(dev: N6Device, where: Sequence[str]) -> None:
        found.append(where[1])
        if len(found) == len(urls):
            ready.set()

    async with anyio.create_task_group() as tasks:
        serve = partial(boards.serve, record=record)
        tasks.start_soon(serve, urls, [Place.parse("127.0.0.1:0")], announce)
        await ready.wait()
        yield found
        tasks.cancel_scope.cancel()


def logged(found: list[tuple[str, Any]], topic: str) -> list[str]:
    return [message.msg for name, message in found if name == f"{topic}/log"]


def metadata(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    with path.open("rb") as file:
        for record in make_reader(file).iter_metadata():
            yield record.name, record.metadata


async def test_what_each_client_did(tmp_path: Path, virtual_board: None) -> None:
    path = tmp_path / "serve.mcap"
    with Record(path, interval=0.01) as record:
        async with serving(record, "sim:movenet13") as (url,):
            async with N6Device(url) as one, N6Device(url) as two:
                net = one["movenet13"]
                people = (await net.run(networks.PHOTO)).poses()
                raw = np.zeros(net.inputs["args_0"].shape, np.int8)
                await two["movenet13"].run(raw, reduce=False, timers=False, encode=None)
                await one["movenet13"].run(networks.PHOTO, encode="qoi", timers=False)
                while record.passed["add_stats"] < 2:
                    await one.ping()
            while record.passed["add_log"] < 4:  # noqa: ASYNC110  there is no event for it
                await anyio.sleep(0.01)
    found = read(path)
    counts = Counter(topic for topic, _ in found)
    assert {topic: number for topic, number in counts.items() if "movenet13" in topic} == {
        "/n6link/client_1/movenet13/people": 2,
        "/n6link/client_1/movenet13/latency": 2,
        "/n6link/client_1/movenet13/epochs": 1,
        "/n6link/client_2/movenet13/people": 1,
        "/n6link/client_2/movenet13/latency": 1,
    }
    seen = next(message for topic, message in found if topic.endswith("client_1/movenet13/people"))
    nose, expected = seen.people[0].keypoints[0], people[0]["nose"]
    scale = 192 / 512  # a server sees only the network's input
    assert (nose.x, nose.y) == pytest.approx((expected[0] * scale, expected[1] * scale), abs=0.01)
    first, second = (message for topic, message in found if topic.endswith("client_1/movenet13/latency"))
    assert first.npu > 0 and first.total == pytest.approx(
        sum(getattr(first, stage) for stage in ("prepare", "queue", "upload", "wait", "npu", "download", "decode"))
    )
    assert (first.encoding, first.sent_bytes, second.encoding) == ("raw", 110_592, "qoi")
    assert second.sent_bytes < 110_592
    assert logged(found, "/n6link/client_1")[0] == "a program has connected"
    assert logged(found, "/n6link/client_2")[-1].endswith(" has disconnected")
    assert next(message.state for topic, message in found if topic == "/n6link/state") == "open"
    assert dict(metadata(path))["not recorded"] == {"count": "0"}


async def test_several_boards_and_parts_that_cannot_be_decoded(tmp_path: Path) -> None:
    path, expected = tmp_path / "serve.mcap", b""
    urls = "sim:reference:?id=left", "sim:reference:?id=right"
    with Record(path, several=True) as record:
        async with serving(record, *urls) as where:
            for url in where:
                async with N6Device(url) as dev:
                    net = dev["reference"]
                    result = await net.run(noise(net), reduce=[Return(0, offset=6, length=12)])
                    expected = np.asarray(result.reduced["heatmaps"]).tobytes()
    found = read(path)
    for board in (b"left", b"right"):
        topic = f"/n6link/n_{board.hex()}/client_1/reference/outputs"
        [tensor] = next(message for name, message in found if name == topic).tensors
        assert (tensor.name, bytes(tensor.data)) == ("heatmaps", expected)


def test_the_command_records_until_it_is_ended(tmp_path: Path) -> None:
    path = tmp_path / "serve.mcap"
    command = [sys.executable, "-m", "n6link", "serve", "--url", sim_url(), "--mcap", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            [url] = json.loads(process.stdout.readline())["urls"]
            assert CliRunner().invoke(app, ["info", "--url", url]).exit_code == 0
        finally:
            process.terminate()
        assert process.wait() == 0
    found = read(path)
    assert logged(found, "/n6link/client_1")[0] == "a program has connected"
    assert dict(metadata(path))["device"]["topics"] == "/n6link"


async def test_refusals_are_in_the_log(tmp_path: Path) -> None:
    with Record(tmp_path / "a.mcap") as record:
        async with N6Device(sim_url()) as dev:
            job = Job(0, memoryview(b""), b"", timers=False, priority=0, deadline=ambient.monotonic() - 1)
            client = record.board(dev).client()
            assert await work.infer(dev, Desk(2), Share(), job, record=client) == work.LATE
            client.refused(job._replace(network=250), "it has gone")
            name = next(iter(dev.networks))
    assert logged(read(tmp_path / "a.mcap"), "/n6link/client_1") == [
        f"{name}: the time to live has passed",
        "a network that has gone: it has gone",
    ]


def test_nobody_waits_and_what_is_missing_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    record = Record(path)
    room = [record.add("note", f"{number}", {"a": "b"}) for number in range(ROOM + 3)]  # the thread has not begun
    assert room == [True] * ROOM + [False] * 3 and record.dropped == 3
    with record:
        pass
    assert logged(read(path), "/n6link") == ["3 results or lines were not recorded: they arrived too fast"]
    found = dict(metadata(path))
    assert found["not recorded"] == {"count": "3"} and {"0", f"{ROOM - 1}"} <= found.keys() and f"{ROOM}" not in found


def ours(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the package has said; an event loop may complain about a slow computer."""
    return [each.getMessage() for each in caplog.records if each.name.startswith("n6link")]


async def test_a_full_disk_ends_only_the_recording(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "full.mcap"
    with full_disk(3000), Record(path, interval=0.01) as record:
        async with serving(record, sim_url()) as (url,), N6Device(url) as dev:
            net = dev["reference"]
            while not (said := ours(caplog)):
                await net.run(noise(net))
            await net.run(noise(net))
    [line] = said
    assert (
        ours(caplog) == said
        and line.startswith("the recording has ended, and the server goes on: ")
        and "cannot be written" in line
    )
    assert read(path)


def test_a_call_that_cannot_be_passed_does_not_end_the_recording(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Record(tmp_path / "a.mcap") as record:
        record.add("note", "bad", {"a": lambda: "not a value"})
        record.add("note", "good", {"a": "b"})
    assert "note was not recorded" in caplog.text
    assert [name for name, _ in metadata(tmp_path / "a.mcap")] == ["clock", "good", "not recorded"]


def test_a_file_that_cannot_be_created(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="cannot be written: Is a directory"):
        Record(tmp_path)


def test_a_server_that_was_killed_leaves_a_complete_file(tmp_path: Path) -> None:
    path, said = tmp_path / "a.mcap", list[str]()
    calls = io.BytesIO()
    Pickler(calls).dump(("note", ("one", {"a": "b"}), {}))
    Pickler(calls).dump(("note", ("two", {"a": "b"}), {}))
    recorder.work(path, io.BytesIO(calls.getvalue()[:-3]), said.append)
    assert said == [READY]
    assert [name for name, _ in metadata(path)] == ["clock", "one"]


async def test_results_as_the_process_writes_them(tmp_path: Path) -> None:
    """The same in this process: calls are written, and read again."""
    path, calls = tmp_path / "a.mcap", io.BytesIO()

    class Kept:
        def add(self, name: str, *arguments: object, **options: object) -> bool:
            Pickler(calls).dump((name, arguments, options))
            return True

    async with N6Device(sim_url()) as dev:
        info = dev["reference"].info
        client = BoardRecord(cast("Record", Kept()), dev, "/n6link", count(1)).client()
        job = Job(info.index, memoryview(bytes(info.input_bytes)), b"", timers=True, priority=0, deadline=None)
        for _ in range(2):
            assert (await work.infer(dev, Desk(2), Share(), job, record=client)).status == Status.OK
    recorder.work(path, io.BytesIO(calls.getvalue()), lambda line: None)
    assert Counter(topic for topic, _ in read(path)) == {
        f"/n6link/client_1/reference/{kind}": 2 for kind in ("people", "latency", "epochs")
    }
