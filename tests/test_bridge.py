"""Boards over Zenoh: queries, streams and tokens, as another participant sees them."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import numpy as np
import pytest
import zenoh
from e2e_fixtures import LIMIT, REFERENCE, board, executable, noise, sim_url
from PIL import Image
from rosbags.typesys import Stores, get_typestore
from test_cdr import STORE
from typer.testing import CliRunner
from zenoh_client import LOOPBACK, Client, Listener, Tokens, ask, ask_until, bridge, configuration
from zenoh_ros2_sdk import keyexpr, utils
from zenoh_ros2_sdk.attachment import Attachment
from zenoh_ros2_sdk.entity import EndpointEntity, EntityKind, NodeEntity
from zenoh_ros2_sdk.qos import QosProfile

from n6link import networks
from n6link.bridge import board as boards
from n6link.bridge import payloads
from n6link.bridge.board import Options, Presence
from n6link.bridge.inbox import Inbox
from n6link.bridge.link import endpoints, key_part, open_session
from n6link.bridge.ros import domain_of
from n6link.bridge.serve import serve
from n6link.cli import app
from n6link.device import N6Device
from n6link.errors import BadInput, MissingExtra, TransportError
from n6link.robotics import cdr

IMAGE = "application/cdr;sensor_msgs/msg/CompressedImage"
TENSORS = "application/cdr;n6link_msgs/msg/Tensors"
JAZZY = get_typestore(Stores.ROS2_JAZZY)


def run(body: Callable[[], Awaitable[None]]) -> None:
    """Runs a test's body, for :data:`LIMIT` at most."""

    async def limited() -> None:
        with anyio.fail_after(LIMIT):
            await body()

    anyio.run(limited)


def picture(value: int = 0) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((48, 64, 3), value, np.uint8)).save(file, "png")
    return file.getvalue()


def ros_picture(data: bytes, seconds: int = 7) -> bytes:
    """A message of ROS 2, written by rosbags."""
    types = JAZZY.types
    stamp = types["builtin_interfaces/msg/Time"](sec=seconds, nanosec=8)
    head = types["std_msgs/msg/Header"](stamp=stamp, frame_id="front")
    message = types["sensor_msgs/msg/CompressedImage"](header=head, format="png", data=np.frombuffer(data, np.uint8))
    return bytes(JAZZY.serialize_cdr(message, "sensor_msgs/msg/CompressedImage"))


def root(client: Client, network: str = "reference") -> str:
    return f"{client.reports[0].key}/{network}"


# ------------------------------------------------------------------------------------------- queries


def test_pose_of_a_photograph(virtual_board: None) -> None:
    async def main() -> None:
        async with bridge("sim:movenet13", epochs=True) as client:
            photo = networks.PHOTO.read_bytes()
            async with N6Device("sim:movenet13") as dev:
                direct: Any = (await dev["movenet13"].run(photo)).poses()[0].to_dict()
            key = f"{root(client, 'movenet13')}/run"
            answer = await client.ask(key, photo, "image/png")
            assert answer.ok and answer.encoding == "application/json" and answer.attachment == b"ticket"
            assert answer.json["decoded"] == [direct]
            assert answer.json["board"] == client.reports[0].board and answer.json["simulated"]
            assert answer.json["age_s"] >= answer.json["timing_s"]["total"] * 0.99
            assert answer.json["epochs"]["blocks"]

            answer = await client.ask(f"{key}?format=cdr", ros_picture(photo), IMAGE)
            assert answer.ok and answer.encoding == "application/cdr;n6link_msgs/msg/People"
            people: Any = STORE.deserialize_cdr(answer.payload, "n6link_msgs/msg/People")
            assert (people.header.stamp.sec, people.header.stamp.nanosec, people.header.frame_id) == (7, 8, "front")
            nose = people.people[0].keypoints[0]
            assert nose.name == "nose" and nose.x == pytest.approx(direct["keypoints"]["nose"]["x"], abs=0.1)

            listener = Listener(client.session, f"{root(client, 'movenet13')}/*")
            client.session.put(f"{root(client, 'movenet13')}/image", ros_picture(photo, 9), encoding=IMAGE)
            found = dict([await listener.next() for _ in range(6)])
            assert set(found) == {"image", "result", "people", "annotations", "latency", "epochs"}
            assert found["result"].json["header"] == {"stamp": {"sec": 9, "nanosec": 8}, "frame_id": "front"}
            assert found["result"].json["decoded"] == [direct]
            latency: Any = STORE.deserialize_cdr(found["latency"].payload, "n6link_msgs/msg/Latency")
            assert 0 < latency.total - latency.decode <= latency.age + 1e-6 and latency.header.stamp.sec == 9
            drawing: Any = STORE.deserialize_cdr(found["annotations"].payload, "foxglove_msgs/msg/ImageAnnotations")
            assert drawing.points[0].timestamp.sec == 9

    run(main)


