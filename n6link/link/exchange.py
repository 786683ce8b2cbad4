r"""An exchange of a link: a request, an upload, or an inference with its result, identified by its id.

=========  ================================  =============================================================  =========
phase      event                             action                                                         next
=========  ================================  =============================================================  =========
\          request()                                                                                        HELD
HELD       fewer requests open than allowed  send it                                                        ASKED
\          upload()                                                                                         SENDING
SENDING    credits                           send chunks                                                    SENDING
SENDING    no chunk left                     send COMMIT, and directly after it the INFER                   ASKED
SENDING,   NAK                               send these chunks again, before others                         same
ASKED
ASKED      ERROR BAD_DIGEST                  send all chunks again, at most three times                     SENDING
ASKED      reply                             Reply (not for COMMIT)                                         GONE
ASKED      InferReply                                                                                       ACCEPTED
ASKED,     DATA: its RESULT was lost         send the INFER again, once                                     same
ACCEPTED
ASKED,     RESULT                            Begun                                                          RECEIVING
ACCEPTED
RECEIVING  DATA                              store it; NAK a gap before it                                  RECEIVING
RECEIVING  damaged DATA                      NAK it                                                         RECEIVING
RECEIVING  all chunks there, digest right    Received                                                       GONE
RECEIVING  all chunks there, digest wrong    NAK all chunks; the third time Failed                          RECEIVING
ASKED,     repeat()                          send it again                                                  same
ACCEPTED
RECEIVING  complain()                        NAK every gap                                                  RECEIVING
any        other ERROR                       Failed                                                         GONE
any        withdraw()                                                                                       removed
GONE, or   any event                         drop                                                           same
removed
any        the session is resumed            an upload: send all of it again; another request, or an         SENDING,
                                             INFER: send it again, the result is announced again            ASKED
any        a new session on the same device  the same; the upload of an INFER is also sent again            SENDING,
                                                                                                            ASKED
=========  ================================  =============================================================  =========

``progress`` of an exchange changes when data of *this* exchange have arrived (a new chunk of its result, an answer, a later state
of its inference), or when its chunks were sent or the device has received them. Chunks that are repeated too often do not count.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from n6link.link.frames import Mark
from n6link.link.transfer import Download, Upload
from n6link.protocol import InferFlag, MessageType
from n6link.protocol.records import Infer, Result, ResultRecord, Return

MAX_TTL: Final = 0xFFFFFFFF
"""microseconds, 71 minutes: a deadline that is farther away is not sent"""

_TIMERS: Final = int(InferFlag.TIMERS)


class Phase(enum.Enum):
    """Phase of an exchange; see the table. GONE: the device itself has ended it."""

    HELD = enum.auto()
    SENDING = enum.auto()
    ASKED = enum.auto()
    ACCEPTED = enum.auto()
    RECEIVING = enum.auto()
    GONE = enum.auto()


# Python 3.11 looks up `Phase.HELD` with a function, in 150 ns instead of 12.
HELD, SENDING, ASKED, ACCEPTED, RECEIVING, GONE = Phase


class Inference(NamedTuple):
    """An INFER that follows its upload."""

    key: int
    """the same for each attempt, so that the device does not run the inference twice"""
    network: int
    slot: int
    priority: int
    timers: bool
    deadline: float | None
    """time after which the result is not used"""
    returns: bytes
    """packed Return records; empty = all outputs whole"""
    parts: bytes = b""
    """packed Part records of the upload; empty = an image of all inputs"""

    def pack(self, upload: int, digest: int, now: float) -> bytes:
        """The body of the request at the time of its transmission.

        Args:
            upload: id of the upload that it follows.
            digest: CRC-32 of the upload.
            now: time.
        """
        # Python 3.11 reads a field of a named tuple by its name with a function.
        key, network, slot, priority, timers, deadline, returns, _ = self
        ttl, flags = 0, _TIMERS if timers else 0
        if deadline is not None:
            ttl = max(int(min((deadline - now) * 1e6, MAX_TTL + 1)), 1)
            ttl, flags = ttl if ttl <= MAX_TTL else 0, flags | InferFlag.ABORT_LATE
        infer = Infer(
            key=key,
            upload=upload,
            digest=digest,
            ttl_us=ttl,
            network=network,
            slot=slot,
            priority=priority,
            flags=flags,
            returns=len(returns) // Return.SIZE,
        )
        return infer.pack() + returns


@dataclass(slots=True, eq=False)
class Exchange:
    """The state of one exchange; see the table."""

    id: int
    type: MessageType
    body: bytes
    phase: Phase
    patience: float
    """seconds without progress after which it fails; for :mod:`n6link.link.retry`"""
    upload: Upload | None = None
    download: Download | None = None
    result: tuple[Result, tuple[ResultRecord, ...]] | None = None
    """of a download"""
    sent: float = 0.0
    """time of the last transmission of its request"""
    tries: int = 0
    """number of transmissions of its request"""
    ahead: int = 0
    """DATA bytes on the line before its request"""
    position: int = 0
    """of this side at the first transmission of its request"""
    progress: int = 0
    state: tuple[int, int] = (-1, 0)
    """of an INFER: the InferState and, as a negative number, the depth of the queue that the device reported last"""
    inference: Inference | None = None
    """of an INFER that follows an upload: the content of its body"""
    then: Exchange | None = None
    """of an upload: the INFER that is sent directly after its first COMMIT"""
    needs: Exchange | None = None
    """of an INFER: the upload that it follows"""
    left: Callable[[], None] | None = None
    """of an INFER that follows an upload: called once, when the whole upload was sent"""
    urgent: bool = False
    """sent also while the link is paused and while too many requests are open"""
    counted: Mark = (0, 0, 0, 0, 0, 0, 0)
    """the counters of the link at its start"""
