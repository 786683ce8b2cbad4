"""What the tensors of a network look like: tasks whose decoders accept their shapes, for cards that are missing or do not fit.

A shape alone does not say what numbers mean. A proposal is therefore only shown to a person, with its reason; it is never used to
decode.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from n6link.decoders.described import NetworkLike
from n6link.errors import CardError
from n6link.tensors.image import PictureInput
from n6link.tensors.tensor import TensorSpec

STRIDES: Final = (8, 16, 32)
"""Sizes of a cell of the three grids of the YOLO families, in pixels of the input."""
LANDMARK_ROWS: Final = 6
VOCABULARY: Final = 1000
"""Rows of at least this many values are logits of tokens, if the network does not see pictures: it hears fewer classes."""
MOST_OBJECTS: Final = 12
"""values per cell of a FOMO network, with the background, up to which it is proposed"""
GRID: Final = "yolo-grid"
"""The task whose decoder uses all outputs, although one of them is enough to propose it."""
FACE: Final = ("right_eye", "left_eye", "nose", "mouth", "right_ear", "left_ear")
"""The landmarks of BlazeFace, in its order; sides are those of the person."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A task that fits the shapes."""

    task: str
    why: str
    """what the tensors look like"""
    sure: bool
    """whether hardly anything else has such shapes"""
    keys: tuple[str, ...] = ()
    """further lines of the card, TOML"""


def proposals(network: NetworkLike) -> list[Proposal]:
    """Tasks that fit the shapes of a network, best first; empty if none does."""
    found = list(_of_all(network))
    for at, spec in enumerate(network.outputs.values()):
        named = (f"output.name = {json.dumps(spec.name)}",) if at else ()
        of_output = _of_output(network, spec)
        found += [one if one.task == GRID else replace(one, keys=named + one.keys) for one in of_output]
    unique = {one.task: one for one in reversed(found)}
    return sorted(unique.values(), key=lambda one: not one.sure)


def looks_like(network: NetworkLike) -> str:
    """The best proposal as a sentence; empty if there is none."""
    found = proposals(network)
    return f'{found[0].why}: task = "{found[0].task}"' if found else ""


