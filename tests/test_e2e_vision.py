"""Pictures on the virtual board: one person and several, whole and reduced answers, cards and bad input."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from e2e_fixtures import executable
from numpy.typing import NDArray

from n6link import Network, Pose, networks
from n6link.device import N6Device
from n6link.errors import BadInput, CardError
from n6link.tensors import card, reduce
from n6link.tensors.reduce import Peaks, Rows

pytest.importorskip("PIL", reason="the extra `vision` is not installed")
pytestmark = pytest.mark.usefixtures("virtual_board")

ROOT = Path(__file__).resolve().parents[1]
YOLO = card.load('task = "yolo-pose"\nnetworks = ["yolov8n_pose_*"]\ninput.pad = 114\n', base=None, name="yolo")
MOVENET17 = card.load('task = "pose-heatmap"\nnetworks = ["movenet17*"]\n', base=None, name="movenet17")
PICTURES = ("coco_785.jpg", "coco_196141.jpg")


def board(shared: Path, *names: str, options: str = "") -> N6Device:
    files = ",".join(str(shared / "models" / f"{name}.tflite") for name in names)
    return N6Device(f"sim:{files}{options}", cards=[YOLO, MOVENET17])


def same(one: Sequence[Pose], other: Sequence[Pose]) -> bool:
    """Whether two lists of poses are equal to the last bit."""
    return len(one) == len(other) and all(
        np.array_equal(a.keypoints, b.keypoints)
        and a.score == b.score
        and (a.box is b.box is None or np.array_equal(np.asarray(a.box), np.asarray(b.box)))
        for a, b in zip(one, other, strict=True)
    )


# ---- several people


@pytest.mark.parametrize("name", ["yolov8n_pose_256", "yolov8n_pose_192"])
async def test_several_people(shared: Path, name: str) -> None:
    """Whole outputs and candidates that the board has chosen give the same people, who are where people are."""
    async with board(shared, name) as dev:
        net = dev[name]
        for picture, least in zip(PICTURES, (1, 2), strict=True):
            whole = await net.run(shared / "images" / picture)
            people = whole.decode()
            assert len(people) >= least
            (raw,) = whole.outputs.values()
            for options in ({}, {"conf": 0.05}, {"conf": 0.6, "iou": 0.2}, {"max_poses": 1}):
                reduced = await net.run(shared / "images" / picture, reduce=True, options=options)
                (rows,) = reduced.reduced.values()
                assert isinstance(rows, Rows) and rows.complete
                assert np.array_equal(rows.values, raw[0][:, rows.indices].T)
                assert same(reduced.decode(**options), whole.decode(**options))
            for person in people:
                assert person.names[0] == "nose" and person.keypoints.shape == (17, 3) and person.box is not None
                left, top, right, bottom = person.box
                assert 0 <= left < right <= 640 and 0 <= top < bottom <= 429
                x, y, score = person.keypoints.T
                inside = (x > left - 20) & (x < right + 20) & (y > top - 20) & (y < bottom + 20)
                assert inside[score > 0.5].all(), "keypoints that are seen lie in the box"


async def test_people_have_heads_above_hips(shared: Path) -> None:
    """The skier of coco_785 stands upright."""
    async with board(shared, "yolov8n_pose_256") as dev:
        (skier,) = (await dev["yolov8n_pose_256"].run(shared / "images" / PICTURES[0])).decode()
        height = {name: y for name, (_, y, _) in zip(skier.names, skier.keypoints, strict=True)}
        assert height["nose"] < height["left_shoulder"] < height["left_hip"] < height["left_ankle"]
        assert skier.score > 0.7


def test_similarity_to_the_annotations(shared: Path) -> None:
    """The script that compares with annotations runs, and finds what these networks can find."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "oks.py")],
        env={"PYTHONPATH": str(ROOT), "N6LINK_SHARED": str(shared), "N6LINK_SIM": executable()},
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines()[2:]]
    scores = {(network, picture): [*map(float, each.split(","))] for network, _, picture, each, _ in rows}
    assert len(scores) == 8
    for name in ("yolov8n_pose_256", "yolov8n_pose_192"):
        assert scores[name, PICTURES[0]][0] > 0.75
        assert sum(score > 0.5 for score in scores[name, PICTURES[1]]) >= 2
    for name in ("movenet17_192_int8", "movenet13_192_int8"):
        assert all(np.mean(scores[name, picture]) > 0.7 for picture in PICTURES)


