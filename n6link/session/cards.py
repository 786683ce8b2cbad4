"""The cards of the networks of a connection: those of the caller, those on this machine that a virtual board reports, and others."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from n6link import decoders
from n6link.errors import CardError
from n6link.session.info import NetworkInfo
from n6link.tensors import card as cards_
from n6link.tensors.card import Card


class Cards:
    """See the top of this module.

    Args:
        wanted: cards of the caller, or their files.

    Attributes:
        files: files on this machine with the cards that the device reports, by network.
    """

    def __init__(self, wanted: Sequence[Card | str | os.PathLike[str]]) -> None:
        self.files: Mapping[str, Path] = {}
        self._wanted = tuple(wanted)
        self._given: tuple[Card, ...] = ()

    def read(self) -> None:
        """Reads the files of the caller, which may have changed since the device was opened before.

        Raises:
            CardError: one of them cannot be used.
        """
        self._given = tuple(given if isinstance(given, Card) else cards_.read(given) for given in self._wanted)

    def add_to(self, network: NetworkInfo) -> NetworkInfo:
        """The same network with its card, or with the reason why the card cannot be used."""
        try:
            file = self.files.get(network.name)
            found = replace(network, card=cards_.find(network.name, network.card_text, self._given, file=file))
            if found.card:
                decoders.check(found)
            return found
        except CardError as error:
            return replace(network, card_problem=str(error))

    def check(self, networks: Sequence[NetworkInfo]) -> None:
        """Refuses a card of the caller that is not for any network: it would be ignored, and the results would be decoded without it.

        Raises:
            CardError: there is such a card.
        """
        for card in self._given:
            if not any(card.fits(network.name) for network in networks):
                raise CardError(
                    f"card {card.name!r} is for the network {', '.join(card.networks)}, but the device has "
                    f"{', '.join(network.name for network in networks) or 'none'}; set networks = [...] in the card"
                )
