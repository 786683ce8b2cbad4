"""The sending half of :class:`n6link.link.link.Link`: the order of frames, and the device's credits.

Small frames are sent first. Then uploads are sent, larger priority first and then in order, each as DATA frames within the device's
credits, then its COMMIT, and directly after it its INFER. At most ``requests`` requests are open; others wait for an answer.

Credits: ``position`` counts the DATA bytes that were sent in this session. It never exceeds ``limit``, which the device increases.
``limit`` minus the device's window is the number of bytes that it has received; the rate of the path is calculated from it.

An INFER is not sent for the first time while a RESET has no answer, so that each INFER that was sent before the answer was also sent before the
RESET; nor while :class:`~n6link.link.unfinished.Unfinished` is full, so that the device does not forget a key that the host may still repeat.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from n6link.link import frames
from n6link.link.exchange import ACCEPTED, ASKED, SENDING, Exchange
from n6link.link.numbers import MASK, distance
from n6link.link.rate import Path
from n6link.link.transfer import Upload
from n6link.link.unfinished import Unfinished
from n6link.protocol import MessageType, records
from n6link.protocol.codec import Buffer

BATCH: Final = 128 * 1024
"""maximum DATA bytes per :meth:`Sender.take`: an urgent frame waits for at most this many bytes"""
# See HELD in n6link.link.exchange.
_INFER, _PING, _RESET = MessageType.INFER, MessageType.PING, MessageType.RESET


class Sender:
    """See the top of this module.

    Attributes:
        path: measured round trip and rate.
        position: DATA bytes sent in this session, as an unsigned 32-bit number.
        acknowledged: how many of them the device has acknowledged.
        queue: small frames and requests to send next.
    """

    def __init__(self, counters: frames.Counters) -> None:
        self._counters = counters
        self.queue: list[bytes | Exchange] = []
        self._held: deque[Exchange] = deque()
        self._asked: set[int] = set()
        self._resets: set[int] = set()
        self._unfinished = Unfinished()
        self._uploads: list[Exchange] = []
        self._flying: dict[int, Exchange] = {}
        """uploads with sent bytes that the device has not yet acknowledged"""
        self.forget_all()

    def forget_all(self) -> None:
        """Removes all exchanges and measurements."""
        self.path = Path()
        self._held.clear()
        self._uploads.clear()
        self._unfinished.clear()
        self.close()

    def close(self) -> None:
        """The session has ended, or waits for an answer to HELLO: nothing is sent; held and enqueued exchanges are kept."""
        self.queue.clear()
        self._asked.clear()
        self._resets.clear()
        self._flying.clear()
        self._requests = self._window = self._limit = 0
        self.position = self.acknowledged = 0
        self.path.restart()

    def begin(self, requests: int, window: int) -> None:
        """The device has opened the session: held requests are sent.

        Args:
            requests: maximum number of open requests.
            window: maximum DATA bytes in flight.
        """
        self._requests = requests
        self._window = self._limit = window
        self._release()

    def queue_frame(self, frame: bytes) -> None:
        """Sends a small frame next."""
        self.queue.append(frame)

    # ---- requests

    def hold(self, exchange: Exchange) -> None:
        """Sends a request as soon as the number of open requests allows it."""
        if self._held or not self._room() or not self._permitted(exchange):
            self._held.append(exchange)
            self._release()
        else:
            self.ask(exchange)

    def answered(self, exchange: Exchange) -> None:
        """A request is not open any more."""
        self._asked.discard(exchange.id)
        if exchange.type is _INFER:
            if exchange.phase is ACCEPTED:
                self._unfinished.reported(exchange)
            else:
                self._unfinished.ended(exchange)
        elif self._resets:
            self._resets.discard(exchange.id)
        if self._held:
            self._release()

    def again(self, exchange: Exchange) -> bool:
        """Sends a request again; False if it is already in the queue."""
        if exchange in self.queue:
            return False
        self.queue.append(exchange)
        return True

    def ask(self, exchange: Exchange) -> None:
        """Sends a request, which is open then."""
        exchange.phase = ASKED
        self._asked.add(exchange.id)
        if exchange.type is _RESET:
            self._resets.add(exchange.id)
        self.queue.append(exchange)

    def forget(self, exchange: Exchange) -> None:
        """Removes an exchange: none of its frames is sent any more."""
        self._asked.discard(exchange.id)
        if exchange.upload:
            self._flying.pop(exchange.id, None)
            if exchange in self._uploads:
                self._uploads.remove(exchange)
        elif exchange.type is _INFER:
            self._unfinished.ended(exchange)
        elif self._resets:
            self._resets.discard(exchange.id)
        if self.queue and exchange in self.queue:
            self.queue = [item for item in self.queue if item is not exchange]
        if self._held:
            if exchange in self._held:
                self._held.remove(exchange)
            self._release()

    def _room(self) -> bool:
        return len(self._asked) < self._requests

    def _permitted(self, exchange: Exchange) -> bool:
        return exchange.type is not _INFER or not (self._resets or self._unfinished.full)

    def _release(self) -> None:
        """Sends held requests, in order; an INFER that has to wait does not delay the others."""
        held = self._held
        kept: list[Exchange] = []
        while held and self._room():
            exchange = held.popleft()
            if self._permitted(exchange):
                self.ask(exchange)
            else:
                kept.append(exchange)
        if kept:
            held.extendleft(reversed(kept))

    # ---- uploads

    def enqueue(self, exchange: Exchange) -> None:
        """Sends the open chunks of an upload, in order of priority."""
        if exchange not in self._uploads:
            self._uploads.append(exchange)
            self._uploads.sort(key=_order)

    def set_limit(self, limit: int, now: float) -> None:
        """The device allows DATA up to a position; an impossible position is ignored."""
        # A frame of an earlier session, or a damaged counter, must not stop the link or exceed the device's buffer.
        if abs(distance(limit, self.position)) <= self._window:
            self._limit = limit
            self.acknowledge((limit - self._window) & MASK, now)

    def acknowledge(self, position: int, now: float) -> None:
        """The device has received our bytes up to a position: this is progress of all uploads with bytes in flight."""
        count = distance(position, self.acknowledged)
        if count <= 0:
            return
        self.acknowledged = position
        self.path.consumed(count, now)
        for exchange in list(self._flying.values()):
            assert exchange.upload
            exchange.progress += not exchange.upload.hopeless()
            if distance(position, exchange.upload.end) >= 0:
                del self._flying[exchange.id]

    @property
    def waiting(self) -> set[int]:
        """Ids of the uploads that wait for the first one, without those whose chunks are repeated too often."""
        return {exchange.id for exchange in self._uploads[1:] if exchange.upload and not exchange.upload.hopeless()}

    @property
    def blocked(self) -> bool:
        """Whether an upload waits for credits."""
        return bool(self._uploads) and not self._may_send(self._uploads[0])

    @property
    def ready(self) -> bool:
        """Whether :meth:`take` has something."""
        return bool(self.queue or (self._uploads and self._may_send(self._uploads[0])))

    def _may_send(self, exchange: Exchange) -> bool:
        assert exchange.upload
        chunks = exchange.upload.chunks
        size = min(chunks.size, chunks.length - chunks.next() * chunks.size) if chunks.left else 0
        return size <= distance(self._limit, self.position)

    # ---- bytes

    def take(self, now: float, budget: int, begins: Callable[[Exchange], None]) -> list[Buffer]:
        """The buffers to send now, in order: all small frames, and chunks of about ``budget`` bytes.

        Args:
            now: time.
            budget: bytes.
            begins: called with each INFER that starts because its upload was sent.
        """
        out = self.take_small(now)
        while self._uploads and budget > 0:
            exchange = self._uploads[0]
            assert exchange.upload
            budget -= self._chunks(exchange, exchange.upload, out, budget, now)
            # Without room for its COMMIT the upload stays first in the list, so that the order of requests is kept.
            if exchange.upload.chunks.left or (exchange.phase is SENDING and not self._room()):
                break
            self._uploads.pop(0)
            if exchange.phase is SENDING:
                self.ask(exchange)
                if follower := self._follower(exchange, now):
                    self.hold(follower)
                    begins(follower)
                out += self.take_small(now)
        return out

    def take_small(self, now: float) -> list[Buffer]:
        """The frames of the queue."""
        if not self.queue:
            return []
        queue, self.queue = self.queue, []
        out: list[Buffer] = [item if isinstance(item, bytes) else self._frame(item, now) for item in queue]
        self._counters.tx_frames += len(queue)
        self._counters.tx_bytes += sum(map(len, out))
        return out

    def take_urgent(self, now: float) -> list[Buffer]:
        """The urgent requests of the queue; the rest waits."""
        chosen: list[bytes | Exchange] = []
        later: list[bytes | Exchange] = []
        for item in self.queue:
            (chosen if isinstance(item, Exchange) and item.urgent else later).append(item)
        self.queue = chosen
        out = self.take_small(now)
        self.queue = later
        return out

    @staticmethod
    def _follower(upload: Exchange, now: float) -> Exchange | None:
        """The INFER after an upload that was sent for the first time."""
        follower, upload.then = upload.then, None
        if follower and follower.inference and upload.upload:
            follower.body = follower.inference.pack(upload.id, upload.upload.crc, now)
        return follower

    def _frame(self, exchange: Exchange, now: float) -> bytes:
        """The frame of a request, with our present position."""
        # Built at the time of transmission: PING and COMMIT contain the position, and PING the time.
        body, upload = exchange.body, exchange.upload
        if exchange.type is _PING:
            body = records.Ping(host_time=int(now * 1e9), position=self.position).pack() + exchange.body
        elif upload:
            body = upload.commit(self.position)
        if exchange.type is _INFER:
            for infer in self._unfinished.leaves(exchange):  # without a report of these, the next INFERs are held
                infer.phase = ASKED
                self._counters.repeats += self.again(infer)
        if not exchange.tries:
            exchange.ahead, exchange.position = self.path.pending, self.position
        exchange.sent = now
        exchange.tries += 1
        return frames.pack(exchange.type, exchange.id, body)

    def _chunks(self, exchange: Exchange, upload: Upload, out: list[Buffer], budget: int, now: float) -> int:
        """Appends DATA frames within budget and credits; returns the number of tensor bytes."""
        counters, chunks = self._counters, upload.chunks
        count = total = 0
        while chunks.left and (taken := chunks.take(budget - total, distance(self._limit, self.position))):
            frames.pack_chunks(out, exchange.id, self.position, upload.slot, upload.data, taken, upload.digest)
            size = min(taken.stop, chunks.length) - taken.start
            self.position = (self.position + size) & MASK
            total += size
            count += len(taken)
        if count:
            exchange.progress += not upload.hopeless()
            counters.tx_frames += count
            counters.tx_chunks += count
            counters.tx_bytes += total + count * frames.OVERHEAD
            if upload.begun is None:
                upload.begun = now
            upload.end = self.position
            upload.sent += total
            self._flying[exchange.id] = exchange
            self.path.sent(total, now)
        return total


def _order(exchange: Exchange) -> tuple[int, int]:
    assert exchange.upload
    return -exchange.upload.priority, exchange.id