async def test_more_candidates_than_fit(shared: Path) -> None:
    """When nearly every anchor passes, the whole output is fetched, and the answer is the same."""
    async with board(shared, "yolov8n_pose_192") as dev:
        net = dev["yolov8n_pose_192"]
        result = await net.run(shared / "images" / PICTURES[0], reduce=True, options={"conf": 0.0})
        assert not result.reduced and list(result.outputs) == list(net.outputs)
        assert (await dev.stats()).networks[0].runs == 2
        whole = await net.run(shared / "images" / PICTURES[0], reduce=False)
        assert same(result.decode(conf=0.0), whole.decode(conf=0.0))


async def test_a_result_that_was_reduced_for_other_options(shared: Path) -> None:
    async with board(shared, "yolov8n_pose_192") as dev:
        result = await dev["yolov8n_pose_192"].run(shared / "images" / PICTURES[0], reduce=True)
        assert len(result.decode(conf=0.5)) == 1
        with pytest.raises(BadInput, match=r"fewer candidates than conf=0\.1 lets pass; run with reduce=False"):
            result.decode(conf=0.1)


# ---- one person


@pytest.mark.parametrize("name", ["movenet13_192_int8", "movenet17_192_int8"])
async def test_one_person(shared: Path, name: str) -> None:
    """Peaks that the board has found are those of the heatmaps, ties included."""
    async with board(shared, name) as dev:
        net = dev[name]
        for picture in (networks.PHOTO, *(shared / "images" / name for name in PICTURES)):
            whole = await net.run(picture)
            reduced = await net.run(picture, reduce=True)
            (peaks,), (heatmap,) = reduced.reduced.values(), whole.outputs.values()
            cells = heatmap.reshape(-1, heatmap.shape[-1])
            assert isinstance(peaks, Peaks) and np.array_equal(peaks.indices, cells.argmax(axis=0))
            assert same(whole.decode(), reduced.decode())


async def test_slow_links_reduce_by_themselves(shared: Path) -> None:
    """Over a UART the peaks come back unless the caller wants the heatmaps; the person is the same."""
    async with board(shared, "movenet13_192_int8", options="?baud=9000000") as dev:
        net = dev["movenet13_192_int8"]
        by_itself = await net.run(networks.PHOTO)
        whole = await net.run(networks.PHOTO, reduce=False)
        assert by_itself.reduced and not by_itself.outputs and whole.outputs and not whole.reduced
        assert same(by_itself.decode(), whole.decode())
        with pytest.raises(BadInput, match="needs it whole|was not returned"):
            (await net.run(networks.PHOTO, reduce=[reduce.topk(0, next(iter(net.outputs.values())), 3)])).decode()


# ---- bad input


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
async def test_floats_that_are_no_numbers(bad: float) -> None:
    async with N6Device("sim:movenet13") as dev:
        net = dev["movenet13"]
        pixels = np.zeros((1, 192, 192, 3), np.float32)
        pixels[0, 5, 6, 1] = bad
        with pytest.raises(BadInput, match="NaN|nan|inf|finite"):
            await net.run(pixels)
        with pytest.raises(BadInput, match="NaN|nan|inf|finite"):
            await net.run({next(iter(net.inputs)): pixels})
        assert (await dev.stats()).networks[0].runs == 0, "nothing was sent"


async def test_floats_are_quantised_on_the_host() -> None:
    """Real values give what their raw values give: the wire carries int8."""
    async with N6Device("sim:movenet13") as dev:
        net = dev["movenet13"]
        (spec,) = net.inputs.values()
        raw = np.random.default_rng(1).integers(-128, 128, spec.shape).astype(np.int8)
        one, other = [(await net.run(data)).outputs for data in (raw, spec.dequantize(raw))]
        assert all(np.array_equal(one[name], other[name]) for name in net.outputs)
        received = (await dev.stats()).link.bytes_received
        assert 2 * spec.size < received < 2.2 * spec.size


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            np.zeros((1, 192, 192), np.float32),
            r"given float32 of shape \(1, 192, 192\); only uint8 arrays are pictures",
        ),
        (np.zeros((192, 192, 4), np.uint8), "got uint8 of shape .192, 192, 4"),
        (np.zeros((0, 4, 3), np.uint8), "no pixels"),
        (np.zeros((1, 192, 192, 3), np.int16), "quantised int8; give raw values as int8 or .* not int16"),
        ("no such picture.png", "no picture 'no such picture.png'"),
        (3, r"has the shape \(1, 192, 192, 3\), and is given int64 of shape \(\)"),
        (None, "object of shape"),
        ([], r"shape \(0,\)"),
        ([[1], [1, 2]], "takes an array of numbers"),
        (object(), "object of shape"),
        ({"wrong": np.zeros(1)}, "no input 'wrong'"),
        ({}, "also needs args_0"),
    ],
)
async def test_what_is_no_picture(data: Any, message: str) -> None:
    async with N6Device("sim:movenet13") as dev:
        with pytest.raises((BadInput, KeyError), match=message):
            await dev["movenet13"].run(data)


