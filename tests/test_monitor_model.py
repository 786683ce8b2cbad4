"""From readings to the view: rates, percentiles, order, selection, states, pause."""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict, replace
from typing import Any

import monitor_readings as board
import numpy as np
import pytest

from n6link.epochs.timers import EpochStats, EpochTable
from n6link.monitor.model import LOG_LINES, WINDOW, Model
from n6link.monitor.view import LogLine, View, clean
from n6link.protocol import EpochKind, TimerSource, records


def test_rates_are_differences_over_device_time() -> None:
    view = board.model().view(20.0)
    assert [row.per_second for row in view.networks] == pytest.approx([20, 7, 3], rel=0.25)
    assert view.link is not None
    assert view.link.up == pytest.approx(92_000)
    assert view.link.down == pytest.approx(18_000)
    assert view.link.up_share == pytest.approx(92_000 / 92_160)
    assert (view.link.errors, view.link.naks, view.link.retransmits) == (3, 2, 3)


def test_one_reading_gives_means_since_the_reset() -> None:
    model = Model()
    model.connected(board.IDENTITY, 0.0)
    model.add(replace(board.reading(40), since=10.0))
    view = model.view(1.0)
    assert view.networks[0].per_second == pytest.approx(400 / 10)
    assert view.networks[0].latencies == (view.networks[0].last,)
    assert view.link is not None
    assert view.link.up == pytest.approx(40 * 46_000 / 10)


def test_programs_that_share_the_board_have_rates_of_the_last_readings() -> None:
    model = Model()
    model.connected(board.IDENTITY, 0.0)
    assert model.view(0.0).clients == ()
    model.add_clients(100.0, board.clients(0, 2), {})
    assert [row.per_second for row in model.view(0.0).clients] == [0.0, 0.0], "one reading does not have a rate"
    for step in range(1, 20):
        model.add_clients(100.0 + step / 2, board.clients(step), {"movenet": "program\x1b0"})
    view = model.view(0.0)
    assert [row.id for row in view.clients] == [1, 2, 3], "those that run, then those that wait"
    first, second, third = view.clients
    assert (first.per_second, first.up, first.down) == pytest.approx((20.0, 92_000, 18_000))
    assert (first.leases, second.queued, third.read_only) == (1, 2, True)
    assert (first.wait, first.waited) == pytest.approx((0.005, 0.05 * 19)) and second.wait is None
    assert view.leased == {"movenet": "program·0"}
    assert view.to_dict()["clients"][0]["per_second"] == pytest.approx(20.0)
    model.pause()
    model.add_clients(200.0, (), {})
    assert len(model.view(0.0).clients) == 3
    model.pause()
    assert model.view(0.0).clients == ()
    model.add_clients(201.0, board.clients(1), {"movenet": "program"})
    model.connected(board.IDENTITY, 0.0)
    assert model.view(0.0).clients == () and not model.view(0.0).leased


def test_a_link_without_a_bit_rate_has_no_share() -> None:
    model = Model()
    model.connected(replace(board.IDENTITY, baud=0), 0.0)
    model.add(board.reading(1))
    link = model.view(1.0).link
    assert link is not None
    assert (link.up_share, link.down_share) == (None, None)


def test_percentiles_are_of_the_last_runs() -> None:
    row = board.model().view(20.0).networks[0]
    assert row.p50 == pytest.approx(0.0242)
    assert row.p95 == pytest.approx(0.0264)
    assert len(row.latencies) == 39
    assert row.mean == pytest.approx(0.022)
    assert row.max == pytest.approx(0.0264)


def test_histories_are_bounded() -> None:
    model = board.model(3 * WINDOW)
    for number in range(2 * LOG_LINES):
        model.add_log(LogLine(float(number), "INFO", "x"))
    view = model.view(0.0)
    assert view.link is not None
    assert (len(view.networks[0].latencies), len(view.link.round_trips), len(view.log)) == (
        WINDOW - 1,
        WINDOW,
        LOG_LINES,
    )


def test_a_network_that_never_ran_has_no_times() -> None:
    model = Model()
    model.connected(board.IDENTITY, 0.0)
    model.add(board.reading(0))
    row = model.view(1.0).networks[0]
    assert (row.runs, row.p50, row.mean, row.last, row.latencies, row.per_second) == (0, None, None, None, (), 0.0)


