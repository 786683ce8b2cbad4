"""Creates the pictures of the monitor for the README: screens of ``n6link monitor --demo`` in two sizes.

``python benchmarks/screenshots.py [FOLDER] [--seconds N]``
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from rich.console import Console

from n6link.monitor.app import DEMO, DEMO_FIRST, MESSAGE, TITLE, Monitor

PICTURES = ((80, 24, ""), (200, 60, "lll"))
"""columns, lines, and keys that are pressed first: the log level DEBUG"""
REFRESH = 3.0
"""seconds until the data for these keys were read"""


async def photograph(folder: Path, seconds: float) -> None:
    monitor = Monitor("sim:", network=DEMO_FIRST, busy=DEMO)
    watching = asyncio.create_task(monitor.watcher.watch())
    await asyncio.sleep(seconds)
    for width, height, keys in PICTURES:
        console = Console(width=width, height=height)
        for key in keys:
            await monitor.press(key, console)
        await asyncio.sleep(REFRESH + MESSAGE)
        path = folder / f"monitor-{width}x{height}.svg"
        monitor.recorded(console).save_svg(str(path), title=TITLE)
        print(path)
    watching.cancel()
    await asyncio.wait([watching])


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(__file__).resolve().parents[1] / "examples"
    arguments.add_argument("folder", type=Path, nargs="?", default=default, help="where the pictures go: examples")
    arguments.add_argument("--seconds", type=float, default=45.0, help="how long the demonstration runs before")
    given = arguments.parse_args()
    asyncio.run(photograph(given.folder, given.seconds))


if __name__ == "__main__":
    main()