def test_outputs_are_those_of_the_board_bit_for_bit() -> None:
    url = sim_url()

    async def main() -> None:
        async with bridge(url) as client:
            async with N6Device(url) as dev:
                given = noise(dev["reference"])
                direct = await dev["reference"].run(given)
            [(name, values)] = given.items()
            key = f"{root(client, 'reference')}/run?format=raw;timeout=50"
            tensor = {"name": name, "dtype": str(values.dtype), "shape": values.shape, "data": values.tobytes()}
            head = {"stamp": {"sec": 3, "nanosec": 4}, "frame_id": "left"}
            message = cdr.encode("n6link_msgs/msg/Tensors", {"header": head, "tensors": [tensor]})
            for payload, encoding, frame in (
                (values.tobytes(), "application/octet-stream", "camera"),
                (message, TENSORS, "left"),
            ):
                answer = await client.ask(key, payload, encoding)
                assert answer.encoding == TENSORS
                found: Any = STORE.deserialize_cdr(answer.payload, "n6link_msgs/msg/Tensors")
                assert found.header.frame_id == frame
                for output, (expected_name, expected) in zip(found.tensors, direct.outputs.items(), strict=True):
                    assert (output.name, tuple(output.shape)) == (expected_name, expected.shape)
                    assert bytes(output.data) == expected.tobytes()

    run(main)


def test_description_and_token() -> None:
    url = sim_url()

    async def main() -> None:
        async with bridge(url, url, prefix="farm/north") as client:
            first, second = await client.reported("connected", 2)
            assert sorted((first.key, second.key)) == [
                first.key.removesuffix("-2"),
                f"{first.key.removesuffix('-2')}-2",
            ]
            assert first.key.startswith("farm/north/") and first.networks == ("reference", "reference_colour")
            tokens = await anyio.to_thread.run_sync(
                lambda: [str(reply.ok.key_expr) for reply in client.session.liveliness().get("farm/**") if reply.ok]
            )
            assert sorted(tokens) == sorted((first.key, second.key))
            about = (await client.ask(f"{first.key}/info")).json
            assert about["simulated"] and about["state"] == "open" and about["board"]
            [values] = about["networks"]["reference"]["inputs"].values()
            assert values["dtype"] == "int8" and len(values["shape"]) > 1
            answers = await anyio.to_thread.run_sync(ask, client.session, "farm/north/*/info")
            assert len(answers) == 2
            assert not await anyio.to_thread.run_sync(ask, client.session, "farm/north/another/info")

    run(main)


