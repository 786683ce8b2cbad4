"""``python -m bench [GROUP...] [--mode full] [--json FILE]`` measures; ``python -m bench --compare BASE [NEW]`` compares two files."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench import compare, plot, report
from bench.groups import control, decoding, frames, links, monitoring, options, reductions, scale, sharing, starting
from bench.lines import uart
from bench.measure import Bench

MODES: Final = {"quick": (5, 0.03, 1, 2), "full": (11, 0.1, 10, 5), "smoke": (1, 1e-4, 0, 1)}
"""arguments of ``Bench``: under 2 minutes; about half an hour; a few seconds, for a test of the programs themselves"""
LINES: Final = {"quick": links.QUICK, "full": links.FULL, "smoke": links.SMOKE}
GROUPS: Final[dict[str, Callable[[Bench, str], None]]] = {
    "links": lambda bench, mode: links.run(bench, LINES[mode]),
    "frames": lambda bench, mode: (
        frames.run(bench, frames.FULL) if mode == "full" else frames.run(bench, frames.QUICK, most=1)
    ),
    "outputs": lambda bench, mode: reductions.run(bench, uart(921_600 if mode == "full" else 2_764_800)),
    "scale": lambda bench, mode: scale.run(bench, every=mode == "full"),
    "options": lambda bench, mode: options.run(bench),
    "decoding": lambda bench, mode: decoding.run(bench),
    "control": lambda bench, mode: control.run(bench, 10 if mode == "full" else 2),
    "monitor": lambda bench, mode: monitoring.run(bench, 30 if mode == "full" else 3),
    "sharing": lambda bench, mode: sharing.run(bench, {"quick": 2, "full": 10, "smoke": 0.1}[mode]),
    "start": lambda bench, mode: starting.run(bench),
}
ONLY_FULL: Final = ("monitor", "sharing")
"""groups that are too slow for the quick mode, unless they are named"""
BUILD: Final = Path(__file__).resolve().parents[2] / "build"


def measure(groups: list[str], mode: str, path: Path) -> None:
    """Runs groups, prints their table, and writes the samples and the plots."""
    bench = Bench(*MODES[mode], report=lambda row: print(report.line(row), flush=True))
    before, begun = report.machine(), time.monotonic()
    path.parent.mkdir(exist_ok=True)
    print(report.HEAD)
    with tempfile.TemporaryDirectory(prefix="n6bench-") as folder:
        os.environ["N6LINK_CONFIG"] = (
            f"{folder}/settings.toml"  # rates that are learnt are not those of the user's boards
        )
        for name in groups:
            GROUPS[name](bench, mode)
            report.save(path, bench.rows, mode, before)  # an interrupted run keeps its groups
    if (drawn := [row for row in bench.rows if row.group == scale.GROUP]) and importlib.util.find_spec("matplotlib"):
        plot.draw(drawn, path.with_suffix(".png"))
    names = {line.name for line in LINES[mode]}
    if compared := [row for row in bench.rows if row.group in names]:
        print(f"\n{links.table(compared)}")
    if any(row.group.startswith(frames.GROUP) for row in bench.rows):
        print(f"\n{frames.table(bench.rows)}")
    print(f"\n{time.monotonic() - begun:.0f} s; {path}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument(
        "groups",
        nargs="*",
        metavar="GROUP",
        help=f"{', '.join(GROUPS)}; default: all, without {', '.join(ONLY_FULL)} if not full",
    )
    parser.add_argument("--mode", choices=MODES, default="quick")
    parser.add_argument("--json", type=Path, default=BUILD / "bench.json", metavar="FILE")
    parser.add_argument(
        "--compare", type=Path, nargs="+", metavar="FILE", help="BASE, or BASE and NEW instead of --json"
    )
    arguments = parser.parse_args()
    if arguments.compare:
        base, new = [*arguments.compare, arguments.json][:2]
        sys.exit(compare.main(base, new))
    if unknown := set(arguments.groups) - set(GROUPS):
        parser.error(f"unknown group {', '.join(sorted(unknown))}; choose {', '.join(GROUPS)}")
    usual = [name for name in GROUPS if arguments.mode == "full" or name not in ONLY_FULL]
    measure(arguments.groups or usual, arguments.mode, arguments.json)


if __name__ == "__main__":
    main()
