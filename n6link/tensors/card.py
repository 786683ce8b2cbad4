"""Cards: small TOML files that describe what the tensors of a network mean.

A network file contains shapes, but not that 13 channels are joints. The card adds this. All keys but ``task`` are optional:

======================  ==============  =================  ===========================================================
key                     type            default            meaning
======================  ==============  =================  ===========================================================
task                    text            (required)         of :func:`n6link.decoders.tasks`: ``pose-heatmap``,
                                                           ``yolo``, ``segmentation`` ...
name                    text            the file's name    what the card is called
networks                list of text    [name]             networks it is for; ``*`` and ``?`` match as in file names
model                   text            <name>.tflite      the network's file, in the card's folder; only ``sim:`` reads it
keypoints               list of text    by their number    names of the keypoints, in the network's order
edges                   list of pairs   by their number    keypoints that are joined when drawn, by index from 0
labels                  list of text    (none)             names of the classes, in the network's order
classes                 whole number    by the labels      number of classes if they do not have names: ``class_0`` ...
anchors                 list of pairs   (none)             sizes of anchor boxes, width and height, 0..1 of the input
input.name              text            the first input    the input that receives the picture
input.fit               text            letterbox          ``letterbox``, ``stretch``, or ``crop`` (about the centre)
input.pad               0..255          0                  brightness of the letterbox's bars
input.resize            text            bilinear           filter of the scaling: ``nearest``, ``bilinear``, ``bicubic``,
                                                           ``lanczos``, ``box``; all but ``nearest`` average over the area
                                                           of a target pixel, as Pillow and area scaling do
input.colour            text            rgb                ``rgb``, ``bgr``; ``grey`` if the input has one channel
input.order             text            rgb                channels of the caller's arrays: ``rgb``, or ``bgr`` as OpenCV
                                                           reads frames; files and Pillow images are always right
input.layout            text            by the shape       ``nhwc`` or ``nchw``
input.mean, input.std   number or list  (none)             a pixel 0..255 becomes the real value (pixel - mean) / std.
                                                           Without them integer inputs take the pixel itself, signed
                                                           ones pixel - 128; float inputs require them
input.encode            text            (none)             how pictures are sent: ``raw``, ``qoi`` or ``jpeg:95``, see
                                                           :mod:`n6link.tensors.encoding`; a device that cannot do
                                                           this gets raw pictures
input.rate              whole number    (none)             samples per second of a sound that the network hears
output.name             text            the first output   the output that is decoded
output.scores           text            by the shapes      the output with the scores (``ssd``)
output.boxes            text            by the shapes      the output with the boxes (``ssd``)
output.anchors          file or text    by the shapes      the output, or the .npy file, with the anchors (``ssd``)
output.coordinates      text            normalised         ``normalised`` (0..1 of the input) or ``pixels`` of the input
text.tokenizer          file            (none)             tokenizer.json of Hugging Face's tokenizers
text.embedding          file            (none)             .npy: one row per token, as raw values or floats
text.pad                text or id      by the tokenizer   the token that fills a window
text.stop               list of text    []                 tokens that end a generated text
text.never              list of text    []                 tokens that are not generated, such as the one for unknown words
text.mask               text            the second input   the input that is 1 for tokens and 0 for padding
decode                  table           {}                 defaults of the decoder's own options, such as ``conf``
======================  ==============  =================  ===========================================================

File names are relative to the card. A network gets the user's card if one matches, else the card that its firmware reports,
else the bundled card with its name. A firmware's card has no folder: its file names refer to the bundled network with the
same name. The virtual board of a ``sim:`` URL reports a file on this machine, so its folder is known.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from n6link import networks
from n6link.errors import BadInput, CardError
from n6link.json_types import Json, JsonObject
from n6link.sheet import MOST, Sheet, Shown, facts
from n6link.tensors.encoding import Sent
from n6link.tensors.tensor import TensorSpec
from n6link.tensors.toml_table import Table

FITS: Final = ("letterbox", "stretch", "crop")
COLOURS: Final = ("rgb", "bgr", "grey")
LAYOUTS: Final = ("nhwc", "nchw")
ORDERS: Final = ("rgb", "bgr")
FILTERS: Final = ("nearest", "bilinear", "bicubic", "lanczos", "box")
MOST_CLASSES: Final = 65_536
COORDINATES: Final = ("normalised", "pixels")

_FILES: Final = {
    "model": "model",
    "tokenizer": "text.tokenizer",
    "embedding": "text.embedding",
    "anchor_file": "output.anchors",
}
"""Fields that name files, and their keys."""


@dataclass(frozen=True, slots=True)
class Picture:
    """How a picture, or a sound, becomes an input: the ``input`` keys of a card. None = by the tensor's shape."""

    name: str | None = None
    fit: str = "letterbox"
    pad: int = 0
    colour: str | None = None
    layout: str | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    resize: str = "bilinear"
    order: str = "rgb"
    rate: int | None = None
    encode: Sent | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Card(Shown):
    """What the tensors of a network mean; the fields are the keys above."""

    name: str
    task: str
    networks: tuple[str, ...]
    model: str
    input: Picture = Picture()
    output: str | None = None
    coordinates: str = "normalised"
    keypoints: tuple[str, ...] = ()
    edges: tuple[tuple[int, int], ...] | None = None
    labels: tuple[str, ...] = ()
    tokenizer: str | None = None
    embedding: str | None = None
    pad: str | int | None = None
    stop: tuple[str, ...] = ()
    mask: str | None = None
    scores: str | None = None
    boxes: str | None = None
    anchors: tuple[tuple[float, ...], ...] = ()
    anchor_file: str | None = None
    never: tuple[str, ...] = ()
    options: JsonObject = field(default_factory=dict[str, Json])
    text: str = ""
    """the TOML text itself, as a firmware can report it"""
    folder: Path | None = None
    """where its files are; None = nowhere"""

    def brief(self) -> str:
        """Its name and task."""
        return f"{self.name}: {self.task}"

    def sheet(self) -> Sheet:
        """Its keys."""
        about = {
            "task": self.task,
            "networks": ", ".join(self.networks),
            "input": ", ".join(
                f"{field.name} {str(value).strip('(),')}"
                for field in fields(Picture)
                if (value := getattr(self.input, field.name))
            ),
            "output": self.output,
            "keypoints": ", ".join(self.keypoints),
            "labels": ", ".join(self.labels[:MOST])
            + (f" and {len(self.labels) - MOST} more" if len(self.labels) > MOST else ""),
            "tokenizer": self.tokenizer,
            "decoder": ", ".join(f"{key} {value}" for key, value in self.options.items()),
            "folder": self.folder,
        }
        return Sheet((facts(about),))

    def fits(self, network: str) -> bool:
        """Whether the card is for a network with this name; case does not matter."""
        return any(fnmatchcase(network.lower(), pattern.lower()) for pattern in self.networks)

    def main_input(self, inputs: Mapping[str, TensorSpec]) -> TensorSpec:
        """The input that receives the picture or the token ids.

        Raises:
            CardError: the network has no such input.
        """
        return self._pick(self.input.name, inputs, "input")

    def decoded_output(self, outputs: Mapping[str, TensorSpec]) -> TensorSpec:
        """The output that is decoded.

        Raises:
            CardError: the network has no such output.
        """
        return self._pick(self.output, outputs, "output")

    def file(self, key: str) -> Path:
        """The path of ``tokenizer``, ``embedding``, ``anchor_file`` or ``model``.

        Raises:
            CardError: the card does not name it, has no folder, or the file does not exist.
        """
        name: str | None = getattr(self, key)
        key = _FILES[key]
        if name is None:
            raise CardError(f'card {self.name!r} does not have the key {key}; add {key} = "FILE"')
        if self.folder is None:
            raise CardError(
                f"card {self.name!r} comes from the firmware, which does not contain the file {name!r}; "
                f'pass the card as a file, with {name!r} in the same folder: N6Device(cards=["{self.name}.toml"])'
            )
        path = self.folder / name
        if not path.is_file():
            raise CardError(
                f"card {self.name!r}: {key} is {name!r}, but the file {path} does not exist; check the name"
            )
        return path

    def _pick(self, name: str | None, tensors: Mapping[str, TensorSpec], what: str) -> TensorSpec:
        if name is None and tensors:
            return next(iter(tensors.values()))
        if name is None or name not in tensors:
            raise CardError(
                f"card {self.name!r}: {what}.name is {name!r}, but the network has {', '.join(tensors) or 'none'}; use one of these"
            )
        return tensors[name]


