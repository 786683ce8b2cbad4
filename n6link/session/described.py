"""What is known of a network without running it: the same for the network of a board and of a pool, and for their blocking forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from n6link.epochs.pools import Pool
from n6link.epochs.timers import EpochTable
from n6link.session.info import NetworkInfo, shape_of
from n6link.sheet import Grid, Sheet, Shown
from n6link.tensors.card import Card
from n6link.tensors.tensor import TensorSpec


class HasInfo(Protocol):
    """What a class that inherits :class:`DescribedNetwork` has."""

    @property
    def info(self) -> NetworkInfo:
        """The device's description of the network."""
        ...


class DescribedNetwork(Shown):
    """The properties of a network that are in its description."""

    @property
    def name(self: HasInfo) -> str:
        """Its name in the firmware."""
        return self.info.name

    @property
    def inputs(self: HasInfo) -> Mapping[str, TensorSpec]:
        """Tensors by name, in order."""
        return self.info.inputs

    @property
    def outputs(self: HasInfo) -> Mapping[str, TensorSpec]:
        """Tensors by name, in order."""
        return self.info.outputs

    @property
    def pools(self: HasInfo) -> tuple[Pool, ...]:
        """The memory pools that it uses."""
        return self.info.pools

    @property
    def epochs(self: HasInfo) -> EpochTable:
        """Its epoch blocks."""
        return self.info.epochs

    @property
    def card(self: HasInfo) -> Card | None:
        """The description of its tensors; None = there is none, or it cannot be used."""
        return self.info.card

    @property
    def card_problem(self: HasInfo) -> str:
        """The error in the card that the firmware reports; empty = no error.

        The network can still be run with arrays; functions that require a card (pictures, decoding, texts) fail with this message.
        """
        return self.info.card_problem

    def brief(self: HasInfo) -> str:
        """Its name and tensors."""
        return self.info.brief()

    def sheet(self: HasInfo) -> Sheet:
        """Its tensors, and where its epochs run."""
        return self.info.sheet()


def listed(networks: Mapping[str, HasInfo]) -> Grid:
    """A table of networks: their tensors and tasks."""
    rows = [
        (
            name,
            *(", ".join(map(shape_of, specs.values())) for specs in (network.info.inputs, network.info.outputs)),
            network.info.card.task if network.info.card else "-",
        )
        for name, network in networks.items()
    ]
    return Grid(("network", "inputs", "outputs", "task"), rows)
