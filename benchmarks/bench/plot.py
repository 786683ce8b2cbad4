"""Draws the series of ``bench scale``: the time of a step against the quantity that is varied, with the straight line through the ends."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bench.measure import Row, interval


def draw(rows: Iterable[Row], path: Path) -> None:
    """Writes a PNG with one panel for each series.

    Args:
        rows: of the group ``scale``.
        path: of the file.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    series: dict[str, list[Row]] = {}
    for row in rows:
        series.setdefault(row.work, []).append(row)
    figure, panels = pyplot.subplots(
        1, len(series), figsize=(4 * len(series), 3.4), squeeze=False, layout="constrained"
    )
    for panel, (name, points) in zip(panels[0], series.items(), strict=True):
        x = [float(row.program) for row in points]
        for what, colour, label in (("wall", "tab:blue", "time"), ("cpu", "tab:orange", "CPU of the host")):
            y = [row.median(what) * 1e3 for row in points]
            low, high = zip(*(interval(row.values(what)) for row in points), strict=True)
            errors = [
                [at - 1e3 * end for at, end in zip(y, low, strict=True)],
                [1e3 * end - at for at, end in zip(y, high, strict=True)],
            ]
            panel.errorbar(x, y, errors, fmt="o-", color=colour, capsize=3, label=label)
            panel.plot([x[0], x[-1]], [y[0], y[-1]], ":", color=colour, linewidth=1)
        panel.set(xlabel=name, ylabel="ms", xlim=(0, None), ylim=(0, None))
        panel.grid(alpha=0.3)
    panels[0][0].legend()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
