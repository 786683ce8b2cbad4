"""Message types of ROS 2: the standard ones that are used, and those of the package ``n6link_msgs``.

The definitions are the only place with names and orders of fields: the bytes of messages (:mod:`n6link.robotics.cdr`), the schemas in
MCAP files and the type hashes follow from them. Fields of the standard types are those of ``builtin_interfaces``, ``std_msgs``,
``geometry_msgs``, ``sensor_msgs``, ``rcl_interfaces`` (ROS 2 Humble and later), ``vision_msgs`` 4 and ``foxglove_msgs``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Final

from n6link.errors import UnknownName
from n6link.json_types import Plain

SIZES: Final = {
    "bool": 1,
    "uint8": 1,
    "int8": 1,
    "uint16": 2,
    "int16": 2,
    "uint32": 4,
    "int32": 4,
    "float32": 4,
    "uint64": 8,
    "int64": 8,
    "float64": 8,
}
"""bytes of the numbers"""
STRING: Final = "string"
_IDS: Final = {
    "int8": 2,
    "uint8": 3,
    "int16": 4,
    "uint16": 5,
    "int32": 6,
    "uint32": 7,
    "int64": 8,
    "uint64": 9,
    "float32": 10,
    "float64": 11,
    "bool": 15,
    STRING: 17,
}
"""in ``type_description_interfaces/msg/FieldType``; 1 is a message type"""
_ARRAY: Final = 48
_SEQUENCE: Final = 144
"""added to the number of the elements' type"""

