"""The screen at many sizes: nothing overlaps, nothing is lost that fits, and two pictures are golden.

``N6LINK_UPDATE_GOLDEN=1`` rewrites the golden files; look at them before they are committed.
"""

from __future__ import annotations

import io
import os
import re
from dataclasses import replace
from pathlib import Path

import monitor_readings as board
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from n6link.epochs.timers import EpochBlock, EpochStats, EpochTable
from n6link.monitor import screen
from n6link.monitor.clients import WIDE
from n6link.monitor.model import Model
from n6link.monitor.view import LogLine, PoolRow, View
from n6link.protocol import EpochKind, TimerSource
from n6link.protocol.records import BlockStats

GOLDEN = Path(__file__).parent / "data/monitor"


def console(width: int, height: int) -> Console:
    return Console(record=True, width=width, height=height, force_terminal=True, file=io.StringIO())


def lines(view: View, width: int, height: int, *, footer: bool = True) -> list[str]:
    out = console(width, height)
    out.print(screen.render(view, width, height, footer=footer), height=height)
    return out.export_text().rstrip("\n").split("\n")


def many_epochs(count: int, name: str = "Convolution") -> EpochStats:
    kinds = list(EpochKind)
    blocks = [EpochBlock(index, kinds[index % len(kinds)], index, index, name) for index in range(count)]
    records = np.zeros(count, BlockStats.DTYPE)
    records["core"] = np.arange(1, count + 1)
    return EpochStats.from_records(
        EpochTable.from_blocks(blocks), records, runs=1, source=TimerSource.LITERT_PROFILER, tick_hz=1e6
    )


