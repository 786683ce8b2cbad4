"""Time-outs. Time is an argument, so that hours can be simulated in milliseconds."""

from __future__ import annotations

import itertools

import pytest
import wire
from wire import kinds, opened, sent

from n6link.link import frames
from n6link.link.exchange import Exchange
from n6link.link.link import FLUSH as FLUSH_ZEROS
from n6link.link.link import Link
from n6link.link.rate import FIRST_RATE, FIRST_TIMEOUT, FLOOR, LOWEST_RATE, SAMPLES, Path
from n6link.link.retry import FLUSH, LONGEST, PAUSE, POLL, TICK, Retry
from n6link.protocol import MessageType, records


class Clock:
    """Advances the time of a link, and records its frames with their times."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.retry = Retry(link)
        self.now = 0.0
        self.sent: list[tuple[float, str]] = []
        self.given_up: list[Exchange] = []

    def run(self, seconds: float) -> list[tuple[float, str]]:
        """The frames that were sent meanwhile; exchanges that have failed are withdrawn."""
        self.sent = []
        end = self.now + seconds
        while self.now < end:
            self.now += TICK
            for exchange in self.retry.tick(self.now):
                self.given_up.append(exchange)
                self.link.withdraw(exchange.id)
            self.sent += [(round(self.now, 2), kind) for kind in kinds(self.link, self.now)]
        return self.sent

    def times(self, seconds: float, kind: str) -> list[float]:
        return [at for at, what in self.run(seconds) if what == kind]


def ask(link: Link, kind: MessageType = MessageType.INFO, patience: float = 1000.0) -> Exchange:
    exchange = link.request(kind, patience=patience)
    sent(link)
    return exchange


# -------------------------------------------------------------------------------------------- path


def test_before_anything_is_known_time_outs_are_long() -> None:
    assert Path().timeout() == FIRST_TIMEOUT
    assert Path().timeout(int(FIRST_RATE)) == FIRST_TIMEOUT + 1


def test_round_trips_shorten_the_time_out_to_the_floor() -> None:
    path = Path()
    path.answered(0.2)
    assert path.timeout() == pytest.approx(0.2 + 4 * 0.1)
    for _ in range(100):
        path.answered(0.001)
    assert path.timeout() == pytest.approx(0.001 + FLOOR, rel=0.1)


def test_the_rate_is_the_best_average_of_late() -> None:
    path = Path()
    path.sent(400_000, 10.0)
    path.consumed(200_000, 11.0)
    assert path.rate == 200_000
    assert path.pending == 200_000
    path.consumed(100_000, 11.0001)  # grants that arrive together do not mean a faster link
    assert path.rate == pytest.approx(300_000, rel=1e-3)
    path.consumed(100_000, 20.0)  # a repair does not mean a slower one
    assert path.rate == pytest.approx(300_000, rel=1e-3)
    assert path.pending == 0
    for _ in range(SAMPLES):
        path.sent(1000, 30.0)
        path.consumed(1000, 30.1)
    assert path.rate == pytest.approx(10_000)


def test_a_rate_is_never_absurdly_low() -> None:
    path = Path()
    path.sent(1000, 0.0)
    path.consumed(1000, 3600.0)
    assert path.rate == LOWEST_RATE
    path.set_baud(921600)
    path.consumed(0, 7200.0)
    assert path.rate == 46080


def test_time_without_data_is_no_rate() -> None:
    path = Path()
    path.sent(1000, 10.0)
    path.consumed(1000, 10.001)
    path.sent(1000, 500.0)
    path.consumed(1000, 500.001)
    assert path.rate == pytest.approx(1e6)


def test_a_uart_is_never_faster_than_its_baud_rate() -> None:
    path = Path()
    path.set_baud(921600)
    assert path.rate == 92160
    path.sent(1000, 0.0)
    path.consumed(1000, 1e-6)
    assert path.rate == 92160
    path.set_baud(0)
    assert path.rate == 92160


# ----------------------------------------------------------------------------------------- repeating


def test_a_request_is_repeated_with_growing_pauses_and_then_behind_a_flush() -> None:
    link = opened()
    link.path.answered(0.01)
    exchange = ask(link)
    clock = Clock(link)
    times = clock.times(60.0, "INFO")
    gaps = [after - before for before, after in zip([0.0, *times], times, strict=False)]
    assert len(times) > 10
    assert gaps[0] == pytest.approx(link.path.timeout(1024), abs=2 * TICK)
    assert all(after >= before - 2 * TICK for before, after in itertools.pairwise(gaps))
    assert gaps[-1] == pytest.approx(LONGEST, abs=2 * TICK)
    assert exchange.tries == 1 + len(times)
    greeting = len(FLUSH_ZEROS) + frames.HEADER_SIZE + records.Hello.SIZE + frames.CRC_SIZE
    flushes = (link.counters.tx_bytes - greeting - exchange.tries * 12) / (256 + frames.OVERHEAD)
    assert flushes == len(times[FLUSH::8])


def test_an_answer_ends_it() -> None:
    link = opened()
    exchange = ask(link)
    clock = Clock(link)
    clock.run(2.0)
    link.receive_data(wire.reply(MessageType.INFO, exchange.id), clock.now)
    assert clock.run(20.0) == []
    assert clock.given_up == []


def test_patience_ends() -> None:
    link = opened()
    exchange = ask(link, patience=3.0)
    clock = Clock(link)
    clock.run(2.8)
    assert clock.given_up == []
    clock.run(0.5)
    assert clock.given_up == [exchange]
    assert clock.run(10.0) == []


def test_the_patience_of_a_request_that_waits_for_another_begins_again_when_it_is_sent() -> None:
    link = opened(requests=1)
    first, second = ask(link, patience=3.1), ask(link, patience=3.0)
    clock = Clock(link)
    clock.run(2.8)
    link.receive_data(wire.reply(MessageType.INFO, first.id), clock.now)
    assert not second.tries
    clock.run(2.8)
    assert second.tries
    assert clock.given_up == []
    clock.run(0.5)
    assert clock.given_up == [second]


def test_a_hello_is_repeated_until_it_is_answered() -> None:
    link = wire.opening()
    sent(link)
    assert len(Clock(link).times(4.0, "HELLO")) >= 2


def test_what_has_not_left_is_not_repeated() -> None:
    link = opened(requests=1)
    ask(link)
    held = link.request(MessageType.LIST, patience=2.0)
    clock = Clock(link)
    assert clock.times(1.5, "LIST") == []
    clock.run(1.0)
    assert clock.given_up == [held]


def test_a_pause_of_this_process_is_not_silence() -> None:
    """The host slept for an hour, and has not yet read the answer."""
    link = opened()
    ask(link, patience=3.0)
    clock = Clock(link)
    clock.run(0.1)
    clock.now += 3600.0
    clock.run(TICK)
    assert clock.given_up == []
    assert clock.retry.tick(clock.now + 3 * PAUSE) == []


def test_rest_is_not_silence() -> None:
    link = opened()
    clock = Clock(link)
    clock.run(1.0)
    clock.retry.rest()
    ask(link, patience=0.05)
    clock.now += 0.09
    clock.run(TICK)
    assert clock.given_up == []


# ------------------------------------------------------------------------------------------ uploads


def test_no_repetition_while_a_slow_line_works() -> None:
    """110 KB at 921600 baud with a window of 32 KB: the device grants half windows, and answers at the end."""
    link = opened(window=32768, chunk=8192, requests=8)
    link.path.set_baud(921600)
    link.path.answered(0.002)
    image = memoryview(bytes(110_592))
    upload = link.upload(image, network=0, slot=0, patience=5.0)
    clock = Clock(link)
    consumed, granted, arrived = 0.0, 0, len(image)
    begun = clock.now
    while upload.id in link.exchanges:
        clock.run(TICK)
        consumed = min(consumed + TICK * 92160, link.sender.position)
        if consumed - granted >= 16384:
            granted = int(consumed)
            link.receive_data(wire.event(MessageType.CREDIT, records.Credit(limit=granted + 32768).pack()), clock.now)
        if consumed >= arrived and upload.tries:
            link.receive_data(wire.reply(MessageType.COMMIT, upload.id), clock.now)
    assert clock.now - begun > 1.1
    assert (link.counters.repeats, link.counters.retransmits) == (0, 0)
    assert link.counters.tx_frames == 2 + 14 + 1  # zeros and HELLO, chunks, COMMIT
    assert clock.given_up == []


def test_an_upload_is_not_given_up_while_a_large_window_drains() -> None:
    """115200 baud, and a window whose transmission takes 23 seconds: the first grant arrives after half of this time."""
    link = opened(window=1 << 18, chunk=8192, requests=8)
    link.path.set_baud(115200)
    link.path.answered(0.002)
    upload = link.upload(memoryview(bytes(300_000)), network=0, slot=0, patience=5.0)
    clock = Clock(link)
    clock.run((1 << 17) / 11520)
    assert clock.given_up == []
    link.receive_data(wire.event(MessageType.CREDIT, records.Credit(limit=3 << 17).pack()), clock.now)
    clock.run((300_000 - (1 << 17)) / 11520)
    assert clock.given_up == []
    link.receive_data(wire.reply(MessageType.COMMIT, upload.id), clock.now)
    assert link.counters.repeats == 0
    assert not link.exchanges


def test_an_upload_without_credits_probes() -> None:
    link = opened(window=256)
    link.upload(memoryview(bytes(1000)), network=0, slot=0, patience=1000.0)
    clock = Clock(link)
    times = clock.times(20.0, "PING")
    assert len(times) > 3
    assert times[0] > FIRST_TIMEOUT
    link.receive_data(wire.event(MessageType.CREDIT, records.Credit(limit=512).pack()), clock.now)
    assert clock.times(TICK, "DATA 256") != []


def test_an_upload_that_has_ended_waits_for_no_credits() -> None:
    """A NAK requests a chunk for which there is no credit; then the device has received the whole upload."""
    link = opened(window=256)
    upload = link.upload(memoryview(bytes(256)), network=0, slot=0, patience=1.0)
    assert kinds(link) == ["DATA 0", "COMMIT"]
    link.receive_data(wire.event(MessageType.NAK, records.Nak(offset=0, length=256).pack(), upload.id), 0.0)
    assert link.blocked
    link.receive_data(wire.reply(MessageType.COMMIT, upload.id), 0.0)
    assert not link.exchanges
    assert not link.blocked
    assert Clock(link).run(10.0) == []


def test_an_upload_that_gets_on_is_never_given_up() -> None:
    link = opened(window=256)
    upload = link.upload(memoryview(bytes(256 * 50)), network=0, slot=0, patience=1.0)
    clock = Clock(link)
    for granted in range(256, 256 * 50, 256):
        clock.run(0.8)
        link.receive_data(wire.event(MessageType.CREDIT, records.Credit(limit=granted + 256).pack()), clock.now)
    assert upload not in clock.given_up
    clock.run(6.0)
    assert upload in clock.given_up


def test_an_upload_that_waits_for_another_is_not_given_up_while_this_gets_on() -> None:
    link = opened(window=256)
    first, waiting = [
        link.upload(memoryview(bytes(256 * count)), network=0, slot=slot, patience=1.0)
        for slot, count in enumerate((50, 1))
    ]
    clock = Clock(link)
    for granted in range(256, 256 * 50, 256):
        clock.run(0.8)
        link.receive_data(wire.event(MessageType.CREDIT, records.Credit(limit=granted + 256).pack()), clock.now)
    assert not {first.id, waiting.id} & {exchange.id for exchange in clock.given_up}
    clock.run(6.0)
    assert {first.id, waiting.id} <= {exchange.id for exchange in clock.given_up}


def test_an_unanswered_commit_is_repeated() -> None:
    link = opened(window=2048)
    link.upload(memoryview(bytes(1000)), network=0, slot=0, patience=1000.0)
    sent(link)
    assert len(Clock(link).times(5.0, "COMMIT")) >= 2


# --------------------------------------------------------------------------------------- inferences


def accepted(link: Link) -> Exchange:
    exchange = ask(link, MessageType.INFER)
    link.receive_data(wire.reply(MessageType.INFER, exchange.id, records.InferReply().pack()), 0.0)
    return exchange


def test_a_commit_is_repeated_soon_after_the_bytes_before_it_have_arrived() -> None:
    window = 1 << 20
    link = opened(window=window)
    link.path.answered(0.01)
    link.upload(memoryview(bytes(100_000)), network=0, slot=0, patience=10.0)
    sent(link)
    clock = Clock(link)
    assert clock.run(0.5) == []
    link.receive_data(wire.event(MessageType.CREDIT, records.Credit(limit=window + 100_000).pack()), clock.now)
    assert link.path.drain(100_000) > 0.4
    since = clock.now
    first, *_ = clock.times(1.0, "COMMIT")
    assert first - since <= link.path.timeout(1024) + 2 * TICK


def test_a_running_inference_is_asked_for_now_and_then() -> None:
    link = opened()
    link.path.answered(0.001)
    exchange = accepted(link)
    clock = Clock(link)
    assert clock.times(POLL * 0.9, "INFER") == []
    assert len(clock.times(POLL, "INFER")) == 1
    link.receive_data(wire.reply(MessageType.INFER, exchange.id, records.InferReply(state=2).pack()), clock.now)
    assert exchange.progress > 0


def test_a_stalled_result_is_complained_about_and_granted_anew() -> None:
    link = opened()
    exchange = accepted(link)
    link.receive_data(wire.result(exchange.id, bytes(1000)), 0.0)
    clock = Clock(link)
    what = [kind for _, kind in clock.run(2.0)]
    assert what[:2] == ["NAK", "PING"]
    assert what.count("NAK") >= 2


def test_half_a_frame_is_searched_after_a_while() -> None:
    link = opened()
    exchange = ask(link)
    clock = Clock(link)
    clock.run(0.1)
    half = wire.event(MessageType.LOG, bytes(900))[:400]
    link.receive_data(half + wire.reply(MessageType.INFO, exchange.id), clock.now)
    assert exchange.id in link.exchanges
    clock.run(2.0)
    assert exchange.id not in link.exchanges


def test_half_a_frame_is_left_alone_while_its_bytes_come() -> None:
    link = opened()
    ask(link)
    clock = Clock(link)
    line = wire.event(MessageType.LOG, records.Log().pack() + bytes(900))
    for at in range(len(line)):
        link.receive_data(line[at : at + 1], clock.now)
        clock.run(TICK)
    assert link.counters.rx_frames == 2
    assert link.counters.skipped == 0
