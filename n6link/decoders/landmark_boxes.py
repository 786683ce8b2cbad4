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
from typing import Final

import numpy as np
from numpy.typing import NDArray

from n6link.decoders import NetworkLike, ResultLike, card_of
from n6link.decoders.activations import sigmoid
from n6link.decoders.boxes import Candidates, Detection, Selection, corners, detections
from n6link.decoders.heads import Head, companion, rows_of
from n6link.errors import CardError
from n6link.protocol.records import Return
from n6link.tensors.image import PictureInput
from n6link.tensors.tensor import TensorSpec

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
        pairs = _pairs(network)
        _anchors(network, sum(rows.shape[1] for _, rows in pairs))
        count, names = (pairs[0][1].shape[2] - 4) // 2, card_of(network).keypoints
        if names and len(names) != count:
            raise CardError(
                f"card {card_of(network).name!r} has {len(names)} keypoints, but the network has {count} landmarks"
            )

    def returns(self, network: NetworkLike, **options: object) -> list[Return] | None:
        """The scores that are at least ``conf``, and their rows."""
        conf = _selection(network, options).conf
        names = list(network.outputs)
        requests: list[Return] = []
        for scores, rows in _pairs(network):
            wanted = _head(network, scores).returns(conf)
            if wanted is None:
                return None
            requests += [*wanted, companion(names.index(rows.name), rows)]
        return requests

    def complete(self, result: ResultLike) -> bool:
        """Whether all rows that passed were returned."""
        return all(_head(result.network, scores).complete(result) for scores, _ in _pairs(result.network))

    def decode(self, result: ResultLike, **options: object) -> list[Detection]:
        """The objects in the picture, best first, in source pixels.

        Raises:
            BadInput: an option is out of range.
            CardError: the outputs do not fit the grids.
        """
        network, card = result.network, card_of(result.network)
        selection = _selection(network, options)
        pairs = _pairs(network)
        heads = [_head(network, scores) for scores, _ in pairs]
        found = [head.passing(result, selection.conf) for head in heads]
        logits = np.concatenate([head.real(part.values)[:, 0] for head, part in zip(heads, found, strict=True)])
        rows = np.concatenate([rows_of(result, spec, part) for (_, spec), part in zip(pairs, found, strict=True)])
        counts = np.cumsum([0, *(spec.shape[1] for _, spec in pairs)])
        passing = np.concatenate([part.indices + first for part, first in zip(found, counts[:-1], strict=True)])
        size = np.asarray(PictureInput(card.main_input(network.inputs), card).size, np.float32)
        values = np.divide(rows.reshape(len(rows), rows.shape[1] // 2, 2), size, dtype=np.float32)
        values[:, 0] += (anchors := _anchors(network, int(counts[-1]))[passing])
        values[:, 2:] += anchors[:, None]
        if card.coordinates == "pixels":
            values *= size
        boxes = corners(values[:, :2].reshape(-1, 4))
        candidates = Candidates(boxes, sigmoid(logits), np.zeros(len(rows), np.intp), values[:, 2:])
        return detections(result, candidates, selection)


def _selection(network: NetworkLike, given: Mapping[str, object]) -> Selection:
    return Selection.of(card_of(network), given, "grids")


def _head(network: NetworkLike, scores: TensorSpec) -> Head:
    return Head(list(network.outputs).index(scores.name), scores, 1, 0, logits=True)


def _pairs(network: NetworkLike) -> list[tuple[TensorSpec, TensorSpec]]:
    """Scores and rows of each grid, largest grid first."""
    tables = [spec for spec in network.outputs.values() if len(spec.shape) == 3 and spec.shape[0] == 1]
    scores = {spec.shape[1]: spec for spec in tables if spec.shape[2] == 1}
    rows = {spec.shape[1]: spec for spec in tables if spec.shape[2] > 5 and spec.shape[2] % 2 == 0}
    if not rows or scores.keys() != rows.keys() or len({spec.shape[2] for spec in rows.values()}) != 1:
        shapes = ", ".join(f"{name} {spec.shape}" for name, spec in network.outputs.items())
        raise CardError(
            f"the outputs of network {network.name!r} are not boxes with landmarks: it must have scores (1, n, 1) and rows "
            f"(1, n, 4 + 2K) for each grid, but has {shapes}"
        )
    return [(scores[count], rows[count]) for count in sorted(rows, reverse=True)]


def _anchors(network: NetworkLike, count: int) -> NDArray[np.float32]:
    """(count, 2): centres of the anchors, 0..1."""
    card = card_of(network)
    width = PictureInput(card.main_input(network.inputs), card).size[0]
    grids = _listed(network) or KNOWN.get((width, count))
    if grids is None or sum(cells * cells * each for cells, each in grids) != count:
        raise CardError(
            f"network {network.name!r} has {count} anchors, which {'are not those of ' + str(grids) if grids else 'are unknown'}; "
            "add decode.grids = [[CELLS, ANCHORS_PER_CELL], ...] to its card"
        )
    return _centres(grids)


@lru_cache(maxsize=8)
def _centres(grids: Grids) -> NDArray[np.float32]:
    """The centres of the cells of these grids; computed once."""
    centres: list[NDArray[np.float32]] = []
    for cells, each in grids:
        middle = (np.arange(cells, dtype=np.float32) + np.float32(0.5)) / np.float32(cells)
        y, x = np.meshgrid(middle, middle, indexing="ij")
        centres.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), each, axis=0))
    return np.concatenate(centres)


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
