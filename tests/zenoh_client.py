"""The other side of a bridge, for tests: plain Zenoh, as another program uses it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import zenoh

from n6link.bridge.board import Options, Presence
from n6link.bridge.serve import serve

LOOPBACK = "tcp/127.0.0.1:0"
"""a port that the system chooses"""


def configuration(connect: Sequence[str] = (), listen: Sequence[str] = (), mode: str = "client") -> zenoh.Config:
    config = zenoh.Config()
    config.insert_json5("mode", json.dumps(mode))
    config.insert_json5("scouting/multicast/enabled", "false")
    config.insert_json5("adminspace/enabled", "true")
    config.insert_json5("connect/endpoints", json.dumps(list(connect)))
    config.insert_json5("listen/endpoints", json.dumps(list(listen)))
    return config


@dataclass(frozen=True)
class Answer:
    """One reply to a query."""

    ok: bool
    encoding: str
    payload: bytes
    attachment: bytes | None = None

    @property
    def json(self) -> Any:
        return json.loads(self.payload)

    @property
    def error(self) -> tuple[str, str]:
        """Type and message."""
        assert not self.ok and self.encoding == "application/json"
        return self.json["error"]["type"], self.json["error"]["message"]


def ask(session: zenoh.Session, key: str, payload: bytes | None = None, encoding: str | None = None) -> list[Answer]:
    """All replies to a query; waits for them."""
    answers: list[Answer] = []
    for reply in session.get(key, payload=payload, encoding=encoding, attachment=b"ticket", timeout=60):
        if sample := reply.ok:
            note = sample.attachment.to_bytes() if sample.attachment else None
            answers.append(Answer(True, str(sample.encoding), sample.payload.to_bytes(), note))
        elif error := reply.err:
            answers.append(Answer(False, str(error.encoding), error.payload.to_bytes()))
    return answers


def ask_until(session: zenoh.Session, key: str, payload: bytes) -> Answer:
    """The only reply to a query, as soon as the declarations of the other side have arrived through a router."""
    while not (answers := ask(session, key, payload)):
        pass
    [answer] = answers
    return answer


@dataclass
class Client:
    """A bridge that runs in this process, and a session of another participant.

    Attributes:
        endpoints: of the bridge.
        reports: what the bridge has reported.
    """

    endpoints: list[str] = field(default_factory=list)
    reports: list[Presence] = field(default_factory=list)
    changed: anyio.Event = field(default_factory=anyio.Event)
    _session: zenoh.Session | None = None

    @property
    def session(self) -> zenoh.Session:
        """Opened at first use. Opening waits for what the bridge has declared: later declarations would arrive some time later."""
        if self._session is None:
            self._session = zenoh.open(configuration(connect=self.endpoints))
        return self._session

    def close(self) -> None:
        if self._session:
            self._session.close()

    def report(self, presence: Presence) -> None:
        self.reports.append(presence)
        self.changed.set()
        self.changed = anyio.Event()

    async def reported(self, state: str, number: int = 1) -> list[Presence]:
        """Waits until the bridge has reported a state so many times."""
        while len(found := [each for each in self.reports if each.state == state]) < number:
            await self.changed.wait()
        return found

    async def ask(self, key: str, payload: bytes | None = None, encoding: str | None = None) -> Answer:
        """The only reply to a query."""
        [answer] = await anyio.to_thread.run_sync(ask, self.session, key, payload, encoding)
        return answer


@asynccontextmanager
async def bridge(*urls: str, **options: Any) -> AsyncIterator[Client]:
    """Runs a bridge; its boards are connected."""
    client = Client()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(
            partial(
                serve,
                urls,
                listen=[LOOPBACK],
                options=Options(**options),
                listening=client.endpoints.extend,
                report=client.report,
            )
        )
        await client.reported("connected", len(urls))
        try:
            yield client
        finally:
            client.close()
        tasks.cancel_scope.cancel()


class Listener:
    """What is published below a key, in order.

    Args:
        session: of the listener.
        key: of what it subscribes to.
    """

    def __init__(self, session: zenoh.Session, key: str) -> None:
        self._subscriber = session.declare_subscriber(key)

    async def next(self) -> tuple[str, Answer]:
        """The last part of the key, and the message."""
        sample = await anyio.to_thread.run_sync(self._subscriber.recv, abandon_on_cancel=True)
        note = sample.attachment.to_bytes() if sample.attachment else None
        return str(sample.key_expr).split("/")[-1], Answer(True, str(sample.encoding), sample.payload.to_bytes(), note)


class Tokens:
    """Tokens that appear and disappear, in order, from those that are there.

    Args:
        session: of the listener.
        key: of the tokens.
    """

    def __init__(self, session: zenoh.Session, key: str) -> None:
        self._subscriber = session.liveliness().declare_subscriber(key, history=True)

    async def next(self) -> tuple[str, bool]:
        """The key of a token, and whether it appears."""
        sample = await anyio.to_thread.run_sync(self._subscriber.recv, abandon_on_cancel=True)
        return str(sample.key_expr), sample.kind == zenoh.SampleKind.PUT
