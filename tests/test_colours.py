"""Each view has the same colour for an epoch kind."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Literal

import pytest
from rich.console import Console
from rich.text import Text

from n6link.colours import KIND_COLOURS, OVERHEAD_COLOUR, SIXTEEN
from n6link.console import KIND_STYLES, distinguish
from n6link.epochs.export.picture import COLOURS
from n6link.epochs.offload import OVERHEAD
from n6link.protocol import EpochKind

PACKAGE = Path(__file__).resolve().parent.parent / "n6link"


def test_every_kind_has_a_colour_of_its_own() -> None:
    assert set(KIND_COLOURS) == set(EpochKind)
    assert len({*KIND_COLOURS.values(), OVERHEAD_COLOUR}) == len(EpochKind) + 1


@pytest.mark.parametrize("system", ["standard", "windows", "256", "truecolor"])
def test_every_kind_has_a_colour_of_its_own_in_every_terminal(
    system: Literal["standard", "windows", "256", "truecolor"],
) -> None:
    assert set(SIXTEEN) == {*KIND_COLOURS.values(), OVERHEAD_COLOUR}
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, color_system=system, legacy_windows=False)
    distinguish(console)
    for colour in SIXTEEN:
        console.print(Text("x", style=colour), end="")
        console.print(f"[{colour}]x[/]", end="")  # in markup too
    codes = re.findall(r"\x1b\[([0-9;]+)mx", file.getvalue())
    assert codes[::2] == codes[1::2] and len(set(codes)) == len(SIXTEEN)
    if system in ("standard", "windows"):
        assert dict(zip(SIXTEEN, codes[::2], strict=True)) == {
            KIND_COLOURS[EpochKind.EC]: "94",
            KIND_COLOURS[EpochKind.HW]: "36",
            KIND_COLOURS[EpochKind.HYBRID]: "33",
            KIND_COLOURS[EpochKind.SW]: "31",
            KIND_COLOURS[EpochKind.EXTRA]: "35",
            OVERHEAD_COLOUR: "37",
        }


def test_views_have_the_same_colours() -> None:
    assert {kind: style for kind, (style, _) in KIND_STYLES.items()} == KIND_COLOURS
    assert {EpochKind[name]: colour for name, colour in COLOURS.items() if name != OVERHEAD} == KIND_COLOURS


def test_they_are_defined_once() -> None:
    colours = re.compile("|".join((*KIND_COLOURS.values(), OVERHEAD_COLOUR)), re.IGNORECASE)
    files = [path for suffix in ("py", "css", "js", "html") for path in PACKAGE.rglob(f"*.{suffix}")]
    found = {path.name for path in files if colours.search(path.read_text(encoding="utf-8"))}
    assert found == {"colours.py"}
