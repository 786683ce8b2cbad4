"""Classes of pictures, sounds and texts: tasks ``image-classification``, ``audio-classification``, ``text-classification``.

The output is one row with a value per class: logits, or probabilities if the network itself ends in a softmax or sigmoid. The option
``activation`` of the card says what remains to be done: ``softmax``, ``sigmoid`` (classes do not exclude each other) or ``none``.
Without it, values that are all in 0..1 and have the sum 1 (within the steps of their quantisation) are probabilities, others are
logits of a softmax.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from n6link.decoders import NetworkLike, ResultLike, Unreduced, card_of, whole_output
from n6link.decoders.activations import sigmoid, softmax
from n6link.decoders.labels import class_name, labelled
from n6link.errors import BadInput, CardError
from n6link.sheet import Bar, Grid, Sheet, Shown
from n6link.tensors.card import Card
from n6link.tensors.tensor import TensorSpec

ACTIVATIONS: Final = ("softmax", "sigmoid", "none")
COARSEST: Final = 1 / 64
"""Largest step of floats that were quantised probabilities: those of 8 bits have about 1/256."""
ROUNDING: Final = 0.01
"""How far a sum of probabilities of floats may be from 1."""


@dataclass(frozen=True, slots=True, repr=False)
class Classification(Shown):
    """The class of a picture, a sound or a text, as the network predicts it."""

    label: str
    probability: float
    probabilities: dict[str, float]
    """of all labels, in the network's order"""

    def top(self, k: int = 5) -> list[tuple[str, float]]:
        """The k most probable labels with their probabilities, best first, equal ones in the network's order."""
        return sorted(self.probabilities.items(), key=lambda pair: -pair[1])[:k]

    def brief(self) -> str:  # noqa: D102
        return f"{self.label} {self.probability:.1%}, of {len(self.probabilities)} classes"

    def sheet(self) -> Sheet:  # noqa: D102
        rows = [(label, f"{share:.1%}", Bar(share)) for label, share in self.top(10)]
        return Sheet((Grid(("class", ">probability", ""), rows),))

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON, probabilities with four decimals."""
        return {
            "label": self.label,
            "probability": round(self.probability, 4),
            "probabilities": {name: round(value, 4) for name, value in self.probabilities.items()},
        }


class Classifier(Unreduced):
    """The decoder of pictures and sounds; decode() returns a :class:`Classification`. Without labels, classes have numbers."""

    known = ("activation",)

    def check(self, network: NetworkLike) -> None:
        """Whether the output is one row of classes, and the card has one label per class."""
        card = card_of(network)
        labelled(network, _row(card, network).row_length)
        _activation(card)

    def decode(self, result: ResultLike, **options: object) -> Classification:
        """The label of the largest value, the first of equal ones, and the probabilities of all.

        Raises:
            CardError: the output is not one row, or the card does not have one label per class.
        """
        card = card_of(result.network)
        self.options(card, options)
        self.check(result.network)
        spec = _row(card, result.network)
        values = spec.dequantize(whole_output(result, spec.name)).reshape(-1)
        shares = _probabilities(values, spec, _activation(card))
        best = int(shares.argmax())
        names = [class_name(card, index) for index in range(len(shares))]
        return Classification(names[best], float(shares[best]), dict(zip(names, map(float, shares), strict=True)))


class TextClassification(Classifier):
    """The decoder of texts. It requires labels, and takes the last row of the output."""

    def check(self, network: NetworkLike) -> None:
        """Whether the card has one label per class."""
        card = card_of(network)
        spec = card.decoded_output(network.outputs)
        if len(card.labels) != spec.row_length:
            raise CardError(
                f"card {card.name!r} has {len(card.labels)} labels, but output {spec.name!r} has {spec.row_length} "
                "classes; set labels = [...] in the network's order"
            )


def _row(card: Card, network: NetworkLike) -> TensorSpec:
    """The output with a value per class."""
    spec = card.decoded_output(network.outputs)
    if card.task != "text-classification" and max(spec.shape[:-1], default=1) != 1:
        raise CardError(f"output {spec.name!r} of shape {spec.shape} is not one row of classes; it must be (1, C)")
    return spec


def _activation(card: Card) -> str | None:
    wanted = card.options.get("activation")
    if wanted is None or wanted in ACTIVATIONS:
        return wanted if isinstance(wanted, str) else None
    raise CardError(f"card {card.name!r}: decode.activation is {wanted!r}; choose {', '.join(ACTIVATIONS)}")


def _probabilities(values: NDArray[np.float32], spec: TensorSpec, activation: str | None) -> NDArray[np.floating]:
    if not np.isfinite(values).all():
        raise BadInput(f"output {spec.name!r} contains a value that is not finite; the network's output is invalid")
    if activation == "sigmoid":
        return sigmoid(values)
    if activation == "none":
        return values
    if activation is None and values.min() >= 0 and values.max() <= 1:
        step = spec.scale if spec.scale is not None and spec.dtype.kind != "f" else _step(values)
        # Each value is rounded by up to half a step: small ones to 0, and only the others can make the sum larger than 1.
        total, half = float(values.sum()), step / 2
        less, more = min(half * len(values), 0.5), half * int(np.count_nonzero(values))
        if 1 - max(ROUNDING, less) <= total <= 1 + max(ROUNDING, more):
            return values
    return softmax(values)


def _step(values: NDArray[np.float32]) -> float:
    """The step of floats that a network has dequantised itself; 0 = they do not have one."""
    distances = np.diff(np.unique(np.append(values, np.float32(0))))
    step = float(distances.min(initial=1.0))
    steps = values / np.float32(step)
    return step if step <= COARSEST and np.abs(steps - np.rint(steps)).max() < COARSEST else 0.0
