"""Results, states and log lines as messages of ROS 2.

===============================  =====================================  ====================================================
topic, below the network's name  type                                   content
===============================  =====================================  ====================================================
``image``                        sensor_msgs/msg/CompressedImage        the picture, JPEG
``annotations``                  foxglove_msgs/msg/ImageAnnotations     poses, objects or classes, drawn over it by viewers
``people``                       n6link_msgs/msg/People                 poses: keypoints with names, scores and boxes
``detections``                   vision_msgs/msg/Detection2DArray       objects
``classes``                      vision_msgs/msg/Classification         classes, most probable first
``mask``                         sensor_msgs/msg/CompressedImage        a segmentation: PNG, the class of each pixel
``decoded``                      std_msgs/msg/String                    results of other decoders, as JSON
``outputs``                      n6link_msgs/msg/Tensors                outputs, or parts of them, that were not decoded
``latency``                      n6link_msgs/msg/Latency                the stages of the inference, its age and clock error
``epochs``                       n6link_msgs/msg/Epochs                 the times of the epoch blocks
===============================  =====================================  ====================================================

All messages about one picture have its capture time in their header.
"""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from n6link.decoders.boxes import Detection
from n6link.decoders.classification import Classification
from n6link.decoders.described import listed
from n6link.decoders.pose import Pose
from n6link.decoders.segmentation import Segmentation
from n6link.errors import requires
from n6link.json_types import plain
from n6link.result import Result
from n6link.robotics.cdr import Values
from n6link.robotics.drawing import annotate
from n6link.robotics.wall import SECOND, Wall
from n6link.session.clock import ClockMap
from n6link.session.state import StateChange
from n6link.session.stats import Stats
from n6link.session.subscription import LogRecord
from n6link.tensors.card import Card
from n6link.tensors.image import PILLOW, load
from n6link.tensors.tensor import Array

if TYPE_CHECKING:
    from n6link.epochs.timers import EpochTimers

DETECTION: Final = frozenset({"yolo", "yolo-grid", "ssd", "landmark-boxes", "fomo"})
"""tasks whose results are objects"""
QUALITY: Final = 90
"""of JPEG pictures"""
FOUND: Final = {
    "people": "n6link_msgs/msg/People",
    "detections": "vision_msgs/msg/Detection2DArray",
    "classes": "vision_msgs/msg/Classification",
    "mask": "sensor_msgs/msg/CompressedImage",
    "decoded": "std_msgs/msg/String",
    "outputs": "n6link_msgs/msg/Tensors",
}
"""topics of what was found, and their types"""
ABOUT: Final = {
    "annotations": "foxglove_msgs/msg/ImageAnnotations",
    "latency": "n6link_msgs/msg/Latency",
    "epochs": "n6link_msgs/msg/Epochs",
}
"""the other topics of a result"""
IMAGE: Final = "sensor_msgs/msg/CompressedImage"
FRAME_ID: Final = "camera"
"""coordinate frame of pictures, and of what was found in them"""
LEVELS: Final = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL)
"""of log lines, also in ROS 2"""
_OTHER: Final = re.compile(r"[^A-Za-z0-9_]")


@dataclass(frozen=True, slots=True)
class Message:
    """A message, before it is encoded."""

    topic: str
    """below the network or the device"""
    type: str
    values: Values


def topic_name(name: str) -> str:
    """A name as a part of a topic of ROS 2, which has letters, digits and underscores, and starts with a letter."""
    clean = _OTHER.sub("_", name)
    return clean if clean[:1].isalpha() else f"n_{clean}"


