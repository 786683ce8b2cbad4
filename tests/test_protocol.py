"""The schema obeys its own rules, and the fast codecs are byte-equal to construct."""

from __future__ import annotations

import re
import zlib
from binascii import crc_hqx
from typing import Any

import construct as cs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from n6link import codegen, protocol
from n6link.protocol import CODECS, ENUMS, MESSAGES, STRUCTS, Codec, FieldTag, Limit, MessageType, Status

VECTORS = codegen.vectors()
WIDTH = {"B": 8, "H": 16, "L": 32, "Q": 64}


def frame_bytes(frame: dict[str, Any]) -> bytes:
    return bytes.fromhex(re.sub(r"#.*", "", frame["hex"]))


def values(codec: Codec) -> st.SearchStrategy[dict[str, Any]]:
    """Any record of a struct."""
    fields: dict[str, st.SearchStrategy[Any]] = {}
    for m in codec.members:
        one: st.SearchStrategy[Any]
        if m.format.endswith("s"):
            one = st.binary(min_size=m.size, max_size=m.size)
        elif m.format == "f":
            one = st.floats(width=32, allow_nan=False)
        else:
            bits = WIDTH[m.format.upper()]
            low, high = (0, 2**bits - 1) if m.format.isupper() else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
            one = st.integers(low, high)
        fields[m.name] = st.tuples(*[one] * m.count) if m.count else one
    return st.fixed_dictionaries(fields)


@pytest.mark.parametrize("name", STRUCTS)
@given(data=st.data())
def test_codecs_equal_construct(name: str, data: st.DataObject) -> None:
    codec = CODECS[name]
    record = data.draw(values(codec))
    packed = codec.pack(**record)
    assert packed == STRUCTS[name].build(record)
    assert len(packed) == codec.size == codec.dtype.itemsize == STRUCTS[name].sizeof()
    assert vars(codec.unpack(packed)) == record
    row = codec.array(packed)[0]
    for m in codec.members:
        expected = record[m.name]
        if m.format.endswith("s"):
            assert bytes(row[m.name]).ljust(m.size, b"\0") == expected
        else:
            assert np.array_equal(row[m.name], np.array(expected, row[m.name].dtype))


@pytest.mark.parametrize("name", STRUCTS)
def test_structs_need_no_padding(name: str) -> None:
    """Every C compiler lays them out alike: natural alignment, sizes that are multiples of the widest field."""
    codec = CODECS[name]
    widest = max((m.size // max(m.count, 1) for m in codec.members if not m.format.endswith("s")), default=4)
    assert codec.size % max(widest, 4) == 0
    assert all(m.doc for m in codec.members)


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
        list(protocol.members(definition))


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
    infer = CODECS["Infer"].size + Limit.MAX_RETURNS * CODECS["Return"].size
    result = CODECS["Result"].size + Limit.MAX_RETURNS * CODECS["ResultRecord"].size
    assert max(infer, result, *(codec.size for codec in CODECS.values())) <= Limit.MAX_CONTROL


def test_pack_fills_with_zeros_and_refuses_unknown_fields() -> None:
    assert CODECS["TensorRecord"].pack() == bytes(80)
    with pytest.raises(TypeError, match="Ping has no field hosttime"):
        CODECS["Ping"].pack(hosttime=1)


def test_unpack_names_enums_and_keeps_unknown_values() -> None:
    record = CODECS["ErrorReply"].unpack(b"\x0a\xee\0\0\0\0\0\0")
    assert record.status is Status.BUSY
    assert record.type == 0xEE


def test_unpack_refuses_a_short_buffer() -> None:
    with pytest.raises(ValueError, match="Ping needs 16 bytes, 3 are there"):
        CODECS["Ping"].unpack(b"abc")


@given(st.lists(st.tuples(st.sampled_from(FieldTag), st.text(max_size=40)), unique_by=lambda field: field[0]))
def test_fields_round_trip(fields: list[tuple[FieldTag, str]]) -> None:
    packed = protocol.pack_fields(fields)
    assert len(packed) % 4 == 0
    assert protocol.unpack_fields(packed) == dict(fields)


@given(st.binary(max_size=64))
def test_fields_survive_anything(tail: bytes) -> None:
    assert set(protocol.unpack_fields(tail)) <= set(FieldTag)


def test_unknown_and_truncated_fields_are_skipped() -> None:
    tail = bytes.fromhex("6300 0300 61626300 0100 0200 68690000 0100 0900 68")
    assert protocol.unpack_fields(tail) == {FieldTag.HOST_NAME: "hi"}


@pytest.mark.parametrize("frame", VECTORS, ids=lambda frame: frame["name"])
def test_golden_frames(frame: dict[str, Any]) -> None:
    """What was typed by hand parses with construct, and its check sums hold."""
    raw = frame_bytes(frame)
    header = protocol.FrameHeader.parse(raw)
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
    assert body.struct is None or len(payload) >= CODECS[body.struct].size


def test_golden_values() -> None:
    """A few fields, read back by name, against what the comments of the vectors say."""
    by_name = {frame["name"]: frame_bytes(frame)[12:] for frame in VECTORS}
    hello = CODECS["HelloReply"].unpack(by_name["The device accepts"])
    assert (hello.boot_nonce, hello.tick_hz, hello.window, hello.chunk) == (0xDEADBEEF, 1_000_000, 2048, 256)
    assert (hello.requests, hello.networks, hello.slots, hello.results) == (8, 1, 2, 2)
    assert (hello.slot_size, hello.result_size, protocol.text(hello.build)) == (256, 512, "golden")
    result = CODECS["Result"].unpack(by_name["It has run"])
    assert (result.t_queued, result.t_end, result.length, result.outputs) == (1000, 1000, 4, 1)
    log = CODECS["Log"].unpack(by_name["a log line"])
    assert (log.level, log.dropped) == (30, 2)
    assert by_name["a log line"][16:-4].decode() == "chip at 85 °C"
    assert CODECS["Credit"].unpack(by_name["a grant"]).limit == 0xFFFFF000


def test_schema_id_ignores_documentation(monkeypatch: pytest.MonkeyPatch) -> None:
    before = protocol._schema_id()
    monkeypatch.setattr(Status.BUSY, "doc", "something else")
    assert protocol._schema_id() == before == protocol.SCHEMA_ID
    monkeypatch.setitem(STRUCTS, "Credit", cs.Struct("limit" / cs.Int64ul))
    assert protocol._schema_id() != before
