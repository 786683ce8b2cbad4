"""The programs of ``make bench``: one tiny round, and what is made of samples. No time is asserted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
from bench import compare, report
from bench.measure import Bench, Row, Sample


def test_alternating_rounds_give_ratios_to_the_first_program() -> None:
    drift = iter(range(1, 100))
    bench = Bench(rounds=4, span=0, budget=1e9)

    def slower() -> Sample:
        return Sample(3.0 * (1 + next(drift) // 2), 2.0)

    bench.compare("g", "w", {"floor": lambda: Sample(1.0 * (1 + next(drift) // 2), 4.0), "other": slower})
    floor, other = bench.rows
    assert (floor.ratio("wall"), other.ratio("cpu"), len(other.samples)) == (1, 0.5, 4)
    assert 2 < other.ratio("wall") < 4, "the drift between rounds must not be in the ratio"


def rows(factor: float, noise: float, seed: int, count: int = 15) -> list[Row]:
    random = np.random.default_rng(seed)
    found = []
    for program in ("a", "b", "c", "d"):
        floor = tuple(Sample(wall, 0.1) for wall in random.lognormal(0, 1, count))
        scale = factor if program == "b" else 1.0
        samples = tuple(Sample(2 * scale * each.wall * random.lognormal(0, noise), 0.2) for each in floor)
        found.append(Row("g", "w", program, samples, floor))
    return found


@pytest.mark.parametrize(("factor", "shown"), [(1.0, []), (1.5, ["g / w / b, time"]), (0.6, ["g / w / b, time"])])
def test_only_changes_beyond_noise_are_shown(factor: float, shown: list[str]) -> None:
    found, omitted = compare.changes(rows(1, 0.1, 1), rows(factor, 0.1, 2))
    changes = compare.significant(found)
    assert ([change.what for change in changes], omitted) == (shown, 0)
    assert all(change.factor == pytest.approx(factor, rel=0.1) for change in changes)


def test_too_few_rounds_are_counted() -> None:
    found, omitted = compare.changes(rows(1, 0.1, 1, count=3), rows(9, 0.1, 2, count=3))
    assert (found, omitted) == ([], 8)


def test_a_smoke_run_measures_every_program_and_writes_a_file(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    command = [sys.executable, "-m", "bench", "links", "decoding", "--mode", "smoke", "--json", str(path)]
    done = subprocess.run(command, check=False, cwd=BENCHMARKS, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    machine, found = report.load(path)
    assert machine["versions"]["numpy"] == np.__version__
    programs = {row.program for row in found if row.group == "pty"}
    assert {"floor", "n6link", "pyserial in a thread", "ST's scheme"} <= programs
    assert all(sample.wall > 0 for row in found for sample in row.samples)
    assert all(report.line(row) in done.stdout for row in found)
    assert json.loads(path.read_text())["mode"] == "smoke"
