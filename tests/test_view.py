"""The page of a board, without a browser: what viewers receive, what they may change, and who is refused."""

from __future__ import annotations

import io
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import httpx2 as httpx
import numpy as np
import pytest
from e2e_fixtures import board, sim_url
from PIL import Image
from sounds import RATE, WINDOW, hearing, write_sound
from viewers import page, serving, unpack
from websockets.exceptions import InvalidStatus

from n6link import decoders
from n6link.colours import KIND_COLOURS
from n6link.decoders.boxes import Detection
from n6link.decoders.classification import Classification
from n6link.decoders.pose import Pose
from n6link.decoders.segmentation import Segmentation
from n6link.errors import BadInput
from n6link.protocol import EpochKind
from n6link.tensors.image import Pixels, Placement
from n6link.view import facts, live
from n6link.view.audience import Audience
from n6link.view.hearing import HEIGHT, WIDTH
from n6link.view.live import Live
from n6link.view.scene import described, scene
from n6link.view.server import address, bind
from n6link.view.show import CLASSIFICATION, GENERATION, LONGEST_PROMPT

GREY = np.full((48, 64, 3), 128, np.uint8)


def shades() -> Iterator[Pixels]:
    """Pictures that differ."""
    for number in count():
        yield np.full((48, 64, 3), number % 256, np.uint8)


