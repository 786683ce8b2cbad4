"""Decoders, against those of other libraries on the same outputs, and inputs, records of the protocol: in this process, one thread.

The floor of a decoder is the one numpy operation that every decoder needs at least; of an input, the copy of its bytes; of a record, ``struct`` for the same bytes.
Outputs are synthetic, with the properties of real ones: ties in int8, and ten candidates per person.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.measure import Bench, Measure, Sample
from n6link.decoders import logits as token_logits
from n6link.decoders import pose_heatmap, yolo_pose
from n6link.protocol import records
from n6link.tensors import card, image
from n6link.tensors.tensor import TensorSpec

CONF: Final = 0.25
SAME: Final = 0.45
"""overlap from which two boxes are of one person"""
PEERS: Final = all(importlib.util.find_spec(name) for name in ("rtmlib", "cv2"))


def timed(call: Callable[[], object], span: float) -> Measure:
    """A function of this process; each sample takes ``span`` seconds."""

    def measure() -> Sample:
        count, wall, cpu = 0, time.perf_counter(), time.process_time()
        # At least one round: the machine may stop this process for longer than `span` between two lines.
        while not count or time.perf_counter() - wall < span:
            for _ in range(10):
                call()
            count += 10
        return Sample((time.perf_counter() - wall) / count, (time.process_time() - cpu) / count)

    return measure


def head(people: int) -> NDArray[np.float32]:
    """[56, 1344] of a pose head, with ten overlapping candidates per person."""
    rng = np.random.default_rng(2)
    raw = rng.uniform(0, 0.2, (56, 1344)).astype(np.float32)
    for person in range(people):
        anchors = rng.choice(1344, 10, replace=False)
        raw[:4, anchors] = np.array([[0.2 + 0.3 * person], [0.5], [0.2], [0.6]]) + rng.normal(0, 0.005, (4, 10))
        raw[4, anchors] = rng.uniform(0.3, 0.9, 10)
    return raw


def heatmap_programs(maps: NDArray[np.int8]) -> dict[str, Callable[[], object]]:
    """Decoders of 13 heatmaps."""
    floats = maps.astype(np.float32) / 256
    programs: dict[str, Callable[[], object]] = {
        "floor": lambda: maps.reshape(-1, maps.shape[-1]).argmax(0),
        "n6link, int8": lambda: pose_heatmap.decode(maps, scale=1 / 256, zero_point=-128),
        "n6link, float32": lambda: pose_heatmap.decode(floats),
    }
    if PEERS:
        from rtmlib.tools.pose_estimation.vitpose import ViTPose

        batch, middle, size = np.ascontiguousarray(floats.transpose(2, 0, 1)[None]), np.full(2, 96.0), np.full(2, 192.0)
        programs["rtmlib, float32"] = lambda: ViTPose.postprocess(None, [batch], middle, size)
    return programs


def head_programs(raw: NDArray[np.float32]) -> dict[str, Callable[[], object]]:
    """Decoders of the people in a pose head. The libraries get what their functions want, so that only their own work is counted."""
    quantised = np.rint(raw / 0.0067 - 111).astype(np.int8)
    programs: dict[str, Callable[[], object]] = {
        "floor": lambda: np.flatnonzero(raw[4] > CONF),
        "n6link, float32": lambda: yolo_pose.decode(raw, conf=CONF),
        "n6link, int8": lambda: yolo_pose.decode(quantised, scale=0.0067, zero_point=-111, conf=CONF),
    }
    if PEERS:
        import cv2
        from rtmlib.tools.pose_estimation.rtmo import RTMO

        corners = np.concatenate([raw[:2] - raw[2:4] / 2, raw[:2] + raw[2:4] / 2, raw[4:5]]).T[None]
        points = np.ascontiguousarray(raw[5:].reshape(17, 3, -1).transpose(2, 0, 1))[None]

        def opencv() -> object:
            found = raw[:, raw[4] > CONF]
            boxes = np.concatenate([found[:2] - found[2:4] / 2, found[2:4]]).T
            kept = cv2.dnn.NMSBoxes(boxes.tolist(), found[4], CONF, SAME)
            return found[5:, kept].T.reshape(-1, 17, 3)

        programs["rtmlib, float32"] = lambda: RTMO.postprocess(None, [corners, points], nms_thr=SAME, score_thr=CONF)
        programs["OpenCV, float32"] = opencv
    return programs


def text_programs() -> dict[str, Callable[[], object]]:
    """The next token of 5,000 logits."""
    values, random = np.random.default_rng(4).integers(-128, 128, 5000, np.int8), np.random.default_rng(5)

    def pick() -> object:
        return token_logits.pick(token_logits.rank(values, 20), scale=0.1, temperature=0.8, random=random)

    return {"floor": values.argmax, "n6link, greedy": lambda: token_logits.rank(values, 1), "n6link, top 20": pick}


def picture_programs() -> dict[str, Callable[[], object]]:
    """A picture as an input of MoveNet."""
    spec = TensorSpec("x", (1, 192, 192, 3), np.dtype("i1"), 110592, scale=0.0077028, zero_point=2)
    frame, movenet = np.random.default_rng(3).integers(0, 256, (480, 640, 3), np.uint8), card.bundled("movenet13")
    fitting = np.ascontiguousarray(frame[:192, :192])
    return {
        "floor": fitting.tobytes,
        "n6link, 192x192": lambda: image.prepare(fitting, spec, movenet),
        "n6link, 640x480": lambda: image.prepare(frame, spec, movenet),
    }


def record_programs() -> dict[str, Callable[[], object]]:
    """A record of the protocol."""
    packed = records.Infer(key=1, upload=2, ttl_us=3, network=1, slot=1, priority=2, flags=3, returns=1).pack()
    flat = records.Infer.STRUCT.unpack(packed)
    make = records.Infer.unpack(packed)
    return {
        "floor": lambda: records.Infer.STRUCT.pack(*flat),
        "n6link, pack": make.pack,
        "n6link, unpack": lambda: records.Infer.unpack(packed),
    }


def run(bench: Bench) -> None:
    """All of them."""
    maps = np.random.default_rng(1).integers(-128, 100, (48, 48, 13), np.int8)
    works = {
        "heatmaps 48x48x13": heatmap_programs(maps),
        "pose head [56, 1344], 1 person": head_programs(head(1)),
        "pose head [56, 1344], 3 people": head_programs(head(3)),
        "next of 5,000 logits": text_programs(),
        "picture to int8 192x192x3": picture_programs(),
        "a record of 24 bytes": record_programs(),
    }
    for work, programs in works.items():
        bench.compare("decoding", work, {name: timed(call, bench.span / 2) for name, call in programs.items()})
