"""Heads: outputs that contain one candidate per anchor, with a score in one channel or one score per class.

A head is channel-major, [channels, N], or row-major, [N, channels]. Scores are compared as raw values, so that only the candidates
that pass are dequantised; of several scores a candidate keeps the best one. A device's reductions THRESHOLD and DETECTIONS do the same,
and then send only these candidates, and SAME_ROWS sends what another output has for the same anchors.
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
from n6link.tensors.tensor import Array, TensorSpec, dequantize, is_array


@dataclass(frozen=True, slots=True, eq=False)
class Passing:
    """The candidates whose score is at least a threshold."""

    values: Array
    """(n, channels - scores + 1): raw values, or real ones; instead of several scores only the best one"""
    indices: NDArray[np.integer]
    """(n,) their anchors, increasing"""
    best: NDArray[np.integer] | None = None
    """(n,) number of the best score, the lowest of equal ones; None = there is one score"""
    rows: NDArray[np.integer] | None = None
    """(n,) which of the rows that a device has selected they are; None = the output is whole"""

    @property
    def classes(self) -> NDArray[np.intp]:
        """(n,) numbers of the classes."""
        if self.best is None:
            return np.zeros(len(self.values), np.intp)
        return self.best.astype(np.intp, copy=False)


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
        spec, columns = self.spec, self.axis == 0
        if spec.dtype not in reduce.REDUCIBLE or (spec.dtype.kind != "f" and spec.scale is None):
            return None
        lowest, channels = self._lowest(conf), self.channels
        if self.scores == 1:
            return [reduce.above(self.index, spec, lowest, channels=channels, channel=self.score, columns=columns)]
        return [
            reduce.detections(
                self.index,
                spec,
                lowest,
                channels=channels,
                channel=self.score,
                scores=self.scores,
                columns=columns,
            )
        ]

    def complete(self, result: ResultLike) -> bool:
        """Whether all candidates that passed were returned."""
        rows = result.reduced.get(self.spec.name)
        return not isinstance(rows, Rows) or rows.complete

    def passing(self, result: ResultLike, conf: float) -> Passing:
        """The candidates whose score is at least ``conf``; real values if the output has a scale per channel.

        Raises:
            BadInput: a reduced result is not complete or was reduced with a higher ``conf``.
        """
        spec, rows = self.spec, result.reduced.get(self.spec.name)
        if isinstance(rows, Rows) and self._fits(rows):
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

    def _fits(self, rows: Rows) -> bool:
        """Whether these are the rows that :meth:`returns` requests."""
        one = self.scores == 1
        return rows.values.shape[1] == self.channels - self.scores + 1 and (rows.best is None) == one

    def _lowest(self, conf: float) -> float:
        """The real value in the output that corresponds to ``conf``."""
        return logit(conf) if self.logits else conf

    def real(self, values: Array) -> NDArray[np.float32]:
        """Real numbers of values that :meth:`passing` returned."""
        if self.spec.scale is None:
            return values.astype(np.float32, copy=False)
        return dequantize(values, self.spec.scale, self.spec.zero_point)

    def _narrowed(self, rows: Rows, conf: float) -> Passing:
        """The same for a reduced output, whose request may have had a lower threshold."""
        spec = self.spec
        if not rows.complete:
            raise BadInput(
                f"{rows.count} candidates passed, but the device returned only {len(rows.indices)}; run with reduce=False"
            )
        lowest = reduce.lowest_raw(self._lowest(conf), spec.dtype, spec.scale, spec.zero_point)
        if lowest < rows.threshold:
            raise BadInput(
                f"conf={conf} is lower than in the request to the device; run with options={{'conf': {conf}}}, or with reduce=False"
            )
        passing = np.flatnonzero(rows.values[:, self.score] >= lowest)
        best = None if rows.best is None else rows.best[passing]
        return Passing(rows.values[passing], rows.indices[passing], best, passing)


def select(
    by_channel: Array, conf: float, scale: float | None, zero_point: int, score: int, scores: int = 1
) -> Passing:
    """Candidates whose largest score is at least ``conf``.

    Args:
        by_channel: [channels, N] raw values, or real ones.
        conf: lowest score, a real value.
        scale: of raw values; None = they are real.
        zero_point: of raw values.
        score: channel of the first score.
        scores: number of scores.
    """
    lowest = reduce.lowest_raw(conf, by_channel.dtype, scale, zero_point)
    if scores == 1:
        indices = (by_channel[score] >= lowest).nonzero()[0]
        return Passing(by_channel[:, indices].T, indices)
    end = score + scores
    block = by_channel[score:end]
    # A NaN is smaller than every number.
    if block.strides[0] < block.strides[1]:
        indices = _passing_rows(by_channel.T, lowest, score, end)
        of_classes = block[:, indices]
        largest = np.fmax.reduce(of_classes, axis=0)
    else:
        every = np.fmax.reduce(block, axis=0)
        indices = (every >= lowest).nonzero()[0]
        of_classes, largest = block[:, indices], every[indices]
    best = (of_classes == largest).argmax(axis=0)
    parts = [by_channel[:score, indices], largest[None]]
    if end < len(by_channel):
        parts.append(by_channel[end:, indices])
    values = np.concatenate(parts)
    return Passing(values.T, indices, best)


def _passing_rows(rows: Array, lowest: float, score: int, end: int) -> NDArray[np.intp]:
    """The rows in which one of the columns from ``score`` to ``end`` is at least ``lowest``.

    All columns are compared, because one long comparison takes less time than one of a part of each row; and the largest value of each
    short row takes ten times as long.
    """
    passing = rows >= lowest
    passing[:, :score] = False
    passing[:, end:] = False
    found = np.flatnonzero(passing) // rows.shape[1]
    return np.concatenate([found[:1], found[1:][found[1:] != found[:-1]]])


def companion(output: int, spec: TensorSpec) -> Return:
    """The request for the rows of an output, which are its last axis, for the anchors that the request before it selects."""
    if spec.dtype not in reduce.REDUCIBLE or (spec.scales is not None and spec.axis != len(spec.shape) - 1):
        return reduce.whole(output)
    return reduce.same_rows(output, spec)


def rows_of(result: ResultLike, spec: TensorSpec, passing: Passing) -> NDArray[np.float32]:
    """(n, values of a row) real numbers of the same candidates in another output, whole or reduced.

    Raises:
        BadInput: the output was not returned in one of these forms.
    """
    rows = result.reduced.get(spec.name)
    if is_array(rows) and passing.rows is not None and rows.shape[1:] == (spec.row_length,):
        return spec.dequantize(rows[passing.rows])
    whole = whole_output(result, spec.name)
    if spec.scales is not None and spec.axis != len(spec.shape) - 1:
        real: NDArray[np.float32] = spec.dequantize(whole).reshape(-1, spec.row_length)[passing.indices]
        return real
    return spec.dequantize(whole.reshape(-1, spec.row_length)[passing.indices])
