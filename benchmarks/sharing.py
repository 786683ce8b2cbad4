"""What programs that share a board through ``n6link serve`` notice when one of them, or the server, is killed.

``python benchmarks/sharing.py [kills] [gaps] [--seconds 600]``, with ``pip install 'n6link[sim]'``.

*kills*: 16 programs run networks, of which some calls are cancelled or have encoded inputs, and compare each result with that of a board without a server;
at random moments, once per second on average, one of them is killed with SIGKILL and started again. Every tenth of the time the descriptors and the memory of server and board are read.
At the end all are killed; then the server must have one program, no inference and as many descriptors as at first. The exit code is 1 if not, or if a result was wrong or a call failed.

*gaps*: a program is killed in mid-upload, and the server is killed and started again; the gap is the time between two results of another program.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, MutableSequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from bench.lines import FORK
from bench.programs.shared import BOARD, cpu, logger, noise, running, server, start

from n6link import N6Device
from n6link.errors import N6Error
from n6link.transport import sim

CLIENTS: Final = 16
INPUTS: Final = 4
"""different inputs of each network"""
SAMPLES: Final = 10
KINDS: Final = 4
RESULTS, WRONG, CANCELLED, FAILED = range(KINDS)
Right = Mapping[tuple[str, int], Mapping[str, np.ndarray[Any, Any]]]


# ---- kills


async def right_results() -> Right:
    """What a board without a server computes."""
    async with N6Device(BOARD) as dev:
        return {
            (name, seed): (await network.run(noise(network, seed))).outputs
            for name, network in dev.networks.items()
            for seed in range(INPUTS)
        }


async def work(seed: int, right: Right, counts: MutableSequence[int], url: str, ready: Callable[[], None]) -> None:
    """A program that checks every result; two calls at once. It counts in a place of its own, without a lock: it may be killed."""
    draw = random.Random(seed)
    place = seed % CLIENTS * KINDS

    def count(what: int) -> None:
        counts[place + what] += 1

    async with N6Device(url, reconnect=60) as dev:
        ready()

        async def calls() -> None:
            while True:
                name, each = draw.choice(list(right))
                network = dev[name]
                call = asyncio.ensure_future(network.run(noise(network, each), priority=draw.choice([0, 0, 7])))
                if draw.random() < 0.2:
                    asyncio.get_running_loop().call_later(draw.random() * 0.05, call.cancel)
                try:
                    outputs = (await call).outputs
                    same = all(np.array_equal(array, outputs[key]) for key, array in right[name, each].items())
                    count(RESULTS if same else WRONG)
                except asyncio.CancelledError:
                    count(CANCELLED)
                except N6Error as error:
                    print(f"failed: {error}", flush=True)
                    count(FAILED)
                await asyncio.sleep(draw.random() * 0.2)

        await asyncio.gather(calls(), calls())


def resources(pid: int) -> tuple[int, float]:
    """Open descriptors, and MB of memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    kilobytes = int(status.partition("VmRSS:")[2].split()[0])
    return len(os.listdir(f"/proc/{pid}/fd")), kilobytes / 1024