def load(text: str, *, base: Path | None, name: str = "card", foreign: bool = False) -> Card:
    """Reads a card.

    Args:
        text: TOML.
        base: folder of its files; None = no folder.
        name: the card's name if it does not contain one.
        foreign: it comes from a device: its strings are made printable.

    Raises:
        CardError: not TOML, an unknown key, a value of the wrong type, or no task.
    """
    text = text.removeprefix("\ufeff")  # the byte order mark of some editors
    top = _parse(text, name, foreign=foreign)
    picture, output = top.table("input"), top.table("output")
    words, options = top.table("text"), top.mapping("decode")
    task = top.take("task", str, "")
    if not task:
        raise CardError(f'card {name!r} does not have the key task; add it, such as task = "pose-heatmap"')
    name = top.take("name", str, name)
    keypoints = top.texts("keypoints", ())
    card = Card(
        name,
        task,
        networks=top.texts("networks", (name,)),
        model=top.take("model", str, f"{name}.tflite"),
        input=_picture(picture),
        output=output.take("name", str, None),
        scores=output.take("scores", str, None),
        boxes=output.take("boxes", str, None),
        anchor_file=output.take("anchors", str, None),
        coordinates=output.choice("coordinates", COORDINATES, "normalised"),
        keypoints=keypoints,
        edges=top.pairs("edges", len(keypoints)),
        labels=_labels(top, name),
        anchors=top.sizes("anchors"),
        tokenizer=words.take("tokenizer", str, None),
        embedding=words.take("embedding", str, None),
        pad=words.text_or_number("pad"),
        stop=words.texts("stop", ()),
        never=words.texts("never", ()),
        mask=words.take("mask", str, None),
        options=options,
        text=text,
        folder=base,
    )
    for table in (picture, output, words, top):
        table.end()
    _check(card.input, name)
    return card


