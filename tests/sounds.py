"""A network that hears: which of two tones a window of samples has, and files with such tones."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray
from tflite import write_fully_connected

RATE: Final = 8000
"""samples per second"""
WINDOW: Final = 512
"""samples: 64 ms"""
HEARD: Final = 96
"""first samples of a window that count: sums of more would not fit into int8"""
PERIODS: Final = {"low": 32, "high": 8}
"""samples of a period"""


def tone(name: str, samples: int = WINDOW) -> NDArray[np.float32]:
    """A square wave, or silence."""
    if name == "silence":
        return np.zeros(samples, np.float32)
    half = PERIODS[name] // 2
    return np.where(np.arange(samples) // half % 2, -1, 1).astype(np.float32)


def write_sound(path: Path, *names: str, rate: int = RATE) -> Path:
    """A file with a window of each tone."""
    samples = np.concatenate([np.repeat(tone(name), rate // RATE) for name in names])
    soundfile.write(path, 0.9 * samples, rate)
    return path


def hearing(folder: Path) -> str:
    """The URL of a virtual board with the network ``ear``, which has a card."""
    weights = np.zeros((len(PERIODS) + 1, WINDOW), np.int8)
    for row, name in enumerate(PERIODS):
        weights[row, :HEARD] = tone(name)[:HEARD]
    weights[-1, 0] = 1  # a little of any sound
    write_fully_connected(folder / "ear.tflite", weights, rows=1)
    labels = ", ".join(f'"{name}"' for name in (*PERIODS, "other"))
    (folder / "ear.toml").write_text(
        f'task = "audio-classification"\nlabels = [{labels}]\n[input]\nrate = {RATE}\n', encoding="utf-8"
    )
    return f"sim:{folder / 'ear.tflite'}"
