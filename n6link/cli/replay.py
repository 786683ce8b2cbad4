"""``n6link replay``: a recording as a device; other programs connect to it."""

from __future__ import annotations

import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from n6link.cli.common import Json, err
from n6link.cli.serving import Pty, Tcp, Unix, ends
from n6link.errors import TransportError

if TYPE_CHECKING:
    from n6link.recorder.script import Script


def replay(
    recording: Annotated[
        Path, typer.Argument(metavar="FILE", help="A recording of --record, N6LINK_RECORD or N6Device(record=...).")
    ],
    pty: Pty = False,
    tcp: Tcp = None,
    unix: Unix = None,
    speed: Annotated[
        float, typer.Option(min=0, max=1e6, metavar="X", help="Divide the recorded times by X; 0 = no waiting.")
    ] = 1.0,
    as_json: Json = False,
) -> None:
    """Serve a recording as a device until Ctrl-C; the first line of output is JSON with its URL, the last one what was played."""
    from n6link.transport import replay as replays
    from n6link.transport.process import check_ready, how_ended

    where = ends("a replay", pty, tcp, unix)
    chosen = replays.Replay(recording, speed)
    found = chosen.read()
    if not as_json:
        err.print(_about(recording, found), markup=False, soft_wrap=True)
    with tempfile.TemporaryDirectory(prefix="n6replay-") as folder:
        command = [*chosen.command(found, Path(folder)), *where, "--parent-death"]
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in a terminal is for this program: it ends the board, and prints its report
        ) as process:
            assert process.stdout
            try:
                line = process.stdout.readline()
                check_ready(line, replays.NAME)
                print(line.decode(), end="", flush=True)
                with suppress(KeyboardInterrupt):
                    process.wait()
            finally:
                process.terminate()
            output = process.stdout.read()
    if counts := replays.played(output):
        print(output.decode(), end="", flush=True)
        if not as_json:
            err.print(replays.summary(counts), markup=False, soft_wrap=True)
    elif process.returncode:
        raise TransportError(f"{replays.NAME} {how_ended(process.returncode)}")


def _about(recording: Path, found: Script) -> str:
    runs = ", ".join(f"{count} of {name}" for name, count in found.runs.items())
    notes = [
        f"{number} {what}"
        for number, what in (
            (found.faults, "with an error of the NPU"),
            (found.reboots, "with a restart of the device"),
            (found.endless, "without an end"),
        )
        if number
    ]
    said = f"{recording}: inferences: {runs or 'none'}{'; ' if notes else ''}{', '.join(notes)}"
    if found.cut:
        said += f"; it ends within a packet: its last {found.cut} bytes are not used"
    return said