def test_networks_beyond_the_first_frame_have_no_figures() -> None:
    model = Model()
    model.connected(board.IDENTITY, 0.0)
    model.add(replace(board.reading(4), networks=board.reading(4).networks[:2]))
    assert [row.runs for row in model.view(1.0).networks] == [40, 14, 0]


def test_epochs_by_time_and_in_order() -> None:
    model = board.model()
    by_time = model.view(20.0).epochs
    assert [row.seconds for row in by_time] == sorted((row.seconds for row in by_time), reverse=True)
    assert sum(row.share for row in by_time) == pytest.approx(18.5 / 22)
    assert by_time[0].seconds == pytest.approx(9e-3)
    assert by_time[0].label == "1-58"
    model.order = "index"
    assert [row.label for row in model.view(20.0).epochs][:4] == ["1-58", "59", "60-62", "63"]


def test_offload_is_given_both_ways() -> None:
    summary = board.model().view(20.0).summary
    assert summary is not None
    assert summary.offload_by_count == pytest.approx(68 / 73)
    assert summary.offload_by_time == pytest.approx(11.0 / 22), "of the whole inference, as in a profile"
    assert summary.offload_without_overhead == pytest.approx(11.0 / 18.5)
    assert summary.overhead == pytest.approx(3.5 / 22)
    assert {row.kind: row.blocks for row in summary.kinds} == {
        EpochKind.EC: 3,
        EpochKind.HW: 1,
        EpochKind.HYBRID: 1,
        EpochKind.SW: 3,
        EpochKind.EXTRA: 1,
    }
    assert sum(row.share for row in summary.kinds) + summary.overhead == pytest.approx(1)
    assert summary.origin == TimerSource.DWT_CYCLES.doc


def test_epochs_of_nothing() -> None:
    model = board.model()
    empty = EpochTable.from_blocks([])
    none = np.zeros(0, records.BlockStats.DTYPE)
    model.add_epochs(
        "movenet", EpochStats.from_records(empty, none, runs=3, source=TimerSource.DWT_CYCLES, tick_hz=1e6)
    )
    view = model.view(20.0)
    assert view.epochs == ()
    assert view.summary is not None
    assert (view.summary.offload_by_count, view.summary.offload_by_time) == (None, None)
    model.add_epochs("movenet", replace(board.epochs(), runs=0))
    view = model.view(20.0)
    assert view.epochs == ()
    assert view.summary is not None
    assert view.summary.offload_by_time is None


def test_selection_goes_round() -> None:
    model = board.model()
    model.first = 5
    model.select(-1)
    assert (model.selected, model.first) == ("tinybert", 0)
    model.select(1)
    assert model.selected == "movenet"
    empty = Model()
    empty.select(1)
    assert empty.selected == ""


def test_each_network_shows_its_own_epochs_and_pools() -> None:
    model = board.model()
    model.select(1)
    view = model.view(20.0)
    assert (view.summary, view.epochs, view.pools) == (None, (), ())
    model.select(-1)
    view = model.view(20.0)
    assert view.summary is not None
    assert len(view.pools) == 4


def test_pause_holds_what_is_shown_and_loses_nothing() -> None:
    model = board.model()
    before = model.view(20.0)
    model.pause()
    model.add(board.reading(40))
    model.add_round_trip(1.0)
    model.add_log(LogLine(4.0, "INFO", "later"))
    assert model.view(20.0) == replace(before, paused=True)
    model.select(1)
    assert model.view(20.0).networks[1].selected
    model.pause()
    after = model.view(20.0)
    assert not after.paused
    assert after.networks[0].runs == 400
    assert after.log[-1].text == "later"


def test_a_lost_device_keeps_its_last_readings_and_a_timer() -> None:
    model = board.model()
    model.select(1)
    model.absent("the port vanished", 20.0)
    model.absent("still gone", 23.0)
    view = model.view(25.0)
    assert (view.state, view.state_seconds, view.reason) == ("lost", 5.0, "still gone")
    assert view.networks[0].runs == 390
    model.connected(board.IDENTITY, 26.0)
    view = model.view(27.0)
    assert (view.state, view.state_seconds, view.link, model.selected) == ("connected", 1.0, None, "yolov8n-pose")
    assert view.log


