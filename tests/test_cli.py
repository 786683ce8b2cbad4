"""The commands demo, devices, info, run and sim, as a user calls them."""

from __future__ import annotations

import errno
import io
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from importlib import metadata
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from e2e_fixtures import noise
from lines import Usb
from PIL import Image
from references import DATA
from typer.testing import CliRunner
from typer.testing import Result as Outcome

from n6link import console, networks, version
from n6link.cli import app, common
from n6link.device import N6Device
from n6link.errors import BadInput, DeviceError
from n6link.json_types import plain
from n6link.protocol import Status
from n6link.transport import ports, rights, sim, watch
from n6link.transport.ports import Port
from n6link.transport.watch import PortChange

POSE = "sim:movenet13"
PHOTO = str(networks.PHOTO)
NOSE = (219, 123)
"""where the nose of the photograph is, in pixels"""
LONG = 60
"""seconds in which a process has ended for certain"""


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the caller's settings reaches a test, and files go into a folder of its own."""
    for name in ("N6LINK_URL", "N6_DEBUG", "FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)


def n6link(*words: str | Path) -> Outcome:
    return CliRunner().invoke(app, list(map(str, words)))


def good(*words: str | Path) -> str:
    """What a command that works prints; nothing is on standard error."""
    outcome = n6link(*words)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    return outcome.stdout


def data(*words: str | Path) -> Any:
    """The JSON that a command prints."""
    return json.loads(good(*words, "--json"))


def bad(code: int, *words: str | Path) -> str:
    """The error sentence of a command that fails with this code, which is the same in JSON."""
    outcome = n6link(*words)
    assert outcome.exit_code == code and not outcome.stdout
    assert outcome.stderr.startswith("Error: ") and len(outcome.stderr.splitlines()) == 1
    again = n6link(*words, "--json")
    assert again.exit_code == code and not again.stdout
    message = json.loads(again.stderr)["error"]["message"]
    assert message[1:].rstrip(".") in outcome.stderr
    return str(message)


def is_near_nose(point: dict[str, float]) -> bool:
    return abs(point["x"] - NOSE[0]) < 15 and abs(point["y"] - NOSE[1]) < 15 and point["score"] > 0.3


# ------------------------------------------------------------------------------------------- as a whole


def test_without_a_command_there_is_help() -> None:
    for words in ([], ["--help"], ["-h"]):
        text = good(*words)
        assert all(name in text for name in ("demo", "devices", "info", "run", "sim", "n6link demo"))


def test_every_command_has_help() -> None:
    for name in ("demo", "devices", "info", "run", "sim", "profile", "report", "monitor", "firmware"):
        assert "--help" in good(name, "--help")


@pytest.mark.parametrize("more", [[], ["info"], ["--help"]])
def test_version(more: list[str]) -> None:
    assert good("--version", *more).strip() == version.__version__ == metadata.version("n6link")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["flash"], "No such command 'flash'"),
        (["info", "--wrong"], "--wrong"),
        (["info", "--timeout", "soon"], "'soon'"),
        (["profile", "--runs=0"], "--runs '0' cannot be used: "),
        (["run"], "Missing argument"),
        (
            ["info", "--url", "board"],
            "'board' is neither a URL nor a board of the settings file, which has none; a URL must start with serial:",
        ),
        (["info", "--url", "sim:nothing.tflite"], "'nothing.tflite', which does not exist"),
        (["demo", "--url", "serial:COM1?speed=1"], "unknown option 'speed'"),
    ],
)
def test_wrong_usage(words: list[str], says: str) -> None:
    outcome = n6link(*words)
    assert says in bad(2, *words)
    assert "--help)" in outcome.stderr


