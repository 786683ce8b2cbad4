"""The command ``monitor`` as a user calls it, where no terminal is needed; test_monitor_tmux.py has the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest
from e2e_fixtures import SIM, executable
from typer.testing import CliRunner
from typer.testing import Result as Outcome

from n6link.cli import app


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("N6LINK_URL", "N6_DEBUG", "FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "30")


def monitor(*words: str) -> Outcome:
    return CliRunner().invoke(app, ["monitor", *words])


def test_one_reading_as_a_screen() -> None:
    executable()
    outcome = monitor("--url", SIM, "--once", "--network", "reference_colour")
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    lines = outcome.stdout.rstrip("\n").split("\n")
    assert len(lines) <= 30
    assert any(line.startswith("▶ reference_colour") for line in lines)
    assert "q quit" not in outcome.stdout


def test_one_reading_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    executable()
    monkeypatch.setenv("N6LINK_URL", SIM)
    outcome = monitor("--once", "--json")
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    reading: dict[str, Any] = json.loads(outcome.stdout)
    assert [row["name"] for row in reading["networks"]] == ["reference", "reference_colour"]
    assert reading["link"]["up"] > 0


def test_demo_needs_no_board_and_no_settings(virtual_board: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("N6LINK_URL", "serial:/dev/none")
    outcome = monitor("--demo", "--once", "--json")
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert {row["name"]: row["runs"] for row in json.loads(outcome.stdout)["networks"]} == {
        "movenet13": 1,
        "tinybert": 1,
    }


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--json",), "--json prints one reading; add --once"),
        (("--demo", "--url", "sim:"), "--demo starts its own virtual board; omit --url"),
        (("--interval", "0.01"), "--interval 0.01 is out of range; use 0.05 to 3600 seconds"),
        (("--interval", "nan"), "--interval nan is out of range; use 0.05 to 3600 seconds"),
        (("--url", "foo:bar"), "unknown scheme 'foo'"),
        (("--url", SIM, "--network", "nope"), "does not have a network 'nope'; it has reference, reference_colour"),
        (
            ("--url", SIM, "--network", "nope", "--once"),
            "does not have a network 'nope'; it has reference, reference_colour",
        ),
    ],
)
def test_wrong_usage_is_a_sentence(words: tuple[str, ...], sentence: str) -> None:
    executable()
    outcome = monitor(*words)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert sentence in outcome.stderr
    assert len(outcome.stderr.splitlines()) == 1


def test_no_board_at_once() -> None:
    outcome = monitor("--url", "unix:/tmp/nothing", "--once")
    assert outcome.exit_code == 1
    assert "no program listens" in outcome.stderr
