"""The model of the transfer in ``firmware/verify``, and the runs in which spin checks it. ``make verify`` prints them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

MODEL: Final = Path(__file__).resolve().parents[1] / "firmware" / "verify" / "transfer.pml"
MEMORY: Final = 2048
"""megabytes that a run may use"""
LONGEST: Final = 280
"""seconds that a run may take on a busy machine"""


@dataclass(frozen=True)
class Run:
    """One size of the model, or one of its wrong rules.

    Attributes:
        name: of the run.
        what: it is about.
        sizes: macros of the model.
        safe: only the assertions and the dead ends are checked, and not that every call ends: that allows larger sizes.
        wrong: the rule that the model is to have instead of the right one; spin has to find a fault in it.
        found: what spin says then.
    """

    name: str
    what: str
    sizes: dict[str, int] = field(default_factory=dict)
    safe: bool = False
    wrong: str = ""
    found: str = ""

    @property
    def macros(self) -> dict[str, int]:
        """All that differs from the model as it is written."""
        return {**self.sizes, **({self.wrong: 1} if self.wrong else {})}


@dataclass(frozen=True)
class Verdict:
    """What spin says of a run.

    Attributes:
        errors: number of them; spin stops at the first one.
        complaint: the first one.
        states: that were found.
        depth: steps of the longest way.
        complete: all states were visited.
        seconds: of the search.
    """

    errors: int
    complaint: str
    states: int
    depth: int
    complete: bool
    seconds: float


_ENDLESS: Final = {"CALLS": 2, "DOWN": 0, "WINDOW": 1, "WRAP": 4, "LENGTH": 4, "ENDLESS": 1}
_FORGETS: Final = {**_ENDLESS, "UP": 1, "FAILING": 1, "KEYS": 5, "MOST": 1}
RUNS: Final = (
    Run("sizes", "one call, all faults", {"FAULTS": 3, "UP": 3, "DOWN": 2}, safe=True),
    Run("early", "requests that arrive twice", {"FAULTS": 2, "EARLY": 1, "UP": 2, "DOWN": 2}, safe=True),
    Run("two", "two calls next to each other", {"CALLS": 2, "UP": 2, "FAULTS": 1}, safe=True),
    Run("cuts", "a connection that is cut, and resumed", {"CUTS": 2, "UP": 2, "FAULTS": 1}, safe=True),
    Run("ends", "one call", {"UP": 2, "DOWN": 2, "FAULTS": 1, "EARLY": 1}),
    Run("narrow", "the smallest windows", {"UP": 2, "WINDOW": 1, "FAULTS": 2}),
    Run("two-end", "two calls next to each other", {"CALLS": 2, "UP": 1}),
    Run("endless", "one call next to others without end", {**_ENDLESS, "UP": 1}),
    Run("dead", "a line that may lose everything", {"UP": 1, "DOWN": 0, "DEAD": 1, "PATIENCE": 1}),
    Run("failing", "runs that fail", {"UP": 1, "FAULTS": 2, "FAILING": 1}),
    Run("forgets", "a run that fails, next to others without end, and a device that forgets keys", _FORGETS, safe=True),
    Run("resumed", "a connection that is cut, and resumed", {"UP": 2, "CUTS": 1}),
    Run("taken", "the same, when another host was there", {"UP": 1, "CUTS": 1, "TAKEOVER": 1}),
    Run(
        "livelock",
        "a repeated chunk that waits for credits which nobody asks for",
        {"UP": 2, "WINDOW": 1, "FAULTS": 2},
        wrong="OLD_PROBE",
        found="acceptance cycle",
    ),
    Run(
        "starvation",
        "the grants of others keep a lost COMMIT from being repeated",
        {**_ENDLESS, "UP": 1},
        wrong="OLD_PROGRESS",
        found="acceptance cycle",
    ),
    Run(
        "patience",
        "chunks that never arrive, and NAKs that do",
        {"UP": 1, "DEAD": 1, "PATIENCE": 1},
        wrong="OLD_PATIENCE",
        found="acceptance cycle",
    ),
    Run(
        "forgotten",
        "a HELLO that resumes, repeated: the session that it has resumed is thrown away",
        {"UP": 1, "CUTS": 1, "EARLY": 1},
        wrong="OLD_RESUME",
        found="acceptance cycle",
    ),
    Run(
        "twice",
        "the ERROR of a run that failed is lost, and its key is not known any more",
        {"UP": 1, "FAILING": 1},
        safe=True,
        wrong="OLD_KEYS",
        found=r"assertion violated \(runs",
    ),
    Run(
        "too-many",
        "the ERROR of a run that failed is lost, and its key is forgotten, because too many others run meanwhile",
        _FORGETS,
        safe=True,
        wrong="OLD_NEW",
        found=r"assertion violated \(runs",
    ),
)


def verify(run: Run) -> Verdict:
    """Has spin search all states of a run.

    Raises:
        subprocess.CalledProcessError: the model does not compile.
    """
    compiler = os.environ.get("CC") or shutil.which("cc")
    spin = shutil.which("spin")
    assert compiler and spin
    safe = ("-DSAFETY", "-DNOCLAIM") if run.safe else ("-DNFAIR=3",)
    with tempfile.TemporaryDirectory() as folder:

        def do(*command: str) -> str:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=LONGEST)
            return done.stdout

        shutil.copy(MODEL, folder)
        do(spin, "-a", *(f"-D{name}={value}" for name, value in run.macros.items()), MODEL.name)
        do(compiler, "-O0", "-w", "-DCOLLAPSE", f"-DMEMLIM={MEMORY}", "-DVECTORSZ=2048", *safe, "-o", "pan", "pan.c")
        said = do("./pan", "-m1000000", "-w20", *(() if run.safe else ("-a", "-f")))
    complaint = re.search(r"^pan:\d+: (.*)$", said, re.MULTILINE)
    return Verdict(
        errors=int(_number(r"errors: (\d+)", said)),
        complaint=complaint[1] if complaint else "",
        states=int(_number(r"^ *(\d\S*) states, stored", said)),
        depth=int(_number(r"depth reached (\d+)", said)),
        complete="max search depth too small" not in said and "Search not completed" not in said,
        seconds=_number(r"elapsed time ([\d.]+)", said),
    )


def _number(pattern: str, said: str) -> float:
    found = re.search(pattern, said, re.MULTILINE)
    assert found, said
    return float(found[1])


def as_expected(run: Run, verdict: Verdict) -> bool:
    """Whether nothing was found in all states, or what has to be found."""
    if run.wrong:
        return verdict.errors > 0 and bool(re.search(run.found, verdict.complaint))
    return verdict.errors == 0 and verdict.complete


def main(names: Sequence[str]) -> int:
    """Checks the runs of these names, or all; returns the exit status."""
    runs = [run for run in RUNS if not names or run.name in names]
    good, states = True, 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for run, verdict in zip(runs, pool.map(verify, runs), strict=True):
            expected = as_expected(run, verdict)
            good, states = good and expected, states + verdict.states
            checked = "safety" if run.safe else "safety, liveness"
            outcome = (
                f"{run.wrong} is found: {verdict.complaint}" if run.wrong else f"{checked}: {verdict.errors} errors"
            )
            sizes = " ".join(f"{name}={value}" for name, value in run.sizes.items())
            print(
                f"{'ok  ' if expected else 'FAIL'} {run.name:10} {verdict.states:9,} states, depth {verdict.depth:6,}, "
                f"{verdict.seconds:5.1f} s  {outcome}\n     {run.what} ({sizes})",
                flush=True,
            )
    print(f"{len(runs)} runs, {states:,} states: {'as expected' if good else 'NOT as expected'}")
    return not good


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
