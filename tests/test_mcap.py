"""MCAP files, as read by mcap's own reader with the decoder of mcap-ros2-support, and by rosbags."""

from __future__ import annotations

import io
import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from e2e_fixtures import SIM, board, executable, noise
from mcap.reader import NonSeekingReader, make_reader
from mcap_ros2.decoder import DecoderFactory
from PIL import Image
from rosbags.highlevel import AnyReader
from test_cli import n6link
from test_evaluation import one_person
from typer.testing import CliRunner

from n6link import networks
from n6link.cli import app
from n6link.cli.boards import connect_all
from n6link.cli.recording import Recording
from n6link.decoders.boxes import Detection
from n6link.decoders.classification import Classification
from n6link.decoders.pose import Pose
from n6link.decoders.segmentation import Segmentation
from n6link.device import N6Device
from n6link.errors import MissingExtra, RecordingError
from n6link.monitor.app import Monitor
from n6link.pool.pool import N6Pool
from n6link.pool.status import BoardState
from n6link.protocol import LogLevel
from n6link.robotics import McapFile, cdr, follow, messages
from n6link.robotics.drawing import annotate
from n6link.robotics.messages import Message
from n6link.robotics.wall import SECOND, Wall
from n6link.session.subscription import LogRecord
from n6link.tensors.image import Placement

NOSE = (219, 123)
"""where the nose of the photograph is, in pixels"""


def seconds(stamp: Any) -> float:
    return float(stamp.sec + stamp.nanosec / SECOND)


def read(path: Path) -> list[tuple[str, Any]]:
    """Topics and messages, in the order of their times, of a complete file."""
    with path.open("rb") as file:
        reader = make_reader(file, decoder_factories=[DecoderFactory()])
        return [(channel.topic, message) for _, channel, _, message in reader.iter_decoded_messages()]


def text(number: int = 0, size: int = 100) -> Message:
    return Message("text", "std_msgs/msg/String", {"data": f"{number}".ljust(size)})


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file can be larger than a size: a write takes what fits, and the next one fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_run_is_read_by_other_programs(tmp_path: Path, virtual_board: None) -> None:
    before = time.time()
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(networks.PHOTO.read_bytes())
    path = tmp_path / "run.mcap"
    words = ["run", "movenet13", str(tmp_path / "*.png"), "--url", "sim:movenet13", "--mcap", str(path), "--json"]
    outcome = CliRunner().invoke(app, words)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    printed = [json.loads(line) for line in outcome.stdout.splitlines()]
    after = time.time()

    found = read(path)
    kinds = ("annotations", "epochs", "image", "latency", "people")
    assert Counter(topic for topic, _ in found) == {f"/n6link/movenet13/{kind}": 2 for kind in kinds} | {
        "/n6link/state": 1
    }
    by_topic = {kind: [message for topic, message in found if topic.endswith(kind)] for kind in (*kinds, "state")}
    with Image.open(networks.PHOTO) as photo:
        size = photo.size
    for index, line in enumerate(printed):
        image, people, latency, epochs, drawing = (
            by_topic[kind][index] for kind in ("image", "people", "latency", "epochs", "annotations")
        )
        captured = seconds(image.header.stamp)
        assert before <= captured <= after
        assert captured == seconds(people.header.stamp) == seconds(latency.header.stamp) == seconds(epochs.header.stamp)
        assert image.format == "jpeg"
        assert Image.open(io.BytesIO(image.data)).size == size
        nose = people.people[0].keypoints[0]
        assert nose.name == "nose" and abs(nose.x - NOSE[0]) < 15 and abs(nose.y - NOSE[1]) < 15
        expected = line["decoded"][0]["keypoints"]["nose"]
        assert (nose.x, nose.y) == pytest.approx((expected["x"], expected["y"]), abs=0.1)
        stages = [getattr(latency, stage) for stage in line["timing_s"] if stage not in ("total", "error")]
        assert latency.total == pytest.approx(line["timing_s"]["total"]) == pytest.approx(sum(stages))
        assert latency.simulated and 0 < latency.clock_error < after - before
        assert captured - latency.clock_error <= seconds(latency.started) <= seconds(latency.ended) <= after
        assert epochs.source == "LITERT_PROFILER" and epochs.blocks[0].span == "0"
        assert sum(block.total for block in epochs.blocks) <= latency.npu * 1.001
        assert drawing.points and drawing.circles
        stamps = [part.timestamp for part in (*drawing.points, *drawing.circles, *drawing.texts)]
        assert {seconds(stamp) for stamp in stamps} == {captured}
    assert by_topic["state"][0].state == "open"

    with AnyReader([path]) as other:
        again: list[tuple[str, int, Any]] = [
            (connection.topic, time_, other.deserialize(raw, connection.msgtype))
            for connection, time_, raw in other.messages()
        ]
    assert Counter(topic for topic, _, _ in again) == Counter(topic for topic, _ in found)
    assert all(before * SECOND <= time_ <= after * SECOND for _, time_, _ in again)
    [first, *_] = [message for topic, _, message in again if topic.endswith("people")]
    assert first.people[0].keypoints[0].x == by_topic["people"][0].people[0].keypoints[0].x

    with path.open("rb") as file:
        about = {record.name: record.metadata for record in make_reader(file).iter_metadata()}
    assert float(about["clock"]["error_s"]) < after - before
    assert about["device"]["simulated"] == "True" and about["device"]["url"] == "sim:movenet13"


