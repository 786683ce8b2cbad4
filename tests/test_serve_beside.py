"""The monitor and the page next to a program that controls the board: both use its server, and the monitor only reads."""

from __future__ import annotations

import io
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import anyio
import pytest
from e2e_fixtures import executable, noise, on_both_backends, sim_url
from lines import Usb
from rich.console import Console

from n6link import DeviceError, N6Device
from n6link.monitor.app import Monitor
from n6link.protocol import LeaseAction, LogLevel, MessageType, Status, records
from n6link.serve.server import Server
from n6link.transport import sim
from n6link.transport.url import beside

LONG: Final = 60.0


@pytest.fixture(autouse=True)
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No other servers."""
    executable()
    monkeypatch.setenv("N6LINK_RUNTIME", str(tmp_path / "servers"))


@asynccontextmanager
async def serving(url: str) -> AsyncGenerator[str, None]:
    """A server in this process: its URL."""
    ready, found = anyio.Event(), list[str]()

    def announce(dev: N6Device, urls: Sequence[str]) -> None:
        found.extend(urls)
        ready.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Server(url, []).run, announce)
        await ready.wait()
        yield found[0]
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def watching(monitor: Monitor, seen: Callable[[Any], Any]) -> AsyncGenerator[Monitor, None]:
    """A monitor that has seen something."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(monitor.watcher.watch)
        with anyio.fail_after(LONG):
            while not seen(monitor.view()):  # noqa: ASYNC110
                await anyio.sleep(0.005)
        yield monitor
        tasks.cancel_scope.cancel()


async def press(monitor: Monitor, key: str) -> str:
    """The message after a key."""
    await monitor.press(key, Console(width=80, height=24, file=io.StringIO(), force_terminal=True))
    return monitor.model.message


@on_both_backends
async def test_the_monitor_only_reads_until_a_person_asks_for_control() -> None:
    async with serving(sim_url()) as url, N6Device(url) as control:
        network = control["reference"]
        await network.run(noise(network))
        await network.lease(LONG)
        async with watching(Monitor(url, interval=0.05), lambda view: view.leased and view.link) as monitor:
            (found,) = [client for client in await control.clients() if client.read_only]
            assert found.runs == 0 and monitor.view().networks[0].runs == 1
            assert "only reads this board, because other programs" in await press(monitor, "r")
            assert monitor.model.message.endswith("start it with --control")
            assert "log level" in await press(monitor, "l")
            assert (await control.stats()).networks[0].runs == 1
        async with watching(Monitor(url, interval=0.05, control=True), lambda view: view.link) as monitor:
            assert "were reset" in await press(monitor, "r")
            assert (await control.stats()).networks[0].runs == 0


async def test_a_program_that_only_reads_can_see_leases_and_has_none() -> None:
    async with serving(sim_url()) as url, N6Device(url) as control, N6Device(url, read_only=True) as reader:
        assert await reader["reference"].leased() is None
        await control["reference"].lease(LONG)
        seen = await reader["reference"].leased()
        assert seen and not seen.own and 0 < seen.remaining <= LONG + 1
        for refused in (reader["reference"].lease(), reader["reference"].end_lease()):
            with pytest.raises(DeviceError, match="the role is READ_ONLY") as caught:
                await refused
            assert caught.value.status is Status.READ_ONLY
        assert (await control["reference"].leased()) is not None


FREE: Final = {
    MessageType.PING: records.Ping().pack(),
    MessageType.INFO: b"",
    MessageType.LIST: records.List().pack(),
    MessageType.DESCRIBE: records.Describe().pack(),
    MessageType.LOG_LEVEL: records.LogLevelRequest(LogLevel.WARNING).pack(),
    MessageType.STATS: records.StatsRequest().pack(),
    MessageType.EPOCH_STATS: records.EpochStats().pack(),
    MessageType.SUBSCRIBE: records.Subscribe().pack(),
    MessageType.CHECK: records.Check().pack(),
    MessageType.CLIENTS: records.Clients().pack(),
}
"""requests of a program that only reads"""
REFUSED: Final = {
    MessageType.COMMIT: records.Commit().pack(),
    MessageType.INFER: records.Infer().pack(),
    MessageType.CANCEL: records.Cancel().pack(),
    MessageType.RELEASE: records.Release().pack(),
    MessageType.RESET: records.Reset().pack(),
    MessageType.RESET_STATS: b"",
    MessageType.RATE: records.Rate().pack(),
}


async def test_each_request_of_a_program_that_only_reads() -> None:
    own = {MessageType.HELLO, MessageType.DATA, MessageType.NAK, MessageType.CREDIT}
    events = {MessageType.RESULT, MessageType.LOG, MessageType.ERROR}
    assert {*FREE, *REFUSED, MessageType.LEASE} == set(MessageType) - own - events  # a new one must be here too
    query, *leases = [records.Lease(action=action, duration_ms=1000).pack() for action in LeaseAction]
    async with serving(sim_url()) as url, N6Device(url) as control, N6Device(url, read_only=True) as reader:
        await control["reference"].lease(LONG)
        before = (await control.stats()).networks
        for kind, body in FREE.items():
            try:
                await reader.connection.ask(kind, body)
            except DeviceError as error:
                assert (kind, error.status) == (MessageType.CHECK, Status.NO_INPUT)  # the network has no stored input
        lease = records.LeaseReply.unpack(await reader.connection.ask(MessageType.LEASE, query))
        assert lease.remaining_ms > 0 and not lease.own
        for kind, body in [*REFUSED.items(), *((MessageType.LEASE, body) for body in leases)]:
            with pytest.raises(DeviceError, match="the role is READ_ONLY") as caught:
                await reader.connection.ask(kind, body)
            assert caught.value.status is Status.READ_ONLY, kind
        assert (await control.stats()).networks == before and await control["reference"].leased()
        assert await control["reference"].run(noise(control["reference"]))


async def test_the_port_of_a_served_board_leads_to_its_server(usb: Usb) -> None:
    with sim.rig("reference:", link="pty") as rig:
        path = usb.plug("ttyACM0", "0483:3754", "0039AB", node=rig.url.removeprefix("serial:"))
        assert await beside(f"serial:{path}") == f"serial:{path}"
        async with serving("serial:0039AB") as url, N6Device(url) as control:
            for name in (f"serial:{path}", "serial:0039AB", None):
                assert await beside(name) == url
            async with watching(Monitor(f"serial:{path}", interval=0.05), lambda view: view.link) as monitor:
                assert monitor.watcher.connected and len(await control.clients()) == 2


async def test_the_page_may_run_networks(tmp_path: Path) -> None:
    view = pytest.importorskip("n6link.view.server")
    async with serving(sim_url()) as url, N6Device(url) as control, anyio.create_task_group() as tasks:
        tasks.start_soon(view.View(url).watch)
        with anyio.fail_after(LONG):
            while len(found := await control.clients()) < 2:  # noqa: ASYNC110
                await anyio.sleep(0.005)
        assert not any(client.read_only for client in found)
        tasks.cancel_scope.cancel()