def png(picture: Pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


@asynccontextmanager
async def client(at: str, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    """What a browser sends with requests of the page."""
    origin = {"origin": at.rstrip("/")} | headers
    async with httpx.AsyncClient(base_url=at, headers=origin, trust_env=False, timeout=60) as opened:
        yield opened


# ---- what viewers receive


async def test_a_live_source_is_shown_with_what_the_network_sees() -> None:
    async with serving(sim_url(), Live("shades", shades)) as at, page(at) as viewer:
        first = await viewer.until("scene", lambda scene: True)
        assert (first["network"], first["size"]) == ("reference", [64, 48])
        assert Image.open(io.BytesIO(first["picture"])).size == (64, 48)
        assert {shape[0] for shape in first["shapes"]} <= {"line", "disc", "circle", "tag"}
        await viewer.until("scene", lambda scene: scene["picture"] != first["picture"])
        budget = await viewer.until("budget", lambda budget: budget["results"] > 1)
        assert [stage["name"] for stage in budget["stages"]][4] == "npu"
        assert sum(stage["share"] for stage in budget["stages"]) == pytest.approx(1)
        shown = await viewer.until("board", lambda board: board["epochs"] and board["epochs"]["runs"])
        assert shown["state"] == "connected"
        assert {block["kind"] for block in shown["epochs"]["blocks"]} <= {kind.name for kind in EpochKind}
        assert [name for name, _, _ in shown["link"]][:2] == ["to the board", "from the board"]


async def test_a_picture_is_shown_to_all_viewers() -> None:
    url = sim_url() + ",another=reference:reference"
    async with serving(url) as at, page(at) as one, page(at) as other, client(at) as http:
        await one.until("show", lambda show: show["source"] == "none" and show["network"])
        idle = await one.until("board", lambda board: board["epochs"])
        assert all(re.fullmatch(r"\d+ blocks?", kind["text"]) for kind in idle["epochs"]["kinds"])
        answer = await http.post("picture", params={"name": "grey\n.png"}, content=png(GREY))
        assert (answer.status_code, answer.json()) == (200, {"width": 64, "height": 48})
        for viewer in (one, other):
            await viewer.until("scene", lambda scene: scene["size"] == [64, 48])
            assert (await viewer.until("show", lambda show: show["source"] == "still"))["title"] == "grey?.png"
        await one.send(do="choose", network="another")
        await other.until("scene", lambda scene: scene["network"] == "another")
        await one.send(do="choose", network="reference_colour")
        problem = "network 'reference_colour' also requires the input prior; pass a dict of arrays by name"
        await other.until("show", lambda show: show["problem"] == problem)
        await one.send(do="choose", network="reference")
        answer = await http.post("example")
        assert answer.status_code == 204
        await one.until("scene", lambda scene: scene["size"] == [512, 512])


async def test_a_late_viewer_receives_what_is_there() -> None:
    async with serving(sim_url()) as at, client(at) as http:
        async with page(at) as first:
            await http.post("picture", content=png(GREY))
            await first.until("scene", lambda scene: True)
        async with page(at) as second:
            await second.look()
            assert {"board", "show", "scene", "budget"} <= second.newest.keys()


async def test_a_source_is_open_only_while_somebody_looks() -> None:
    opened: list[str] = []

    def source() -> Iterator[Pixels]:
        opened.append("open")
        try:
            yield from shades()
        finally:
            opened.append("closed")

    async with serving(sim_url(), Live("shades", source)) as at:
        for turn in (1, 2):
            async with page(at) as viewer:
                await viewer.until("scene", lambda scene: True)
            with anyio.fail_after(60):
                while len(opened) < 2 * turn:  # noqa: ASYNC110  what is waited for has no event
                    await anyio.sleep(0.01)
    assert opened == ["open", "closed"] * 2


async def test_a_source_that_fails_is_a_sentence_and_a_picture_still_works() -> None:
    def source() -> Iterator[Pixels]:
        yield GREY
        raise BadInput("camera 7 cannot be read")

    async with serving(sim_url(), Live("a camera", source)) as at, page(at) as viewer, client(at) as http:
        await viewer.until("show", lambda show: show["problem"] == "camera 7 cannot be read")
        await http.post("picture", content=png(GREY))
        await viewer.until("show", lambda show: show["source"] == "still" and not show["problem"])
        await viewer.until("scene", lambda scene: True)
        await viewer.send(do="watch")
        await viewer.until("show", lambda show: show["source"] == "live" and show["problem"])


async def test_a_source_that_ends_is_a_sentence() -> None:
    async with serving(sim_url(), Live("a film", lambda: iter([GREY]))) as at, page(at) as viewer:
        shown = await viewer.until("show", lambda show: show["problem"])
        assert shown["problem"] == "a film has ended; start n6link view again, or choose a picture"


async def test_a_board_that_vanishes_comes_back(tmp_path: Path) -> None:
    path = str(tmp_path / "board")
    async with anyio.create_task_group() as tasks:
        with board("--unix", path) as first:
            serve = serving(first.url, Live("shades", shades))
            at = await serve.__aenter__()
            async with page(at) as viewer:
                await viewer.until("scene", lambda scene: True)
                first.die()
                lost = await viewer.until("board", lambda board: board["state"] == "lost")
                assert lost["reason"]
                await anyio.Path(path).unlink(missing_ok=True)
                with board("--unix", path):
                    await viewer.until("board", lambda board: board["state"] == "connected")
                    scenes = viewer.scenes
                    await viewer.until("scene", lambda scene: viewer.scenes > scenes)
                    await serve.__aexit__(None, None, None)
        tasks.cancel_scope.cancel()


async def test_a_board_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "board"
    async with serving(f"unix:{path}", Live("shades", shades)) as at, page(at) as viewer:
        missing = await viewer.until("board", lambda board: board["reason"])
        assert missing["state"] != "connected"
        await viewer.send(do="choose", network="reference")
        refused = await viewer.until("refused", lambda refused: True)
        assert refused["text"] == "the board does not have a network 'reference'; choose later"
        with board("--unix", str(path)):
            await viewer.until("scene", lambda scene: True)


async def test_text_is_generated_token_by_token(virtual_board: None) -> None:
    async with serving("sim:tinybert") as at, page(at) as viewer:
        shown = await viewer.until("show", lambda show: show["network"])
        assert (shown["task"], shown["example"]) == ("text-generation", "Mr. Darcy was")
        await viewer.send(do="write", text="Mr. Darcy was", tokens=12, temperature=0)
        text = await viewer.until("text", lambda text: text["done"] and text["text"])
        assert (text["prompt"], text["note"]) == ("Mr. Darcy was", "12 tokens")
        assert (await viewer.until("budget", lambda budget: True))["results"] >= 1
        await viewer.send(do="write", text="Mr. Darcy was", tokens=400)
        await viewer.until("text", lambda text: not text["done"])
        await viewer.send(do="stop")
        await viewer.until("text", lambda text: text["done"] and not text["text"])


async def test_text_that_cannot_be_used_is_refused() -> None:
    wrong: tuple[tuple[dict[str, object], str], ...] = (
        ({"text": " "}, "the text is empty; write a few words"),
        ({"text": "x" * (LONGEST_PROMPT + 1)}, "the text has 4001 characters; use at most 4000"),
        ({"text": "x", "tokens": 0}, "0 tokens are out of range; use 1 to 400"),
        ({"text": "x", "tokens": 2.5}, "2.5 is not a whole number"),
        ({"text": "x", "temperature": -1}, "temperature -1 is out of range; use 0 to 5"),
        ({"text": 5}, "5 is not a text"),
        ({}, "'text'"),
    )
    async with serving(sim_url()) as at, page(at) as viewer:
        for command, sentence in wrong:
            await viewer.send(do="write", **command)
            await viewer.refused(sentence)


# ---- wrong input


async def test_a_wrong_command_is_one_sentence_for_its_viewer() -> None:
    names = "reference, reference_colour"
    wrong: dict[str | bytes, str] = {
        '{"do": "choose", "network": "yolo"}': f"the board does not have a network 'yolo'; choose {names}",
        '{"do": "dance"}': "unknown command 'dance'; send next, choose, watch, again, stop, write",
        '{"do": ["next"]}': "unknown command ['next']",
        '{"do": "watch"}': "there is not a live source; start n6link view with --camera or --video, or choose a picture",
        "[]": "the message '[]' cannot be used: [] is not an object; reload the page",
        "{": "the message '{' cannot be used",
        "[" * 5000: "cannot be used",
        b"\x00": "the message '' cannot be used",
    }
    async with serving(sim_url()) as at, page(at) as viewer, page(at) as other:
        await viewer.until("show", lambda show: show["network"])
        for command, sentence in wrong.items():
            await viewer.socket.send(command)
            await viewer.refused(sentence)
        await other.look()
        assert "refused" not in other.newest
        await viewer.send(do="choose", network="reference_colour")
        await viewer.until("show", lambda show: show["network"] == "reference_colour")


async def test_a_file_that_is_not_a_picture_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("n6link.view.app.LARGEST", 100_000)
    monkeypatch.setattr("n6link.view.app.MOST_PIXELS", 100_000)
    large = png(np.zeros((400, 300, 3), np.uint8))
    files = {
        b"": (422, "a picture of 0 bytes cannot be read as a picture: its format is unknown; use PNG, JPEG"),
        b"GIF89a" + bytes(20): (422, "cannot be read as a picture"),
        png(GREY)[:60]: (422, "cannot be read as a picture"),
        bytes(100_001): (413, "the file has more than 0 MB; choose a smaller one"),
        large: (422, "the picture has 300 x 400 pixels; use one with at most 0 million"),
    }
    async with serving(sim_url(), Live("shades", shades)) as at, page(at) as viewer, client(at) as http:
        for content, (status, sentence) in files.items():
            answer = await http.post("picture", content=content)
            assert answer.status_code == status
            assert sentence in answer.json()["problem"]
        assert (await viewer.until("show", lambda show: show["network"]))["source"] == "live"
        await viewer.until("scene", lambda scene: True)


async def test_a_sound_is_heard_window_by_window(virtual_board: None, tmp_path: Path) -> None:
    url = hearing(tmp_path) + ",movenet13"
    file = write_sound(tmp_path / "a.wav", "silence", "high", "silence")
    async with serving(url) as at, page(at) as viewer, client(at) as http:
        shown = await viewer.until("show", lambda show: show["network"] == "ear")
        assert (shown["hears"], shown["source"]) == (True, "none")
        answer = await http.post("sound", params={"name": "a.wav"}, content=file.read_bytes())
        assert (answer.status_code, answer.json()) == (200, {"seconds": 3 * WINDOW / RATE})
        scene = await viewer.until("scene", lambda scene: scene["summary"] == "high, 100.0 %, at 0.1 s")
        assert scene["items"][0] == ["high", "100.0 %", pytest.approx(1)] and scene["size"] == [WIDTH, HEIGHT]
        assert (await viewer.until("show", lambda show: show["source"] == "still"))["title"] == "a.wav"
        # A file with another number of samples per second is converted, and one window has no time.
        again = write_sound(tmp_path / "b.flac", "low", rate=2 * RATE)
        await http.post("sound", params={"name": "b.flac"}, content=again.read_bytes())
        await viewer.until("scene", lambda scene: scene["summary"] == "low, 100.0 %")
        # A picture and a sound are kept each for the networks that can use it.
        for path, content in (("picture", png(GREY)), ("example", b"")):
            answer = await http.post(path, content=content)
            assert answer.status_code == 422 and "network 'ear' hears sounds" in answer.json()["problem"]
        await viewer.send(do="choose", network="movenet13")
        await viewer.until("show", lambda show: show["network"] == "movenet13" and show["source"] == "none")
        answer = await http.post("sound", content=file.read_bytes())
        assert "network 'movenet13' does not hear sounds; choose another" in answer.json()["problem"]
        assert (await http.post("picture", content=png(GREY))).status_code == 200
        await viewer.until("scene", lambda scene: scene["network"] == "movenet13")
        await viewer.send(do="choose", network="ear")
        await viewer.until("scene", lambda scene: scene["network"] == "ear" and scene["summary"] == "low, 100.0 %")


async def test_a_file_that_is_not_a_sound_changes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("n6link.view.app.MOST_SAMPLES", WINDOW)
    files = {
        b"RIFF": "'a sound' cannot be read as a sound",
        write_sound(
            tmp_path / "a.wav", "low", "low"
        ).read_bytes(): f"has {2 * WINDOW} samples; use a sound with at most {WINDOW}",
    }
    async with serving(sim_url()) as at, client(at) as http:
        for content, sentence in files.items():
            answer = await http.post("sound", content=content)
            assert answer.status_code == 422 and sentence in answer.json()["problem"]


async def test_viewers_who_vanish_disturb_nobody() -> None:
    async with serving(sim_url(), Live("shades", shades)) as at, page(at) as viewer:
        for _ in range(5):
            async with page(at) as other:
                await other.send(do="next")
                other.socket.transport.abort()
        half = await anyio.connect_tcp("127.0.0.1", int(at.rstrip("/").rpartition(":")[2]))
        await half.send(
            b"POST /picture HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://127.0.0.1\r\nContent-Length: 9\r\n\r\nab"
        )
        await half.aclose()
        scenes = viewer.scenes
        await viewer.until("scene", lambda scene: viewer.scenes > scenes + 2)


# ---- who is refused


async def test_another_name_of_this_computer_is_refused() -> None:
    async with serving(sim_url()) as at, client(at) as http:
        for host in ("evil.example", "evil.example:8016", "127.0.0.1.evil.example", "[", "10.0.0.1", ""):
            answer = await http.get("/", headers={"host": host})
            assert answer.status_code == 403
            assert answer.text == f"host {host!r} is not this computer; use http://127.0.0.1 and the port\n"


async def test_requests_of_another_page_are_refused() -> None:
    async with serving(sim_url()) as at, client(at) as http, page(at) as viewer:
        for origin in ("http://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1:1"):
            answer = await http.post("picture", content=png(GREY), headers={"origin": origin})
            assert answer.status_code == 403
            assert answer.text.startswith(f"origin {origin!r} is not this page")
            with pytest.raises(InvalidStatus) as refused:
                async with page(at, origin):
                    pass
            assert refused.value.response.status_code == 403
        assert (await viewer.until("show", lambda show: show["network"]))["source"] == "none"


async def test_a_request_without_an_origin_may_only_read() -> None:
    async with serving(sim_url()) as at, httpx.AsyncClient(base_url=at, trust_env=False, timeout=60) as http:
        assert (await http.get("/")).status_code == 200
        assert (await http.post("example")).status_code == 403
        assert (await http.get("/", headers={"host": at.split(":")[-1].join(("localhost:", ""))})).status_code == 200


async def test_every_file_of_the_page_is_restricted_and_from_this_server() -> None:
    async with serving(sim_url()) as at, client(at) as http:
        names = [
            "/",
            "/kinds.css",
            *(f"/page/{path.name}" for path in Path(facts.__file__).with_name("page").iterdir()),
        ]
        assert len(names) > 6
        for name in names:
            answer = await http.get(name)
            assert answer.status_code == 200
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            assert "unsafe" not in answer.headers["content-security-policy"]
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "://" not in answer.text.replace("http://www.w3.org/2000/svg", "").replace(
                "ws://${location.host}", ""
            )
            assert "style=" not in answer.text
        assert (await http.get("/page/../app.py")).status_code == 404
        assert (await http.get("/page/%2e%2e/app.py")).status_code == 404


@pytest.mark.parametrize(
    ("listen", "sentence"),
    [
        ("8016", "must have the form HOST:PORT"),
        ("127.0.0.1:http", "must have the form HOST:PORT"),
        ("127.0.0.1:99999", "must have the form HOST:PORT"),
        ("0.0.0.0:8016", "is reachable from other computers"),
        ("[::]:8016", "is reachable from other computers"),
        ("board.example:8016", "is reachable from other computers"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(listen: str, sentence: str) -> None:
    with pytest.raises(BadInput, match=f"--listen '{listen}'".replace("[", r"\[").replace("]", r"\]")) as refused:
        bind(listen)
    assert sentence in str(refused.value)


def test_an_address_in_use_is_refused() -> None:
    with bind("127.0.0.1:0") as first:
        taken = address(first).split("/")[2]
        with pytest.raises(BadInput, match="is in use by another program; use another port, or 127.0.0.1:0"):
            bind(taken)


# ---- parts


async def test_a_slow_viewer_gets_the_newest_only() -> None:
    audience = Audience()
    with audience.join() as viewer:
        for number in range(100):
            audience.publish("scene", f"{number}")
        audience.publish("board", "b")
        assert await viewer.news() == ["99", "b"]
        audience.publish("scene", "99")
        audience.publish("scene", "100")
        assert await viewer.news() == ["100"]
        audience.publish("scene", "101")
        audience.withdraw("scene", "budget")
        audience.publish("board", "c")
        assert await viewer.news() == ["c"]
    assert len(audience) == 0


async def test_news_are_waited_for() -> None:
    audience = Audience()
    with audience.join() as viewer:
        with anyio.move_on_after(0) as waited:
            await viewer.news()
        assert waited.cancelled_caught
        audience.publish("scene", "1")
        assert await viewer.news() == ["1"]


def test_sentences_about_results() -> None:
    box = np.zeros(4, np.float32)
    objects = [Detection(label, 0, 0.5, box) for label in ("cat", "dog", "cat", "cow", "hen", "fox")]
    assert described(objects) == (
        "2 cat, 1 dog, 1 cow and 2 other classes",
        [[each.label, "50.0 %", 0.5] for each in objects],
    )
    assert described(objects[:2] + objects[3:5])[0] == "1 cat, 1 dog, 1 cow and 1 other class"
    assert described([])[0] == "nothing was found"
    found = Classification("cat", 0.75, {"dog": 0.25, "cat": 0.75})
    assert described(found) == ("cat, 75.0 %", [["cat", "75.0 %", 0.75], ["dog", "25.0 %", 0.25]])


POINTS = np.array([[8, 8, 0.9], [40, 30, 0.8]], np.float32)
POSE = Pose(POINTS, ("nose", "left eye"), ((0, 1),), 0.5, np.zeros(2, np.bool_), np.array([4, 4, 50, 40], np.float32))
THING = Detection(
    "cat", 0, 0.5, np.array([4, 4, 50, 40], np.float32), POINTS[:, :2], ("ear", "eye"), np.zeros(2, np.bool_)
)
MAP = Segmentation(
    (np.arange(48 * 64).reshape(48, 64) % 64 // 48).astype(np.uint8), ("floor", "wall"), Placement((64, 48), (64, 48))
)
CLASS = Classification("cat", 0.75, {"dog": 0.25, "cat": 0.75})
ANSWERS = {
    **dict.fromkeys(("pose-heatmap", "pose-points", "yolo-pose"), ([POSE], "1 person", {"line", "disc", "tag"})),
    **dict.fromkeys(
        ("fomo", "landmark-boxes", "ssd", "yolo", "yolo-grid"), ([THING], "1 cat", {"line", "disc", "tag"})
    ),
    **dict.fromkeys(("audio-classification", "image-classification"), (CLASS, "cat, 75.0 %", {"tag"})),
    "segmentation": (MAP, "floor 75.0 %, wall 25.0 %", {"tag"}),
}
"""by task: what its decoder returns, the sentence about it, and shapes that are drawn"""


@pytest.mark.parametrize("task", sorted(set(decoders.tasks()) - {GENERATION, CLASSIFICATION}))
def test_the_answer_of_every_task_is_drawn(task: str) -> None:
    meaning, sentence, shapes = ANSWERS[task]
    result: Any = SimpleNamespace(network=SimpleNamespace(name="net"), decode=lambda: meaning)
    shown = unpack(scene(result, GREY))
    assert shown["summary"] == sentence and shown["items"]
    assert shapes <= {shape[0] for shape in shown["shapes"]}
    assert Image.open(io.BytesIO(shown["picture"])).size == (64, 48)
    assert bool(shown["mask"]) == (task == "segmentation")


def test_the_page_has_the_colours_of_all_views() -> None:
    styles = facts.styles()
    for kind, colour in KIND_COLOURS.items():
        assert f"--kind-{kind.name}: {colour};" in styles


def test_the_camera_of_the_demonstration_stays_in_the_photograph() -> None:
    size = live.photograph().size
    boxes = [live.view_at(tenth / 10, size) for tenth in range(1200)]
    assert all(0 <= x < x1 <= size[0] and 0 <= y < y1 <= size[1] for x, y, x1, y1 in boxes)
    assert len({round(x1 - x) for x, _, x1, _ in boxes}) > 50


def test_pictures_do_not_come_faster_than_their_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    now, slept = [100.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", sleep)
    assert len(list(live.paced([GREY] * 5, 4))) == 5
    assert slept == pytest.approx([0.25] * 4)


async def test_the_demonstration_has_a_skeleton(virtual_board: None) -> None:
    async with serving("sim:movenet13", live.demonstration()) as at, page(at) as viewer:
        # The picture moves: on a busy machine the first one that arrives may show less of the person.
        scene = await viewer.until("scene", lambda scene: sum(shape[0] == "line" for shape in scene["shapes"]) >= 8)
        assert scene["summary"] == "1 person"
        assert scene["size"] == [live.SIDE, live.SIDE]
