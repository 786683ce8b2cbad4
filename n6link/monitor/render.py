"""A :class:`~n6link.monitor.view.View` as rich renderables, for any size from 60x16 up.

The screen is a stack of sections, each under one rule with its title; what remains of the height after the fixed
ones goes to the epochs and the log. Kinds differ by colour *and* by the texture of their bars, so that the screen reads
without colour.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from n6link.monitor.view import EpochRow, LinkRow, LogLine, NetworkRow, PoolRow, View
from n6link.protocol import EpochKind

KIND_STYLES: Final = {
    EpochKind.EC: ("green", "█"),
    EpochKind.HW: ("cyan", "▓"),
    EpochKind.HYBRID: ("yellow", "▒"),
    EpochKind.SW: ("red", "░"),
    EpochKind.EXTRA: ("magenta", "·"),
}
LEVEL_STYLES: Final = {"DEBUG": "dim", "INFO": "", "WARNING": "yellow", "ERROR": "bold red"}
STATE_STYLES: Final = {"connected": "green", "connecting": "yellow", "lost": "bold red"}
_SPARKS: Final = "▁▂▃▄▅▆▇█"

HELP: Final = (
    ("up/down, j/k", "select a network"),
    ("e", "epochs in the order of the network"),
    ("t", "epochs by time, slowest first"),
    ("p", "pause and go on"),
    ("r", "reset the statistics of the device"),
    ("l", "next log level"),
    ("s", "save the screen as SVG and HTML"),
    ("?", "this help"),
    ("q", "quit"),
)


def duration(seconds: float) -> str:
    """``12.3 ms``: three digits with a fitting unit."""
    if seconds <= 0 or math.isnan(seconds):
        return "-"
    for limit, factor, unit in ((1e-3, 1e6, "us"), (1.0, 1e3, "ms"), (math.inf, 1.0, "s")):
        if seconds < limit * 0.9995:
            value = seconds * factor
            return f"{value:.{max(0, 2 - int(math.log10(max(value, 1))))}f} {unit}"
    raise AssertionError("unreachable")


def clock(seconds: float) -> str:
    """``1:02:03``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def size(count: float, *, base: int = 1024, units: Sequence[str] = ("B", "KiB", "MiB", "GiB")) -> str:
    """``864 KiB``: memory, in the powers of two that ST's reports mean by kB."""
    for unit in units[:-1]:
        if count < base * 0.9995:
            return f"{count:.{0 if unit == 'B' or count >= 99.95 else 1}f} {unit}"
        count /= base
    return f"{count:.1f} {units[-1]}"


def rate(bytes_per_second: float) -> str:
    """``92.0 kB/s``: decimal, as link speeds are."""
    return size(bytes_per_second, base=1000, units=("B", "kB", "MB", "GB")) + "/s"


def hertz(value: int) -> str:
    """``800 MHz``."""
    return f"{value / 1e6:g} MHz"


def spark(values: Sequence[float], width: int) -> str:
    """The last values as a line of blocks, from half of the smallest to the largest."""
    shown = values[-width:]
    low = 0.5 * min(shown, default=0.0)
    span = max(shown, default=0.0) - low or 1.0
    return "".join(_SPARKS[min(int((v - low) / span * 7.999), 7)] for v in shown).rjust(width)


def bar(share: float, width: int, glyph: str, style: str) -> Text:
    """A horizontal bar; anything above zero shows at least one cell."""
    cells = min(width, max(round(share * width), 1 if share > 0 else 0))
    return Text(glyph * cells, style=style) + Text(" " * (width - cells))