BAD: list[tuple[str, bytes, str | None, str, str]] = [
    ("nothing/run", b"", None, "UnknownName", "the board has no network 'nothing'; it has reference, reference_colour"),
    ("*/run", b"", None, "UnknownName", "the board has no network '*'"),
    ("reference/run?format=xml", b"", None, "BadInput", "format='xml' is unknown; use json, cdr, raw"),
    ("reference/run?timeout=-1", bytes(9), "application/octet-stream", "BadInput", "has 9 bytes"),
    ("reference/run", b"", None, "BadInput", "0 bytes are not a JPEG, PNG, WebP or BMP picture: they are empty"),
    ("reference/run", b"garbage!", "image/jpeg", "BadInput", "8 bytes are not a JPEG, PNG, WebP or BMP picture: 67 61"),
    ("reference/run", b"%!PS-Adobe", "image/eps", "BadInput", "are not a JPEG, PNG, WebP or BMP picture"),
    ("reference/run?format=raw", b"\xff\xd8\xff cut", "image/jpeg", "BadInput", "cannot be read as a picture"),
    ("reference/run", bytes(100_001), "application/octet-stream", "BadInput", "100001 bytes is too large; send 100000"),
    (
        "reference/run",
        b"{}",
        "application/json",
        "BadInput",
        "the encoding 'application/json' is unknown; use image/jpeg",
    ),
    (
        "reference/run",
        b"",
        "application/cdr;std_msgs/msg/String",
        "BadInput",
        "'application/cdr;std_msgs/msg/String' is",
    ),
    ("reference/run", b"\0\1\0\0\xff", "application/cdr", "BadInput", "sensor_msgs/msg/CompressedImage ends too early"),
    ("reference/run", ros_picture(b""), IMAGE, "BadInput", "0 bytes are not a JPEG"),
    (
        "reference/run",
        cdr.encode("n6link_msgs/msg/Tensors", {"tensors": [{"name": "x", "dtype": "int8", "shape": [1]}]}),
        TENSORS,
        "BadInput",
        "tensor 'x' is int8[1]; the network's inputs are",
    ),
    ("reference/run", cdr.encode("n6link_msgs/msg/Tensors", {}), TENSORS, "BadInput", ""),
    (
        "reference_colour/run",
        bytes(9),
        "application/octet-stream",
        "BadInput",
        "network 'reference_colour' has 2 inputs; send application/cdr;n6link_msgs/msg/Tensors with image, prior",
    ),
    ("reference/run?timeout=soon;format=raw", picture(), None, "BadInput", "timeout='soon' must be a positive number"),
]


def test_each_bad_query_gets_one_error_and_the_bridge_goes_on() -> None:
    url = sim_url()

    async def main() -> None:
        async with bridge(url, limit=100_000) as client:
            board_key = client.reports[0].key
            for key, payload, encoding, kind, sentence in BAD:
                error = (await client.ask(f"{board_key}/{key}", payload, encoding)).error
                assert error[0] == kind and sentence in error[1], (key, error)
            assert (await client.ask(f"{board_key}/reference/run", picture())).ok

    run(main)


def test_a_network_without_a_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payloads, "tasks", lambda: ())
    url = sim_url()

    async def main() -> None:
        async with bridge(url) as client:
            error = (await client.ask(f"{root(client)}/run", picture())).error
            assert error == ("BadInput", "network 'reference' does not have a decoder for its results; use format=raw")
            assert (await client.ask(f"{root(client)}/run?format=raw", picture())).encoding == TENSORS
            outputs = Listener(client.session, f"{root(client)}/outputs")
            client.session.put(f"{root(client)}/image", picture())
            assert (await outputs.next())[1].encoding == TENSORS

    run(main)


def test_too_many_queries_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boards, "WAITING", 1)

    async def main() -> None:
        with board("--tcp", "0", networks=REFERENCE) as virtual:
            async with bridge(virtual.url) as client:
                answers: list[Any] = []

                async def query() -> None:
                    answers.append(await client.ask(f"{root(client)}/run?format=raw;timeout=1", picture()))

                assert (await client.ask(f"{root(client)}/run?format=raw", picture())).ok
                virtual.die()
                await client.reported("away")
                async with anyio.create_task_group() as tasks:
                    for _ in range(6):
                        tasks.start_soon(query)
                errors = [answer.error for answer in answers]
                refused = ("BadInput", "1 other queries wait for this board; send fewer at the same time")
                assert len(errors) == 6 and refused in errors
                assert {kind for kind, _ in errors} == {"BadInput", "N6Timeout"}

    run(main)