_TEXTS: Final = {
    "builtin_interfaces/msg/Time": "int32 sec, uint32 nanosec",
    "builtin_interfaces/msg/Duration": "int32 sec, uint32 nanosec",
    "std_msgs/msg/Header": "builtin_interfaces/Time stamp, string frame_id",
    "std_msgs/msg/String": "string data",
    "geometry_msgs/msg/Point": "float64 x, float64 y, float64 z",
    "geometry_msgs/msg/Quaternion": "float64 x, float64 y, float64 z, float64 w",
    "geometry_msgs/msg/Pose": "geometry_msgs/Point position, geometry_msgs/Quaternion orientation",
    "geometry_msgs/msg/PoseWithCovariance": "geometry_msgs/Pose pose, float64[36] covariance",
    "sensor_msgs/msg/CompressedImage": "std_msgs/Header header, string format, uint8[] data",
    "rcl_interfaces/msg/Log": (
        "builtin_interfaces/Time stamp, uint8 level, string name, string msg, string file, string function, uint32 line"
    ),
    "vision_msgs/msg/Point2D": "float64 x, float64 y",
    "vision_msgs/msg/Pose2D": "vision_msgs/Point2D position, float64 theta",
    "vision_msgs/msg/BoundingBox2D": "vision_msgs/Pose2D center, float64 size_x, float64 size_y",
    "vision_msgs/msg/ObjectHypothesis": "string class_id, float64 score",
    "vision_msgs/msg/ObjectHypothesisWithPose": (
        "vision_msgs/ObjectHypothesis hypothesis, geometry_msgs/PoseWithCovariance pose"
    ),
    "vision_msgs/msg/Detection2D": (
        "std_msgs/Header header, vision_msgs/ObjectHypothesisWithPose[] results, vision_msgs/BoundingBox2D bbox, string id"
    ),
    "vision_msgs/msg/Detection2DArray": "std_msgs/Header header, vision_msgs/Detection2D[] detections",
    "vision_msgs/msg/Classification": "std_msgs/Header header, vision_msgs/ObjectHypothesis[] results",
    "foxglove_msgs/msg/Color": "float64 r, float64 g, float64 b, float64 a",
    "foxglove_msgs/msg/Point2": "float64 x, float64 y",
    "foxglove_msgs/msg/CircleAnnotation": (
        "builtin_interfaces/Time timestamp, foxglove_msgs/Point2 position, float64 diameter, float64 thickness, "
        "foxglove_msgs/Color fill_color, foxglove_msgs/Color outline_color"
    ),
    "foxglove_msgs/msg/PointsAnnotation": (
        "builtin_interfaces/Time timestamp, uint8 type, foxglove_msgs/Point2[] points, foxglove_msgs/Color outline_color, "
        "foxglove_msgs/Color[] outline_colors, foxglove_msgs/Color fill_color, float64 thickness"
    ),
    "foxglove_msgs/msg/TextAnnotation": (
        "builtin_interfaces/Time timestamp, foxglove_msgs/Point2 position, string text, float64 font_size, "
        "foxglove_msgs/Color text_color, foxglove_msgs/Color background_color"
    ),
    "foxglove_msgs/msg/ImageAnnotations": (
        "foxglove_msgs/CircleAnnotation[] circles, foxglove_msgs/PointsAnnotation[] points, "
        "foxglove_msgs/TextAnnotation[] texts"
    ),
    # Times are in seconds, positions in pixels of the picture, (0, 0) is the corner of its first pixel.
    "n6link_msgs/msg/Keypoint": "string name, float32 x, float32 y, float32 score, bool outside",
    "n6link_msgs/msg/Person": "float32 score, string label, float32[] box, n6link_msgs/Keypoint[] keypoints",
    "n6link_msgs/msg/People": "std_msgs/Header header, n6link_msgs/Person[] people",
    "n6link_msgs/msg/Tensor": "string name, string dtype, uint32[] shape, uint8[] data",
    "n6link_msgs/msg/Tensors": "std_msgs/Header header, n6link_msgs/Tensor[] tensors",
    "n6link_msgs/msg/Latency": (
        "std_msgs/Header header, float64 prepare, float64 queue, float64 upload, float64 wait, float64 npu, "
        "float64 download, float64 decode, float64 total, float64 error, float64 age, uint64 sequence, uint32 replaced, "
        "builtin_interfaces/Time started, builtin_interfaces/Time ended, float64 clock_error, "
        "uint32 sent_bytes, string encoding, bool simulated"
    ),
    "n6link_msgs/msg/Epoch": "string span, string kind, string operation, float64 start, float64 total",
    "n6link_msgs/msg/Epochs": (
        "std_msgs/Header header, string source, bool simulated, float64 offload_by_count, float64 offload_by_time, "
        "n6link_msgs/Epoch[] blocks"
    ),
    "n6link_msgs/msg/State": (
        "std_msgs/Header header, string state, string reason, float64 away, bool rebooted, string[] changed, "
        "float64 clock_error, float64 clock_drift"
    ),
    "n6link_msgs/msg/Link": (
        "std_msgs/Header header, uint64 rx_bytes, uint64 tx_bytes, uint64 rx_frames, uint64 tx_frames, uint64 errors, "
        "uint64 skipped, uint64 resyncs, uint64 naks, uint64 retransmits, uint64 duplicates, uint32 queue, "
        "float64 round_trip, float64 temperature"
    ),
}


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a message."""

    name: str
    type: str
    """a number of :data:`SIZES`, :data:`STRING`, or the full name of a message type"""
    count: int | None = None
    """None = one value; 0 = a sequence of any length; else an array of this length"""


@dataclass(frozen=True, slots=True)
class MessageType:
    """A message type."""

    name: str
    """such as ``std_msgs/msg/Header``"""
    fields: tuple[Field, ...]

    @property
    def definition(self) -> str:
        """The content of its ``.msg`` file."""
        return "".join(f"{_short(field)} {field.name}\n" for field in self.fields)

    @property
    def schema(self) -> str:
        """The definition followed by those of all types in it, as MCAP's schema encoding ``ros2msg`` requires."""
        texts = [self.definition]
        texts += [f"MSG: {_without_msg(inner.name)}\n{inner.definition}" for inner in self.inner]
        return f"{'=' * 80}\n".join(texts)

    @property
    def dds_name(self) -> str:
        """The name in DDS and in rmw_zenoh, such as ``std_msgs::msg::dds_::Header_``."""
        package, _, name = self.name.rpartition("/")
        return f"{package.replace('/', '::')}::dds_::{name}_"

    @property
    def hash(self) -> str:
        """The type hash of ROS 2 (REP 2011, version 1): the SHA-256 of a description of the type and of all inner types."""
        described = {
            "type_description": self._description,
            "referenced_type_descriptions": [inner._description for inner in self.inner],  # noqa: SLF001  of the same class
        }
        return f"RIHS01_{sha256(json.dumps(described).encode()).hexdigest()}"

    @property
    def _description(self) -> Plain:
        return {"type_name": self.name, "fields": [_described(field) for field in self.fields]}

    @property
    def inner(self) -> list[MessageType]:
        """The types of its fields, and of their fields, each once, by name."""
        found: dict[str, MessageType] = {}
        waiting: list[MessageType] = [self]
        while waiting:
            for field in waiting.pop().fields:
                if is_message(field.type) and field.type not in found:
                    found[field.type] = message_type(field.type)
                    waiting.append(found[field.type])
        return [found[name] for name in sorted(found)]


def is_message(name: str) -> bool:
    """Whether a field's type is a message type."""
    return "/" in name


def names() -> list[str]:
    """The full names of all message types."""
    return list(_TEXTS)


@cache
def message_type(name: str) -> MessageType:
    """A message type by its full name.

    Raises:
        UnknownName: it is not one of :func:`names`.
    """
    if name not in _TEXTS:
        raise UnknownName(f"unknown message type {name!r}; the known ones are {', '.join(_TEXTS)}")
    return MessageType(name, tuple(_field(text) for text in _TEXTS[name].split(", ")))


def _field(text: str) -> Field:
    kind, name = text.split()
    base, bracket, rest = kind.partition("[")
    count = int(rest.rstrip("]") or 0) if bracket else None
    return Field(name, base.replace("/", "/msg/"), count)


def _described(field: Field) -> Plain:
    offset = 0 if field.count is None else _ARRAY if field.count else _SEQUENCE
    nested = is_message(field.type)
    return {
        "name": field.name,
        "type": {
            "type_id": (1 if nested else _IDS[field.type]) + offset,
            "capacity": field.count or 0,
            "string_capacity": 0,
            "nested_type_name": field.type if nested else "",
        },
    }


def _short(field: Field) -> str:
    suffix = "" if field.count is None else f"[{field.count or ''}]"
    return _without_msg(field.type) + suffix


def _without_msg(name: str) -> str:
    return name.replace("/msg/", "/")
