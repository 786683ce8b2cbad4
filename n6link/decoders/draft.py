"""A draft of a card: from what tensors look like, and from what files of the network's origin say. Each line has its reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import tomlkit

from n6link import decoders
from n6link.decoders.metadata import Facts
from n6link.decoders.proposal import Proposal, proposals
from n6link.errors import BadInput, CardError
from n6link.json_types import Json
from n6link.tensors import card as cards
from n6link.tensors.card import Card
from n6link.tensors.image import NO_PICTURES, PictureInput
from n6link.tensors.tensor import TensorSpec

BACKGROUND: Final = "background"
SEGMENTATION: Final = 'task = "segmentation"'
_WITHOUT_LABELS: Final = ("pose-heatmap", "pose-points", "text-generation")


@dataclass(frozen=True, slots=True)
class _Network:
    """A network with another card, as decoders see it."""

    name: str
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    card: Card | None
    card_problem: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """A card that was made from tensors and files."""

    text: str
    """TOML"""
    card: Card
    problem: str
    """why it does not fit the network yet; empty = it fits"""


def draft(network: decoders.NetworkLike, facts: Sequence[Facts] = ()) -> Draft:
    """A card for a network.

    Args:
        network: its tensors.
        facts: what files say, the most reliable first.

    Raises:
        CardError: neither the tensors nor the files say what the network is for.
    """
    plain = _Network(network.name, network.inputs, network.outputs, None)
    found = proposals(plain)
    lines = _task(plain, found, facts)
    lines.append(f"networks = {_toml([network.name])}")
    given = {line.partition(" =")[0] for line in lines}
    for one in facts:
        for keys in _groups(one.keys):
            if not given & keys.keys():
                given |= keys.keys()
                lines += _lines(plain, lines, keys, one.source)
    lines += _input_lines(plain, lines)
    card = _load(plain, lines)
    if card.task.startswith("audio-") and card.input.rate is None:
        lines.append(
            "# input.rate = 16000  # samples per second of the sounds in training, if the network reads samples"
        )
    if not card.labels and card.task not in _WITHOUT_LABELS:
        lines.append('# labels = ["...", "..."]  # names of the classes, in the order of training')
    return Draft("\n".join(lines) + "\n", card, _problem(plain, lines))


def _task(network: _Network, found: Sequence[Proposal], facts: Sequence[Facts]) -> list[str]:
    """The lines with the task and, if it comes from the shapes, the keys that belong to it."""
    for one in facts:
        if (task := one.keys.get("task")) is not None:
            keys = next((proposal.keys for proposal in found if proposal.task == task), ())
            return [f"task = {_toml(task)}  # from {one.source}", *keys]
    if not found:
        shapes = ", ".join(f"{spec.name} {list(spec.shape)}" for spec in network.outputs.values())
        raise CardError(
            f"no decoder is known for the outputs of network {network.name!r}: {shapes}; its raw outputs are available in "
            "result.outputs"
        )
    best = found[0]
    return [
        f"# {best.why} ({'hardly anything else has this shape' if best.sure else 'a guess'})",
        f"task = {_toml(best.task)}",
        *(f"# task = {_toml(other.task)}  # {other.why}" for other in found[1:]),
        *best.keys,
    ]


def _groups(keys: Mapping[str, Json]) -> Iterator[dict[str, Json]]:
    """Keys without the task, those together that a card must have together."""
    for key, value in keys.items():
        if key == "input.mean":
            yield {key: value, "input.std": keys["input.std"]}
        elif key not in ("task", "input.std"):
            yield {key: value}


def _lines(network: _Network, lines: Sequence[str], keys: Mapping[str, Json], source: str) -> list[str]:
    """Keys from a file; comments if the card would not fit with them."""
    before = _problem(network, lines)
    choices = [keys]
    labels = keys.get("labels")
    if isinstance(labels, list) and len(labels) == 1 and any(line.startswith(SEGMENTATION) for line in lines):
        choices.append(
            {"labels": [BACKGROUND, *labels]}
        )  # a map with one value per pixel also has what is not the object
    reason = ""
    for choice in choices:
        added = [f"{key} = {_toml(value)}  # from {source}" for key, value in choice.items()]
        problem = _problem(network, [*lines, *added])
        if not problem or problem == before:
            return added
        reason = reason or problem
    return [f"# {key} = {_toml(value)}  # from {source}, but {reason}" for key, value in keys.items()]


def _input_lines(network: _Network, lines: Sequence[str]) -> list[str]:
    """How pixels become values of the first input that can be a picture."""
    for spec in network.inputs.values():
        try:
            PictureInput(spec)
        except CardError:
            continue
        if any(line.startswith("input.mean =") for line in lines):
            return []
        if spec.dtype.kind == "f":
            return ["input.mean = 127.5  # a guess: as in training, often also 0 and 255", "input.std = 127.5"]
        if spec.quantized and spec.dtype.itemsize == 1:
            limits = np.iinfo(spec.dtype.str)
            low, high = spec.dequantize(np.array([limits.min, limits.max], spec.dtype)).tolist()
            return [f"# input {spec.name} takes real values from {low:.4g} to {high:.4g}"]
        return []
    return []


def _load(network: _Network, lines: Sequence[str]) -> Card:
    return cards.load("\n".join(lines), base=None, name=network.name)


def _problem(network: _Network, lines: Sequence[str]) -> str:
    """Why a card does not fit; empty = it does."""
    try:
        card = _load(network, lines)
        described = replace(network, card=card)
        decoders.check(described)
        decoders.for_network(described).returns(described)  # reports options that the decoder does not have
        spec = card.main_input(network.inputs)
        if not card.task.startswith(NO_PICTURES):
            picture = PictureInput(spec, card)
            picture.prepare(np.zeros((*reversed(picture.size), 3), np.uint8))
    except (BadInput, CardError) as error:
        return str(error)
    return ""


def _toml(value: Json) -> str:
    return tomlkit.item(value).as_string()
