"""The format of figures, bars and epoch kinds in the monitor and in the tables of all commands.

Kinds have different colours *and* different textures of their bars, for terminals without colour. Where an output cannot express
a character, such as redirected output on Windows, :func:`replace_characters` selects a similar one.
"""

from __future__ import annotations

import codecs
import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, TextIO

from rich.text import Text

from n6link.colours import KIND_COLOURS, SIXTEEN
from n6link.protocol import EpochKind

if TYPE_CHECKING:
    from rich.console import Console

_GLYPHS: Final = {
    EpochKind.EC: "█",
    EpochKind.HW: "▓",
    EpochKind.HYBRID: "▒",
    EpochKind.SW: "░",
    EpochKind.EXTRA: "·",
}
KIND_STYLES: Final = {kind: (KIND_COLOURS[kind], glyph) for kind, glyph in _GLYPHS.items()}
"""colour and texture of each kind"""
_SPARKS: Final = "▁▂▃▄▅▆▇█"
_SIMILAR: Final = {
    ord(letter): similar
    for similar, letters in {
        "#": "█▉▊▋▌▆▇",
        "=": "▓▄▅",
        "+": "▒",
        "-": "░─",
        "|": "▍▎▏‖",
        "_": "▁▂▃",
        ".": "·…",
        "*": "●",
        ">": "▶",
        " ": "°",
        "+-": "±",
    }.items()
    for letter in letters
}
"""ASCII text, by the code of the character that commands print"""


def duration(seconds: float) -> str:
    """``12.3 ms``: three digits and a unit."""
    if seconds <= 0 or math.isnan(seconds):
        return "-"
    factor, unit = (1e6, "us") if seconds < 0.9995e-3 else (1e3, "ms") if seconds < 0.9995 else (1.0, "s")
    value = seconds * factor
    return f"{value:.{max(0, 2 - int(math.log10(max(value, 1))))}f} {unit}"


def clock(seconds: float) -> str:
    """``1:02:03``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def size(count: float, *, base: int = 1024, units: Sequence[str] = ("B", "KiB", "MiB", "GiB")) -> str:
    """``864 KiB``: memory in powers of two, like the kB of ST's reports."""
    for unit in units[:-1]:
        if count < base * 0.9995:
            return f"{count:.{0 if unit == 'B' or count >= 99.95 else 1}f} {unit}"
        count /= base
    return f"{count:.1f} {units[-1]}"


def rate(bytes_per_second: float) -> str:
    """``92.0 kB/s``: decimal, as usual for link speeds."""
    return size(bytes_per_second, base=1000, units=("B", "kB", "MB", "GB")) + "/s"


def hertz(value: int) -> str:
    """``800 MHz``."""
    return f"{value / 1e6:g} MHz"


def counted(count: int, noun: str) -> str:
    """``1 run``, ``20 runs``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def short(count: int) -> str:
    """``12345``, ``4295M``: a 32-bit counter in at most five characters."""
    if count < 100_000:
        return str(count)
    return f"{count / 1e3:.0f}k" if count < 9_999_500 else f"{count / 1e6:.0f}M"


def spark(values: Sequence[float], width: int) -> str:
    """The last values as a line of blocks, the newest at the right."""
    shown = values[-width:]
    # The scale starts at half of the smallest value: from 0, small changes would not be visible.
    low = 0.5 * min(shown, default=0.0)
    span = max(shown, default=0.0) - low or 1.0
    return "".join(_SPARKS[min(int((v - low) / span * 7.999), 7)] for v in shown).ljust(width)


def bar(share: float, width: int, glyph: str, style: str) -> Text:
    """A horizontal bar; anything above zero shows at least one cell."""
    cells = min(width, max(round(share * width), 1 if share > 0 else 0))
    return Text(glyph * cells, style=style) + Text(" " * (width - cells))


def distinguish(console: Console) -> None:
    """Gives each kind a colour of its own if the terminal has only 16; rich selects the nearest one, yellow for both HYBRID and SW."""
    if console.color_system in ("standard", "windows"):
        from rich.theme import Theme

        console.push_theme(Theme(SIXTEEN))


def moves(console: Console) -> bool:
    """Whether lines can be replaced, as a bar or a live view does.

    FORCE_COLOR asks for colours in a file too, but a file keeps every line. A terminal of the type ``dumb`` has only lines.
    """
    return console.is_terminal and not console.is_dumb_terminal and console.file.isatty()


def replace_characters(stream: TextIO) -> None:
    """Lets a stream replace what its encoding cannot express: by a similar ASCII character, or by "?"."""
    if isinstance(stream, io.TextIOWrapper):
        codecs.register_error("n6link.similar", _similar)
        stream.reconfigure(errors="n6link.similar")


def _similar(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_SIMILAR)
    return text.encode("ascii", "replace").decode("ascii"), error.end
