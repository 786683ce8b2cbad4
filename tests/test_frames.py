"""The receiver finds every good frame, with any bytes between them and any division of the bytes into reads."""

from __future__ import annotations

import itertools
import random
from zlib import crc32

import pytest
import wire
from hypothesis import given
from hypothesis import strategies as st

from n6link.link import frames
from n6link.link.checksum import WORTHWHILE, Digest
from n6link.link.frames import Counters, FrameReader
from n6link.protocol import Limit, MessageType

DATA = int(MessageType.DATA)
payloads = st.binary(max_size=300)
some_frames = st.lists(
    st.tuples(st.integers(0, 255), st.integers(0, 2**32 - 1), payloads, st.integers(0, 1)), max_size=6
)


def read(reader: FrameReader, *pieces: bytes) -> list[tuple[int, int, int, bytes]]:
    return [(*rest, bytes(payload)) for piece in pieces for *rest, payload in reader.feed(piece)]  # type: ignore[misc]


def cut(whole: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(whole) + 1) for place in places), len(whole)]
    return [whole[a:b] for a, b in itertools.pairwise(edges)]


@pytest.mark.parametrize("golden", wire.GOLDEN, ids=lambda golden: str(golden["name"]))
def test_golden_frames(golden: dict[str, object]) -> None:
    raw = golden["bytes"]
    assert isinstance(raw, bytes)
    ((kind, flags, number, payload),) = read(FrameReader(Counters()), raw)
    assert (MessageType(kind).name, number, flags) == (golden["type"], golden["id"], int(golden.get("reply", False)))  # type: ignore[call-overload]
    assert frames.pack(kind, number, payload, flags) == raw


@given(some_frames, st.lists(st.integers(0, 10_000), max_size=20))
def test_frames_survive_any_cutting(sent: list[tuple[int, int, bytes, int]], places: list[int]) -> None:
    stream = b"".join(frames.pack(*frame) for frame in sent)
    counters = Counters()
    got = read(FrameReader(counters), *cut(stream, places))
    assert got == [(kind, flags, number, payload) for kind, number, payload, flags in sent]
    assert (counters.rx_bytes, counters.rx_frames) == (len(stream), len(sent))
    assert counters.skipped == counters.header_errors == counters.payload_errors == counters.resyncs == 0


@given(
    some_frames, st.lists(st.binary(max_size=40), min_size=7, max_size=7), st.lists(st.integers(0, 10_000), max_size=20)
)
def test_noise_between_frames_is_skipped_and_counted(
    sent: list[tuple[int, int, bytes, int]], noises: list[bytes], places: list[int]
) -> None:
    noises = [noise.replace(b"n", b"m") for noise in noises]
    stream = noises[0] + b"".join(frames.pack(*frame) + noise for frame, noise in zip(sent, noises[1:], strict=False))
    counters = Counters()
    got = read(FrameReader(counters), *cut(stream, places))
    assert got == [(kind, flags, number, payload) for kind, number, payload, flags in sent]
    assert counters.skipped == sum(map(len, noises[: len(sent) + 1]))


@given(
    st.binary(max_size=20_000) | st.lists(st.sampled_from([b"n", b"6", b"n6", b"\0" * 50]), max_size=500).map(b"".join)
)
def test_a_good_frame_after_quiet_is_understood_whatever_came_before(garbage: bytes) -> None:
    """The guarantee of protocol.md, section 1."""
    good = frames.pack(MessageType.PING, 7, b"good")
    quiet = bytes(Limit.MAX_CHUNK + 32)
    got = read(FrameReader(Counters()), garbage, quiet, good)
    assert got[-1] == (MessageType.PING, 0, 7, b"good")


