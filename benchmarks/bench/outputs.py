"""Raw outputs that decoders are measured with: of public networks, for one photograph, and made-up ones with the shapes of large networks.

The networks are not part of the project. Those whose files are in the folder that ``N6LINK_NETWORKS`` names are used; see ``PUBLIC``.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from n6link import decoders, networks
from n6link.tensors import card
from n6link.tensors.card import Card
from n6link.tensors.image import PictureInput, Placement
from n6link.tensors.reduce import Reduced
from n6link.tensors.tensor import TensorSpec

Raw = NDArray[Any]

PHOTOGRAPH: Final = Path(__file__).resolve().parents[2] / "tests/data/pictures/grace_hopper.jpg"
BUNDLED: Final = Path(networks.__file__).parent / "movenet13"
FOLDER: Final = "N6LINK_NETWORKS"
BYTES: Final = "input.mean = 127.5\ninput.std = 127.5\n"
X_GRIDS: Final = ((0.5, 0.5), (0.07, 0.25), (0.23, 0.7))
LC_GRID: Final = (
    (0.076023, 0.258508),
    (0.163031, 0.413531),
    (0.234769, 0.702585),
    (0.427054, 0.715892),
    (0.748154, 0.857092),
)
PUBLIC: Final = {
    "movenet_singlepose_192": 'task = "pose-heatmap"',
    "yolov8n_pose_256": 'task = "yolo-pose"',
    "yolov8n_192": 'task = "yolo"\nlabels = ["person"]',
    "st_yolo_x_nano_480_1.0_0.25_3_st_int8": f'task = "yolo-grid"\nlabels = ["person"]\nanchors = {[*map(list, X_GRIDS)]}',
    "yolo_lc_192": f'task = "yolo-grid"\nlabels = ["person"]\nanchors = {[*map(list, LC_GRID)]}',
    "ssd_mobilenet_v2_fpnlite_035_192_int8": 'task = "ssd"\nlabels = ["person"]',
    "face_detection_short_range": f'task = "landmark-boxes"\nlabels = ["face"]\n{BYTES}',
    "fomo_face_detection": 'task = "fomo"\nlabels = ["face"]',
    "selfie_segmentation": 'task = "segmentation"\ninput.mean = 0\ninput.std = 255',
}
"""Names of the files, without ``.tflite``, and cards. They are published by OpenMV (movenet_singlepose_192, yolov8n_192, yolo_lc_192, fomo_face_detection),
ST (st_yolo_x_nano_480, ssd_mobilenet_v2), MediaPipe's wheel (face_detection_short_range, selfie_segmentation) and ultralytics
(yolov8n_pose_256, an export of yolov8n-pose.pt)."""


@dataclass(frozen=True)
class Network:
    """What decoders read of a network."""

    name: str
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    card: Card
    card_problem: str = ""


@dataclass(frozen=True)
class Case:
    """A result, as a board delivers it."""

    network: Network
    outputs: Mapping[str, Raw]
    placement: Placement
    reduced: Mapping[str, Reduced] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Task and network."""
        shapes = ", ".join(f"{spec.dtype}{list(spec.shape[1:])}" for spec in self.network.outputs.values())
        return f"{self.network.card.task}, {self.network.name}, {shapes}"

    def decode(self) -> Any:
        """The answer of the network's decoder."""
        return decoders.for_network(self.network).decode(self)


def spec_of(name: str, array: Raw, scale: float | None = None, zero_point: int = 0) -> TensorSpec:
    return TensorSpec(name, array.shape, array.dtype, array.nbytes, scale=scale, zero_point=zero_point)


def quantised(real: Raw, scale: float, zero_point: int) -> Raw:
    steps: Raw = np.clip(np.rint(real / scale) + zero_point, -128, 127).astype(np.int8)
    return steps


def made_up(
    name: str, toml: str, outputs: Mapping[str, Raw], side: int, scale: float | None = None, zero_point: int = 0
) -> Case:
    """A result with outputs of these values, for a picture of 640 x 480 pixels in a letterbox."""
    ratio = side / 640
    where = Placement((640, 480), (side, side), (ratio, ratio), (0.0, 80 * ratio))
    picture = TensorSpec("picture", (1, side, side, 3), np.dtype("u1"), 3 * side * side)
    specs = {key: spec_of(key, array, scale, zero_point) for key, array in outputs.items()}
    known = Network(name, {"picture": picture}, specs, card.load(toml, base=None, name="bench"))
    decoders.check(known)
    return Case(known, outputs, where)


