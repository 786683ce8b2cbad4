"""A class for each pixel: task ``segmentation``.

The output has one value per class and pixel, [1, h, w, C] or [1, C, h, w] (the largest one decides, the first of equal ones), or one
value per pixel, [1, h, w, 1] or [1, h, w]: a share of the foreground, 0..1, that must reach the option ``conf`` (0.5), or, as integers
without a scale, the number of the class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypedDict

import numpy as np
from numpy.typing import NDArray

from n6link.decoders import NetworkLike, ResultLike, card_of, options_of, whole_output
from n6link.decoders.largest import first_largest
from n6link.decoders.options import share
from n6link.decoders.picture import placement
from n6link.errors import BadInput, CardError
from n6link.protocol.records import Return
from n6link.sheet import Bar, Grid, Sheet, Shown
from n6link.tensors import reduce
from n6link.tensors.card import Card, class_label
from n6link.tensors.image import Placement
from n6link.tensors.reduce import ClassMap
from n6link.tensors.tensor import Array, TensorSpec

CONF: Final = 0.5
"""Default of ``conf``: more likely than not."""
MOST_CLASSES: Final = 256


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Segmentation(Shown):
    """The class of each pixel."""

    classes: NDArray[np.uint8]
    """(h, w): number of the class, in the network's resolution"""
    labels: tuple[str, ...]
    """names of the classes"""
    placement: Placement
    """position of the picture in the input, which has the same proportions as ``classes``"""

    def in_picture(self) -> NDArray[np.uint8]:
        """(H, W): the same for each pixel of the source image: the class at its centre."""
        width, height = self.placement.source_size
        columns = self._cells(np.arange(width) + 0.5, 0)
        rows = self._cells(np.arange(height) + 0.5, 1)
        return self.classes[rows[:, None], columns]

    def mask(self, label: str) -> NDArray[np.bool_]:
        """(H, W): which pixels of the source image are of a class.

        Raises:
            BadInput: the network does not have this class.
        """
        if label not in self.labels:
            raise BadInput(f"unknown class {label!r}; the network has {', '.join(self.labels)}")
        return np.equal(self.in_picture(), self.labels.index(label))

    @property
    def shares(self) -> dict[str, float]:
        """Share of the picture's pixels, by class, largest first; only classes that occur."""
        counts = np.bincount(self.in_picture().ravel(), minlength=len(self.labels))
        order = np.argsort(-counts, kind="stable")
        return {self.labels[i]: float(counts[i] / counts.sum()) for i in order if counts[i]}

    def brief(self) -> str:  # noqa: D102
        height, width = self.classes.shape
        parts = ", ".join(f"{label} {share:.0%}" for label, share in self.shares.items())
        return f"{width} x {height}: {parts}"

    def sheet(self) -> Sheet:  # noqa: D102
        rows = [(label, f"{share:.1%}", Bar(share)) for label, share in self.shares.items()]
        return Sheet((Grid(("class", ">share", ""), rows),))

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        height, width = self.classes.shape
        return {"size": [width, height], "shares": {name: round(share, 4) for name, share in self.shares.items()}}

    def _cells(self, middles: NDArray[np.floating], axis: int) -> NDArray[np.intp]:
        where = self.placement
        cells = self.classes.shape[1 - axis]
        inside = (middles * where.scale[axis] + where.offset[axis]) * (cells / where.input_size[axis])
        found: NDArray[np.intp] = np.floor(inside).astype(np.intp)
        found.clip(0, cells - 1, out=found)
        return found


class SegmentationOptions(TypedDict, total=False):
    """Options of the decoder of segmentations."""

    conf: float
    """lowest share of the foreground, 0..1, of a network with one value per pixel"""


