"""The end of text networks: choosing the next token from logits, and classes with probabilities.

Logits are ranked by their raw values, equal ones by lower token id; this is also what a device's TOPK reduction gives, so
that a choice is the same from the whole row and from its best few. The last row of an output belongs to the newest token.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from n6link.decoders import NetworkLike, ResultLike, card_of, options_of, whole_output
from n6link.errors import BadInput, CardError
from n6link.protocol import Limit
from n6link.protocol.records import Return
from n6link.tensors import reduce
from n6link.tensors.reduce import Peaks
from n6link.tensors.tensor import Array, TensorSpec


@dataclass(frozen=True, slots=True)
class Token:
    """A token that may come next."""

    id: int
    logit: float


class TokenOptions(TypedDict, total=False):
    """Options of the decoder of next tokens."""

    top_k: int
    """tokens, 1 or more; one unless given"""


@dataclass(frozen=True, slots=True)
class Classification:
    """What a text is, by the network's opinion."""

    label: str
    probability: float
    probabilities: dict[str, float]
    """of all labels, in the network's order"""


def softmax(logits: Array) -> NDArray[np.float64]:
    """Probabilities of real logits, over the last axis, in float64."""
    powers: NDArray[np.float64] = np.exp(np.subtract(logits, np.max(logits, axis=-1, keepdims=True), dtype=np.float64))
    powers /= powers.sum(axis=-1, keepdims=True)
    return powers


def rank(row: Array, k: int | None = None) -> Peaks:
    """The k largest of a row of raw values (None = all), largest first, equal ones by lower index, NaN last."""
    order = np.argsort(-row if row.dtype.kind == "f" else ~row, kind="stable")[:k]
    return Peaks(order, row[order])


def pick(ranked: Peaks, *, scale: float | None, temperature: float, random: np.random.Generator) -> int:
    """Chooses a token.

    Args:
        ranked: raw logits, largest first.
        scale: of the logits; None = they are real.
        temperature: 0 takes the first; else tokens are drawn with the probabilities softmax(logit / temperature).
        random: where the draw comes from: one number a call, none at temperature 0.

    Raises:
        BadInput: the largest logit is no finite number.
    """
    if not np.isfinite(ranked.values[0]):
        raise BadInput(f"The largest logit is {ranked.values[0]}; the network's output makes no sense.")
    if temperature == 0:
        return int(ranked.indices[0])
    lead = np.subtract(ranked.values, ranked.values[0], dtype=np.float64) * ((scale or 1.0) / temperature)
    reach = np.cumsum(np.exp(np.where(np.isnan(lead), -np.inf, lead)))
    drawn = int(reach.searchsorted(random.random() * float(reach[-1]), side="right"))
    return int(ranked.indices[min(drawn, len(reach) - 1)])


def last_row(spec: TensorSpec) -> int:
    """The row of logits that belongs to the newest token, counted through all leading axes."""
    return math.prod(spec.shape[:-1]) - 1


class NextToken:
    """The decoder of ``text-generation``; decode() gives the ``top_k`` (1) best next tokens as a list of :class:`Token`.

    Whole texts are made by :mod:`n6link.text.tokens`.
    """

    def returns(self, network: NetworkLike, **options: object) -> list[Return] | None:
        """The best tokens of the last row."""
        card = card_of(network)
        spec = card.decoded_output(network.outputs)
        k = _top_k(options_of(card, options, "top_k"))
        if spec.dtype not in reduce.REDUCIBLE or k > Limit.MAX_TOPK:
            return None
        return [reduce.topk(list(network.outputs).index(spec.name), spec, k, row=last_row(spec))]

    def complete(self, result: ResultLike) -> bool:
        """Always: decode() says when fewer tokens were returned than it is asked for."""
        return True

    def decode(self, result: ResultLike, **options: object) -> list[Token]:
        """The best next tokens.

        Raises:
            BadInput: more are wanted than a reduced result holds.
        """
        card = card_of(result.network)
        spec = card.decoded_output(result.network.outputs)
        k = min(_top_k(options_of(card, options, "top_k")), spec.shape[-1])
        best = result.reduced.get(spec.name)
        if not isinstance(best, Peaks):
            best = rank(whole_output(result, spec.name).reshape(-1, spec.shape[-1])[-1], k)
        if len(best.indices) < k:
            raise BadInput(f"The result holds {len(best.indices)} tokens, {k} are wanted; run with reduce=False.")
        logits = spec.dequantize(best.values)
        return [Token(int(id), float(logit)) for id, logit in zip(best.indices[:k], logits[:k], strict=True)]


class TextClassification:
    """The decoder of ``text-classification``; decode() gives a :class:`Classification`."""

    def returns(self, network: NetworkLike, **options: object) -> list[Return] | None:
        """Nothing to reduce: an output of a few logits is smaller than what would ask for less."""
        options_of(card_of(network), options)
        return None

    def complete(self, result: ResultLike) -> bool:
        """Always: outputs are whole."""
        return True

    def decode(self, result: ResultLike, **options: object) -> Classification:
        """The label of the largest logit, the first of equal ones, and the softmax of all.

        Raises:
            CardError: the card has no labels, or not as many as the network has classes.
        """
        card = card_of(result.network)
        options_of(card, options)
        spec = card.decoded_output(result.network.outputs)
        if len(card.labels) != spec.shape[-1]:
            raise CardError(
                f"Card {card.name!r} names {len(card.labels)} labels, but output {spec.name!r} has {spec.shape[-1]} "
                "classes; add labels = [...] in the network's order."
            )
        shares = softmax(spec.dequantize(whole_output(result, spec.name)).reshape(-1, spec.shape[-1])[-1])
        best = int(shares.argmax())
        return Classification(
            card.labels[best], float(shares[best]), dict(zip(card.labels, map(float, shares), strict=True))
        )


def _top_k(options: dict[str, object]) -> int:
    k = options.get("top_k", 1)
    if not isinstance(k, int) or k < 1:
        raise BadInput(f"top_k is {k!r}; it has to be a whole number from 1 on.")
    return k
