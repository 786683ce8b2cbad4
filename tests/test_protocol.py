"""The schema obeys its own rules, and the records are byte-equal to construct."""

from __future__ import annotations

import inspect
import re
import struct
import zlib
from binascii import crc_hqx
from typing import Any

import construct as cs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from n6link.protocol import FieldTag, Limit, MessageType, Status, codegen, records, schema
from n6link.protocol.codec import Record, printable, text
from n6link.protocol.fields import pack_fields, unpack_fields
from n6link.protocol.layout import Layout, layouts, members, schema_id
from n6link.protocol.schema import ENUMS, MESSAGES, STRUCTS

LAYOUTS = layouts()
RECORDS: dict[str, type[Record]] = {name: getattr(records, name) for name in STRUCTS}
VECTORS = codegen.vectors()
WIDTH = {"B": 8, "H": 16, "L": 32, "Q": 64}


def frame_bytes(frame: dict[str, Any]) -> bytes:
    return bytes.fromhex(re.sub(r"#.*", "", frame["hex"]))


def texts(size: int) -> st.SearchStrategy[str]:
    """Any value of a field of this size."""
    whole = st.text(max_size=size).filter(str.isprintable)
    return whole.map(lambda text: text.encode()[:size].decode(errors="ignore"))


def values(layout: Layout) -> st.SearchStrategy[dict[str, Any]]:
    """The fields of any record of a struct; reserved ones are zero."""
    drawn: dict[str, st.SearchStrategy[Any]] = {}
    for m in layout.members:
        one: st.SearchStrategy[Any]
        if m.reserved:
            one = st.just(0)
        elif m.text:
            one = texts(m.size)
        elif m.format.endswith("s"):
            one = st.binary(min_size=m.size, max_size=m.size)
        elif m.format == "f":
            one = st.floats(width=32, allow_nan=False)
        else:
            bits = WIDTH[m.format.upper()]
            low, high = (0, 2**bits - 1) if m.format.isupper() else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
            one = st.integers(low, high)
        drawn[m.name] = st.tuples(*[one] * m.count) if m.count else one
    return st.fixed_dictionaries(drawn)


@pytest.mark.parametrize("name", STRUCTS)
@given(data=st.data())
def test_records_equal_construct(name: str, data: st.DataObject) -> None:
    kind, layout = RECORDS[name], LAYOUTS[name]
    drawn = data.draw(values(layout))
    record = kind(**{m.name: drawn[m.name] for m in layout.members if not m.reserved})
    packed = record.pack()
    assert packed == STRUCTS[name].build(
        {m.name: drawn[m.name].encode().ljust(m.size, b"\0") if m.text else drawn[m.name] for m in layout.members}
    )
    assert len(packed) == kind.SIZE == layout.size == kind.DTYPE.itemsize == kind.STRUCT.size == STRUCTS[name].sizeof()
    unpacked = kind.unpack(b"ab" + packed, 2)
    assert unpacked == record
    for m in layout.members:
        if m.enum and drawn[m.name] in set(m.enum):
            assert type(getattr(unpacked, m.name)) is m.enum
    assert kind.unpack_all(b"a" + packed * 3, 2, 1, kind.SIZE) == (record, record)
    assert kind.unpack_all((packed + b"newer") * 2, 2, 0, kind.SIZE + 5) == (record, record)
    row = kind.array(packed + b"newer", 1, 0, kind.SIZE + 5)[0]
    assert row == kind.array(packed, 1, 0, kind.SIZE)[0]
    for m in layout.members:
        expected = drawn[m.name]
        if m.format.endswith("s"):
            assert bytes(row[m.name]).ljust(m.size, b"\0") == (expected.encode() if m.text else expected).ljust(
                m.size, b"\0"
            )
        else:
            assert np.array_equal(row[m.name], np.array(expected, row[m.name].dtype))


@pytest.mark.parametrize("name", STRUCTS)
@given(data=st.data())
def test_any_bytes_unpack_as_construct_parses_them(name: str, data: st.DataObject) -> None:
    """Reserved bytes may be anything, and texts need not be UTF-8."""
    kind, layout = RECORDS[name], LAYOUTS[name]
    raw = data.draw(st.binary(min_size=kind.SIZE, max_size=kind.SIZE))
    record, parsed = kind.unpack(raw), STRUCTS[name].parse(raw)
    for m in layout.members:
        if not m.reserved:
            expected, found = parsed[m.name], getattr(record, m.name)
            if m.text:
                expected = text(expected)
            elif m.format == "f":
                expected, found = repr(expected), repr(found)  # NaN is not equal to itself
            assert found == (tuple(expected) if m.count else int(expected) if m.enum else expected)


