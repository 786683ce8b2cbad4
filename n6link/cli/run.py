"""``n6link run``: runs a network on pictures, sounds, videos, arrays or a camera."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Annotated

import anyio
import anyio.to_thread
import typer
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectSendStream
from rich.markup import escape

from n6link.cli import sources, tables, video
from n6link.cli.boards import AnyNetwork, Boards, Urls, at_once, connect_all
from n6link.cli.common import (
    FAILED,
    Cards,
    Encode,
    Json,
    Mcap,
    Timeout,
    emit,
    err,
    out,
    start,
)
from n6link.cli.files import check_target
from n6link.cli.recording import Recording
from n6link.cli.sources import Camera, Place, Reader, Sample, check_exists
from n6link.cli.writing import DRAWINGS, Csv, Drawings, Targets, drawn, file_for, save_outputs, save_picture
from n6link.console import counted, duration
from n6link.decoders import Pose, tasks
from n6link.decoders.boxes import Detection
from n6link.decoders.classification import Classification
from n6link.decoders.described import listed
from n6link.decoders.segmentation import Segmentation
from n6link.errors import BadInput, N6Error
from n6link.json_types import Plain
from n6link.progress import Progress
from n6link.result import Result, to_plain
from n6link.tensors.encoding import RAW


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a run and of its output."""

    draw: Path | None
    save: Path | None
    csv: Path | None
    mcap: Path | None
    raw: bool
    threshold: float
    reduce: bool | None
    encode: str | None
    resample: bool
    limit: int | None
    as_json: bool


@dataclass(slots=True)
class Item:
    """An input that is processed: when ``done`` is set there is a result, or an error."""

    name: str
    sample: Sample | None
    done: anyio.Event = field(default_factory=anyio.Event)
    result: Result | None = None
    meaning: object = None
    error: N6Error | None = None


Read = tuple[str, Sample | N6Error]
"""the name of an input, and its sample or why it cannot be read"""


def run(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help="Name of the network, as n6link info shows it.")],
    inputs: Annotated[list[str] | None, typer.Argument(metavar="[FILE|DIR|GLOB|-]...", help=sources.HELP)] = None,
    urls: Urls = None,
    camera: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Run on the frames of this camera, until Ctrl-C or --limit.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Stop after N inputs, such as frames.")] = None,
    resample: Annotated[
        bool, typer.Option("--resample", help="Convert sounds to the samples per second of the network.")
    ] = False,
    draw: Annotated[
        Path | None,
        typer.Option(
            metavar="PNG|MP4|DIR",
            help="Draw the results to this file, or, for several inputs, to files in this folder or to a video.",
        ),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            metavar="NPZ|DIR",
            help="Save the outputs, raw and as real numbers, to this file, or, for several inputs, to files in this folder.",
        ),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV", help="Write a table: a row per person, object, class, or output without a decoder."
        ),
    ] = None,
    mcap: Mcap = None,
    raw: Annotated[bool, typer.Option("--raw", help="Do not decode: show the ranges of the outputs.")] = False,
    threshold: Annotated[
        float, typer.Option(min=0, max=1, metavar="0..1", help="Keypoints with a lower score are not shown.")
    ] = 0.25,
    reduce: Annotated[
        bool | None,
        typer.Option(
            "--reduce/--whole",
            help="The board sends only what the decoder uses (default over a UART), or whole outputs.",
        ),
    ] = None,
    encode: Encode = None,
    cards: Cards = None,
    timeout: Timeout = 5.0,
    as_json: Json = False,
) -> None:
    """Run a network on pictures, sounds, videos, arrays or a camera, and print the results; with --json one line per input."""
    places: list[Place] = [*sources.expand(inputs or []), *([] if camera is None else [Camera(camera)])]
    if not places:
        raise BadInput(
            "no input is given; add a picture, a sound, a video, a .npy or .npz file, a folder, - or --camera 0"
        )
    if len(places) == 1 and isinstance(places[0], Path):
        check_exists(places[0])
    check_target(draw, "--draw", *DRAWINGS, *video.SUFFIXES, sources=places, folder=True)
    check_target(save, "--save", ".npz", sources=places, folder=True)
    check_target(csv, "--csv", ".csv", sources=places)
    check_target(mcap, "--mcap", ".mcap", sources=places)
    reduced = False if save or raw else reduce
    options = Options(draw, save, csv, mcap, raw, threshold, reduced, encode, resample, limit, as_json)
    alone = len(places) == 1 and not any(map(os.path.isdir, inputs or []))
    start(_run, network, places, alone, urls, cards, timeout, options)


