"""A profile as one SVG picture: the time of an inference, block by block.

The upper bar divides the time of the inference by kind. Below it every block has a bar with its mean time, in the colour of its
kind, with a line up to the 95th percentile; the slowest blocks have numbers and labels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape
from typing import Final

from n6link.colours import KIND_COLOURS, OVERHEAD_COLOUR, WARNING_COLOUR
from n6link.epochs.offload import OVERHEAD
from n6link.epochs.profile import Profile

COLOURS: Final = {kind.name: colour for kind, colour in KIND_COLOURS.items()} | {OVERHEAD: OVERHEAD_COLOUR}
"""colour of each kind, by name, and of the overhead"""
NAMED: Final = 8
"""Number of the slowest blocks with a label."""
WIDTH: Final = 960
_LEFT, _RIGHT, _SHARES, _TOP, _PLOT = 64, 24, 110, 196, 260
_INK, _SOFT, _LINE = "#1d2129", "#5f6775", "#dfe3e8"
_FONT: Final = "font-family='system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif'"


def clean(text: str, length: int = 60) -> str:
    """Text for XML: printable, not too long, escaped."""
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return escape(text if len(text) <= length else text[: length - 1] + "…")


def milliseconds(seconds: float) -> str:
    """Milliseconds with a resolution of 1 us; below 0.1 ms 0.1 us, from 100 ms 0.1 ms."""
    if 0 < seconds < 1e-4:
        return f"{seconds * 1e3:.4f} ms"
    return f"{seconds * 1e3:.3f} ms" if seconds < 0.1 else f"{seconds * 1e3:.1f} ms"


def picture(profile: Profile) -> str:
    """The profile as SVG text, 960 wide."""
    slowest = [(block, seconds) for block, seconds in profile.slowest(NAMED) if seconds > 0]
    rows = (len(slowest) + 1) // 2
    height = _TOP + _PLOT + 58 + 20 * rows
    parts = [*_head(profile), *_share_bar(profile), *_plot(profile, [block.index for block, _ in slowest])]
    for place, (block, seconds) in enumerate(slowest):
        x, y = _LEFT + (WIDTH - _LEFT - _RIGHT) / 2 * (place // rows), _TOP + _PLOT + 58 + 20 * (place % rows)
        label = f"{place + 1}  {clean(block.label, 44)}"
        parts.append(_text(x, y, label, 12, _INK))
        parts.append(_text(x + 400, y, milliseconds(seconds), 12, _SOFT, "end"))
    body = "\n".join(parts)
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{height}' "
        f"viewBox='0 0 {WIDTH} {height}' {_FONT}>\n<rect width='100%' height='100%' fill='#fff'/>\n{body}\n</svg>\n"
    )


def _text(x: float, y: float, text: str, size: int, colour: str, anchor: str = "start", weight: int = 400) -> str:
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' fill='{colour}' text-anchor='{anchor}' "
        f"font-weight='{weight}' xml:space='preserve'>{text}</text>"
    )


def _rect(x: float, y: float, width: float, height: float, colour: str, title: str) -> str:
    box = f"x='{x:.2f}' y='{y:.2f}' width='{width:.2f}' height='{height:.2f}' fill='{colour}'"
    return f"<rect {box}><title>{title}</title></rect>"


def _head(profile: Profile) -> Iterator[str]:
    spread = profile.inference
    runs = f"{profile.runs} run" + "s" * (profile.runs > 1)
    figures = f"median {milliseconds(float(spread.median))}, p95 {milliseconds(float(spread.p95))} over {runs}"
    yield _text(_LEFT, 36, clean(profile.network), 20, _INK, weight=650)
    yield _text(_LEFT, 57, figures, 13, _INK)
    yield _text(_LEFT, 75, f"on the NPU: {profile.use}", 13, _INK)
    colour = WARNING_COLOUR if profile.simulated else _SOFT
    yield _text(_LEFT, 94, clean(f"{profile.board}; times: {profile.origin}", 140), 12, colour)


def _share_bar(profile: Profile) -> Iterator[str]:
    x, width, legend = float(_LEFT), WIDTH - _LEFT - _RIGHT, float(_LEFT)
    for name, share in profile.by_kind().items():
        if share > 0:
            yield _rect(x, _SHARES, share * width, 22, COLOURS[name], f"{name} {share:.1%}")
            yield _rect(legend, _SHARES + 33, 10, 10, COLOURS[name], name)
            yield _text(legend + 15, _SHARES + 42, f"{name} {share:.1%}", 12, _INK)
            x += share * width
            legend += 120


def _round_step(top: float) -> float:
    """Distance of grid lines: 1, 2 or 5 times a power of ten, with at most five lines below the top."""
    decade = 10.0 ** math.floor(math.log10(top))
    return next(step * decade for step in (0.2, 0.5, 1.0, 2.0) if top / (step * decade) <= 5)


def _plot(profile: Profile, numbered: list[int]) -> Iterator[str]:
    spread, blocks = profile.blocks, profile.table.blocks
    top = float(max(spread.p95.max(initial=0), spread.mean.max(initial=0))) or 1e-9
    step, scale = (WIDTH - _LEFT - _RIGHT) / max(len(blocks), 1), (_PLOT - 20) / top
    ground = _TOP + _PLOT
    grid = _round_step(top)
    for line in range(int(top / grid) + 1):
        y = ground - scale * grid * line
        yield f"<line x1='{_LEFT}' x2='{WIDTH - _RIGHT}' y1='{y:.1f}' y2='{y:.1f}' stroke='{_LINE}'/>"
        yield _text(_LEFT - 8, y + 4, f"{grid * line * 1e3:.6g}", 11, _SOFT, "end")
    yield _text(_LEFT - 8, _TOP - 4, "ms", 11, _SOFT, "end")
    bar = max(step * 0.8, 0.5)
    for block, mean, p95 in zip(blocks, spread.mean.tolist(), spread.p95.tolist(), strict=True):
        x = _LEFT + step * (block.index + 0.5)
        title = f"{clean(block.label, 200)}: mean {milliseconds(mean)}, p95 {milliseconds(p95)}"
        yield _rect(x - bar / 2, ground - scale * mean, bar, scale * mean, COLOURS[block.kind.name], title)
        if step > 3:
            whisker = f"y1='{ground - scale * mean:.2f}' y2='{ground - scale * p95:.2f}'"
            yield f"<line x1='{x:.2f}' x2='{x:.2f}' {whisker} stroke='{_INK}' stroke-width='1'/>"
    for place, index in enumerate(numbered):
        y = ground - scale * max(float(spread.p95[index]), float(spread.mean[index])) - 5
        yield _text(_LEFT + step * (index + 0.5), y, str(place + 1), 11, _INK, "middle", 650)
    yield f"<line x1='{_LEFT}' x2='{WIDTH - _RIGHT}' y1='{ground}' y2='{ground}' stroke='{_SOFT}'/>"
    anchors = ("middle",) * 3 if step > 80 else ("start", "middle", "end")
    for index, anchor in zip((0, len(blocks) // 2, len(blocks) - 1), anchors, strict=True) if len(blocks) > 2 else ():
        yield _text(_LEFT + step * (index + 0.5), ground + 17, f"epoch {blocks[index].span}", 11, _SOFT, anchor)
