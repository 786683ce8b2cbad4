"""The networks that ship with n6link, one folder each, with its card, and a photograph for tests.

Their sources and licences are in the file ``NOTICE`` in this folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
PHOTO: Final = FOLDER / "astronaut.png"
"""512 x 512 RGB photograph of Eileen Collins (NASA, public domain)."""


def cards() -> dict[str, Path]:
    """The card of each bundled network, by the network's name. The network's file is ``card.read(path).file("model")``."""
    return {path.parent.name: path for path in sorted(FOLDER.glob("*/*.toml")) if path.stem == path.parent.name}
