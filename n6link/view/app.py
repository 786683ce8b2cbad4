"""The routes of the page.

==========================  ============================================================================================
``GET /``                   the page; ``/page/...``: its scripts and styles; ``/kinds.css``: the colours of epoch kinds
``POST /picture?name=N``    a picture file as the body; it replaces the source for all viewers
``POST /sound?name=N``      a sound file as the body, for a network that hears samples
``POST /example``           the photograph of the package replaces the source
``/live``                   WebSocket of a viewer
==========================  ============================================================================================

A viewer sends JSON objects. ``{"do": "next"}`` asks for what is new; the answer, which may take a while, is one message per topic and then
``{"topic": "end"}``. The other commands are methods of :class:`n6link.view.show.Show`. A command that cannot be executed is answered by the
topic ``refused`` with a sentence.
"""

from __future__ import annotations

import io
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from n6link import json_types, networks
from n6link.errors import BadInput, N6Error, requires
from n6link.json_types import Json, JsonObject
from n6link.tensors.image import PILLOW, Pixels, load
from n6link.tensors.sound import load as load_sound
from n6link.view import facts
from n6link.view.audience import Audience, Viewer
from n6link.view.guard import Guard
from n6link.view.hearing import Sound
from n6link.view.show import Prompt, Show

PAGE: Final = Path(__file__).parent / "page"
LARGEST: Final = 32_000_000
"""bytes of a file"""
MOST_PIXELS: Final = 50_000_000
MOST_SAMPLES: Final = 20_000_000
"""of all channels of a sound: 7 minutes of 48,000 per second"""
NAME: Final = 80
"""characters of the name of a file"""
END: Final = json.dumps({"topic": "end"})
_TOO_LARGE: Final = 413
_UNUSABLE: Final = 422


def application(audience: Audience, show: Show) -> Starlette:
    """The page of one board, for an ASGI server."""
    commands: dict[str, Callable[[JsonObject], None]] = {
        "choose": lambda given: show.choose(_text(given["network"])),
        "watch": lambda _: show.watch(),
        "again": lambda _: show.again(),
        "stop": lambda _: show.stop(),
        "write": lambda given: show.write(_prompt(given)),
    }

    async def page(_: Request) -> Response:
        return FileResponse(PAGE / "index.html")

    async def kinds(_: Request) -> Response:
        return PlainTextResponse(facts.styles(), media_type="text/css")

    async def picture(request: Request) -> Response:
        return await _take(request, look)

    async def look(content: bytes, name: str) -> Response:
        pixels = await anyio.to_thread.run_sync(partial(_pixels, content))
        show.look_at(pixels, name or "a picture")
        return JSONResponse({"width": pixels.shape[1], "height": pixels.shape[0]})

    async def sound(request: Request) -> Response:
        return await _take(request, listen_to)

    async def listen_to(content: bytes, name: str) -> Response:
        title = name or "a sound"
        samples, rate = await anyio.to_thread.run_sync(
            partial(load_sound, io.BytesIO(content), title, most=MOST_SAMPLES)
        )
        show.listen_to(Sound(samples, rate, title))
        return JSONResponse({"seconds": len(samples) / rate})

    async def example(_: Request) -> Response:
        picture = await anyio.to_thread.run_sync(load, networks.PHOTO)
        try:
            show.look_at(picture, "the photograph of the package")
        except BadInput as error:
            return _refusal(str(error), _UNUSABLE)
        return Response(status_code=204)

    async def live(socket: WebSocket) -> None:
        await socket.accept()
        asked = anyio.Event()

        async def listen(viewer: Viewer) -> None:
            while True:
                message = await socket.receive()
                if message["type"] == "websocket.disconnect":
                    raise WebSocketDisconnect(message["code"])
                if not _obey(message.get("text") or "", commands, viewer):
                    asked.set()

        async def supply(viewer: Viewer) -> None:
            nonlocal asked
            while True:
                await asked.wait()
                asked = anyio.Event()
                for message in await viewer.news():
                    await (socket.send_bytes(message) if isinstance(message, bytes) else socket.send_text(message))
                await socket.send_text(END)

        with audience.join() as viewer:
            try:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(listen, viewer)
                    tasks.start_soon(supply, viewer)
            except* WebSocketDisconnect:
                pass  # a viewer may leave at any time

    return Starlette(
        routes=[
            Route("/", page),
            Route("/kinds.css", kinds),
            Route("/picture", picture, methods=["POST"]),
            Route("/sound", sound, methods=["POST"]),
            Route("/example", example, methods=["POST"]),
            WebSocketRoute("/live", live),
            Mount("/page", StaticFiles(directory=PAGE)),
        ],
        middleware=[Middleware(Guard)],
    )


def _obey(text: str, commands: dict[str, Callable[[JsonObject], None]], viewer: Viewer) -> bool:
    """Executes a command; False = it asks for what is new."""
    try:
        given = json_types.mapping(json.loads(text))
        what = given.get("do")
        if what == "next":
            return False
        if not isinstance(what, str) or what not in commands:
            raise BadInput(f"unknown command {what!r}; send next, {', '.join(commands)}")
        commands[what](given)
    except N6Error as error:
        _refuse(viewer, str(error))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        _refuse(viewer, f"the message {text[:100]!r} cannot be used: {error}; reload the page")
    return True


def _refuse(viewer: Viewer, sentence: str) -> None:
    viewer.tell("refused", json.dumps({"topic": "refused", "text": sentence}))


def _prompt(given: JsonObject) -> Prompt:
    standard = Prompt("")
    return Prompt(
        _text(given["text"]),
        json_types.whole(given.get("tokens", standard.tokens)),
        json_types.number(given.get("temperature", standard.temperature)),
    )


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


async def _take(request: Request, use: Callable[[bytes, str], Awaitable[Response]]) -> Response:
    """Passes the file of a request on; a file that cannot be used is answered by a sentence."""
    name = "".join(letter if letter.isprintable() else "?" for letter in request.query_params.get("name", ""))
    try:
        content = await _body(request)
    except ClientDisconnect:
        return Response(status_code=400)
    if content is None:
        return _refusal(f"the file has more than {LARGEST // 1_000_000} MB; choose a smaller one", _TOO_LARGE)
    try:
        return await use(content, name[:NAME])
    except N6Error as error:
        return _refusal(str(error), _UNUSABLE)


async def _body(request: Request) -> bytes | None:
    """The body of a request; None = it is too large, and the rest was not read."""
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > LARGEST:
            return None
    return bytes(content)


def _pixels(content: bytes) -> Pixels:
    """The pixels of a file; a huge picture is refused before it is decoded.

    Raises:
        BadInput: it is not a picture, or has too many pixels.
        MissingExtra: Pillow is not installed.
    """
    with requires("pictures on the page", *PILLOW):
        from PIL import Image
    with suppress(OSError, Image.DecompressionBombError), Image.open(io.BytesIO(content)) as opened:
        width, height = opened.size
        if width * height > MOST_PIXELS:
            millions = MOST_PIXELS // 1_000_000
            raise BadInput(f"the picture has {width} x {height} pixels; use one with at most {millions} million")
    return load(content)


def _refusal(sentence: str, status: int) -> Response:
    return JSONResponse({"problem": sentence}, status_code=status)
