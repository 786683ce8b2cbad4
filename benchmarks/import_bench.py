"""CPU time of an import, in a separate process, compared with numpy in the same run.

``python benchmarks/import_bench.py [--runs 15]``

The programs run alternately, so that other load affects all of them. ``more`` is the CPU time minus that of numpy's program.
``ratio`` is ``more`` divided by the time of numpy minus that of an empty program: it does not depend on the computer. Medians.
Each program runs once before the measurement, so that compiled files exist.
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
    """CPU seconds of a process that runs a program, including its start."""
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
