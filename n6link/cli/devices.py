"""``n6link devices``: the serial ports of boards."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Column

from n6link.cli import tables
from n6link.cli.common import Json, emit, out


def devices(
    all_ports: Annotated[bool, typer.Option("--all", "-a", help="Also show serial ports of other devices.")] = False,
    as_json: Json = False,
) -> None:
    """List the connected boards."""
    from n6link.transport import discovery

    ports = discovery.devices()
    shown = [port for port in ports if port.kind or all_ports]
    if as_json:
        emit(
            [
                {
                    "url": port.url,
                    "path": port.path,
                    "kind": port.kind,
                    "description": port.description,
                    "usb": None if port.vid is None or port.pid is None else f"{port.vid:04x}:{port.pid:04x}",
                    "serial_number": port.serial_number,
                }
                for port in shown
            ]
        )
        return
    if shown:
        names = ("URL", "board", "USB", "serial number", "description")
        table = tables.grid(*(Column(name, overflow="fold") for name in names))
        for port in shown:
            usb = "" if port.vid is None else f"{port.vid:04x}:{port.pid:04x}"
            table.add_row(
                f"[bold]{port.url}[/]" if port.kind else port.url,
                port.kind or "[dim]-[/]",
                usb,
                port.serial_number or "",
                port.description,
            )
        out.print(table)
    if not any(port.kind for port in ports):
        others = sum(port.kind is None for port in ports)
        rest = (
            f" ({others} other serial port{'s' * (others > 1)}: n6link devices --all)"
            if others and not all_ports
            else ""
        )
        out.print(f"No board is connected{rest}. To try n6link without a board: [bold]n6link demo[/]")
