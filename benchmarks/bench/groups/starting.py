"""CPU time of an import and of a command, in a process of its own; the floor is the import of numpy in such a process."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from typing import Final

from bench.measure import Bench, Measure, Sample

PROGRAMS: Final = {
    "floor": "import numpy",
    "n6link": "import numpy, n6link",
    "N6Device": "import numpy; from n6link import N6Device",
    "n6link.blocking": "import numpy, n6link.blocking",
    "n6link --help": "from n6link.cli import app; app(['--help'], prog_name='n6link')",
}

ENVIRONMENT: Final = os.environ | {"PYTHONDONTWRITEBYTECODE": ""}
"""an installed package has compiled modules, and a process here writes what is missing"""


def started(program: str) -> Measure:
    """A process that runs a program, including its start."""

    def measure() -> Sample:
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL, env=ENVIRONMENT)
        wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
        return Sample(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)

    return measure


def run(bench: Bench) -> None:
    """All of them."""
    notes = {"floor": "import numpy"}
    bench.compare("start", "import", {name: started(program) for name, program in PROGRAMS.items()}, notes=notes)