def pool_of(count: int) -> list[str]:
    return [word for _ in range(count) for word in ("--url", "sim:movenet13")]


def test_a_pool_has_topics_for_each_board(tmp_path: Path, virtual_board: None) -> None:
    for index in range(12):
        (tmp_path / f"{index}.png").write_bytes(networks.PHOTO.read_bytes())
    path = tmp_path / "pool.mcap"
    words = ["run", "movenet13", str(tmp_path / "*.png"), *pool_of(2), "--mcap", str(path), "--json"]
    outcome = CliRunner().invoke(app, words)
    assert outcome.exit_code == 0, outcome.stderr
    found = read(path)
    boards = sorted({topic.split("/")[2] for topic, _ in found})
    assert len(boards) == 2 and boards[1] == f"{boards[0]}_2"
    counts = Counter(topic for topic, _ in found)
    assert sum(counts[f"/n6link/{name}/movenet13/people"] for name in boards) == 12
    for name in boards:
        one = [message for topic, message in found if topic == f"/n6link/{name}/state"]
        assert one[0].state == "open"
        assert {counts[f"/n6link/{name}/movenet13/{kind}"] for kind in ("people", "latency", "epochs", "image")} == {
            counts[f"/n6link/{name}/movenet13/people"]
        }
    with path.open("rb") as file:
        about = [record.metadata for record in make_reader(file).iter_metadata() if record.name == "device"]
    assert {each["topics"] for each in about} == {f"/n6link/{name}" for name in boards}


def test_a_board_that_is_set_aside_is_in_the_file(tmp_path: Path) -> None:
    """One of two boards is killed while the recording runs; what the other one does is recorded to the end."""

    async def main() -> None:
        with ExitStack() as stack:
            boards = [stack.enter_context(board("--tcp", "0")) for _ in range(2)]
            log = Recording(tmp_path / "pool.mcap")
            async with connect_all([each.url for each in boards], opened=log.opened) as pool, log.of(pool):
                assert isinstance(pool, N6Pool)
                net = pool["reference"]
                for _ in range(2):
                    await log.add(None, await net.run(noise(net)), None)
                boards[0].die()
                while pool.boards[0].state is not BoardState.ASIDE:
                    await log.add(None, await net.run(noise(net)), None)
                await log.add(None, await net.run(noise(net)), None)
        found = read(tmp_path / "pool.mcap")
        [at] = [at for at, (topic, _) in enumerate(found) if topic.endswith("/log") and "set aside" in found[at][1].msg]
        assert found[at][1].msg.startswith("the board is set aside: the ") and found[at][1].level == 30
        assert any(topic.endswith("/reference/latency") for topic, _ in found[at:])

    executable()
    anyio.run(main)


def test_a_full_disk_ends_the_recording_of_a_pool_with_one_error(tmp_path: Path, virtual_board: None) -> None:
    (tmp_path / "a.png").write_bytes(networks.PHOTO.read_bytes())
    words = ["run", "movenet13", str(tmp_path / "a.png"), *pool_of(2), "--mcap", str(tmp_path / "full.mcap")]
    with full_disk(2000):
        outcome = CliRunner().invoke(app, words)
    assert "cannot be written" in outcome.stderr and outcome.exit_code == 2