def test_a_board_that_is_connected_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boards, "RETRY", 0.01)
    with socket.socket() as placeholder:
        placeholder.bind(("127.0.0.1", 0))
        port = placeholder.getsockname()[1]

    async def main() -> None:
        client = Client()
        async with anyio.create_task_group() as tasks:
            serving = partial(serve, [f"tcp:127.0.0.1:{port}"], listen=[LOOPBACK], report=client.report)
            tasks.start_soon(serving)
            [away, *_] = await client.reported("away")
            assert away.key == "" and "127.0.0.1" in away.reason
            with board("--tcp", str(port), networks=REFERENCE):
                [here] = await client.reported("connected")
                assert here.networks == ("reference", "reference_colour")
                tasks.cancel_scope.cancel()

    executable()
    run(main)


def test_a_board_that_goes_away_loses_its_token() -> None:
    async def main() -> None:
        with board("--tcp", "0", networks=REFERENCE) as virtual:
            async with bridge(virtual.url) as client:
                key = client.reports[0].key
                tokens = Tokens(client.session, "n6link/*")
                assert await tokens.next() == (key, True)
                virtual.die()
                assert await tokens.next() == (key, False)
                [away] = await client.reported("away")
                assert away.key == key and away.reason
                kind, message = (await client.ask(f"{root(client)}/run?format=raw;timeout=0.2", picture())).error
                assert kind == "N6Timeout" and "did not return a result within" in message

    run(main)


# ------------------------------------------------------------------------------------------- streams


def test_the_newest_picture_is_used_and_the_others_are_counted() -> None:
    url = sim_url()

    async def main() -> None:
        async with bridge(url) as client:
            results = Listener(client.session, f"{root(client)}/result")
            total = 200
            for number in range(total):
                client.session.put(
                    f"{root(client)}/image",
                    picture(),
                    encoding="image/png",
                    attachment=b"%d" % number,
                    congestion_control=zenoh.CongestionControl.BLOCK,
                )
            seen: list[int] = []
            while not seen or seen[-1] != total - 1:
                _, result = await results.next()
                assert result.attachment is not None
                seen.append(int(result.attachment))
                counts = result.json["stream"]
                assert counts["delivered"] + counts["dropped"] + counts["rejected"] <= counts["received"] <= total
            assert seen == sorted(set(seen))
            assert counts["delivered"] == len(seen) and counts["received"] == total
            assert result.json["age_s"] >= 0 and result.json["sequence"] >= len(seen) - 1

    run(main)


def test_a_bad_picture_is_one_counted_error() -> None:
    url = sim_url()

    async def main() -> None:
        async with bridge(url) as client:
            found = Listener(client.session, "n6link/*/*/*")
            key = client.reports[0].key

            async def after(network: str, payload: bytes, encoding: str | None = None) -> Any:
                client.session.put(f"{key}/{network}/image", payload, encoding=encoding)
                name = "image"
                while name == "image":
                    name, message = await found.next()
                return name, message.json

            name, message = await after("reference", b"garbage", "image/png")
            assert name == "rejected" and message["error"]["type"] == "BadInput"
            assert message["stream"] == {"received": 1, "delivered": 0, "dropped": 0, "rejected": 1}
            name, message = await after("reference", b"\xff\xd8\xff damaged")
            assert name == "rejected" and "cannot be read as a picture" in message["error"]["message"]
            assert message["stream"]["rejected"] == 2
            name, message = await after("nothing", picture())
            assert name == "rejected" and message["error"]["type"] == "UnknownName"
            name, message = await after("reference", picture())
            assert name == "result"
            assert message["stream"] == {"received": 3, "delivered": 1, "dropped": 0, "rejected": 2}

    run(main)


