"""Every example runs on the virtual board, as its first lines say."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from n6link import networks

pytestmark = pytest.mark.usefixtures("virtual_board")
EXAMPLES = Path(__file__).parents[1] / "examples"


def run(name: str, *arguments: str) -> str:
    command = [sys.executable, "-W", "error", str(EXAMPLES / name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout


def test_first_pose() -> None:
    lines = run("first_pose.py", str(networks.PHOTO)).splitlines()
    assert len(lines) == 13
    name, *numbers = re.fullmatch(r"(\w+) +x +([\d.]+) +y +([\d.]+) +score ([\d.]+)", lines[0]).groups()  # type: ignore[union-attr]
    x, y, score = map(float, numbers)
    assert name == "nose" and abs(x - 219) < 15 and abs(y - 123) < 15 and score > 0.3


def test_first_pose_is_short() -> None:
    source = (EXAMPLES / "first_pose.py").read_text()
    code = [line for line in source.partition('"""\n')[2].splitlines() if line.strip()]
    assert len(code) <= 10


def test_two_networks() -> None:
    lines = run("two_networks.py", str(networks.PHOTO)).splitlines()
    text, poses = sorted(lines, reverse=True)
    assert re.fullmatch(r"tinybert: ['\"]It was a dark and stormy night.{20,}", text)
    found = re.fullmatch(r"movenet13: (\d+) poses, \d+ per second; mean wait for the other network: [\d.]+ ms", poses)
    assert found and int(found[1]) >= 1


def test_camera_of_a_folder(tmp_path: Path) -> None:
    pictures, out = tmp_path / "in", tmp_path / "out"
    pictures.mkdir()
    for name in ("a.png", "b.png", "c.png"):
        shutil.copy(networks.PHOTO, pictures / name)
    (pictures / "notes.txt").write_text("no picture")
    printed = run("camera.py", str(pictures), "--out", str(out))
    assert [path.name for path in sorted(out.iterdir())] == ["00000.png", "00001.png", "00002.png"]
    with Image.open(out / "00000.png") as drawn, Image.open(networks.PHOTO) as photo:
        assert drawn.size == photo.size
        assert drawn.convert("RGB").tobytes() != photo.convert("RGB").tobytes()
    assert printed.startswith("3 pictures, 0 dropped\n")
    assert {"prepare", "upload", "npu", "download", "age"} <= {line.split()[0] for line in printed.splitlines()}


def test_camera_without_a_source_says_what_is_missing(tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "camera.py"), str(tmp_path / "nothing.mp4")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr and "nothing.mp4 is not a folder" in done.stderr


def test_robot() -> None:
    command = [
        sys.executable,
        "-m",
        "n6link",
        "bridge",
        "--url",
        "sim:movenet13",
        "--listen",
        "tcp/127.0.0.1:0",
        "--json",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as bridge:
        try:
            assert bridge.stdout
            [endpoint] = json.loads(bridge.stdout.readline())["listening"]
            assert json.loads(bridge.stdout.readline())["state"] == "connected"
            asked, used, counts = run("robot.py", str(networks.PHOTO), endpoint).splitlines()
        finally:
            bridge.terminate()
    assert re.fullmatch(r"n6link/\w+/movenet13: nose at 2\d\d, 1\d\d", asked)
    assert re.fullmatch(r"[1-9]\d* results used, newest: nose at 2\d\d, 1\d\d, \d+ ms old when it was sent", used)
    assert re.fullmatch(r"of [1-9]\d* pictures [1-9]\d* had a result, \d+ were dropped", counts)