@pytest.mark.parametrize("count", [1, 2])
def test_evaluate_records(tmp_path: Path, virtual_board: None, count: int) -> None:
    data, path = one_person(tmp_path), tmp_path / "evaluate.mcap"
    words = ["evaluate", "movenet13", "--data", str(data), *pool_of(count), "--json"]
    assert n6link(*words, "--scheduler", "tcp://127.0.0.1:1", "--mcap", str(path)).exit_code == 2
    outcome = CliRunner().invoke(app, [*words, "--mcap", str(path)])
    assert outcome.exit_code == 0, outcome.stderr
    found = read(path)
    people = [message for topic, message in found if topic.endswith("/movenet13/people")]
    assert len(people) == json.loads(outcome.stdout)["samples"] == sum(topic.endswith("/epochs") for topic, _ in found)
    assert people[0].people[0].keypoints[0].name == "nose"
    assert sum(topic.endswith("/image") for topic, _ in found) == len(people)


def test_raw_outputs(tmp_path: Path) -> None:
    async def main() -> None:
        async with N6Device(SIM) as dev:
            network = dev["reference"]
            result = await network.run(noise(network))
            with McapFile(tmp_path / "raw.mcap") as file:
                file.add(result)
                file.put("/own", [text()])
            [(topic, message)] = [item for item in read(tmp_path / "raw.mcap") if item[0].endswith("outputs")]
            assert topic == "/n6link/reference/outputs"
            for tensor, (name, array) in zip(message.tensors, result.outputs.items(), strict=True):
                assert (tensor.name, tuple(tensor.shape), tensor.dtype) == (name, array.shape, str(array.dtype))
                assert np.array_equal(np.frombuffer(bytes(tensor.data), array.dtype).reshape(array.shape), array)
            assert file.counts["/own/text"] == 1

    executable()
    anyio.run(main)


def test_states_logs_and_statistics_of_a_device(tmp_path: Path) -> None:
    async def main() -> None:
        async with N6Device(SIM) as dev:
            await dev.set_log_level(LogLevel.DEBUG)
            with McapFile(tmp_path / "device.mcap") as file:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(lambda: follow(dev, file, interval=0.01))
                    while file.counts.get("/n6link/link", 0) < 2:
                        await dev.ping()
                    await dev.reset(restart=True)
                    while file.counts.get("/n6link/state", 0) < 3 or not file.counts.get("/n6link/log"):
                        await dev.ping()
                    tasks.cancel_scope.cancel()

    executable()
    anyio.run(main)
    found = read(tmp_path / "device.mcap")
    states = [message for topic, message in found if topic == "/n6link/state"]
    assert [state.state for state in states[:3]] == ["open", "restarting", "open"]
    assert states[2].rebooted and states[2].away > 0
    assert states[1].clock_error == float("inf") and 0 < states[0].clock_error < 1
    links = [message for topic, message in found if topic == "/n6link/link"]
    assert links[1].rx_bytes >= links[0].rx_bytes > 0
    logs = [message for topic, message in found if topic == "/n6link/log"]
    assert logs[0].msg and logs[0].level in (10, 20, 30, 40) and logs[0].name == "n6link"


def test_log_lines_have_a_level_of_ros(tmp_path: Path) -> None:
    wall = Wall(lambda: 5 * SECOND)
    odd = messages.of_log(LogRecord(13, "odd", None), 1)
    assert odd.values["level"] == 20 and messages.of_log(LogRecord(40, "bad", None), 1).values["level"] == 40
    with McapFile(tmp_path / "log.mcap", wall=wall) as file:
        file.add_log(LogRecord(30, "line", 3.0), None)
    assert [message.msg for _, message in read(tmp_path / "log.mcap")] == ["line"]


# ------------------------------------------------------------------------------------------- what was found


def pose(**options: Any) -> Pose:
    points = np.array([[10, 20, 0.9], [30, 40, 0.1]], np.float32)
    return Pose(points, ("nose", "left_eye"), ((0, 1),), 0.5, np.array([False, True]), **options)


def decoded(meaning: object, task: str = "") -> tuple[str, str, dict[str, Any]]:
    """Topic, type and values of a message about a result, after its encoding."""
    message = messages.of_meaning(meaning, messages.header(3 * SECOND + 4), task=task)
    values: dict[str, Any] = cdr.decode(message.type, cdr.encode(message.type, message.values))
    return message.topic, message.type, values


