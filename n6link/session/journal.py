"""Reports events of a connection to the flight recorder, if there is one."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final

import anyio
import anyio.to_thread
from anyio.abc import ByteStream

from n6link.errors import LocalProtocolError, N6Error
from n6link.link.events import Opened
from n6link.recorder.recorder import Recorder
from n6link.session.clock import ClockMap
from n6link.session.state import State, StateChange
from n6link.transport.url import Stream

_UNWATCHED: Final = nullcontext()


class Journal:
    """See the head of this module."""

    def __init__(self, recorder: Recorder | None) -> None:
        self._recorder = recorder

    async def open(self) -> None:
        """Begins a recording, or goes on with it.

        Raises:
            BadInput: its file cannot be written.
        """
        if self._recorder:
            await anyio.to_thread.run_sync(self._recorder.open)

    async def aclose(self) -> None:
        """Ends it; what is recorded is on the disk."""
        if self._recorder:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._recorder.close)

    def tap(self, stream: Stream) -> ByteStream:
        """The stream with its bytes recorded."""
        return self._recorder.tap(stream, stream.url) if self._recorder else stream

    def greeted(self, opened: Opened) -> None:
        """The device has answered HELLO."""
        if self._recorder:
            hello = opened.hello
            self._recorder.event(
                "session",
                f"the device {hello.unique_id.rstrip(bytes(1)).hex() or 'without unique id'} "
                f"{'resumes the session' if opened.resumed else 'opens a session'}; number of its start: {hello.boot_nonce:016x}",
                boot_nonce=f"{hello.boot_nonce:016x}",
                unique_id=hello.unique_id.hex(),
                build=hello.build,
                resumed=opened.resumed,
            )

    def changed(self, change: StateChange) -> None:
        """The device has another state."""
        if self._recorder:
            state = change.state
            self._recorder.event(
                "state",
                f"{state.value}{': ' if change.reason else ''}{change.reason}",
                state=state.value,
                reason=change.reason,
                away=change.away,
                rebooted=change.rebooted,
                changed=list(change.changed),
            )
            if state is State.OPEN:
                self._recorder.opened(described=change.rebooted or not change.away)
            elif state in (State.RECONNECTING, State.LOST):
                self._recorder.save()

    def compared(self, clock: ClockMap, monotonic: float) -> None:
        """The clocks were compared."""
        if self._recorder:
            self._recorder.event(
                "clock",
                f"device time 0 is {clock.offset:.6f} s of the host's monotonic clock, +/- {clock.error * 1e6:.0f} us",
                monotonic=monotonic,
                offset=clock.offset,
                error=clock.error,
                drift=clock.drift,
                tick_hz=clock.tick_hz,
            )

    def failed(self, error: BaseException, what: str) -> None:
        """Something has failed, which the recording should explain."""
        if self._recorder:
            self._recorder.failed(error, what)

    def watching(self, what: str) -> AbstractContextManager[None]:
        """Records the error of a call."""
        return self._watch(what) if self._recorder else _UNWATCHED

    @contextmanager
    def _watch(self, what: str) -> Generator[None, None, None]:
        try:
            yield
        except LocalProtocolError:
            raise
        except N6Error as error:
            self.failed(error, what)
            raise
