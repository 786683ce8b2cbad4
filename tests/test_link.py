"""The link, byte by byte: the test plays the device."""

from __future__ import annotations

import math
from typing import Any
from zlib import crc32

import pytest
import wire
from hypothesis import given, settings
from hypothesis import strategies as st
from wire import NONCE, PATIENCE, events, kinds, opened, sent

from n6link.errors import DeviceError, RemoteProtocolError, VersionMismatch, WrongDevice
from n6link.link import frames, handshake
from n6link.link.events import (
    Begun,
    Failed,
    LogLine,
    Lost,
    Opened,
    Received,
    Refused,
    Reply,
    StatsPushed,
    Stray,
)
from n6link.link.exchange import Inference, Phase
from n6link.link.handshake import Greeting
from n6link.link.link import FLUSH, Link, State
from n6link.link.transfer import REPEATS
from n6link.protocol import (
    SCHEMA_ID,
    VERSION_MAJOR,
    FieldTag,
    HelloFlag,
    HelloReplyFlag,
    InferFlag,
    InferState,
    Limit,
    MessageType,
    Status,
    records,
)
from n6link.protocol.fields import pack_fields

IMAGE = bytes(range(256)) * 4 + b"the last chunk is shorter"
"""four chunks of 256 bytes, and a fifth"""


def credit(limit: int) -> bytes:
    return wire.event(MessageType.CREDIT, records.Credit(limit=limit % 2**32).pack())


def nak(number: int, offset: int, length: int) -> bytes:
    return wire.event(MessageType.NAK, records.Nak(offset=offset, length=length).pack(), number)


def upload(link: Link, image: bytes = IMAGE, **values: Any) -> int:
    return link.upload(memoryview(image), **{"network": 0, "slot": 0, "patience": PATIENCE} | values).id


def inference(**values: Any) -> Inference:
    usual: dict[str, Any] = {"key": 1, "network": 0, "slot": 0, "priority": 0, "timers": False, "deadline": None}
    return Inference(**usual | {"returns": b""} | values)


def infer(link: Link) -> int:
    """An INFER that was sent and accepted."""
    number = link.request(MessageType.INFER, records.Infer().pack(), patience=PATIENCE).id
    sent(link)
    link.receive_data(wire.reply(MessageType.INFER, number, records.InferReply().pack()), 0.0)
    return number


def feed(link: Link, *pieces: bytes) -> None:
    for piece in pieces:
        link.receive_data(piece, 0.0)


# ------------------------------------------------------------------------------------------ golden


