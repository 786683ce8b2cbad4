"""Refuses requests that another web page causes, and sets the headers that restrict ours.

The page controls a board without a password, so only programs of this computer may reach it, and of the pages in a browser only
this one. Another page could try it in two ways. *DNS rebinding*: its own name gets the address 127.0.0.1; then the header ``Host``
has this name, and not one of this computer. *Requests from another origin* (forms, fetch, WebSocket, which browsers permit to any
origin): then the header ``Origin`` is not the address of this page. Browsers set both headers, and scripts cannot change them.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.websockets import WebSocketClose

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
SAFE: Final = ("GET", "HEAD")
"""methods that do not change anything, for which browsers may omit Origin"""
REFUSED: Final = 1008
"""code of a closed WebSocket: policy violation"""


def is_loopback(host: str) -> bool:
    """Whether a name or an address is that of this computer, and reachable from this computer only."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or refuses it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return

        async def restricted(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        reason = _objection(Headers(scope=scope), safe=scope.get("method") in SAFE)
        if not reason:
            await self._app(scope, receive, restricted)
        elif scope["type"] == "http":
            await PlainTextResponse(reason + "\n", status_code=403)(scope, receive, restricted)
        else:
            await WebSocketClose(code=REFUSED, reason=reason)(scope, receive, send)


def _objection(headers: Headers, *, safe: bool) -> str:
    """Why a request is refused; empty = it is not."""
    host = headers.get("host", "")
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        name = ""
    if not is_loopback(name):
        return f"host {host!r} is not this computer; use http://127.0.0.1 and the port"
    origin = headers.get("origin")
    if origin is None and safe:
        return ""
    if origin != f"http://{host}":
        return f"origin {origin!r} is not this page; set the header Origin to 'http://{host}'"
    return ""