@pytest.mark.parametrize("name", STRUCTS)
def test_records_name_every_field(name: str) -> None:
    """In order and with defaults of zero, but for the sizes of what follows; reserved bytes have no name."""
    assert list(inspect.signature(RECORDS[name]).parameters) == [
        m.name for m in LAYOUTS[name].members if not m.reserved
    ]
    sizes = {key: getattr(RECORDS[name](), key) for key in ("head", "record") if hasattr(RECORDS[name](), key)}
    assert sizes.get("head", RECORDS[name].SIZE) == RECORDS[name].SIZE
    zero = RECORDS[name](**dict.fromkeys(sizes, 0))
    assert zero == RECORDS[name].unpack(bytes(RECORDS[name].SIZE))
    assert zero.pack() == bytes(RECORDS[name].SIZE)


def test_a_struct_with_a_tail_says_where_that_starts() -> None:
    """Except structs that never grow: DATA within a major, ERROR in all versions."""
    for kind, message in MESSAGES.items():
        for body in (message.request, message.reply, message.event):
            if body and body.struct and body.tail and kind not in (MessageType.DATA, MessageType.ERROR):
                names = {m.name for m in LAYOUTS[body.struct].members}
                assert "head" in names, kind
                assert ("record" in names) == (body.tail not in ("fields", "text", "bytes")), kind
                if body.tail in STRUCTS:
                    assert RECORDS[body.struct]().record == RECORDS[body.tail].SIZE  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", STRUCTS)
