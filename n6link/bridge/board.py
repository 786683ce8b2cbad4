"""The keys of one board: its token, its queries, its streams.

===========================================  =========================================================================
key, below ``n6link/BOARD``                  what it is
===========================================  =========================================================================
itself                                       a liveliness token: the board is connected
``info``                                     a queryable: board, firmware, networks with their tensors, as JSON
``NETWORK/run``                              a queryable: one inference
``NETWORK/image``                            pictures for the network; the newest one is used
``NETWORK/result``, ``rejected``, topics     results and errors for these pictures, see :mod:`n6link.bridge.stream`
===========================================  =========================================================================

A query for another network gets one error.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeVar

import anyio
import anyio.to_thread

from n6link import ambient, errors
from n6link.bridge import payloads
from n6link.bridge.inbox import Inbox
from n6link.bridge.link import key_part
from n6link.bridge.payloads import Arrived
from n6link.bridge.ros import RosNode
from n6link.bridge.stream import PictureStream, Publications
from n6link.device import N6Device
from n6link.errors import BadInput, N6Error, UnknownName
from n6link.json_types import Plain, plain
from n6link.network import Network
from n6link.robotics import cdr, messages
from n6link.robotics.wall import Wall
from n6link.session.state import State

if TYPE_CHECKING:
    import zenoh

T = TypeVar("T")

RETRY: Final = 2.0
"""seconds between two attempts to connect a board"""
WAITING: Final = 64
"""queries that may wait for a board; others are refused"""
TIMEOUT: Final = 10.0
"""seconds for a query, by default; also Zenoh's default"""
FORMATS: Final = ("json", "cdr", "raw")
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """What all boards of a bridge share."""

    prefix: str = "n6link"
    cards: Sequence[Path] = ()
    max_age: float | None = None
    """seconds after which a picture of a stream is dropped"""
    epochs: bool = False
    """whether streams have the times of epoch blocks"""
    limit: int = payloads.MAX_BYTES
    """bytes of a message"""
    ros: int | None = None
    """the domain of ROS 2; None = no topics of ROS 2"""
    ros_images: Sequence[tuple[str, str]] = ()
    """networks, and topics with pictures for them"""


@dataclass(frozen=True, slots=True)
class Presence:
    """A board came, or went."""

    board: str
    key: str
    state: Literal["connected", "away"]
    networks: tuple[str, ...] = ()
    reason: str = ""


