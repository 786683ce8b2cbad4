"""Accuracy of networks on annotated data, by the measures of each field.

:func:`open_data` reads the data of a network's task (an :class:`Exercise`), :func:`n6link.evaluation.answers.ask` runs the network on
its samples, on one board or on several, and :meth:`Exercise.figures` computes the figures from the answers::

    exercise = open_data(net.info, Path("coco/annotations/person_keypoints_val2017.json"))
    answers = {}
    await ask([net.run], exercise, exercise.samples, lambda answer: answers.update({answer.sample: answer.found}))
    print(exercise.figures(answers).values["AP"])
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol

from n6link import decoders
from n6link.decoders.described import NetworkLike
from n6link.errors import CardError
from n6link.json_types import Plain
from n6link.sheet import Grid, Sheet, Shown
from n6link.tensors.inputs import Data

__all__ = ["ENOUGH", "Exercise", "Figures", "Sample", "open_data"]

ENOUGH: Final = 100
"""Annotations from which an average precision is given: with fewer, one more or one less changes it by more than a percent."""
_BY_TASK: Final = {
    "pose-heatmap": "people:People",
    "pose-points": "people:People",
    "yolo-pose": "people:People",
    "yolo": "objects:Objects",
    "yolo-grid": "objects:Objects",
    "ssd": "objects:Objects",
    "landmark-boxes": "objects:Objects",
    "image-classification": "classes:Classes",
    "text-classification": "classes:Texts",
    "segmentation": "regions:Regions",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One input of the network: a file, or a part of a picture."""

    name: str
    """unique in the data, and the same in every run"""
    path: Path
    part: tuple[int, int, int] | None = None
    """left, top and side of the square that the network gets, in pixels; it may reach beyond the picture. None = the whole picture"""


@dataclass(frozen=True, slots=True, repr=False)
class Figures(Shown):
    """What the answers are worth."""

    main: str
    """name of the figure that is compared with a limit"""
    values: dict[str, float]
    """figures by name, 0..1, the main one first"""
    annotations: int
    """number of annotated people, objects or pictures that were counted"""
    about: tuple[str, ...] = ()
    """sentences that belong to the figures: how they were obtained, and which are missing"""
    each: list[Plain] = field(default_factory=list[Plain])
    """figures by picture or class"""

    def brief(self) -> str:  # noqa: D102
        return f"{self.main} {self.values[self.main]:.3f}, of {self.annotations} annotations"

    def sheet(self) -> Sheet:
        """All figures."""
        return Sheet((Grid(("figure", ">value"), [(key, f"{x:.3f}") for key, x in self.values.items()]),), self.about)


class Exercise(Protocol):
    """Annotated data for one task."""

    @property
    def samples(self) -> Sequence[Sample]:
        """The inputs, in an order that is always the same."""
        ...

    @property
    def options(self) -> Mapping[str, object]:
        """Options of ``Result.decode``, and of the reductions that it uses."""
        ...

    def read(self, sample: Sample) -> Data:
        """What the network gets: the ``data`` of :meth:`n6link.Network.run`.

        Raises:
            BadInput: the file cannot be read.
        """
        ...

    def found(self, meaning: Any, sample: Sample) -> Plain:
        """What the network has found, as plain values that a file of answers holds.

        Args:
            meaning: the result, as the decoder of the card's task has decoded it with ``options``.
            sample: what the network got.

        Raises:
            BadInput: it does not fit the annotations.
        """
        ...

    def figures(self, found: Mapping[str, Plain]) -> Figures:
        """The figures of the samples that were answered.

        Args:
            found: what was found, by the name of the sample.
        """
        ...


def open_data(network: NetworkLike, data: Path, pictures: Path | None = None) -> Exercise:
    """The annotated data for the task of a network's card.

    Args:
        network: the network.
        data: COCO's JSON or the folder that has it (people, objects); a folder with a folder of pictures, or
            of texts (.txt), for each class (classification); a folder with the folders ``images`` and ``masks`` (segmentation).
        pictures: the folder of the pictures of a JSON file; None = it is searched next to the file.

    Raises:
        CardError: the network does not have a card, or accuracy is not defined for its task.
        BadInput: the data are missing, cannot be read, or do not fit the network.
    """
    task = decoders.card_of(network).task
    if task not in _BY_TASK:
        raise CardError(
            f"network {network.name!r} is for {task}, for which an accuracy is not defined here; use one for {', '.join(_BY_TASK)}"
        )
    decoders.check(network)
    module, name = _BY_TASK[task].split(":")
    kind: Callable[[NetworkLike, Path, Path | None], Exercise] = getattr(
        import_module(f"n6link.evaluation.{module}"), name
    )
    return kind(network, data, pictures)
