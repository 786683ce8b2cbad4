"""Pictures on the virtual board: one person and several, whole and reduced answers, cards and bad input."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from references import DATA, PICTURE, arrays_of
from tflite import write_echo
from typer.testing import CliRunner

from n6link import Network, Pose, networks
from n6link.cli import app
from n6link.decoders.pose import COCO_NAMES
from n6link.device import N6Device
from n6link.errors import BadInput, CardError
from n6link.evaluation import open_data
from n6link.evaluation.answers import Answer, ask
from n6link.json_types import Plain
from n6link.result import Result
from n6link.tensors import card, reduce
from n6link.tensors.reduce import Peaks, Rows

Image = pytest.importorskip("PIL.Image", reason="the extra `vision` is not installed")
pytestmark = pytest.mark.usefixtures("virtual_board")

YOLO = card.load('task = "yolo-pose"\nnetworks = ["yolov8n_pose_*", "echo"]\ninput.pad = 114\n', base=None, name="yolo")
MOVENET17 = card.load('task = "pose-heatmap"\nnetworks = ["movenet17*"]\n', base=None, name="movenet17")
MOVENET13 = card.load(
    'task = "pose-heatmap"\nnetworks = ["movenet13*"]\ninput.mean = 127.5\ninput.std = 127.5\n',
    base=None,
    name="movenet13",
)
PICTURES = ("coco_785.jpg", "coco_196141.jpg")
ECHO = (112, 224, 3)
"""a picture with as many values as a pose head of 1344 candidates"""


@pytest.fixture
def echo(tmp_path: Path) -> Path:
    """A network whose picture is its output: a pose head."""
    quantised = arrays_of(DATA / "heads" / "one.npz")
    path = tmp_path / "echo.tflite"
    write_echo(path, ECHO, (1, 56, 1344), float(quantised["scale"]), int(quantised["zp"]) + 128)
    return path


def head_as_picture(reference: dict[str, NDArray[Any]]) -> NDArray[np.uint8]:
    """The picture for which the network ``echo`` gives a saved output."""
    return (reference["raw_i8"].astype(np.int16) + 128).astype(np.uint8).reshape(ECHO)


def board(shared: Path, name: str) -> N6Device:
    (fitting,) = (each for each in (YOLO, MOVENET17, MOVENET13) if each.fits(name))
    return N6Device(f"sim:{shared / 'models' / name}.tflite", cards=[fitting])


def same(one: Sequence[Pose], other: Sequence[Pose]) -> bool:
    """Whether two lists of poses are equal to the last bit."""
    return len(one) == len(other) and all(
        np.array_equal(a.keypoints, b.keypoints)
        and a.score == b.score
        and (a.box is b.box is None or np.array_equal(np.asarray(a.box), np.asarray(b.box)))
        for a, b in zip(one, other, strict=True)
    )


# ---- several people


async def run_whole_and_reduced(net: Network, picture: Path) -> Result:
    """The whole result, after it was seen that candidates which the board has chosen give the same people."""
    whole = await net.run(picture)
    (raw,) = whole.outputs.values()
    for options in ({}, {"conf": 0.05}, {"conf": 0.6, "iou": 0.2}, {"max_poses": 1}):
        reduced = await net.run(picture, reduce=True, options=options)
        (rows,) = reduced.reduced.values()
        assert isinstance(rows, Rows) and rows.complete
        assert np.array_equal(rows.values, raw[0][:, rows.indices].T)
        assert same(reduced.decode(**options), whole.decode(**options))
    return whole


@pytest.mark.parametrize("case", ["one", "nobody", "tall", "crowd", "wide", "ties", "blurred"])
async def test_several_people(echo: Path, tmp_path: Path, case: str) -> None:
    """Of a made-up head that goes through the board, the people are those that peers keep."""
    reference = arrays_of(DATA / "heads" / f"{case}.npz")
    picture = tmp_path / "head.png"
    Image.fromarray(head_as_picture(reference)).save(picture)
    async with N6Device(f"sim:{echo}", cards=[YOLO]) as dev:
        net = dev["echo"]
        whole = await run_whole_and_reduced(net, picture)
        (raw,) = whole.outputs.values()
        real = (reference["raw_i8"].astype(np.float32) - float(reference["zp"])) * reference["scale"]
        assert np.array_equal(raw[0], real)
        options = {"conf": float(reference["conf"]), "iou": float(reference["iou"])}
        people = whole.decode(**options)
        assert len(people) == len(reference["cv2_keep_idx"])
        for person, index in zip(people, reference["cv2_keep_idx"], strict=True):
            assert person.score == raw[0, 4, index] and person.names == COCO_NAMES
            expected = raw[0, 5:, index].reshape(17, 3) * np.array([ECHO[1], ECHO[0], 1], np.float32)
            assert np.abs(person.keypoints - expected).max() < 1e-3


async def test_coordinates_in_another_unit_than_the_card_says(echo: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is refused, but it is said once, where programs and people see it."""
    values = head_as_picture(arrays_of(DATA / "heads" / "one.npz"))
    pixels = card.load('task = "yolo-pose"\noutput.coordinates = "pixels"', base=None, name="echo")
    async with N6Device(f"sim:{echo}", cards=[pixels]) as dev:
        net = dev["echo"]
        for _ in range(2):
            assert (await net.run(values)).poses()
        (found,) = net.doubts
    assert found.startswith("all points of network 'echo' are in one place, (")
    assert [record.getMessage() for record in caplog.records if record.name == "n6link.results"] == [found]


