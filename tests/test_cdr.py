"""Messages of ROS 2 as bytes, against rosbags, which was written by others."""

from __future__ import annotations

import random
import struct
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from n6link.errors import BadInput, UnknownName
from n6link.robotics import cdr, types
from n6link.robotics.types import SIZES, Field, message_type

STORE: Final = get_typestore(Stores.EMPTY)
for name in types.names():
    STORE.register(get_types_from_msg(message_type(name).definition, name))
JAZZY: Final = get_typestore(Stores.ROS2_JAZZY)
LIMITS: Final = {"uint8": 255, "uint16": 2**16 - 1, "int32": 2**31 - 1, "uint32": 2**32 - 1, "uint64": 2**64 - 1}


def any_value(field: Field, chance: random.Random) -> object:
    """A value for a field."""
    if field.type == "uint8" and field.count == 0:
        return chance.randbytes(chance.randrange(9))
    if field.count is not None:
        count = field.count or chance.randrange(4)
        return [any_value(Field(field.name, field.type), chance) for _ in range(count)]
    if field.type == "string":
        return "".join(chance.choices("aé日 ", k=chance.randrange(7)))
    if field.type == "bool":
        return chance.random() < 0.5
    if field.type.startswith("float"):
        return float(np.float32(chance.uniform(-1e6, 1e6)))
    if field.type in SIZES:
        return chance.randrange(LIMITS[field.type] + 1)
    return any_values(field.type, chance)


def any_values(name: str, chance: random.Random) -> dict[str, object]:
    return {field.name: any_value(field, chance) for field in message_type(name).fields}


def as_object(name: str, values: Mapping[str, Any]) -> Any:
    """Values as the object that rosbags has for a message."""

    def convert(field: Field, value: Any) -> Any:
        if field.count is not None and field.type in SIZES:
            data = np.frombuffer(value, np.uint8) if isinstance(value, bytes) else value
            return np.array(data, field.type)
        if field.count is not None:
            return [convert(Field("", field.type), item) for item in value]
        return as_object(field.type, value) if types.is_message(field.type) else value

    fields = message_type(name).fields
    return STORE.types[name](**{field.name: convert(field, values[field.name]) for field in fields})


@pytest.mark.parametrize("name", types.names())
def test_bytes_are_those_of_another_library(name: str) -> None:
    print("seed", name)
    chance = random.Random(name)
    for _ in range(20):
        values = any_values(name, chance)
        data = cdr.encode(name, values)
        assert data == bytes(STORE.serialize_cdr(as_object(name, values), name))
        assert cdr.decode(name, data) == values
        other_order = bytes(STORE.serialize_cdr(as_object(name, values), name, little_endian=False))
        assert cdr.decode(name, other_order) == values


@pytest.mark.parametrize("name", [name for name in types.names() if name in JAZZY.fielddefs])
def test_standard_types_are_those_of_ros(name: str) -> None:
    assert STORE.hash_rihs01(name) == JAZZY.hash_rihs01(name)


@pytest.mark.parametrize("name", types.names())
def test_type_hashes(name: str) -> None:
    assert message_type(name).hash == STORE.hash_rihs01(name)


def test_most_standard_types_are_known_to_the_other_library() -> None:
    assert len([name for name in types.names() if name in JAZZY.fielddefs]) >= 10


def test_bytes_by_hand() -> None:
    values = {"header": {"stamp": {"sec": 1, "nanosec": 2}, "frame_id": "ab"}, "format": "png", "data": b"\x01\x02"}
    assert cdr.encode("sensor_msgs/msg/CompressedImage", values) == bytes.fromhex(
        "00010000 01000000 02000000 03000000 616200 00 04000000 706e6700 02000000 0102".replace(" ", "")
    )


def test_a_missing_field_is_zero() -> None:
    empty = cdr.decode("vision_msgs/msg/Detection2D", cdr.encode("vision_msgs/msg/Detection2D", {}))
    assert empty["id"] == "" and empty["results"] == []
    assert empty["bbox"] == {"center": {"position": {"x": 0.0, "y": 0.0}, "theta": 0.0}, "size_x": 0.0, "size_y": 0.0}


def test_a_definition_contains_all_inner_types_once() -> None:
    schema = message_type("vision_msgs/msg/Detection2DArray").schema
    assert schema.startswith("std_msgs/Header header\nvision_msgs/Detection2D[] detections\n")
    heads = [line for line in schema.splitlines() if line.startswith("MSG: ")]
    assert len(heads) == len(set(heads)) == 12
    assert "float64[36] covariance\n" in schema


@pytest.mark.parametrize(
    ("name", "values", "sentence"),
    [
        ("std_msgs/msg/String", {"text": "a"}, "std_msgs/msg/String does not have a field 'text'; it has data"),
        ("std_msgs/msg/String", {"data": 3}, "3 is not a value of std_msgs/msg/String.data"),
        ("builtin_interfaces/msg/Time", {"sec": 2**31}, "2147483648 is not a value of builtin_interfaces/msg/Time.sec"),
        ("n6link_msgs/msg/Tensor", {"data": 7}, "7 is not a value of n6link_msgs/msg/Tensor.data"),
        ("geometry_msgs/msg/PoseWithCovariance", {"covariance": [1.0]}, "has 1 values; 36 are required"),
        ("std_msgs/msg/Header", {"stamp": 5}, "5 is not a value of std_msgs/msg/Header.stamp"),
    ],
)
def test_a_value_that_does_not_fit(name: str, values: dict[str, object], sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        cdr.encode(name, values)
    assert sentence in str(caught.value)


def test_an_unknown_type() -> None:
    with pytest.raises(UnknownName, match="unknown message type 'a/msg/B'"):
        message_type("a/msg/B")


def test_a_text_with_a_zero_does_not_end_early() -> None:
    assert cdr.decode("std_msgs/msg/String", cdr.encode("std_msgs/msg/String", {"data": "a\0b\ud800"})) == {
        "data": "ab?"
    }


PICTURE: Final = cdr.encode(
    "sensor_msgs/msg/CompressedImage", {"header": {"frame_id": "camera"}, "format": "jpeg", "data": bytes(40)}
)


@pytest.mark.parametrize("length", range(len(PICTURE)))
def test_a_message_that_is_cut_off(length: int) -> None:
    with pytest.raises(BadInput):
        cdr.decode("sensor_msgs/msg/CompressedImage", PICTURE[:length])


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "do not start with the head of a CDR message: they are empty"),
        (b"\xff\xd8\xff\xe0 JFIF", "do not start with the head of a CDR message: ff d8 ff e0"),
        (PICTURE + bytes(4), "4 bytes follow the end"),
        (cdr.LITTLE + struct.pack("<I", 2**32 - 1), "ends too early: 4294967295 elements"),
        (cdr.LITTLE + struct.pack("<I", 2) + b"\xff\0", "not UTF-8"),
    ],
)
def test_bytes_that_are_not_a_message(data: bytes, sentence: str) -> None:
    name = "sensor_msgs/msg/CompressedImage" if data.startswith(PICTURE) else "std_msgs/msg/String"
    with pytest.raises(BadInput) as caught:
        cdr.decode(name, data)
    assert sentence in str(caught.value)


@given(st.binary(max_size=200), st.sampled_from(types.names()))
def test_any_bytes_are_a_message_or_bad_input(data: bytes, name: str) -> None:
    try:
        values = cdr.decode(name, cdr.LITTLE + data)
    except BadInput:
        return
    assert set(values) == {field.name for field in message_type(name).fields}