def head(count: int, classes: int, people: int, candidates: int, points: int = 0) -> NDArray[np.float32]:
    """[4 + C + 3K, N] of a YOLO head: objects with some overlapping candidates each, in a quarter of the classes."""
    rng = np.random.default_rng(2)
    raw = rng.uniform(0, 0.05, (4 + classes + 3 * points, count)).astype(np.float32)
    raw[:4] = rng.uniform(0.1, 0.4, (4, count))
    for number in range(people):
        anchors = rng.choice(count, candidates, replace=False)
        box = rng.uniform((0.2, 0.3, 0.1, 0.1), (0.8, 0.7, 0.3, 0.3))
        raw[:4, anchors] = box[:, None] + rng.normal(0, 0.004, (4, candidates))
        raw[4 + (number * 4) % classes, anchors] = rng.uniform(0.3, 0.9, candidates)
        raw[4 + classes :, anchors] = rng.uniform(0.2, 0.8, (3 * points, candidates))
    return raw


def invented() -> Iterator[Case]:
    """Made-up results with the shapes of larger networks, float32 and int8."""
    eighty = head(2100, 80, 12, 6)
    labels = f"labels = {[f'class {number}' for number in range(80)]}"
    for raw in (eighty, np.ascontiguousarray(eighty.T)):
        toml = f'task = "yolo"\ndecode.head = "yolov8"\n{labels}'
        yield made_up("made-up", toml, {"raw": raw[None]}, 320)
        yield made_up("made-up", toml, {"raw": quantised(raw[None], 1 / 250, -120)}, 320, 1 / 250, -120)
    three = head(1344, 1, 3, 10, 17)[None]
    yield made_up("made-up, 3 people", 'task = "yolo-pose"', {"raw": three}, 256)
    yield made_up("made-up, 3 people", 'task = "yolo-pose"', {"raw": quantised(three, 0.0067, -111)}, 256, 0.0067, -111)
    coarse = np.random.default_rng(3).random((16, 16, 21))
    between = np.array([np.interp(np.linspace(0, 15, 256), np.arange(16), row) for row in np.eye(16)])
    smooth = np.einsum("ay,bx,abc->yxc", between, between, coarse).astype(np.float32)
    for values in (smooth[None], np.ascontiguousarray(smooth.transpose(2, 0, 1)[None])):
        yield made_up("made-up", 'task = "segmentation"\nclasses = 21', {"map": values}, 256)
        yield made_up(
            "made-up", 'task = "segmentation"\nclasses = 21', {"map": quantised(values, 0.01, -100)}, 256, 0.01, -100
        )


def public() -> Iterator[Case]:
    """Results of the bundled network, and of those whose files are there; nothing without LiteRT."""
    if not importlib.util.find_spec("ai_edge_litert"):
        return
    yield _run(
        BUNDLED / "movenet13_192_int8.tflite", "movenet13", (BUNDLED / "movenet13.toml").read_text(encoding="utf-8")
    )
    folder = os.environ.get(FOLDER)
    for name, toml in PUBLIC.items():
        path = Path(folder or "/", f"{name}.tflite")
        if folder and path.is_file():
            yield _run(path, name, toml)


def _run(path: Path, name: str, toml: str) -> Case:
    """The outputs of a network for the photograph, as LiteRT computes them."""
    from ai_edge_litert.interpreter import Interpreter

    engine = Interpreter(str(path))
    engine.allocate_tensors()
    inputs, tensors = (
        {spec.name: spec for spec in map(_spec, details)}
        for details in (engine.get_input_details(), engine.get_output_details())
    )
    known = Network(name, inputs, tensors, card.load(toml, base=None, name="bench"))
    decoders.check(known)
    raw, where = PictureInput(next(iter(inputs.values())), known.card).prepare(PHOTOGRAPH)
    engine.set_tensor(engine.get_input_details()[0]["index"], raw)
    engine.invoke()
    outputs = {each["name"]: engine.get_tensor(each["index"]) for each in engine.get_output_details()}
    return Case(known, outputs, where)


def _spec(details: Mapping[str, Any]) -> TensorSpec:
    shape, dtype = tuple(map(int, details["shape"])), np.dtype(details["dtype"])
    scale, zero_point = details["quantization"]
    size = int(np.prod(shape)) * dtype.itemsize
    return TensorSpec(details["name"], shape, dtype, size, scale=scale or None, zero_point=zero_point)


def real(case: Case, name: str) -> NDArray[np.float32]:
    """An output in real numbers: what other libraries start with."""
    spec, raw = case.network.outputs[name], case.outputs[name]
    if spec.scale is None:
        return raw
    return (raw.astype(np.float32) - np.float32(spec.zero_point)) * np.float32(spec.scale)