class BoardBridge:
    """One board.

    Args:
        session: the session with Zenoh.
        url: of the board, as for ``N6Device``.
        options: see :class:`Options`.
        name_for: a unique name for a board with this id.
        report: called when the board comes or goes.
        wall: the time of day.
    """

    def __init__(
        self,
        session: zenoh.Session,
        url: str | None,
        options: Options,
        *,
        name_for: Callable[[str], str],
        report: Callable[[Presence], None],
        wall: Wall,
    ) -> None:
        self._session = session
        self._url = url
        self._options = options
        self._name_for = name_for
        self._report = report
        self._wall = wall
        self._name = ""

    async def run(self) -> None:
        """Connects the board and serves it, again and again, until it is cancelled.

        Raises:
            N6Error: an error that does not disappear, at the first attempt.
        """
        while True:
            try:
                async with N6Device(self._url, cards=self._options.cards, reconnect=math.inf) as device:
                    if not self._name:
                        self._name = self._name_for(key_part(device.info.unique_id))
                    await self._serve(device)
            except* N6Error as group:
                error = errors.innermost(group)
                if not self._name and not isinstance(error, errors.TransportError | errors.N6Timeout):
                    raise error from None
                self._report(Presence(self._name, self._root if self._name else "", "away", reason=str(error)))
            await anyio.sleep(RETRY)

    @property
    def _root(self) -> str:
        return f"{self._options.prefix}/{self._name}"

    async def _serve(self, device: N6Device) -> None:
        """Serves a board until it is lost, or its networks have changed."""
        queries = Inbox["zenoh.Query"](WAITING)
        with ExitStack() as stack:
            node = None
            if self._options.ros is not None:
                name = messages.topic_name(f"n6link_{self._name}")
                node = RosNode(self._session, name, self._options.ros, self._wall)
                stack.callback(node.close)
            streams: dict[str, PictureStream] = {}
            for network in device.networks.values():
                publications = self._publications(network, node)
                stack.callback(publications.close)
                streams[key_part(network.name)] = PictureStream(
                    device,
                    network,
                    self._name,
                    publications,
                    self._wall,
                    max_age=self._options.max_age,
                    epochs=self._options.epochs,
                    limit=self._options.limit,
                )
            if node:
                self._subscribe(node, device, streams)
            take_query = partial(_take_query, queries)
            for key in ("info", "*/run"):
                stack.enter_context(self._session.declare_queryable(f"{self._root}/{key}", _direct(take_query)))
            take_picture = partial(self._take_picture, streams)
            stack.enter_context(self._session.declare_subscriber(f"{self._root}/*/image", _direct(take_picture)))
            async with device.events() as changes, anyio.create_task_group() as tasks:
                for stream in streams.values():
                    tasks.start_soon(stream.run)
                tasks.start_soon(self._answer_all, device, queries)
                with ExitStack() as token:
                    self._appear(device, token)
                    async for change in changes:
                        if change.state is State.OPEN and not change.changed:
                            self._appear(device, token)
                        else:
                            token.close()
                            self._report(Presence(self._name, self._root, "away", reason=change.reason))
                        if change.changed or change.state is State.LOST:
                            break
                tasks.cancel_scope.cancel()

    def _publications(self, network: Network, node: RosNode | None) -> Publications:
        card = network.card if payloads.is_decodable(network) else None
        topics = {topic: messages.FOUND[topic] for topic in messages.topics_of(card)} | messages.ABOUT
        return Publications(
            self._session, f"{self._root}/{key_part(network.name)}", topics, node, self._ros_root(network.name)
        )

    def _ros_root(self, network: str) -> str:
        return "/".join(["", *map(messages.topic_name, [*self._options.prefix.split("/"), self._name, network])])

    def _subscribe(self, node: RosNode, device: N6Device, streams: dict[str, PictureStream]) -> None:
        """Subscribes to pictures of ROS 2: to the networks' own topics, and to those that the user has chosen."""
        topics = [(name, f"{self._ros_root(name)}/image") for name in device.networks]
        for name, topic in [*topics, *self._options.ros_images]:
            if stream := streams.get(key_part(name)):
                node.subscribe(topic, messages.IMAGE, _direct(stream.put_ros))
            else:
                known = ", ".join(device.networks)
                _logger.warning(
                    "board %s has no network %r for the topic %s; it has %s", self._name, name, topic, known
                )

    def _appear(self, device: N6Device, stack: ExitStack) -> None:
        stack.enter_context(self._session.liveliness().declare_token(self._root))
        self._report(Presence(self._name, self._root, "connected", tuple(device.networks)))

    # ---- on the threads of Zenoh

    def _take_picture(self, streams: dict[str, PictureStream], sample: zenoh.Sample) -> None:
        name = str(sample.key_expr).split("/")[-2]
        if name in streams:
            streams[name].put(sample)
        else:
            error = payloads.as_error(UnknownName(f"the board has no network {name!r}; it has {', '.join(streams)}"))
            self._session.put(f"{self._root}/{name}/rejected", payloads.to_bytes(error), encoding=payloads.JSON)

    # ---- queries

    async def _answer_all(self, device: N6Device, queries: Inbox[zenoh.Query]) -> None:
        room = anyio.Semaphore(WAITING)
        async with anyio.create_task_group() as tasks:
            while True:
                await room.acquire()
                tasks.start_soon(self._answer, device, await queries.get(), room)

    async def _answer(self, device: N6Device, query: zenoh.Query, room: anyio.Semaphore) -> None:
        """Sends exactly one answer: a result, or an error."""
        try:
            with query:
                try:
                    send = await self._reply_to(device, query)
                except N6Error as error:
                    send = partial(query.reply_err, payloads.to_bytes(payloads.as_error(error)), encoding=payloads.JSON)
                await anyio.to_thread.run_sync(send)  # it may wait for the network
        finally:
            room.release()

    async def _reply_to(self, device: N6Device, query: zenoh.Query) -> Callable[[], None]:
        part = str(query.key_expr).split("/")[-2:]
        if part[-1] == "info":
            return partial(
                query.reply, f"{self._root}/info", payloads.to_bytes(describe(device)), encoding=payloads.JSON
            )
        network = _network(device, part[0])
        form = query.parameters.get("format", "json")
        if form not in FORMATS:
            raise BadInput(f"format={form!r} is unknown; use {', '.join(FORMATS)}")
        arrived = Arrived.of(query.payload, query.encoding, query.attachment)
        given = payloads.read(network, arrived, self._options.limit)
        decodable = payloads.is_decodable(network)
        if form != "raw" and not decodable:
            raise BadInput(f"network {network.name!r} does not have a decoder for its results; use format=raw")
        deadline = arrived.at + _seconds(query.parameters.get("timeout"))
        result = await network.run(
            given.data,
            deadline=deadline,
            captured=arrived.at,
            timers=self._options.epochs,
            reduce=False if form == "raw" else None,
        )
        meaning = None if form == "raw" else result.decode()
        head = messages.header(self._wall.at(arrived.at)) if given.head is None else given.head
        if form == "json":
            values = payloads.as_json(result, meaning, self._name, head)
            values["age_s"] = ambient.monotonic() - arrived.at
            data, encoding = payloads.to_bytes(values), payloads.JSON
        else:
            task = network.card.task if network.card else ""
            message = messages.of_meaning(meaning, head, task=task, outputs=result.outputs)
            data, encoding = cdr.encode(message.type, message.values), f"{payloads.CDR};{message.type}"
        key = f"{self._root}/{key_part(network.name)}/run"
        return partial(query.reply, key, data, encoding=encoding, attachment=given.attachment)


