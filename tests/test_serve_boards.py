"""Several boards in one server: each has its own clients, and one that goes does not disturb the others."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import anyio
import pytest
from e2e_fixtures import executable, noise, sim_url
from lines import Usb
from typer.testing import CliRunner

from n6link import BadInput, N6Device, N6Pool, NoDeviceError, TransportError, settings
from n6link.cli import app
from n6link.serve import boards
from n6link.serve.listeners import HIGHEST, Place, listening
from n6link.serve.server import Server
from n6link.session.state import State
from n6link.transport import discovery, servers, sim
from n6link.transport.rig import Rig

LONG: Final = 60.0
"""seconds in which a board is back for certain"""
CHIP: Final = "3B0036001151333032393530"
LEFT, RIGHT = b"left".hex(), b"right".hex()


@pytest.fixture(autouse=True)
def own_folder(usb: Usb, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No other servers and boards; attempts follow each other without a pause."""
    executable()
    monkeypatch.setenv("N6LINK_RUNTIME", str(tmp_path / "servers"))
    monkeypatch.setattr(boards, "PAUSE", 0.01)


class Served:
    """What a server has reported."""

    def __init__(self) -> None:
        self.urls: dict[str, list[str]] = {}
        """for clients, by the unique id of the board"""
        self.failed: dict[str, str] = {}
        self._changed = anyio.Event()

    def ready(self, dev: N6Device, urls: Sequence[str]) -> None:
        self.urls[dev.info.unique_id] = list(urls)
        self._changed.set()

    def fail(self, url: str, why: str) -> None:
        self.failed[url] = why
        self._changed.set()

    async def reported(self, ready: int, failed: int = 0) -> None:
        while len(self.urls) < ready or len(self.failed) < failed:
            self._changed = anyio.Event()
            await self._changed.wait()


@asynccontextmanager
async def serving(*urls: str, listen: Sequence[str] = ()) -> AsyncGenerator[Served, None]:
    """A server in this process; "all" is all connected boards."""
    served = Served()
    places = [Place.parse(place) for place in listen]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(boards.serve, "all" if urls == ("all",) else urls, places, served.ready, served.fail)
        yield served
        tasks.cancel_scope.cancel()


async def test_programs_find_each_board() -> None:
    async with serving("sim:reference:?id=left", "sim:reference:?id=right", listen=["127.0.0.1:0"]) as served:
        await served.reported(2)
        for unique_id in (LEFT, RIGHT):
            for url in (f"serial:{unique_id.upper()}", f"serial:{unique_id}?baud=115200", *served.urls[unique_id]):
                async with N6Device(url) as dev:
                    assert (dev.info.unique_id, dev.info.server != "") == (unique_id, True)
                    assert dev.url == url or dev.url == served.urls[unique_id][0]
        with pytest.raises(NoDeviceError, match="2 boards are connected: sim:reference:.id=left .through the server"):
            await N6Device().open()
        async with N6Pool("all") as pool:
            assert {board.unique_id for board in pool.boards} == {LEFT, RIGHT}
            network = pool["reference"]
            async with network.map([noise(network, seed) for seed in range(8)]) as results:
                assert len([result async for result in results]) == 8
        with pytest.raises(NoDeviceError, match="no connected board has the serial number or unique id '77'"):
            await N6Device("serial:77").open()
    assert servers.running() == []


async def test_a_board_that_goes_and_one_that_never_answers_disturb_no_other(tmp_path: Path) -> None:
    with (
        sim.rig("reference:?id=left") as left,
        sim.rig("reference:?id=right") as right,
        socket.socket(socket.AF_UNIX) as mute,
    ):
        mute.bind(f"{tmp_path}/mute")
        mute.listen()
        async with serving(left.url, f"unix:{tmp_path}/mute", right.url) as served:
            await served.reported(2)
            async with (
                N6Device(served.urls[LEFT][0], reconnect=LONG) as one,
                N6Device(served.urls[RIGHT][0], reconnect=0) as other,
            ):
                wanted = (await one["reference"].run(noise(one["reference"]))).outputs
                left.cut()
                while one.state is not State.RECONNECTING:  # noqa: ASYNC110
                    await anyio.sleep(0.005)
                for _ in range(20):
                    assert await other["reference"].run(noise(other["reference"]))
                assert (await other.stats()).link.errors == 0
                left.restore()
                again = (await one["reference"].run(noise(one["reference"]))).outputs
                assert all((again[name] == wanted[name]).all() for name in wanted)


async def test_a_board_that_comes_later(tmp_path: Path) -> None:
    late, liar = f"unix:{tmp_path}/late", f"unix:{tmp_path}/liar"
    with socket.socket(socket.AF_UNIX) as nobody:
        nobody.bind(f"{tmp_path}/liar")  # nobody listens there
        async with serving("sim:reference:?id=left", late, liar) as served:
            await served.reported(1, 2)
            assert "no program listens at" in served.failed[late] and list(served.urls) == [LEFT]
            with Rig(sim.parse("reference:?id=right").command, path=tmp_path / "late"):
                await served.reported(2, 2)
                async with N6Device(f"serial:{RIGHT}") as dev:
                    assert await dev["reference"].run(noise(dev["reference"]))


