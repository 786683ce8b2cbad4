"""``n6link devices``: the serial ports of boards."""

from __future__ import annotations

from typing import Annotated, Final

import typer
from rich.table import Column

from n6link.cli import tables
from n6link.cli.common import Json, emit, out, start
from n6link.console import counted
from n6link.json_types import Plain
from n6link.transport.ports import Port

_Watch = Annotated[
    bool, typer.Option("--watch", "-w", help="Report ports that are connected or disconnected, until Ctrl-C.")
]
_Udev = Annotated[
    bool, typer.Option("--udev", help="Print udev rules for boards (Linux): permissions, and no ModemManager.")
]
_MARKS: Final = {True: "[green]+[/]", False: "[red]-[/]"}


def devices(
    all_ports: Annotated[bool, typer.Option("--all", "-a", help="Also show serial ports of other devices.")] = False,
    watch: _Watch = False,
    udev: _Udev = False,
    as_json: Json = False,
) -> None:
    """List the connected boards."""
    from n6link import settings
    from n6link.transport import discovery, ports, rights

    if udev:
        print(rights.RULES.read_text(encoding="utf-8"), end="")
        return
    if watch:
        start(_watch, all_ports, as_json)
        return
    found = ports.devices()
    known = settings.load()
    boards = discovery.boards(found, known.ports)
    shown = [port for board in boards for port in board.ports]
    others = [port for port in found if port.kind is None]
    if all_ports:
        shown += others
    ids = {port: board.unique_id for board in boards for port in board.ports}
    if as_json:
        emit([_plain(port) | {"unique_id": ids.get(port) or None} for port in shown])
        return
    if shown:
        names = ("URL", "attached by", "USB", "serial number", "unique id", "description")
        table = tables.grid(*(Column(name, overflow="fold") for name in names))
        for port in shown:
            table.add_row(
                f"[bold]{port.url}[/]" if port.kind else port.url,
                port.kind or "[dim]-[/]",
                _usb(port) or "",
                port.serial_number or "",
                ids.get(port, ""),
                port.description,
            )
        out.print(table)
    if boards and len(shown) > len(boards):
        out.print(f"{counted(len(boards), 'board')} at {counted(sum(len(board.ports) for board in boards), 'port')}")
    if not boards:
        rest = (
            f" ({len(others)} other serial port{'s' * (len(others) > 1)}: n6link devices --all)"
            if others and not all_ports
            else ""
        )
        out.print(f"No board is connected{rest}. To try n6link without a board: [bold]n6link demo[/]")


async def _watch(all_ports: bool, as_json: bool) -> None:
    from n6link.transport.watch import watch

    async for change in watch(all_ports=all_ports):
        if as_json:
            emit({"added": change.added} | _plain(change.port))
        else:
            out.print(_MARKS[change.added], change.port.url, f"[dim]{change.port}[/]", soft_wrap=True)


def _usb(port: Port) -> str | None:
    return None if port.vid is None or port.pid is None else f"{port.vid:04x}:{port.pid:04x}"


def _plain(port: Port) -> Plain:
    return {
        "url": port.url,
        "path": port.path,
        "kind": port.kind,
        "description": port.description,
        "usb": _usb(port),
        "serial_number": port.serial_number,
    }