def test_people() -> None:
    topic, kind, values = decoded([pose(), pose(box=np.array([1, 2, 3, 4], np.float32), label="person")])
    assert (topic, kind) == ("people", "n6link_msgs/msg/People")
    assert values["header"] == {"stamp": {"sec": 3, "nanosec": 4}, "frame_id": "camera"}
    assert [person["box"] for person in values["people"]] == [[], [1, 2, 3, 4]]
    assert values["people"][1]["label"] == "person"
    assert values["people"][0]["keypoints"][1]["outside"] is True


def test_nobody() -> None:
    assert decoded([], "pose-yolo")[0] == "people"
    assert decoded([], "detection-ssd")[0] == "detections"


def test_objects() -> None:
    box = np.array([10, 20, 30, 60], np.float32)
    topic, kind, values = decoded([Detection("cat", 3, 0.75, box)])
    assert (topic, kind) == ("detections", "vision_msgs/msg/Detection2DArray")
    [item] = values["detections"]
    assert item["bbox"] == {"center": {"position": {"x": 20, "y": 40}, "theta": 0}, "size_x": 20, "size_y": 40}
    assert item["results"][0]["hypothesis"] == {"class_id": "cat", "score": 0.75}
    assert item["header"] == values["header"]


def test_classes() -> None:
    topic, kind, values = decoded(Classification("b", 0.7, {"a": 0.3, "b": 0.7}))
    assert (topic, kind) == ("classes", "vision_msgs/msg/Classification")
    assert [(item["class_id"], item["score"]) for item in values["results"]] == [("b", 0.7), ("a", 0.3)]


def test_a_segmentation_is_a_picture() -> None:
    classes = np.array([[0, 1], [2, 1]], np.uint8)
    placement = Placement((2, 2), (2, 2))
    topic, kind, values = decoded(Segmentation(classes, ("a", "b", "c"), placement))
    assert (topic, kind, values["format"]) == ("mask", "sensor_msgs/msg/CompressedImage", "png")
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(values["data"]))), classes)


def test_another_result_is_json() -> None:
    topic, kind, values = decoded({"height": np.float32(1.5)})
    assert (topic, kind, json.loads(values["data"])) == ("decoded", "std_msgs/msg/String", {"height": 1.5})


def test_drawings() -> None:
    landmarks = np.array([[12, 13], [99, 5]], np.float32)
    box = np.array([10, 20, 30, 60], np.float32)
    face = Detection("face", 0, 0.5, box, landmarks, ("eye", "ear"), np.array([False, True]))
    for meaning, circles, lines, texts in (
        ([pose()], 3, 0, ["0.50"]),
        ([face], 4, 16, ["face 0.50"]),
        (Classification("b", 0.7, {"a": 0.3, "b": 0.7}), 0, 0, ["a 30.0%", "b 70.0%"]),
    ):
        drawing = annotate(meaning, (100, 80), messages.stamp(SECOND))
        assert drawing is not None
        values: dict[str, Any] = cdr.decode(
            "foxglove_msgs/msg/ImageAnnotations", cdr.encode("foxglove_msgs/msg/ImageAnnotations", drawing)
        )
        assert [item["text"] for item in values["texts"]] == texts
        assert (len(values["circles"]), len(values["points"])) == (circles, lines)
        for item in values["texts"]:
            assert 0 <= item["position"]["x"] <= 100 and 0 <= item["position"]["y"] <= 80
    assert annotate(None, (100, 80), {}) is None


def test_topics_are_names_of_ros() -> None:
    assert [messages.topic_name(name) for name in ("movenet13", "yolo-v8.n", "3d", "", "é")] == [
        *("movenet13", "yolo_v8_n", "n_3d", "n_", "n__"),
    ]


# ------------------------------------------------------------------------------------------- the file


def test_times_follow_the_monotonic_clock() -> None:
    wall = Wall(lambda: 5 * SECOND)
    assert wall.at(7.25) - wall.at(7.0) == SECOND // 4
    assert wall.at(float("nan")) == 0
    assert 0 <= wall.error < 1


def test_a_program_that_ends_early_leaves_a_complete_file(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), McapFile(tmp_path / "cut.mcap") as file:
        file.put("", [text()])
        raise KeyboardInterrupt
    assert len(read(tmp_path / "cut.mcap")) == 1
    file.close()
    with pytest.raises(RecordingError, match=r"cut\.mcap' is closed; open another file"):
        file.put("", [text()])


