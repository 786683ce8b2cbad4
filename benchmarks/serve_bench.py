"""What a server costs, and what its clients notice of each other.

``python benchmarks/serve_bench.py [overhead] [control] [kills] [restart] [--seconds N]``, with ``pip install 'n6link[sim]'``.

*overhead*: a run directly and through a server, in turns, each with a virtual board of its own. *control*: latencies of a loop at 100 Hz with priority on a line of
2 MB/s, alone; with a monitor (statistics at 5 Hz); with a logger that runs MoveNet without a pause; with both. *kills*: 16 programs that check every result; one of them is
killed every second, and started again. *restart*: a program is killed in mid-upload, and the server is killed and started again; the gap is the time between two results of
another program.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import anyio
import numpy as np

from n6link import N6Device, Network
from n6link.errors import N6Error
from n6link.transport import sim

PAIR: Final = "reference=reference:,movenet13"
CLIENTS: Final = 16
_TICK: Final = os.sysconf("SC_CLK_TCK")


def noise(network: Network, seed: int = 0) -> dict[str, Any]:
    random_ = np.random.default_rng(seed)
    return {name: random_.integers(-128, 128, spec.shape).astype(spec.dtype) for name, spec in network.inputs.items()}


@contextmanager
def server(url: str, place: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server as a program; killed at the end."""
    command = [sys.executable, "-m", "n6link", "serve", "--url", url, "--listen", f"unix:{place}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            json.loads(process.stdout.readline())
            yield process
        finally:
            process.kill()


def cpu(pid: int) -> float:
    """Seconds of CPU time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def resources(pid: int) -> tuple[int, float]:
    """Open descriptors, and MB of memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    kilobytes = int(status.partition("VmRSS:")[2].split()[0])
    return len(os.listdir(f"/proc/{pid}/fd")), kilobytes / 1024


def ms(values: list[float], share: float) -> float:
    return float(np.quantile(values, share)) * 1e3


# ---- overhead


async def overhead(folder: Path, _: float) -> None:
    with server(f"sim:{PAIR}", folder / "a") as process:
        async with N6Device(f"sim:{PAIR}") as direct, N6Device(f"unix:{folder}/a") as served:
            for name in ("reference", "movenet13"):
                data = noise(direct[name])
                times: dict[str, list[float]] = {"direct": [], "served": []}
                used = cpu(process.pid)
                runs = 0
                for _ in range(15):
                    for kind, dev in (("direct", direct), ("served", served)):
                        for _ in range(20):
                            begun = time.perf_counter()
                            await dev[name].run(data, timers=False, reduce=False)
                            times[kind].append(time.perf_counter() - begun)
                            runs += kind == "served"
                each = (cpu(process.pid) - used) / runs
                size = direct[name].info.input_bytes + direct[name].info.output_bytes
                before, after = (statistics.median(times[kind]) for kind in times)
                # as many as fit at once
                rates = {kind: await rate(dev[name], data) for kind, dev in (("direct", direct), ("served", served))}
                print(
                    f"{name}: {size} bytes; median {before * 1e3:.2f} ms directly, {after * 1e3:.2f} ms served ({after / before:.2f}); "
                    f"{rates['direct'] * size / 1e6:.0f} and {rates['served'] * size / 1e6:.0f} MB/s "
                    f"({rates['served'] / rates['direct']:.2f}); {each * 1e3:.2f} ms of the server's CPU per run"
                )


async def rate(network: Network, data: dict[str, Any]) -> float:
    """Runs per second with four calls at once."""
    begun, count = time.perf_counter(), 60

    async def some() -> None:
        for _ in range(count // 4):
            await network.run(data, timers=False, reduce=False)

    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(some)
    return count / (time.perf_counter() - begun)


# ---- control


async def control(folder: Path, seconds: float) -> None:
    with server(f"sim:{PAIR}?baud=20000000", folder / "a"):
        for others in ((), ("monitor",), ("logger",), ("monitor", "logger")):
            with ExitStack() as stack:
                for kind in others:
                    stack.enter_context(program(kind, f"unix:{folder}/a"))
                async with N6Device(f"unix:{folder}/a") as dev:
                    network, taken = dev["reference"], list[float]()
                    data = noise(network)
                    until, at = time.monotonic() + seconds, time.monotonic()
                    while at < until:
                        begun = time.perf_counter()
                        await network.run(data, timers=False, priority=200)
                        taken.append(time.perf_counter() - begun)
                        at = max(at + 0.01, time.monotonic() - 0.01)
                        await anyio.sleep(max(at - time.monotonic(), 0))
            name = " and ".join(others) or "alone"
            print(f"{name}: {len(taken) / seconds:.0f} Hz, p50 {ms(taken, 0.5):.1f} ms, p99 {ms(taken, 0.99):.1f} ms")


@contextmanager
def program(kind: str, url: str, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    """One of the programs below as a process; killed at the end."""
    with subprocess.Popen([sys.executable, __file__, "--program", kind, url, *more], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            process.stdout.readline()
            yield process
        finally:
            process.kill()


async def monitor(url: str) -> None:
    async with N6Device(url) as dev, dev.subscribe(0.2) as readings:
        print("ready", flush=True)
        async for _ in readings:
            await dev.clients()


async def logger(url: str) -> None:
    async with N6Device(url) as dev:
        network = dev["movenet13"]
        data = noise(network)
        await network.run(data)
        print("ready", flush=True)
        while True:
            await network.run(data, reduce=False)


async def checker(url: str, seed: str) -> None:
    """Prints the number of results, and ends with an error if one is wrong."""
    draw = random.Random(seed)
    async with N6Device(url, reconnect=60) as dev:
        network = dev["reference"]
        right = [(await network.run(noise(network, each))).outputs for each in range(4)]
        print("ready", flush=True)
        while True:
            each = draw.randrange(4)
            outputs = (await network.run(noise(network, each))).outputs
            assert all(np.array_equal(outputs[name], right[each][name]) for name in outputs), "a wrong result"
            await anyio.sleep(0.05)


# ---- kills


async def kills(folder: Path, seconds: float) -> None:
    draw = random.Random(1)
    with server(f"sim:{PAIR}", folder / "a") as process, ExitStack() as stack:
        url = f"unix:{folder}/a"
        start: Callable[[int], subprocess.Popen[bytes]] = lambda number: subprocess.Popen(
            [sys.executable, __file__, "--program", "checker", url, str(number)], stdout=subprocess.DEVNULL
        )
        running = [start(number) for number in range(CLIENTS)]

        def end_all() -> None:
            for one in running:
                one.kill()

        stack.callback(end_all)
        count, until, samples = 0, time.monotonic() + seconds, []
        async with N6Device(url) as dev:
            while time.monotonic() < until:
                await anyio.sleep(1.0)
                index = draw.randrange(CLIENTS)
                running[index].kill()
                running[index].wait()
                count += 1
                running[index] = start(CLIENTS + count)
                if count % 20 == 0:
                    samples.append((*resources(process.pid), len(await dev.clients())))
            wrong = [one.returncode for one in running if one.poll() not in (None, -signal.SIGKILL)]
            for one in running:
                one.kill()
                one.wait()
            while len(await dev.clients()) > 1:  # noqa: ASYNC110
                await anyio.sleep(0.05)
            descriptors, memory = resources(process.pid)
        for each in samples:
            print("descriptors {}, memory {:.1f} MB, clients {}".format(*each))
        print(
            f"{count} kills; {len(wrong)} programs have failed; at the end {descriptors} descriptors, {memory:.1f} MB"
        )


# ---- restart


async def restart(folder: Path, _: float) -> None:
    place = folder / "a"
    with sim.rig(f"{PAIR}?baud=20000000") as rig, ExitStack() as stack:
        process = stack.enter_context(server(rig.url, place))
        async with N6Device(f"unix:{place}", reconnect=60) as dev:
            network, ends, failed = dev["reference"], list[float](), list[str]()
            data = noise(network)

            async def follow() -> None:
                while True:
                    try:
                        await network.run(data, timers=False)
                        ends.append(time.monotonic())
                    except N6Error as error:
                        failed.append(str(error))

            async def gap(after: float) -> float:
                while not ends or ends[-1] < after + 0.1:  # noqa: ASYNC110
                    await anyio.sleep(0.02)
                late = [before for before in ends if before <= after][-1:] + [end for end in ends if end > after]
                return max(np.diff(late))

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(follow)
                for _ in range(3):
                    with program("logger", f"unix:{place}") as logger_:
                        await anyio.sleep(random.Random(2).uniform(0.2, 0.4))
                        logger_.kill()
                        at = time.monotonic()
                    print(f"a program killed in mid-upload: gap of another one {await gap(at) * 1e3:.0f} ms")
                for _ in range(2):
                    at = time.monotonic()
                    process.kill()
                    process.wait()
                    process = stack.enter_context(server(rig.url, place))
                    print(
                        f"the server killed and started again: gap {await gap(at):.2f} s, {len(failed)} calls failed {failed[:1]}"
                    )
                tasks.cancel_scope.cancel()


GROUPS: Final = {"overhead": overhead, "control": control, "kills": kills, "restart": restart}
PROGRAMS: Final[dict[str, Callable[..., Any]]] = {"monitor": monitor, "logger": logger, "checker": checker}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="*", choices=[*GROUPS, []], metavar="|".join(GROUPS))
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement of control, and of kills")
    parser.add_argument("--program", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.program:
        anyio.run(PROGRAMS[options.program[0]], *options.program[1:])
        return
    for name in options.groups or GROUPS:
        print(f"-- {name}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            os.environ["N6LINK_RUNTIME"] = folder
            anyio.run(GROUPS[name], Path(folder), options.seconds)


if __name__ == "__main__":
    main()