def test_a_device_that_continues_keeps_its_measurements_and_the_log_says_what_happened() -> None:
    model = board.model()
    runs = model.view(1.0).networks[0].runs
    model.absent("the port vanished", 20.0)
    model.absent("no such file", 21.0)
    model.returned(23.5, 3.5, identity=None)
    view = model.view(24.0)
    assert (view.state, view.state_seconds, view.reason) == ("connected", 0.5, "")
    assert view.networks[0].runs == runs
    assert [(line.level, line.text) for line in view.log[-2:]] == [
        ("ERROR", "connection lost: the port vanished"),
        ("WARNING", "connected again after 3.5 s"),
    ]


def test_a_device_that_was_restarted_begins_again() -> None:
    model = board.model()
    model.absent("silent", 20.0)
    model.returned(21.0, 1.0, identity=replace(board.IDENTITY, networks=("other",)), changed=["movenet13", "tinybert"])
    view = model.view(22.0)
    assert (view.link, model.selected) == (None, "other")
    assert view.log[-1].text == (
        "connected again after 1.0 s; the device was restarted, and its statistics begin again; "
        "changed networks: movenet13, tinybert"
    )


def test_another_device_may_have_other_networks() -> None:
    model = board.model()
    model.connected(replace(board.IDENTITY, networks=("other",)), 1.0)
    assert model.selected == "other"
    model.connected(replace(board.IDENTITY, networks=()), 2.0)
    assert model.selected == ""
    assert model.view(3.0).networks == ()


def test_before_anything_there_is_an_empty_view() -> None:
    model = Model(since=1.0)
    model.absent("nothing is plugged in", 2.0)
    view = model.view(4.0)
    assert (view.state, view.state_seconds, view.reason) == ("waiting", 3.0, "nothing is plugged in")
    assert (view.identity, view.networks, view.epochs, view.link, view.summary) == (None, (), (), None, None)


def test_statistics_start_anew_after_a_reset() -> None:
    model = board.model()
    model.reset()
    assert model.view(20.0).link is None
    model = board.model()
    model.add(replace(board.reading(41), since=20.0))
    row = model.view(21.0).networks[0]
    assert len(row.latencies) == 1
    assert row.per_second > 0


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("a\x1b[2Jb\n", "a·[2Jb"),
        ("tab\tbed", "tab bed"),
        ("日本 [red]", "日本 [red]"),
        ("\u202e", "·"),
    ],
)
def test_text_of_a_device_cannot_move_the_cursor(text: str, shown: str) -> None:
    assert clean(text) == shown
    model = board.model()
    model.add_log(LogLine(1.0, "INFO", text))
    assert model.view(1.0).log[-1].text == shown


def documented() -> dict[str, set[str]]:
    """The keys of a reading, and the names in the text of each, as the table of its documentation has them."""
    assert View.to_dict.__doc__
    table = View.to_dict.__doc__.split("====\n")[2]
    rows = re.split(r"\n\s*(?=``\w+``  )", "\n" + table)
    return {names[0]: set(names[1:]) for row in rows if (names := re.findall(r"``(\w+)``", row))}


def keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(keys, value.values()))
    return set().union(*map(keys, value)) if isinstance(value, list) else set()


def test_one_reading_is_json_as_documented() -> None:
    model = board.model()
    model.add_clients(0.0, board.clients(1), {})
    out = json.loads(json.dumps(model.view(20.0).to_dict(), allow_nan=False))
    assert {key: keys(value) for key, value in out.items()} == documented()
    assert out["epochs"][0]["kind"] == "EC"
    assert {row["kind"] for row in out["summary"]["kinds"]} == {kind.name for kind in EpochKind}
    assert out["identity"]["board"] == "STM32N6570-DK"
    assert out["networks"][0]["name"] == "movenet"


def test_a_reading_of_nothing_is_json_too() -> None:
    out = Model().view(0.0).to_dict()
    assert (out["identity"], out["link"], out["summary"]) == (None, None, None)
    assert set(out) == set(documented())


def test_no_figure_is_nan() -> None:
    model = Model()
    model.connected(board.IDENTITY, 0.0)
    model.add(replace(board.reading(0), time=0.0))
    model.add_epochs("movenet", replace(board.epochs(), runs=0))
    flat = json.dumps(asdict(model.view(0.0)))
    assert not any(math.isnan(float(number)) for number in re.findall(r"NaN|Infinity", flat))
