"""Each view has the same colour for an epoch kind."""

from __future__ import annotations

import re
from pathlib import Path

from n6link.colours import KIND_COLOURS, OVERHEAD_COLOUR
from n6link.console import KIND_STYLES
from n6link.epochs.export.picture import COLOURS
from n6link.epochs.offload import OVERHEAD
from n6link.protocol import EpochKind

PACKAGE = Path(__file__).resolve().parent.parent / "n6link"


def test_every_kind_has_a_colour_of_its_own() -> None:
    assert set(KIND_COLOURS) == set(EpochKind)
    assert len({*KIND_COLOURS.values(), OVERHEAD_COLOUR}) == len(EpochKind) + 1


def test_views_have_the_same_colours() -> None:
    assert {kind: style for kind, (style, _) in KIND_STYLES.items()} == KIND_COLOURS
    assert {EpochKind[name]: colour for name, colour in COLOURS.items() if name != OVERHEAD} == KIND_COLOURS


def test_they_are_defined_once() -> None:
    colours = re.compile("|".join((*KIND_COLOURS.values(), OVERHEAD_COLOUR)), re.IGNORECASE)
    files = [path for suffix in ("py", "css", "js", "html") for path in PACKAGE.rglob(f"*.{suffix}")]
    found = {path.name for path in files if colours.search(path.read_text(encoding="utf-8"))}
    assert found == {"colours.py"}
