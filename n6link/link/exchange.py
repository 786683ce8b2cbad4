r"""What is under way on a link: a request, an upload, or an inference with its result, known by its id.

=========  ================================  =============================================================  =========
phase      event                             action                                                         next
=========  ================================  =============================================================  =========
\          request()                                                                                        HELD
HELD       fewer requests open than allowed  send it                                                        ASKED
\          upload()                                                                                         SENDING
SENDING    credits                           send chunks                                                    SENDING
SENDING    no chunk left                     send COMMIT; Uploaded                                          ASKED
SENDING,   NAK                               send these chunks again, before others                         same
ASKED
ASKED      ERROR BAD_DIGEST                  send all chunks again, three times at most                     SENDING
ASKED      ERROR OUT_OF_CREDITS to COMMIT    probe: the device says what it has                             ASKED
ASKED      reply                             Reply (not told of COMMIT)                                     GONE
ASKED      InferReply                                                                                       ACCEPTED
ASKED,     DATA: its RESULT was lost         send the INFER again, once                                     same
ACCEPTED
ASKED,     RESULT, or the reply to READ      Begun                                                          RECEIVING
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
=========  ================================  =============================================================  =========
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from n6link.link.transfer import Download, Upload
from n6link.protocol import MessageType
from n6link.protocol.records import Result, ResultRecord


class Phase(enum.Enum):
    """Of an exchange; see the table. GONE means that the device itself has ended it."""

    HELD = enum.auto()
    SENDING = enum.auto()
    ASKED = enum.auto()
    ACCEPTED = enum.auto()
    RECEIVING = enum.auto()
    GONE = enum.auto()


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