async def test_two_boards_with_one_id() -> None:
    first, second = "sim:reference:", "sim:reference:?slots=3"
    async with serving(first, second) as served:
        await served.reported(1, 1)
        (why,) = served.failed.values()
        assert "another server has this board, at unix:" in why and why.endswith("at the same time: sim:?id=NAME")
        (url,) = served.urls[b"n6sim".hex()]
        async with N6Device(url) as dev:
            assert await dev["reference"].run(noise(dev["reference"]))


async def test_no_board_at_all(tmp_path: Path) -> None:
    urls = [f"unix:{tmp_path}/one", f"unix:{tmp_path}/other"]
    with pytest.raises(ExceptionGroup) as caught:
        await boards.serve(urls, [])
    (error,) = caught.value.exceptions
    assert isinstance(error, NoDeviceError) and str(error).startswith("no board can be served: unix:")
    assert all(f"{url}: no program listens" in str(error) for url in urls)


async def test_a_server_of_a_serial_number_follows_the_port_and_not_itself(usb: Usb) -> None:
    with sim.rig("reference:?id=left", link="pty") as rig:
        usb.plug("ttyACM0", "0483:3754", "0039AB", node=rig.url.removeprefix("serial:"))
        async with serving("serial:0039ab"):
            while not servers.running():  # noqa: ASYNC110
                await anyio.sleep(0.005)
            (server,) = servers.running()
            settings.change("boards.arm", "serial:0039AB")
            for url in ("serial:0039AB", "arm", "board:arm", f"serial:{LEFT}", None):
                async with N6Device(url) as dev:
                    assert dev.url == server.url and "through n6link serve" in dev.info.runtime
            assert discovery.urls() == [server.url]
            async with N6Device("arm", reconnect=LONG) as dev:
                rig.cut()
                while dev.state is not State.RECONNECTING:  # noqa: ASYNC110
                    await anyio.sleep(0.005)
                rig.restore()
                assert await dev["reference"].run(noise(dev["reference"]))
            with pytest.raises(TransportError, match="is used by `n6link serve`|another server has this board"):
                await Server("serial:0039AB", []).run()
        assert discovery.urls() == ["serial:0039AB"]


async def test_all_connected_boards_that_have_no_server(usb: Usb, tmp_path: Path) -> None:
    none = "no STM32N6 board without a server is connected; connect one"
    with pytest.raises(NoDeviceError, match=none):
        await boards.serve("all", [])
    with sim.rig("reference:?id=left", link="pty") as left, sim.rig("reference:?id=right", link="pty") as right:
        usb.plug("ttyACM0", "0483:374e", "A", at="1-1", node=left.url.removeprefix("serial:"))
        async with serving("all", listen=[f"unix:{tmp_path}/{{id}}"]) as served:
            await served.reported(1)
            with pytest.raises(NoDeviceError, match=none):
                await boards.serve("all", [])  # a second server leaves the board to the first one
            usb.plug("ttyACM1", "0483:374e", "B", at="1-2", node=right.url.removeprefix("serial:"))
            usb.plug("ttyACM2", "0483:374e", "C", at="1-3", node=f"{tmp_path}/nothing")
            await served.reported(2, 1)
            assert list(served.failed) == ["serial:C"]
            for unique_id in (LEFT, RIGHT):
                assert served.urls[unique_id][1] == f"unix:{tmp_path}/{unique_id}"
                async with N6Device(f"serial:{unique_id}") as dev:
                    assert await dev["reference"].run(noise(dev["reference"]))


async def test_boards_that_cannot_be_distinguished_disturb_no_other(usb: Usb) -> None:
    with sim.rig("reference:?id=left", link="pty") as left:
        usb.plug("ttyACM0", "0483:374e", "A", at="1-1", node=left.url.removeprefix("serial:"))
        async with serving("all") as served:
            await served.reported(1)
            for number in (1, 2):
                usb.plug(f"ttyACM{number}", "0483:5740", CHIP, at=f"1-{number + 1}", manufacturer="n6link")
            while "all" not in served.failed:  # noqa: ASYNC110
                await anyio.sleep(0.005)
            assert f"2 boards have the id {CHIP.lower()}" in served.failed["all"]
            async with N6Device(f"serial:{LEFT}") as dev:
                assert await dev["reference"].run(noise(dev["reference"]))


# ------------------------------------------------------------------------------- places