async def _run(
    name: str,
    places: Sequence[Place],
    alone: bool,
    urls: list[str] | None,
    cards: list[Path] | None,
    timeout: float,  # noqa: ASYNC109
    options: Options,
) -> None:
    log = Recording(options.mcap, options.threshold)
    async with connect_all(urls, cards, timeout, log.opened) as dev:
        network = dev[name]
        with closing(_read(Reader(network.info, resample=options.resample), places)) as found:
            wanted = islice(found, options.limit)
            first = await anyio.to_thread.run_sync(list, islice(wanted, 2))
            try:
                async with log.of(dev):
                    if alone and len(first) == 1:
                        await _single(dev, network, first[0], places, options, log)
                    else:
                        await _batch(network, chain(first, wanted), places, options, at_once(dev), log)
            finally:
                for doubt in network.doubts:
                    err.print(f"[yellow]Note:[/] {escape(doubt)}.", soft_wrap=True)


def _read(reader: Reader, places: Sequence[Place]) -> Generator[Read]:
    """The inputs of all places, also those that cannot be read."""
    for place in places:
        try:
            with closing(reader.samples(place)) as samples:
                for sample in samples:
                    yield sample.name, sample
        except N6Error as error:
            yield str(place), error


async def _single(
    dev: Boards, network: AnyNetwork, read: Read, places: Sequence[Place], options: Options, log: Recording
) -> None:
    name, sample = read
    if isinstance(sample, N6Error):
        raise sample
    item = Item(name, sample)
    await _process(network, item, options, True)
    if item.error:
        raise item.error
    assert item.result
    await log.add(sample.picture, item.result, item.meaning)
    drawing = file_for(options.draw, "drawings", ".png", sample.stem, places)
    saved = file_for(options.save, "outputs", ".npz", sample.stem, places)
    if drawing:
        picture = await anyio.to_thread.run_sync(drawn, sample, item.meaning, options.threshold)
        await anyio.to_thread.run_sync(save_picture, drawing, picture)
    if saved:
        save_outputs(saved, item.result)
    if options.csv:
        with Csv(options.csv) as table:
            table.add(name, item.result, item.meaning)
    if options.as_json:
        emit({"input": name} | to_plain(item.result, item.meaning))
        return
    out.print(tables.page(item.result, item.meaning, dev.url, options.threshold, out.width))
    if network.card is None:
        out.print(
            f"[dim]{escape(network.name)} does not have a card that describes its outputs; add one with --card. "
            f"n6link card init {escape(network.name)} proposes one.[/]"
        )
    elif not _decodable(network):
        out.print(f"[dim]A decoder for the task {escape(network.card.task)} is not installed.[/]")
    for what, path in (("Drawn", drawing), ("Saved", saved), ("Written", options.csv), ("Recorded", options.mcap)):
        if path:
            out.print(f"{what}: [bold]{escape(str(path))}[/]", soft_wrap=True)


