"""The command ``n6link view``: its options, and what it does before the page is served."""

from __future__ import annotations

import sys
import webbrowser
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from socket import socket
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from n6link import networks
from n6link.cli import app
from n6link.cli.view import DWELL
from n6link.tensors.image import Pixels
from n6link.view import live, server
from n6link.view.live import Live


def view(*words: str) -> Result:
    return CliRunner().invoke(app, ["view", "--listen", "127.0.0.1:0", *words])


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a page is made of; it is not served, and ends at once."""
    given: dict[str, Any] = {}

    class Pretended:
        def __init__(self, url: str | None, **options: object) -> None:
            given.update(options, url=url)

        async def run(self, listening: socket, ready: Callable[[], None]) -> None:
            given["address"] = server.address(listening)
            ready()

    monkeypatch.setattr(server, "View", Pretended)
    monkeypatch.setattr(webbrowser, "open", lambda address: given.update(opened=address))
    monkeypatch.delenv("N6LINK_URL", raising=False)
    return given


def test_the_demonstration_needs_nothing(made: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("N6LINK_URL", "serial:/dev/none")
    outcome = view("--demo", "--open", "--network", "movenet13")
    assert (outcome.exit_code, outcome.stdout) == (0, f"The page is at {made['address']}\n")
    assert outcome.stderr == "Ctrl-C ends it.\n"
    assert (made["url"], made["network"], made["opened"]) == ("sim:", "movenet13", made["address"])
    assert isinstance(made["live"], Live)


def test_without_a_source_viewers_choose(made: dict[str, Any]) -> None:
    assert view("--url", "sim:").exit_code == 0
    assert (made["url"], made["live"]) == ("sim:", None)
    assert "opened" not in made


def test_a_folder_is_shown_again_and_again(
    made: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = list[float]()

    def paced(pictures: Iterable[Pixels], rate: float) -> Iterable[Pixels]:
        rates.append(rate)
        return pictures

    monkeypatch.setattr(live, "paced", paced)
    for shade in (10, 20):
        Image.new("L", (4, 4), shade).save(tmp_path / f"{shade}.png")
    assert view("--video", str(tmp_path)).exit_code == 0
    source = made["live"]
    assert (source.title, source.policy) == (tmp_path.name, "all")
    assert [int(picture[0, 0]) for picture in islice(source.open(), 5)] == [10, 20, 10, 20, 10]
    assert rates == [1 / DWELL]
    assert view("--video", str(networks.PHOTO)).exit_code == 0
    assert [picture.shape for picture in islice(made["live"].open(), 2)] == [(512, 512, 3)] * 2


def test_a_camera_shows_the_newest(made: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("n6link.cli.video.camera", lambda number: iter([np.full((2, 2), number, np.uint8)]))
    assert view("--camera", "3").exit_code == 0
    source = made["live"]
    assert (source.title, source.policy) == ("camera 3", "latest")
    assert next(iter(source.open()))[0, 0] == 3


def test_a_video_begins_again(made: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = tmp_path / "film.mp4"
    film.touch()
    monkeypatch.setattr("n6link.cli.video.frames", lambda path: iter(["a", "b"]))
    monkeypatch.setattr(live, "paced", lambda pictures, rate: pictures)
    assert view("--video", str(film)).exit_code == 0
    assert list(islice(made["live"].open(), 5)) == ["a", "b", "a", "b", "a"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--demo", "--url", "sim:"), "--demo starts its own virtual board; omit --url"),
        (("--demo", "--camera", "0"), "use one of --camera, --video and --demo"),
        (("--video", "/nonexistent/x.mp4"), "'/nonexistent/x.mp4' does not exist"),
        (("--video", "/nonexistent"), "picture '/nonexistent' does not exist"),
        (("--listen", "0.0.0.0:1"), "'0.0.0.0:1' is reachable from other computers"),
        (("--video", "EMPTY"), "does not contain pictures"),
    ],
)
def test_options_that_cannot_be_used(
    made: dict[str, Any], words: tuple[str, ...], sentence: str, tmp_path: Path
) -> None:
    outcome = view(*(str(tmp_path) if word == "EMPTY" else word for word in words))
    assert outcome.exit_code == 2
    assert sentence in outcome.stderr
    assert outcome.stdout == ""
    assert made == {}


def test_a_missing_extra_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "n6link.view.server")
    monkeypatch.delattr("n6link.view.server")
    outcome = view("--url", "sim:")
    assert outcome.exit_code == 1
    assert "n6link view requires Starlette and uvicorn; install it with: pip install 'n6link[web]'" in outcome.stderr
