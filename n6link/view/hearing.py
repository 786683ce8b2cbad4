"""A sound for a network that hears samples: its windows, and a picture of its waveform in which the present one is marked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from n6link.decoders import card_of
from n6link.decoders.described import NetworkLike
from n6link.tensors import sound
from n6link.tensors.image import Pixels
from n6link.tensors.inputs import Value
from n6link.tensors.tensor import TensorSpec

WIDTH: Final = 960
HEIGHT: Final = 320
"""of the picture, in pixels"""
GROUND: Final = (22, 27, 34)
WAVE: Final = (110, 118, 129)
MARKED: Final = (86, 180, 233)


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """A sound that a viewer has chosen.

    Attributes:
        samples: -1..1, one channel.
        rate: samples per second.
    """

    samples: NDArray[np.float32]
    rate: int
    title: str


@dataclass(frozen=True, slots=True, eq=False)
class Hearing:
    """A sound as a network hears it.

    Attributes:
        seconds: duration of a window.
        windows: one after the other.
    """

    seconds: float
    windows: tuple[NDArray[np.float32], ...]
    _spec: TensorSpec
    _inside: NDArray[np.bool_]
    """the pixels of the waveform"""

    @classmethod
    def of(cls, network: NetworkLike, given: Sound) -> Self:
        """Converts a sound to the samples per second of a network, and divides it; for a thread.

        Raises:
            BadInput: the network does not hear samples.
            CardError: its samples per second are unknown.
            MissingExtra: a package is not installed.
        """
        card = card_of(network)
        spec = card.main_input(network.inputs)
        length, rate = sound.window(spec, network.name, card.input.rate), card.input.rate
        assert rate
        samples = sound.converted(given.samples, given.rate, rate)
        parts = tuple(sound.windows(samples, length))
        return cls(length / rate, parts, spec, _waveform(np.concatenate(parts)))

    def value(self, number: int) -> Value:
        """The network's input for a window."""
        return sound.values(self.windows[number], self._spec)

    def picture(self, number: int) -> Pixels:
        """The waveform, with one window marked."""
        pixels = np.full((HEIGHT, WIDTH, 3), GROUND, np.uint8)
        pixels[self._inside] = WAVE
        begin, end = (round(WIDTH * place / len(self.windows)) for place in (number, number + 1))
        marked = slice(begin, max(end, begin + 1))
        pixels[:, marked][self._inside[:, marked]] = MARKED
        return pixels


def _waveform(samples: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Pixels from the lowest to the highest sample of each column and of the beginning of the next one, so that it is one line."""
    first = (np.arange(WIDTH) * len(samples)) // WIDTH
    following = samples[np.append(first[1:], len(samples) - 1)]
    high = np.maximum(np.maximum.reduceat(samples, first), following)
    low = np.minimum(np.minimum.reduceat(samples, first), following)
    middle = (HEIGHT - 1) / 2
    top, bottom = (np.rint(middle * (1 - edge.clip(-1, 1))) for edge in (high, low))
    rows = np.arange(HEIGHT)[:, None]
    inside: NDArray[np.bool_] = (rows >= top - 1) & (rows <= bottom + 1)
    return inside
