"""A virtual board on a cable that may be unplugged and has faults: for tests of programs that must survive them.

::

    with sim.rig("movenet13") as rig:
        async with N6Device(rig.url, reconnect=30) as dev:      # or n6link.blocking, or another program
            rig.cut()
            ...
            rig.restore()

The board is a process, the cable a thread of this program. Both end with :meth:`Rig.close`, and with this program.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self, get_args

import anyio.to_thread

from n6link import ambient
from n6link.errors import BadInput, TransportError
from n6link.transport.cable import Cable, LinkKind
from n6link.transport.faults import Fault, Faults
from n6link.transport.process import GRACE, READY_TIMEOUT, check_ready, how_ended

NAME: Final = "the virtual board"


class Rig:
    """See the head of this module. All methods may be called by any thread, and in any event loop: none of them waits for the host.

    Args:
        command: returns the command line of the board, given a folder for its files.
        link: what the host opens: a unix socket, a TCP port of this machine, or a pseudo terminal as a serial port. A board on a socket notices
            that its host has gone, one on a serial port does not.
        faults: that happen from the start.
        port: for ``tcp``; 0 = any.
        path: for ``unix`` and ``pty``; None = a temporary one.

    Attributes:
        kept: somebody else than a stream ends it.

    Raises:
        BadInput: the link is unknown.
        TransportError: the board cannot be started.
    """

    def __init__(
        self,
        command: Callable[[Path], Sequence[str]],
        *,
        link: LinkKind = "unix",
        faults: Faults | None = None,
        port: int = 0,
        path: Path | None = None,
    ) -> None:
        if link not in get_args(LinkKind):
            raise BadInput(f"link={link!r} is unknown; choose {', '.join(get_args(LinkKind))}")
        self._folder = tempfile.TemporaryDirectory(prefix="n6sim-")
        self._process: subprocess.Popen[bytes] | None = None
        self._url = ""
        self.kept = False
        try:
            folder = Path(self._folder.name)
            end = ["--pty"] if link == "pty" else ["--unix", str(folder / "board")]
            self._command = [*command(folder), *end, "--parent-death"]
            path = path or folder / "line"
            self._cable = Cable(self._running, kind=link, path=path, faults=faults, reset=self._crash, port=port)
        except BaseException:
            self._kill()
            self._folder.cleanup()
            raise

    @property
    def url(self) -> str:
        """What a program opens; it stays the same."""
        return self._cable.url

    @property
    def pid(self) -> int:
        """The process of the board, which another one replaces at a reset."""
        if not self._process:
            raise TransportError(f"{NAME} does not run; it could not be started again")
        return self._process.pid

    @property
    def fired(self) -> list[Fault]:
        """The faults that have happened so far, not those that were asked for by methods."""
        return self._cable.fired

    def cut(self) -> None:
        """Unplugs the cable until :meth:`restore`. The board keeps running; what is on its way is lost."""
        self._cable.unplug()

    def reset(self) -> None:
        """Kills the board and starts it again: it forgets everything. Returns when the board is ready."""
        self._cable.ask(self._cable.restart)

    def freeze(self) -> None:
        """The board does nothing until :meth:`restore`."""
        os.kill(self.pid, signal.SIGSTOP)

    def restore(self) -> None:
        """Plugs the cable in, and ends a freeze."""
        os.kill(self.pid, signal.SIGCONT)
        self._cable.plug()

    def set_faults(self, faults: Faults | None = None) -> None:
        """Has other faults from now on; None = none."""
        self._cable.set_faults(faults or Faults())

    async def keep(self) -> None:
        """Keeps it while its streams come and go; ends it when this is cancelled."""
        self.kept = True
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self.close)

    def close(self) -> None:
        """Ends the board and the cable. Closing again does nothing."""
        self._cable.close()
        self._kill()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---- in the cable's thread

    def _running(self) -> str:
        """The URL of the board, which is started if it does not run."""
        if self._process and self._process.poll() is None:
            return self._url
        self._kill()
        process = self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in a terminal is for this program only
        )
        self._url = check_ready(_line(process), NAME)
        return self._url

    def _crash(self) -> None:
        if self._process:
            self._process.kill()
            self._kill()

    def _kill(self) -> None:
        if process := self._process:
            process.terminate()
            process.send_signal(signal.SIGCONT)
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            assert process.stdout
            process.stdout.close()
            self._process = None


def _line(process: subprocess.Popen[bytes]) -> bytes:
    """The first line that a board prints."""
    assert process.stdout
    until, line = ambient.monotonic() + READY_TIMEOUT, b""
    poll = select.poll()
    poll.register(process.stdout, select.POLLIN)
    while not line.endswith(b"\n"):
        if not poll.poll(max(until - ambient.monotonic(), 0.0) * 1000):
            raise TransportError(
                f"{NAME} was not ready within {READY_TIMEOUT:g} s; close programs that use the processor, and try again"
            )
        data = os.read(process.stdout.fileno(), 4096)
        if not data:
            raise TransportError(f"{NAME} {how_ended(process.wait())} before it was ready")
        line += data
    return line