def board_of(pid: int) -> int:
    """The process of the virtual board of a server."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


async def rest(url: str) -> tuple[int, int]:
    """Programs and waiting inferences when all others have been killed; returns when all slots of the board are used again."""
    async with N6Device(url) as dev:
        while len(await dev.clients()) > 1 or (await dev.stats()).queue:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        network = dev["movenet13"]
        await asyncio.gather(*[network.run(noise(network)) for _ in range(4 * dev.info.slots)])
        return len(await dev.clients()), (await dev.stats()).queue


def total_of(counts: MutableSequence[int], what: int) -> int:
    """Of all programs."""
    return sum(counts[what::KINDS])


def kills(folder: Path, seconds: float) -> bool:
    """Whether everything was as it should be."""
    draw = random.Random(1)
    right = asyncio.run(right_results())
    counts: MutableSequence[int] = FORK.RawArray("q", KINDS * CLIENTS)
    total = partial(total_of, counts)
    with server(BOARD, folder / "a") as process:
        url, pids = f"unix:{folder}/a", (process.pid, board_of(process.pid))
        asyncio.run(rest(url))
        time.sleep(1.0)  # the connection of rest() ends
        first = [resources(pid) for pid in pids]
        print("time, kills, results, cancelled; server: descriptors, MB, CPU; board: descriptors, MB", flush=True)
        programs = [start(partial(work, number, right, counts), url) for number in range(CLIENTS)]
        killed, begun, shown = 0, time.monotonic(), 0
        while (now := time.monotonic() - begun) < seconds:
            time.sleep(min(draw.expovariate(1.0), 5.0))
            index = draw.randrange(CLIENTS)
            programs[index].kill()
            programs[index].join()
            killed += 1
            programs[index] = start(partial(work, CLIENTS * killed + index, right, counts), url)
            if now > (shown + 1) * seconds / SAMPLES:
                shown += 1
                (own, memory), (its, other) = map(resources, pids)
                used = cpu(process.pid) / (time.monotonic() - begun)
                print(
                    f"{now:.0f} s, {killed}, {total(RESULTS)}, {total(CANCELLED)}; {own}, {memory:.1f}, {used:.0%}; {its}, {other:.1f}",
                    flush=True,
                )
        for program in programs:
            program.kill()
            program.join()
        left = asyncio.run(rest(url))
        until = time.monotonic() + 5.0
        while resources(process.pid)[0] != first[0][0] and time.monotonic() < until:
            time.sleep(0.05)  # the connection of rest() ends
        last = [resources(pid) for pid in pids]
    print(
        f"{killed} kills in {seconds:.0f} s; {total(RESULTS)} right results, {total(WRONG)} wrong, {total(FAILED)} calls failed; "
        f"at first {first}, at the end {last}, {left[0]} program, {left[1]} inferences"
    )
    flat = [descriptors for descriptors, _ in first] == [descriptors for descriptors, _ in last]
    return flat and left == (1, 0) and not total(WRONG) and not total(FAILED)


# ---- gaps


async def gaps(folder: Path, url: str) -> bool:
    """Whether no call failed."""
    place = folder / "a"
    with ExitStack() as stack:
        process = stack.enter_context(server(url, place))
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
                    await asyncio.sleep(0.02)
                late = [before for before in ends if before <= after][-1:] + [end for end in ends if end > after]
                return float(max(np.diff(late)))

            following = asyncio.ensure_future(follow())
            for number in range(3):
                with running(logger, f"unix:{place}") as other:
                    await asyncio.sleep(random.Random(number).uniform(0.2, 0.4))
                    other.kill()
                    at = time.monotonic()
                print(f"a program killed in mid-upload: gap of another one {await gap(at) * 1e3:.0f} ms")
            for _ in range(2):
                at = time.monotonic()
                process.kill()
                process.wait()
                process = stack.enter_context(server(url, place))
                print(
                    f"the server killed and started again: gap {await gap(at):.2f} s, {len(failed)} calls failed {failed[:1]}"
                )
            following.cancel()
            await asyncio.wait([following])
            return not failed


def gaps_on_a_line(folder: Path, seconds: float) -> bool:
    """On a line of 2 MB/s."""
    with sim.rig(f"{BOARD.removeprefix('sim:')}?baud=20000000") as rig:
        return asyncio.run(gaps(folder, rig.url))


GROUPS: Final[dict[str, Callable[[Path, float], bool]]] = {"kills": kills, "gaps": gaps_on_a_line}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groups", nargs="*", choices=[*GROUPS, []], metavar="|".join(GROUPS))
    parser.add_argument("--seconds", type=float, default=600.0, help="of kills")
    options = parser.parse_args()
    good = True
    for name in options.groups or GROUPS:
        print(f"-- {name}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            good &= GROUPS[name](Path(folder), options.seconds)
    sys.exit(not good)


if __name__ == "__main__":
    main()
