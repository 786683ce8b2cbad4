"""From readings to the view: rates, percentiles, order, selection, states."""

from __future__ import annotations

import json

import monitor_readings as board
import pytest

from n6link.monitor.view import Model


def test_rates_are_differences_over_device_time() -> None:
    view = board.model().view(20.0)
    assert [row.per_second for row in view.networks] == pytest.approx([20, 7, 3], rel=0.2)
    assert view.link is not None
    assert view.link.up == pytest.approx(92_000)
    assert view.link.down == pytest.approx(18_000)
    assert (view.link.errors, view.link.naks, view.link.retransmits) == (3, 2, 3)


def test_percentiles_are_of_the_last_runs() -> None:
    row = board.model().view(20.0).networks[0]
    assert row.p50 == pytest.approx(0.0242)
    assert row.p95 == pytest.approx(0.0264)
    assert len(row.latencies) == 39


def test_a_network_that_never_ran_has_no_latency() -> None:
    model = Model()
    model.connected(board.IDENTITY, 0.0)
    model.add(board.reading(0))
    row = model.view(1.0).networks[0]
    assert (row.runs, row.p50, row.latencies, row.per_second) == (0, None, (), 0.0)


def test_epochs_by_time_and_in_order() -> None:
    model = board.model()
    by_time = model.view(20.0).epochs
    assert [row.seconds for row in by_time] == sorted((row.seconds for row in by_time), reverse=True)
    assert sum(row.share for row in by_time) == pytest.approx(1)
    assert by_time[0].label == "1-58"
    model.order = "index"
    assert [row.label for row in model.view(20.0).epochs][:4] == ["1-58", "59", "60-62", "63"]


def test_selection_goes_round() -> None:
    model = board.model()
    model.select(-1)
    assert model.selected_name == "tinybert"
    model.select(1)
    assert model.selected_name == "movenet"
    assert Model().selected_name is None
    empty = Model()
    empty.select(1)
    assert empty.selected == 0


def test_pause_holds_the_readings() -> None:
    model = board.model()
    before = model.view(20.0).networks
    model.paused = True
    model.add(board.reading(50))
    assert model.view(20.0).networks == before


def test_a_lost_device_keeps_its_last_readings_and_a_timer() -> None:
    model = board.model()
    model.lost("the port vanished", 20.0)
    model.lost("still gone", 23.0)
    view = model.view(25.0)
    assert (view.state, view.state_seconds, view.reason) == ("lost", 5.0, "still gone")
    assert view.networks[0].runs == 390
    model.connected(board.IDENTITY, 26.0)
    view = model.view(27.0)
    assert (view.state, view.state_seconds, view.link) == ("connected", 1.0, None)
    assert view.log


def test_before_anything_there_is_an_empty_view() -> None:
    view = Model().view(3.0)
    assert (view.state, view.identity, view.networks, view.epochs, view.link) == ("connecting", None, (), (), None)


def test_statistics_start_anew_after_a_reset() -> None:
    model = board.model()
    model.reset()
    assert model.view(20.0).link is None


def test_one_reading_is_plain_json() -> None:
    out = json.loads(json.dumps(board.model().view(20.0).to_dict()))
    assert out["epochs"][0]["kind"] == "EC"
    assert out["identity"]["board"] == "STM32N6570-DK"
    assert out["networks"][0]["name"] == "movenet"
    assert {"state", "link", "pools", "log", "uptime", "epochs_origin"} <= set(out)