def test_inbox_keeps_the_newest() -> None:
    async def main() -> None:
        inbox = Inbox[int](2)
        thread = threading.Thread(target=lambda: [inbox.put(number) for number in range(5)])
        thread.start()
        thread.join()
        assert [await inbox.get(), await inbox.get()] == [3, 4]
        assert (inbox.received, inbox.dropped) == (5, 3)

        async def later() -> None:
            await anyio.lowlevel.checkpoint()
            inbox.put(9)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(later)
            assert await inbox.get() == 9
        kept.append(inbox)

    kept: list[Inbox[int]] = []
    run(main)
    kept[0].put(1)  # the event loop has ended


# ------------------------------------------------------------------------------------------- ROS 2


def test_a_program_of_ros_2(virtual_board: None, tmp_path: Path) -> None:
    with program("-c", ROUTER, str(Path(__file__).parent)) as router:
        [where] = line(router)
        ros = ["--ros", "--ros-domain", "7", "--ros-image", "movenet13=/camera/compressed"]
        command = ["-m", "n6link", "bridge", "--url", "sim:movenet13", "--connect", where, "--json", *ros]
        with program(*command) as served:
            line(served)
            board = line(served)["board"]
            other = [str(Path(__file__).parent / "ros_program.py"), where.rpartition(":")[2], str(networks.PHOTO)]
            with program(*other) as asking:
                found = line(asking)
    root = f"/n6link/n_{board}/movenet13"
    assert found["topics"] == {
        f"{root}/annotations": ["foxglove_msgs/msg/ImageAnnotations"],
        f"{root}/epochs": ["n6link_msgs/msg/Epochs"],
        f"{root}/image": ["sensor_msgs/msg/CompressedImage"],
        f"{root}/latency": ["n6link_msgs/msg/Latency"],
        f"{root}/people": ["n6link_msgs/msg/People"],
        "/camera/compressed": ["sensor_msgs/msg/CompressedImage"],
    }
    assert found["publishers"] == 1 and found["stamp"] == [11, 12, "front"]
    name, x, y = found["nose"]
    assert name == "nose" and abs(x - 219) < 15 and abs(y - 123) < 15


def test_keys_and_attachments_of_ros_2(caplog: pytest.LogCaptureFixture) -> None:
    url = sim_url()
    kind = "n6link_msgs/msg/People"

    async def main() -> None:
        async with bridge(url, ros=3, ros_images=[("reference", "/front"), ("nothing", "/rear")]) as client:
            name = f"n6link_{client.reports[0].board}"
            topic = f"/n6link/n_{client.reports[0].board}/reference/people"
            data = keyexpr.topic_keyexpr(3, topic, utils.ros2_to_dds_type(kind), STORE.hash_rihs01(kind))
            people = Listener(client.session, data)
            image = keyexpr.topic_keyexpr(3, "/front", utils.ros2_to_dds_type("sensor_msgs/msg/CompressedImage"), "any")
            for number in (1, 2):
                client.session.put(image, ros_picture(picture(), number))
                _, message = await people.next()
                read: Any = STORE.deserialize_cdr(message.payload, kind)
                assert read.header.stamp.sec == number
                assert message.attachment
                note = Attachment.from_bytes(message.attachment)
                assert (note.sequence_id, len(note.gid)) == (number, 16) and note.timestamp_ns > 1e18

            def tokens() -> list[str]:
                return [str(reply.ok.key_expr) for reply in client.session.liveliness().get("@ros2_lv/**") if reply.ok]

            keys = await anyio.to_thread.run_sync(tokens)
            [key] = [key for key in keys if "%people" in key]
            _, _, session_id, node, entity, *_ = key.split("/")
            owner = NodeEntity(3, session_id, int(node), name)
            assert keyexpr.node_liveliness_keyexpr(owner) in keys
            described = EndpointEntity(
                owner,
                int(entity),
                EntityKind.PUBLISHER,
                topic,
                utils.ros2_to_dds_type(kind),
                STORE.hash_rihs01(kind),
                QosProfile().encode(),
            )
            assert key == keyexpr.endpoint_liveliness_keyexpr(described)

    run(main)
    assert "has no network 'nothing' for the topic /rear; it has reference, reference_colour" in caplog.text


