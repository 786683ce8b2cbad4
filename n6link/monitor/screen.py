"""Converts a :class:`~n6link.monitor.view.View` to rich renderables for any size; useful from 80x24, better at 200x60.

The screen consists of sections with titles (:mod:`n6link.monitor.sections`): header, networks, epochs, memory pools and link side by side, log, footer. From
:data:`WIDE` columns, pools, link and log are in a second column. :func:`sizes` divides the height: epochs and log get the lines
that the small tables do not use.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.table import Table
from rich.text import Text

from n6link.monitor import clients, sections
from n6link.monitor.lines import line
from n6link.monitor.view import View

NPU_KINDS: Final = "EC, HW: on the NPU   HYBRID: on both   SW: on the CPU"
HELP: Final = (
    ("up/down, k/j", "select a network"),
    ("e", "epochs in the order of the network"),
    ("t", "epochs by time, slowest first"),
    ("page up/down", "scroll through the epochs"),
    ("p", "pause or continue the screen"),
    ("r", "reset the statistics of the device"),
    ("l", "next log level of the device"),
    ("s", "save the screen as SVG and HTML in the current folder"),
    ("?", "this help"),
    ("q", "quit"),
)

SMALLEST: Final = (40, 12)
WIDE: Final = 180
"""terminal width for two columns of sections"""
SIDE: Final = 76
"""width of the second column"""
ABREAST: Final = 78
"""terminal width for pools and link side by side"""
ROOMY: Final = 22
"""terminal height for pools, link and log"""
HEAD: Final = 3
"""lines of the header, without the sentence of the doctor"""
SHARED: Final = 30
"""terminal height for the programs that share the board"""
SHARED_NARROW: Final = 42
"""the same, if pools and link are not side by side"""
LINK_WIDTH: Final = 40
_LINK_LINES: Final = 5


@dataclass(frozen=True, slots=True)
class Sizes:
    """Number of lines of each table; 0 = its section is not shown."""

    head: int
    networks: int
    clients: int
    epochs: int
    pools: int
    link: int
    log: int


def sizes(view: View, width: int, height: int) -> Sizes:
    """Divides the lines between header and footer."""
    head = HEAD + (1 if sections.doctor(view) and height >= ROOMY else 0)
    height -= head - HEAD
    networks = min(max(len(view.networks), 1), max(2, height // 6))
    free = height - 4 - (networks + 2) - 2  # without header, footer, titles, and the legend of the epochs
    programs = 0
    if height >= (SHARED if width >= ABREAST else SHARED_NARROW):
        programs = min(len(view.clients), max(2, height // 8))
        free -= programs + 2 if programs else 0
    pools = min(max(len(view.pools), 1), max(4, height // 5))
    if width >= WIDE and height >= ROOMY:
        return Sizes(
            head, networks, programs, free, pools, _LINK_LINES, height - 4 - (pools + 1) - (_LINK_LINES + 1) - 1
        )
    if height < ROOMY + (10 if width < ABREAST else 0):
        return Sizes(head, networks, programs, max(free, 1), 0, 0, 0)
    link = _LINK_LINES if height >= 28 else _LINK_LINES - 1
    if width >= ABREAST:
        pools = link = max(pools, link)
        free -= pools + 1
    else:
        free -= pools + 1 + link + 1
    log = min(max(2, free // 4), max(len(view.log), 1))  # an empty log leaves its lines to the epochs
    epochs = free - 1 - log
    if len(view.epochs) < epochs:
        epochs = max(len(view.epochs), 4)
    return Sizes(head, networks, programs, epochs, pools, link, free - 1 - epochs)


def render(view: View, width: int, height: int, *, footer: bool = True) -> RenderableType:
    """The whole screen, without the footer that lists the keys if there is no keyboard."""
    if width < SMALLEST[0] or height < SMALLEST[1]:
        return Group(line((f"{view.state}; requires {SMALLEST[0]}x{SMALLEST[1]} characters", "dim")))
    head = sections.header(view, width)
    if view.identity is None:
        return Group(head, Text(), Text(view.reason or "Waiting for a device ...", style="yellow"))
    lines, wide = sizes(view, width, height), width >= WIDE and height >= ROOMY
    left = width - SIDE - 2 if wide else width
    main = [
        Layout(sections.networks(view.networks, lines.networks, left), size=lines.networks + 2),
        Layout(sections.epochs(view, lines.epochs, left), size=lines.epochs + 2),
    ]
    if lines.clients:
        leased = [f"{network} is leased by {holder}" for network, holder in view.leased.items()]
        main.insert(1, Layout(clients.section(view.clients, leased, lines.clients, left), size=lines.clients + 2))
    if lines.head > HEAD:
        head = Group(head, line((sections.doctor(view), "dim")))
    body = Layout()
    if wide:
        columns = Layout(), Layout(Text(" "), size=2), Layout(size=SIDE)
        columns[0].split_column(*main)
        columns[2].split_column(*_side(view, lines, SIDE))
        body.split_row(*columns)
    else:
        body.split_column(*main, *_side(view, lines, width))
    screen = Layout()
    screen.split_column(
        Layout(head, size=lines.head), body, *([Layout(sections.footer(view), size=1)] if footer else [])
    )
    return screen


def render_help(view: View) -> RenderableType:
    """The help screen."""
    table = Table(box=None, header_style="bold", title="n6link monitor", title_justify="left")
    table.add_column("key", style="bold", no_wrap=True)
    table.add_column("action")
    for key, what in HELP:
        table.add_row(key, what)
    about = [Text(NPU_KINDS)]
    if view.summary:
        about.append(Text(f"Epoch times: {view.summary.origin}, mean since the last reset."))
    about.append(Text("Rates of the link: all bytes on the line, and their share of the line's capacity."))
    return Group(table, Text(), *about, Text(), Text("any key closes this help", style="dim"))


def _side(view: View, lines: Sizes, width: int) -> list[Layout]:
    """Pools, link and log, if they fit."""
    if not lines.link:
        return []
    log = Layout(sections.log(view, lines.log, width), size=lines.log + 1)
    if width >= ABREAST:
        half = max(LINK_WIDTH, width // 2 - 1)
        rest = width - half - 2
        both = Layout(size=lines.link + 1)
        both.split_row(
            Layout(sections.pools(view, lines.pools, rest), size=rest),
            Layout(Text(" "), size=2),
            Layout(sections.link(view, lines.link, half)),
        )
        return [both, log]
    pools = Layout(sections.pools(view, lines.pools, width), size=lines.pools + 1)
    return [pools, Layout(sections.link(view, lines.link, width), size=lines.link + 1), log]
