"""A program of ROS 2, by zenoh-ros2-sdk: python ros_program.py PORT PICTURE. Types of messages come from files, not from a download.

Lists the topics, publishes the picture on /camera/compressed until there is an answer, and prints people and an annotation as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import numpy as np
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from zenoh_ros2_sdk import ROS2Publisher, ROS2Subscriber, ZenohSession, get_topic_info, get_topic_names_and_types

from n6link.robotics.types import message_type

JAZZY = get_typestore(Stores.ROS2_JAZZY)
IMAGE = "sensor_msgs/msg/CompressedImage"
PEOPLE = "n6link_msgs/msg/People"


def main(port: int, picture: bytes) -> None:
    router = {"router_ip": "127.0.0.1", "router_port": port}
    session = ZenohSession.get_instance(**router)
    for name in ("builtin_interfaces/msg/Time", "std_msgs/msg/Header"):
        session.store.register({name: JAZZY.fielddefs[name]})
    for inner in message_type(PEOPLE).inner:
        if inner.name not in session.store.fielddefs:
            session.store.register(get_types_from_msg(inner.definition, inner.name))

    topics: dict[str, list[str]] = {}
    while "/camera/compressed" not in topics:  # the last one that the bridge declares
        topics = dict(get_topic_names_and_types(domain_id=7, **router))
    [people] = [name for name in topics if name.endswith("/people")]
    info = get_topic_info(people, domain_id=7, **router)

    store = get_typestore(Stores.EMPTY)
    for kind in [*message_type(PEOPLE).inner, message_type(PEOPLE)]:
        store.register(get_types_from_msg(kind.definition, kind.name))
    found: Queue[Any] = Queue()
    subscriber = ROS2Subscriber(
        people,
        PEOPLE,
        found.put,
        msg_definition=message_type(PEOPLE).definition,
        type_hash=store.hash_rihs01(PEOPLE),
        domain_id=7,
        **router,
    )
    definition, _ = JAZZY.generate_msgdef(IMAGE, ros_version=2)
    publisher = ROS2Publisher(
        "/camera/compressed",
        IMAGE,
        msg_definition=definition.split("=" * 80)[0],
        type_hash=JAZZY.hash_rihs01(IMAGE),
        domain_id=7,
        **router,
    )
    types = session.store.types
    stamp = types["builtin_interfaces/msg/Time"](sec=11, nanosec=12)
    head = types["std_msgs/msg/Header"](stamp=stamp, frame_id="front")
    message: Any = None
    while message is None:
        publisher.publish(header=head, format="png", data=np.frombuffer(picture, np.uint8))
        try:
            message = found.get(timeout=0.5)
        except Empty:
            time.sleep(0)
    nose = message.people[0].keypoints[0]
    print(
        json.dumps(
            {
                "topics": topics,
                "publishers": info.publisher_count,
                "stamp": [message.header.stamp.sec, message.header.stamp.nanosec, message.header.frame_id],
                "nose": [nose.name, float(nose.x), float(nose.y)],
            }
        )
    )
    publisher.close()
    subscriber.close()
    session.session.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]).read_bytes())
