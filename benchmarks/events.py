"""What a program notices of an event: a cable that is unplugged, a board that is reset, killed or stopped, a host that is stopped, a second program.

``python benchmarks/events.py [--links pty tcp sim] [--events 'unplug 0.3 s' ...] [--kills 20] [--seed 1]``

A program (this file with ``--host``) uses a virtual board in five ways at once: 4 tasks that run a network, a stream with policy "all", a control loop of 100 Hz
with a stream of policy "latest", a subscription of 20 Hz, and a blocking program with a device of its own. It knows the right results. Each cell of the table has

    the time from the end of the event to the first new item: a result, a tick that is not stale, a reading;
    lost:     calls that raised DeviceRebooted, frames that a stream (also that of the loop) counts as lost, gaps of a subscription;
    doubled:  inferences that the board has run more often than it was asked to, items that arrived twice;
    wrong:    results that are not right, readings or ticks whose time goes back, calls that failed with another error.

``pty`` and ``tcp`` are boards on a cable (:mod:`n6link.transport.rig`), which can be unplugged; ``sim`` is a plain ``sim:``, which is started by its program.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from n6link import N6Device, blocking
from n6link.errors import DeviceRebooted, N6Error
from n6link.transport import sim
from n6link.transport.rig import Rig

NETWORKS: Final = ",".join(f"{name}=reference:reference" for name in ("runs", "stream", "loop", "blocking"))
WAYS: Final = ("runs", "stream", "loop", "subscription", "blocking")
FRAMES: Final = 4
"""different inputs"""
PAUSE: Final = 0.005
"""seconds between two calls of one task"""
QUIET: Final = 0.3
"""seconds of normal operation before an event"""
LIMIT: Final = 60.0
"""seconds after which a way does not come back any more"""


@dataclass
class Tally:
    """What one way of use has noticed."""

    newest: float = 0.0
    """when it got its last item"""
    first: float = 0.0
    """when it got the first item after :attr:`event`"""
    event: float = math.inf
    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    items: int = 0
    dropped: int = 0
    """frames that a stream has replaced by newer ones, some of them after they were run"""
    delivered: dict[int, int] = field(default_factory=dict[int, int])
    """results by the board's boot nonce"""

    def item(self) -> None:
        """An item has arrived."""
        now = time.monotonic()
        self.items += 1
        self.newest = now
        if not self.first and now > self.event:
            self.first = now

    @contextlib.contextmanager
    def call(self) -> Iterator[None]:
        """A call that may fail: with the loss of the device it is lost, with another error it is wrong."""
        try:
            yield
        except DeviceRebooted:
            self.lost += 1
        except N6Error:
            self.wrong += 1

    def result(self, dev: Any, right: bool) -> None:
        """A result of a network has arrived."""
        boot = dev.info.boot_nonce
        self.delivered[boot] = self.delivered.get(boot, 0) + 1
        self.wrong += not right
        self.item()


def frame(network: Any, number: int) -> dict[str, Any]:
    rng = np.random.default_rng(number % FRAMES)
    return {name: rng.integers(-128, 128, spec.shape).astype(spec.dtype) for name, spec in network.inputs.items()}


def digest(result: Any) -> int:
    return hash(tuple(output.tobytes() for output in result.outputs.values()))


