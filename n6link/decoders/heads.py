"""Heads: outputs that contain one candidate per anchor, with a score in one channel or one score per class.

A head is channel-major, [channels, N], or row-major, [N, channels]. Scores are compared as raw values, so that only the candidates
that pass are dequantised. A device's THRESHOLD reduction does the same comparison, and then sends only these candidates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from n6link.decoders import ResultLike, whole_output
from n6link.decoders.activations import logit
from n6link.errors import BadInput
from n6link.protocol.records import Return
from n6link.tensors import reduce
from n6link.tensors.reduce import Rows
from n6link.tensors.tensor import Array, TensorSpec, dequantize


@dataclass(frozen=True, slots=True)
class Head:
    """One output of candidates."""

    index: int
    """number of the output"""
    spec: TensorSpec
    """its tensor; the last two axes of the shape are those of the candidates"""
    axis: int
    """of the last two axes, the one with the channels: 0 or 1"""
    score: int
    """channel of the first score"""
    scores: int = 1
    """number of scores; the largest one is compared with ``conf``"""
    logits: bool = False
    """whether the scores are before their sigmoid"""

    @property
    def channels(self) -> int:
        """Values of a candidate."""
        return self.spec.shape[self.axis - 2]

    def returns(self, conf: float) -> list[Return] | None:
        """The candidates that pass, at most as many as fit in the bytes of the whole output; None = devices cannot select them."""
        spec = self.spec
        if self.scores > 1 or spec.dtype not in reduce.REDUCIBLE or (spec.dtype.kind != "f" and spec.scale is None):
            return None
        return [
            reduce.above(
                self.index, spec, self._lowest(conf), channels=self.channels, channel=self.score, columns=self.axis == 0
            )
        ]

    def complete(self, result: ResultLike) -> bool:
        """Whether all candidates that passed were returned."""
        rows = result.reduced.get(self.spec.name)
        return not isinstance(rows, Rows) or rows.complete

    def passing(self, result: ResultLike, conf: float) -> tuple[Array, NDArray[np.integer]]:
        """The candidates whose score is at least ``conf``.

        Returns:
            (n, channels) raw values, real ones if the output has a scale per channel; and their anchors, increasing.

        Raises:
            BadInput: a reduced result is not complete or was reduced with a higher ``conf``.
        """
        spec, rows = self.spec, result.reduced.get(self.spec.name)
        if isinstance(rows, Rows) and rows.values.shape[1] == self.channels:
            return self._narrowed(rows, conf)
        matrix = whole_output(result, spec.name)
        if spec.scales is not None:
            matrix = result.network.outputs[spec.name].dequantize(matrix)
        matrix = matrix.reshape(spec.shape[-2:])
        return select(
            matrix if self.axis == 0 else matrix.T,
            self._lowest(conf),
            spec.scale,
            spec.zero_point,
            self.score,
            self.scores,
        )

    def _lowest(self, conf: float) -> float:
        """The real value in the output that corresponds to ``conf``."""
        return logit(conf) if self.logits else conf

    def real(self, values: Array) -> NDArray[np.float32]:
        """Real numbers of values that :meth:`passing` returned."""
        if self.spec.scale is None:
            return values.astype(np.float32, copy=False)
        return dequantize(values, self.spec.scale, self.spec.zero_point)

    def _narrowed(self, rows: Rows, conf: float) -> tuple[Array, NDArray[np.integer]]:
        """The same for a reduced output, whose request may have had a lower threshold."""
        spec = self.spec
        if not rows.complete:
            raise BadInput(
                f"{rows.count} candidates passed, but the device returned only {len(rows.indices)}; run with reduce=False"
            )
        lowest = reduce.lowest_raw(self._lowest(conf), spec.dtype, spec.scale, spec.zero_point)
        if lowest < rows.threshold:
            raise BadInput(f"conf={conf} is lower than in the request to the device; run with reduce=False")
        passing = rows.values[:, self.score] >= lowest
        return rows.values[passing], rows.indices[passing]


def select(
    by_channel: Array, conf: float, scale: float | None, zero_point: int, score: int, scores: int = 1
) -> tuple[Array, NDArray[np.intp]]:
    """Candidates whose largest score is at least ``conf``.

    Args:
        by_channel: [channels, N] raw values, or real ones.
        conf: lowest score, a real value.
        scale: of raw values; None = they are real.
        zero_point: of raw values.
        score: channel of the first score.
        scores: number of scores.

    Returns:
        (n, channels) values, and their anchors, increasing.
    """
    best = by_channel[score] if scores == 1 else by_channel[score : score + scores].max(axis=0)
    indices = np.flatnonzero(best >= reduce.lowest_raw(conf, by_channel.dtype, scale, zero_point))
    return by_channel[:, indices].T, indices
