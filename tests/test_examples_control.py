"""The control loop among the examples follows the person, and draws what it measured."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

pytestmark = pytest.mark.usefixtures("virtual_board")
ARM = Path(__file__).parents[1] / "examples" / "arm.py"
SVG = "{http://www.w3.org/2000/svg}"


def test_arm_follows_and_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    out = tmp_path / "arm.svg"
    row = r"^ *(\d+) ms +(\d+) +(\d+) +\d+ +[\d.]+ +[\d./]+ +(\d+)/\d+ +[\d.]+/[\d.]+° +([\d.]+)/[\d.]+° *$"
    for seconds in ("0.5", "4", "20"):  # while other programs use the computer, the arm gets few poses, and late
        command = [sys.executable, "-W", "error", str(ARM), "--seconds", seconds, "--delay", "0", "100"]
        done = subprocess.run(
            [*command, "--out", str(out)], capture_output=True, text=True, encoding="utf-8", timeout=100, check=False
        )
        assert done.returncode == 0 and not done.stderr, done.stderr
        rows = re.findall(row, done.stdout, re.MULTILINE)
        assert [int(delay) for delay, *_ in rows] == [0, 100], done.stdout
        assert all(int(age) >= int(delay) for delay, _, _, age, _ in rows)
        if follows := all(
            int(poses) > 3 and int(ticks) > 10 and float(error) < 45 for _, poses, ticks, _, error in rows
        ):
            break
    assert follows, rows

    drawing = ET.parse(out).getroot()
    lines = [line.attrib["points"].split() for line in drawing.iter(f"{SVG}polyline")]
    assert drawing.tag == f"{SVG}svg" and len(lines) == 2
    for line, (_, _, ticks, _, _) in zip(lines, rows, strict=True):
        assert 3 < len(line) <= int(ticks)
    dots = sum(1 for _ in drawing.iter(f"{SVG}circle"))
    assert dots == sum(map(len, lines)) + 4  # two medians and two of the legend