@pytest.mark.parametrize(
    ("urls", "place", "says"),
    [
        (
            ["sim:", "sim:"],
            "127.0.0.1:0",
            "--url sim: is there twice; remove one, or give virtual boards different ids",
        ),
        (["sim:?id=a", "sim:?id=b"], "unix:/x", "unix:/x is one place, and there are several boards; use {id} in the"),
        (["sim:?id=a", "sim:?id=b"], f"127.0.0.1:{HIGHEST}", "has no port for board 2: .*; use 65534 or less"),
    ],
)
async def test_places_that_several_boards_cannot_have(urls: list[str], place: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        await boards.serve(urls, [Place.parse(place)])


def test_places_of_several_boards(tmp_path: Path) -> None:
    port = Place.parse("127.0.0.1:7646")
    assert [port.nth(index).port for index in range(3)] == [7646, 7647, 7648]
    free = Place.parse("127.0.0.1:0")
    assert free.nth(3) == free and free.of("abc") == free
    path = Place.parse(f"unix:{tmp_path}/{{id}}.sock").nth(1).of("abc")
    with listening(path) as (_, url):
        assert url == f"unix:{tmp_path}/abc.sock"


def test_the_command(tmp_path: Path) -> None:
    missing = f"unix:{tmp_path}/nothing"
    urls = ["--url", sim_url() + "?id=left", "--url", missing, "--url", sim_url() + "?id=right"]
    command = [sys.executable, "-m", "n6link", "serve", *urls, "--listen", f"unix:{tmp_path}/{{id}}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.stdout and process.stderr
            said = [json.loads(process.stdout.readline()) for _ in range(3)]
            assert {line["pid"] for line in said} == {process.pid}
            failed = [line for line in said if "error" in line]
            assert [line["board"] for line in failed] == [missing] and "no program listens" in failed[0]["error"]
            served = {line["unique_id"]: line["urls"] for line in said if line not in failed}
            assert set(served) == {LEFT, RIGHT}
            for unique_id, (_, own) in served.items():
                assert own == f"unix:{tmp_path}/{unique_id}"
                seen = CliRunner().invoke(app, ["info", "--url", own, "--json"])
                assert json.loads(seen.stdout)["device"]["unique_id"] == unique_id
            process.send_signal(signal.SIGTERM)
            assert process.wait(LONG) == 0
            assert f"Note: the board at {missing} is not served".encode() in process.stderr.read()
        finally:
            process.kill()


def test_the_command_with_wrong_options(monkeypatch: pytest.MonkeyPatch) -> None:
    two = ["--url", "sim:?id=a", "--url", "sim:?id=b"]
    wrong = CliRunner().invoke(app, ["serve", *two, "--listen", "unix:/tmp/x"])
    assert wrong.exit_code == 2 and "use {id} in the path" in wrong.stderr
    wrong = CliRunner().invoke(app, ["serve", *two, "--url", "all"])
    assert wrong.exit_code == 2 and "--url all is all connected boards" in wrong.stderr
    alone = CliRunner().invoke(app, ["serve", "--url", "all"])
    assert alone.exit_code == 1 and "no STM32N6 board without a server is connected" in alone.stderr
    unit = CliRunner().invoke(app, ["serve", "--url", "all", "--systemd"])
    assert "serve --url all\n" in unit.stdout
    wrong = CliRunner().invoke(app, ["serve", *two, "--url", "somewhere"])
    assert wrong.exit_code == 2 and "'somewhere' is neither a URL nor a board" in wrong.stderr
    monkeypatch.setenv("N6LINK_URL", "elsewhere")
    wrong = CliRunner().invoke(app, ["serve"])
    assert wrong.exit_code == 2 and "'elsewhere' is neither" in wrong.stderr
    unit = CliRunner().invoke(app, ["serve", *two, "--listen", "127.0.0.1:7646", "--systemd"])
    assert (
        f"serve {' '.join(two)} --listen 127.0.0.1:7646\n".replace("sim:?id", "'sim:?id")
        .replace("=a ", "=a' ")
        .replace("=b ", "=b' ")
        in unit.stdout
    )


# ------------------------------------------------------------------------------- ids of virtual boards


@pytest.mark.parametrize("text", ["", "a" * 17, "a b", "a/b"])
def test_ids_that_are_not_possible(text: str) -> None:
    with pytest.raises(TransportError, match="it must have 1 to 16 characters A-Z a-z 0-9 _ . -"):
        sim.parse(f"reference:?id={text}")
    wrong = CliRunner().invoke(app, ["sim", "--tcp", "0", "--network", "reference:", "--id", text])
    assert wrong.exit_code == 2 and "1 to 16 characters" in wrong.stderr


async def test_ids_of_virtual_boards() -> None:
    async with N6Device("sim:reference:?id=a.B-c_1&slots=3") as dev:
        assert dev.info.unique_id == b"a.B-c_1".hex() and dev.info.slots == 3
    async with N6Device("sim:reference:") as dev:
        assert dev.info.unique_id == b"n6sim".hex()


def test_the_id_of_the_command_sim() -> None:
    command = [sys.executable, "-m", "n6link", "sim", "--tcp", "0", "--network", "reference:", "--id", "left"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            url = json.loads(process.stdout.readline())["url"]
            seen = CliRunner().invoke(app, ["info", "--url", url, "--json"])
            assert json.loads(seen.stdout)["device"]["unique_id"] == LEFT
        finally:
            process.terminate()
