"""Boxes with landmarks from detectors of the BlazeFace family (faces, palms, bodies): task ``landmark-boxes``.

The outputs are scores, [1, n, 1], before the sigmoid, and rows [1, n, 4 + 2K] of centre x and y, width, height and K landmarks, in
pixels of the input relative to the centre of an anchor; some networks have a pair for each grid, others have one pair for all grids.
The anchors of a grid are the centres of its cells, several in each cell, in row-major order. The card lists the grids as pairs of
cells per side and anchors per cell, largest grid first: ``decode.grids = [[16, 2], [8, 6]]``. Those of the published networks are
known by the input size and the number of anchors.

Repetitions are removed as in all detection decoders; MediaPipe instead averages them, so its boxes differ by a few pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from n6link.decoders import NetworkLike, ResultLike, card_of
from n6link.decoders.activations import sigmoid
from n6link.decoders.boxes import Candidates, Detection, Selection, corners, detections
from n6link.decoders.heads import Head, companion, rows_of
from n6link.decoders.picture import placement
from n6link.errors import CardError
from n6link.protocol.records import Return
from n6link.tensors.image import PictureInput
from n6link.tensors.tensor import TensorSpec

Number = TypeVar("Number", np.float32, np.integer)
Grids = tuple[tuple[int, int], ...]

KNOWN: Final[dict[tuple[int, int], Grids]] = {
    (128, 896): ((16, 2), (8, 6)),
    (192, 2016): ((24, 2), (12, 6)),
    (192, 2304): ((48, 1),),
    (224, 2254): ((28, 2), (14, 2), (7, 6)),
}
"""Grids by input width and number of anchors: MediaPipe's short-range faces, palms, full-range faces, and bodies."""