def test_structs_need_no_padding(name: str) -> None:
    """Every C compiler lays them out alike: natural alignment, sizes that are multiples of the widest field.

    What may follow is aligned to four bytes, except for what consists of bytes alone.
    """
    layout = LAYOUTS[name]
    widest = max((m.size // max(m.count, 1) for m in layout.members if not m.format.endswith("s")), default=4)
    assert widest == 1 or layout.size % max(widest, 4) == 0
    assert all(m.doc for m in layout.members)


@pytest.mark.parametrize(
    "definition",
    [
        cs.Struct("a" / cs.Int8ul, "b" / cs.Int16ul),
        cs.Struct("a" / cs.Int16ub),
        cs.Struct("a" / cs.Prefixed(cs.Int8ul, cs.GreedyBytes)),
        cs.Struct("n" / cs.Int8ul, "a" / cs.Bytes(cs.this.n)),
    ],
    ids=["misaligned", "big-endian", "prefixed", "variable"],
)
def test_forbidden_definitions_are_refused(definition: Any) -> None:
    with pytest.raises(TypeError, match="aligned|not allowed"):
        list(members(definition))


def test_enums_are_unique_and_documented() -> None:
    for kind in ENUMS.values():
        assert len(kind.__members__) == len(list(kind)), f"{kind.__name__} has an alias"
        assert all(member.doc for member in kind)


def test_every_message_type_has_bodies_that_exist() -> None:
    assert set(MESSAGES) == set(MessageType)
    for message in MESSAGES.values():
        for body in (message.request, message.reply, message.event):
            assert body is None or body.struct is None or body.struct in STRUCTS


def test_control_messages_fit_a_control_frame() -> None:
    infer = records.Infer.SIZE + Limit.MAX_RETURNS * records.Return.SIZE
    result = records.Result.SIZE + Limit.MAX_RETURNS * records.ResultRecord.SIZE
    assert max(infer, result, *(record.SIZE for record in RECORDS.values())) <= Limit.MAX_CONTROL


def test_records_cannot_be_changed() -> None:
    ping = records.Ping(host_time=1)
    with pytest.raises(AttributeError):
        ping.host_time = 2  # type: ignore[misc]
    assert not hasattr(ping, "__dict__")


def test_what_does_not_fit_a_field_is_refused() -> None:
    assert records.PoolRecord(name="\u00e9" * 12).pack()[:24] == b"\xc3\xa9" * 12
    with pytest.raises(ValueError, match="has 26 bytes, but the field has 24"):
        records.PoolRecord(name="\u00e9" * 13).pack()
    with pytest.raises(struct.error):
        records.Credit(limit=1 << 32).pack()


def test_unpack_names_enums_and_keeps_unknown_values() -> None:
    record = records.ErrorReply.unpack(b"\x0a\xee\0\0\0\0\0\0")
    assert record.status is Status.BUSY
    assert record.type == 0xEE


def test_unpack_refuses_a_short_buffer() -> None:
    with pytest.raises(ValueError, match="Ping requires 16 bytes, got 3"):
        records.Ping.unpack(b"abc")
    with pytest.raises(ValueError, match="3 Nak of 8 bytes do not fit in 15 bytes"):
        records.Nak.unpack_all(bytes(16), 3, 1, 8)
    for read in (records.Nak.unpack_all, records.Nak.array):
        with pytest.raises(ValueError, match="records of Nak must have 8 bytes or more, not 7"):
            read(bytes(16), 1, 0, 7)


def test_text_of_a_peer_is_made_printable() -> None:
    raw = "caf\u00e9 \x1b[2J\x07\u202e\nnext".encode() + b"\xff"
    assert printable(raw) == "caf\u00e9 \\x1b[2J\\x07\\u202e\nnext\ufffd"
    assert text(b"\x1b]0;owned\x07\0rest") == "\\x1b]0;owned\\x07"
    assert text(b"name\nERROR: forged\0") == "name\\nERROR: forged"


@given(
    st.lists(
        st.tuples(st.sampled_from(FieldTag), st.text(max_size=40).filter(str.isprintable)),
        unique_by=lambda field: field[0],
    )
)
def test_fields_round_trip(fields: list[tuple[FieldTag, str]]) -> None:
    packed = pack_fields(fields)
    assert len(packed) % 4 == 0
    assert unpack_fields(packed) == dict(fields)


@given(st.binary(max_size=64))
def test_fields_survive_anything(tail: bytes) -> None:
    assert set(unpack_fields(tail)) <= set(FieldTag)


def test_unknown_and_truncated_fields_are_skipped() -> None:
    tail = bytes.fromhex("6300 0300 61626300 0100 0200 68690000 0100 0900 68")
    assert unpack_fields(tail) == {FieldTag.HOST_NAME: "hi"}


@pytest.mark.parametrize("frame", VECTORS, ids=lambda frame: frame["name"])
def test_golden_frames(frame: dict[str, Any]) -> None:
    """construct can parse the manually written frames, and their checksums are correct."""
    raw = frame_bytes(frame)
    header = schema.FrameHeader.parse(raw)
    assert header.magic == Limit.MAGIC
    assert header.crc == crc_hqx(raw[:10], 0xFFFF)
    kind = MessageType[frame["type"]]
    assert (int(header.type), header.flags, header.id) == (kind, int(frame.get("reply", False)), frame["id"])
    payload = raw[12 : 12 + header.length]
    assert len(raw) == 12 + header.length + (4 if header.length else 0)
    if payload:
        assert int.from_bytes(raw[-4:], "little") == zlib.crc32(payload)
    message = MESSAGES[kind]
    body = message.reply if frame.get("reply") else (message.request if frame["from"] == "host" else message.event)
    assert body is not None
    assert body.struct is None or len(payload) >= RECORDS[body.struct].SIZE


def test_golden_values() -> None:
    """A few fields, read back by name, against what the comments of the vectors say."""
    by_name = {frame["name"]: frame_bytes(frame)[12:] for frame in VECTORS}
    hello = records.HelloReply.unpack(by_name["The device accepts"])
    assert (hello.boot_nonce, hello.tick_hz, hello.window, hello.chunk) == (0xDEADBEEF, 1_000_000, 2048, 256)
    assert (hello.requests, hello.networks, hello.slots, hello.results) == (8, 1, 2, 2)
    assert (hello.slot_size, hello.result_size, hello.build) == (256, 512, "golden")
    result = records.Result.unpack(by_name["It has run"])
    assert (result.t_queued, result.t_end, result.length, result.outputs) == (1000, 1000, 4, 1)
    log = records.Log.unpack(by_name["a log line"])
    assert (log.level, log.dropped) == (30, 2)
    assert by_name["a log line"][16:-4].decode() == "chip at 85 °C"
    assert records.Credit.unpack(by_name["a grant"]).limit == 0xFFFFF000


def test_schema_id_ignores_documentation(monkeypatch: pytest.MonkeyPatch) -> None:
    before = schema_id()
    monkeypatch.setattr(Status.BUSY, "doc", "something else")
    assert schema_id() == before == records.SCHEMA_ID
    monkeypatch.setitem(STRUCTS, "Credit", cs.Struct("limit" / cs.Int64ul))
    assert schema_id() != before


def test_records_are_equal_where_their_fields_are() -> None:
    first, same, other = (records.Nak(1, offset) for offset in (2, 2, 3))
    assert first == same and hash(first) == hash(same)
    assert first != other
    assert records.PoolRecord() != records.BlockRecord()
    assert eval(repr(first), vars(records)) == first
