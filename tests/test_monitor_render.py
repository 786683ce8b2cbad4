"""The screen at several sizes: nothing overlaps, nothing is lost that fits, and two pictures are golden.

``N6LINK_UPDATE_GOLDEN=1`` rewrites the golden files; look at them before they are committed.
"""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import monitor_readings as board
import pytest
from rich.console import Console

from n6link.monitor import render
from n6link.monitor.view import Model, View

GOLDEN = Path(__file__).parent / "data/monitor"


def console(width: int, height: int) -> Console:
    return Console(record=True, width=width, height=height, force_terminal=True, file=io.StringIO())


def lines(view: View, width: int, height: int) -> list[str]:
    out = console(width, height)
    out.print(render.render(view, width, height), height=height)
    return out.export_text().rstrip("\n").split("\n")


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 60)])
def test_golden_pictures(width: int, height: int) -> None:
    out = console(width, height)
    out.print(render.render(board.model().view(20.0), width, height), height=height)
    picture = out.export_svg(title="n6link monitor", unique_id="golden")
    path = GOLDEN / f"{width}x{height}.svg"
    if os.environ.get("N6LINK_UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(picture)
    assert picture == path.read_text()


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (100, 30), (132, 43), (200, 60)])
def test_every_size_is_filled_exactly(size: tuple[int, int]) -> None:
    width, height = size
    out = lines(board.model().view(20.0), width, height)
    assert len(out) <= height
    assert max(len(line) for line in out) <= width
    text = "\n".join(out)
    for part in ("STM32N6570-DK", "movenet", "networks", "epochs of movenet", "Resize", "q quit"):
        assert part in text
    if height >= 24:
        for part in ("memory pools", "864 KiB/1.0 MiB  84 %", "92.0 kB/s, 18.0 kB/s", "NPU fault 3 [not a markup]"):
            assert part in text


def test_kinds_differ_without_colour() -> None:
    glyphs = [glyph for _, glyph in render.KIND_STYLES.values()]
    assert len(set(glyphs)) == len(glyphs)
    screen = io.StringIO()
    out = Console(width=100, height=30, force_terminal=True, no_color=True, file=screen)
    out.print(render.render(board.model().view(20.0), 100, 30), height=30)
    text = screen.getvalue()
    assert not re.search(r"\x1b\[[\d;]*(3|4|9|10)\dm", text)
    assert "░░" in text


def test_a_lost_device_says_why_and_since_when() -> None:
    model = board.model()
    model.lost("The port /dev/ttyACM0 vanished.", 20.0)
    text = "\n".join(lines(model.view(85.0), 80, 24))
    assert "● lost 0:01:05" in text
    assert "The port /dev/ttyACM0 vanished." in text


def test_before_a_device_is_there() -> None:
    assert any("Waiting for a device" in line for line in lines(Model().view(1.0), 80, 24))


def test_paused_is_shown() -> None:
    model = board.model()
    model.paused = True
    assert "‖ paused" in lines(model.view(20.0), 80, 24)[0]


def test_many_networks_scroll_with_the_selection() -> None:
    model = board.model()
    model.select(-1)
    assert any(line.startswith("▶ tinybert") for line in lines(model.view(20.0), 60, 16))


def test_no_run_and_no_pools() -> None:
    model = Model()
    model.connected(board.IDENTITY, 0.0)
    model.select(1)
    text = "\n".join(lines(model.view(1.0), 80, 24))
    assert "no inference yet" in text
    assert "none reported" in text
    assert "no reading yet" in text
    assert "nothing so far" in text


def test_the_help_names_every_key() -> None:
    out = console(80, 24)
    out.print(render.render_help())
    text = out.export_text()
    assert all(key in text and what in text for key, what in render.HELP)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "-"), (float("nan"), "-"), (12.34e-6, "12.3 us"), (0.0219, "21.9 ms"), (0.104, "104 ms"), (0.99999, "1.00 s")],
)
def test_durations(seconds: float, expected: str) -> None:
    assert render.duration(seconds) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, "0 B"), (1000, "1000 B"), (884_736, "864 KiB"), (3 << 20, "3.0 MiB"), (5 << 30, "5.0 GiB")],
)
def test_memory_sizes(count: int, expected: str) -> None:
    assert render.size(count) == expected


@pytest.mark.parametrize(("speed", "expected"), [(92_160, "92.2 kB/s"), (4.5e6, "4.5 MB/s"), (2e9, "2.0 GB/s")])
def test_rates(speed: float, expected: str) -> None:
    assert render.rate(speed) == expected


def test_sparks_span_their_values() -> None:
    assert render.spark([1, 1, 2], 5) == "  ▃▃█"
    assert render.spark([], 3) == "   "


def test_bars_never_hide_something() -> None:
    assert render.bar(0.001, 10, "█", "green").plain == "█" + " " * 9
    assert render.bar(0.0, 4, "█", "green").plain == "    "
    assert render.bar(2.0, 4, "█", "green").plain == "████"
