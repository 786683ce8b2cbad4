"""The sections of the monitor's screen, from the top: each is a part of a :class:`~n6link.monitor.view.View` in some lines of some width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.text import Text

from n6link.console import KIND_STYLES, bar, clock, counted, duration, hertz, rate, short, size, spark
from n6link.epochs.offload import OVERHEAD
from n6link.monitor.lines import Cell, Column, fit, heading, line, rows_of
from n6link.monitor.view import EpochRow, EpochSummary, LogLine, NetworkRow, PoolRow, View

LEVEL_STYLES: Final = {"DEBUG": "dim", "INFO": "", "WARNING": "yellow", "ERROR": "bold red", "CRITICAL": "bold red"}
STATE_STYLES: Final = {"connected": "green", "waiting": "yellow", "lost": "bold red"}
FOOTER: Final = "q quit  ? help  j/k network  e/t order  p pause  r reset  l log  s save"


def _fitting(width: int, *columns: tuple[int, Column[NetworkRow]]) -> list[Column[NetworkRow]]:
    """The columns whose minimum table width is at most ``width``."""
    return [column for least, column in columns if width >= least]


def _count(count: int, style: str) -> Cell:
    """A counter, with ``style`` if it is not 0."""
    return short(count), style if count else "dim"


def header(view: View, width: int) -> RenderableType:
    """Board, URL, state, and figures of the whole device."""
    state, identity = line((f"● {view.state} {clock(view.state_seconds)}", STATE_STYLES[view.state])), view.identity
    if view.paused:
        state = line(("‖ paused  ", "bold yellow")) + state
    if identity is None:
        return line(("n6link monitor  ", "bold")) + state
    board = line((identity.board, "bold"), (f"  {identity.unique_id}", "dim"))
    board += line(("  simulated" if identity.simulated else "", "bold magenta"))
    board.truncate(max(width - state.cell_len - 2, 0), overflow="ellipsis", pad=True)
    about = [f"{identity.baud} baud"] if identity.baud else []
    tail = "  ".join(["", *about, f"firmware {identity.firmware}", f"protocol {identity.protocol}"])
    url = line((f"{identity.url} through {identity.server}" if identity.server else identity.url, ""))
    url.truncate(max(width - cell_len(tail), 12), overflow="ellipsis")
    third = line((view.reason, "red"))
    if view.state == "connected":
        facts = [f"CPU {hertz(view.cpu_hz)}"] if view.cpu_hz else []
        facts += [f"NPU {hertz(view.npu_hz)}"] if view.npu_hz else []
        facts += [f"{view.temperature:.0f} °C"] if view.temperature is not None else []
        facts += [f"up {clock(view.uptime)}"]
        facts += [f"round trip {duration(view.link.round_trips[-1])}"] if view.link and view.link.round_trips else []
        third = line(("  ".join([*facts, f"queue {view.queue}"]), ""))
    return Group(board + "  " + state, url + tail, third)


def doctor(view: View) -> str:
    """What the doctor has said last, with its date."""
    identity = view.identity
    return f"doctor, {identity.examined[:10]}: {identity.doctor}" if identity and identity.doctor else ""


def networks(rows: Sequence[NetworkRow], lines: int, width: int) -> RenderableType:
    """The networks, around the selected one, with their rates and latencies."""
    selected = next((i for i, row in enumerate(rows) if row.selected), 0)
    first = max(0, min(selected - lines // 2, len(rows) - lines))
    shown = rows[first : first + lines]
    name = min(max((cell_len(row.name) for row in rows), default=4) + 2, max(12, width // 4))
    runs = max(4, *(len(str(row.runs)) for row in shown), 4)

    def mark(row: NetworkRow) -> Cell:
        return f"{'▶' if row.selected else ' '} {row.name}", "bold" if row.selected else ""

    times = _fitting(
        width,
        (0, Column("  name", name, mark, left=True)),
        (60, Column("runs", runs, lambda row: str(row.runs))),
        (0, Column("runs/s", 6, lambda row: f"{row.per_second:.1f}")),
        (0, Column("p50", 7, lambda row: duration(row.p50 or 0.0))),
        (48, Column("p95", 7, lambda row: duration(row.p95 or 0.0))),
        (100, Column("max", 7, lambda row: duration(row.max or 0.0))),
    )
    counts = _fitting(
        width,
        (0, Column("errors", 6, lambda row: _count(row.errors, "bold red"))),
        (60, Column("late", 5, lambda row: _count(row.late, "bold yellow"))),
        (100, Column("cancelled", 9, lambda row: _count(row.cancelled, ""))),
        (100, Column("queued", 6, lambda row: _count(row.queued, ""))),
    )
    rest = width - sum(column.width + 2 for column in times + counts)
    if rest >= 6:
        times.append(Column("latency", rest, lambda row: (spark(row.latencies, rest), "blue"), left=True))
    where = f"{first + 1} to {first + len(shown)} of {len(rows)}" if len(rows) > len(shown) else ""
    titles = "  ".join(fit(column.title, column.width, column.left) for column in times + counts)
    return Group(heading("networks", width, where), line((titles, "dim")), *rows_of(times + counts, shown, gap=2))


def epochs(view: View, lines: int, width: int) -> RenderableType:
    """The blocks of the selected network, and their kinds."""
    summary, rows = view.summary, view.epochs
    if not summary or not rows:
        ran = any(row.selected and row.runs for row in view.networks)
        nothing = "epoch times are not available" if ran else "no inference yet"
        where = f"epochs of {summary.network}" if summary else "epochs"
        return Group(heading(where, width), _legend(None, width), line((nothing, "dim")))
    order = "slowest first" if view.order == "time" else "in order"
    runs = counted(summary.runs, "run")
    title = heading(f"epochs of {summary.network}, {order}, mean of {runs}", width, summary.origin)
    room = lines if len(rows) <= lines else lines - 1
    first = max(0, min(view.first, len(rows) - room))
    shown = rows[first : first + room]
    longest = max(row.seconds for row in rows) or 1.0
    label = max(cell_len(row.label) for row in rows)
    columns: list[Column[EpochRow]] = [
        Column("", label, lambda row: row.label),
        Column("", 6, lambda row: (row.kind.name, KIND_STYLES[row.kind][0]), left=True),
        Column("", 7, lambda row: duration(row.seconds)),
        Column("", 7, lambda row: f"{100 * row.share:.1f} %"),
    ]
    rest = width - sum(column.width + 1 for column in columns)
    operation = min(max(cell_len(row.operation) for row in rows), 24, rest - 8)
    if operation > 4:
        columns.insert(2, Column("", operation, lambda row: row.operation or "-", left=True))
        rest -= operation + 1

    def length(row: EpochRow) -> Cell:
        style, glyph = KIND_STYLES[row.kind]
        return bar(row.seconds / longest, rest, glyph, style).plain, style

    columns.append(Column("", rest, length, left=True))
    others = [*rows[:first], *rows[first + room :]]
    note = f"{first} before, {len(rows) - first - room} after" if first else f"{len(others)} more"
    spent = f"{duration(sum(row.seconds for row in others))}, {100 * sum(row.share for row in others):.1f} %"
    more = [line((" " * label + f" {note}, {spent}", "dim"))] if others else []
    return Group(title, _legend(summary, width), *rows_of(columns, shown, gap=1), *more)


def _legend(summary: EpochSummary | None, width: int) -> Text:
    """The kinds, each with its share of the time, and the offload by count and by time, with the overhead if it fits."""
    shares = {row.kind: f" {100 * row.share:.1f} %" for row in summary.kinds if row.blocks} if summary else {}
    parts: list[tuple[str, str]] = []
    for kind, (style, glyph) in KIND_STYLES.items():
        if not shares or kind in shares:
            parts += [(glyph * 2, style), (f" {kind.name}{shares.get(kind, '')}  ", "")]
    if summary and summary.offload_by_count is not None and summary.offload_by_time is not None:
        rest = width - sum(cell_len(part) for part, _ in parts)
        count, time = 100 * summary.offload_by_count, 100 * summary.offload_by_time
        offload, overhead = f"on the NPU {count:.1f} % of epochs, {time:.1f} % of time", 100 * summary.overhead
        for end in (f"{OVERHEAD} {overhead:.1f} %; {offload}", offload):
            if len(end) <= rest:
                return line(*parts, (end.rjust(rest), "bold"))
    return line(*parts)


def pools(view: View, lines: int, width: int) -> RenderableType:
    """Memory pools. A pool that is almost full is a warning, except on a virtual board, whose pools do not have limits."""
    pools, real = view.pools, view.identity is not None and not view.identity.simulated

    def figures(pool: PoolRow) -> str:
        return f"{size(pool.used)}/{size(pool.total)}"

    def fill(pool: PoolRow) -> Cell:
        share = pool.used / pool.total if pool.total else 0.0
        style = "red" if share > 0.95 and real else "yellow" if share > 0.85 and real else "green"
        return bar(share, rest, "█", style).plain.replace(" ", "·"), style

    columns: list[Column[PoolRow]] = [
        Column("", 9, lambda pool: pool.name, left=True),
        Column("", max((len(figures(pool)) for pool in pools), default=0), figures),
        Column("", 5, lambda pool: f"{100 * pool.used / pool.total:.0f} %" if pool.total else "-"),
    ]
    rest = width - sum(column.width + 1 for column in columns)
    if rest > 0:
        columns.insert(1, Column("", rest, fill, left=True))
    body = rows_of(columns, pools[:lines], gap=1) or [line(("none reported", "dim"))]
    hidden = f"{lines} of {len(pools)}" if len(pools) > lines else ""
    return Group(heading("memory pools", width, hidden), *body)


def link(view: View, lines: int, width: int) -> RenderableType:
    """Rates, round trip, buffers and faults of the link."""
    reading = view.link
    if reading is None:
        return Group(heading("link", width), line(("no reading yet", "dim")))
    rest = width - 10 - 7 - 5 - 3
    trip = duration(reading.round_trips[-1]) if reading.round_trips else "-"
    rows = (
        ("up", _traffic(reading.up, reading.up_share), "", "errors", reading.errors),
        ("down", _traffic(reading.down, reading.down_share), "", "resyncs", reading.resyncs),
        ("round trip", f"{trip:7} ", spark(reading.round_trips, rest - 8), "NAKs", reading.naks),
        ("buffers", f"{size(view.free_bytes)} free", "", "resent", reading.retransmits),
        ("credits", f"{size(reading.credits_used)} in use", "", "doubled", reading.duplicates),
    )
    lines_: list[Text] = []
    for what, figure, chart, name, count in rows[:lines]:
        style = "bold yellow" if count else "dim"
        value = (figure.ljust(rest - len(chart)), ""), (chart, "blue")
        lines_.append(line((f"{what:10} ", "dim"), *value, (f" {name:7} ", "dim"), (f"{short(count):>5}", style)))
    return Group(heading("link", width), *lines_)


def _traffic(rate_: float, share: float | None) -> str:
    return rate(rate_) + (f" {100 * share:.0f} %" if share is not None else "")


def log(view: View, lines: int, width: int) -> RenderableType:
    """The newest lines of the log."""
    dropped = f"{view.log_dropped} dropped" if view.log_dropped else ""
    title = heading(f"log, {view.log_level} and above", width, dropped)
    if not view.log:
        return Group(title, line(("nothing so far", "dim")))
    return Group(title, *(_log_line(said) for said in view.log[-lines:]))


def _log_line(said: LogLine) -> Text:
    at = clock(said.at) if said.at is not None else "-"
    return Text(
        f"{at:>7} {said.level:7} {said.text}", LEVEL_STYLES.get(said.level, ""), no_wrap=True, overflow="ellipsis"
    )


def footer(view: View) -> Text:
    """The message of the last key, or the keys."""
    return Text(view.message or FOOTER, "reverse" if view.message else "dim", no_wrap=True, overflow="ellipsis")