@given(st.data())
def test_damage_costs_no_more_than_the_damaged_frames(data: st.DataObject) -> None:
    sent = [(DATA, number, bytes([number]) * data.draw(st.integers(1, 400)), 0) for number in range(1, 7)]
    stream = bytearray()
    starts = []
    for frame in sent:
        starts.append(len(stream))
        stream += frames.pack(*frame)
    at = data.draw(st.integers(0, len(stream) - 1))
    stream[at] ^= 1 << data.draw(st.integers(0, 7))
    hit = max(index for index, start in enumerate(starts) if start <= at)
    quiet = bytes(Limit.MAX_CHUNK + 32)
    got = read(FrameReader(Counters()), bytes(stream) + quiet)
    good = [number for _, flags, number, _ in got if flags != frames.DAMAGED]
    assert good == [number for index, (_, number, _, _) in enumerate(sent) if index != hit]
    assert all(number == hit + 1 for _, flags, number, _ in got if flags == frames.DAMAGED)


def test_a_frame_inside_a_broken_one_is_found() -> None:
    inner = frames.pack(MessageType.PING, 2, b"inner")
    broken = bytearray(frames.pack(MessageType.LOG, 1, b"before" + inner + b"after"))
    broken[-1] ^= 1
    counters = Counters()
    assert read(FrameReader(counters), bytes(broken)) == [(MessageType.PING, 0, 2, b"inner")]
    assert (counters.payload_errors, counters.resyncs) == (1, 2)


def test_damaged_chunks_are_told_of_and_searched() -> None:
    inner = frames.pack(MessageType.PING, 2)
    broken = bytearray(frames.pack(DATA, 1, b"before" + inner))
    broken[-1] ^= 1
    got = read(FrameReader(Counters()), bytes(broken))
    assert got == [(DATA, frames.DAMAGED, 1, b"before" + inner), (MessageType.PING, 0, 2, b"")]


@pytest.mark.parametrize(
    ("kind", "length", "permitted"),
    [
        (MessageType.PING, Limit.MAX_CONTROL, True),
        (MessageType.PING, Limit.MAX_CONTROL + 1, False),
        (MessageType.DATA, 268, True),
        (MessageType.DATA, 269, False),
    ],
)
def test_lengths_beyond_the_limit_are_no_headers(kind: MessageType, length: int, permitted: bool) -> None:
    reader = FrameReader(counters := Counters())
    reader.max_data = 268
    got = read(reader, frames.pack(kind, 1, bytes(length)), frames.pack(MessageType.PING, 2))
    assert [number for _, _, number, _ in got] == ([1, 2] if permitted else [2])
    assert counters.header_errors == (0 if permitted else 1)


def test_search_again_finds_what_half_a_frame_has_swallowed() -> None:
    reader = FrameReader(Counters())
    half = frames.pack(DATA, 1, bytes(1000))[:500]
    good = frames.pack(MessageType.PING, 2, b"here")
    assert read(reader, half + good) == []
    assert reader.waiting
    assert [(number, bytes(payload)) for _, _, number, payload in reader.search_again()] == [(2, b"here")]
    assert not reader.waiting
    assert list(reader.search_again()) == []


def test_views_are_accepted() -> None:
    assert len(read(FrameReader(Counters()), memoryview(frames.pack(1, 1, b"x")))) == 1  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------- DATA headers


def test_data_headers() -> None:
    golden = next(frame for frame in wire.GOLDEN if frame["name"] == "The input, one chunk")
    front = frames.header(DATA, golden["id"], frames.HEADER_SIZE + 4)
    pieces = frames.pack_data(front, 0, 0, 0, memoryview(b"\x01\x02\xfd\x7f"))
    assert b"".join(pieces) == golden["bytes"]
    assert isinstance(pieces[1], memoryview)
    payload = memoryview(golden["bytes"])[12:-4]
    *places, chunk = frames.unpack_data(payload)
    assert (places, bytes(chunk)) == ([0, 0, 0], b"\x01\x02\xfd\x7f")


