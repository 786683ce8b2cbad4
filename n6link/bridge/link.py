"""The session with Zenoh, and its addresses."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from n6link.errors import BadInput, TransportError, requires

if TYPE_CHECKING:
    import zenoh

DEFAULT: Final = "tcp/127.0.0.1:7447"
"""where the bridge listens, without options: only this computer reaches it"""
_PATIENCE: Final = 5.0
"""seconds for the answer to a question about the own session"""


def open_session(
    connect: Sequence[str] = (), listen: Sequence[str] = (), config: Path | None = None, *, scout: bool = False
) -> zenoh.Session:
    """Opens a session; waits for the network, so it is called in a thread.

    Args:
        connect: endpoints of routers or peers, such as ``tcp/192.168.1.2:7447``. Without ``listen`` the session is a client, for
            which a router passes everything on; a session that listens is a peer, to which others may connect directly.
        listen: endpoints of this session; without both, and without a configuration, :data:`DEFAULT`.
        config: a configuration file of Zenoh (JSON5), which the other arguments override.
        scout: find others by multicast, and be found.

    Raises:
        BadInput: the file or an endpoint is not valid.
        TransportError: an endpoint cannot be used.
        MissingExtra: eclipse-zenoh is not installed.
    """
    with requires("the bridge", "eclipse-zenoh", "zenoh"):
        import zenoh

    try:
        settings = zenoh.Config.from_file(config) if config else zenoh.Config()
    except zenoh.ZError as error:
        raise BadInput(f"{str(config)!r} is not a configuration of Zenoh: {_first_line(error)}") from error
    if not config:
        # Without a configuration nothing outside of this computer is reached: by default Zenoh listens at all addresses.
        settings.insert_json5("mode", json.dumps("client" if connect and not listen else "peer"))
        settings.insert_json5("adminspace/enabled", "true")
        listen = listen or ([] if connect else [DEFAULT])
    if not config or scout:
        settings.insert_json5("scouting/multicast/enabled", json.dumps(scout))
    for key, endpoints in (("connect", connect), ("listen", listen)):
        if endpoints or not config:
            try:
                settings.insert_json5(f"{key}/endpoints", json.dumps(list(endpoints)))
            except zenoh.ZError as error:
                raise BadInput(
                    f"{', '.join(endpoints)!r} is not an endpoint of Zenoh; use a form such as {DEFAULT}"
                ) from error
    try:
        return zenoh.open(settings)
    except zenoh.ZError as error:
        where = ", ".join([*listen, *connect]) or str(config)
        raise TransportError(
            f"{where} cannot be used by Zenoh: {_first_line(error)}; start the router, or choose another endpoint"
        ) from error


def endpoints(session: zenoh.Session) -> list[str]:
    """Where a session listens, with the ports that the system chose; empty if its configuration does not permit the question."""
    for reply in session.get(f"@/{session.zid()}/*", timeout=_PATIENCE):
        if reply.ok:
            return list(map(str, json.loads(reply.ok.payload.to_bytes())["locators"]))
    return []


def key_part(name: str) -> str:
    """A name as one part of a key."""
    return "".join("_" if letter in "/*?#$" or not letter.isprintable() else letter for letter in name) or "_"


def _first_line(error: Exception) -> str:
    """What Zenoh says, without the place in its source."""
    return str(error).splitlines()[0].partition(" at /")[0].rstrip(" .!")
