"""Converts raw outputs to results: one decoder per task.

A network's card specifies its task; :func:`get` returns the decoder. To add a decoder, declare an entry point in the group
``n6link.decoders``. Its name is the task, and its object is a class with the methods of :class:`Decoder`::

    [project.entry-points."n6link.decoders"]
    plate-reader = "my_package:PlateDecoder"

The arithmetic of each task is a pure function that also works without a device: ``pose_heatmap.decode``, ``yolo_pose.decode``,
``logits.pick``, ``activations.softmax``.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, Final, Protocol, cast

from n6link.decoders.described import NetworkLike, ResultLike
from n6link.decoders.pose import Pose
from n6link.decoders.proposal import looks_like
from n6link.errors import BadInput, CardError
from n6link.protocol.records import Return
from n6link.tensors.card import Card
from n6link.tensors.tensor import Array

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

__all__ = [
    "GROUP",
    "Decoder",
    "NetworkLike",
    "Pose",
    "ResultLike",
    "Unreduced",
    "card_of",
    "check",
    "for_network",
    "get",
    "options_of",
    "tasks",
    "whole_output",
]

GROUP: Final = "n6link.decoders"
_BUNDLED: Final = {
    "pose-heatmap": "n6link.decoders.pose_heatmap:PoseHeatmap",
    "pose-points": "n6link.decoders.pose_points:PosePoints",
    "yolo-pose": "n6link.decoders.yolo_pose:YoloPose",
    "yolo": "n6link.decoders.yolo:Yolo",
    "yolo-grid": "n6link.decoders.grid:YoloGrid",
    "fomo": "n6link.decoders.fomo:Fomo",
    "ssd": "n6link.decoders.ssd:Ssd",
    "landmark-boxes": "n6link.decoders.landmark_boxes:LandmarkBoxes",
    "segmentation": "n6link.decoders.segmentation:Segmenter",
    "image-classification": "n6link.decoders.classification:Classifier",
    "audio-classification": "n6link.decoders.classification:Classifier",
    "text-generation": "n6link.decoders.logits:NextToken",
    "text-classification": "n6link.decoders.classification:TextClassification",
}


class Decoder(Protocol):
    """Converts a result to objects such as poses. Implementations do not have state."""

    def check(self, network: NetworkLike) -> None:
        """Checks that the decoder, the network's tensors and its card fit together; called when the network is connected.

        Raises:
            CardError: they do not.
        """

    def returns(self, network: NetworkLike, **options: object) -> list[Return] | None:
        """Reductions to request, so that decode() returns the same from less data; None = all outputs, whole.

        Args:
            network: the network, with its card.
            options: the options of the decode() call that follows.
        """

    def complete(self, result: ResultLike) -> bool:
        """Whether a reduced result contains everything that decode() uses. If not, the outputs must be fetched whole."""
        ...

    def decode(self, result: ResultLike, **options: object) -> object:
        """Decodes a result.

        Args:
            result: with whole or reduced outputs.
            options: the decoder's own; they override those of the card.

        Raises:
            BadInput: an option cannot be used, or a reduced result does not contain what the options require.
            CardError: the card does not fit the network.
        """


class Unreduced:
    """The part of a decoder that uses whole outputs: it never asks a device for a reduction.

    Attributes:
        known: names of the decoder's options.
    """

    known: ClassVar[tuple[str, ...]] = ()

    def options(self, card: Card, given: Mapping[str, object]) -> object:
        """The options of a decode() call: those of the card, overridden by the caller's.

        Raises:
            BadInput, CardError: an option cannot be used.
        """
        return options_of(card, given, *self.known)

    def returns(self, network: NetworkLike, **options: object) -> list[Return] | None:
        """None; options that cannot be used are refused."""
        self.options(card_of(network), options)
        return None

    def complete(self, result: ResultLike) -> bool:
        """Always: outputs are not reduced."""
        return True


def _installed() -> EntryPoints:
    from importlib.metadata import entry_points  # as slow to import as half of numpy

    return entry_points(group=GROUP)


def tasks() -> list[str]:
    """The tasks for which a decoder is installed."""
    return sorted({*_BUNDLED, *(point.name for point in _installed())})


def get(task: str) -> Decoder:
    """The decoder of a task.

    Raises:
        CardError: there is none, or the package that contains it cannot be imported.
    """
    if task in _BUNDLED:
        module, name = _BUNDLED[task].split(":")
        return cast("type[Decoder]", getattr(import_module(module), name))()
    for point in _installed().select(name=task):
        try:
            return cast("type[Decoder]", point.load())()
        except Exception as error:
            raise CardError(
                f"decoder {point.value!r} of task {task!r} cannot be loaded: {error}; install its package again"
            ) from error
    raise CardError(f"unknown task {task!r}; install its decoder, or choose {', '.join(tasks())}")


def check(network: NetworkLike) -> None:
    """Checks that a network's card fits its tensors, if the decoder of its task is installed.

    Raises:
        CardError: it does not fit; the message says what the tensors look like.
    """
    card = card_of(network)
    if card.task not in _BUNDLED and card.task not in tasks():
        return
    try:
        get(card.task).check(network)
    except CardError as error:
        seems = looks_like(network)
        if not seems or f'"{card.task}"' in seems:
            raise
        raise CardError(f"{error}; {seems}") from None


def card_of(network: NetworkLike) -> Card:
    """The network's card.

    Raises:
        CardError: it does not have a card, or the card cannot be used.
    """
    if network.card_problem:
        raise CardError(network.card_problem)
    if network.card is None:
        seems = looks_like(network)
        raise CardError(
            f"network {network.name!r} does not have a card: what its outputs ({', '.join(network.outputs)}) mean is unknown; "
            + (f"{seems}; " if seems else "")
            + f'pass one: N6Device(cards=["{network.name}.toml"]), with one of the tasks {", ".join(tasks())}'
        )
    return network.card


def options_of(card: Card, given: Mapping[str, object], *known: str) -> dict[str, object]:
    """A decoder's options: those of the card, overridden by those of the caller.

    Raises:
        CardError, BadInput: the card or the caller uses an option that the decoder does not have.
    """
    for source, error, options in ("card", CardError, card.options), ("caller", BadInput, given):
        for name in options.keys() - known if options else ():
            raise error(
                f"unknown option {name!r} from the {source}; {card.task} accepts {', '.join(known) or 'no options'}"
            )
    return {**card.options, **given}


def whole_output(result: ResultLike, name: str) -> Array:
    """An output of a result.

    Raises:
        BadInput: it was not returned, or only in a reduced form that this decoder does not use.
    """
    if name not in result.outputs:
        how = f"was returned as {type(result.reduced[name]).__name__}" if name in result.reduced else "was not returned"
        raise BadInput(f"output {name!r} {how}, but decode() requires the whole output; run with reduce=False")
    return result.outputs[name]


def for_network(network: NetworkLike) -> Decoder:
    """The decoder for the task of a network's card.

    Raises:
        CardError: the network does not have a card, or no decoder for its task is installed.
    """
    return get(card_of(network).task)
