"""The page in a browser: ``n6link view --demo`` as a program, and Chromium without a window."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright
from sounds import hearing, write_sound

from n6link import networks
from n6link.blocking import N6Device
from n6link.decoders.draw_result import draw
from n6link.decoders.pose import Pose
from n6link.view.hearing import MARKED

pytestmark = pytest.mark.chromium

PATIENCE = 60_000
"""milliseconds after which something that should happen does not"""
SIZES = ((360, 740), (1280, 800), (3840, 2160))
TEXTS = "[aria-label], button, label, select, h1, h2, summary"


@contextmanager
def program(*options: str) -> Iterator[str]:
    """The page of ``n6link view`` with these options: its address. The program must end well, and not complain."""
    command = [sys.executable, "-m", "n6link", "view", "--listen", "127.0.0.1:0", *options]
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as child,
    ):
        try:
            assert child.stdout
            found = re.search(r"http://\S+", child.stdout.readline())
            assert found
            yield found[0]
        finally:
            child.terminate()
            child.wait()
            errors.seek(0)
            assert (errors.read(), child.returncode) == ("Ctrl-C ends it.\n", 0)


@pytest.fixture(scope="module")
def address(virtual_board: None) -> Iterator[str]:
    """The page of a demonstration."""
    with program("--demo") as at:
        yield at


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        path = shutil.which("chromium")
        with playwright.chromium.launch(executable_path=path, args=["--no-sandbox"], timeout=PATIENCE) as opened:
            yield opened


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The page on a desk; the test fails if a script fails or the browser refuses something."""
    with browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme="light") as context:
        context.set_default_timeout(PATIENCE)
        opened, errors = context.new_page(), list[str]()
        opened.on("pageerror", lambda error: errors.append(str(error)))
        opened.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        opened.goto(address)
        expect(opened.locator("#state")).to_have_text("connected")
        yield opened
        opened.evaluate("document.getElementById('live').click()")  # also while it is hidden, or about to be
        expect(opened.locator("#source")).to_contain_text("moving camera")
        assert [line for line in errors if "422" not in line] == []


def found_in(path: Path) -> list[Pose]:
    with N6Device("sim:movenet13") as device:
        return device["movenet13"].run(path).poses()


def looks(page: Page) -> NDArray[np.int_]:
    """The picture on the page, with what is drawn over it, as pixels."""
    return np.asarray(Image.open(io.BytesIO(page.locator("#canvas").screenshot())).convert("RGB")).astype(int)


def drop(page: Page, path: Path, kind: str) -> None:
    """Drops a file on the page, as a mouse does."""
    data = page.evaluate_handle(
        "([text, name, type]) => { const transfer = new DataTransfer();"
        "const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));"
        "transfer.items.add(new File([bytes], name, { type })); return transfer; }",
        [b64encode(path.read_bytes()).decode(), path.name, kind],
    )
    for event in ("dragenter", "dragover"):
        page.dispatch_event("body", event, {"dataTransfer": data})
    expect(page.locator("#drop")).to_be_visible()
    page.dispatch_event("body", "drop", {"dataTransfer": data})
    expect(page.locator("#drop")).to_be_hidden()


def test_the_demonstration_shows_a_skeleton_at_once(page: Page) -> None:
    expect(page.locator("#summary")).to_have_text("1 person")
    expect(page.locator("#source")).to_have_text("the photograph of the package, seen by a moving camera")
    expect(page.locator("#simulated")).to_be_visible()
    expect(page.locator("#kinds li")).to_contain_text(["HW", "SW", "overhead"])
    expect(page.locator("#budget tbody tr")).to_have_count(7)
    expect(page.locator("#canvas")).to_have_attribute("aria-label", re.compile("1 person"))
    page.get_by_role("button", name="Hold").click()
    before = looks(page)
    assert len(np.unique(before.reshape(-1, 3), axis=0)) > 1000
    expect(page.get_by_role("button", name="Hold")).to_have_attribute("aria-pressed", "true")