@pytest.mark.parametrize("payload", [b"", bytes(11), bytes(20)], ids=["empty", "short", "wrong crc"])
def test_bad_data_headers(payload: bytes) -> None:
    with pytest.raises(ValueError, match="DATA payload"):
        frames.unpack_data(memoryview(payload))


# ------------------------------------------------------------------------------------- stray text


def stray(*pieces: bytes) -> list[str]:
    reader = FrameReader(Counters())
    read(reader, *pieces)
    return reader.stray.lines


def test_boot_messages_become_lines() -> None:
    boot = b"\r\nSTM32N6 boot 1.2\r\nclock 800 MHz, 85 \xc2\xb0C ok\n"
    assert stray(boot) == ["STM32N6 boot 1.2", "clock 800 MHz, 85 \N{DEGREE SIGN}C ok"]
    assert stray(*(bytes([byte]) for byte in boot)) == stray(boot)


def test_a_frame_ends_a_line() -> None:
    assert stray(b"HardFault at 0x08001234", frames.pack(MessageType.PING, 1)) == ["HardFault at 0x08001234"]


def test_noise_is_no_text() -> None:
    assert stray(b"\x00\xff\x80abc\x00def\n", b"ab\n", b"\xff\xfeReady.\xff\n") == ["Ready."]


def test_endless_lines_are_cut() -> None:
    lines = stray(*[b"x" * 100] * 20, b"\n")
    assert "".join(lines) == "x" * 2000
    assert all(len(line) <= frames.StrayText.MAX_LINE + 100 for line in lines)


@pytest.mark.parametrize("text", [b"on", b"n", b"boot: n\n6"])
def test_half_a_magic_at_the_end_of_a_text_belongs_to_it(text: bytes) -> None:
    reader = FrameReader(Counters())
    assert read(reader, text, b"ext\n") == []
    assert not reader.waiting
    assert reader.stray.first == text + b"ext\n"


def test_half_a_magic_that_stays_alone_is_text() -> None:
    reader = FrameReader(Counters())
    assert read(reader, b"on") == []
    assert list(reader.search_again()) == []
    assert reader.stray.first == b"on"


@pytest.mark.parametrize("size", [1, 100, 5000])
def test_the_length_of_a_line_does_not_depend_on_the_reads(size: int) -> None:
    text = b"a" * 1200 + b"\n"
    assert [len(line) for line in stray(*(text[at : at + size] for at in range(0, len(text), size)))] == [513, 513, 174]


def test_the_first_stray_bytes_are_kept_for_messages() -> None:
    reader = FrameReader(Counters())
    read(reader, b"\xff" * 50, b"login: " * 20)
    assert reader.stray.first == (b"\xff" * 50 + b"login: " * 20)[:80]


@given(
    st.integers(256, 5000),
    st.integers(0, 20000),
    st.lists(st.integers(0, 80), max_size=90),
    st.randoms(use_true_random=False),
)
def test_the_digest_of_a_transfer_is_that_of_its_bytes(
    size: int, length: int, order: list[int], chance: random.Random
) -> None:
    """In every order of its chunks, with repeated and missing ones."""
    whole, digest = chance.randbytes(length), Digest(size)
    for index in order:
        head, chunk = chance.randbytes(12), whole[index * size : (index + 1) * size]
        if chunk:
            digest.add(index * size, len(chunk), crc32(head), crc32(head + chunk))
    assert digest.of(memoryview(whole)) == crc32(whole)


@pytest.mark.parametrize("size", [256, 2048, 8192])
def test_of_chunks_in_order_only_the_last_is_read_again(size: int) -> None:
    whole, digest = random.Random(1).randbytes(3 * size + 5), Digest(size)
    for offset in range(0, len(whole), size):
        chunk = whole[offset : offset + size]
        digest.add(offset, len(chunk), crc32(b"head"), crc32(b"head" + chunk))
    damaged = memoryview(bytes(3 * size) + whole[-5:])
    assert (digest.of(damaged) == crc32(whole)) is (size >= WORTHWHILE)
