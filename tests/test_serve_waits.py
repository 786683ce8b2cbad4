"""How long the inferences of each client of a server have waited there: measured by the server, shown by the list of clients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import monitor_readings as board
import pytest
from e2e_fixtures import noise

from n6link import N6Device, ambient
from n6link.errors import N6Timeout
from n6link.monitor.model import Model
from n6link.protocol import MessageType, records
from n6link.serve.desk import Desk, Share
from n6link.serve.listeners import Place
from n6link.serve.server import Server
from n6link.session.sharing import read_clients
from n6link.transport import sim
from n6link.view import facts


async def test_a_wait_ends_with_the_turn_or_when_it_is_given_up() -> None:
    desk, first, second = Desk(1), Share(), Share()
    asked = ambient.monotonic()
    async with anyio.create_task_group() as tasks:

        async def wait(share: Share, since: float | None = None) -> None:
            async with desk.place(share, 0, since):
                pass

        async with desk.place(first, 0):
            tasks.start_soon(wait, second)
            while not desk.waiting:
                await anyio.lowlevel.checkpoint()
            begun = ambient.monotonic()
            with anyio.move_on_after(0.001):
                await wait(first)
            given_up = ambient.monotonic() - begun
            assert (first.waits, second.waits) == (2, 0) and 0 < first.longest <= given_up
    assert second.waits == 1 and given_up <= second.waited == second.longest <= ambient.monotonic() - asked
    await wait(second, ambient.monotonic() - 100.0)
    assert second.waits == 2 and second.longest >= 100.0 and second.waited > second.longest
    await wait(second, ambient.monotonic() + 100.0)  # the clock of the board is not exact
    assert second.waits == 3 and second.waited < 200.0


async def test_the_clients_of_a_server_have_their_waits(tmp_path: Path) -> None:
    ready = anyio.Event()
    with sim.rig("reference:?slots=2") as rig:
        async with anyio.create_task_group() as tasks:
            server = Server(rig.url, [Place.parse(f"unix:{tmp_path}/a")])
            tasks.start_soon(server.run, lambda *_: ready.set())
            await ready.wait()
            async with N6Device(f"unix:{tmp_path}/a") as dev, N6Device(f"unix:{tmp_path}/a") as other:
                network = dev["reference"]
                rig.freeze()
                frozen = ambient.monotonic()
                async with anyio.create_task_group() as calls:
                    for seed in range(8):
                        calls.start_soon(network.run, noise(network, seed))
                    with pytest.raises(N6Timeout):
                        await other["reference"].run(noise(network), timeout=0.05)
                    lasted = ambient.monotonic() - frozen
                    rig.restore()
                mine, its = sorted(await dev.clients(), key=lambda client: client.id)
                assert (mine.runs, mine.waits) == (8, 8) and its.waits <= 1
                # Two inferences were at the board; the others have waited until it worked again.
                assert mine.waited >= mine.longest_wait and mine.longest_wait > 0
                assert mine.waited <= 8 * (ambient.monotonic() - frozen) and lasted > 0
                result = await network.run(noise(network))
                mine, _ = sorted(await dev.clients(), key=lambda client: client.id)
                assert mine.waits == 9 and result.timing.total < 60
            tasks.cancel_scope.cancel()


async def test_a_server_with_protocol_2_0_reports_no_waits() -> None:
    short = records.ClientRecord(name="older", id=3, runs=5, waits=7, wait_us=8, longest_us=9).pack()
    assert records.ClientRecord.BASE_SIZE == 64 < records.ClientRecord.SIZE == len(short)

    async def ask(kind: MessageType, body: bytes) -> bytes:
        return records.ClientsReply(record=64, count=1, total=1).pack() + short[:64]

    (found,) = await read_clients(ask)
    assert (found.name, found.runs, found.waits, found.waited, found.longest_wait) == ("older", 5, 0, 0.0, 0.0)


def test_the_page_lists_the_programs() -> None:
    model = Model()
    model.connected(board.IDENTITY, 0.0)
    assert facts.board(model.view(0.0))["programs"] == []
    for step in range(3):
        model.add_clients(step / 2, board.clients(step), {})
    programs: Any = facts.board(model.view(0.0))["programs"]
    first, second, third = programs
    assert first == {
        "name": "program 0 [not a markup]",
        "rate": "20.0",
        "waiting": 0,
        "wait": "5.00 ms",
        "leases": 1,
    }
    assert second["wait"] == "-" and second["waiting"] == 2 and third["name"].endswith(" (reads)")
