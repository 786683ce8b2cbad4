"""Traces, pictures and pages. The trace is read by a strict parser of the trace-event format."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections import defaultdict
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st
from profiles import profile_of, table_of

from n6link.epochs.export import page, picture, trace
from n6link.epochs.export.picture import COLOURS, NAMED, clean, milliseconds
from n6link.epochs.profile import Profile
from n6link.epochs.timers import STAGES, EpochBlock, EpochTable
from n6link.protocol import EpochKind, TimerSource

BOARD = profile_of(table_of("EC", "Resize", "EC", "Softmax"), (1000, 100, 500, 50), (1100, 120, 510, 50))
SIMULATED = profile_of(table_of("EC", "Resize"), (1000, 100), source=TimerSource.LITERT_PROFILER, simulated=True)
HOSTILE = "</script><b>&\"'\x00\x1b[31m" + "x" * 500


def hostile() -> Profile:
    table = EpochTable.from_blocks(
        [EpochBlock(0, EpochKind.SW, 1, 1, HOSTILE), EpochBlock(0, EpochKind.EC, 2, 9, HOSTILE)]
    )
    return profile_of(table, (10, 20))


# ---------------------------------------------------------------------------------------------- trace


@dataclass(frozen=True)
class Slice:
    name: str
    begin: float
    end: float
    args: dict[str, Any]


def not_finite(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def parse_trace(text: str) -> tuple[dict[int, str], dict[tuple[int, int], str], dict[tuple[int, int], list[Slice]]]:
    """Reads a trace and holds it to the trace-event format: names of processes and tracks, and the slices of each track."""
    document = json.loads(text, parse_constant=not_finite)
    assert set(document) <= {
        "traceEvents",
        "displayTimeUnit",
        "otherData",
        "systemTraceEvents",
        "stackFrames",
        "samples",
    }
    assert document.get("displayTimeUnit", "ms") in ("ms", "ns")
    metadata = {
        "process_name": ("name", str),
        "process_sort_index": ("sort_index", int),
        "thread_name": ("name", str),
        "thread_sort_index": ("sort_index", int),
    }
    processes: dict[int, str] = {}
    names: dict[tuple[int, int], str] = {}
    tracks: dict[tuple[int, int], list[Slice]] = defaultdict(list)
    for event in document["traceEvents"]:
        assert type(event["pid"]) is int and type(event["tid"]) is int
        assert type(event["name"]) is str and event["name"]
        assert isinstance(event["args"], dict)
        place = event["pid"], event["tid"]
        if event["ph"] == "M":
            assert set(event) == {"ph", "cat", "ts", "pid", "tid", "name", "args"} and event["cat"] == "__metadata"
            key, kind = metadata[event["name"]]
            assert type(event["args"][key]) is kind and len(event["args"]) == 1
            if event["name"] == "process_name":
                processes[event["pid"]] = event["args"][key]
            elif event["name"] == "thread_name":
                names[place] = event["args"][key]
        else:
            assert event["ph"] == "X" and set(event) == {"ph", "cat", "pid", "tid", "name", "ts", "dur", "args"}
            assert event["ts"] >= 0 and event["dur"] >= 0
            tracks[place].append(Slice(event["name"], event["ts"], event["ts"] + event["dur"], event["args"]))
    assert set(names) == set(tracks), "every track with events has a name, and there is no empty one"
    for place, slices in tracks.items():
        assert place[0] in processes
        ends: list[float] = []
        for item in sorted(slices, key=lambda item: (item.begin, -item.end)):
            while ends and ends[-1] <= item.begin + 1e-6:
                ends.pop()
            assert not ends or item.end <= ends[-1] + 1e-6, f"{item} crosses the end of the slice around it"
            ends.append(item.end)
    return processes, names, dict(tracks)


def test_trace_has_every_stage_and_every_block_on_one_time_base() -> None:
    processes, names, tracks = parse_trace(trace(BOARD))
    assert processes == {1: "host: n6link", 2: f"board 1.0 ({BOARD.origin})"}
    host = tracks[1, 1]
    assert [item.name for item in host] == list(STAGES) * 2
    assert host[0].begin == 0
    assert host[len(STAGES)].begin == pytest.approx(100_000), "the second inference was asked for 0.1 s later"
    npu = host[STAGES.index("npu")]
    (first, second) = tracks[2, 1]
    assert [first.begin, first.end] == pytest.approx([npu.begin, npu.end])
    assert second.begin > host[len(STAGES)].begin
    by_name = {name: tracks[place] for place, name in names.items() if place[0] == 2 and place in tracks}
    cpu = next(slices for name, slices in by_name.items() if name.startswith("SW"))
    assert [item.name for item in cpu] == ["SW 2 Resize", "SW 4 Softmax"] * 2
    assert cpu[0].begin == pytest.approx(npu.begin + 5 + 1000 + 5)
    assert cpu[0].end - cpu[0].begin == pytest.approx(100)
    assert cpu[0].args["operation"] == "Resize"
    assert (cpu[0].args["pre"], cpu[0].args["core"], cpu[0].args["post"]) == (10, 80, 10)
    assert len(by_name) == 3, "kinds that the network does not have, have no track"


def test_overlapping_inferences_stand_on_lanes() -> None:
    profile = profile_of(table_of("EC"), (1000,), (1000,), (1000,), begun=[5.0, 5.012, 5.1])
    _, names, tracks = parse_trace(trace(profile))
    lanes = {place[1]: {item.args["inference"] for item in slices} for place, slices in tracks.items() if place[0] == 1}
    assert lanes == {1: {0, 2}, 2: {1}}
    assert names[1, 2] == "inferences, lane 2"


def test_simulated_times_are_marked_in_every_device_event() -> None:
    processes, _, tracks = parse_trace(trace(SIMULATED))
    assert "simulated" in processes[2]
    device = [item for place, slices in tracks.items() if place[0] == 2 for item in slices]
    assert len(device) == 3
    assert all(item.args["simulated"] is True and "simulated" in item.args["times"] for item in device)
    assert json.loads(trace(SIMULATED))["otherData"]["simulated"] is True


@given(
    st.lists(
        st.tuples(st.floats(0, 2, allow_nan=False), st.integers(0, 10**6), st.integers(0, 10**6)),
        min_size=1,
        max_size=6,
    )
)
def test_any_overlap_gives_a_valid_trace(runs: list[tuple[float, int, int]]) -> None:
    profile = profile_of(table_of("EC", "EC"), *[run[1:] for run in runs], begun=[run[0] for run in runs])
    _, _, tracks = parse_trace(trace(profile))
    assert sum(len(slices) for place, slices in tracks.items() if place[0] == 1) == len(STAGES) * len(runs)


# ---------------------------------------------------------------------------------------------- picture


def texts(root: ET.Element) -> list[str]:
    return ["".join(item.itertext()) for item in root.iter("{http://www.w3.org/2000/svg}text")]


def bars(root: ET.Element) -> list[ET.Element]:
    """The bars of the blocks: the rectangles whose title has a mean."""
    svg = "{http://www.w3.org/2000/svg}"
    return [rect for rect in root.iter(f"{svg}rect") if "mean" in (rect.findtext(f"{svg}title") or "")]


def test_picture_has_a_bar_for_each_block_as_high_as_its_time() -> None:
    root = ET.fromstring(picture(BOARD))
    drawn = bars(root)
    assert [bar.get("fill") for bar in drawn] == [COLOURS[kind] for kind in ("EC", "SW", "EC", "SW")]
    heights = [float(bar.get("height", "0")) for bar in drawn]
    mean = BOARD.blocks.mean
    assert [height / heights[0] for height in heights] == pytest.approx((mean / mean[0]).tolist(), abs=1e-3)


def test_picture_says_what_matters() -> None:
    words = texts(ET.fromstring(picture(BOARD)))
    assert any("50.0% of 4 epochs" in text and f"{BOARD.offload_by_time:.1%} of the time" in text for text in words)
    assert any(text.startswith("1  EC 1") for text in words)
    assert any("simulated" in text for text in texts(ET.fromstring(picture(SIMULATED))))


@pytest.mark.parametrize("blocks", [0, 1, 2, 3, 2000])
def test_picture_of_any_size(blocks: int) -> None:
    root = ET.fromstring(picture(profile_of(table(blocks), [7] * blocks)))
    assert len(bars(root)) == blocks
    right = max((float(bar.get("x", "0")) + float(bar.get("width", "0")) for bar in bars(root)), default=0)
    assert right <= 960
    assert sum(bool(re.match(r"[1-8]  ", text)) for text in texts(root)) == min(blocks, NAMED)


def table(blocks: int) -> EpochTable:
    return table_of(*("Mul" if number % 2 else "EC" for number in range(blocks)))


def test_picture_of_a_network_that_took_no_time() -> None:
    assert len(bars(ET.fromstring(picture(profile_of(table_of("EC"), (0,)))))) == 1


def test_foreign_names_do_not_break_a_picture() -> None:
    root = ET.fromstring(picture(hostile()))
    assert len(bars(root)) == 2
    assert not root.findall(".//script")


@given(st.text())
def test_clean_is_safe_in_xml(text: str) -> None:
    assert len(ET.fromstring(f"<a b='{clean(text, 20)}'>{clean(text, 20)}</a>").text or "") <= 20


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "0.000 ms"), (4.62e-4, "0.462 ms"), (0.022, "22.000 ms"), (0.1041, "104.1 ms")]
)
def test_milliseconds(seconds: float, text: str) -> None:
    assert milliseconds(seconds) == text


# ---------------------------------------------------------------------------------------------- page


class Page(HTMLParser):
    """Collects tags, attributes and text, and checks that tags are closed in order."""

    VOID = frozenset({"meta", "br", "img", "link"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append(data.strip())


@pytest.mark.parametrize("profile", [BOARD, SIMULATED, hostile()], ids=["board", "simulated", "hostile"])
def test_page_needs_nothing_else(profile: Profile) -> None:
    read = Page(page(profile))
    assert {"script", "link", "img", "iframe", "object", "b onload"}.isdisjoint(tag for tag, _ in read.tags)
    loads = [value for _, attrs in read.tags for name, value in attrs.items() if name in ("src", "href", "xlink:href")]
    assert loads == []
    assert sum(tag == "svg" for tag, _ in read.tags) == 1
    rows = sum(tag == "tr" for tag, _ in read.tags)
    assert rows >= len(profile.table) + len(STAGES)


def test_page_has_the_figures() -> None:
    words = Page(page(BOARD)).words
    for figure in ("50.0%", f"{BOARD.offload_by_time:.1%}", milliseconds(float(BOARD.inference.p95)), "2 Resize"):
        assert any(figure in text for text in words), figure


def test_page_marks_simulated_times() -> None:
    assert "simulated" in Page(page(SIMULATED)).words
    assert "simulated" not in Page(page(BOARD)).words


def test_page_shows_repeats() -> None:
    profile = profile_of(table_of("EC", "Softmax", "EC", "Softmax"), (10, 1, 20, 2))
    assert "2 x (NPU, Softmax)" in Page(page(profile)).words