@pytest.mark.parametrize("pieces", ["whole", "bytes"])
def test_one_inference_as_the_golden_frames_have_it(pieces: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The link sends exactly the manually written bytes of the golden frames, in order."""
    monkeypatch.setattr(handshake, "VERSION_MINOR", 0)  # of the host of the example
    dialogue = [frame for frame in wire.GOLDEN if frame["group"] == "inference"]
    link = Link(window=4096)
    ours = b""
    got: list[Any] = []

    def write() -> None:
        nonlocal ours
        ours += b"".join(link.data_to_send(0.0))
        got.extend(link.events())

    first = dialogue[0]["id"]
    link.open(Greeting(NONCE), first, patience=PATIENCE)
    write()
    assert ours.startswith(FLUSH)
    ours = ours.removeprefix(FLUSH)
    for frame in dialogue:
        write()
        if frame["from"] == "host":
            assert ours.startswith(frame["bytes"]), frame["name"]
            ours = ours[len(frame["bytes"]) :]
            continue
        step = len(frame["bytes"]) if pieces == "whole" else 1
        for at in range(0, len(frame["bytes"]), step):
            link.receive_data(frame["bytes"][at : at + step], 0.0)
        news = events(link)
        got.extend(news)
        match news[-1:]:
            case [Opened()]:
                link.request(MessageType.LIST, bytes(4), patience=PATIENCE)
            case [Reply(type=MessageType.LIST)]:
                link.infer(memoryview(b"\x01\x02\xfd\x7f"), inference(key=0xA1), patience=PATIENCE)
            case [Received(id=number, data=output)]:
                assert number == first + 3
                assert bytes(output) == b"\x02\x03\xfe\x80"
                link.request(MessageType.RELEASE, records.Release(target=number).pack(), patience=PATIENCE)
    assert ours == b""
    assert [type(event) for event in got] == [Opened, Reply, Begun, Received, Reply]
    assert not link.exchanges


# ----------------------------------------------------------------------------------------- session


def opening() -> Link:
    link = wire.opening()
    assert kinds(link) == ["HELLO"]
    return link


def refusal(link: Link) -> Exception:
    (event,) = events(link)
    assert isinstance(event, Refused)
    assert link.state is State.CLOSED
    return event.error


def test_what_the_device_announced() -> None:
    fields = pack_fields([(FieldTag.NPU_RUNTIME, "LL_ATON 2.2")])
    reply = wire.hello_reply(build="abc", boot_nonce=7, features=3)
    link = opening()
    number = next(iter(link.exchanges))
    whole = wire.reply(MessageType.HELLO, number, reply[12:-4] + fields)
    feed(link, whole)
    (event,) = events(link)
    assert isinstance(event, Opened)
    hello = event.hello
    assert (hello.boot_nonce, hello.build, hello.features, hello.chunk) == (7, "abc", 3, 256)
    assert event.fields == {FieldTag.NPU_RUNTIME: "LL_ATON 2.2"}
    assert link.session is hello


def test_the_program_gives_its_name() -> None:
    link = Link()
    link.open(Greeting(NONCE, "n6link 1.2"), 1, patience=PATIENCE)
    ((_, _, payload),) = sent(link)
    assert payload.endswith(pack_fields([(FieldTag.HOST_NAME, "n6link 1.2")]))


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"major": VERSION_MAJOR + 1}, "update n6link on this computer"),
        ({"major": VERSION_MAJOR - 1}, "update the firmware of the board"),
        ({"schema": SCHEMA_ID ^ 1}, "install firmware and n6link of the same release"),
    ],
)
def test_another_version_is_refused_with_the_side_to_update(values: dict[str, int], says: str) -> None:
    link = opening()
    feed(link, wire.hello_reply(**values))
    error = refusal(link)
    assert isinstance(error, VersionMismatch)
    assert says in str(error)


def test_of_another_version_only_sixteen_bytes_are_read() -> None:
    link = opening()
    feed(link, wire.reply(MessageType.HELLO, 1, (99).to_bytes(2, "little") + bytes(6) + NONCE.to_bytes(8, "little")))
    assert isinstance(refusal(link), VersionMismatch)


@pytest.mark.parametrize(
    "values",
    [
        *({"chunk": chunk} for chunk in (0, 128, 384, 16384)),
        *({name: 0} for name in ("requests", "tick_hz", "slots", "results", "queue", "slot_size", "flags")),
        *({"window": window} for window in (0, 255, Limit.MAX_WINDOW + 1)),
    ],
)
def test_impossible_limits_are_refused(values: dict[str, int]) -> None:
    link = opening()
    feed(link, wire.hello_reply(**values))
    assert isinstance(refusal(link), RemoteProtocolError)


def test_an_echo_is_no_device() -> None:
    link = wire.opening()
    feed(link, b"".join(link.data_to_send(0.0)))
    error = refusal(link)
    assert isinstance(error, RemoteProtocolError)
    assert "returns the bytes" in str(error)


def test_until_our_own_hello_is_answered_everything_else_is_dropped() -> None:
    link = opening()
    feed(link, wire.hello_reply(nonce=1), wire.hello_reply(number=9), wire.reply(MessageType.HELLO, 1, b"short"))
    feed(link, wire.error(1, Status.NO_SESSION), credit(5), wire.reply(MessageType.PING, 1))
    assert events(link) == []
    assert link.state is State.OPENING
    feed(link, wire.hello_reply())
    assert [type(event) for event in events(link)] == [Opened]


def test_a_late_second_answer_changes_nothing() -> None:
    link = opened()
    feed(link, wire.hello_reply(window=1))
    assert events(link) == []
    assert link.session
    assert link.session.window == 1024


def test_requests_wait_for_the_session() -> None:
    link = opening()
    link.request(MessageType.PING, patience=PATIENCE)
    assert kinds(link) == []
    feed(link, wire.hello_reply())
    assert kinds(link) == ["PING"]


def test_a_device_without_a_session_was_restarted() -> None:
    link = opened()
    link.request(MessageType.PING, patience=PATIENCE)
    sent(link)
    feed(link, wire.error(2, Status.NO_SESSION, MessageType.PING))
    assert events(link) == [Lost()]
    assert link.state is State.CLOSED
    feed(link, wire.reply(MessageType.PING, 2, records.PingReply().pack()))
    assert events(link) == []


def test_a_new_session_forgets_the_old_one() -> None:
    link = opened()
    upload(link)
    link.request(MessageType.INFO, patience=PATIENCE)
    assert "DATA 768" in kinds(link)
    link.open(Greeting(NONCE + 1), 77, patience=PATIENCE)
    assert kinds(link) == ["HELLO"]
    assert list(link.exchanges) == [77]
    feed(link, wire.hello_reply(number=77, nonce=NONCE + 1))
    upload(link, b"x" * 256)
    ((_, _, payload), _) = sent(link)
    assert records.DataHeader.unpack(payload).position == 0


# ---------------------------------------------------------------------------------------- requests


def test_replies_come_in_any_order_and_only_once() -> None:
    link = opened()
    first, second = (link.request(MessageType.INFO, patience=PATIENCE).id for _ in range(2))
    assert sent(link, now=1.0) == [(MessageType.INFO, first, b""), (MessageType.INFO, second, b"")]
    for number in (second, first, second, 77):
        link.receive_data(wire.reply(MessageType.INFO, number, b"%d" % number), 3.0)
    assert events(link) == [Reply(n, MessageType.INFO, b"%d" % n, 1.0, 3.0) for n in (second, first)]


def test_no_more_requests_are_open_than_the_device_allows() -> None:
    link = opened(requests=2)
    numbers = [link.request(MessageType.INFO, patience=PATIENCE).id for _ in range(4)]
    assert [number for _, number, _ in sent(link)] == numbers[:2]
    feed(link, wire.reply(MessageType.INFO, numbers[1]))
    assert [number for _, number, _ in sent(link)] == [numbers[2]]
    link.withdraw(numbers[0])
    assert [number for _, number, _ in sent(link)] == [numbers[3]]


def test_an_accepted_inference_is_not_an_open_request() -> None:
    link = opened(requests=1)
    infer(link)
    link.request(MessageType.INFO, patience=PATIENCE)
    assert kinds(link) == ["INFO"]


def test_commit_counts_as_a_request() -> None:
    link = opened(requests=1)
    number = link.request(MessageType.INFO, patience=PATIENCE).id
    upload(link, b"x")
    assert kinds(link) == ["INFO", "DATA 0"]
    feed(link, wire.reply(MessageType.INFO, number))
    assert kinds(link) == ["COMMIT"]


def test_withdrawn_requests_never_leave_and_late_answers_are_dropped() -> None:
    link = opened(requests=1)
    numbers = [link.request(MessageType.INFO, patience=PATIENCE).id for _ in range(3)]
    link.withdraw(numbers[0])
    link.withdraw(numbers[2])
    assert [number for _, number, _ in sent(link)] == [numbers[1]]
    link.withdraw(numbers[1])
    link.withdraw(numbers[1])
    feed(link, wire.reply(MessageType.INFO, numbers[1]))
    assert events(link) == []
    assert not link.exchanges


def test_errors() -> None:
    link = opened()
    number = link.request(MessageType.DESCRIBE, patience=PATIENCE).id
    sent(link)
    feed(link, wire.error(number, Status.UNKNOWN_NETWORK, MessageType.DESCRIBE, 9, "no such network"))
    (event,) = events(link)
    assert isinstance(event, Failed)
    assert isinstance(event.error, DeviceError)
    assert (event.id, event.error.status, event.error.value) == (number, Status.UNKNOWN_NETWORK, 9)
    assert str(event.error) == "the device answers UNKNOWN_NETWORK: no such network (network = 9)"


def test_an_error_of_a_later_version() -> None:
    link = opened()
    number = link.request(MessageType.INFO, patience=PATIENCE).id
    sent(link)
    feed(link, wire.reply(MessageType.ERROR, number, bytes([200, 3, 0, 0, 1, 0, 0, 0])))
    (event,) = events(link)
    assert isinstance(event, Failed)
    assert "status 200: which this version does not know" in str(event.error)


def test_malformed_payloads_are_counted_and_change_nothing() -> None:
    link = opened()
    number = link.request(MessageType.PING, patience=PATIENCE).id
    sent(link)
    feed(link, wire.reply(MessageType.PING, number, b"short"), wire.reply(MessageType.ERROR, number, b"?"))
    feed(
        link, wire.event(MessageType.CREDIT, b""), wire.event(MessageType.NAK, b"", 3), wire.event(MessageType.LOG, b"")
    )
    assert link.counters.malformed == 5
    assert events(link) == []
    feed(link, wire.reply(MessageType.PING, number, records.PingReply(limit=1024).pack()))
    assert [type(event) for event in events(link)] == [Reply]


def test_a_reply_of_another_type_is_no_answer() -> None:
    link = opened()
    number = link.request(MessageType.INFO, patience=PATIENCE).id
    sent(link)
    feed(
        link, wire.reply(MessageType.LIST, number), wire.result(number, b"x"), wire.event(MessageType.INFO, b"", number)
    )
    assert events(link) == []
    assert number in link.exchanges


def test_repeated_requests_are_the_same_bytes() -> None:
    link = opened()
    number = link.request(MessageType.LIST, bytes(4), patience=PATIENCE).id
    before = sent(link)
    link.repeat(number)
    link.repeat(number)
    assert sent(link) == before
    assert link.counters.repeats == 1


def test_a_flush_is_longer_than_any_frame() -> None:
    link = opened()
    number = link.request(MessageType.INFO, patience=PATIENCE).id
    frame = b"".join(link.data_to_send(0.0))
    link.repeat(number, flush=True)
    assert b"".join(link.data_to_send(0.0)) == bytes(256 + 28) + frame


def test_ids_are_never_zero() -> None:
    link = opened()
    link.next_id = 0xFFFFFFFF
    assert [link.request(MessageType.INFO, patience=PATIENCE).id for _ in range(2)] == [0xFFFFFFFF, 1]


def test_small_frames_overtake_chunks() -> None:
    link = opened(window=1 << 16)
    upload(link)
    assert [number for _, number, _ in sent(link, budget=1)] == [2]
    link.request(MessageType.PING, patience=PATIENCE)
    assert kinds(link)[0] == "PING"


# ----------------------------------------------------------------------------------------- uploads


def test_an_upload_is_chunks_and_a_commit() -> None:
    link = opened(window=2048)
    number = upload(link, network=5, slot=1)
    *chunks, (kind, commit_id, payload) = sent(link, now=2.5)
    headers = [records.DataHeader.unpack(chunk) for _, _, chunk in chunks]
    assert [(header.offset, header.position, header.slot) for header in headers] == [
        (n, n, 1) for n in range(0, 1280, 256)
    ]
    assert b"".join(chunk[12:] for _, _, chunk in chunks) == IMAGE
    commit = records.Commit.unpack(payload)
    assert (kind, commit_id) == (MessageType.COMMIT, number)
    assert (commit.position, commit.length, commit.crc) == (len(IMAGE), len(IMAGE), crc32(IMAGE))
    assert (commit.network, commit.slot) == (5, 1)
    assert events(link) == []
    feed(link, wire.reply(MessageType.COMMIT, number))
    assert events(link) == []
    assert not link.exchanges


def test_an_inference_follows_its_upload_at_once() -> None:
    """Its time to live is the remaining time at its transmission; another upload is sent after it."""
    link = opened(window=2048)
    asked = inference(key=7, network=5, slot=1, priority=3, timers=True, deadline=4.0, returns=records.Return().pack())
    up, run = link.infer(memoryview(IMAGE), asked, patience=PATIENCE)
    assert (up.id in link.exchanges, run.id in link.exchanges, run.phase) == (True, False, Phase.HELD)
    upload(link, b"another")
    *_, (commit, commit_id, _), (kind, number, payload), (_, other, _), (last, last_id, _) = sent(link, now=2.5)
    assert (commit, commit_id, kind, number) == (MessageType.COMMIT, up.id, MessageType.INFER, run.id)
    assert (last, last_id, other) == (MessageType.COMMIT, run.id + 1, run.id + 1)
    flags = InferFlag.TIMERS | InferFlag.ABORT_LATE
    expected = records.Infer(
        7, up.id, crc32(IMAGE), ttl_us=1_500_000, network=5, slot=1, priority=3, flags=flags, returns=1
    )
    assert payload == expected.pack() + records.Return().pack()
    assert link.exchanges[run.id] is run


@pytest.mark.parametrize(("left", "ttl"), [(-1.0, 1), (4294.0, 4_294_000_000), (4295.0, 0), (math.inf, 0)])
def test_a_time_to_live_that_no_field_holds_is_none(left: float, ttl: int) -> None:
    link = opened(window=2048)
    link.infer(memoryview(b"x"), inference(deadline=10 + left), patience=PATIENCE)
    assert records.Infer.unpack(sent(link, now=10.0)[-1][2]).ttl_us == ttl


def test_an_inference_follows_once_and_only_with_its_upload() -> None:
    link = opened(window=1 << 20)
    gone, never = link.infer(memoryview(b"gone"), inference(), patience=PATIENCE)
    again, once = link.infer(memoryview(b"again"), inference(), patience=PATIENCE)
    link.withdraw(gone.id)
    assert kinds(link) == ["DATA 0", "COMMIT", "INFER"]
    assert never.id not in link.exchanges and once.id in link.exchanges
    feed(link, wire.error(again.id, Status.BAD_DIGEST, MessageType.COMMIT))
    assert kinds(link) == ["DATA 0", "COMMIT"]


def test_an_inference_that_may_not_leave_yet_is_held() -> None:
    link = opened(window=1 << 20, requests=1)
    up, run = link.infer(memoryview(b"x"), inference(), patience=PATIENCE)
    assert kinds(link) == ["DATA 0", "COMMIT"]
    assert run.phase is Phase.HELD
    feed(link, wire.reply(MessageType.COMMIT, up.id))
    assert kinds(link) == ["INFER"]


def test_tensor_bytes_are_not_copied() -> None:
    image = bytearray(IMAGE)
    link = opened(window=2048)
    upload(link, image)  # type: ignore[arg-type]
    buffers = link.data_to_send(0.0)
    views = [buffer for buffer in buffers if isinstance(buffer, memoryview)]
    assert len(views) == 5
    assert all(view.obj is image for view in views)


def test_chunks_wait_for_credits() -> None:
    link = opened(window=600)
    upload(link)
    assert kinds(link) == ["DATA 0", "DATA 256"]
    assert link.blocked
    assert not link.wants_to_send
    feed(link, credit(768))
    assert not link.blocked
    assert kinds(link) == ["DATA 512"]
    feed(link, credit(1023))
    assert kinds(link) == []
    feed(link, credit(1112))
    assert kinds(link) == ["DATA 768", "DATA 1024", "COMMIT"]


def test_a_grant_that_no_device_can_mean_is_not_believed() -> None:
    link = opened(window=600)
    upload(link)
    feed(link, credit(601), credit(5000), credit(2**31))
    assert kinds(link) == ["DATA 0", "DATA 256"]
    assert link.blocked
    feed(link, credit(512 + 600))
    assert kinds(link) == ["DATA 512", "DATA 768", "DATA 1024", "COMMIT"]


def test_a_later_grant_replaces_an_earlier_one() -> None:
    link = opened(window=1024)
    feed(link, credit(1024), credit(300))
    upload(link)
    assert kinds(link) == ["DATA 0"]


def test_positions_wrap() -> None:
    link = opened(window=1024)
    link.sender.position = link.sender.acknowledged = 2**32 - 300
    feed(link, credit(2**32 - 300 + 1024))
    number = upload(link)
    headers = [records.DataHeader.unpack(chunk) for _, _, chunk in sent(link)]
    assert [header.position for header in headers] == [2**32 - 300, 2**32 - 44, 212, 468]
    feed(link, credit(2**32 - 300 + 2048))
    (*_, (_, _, commit)) = sent(link)
    assert records.Commit.unpack(commit).position == len(IMAGE) - 300
    assert link.exchanges[number].position == len(IMAGE) - 300


def test_batches_are_bounded() -> None:
    link = opened(window=1 << 20)
    upload(link)
    assert len(sent(link, budget=300)) == 2
    assert len(sent(link, budget=1)) == 1


def test_missing_chunks_are_sent_again_before_others() -> None:
    link = opened(window=1 << 20)
    first = upload(link)
    sent(link)
    upload(link)
    feed(link, nak(first, 256, 512))
    assert [(number, records.DataHeader.unpack(chunk).offset) for _, number, chunk in sent(link, budget=600)][:3] == [
        (first, 256),
        (first, 512),
        (first + 1, 0),
    ]
    assert link.counters.naks_received == 1
    assert link.counters.retransmits == 2


def test_missing_to_the_end() -> None:
    link = opened(window=1 << 20)
    number = upload(link)
    sent(link)
    feed(link, nak(number, 768, 0))
    assert kinds(link) == ["DATA 768", "DATA 1024"]
    assert link.exchanges[number].tries == 1


def test_a_gap_while_chunks_are_still_leaving() -> None:
    link = opened(window=1 << 20)
    number = upload(link)
    sent(link, budget=600)
    feed(link, nak(number, 0, 256), nak(number, 0, 256))
    assert kinds(link) == ["DATA 0", "DATA 768", "DATA 1024", "COMMIT"]


@pytest.mark.parametrize(
    ("number", "offset", "length"), [(2, 5000, 0), (2, 2**32 - 1, 2**32 - 1), (99, 0, 0), (3, 0, 0)]
)
def test_impossible_naks_are_ignored(number: int, offset: int, length: int) -> None:
    link = opened(window=1 << 20)
    upload(link)
    link.request(MessageType.INFO, patience=PATIENCE)
    sent(link)
    feed(link, nak(number, offset, length))
    assert kinds(link) == []


def test_a_wrong_digest_sends_all_of_it_again_three_times() -> None:
    link = opened(window=1 << 20)
    number = upload(link)
    for _ in range(2):
        assert kinds(link)[-1] == "COMMIT"
        feed(link, wire.error(number, Status.BAD_DIGEST, MessageType.COMMIT))
    assert events(link) == []
    assert kinds(link) == ["DATA 0", "DATA 256", "DATA 512", "DATA 768", "DATA 1024", "COMMIT"]
    feed(link, wire.error(number, Status.BAD_DIGEST, MessageType.COMMIT))
    assert [type(event) for event in events(link)] == [Failed]
    assert not link.exchanges


def test_a_probe_renews_the_grants_of_both_sides() -> None:
    link = opened(window=600)
    number = upload(link)
    sent(link)
    link.probe(PATIENCE)
    link.probe(PATIENCE)
    ((kind, probe, payload),) = sent(link)
    assert (kind, records.Ping.unpack(payload).position) == (MessageType.PING, 512)
    feed(link, wire.reply(MessageType.PING, probe, records.PingReply(limit=1112, position=700).pack()))
    kind, _, payload = sent(link)[0]
    assert (kind, records.Credit.unpack(payload).limit) == (MessageType.CREDIT, 700 + 1024)
    assert not link.blocked
    assert number in link.exchanges


def test_other_errors_end_an_upload() -> None:
    link = opened(window=600)
    number = upload(link)
    sent(link)
    feed(link, wire.error(number, Status.BUSY, MessageType.COMMIT), credit(1112))
    (event,) = events(link)
    assert isinstance(event, Failed)
    assert kinds(link) == []


def test_uploads_go_by_priority_then_in_order() -> None:
    link = opened(window=1 << 20)
    upload(link, b"a")
    upload(link, b"b", priority=1)
    upload(link, b"c", priority=1)
    assert [number for kind, number, _ in sent(link) if kind is MessageType.COMMIT] == [3, 4, 2]


def test_a_withdrawn_upload_stops() -> None:
    link = opened(window=600)
    number = upload(link)
    sent(link)
    link.withdraw(number)
    feed(link, credit(5000), nak(number, 0, 0))
    assert kinds(link) == []


# --------------------------------------------------------------------------------------- downloads

OUTPUT = bytes(range(250)) * 5
"""four chunks of 256 bytes, and a fifth"""


def received(link: Link) -> bytes:
    begun, event = events(link)
    assert isinstance(begun, Begun)
    assert isinstance(event, Received)
    assert begun.id == event.id
    assert event.id not in link.exchanges
    return bytes(event.data)


def test_a_result_in_order() -> None:
    link = opened()
    number = infer(link)
    feed(link, wire.result(number, OUTPUT, network=3, t_end=9), *wire.chunks(number, OUTPUT))
    begun, event = events(link)
    assert begun == Begun(number)
    assert isinstance(event, Received)
    assert (event.header.network, event.header.t_end, len(event.records)) == (3, 9, 1)
    assert event.data == OUTPUT


def test_a_result_need_not_be_accepted_first() -> None:
    link = opened()
    number = link.request(MessageType.INFER, patience=PATIENCE).id
    sent(link)
    feed(link, wire.result(number, OUTPUT), *wire.chunks(number, OUTPUT))
    assert received(link) == OUTPUT


def test_an_empty_result() -> None:
    link = opened()
    number = infer(link)
    feed(link, wire.result(number, b""))
    assert received(link) == b""


def test_a_gap_is_asked_for_once() -> None:
    link = opened()
    number = infer(link)
    chunks = wire.chunks(number, OUTPUT)
    feed(link, wire.result(number, OUTPUT), chunks[0], chunks[3], chunks[4])
    naks = [(n, records.Nak.unpack(payload)) for kind, n, payload in sent(link) if kind is MessageType.NAK]
    assert [(n, gap.offset, gap.length) for n, gap in naks] == [(number, 256, 512)]
    feed(link, chunks[2], chunks[4], chunks[1])
    assert "NAK" not in kinds(link)
    assert received(link) == OUTPUT
    assert link.counters.duplicates == 1


def damaged(frame: bytes) -> bytes:
    return frame[:-5] + bytes([frame[-5] ^ 1]) + frame[-4:]


def test_a_damaged_chunk_is_asked_for_at_once() -> None:
    link = opened()
    number = infer(link)
    chunks = wire.chunks(number, OUTPUT)
    feed(link, wire.result(number, OUTPUT), chunks[0], damaged(chunks[2]))
    ((kind, _, payload),) = sent(link)
    nak = records.Nak.unpack(payload)
    assert (kind, nak.offset, nak.length) == (MessageType.NAK, 256, 512)
    feed(link, damaged(chunks[1]), damaged(chunks[0]), damaged(wire.data(99, 0, 0, b"x")))
    ((kind, _, payload),) = sent(link)
    nak = records.Nak.unpack(payload)
    assert (kind, nak.offset, nak.length) == (MessageType.NAK, 256, 256)
    feed(link, *chunks[1:])
    assert "NAK" not in kinds(link)
    assert received(link) == OUTPUT


def test_a_gap_after_a_damaged_chunk_is_asked_for() -> None:
    link = opened()
    number = infer(link)
    chunks = wire.chunks(number, OUTPUT)
    feed(link, wire.result(number, OUTPUT), chunks[0], damaged(chunks[1]), chunks[3])
    naks = [records.Nak.unpack(payload) for kind, _, payload in sent(link) if kind is MessageType.NAK]
    assert [(gap.offset, gap.length) for gap in naks] == [(256, 256), (512, 256)]


def test_complaining_asks_for_every_gap() -> None:
    link = opened()
    number = infer(link)
    chunks = wire.chunks(number, OUTPUT)
    feed(link, wire.result(number, OUTPUT), chunks[1], chunks[3])
    sent(link)
    link.complain(number)
    naks = [records.Nak.unpack(payload) for _, _, payload in sent(link)]
    assert [(gap.offset, gap.length) for gap in naks] == [(0, 256), (512, 256), (1024, 226)]


@pytest.mark.parametrize(("offset", "length"), [(1, 256), (256, 255), (1024, 256), (1280, 1), (2**32 - 256, 256)])
def test_chunks_that_cannot_belong_are_dropped(offset: int, length: int) -> None:
    link = opened()
    number = infer(link)
    feed(link, wire.result(number, OUTPUT), wire.data(number, 0, offset, bytes(length)))
    assert link.counters.malformed == 1
    feed(link, *wire.chunks(number, OUTPUT))
    assert received(link) == OUTPUT


def test_a_wrong_digest_asks_for_all_of_it_and_gives_up_the_third_time() -> None:
    link = opened()
    number = infer(link)
    feed(link, wire.result(number, OUTPUT, crc=1))
    for _ in range(2):
        feed(link, *wire.chunks(number, OUTPUT))
        naks = [records.Nak.unpack(payload) for kind, _, payload in sent(link) if kind is MessageType.NAK]
        assert [(gap.offset, gap.length) for gap in naks] == [(0, 0)]
    feed(link, *wire.chunks(number, OUTPUT))
    _, event = events(link)
    assert isinstance(event, Failed)
    assert isinstance(event.error, RemoteProtocolError)


def test_data_without_a_result_repeats_the_inference_once() -> None:
    link = opened()
    number = infer(link)
    chunks = wire.chunks(number, OUTPUT)
    feed(link, chunks[0], chunks[1])
    assert kinds(link) == ["INFER", "CREDIT"]
    feed(link, wire.result(number, OUTPUT), *chunks)
    assert received(link) == OUTPUT


def test_a_result_that_is_announced_twice_keeps_what_has_come() -> None:
    link = opened()
    number = infer(link)
    chunks = wire.chunks(number, OUTPUT)
    announced = wire.result(number, OUTPUT)
    feed(link, announced, *chunks[:3], announced, *chunks[3:])
    assert received(link) == OUTPUT


def test_another_result_under_the_same_id_begins_anew() -> None:
    link = opened()
    number = infer(link)
    other = OUTPUT[::-1]
    feed(link, wire.result(number, OUTPUT), *wire.chunks(number, OUTPUT)[:3], wire.result(number, other))
    feed(link, *wire.chunks(number, other))
    *_, event = events(link)
    assert isinstance(event, Received)
    assert event.data == other


@pytest.mark.parametrize(
    "values",
    [
        {"length": 1 << 17},
        {"length": 1249},
        {"blocks": 1, "timers_offset": 1240},
        {"blocks": 65535},
        {"blocks": 1, "timer_record": 12},
        {"outputs": 9},
        {"record": 12},
        {"head": 60},
        {"timers_offset": 9},
    ],
)
def test_impossible_results_fail(values: dict[str, Any]) -> None:
    link = opened()
    number = infer(link)
    feed(link, wire.result(number, OUTPUT, **values))
    if values == {"timers_offset": 9}:
        assert events(link) == [Begun(number)]  # without blocks the offset is ignored
        return
    (event,) = events(link)
    assert isinstance(event, Failed)
    assert isinstance(event.error, RemoteProtocolError)


def test_we_grant_when_half_of_the_window_is_used() -> None:
    link = opened()
    number = infer(link)
    chunks = wire.chunks(number, OUTPUT)
    feed(link, wire.result(number, OUTPUT), chunks[0])
    assert kinds(link) == []
    feed(link, chunks[1])
    ((kind, _, payload),) = sent(link)
    assert (kind, records.Credit.unpack(payload).limit) == (MessageType.CREDIT, 512 + 1024)


def test_lost_chunks_are_credited_by_position() -> None:
    link = opened()
    feed(link, wire.data(99, 2**32 - 512, 0, bytes(256)))  # far before the position: nothing new
    assert kinds(link) == []
    feed(link, wire.data(99, 768, 0, bytes(256)))
    ((_, _, payload),) = sent(link)
    assert records.Credit.unpack(payload).limit == 768 + 256 + 1024


def test_a_chunk_beyond_our_grant_moves_nothing() -> None:
    link = opened()
    feed(link, wire.data(99, 769, 0, bytes(256)), wire.data(99, 2**31 - 300, 0, bytes(256)))
    assert kinds(link) == []
    assert link.counters.malformed == 2
    feed(link, wire.data(99, 768, 0, bytes(256)))
    assert kinds(link) == ["CREDIT"]


def test_a_ping_writes_off_what_was_lost() -> None:
    link = opened()
    number = link.request(MessageType.PING, patience=PATIENCE).id
    ((_, _, payload),) = sent(link, now=1.5)
    assert records.Ping.unpack(payload).host_time == 1_500_000_000
    feed(link, wire.reply(MessageType.PING, number, records.PingReply(limit=100, position=512).pack()))
    assert kinds(link) == []  # the device still has credit: no new grant is necessary
    feed(link, wire.data(99, 512, 0, bytes(256)))
    assert kinds(link) == ["CREDIT"]
    upload(link)
    assert link.blocked


# ---------------------------------------------------------------------------------------- progress


def progress(link: Link, number: int) -> int:
    return link.exchanges[number].progress


def test_credits_are_progress_of_the_upload_that_used_them() -> None:
    """For an upload that waits for its answer, it is not progress that another one is consumed."""
    link = opened(window=2048)
    first = upload(link)
    sent(link)
    feed(link, credit(len(IMAGE) + 2048))
    second = upload(link, b"x" * 512)
    sent(link)
    before = progress(link, first), progress(link, second)
    feed(link, credit(len(IMAGE) + 256 + 2048))
    assert (progress(link, first), progress(link, second)) == (before[0], before[1] + 1)


def test_a_nak_that_leads_to_no_byte_is_no_progress() -> None:
    link = opened(window=len(IMAGE))
    number = upload(link)
    sent(link)
    before = progress(link, number)
    feed(link, nak(number, 256, 256), nak(number, 256, 256))
    assert sent(link) == []
    assert link.blocked
    assert progress(link, number) == before


def test_chunks_that_are_sent_again_and_again_are_no_progress() -> None:
    link = opened(window=1 << 20)
    number = upload(link, b"x" * 256)
    seen = set()
    for _ in range(2 * REPEATS):
        sent(link)
        seen.add(progress(link, number))
        feed(link, nak(number, 0, 0))
    assert len(seen) == REPEATS + 1


def test_an_inference_gets_on_when_its_state_does() -> None:
    link = opened()
    number = infer(link)
    states = [(InferState.QUEUED, 3), (InferState.QUEUED, 3), (InferState.QUEUED, 2), (InferState.QUEUED, 4)]
    states += [(InferState.RUNNING, 1), (InferState.RUNNING, 1), (InferState.RUNNING, 0)]
    got = []
    for state, depth in states:
        before = progress(link, number)
        feed(link, wire.reply(MessageType.INFER, number, records.InferReply(state=state, depth=depth).pack()))
        got.append(progress(link, number) - before)
    assert got == [1, 0, 1, 0, 1, 0, 0]


def test_a_chunk_that_is_there_already_is_no_progress() -> None:
    link = opened()
    number = infer(link)
    chunks = wire.chunks(number, OUTPUT)
    feed(link, wire.result(number, OUTPUT), chunks[0])
    before = progress(link, number)
    feed(link, chunks[0], wire.result(number, OUTPUT))
    assert progress(link, number) == before


# ---------------------------------------------------------------------------------------- resuming


def resumed(link: Link, number: int | None = None, **values: Any) -> None:
    """Resumes a session with chunks of at most 512 bytes, and sends the device's answer."""
    flags = HelloReplyFlag.OPENED | HelloReplyFlag.RESUMED
    hello = link.resume(NONCE + 1, max_chunk=512, patience=PATIENCE)
    ((kind, sent_id, payload),) = sent(link)
    asked = records.Hello.unpack(payload)
    assert (kind, sent_id, asked.flags, asked.resume) == (MessageType.HELLO, hello.id, HelloFlag.RESUME, NONCE)
    assert asked.max_chunk == 512
    feed(link, wire.hello_reply(hello.id, **{"nonce": NONCE + 1, "flags": flags, "chunk": 512} | values))


def test_an_upload_starts_again_when_the_session_is_resumed() -> None:
    link = opened(window=600)
    number = upload(link)
    assert kinds(link) == ["DATA 0", "DATA 256"]
    resumed(link, window=4096)
    assert [type(event) for event in events(link)][-1] is Opened
    out = sent(link)
    headers = [records.DataHeader.unpack(chunk) for kind, _, chunk in out if kind is MessageType.DATA]
    assert [(header.position, header.offset) for header in headers] == [(0, 0), (512, 512), (1024, 1024)]
    assert {sent_id for _, sent_id, _ in out} == {number}


def test_what_is_acknowledged_after_a_session_was_resumed_are_its_own_bytes() -> None:
    """The COMMIT had another position before the session was resumed; time-outs depend on the bytes that are not acknowledged."""
    link = opened(window=4096)
    first = upload(link)
    sent(link)
    feed(link, wire.reply(MessageType.COMMIT, first))
    number = upload(link)
    assert kinds(link)[-1] == "COMMIT"
    resumed(link, window=4096)
    assert kinds(link)[-1] == "COMMIT"
    feed(link, nak(number, 512, 512))
    assert kinds(link) == ["DATA 512"]
    feed(link, wire.reply(MessageType.COMMIT, number))
    assert link.path.pending == 0
    assert link.sender.acknowledged == link.sender.position == len(IMAGE) + 512


def test_an_inference_is_asked_for_again_and_its_result_comes_whole() -> None:
    link = opened(window=2048)
    up, run = link.infer(memoryview(IMAGE), inference(), patience=PATIENCE)
    sent(link)
    feed(link, wire.reply(MessageType.COMMIT, up.id), wire.result(run.id, OUTPUT), wire.chunks(run.id, OUTPUT)[0])
    events(link)
    resumed(link)
    assert kinds(link) == ["INFER"]
    feed(link, wire.result(run.id, OUTPUT), *wire.chunks(run.id, OUTPUT, 512))
    assert events(link)[-1].data == OUTPUT  # type: ignore[union-attr]


def test_a_device_that_has_forgotten_the_session_gets_the_upload_again() -> None:
    link = opened(window=4096)
    up, run = link.infer(memoryview(IMAGE), inference(), patience=PATIENCE)
    sent(link)
    feed(
        link, wire.reply(MessageType.COMMIT, up.id), wire.reply(MessageType.INFER, run.id, records.InferReply(1).pack())
    )
    resumed(link, flags=HelloReplyFlag.OPENED, window=4096)
    assert kinds(link) == ["INFER", "DATA 0", "DATA 512", "DATA 1024", "COMMIT"]


def test_a_device_that_has_restarted_loses_everything() -> None:
    link = opened()
    upload(link)
    link.request(MessageType.INFO, patience=PATIENCE)
    resumed(link, flags=HelloReplyFlag.OPENED, boot_nonce=wire.BOOT + 1)
    assert [type(event) for event in events(link)] == [Lost, Opened]
    assert not link.exchanges
    assert kinds(link) == []


def test_requests_that_are_open_are_asked_again() -> None:
    link = opened(requests=2)
    numbers = [link.request(MessageType.INFO, patience=PATIENCE).id for _ in range(3)]
    sent(link)
    resumed(link, requests=2)
    assert [number for _, number, _ in sent(link)] == numbers[:2]
    feed(link, wire.reply(MessageType.INFO, numbers[0]))
    assert [number for _, number, _ in sent(link)] == [numbers[2]]


def test_another_host_holds_the_device() -> None:
    link = opening()
    feed(link, wire.error(1, Status.BUSY, MessageType.HELLO, text="held by robot 1.0"))
    assert "robot 1.0" in str(refusal(link))


# ------------------------------------------------------------------------------------------ events


def test_log_lines_statistics_and_stray_text() -> None:
    link = opened()
    golden = next(frame for frame in wire.GOLDEN if frame["name"] == "a log line")
    reading = records.StatsReply(record=records.NetworkStats.SIZE).pack()
    feed(link, golden["bytes"], b"Guru Meditation\r\n", wire.event(MessageType.STATS, reading))
    assert events(link) == [
        LogLine(1000, 30, "chip at 85 \N{DEGREE SIGN}C", 2),
        Stray("Guru Meditation"),
        StatsPushed(reading),
    ]


def test_what_the_peer_said_is_kept() -> None:
    link = opening()
    feed(link, b"login: ")
    assert link.heard == b"login: "


def test_half_a_frame() -> None:
    link = opened()
    number = link.request(MessageType.INFO, patience=PATIENCE).id
    sent(link)
    feed(link, wire.event(MessageType.LOG, bytes(900))[:400], wire.reply(MessageType.INFO, number))
    assert link.half_frame
    assert events(link) == []
    link.search_again(4.0)
    assert [type(event) for event in events(link)] == [Reply]
    assert not link.half_frame


# ------------------------------------------------------------------------------------ hostile input


def dialogue() -> bytes:
    """The frames of a device during one inference, with events between them."""
    return b"".join(
        [
            wire.reply(MessageType.INFO, 2, b"info"),
            nak(3, 0, 256),
            credit(4096),
            wire.reply(MessageType.COMMIT, 3),
            wire.reply(MessageType.INFER, 4, records.InferReply().pack()),
            wire.result(4, OUTPUT),
            *wire.chunks(4, OUTPUT),
            wire.event(MessageType.LOG, records.Log(level=20).pack() + b"done"),
            wire.error(5, Status.BUSY),
        ]
    )


def busy() -> Link:
    """A link with exchanges in all phases."""
    link = opened()
    link.request(MessageType.INFO, patience=PATIENCE)
    upload(link)
    sent(link)
    link.request(MessageType.INFER, patience=PATIENCE)
    link.request(MessageType.PING, patience=PATIENCE)
    sent(link)
    return link


@settings(max_examples=200)
@given(st.data())
def test_no_bytes_of_a_peer_raise_an_exception(data: st.DataObject) -> None:
    """Random bytes, and a dialogue with changed, lost and inserted bytes; the next good frame is received."""
    stream = bytearray(dialogue() if data.draw(st.booleans()) else data.draw(st.binary(max_size=2000)))
    for _ in range(data.draw(st.integers(0, 8))):
        at = data.draw(st.integers(0, len(stream)))
        stream[at : at + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=30))
    link, state = (busy(), State.OPEN) if data.draw(st.booleans()) else (opening(), State.OPENING)
    for at in range(0, len(stream), step := data.draw(st.integers(1, 3000))):
        link.receive_data(bytes(stream[at : at + step]), 0.0)
        link.data_to_send(0.0)
        list(link.events())
    assert link.state is state
    link.receive_data(bytes(Limit.MAX_CHUNK + 32), 0.0)
    list(link.events())
    link.receive_data(wire.event(MessageType.LOG, records.Log().pack() + b"alive"), 0.0)
    assert [event.text for event in events(link) if isinstance(event, LogLine)] == (
        ["alive"] if state is State.OPEN else []
    )