class Host:
    """The program: all ways of use at once."""

    def __init__(self, url: str, other: str) -> None:
        self.url, self.other = url, other
        self.tallies = {way: Tally() for way in WAYS}
        self.over = False
        self.right: list[int] = []

    async def run(self) -> None:
        """Until the controller ends it."""
        async with N6Device(self.url, reconnect=LIMIT) as dev:
            self.right = [digest(await dev["runs"].run(frame(dev["runs"], n))) for n in range(FRAMES)]
            self.tallies["runs"].delivered[dev.info.boot_nonce] = FRAMES
            thread = threading.Thread(target=self.blocking)
            thread.start()
            tasks = [asyncio.create_task(self.runs(dev, n)) for n in range(4)]
            tasks += [asyncio.create_task(way(dev)) for way in (self.stream, self.loop, self.subscription)]
            await asyncio.to_thread(self.obey)
            await asyncio.gather(*tasks)
            self.count(dev.info.boot_nonce, await dev.stats(), ("runs", "stream", "loop"), list(dev.networks))
            await asyncio.to_thread(thread.join)

    def obey(self) -> None:
        """The commands of the controller."""
        say({"ready": os.getpid()})
        for line in sys.stdin:
            if line.startswith("end"):
                break
            for tally in self.tallies.values():
                tally.first, tally.event = 0.0, float(line)
            end = time.monotonic() + LIMIT
            while time.monotonic() < end and not all(tally.first for tally in self.tallies.values()):
                time.sleep(0.005)
            say({way: t.first - t.event if t.first else math.inf for way, t in self.tallies.items()})
        self.over = True

    def count(self, boot: int, stats: Any, ways: tuple[str, ...], networks: list[str]) -> None:
        """Inferences that the board has run since it started, and that nobody got."""
        for way in ways:
            tally = self.tallies[way]
            ran = stats.networks[networks.index(way)].runs
            tally.doubled += max(ran - tally.delivered.get(boot, 0) - tally.dropped, 0)

    async def runs(self, dev: N6Device, number: int) -> None:
        """Calls one after the other."""
        tally, network = self.tallies["runs"], dev["runs"]
        while not self.over:
            number += 1
            with tally.call():
                result = await network.run(frame(network, number))
                tally.result(dev, digest(result) == self.right[number % FRAMES])
            await asyncio.sleep(PAUSE)

    async def frames(self, network: Any) -> AsyncIterator[Any]:
        """The source of a stream."""
        number = 0
        while not self.over:
            yield frame(network, number)
            number += 1
            await asyncio.sleep(PAUSE)

    async def stream(self, dev: N6Device) -> None:
        """A stream that promises a result for each frame."""
        tally, expected = self.tallies["stream"], 0
        async with dev["stream"].stream(self.frames(dev["stream"]), policy="all") as results:
            async for result in results:
                assert result.frame
                tally.lost += max(result.frame.sequence - expected, 0)
                tally.doubled += result.frame.sequence < expected
                expected = result.frame.sequence + 1
                tally.result(dev, digest(result) == self.right[result.frame.sequence % FRAMES])

    async def loop(self, dev: N6Device) -> None:
        """A control loop, and a stream of the newest frames."""
        tally, network, index = self.tallies["loop"], dev["loop"], -1
        got = Tally()

        async def listen(results: Any) -> None:
            async for result in results:
                got.result(dev, digest(result) == self.right[result.frame.sequence % FRAMES])

        async with network.stream(self.frames(network), policy="latest") as results, dev.loop(100) as loop:
            listener = asyncio.create_task(listen(results))
            async for tick in loop:
                tally.doubled += tick.index <= index
                index = tick.index
                if not tick.stale and got.newest > tick.due - 0.1:
                    tally.item()
                if self.over:
                    break
            await listener
        tally.lost, tally.dropped = results.stats.lost, results.stats.dropped
        tally.wrong += got.wrong + results.stats.failed
        tally.delivered = got.delivered

    async def subscription(self, dev: N6Device) -> None:
        """Statistics."""
        tally, newest, boot = self.tallies["subscription"], 0.0, 0
        async with dev.subscribe(0.05) as readings:
            async for reading in readings:
                if boot == dev.info.boot_nonce:
                    tally.doubled += reading.time == newest
                    tally.wrong += reading.time < newest
                newest, boot = reading.time, dev.info.boot_nonce
                tally.item()
                if self.over:
                    break
        tally.lost = readings.gaps

    def blocking(self) -> None:
        """A thread with a device of its own."""
        tally, number = self.tallies["blocking"], 0
        with blocking.N6Device(self.other, reconnect=LIMIT) as dev:
            network = dev["blocking"]
            while not self.over:
                number += 1
                with tally.call():
                    result = network.run(frame(network, number))
                    tally.result(dev, digest(result) == self.right[number % FRAMES])
                time.sleep(PAUSE)
            self.count(dev.info.boot_nonce, dev.stats(), ("blocking",), list(dev.networks))


def say(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)


