"""Frames per second of MoveNet: line, encoding of the input, and one ``run`` after the other or a stream; with the accuracy of each encoding next to it.

The work of a frame is a picture to a pose: n6link scales, quantises or encodes the picture, runs the network, and decodes the result. *Same work* is: the raw
input up, all outputs down. The network runs on LiteRT in the virtual board; the devices of the other programs wait for the median of its time. So the
time of the network is that of this machine, not of an NPU. Pictures are annotated people if N6LINK_SHARED has them, else the bundled photograph.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from functools import partial
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import floor
import numpy as np

from bench.lines import PTY, Line, Port, connected, uart, usb
from bench.measure import Bench, Row, Sample
from bench.programs import n6, openmv, st
from bench.programs.work import INPUT, RUN
from bench.workers import Opened, Work, Worker, worker
from n6link import N6Device, Network, networks
from n6link.errors import N6Error
from n6link.evaluation import open_data
from n6link.evaluation.answers import ask
from n6link.tensors import image

GROUP: Final = "frames"
NETWORK: Final = "movenet13"
STREAM: Final = "stream"
SOME: Final = 3
"""of so many annotated people one is a frame"""
DEPTH: Final = 2
"""frames of a stream on the device"""
SHARED: Final = Path(os.environ.get("N6LINK_SHARED", Path(__file__).resolve().parents[4] / "shared"))
PEOPLE: Final = SHARED / "images" / "annotated" / "test_coco.json"
ENCODINGS: Final = ("qoi", "jpeg:95", "jpeg:90", "jpeg:85")
CAN_ENCODE: Final = "encode" in inspect.signature(Network.run).parameters
QUICK: Final = (uart(2_764_800, 0.0005),)
CHOSEN: Final = Line("921600 baud +0.5 ms, n6link chooses the rate", delay=0.0005, uart=921_600)
"""without the other programs, which do not change the rate"""
FULL: Final = (
    uart(921_600, 0.0005),
    CHOSEN,
    uart(2_764_800, 0.0005),
    usb(4.5, 0.0005),
    PTY,
)
Options = Mapping[str, Any]
SAME: Final[Options] = {"reduce": False}
PEERS: Final = {
    "floor": "bare asyncio, same work without decoding",
    "ST's scheme": "model from its specification, same work without decoding",
    "openmv": "stand-in for the device, same work without decoding",
}


def variants() -> dict[str, Options]:
    """Options of n6link by name."""
    found: dict[str, Options] = {"n6link, same work": SAME, "n6link": {"reduce": True}}
    if CAN_ENCODE:
        found["n6link"] = {"reduce": True, "encode": "raw"}
        found["n6link, same work"] = {"reduce": False, "encode": "raw"}
        found |= {f"n6link, {name}": {"reduce": True, "encode": name} for name in ENCODINGS}
    return found


def pictures() -> list[image.Pixels]:
    """Some squares with a person, or the photograph."""
    if not PEOPLE.is_file():
        return [image.load(networks.PHOTO)] * SOME

    async def squares() -> list[image.Pixels]:
        async with N6Device(f"sim:{NETWORK}") as dev:
            exercise = open_data(dev[NETWORK].info, PEOPLE)
            return [image.load(exercise.read(sample)) for sample in exercise.samples[::SOME]]

    return asyncio.run(squares())


async def accuracy(net: Network, options: Options) -> str:
    """OKS of the annotated people."""
    exercise, answers = open_data(net.info, PEOPLE), {}
    run: Any = partial(net.run, **options)
    await ask([run], exercise, exercise.samples, lambda answer: answers.update({answer.sample: answer.found}))
    figures = exercise.figures(answers)
    return f"OKS {figures.values['OKS']:.3f}, {figures.annotations} people"


async def judge(found: Mapping[str, Options]) -> tuple[dict[str, str], float]:
    """What to say about each variant: its OKS, or why it cannot be used; and the median time of the network."""
    notes, times = {}, []
    async with N6Device(f"sim:{NETWORK}") as dev:
        net = dev[NETWORK]
        for name, options in found.items():
            try:
                times += [(await net.run(networks.PHOTO, timers=False, **options)).timing.npu for _ in range(5)]
            except N6Error as error:
                notes[name] = f"cannot be used: {error}"
                continue
            if PEOPLE.is_file() and find_spec("faster_coco_eval"):
                notes[name] = await accuracy(net, {key: value for key, value in options.items() if key == "encode"})
    return notes, statistics.median(times)


@asynccontextmanager
async def _opened(
    port: Port, options: Options, frames: Sequence[image.Pixels], seconds: float
) -> AsyncIterator[Mapping[str, Work]]:
    async with N6Device(port.url, timeout=30) as dev:
        net = dev[NETWORK]

        async def run() -> Sample:
            """Time per frame. As encoded pictures differ in size, a sample has each picture once."""
            begun, cpu = time.perf_counter(), time.process_time()
            for picture in frames:
                (await net.run(picture, timers=False, **options)).decode()
            return Sample((time.perf_counter() - begun) / len(frames), (time.process_time() - cpu) / len(frames))

        async def stream() -> Sample:
            """Time per frame, of the same pictures. The first ones are not counted: they fill the stages, and some of their results wait."""
            count, begun, cpu = -DEPTH - len(frames), 0.0, 0.0
            async with net.stream(cycle(frames), policy="all", depth=DEPTH, **options) as results:
                async for result in results:
                    result.decode()
                    count += 1
                    if not count:
                        begun, cpu = time.perf_counter(), time.process_time()
                    elif count > 0 and not count % len(frames) and time.perf_counter() - begun > seconds:
                        break
                return Sample((time.perf_counter() - begun) / count, (time.process_time() - cpu) / count)

        yield {RUN: run, STREAM: stream}


@asynccontextmanager
async def _floor(port: Port, size: int) -> AsyncIterator[Mapping[str, Work]]:
    data = n6.picture(size).reshape(-1).view(np.uint8).data
    async with floor.connect(port.url.partition("?")[0]) as bare:
        yield {RUN: lambda: bare.run(data)}


def _board(line: Line, folder: Path) -> AbstractContextManager[Port]:
    return n6.board(line, folder, [NETWORK])


def run(bench: Bench, lines: Sequence[Line], *, most: int | None = None) -> None:
    """All lines, with at most so many pictures. A variant of n6link that the board cannot use is left out, with its reason on the terminal."""
    found, frames = variants(), pictures()[:most]
    notes, seconds = asyncio.run(judge(found))
    for name in [name for name in found if "cannot be used" in notes.get(name, "")]:
        print(f"{name} {notes.pop(name)}")
        del found[name]
    raw = notes.get("n6link, same work", "")
    for line in lines:
        with tempfile.TemporaryDirectory(prefix="n6bench-") as text, ExitStack() as stack:
            folder = Path(text)

            def start(
                opened: Callable[[Port], Opened], port: AbstractContextManager[Port], stack: ExitStack = stack
            ) -> Worker:
                return stack.enter_context(worker(partial(opened, stack.enter_context(port)), bench.span))

            programs = {} if line.uart else {"floor": start(partial(_floor, size=INPUT), _board(line, folder))}
            if line.baud:
                programs["ST's scheme"] = start(st.opened, connected(line, folder, partial(st.serve, seconds=seconds)))
            if not line.uart and find_spec("openmv"):
                programs["openmv"] = start(
                    openmv.opened, connected(line, folder, partial(openmv.serve, seconds=seconds))
                )
            others = {name: f"{note}; {raw}" for name, note in PEERS.items()}
            for name, options in found.items():
                opened = partial(_opened, options=options, frames=frames, seconds=bench.span * 20)
                programs[name] = start(opened, _board(line, folder))
            group = f"{GROUP}, {line.name}"
            bench.compare(
                group, RUN, {name: each.measure(RUN) for name, each in programs.items()}, notes=others | notes
            )
            streams = {} if line.uart else {"floor": programs["floor"].measure(RUN)}
            streams |= {name: programs[name].measure(STREAM) for name in found}
            bench.compare(group, STREAM, streams, notes=others | notes)


def table(rows: Sequence[Row]) -> str:
    """Frames per second: a line of the table for each line and program."""
    lines = ["| line | program | run, frames/s | stream, frames/s | |", "|---|---|--:|--:|---|"]
    shown = [row for row in rows if row.group.startswith(f"{GROUP}, ")]
    streams = {(row.group, row.program): row for row in shown if row.work == STREAM}
    for row in shown:
        if row.work == RUN:
            stream = streams.get((row.group, row.program))
            second = f"{1 / stream.median('wall'):.2f}" if stream and row.program != "floor" else ""
            cells = (row.group.partition(", ")[2], row.program, f"{1 / row.median('wall'):.2f}", second, row.note)
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