def test_the_command_says_what_is_implausible(echo: Path, tmp_path: Path) -> None:
    picture, wrong = tmp_path / "head.png", tmp_path / "echo.toml"
    Image.fromarray(head_as_picture(arrays_of(DATA / "heads" / "one.npz"))).save(picture)
    wrong.write_text('task = "yolo-pose"\noutput.coordinates = "pixels"')
    for files in [picture], [picture, picture]:
        words = ["run", "echo", *map(str, files), "--url", f"sim:{echo}", "--card", str(wrong)]
        outcome = CliRunner().invoke(app, words)
        assert (outcome.exit_code == 0 and "1 person" in outcome.stdout) or "nose" in outcome.stdout
        assert outcome.stderr.count("Note: all points of network 'echo' are in one place") == 1


@pytest.mark.parametrize("name", ["yolov8n_pose_256", "yolov8n_pose_192"])
async def test_several_people_of_a_real_network(shared: Path, name: str) -> None:
    """Whole outputs and candidates that the board has chosen give the same people, who are where people are."""
    async with board(shared, name) as dev:
        for picture, least in zip(PICTURES, (1, 2), strict=True):
            people = (await run_whole_and_reduced(dev[name], shared / "images" / picture)).decode()
            assert len(people) >= least
            for person in people:
                assert person.names[0] == "nose" and person.keypoints.shape == (17, 3) and person.box is not None
                left, top, right, bottom = person.box
                assert 0 <= left < right <= 640 and 0 <= top < bottom <= 429
                x, y, score = person.keypoints.T
                inside = (x > left - 20) & (x < right + 20) & (y > top - 20) & (y < bottom + 20)
                assert inside[score > 0.5].all(), "keypoints that are seen are in the box"


async def test_people_have_heads_above_hips(shared: Path) -> None:
    """The skier of coco_785 is upright."""
    async with board(shared, "yolov8n_pose_256") as dev:
        (skier,) = (await dev["yolov8n_pose_256"].run(shared / "images" / PICTURES[0])).decode()
        height = {name: y for name, (_, y, _) in zip(skier.names, skier.keypoints, strict=True)}
        assert height["nose"] < height["left_shoulder"] < height["left_hip"] < height["left_ankle"]
        assert skier.score > 0.7