def test_a_program_that_is_killed_loses_only_the_end(tmp_path: Path) -> None:
    path = tmp_path / "killed.mcap"
    file = McapFile(path)
    for number in range(3):
        file.put("", [text(number)], at_once=True)
    file.put("", [text(3)])
    killed = path.read_bytes()
    file.close()
    reader = NonSeekingReader(io.BytesIO(killed), decoder_factories=[DecoderFactory()])
    found = []
    with pytest.raises(Exception, match=r"^$"):  # the end of the file
        for item in reader.iter_decoded_messages(log_time_order=False):
            found.append(item[3].data.strip())  # noqa: PERF401  what was read before the end counts
    assert found == ["0", "1", "2"]
    assert len(read(path)) == 4


@pytest.mark.parametrize("size", [3000, 4000, 4321, 5000, 6000, 6100, 6200])
def test_a_full_disk_is_one_error_and_the_file_is_valid(tmp_path: Path, size: int) -> None:
    path = tmp_path / "full.mcap"
    added = 0
    with full_disk(size), pytest.raises(RecordingError) as caught, McapFile(path) as file:
        while True:
            file.put("", [text(added, 300)], at_once=True)
            added += 1
    assert "full.mcap' cannot be written: File too large; choose another file or disk" in str(caught.value)
    with pytest.raises(RecordingError, match="File too large"):
        file.put("", [text()])
    file.close()
    found = [int(message.data) for _, message in read(path)]
    assert found == list(range(len(found))) and added - 1 <= len(found) <= added
    assert path.stat().st_size <= size


def test_a_full_disk_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "full.mcap"
    with full_disk(3000), pytest.raises(RecordingError, match="File too large"), McapFile(path) as file:
        file.put("", [text(0, 1000)], at_once=True)
        file.put("", [text(1, 3000)])
    assert [message.data.strip() for _, message in read(path)] == ["0"]


def test_a_disk_that_is_full_at_the_start(tmp_path: Path) -> None:
    with full_disk(20), pytest.raises(RecordingError, match="File too large"):
        McapFile(tmp_path / "full.mcap")


def test_a_file_that_cannot_be_created(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="cannot be written: Is a directory; choose another file or disk"):
        McapFile(tmp_path)


def test_a_missing_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcap.writer", None)
    with pytest.raises(MissingExtra, match=r"pip install 'n6link\[mcap\]'"):
        McapFile(tmp_path / "a.mcap")


# ------------------------------------------------------------------------------------------- the commands


@pytest.mark.parametrize("size", [None, 1200])
def test_a_monitor_records_and_goes_on_with_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int | None
) -> None:
    path = tmp_path / "board.mcap"
    texts: list[str] = []

    async def watch(self: Monitor, console: object) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.watcher.watch)
            while not (self.model.history.log if size else len(self.model.history.readings) > 4):  # noqa: ASYNC110
                await anyio.sleep(0.01)
            texts.extend(line.text for line in self.model.history.log)
            tasks.cancel_scope.cancel()

    executable()
    monkeypatch.setattr(Monitor, "run", watch)
    words = ["monitor", "--url", SIM, "--interval", "0.05", "--mcap", str(path)]
    with full_disk(size) if size else nullcontext():
        outcome = CliRunner().invoke(app, words)
    assert outcome.exit_code == 0, outcome.stderr
    if size:
        assert any("board.mcap' cannot be written: File too large" in text for text in texts)
    read(path)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["run", "movenet13", "a.png", "--mcap", "b.png"], "--mcap 'b.png' must end in .mcap"),
        (["run", "movenet13", "a.mcap", "--mcap", "a.mcap"], "'a.mcap' is an input, which would be overwritten"),
        (["monitor", "--once", "--mcap", "b.mcap"], "--mcap records until you press q; omit --once"),
        (["monitor", "--mcap", "b.bag"], "--mcap 'b.bag' must end in .mcap"),
    ],
)
def test_wrong_options(words: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.mcap").write_bytes(b"a recording")
    Path("a.png").write_bytes(networks.PHOTO.read_bytes())
    outcome = CliRunner().invoke(app, words)
    assert outcome.exit_code == 2 and sentence in outcome.stderr
    assert Path("a.mcap").read_bytes() == b"a recording"
