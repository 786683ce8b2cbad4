"""``n6link view``: a page of a board at work."""

from __future__ import annotations

import webbrowser
from collections.abc import Generator
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from n6link.cli import video
from n6link.cli.common import Cards, Named, Url, err, out, start
from n6link.errors import BadInput, requires
from n6link.evaluation.files import PICTURES, files_in
from n6link.tensors.image import Pixels, load

if TYPE_CHECKING:
    from n6link.view.live import Live

LISTEN: Final = "127.0.0.1:8016"
DWELL: Final = 2.0
"""seconds for each picture of a folder"""


def view(
    context: typer.Context,
    url: Url = None,
    camera: Annotated[
        int | None, typer.Option("--camera", min=0, metavar="N", help="Show a camera of this computer (OpenCV).")
    ] = None,
    film: Annotated[
        Path | None,
        typer.Option(
            "--video",
            metavar="FILE|FOLDER",
            help="Show a video, a picture, or the pictures of a folder, again and again.",
        ),
    ] = None,
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="Address of the page, on this computer; port 0 = any.")
    ] = LISTEN,
    demo: Annotated[
        bool, typer.Option("--demo", help="Show a virtual board and a moving picture; a real board is not required.")
    ] = False,
    show: Annotated[bool, typer.Option("--open", help="Also open the page in the browser.")] = False,
    network: Named = None,
    cards: Cards = None,
) -> None:
    """Serve a page with a board at work: pictures with what the network sees, times, epochs, link.

    Example: n6link view --demo --open
    """
    source = context.get_parameter_source("url")
    if demo and source and source.name == "COMMANDLINE":
        raise typer.BadParameter("--demo starts its own virtual board; omit --url")
    if (camera is not None) + (film is not None) + demo > 1:
        raise typer.BadParameter("use one of --camera, --video and --demo")
    start(_view, "sim:" if demo else url, _live(camera, film, demo), listen, show, network, cards)


async def _view(
    url: str | None, live: Live | None, listen: str, show: bool, network: str | None, cards: list[Path] | None
) -> None:
    with requires("n6link view", "Starlette and uvicorn", "web"):
        from n6link.view import server

    with server.bind(listen) as listening:
        page = server.View(url, cards=[str(card) for card in cards or ()], live=live, network=network)
        address = server.address(listening)

        def ready() -> None:
            out.print(f"The page is at [bold]{address}[/]", soft_wrap=True)
            err.print("Ctrl-C ends it.", style="dim")
            if show:
                webbrowser.open(address)

        await page.run(listening, ready)


def _live(camera: int | None, film: Path | None, demo: bool) -> Live | None:
    """The source that the options describe.

    Raises:
        BadInput: the file does not exist, or the folder does not have pictures.
    """
    from n6link.view.live import Live, demonstration, paced

    if demo:
        return demonstration()
    if camera is not None:
        return Live(f"camera {camera}", lambda: video.camera(camera), "latest")
    if film is None:
        return None
    if film.is_file() and film.suffix.lower() in video.SUFFIXES:
        return Live(film.name, lambda: paced(_repeated(film), video.RATE))
    pictures = files_in(film, PICTURES) if film.is_dir() else [film]
    if not pictures:
        raise BadInput(f"folder {str(film)!r} does not contain pictures; use another folder, or a video")
    load(pictures[0])  # reports a wrong file before anything starts
    return Live(film.name or str(film), lambda: paced(map(load, cycle(pictures)), 1 / DWELL))


def _repeated(film: Path) -> Generator[Pixels]:
    while True:
        yield from video.frames(film)
