"""``n6link trace``: shows a recording."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from n6link.cli.common import Json, emit, err
from n6link.errors import BadInput


def trace(
    recording: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="A recording of --record, N6LINK_RECORD or N6Device(record=...)."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Show each chunk of a transfer in a line of its own.")] = False,
    dissector: Annotated[
        bool, typer.Option("--dissector", help="Print a dissector for Wireshark and tshark, in Lua, instead.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show a recording: frames with their values, credits, damage, and states; with --json one object per line."""
    from n6link.recorder import trace as lines
    from n6link.recorder.recording import Recording
    from n6link.recorder.traffic import traffic

    if dissector:
        for part in ("tables.lua", "dissector.lua"):
            print(Path(lines.__file__).with_name(part).read_text(encoding="utf-8"), end="")
        return
    if recording is None:
        raise BadInput("n6link trace requires a recording; write n6link trace FILE")
    file = Recording(recording)
    found = lines.Tracer().lines(traffic(file.items()))
    if as_json:
        for line in found:
            emit(line.plain)
    else:
        for text in lines.text(found if every else lines.joined(found)):
            print(text)
    if file.cut:
        err.print(
            f"{recording} ends within a packet: its last {file.cut} bytes are not shown", markup=False, soft_wrap=True
        )
