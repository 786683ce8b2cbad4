"""The networks that ship with n6link, one folder each, with its card; and a photograph to try them on.

Where they come from, and under which licence, stands in the file ``NOTICE`` beside this one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
PHOTO: Final = FOLDER / "astronaut.png"
"""512 x 512 RGB photograph of Eileen Collins (NASA, public domain)."""


def cards() -> dict[str, Path]:
    """The card of each bundled network, by the network's name. The network itself is ``card.read(path).file("model")``."""
    return {path.parent.name: path for path in sorted(FOLDER.glob("*/*.toml")) if path.stem == path.parent.name}