def cells(size: tuple[int, int]) -> int:
    """Number of cells of the three grids of the YOLO families, for an input of this width and height."""
    return sum((size[0] // stride) * (size[1] // stride) for stride in STRIDES)


def picture_size(network: NetworkLike) -> tuple[int, int] | None:
    """Width and height of the first input that can be a picture."""
    for spec in network.inputs.values():
        try:
            return PictureInput(spec).size
        except CardError:
            continue
    return None


def _of_all(network: NetworkLike) -> Iterator[Proposal]:
    """Tasks whose decoders use several outputs."""
    size, specs = picture_size(network), list(network.outputs.values())
    tables = [spec for spec in specs if len(spec.shape) == 3 and spec.shape[0] == 1]
    scores = {spec.shape[1] for spec in tables if spec.shape[2] == 1 and spec.shape[1] > 1}
    rows = {spec.shape[1] for spec in tables if spec.shape[2] > LANDMARK_ROWS and spec.shape[2] % 2 == 0}
    if scores and scores == rows:
        faces = any(spec.shape[2] == 4 + 2 * len(FACE) for spec in tables)
        keys = ('labels = ["face"]', f"keypoints = {list(FACE)} # of BlazeFace") if faces else ()
        yield Proposal("landmark-boxes", "scores and boxes with landmarks per anchor", True, keys)
    together = len(tables) == len(specs) in (2, 3) and len({spec.shape[1] for spec in tables}) == 1
    if together and {spec.shape[2] == 4 for spec in tables} == {True, False}:
        yield Proposal("ssd", "scores and boxes per anchor", True, ('# decode.coding = "centres"',))
    if len(specs) == 4 and specs[0].shape[:1] == (1,) and specs[0].row_length == 4 and specs[1].shape == specs[2].shape:
        yield Proposal("ssd", "boxes, classes, scores and their number", True)
    grids = [spec.shape for spec in specs if len(spec.shape) == 4]
    expected = {(size[1] // stride, size[0] // stride) for stride in STRIDES} if size else set[tuple[int, int]]()
    if len(grids) == len(specs) == len(expected) and {shape[1:3] for shape in grids} == expected:
        anchors = ("anchors = [[0.5, 0.5], [0.07, 0.25], [0.23, 0.7]] # of ST's YOLO-X for people",)
        yield Proposal(GRID, "three grids of anchor boxes", True, anchors)


def _of_output(network: NetworkLike, spec: TensorSpec) -> Iterator[Proposal]:
    """Tasks whose decoders use one output."""
    size = picture_size(network)
    shape = spec.shape[1:] if spec.shape[:1] == (1,) else spec.shape
    shown = f"output {spec.name!r} of shape {list(spec.shape)} looks like"
    flat = tuple(length for length in shape if length != 1)
    if size and len(flat) == 2 and flat[1] == 3 and flat[0] in (13, 17):
        yield Proposal("pose-points", f"{shown} a table of {flat[0]} points", True)
    elif size and len(shape) == 2:
        yield from _of_head(spec, size, shown)
    elif size and len(shape) == 3:
        yield from _of_map(spec, size, shown)
    elif not size and flat and shape[-1] >= VOCABULARY:
        keys = (
            '# text.tokenizer = "tokenizer.json"  # of Hugging Face\'s tokenizers',
            '# text.embedding = "embedding.npy"  # if the network reads embedded tokens',
        )
        yield Proposal("text-generation", f"{shown} one logit per token", False, keys)
    elif len(flat) == 1 and flat[0] > 1:
        if size and flat[0] % 3 == 0 and flat[0] // 3 in (21, 468, 478):
            keys = ('decode.order = "xyz"', 'output.coordinates = "pixels"')
            yield Proposal("pose-points", f"{shown} {flat[0] // 3} points x, y, z", True, keys)
        elif size:
            yield Proposal("image-classification", f"{shown} one value per class", False)
        else:
            task = "text-classification" if _tokens(network) else "audio-classification"
            yield Proposal(task, f"{shown} one value per class", False)


def _of_head(spec: TensorSpec, size: tuple[int, int], shown: str) -> Iterator[Proposal]:
    first, second = spec.shape[-2:]
    channels, count = min(first, second), max(first, second)
    usual = cells(size)
    if (first, second) in ((100, 6), (300, 6)):
        yield Proposal("yolo", f"{shown} {first} boxes without repetitions", True)
    elif second > 6 and (second - 6) % 3 == 0 and first in (100, 300):
        yield Proposal("yolo-pose", f"{shown} {first} people without repetitions", True)
    elif count == usual and channels > 5 and (channels - 5) % 3 == 0:
        yield Proposal("yolo-pose", f"{shown} a pose head with {(channels - 5) // 3} keypoints", channels == 56)
        yield Proposal("yolo", f"{shown} a YOLO head of {channels - 4} classes", False)
    elif count == usual and channels > 4:
        yield Proposal("yolo", f"{shown} a YOLO head of {channels - 4} classes", True)
    elif count == 3 * usual and channels > 5:
        yield Proposal("yolo", f"{shown} a YOLOv5 head of {channels - 5} classes", True)


def _of_map(spec: TensorSpec, size: tuple[int, int], shown: str) -> Iterator[Proposal]:
    height, width, channels = spec.shape[-3:]
    if channels in (13, 17) and (width * 4, height * 4) == size:
        yield Proposal("pose-heatmap", f"{shown} heatmaps of {channels} keypoints", True)
    elif width == size[0] // 32 and channels % 5 == 0 and channels >= 30:
        yield Proposal(GRID, f"{shown} a grid of anchor boxes", False, ("anchors = [[WIDTH, HEIGHT]]",))
    elif (width * 8, height * 8) == size and 2 <= channels <= MOST_OBJECTS:
        yield Proposal("fomo", f"{shown} a class for each cell of 8 pixels", False)
    elif (width, height) == size or (width * 2, height * 2) == size or (width * 4, height * 4) == size:
        yield Proposal("segmentation", f"{shown} a class for each pixel", (width, height) == size)


def _tokens(network: NetworkLike) -> bool:
    """Whether an input can be the numbers of tokens."""
    return any(spec.dtype.kind in "iu" and spec.dtype.itemsize >= 4 for spec in network.inputs.values())