def _parse(text: str, name: str, *, foreign: bool) -> Table:
    import tomllib

    try:
        if "\0" in text:  # UTF-16 of Latin letters is also UTF-8
            raise CardError(f"card {name!r} cannot be read: the text is not UTF-8; save the file as UTF-8")
        values = tomllib.loads(text)
        return Table(values, f"card {name!r}", foreign=foreign)
    except RecursionError:
        raise CardError(f"card {name!r} cannot be read: its values are nested too deeply; remove brackets") from None
    except ValueError as error:  # TOMLDecodeError, or a number of too many digits
        raise CardError(f"card {name!r} is not valid TOML: {error}") from None


def _picture(table: Table) -> Picture:
    return Picture(
        name=table.take("name", str, None),
        fit=table.choice("fit", FITS, "letterbox"),
        pad=table.take("pad", int, 0),
        colour=table.choice("colour", COLOURS, None),
        layout=table.choice("layout", LAYOUTS, None),
        mean=table.numbers("mean"),
        std=table.numbers("std"),
        resize=table.choice("resize", FILTERS, "bilinear"),
        order=table.choice("order", ORDERS, "rgb"),
        rate=table.take("rate", int, None),
        encode=_sent(table),
    )


def _sent(table: Table) -> Sent | None:
    text = table.take("encode", str, None)
    try:
        return None if text is None else Sent.parse(text)
    except BadInput as error:
        raise table.error(f"input.{error}") from None


def _labels(top: Table, name: str) -> tuple[str, ...]:
    """The names of the classes: their numbers if the card has only the number of classes."""
    labels, classes = top.texts("labels", ()), top.take("classes", int, None)
    if classes is None:
        return labels
    if not 1 <= classes <= MOST_CLASSES or (labels and len(labels) != classes):
        wanted = f"{len(labels)}, the number of labels" if labels else f"a number from 1 to {MOST_CLASSES}"
        raise CardError(f"card {name!r}: classes is {classes}; it must be {wanted}, or omitted")
    return labels or tuple(map(class_label, range(classes)))


def class_label(index: int) -> str:
    """The name of a class that does not have one."""
    return f"class_{index}"


def _check(picture: Picture, name: str) -> None:
    if not 0 <= picture.pad <= 255:
        raise CardError(f"card {name!r}: input.pad is {picture.pad}; it must be a brightness from 0 to 255")
    if picture.rate is not None and picture.rate < 1:
        raise CardError(f"card {name!r}: input.rate is {picture.rate}; it must be the number of samples per second")
    if (picture.mean is None) != (picture.std is None) or 0 in (picture.std or ()):
        raise CardError(f"card {name!r}: input.mean and input.std must both be given, and std must not contain 0")


def read(path: str | os.PathLike[str]) -> Card:
    """Reads a card from a file.

    Raises:
        CardError: as :func:`load`, or the file cannot be read.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "the text is not UTF-8; save the file as UTF-8"
        raise CardError(f"card {path} cannot be read: {reason}") from None
    return load(text, base=path.parent, name=path.stem)


def bundled(network: str) -> Card | None:
    """The bundled card for a network with this name, if there is one."""
    cards = map(read, networks.cards().values())
    return next((card for card in cards if card.fits(network)), None)


def beside(model: str | os.PathLike[str]) -> Card | None:
    """The card in the same folder as a network's file: ``x.toml`` next to ``x.tflite``.

    Raises:
        CardError: it exists, but cannot be used.
    """
    path = Path(model).with_suffix(".toml")
    return read(path) if path.is_file() else None


def find(
    network: str,
    reported: str = "",
    cards: Sequence[Card | str | os.PathLike[str]] = (),
    *,
    file: str | os.PathLike[str] | None = None,
) -> Card | None:
    """The card that a network gets: the user's, else the firmware's, else the bundled one.

    Args:
        network: its name on the device.
        reported: the TOML text that its firmware reports, may be empty.
        cards: the user's, as cards or files. The first one whose ``networks`` match is used.
        file: the file that the reported card was read from, if it is on this machine: a virtual board's.

    Raises:
        CardError: the selected card cannot be used.
    """
    for given in cards:
        card = given if isinstance(given, Card) else read(given)
        if card.fits(network):
            return card
    if file is not None:
        return read(file)
    known = bundled(network)
    if not reported.strip():
        return known
    card = load(reported, base=known.folder if known else None, name=network, foreign=True)
    # A device must not be able to make the host read a file outside of the bundled folder.
    for name in (getattr(card, key) for key in _FILES):
        if name is not None and name != Path(name).name:
            raise CardError(f"the firmware's card for {network!r} contains the path {name!r}; use a plain file name")
    return card