def test_the_environment_names_the_board(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("N6LINK_URL", "tcp:127.0.0.1:1")
    assert "no program listens at 127.0.0.1 port 1" in bad(1, "info")


def test_no_board(usb: Usb) -> None:
    assert "no STM32N6 board was found" in bad(1, "info")


def test_a_peer_that_is_something_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"tcp:127.0.0.1:{server.getsockname()[1]}"
        outcome = n6link("info", "--url", url, "--timeout", "0.3", "--json")
    assert outcome.exit_code == 1 and not outcome.stdout
    assert json.loads(outcome.stderr)["error"]["type"] == "N6Timeout"


def test_a_defect_is_one_sentence_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("odd")

    monkeypatch.setattr(ports, "devices", broken)
    assert bad(1, "devices") == "internal error: RuntimeError: odd"
    assert "N6_DEBUG=1 to show the traceback" in n6link("devices").stderr
    monkeypatch.setenv("N6_DEBUG", "1")
    assert "Traceback" in n6link("devices").stderr and "in broken" in n6link("devices").stderr


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (ExceptionGroup("tasks", [ExceptionGroup("tasks", [BadInput("no picture")])]), 2, "no picture"),
        (DeviceError("the queue is full", Status.BUSY, 3), 1, "the queue is full"),
        (OSError(errno.ENOSPC, "full"), 1, "the output cannot be written: full; use another device"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_errors_end_with_their_code(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, says: str
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(ports, "devices", fail)
    outcome = n6link("devices", "--json")
    assert outcome.exit_code == code and not outcome.stdout
    if says:
        told = json.loads(outcome.stderr)["error"]
        assert told["message"] == says
        assert told.get("status") == ("BUSY" if isinstance(error, DeviceError) else None)
    else:
        assert not outcome.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["devices", "--all"],
        ["run", "movenet13", PHOTO, PHOTO, "--url", POSE, "--json"],
        ["run", "movenet13", "batch.npy", "--url", POSE],
    ],
)
def test_a_reader_that_goes_early_is_no_error(virtual_board: None, words: list[str]) -> None:
    """Also in the tasks of a device, whose errors arrive as groups."""
    np.save("batch.npy", np.zeros((9, 192, 192, 3), np.int8))
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([sys.executable, "-m", "n6link", *words], stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert done.returncode == 1 and not done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_any_encoding_of_the_output(virtual_board: None, encoding: str) -> None:
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    command = [sys.executable, "-m", "n6link", "demo"]
    done = subprocess.run(command, capture_output=True, env=environment, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    text = done.stdout.decode(encoding)
    assert "keypoint " in text and "nose " in text and " ###" in text and "?" not in text


def test_characters_that_an_output_cannot_express() -> None:
    expected = {"ascii": b"75 ###|.... 20  C ? ?\n", "cp1252": b"75 ###|\xb7\xb7\xb7\x85 20 \xb0C ? ?\n"}
    for encoding, printed in expected.items():
        stream = io.TextIOWrapper(io.BytesIO(), encoding, newline="\n")
        console.replace_characters(stream)
        print("75 ███▎···… 20 °C 日 \udcff", file=stream, flush=True)
        assert stream.buffer.getvalue() == printed


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_json_is_complete_in_any_encoding(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    value = {"é": ["日 🙂", "\udcff.jpg"]}
    common.emit(value)
    assert json.loads(stream.buffer.getvalue().decode(encoding)) == value


def test_json_knows_all_values() -> None:
    class Kind(Enum):
        FIRST = 1

    @dataclass
    class Point:
        x: float
        where: Path

    value = {
        Kind.FIRST: Point(float("nan"), Path("/a")),
        "array": np.array([[1.5, np.inf]], np.float32),
        "number": np.int8(-3),
        "set": {1},
        "bytes": b"\x01\xff",
        "none": None,
        "yes": True,
    }
    assert plain(value) == {
        "FIRST": {"x": None, "where": "/a"},
        "array": [[1.5, None]],
        "number": -3,
        "set": [1],
        "bytes": "01ff",
        "none": None,
        "yes": True,
    }


# ------------------------------------------------------------------------------------------- devices


def test_devices(usb: Usb) -> None:
    usb.solder("ttyS0", "pnp")
    path = usb.plug("ttyACM3", "0483:374e", "0042", product="STLINK-V3")
    text = "".join(good("devices").split())
    assert "ST-LinkV3" in text and "0483:374e" in text and "ttyS0" not in text and "board" not in text
    assert "ttyS0" in json.dumps(data("devices", "--all"))  # the table breaks long paths
    assert data("devices") == [
        {
            "url": f"serial:{path}",
            "path": path,
            "kind": "ST-Link V3",
            "description": "STLINK-V3",
            "usb": "0483:374e",
            "serial_number": "0042",
            "unique_id": None,
        }
    ]
    assert [item["usb"] for item in data("devices", "--all")] == ["0483:374e", None]


def test_devices_counts_boards_and_not_cables(usb: Usb) -> None:
    usb.plug("ttyACM0", "0483:374e", "0042")
    usb.plug("ttyACM1", "0483:5740", "AB12", at="1-2", manufacturer="n6link")
    assert "1 board at 2 ports" in good("devices")
    assert [item["unique_id"] for item in data("devices")] == ["ab12", "ab12"]


def test_no_devices(usb: Usb) -> None:
    usb.solder("ttyS0", "pnp")
    text = " ".join(good("devices").split())
    assert (
        "No board is connected (1 other serial port: n6link devices --all). To try n6link without a board: n6link demo"
        in text
    )
    assert data("devices") == []


def test_devices_watches(usb: Usb, monkeypatch: pytest.MonkeyPatch) -> None:
    async def changes(*, all_ports: bool) -> AsyncIterator[PortChange]:
        for added in (True, False):
            yield PortChange(added, Port("/dev/ttyACM3", "ST-Link V3", "STLINK-V3", serial_number="0042"))
        raise KeyboardInterrupt

    monkeypatch.setattr(watch, "watch", changes)
    outcome = n6link("devices", "--watch")
    assert outcome.exit_code == 130
    seen = "serial:/dev/ttyACM3 /dev/ttyACM3 (ST-Link V3, serial number 0042)"
    assert outcome.stdout.splitlines() == [f"+ {seen}", f"- {seen}"]
    lines = [json.loads(text) for text in n6link("devices", "--watch", "--json").stdout.splitlines()]
    assert [(line["added"], line["url"]) for line in lines] == [
        (added, "serial:/dev/ttyACM3") for added in (True, False)
    ]


def test_devices_prints_the_rules() -> None:
    assert good("devices", "--udev") == rights.RULES.read_text()


# ------------------------------------------------------------------------------------------- demo


@pytest.mark.parametrize("columns", [80, 120])
def test_demo(virtual_board: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    text = good("demo")
    assert max(map(len, text.splitlines())) <= columns
    for word in ("movenet13", "nose", "right ankle", "Latency", "upload", "Slowest of", "CONV_2D", "simulated"):
        assert word in text
    beside = next(line for line in text.splitlines() if "Keypoints" in line)
    assert ("Latency" in beside) == (columns == 120)
    with Image.open(tmp_path / "n6link_demo.png") as drawn, Image.open(PHOTO) as photo:
        assert drawn.size == photo.size
        different = (np.asarray(drawn) != np.asarray(photo)[:, :, :3]).any(axis=2)
        assert 0.005 < different.mean() < 0.2, "a skeleton covers a few per cent of the photograph"


def test_demo_json(virtual_board: None, tmp_path: Path) -> None:
    shown = data("demo", "--out", tmp_path / "pose.png")
    assert (shown["network"], shown["url"], shown["simulated"]) == ("movenet13", "sim:", True)
    (pose,) = shown["decoded"]
    assert next(iter(pose["keypoints"])) == "nose" and is_near_nose(pose["keypoints"]["nose"])
    timing = shown["timing_s"]
    stages = ("prepare", "queue", "upload", "wait", "npu", "download", "decode")
    assert timing["total"] == pytest.approx(sum(timing[stage] for stage in stages)) and timing["npu"] > 0
    assert shown["epochs"]["simulated"] and len(shown["epochs"]["blocks"]) > 50
    assert shown["picture"] == str(tmp_path / "pose.png") and (tmp_path / "pose.png").is_file()


def test_demo_needs_a_pose_network(virtual_board: None) -> None:
    assert bad(2, "demo", "--url", "sim:tinybert").endswith(
        "a network for pose-heatmap or yolo-pose; it has tinybert (text-generation)"
    )


def test_demo_cannot_write(virtual_board: None, tmp_path: Path) -> None:
    assert "cannot be written" in bad(2, "demo", "--out", tmp_path / "no" / "folder.png")
    assert "must end in .png, .jpg" in bad(2, "demo", "--out", tmp_path / "picture.strange")


# ------------------------------------------------------------------------------------------- info


def test_info(virtual_board: None) -> None:
    text = good("info", "--url", "sim:?baud=921600")
    for word in ("n6sim", "Virtual board", "LiteRT", "921600 baud", "movenet13", "pose-heatmap", "int8 1x192x192x3"):
        assert word in text
    assert max(map(len, text.splitlines())) <= 100
    shown = data("info", "--url", POSE)
    assert shown["device"]["slots"] >= 2 and "SIMULATED" in shown["device"]["features"]
    assert 0 < shown["round_trip_s"] < 1
    (network,) = shown["networks"]
    assert network["name"] == "movenet13" and network["task"] == "pose-heatmap"
    assert network["outputs"][0]["shape"] == [1, 48, 48, 13] and network["outputs"][0]["scale"] == 1 / 256


def test_info_of_a_network(virtual_board: None) -> None:
    text = good("info", "movenet13", "--url", POSE)
    assert "Tensors" in text and "110,592" in text and "Memory pools" in text and "96.3% on the NPU" in text
    assert data("info", "movenet13", "--url", POSE)["inputs"][0]["zero_point"] == 2
    assert "kinds of blocks: predicted, or from the report in the URL" in text
    assert "the device does not have a network 'movenet'; it has movenet13" in bad(2, "info", "movenet", "--url", POSE)


def test_info_tells_where_networks_fall_back(virtual_board: None) -> None:
    report = DATA / "reports" / "letters_ec_network_generate_report.txt"
    text = " ".join(good("info", "tinybert", "--url", f"sim:tinybert?report={report}").split())
    assert "SW" in text and "EC" in text and "On the CPU: nothing" not in text


def test_info_needs_cards_that_can_be_read(virtual_board: None, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("task = ")
    assert "bad" in bad(2, "info", "--url", POSE, "--card", tmp_path / "bad.toml")


# ------------------------------------------------------------------------------------------- run


def test_run(virtual_board: None, tmp_path: Path) -> None:
    text = good("run", "movenet13", PHOTO, "--url", POSE, "--draw", tmp_path / "out.png")
    assert "nose" in text and "Latency" in text and "out.png" in text
    with Image.open(tmp_path / "out.png") as drawn:
        assert drawn.size == (512, 512)
    shown = data("run", "movenet13", PHOTO, "--url", POSE)
    assert shown["input"] == PHOTO and is_near_nose(shown["decoded"][0]["keypoints"]["nose"]) and shown["epochs"]


def test_run_gives_the_same_from_a_slow_link(virtual_board: None) -> None:
    whole, reduced, slow = (
        data("run", "movenet13", PHOTO, "--url", url, *options)["decoded"]
        for url, options in ((POSE, ["--whole"]), (POSE, ["--reduce"]), (f"{POSE}?baud=4000000", []))
    )
    assert whole == reduced == slow


def test_encoded_pictures(virtual_board: None, tmp_path: Path) -> None:
    words = ["run", "movenet13", PHOTO, "--url", POSE, "--encode"]
    assert "The picture was sent as jpeg:90: " in good(*words, "jpeg:90")
    shown = data(*words, "jpeg:90")
    assert shown["encoding"] == "jpeg:90" and shown["sent_bytes"] < 20_000
    assert is_near_nose(shown["decoded"][0]["keypoints"]["nose"])
    assert data(*words, "qoi")["decoded"] == data(*words, "raw")["decoded"]
    same = tmp_path / "same.jpg"
    Image.open(PHOTO).convert("RGB").resize((192, 192)).save(same)
    both = good("run", "movenet13", same, same, PHOTO, "--url", POSE, "--encode", "jpeg:90")
    assert "Pictures were sent as jpeg (2), jpeg:90 (1)." in " ".join(both.split())
    assert "Pictures" not in good("run", "movenet13", same, PHOTO, "--url", POSE, "--encode", "raw")
    assert "encode='gif' is not an encoding; use 'raw'" in bad(2, *words, "gif")
    assert "Pictures for args_0 may be sent as QOI or JPEG." in good("info", "movenet13", "--url", POSE)
    assert data("info", "movenet13", "--url", POSE)["inputs"][0]["encodings"] == ["qoi", "jpeg"]
    measured = ["profile", "movenet13", "--url", POSE, "--runs", "1", "--warmup", "0", "--input", PHOTO]
    assert data(*measured, "--encode", "qoi")["profile"]["encoding"] == "qoi"


def test_run_arrays(virtual_board: None, tmp_path: Path) -> None:
    async def save(url: str, name: str) -> None:
        async with N6Device(url) as dev:
            arrays = noise(dev[name])
        np.save(tmp_path / f"{name}.npy", next(iter(arrays.values())))
        np.savez(tmp_path / f"{name}.npz", **arrays)  # type: ignore[arg-type]

    anyio.run(save, POSE, "movenet13")
    one, same = (data("run", "movenet13", tmp_path / f"movenet13.{kind}", "--url", POSE) for kind in ("npy", "npz"))
    assert one["decoded"] == same["decoded"] and len(one["decoded"]) == 1
    url = "sim:reference_colour=reference:reference_colour"
    anyio.run(save, url, "reference_colour")
    words = ["run", "reference_colour", str(tmp_path / "reference_colour.npz"), "--url", url]
    assert "Classes" in good(*words)
    assert data(*words)["decoded"]["label"] in ("red", "green", "blue")
    (tmp_path / "own.toml").write_text('task = "juggling"\nnetworks = ["*"]')
    words += ["--card", str(tmp_path / "own.toml")]
    assert "A decoder for the task juggling is not installed" in good(*words)
    assert data(*words)["decoded"] is None
    words[2] = words[2].replace("npz", "npy")
    assert "also requires" in bad(2, *words)
    for kind in ("npy", "npz"):
        (tmp_path / f"broken.{kind}").write_bytes(b"PK\3\4nothing")
        assert "cannot be read as .npz or .npy" in bad(
            2, "run", "movenet13", tmp_path / f"broken.{kind}", "--url", POSE
        )
    np.save(tmp_path / "small.npy", np.zeros((1, 2), np.int8))
    assert "(1, 2)" in bad(2, "run", "movenet13", tmp_path / "small.npy", "--url", POSE)


def test_run_without_a_card_shows_the_outputs(virtual_board: None, tmp_path: Path) -> None:
    url = f"sim:mystery={model()}"
    text = good("run", "mystery", PHOTO, "--url", url)
    assert "Outputs, dequantised" in text and "1x48x48x13" in text and "--card" in text
    assert data("run", "mystery", PHOTO, "--url", url)["decoded"] is None
    assert "the result was not decoded, so nothing can be drawn" in bad(
        2, "run", "mystery", PHOTO, "--url", url, "--draw", "x.png"
    )
    card = networks.cards()["movenet13"].read_text().replace('"movenet"', '"mystery"')
    (tmp_path / "own.toml").write_text(card)
    shown = data("run", "mystery", PHOTO, "--url", url, "--card", tmp_path / "own.toml")
    assert is_near_nose(shown["decoded"][0]["keypoints"]["nose"])


def model() -> Path:
    return Path(sim.parse("movenet13").networks[0].source)


def test_run_says_what_is_no_picture(virtual_board: None, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    assert "text.png' cannot be read as a picture" in bad(2, "run", "movenet13", tmp_path / "text.png", "--url", POSE)
    assert "none.png' does not exist" in bad(2, "run", "movenet13", tmp_path / "none.png", "--url", POSE)
    assert "does not match a file" in bad(2, "run", "movenet13", "*.jpeg", "--url", POSE)
    (tmp_path / "empty").mkdir()
    assert "does not contain pictures, sounds, videos" in bad(2, "run", "movenet13", tmp_path / "empty", "--url", POSE)


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """A folder with three pictures, a file that only looks like one, and something else."""
    folder = tmp_path / "album"
    (folder / "more").mkdir(parents=True)
    with Image.open(PHOTO) as photo:
        for index, name in enumerate(("a.png", "b.jpg", "more/a.png")):
            photo.convert("RGB").resize((256 + 64 * index, 256)).save(folder / name)
    (folder / "c.png").write_text("broken")
    (folder / "notes.txt").touch()
    return folder


def test_run_a_folder(virtual_board: None, album: Path, tmp_path: Path) -> None:
    outcome = n6link("run", "movenet13", album, "--url", POSE, "--draw", tmp_path / "drawn")
    assert outcome.exit_code == 1 and "1 of 3 inputs failed" in outcome.stderr
    rows = [line.split() for line in outcome.stdout.splitlines()]
    assert [row[0] for row in rows if row and row[0] in ("a.png", "b.jpg", "c.png", "notes.txt")] == [
        "a.png",
        "b.jpg",
        "c.png",
    ]
    assert "1 person" in outcome.stdout and "cannot be read" in outcome.stdout
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == ["a.png", "b.png"]


def test_run_many_gives_json_lines_in_order(virtual_board: None, album: Path, tmp_path: Path) -> None:
    words: list[str | Path] = [
        "run",
        "movenet13",
        album,
        album / "more" / "*.png",
        "--url",
        POSE,
        "--json",
        "--draw",
        tmp_path / "drawn",
    ]
    outcome = n6link(*words)
    assert outcome.exit_code == 1 and not outcome.stderr
    lines = list(map(json.loads, outcome.stdout.splitlines()))
    assert [Path(line["input"]).name for line in lines] == ["a.png", "b.jpg", "c.png", "a.png"]
    assert lines[2]["error"]["type"] == "BadInput" and "c.png" in lines[2]["error"]["message"]
    for line in (lines[0], lines[1], lines[3]):
        assert len(line["decoded"]) == 1 and line["timing_s"]["npu"] > 0 and "epochs" not in line
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == ["a-2.png", "a.png", "b.png"]


def test_run_many_without_failures(virtual_board: None, album: Path, tmp_path: Path) -> None:
    text = good("run", "movenet13", album / "a.png", album / "b.jpg", "--url", POSE)
    assert f"2 inputs in {album} through movenet13\n" in text
    (tmp_path / "file").touch()
    words: list[str | Path] = [
        "run",
        "movenet13",
        album / "a.png",
        album / "b.jpg",
        "--url",
        POSE,
        "--draw",
        tmp_path / "file",
    ]
    assert "cannot be a folder, because" in bad(2, *words)
    assert "is the name of one file, but there are several inputs" in bad(2, *words[:-1], "one.png")


def test_run_many_ends_when_the_board_does(virtual_board: None, album: Path) -> None:
    with standing_board("--tcp", "0") as ready:
        slow = n6link("run", "movenet13", album / "a.png", album / "b.jpg", "--url", ready["url"], "--json")
        assert slow.exit_code == 0
        os.kill(ready["pid"], signal.SIGKILL)
        outcome = n6link("run", "movenet13", album / "a.png", album / "b.jpg", "--url", ready["url"], "--json")
    assert outcome.exit_code == 1 and not outcome.stdout
    assert json.loads(outcome.stderr)["error"]["type"] == "TransportError"


# ------------------------------------------------------------------------------------------- sim


@contextmanager
def standing_board(*words: str) -> Iterator[dict[str, Any]]:
    """`n6link sim`; gives its first line, and ends it."""
    command = [sys.executable, "-m", "n6link", "sim", "--network", "movenet13", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout and process.stderr
        line = process.stdout.readline()
        assert line, process.stderr.read()
        ready = json.loads(line)
        try:
            yield ready | {"process": process}
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            process.wait(LONG)
        finally:
            process.kill()


def ends(pid: int) -> bool:
    """Whether a process that is not a child of this one ends."""
    deadline = time.monotonic() + LONG
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("words", [["--pty"], ["--tcp", "0"], ["--unix", "n6.socket"]])
def test_sim_serves_boards(virtual_board: None, words: list[str]) -> None:
    with standing_board(*words) as ready:
        assert ready["url"].startswith(
            {"--pty": "serial:/dev/", "--tcp": "tcp:127.0.0.1:", "--unix": "unix:"}[words[0]]
        )
        assert [network["name"] for network in data("info", "--url", ready["url"])["networks"]] == ["movenet13"]
        shown = data("run", "movenet13", PHOTO, "--url", ready["url"])
        assert is_near_nose(shown["decoded"][0]["keypoints"]["nose"])
    assert ends(ready["pid"])


def test_sim_ends_quietly(virtual_board: None) -> None:
    with standing_board("--tcp", "0", "--uart", "115200", "--slots", "3", "--chunk", "1024") as ready:
        device = data("info", "--url", ready["url"])["device"]
        assert (device["baud"], device["slots"], device["chunk"]) == (115200, 3, 1024)
        process: subprocess.Popen[bytes] = ready["process"]
        process.send_signal(signal.SIGINT)
        assert process.wait(LONG) == 130
        assert process.stderr and process.stderr.read() == b""
    assert ends(ready["pid"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_sim_takes_its_board_along(virtual_board: None, number: signal.Signals) -> None:
    with standing_board("--tcp", "0") as ready:
        ready["process"].send_signal(number)
        assert ends(ready["pid"])


def test_sim_tells_when_its_board_ends(virtual_board: None) -> None:
    with standing_board("--tcp", "0") as ready:
        os.kill(ready["pid"], signal.SIGKILL)
        process: subprocess.Popen[bytes] = ready["process"]
        assert process.wait(LONG) == 1
        assert process.stderr and b"the virtual board was killed by signal 9" in process.stderr.read()


@pytest.mark.parametrize("words", [[], ["--pty", "--tcp", "0"], ["--tcp", "0", "--unix", "x"]])
def test_sim_serves_one_end(words: list[str]) -> None:
    assert bad(2, "sim", *words) == "the virtual board requires exactly one of --pty, --tcp PORT and --unix PATH"


@pytest.mark.parametrize("port", ["-1", "65536", "any"])
def test_sim_refuses_what_is_no_port(port: str) -> None:
    assert "--tcp" in bad(2, "sim", "--tcp", port)


def test_sim_says_what_does_not_load(virtual_board: None, tmp_path: Path) -> None:
    (tmp_path / "bad.tflite").write_text("nothing")
    assert "bad.tflite does not load" in bad(1, "sim", "--tcp", "0", "--network", tmp_path / "bad.tflite")
    assert "'none.tflite', which does not exist" in bad(2, "sim", "--tcp", "0", "--network", "x=none.tflite")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert str(port) in bad(1, "sim", "--tcp", str(port), "--network", "reference:")


def test_ctrl_c_ends_an_inference_quietly(virtual_board: None) -> None:
    words = ["run", "movenet13", PHOTO, "--url", f"{POSE}?baud=9600"]  # two minutes, were it not for Ctrl-C
    with subprocess.Popen([sys.executable, "-m", "n6link", *words], stderr=subprocess.PIPE) as process:
        board = wait_for_child(process.pid)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert process.wait(LONG) == 130
        assert process.stderr and process.stderr.read() == b""
    assert ends(board)


def wait_for_child(parent: int) -> int:
    deadline = time.monotonic() + LONG
    while time.monotonic() < deadline:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        if children:
            return int(children[0])
        time.sleep(0.02)
    raise AssertionError("no virtual board was started")


# ---------------------------------------------------------------------------------------------- cards


def test_card_init_and_check(virtual_board: None, tmp_path: Path) -> None:
    url = f"sim:mystery={networks.FOLDER / 'movenet13' / 'movenet13_192_int8.tflite'}"
    drawing = tmp_path / "drawn.png"
    outcome = n6link("card", "init", "mystery", "--url", url, "--picture", PHOTO, "--draw", drawing)
    text = outcome.stdout
    assert outcome.exit_code == 0 and "left shoulder" in outcome.stderr and drawing.is_file()
    assert tomllib.loads(text)["networks"] == ["mystery"], "the result is not a part of the card"
    assert (
        'task = "pose-heatmap"' in text
        and 'networks = ["mystery"]' in text
        and "hardly anything else has this shape" in text
    )
    file = tmp_path / "mystery.toml"
    shown = data("card", "init", "mystery", "--url", url, "--out", file, "--picture", PHOTO)
    assert shown["card"] == file.read_text() == text and shown["problem"] == ""
    assert is_near_nose(shown["decoded"][0]["keypoints"]["nose"])
    assert "exists; choose another file" in bad(2, "card", "init", "mystery", "--url", url, "--out", file)
    assert data("card", "check", file, "mystery", "--url", url) == {
        "card": "mystery",
        "network": "mystery",
        "task": "pose-heatmap",
        "decoder": True,
        "used": True,
    }
    shown = data("run", "mystery", PHOTO, "--url", url, "--card", file)
    assert is_near_nose(shown["decoded"][0]["keypoints"]["nose"])
    file.write_text('task = "pose-points"\nnetworks = ["other"]')
    assert 'task = "pose-heatmap"' in bad(2, "card", "check", file, "mystery", "--url", url)
    file.write_text('task = "segmentation"\nnetworks = ["other"]')
    assert "It is for other" in good("card", "check", file, "mystery", "--url", url)
    (tmp_path / "labels.txt").write_text("a\nb")
    words = ["card", "init", "mystery", "--url", url, "--from", str(tmp_path / "labels.txt")]
    assert data(*words)["card"].count("labels") == 2, "the key, and its source"
    assert "--draw requires a picture" in bad(2, "card", "init", "mystery", "--url", url, "--draw", drawing)
    assert "is an input, which would be overwritten" in bad(
        2, "card", "init", "mystery", "--url", url, "--picture", drawing, "--draw", drawing
    )
    assert "no.png' does not exist" in bad(2, "card", "init", "mystery", "--url", url, "--picture", "no.png")
    assert "cannot be written" in bad(2, "card", "init", "mystery", "--url", url, "--out", tmp_path / "no" / "x.toml")
    hint = n6link("card", "init", "mystery", "--url", url).stderr
    assert f"n6link card init mystery --picture FILE --url {shlex.quote(url)} --draw OUT.png" in hint
    other = tmp_path / "my card.toml"
    hint = n6link("card", "init", "mystery", "--url", url, "--out", other).stderr
    assert f"n6link run mystery FILE --card {shlex.quote(str(other))} --url" in hint
    assert 'task = "text-generation"' in good("card", "init", "tinybert", "--url", "sim:tinybert")
    (tmp_path / "metadata.json").write_text('{"task": "detect", "names": ["a"]}')
    words[-1] = str(tmp_path / "metadata.json")
    assert "It does not fit yet" in n6link(*words).stderr and data(*words)["problem"]
    assert f"so '{PHOTO}' is not decoded" in bad(2, *words, "--picture", PHOTO)


def test_run_saves_outputs(virtual_board: None, tmp_path: Path) -> None:
    good("run", "movenet13", PHOTO, "--url", POSE, "--save", tmp_path / "one.npz")
    saved = np.load(tmp_path / "one.npz")
    ((name, raw),) = ((name, saved[name]) for name in saved.files if not name.endswith(".real"))
    assert raw.dtype == np.int8 and raw.shape == (1, 48, 48, 13)
    assert np.array_equal(saved[f"{name}.real"], (raw.astype(np.float32) + 128) / 256)
    good("run", "movenet13", PHOTO, PHOTO, "--url", POSE, "--save", tmp_path / "all")
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == ["astronaut-2.npz", "astronaut.npz"]
    assert data("run", "movenet13", PHOTO, "--url", POSE, "--raw")["decoded"] is None
    assert "Outputs, dequantised" in good("run", "movenet13", PHOTO, "--url", POSE, "--raw")
    good("run", "movenet13", PHOTO, "--url", POSE, "--save", tmp_path / "one", "--draw", tmp_path)
    assert (tmp_path / "one" / "astronaut.npz").is_file() and (tmp_path / "astronaut.png").is_file()
    no = tmp_path / "no"
    assert f"the folder '{no}' does not exist" in bad(
        2, "run", "movenet13", PHOTO, "--url", POSE, "--save", no / "x.npz"
    )


def test_run_does_not_draw_over_the_picture(virtual_board: None, tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(Path(PHOTO).read_bytes())
    words = ["run", "movenet13", str(picture), "--url", POSE, "--draw", str(picture)]
    assert "is an input, which would be overwritten" in bad(2, *words)
    assert picture.read_bytes() == Path(PHOTO).read_bytes()
