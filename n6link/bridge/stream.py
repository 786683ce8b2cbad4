"""Pictures that are published for one network, and the results that are published for them.

Only the newest picture is used: the others are dropped and counted (:mod:`n6link.control.stream`). Every result has these counts. A
message that cannot be used is counted too, and its error is published as ``rejected``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast
from weakref import WeakKeyDictionary

import anyio

from n6link.bridge import payloads
from n6link.bridge.inbox import Inbox
from n6link.bridge.payloads import Arrived, Given
from n6link.bridge.ros import RosNode
from n6link.control.stream import Stream
from n6link.device import N6Device
from n6link.errors import DeviceRebooted, N6Error, TransportError
from n6link.json_types import Plain
from n6link.network import Network
from n6link.result import Result
from n6link.robotics import cdr, messages
from n6link.robotics.messages import Message
from n6link.robotics.wall import Wall
from n6link.tensors.inputs import Data

if TYPE_CHECKING:
    import zenoh

RESULT: Final = "result"
REJECTED: Final = "rejected"
DEPTH: Final = 2
"""pictures on the board at the same time"""


class Publications:
    """The keys, and the topics of ROS 2, that one network publishes. A message that nobody subscribes to is not made.

    Args:
        session: the session with Zenoh.
        root: the beginning of the keys.
        topics: of messages, with their types.
        node: of ROS 2; None = there are no topics of ROS 2.
        ros_root: the beginning of the topics.
    """

    def __init__(
        self, session: zenoh.Session, root: str, topics: Mapping[str, str], node: RosNode | None, ros_root: str
    ) -> None:
        self._publishers = {name: session.declare_publisher(f"{root}/{name}") for name in (RESULT, REJECTED, *topics)}
        self._ros = {name: node.publisher(f"{ros_root}/{name}", kind) for name, kind in topics.items()} if node else {}

    def close(self) -> None:
        """Ends the keys; the topics end with their node."""
        for publisher in self._publishers.values():
            publisher.undeclare()

    def wanted(self, name: str) -> bool:
        """Whether somebody subscribes."""
        known = name in self._publishers
        return known and (self._publishers[name].matching_status or (name in self._ros and self._ros[name].wanted))

    def put(self, name: str, payload: bytes, encoding: str, attachment: bytes | None = None) -> None:
        """Sends a message; a subscriber that is too slow loses it (Zenoh's congestion control ``DROP``)."""
        self._publishers[name].put(payload, encoding=encoding, attachment=attachment)

    def put_message(self, message: Message, attachment: bytes | None) -> None:
        """Sends a message of ROS 2, as a key and as a topic."""
        data = cdr.encode(message.type, message.values)
        self.put(message.topic, data, f"{payloads.CDR};{message.type}", attachment)
        if message.topic in self._ros:
            self._ros[message.topic].put(data)


class PictureStream:
    """One network; :meth:`put` is called by a thread of Zenoh.

    Args:
        device: the board.
        network: the network.
        board: name of the board in keys.
        publications: where results go.
        wall: the time of day.
        max_age: seconds after its arrival at which a picture is dropped; None = never.
        epochs: whether the board sends the times of the epoch blocks.
        limit: maximum bytes of a message.
    """

    def __init__(
        self,
        device: N6Device,
        network: Network,
        board: str,
        publications: Publications,
        wall: Wall,
        *,
        max_age: float | None,
        epochs: bool,
        limit: int,
    ) -> None:
        self._network = network
        self._board = board
        self._publications = publications
        self._wall = wall
        self._epochs = epochs
        self._limit = limit
        self._inbox = Inbox[Arrived](1)
        self._stream = Stream(
            self._infer,
            None,
            depth=min(DEPTH, device.info.slots),
            policy="latest",
            max_age=max_age,
            alive=lambda: device.connection.alive,
            in_turn=True,
        )
        self._origins = WeakKeyDictionary[Result, Given]()
        self._rejected = 0

    def put(self, sample: zenoh.Sample) -> None:
        """Takes a picture; a picture that still waits is dropped."""
        self._inbox.put(Arrived.of(sample.payload, sample.encoding, sample.attachment))

    def put_ros(self, sample: zenoh.Sample) -> None:
        """Takes a message of a topic of ROS 2, which does not have an encoding; its attachment is for ROS 2 only."""
        self._inbox.put(Arrived.of(sample.payload, payloads.CDR, None))

    @property
    def counts(self) -> Plain:
        """What has become of the pictures."""
        stats = self._stream.stats
        return {
            "received": self._inbox.received,
            "delivered": stats.delivered,
            "dropped": self._inbox.dropped + stats.dropped + stats.late + stats.lost,
            "rejected": self._rejected + stats.failed,
        }

    async def run(self) -> None:
        """Runs the network on the pictures, until the connection to the board cannot come back, or it is cancelled.

        Raises:
            N6Error: the connection was lost.
        """
        async with self._stream as results, anyio.create_task_group() as tasks:
            tasks.start_soon(self._feed)
            while True:
                try:
                    async for result in results:
                        self._publish(result)
                except (TransportError, DeviceRebooted):
                    raise
                except N6Error as error:
                    self._reject(error)

    async def _feed(self) -> None:
        while True:
            arrived = await self._inbox.get()
            try:
                given = payloads.read(self._network, arrived, self._limit)
            except N6Error as error:
                self._rejected += 1
                self._reject(error)
            else:
                await self._stream.put(cast("Data", given), captured=arrived.at)

    async def _infer(self, given: Given, **options: Any) -> Result:
        result = await self._network.run(given.data, timers=self._epochs, **options)
        self._origins[result] = given
        return result

    def _publish(self, result: Result) -> None:
        given, put = self._origins[result], self._publications.put
        head = messages.header(self._wall.at(result.captured)) if given.head is None else given.head
        meaning = result.decode() if payloads.is_decodable(self._network) else None
        if self._publications.wanted(RESULT):
            values = payloads.as_json(result, meaning, self._board, head) | {"stream": self.counts}
            put(RESULT, payloads.to_bytes(values), payloads.JSON, given.attachment)
        for message in messages.of_result(result, meaning, self._wall, head=head, wanted=self._publications.wanted):
            self._publications.put_message(message, given.attachment)

    def _reject(self, error: N6Error) -> None:
        values = payloads.as_error(error) | {"stream": self.counts}
        self._publications.put(REJECTED, payloads.to_bytes(values), payloads.JSON)
