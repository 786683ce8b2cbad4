"""What an import costs, in CPU time of a process of its own, next to what numpy costs in the same run.

``python benchmarks/import_bench.py [--runs 15]``

The programs take turns, so that a busy computer slows all of them down. ``more`` is CPU time above that of numpy's program, and
``ratio`` the same as a multiple of what numpy costs above an empty program: a figure that does not depend on the computer. Medians.
Compiled files exist when counting begins: each program runs once before.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from statistics import median
from typing import Final

HELP: Final = "from n6link.cli import app; app(['--help'], prog_name='n6link')"
PROGRAMS: Final = {
    "nothing": "pass",
    "numpy": "import numpy",
    "n6link": "import numpy, n6link",
    "n6link.blocking": "import numpy, n6link.blocking",
    "n6link --help": HELP,
}


def cpu(program: str) -> float:
    """CPU seconds of a process that runs a program, its start included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15)
    runs: int = parser.parse_args().runs
    taken: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for number in range(-1, runs):
        for name, program in PROGRAMS.items():
            seconds = cpu(program)
            if number >= 0:
                taken[name].append(seconds)
    numpy = median(taken["numpy"])
    alone = median([one - nothing for one, nothing in zip(taken["numpy"], taken["nothing"], strict=True)])
    print(f"{'':16} {'CPU':>8} {'more':>8} {'ratio':>7}")
    for name, samples in taken.items():
        more = median([one - other for one, other in zip(samples, taken["numpy"], strict=True)])
        figures = f"{more * 1e3:5.0f} ms {more / alone:7.2f}" if median(samples) > numpy else ""
        print(f"{name:16} {median(samples) * 1e3:5.0f} ms {figures}")


if __name__ == "__main__":
    main()
