"""Sounds as inputs of networks that hear samples.

A sound is read by libsndfile (extra ``sound``): WAV with integers of 8 to 32 bits or floats, FLAC, Ogg and others. Samples are -1..1;
several channels become their mean. The card says how many samples per second the network hears (``input.rate``). A file of
another rate would give a wrong answer without any error: it is refused, or, if the user asks for it, converted by soxr.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from n6link.errors import BadInput, CardError, requires
from n6link.tensors.inputs import Raw, Value
from n6link.tensors.tensor import TensorSpec

SUFFIXES: Final = frozenset({".wav", ".flac", ".ogg", ".aiff", ".aif"})
LEAST: Final = 256
"""Fewer values are not a window of sound: a network that hears has at least some milliseconds."""


def window(spec: TensorSpec, network: str, rate: int | None) -> int:
    """The number of samples of an input.

    Raises:
        BadInput: the input cannot be samples of a sound.
        CardError: the network's rate is unknown.
    """
    length = max(spec.shape, default=0)
    if math.prod(spec.shape) != length or length < LEAST:
        raise BadInput(
            f"input {spec.name!r} of shape {spec.shape} is not a series of samples; compute what network {network!r} reads, "
            "such as a spectrogram, and pass it as .npy"
        )
    if rate is None:
        raise CardError(
            f"the samples per second that network {network!r} hears are unknown; add input.rate = 16000, or what was used in training, to its card"
        )
    return length


def load(file: Path | io.BytesIO, name: str, *, most: float = math.inf) -> tuple[NDArray[np.float32], int]:
    """The samples of a file, -1..1, one channel; and how many there are per second.

    Args:
        file: a sound.
        name: for messages.
        most: samples of all channels at most; a longer file is refused before it is decoded.

    Raises:
        BadInput: the file cannot be read, has no samples, or is too long.
        MissingExtra: a package is not installed.
    """
    if isinstance(file, Path) and not file.is_file():
        raise BadInput(f"{name!r} does not exist; check the name")
    library = _library("soundfile", f"reading {name!r}")
    try:
        with library.SoundFile(file) as opened:
            own, length = opened.samplerate, opened.frames * opened.channels
            if length > most:
                raise BadInput(f"{name!r} has {length} samples; use a sound with at most {most:.0f}")
            channels = opened.read(dtype="float32", always_2d=True)
    except BadInput:
        raise
    except (library.SoundFileError, OSError, ValueError, TypeError) as error:
        raise BadInput(f"{name!r} cannot be read as a sound: {error}; use WAV, FLAC or Ogg") from error
    samples: NDArray[np.float32] = channels.mean(axis=1, dtype=np.float32)
    if not len(samples):
        raise BadInput(f"{name!r} does not contain samples; record it again")
    if not np.isfinite(samples).all():
        raise BadInput(f"{name!r} contains a sample that is not finite; save it again")
    return samples, int(own)


def read(file: Path | io.BytesIO, name: str, rate: int, *, resample: bool) -> NDArray[np.float32]:
    """The samples of a file, -1..1, one channel.

    Args:
        file: a sound.
        name: for messages.
        rate: samples per second.
        resample: whether a file with another rate is converted.

    Raises:
        BadInput: as :func:`load`, or the file has another rate.
        MissingExtra: a package is not installed.
    """
    samples, own = load(file, name)
    if own != rate and not resample:
        raise BadInput(
            f"{name!r} has {own} samples per second, but the network hears {rate}; convert the file, or add --resample to n6link run"
        )
    return converted(samples, own, rate)


def converted(samples: NDArray[np.float32], own: int, rate: int) -> NDArray[np.float32]:
    """Samples with another number per second.

    Raises:
        MissingExtra: a package is not installed.
    """
    if own == rate:
        return samples
    other: NDArray[np.float32] = _library("soxr", "converting samples per second").resample(samples, own, rate)
    return other


def windows(samples: NDArray[np.float32], length: int) -> Iterator[NDArray[np.float32]]:
    """Parts of the network's length, one after the other; the last one ends with silence."""
    for begin in range(0, max(len(samples), 1), length):
        part = samples[begin : begin + length]
        yield np.pad(part, (0, length - len(part)))


def values(samples: NDArray[np.float32], spec: TensorSpec) -> Value:
    """Samples as values of an input: real ones, or, for integers without a scale, in steps of the integer's range."""
    shaped = samples.reshape(spec.shape)
    if spec.dtype.kind == "f" or spec.quantized:
        return shaped
    limits = np.iinfo(spec.dtype.str)
    steps = (int(limits.max) - int(limits.min) + 1) // 2
    middle = int(limits.min) + steps
    return Raw(np.clip(np.rint(shaped.astype(np.float64) * steps) + middle, limits.min, limits.max).astype(spec.dtype))


def _library(name: str, what: str) -> Any:
    with requires(what, name, "sound"):
        return import_module(name)