def crowded(name: str = "network", programs: int = 0) -> Model:
    """A board with 16 networks, 400 epoch blocks, 12 pools and large figures, and programs that share it."""
    names = tuple(f"{name}{index}" for index in range(16))
    pools = [PoolRow(f"{name}RAM{index}", index << 27, 1 << 30) for index in range(12)]
    model = Model()
    model.connected(
        replace(
            board.IDENTITY,
            board=name,
            url=f"unix:/{name}",
            networks=names,
            pools=dict.fromkeys(names, pools),
            server=name if programs else "",
            doctor=name * 5 if programs else "",
            examined=name,
        ),
        0.0,
    )
    for step in range(2):
        model.add_clients(
            step, [replace(client, name=name) for client in board.clients(10**9 * step, programs)], {name: name}
        )
    counts = board.reading(40).networks[0]
    for step in range(3):
        row = replace(counts, runs=4_000_000_000 + step, errors=2**32 - 1, late=2**32 - 1, last=1234.5, max=1234.5)
        link = replace(board.reading(40).link, rx_bytes=10**12, resyncs=2**32 - 1, credits_used=2**32 - 1)
        rows = tuple(replace(row, index=index) for index in range(len(names)))
        model.add(replace(board.reading(40 + step), networks=rows, link=link, log_dropped=2**32 - 1))
        model.add_round_trip(100.0)
    model.add_epochs(names[0], many_epochs(400, name[:24]))
    for number in range(100):
        model.add_log(LogLine(1e6 + number, "ERROR", f"{name} {number} [bold]not markup[/] " + "日本語" * 40))
    return model


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 60)])
def test_golden_pictures(width: int, height: int) -> None:
    out = console(width, height)
    out.print(screen.render(board.model().view(20.0), width, height), height=height)
    picture = out.export_svg(title="n6link monitor", unique_id="golden")
    path = GOLDEN / f"{width}x{height}.svg"
    if os.environ.get("N6LINK_UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(picture)
    assert picture == path.read_text()


@pytest.mark.parametrize("size", [(60, 16), (60, 40), (80, 24), (100, 30), (132, 43), (180, 24), (200, 60)])
def test_what_is_shown_at_which_size(size: tuple[int, int]) -> None:
    width, height = size
    out = lines(board.model().view(20.0), width, height)
    text = "\n".join(out)
    for part in ("STM32N6570-DK", "▶ movenet", "networks", "epochs of movenet", "Resize", "q quit", "● connected"):
        assert part in text
    if height >= 24:
        for part in ("memory pools", "864 KiB/1.0 MiB  84 %", "92.0 kB/s 100 %", "18.0 kB/s 20 %", "879 KiB free"):
            assert part in text
        assert "NPU fault 3 [not a markup]" in text
    if width >= 100:
        assert "cancelled" in text
    if height >= 30:
        assert "0 B in use" in text
    if width >= 200:
        assert "on the NPU 93.2 % of epochs, 50.0 % of time" in text
        assert "boot: n6link 0.1.0" in text


@given(
    width=st.integers(1, 220),
    height=st.integers(1, 70),
    name=st.text(st.characters(codec="utf-8"), max_size=30),
    paused=st.booleans(),
    first=st.integers(0, 500),
)
@settings(max_examples=60)
def test_nothing_leaves_the_screen(width: int, height: int, name: str, paused: bool, first: int) -> None:
    model = crowded(name, 20)
    model.first = first
    if paused:
        model.pause()
    for footer in (True, False):
        out = lines(model.view(1e6), width, height, footer=footer)
        assert len(out) <= height
        assert max(map(cell_len, out)) <= width
        assert not any("\x1b" in line for line in out)


@pytest.mark.parametrize("name", ["x" * 200, "日本語" * 30, "[bold red]", "\x1b[2J\x07", ""])
@pytest.mark.parametrize("size", [(40, 12), (80, 24), (80, 200), (200, 60), (300, 22)])
def test_odd_names_break_nothing(name: str, size: tuple[int, int]) -> None:
    out = lines(crowded(name, 20).view(1e6), *size)
    assert len(out) <= size[1]
    assert max(map(cell_len, out)) <= size[0]
    assert out[-1].startswith("q quit")


@pytest.mark.parametrize("size", [(80, 24), (80, 32), (60, 44), (100, 40), (200, 60)])
def test_the_programs_that_share_the_board_and_what_the_doctor_has_said(size: tuple[int, int]) -> None:
    model = board.model()
    assert "doctor" not in "\n".join(lines(model.view(20.0), *size))
    said = "the line has 460,800 baud, and 921,600 are usual; omit baud= in the URL"
    identity = replace(
        board.IDENTITY, url="unix:n6", server="n6link serve 0.1.0", doctor=said, examined="2026-11-29T16:00:00+00:00"
    )
    model.connected(identity, 0.0)
    model.add(board.reading(40))
    model.add_epochs("movenet", board.epochs())
    for step in range(3):
        model.add_clients(step / 2, board.clients(step), {"movenet": "program 0"})
    out = lines(model.view(20.0), *size)
    assert out[3].startswith("doctor, 2026-11-29: the line has 460,800 baud")
    assert out[1].startswith("unix:n6 through")
    text = "\n".join(out)
    assert ("3 programs on this board" in text) is (size[1] > 30)
    if size[1] > 30:
        row = next(line for line in out if line.startswith("program 0"))
        wait = r"5\.00 ms +" if size[0] >= WIDE else ""
        assert re.search(rf"program 0.* 20\.0 +92\.0 kB/s +18\.0 kB/s +0 +{wait}1\b", row)
        assert size[0] < 80 or "movenet is leased by program 0" in text
    assert "epochs of movenet" in text and out[-1].startswith("q quit")


def test_too_small_says_so() -> None:
    assert "40x12" in lines(board.model().view(20.0), 60, 5)[0]


def test_shapes_tell_without_colour() -> None:
    text = io.StringIO()
    out = Console(width=100, height=30, force_terminal=True, no_color=True, file=text)
    out.print(screen.render(board.model().view(20.0), 100, 30), height=30)
    assert not re.search(r"\x1b\[[\d;]*(3|4|9|10)\dm", text.getvalue())
    assert "░░ SW 31.8 %" in text.getvalue()


def test_a_lost_device_says_why_and_since_when() -> None:
    model = board.model()
    model.absent("The port /dev/ttyACM0 vanished.", 20.0)
    text = "\n".join(lines(model.view(85.0), 80, 24))
    assert "● lost 0:01:05" in text
    assert "The port /dev/ttyACM0 vanished." in text
    assert "▶ movenet        390" in text


def test_before_a_device_is_there() -> None:
    model = Model()
    assert any("Waiting for a device" in line for line in lines(model.view(1.0), 80, 24))
    model.absent("no STM32N6 board was found: " + "plug one in " * 20, 1.0)
    text = " ".join(line.strip() for line in lines(model.view(1.0), 80, 24))
    assert "● waiting 0:00:01" in text
    assert text.count("plug one in") == 20


def test_paused_is_shown() -> None:
    model = board.model()
    model.pause()
    assert "‖ paused  ● connected" in lines(model.view(20.0), 80, 24)[0]


def test_many_networks_scroll_with_the_selection() -> None:
    model = board.model()
    model.select(-1)
    out = lines(model.view(20.0), 60, 16)
    assert any(line.startswith("▶ tinybert") for line in out)
    assert any(line.startswith("networks") and line.endswith("2 to 3 of 3") for line in out)


def test_epochs_scroll_and_what_is_hidden_is_summed_up() -> None:
    model = board.model()
    model.add_epochs("movenet", many_epochs(400))
    shown = screen.sizes(model.view(0.0), 80, 24).epochs
    text = "\n".join(lines(model.view(0.0), 80, 24))
    assert f"{400 - shown + 1} more" in text
    assert "\n399 " in text
    model.first = 100
    text = "\n".join(lines(model.view(0.0), 80, 24))
    assert f"100 before, {300 - shown + 1} after" in text
    assert "\n299 " in text
    model.first = 1000
    text = "\n".join(lines(model.view(0.0), 80, 24))
    assert f"{400 - shown + 1} before, 0 after" in text
    assert "\n  0 " in text


def test_no_run_and_no_pools() -> None:
    model = Model()
    model.connected(board.IDENTITY, 0.0)
    model.select(1)
    text = "\n".join(lines(model.view(1.0), 80, 24))
    for part in ("no inference yet", "none reported", "no reading yet", "nothing so far"):
        assert part in text
    model.add(board.reading(4))
    assert "epoch times are not available" in "\n".join(lines(model.view(1.0), 80, 24))


def test_one_run_is_no_plural() -> None:
    model = board.model()
    model.add_epochs("movenet", many_epochs(3))
    assert any("mean of 1 run ──" in line for line in lines(model.view(0.0), 80, 24))


def test_the_origin_of_times_stands_where_there_is_room() -> None:
    assert any(line.rstrip().endswith(TimerSource.DWT_CYCLES.doc) for line in lines(board.model().view(0.0), 132, 43))
    out = console(80, 24)
    out.print(screen.render_help(board.model().view(0.0)))
    assert TimerSource.DWT_CYCLES.doc in out.export_text()


def test_the_message_replaces_the_keys() -> None:
    model = board.model()
    model.message = "saved"
    assert lines(model.view(0.0), 80, 24)[-1].rstrip() == "saved"
    assert lines(model.view(0.0), 80, 24, footer=False)[-1].strip() != "saved"


def test_the_help_names_every_key() -> None:
    out = console(80, 24)
    out.print(screen.render_help(Model().view(0.0)))
    text = out.export_text()
    assert all(key in text and what in text for key, what in screen.HELP)
    assert len(text.rstrip().split("\n")) <= 24


def test_an_empty_log_leaves_its_lines_to_the_epochs() -> None:
    model = crowded()
    model.history.log.clear()
    empty = screen.sizes(model.view(0.0), 100, 40)
    for number in range(20):
        model.add_log(LogLine(1.0, "INFO", str(number)))
    full = screen.sizes(model.view(0.0), 100, 40)
    assert empty.log == 1
    assert empty.epochs + empty.log == full.epochs + full.log
    assert full.log > 3
