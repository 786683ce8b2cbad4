"""The colours of epoch kinds, the same in the page, the monitor, the tables of the commands, HTML reports and SVG pictures.

Colour-blind readers can distinguish them (Okabe and Ito, "Color Universal Design", 2008). Every view also writes the kind's name
or draws a texture.
"""

from __future__ import annotations

from typing import Final

from n6link.protocol import EpochKind

KIND_COLOURS: Final = {
    EpochKind.EC: "#0072b2",
    EpochKind.HW: "#009e73",
    EpochKind.HYBRID: "#e69f00",
    EpochKind.SW: "#d55e00",
    EpochKind.EXTRA: "#cc79a7",
}
"""sRGB as in CSS"""
OVERHEAD_COLOUR: Final = "#b8bcc2"
"""of the runtime's time between the blocks"""
SIXTEEN: Final = {
    KIND_COLOURS[EpochKind.EC]: "bright_blue",
    KIND_COLOURS[EpochKind.HW]: "cyan",
    KIND_COLOURS[EpochKind.HYBRID]: "yellow",
    KIND_COLOURS[EpochKind.SW]: "red",
    KIND_COLOURS[EpochKind.EXTRA]: "magenta",
    OVERHEAD_COLOUR: "white",
}
"""their names in a terminal with 16 colours, where the nearest ones are the same for several kinds"""
WARNING_COLOUR: Final = KIND_COLOURS[EpochKind.SW]
"""of notes that times are simulated"""
