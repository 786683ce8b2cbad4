"""The commands that take several boards: with the same results as with one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lines import Usb
from PIL import Image
from test_cli import POSE, bad, environment, n6link  # noqa: F401  the fixture
from test_evaluation import one_person

from n6link import networks
from n6link.transport import sim

MODEL = next(networks.FOLDER.glob("movenet13/*.tflite"))
NOBODY = "tcp:127.0.0.1:1"


@pytest.fixture(autouse=True)
def virtual_boards(environment: None) -> None:  # noqa: F811  it is used
    sim.find_executable()
    sim.find_litert()


@pytest.fixture
def crops(tmp_path: Path) -> Iterator[Path]:
    """Parts of the photograph."""
    folder = tmp_path / "crops"
    folder.mkdir()
    with Image.open(networks.PHOTO) as picture:
        for left in range(0, 120, 10):
            picture.crop((left, 0, left + 300, 300)).save(folder / f"{left:03}.png")
    yield folder


def out(*words: str | Path) -> str:
    """What a command prints that works; a busy machine may delay a board so much that standard error has a note."""
    outcome = n6link(*words)
    assert outcome.exit_code == 0, outcome.stderr
    return outcome.stdout


def boards(count: int, url: str = POSE) -> list[str]:
    return [word for _ in range(count) for word in ("--url", url)]


def lines(text: str) -> list[Any]:
    """Lines of JSON without times, and without what follows from the measured rate of the line: whether a picture is compressed."""
    found = [json.loads(line) for line in text.splitlines()]
    for each in found:
        assert each.pop("timing_s") and each.pop("sent_bytes") and each.pop("encoding") in ("raw", "qoi")
    return found


def test_run_has_the_results_of_one_board_in_order(crops: Path) -> None:
    one = lines(out("run", "movenet13", crops, "--json", *boards(1)))
    three = lines(out("run", "movenet13", crops, "--json", *boards(3)))
    assert len(three) == 12 and three == one
    assert "12 inputs" in out("run", "movenet13", crops, *boards(2))
    alone = out("run", "movenet13", networks.PHOTO, *boards(2))
    assert "nose" in alone and f"{POSE}, {POSE}" in alone


def test_evaluate_and_validate_have_the_figures_of_one_board(tmp_path: Path) -> None:
    path = one_person(tmp_path)
    words: list[str | Path] = ["evaluate", "movenet13", "--data", path]
    one, two = (json.loads(out(*words, "--json", *boards(count))) for count in (1, 2))
    assert one.pop("latency_s") and two.pop("latency_s")
    assert one == two
    validate: list[str | Path] = ["validate", "movenet13", MODEL, "--random", "9"]
    assert json.loads(out(*validate, "--json", *boards(1))) == json.loads(out(*validate, "--json", *boards(3)))


def test_boards_that_are_not_used_are_reported(crops: Path) -> None:
    outcome = n6link("run", "movenet13", crops, "--json", *boards(2), "--url", NOBODY)
    assert outcome.exit_code == 0 and len(outcome.stdout.splitlines()) == 12
    assert f"Note: the board at {NOBODY} is not used: " in outcome.stderr
    assert "no board of the pool can be opened" in bad(1, "run", "movenet13", crops, *boards(2, NOBODY))


def test_wrong_urls(monkeypatch: pytest.MonkeyPatch, crops: Path, usb: Usb) -> None:
    words = ("run", "movenet13", crops)
    assert "'board' is neither a URL nor a board" in bad(2, *words, *boards(2, "board"))
    assert "--url all is all connected boards" in bad(2, *words, "--url", "all", *boards(1))
    assert "no STM32N6 board is connected" in bad(1, *words, "--url", "all")
    monkeypatch.setenv("N6LINK_URL", "board")
    assert "'board' is neither a URL nor a board" in bad(2, *words)
    monkeypatch.setenv("N6LINK_URL", POSE)
    assert "12 inputs" in out(*words)