class Segmenter:
    """The decoder of ``segmentation``, with the option ``conf``; decode() returns a :class:`Segmentation`."""

    def check(self, network: NetworkLike) -> None:
        """Whether the output has a value for each pixel, and the card one label per class."""
        card = card_of(network)
        _, _, classes = _map(card, network)
        if card.labels and len(card.labels) != max(classes, 2) and classes:
            raise CardError(
                f"card {card.name!r} has {len(card.labels)} labels, but the network has {max(classes, 2)} classes, "
                "with the background; correct labels = [...]"
            )

    def returns(self, network: NetworkLike, **options: object) -> list[Return] | None:
        """The map of classes."""
        card = card_of(network)
        conf = _conf(card, options)
        spec, channels_last, count = _map(card, network)
        unscaled = spec.scales is not None or (count == 1 and spec.dtype.kind != "f" and spec.scale is None)
        if count == 0 or spec.dtype not in reduce.REDUCIBLE or unscaled:
            return None
        index = list(network.outputs).index(spec.name)
        return [reduce.class_map(index, spec, count, columns=not channels_last, threshold=conf)]

    def complete(self, result: ResultLike) -> bool:
        """Always: a map of classes has all positions."""
        return True

    def decode(self, result: ResultLike, **options: object) -> Segmentation:
        """The class of each pixel.

        Raises:
            BadInput: an option is out of range, or a reduced result has another ``conf``.
            CardError: the output does not have a value for each pixel.
        """
        network, card = result.network, card_of(result.network)
        conf = _conf(card, options)
        spec, channels_last, count = _map(card, network)
        where = placement(result)
        known = result.reduced.get(spec.name)
        if isinstance(known, ClassMap):
            classes = _narrowed(known, spec, channels_last, count, conf)
        else:
            classes = _classes(whole_output(result, spec.name), spec, channels_last, count, conf)
        most = max(count, 2) if count else int(classes.max()) + 1
        labels = card.labels or (("background", "foreground") if count == 1 else ())
        return Segmentation(classes, _names(labels, most), where)


@lru_cache(maxsize=8)
def _names(labels: tuple[str, ...], classes: int) -> tuple[str, ...]:
    """The labels, and numbers for the classes without one."""
    return labels + tuple(class_label(i) for i in range(len(labels), classes))


def _conf(card: Card, given: Mapping[str, object]) -> float:
    return share("conf", options_of(card, given, "conf").get("conf", CONF))


def _narrowed(known: ClassMap, spec: TensorSpec, channels_last: bool, count: int, conf: float) -> NDArray[np.uint8]:
    if count == 1 and known.threshold != reduce.lowest_raw(conf, spec.dtype, spec.scale, spec.zero_point):
        raise BadInput(f"conf={conf} is not that of the request to the device; run with reduce=False")
    size = spec.shape[-3:-1] if channels_last and len(spec.shape) == 4 else spec.shape[-2:]
    return known.classes.reshape(size)


def _classes(raw: Array, spec: TensorSpec, channels_last: bool, count: int, conf: float) -> NDArray[np.uint8]:
    if spec.scales is not None and count != 1:
        raw = spec.dequantize(raw)
    if count > 1:
        best = first_largest(raw, axis=-1 if channels_last else -3)
        return best.reshape(best.shape[-2:]).astype(np.uint8, copy=False)
    values = raw.reshape(spec.shape[1:3] if count == 0 or channels_last else spec.shape[2:4])
    if count == 0:
        return np.asarray(values, np.uint8)
    if spec.scales is not None:
        values = spec.dequantize(raw).reshape(values.shape)
    lowest = reduce.lowest_raw(conf, values.dtype, spec.scale, spec.zero_point)
    return np.greater_equal(values, lowest).view(np.uint8)


def _map(card: Card, network: NetworkLike) -> tuple[TensorSpec, bool, int]:
    """The output, whether its channels are last, and the number of values per pixel; 0 = numbers of classes."""
    return _table(card.decoded_output(network.outputs), len(card.labels))


@lru_cache(maxsize=64)
def _table(spec: TensorSpec, labels: int) -> tuple[TensorSpec, bool, int]:
    shape = spec.shape
    if len(shape) == 3 and shape[0] == 1 and spec.dtype.kind in "iu" and not spec.quantized:
        return spec, True, 0
    if len(shape) == 3 and shape[0] == 1:
        shape = (*shape, 1)
    if len(shape) != 4 or shape[0] != 1:
        raise CardError(
            f"output {spec.name!r} of shape {spec.shape} does not have a value for each pixel; it must be (1, h, w, C) or (1, C, h, w)"
        )
    last = shape[3] == labels or (shape[1] != labels and shape[3] <= shape[1])
    count = shape[3] if last else shape[1]
    if count == 1 and spec.dtype.kind in "iu" and not spec.quantized:
        return spec, last, 0
    if count > MOST_CLASSES:
        raise CardError(
            f"output {spec.name!r} of shape {spec.shape} has {count} classes; at most {MOST_CLASSES} are possible"
        )
    return spec, last, count
