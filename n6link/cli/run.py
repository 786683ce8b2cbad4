"""``n6link run``: runs a network on pictures."""

from __future__ import annotations

import glob
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Annotated

import anyio
import anyio.to_thread
import typer
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectSendStream
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from n6link.cli import tables
from n6link.cli.arrays import read_arrays, save_outputs
from n6link.cli.common import FAILED, Cards, Json, Timeout, Url, connect, emit, err, out, start
from n6link.console import duration
from n6link.decoders import Pose, tasks
from n6link.decoders.boxes import Detection
from n6link.decoders.classification import Classification
from n6link.decoders.described import listed
from n6link.decoders.draw_result import draw
from n6link.decoders.segmentation import Segmentation
from n6link.device import N6Device
from n6link.errors import BadInput, N6Error
from n6link.evaluation.files import pictures_in
from n6link.json_types import Plain
from n6link.network import Network
from n6link.result import Result
from n6link.tensors.image import load
from n6link.tensors.inputs import Data


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a run and of its output."""

    draw: Path | None
    save: Path | None
    raw: bool
    threshold: float
    reduce: bool | None
    as_json: bool


@dataclass(slots=True)
class Item:
    """A picture that is processed: when ``done`` is set there is a result, or an error."""

    path: Path
    done: anyio.Event = field(default_factory=anyio.Event)
    result: Result | None = None
    meaning: object = None
    error: N6Error | None = None


def run(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help="Name of the network, as n6link info shows it.")],
    images: Annotated[
        list[str], typer.Argument(metavar="IMAGE|DIR|GLOB", help="Pictures, or .npy and .npz files with raw inputs.")
    ],
    url: Url = None,
    draw: Annotated[
        Path | None,
        typer.Option(
            metavar="PNG|DIR", help="Draw the results to this file, or, for several pictures, to files in this folder."
        ),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            metavar="NPZ|DIR",
            help="Save the outputs, raw and as real numbers, to this file, or, for several pictures, to files in this folder.",
        ),
    ] = None,
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
    cards: Cards = None,
    timeout: Timeout = 5.0,
    as_json: Json = False,
) -> None:
    """Run a network on pictures and print the results; with --json one line per picture."""
    paths = _expand(images)
    several = len(paths) > 1 or os.path.isdir(images[0])
    start(
        _run,
        network,
        paths,
        several,
        url,
        cards,
        timeout,
        Options(draw, save, raw, threshold, False if save or raw else reduce, as_json),
    )


async def draw_into(out_path: Path, picture: Path, meaning: object, threshold: float) -> None:
    """Writes a picture with its result to a file.

    Raises:
        BadInput: the result cannot be drawn, or the file cannot be written.
    """

    def work() -> None:
        if out_path.exists() and out_path.samefile(picture):
            raise BadInput(f"{str(out_path)!r} is the picture itself, which would be overwritten; choose another file")
        image = draw(picture, meaning, threshold=threshold)
        try:
            image.save(out_path)
        except (OSError, ValueError) as error:
            raise BadInput(f"{str(out_path)!r} cannot be written: {error}") from error

    await anyio.to_thread.run_sync(work)


async def _run(
    name: str,
    paths: Sequence[Path],
    several: bool,
    url: str | None,
    cards: list[Path] | None,
    timeout: float,  # noqa: ASYNC109
    options: Options,
) -> None:
    async with connect(url, cards, timeout) as dev:
        if several:
            await _batch(dev[name], paths, options, dev.info.slots)
        else:
            await _single(dev, dev[name], paths[0], options)


async def _single(dev: N6Device, network: Network, path: Path, options: Options) -> None:
    item = Item(path)
    await _process(network, item, options, True)
    if item.error:
        raise item.error
    assert item.result
    if options.draw:
        await draw_into(options.draw, path, item.meaning, options.threshold)
    if options.save:
        save_outputs(options.save, item.result)
    if options.as_json:
        emit({"image": str(path)} | tables.values(item.result, item.meaning))
        return
    out.print(tables.page(item.result, item.meaning, dev.url, options.threshold, out.width))
    if network.card is None:
        out.print(
            f"[dim]{escape(network.name)} does not have a card that describes its outputs; add one with --card.[/]"
        )
    elif not _decodable(network):
        out.print(f"[dim]A decoder for the task {escape(network.card.task)} is not installed.[/]")
    if options.draw:
        out.print(f"Drawn: [bold]{escape(str(options.draw))}[/]", soft_wrap=True)


async def _batch(network: Network, paths: Sequence[Path], options: Options, window: int) -> None:
    """Several pictures: at most as many at the same time as the board has input slots; results are printed in order."""
    folder = os.path.commonpath([path.parent.resolve() for path in paths])
    shown = tables.table()
    shown.add_column("picture", overflow="fold")
    shown.add_column("result")
    shown.add_column("latency", justify="right", no_wrap=True)
    failed = 0
    drawings = Targets(options.draw, "drawings", ".png") if options.draw else None
    saved = Targets(options.save, "outputs", ".npz") if options.save else None
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        # JSON lines on the same terminal would break the progress bar.
        disable=not err.is_terminal or (options.as_json and sys.stdout.isatty()),
    )
    send, receive = anyio.create_memory_object_stream[Item](window - 1)
    with progress:
        bar = progress.add_task(escape(network.name), total=len(paths))
        async with anyio.create_task_group() as group, receive:
            group.start_soon(_feed, group, network, paths, options, send)
            async for item in receive:
                await item.done.wait()
                if item.error and not isinstance(item.error, BadInput):
                    raise item.error
                if item.error is None and drawings:
                    await draw_into(drawings.path(item.path), item.path, item.meaning, options.threshold)
                if item.result and saved:
                    save_outputs(saved.path(item.path), item.result)
                failed += item.error is not None
                if options.as_json:
                    emit({"image": str(item.path)} | _line(item))
                else:
                    shown.add_row(escape(_within(folder, item.path)), *_row(item, options.threshold))
                progress.advance(bar)
    if not options.as_json:
        head = f"\n[bold]{len(paths)} pictures[/] in {escape(folder)} through [bold]{escape(network.name)}[/]\n"
        out.print(head, soft_wrap=True)
        out.print(shown)
    if failed:
        if not options.as_json:
            err.print(f"[bold red]Error:[/] {failed} of {len(paths)} pictures failed.")
        raise typer.Exit(FAILED)


class Targets:
    """Names for the files of a batch: the names of the pictures, with a number if two are equal."""

    def __init__(self, folder: Path, what: str, suffix: str) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(
                f"{str(folder)!r} cannot be used as the folder for {what} of several pictures: {error}"
            ) from error
        self._folder = folder
        self._suffix = suffix
        self._taken: set[str] = set()

    def path(self, picture: Path) -> Path:
        """The file for a picture."""
        names = (picture.stem if number == 1 else f"{picture.stem}-{number}" for number in count(1))
        name = next(name for name in names if name not in self._taken)
        self._taken.add(name)
        return self._folder / f"{name}{self._suffix}"


async def _feed(
    group: TaskGroup, network: Network, paths: Sequence[Path], options: Options, send: MemoryObjectSendStream[Item]
) -> None:
    async with send:
        for path in paths:
            item = Item(path)
            await send.send(item)
            group.start_soon(_process, network, item, options)


async def _process(network: Network, item: Item, options: Options, timers: bool = False) -> None:
    try:
        data = await anyio.to_thread.run_sync(_load, item.path)
        item.result = await network.run(data, reduce=options.reduce, timers=timers)
        item.meaning = item.result.decode() if _decodable(network) and not options.raw else None
    except N6Error as error:
        item.error = error
    finally:
        item.done.set()


def _decodable(network: Network) -> bool:
    """Whether a decoder for the outputs is installed."""
    return network.card is not None and network.card.task in tasks()


def _load(path: Path) -> Data:
    """A picture, the raw input in a .npy file, or the raw inputs by name in a .npz file."""
    if path.suffix.lower() not in (".npy", ".npz"):
        return load(path)
    return read_arrays(path)


def _line(item: Item) -> Plain:
    if item.error:
        return {"error": {"type": type(item.error).__name__, "message": str(item.error)}}
    assert item.result
    values = tables.values(item.result, item.meaning)
    return {key: value for key, value in values.items() if key != "epochs"}


def _row(item: Item, threshold: float) -> tuple[str, str]:
    if item.error:
        return f"[red]{escape(str(item.error))}[/]", "-"
    assert item.result
    return escape(_brief(item, threshold)), duration(item.result.timing.total)


def _within(folder: str, path: Path) -> str:
    return os.path.relpath(path, folder)


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
    seen = sum(int((pose.keypoints[:, 2] >= threshold).sum()) for pose in poses)
    total = sum(len(pose.keypoints) for pose in poses)
    best = max((pose.score for pose in poses), default=0.0)
    return f"{people}, best score {best:.2f}, {seen} of {total} keypoints" if poses else people


def _expand(images: Sequence[str]) -> list[Path]:
    """The files for the arguments: files, folders and patterns.

    Raises:
        BadInput: an argument does not match a file.
    """
    paths: list[Path] = []
    for image in images:
        if os.path.isdir(image):
            found = pictures_in(Path(image))
            what = f"folder {image!r} does not contain pictures"
        elif os.path.exists(image) or not glob.has_magic(image):
            found, what = [Path(image)], ""
        else:
            found = sorted(map(Path, glob.glob(image, recursive=True)))
            what = f"pattern {image!r} does not match a file"
        if not found:
            raise BadInput(what)
        paths += found
    return paths
