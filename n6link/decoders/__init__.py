"""From raw outputs to what they mean: one decoder for each task.

A network's card names its task; :func:`get` finds the decoder. Decoders of your own are found by an entry point of the
group ``n6link.decoders``, whose name is the task and whose object follows :class:`Decoder`::

    [project.entry-points."n6link.decoders"]
    plate-reader = "my_package:PlateDecoder"

The arithmetic of each task is a pure function in a module of its own, which works without a device: ``pose_heatmap.decode``,
``yolo_pose.decode``, ``text.pick``, ``text.softmax``.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol, cast

from n6link.decoders.pose import Pose
from n6link.errors import BadInput, CardError
from n6link.protocol.records import Return
from n6link.tensors.card import Card
from n6link.tensors.image import Placement
from n6link.tensors.reduce import Reduced
from n6link.tensors.tensor import Array, TensorSpec

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

__all__ = [
    "GROUP",
    "Decoder",
    "NetworkLike",
    "Pose",
    "ResultLike",
    "card_of",
    "for_network",
    "get",
    "options_of",
    "tasks",
    "whole_output",
]

GROUP: Final = "n6link.decoders"
_BUNDLED: Final = {
    "pose-heatmap": "n6link.decoders.pose_heatmap:PoseHeatmap",
    "yolo-pose": "n6link.decoders.yolo_pose:YoloPose",
    "text-generation": "n6link.decoders.logits:NextToken",
    "text-classification": "n6link.decoders.logits:TextClassification",
}


class NetworkLike(Protocol):
    """What a decoder reads of a network."""

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
    """What a decoder reads of a result: each output is in ``outputs`` (whole) or in ``reduced``."""

    @property
    def network(self) -> NetworkLike: ...  # noqa: D102
    @property
    def outputs(self) -> Mapping[str, Array]: ...  # noqa: D102
    @property
    def reduced(self) -> Mapping[str, Reduced]: ...  # noqa: D102
    @property
    def placement(self) -> Placement | None: ...  # noqa: D102


class Decoder(Protocol):
    """Turns a result into what it means. Implementations have no state."""

    def returns(self, network: NetworkLike, **options: object) -> list[Return] | None:
        """What to ask the device for so that decode() gives the same with less to carry; None = all outputs, whole.

        Args:
            network: the network, with its card.
            options: those that decode() will be given.
        """

    def complete(self, result: ResultLike) -> bool:
        """Whether nothing is missing from a reduced result. If not, the outputs have to be fetched whole."""
        ...

    def decode(self, result: ResultLike, **options: object) -> object:
        """The meaning of a result.

        Args:
            result: with whole or reduced outputs.
            options: the decoder's own; they win over those of the card.

        Raises:
            BadInput: an option that cannot be used, or a reduced result that does not hold what it asks for.
            CardError: the card does not fit the network.
        """


def _installed() -> EntryPoints:
    from importlib.metadata import entry_points  # as slow to import as half of numpy

    return entry_points(group=GROUP)


def tasks() -> list[str]:
    """The tasks that have a decoder."""
    return sorted({*_BUNDLED, *(point.name for point in _installed())})


def get(task: str) -> Decoder:
    """The decoder of a task.

    Raises:
        CardError: there is none, or the package that brings it cannot be imported.
    """
    if task in _BUNDLED:
        module, name = _BUNDLED[task].split(":")
        return cast("type[Decoder]", getattr(import_module(module), name))()
    for point in _installed().select(name=task):
        try:
            return cast("type[Decoder]", point.load())()
        except Exception as error:
            raise CardError(f"The decoder {point.value!r} of task {task!r} cannot be loaded: {error}.") from error
    raise CardError(f"No decoder for task {task!r} is installed; known are {', '.join(tasks())}.")


def card_of(network: NetworkLike) -> Card:
    """The network's card.

    Raises:
        CardError: it has none, or one that cannot be used.
    """
    if network.card_problem:
        raise CardError(network.card_problem)
    if network.card is None:
        raise CardError(
            f"Network {network.name!r} has no card, so that nobody knows what its outputs ({', '.join(network.outputs)}) "
            f'mean; give one with N6Device(cards=["{network.name}.toml"]) whose task is one of {", ".join(tasks())}.'
        )
    return network.card


def options_of(card: Card, given: Mapping[str, object], *known: str) -> dict[str, object]:
    """A decoder's options: those of the card, and over them those that the caller gave.

    Raises:
        CardError, BadInput: the card or the caller names one that the decoder does not know.
    """
    for source, error, options in ("card", CardError, card.options), ("caller", BadInput, given):
        for name in options.keys() - known:
            raise error(f"The {source} gives the option {name!r}; {card.task} knows {', '.join(known) or 'none'}.")
    return {**card.options, **given}


def whole_output(result: ResultLike, name: str) -> Array:
    """An output of a result.

    Raises:
        BadInput: it was not returned, or only in a reduced form that this decoder does not read.
    """
    if name not in result.outputs:
        how = f"was returned as {type(result.reduced[name]).__name__}" if name in result.reduced else "was not returned"
        raise BadInput(f"Output {name!r} {how}, but decode() needs it whole; run with reduce=False.")
    return result.outputs[name]


def for_network(network: NetworkLike) -> Decoder:
    """The decoder that a network's card asks for.

    Raises:
        CardError: the network has no card, or no decoder knows its task.
    """
    return get(card_of(network).task)