def test_domain_of_ros_2(monkeypatch: pytest.MonkeyPatch) -> None:
    for text, domain in (("", 0), ("5", 5), ("five", 0)):
        monkeypatch.setenv("ROS_DOMAIN_ID", text)
        assert domain_of() == domain


# ------------------------------------------------------------------------------------------- endpoints


def test_only_this_computer_by_default() -> None:
    session = open_session(listen=[LOOPBACK])
    try:
        [where] = endpoints(session)
        assert where.startswith("tcp/127.0.0.1:") and not where.endswith(":0")
        with pytest.raises(
            TransportError,
            match=r"tcp/127\.0\.0\.1:\d+ cannot be used by Zenoh: .*; start the router, or choose another",
        ):
            open_session(listen=[where])
        other = open_session(connect=[where])
        try:
            assert not endpoints(other)
        finally:
            other.close()
    finally:
        session.close()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(None, "is not a configuration of Zenoh: No such file"), ("{mode: 3}", "is not a configuration of Zenoh")],
)
def test_a_wrong_configuration(tmp_path: Path, content: str | None, sentence: str) -> None:
    if content:
        (tmp_path / "zenoh.json5").write_text(content)
    with pytest.raises(BadInput, match=sentence):
        open_session(config=tmp_path / "zenoh.json5")


def test_a_configuration_is_used(tmp_path: Path) -> None:
    path = tmp_path / "zenoh.json5"
    path.write_text(
        f'{{mode: "peer", listen: {{endpoints: ["{LOOPBACK}"]}}, scouting: {{multicast: {{enabled: false}}}}}}'
    )
    session = open_session(config=path)
    try:
        assert endpoints(session) == []  # the file does not permit the question
    finally:
        session.close()


def test_wrong_endpoint() -> None:
    with pytest.raises(BadInput, match=r"'nonsense' is not an endpoint of Zenoh; use a form such as tcp/"):
        open_session(connect=["nonsense"])


def test_parts_of_keys() -> None:
    assert [key_part(name) for name in ("a/b*", "", "é-1.5", "a\n")] == ["a_b_", "_", "é-1.5", "a_"]


def test_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zenoh", None)
    with pytest.raises(MissingExtra, match=r"pip install 'n6link\[zenoh\]'"):
        open_session()


# ------------------------------------------------------------------------------------------- the command