def stamp(nanoseconds: int) -> Values:
    """A time of day as ``builtin_interfaces/msg/Time``."""
    return {"sec": nanoseconds // SECOND, "nanosec": nanoseconds % SECOND}


def header(nanoseconds: int) -> Values:
    """``std_msgs/msg/Header``."""
    return {"stamp": stamp(nanoseconds), "frame_id": FRAME_ID}


def jpeg(picture: object) -> bytes:
    """A picture, as for :func:`n6link.tensors.image.load`, as a JPEG file.

    Raises:
        BadInput: it is not a picture.
        MissingExtra: Pillow is not installed.
    """
    return _encoded(load(picture), "jpeg", quality=QUALITY)


def of_picture(data: bytes, form: str, captured: int) -> Message:
    """An encoded picture; ``form`` is ``jpeg`` or ``png``."""
    values = {"header": header(captured), "format": form, "data": data}
    return Message("image", IMAGE, values)


def of_result(
    result: Result,
    meaning: object,
    wall: Wall,
    *,
    head: Values | None = None,
    threshold: float = 0.25,
    wanted: Callable[[str], bool] = lambda topic: True,
) -> Iterator[Message]:
    """What was found, with a drawing of it, its latency and its epochs.

    Args:
        result: the result.
        meaning: what ``result.decode()`` returned; None = it was not decoded.
        wall: the time of day.
        head: header of the picture; None = one with the time of its capture.
        threshold: keypoints with a smaller score are not drawn.
        wanted: whether somebody wants a topic of the table above; the others are not made.
    """
    head = header(wall.at(result.captured)) if head is None else head
    task = result.network.card.task if result.network.card else ""
    if any(map(wanted, FOUND)):
        parts = {name: part for name, part in result.reduced.items() if isinstance(part, np.ndarray)}
        yield of_meaning(meaning, head, task=task, outputs={**result.outputs, **parts})
    size = result.placement.source_size if result.placement else None
    if size and wanted("annotations") and (drawing := annotate(meaning, size, head["stamp"], threshold=threshold)):
        yield _about("annotations", drawing)
    if wanted("latency"):
        yield _about("latency", {"header": head} | _latency(result, wall))
    if result.epochs and wanted("epochs"):
        yield _about("epochs", {"header": head} | _epochs(result.epochs))


def of_meaning(
    meaning: object, head: Values, *, task: str = "", outputs: Mapping[str, Array] = MappingProxyType({})
) -> Message:
    """What was found.

    Args:
        meaning: a decoded result; None = it was not decoded.
        head: header of the picture.
        task: of the network: says what an empty list is.
        outputs: raw outputs by name, for a result that was not decoded.
    """
    if meaning is None:
        return tensors(outputs, head)
    if isinstance(meaning, Classification):
        classes = [_hypothesis(label, probability) for label, probability in meaning.top(len(meaning.probabilities))]
        return _found("classes", {"header": head, "results": classes})
    if isinstance(meaning, Segmentation):
        mask = _encoded(meaning.in_picture(), "png")
        return _found("mask", {"header": head, "format": "png", "data": mask})
    items = listed(meaning)
    poses = [item for item in items if isinstance(item, Pose)]
    objects = [item for item in items if isinstance(item, Detection)]
    if len(poses) == len(items) and (items or "pose" in task):
        people = [_person(pose) for pose in poses]
        return _found("people", {"header": head, "people": people})
    if len(objects) == len(items):
        detections = [{"header": head, **_detection(item)} for item in objects]
        return _found("detections", {"header": head, "detections": detections})
    return _found("decoded", {"data": json.dumps(plain(meaning), ensure_ascii=False)})


def topics_of(card: Card | None) -> list[str]:
    """The topics of what is found by networks with this card; all of :data:`FOUND` if it depends on the decoder."""
    task = card.task if card else ""
    known = {
        "outputs": not card,
        "people": "pose" in task,
        "classes": "classification" in task,
        "mask": task == "segmentation",
    }
    known["detections"] = task in DETECTION
    return [topic for topic, true in known.items() if true] or list(FOUND)


def tensors(arrays: Mapping[str, Array], head: Values) -> Message:
    """Arrays by name."""
    values = [_tensor(name, array) for name, array in arrays.items()]
    return _found("outputs", {"header": head, "tensors": values})


def of_state(change: StateChange, clock: ClockMap | None, wall: Wall) -> Message:
    """A change of a device's state."""
    values = {
        "header": header(wall.at(change.time)),
        "state": change.state.value,
        "reason": change.reason,
        "away": change.away,
        "rebooted": change.rebooted,
        "changed": change.changed,
        "clock_error": clock.error + wall.error if clock else float("inf"),
        "clock_drift": clock.drift if clock else 0.0,
    }
    return Message("state", "n6link_msgs/msg/State", values)


def of_stats(stats: Stats, round_trip: float, at: int) -> Message:
    """A reading of a device's statistics; ``round_trip`` in seconds, NaN = unknown."""
    link = stats.link
    same = (
        "rx_bytes",
        "tx_bytes",
        "rx_frames",
        "tx_frames",
        "errors",
        "skipped",
        "resyncs",
        "retransmits",
        "duplicates",
    )
    values: Values = {name: getattr(link, name) for name in same} | {
        "header": header(at),
        "naks": link.naks_sent + link.naks_received,
        "queue": stats.queue,
        "round_trip": round_trip,
        "temperature": float("nan") if stats.temperature is None else stats.temperature,
    }
    return Message("link", "n6link_msgs/msg/Link", values)


def of_log(record: LogRecord, at: int) -> Message:
    """A log line of a device."""
    level = record.level if record.level in LEVELS else logging.INFO
    values = {"stamp": stamp(at), "level": level, "name": "n6link", "msg": record.text}
    return Message("log", "rcl_interfaces/msg/Log", values)


def _found(topic: str, values: Values) -> Message:
    return Message(topic, FOUND[topic], values)


def _about(topic: str, values: Values) -> Message:
    return Message(topic, ABOUT[topic], values)


def _latency(result: Result, wall: Wall) -> dict[str, object]:
    timing, frame = result.timing, result.frame
    return dict[str, object](timing.stages()) | {
        "total": timing.total,
        "error": timing.error,
        "age": frame.age if frame else timing.total,
        "sequence": frame.sequence if frame else 0,
        "replaced": len(frame.replaced) if frame else 0,
        "started": stamp(wall.at(timing.started.time)),
        "ended": stamp(wall.at(timing.ended.time)),
        "clock_error": timing.started.error + wall.error,
        "sent_bytes": result.sent_bytes,
        "encoding": result.encoding,
        "simulated": result.network.device.simulated,
    }


def _epochs(epochs: EpochTimers) -> dict[str, object]:
    rows = zip(epochs.table.blocks, epochs.start.tolist(), epochs.total.tolist(), strict=True)
    return {
        "source": epochs.source.name,
        "simulated": epochs.simulated,
        "offload_by_count": epochs.offload_by_count,
        "offload_by_time": epochs.offload_by_time,
        "blocks": [
            {"span": block.span, "kind": block.kind.name, "operation": block.operation, "start": start, "total": total}
            for block, start, total in rows
        ],
    }


def _person(pose: Pose) -> Values:
    rows = zip(pose.names, pose.keypoints.tolist(), pose.outside.tolist(), strict=True)
    return {
        "score": pose.score,
        "label": pose.label,
        "box": () if pose.box is None else pose.box.tolist(),
        "keypoints": [
            {"name": name, "x": x, "y": y, "score": score, "outside": outside} for name, (x, y, score), outside in rows
        ],
    }


def _detection(item: Detection) -> Mapping[str, object]:
    left, top, right, bottom = item.box.tolist()
    centre = {"position": {"x": (left + right) / 2, "y": (top + bottom) / 2}}
    return {
        "results": [{"hypothesis": _hypothesis(item.label, item.score)}],
        "bbox": {"center": centre, "size_x": right - left, "size_y": bottom - top},
    }


def _hypothesis(label: str, score: float) -> Values:
    return {"class_id": label, "score": score}


def _tensor(name: str, array: Array) -> Values:
    data = np.ascontiguousarray(array).tobytes()
    return {"name": name, "dtype": str(array.dtype), "shape": array.shape, "data": data}


def _encoded(pixels: Array, form: str, **options: int) -> bytes:
    with requires("encoding a picture", *PILLOW):
        from PIL import Image
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()
