"""Results as tables for people and as plain values for programs, used by ``demo`` and ``run``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeGuard, cast

import numpy as np
from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Column, Table
from rich.text import Text

from n6link.console import KIND_STYLES, bar, duration
from n6link.decoders import Pose
from n6link.decoders.boxes import Detection
from n6link.decoders.classification import Classification
from n6link.decoders.described import listed
from n6link.decoders.segmentation import Segmentation
from n6link.epochs.timers import STAGE_MEANINGS, EpochTimers
from n6link.result import Result, Timing
from n6link.session.info import NetworkInfo

WIDE: Final = 116
"""terminal width, in columns, from which tables are side by side"""
BARS: Final = 22
METER: Final = 10
SLOWEST: Final = 8
STAGE_STYLES: Final = ("blue", "bright_black", "cyan", "bright_black", "green", "cyan", "blue")
"""Colour of each of the STAGES."""
_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"


def page(result: Result, meaning: object, url: str, threshold: float, width: int) -> RenderableType:
    """A page about a result: decoded on the left, its times on the right, or below on a narrow terminal.

    Args:
        result: the result.
        meaning: the decoded result; None = not decoded.
        url: of the device.
        threshold: keypoints with a lower score are dim.
        width: columns of the terminal.
    """
    board = result.network.device.board
    head = Text.from_markup(
        f"\n[bold]{escape(result.network.name)}[/] on [bold]{escape(board)}[/] [dim]at {escape(url)}[/]\n"
    )
    left = found_table(result, meaning, threshold)
    right: list[RenderableType] = [timing_table(result.timing, BARS)]
    if result.epochs:
        right += [Text(), epochs_table(result.epochs, SLOWEST, BARS // 2)]
    tail = origin_line(result.network)
    if result.encoding != "raw":
        right.append(Text(f"\nThe picture was sent as {result.encoding}: {result.sent_bytes:,} bytes.", style="dim"))
    if width < WIDE or not is_poses(meaning):
        return Group(head, left, Text(), *right, Text(), tail)
    grid = Table.grid(padding=(0, 4))
    grid.add_row(left, Group(*right))
    return Group(head, grid, Text(), tail)


def found_table(result: Result, meaning: object, threshold: float) -> RenderableType:
    """What was found; if the result was not decoded, the ranges of its outputs."""
    return pose_table(meaning, threshold) if is_poses(meaning) else meaning_table(result, meaning)


def is_poses(meaning: object) -> TypeGuard[list[Pose]]:
    """Whether a result was decoded to people."""
    return (
        isinstance(meaning, list)
        and bool(cast("list[object]", meaning))
        and all(isinstance(pose, Pose) for pose in cast("list[object]", meaning))
    )


def pose_table(poses: Sequence[Pose], threshold: float) -> Table:
    """Keypoints of up to a few people; those below the threshold or outside of the picture are dim."""
    shown = table("Keypoints, in pixels of the picture")
    shown.add_column("keypoint")
    for name in ("x", "y", "score"):
        shown.add_column(name, justify="right")
    shown.add_column("", width=METER)
    for number, pose in enumerate(poses):
        if len(poses) > 1:
            shown.add_section()
            shown.add_row(f"[bold]person {number + 1}[/]", "", "", f"[bold]{pose.score:.2f}[/]", "")
        for name, (x, y, score), away in zip(pose.names, pose.keypoints.tolist(), pose.outside.tolist(), strict=True):
            style = "" if score >= threshold and not away else "dim"
            colour = "green" if score >= 0.5 else "yellow" if score >= threshold else "bright_black"
            shown.add_row(
                escape(name.replace("_", " ")) + (" (outside)" if away else ""),
                f"{x:.0f}",
                f"{y:.0f}",
                f"{score:.2f}",
                _meter(score, METER, colour),
                style=style,
            )
    return shown


def meaning_table(result: Result, meaning: object) -> RenderableType:
    """The result of a network that is not a pose network; if it was not decoded, the ranges of its outputs."""
    if isinstance(meaning, Classification):
        return _shares("Classes, by probability", "label", meaning.top())
    if isinstance(meaning, Segmentation):
        return _shares("Classes, by share of the picture", "class", meaning.shares.items())
    items = listed(meaning)
    objects = [item for item in items if isinstance(item, Detection)]
    if len(objects) == len(items):
        return _objects(objects)
    if meaning is not None:
        return Text(str(meaning))
    shown = table("Outputs, dequantised")
    for name in ("output", "shape", "type", "minimum", "mean", "maximum"):
        shown.add_column(name, justify="left" if name in ("output", "shape", "type") else "right")
    for name, real in result.dequantized().items():
        spec = result.network.outputs[name]
        numbers = (f"{value:.4g}" for value in (np.min(real), np.mean(real), np.max(real)))
        shown.add_row(escape(name), "x".join(map(str, spec.shape)), str(spec.dtype), *numbers)
    return shown


def _objects(objects: Sequence[Detection]) -> Table:
    """The objects that were found, best first."""
    shown = table(f"Objects: {len(objects)}, in pixels of the picture")
    shown.add_column("object", overflow="fold")
    for name in ("left", "top", "right", "bottom", "score"):
        shown.add_column(name, justify="right")
    shown.add_column("", width=METER)
    for item in objects:
        sides = (f"{side:.0f}" for side in item.box)
        shown.add_row(
            escape(item.label) + (" (cut)" if item.cut else ""),
            *sides,
            f"{item.score:.2f}",
            _meter(item.score, METER, "green"),
        )
    return shown


def _shares(title: str, what: str, shares: Iterable[tuple[str, float]]) -> Table:
    """Labels with their shares."""
    shown = table(title)
    shown.add_column(what, overflow="fold")
    shown.add_column("share", justify="right")
    shown.add_column("", width=METER)
    for label, share in shares:
        shown.add_row(escape(label), f"{share:.1%}", _meter(share, METER, "green"))
    return shown


def timing_table(timing: Timing, width: int) -> Table:
    """The time of each stage, as bars on one time axis."""
    total = timing.total or 1.0
    shown = table(f"Latency: {duration(total)}")
    shown.add_column("stage")
    shown.add_column("time", justify="right", no_wrap=True)
    shown.add_column("", width=width, no_wrap=True)
    shown.add_column("", style="dim", no_wrap=True)
    begun = 0.0
    for (name, seconds), what, colour in zip(timing.stages(), STAGE_MEANINGS, STAGE_STYLES, strict=True):
        first = round(begun / total * width)
        cells = max(round((begun + seconds) / total * width) - first, 1 if seconds > 0 else 0)
        first = min(first, width - cells)
        begun += seconds
        shown.add_row(name, duration(seconds), Text(" " * first + "█" * cells, style=colour), what)
    return shown


def epochs_table(epochs: EpochTimers, count: int, width: int) -> RenderableType:
    """The slowest epoch blocks, and the NPU's share of the network."""
    shown = table(f"Slowest of {len(epochs.table)} epoch blocks")
    shown.add_column("epochs", justify="right", no_wrap=True, min_width=6)
    shown.add_column("kind", no_wrap=True, min_width=6)
    shown.add_column("operation", no_wrap=True, overflow="ellipsis")
    shown.add_column("time", justify="right", no_wrap=True, min_width=7)
    shown.add_column("share", justify="right", no_wrap=True, min_width=6)
    shown.add_column("", width=width)
    slowest = epochs.slowest(count)
    longest = max((seconds for _, seconds in slowest), default=0.0) or 1.0
    for block, seconds in slowest:
        colour, glyph = KIND_STYLES[block.kind]
        shown.add_row(
            block.span,
            f"[{colour}]{block.kind.name}[/]",
            escape(block.operation),
            duration(seconds),
            f"{seconds / epochs.duration:.1%}" if epochs.duration else "-",
            bar(seconds / longest, width, glyph, colour),
        )
    return Group(shown, Text(), _offload(epochs))


def origin_line(network: NetworkInfo) -> Text:
    """The source of the times; a warning if they are simulated."""
    source = network.timer_source.doc.removesuffix(": simulated")
    if network.device.simulated:
        return Text.from_markup(
            f"[bold yellow]These times are simulated[/] ({escape(source)}): they are not those of an NPU."
        )
    return Text(f"Epoch times: {source}.", style="dim")


def _offload(epochs: EpochTimers) -> Text:
    simulated = " (simulated)" if epochs.simulated else ""
    return Text.from_markup(f"[dim]On the NPU{simulated}:[/] [bold]{epochs.use}[/]")


def table(title: str | None = None) -> Table:
    """A table in the common style of all commands."""
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0),
    )


def grid(*columns: str | Column) -> Table:
    """A table of figures, without edges."""
    return Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)


def right(name: str) -> Column:
    """A column of figures."""
    return Column(name, justify="right", overflow="fold")


def _meter(share: float, width: int, style: str) -> Text:
    """A bar with a resolution of an eighth of a column."""
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    return Text("█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip(), style=style)