@pytest.mark.parametrize(
    ("name", "least"),
    [("yolov8n_pose_256", 0.5), ("yolov8n_pose_192", 0.3), ("movenet17_192_int8", 0.65), ("movenet13_192_int8", 0.7)],
)
async def test_similarity_to_the_annotations(shared: Path, name: str, least: float) -> None:
    """In annotated pictures these networks find what they can find."""
    pytest.importorskip("faster_coco_eval", reason="the extra `evaluate` is not installed")
    answers: dict[str, Plain] = {}
    async with board(shared, name) as dev:
        exercise = open_data(dev[name].info, shared / "images" / "annotated")

        def take(answer: Answer) -> None:
            answers[answer.sample] = answer.found

        await ask([dev[name].run] * dev.info.slots, exercise, exercise.samples, take)
    figures = exercise.figures({sample.name: answers[sample.name] for sample in exercise.samples})
    assert figures.annotations == 12 and figures.values["OKS"] > least


async def test_more_candidates_than_fit(echo: Path) -> None:
    """When every anchor passes, the whole output is fetched, and the answer is the same."""
    picture = head_as_picture(arrays_of(DATA / "heads" / "crowd.npz"))
    async with N6Device(f"sim:{echo}", cards=[YOLO]) as dev:
        net = dev["echo"]
        result = await net.run(picture, reduce=True, options={"conf": 0.0})
        assert not result.reduced and list(result.outputs) == list(net.outputs)
        assert (await dev.stats()).networks[0].runs == 2
        whole = await net.run(picture, reduce=False)
        assert same(result.decode(conf=0.0), whole.decode(conf=0.0))


async def test_a_result_that_was_reduced_for_other_options(echo: Path) -> None:
    picture = head_as_picture(arrays_of(DATA / "heads" / "one.npz"))
    async with N6Device(f"sim:{echo}", cards=[YOLO]) as dev:
        result = await dev["echo"].run(picture, reduce=True)
        assert len(result.decode(conf=0.5)) == 1
        with pytest.raises(
            BadInput,
            match=r"conf=0\.1 is lower than in the request to the device; run with options=\{\'conf\': 0\.1\}, or with reduce=False",
        ):
            result.decode(conf=0.1)


# ---- one person


async def test_one_person() -> None:
    async with N6Device("sim:movenet13") as dev:
        await check_one_person(dev["movenet13"], networks.PHOTO, PICTURE)


async def test_one_person_of_17_keypoints(shared: Path) -> None:
    async with board(shared, "movenet17_192_int8") as dev:
        pictures = (shared / "images" / name for name in PICTURES)
        await check_one_person(dev["movenet17_192_int8"], networks.PHOTO, *pictures)


async def check_one_person(net: Network, *pictures: Path) -> None:
    """Peaks that the board has found are those of the heatmaps, ties included."""
    for picture in pictures:
        whole = await net.run(picture)
        reduced = await net.run(picture, reduce=True)
        (peaks,), (heatmap,) = reduced.reduced.values(), whole.outputs.values()
        cells = heatmap.reshape(-1, heatmap.shape[-1])
        assert isinstance(peaks, Peaks) and np.array_equal(peaks.indices, cells.argmax(axis=0))
        assert same(whole.decode(), reduced.decode())