@given(
    st.lists(st.tuples(st.sampled_from(list(MessageType)), st.integers(0, 6), st.binary(max_size=90), st.booleans()))
)
def test_no_good_frame_with_a_bad_payload_raises_an_exception(
    bad: list[tuple[MessageType, int, bytes, bool]],
) -> None:
    link = busy()
    for kind, number, payload, flag in bad:
        link.receive_data(frames.pack(kind, number, payload, flag), 0.0)
        link.data_to_send(0.0)
        list(link.events())
    assert link.state is not State.OPENING


def test_another_board_is_refused_and_what_is_under_way_waits_for_the_first_one() -> None:
    before, after = bytes([1] * 16), bytes([2] * 16)
    link = opened(unique_id=before)
    asked = link.request(MessageType.INFO, patience=PATIENCE)
    sent(link), events(link)
    hello = link.resume(NONCE + 1, patience=PATIENCE)
    sent(link)
    feed(link, wire.hello_reply(hello.id, nonce=NONCE + 1, unique_id=after, boot_nonce=wire.BOOT + 1))
    (refused,) = events(link)
    assert isinstance(refused, Refused)
    assert isinstance(refused.error, WrongDevice)
    assert after.hex() in str(refused.error)
    assert before.hex() in str(refused.error)
    assert link.state is State.CLOSED
    link.stream_changed()
    hello = link.resume(NONCE + 2, patience=PATIENCE)
    sent(link)
    feed(link, wire.hello_reply(hello.id, nonce=NONCE + 1, unique_id=before))
    assert [type(event) for event in events(link)] == [Opened]
    assert (MessageType.INFO, asked.id) in [(kind, number) for kind, number, _ in sent(link)]