def describe(device: N6Device) -> Plain:
    """What a board is, and what its networks take and return."""
    return {
        "board": device.info.board,
        "firmware": device.info.firmware,
        "simulated": device.info.simulated,
        "state": device.state.value,
        "networks": {
            name: {
                "key": key_part(name),
                "task": network.card.task if network.card else None,
                "inputs": {key: _tensor(spec.dtype, spec.shape) for key, spec in network.inputs.items()},
                "outputs": {key: _tensor(spec.dtype, spec.shape) for key, spec in network.outputs.items()},
            }
            for name, network in device.networks.items()
        },
    }


def _tensor(dtype: object, shape: Sequence[int]) -> Plain:
    return {"dtype": str(dtype), "shape": plain(shape)}


def _take_query(queries: Inbox[zenoh.Query], query: zenoh.Query) -> None:
    if refused := queries.put(query):
        error = BadInput(f"{WAITING} other queries wait for this board; send fewer at the same time")
        with refused:
            refused.reply_err(payloads.to_bytes(payloads.as_error(error)), encoding=payloads.JSON)


def _network(device: N6Device, name: str) -> Network:
    for network in device.networks.values():
        if key_part(network.name) == name:
            return network
    known = ", ".join(map(key_part, device.networks))
    raise UnknownName(f"the board has no network {name!r}; it has {known or 'none'}")


def _seconds(text: str | None) -> float:
    try:
        seconds = TIMEOUT if text is None else float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise BadInput(f"timeout={text!r} must be a positive number of seconds")
    return seconds


def _direct(callback: Callable[[T], None]) -> zenoh.handlers.Callback[T]:
    """Zenoh calls it on its own thread: it only puts something into an inbox, so another thread is not required."""
    import zenoh

    return zenoh.handlers.Callback(callback, indirect=False)