@contextmanager
def program(*words: str) -> Iterator[subprocess.Popen[str]]:
    """A program whose standard output is read line by line; it is killed if it does not end."""
    # A pipe that nobody reads would stop a program that writes many warnings.
    with (
        tempfile.TemporaryFile("a+") as said,
        subprocess.Popen(
            [sys.executable, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            env=dict(os.environ),
        ) as process,
    ):
        process.stderr = said
        try:
            yield process
        finally:
            process.kill()


def complaints(process: subprocess.Popen[str]) -> str:
    """What a program has written to standard error."""
    assert process.stderr
    process.stderr.seek(0)
    return process.stderr.read()


def line(process: subprocess.Popen[str]) -> Any:
    """The next line of a program, which is killed if it prints nothing for two minutes."""
    assert process.stdout
    alarm = threading.Timer(120, process.kill)
    alarm.start()
    try:
        text = process.stdout.readline()
    finally:
        alarm.cancel()
    assert text, complaints(process)
    return json.loads(text)


ROUTER = """
import json, sys
sys.path.insert(0, sys.argv[1])
import zenoh
from zenoh_client import LOOPBACK, configuration
from n6link.bridge.link import endpoints
with zenoh.open(configuration(listen=[LOOPBACK], mode="router")) as session:
    print(json.dumps(endpoints(session)), flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGTERM])
def test_through_a_router_in_another_process(signal_: signal.Signals) -> None:
    url = sim_url()
    with program("-c", ROUTER, str(Path(__file__).parent)) as router:
        [where] = line(router)
        command = ("-m", "n6link", "bridge", "--url", url, "--connect", where, "--json")
        with program(*command) as served, zenoh.open(configuration(connect=[where])) as session:
            assert line(served) == {"listening": []}
            key = line(served)["key"]
            assert ask_until(session, f"{key}/reference/run", picture()).ok
            served.send_signal(signal_)
            assert served.wait(timeout=60) == (130 if signal_ is signal.SIGINT else 0)
            assert complaints(served) == ""


def test_a_router_that_is_started_later() -> None:
    url = sim_url()
    with socket.socket() as placeholder:
        placeholder.bind(("127.0.0.1", 0))
        where = f"tcp/127.0.0.1:{placeholder.getsockname()[1]}"
    command = ("-m", "n6link", "bridge", "--url", url, "--connect", where, "--json")
    with program(*command) as served:
        waiting = line(served)
        assert waiting["state"] == "away" and f"{where} cannot be used by Zenoh" in waiting["reason"]
        with zenoh.open(configuration(listen=[where], mode="router")) as router:
            while "listening" not in line(served):
                pass
            key = line(served)["key"]
            assert ask_until(router, f"{key}/reference/run?format=raw", picture()).ok


def test_text_for_people() -> None:
    url = sim_url()
    with program("-m", "n6link", "bridge", "--url", url, "--listen", LOOPBACK) as served:
        assert served.stdout
        assert served.stdout.readline().startswith("Listening: tcp/127.0.0.1:")
        assert "connected, with reference, reference_colour" in served.stdout.readline()
        served.send_signal(signal.SIGINT)
        served.wait(timeout=60)


def test_reports_for_people_and_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    async def reports(urls: object, *, listening: Any, report: Any, options: Options, **_: object) -> None:
        assert (options.ros, options.ros_images) == (4, [("movenet13", "/camera")])
        listening(["tcp/127.0.0.1:1"])
        report(Presence("b", "n6link/b", "connected", ("one", "two")))
        report(Presence("b", "n6link/b", "away", reason="unplugged"))

    monkeypatch.setattr("n6link.bridge.serve.serve", reports)
    words = ["bridge", "--url", "sim:", "--ros", "--ros-domain", "4", "--ros-image", "movenet13=/camera"]
    outcome = CliRunner().invoke(app, words)
    assert outcome.exit_code == 0
    assert outcome.stdout.splitlines()[1] == "n6link/b: connected, with one, two"
    assert outcome.stderr == "n6link/b: unplugged\n"
    lines = list(map(json.loads, CliRunner().invoke(app, [*words, "--json"]).stdout.splitlines()))
    assert lines[0] == {"listening": ["tcp/127.0.0.1:1"]} and lines[2]["state"] == "away"


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["--url", "board"], 2, "'board' is neither a URL nor a board of the settings file"),
        (["--max-age", "0"], 2, "--max-age 0 must be a positive number of seconds"),
        (["--prefix", "/a"], 2, "--prefix '/a' is not a key"),
        (["--ros-domain", "3"], 2, "--ros-image and --ros-domain are for topics of ROS 2; add --ros"),
        (["--ros", "--ros-image", "movenet13"], 2, "--ros-image 'movenet13' must have the form NETWORK=TOPIC"),
        (["--config", "none.json5"], 2, "'none.json5' is not a configuration of Zenoh"),
        (["--url", "sim:nothing.tflite", "--listen", LOOPBACK], 2, "nothing.tflite"),
    ],
)
def test_wrong_options(words: list[str], code: int, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("N6LINK_URL", raising=False)
    outcome = CliRunner().invoke(app, ["bridge", *words, "--json"])
    assert (outcome.exit_code, sentence in outcome.stderr) == (code, True), outcome.stderr