def test_a_hello_that_had_no_answer_is_sent_again_with_its_nonce() -> None:
    """It may have arrived: then the session of the device has this nonce."""
    link = opened()
    for nonce in (NONCE + 1, NONCE + 2):
        hello = link.resume(nonce, patience=PATIENCE)
        asked = [records.Hello.unpack(body) for kind, _, body in sent(link) if kind == MessageType.HELLO]
        assert [(one.nonce, one.resume) for one in asked] == [(NONCE + 1, NONCE)]
        link.stream_changed()
    feed(link, wire.hello_reply(hello.id, nonce=NONCE + 1))
    assert [type(event) for event in events(link)] == [Opened]
    link.resume(NONCE + 3, patience=PATIENCE)
    asked = [records.Hello.unpack(body) for kind, _, body in sent(link) if kind == MessageType.HELLO]
    assert [(one.nonce, one.resume) for one in asked] == [(NONCE + 3, NONCE + 1)]


@pytest.mark.parametrize("resumed", [True, False])
def test_the_input_of_an_inference_that_waits_is_sent_again_in_a_new_session(*, resumed: bool) -> None:
    """It waits because of a RESET; the device had its input, and a new session has not."""
    link = opened(window=1 << 20)
    reset = link.request(MessageType.RESET, records.Reset().pack(), patience=PATIENCE)
    up, run = link.infer(memoryview(IMAGE), inference(), patience=PATIENCE)
    assert kinds(link)[-1] == "COMMIT"
    feed(link, wire.reply(MessageType.COMMIT, up.id))
    assert run.phase is Phase.HELD
    assert list(link.exchanges) == [reset.id, run.id]
    hello = link.resume(NONCE + 1, patience=PATIENCE)
    sent(link)
    flags = HelloReplyFlag.OPENED | (HelloReplyFlag.RESUMED if resumed else 0)
    feed(link, wire.hello_reply(hello.id, nonce=NONCE + 1, flags=flags, window=1 << 20))
    again = ["DATA 0", "DATA 256", "DATA 512", "DATA 768", "DATA 1024", "COMMIT"]
    assert kinds(link) == ["RESET", *([] if resumed else again)]
    feed(link, wire.reply(MessageType.RESET, reset.id), *([] if resumed else [wire.reply(MessageType.COMMIT, up.id)]))
    assert kinds(link) == ["INFER"]


def test_the_last_frame_of_a_session_opens_one_in_which_nothing_is_at_work() -> None:
    link = opened()
    farewell = link.farewell(NONCE + 1, flush=False)
    ((kind, _, _, body),) = frames.FrameReader(frames.Counters()).feed(farewell)
    hello = records.Hello.unpack(body)
    assert (kind, hello.nonce, hello.flags, hello.resume) == (MessageType.HELLO, NONCE + 1, 0, 0)
    assert link.farewell(NONCE + 2, flush=True) == b"", "it was sent"
