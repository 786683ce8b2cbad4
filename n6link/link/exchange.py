r"""What is under way on a link: a request, an upload, or an inference with its result, known by its id.

=========  ================================  =============================================================  =========
phase      event                             action                                                         next
=========  ================================  =============================================================  =========
\          request()                                                                                        HELD
HELD       fewer requests open than allowed  send it                                                        ASKED
\          upload()                                                                                         SENDING
SENDING    credits                           send chunks                                                    SENDING
SENDING    no chunk left                     send COMMIT, and at once the INFER that follows it             ASKED
SENDING,   NAK                               send these chunks again, before others                         same
ASKED
ASKED      ERROR BAD_DIGEST                  send all chunks again, three times at most                     SENDING
ASKED      reply                             Reply (not told of COMMIT)                                     GONE
ASKED      InferReply                                                                                       ACCEPTED
ASKED,     DATA: its RESULT was lost         send the INFER again, once                                     same
ACCEPTED
ASKED,     RESULT                            Begun                                                          RECEIVING
ACCEPTED
RECEIVING  DATA                              place it; NAK a gap that it leaves                             RECEIVING
RECEIVING  damaged DATA                      NAK it                                                         RECEIVING
RECEIVING  all is there, digest good         Received                                                       GONE
RECEIVING  all is there, digest wrong        NAK everything; the third time Failed                          RECEIVING
ASKED,     repeat()                          send it again                                                  same
ACCEPTED
RECEIVING  complain()                        NAK every gap                                                  RECEIVING
any        other ERROR                       Failed                                                         GONE
any        withdraw()                                                                                       forgotten
GONE, or   anything                          drop                                                           same
forgotten
any        the session is resumed            an upload: send all of it again; another request, or an         SENDING,
                                             INFER: send it again, the result is announced again            ASKED
any        a new session on the same device  the same; an INFER has its upload sent again too               SENDING,
                                                                                                            ASKED
=========  ================================  =============================================================  =========

``progress`` belongs to one exchange: it changes when something of *it* has arrived (a new chunk of its result, an answer, a
state of its inference that is nearer to the end), or when chunks of it have left or were taken by the device, as long as
they are not sent again and again.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from n6link.link.frames import Mark
from n6link.link.transfer import Download, Upload
from n6link.protocol import InferFlag, MessageType
from n6link.protocol.records import Infer, Result, ResultRecord, Return

MAX_TTL: Final = 0xFFFFFFFF
"""microseconds, 71 minutes: whatever lives longer has no time to live"""


class Phase(enum.Enum):
    """Of an exchange; see the table. GONE means that the device itself has ended it."""

    HELD = enum.auto()
    SENDING = enum.auto()
    ASKED = enum.auto()
    ACCEPTED = enum.auto()
    RECEIVING = enum.auto()
    GONE = enum.auto()


@dataclass(frozen=True, slots=True)
class Inference:
    """An INFER that follows its upload."""

    key: int
    """the same one for each attempt, so that nothing runs twice"""
    network: int
    slot: int
    priority: int
    timers: bool
    deadline: float | None
    """time after which nobody wants the result"""
    returns: bytes
    """packed Return records; empty = all outputs whole"""

    def pack(self, upload: int, digest: int, now: float) -> bytes:
        """The body of the request, which leaves now.

        Args:
            upload: id of the upload that it follows.
            digest: CRC-32 of the upload.
            now: time.
        """
        ttl, flags = 0, InferFlag.TIMERS if self.timers else 0
        if self.deadline is not None:
            ttl = max(int(min((self.deadline - now) * 1e6, MAX_TTL + 1)), 1)
            flags |= InferFlag.ABORT_LATE
        infer = Infer(
            key=self.key,
            upload=upload,
            digest=digest,
            ttl_us=ttl if ttl <= MAX_TTL else 0,
            network=self.network,
            slot=self.slot,
            priority=self.priority,
            flags=flags,
            returns=len(self.returns) // Return.SIZE,
        )
        return infer.pack() + self.returns


@dataclass(slots=True, eq=False)
class Exchange:
    """One row of the table in time. ``progress`` changes whenever it gets on."""

    id: int
    type: MessageType
    body: bytes
    phase: Phase
    patience: float
    """seconds without progress after which its owner gives it up; for :mod:`n6link.link.retry`"""
    upload: Upload | None = None
    download: Download | None = None
    result: tuple[Result, tuple[ResultRecord, ...]] | None = None
    """of a download"""
    sent: float = 0.0
    """when its request left last"""
    tries: int = 0
    """how often its request has left"""
    ahead: int = 0
    """DATA bytes that were on their way before it"""
    position: int = 0
    """of this side when its request left first"""
    progress: int = 0
    state: tuple[int, int] = (-1, 0)
    """of an INFER: InferState and, negative, the depth of the queue, as the device has reported them last"""
    inference: Inference | None = None
    """of an INFER that follows an upload: what its body is made of"""
    then: Exchange | None = None
    """of an upload: the INFER that leaves right after its first COMMIT"""
    needs: Exchange | None = None
    """of an INFER: the upload that it follows"""
    counted: Mark = (0, 0, 0, 0, 0, 0, 0)
    """what the link had counted when it began"""
