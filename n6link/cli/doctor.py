"""``n6link doctor``: why a board is slow, or does not answer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

import typer
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from n6link.cli import tables
from n6link.cli.common import FAILED, Json, Timeout, Url, emit, out, start, working
from n6link.console import duration, rate, spark
from n6link.link.rate import BITS_PER_BYTE

if TYPE_CHECKING:
    from n6link.control.histogram import Histogram
    from n6link.doctor import Diagnosis
    from n6link.doctor.limits import Forecast
    from n6link.doctor.measure import Measurements
    from n6link.session.check import Check

SLOW: Final = 3
"""exit code: nothing is wrong, but the link could be faster"""
CHART: Final = 16
"""characters of the histogram"""
_STYLES: Final = ("green", "yellow", "bold red", "bold red")
"""by severity"""


def doctor(url: Url = None, timeout: Timeout = 5.0, as_json: Json = False) -> None:
    """Find out why a board is slow or does not answer, and what to do.

    Examines the port, the line and the networks; each network runs a few times. The exit code is 0 if all is well, 3 if the
    link could be faster, and 1 if something is wrong.
    """
    start(_doctor, url, timeout, as_json)


async def _doctor(url: str | None, timeout: float, as_json: bool) -> None:  # noqa: ASYNC109
    from n6link.doctor import Severity, examine

    with working("Examining the board"):
        found = await examine(url, timeout=timeout)
    if as_json:
        emit(found.to_dict())
    else:
        out.print(*_page(found), sep="\n", soft_wrap=True)
    if found.severity >= Severity.FAULT:
        raise typer.Exit(FAILED)
    if found.severity is Severity.SLOW:
        raise typer.Exit(SLOW)


def _page(found: Diagnosis) -> Iterator[RenderableType]:
    if found.board:
        yield Text.from_markup(
            f"[bold]{escape(found.board)}[/] [dim]at {escape(found.url)}{f', through {escape(found.server)}' if found.server else ''}[/]\n"
        )
    if found.simulated:
        yield Text("Virtual board: its times are not those of an NPU.\n", style="yellow")
    if found.measurements:
        yield _figures(found.measurements, found.checks)
    if found.forecasts:
        yield _networks(found.forecasts)
    for finding in found.findings:
        yield Text(f"{finding.trouble}: {finding}", style=_STYLES[finding.severity])
    if found.healthy or not found.findings:
        yield Text(found.verdict, style=_STYLES[0])
    if found.stored:
        yield Text(f"Stored for this board: {', '.join(_stored(found.stored))}. n6link config shows it.", style="dim")


def _stored(values: Mapping[str, str | int]) -> Iterator[str]:
    if "rate" in values:
        yield f"rate {values['rate']:,} baud"
    if "speed" in values:
        yield f"speed {rate(int(values['speed']))}"
    yield "this sentence"


def _figures(measured: Measurements, checks: Mapping[str, Check]) -> Table:
    trips = measured.round_trips
    shown = Table.grid(padding=(0, 3))
    rows = (
        (
            f"round trip{' to the server' if measured.shared else ''}",
            ", ".join(f"p{share:g} {duration(trips.percentile(share))}" for share in (50, 90, 99)),
        ),
        ("", _chart(trips)),
        ("to the board", _speed(measured.up, measured.line)),
        ("from the board", _speed(measured.down, measured.line)),
        *((("bit rate", _rates(measured)),) if measured.line else ()),
        ("damaged chunks", _damage(measured)),
        ("clocks", _clocks(measured)),
        *(
            (("stored inputs", ", ".join(f"{escape(name)}: {check.state.doc}" for name, check in checks.items())),)
            if checks
            else ()
        ),
    )
    for name, text in rows:
        shown.add_row(f"[dim]{name}[/]", text)
    shown.add_row()
    return shown


def _chart(trips: Histogram) -> str:
    """The histogram of round trips, from the fastest to the slowest in equal ratios of time."""
    bins = trips.bins()
    ratio = math.log(bins[-1][0] / bins[0][0]) or 1.0
    counts = [0.0] * CHART
    for edge, count in bins:
        counts[int(math.log(edge / bins[0][0]) / ratio * (CHART - 1))] += count
    return f"{duration(trips.min)} {spark(counts, CHART)} {duration(trips.max)}"


def _damage(measured: Measurements) -> str:
    if measured.lost_up is None or measured.lost_down is None:
        return "not visible through a server"
    return f"{measured.lost_up:.2%} to the board, {measured.lost_down:.2%} from it"


def _clocks(measured: Measurements) -> str:
    compared = f"compared to {duration(measured.clock_error)}"
    if measured.drift is None:
        return compared
    return f"{compared}, drift {measured.drift * 1e6:+.0f} ± {measured.drift_error * 1e6:.0f} ppm"


def _rates(measured: Measurements) -> str:
    """The rate of the line, and why higher ones are not used."""
    used = f"{round((measured.line or 0) * BITS_PER_BYTE):,} baud"
    return "; ".join(
        [used, *(escape(f"{tried.baud:,}: {tried.obstacle}") for tried in measured.rates if tried.obstacle)]
    )


def _speed(measured: float | None, line: float | None) -> str:
    if measured is None:
        return "not measured: no network can run"
    if math.isinf(measured):
        return "too fast to measure"
    return f"{rate(measured)}{f', {measured / line:.0%} of the line' if line else ''}"


def _networks(forecasts: tuple[Forecast, ...]) -> Table:
    shown = tables.table("Frames per second in a stream")
    for name in ("network", "sent", "upload", "network runs", "download", "frames/s", "limited by"):
        shown.add_column(name, justify="left" if name in ("network", "sent", "limited by") else "right")
    for one in forecasts:
        for name, way in one.ways.items():
            stages = (duration(way.upload), duration(way.npu), duration(way.download))
            limit = one.limit if way is one.best else ""
            shown.add_row(escape(one.network), name, *stages, f"{1 / way.longest:.1f}", limit)
    return shown
