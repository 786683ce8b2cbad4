"""Builds and runs all targets for some time: ``python -m fuzzing --time 60`` in ``tests``.

Inputs that reach something new are merged into the corpora if ``--merge`` is given; an input that fails is left in the folder
``firmware/build/fuzz``, and its name is printed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
FIRMWARE: Final = ROOT / "firmware"
BUILD: Final = FIRMWARE / "build" / "fuzz"
LIMIT: Final = 512
"""bytes of an input"""
SANITIZERS: Final = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")
FLAGS: Final = ("-std=c11", "-g", "-O1", *SANITIZERS)


@dataclass(frozen=True)
class Target:
    """What is fuzzed.

    Attributes:
        name: of the target.
        sources: of one in C, in ``firmware/test``; empty = one in Python.
        corpus: inputs that are kept; the tests replay them.
    """

    name: str
    sources: tuple[str, ...] = field(default=())

    @property
    def corpus(self) -> Path:
        return (FIRMWARE / "test" if self.sources else Path(__file__).parent) / "corpus" / self.name


TARGETS: Final = (
    Target("link", ("fuzz_link.c", "fuzz_replay.c", "n6_rig.c")),
    Target("server", ("fuzz_server.c", "n6_rig.c")),
    Target("dialogue", ("fuzz_dialogue.c", "fuzz_replay.c", "n6_rig.c")),
    Target("reader"),
    Target("host"),
)


def compiler() -> str:
    """The clang that has libFuzzer.

    Raises:
        SystemExit: there is none.
    """
    for name in (os.environ.get("CLANG", ""), "clang-19", "clang"):
        if name and shutil.which(name):
            return name
    raise SystemExit("no clang was found: install clang-19, or name one in CLANG")


def build(target: Target) -> list[str]:
    """The command that runs a target. Only the core is counted, not what plays the host."""
    if not target.sources:
        return [sys.executable, "-m", "fuzzing.python_target", target.name]
    folder = BUILD / target.name
    folder.mkdir(parents=True, exist_ok=True)
    clang = compiler()
    include = [f"-I{path}" for path in sorted({header.parent for header in (FIRMWARE / "core").rglob("*.h")})]
    include.append(f"-I{FIRMWARE / 'test'}")
    objects: list[str] = []
    for source in [*sorted((FIRMWARE / "core").rglob("*.c")), *(FIRMWARE / "test" / name for name in target.sources)]:
        counted = ["-fsanitize=fuzzer-no-link"] if "core" in source.parts else []
        out = str(folder / f"{source.stem}.o")
        subprocess.run([clang, *FLAGS, *counted, *include, "-DN6_LIBFUZZER", "-c", str(source), "-o", out], check=True)
        objects.append(out)
    program = str(folder / "fuzz")
    subprocess.run([clang, *FLAGS, "-fsanitize=fuzzer", *objects, "-o", program], check=True)
    return [program]


@dataclass(frozen=True)
class Verdict:
    """What came of a target."""

    failed: bool
    runs: int
    covered: int
    counters: int
    """of which covered are hit; 0 = not known, in Python"""
    features: int
    inputs: int
    size: int
    said: str


def fuzz(target: Target, seconds: int, *, merge: bool) -> Verdict:
    """Runs a target for some seconds, from its corpus on."""
    command = build(target)
    found = BUILD / target.name / "corpus"
    found.mkdir(parents=True, exist_ok=True)
    target.corpus.mkdir(parents=True, exist_ok=True)
    artifacts = BUILD / target.name / "failed-"
    options = [f"-max_total_time={seconds}", f"-max_len={LIMIT}", "-timeout=25", "-print_final_stats=1"]
    options += [f"-artifact_prefix={artifacts}", str(found), str(target.corpus)]
    failed, said = _run([*command, *options])
    if merge and not failed:
        _merge(command, target, found)
    covered = re.findall(r"cov: (\d+) ft: (\d+)", said) or [(0, 0)]
    files = [path.stat().st_size for path in target.corpus.iterdir()]
    return Verdict(
        failed=failed,
        runs=max((int(number) for number in re.findall(r"^#(\d+)\t", said, re.MULTILINE)), default=0),
        covered=int(covered[-1][0]),
        counters=sum(int(number) for number in re.findall(r"\((\d+) inline 8-bit counters\)", said)),
        features=int(covered[-1][1]),
        inputs=len(files),
        size=sum(files),
        said=said,
    )


def _run(command: list[str]) -> tuple[bool, str]:
    path = os.pathsep.join([str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path}
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", check=False, env=environment, cwd=ROOT
    )
    return done.returncode != 0, done.stdout + done.stderr


def _merge(command: list[str], target: Target, found: Path) -> None:
    """The fewest inputs that reach all that both corpora reach."""
    kept = BUILD / target.name / "kept"
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir()
    failed, said = _run([*command, "-set_cover_merge=1", "-use_counters=0", f"-max_len={LIMIT}", str(kept), str(target.corpus), str(found)])
    if failed or not any(kept.iterdir()):
        raise SystemExit(f"the corpus of {target.name} cannot be merged:\n{said[-2000:]}")
    shutil.rmtree(target.corpus)
    shutil.copytree(kept, target.corpus)


def main() -> int:
    """Returns the exit status: 1 if a target failed."""
    parser = argparse.ArgumentParser(prog="python -m fuzzing", description=__doc__)
    parser.add_argument("targets", nargs="*", help="of " + ", ".join(target.name for target in TARGETS) + "; none = all")
    parser.add_argument("--time", type=int, default=60, help="seconds for all targets together, without the build")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="targets at once")
    parser.add_argument("--merge", action="store_true", help="keep in the corpora what was found")
    options = parser.parse_args()
    targets = [target for target in TARGETS if not options.targets or target.name in options.targets]
    seconds = max(options.time // len(targets), 1)
    bad: list[str] = []
    with ThreadPoolExecutor(options.jobs) as pool:
        verdicts = pool.map(lambda target: fuzz(target, seconds, merge=options.merge), targets)
        for target, verdict in zip(targets, verdicts, strict=True):
            of = f" of {verdict.counters:,}" if verdict.counters else ""
            print(
                f"{target.name:9} {verdict.runs:9,} executions, coverage {verdict.covered:,}{of}, {verdict.features:,} features, "
                f"corpus of {verdict.inputs} inputs, {verdict.size:,} bytes: {'FAILED' if verdict.failed else 'nothing found'}",
                flush=True,
            )
            if verdict.failed:
                bad.append(target.name)
                print(verdict.said[-4000:], flush=True)
    print(f"{len(targets)} targets: {'failed: ' + ', '.join(bad) if bad else 'nothing found'}")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
