"""n6link and the programs that it is compared with on each line: time and CPU of a run, an upload, a download and a ping."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from bench import report
from bench.lines import PTY, SOCKET, Line, Port, connected, uart, usb
from bench.measure import Bench, Row
from bench.programs import n6, openmv, smp, st, thread
from bench.programs.work import PING, RUN, TITLES, WORKS
from bench.workers import Opened, Worker, worker

QUICK: Final = (SOCKET, PTY, usb(4.5, 0.001))
SMOKE: Final = (PTY,)
FULL: Final = (
    SOCKET,
    PTY,
    *(uart(baud, delay) for baud in (921_600, 2_764_800) for delay in (0.0, 0.0005)),
    *(usb(rate, delay) for rate in (4.5, 26.5) for delay in (0.0, 0.001)),
)


@dataclass(frozen=True, slots=True)
class Program:
    """A program and its device."""

    name: str
    opened: Callable[[Port], Opened]
    device: Callable[[Line, Path], AbstractContextManager[Port]]
    note: str = ""
    loop: str = ""
    """the package that makes the event loop; empty = asyncio"""
    sockets: bool = False
    """whether it can use a unix socket"""
    usb: bool = True
    """whether it is for USB too"""
    needs: tuple[str, ...] = ()
    """packages, without which it is left out"""

    @property
    def usable(self) -> bool:
        """Whether its packages are installed."""
        return all(importlib.util.find_spec(package) for package in (*self.needs, *([self.loop] if self.loop else [])))


def _board(line: Line, folder: Path) -> AbstractContextManager[Port]:
    return n6.board(line, folder, n6.exchange_networks(folder))


PROGRAMS: Final = (
    Program("floor", n6.open_floor, _board, "bare asyncio, the same bytes", sockets=True),
    Program("n6link", n6.open_n6link, _board, sockets=True),
    Program("n6link, uvloop", n6.open_n6link, _board, loop="uvloop", sockets=True),
    Program(
        "n6link, serialx",
        partial(n6.open_n6link, serialx=True),
        _board,
        "another library for ports",
        needs=("serialx",),
    ),
    Program("pyserial in a thread", thread.opened, _board, "the floor's bytes"),
    Program(
        "openmv",
        openmv.opened,
        partial(connected, device=openmv.serve),
        "with a stand-in for the device, from its specification",
        needs=("openmv",),
    ),
    Program(
        "smpclient",
        smp.opened,
        partial(connected, device=smp.serve),
        "with a stand-in for the device, from its specification",
        needs=("smpclient",),
    ),
    Program(
        "ST's scheme",
        st.opened,
        partial(connected, device=st.serve),
        "a model of both ends, from its specification",
        usb=False,
    ),
)


@contextmanager
def workers(programs: tuple[Program, ...], line: Line, span: float) -> Iterator[dict[str, Worker]]:
    """The programs that can use a line, each connected to a device of its own."""
    with tempfile.TemporaryDirectory(prefix="n6bench-") as folder, ExitStack() as stack:
        found: dict[str, Worker] = {}
        for number, program in enumerate(programs):
            if (
                program.usable
                and (program.sockets or line.kind == "pty")
                and (program.usb or not line.rate or line.baud)
            ):
                own = Path(folder) / str(number)
                own.mkdir()
                port = stack.enter_context(program.device(line, own))
                loop = importlib.import_module(program.loop).new_event_loop if program.loop else None
                found[program.name] = stack.enter_context(worker(partial(program.opened, port), span, loop))
        yield found


def run(bench: Bench, lines: tuple[Line, ...]) -> None:
    """Measures all lines. Where the line is the limit, an upload and a download are parts of a run, and are omitted."""
    for line in lines:
        with workers(PROGRAMS, line, bench.span) as found:
            for work in (RUN, PING) if line.rate else WORKS:
                programs = {name: each.measure(work) for name, each in found.items()}
                notes = {program.name: program.note for program in PROGRAMS}
                bench.compare(line.name, TITLES[work], programs, notes=notes)


def table(rows: Sequence[Row]) -> str:
    """Ratios to the floor: a line for each work and line, a column for each program."""
    names = [program.name for program in PROGRAMS if any(row.program == program.name for row in rows)]
    lines = ["| line | work | " + " | ".join(names) + " |", "|---|---|" + "--:|" * len(names)]
    found = {(row.group, row.work, row.program): row for row in rows}
    for group, work in dict.fromkeys((row.group, row.work) for row in rows):
        for kind, name in (("wall", "time"), ("cpu", "CPU")):
            cells = []
            for program in names:
                row = found.get((group, work, program))
                cells.append(
                    ""
                    if not row
                    else report.seconds(row.median(kind))
                    if program == names[0]
                    else report.times(row.ratio(kind))
                )
            lines.append(f"| {group} | {work}, {name} | {' | '.join(cells)} |")
    return "\n".join(lines)
