"""Saved inputs, outputs and expected values: what ``data`` holds (its README.md says where they come from)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from n6link.tensors import card
from n6link.tensors.card import Card

DATA: Final = Path(__file__).parent / "data"
PICTURE: Final = DATA / "pictures" / "grace_hopper.jpg"
"""512 x 600 pixels, one person"""
SENTIMENT: Final = DATA / "sentiment" / "sentiment_bert_48.tflite"


def arrays_of(path: Path) -> dict[str, NDArray[Any]]:
    """Everything in an .npz file."""
    with np.load(path) as file:
        return dict(file)


def prompts() -> list[dict[str, Any]]:
    """Prompts for the bundled text generator, and the tokens that always taking the best one gives."""
    found: list[dict[str, Any]] = json.loads((DATA / "text" / "greedy.json").read_text())
    assert len(found) == 8
    return found


@dataclass(frozen=True)
class Sentence:
    """A text for the sentiment network: its token ids without padding, and its logits."""

    text: str
    ids: list[int]
    logits: tuple[float, float]

    @property
    def label(self) -> str:
        return sentiment_card().labels[int(np.argmax(self.logits))]

    @property
    def probabilities(self) -> list[float]:
        powers = np.exp(self.logits)
        return list(powers / powers.sum())


def sentences() -> list[Sentence]:
    rows = json.loads((SENTIMENT.parent / "reference.json").read_text())
    assert len(rows) == 32
    return [Sentence(row["text"], row["ids"], tuple(row["logits"])) for row in rows]


def sentiment_card(labels: str = '["negative", "positive"]') -> Card:
    """The sentiment network's card, with other labels if wanted (as TOML)."""
    toml = SENTIMENT.with_suffix(".toml").read_text().replace('["negative", "positive"]', labels)
    return card.load(toml, base=SENTIMENT.parent, name="sentiment")