class LandmarkBoxes:
    """The decoder of ``landmark-boxes``, with options ``conf``, ``iou``, ``max_boxes``; decode() returns :class:`Detection` objects."""

    def check(self, network: NetworkLike) -> None:
        """Whether the outputs are pairs of scores and rows that fit the grids."""
        pairs, card = _pairs(network), card_of(network)
        width = PictureInput(card.main_input(network.inputs), card).size[0]
        _grids(network.name, width, sum(rows.shape[1] for _, rows in pairs), _listed(network))
        count, names = (pairs[0][1].shape[2] - 4) // 2, card.keypoints
        if names and len(names) != count:
            raise CardError(
                f"card {card.name!r} has {len(names)} keypoints, but the network has {count} landmarks; correct keypoints = [...]"
            )

    def returns(self, network: NetworkLike, **options: object) -> list[Return] | None:
        """The scores that are at least ``conf``, and their rows."""
        conf = _selection(network, options).conf
        names = list(network.outputs)
        requests: list[Return] = []
        for head, rows in _pairs(network):
            wanted = head.returns(conf)
            if wanted is None:
                return None
            requests += [*wanted, companion(names.index(rows.name), rows)]
        return requests

    def complete(self, result: ResultLike) -> bool:
        """Whether all rows that passed were returned."""
        return all(head.complete(result) for head, _ in _pairs(result.network))

    def decode(self, result: ResultLike, **options: object) -> list[Detection]:
        """The objects in the picture, best first, in source pixels.

        Raises:
            BadInput: an option is out of range.
            CardError: the outputs do not fit the grids.
        """
        network, card = result.network, card_of(result.network)
        selection = _selection(network, options)
        logits: list[NDArray[np.float32]] = []
        rows: list[NDArray[np.float32]] = []
        indices: list[NDArray[np.integer]] = []
        first = 0
        for head, spec in _pairs(network):
            passing = head.passing(result, selection.conf)
            if len(passing.indices):
                logits.append(head.real(passing.values)[:, 0])
                rows.append(rows_of(result, spec, passing))
                indices.append(passing.indices + first)
            first += spec.shape[1]
        if not rows:
            return []
        size = placement(result).input_size
        grids = _grids(network.name, size[0], first, _listed(network))
        scale, offsets = _offsets(grids, rows[0].shape[1], size, card.coordinates == "pixels")
        values = _joined(rows) / scale
        values += offsets.take(_joined(indices), axis=0)
        landmarks = values[:, 4:].reshape(len(values), values.shape[1] // 2 - 2, 2)
        scores = sigmoid(_joined(logits))
        return detections(
            result, Candidates(corners(values), scores, np.zeros(len(values), np.intp), landmarks), selection
        )


def _joined(parts: list[NDArray[Number]]) -> NDArray[Number]:
    """One array of arrays; many networks have only one."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _selection(network: NetworkLike, given: Mapping[str, object]) -> Selection:
    return Selection.of(card_of(network), given, "grids")


def _pairs(network: NetworkLike) -> list[tuple[Head, TensorSpec]]:
    """Scores and rows of each grid, largest grid first."""
    return _chosen(network.name, tuple(network.outputs.values()))


@lru_cache(maxsize=64)
def _chosen(network: str, outputs: tuple[TensorSpec, ...]) -> list[tuple[Head, TensorSpec]]:
    tables = [(index, spec) for index, spec in enumerate(outputs) if len(spec.shape) == 3 and spec.shape[0] == 1]
    scores = {spec.shape[1]: Head(index, spec, 1, 0, logits=True) for index, spec in tables if spec.shape[2] == 1}
    rows = {spec.shape[1]: spec for _, spec in tables if spec.shape[2] > 5 and spec.shape[2] % 2 == 0}
    if not rows or scores.keys() != rows.keys() or len({spec.shape[2] for spec in rows.values()}) != 1:
        shapes = ", ".join(f"{spec.name} {spec.shape}" for spec in outputs)
        raise CardError(
            f"the outputs of network {network!r} are not boxes with landmarks: it must have scores (1, n, 1) and rows "
            f"(1, n, 4 + 2K) for each grid, but has {shapes}"
        )
    return [(scores[count], rows[count]) for count in sorted(rows, reverse=True)]


@lru_cache(maxsize=64)
def _grids(network: str, width: int, anchors: int, listed: Grids | None) -> Grids:
    """The grids of an input of this width, which have so many anchors; the card's list comes first."""
    grids = listed or KNOWN.get((width, anchors))
    if grids is None or sum(cells * cells * each for cells, each in grids) != anchors:
        raise CardError(
            f"network {network!r} has {anchors} anchors, which {'are not those of ' + str(grids) if grids else 'are unknown'}; "
            "add decode.grids = [[CELLS, ANCHORS_PER_CELL], ...] to its card"
        )
    return grids


@lru_cache(maxsize=8)
def _offsets(
    grids: Grids, columns: int, size: tuple[int, int], pixels: bool
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """From the rows to the network's coordinates: the divisor of a row, and what is added for each anchor."""
    points = columns // 2
    centres: list[NDArray[np.float32]] = []
    for cells, each in grids:
        middle = (np.arange(cells, dtype=np.float32) + np.float32(0.5)) / np.float32(cells)
        y, x = np.meshgrid(middle, middle, indexing="ij")
        centres.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), each, axis=0))
    offsets = np.tile(np.concatenate(centres), points)
    offsets[:, 2:4] = 0  # width and height
    sides = np.tile(np.array(size, np.float32), points)
    return (np.ones_like(sides), offsets * sides) if pixels else (sides, offsets)


def _listed(network: NetworkLike) -> Grids | None:
    """The grids in the card."""
    card = card_of(network)
    listed = card.options.get("grids")
    if listed is None:
        return None
    grids: list[tuple[int, int]] = []
    for grid in listed if isinstance(listed, list) else [listed]:
        match grid:
            case [int(cells), int(each)] if cells > 0 and each > 0:
                grids.append((cells, each))
            case _:
                raise CardError(
                    f"card {card.name!r}: decode.grids contains {grid!r}; it must be a pair of cells per side and anchors per cell"
                )
    return tuple(grids)
