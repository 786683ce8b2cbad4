"""What decoders use of a network and of a result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, cast

from n6link.tensors.card import Card
from n6link.tensors.image import Placement
from n6link.tensors.reduce import Reduced
from n6link.tensors.tensor import Array, TensorSpec


def listed(meaning: object) -> list[object]:
    """The objects of a decoded result, which is a list or one object."""
    return list(cast("list[object]", meaning)) if isinstance(meaning, list) else [meaning]


class NetworkLike(Protocol):
    """The attributes of a network that decoders use."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def inputs(self) -> Mapping[str, TensorSpec]: ...  # noqa: D102
    @property
    def outputs(self) -> Mapping[str, TensorSpec]: ...  # noqa: D102
    @property
    def card(self) -> Card | None: ...  # noqa: D102
    @property
    def card_problem(self) -> str: ...  # noqa: D102


class ResultLike(Protocol):
    """The attributes of a result that decoders use: each output is in ``outputs`` (whole) or in ``reduced``."""

    @property
    def network(self) -> NetworkLike: ...  # noqa: D102
    @property
    def outputs(self) -> Mapping[str, Array]: ...  # noqa: D102
    @property
    def reduced(self) -> Mapping[str, Reduced]: ...  # noqa: D102
    @property
    def placement(self) -> Placement | None: ...  # noqa: D102