async def test_slow_links_reduce_by_themselves() -> None:
    """Over a UART the peaks come back unless the caller wants the heatmaps; the person is the same."""
    async with N6Device("sim:movenet13?baud=9000000") as dev:
        net = dev["movenet13"]
        by_itself = await net.run(networks.PHOTO)
        whole = await net.run(networks.PHOTO, reduce=False)
        assert by_itself.reduced and not by_itself.outputs and whole.outputs and not whole.reduced
        assert same(by_itself.decode(), whole.decode())
        with pytest.raises(BadInput, match="requires the whole output|was not returned"):
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
        received = (await dev.stats()).link.rx_bytes
        assert 2 * spec.size < received < 2.2 * spec.size


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            np.zeros((1, 192, 192), np.float32),
            r"got float32 of shape \(1, 192, 192\); only pictures, which are uint8 arrays",
        ),
        (np.zeros((192, 192, 4), np.uint8), "got uint8 of shape .192, 192, 4"),
        (np.zeros((0, 4, 3), np.uint8), "does not have pixels"),
        (np.zeros((1, 192, 192, 3), np.int16), "quantised int8; pass raw values as int8 or .* not int16"),
        ("no such picture.png", "picture 'no such picture.png' does not exist"),
        (3, r"has shape \(1, 192, 192, 3\), got int64 of shape \(\)"),
        (None, "requires an array of numbers, got NoneType"),
        ([], r"shape \(0,\)"),
        (
            (True, np.zeros((4, 4, 3), np.uint8)),
            r"got a tuple of 2; of OpenCV's \(ok, frame\) = camera.read\(\), pass the frame",
        ),
        ([[1], [1, 2]], "requires an array of numbers"),
        (object(), "requires an array of numbers, got object"),
        ({"wrong": np.zeros(1)}, "no input 'wrong'"),
        ({}, "also requires the input args_0"),
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
        says = f"card 'own': output.name is 'heat', but the network has {', '.join(net.outputs)}"
        with pytest.raises(CardError, match=says):
            result.decode()
        with pytest.raises(CardError, match=says):
            await net.run(raw_input(net), reduce=True)


async def test_a_card_that_names_a_missing_input(tmp_path: Path) -> None:
    async with N6Device(with_card(tmp_path, 'task = "pose-heatmap"\ninput.name = "camera"\n')) as dev:
        with pytest.raises(CardError, match="input.name is 'camera', but the network has"):
            await dev["own"].run(networks.PHOTO)


async def test_without_a_card(echo: Path) -> None:
    async with N6Device(f"sim:{echo}") as dev:
        net = dev["echo"]
        assert net.card is None and not net.card_problem
        result = await net.run(PICTURE)
        with pytest.raises(
            CardError,
            match=r"'echo' does not have a card.*\(output0\).*one of the tasks audio-classification, fomo, image-",
        ):
            result.decode()
        with pytest.raises(CardError, match="does not have a card"):
            await net.run(PICTURE, reduce=True)


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


async def test_raw_pixels_need_no_card(echo: Path, tmp_path: Path) -> None:
    """An array of the input's own shape and dtype is not taken as a picture if the card of the network is damaged."""
    (tmp_path / "own.toml").write_text("nonsense")
    pixels = np.random.default_rng(2).integers(0, 256, (1, *ECHO), np.uint8)
    async with N6Device(f"sim:broken={echo}?card={tmp_path / 'own.toml'},good={echo}") as dev:
        broken, good = [(await dev[name].run(pixels)).outputs["output0"] for name in ("broken", "good")]
        assert dev["broken"].card_problem and np.array_equal(broken, good)
        with pytest.raises(CardError, match="is not valid TOML"):
            await dev["broken"].run(pixels[0, :56])


async def test_the_firmware_wins_over_shapes_and_the_user_over_the_firmware(tmp_path: Path) -> None:
    """The names of the keypoints show which card was used; without names they would be the usual ones of 13 keypoints."""
    names = [f"joint{index}" for index in range(13)]
    url = with_card(tmp_path, f'task = "pose-heatmap"\nkeypoints = {names}\nedges = []\n')
    async with N6Device(url) as dev:
        (pose,) = (await dev["own"].run(raw_input(dev["own"]))).decode()
        assert list(pose.names) == names and pose.edges == ()
    mine = card.load('task = "pose-heatmap"\nnetworks = ["o*"]\n', base=None, name="mine")
    async with N6Device(url, cards=[mine]) as dev:
        (pose,) = (await dev["own"].run(raw_input(dev["own"]))).decode()
        assert pose.names[0] == "nose" and dev["own"].card is mine
