"""``n6link demo``: the pose in a photograph; it uses only files of this package."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Final

import anyio.to_thread
import typer
from rich.markup import escape

from n6link import networks
from n6link.cli import tables
from n6link.cli.common import Encode, Json, Url, connect, emit, network_for, out, start, working
from n6link.cli.files import check_target
from n6link.cli.writing import DRAWINGS, save_picture
from n6link.decoders.draw_result import draw
from n6link.result import to_plain
from n6link.tensors.image import load

THRESHOLD: Final = 0.25
"""lowest score of a keypoint that is drawn"""
TASKS: Final = ("pose-heatmap", "yolo-pose")


def demo(
    url: Url = "sim:",
    picture: Annotated[
        Path, typer.Option("--out", "-o", metavar="PNG", help="File for the photograph with the skeleton.")
    ] = Path("n6link_demo.png"),
    encode: Encode = None,
    as_json: Json = False,
) -> None:
    """Find the pose in a photograph: on a virtual board, or on the board that --url names."""
    check_target(picture, "--out", *DRAWINGS)
    start(_demo, url, picture, encode, as_json)


async def _demo(url: str | None, picture: Path, encode: str | None, as_json: bool) -> None:
    photo = await anyio.to_thread.run_sync(load, networks.PHOTO)
    async with connect(url) as dev:
        network, board = network_for(dev, None, *TASKS), dev.info.board
        with working(f"Running {network.name}"):
            (
                await network.run(photo, encode=encode)
            ).decode()  # not shown: the first run also loads modules and fills caches
            result = await network.run(photo, encode=encode)
            poses = result.decode()
    with working("Drawing"):
        drawing = await anyio.to_thread.run_sync(partial(draw, photo, poses, threshold=THRESHOLD))
        await anyio.to_thread.run_sync(save_picture, picture, drawing)
    if as_json:
        emit(to_plain(result, poses) | {"url": dev.url, "board": board, "picture": str(picture)})
    else:
        out.print(tables.page(result, poses, dev.url, THRESHOLD, out.width))
        out.print(f"\nThe photograph with the skeleton: [bold]{escape(str(picture))}[/]", soft_wrap=True)
