"""Classified pictures and texts, in a folder with a folder for each class: top-1 and top-5.

The names of the folders are labels of the card, or numbers of classes. Else there must be as many folders as classes, which are then the
classes in alphabetical order, as for other programs that read such folders.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from n6link.decoders import card_of
from n6link.decoders.classification import Classification
from n6link.decoders.described import NetworkLike
from n6link.errors import BadInput
from n6link.evaluation import Figures, Sample
from n6link.evaluation.files import PICTURES, OfPictures, files_in
from n6link.json_types import Plain
from n6link.tensors.inputs import Data
from n6link.text.tokens import TextClassifier

BEST: Final = 5


class Classes(OfPictures):
    """An :class:`n6link.evaluation.Exercise`; see ``open_data`` for the arguments."""

    options: Mapping[str, object] = {}
    what: ClassVar[str] = "pictures"
    suffixes: ClassVar[frozenset[str]] = PICTURES

    def __init__(self, network: NetworkLike, data: Path, pictures: Path | None) -> None:
        if pictures:
            raise BadInput(
                f"--pictures {str(pictures)!r} is not used for classes; pass the folder of the classes as --data"
            )
        if not data.is_dir():
            raise BadInput(f"{str(data)!r} is not a folder; use one with a folder of {self.what} for each class")
        card = card_of(network)
        folders = sorted(path for path in data.iterdir() if path.is_dir() and not path.name.startswith("."))
        if not folders:
            raise BadInput(f"{str(data)!r} does not have folders; it must have a folder of {self.what} for each class")
        classes = card.decoded_output(network.outputs).row_length
        numbers = {label.casefold(): index for index, label in enumerate(card.labels)}
        names = [folder.name.casefold() for folder in folders]
        self._by_order = False
        if all(name in numbers for name in names):
            self._classes = [numbers[name] for name in names]
        elif not card.labels and all(name.isdecimal() and int(name) < classes for name in names):
            self._classes = list(map(int, names))
        elif len(folders) == classes:
            self._classes = list(range(classes))
            self._by_order = True
        else:
            odd = next((folder.name for folder, name in zip(folders, names, strict=True) if name not in numbers), "")
            raise BadInput(
                f"folder {odd!r} of {str(data)!r} is not a label of card {card.name!r}, and there are {len(folders)} folders for "
                f"{classes} classes; name the folders as the labels, or set labels = [...] in the card"
            )
        self._truth: dict[str, int] = {}
        samples: list[Sample] = []
        for folder, number in zip(folders, self._classes, strict=True):
            for path in files_in(folder, self.suffixes):
                name = str(path.relative_to(data))
                self._truth[name] = number
                samples.append(Sample(name, path))
        if not samples:
            raise BadInput(
                f"the folders of {str(data)!r} do not have {self.what}; put the {self.what} of each class into its folder"
            )
        self.samples: Sequence[Sample] = samples
        self._names = {number: folder.name for folder, number in zip(folders, self._classes, strict=True)}
        self._count = classes

    def found(self, meaning: Any, sample: Sample) -> Plain:
        """The best classes, by number, with their probabilities."""
        del sample
        classified: Classification = meaning
        shares = list(classified.probabilities.values())
        best = sorted(range(len(shares)), key=lambda index: -shares[index])[:BEST]
        return {"best": [[index, round(shares[index], 6)] for index in best]}

    def figures(self, found: Mapping[str, Plain]) -> Figures:
        """The share of the pictures whose class is the best one, or among the best five."""
        first: Counter[int] = Counter()
        among: Counter[int] = Counter()
        total: Counter[int] = Counter()
        for sample, answer in found.items():
            number = self._truth[sample]
            best = [index for index, _ in answer["best"]]
            total[number] += 1
            first[number] += best[0] == number
            among[number] += number in best
        count = total.total()
        values = {"top-1": first.total() / count if count else math.nan}
        if self._count > BEST:
            values["top-5"] = among.total() / count if count else math.nan
        about = ("the folders are the classes in alphabetical order",) if self._by_order else ()
        each: list[Plain] = [
            {"class": self._names[number], self.what: total[number], "top-1": round(first[number] / total[number], 4)}
            for number in sorted(total)
        ]
        return Figures("top-1", values, count, about, each)


class Texts(Classes):
    """The same for texts: files in UTF-8, one text each."""

    what = "texts"
    suffixes = frozenset({".txt"})

    def __init__(self, network: NetworkLike, data: Path, pictures: Path | None) -> None:
        super().__init__(network, data, pictures)
        self._classifier = TextClassifier(network)

    def read(self, sample: Sample) -> Data:
        """The token ids of a text, and their mask.

        Raises:
            BadInput: the file cannot be read.
        """
        try:
            text = sample.path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeError) as error:
            raise BadInput(f"{str(sample.path)!r} cannot be read as a text: {error}; use a file in UTF-8") from error
        return self._classifier.inputs(text)
