"""One person from heatmaps (MoveNet SinglePose, ST's single pose networks): task ``pose-heatmap``.

Each channel is a map of scores for one keypoint. The keypoint is the centre of the cell with the largest value. If several cells
have this value, the first in row-major order is used: in int8, a third of all channels have ties. The position is not refined
between cells. The network returns a position even if the picture does not contain a person: check the scores.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from n6link.decoders import NetworkLike, ResultLike, card_of, options_of, whole_output
from n6link.decoders.largest import columns
from n6link.decoders.picture import place_points, placement
from n6link.decoders.pose import Pose, skeleton
from n6link.errors import BadInput, CardError
from n6link.protocol.records import Return
from n6link.tensors import reduce
from n6link.tensors.image import PictureInput, Placement
from n6link.tensors.reduce import Peaks
from n6link.tensors.tensor import Array, TensorSpec, dequantize, is_array

SMALLEST: Final = 8
"""Cells on a side of a heatmap, at least: a smaller output is a table of something else."""


def decode(heatmap: object, *, scale: float | None = None, zero_point: int | None = None) -> NDArray[np.float32]:
    """The position and score of each channel's first maximum.

    Args:
        heatmap: (h, w, K) or (1, h, w, K); int8, uint8, int16 or float32. NaN is smaller than every number.
        scale: of the values; None = they are real.
        zero_point: of the values; None = 0.

    Returns:
        (K, 3) float32: x and y, 0..1 of the heatmap's size, as (cell + 0.5) / size; score, dequantised.

    Raises:
        BadInput: not an array, or not the shape or type of heatmaps.
    """
    if not is_array(heatmap) or heatmap.dtype not in reduce.REDUCIBLE:
        what = getattr(heatmap, "dtype", type(heatmap).__name__)
        raise BadInput(f"heatmaps must be an array of int8, uint8, int16 or float32; got {what}")
    shape = heatmap.shape[1:] if heatmap.ndim == 4 and heatmap.shape[0] == 1 else heatmap.shape
    if len(shape) != 3 or 0 in shape:
        raise BadInput(f"heatmaps must have the shape (h, w, K) or (1, h, w, K); got {heatmap.shape}")
    peaks = find_peaks(heatmap.reshape(shape))
    keypoints = np.empty((shape[2], 3), np.float32)
    keypoints[:, :2] = _centres(*shape[:2])[peaks.indices]
    keypoints[:, 2] = peaks.values if scale is None else dequantize(peaks.values, scale, zero_point or 0)
    return keypoints


def find_peaks(heatmap: Array) -> Peaks:
    """The first maximum of each channel of (h, w, K), as a device's ARGMAX finds it."""
    return Peaks(*columns(heatmap.reshape(-1, heatmap.shape[2])))


@lru_cache(maxsize=8)
def _centres(height: int, width: int) -> NDArray[np.float32]:
    """(cells, 2): x and y of their centres, 0..1, in row-major order."""
    y, x = np.meshgrid((np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width, indexing="ij")
    return np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32)


@lru_cache(maxsize=8)
def _places(height: int, width: int, where: Placement) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The same in pixels of the source picture, and (cells,) which of them are outside; a camera's pictures all have one size."""
    placed, _, outside = place_points(_centres(height, width), where.input_size, where)
    return np.ascontiguousarray(placed), outside


class PoseHeatmap:
    """The decoder of ``pose-heatmap``; decode() returns a list of one :class:`Pose`."""

    def check(self, network: NetworkLike) -> None:
        """Whether the output has the shape of heatmaps, with the card's keypoints."""
        spec, card = _heatmap(network), card_of(network)
        skeleton(card, spec.shape[-1])
        width, height = PictureInput(card.main_input(network.inputs), card).size
        rows, columns, _ = spec.shape[-3:]
        # A map has the proportions of the picture, within the rounding of its size.
        if min(rows, columns) < SMALLEST or abs(columns * height - rows * width) > max(width, height):
            raise CardError(
                f"output {spec.name!r} of shape {spec.shape} is not heatmaps of an input of {width} x {height} pixels: they "
                "must have the same proportions, and at least 8 cells on each side"
            )

    def returns(self, network: NetworkLike, **options: object) -> list[Return] | None:
        """The peak of each channel, if devices reduce the dtype."""
        options_of(card_of(network), options)
        spec = _heatmap(network)
        return [reduce.argmax(list(network.outputs).index(spec.name), spec)] if spec.dtype in reduce.REDUCIBLE else None

    def complete(self, result: ResultLike) -> bool:
        """Always: decode() uses only the peaks."""
        return True

    def decode(self, result: ResultLike, **options: object) -> list[Pose]:
        """The one person that the network finds, in source pixels; points may be outside of the picture."""
        network, card = result.network, card_of(result.network)
        options_of(card, options)
        spec = _heatmap(network)
        height, width, count = spec.shape[-3:]
        peaks = result.reduced.get(spec.name)
        if not (isinstance(peaks, Peaks) and len(peaks.indices) == count):
            peaks = find_peaks(whole_output(result, spec.name).reshape(height, width, count))
        where = placement(result)
        keypoints = np.empty((count, 3), np.float32)
        places, outside = _places(height, width, where)
        keypoints[:, :2] = places[peaks.indices]
        keypoints[:, 2] = scores = spec.dequantize(peaks.values)
        names, edges = skeleton(card, count)
        return [Pose(keypoints, names, edges, sum(scores.tolist()) / count, outside[peaks.indices])]


def _heatmap(network: NetworkLike) -> TensorSpec:
    """The output that contains the heatmaps."""
    spec = card_of(network).decoded_output(network.outputs)
    if len(spec.shape) not in (3, 4) or (len(spec.shape) == 4 and spec.shape[0] != 1):
        raise CardError(f"output {spec.name!r} has shape {spec.shape}; heatmaps must be (1, h, w, K)")
    return spec
