"""Figures, bars and sparklines."""

from __future__ import annotations

import pytest

from n6link import console as render


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


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, "0"), (99_999, "99999"), (100_000, "100k"), (9_999_499, "9999k"), (9_999_500, "10M"), (2**32 - 1, "4295M")],
)
def test_counters_have_five_characters_at_most(count: int, expected: str) -> None:
    assert render.short(count) == expected


def test_clocks() -> None:
    assert [render.clock(seconds) for seconds in (0.9, 61, 360_005)] == ["0:00:00", "0:01:01", "100:00:05"]
    assert render.hertz(800_000_000) == "800 MHz"


def test_sparks_span_their_values_and_grow_to_the_right() -> None:
    assert render.spark([1, 1, 2], 5) == "▃▃█  "
    assert render.spark([9, 1, 1, 2], 3) == "▃▃█"
    assert render.spark([], 3) == "   "


def test_bars_never_hide_something() -> None:
    assert render.bar(0.001, 10, "█", "green").plain == "█" + " " * 9
    assert render.bar(0.0, 4, "█", "green").plain == "    "
    assert render.bar(2.0, 4, "█", "green").plain == "████"


def test_kinds_differ_without_colour() -> None:
    glyphs = [glyph for _, glyph in render.KIND_STYLES.values()]
    assert len(set(glyphs)) == len(glyphs)
