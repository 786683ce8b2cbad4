"""A node in the graph of ROS 2, as rmw_zenoh describes it: with Zenoh only, ROS 2 is not required.

A topic is the key ``DOMAIN/TOPIC/TYPE/HASH``. Every message has an attachment: its number, its time, and the id of its publisher. Nodes,
publishers and subscriptions are liveliness tokens below ``@ros2_lv``, so that ``ros2 topic list`` and matching work. The format is that of
rmw_zenoh's design document; it was checked with zenoh-ros2-sdk and rosbags, not with an installation of ROS 2.
"""

from __future__ import annotations

import os
import struct
from contextlib import ExitStack
from itertools import count
from typing import TYPE_CHECKING, Final

from n6link import ambient
from n6link.robotics.types import MessageType, message_type
from n6link.robotics.wall import Wall

if TYPE_CHECKING:
    import zenoh

GRAPH: Final = "@ros2_lv"
QOS: Final = "::,10:,:,:,,"
"""reliable, volatile, the last 10: the defaults of ROS 2"""
ENCLAVE: Final = "%"
ROUTER: Final = "tcp/127.0.0.1:7447"
"""where rmw_zenoh's router listens"""
_GID: Final = 16
"""bytes of the id of a publisher"""


def domain_of() -> int:
    """The domain: the value of ROS_DOMAIN_ID, else 0."""
    text = os.environ.get("ROS_DOMAIN_ID", "")
    return int(text) if text.isdecimal() else 0


class RosNode:
    """A node; a context manager.

    Args:
        session: the session with Zenoh.
        name: of the node.
        domain: of ROS 2.
        wall: the time of day.
    """

    def __init__(self, session: zenoh.Session, name: str, domain: int, wall: Wall) -> None:
        self._session = session
        self._name = name
        self._domain = domain
        self._wall = wall
        self._numbers = count(1)
        self._id = next(self._numbers)
        self._stack = ExitStack()
        self._declare_token(self._id, "NN", "")

    def close(self) -> None:
        """Removes it, with its publishers and subscriptions."""
        self._stack.close()

    def publisher(self, topic: str, kind: str) -> RosPublisher:
        """A publisher of a topic, such as ``/n6link/board/people``, whose messages are of a type."""
        publisher = self._session.declare_publisher(self._key(topic, message_type(kind), message_type(kind).hash))
        self._stack.callback(publisher.undeclare)
        self._declare_endpoint("MP", topic, message_type(kind))
        return RosPublisher(publisher, self._wall)

    def subscribe(self, topic: str, kind: str, callback: zenoh.handlers.Callback[zenoh.Sample]) -> None:
        """Subscribes to a topic; ROS 2 Humble does not have type hashes, so the hash may be any."""
        subscriber = self._session.declare_subscriber(self._key(topic, message_type(kind), "*"), callback)
        self._stack.callback(subscriber.undeclare)
        # Others see the token and publish: it is the last to come, and the first to go.
        self._declare_endpoint("MS", topic, message_type(kind))

    def _key(self, topic: str, kind: MessageType, type_hash: str) -> str:
        return f"{self._domain}/{topic.strip('/')}/{kind.dds_name}/{type_hash}"

    def _declare_endpoint(self, role: str, topic: str, kind: MessageType) -> None:
        described = f"/{topic.replace('/', '%')}/{kind.dds_name}/{kind.hash}/{QOS}"
        self._declare_token(next(self._numbers), role, described)

    def _declare_token(self, number: int, role: str, described: str) -> None:
        place = f"{GRAPH}/{self._domain}/{self._session.zid()}/{self._id}/{number}/{role}"
        key = f"{place}/{ENCLAVE}/%/{self._name}{described}"
        self._stack.enter_context(self._session.liveliness().declare_token(key))


class RosPublisher:
    """Publishes messages with the attachment of rmw_zenoh.

    Args:
        publisher: of the topic's key.
        wall: the time of day.
    """

    def __init__(self, publisher: zenoh.Publisher, wall: Wall) -> None:
        self._publisher = publisher
        self._wall = wall
        self._gid = ambient.randbits(8 * _GID).to_bytes(_GID, "little")
        self._sent = count(1)

    @property
    def wanted(self) -> bool:
        """Whether somebody subscribes."""
        return self._publisher.matching_status

    def put(self, data: bytes) -> None:
        """Sends a message."""
        attachment = struct.pack("<qqB", next(self._sent), self._wall.now(), _GID) + self._gid
        self._publisher.put(data, attachment=attachment)