class Controller:
    """Starts a program and its boards, and has events happen."""

    def __init__(self, link: str, seed: int) -> None:
        self.link = link
        self.chance = random.Random(seed)
        self.back: dict[str, list[float]] = {way: [] for way in WAYS}
        self.rigs: list[Rig] = []
        if link != "sim":
            self.rigs = [sim.rig(NETWORKS, link="pty" if link == "pty" else "tcp") for _ in range(2)]
        urls = [rig.url for rig in self.rigs] or [f"sim:{NETWORKS}"] * 2
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--host", *urls], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.hear()
        time.sleep(QUIET)

    def hear(self) -> dict[str, Any]:
        """What the program says next."""
        assert self.process.stdout
        heard: dict[str, Any] = json.loads(self.process.stdout.readline())
        return heard

    def boards(self) -> list[int]:
        """The processes of the boards."""
        if self.rigs:
            return [rig.pid for rig in self.rigs]
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                if int(fields[1]) == self.process.pid and b"n6sim" in stat.with_name("cmdline").read_bytes():
                    found.append(int(stat.parent.name))
        return found

    def kill(self) -> None:
        """Kills the boards; those on cables start again, those of ``sim:`` when their program opens them again."""
        if self.rigs:
            for rig in self.rigs:
                rig.reset()
        else:
            for pid in self.boards():
                os.kill(pid, signal.SIGKILL)

    def unplug(self, seconds: float) -> None:
        """Unplugs the cables for a time."""
        for rig in self.rigs:
            rig.cut()
        time.sleep(seconds)
        for rig in self.rigs:
            rig.restore()

    def stop(self, pids: list[int], seconds: float) -> None:
        """Stops processes for a time."""
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        for pid in pids:
            os.kill(pid, signal.SIGCONT)

    def intrude(self) -> None:
        """A second program wants the board."""
        for rig in self.rigs:
            with contextlib.suppress(N6Error), blocking.N6Device(rig.url, reconnect=0):
                raise AssertionError("a second program got the board")

    def after(self, event: Callable[[], object]) -> None:
        """Has an event happen, and waits until the program has new items."""
        event()
        assert self.process.stdin
        self.process.stdin.write(f"{time.monotonic()}\n")
        self.process.stdin.flush()
        for way, seconds in self.hear().items():
            self.back[way].append(seconds)

    def end(self) -> dict[str, dict[str, int]]:
        """Ends the program; returns its tallies."""
        assert self.process.stdin
        self.process.stdin.write("end\n")
        self.process.stdin.close()
        tallies: dict[str, dict[str, int]] = self.hear()
        self.process.wait()
        for rig in self.rigs:
            rig.close()
        return tallies


def events(kills: int, long: float) -> dict[str, Callable[[Controller], None]]:
    """What happens, by name."""

    def kill_often(controller: Controller) -> None:
        for _ in range(kills):
            time.sleep(controller.chance.random() * QUIET)
            controller.after(controller.kill)

    return {
        "unplug 0.3 s": lambda c: c.after(lambda: c.unplug(0.3)),
        f"unplug {long:g} s": lambda c: c.after(lambda: c.unplug(long)),
        "board reset": lambda c: c.after(c.kill),
        f"kill -9, {kills} times": kill_often,
        f"SIGSTOP of the board, {long:g} s": lambda c: c.after(lambda: c.stop(c.boards(), long)),
        f"SIGSTOP of the host, {long:g} s": lambda c: c.after(lambda: c.stop([c.process.pid], long)),
        "second program": lambda c: c.after(c.intrude),
    }


def measure(link: str, name: str, event: Callable[[Controller], None], seed: int) -> str:
    if link == "sim" and name.startswith(("unplug", "second")):
        return f"| {link} | {name} |" + " - |" * len(WAYS)
    controller = Controller(link, seed)
    event(controller)
    time.sleep(QUIET)
    tallies = controller.end()
    cells = []
    for way in WAYS:
        back, tally = controller.back[way], tallies[way]
        times = f"{np.median(back):.2f}" if len(back) == 1 else f"{np.median(back):.2f} to {max(back):.2f}"
        cells.append(f"{times} s; {tally['lost']}/{tally['doubled']}/{tally['wrong']} of {tally['items']}")
    return f"| {link} | {name} | " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--links", nargs="+", default=["pty", "tcp", "sim"])
    parser.add_argument("--events", nargs="+", default=[])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--long", type=float, default=10.0, help="seconds of the long events")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.host:
        host = Host(*arguments.host)
        asyncio.run(host.run())
        say(
            {
                way: {name: getattr(tally, name) for name in ("lost", "doubled", "wrong", "items")}
                for way, tally in host.tallies.items()
            }
        )
        return
    print("back after (median to worst); lost/doubled/wrong of all items")
    print(f"| link | event | {' | '.join(WAYS)} |\n|{'---|' * (len(WAYS) + 2)}")
    for link in arguments.links:
        for name, event in events(arguments.kills, arguments.long).items():
            if not arguments.events or any(name.startswith(wanted) for wanted in arguments.events):
                print(measure(link, name, event, arguments.seed), flush=True)


if __name__ == "__main__":
    main()