def test_a_dropped_picture_gets_its_skeleton(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "pilot.jpg"
    Image.open(networks.PHOTO).convert("RGB").save(path, quality=92)
    drop(page, path, "image/jpeg")
    expect(page.locator("#source")).to_have_text("pilot.jpg")
    expect(page.locator("#announce")).to_have_text("1 person")
    expect(page.locator("#summary")).to_have_text("1 person")
    shown = looks(page)
    height, width = shown.shape[:2]
    assert width == height >= 300
    poses = found_in(path)
    drawing = np.asarray(draw(path, poses).resize((width, height))).astype(int)
    assert np.abs(shown - drawing).mean() < 6
    photo = np.asarray(Image.open(path).resize((width, height))).astype(int)
    changed = np.abs(drawing - photo).max(axis=2) > 60
    drawn = np.abs(shown - photo).max(axis=2) > 60
    assert np.count_nonzero(changed & drawn) > 0.8 * np.count_nonzero(changed)
    for x, y, score in poses[0].keypoints * (width / 512, height / 512, 1):
        if score > 0.25 and 4 < x < width - 4 and 4 < y < height - 4:  # the middle of a joint is white
            assert shown[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2].max(axis=(0, 1)).min() > 200


def test_a_dropped_sound_is_heard(browser: Browser, virtual_board: None, tmp_path: Path) -> None:
    file = write_sound(tmp_path / "door.wav", "silence", "high", "low", "silence")
    with (
        browser.new_context(viewport={"width": 1280, "height": 800}) as context,
        program("--url", hearing(tmp_path)) as at,
    ):
        page = context.new_page()
        page.goto(at)
        expect(page.locator("#invitation")).to_contain_text("Drop a sound here")
        expect(page.get_by_role("button", name="Example")).to_be_hidden()
        expect(page.get_by_label("Choose a sound")).to_have_attribute("accept", "audio/*")
        drop(page, file, "audio/wav")
        expect(page.locator("#source")).to_have_text("door.wav")
        expect(page.locator("#summary")).to_have_text("high, 100.0 %, at 0.1 s")
        expect(page.locator("#seen-title")).to_have_text("What the network hears")
        expect(page.locator("#items li").first).to_contain_text("high")
        expect(page.locator("#canvas")).to_have_attribute("aria-label", "door.wav: high, 100.0 %, at 0.1 s")
        shown = looks(page)
        width = shown.shape[1]
        blue = (shown[..., 2] - shown[..., 0]).max(axis=0) > (
            MARKED[2] - MARKED[0]
        ) // 2  # the marked part of the waveform
        assert blue[int(0.3 * width) : int(0.45 * width)].all() and not blue[int(0.55 * width) :].any()


def test_a_file_that_is_not_a_picture_is_one_sentence(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a picture")
    drop(page, path, "text/plain")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("a picture of 13 bytes cannot be read as a picture")
    page.get_by_label("Choose a picture").set_input_files(networks.PHOTO)
    expect(page.locator("#source")).to_have_text("astronaut.png")
    expect(alert).to_be_hidden()


def test_it_can_be_used_with_the_keyboard_alone(page: Page) -> None:
    page.on("filechooser", lambda chooser: chooser.set_files(networks.PHOTO))
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the picture")
    page.keyboard.press("Enter")
    page.keyboard.press("h")
    expect(page.get_by_role("button", name="Hold")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("h")
    page.keyboard.press("o")
    expect(page.locator("#source")).to_have_text("astronaut.png")
    page.keyboard.press("n")
    prompt = page.get_by_label("Text to continue")
    expect(prompt).to_have_value("Mr. Darcy was")
    for _ in range(3):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "prompt":
            break
    page.keyboard.press("Control+a")
    page.keyboard.type("the onyx house")  # the keys o, n, h are letters here
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#text")).to_contain_text(re.compile("the onyx house.+"))
    expect(page.locator("#text-note")).to_have_text(re.compile(r"\d+ tokens?"))
    page.get_by_label("Network", exact=True).select_option("movenet13")
    expect(page.locator("#summary")).to_have_text("1 person")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_each_screen(browser: Browser, address: str, scheme: str) -> None:
    grounds = set[str]()
    for width, height in SIZES:
        with browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if scheme == "dark" else "light"
        ) as context:
            page = context.new_page()
            page.goto(address)
            expect(page.locator("#summary")).to_have_text("1 person")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            canvas = page.locator("#canvas").bounding_box()
            assert canvas
            assert 0.18 * width < canvas["width"] <= width
            assert canvas["y"] + canvas["height"] <= height
            sizes = page.evaluate(
                f"[...document.querySelectorAll('{TEXTS}')].map((each) => parseFloat(getComputedStyle(each).fontSize))"
            )
            assert min(sizes) >= 11
            grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    red = int(re.findall(r"\d+", grounds.pop())[0])
    assert not grounds
    assert red < 60 if scheme == "dark" else red > 200


def test_several_viewers_see_the_same(page: Page, browser: Browser, address: str) -> None:
    with browser.new_context() as context:
        other = context.new_page()
        other.goto(address)
        other.get_by_role("button", name="Example").click()
        for each in (page, other):
            expect(each.locator("#source")).to_have_text("the photograph of the package")
        page.get_by_role("button", name="Back to live").click()
        expect(other.locator("#source")).to_contain_text("moving camera")


def test_the_end_of_the_program_is_a_sentence(browser: Browser, virtual_board: None) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        with program("--url", "sim:movenet13") as at:
            page.goto(at)
            expect(page.locator("#invitation")).to_be_visible()
        expect(page.locator("#state")).to_have_text("page not connected")
        expect(page.get_by_role("alert")).to_have_text("the program n6link view has ended, or cannot be reached")
