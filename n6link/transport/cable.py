"""A cable between a host and a board, with faults: a thread that passes bytes, and can be unplugged.

The host opens :attr:`Cable.url`. On a unix socket or a TCP port each host has its own connection to the board, and the board notices if the
cable is unplugged, as on USB. On a pseudo terminal nobody notices, as on a UART.
"""

from __future__ import annotations

import os
import queue
import select
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

from n6link import ambient
from n6link.errors import TransportError
from n6link.transport.faults import Fault, Faults
from n6link.transport.pair import Pair

LinkKind = Literal["unix", "tcp", "pty"]
AGAIN: Final = 0.1
"""seconds until a port that is in use is tried again"""
START: Final = 0.5
"""seconds from the first bytes of a host until faults in time begin: a program opens its device"""


class Cable:
    """See the head of this module. It is plugged in at first.

    Args:
        board: returns the URL of the board, and starts the board if it is not running; called in the cable's thread.
        kind: of the host's end.
        path: of the unix socket, or of the link to the pseudo terminal.
        faults: of the line; those in time begin :data:`START` seconds after the first bytes of a host.
        reset: starts the board again.
        port: of a TCP connection; 0 = any.

    Raises:
        TransportError: the board cannot be started or opened.
    """

    def __init__(
        self,
        board: Callable[[], str],
        *,
        kind: LinkKind,
        path: Path,
        faults: Faults | None = None,
        reset: Callable[[], None] = lambda: None,
        port: int = 0,
    ) -> None:
        self._board, self._kind, self._reset, self._port = board, kind, reset, port
        self._path = path
        self._listener: socket.socket | None = None
        self._far = self._slave = -1
        """of a pseudo terminal"""
        self._pairs: list[Pair] = []
        self._number = 0
        self._faults = Faults()
        self._timed: Iterator[Fault] = iter(())
        self._next: Fault | None = None
        self._since = float("inf")
        self._fired: list[Fault] = []
        self._stalled = self._plug_at = float("-inf")
        self._over = False
        self._asked: queue.SimpleQueue[tuple[Callable[[], None], Future[None]]] = queue.SimpleQueue()
        self._wake, self._waker = os.pipe()
        self._thread = threading.Thread(target=self._serve, name="n6link cable", daemon=True)
        self._thread.start()
        try:
            self.set_faults(faults or Faults())
            self.ask(self._begin)
        except BaseException:
            self.close()
            raise

    @property
    def url(self) -> str:
        """What the host opens."""
        if self._kind == "tcp":
            return f"tcp:127.0.0.1:{self._port}"
        return f"{'serial' if self._kind == 'pty' else 'unix'}:{self._path}"

    @property
    def fired(self) -> list[Fault]:
        """The faults that have happened so far."""
        return [*self._fired, *(fault for pair in self._pairs for fault in pair.fired)]

    def plug(self, board: Callable[[], str] | None = None) -> None:
        """Plugs it in, perhaps at another board. Does nothing if it is plugged in."""
        self.ask(lambda: self._plug(board))

    def unplug(self) -> None:
        """Unplugs it at the host's end; it stays so until :meth:`plug`. What is on its way is lost."""
        self.ask(self._unplug)

    def set_faults(self, faults: Faults) -> None:
        """Has other faults from now on, also on connections that are open; those in time begin now."""
        self.ask(lambda: self._begin_faults(faults))

    def ask(self, action: Callable[[], None]) -> None:
        """Runs a function in the cable's thread, and waits for it: only that thread opens and closes files."""
        if not self._thread.is_alive():
            raise TransportError("this cable was closed; create another one")
        done: Future[None] = Future()
        self._asked.put((action, done))
        os.write(self._waker, b"w")
        done.result()

    def close(self) -> None:
        """Unplugs it, and ends the thread. Closing again does nothing."""
        if self._thread.is_alive():
            self.ask(self._end)
            self._thread.join()
            for fd in (self._wake, self._waker):
                os.close(fd)

    # ---- in the thread

    def _begin(self) -> None:
        self._board()
        self._plug(self._board)

    def _begin_faults(self, faults: Faults) -> None:
        self._faults, self._timed = faults, faults.in_time()
        if self._since < float("inf"):
            self._since = ambient.monotonic()
        self._next = next(self._timed, None)
        for number, pair in enumerate(self._pairs):
            self._fired += pair.fired
            pair.set_faults(faults, number)

    def _join(self, near: int, far: int, *, kept: bool) -> None:
        """Connects a host, or nobody, with the board."""
        pair = Pair(near, far, kept=kept)
        pair.set_faults(self._faults, self._number)
        self._number += 1
        self._pairs = [*self._pairs, pair]

    def _plug(self, board: Callable[[], str] | None = None) -> None:
        self._plug_at = float("-inf")
        if board:
            self._board = board
            if self._kind == "pty":
                self._open_far()
        if self._kind == "pty":
            if self._slave < 0:
                self._plug_terminal()
        elif not self._listener:
            self._listen()

    def _listen(self) -> None:
        try:
            if self._kind == "tcp":
                self._listener = socket.create_server(("127.0.0.1", self._port))
                self._port = self._listener.getsockname()[1]
            else:
                self._path.unlink(missing_ok=True)
                self._listener = socket.create_server(str(self._path), family=socket.AF_UNIX)
        except OSError as error:
            reason = os.strerror(error.errno).lower() if error.errno else str(error)
            raise TransportError(f"{self.url} cannot be served ({reason}); use another one") from error

    def _open_far(self) -> None:
        """Opens the board's terminal, also after the board was started again."""
        near = self._pairs[0].near if self._pairs else -1
        self._forget()
        if self._far >= 0:
            os.close(self._far)
        self._far = os.open(self._board().partition(":")[2], os.O_RDWR | os.O_NOCTTY)
        _set_raw(self._far)
        self._join(near, self._far, kept=True)

    def _plug_terminal(self) -> None:
        near, self._slave = os.openpty()  # the slave stays open: a host may close it and open it again
        _set_raw(self._slave)
        self._path.unlink(missing_ok=True)
        self._path.symlink_to(os.ttyname(self._slave))
        self._forget()
        self._join(near, self._far, kept=True)

    def _unplug(self) -> None:
        self._plug_at = float("-inf")
        self._path.unlink(missing_ok=True)
        if self._listener:
            self._listener.close()
            self._listener = None
        if self._slave >= 0:
            os.close(self._slave)
            self._slave = -1
        self._drop()
        if self._far >= 0:
            self._join(-1, self._far, kept=True)  # what the board sends is lost

    def _drop(self) -> None:
        for pair in self._forget():
            pair.close()

    def _forget(self) -> list[Pair]:
        """Ends all connections, and returns them: their files are open."""
        pairs, self._pairs = self._pairs, []
        self._fired += [fault for pair in pairs for fault in pair.fired]
        return pairs

    def _end(self) -> None:
        self._unplug()
        if self._far >= 0:
            os.close(self._far)
        self._pairs, self._over = [], True

    def _serve(self) -> None:
        while not self._over:
            now = ambient.monotonic()
            masks = self._masks(stalled=now < self._stalled)
            poll = select.poll()
            for fd, mask in masks.items():
                poll.register(fd, mask)
            ready = {fd for fd, _ in poll.poll(self._wait(now))}
            if self._wake in ready:
                self._do()
                continue
            self._happen(ambient.monotonic())
            if self._listener and self._listener.fileno() in ready:
                self._accept(self._listener)
                continue
            for pair in list(self._pairs):
                if self._since == float("inf") and pair.near in ready:
                    self._since = ambient.monotonic() + START
                pair.serve(ready)
                if pair.over:
                    self._fired += pair.fired
                    self._pairs = [other for other in self._pairs if other is not pair]
                    pair.close()

    def _masks(self, *, stalled: bool) -> dict[int, int]:
        """What the thread waits for."""
        masks = {self._wake: select.POLLIN}
        if self._listener:
            masks[self._listener.fileno()] = select.POLLIN
        for pair in () if stalled else self._pairs:
            for way in pair.ways:
                if way.reads:
                    masks[way.source] = masks.get(way.source, 0) | select.POLLIN
                if way.waiting:
                    masks[way.sink] = masks.get(way.sink, 0) | select.POLLOUT
        return masks

    def _wait(self, now: float) -> float | None:
        """Milliseconds until something happens by itself."""
        moments = [moment for moment in (self._stalled, self._plug_at) if moment > now]
        if self._next and self._since < float("inf"):
            moments.append(self._since + self._next.at)
        return max(min(moments) - now, 0.0) * 1000 + 1 if moments else None

    def _do(self) -> None:
        os.read(self._wake, 1)
        action, done = self._asked.get()
        try:
            action()
        except BaseException as error:  # noqa: BLE001  it belongs to the thread that waits
            done.set_exception(error)
        else:
            done.set_result(None)

    def _happen(self, now: float) -> None:
        """The faults in time that are due."""
        if float("-inf") < self._plug_at <= now:
            try:
                self._plug()
            except TransportError:  # another program has the port at present
                self._plug_at = now + AGAIN
        while (fault := self._next) and self._since + fault.at <= now:
            self._next = next(self._timed, None)
            plugged = self._listener or self._slave >= 0
            if not plugged:
                continue
            self._fired.append(fault)
            if fault.kind == "stall":
                self._stalled = now + fault.size
            elif fault.kind == "cut":
                self._unplug()
                self._plug_at = now + fault.size
            else:
                with suppress(OSError, TransportError):  # the next host that connects starts it
                    self.restart()

    def restart(self) -> None:
        """Starts the board again; to be called in the thread. A terminal stays open, other connections break."""
        if self._far < 0:
            self._drop()
        self._reset()
        self._board()
        if self._far >= 0:
            self._open_far()

    def _accept(self, listener: socket.socket) -> None:
        try:
            near, _ = listener.accept()
        except OSError:  # the host has gone already
            return
        far = None
        try:
            scheme, _, address = self._board().partition(":")
            host, _, port = address.rpartition(":")
            far = socket.socket(socket.AF_INET if scheme == "tcp" else socket.AF_UNIX)
            far.connect((host, int(port)) if scheme == "tcp" else address)
        except (OSError, TransportError):  # the host learns it from the end of its connection
            near.close()
            if far:
                far.close()
            return
        self._join(near.detach(), far.detach(), kept=False)


def _set_raw(terminal: int) -> None:
    import tty  # not on Windows

    tty.setraw(terminal)
