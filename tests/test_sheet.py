"""What objects show of themselves: one line of bounded length, a table of rich, and HTML that escapes all text."""

from __future__ import annotations

import io
import math
import re
from dataclasses import asdict, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from profiles import profile_of, table_of
from rich.console import Console

from n6link import N6Device, N6Pool, blocking, networks
from n6link.blocking import N6Device as Blocking
from n6link.control.histogram import Histogram
from n6link.control.loop import LoopStats
from n6link.control.stream import StreamStats
from n6link.decoders.boxes import Detection
from n6link.decoders.classification import Classification
from n6link.decoders.pose import Pose
from n6link.decoders.segmentation import Segmentation
from n6link.doctor import examine
from n6link.epochs.advice import Advice
from n6link.epochs.diff import Diff
from n6link.epochs.predict import Prediction
from n6link.epochs.st_report import read
from n6link.evaluation import Figures
from n6link.evaluation.validation import Limits, Validation
from n6link.pool.status import BoardState
from n6link.protocol import VERSION
from n6link.sheet import LINE, MOST, Bar, Grid, Sheet, Shown
from n6link.tensors.agreement import Agreement
from n6link.tensors.image import Placement

EVIL = "<script>alert('&')</script>[bold]:smile:"


class Page(HTMLParser):
    """Tags and text of a page; every tag must be closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.text = ""
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def look(shown: object) -> tuple[str, str, str]:
    """The line, the text of rich, and the text of the HTML."""
    thing: Any = shown
    line = repr(thing)
    assert line.startswith(f"<{type(thing).__name__} ") and "\n" not in line and len(line) < LINE + 60
    file = io.StringIO()
    Console(file=file, width=100, color_system=None).print(thing)
    html = thing._repr_html_()
    page = Page(html)
    assert "script" not in page.tags
    colours = set(re.findall(r"[;\"](?:color|background):([^;\"]+)", html)) - {"inherit", "transparent"}
    assert all(colour.startswith("#") for colour in colours), (
        "text has the colours of the page, only bars have their own"
    )
    return line, file.getvalue(), page.text


class Thing(Shown):
    """An object with names that are not harmless."""

    def brief(self) -> str:
        return f"{EVIL}\n{'x' * 1000}"

    def sheet(self) -> Sheet:
        rows = [(EVIL, f"{index}", Bar(index / 10, '#123456"')) for index in range(MOST + 3)]
        return Sheet((Grid(("name", ">number", ""), rows, title=EVIL),), (EVIL,))


def test_text_is_escaped_and_bounded() -> None:
    line, text, html = look(Thing())
    assert len(line) <= LINE + len("<Thing >") and line.endswith("...>")
    assert html.count(EVIL) == MOST + 3 and text.count(EVIL) >= MOST, (
        "rows, title, line and note; rich may wrap the title"
    )
    assert "and 3 more" in text and "and 3 more" in html


def test_an_object_must_describe_itself() -> None:
    for use in (Shown().brief, Shown().sheet):
        with pytest.raises(NotImplementedError):
            use()


def test_answers() -> None:
    points = np.array([[1, 2, 0.5], [3, 4, 0.25]], np.float32)
    outside = np.array([False, True])
    pose = Pose(points, ("nose", EVIL), ((0, 1),), 0.375, outside, np.array([0, 1, 9, 8], np.float32))
    assert look(pose)[0] == "<Pose score 0.38, 2 keypoints, 1 outside of the picture>"
    assert "0, 1, 9, 8" in look(pose)[1] and EVIL in look(pose)[2]
    box = np.array([1, 2, 3, 4], np.float32)
    cat = Detection("cat", 0, 0.5, box, points[:, :2], ("ear", "eye"), outside, cut=True)
    assert look(cat)[0] == "<Detection cat 0.50, box 1, 2, 3, 4, cut by the edge>" and "eye" in look(cat)[1]
    assert "landmark" not in look(Detection("cat", 0, 0.5, box))[1]
    many = Classification("a0", 0.5, {f"a{index}": 0.5 / (index + 1) for index in range(1000)})
    assert (
        look(many)[0] == "<Classification a0 50.0%, of 1000 classes>"
        and "a9" in look(many)[1]
        and "a10" not in look(many)[1]
    )
    parts = Segmentation(np.eye(4, dtype=np.uint8), ("floor", "wall"), Placement((4, 4), (4, 4)))
    assert look(parts)[0] == "<Segmentation 4 x 4: floor 75%, wall 25%>" and "75.0%" in look(parts)[2]


def test_statistics() -> None:
    stream, loop = StreamStats(frames=3, delivered=2, late=1), LoopStats(100.0, ticks=7)
    stream.wait.add(0.25)
    assert "3 frames: 2 delivered, 0 dropped, 1 late" in look(stream)[0] and "250 ms" in look(stream)[1]
    assert look(loop)[0] == "<LoopStats 100 Hz: 7 ticks, 0 missed, 0 with a stale board>"


def test_what_is_read_and_computed_without_a_board() -> None:
    durations = Histogram()
    assert look(durations)[0] == "<Histogram empty>"
    for value in (0.001, 0.002, 0.003):
        durations.add(value)
    assert look(durations)[0].startswith("<Histogram of 3 values: median 1.98 ms") and "durations" in look(durations)[2]
    base, new = profile_of(table_of("EC", "Resize"), (100, 20)), profile_of(table_of("EC", "Resize"), (100, 40))
    difference = Diff.of(base, new)
    assert "median 130 us -> 150 us; blocks: 1 changed, 0 added, 0 removed" in look(difference)[0]
    assert "Resize" in look(difference)[1] and "40.0 us" in look(difference)[2]
    assert "No" not in look(Diff.of(base, base))[1] and "0 changed" in look(Diff.of(base, base))[0]
    assert "50.0% of 2 epochs" in look(base.use)[0] and "SW" in look(base.use)[1]
    assert look(base.advice)[0] == "<Advice Resize (1)>" and "15.4%" in look(base.advice)[2]
    assert look(Advice.of(table_of("EC")))[0] == "<Advice nothing is on the CPU>"
    figures = Figures("AP", {"AP": 0.5, "AR": math.nan}, 7, (EVIL,))
    assert look(figures)[0] == "<Figures AP 0.500, of 7 annotations>" and EVIL in look(figures)[2]
    agreed = asdict(Agreement.of("output_0", np.ones(3, np.float32), np.ones(3, np.float32)))
    compared = Validation("net", "board", False, "net.tflite", Limits(0.99), {"a": {"model": [agreed]}})
    assert "agrees with net.tflite: 1 inputs" in look(compared)[0] and "1.000000" in look(compared)[1]
    predicted = Prediction.of(networks.FOLDER / "tinybert" / "tinybert_textgen.tflite")
    assert "CPU" in look(predicted)[0] and "SOFTMAX" in look(predicted)[1]
    report = read(Path(__file__).parent / "data" / "reports" / "conv_network_validate_report.txt")
    assert "validate" in look(report)[0] and "bytes of weights" in look(report)[2]


async def test_a_device_and_what_it_gives(virtual_board: None) -> None:
    dev = N6Device("sim:")
    assert look(dev)[0] == "<N6Device sim: closed>"
    async with dev:
        assert "pose-heatmap" in look(dev)[1] and "not those of an NPU" in look(dev)[2]
        net = dev["movenet13"]
        assert "110,592" in look(net)[1] and "96.3% of 82 epochs" in look(net)[2]
        assert "scale 0.00770277" in look(net.inputs["args_0"])[0]
        result = await net.run(networks.PHOTO)
        _, text, html = look(result)
        assert "left_wrist" in text and "simulated" in html and "input sent to the board" in html
        assert look(result.timing)[0].startswith("<Timing ") and "picture fitted" in look(result.timing)[1]
        assert result.epochs and "slowest blocks" in look(result.epochs)[1]
        assert look(dev.info)[0] == f"<DeviceInfo n6sim (host), firmware {dev.info.firmware}, protocol {VERSION}>"
        assert "input slots" in look(dev.info)[1] and "simulated" in look(dev.info)[2]
        assert look(net.info)[1].partition("movenet13")[2] == look(net)[1].partition("movenet13")[2]
        assert look(net.card)[0] == "<Card movenet13: pose-heatmap>" and "left_ankle" in look(net.card)[2]
        assert look(net.info.epochs)[0] == "<EpochTable 82 blocks; on the NPU: 96.3% of 82 epochs>"
        words = await dev["tinybert"].run(np.zeros((1, 30, 128), np.int8))
        assert "Token" in look(words)[2] or "output_0" in look(words)[2]
        profile = await net.profile(runs=2)
        assert "over 2 runs" in look(profile)[0] and "simulated" in look(profile)[1]
        assert "retransmits" in look(await dev.stats())[1] and "CONV_2D" in look(await dev.epoch_stats("movenet13"))[1]
        assert "state" in look(dev.health)[1] and look(dev.health)[0].startswith("<Health open")


def test_the_blocking_objects_show_the_same(virtual_board: None) -> None:
    with Blocking("sim:movenet13") as dev:
        assert look(dev)[0] == "<N6Device sim:movenet13 with movenet13>" and "110,592" in look(dev["movenet13"])[1]


async def test_a_pool_and_its_boards(virtual_board: None) -> None:
    pool = N6Pool(["sim:movenet13"] * 2)
    assert look(pool)[0] == "<N6Pool 2 boards: closed>"
    async with pool:
        await pool["movenet13"].run(networks.PHOTO)
        line, text, html = look(pool)
        assert line == "<N6Pool 2 boards: movenet13>"
        assert text.count("sim:movenet13") == 2 and "pose-heatmap" in html and "repeated" in html
        assert look(pool["movenet13"])[0].startswith("<PoolNetwork movenet13: ")
        assert "110,592" in look(pool["movenet13"])[1]
        [answered] = [board for board in pool.boards if board.answers]
        assert look(answered)[0] == "<BoardStatus sim:movenet13: ready; 1 answers>"
        assert "time per answer" in look(answered)[1] and answered.unique_id in look(answered)[2]
    lost = replace(answered, state=BoardState.ASIDE, reason=EVIL, refused={"other": "it has another card"})
    assert "aside, <script>" in look(lost)[0] and "another card" in look(lost)[2] and EVIL in look(lost)[2]


def test_a_blocking_pool_shows_the_same(virtual_board: None) -> None:
    with blocking.N6Pool(["sim:movenet13"]) as pool:
        net = pool["movenet13"]
        assert look(pool)[0] == "<N6Pool 1 board: movenet13>" and "110,592" in look(net)[1]
        assert (net.name, net.card_problem, net.doubts, net.newest) == ("movenet13", "", (), None)
        assert net.epochs is net.info.epochs and net.pools == net.info.pools


async def test_an_examination(virtual_board: None) -> None:
    reached = await examine("sim:movenet13")
    assert look(reached)[0].startswith("<Diagnosis of n6sim (host): ") and "frames/s" in look(reached)[2]
    away = await examine("unix:/nowhere")
    assert look(away)[0].startswith("<Diagnosis of unix:/nowhere: ") and "severity" in look(away)[1]