def render(view: View, width: int, height: int) -> RenderableType:
    """The whole screen."""
    head = _header(view)
    if view.identity is None:
        return Group(head, Text(), Text(view.reason or "Waiting for a device ...", style="dim"))
    roomy = height >= 22
    network_lines = min(len(view.networks), max(2, height // 6))
    side_lines = min(max(len(view.pools), 4), 8 if height >= 40 else 4) if roomy else -1
    free = height - 3 - (network_lines + 2) - 2 - (side_lines + 1) - 1  # for epoch rows and the log with its title
    log_lines = max(2, free // 4) if roomy else 0
    epoch_lines = max(free - log_lines - 1 if roomy else free, 1)
    if roomy and len(view.epochs) < epoch_lines:
        epoch_lines = max(len(view.epochs), 4)
        log_lines = free - 1 - epoch_lines
    epochs = _section(_epoch_title(view), _epochs(view, width, epoch_lines), _legend())
    parts = [
        Layout(head, size=3),
        Layout(_section("networks", _networks(view.networks, network_lines, width)), size=network_lines + 2),
        Layout(epochs),
    ]
    if roomy:
        parts += [
            Layout(_pools_and_link(view, width, side_lines), size=side_lines + 1),
            Layout(_section(f"log, {view.log_level} and above", _log(view.log, log_lines)), size=log_lines + 1),
        ]
    screen = Layout()
    screen.split_column(*parts, Layout(_footer(view, width), size=1))
    return screen


def _section(title: str, body: RenderableType, note: RenderableType | None = None) -> RenderableType:
    rule = Rule(Text(title, style="bold"), align="left", style="dim")
    return Group(rule, *([note] if note is not None else []), body)


def _header(view: View) -> RenderableType:
    identity = view.identity
    state = Text(f"● {view.state} {clock(view.state_seconds)}", style=STATE_STYLES[view.state])
    if view.paused:
        state = Text("‖ paused", style="bold yellow")
    if identity is None:
        return Group(Text("n6link monitor", style="bold") + Text("  ") + state)
    first = Table.grid(expand=True)
    first.add_column(no_wrap=True, overflow="ellipsis")
    first.add_column(justify="right", no_wrap=True)
    board = Text(identity.board, style="bold") + Text(f"  {identity.unique_id}", style="dim")
    if identity.simulated:
        board += Text("  simulated", style="bold magenta")
    first.add_row(board, state)
    port = identity.url + (f" {identity.baud} baud" if identity.baud else "")
    clocks = [f"CPU {hertz(view.cpu_hz)}"] if view.cpu_hz else []
    clocks += [f"NPU {hertz(view.npu_hz)}"] if view.npu_hz else []
    clocks += [f"{view.temperature:.0f} °C"] if view.temperature is not None else []
    second = Text(no_wrap=True, overflow="ellipsis")
    second.append("  ".join([port, f"firmware {identity.firmware}", f"protocol {identity.protocol}"]))
    third = Text(no_wrap=True, overflow="ellipsis")
    if view.state == "lost":
        third.append(view.reason, style="red")
    else:
        times = [f"up {clock(view.uptime)}", f"rtt {duration(view.round_trip)}"]
        third.append("  ".join([*clocks, *times, f"queue {view.queue}", f"free {size(view.free_bytes)}"]))
    return Group(first, second, third)


def _networks(rows: Sequence[NetworkRow], lines: int, width: int) -> RenderableType:
    spark_width = max(8, min(40, width - 72))
    table = Table(box=None, padding=(0, 1), expand=True, pad_edge=False, header_style="dim")
    table.add_column("name", no_wrap=True, overflow="ellipsis", ratio=1)
    for heading in ("runs", "runs/s", "p50", "p95"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("latency", no_wrap=True, width=spark_width)
    for heading in ("errors", "late", "queued") if width >= 76 else ("errors",):
        table.add_column(heading, justify="right", no_wrap=True)
    selected = next((i for i, row in enumerate(rows) if row.selected), 0)
    first = max(0, min(selected - lines // 2, len(rows) - lines))
    for row in rows[first : first + lines]:
        cells: list[RenderableType] = [
            Text(("▶ " if row.selected else "  ") + row.name, style="bold" if row.selected else ""),
            str(row.runs),
            f"{row.per_second:.1f}",
            duration(row.p50) if row.p50 is not None else "-",
            duration(row.p95) if row.p95 is not None else "-",
            Text(spark(row.latencies, spark_width), style="blue"),
            Text(str(row.errors), style="bold red" if row.errors else "dim"),
        ]
        if width >= 76:
            cells += [Text(str(row.late), style="bold yellow" if row.late else "dim"), str(row.queued)]
        table.add_row(*cells)
    return table


def _epoch_title(view: View) -> str:
    order = "slowest first" if view.order == "time" else "in order"
    return f"epochs of {view.epochs_of}, {order}, mean of {view.epochs_runs} runs"


def _legend() -> Text:
    legend = Text(no_wrap=True, overflow="ellipsis")
    for kind, (style, glyph) in KIND_STYLES.items():
        legend.append(f"{glyph * 2} ", style=style)
        legend.append({"EC": "EC", "HW": "HW on the NPU", "SW": "SW on the CPU"}.get(kind.name, kind.name) + "  ")
    return legend


def _epochs(view: View, width: int, lines: int) -> RenderableType:
    if not view.epochs:
        return Text("no inference yet", style="dim")
    bar_width = max(10, width - 62)
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(justify="right", no_wrap=True, width=9)
    table.add_column(no_wrap=True, width=6)
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column(justify="right", no_wrap=True, width=8)
    table.add_column(justify="right", no_wrap=True, width=6)
    table.add_column(no_wrap=True, width=bar_width)
    top = max(row.share for row in view.epochs)
    shown: Sequence[EpochRow] = view.epochs
    if len(shown) > lines:
        shown = view.epochs[: lines - 1]
    for row in shown:
        style, glyph = KIND_STYLES[row.kind]
        table.add_row(
            row.label,
            Text(row.kind.name, style=style),
            row.operation or "-",
            duration(row.seconds),
            f"{100 * row.share:.1f} %",
            bar(row.share / top, bar_width, glyph, style),
        )
    rest = view.epochs[len(shown) :]
    if rest:
        seconds, share = sum(r.seconds for r in rest), sum(r.share for r in rest)
        note = Text(f"{len(rest)} more", style="dim")
        table.add_row("", "", note, duration(seconds), f"{100 * share:.1f} %", "")
    return Group(table)


def _pools_and_link(view: View, width: int, lines: int) -> RenderableType:
    both = Table.grid(expand=True, padding=(0, 1))
    both.add_column(ratio=1)
    both.add_column(ratio=1)
    half = (width - 2) // 2
    left = _section("memory pools", _pools(view.pools, lines, half))
    both.add_row(left, _section("link", _link(view.link, half)))
    return both


def _pools(pools: Sequence[PoolRow], lines: int, width: int) -> RenderableType:
    if not pools:
        return Text("none reported", style="dim")
    bar_width = max(4, width - 38)
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True, overflow="ellipsis", width=9)
    table.add_column(no_wrap=True, width=bar_width)
    table.add_column(justify="right", no_wrap=True)
    for pool in pools[:lines]:
        share = pool.used / pool.total if pool.total else 0.0
        style = "red" if share > 0.95 else "yellow" if share > 0.85 else "green"
        filled = bar(share, bar_width, "█", style)
        filled.plain = filled.plain.replace(" ", "·")
        table.add_row(pool.name, filled, f"{size(pool.used)}/{size(pool.total)} {100 * share:3.0f} %")
    return table


def _link(link: LinkRow | None, width: int) -> RenderableType:
    if link is None:
        return Text("no reading yet", style="dim")
    table = Table.grid(padding=(0, 1))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_row("up, down", f"{rate(link.up)}, {rate(link.down)}")
    bad = Text(f"{link.errors} damaged, {link.resyncs} resyncs", style="bold red" if link.errors else "")
    table.add_row("frames", bad)
    table.add_row("repairs", f"{link.naks} NAKs, {link.retransmits} sent again")
    trips = f"{spark(link.round_trips, max(6, min(30, width - 28)))} {duration(link.round_trips[-1])}"
    table.add_row("round trip", Text(trips, style="blue"))
    return table


def _log(lines: Sequence[LogLine], count: int) -> RenderableType:
    if not lines:
        return Text("nothing so far", style="dim")
    rows = [
        Text(
            f"{clock(line.at)} {line.level:7} {line.text}",
            style=LEVEL_STYLES.get(line.level, ""),
            no_wrap=True,
            overflow="ellipsis",
        )
        for line in lines[-count:]
    ]
    return Group(*rows)


def _footer(view: View, width: int) -> RenderableType:
    keys = "q quit  ? help  j/k network  e/t order  p pause  r reset  l log  s save"
    text = view.message or keys
    return Text(text[:width], style="reverse" if view.message else "dim", no_wrap=True, overflow="ellipsis")


def render_help() -> RenderableType:
    """The help screen."""
    table = Table(box=None, header_style="bold", title="n6link monitor", title_justify="left")
    table.add_column("key", style="bold", no_wrap=True)
    table.add_column("what it does")
    for key, what in HELP:
        table.add_row(key, what)
    return Group(table, Text(), _legend(), Text("any key closes this help", style="dim"))
