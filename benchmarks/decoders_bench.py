"""Durations of decoding and of preparing inputs: medians on this machine, one thread, with values of other libraries.

The medians of other libraries were measured once, on a 2-core machine with Python 3.11, on outputs of the same shape; they show
the order of magnitude. Outputs are synthetic, with the properties of real ones: ties in int8, and about ten candidates per person.

    python benchmarks/decoders_bench.py
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from n6link.decoders import logits as token_logits
from n6link.decoders import pose_heatmap, yolo_pose
from n6link.tensors import card, image
from n6link.tensors.tensor import TensorSpec

MOVENET_PEERS = "mmpose 79, Hugging Face 95"
YOLO_PEERS = "ultralytics 769, rtmlib 95, OpenCV (C++) 43"


def median_us(call: Callable[[], Any], runs: int = 2000) -> float:
    for _ in range(50):
        call()
    times = []
    for _ in range(runs):
        start = time.perf_counter_ns()
        call()
        times.append(time.perf_counter_ns() - start)
    return statistics.median(times) / 1000


def heatmaps() -> np.ndarray[Any, np.dtype[np.int8]]:
    rng = np.random.default_rng(1)
    return rng.integers(-128, 100, (48, 48, 13), np.int8)


def head(people: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """[56, 1344] with ten overlapping candidates per person."""
    rng = np.random.default_rng(2)
    raw = rng.uniform(0, 0.2, (56, 1344)).astype(np.float32)
    for person in range(people):
        anchors = rng.choice(1344, 10, replace=False)
        raw[:4, anchors] = np.array([[0.2 + 0.3 * person], [0.5], [0.2], [0.6]]) + rng.normal(0, 0.005, (4, 10))
        raw[4, anchors] = rng.uniform(0.3, 0.9, 10)
    return raw


def main() -> None:
    int8, one, three = heatmaps(), head(1), head(3)
    spec = TensorSpec("x", (1, 192, 192, 3), np.dtype("i1"), 110592, scale=0.0077028, zero_point=2)
    movenet = card.bundled("movenet13")
    frame = np.random.default_rng(3).integers(0, 256, (480, 640, 3), np.uint8)
    fitting = np.ascontiguousarray(frame[:192, :192])
    real = heatmaps().astype(np.float32)
    quantised = np.rint(three / 0.0067 - 111).astype(np.int8)
    logits = np.random.default_rng(4).integers(-128, 128, 5000, np.int8)
    random = np.random.default_rng(5)
    rows: list[tuple[str, Callable[[], Any], str]] = [
        ("heatmaps 48x48x13 int8", lambda: pose_heatmap.decode(int8, scale=1 / 256, zero_point=-128), MOVENET_PEERS),
        ("heatmaps 48x48x13 float32", lambda: pose_heatmap.decode(real), ""),
        ("YOLO [56,1344] float32, 1 person", lambda: yolo_pose.decode(one), YOLO_PEERS),
        ("YOLO [56,1344] float32, 3 people", lambda: yolo_pose.decode(three), ""),
        ("YOLO [56,1344] int8, 3 people", lambda: yolo_pose.decode(quantised, scale=0.0067, zero_point=-111), ""),
        ("next of 5000 int8 logits, greedy", lambda: token_logits.rank(logits, 1), ""),
        (
            "next of 5000 int8 logits, top 20",
            lambda: token_logits.pick(token_logits.rank(logits, 20), scale=0.1, temperature=0.8, random=random),
            "",
        ),
        ("picture 192x192 to int8", lambda: image.prepare(fitting, spec, movenet), ""),
        ("picture 640x480 to int8 192x192", lambda: image.prepare(frame, spec, movenet), ""),
    ]
    print(f"{'':36} {'median us':>10}   other libraries, median us")
    for name, call, peers in rows:
        print(f"{name:36} {median_us(call, 200 if 'picture' in name else 2000):10.1f}   {peers}")


if __name__ == "__main__":
    main()