# ---- cards


def with_card(folder: Path, toml: str) -> str:
    path = folder / "own.toml"
    path.write_text(toml)
    return f"sim:own=movenet13?card={path}"


def raw_input(net: Network) -> NDArray[np.int8]:
    (spec,) = net.inputs.values()
    return np.zeros(spec.shape, np.int8)


@pytest.mark.parametrize("options", ["", "&baud=9000000"])
async def test_a_card_that_names_a_missing_output(tmp_path: Path, options: str) -> None:
    """Raw outputs come all the same, be the link fast or slow; decoding says which output is missing."""
    url = with_card(tmp_path, 'task = "pose-heatmap"\noutput.name = "heat"\n')
    async with N6Device(url.replace("?card", f"?{options[1:]}&card") if options else url) as dev:
        net = dev["own"]
        assert dev.info.slow == bool(options)
        result = await net.run(raw_input(net))
        assert list(result.outputs) == list(net.outputs)
        says = f"Card 'own' names the output 'heat', but the network has {', '.join(net.outputs)}"
        with pytest.raises(CardError, match=says):
            result.decode()
        with pytest.raises(CardError, match=says):
            await net.run(raw_input(net), reduce=True)


async def test_a_card_that_names_a_missing_input(tmp_path: Path) -> None:
    async with N6Device(with_card(tmp_path, 'task = "pose-heatmap"\ninput.name = "camera"\n')) as dev:
        with pytest.raises(CardError, match="names the input 'camera', but the network has"):
            await dev["own"].run(networks.PHOTO)


async def test_without_a_card(shared: Path) -> None:
    async with N6Device(f"sim:{shared / 'models' / 'yolov8n_pose_192.tflite'}") as dev:
        net = dev["yolov8n_pose_192"]
        assert net.card is None and not net.card_problem
        result = await net.run(shared / "images" / PICTURES[0])
        with pytest.raises(CardError, match=r"'yolov8n_pose_192' has no card.*\(output0\).*one of pose-heatmap, text-"):
            result.decode()
        with pytest.raises(CardError, match="has no card"):
            await net.run(shared / "images" / PICTURES[0], reduce=True)


async def test_a_broken_card_of_the_firmware(tmp_path: Path) -> None:
    """Raw values can be run; a picture, whose preparation the card describes, cannot."""
    async with N6Device(with_card(tmp_path, 'task = "pose-heatmap"\ninput.fit = "squeeze"\n')) as dev:
        net = dev["own"]
        result = await net.run(raw_input(net))
        for picture in (networks.PHOTO, np.zeros((48, 64, 3), np.uint8)):
            with pytest.raises(CardError, match="input.fit is 'squeeze'"):
                await net.run(picture)
        with pytest.raises(CardError, match="input.fit is 'squeeze'"):
            await net.run(raw_input(net), reduce=True)
        with pytest.raises(CardError, match="input.fit is 'squeeze'"):
            result.decode()


async def test_raw_pixels_need_no_card(shared: Path, tmp_path: Path) -> None:
    """An array of the input's own shape and dtype is no picture to a network whose card is broken."""
    (tmp_path / "own.toml").write_text("nonsense")
    model = shared / "models" / "yolov8n_pose_192.tflite"
    pixels = np.random.default_rng(2).integers(0, 256, (1, 192, 192, 3), np.uint8)
    async with N6Device(f"sim:broken={model}?card={tmp_path / 'own.toml'},good={model}") as dev:
        broken, good = [(await dev[name].run(pixels)).outputs["output0"] for name in ("broken", "good")]
        assert dev["broken"].card_problem and np.array_equal(broken, good)
        with pytest.raises(CardError, match="is not TOML"):
            await dev["broken"].run(pixels[0, :96])


async def test_the_firmware_wins_over_shapes_and_the_user_over_the_firmware(tmp_path: Path) -> None:
    """Names of keypoints tell whose card was taken; without names it would be the usual ones of 13 keypoints."""
    names = [f"joint{index}" for index in range(13)]
    url = with_card(tmp_path, f'task = "pose-heatmap"\nkeypoints = {names}\nedges = []\n')
    async with N6Device(url) as dev:
        (pose,) = (await dev["own"].run(raw_input(dev["own"]))).decode()
        assert list(pose.names) == names and pose.edges == ()
    mine = card.load('task = "pose-heatmap"\nnetworks = ["o*"]\n', base=None, name="mine")
    async with N6Device(url, cards=[mine]) as dev:
        (pose,) = (await dev["own"].run(raw_input(dev["own"]))).decode()
        assert pose.names[0] == "nose" and dev["own"].card is mine