async def _batch(
    network: AnyNetwork, found: Iterator[Read], places: Sequence[Place], options: Options, window: int, log: Recording
) -> None:
    """Several inputs: at most as many at the same time as the board has input slots; results are printed in order."""
    files = [place for place in places if isinstance(place, Path)]
    folder = os.path.commonpath([file.parent.resolve() for file in files]) if len(files) == len(places) else None
    finite = all(map(sources.is_single, places))
    shown = tables.table()
    shown.add_column("input", overflow="fold")
    shown.add_column("result")
    shown.add_column("latency", justify="right", no_wrap=True)
    failed = total = 0
    sent: Counter[str] = Counter()
    progress = Progress(
        network.name,
        len(places) if finite else options.limit,
        console=err,
        # Lines on the same terminal would break the progress bar.
        shown=not ((options.as_json or not finite) and sys.stdout.isatty()),
    )
    with ExitStack() as stack:
        drawings = stack.enter_context(Drawings(options.draw, places)) if options.draw else None
        saved = Targets(options.save, "outputs", ".npz", places) if options.save else None
        table = stack.enter_context(Csv(options.csv)) if options.csv else None
        stack.enter_context(progress)
        send, receive = anyio.create_memory_object_stream[Item](window - 1)
        async with receive, anyio.create_task_group() as group:
            group.start_soon(_feed, group, network, found, options, send)
            async for item in receive:
                await item.done.wait()
                if item.error and not isinstance(item.error, BadInput):
                    raise item.error
                if item.result and item.sample:
                    sent[item.result.encoding] += 1
                    await log.add(item.sample.picture, item.result, item.meaning)
                    if drawings:
                        await anyio.to_thread.run_sync(drawings.add, item.sample, item.meaning, options.threshold)
                    if saved:
                        save_outputs(saved.path(item.sample.stem), item.result)
                    if table:
                        table.add(item.name, item.result, item.meaning)
                failed += item.error is not None
                total += 1
                if options.as_json:
                    emit({"input": item.name} | _line(item))
                else:
                    row = (
                        escape(_within(folder, item.name)),
                        *_row(item, options.threshold),
                    )
                    if finite:
                        shown.add_row(*row)
                    else:
                        out.print("  ".join(row), soft_wrap=True)
                progress.advance()
    if not options.as_json and finite:
        where = f" in {escape(folder)}" if folder else ""
        head = f"\n[bold]{counted(total, 'input')}[/]{where} through [bold]{escape(network.name)}[/]\n"
        out.print(head, soft_wrap=True)
        out.print(shown)
        if sent.keys() - {str(RAW)}:
            counts = ", ".join(f"{encoding} ({count})" for encoding, count in sent.most_common())
            out.print(f"\n[dim]Pictures were sent as {counts}.[/]", soft_wrap=True)
    if failed:
        if not options.as_json:
            err.print(f"[bold red]Error:[/] {failed} of {counted(total, 'input')} failed.")
        raise typer.Exit(FAILED)


async def _feed(
    group: TaskGroup, network: AnyNetwork, found: Iterator[Read], options: Options, send: MemoryObjectSendStream[Item]
) -> None:
    async with send:
        while (read := await anyio.to_thread.run_sync(next, found, None)) is not None:
            name, sample = read
            if isinstance(sample, N6Error):
                item = Item(name, None, error=sample)
                item.done.set()
                await send.send(item)
            else:
                item = Item(name, sample)
                await send.send(item)
                group.start_soon(_process, network, item, options)


async def _process(network: AnyNetwork, item: Item, options: Options, timers: bool = False) -> None:
    assert item.sample
    try:
        item.result = await network.run(
            item.sample.data, reduce=options.reduce, timers=timers or bool(options.mcap), encode=options.encode
        )
        item.meaning = item.result.decode() if _decodable(network) and not options.raw else None
    except N6Error as error:
        item.error = error
    finally:
        item.done.set()


def _decodable(network: AnyNetwork) -> bool:
    """Whether a decoder for the outputs is installed."""
    return network.card is not None and network.card.task in tasks()


def _line(item: Item) -> Plain:
    if item.error:
        return {"error": {"type": type(item.error).__name__, "message": str(item.error)}}
    assert item.result
    values = to_plain(item.result, item.meaning)
    return {key: value for key, value in values.items() if key != "epochs"}


def _within(folder: str | None, name: str) -> str:
    return os.path.relpath(name, folder) if folder else name


def _row(item: Item, threshold: float) -> tuple[str, str]:
    if item.error:
        return f"[red]{escape(str(item.error))}[/]", "-"
    assert item.result
    return escape(_brief(item, threshold)), duration(item.result.timing.total)


def _brief(item: Item, threshold: float) -> str:
    """A short text about the result."""
    if isinstance(item.meaning, Classification):
        return ", ".join(f"{label} {probability:.0%}" for label, probability in item.meaning.top(3))
    if isinstance(item.meaning, Segmentation):
        return ", ".join(f"{label} {share:.0%}" for label, share in item.meaning.shares.items())
    items = listed(item.meaning)
    if not items:
        return "nothing found"
    if not tables.is_poses(item.meaning):
        counts = Counter(found.label for found in items if isinstance(found, Detection))
        named = ", ".join(f"{number} {label}" for label, number in counts.most_common())
        return named or str(item.result if item.meaning is None else item.meaning)
    poses: list[Pose] = item.meaning
    people = f"{len(poses)} person" if len(poses) == 1 else f"{len(poses)} people"
    seen = sum(int(((pose.keypoints[:, 2] >= threshold) & ~pose.outside).sum()) for pose in poses)
    total = sum(len(pose.keypoints) for pose in poses)
    best = max((pose.score for pose in poses), default=0.0)
    return f"{people}, best score {best:.2f}, {seen} of {total} keypoints" if poses else people
