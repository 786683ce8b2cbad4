"""Runs fuzz targets for some time each: ``make fuzz TIME=60 TARGET="link server"``.

For each target the output has the number of executions, the coverage of what the target tests, and the size of its corpus.
The exit status is 1 if a fault was found. The input that causes it is kept in ``firmware/build/fuzz/found``, and its path is printed.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fuzzing import corpus

ROOT: Final = Path(__file__).resolve().parents[2]
BUILD: Final = ROOT / "firmware" / "build" / "fuzz"
COUNTED: Final = ROOT / "firmware" / "build" / "fuzz-coverage"
LIMIT: Final = 512
"""bytes of an input"""
GRACE: Final = 120
"""seconds after the end of its time, after which a target is stopped"""


@dataclass(frozen=True)
class Target:
    """What is fuzzed.

    Attributes:
        name: of the target, and of the folder of its inputs.
        sources: what it tests, and of which the coverage is measured: a pattern of files for Python, a regular expression for C.
    """

    name: str
    sources: str

    @property
    def in_python(self) -> bool:
        return self.sources.endswith(".py")

    @property
    def found(self) -> Path:
        """Inputs that were found by this run and by earlier ones on this machine, and those that are kept."""
        return BUILD / "found" / self.name

    @property
    def command(self) -> list[str]:
        """What takes options and folders of libFuzzer."""
        if self.in_python:
            return [sys.executable, "-m", "fuzzing.run_python", self.name]
        return [str(BUILD / "test" / f"n6_fuzz_{self.name}")]


TARGETS: Final = (
    Target("link", "firmware/core/link/"),
    Target("server", "firmware/core/"),
    Target("dialogue", "firmware/core/"),
    Target("picture", "firmware/core/picture/"),
    Target("reader", "n6link/link/frames.py"),
    Target("host", "n6link/link/*.py"),
    Target("device", "n6link/session/*.py"),
)


@dataclass(frozen=True)
class Outcome:
    """What a target did.

    Attributes:
        failed: it found a fault, or could not run.
        runs: executions.
        output: of libFuzzer.
    """

    failed: bool
    runs: int
    output: str


def fuzz(target: Target, seconds: int) -> Outcome:
    """Runs a target, starting from its corpus."""
    target.found.mkdir(parents=True, exist_ok=True)
    for data in corpus.read(target.name):
        (target.found / hashlib.sha1(data).hexdigest()).write_bytes(data)
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={LIMIT}",
        "-timeout=25",
        f"-artifact_prefix={target.found}-failed-",
    ]
    code, output = _run([*target.command, *options, str(target.found)], seconds + GRACE)
    runs = max((int(number) for number in re.findall(r"^#(\d+)\t", output, re.MULTILINE)), default=0)
    return Outcome(code != 0 or not runs, runs, output)


def coverage(target: Target) -> str:
    """What all inputs of a target reach of its sources: lines and branches in percent."""
    if target.in_python:
        command = [sys.executable, "-m", "fuzzing.replay", target.name, target.sources, str(target.found)]
        return _run(command, GRACE)[1].strip()
    inputs = BUILD / "found" / f"{target.name}.hex"
    inputs.write_text("".join(path.read_bytes().hex() + "\n" for path in target.found.iterdir()))
    for counts in COUNTED.rglob("*.gcda"):
        counts.unlink()
    _run([str(COUNTED / "test" / f"n6_fuzz_{target.name}"), str(inputs)], GRACE)
    report = [sys.executable, "-m", "gcovr", "--config", os.devnull, "--root", str(ROOT), "--filter", target.sources]
    _, output = _run([*report, "--json-summary", "-", str(COUNTED)], GRACE)
    total = json.loads(output)
    return f"{total['line_percent']:.1f} % of lines, {total['branch_percent']:.1f} % of branches"


def merge(target: Target) -> None:
    """Replaces the inputs that are kept by the fewest that reach as many branches as all that were found.

    Raises:
        SystemExit: libFuzzer failed.
    """
    kept = BUILD / "kept" / target.name
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    options = ["-set_cover_merge=1", "-use_counters=0", f"-max_len={LIMIT}", str(kept), str(target.found)]
    code, output = _run([*target.command, *options], 10 * GRACE)
    if code != 0 or not any(kept.iterdir()):
        raise SystemExit(f"the corpus of {target.name} cannot be merged:\n{output[-2000:]}")
    corpus.write(target.name, (path.read_bytes() for path in kept.iterdir()))


def _run(command: list[str], seconds: int) -> tuple[int, str]:
    """The exit status and the output of a command; it is stopped after some seconds."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "tests")}
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            env=environment,
            cwd=ROOT,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as error:
        return 1, f"stopped after {seconds} s: {' '.join(command)}\n{error.output or ''}"
    return done.returncode, done.stdout


def main() -> int:
    """Returns the exit status."""
    names = [target.name for target in TARGETS]
    parser = argparse.ArgumentParser(prog="python -m fuzzing", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(names)}; none = all")
    parser.add_argument("--time", type=int, default=60, help="seconds for each target")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="targets at once")
    parser.add_argument("--merge", action="store_true", help="keep in the corpora what was found")
    options = parser.parse_args()
    if unknown := set(options.targets) - set(names):
        parser.error(f"unknown target: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    targets = [target for target in TARGETS if not options.targets or target.name in options.targets]
    python = [target.name for target in targets if target.in_python]
    if python and importlib.util.find_spec("atheris") is None:
        parser.error(
            f"atheris is not installed (it exists for Linux on x86-64); leave out {', '.join(python)} with TARGET="
        )
    bad: list[str] = []
    with ThreadPoolExecutor(options.jobs) as pool:
        for target, outcome in zip(targets, pool.map(lambda target: fuzz(target, options.time), targets), strict=True):
            if outcome.failed:
                bad.append(target.name)
                print(outcome.output[-4000:])
            elif options.merge:
                merge(target)
            sizes = [len(data) for data in corpus.read(target.name)]
            print(
                f"{target.name:8} {outcome.runs:9,} executions; coverage {coverage(target)}; "
                f"corpus of {len(sizes)} inputs with {sum(sizes):,} bytes: {'FAILED' if outcome.failed else 'no fault found'}",
                flush=True,
            )
    print(f"{len(targets)} targets: {'failed: ' + ', '.join(bad) if bad else 'no fault found'}")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
