"""One person, face or hand from coordinates: task ``pose-points`` (MoveNet with its own decoding, meshes of faces and hands).

The output is a table of points, [1, 1, K, 3], [1, K, 3] or [1, K, 2], or the same values in one row, [1, 3K]. The option ``order``
of the card says what the values of a point are: ``yxs`` (y, x, score; MoveNet), ``xys``, ``xyz`` (the depth is not used) or ``xy``.
Coordinates are 0..1 of the input or pixels (``output.coordinates``). Points without a score have the score 1.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from n6link.decoders import NetworkLike, ResultLike, Unreduced, card_of, whole_output
from n6link.decoders.picture import place_points, placement, unit
from n6link.decoders.pose import Pose, skeleton
from n6link.errors import CardError
from n6link.tensors.card import Card
from n6link.tensors.tensor import TensorSpec

ORDERS: Final = ("yxs", "xys", "xyz", "xy")


class PosePoints(Unreduced):
    """The decoder of ``pose-points``; decode() returns a list of one :class:`Pose`."""

    known = ("order",)

    def check(self, network: NetworkLike) -> None:
        """Whether the output is a table of points, with the card's keypoints."""
        card = card_of(network)
        count = _points(card, network)[2]
        skeleton(card, count)

    def decode(self, result: ResultLike, **options: object) -> list[Pose]:
        """The one person that the network finds, in source pixels; points may be outside of the picture."""
        network, card = result.network, card_of(result.network)
        self.options(card, options)
        spec, order, count = _points(card, network)
        values = spec.dequantize(whole_output(result, spec.name)).reshape(count, len(order))
        where = placement(result)
        keypoints = np.ones((count, 3), np.float32)
        points = values[:, [order.index("x"), order.index("y")]]
        keypoints[:, :2], _, away = place_points(points, unit(card, where), where)
        if "s" in order:
            keypoints[:, 2] = values[:, order.index("s")]
        names, edges = skeleton(card, count)
        return [Pose(keypoints, names, edges, float(keypoints[:, 2].mean()), away)]


def _points(card: Card, network: NetworkLike) -> tuple[TensorSpec, str, int]:
    """The output, the order of a point's values, and the number of points."""
    spec = card.decoded_output(network.outputs)
    order = card.options.get("order")
    if order is not None and order not in ORDERS:
        raise CardError(f"card {card.name!r}: decode.order is {order!r}; choose {', '.join(ORDERS)}")
    order = str(order or ("xy" if spec.row_length == 2 else "yxs"))
    values = int(np.prod(spec.shape))
    known = len(card.keypoints)
    if (
        (spec.row_length != len(order) and spec.row_length != values)
        or values % len(order)
        or (known and values != known * len(order))
        or max(spec.shape[:-2], default=1) != 1
    ):
        raise CardError(
            f"output {spec.name!r} of shape {spec.shape} is not a table of {known or 'K'} points with {len(order)} values "
            f"({order}); set decode.order and keypoints in card {card.name!r}"
        )
    return spec, order, values // len(order)
