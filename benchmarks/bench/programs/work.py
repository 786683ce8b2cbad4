"""What all programs do: names and sizes."""

from __future__ import annotations

from typing import Final

PING: Final = "ping"
RUN: Final = "run"
UPLOAD: Final = "upload"
DOWNLOAD: Final = "download"
WORKS: Final = (RUN, UPLOAD, DOWNLOAD, PING)
INPUT: Final = 110_592
"""bytes of MoveNet's input, 192 x 192 x 3"""
OUTPUT: Final = 29_952
"""bytes of the heatmaps of the bundled MoveNet, 48 x 48 x 13"""
TITLES: Final = {
    PING: "shortest request and its answer",
    RUN: f"{INPUT:,} B up, {OUTPUT:,} B down",
    UPLOAD: f"{INPUT:,} B up, acknowledged",
    DOWNLOAD: f"{OUTPUT:,} B down",
}
