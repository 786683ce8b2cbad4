"""Measures the page of ``n6link view --demo`` in Chromium, and takes its pictures for the documents.

``python benchmarks/page.py [--seconds N] [--pictures FOLDER [--only NAME]]``

The figures are medians of several visits: from the request for the page to its first paint, from there to the first skeleton, and how
many pictures per second the page paints. It requires chromium and the packages of the group ``test``.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

VISITS = 5
SIZES = {"phone": (360, 740), "desk": (1280, 800), "wall": (3840, 2160)}
PAINTED = "Number(document.documentElement.dataset.painted ?? 0)"
FIRST_PAINT = (
    "performance.getEntriesByType('paint').find((entry) => entry.name === 'first-contentful-paint')?.startTime"
)
FIRST_SCENE = "Number(document.documentElement.dataset.first)"


@contextmanager
def demonstration() -> Iterator[str]:
    command = [sys.executable, "-m", "n6link", "view", "--demo", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as program:
        try:
            assert program.stdout
            found = re.search(r"http://\S+", program.stdout.readline())
            assert found, "n6link view did not start"
            yield found[0]
        finally:
            program.terminate()


@contextmanager
def visit(browser: Browser, address: str, size: tuple[int, int], *, dark: bool = False) -> Iterator[Page]:
    """A page that shows a skeleton."""
    with browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if dark else "light"
    ) as context:
        page = context.new_page()
        page.goto(address)
        expect(page.locator("#summary")).to_have_text("1 person", timeout=60_000)
        yield page


def measure(browser: Browser, address: str, seconds: float) -> None:
    paints, scenes, rates = list[float](), list[float](), list[float]()
    for _ in range(VISITS):
        with visit(browser, address, SIZES["desk"]) as page:
            paints.append(page.evaluate(FIRST_PAINT))
            scenes.append(page.evaluate(FIRST_SCENE))
            begun, before = time.monotonic(), page.evaluate(PAINTED)
            time.sleep(seconds)
            rates.append((page.evaluate(PAINTED) - before) / (time.monotonic() - begun))
    for name, values, unit in (
        ("first paint", paints, "ms"),
        ("first skeleton", scenes, "ms"),
        ("pictures", rates, "/s"),
    ):
        print(f"{name:15} {statistics.median(values):7.1f} {unit} ({min(values):.1f} to {max(values):.1f})")


def photograph(browser: Browser, address: str, folder: Path, only: str | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, size in SIZES.items():
        for dark in (False, True):
            path = folder / f"view-{name}-{'dark' if dark else 'light'}.jpg"
            if only not in (None, path.stem):
                continue
            with visit(browser, address, size, dark=dark) as page:
                expect(page.locator("#slowest tbody tr")).to_have_count(8, timeout=60_000)
                expect(page.locator("#rate")).to_contain_text("mean of 20", timeout=60_000)
                page.screenshot(path=path, type="jpeg", quality=80, full_page=name == "phone")
                print(path)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=float, default=5.0, help="how long pictures are counted, per visit")
    arguments.add_argument(
        "--pictures", type=Path, help="where pictures of the page go; without it, the page is measured"
    )
    arguments.add_argument("--only", metavar="NAME", help="only the picture with this name, such as view-desk-light")
    given = arguments.parse_args()
    with demonstration() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        if given.pictures:
            photograph(browser, address, given.pictures, given.only)
        else:
            measure(browser, address, given.seconds)
        browser.close()


if __name__ == "__main__":
    main()
