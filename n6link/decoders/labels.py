"""Names of classes."""

from __future__ import annotations

from n6link.decoders import NetworkLike, card_of
from n6link.errors import CardError
from n6link.tensors.card import Card, class_label


def class_name(card: Card, index: int) -> str:
    """The name of a class: the card's label, else its number."""
    return card.labels[index] if index < len(card.labels) else class_label(index)


def labelled(network: NetworkLike, classes: int) -> None:
    """Checks that the card, if it has labels, has one per class.

    Raises:
        CardError: it has another number.
    """
    card = card_of(network)
    if card.labels and len(card.labels) != classes:
        raise CardError(
            f"card {card.name!r} has {len(card.labels)} labels, but the network has {classes} classes; set labels = [...] in the network's order"
        )
