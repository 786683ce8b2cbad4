"""Network.run and Result: inputs, outputs, and the times of the stages. On the virtual board."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from e2e_fixtures import noise, sim_url
from numpy.typing import NDArray

from n6link import decoders, networks
from n6link.device import N6Device
from n6link.epochs.timers import EpochTimers
from n6link.errors import BadInput, CardError, DeviceError, N6Error, TransportError, UnknownName
from n6link.network import Network
from n6link.protocol import Reduction, Status, TimerSource
from n6link.protocol.records import Return
from n6link.result import Result
from n6link.tensors import reduce
from n6link.tensors.card import load
from n6link.tensors.reduce import Peaks

Picture = NDArray[np.uint8]


def picture(width: int = 60, height: int = 40) -> Picture:
    """A gradient with a red marker."""
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 1] = np.linspace(0, 90, width, dtype=np.uint8)
    image[10:20, 15:25] = 230, 20, 20
    return image


def equal(a: Result, b: Result) -> bool:
    return all(np.array_equal(a.outputs[name], b.outputs[name]) for name in a.network.outputs)


# ------------------------------------------------------------------------------------------- inputs


async def test_every_way_to_give_a_picture(tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image")
    image = picture()
    file = tmp_path / "picture.png"
    pillow.fromarray(image).save(file)
    async with N6Device(sim_url()) as dev:
        network = dev["reference"]
        first = await network.run(image)
        for other in (pillow.fromarray(image), file, str(file), {"image": image}):
            result = await network.run(other)
            assert equal(result, first)
            assert result.placement is not None
            assert result.placement.source_size == (60, 40)


async def test_a_large_picture_is_prepared_beside_the_event_loop() -> None:
    async with N6Device(sim_url()) as dev:
        network = dev["reference"]
        large = np.repeat(np.repeat(picture(), 20, axis=0), 20, axis=1)
        result = await network.run(large)
        assert result.placement is not None
        assert result.placement.source_size == (1200, 800)


async def test_every_way_to_give_values() -> None:
    async with N6Device(sim_url()) as dev:
        network = dev["reference"]
        spec = network.inputs["image"]
        raw = noise(network)["image"]
        first = await network.run(raw)
        for other in (
            raw[0],
            raw.copy(order="F"),
            spec.dequantize(raw),
            spec.dequantize(raw)[0],
            spec.dequantize(raw).tolist(),
        ):
            result = await network.run(other)
            assert equal(result, first)
            assert result.placement is None


async def test_two_inputs_need_two_values() -> None:
    async with N6Device(sim_url()) as dev:
        network = dev["reference_colour"]
        inputs = noise(network)
        first = await network.run(inputs)
        backwards = await network.run(dict(reversed(inputs.items())))
        assert equal(first, backwards)
        changed = await network.run(inputs | {"prior": np.full((1, 7), 127, np.int8) * np.eye(7, dtype=np.int8)[3]})
        assert not equal(first, changed)


@pytest.mark.parametrize(
    ("data", "error", "says"),
    [
        (
            np.zeros((1, 48, 48, 4), np.int8),
            BadInput,
            r"'image' has shape \(1, 48, 48, 3\), got int8 of shape",
        ),
        (np.zeros((1, 48, 48, 3), np.int16), BadInput, "'image' is quantised int8; pass raw values as int8"),
        (np.full((1, 48, 48, 3), np.nan, np.float32), BadInput, "contains nan"),
        (np.zeros((5, 5, 5), np.uint8), BadInput, "uint8 of shape"),
        ("no such file.png", BadInput, "picture 'no such file.png' does not exist"),
        ({"photo": picture()}, UnknownName, "no input 'photo'; it has image"),
        ({}, BadInput, "also requires the input image"),
        ("README", BadInput, "README"),
    ],
)
async def test_bad_input_names_the_value_and_leaves_the_device_usable(
    data: Any, error: type[N6Error], says: str
) -> None:
    async with N6Device(sim_url()) as dev:
        network = dev["reference"]
        with pytest.raises(error, match=says):
            await network.run(data)
        with pytest.raises(BadInput, match="'reference_colour' also requires the input prior"):
            await dev["reference_colour"].run(picture())
        await network.run(picture())


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"priority": 256}, BadInput, "priority=256"),
        ({"priority": -1}, BadInput, "priority=-1"),
        ({"timeout": 0}, BadInput, "timeout=0"),
        ({"outputs": ["boxes"]}, UnknownName, "does not have an output 'boxes'; it has heatmaps"),
        ({"reduce": []}, BadInput, "has 0 requests"),
        ({"reduce": [Return(0)] * 17}, BadInput, "has 17 requests"),
        ({"reduce": [Return(1)]}, BadInput, "output 1 does not exist; the network has 1, counted from 0"),
        ({"reduce": [Return(0)], "outputs": ["heatmaps"]}, BadInput, "cannot be used with a list of reductions"),
    ],
)
async def test_bad_arguments(options: dict[str, Any], error: type[N6Error], says: str) -> None:
    async with N6Device(sim_url()) as dev:
        with pytest.raises(error, match=says):
            await dev["reference"].run(picture(), **options)


async def test_what_the_device_refuses() -> None:
    async with N6Device(sim_url()) as dev:
        impossible = Return(0, reduction=Reduction.ARGMAX, channels=5)
        with pytest.raises(DeviceError) as caught:
            await dev["reference"].run(picture(), reduce=[impossible])
        assert caught.value.status == Status.BAD_REQUEST
        await dev["reference"].run(picture())


# ------------------------------------------------------------------------------------------ outputs


async def test_outputs_by_name() -> None:
    async with N6Device(sim_url()) as dev:
        network = dev["reference_colour"]
        inputs = noise(network)
        both = await network.run(inputs)
        assert list(both.outputs) == ["probabilities", "class"]
        assert both.outputs["class"].dtype == np.int32
        assert both.outputs["class"].shape == (1,)
        one = await network.run(inputs, outputs=["class"])
        assert list(one.outputs) == ["class"]
        assert np.array_equal(one.outputs["class"], both.outputs["class"])
        real = both.dequantized()
        assert real["probabilities"].dtype == np.float32
        assert real["probabilities"].sum() == pytest.approx(1, abs=0.05)
        assert "probabilities int8[1, 7]" in repr(both)
        with pytest.raises(UnknownName, match="whole output 'probabilities' does not exist; the result has class"):
            one.outputs["probabilities"]
        with pytest.raises(UnknownName, match="whole output 'p' does not exist; the result has probabilities, class"):
            real["p"]
        with pytest.raises(UnknownName, match="reduced output 'class' does not exist; the result has none"):
            both.reduced["class"]


async def test_reduced_outputs_decode_to_the_same() -> None:
    async with N6Device(sim_url()) as dev:
        network = dev["reference"]
        whole, reduced = await network.run(picture()), await network.run(picture(), reduce=True)
        assert not reduced.outputs
        assert isinstance(reduced.reduced["heatmaps"], Peaks)
        assert "heatmaps" in repr(reduced)
        (a,), (b,) = whole.decode(), reduced.decode()
        assert np.array_equal(a.keypoints, b.keypoints)
        assert a.keypoints.shape == (6, 3)


async def test_reductions_of_ones_own() -> None:
    async with N6Device(sim_url()) as dev:
        network = dev["reference_colour"]
        inputs = noise(network)
        whole = await network.run(inputs)
        spec = network.outputs["probabilities"]
        wanted = [reduce.topk(0, spec, 3), reduce.whole(1)]
        result = await network.run(inputs, reduce=wanted)
        peaks = result.reduced["probabilities"]
        assert isinstance(peaks, Peaks)
        assert np.array_equal(peaks.values, np.sort(whole.outputs["probabilities"][0])[::-1][:3])
        assert np.array_equal(result.outputs["class"], whole.outputs["class"])
        part = await network.run(inputs, reduce=[reduce.part(0, spec, 2, 3)])
        assert np.array_equal(part.reduced["probabilities"], whole.outputs["probabilities"][0, 2:5])  # type: ignore[arg-type]


async def test_an_incomplete_reduction_is_fetched_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = decoders.get("pose-heatmap")
    monkeypatch.setattr(type(decoder), "complete", lambda self, result: False)
    async with N6Device(sim_url()) as dev:
        result = await dev["reference"].run(picture(), reduce=True)
        assert list(result.outputs) == ["heatmaps"]
        assert (await dev.stats()).networks[0].runs == 2


async def test_a_slow_link_reduces_by_itself() -> None:
    async with N6Device(sim_url(baud=921600)) as dev:
        network = dev["reference"]
        assert dev.info.slow
        assert list((await network.run(picture())).reduced) == ["heatmaps"]
        assert list((await network.run(picture(), reduce=False)).outputs) == ["heatmaps"]
        assert list((await network.run(picture(), outputs=["heatmaps"])).outputs) == ["heatmaps"]


async def test_a_network_without_a_card_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with N6Device(sim_url()) as dev:
        network = dev["reference"]
        result = await network.run(picture())
        network.info = result.network = replace(network.info, card=None)
        with pytest.raises(CardError, match="does not have a card"):
            result.decode()
        with pytest.raises(CardError, match="does not have a card"):
            await network.run(picture(), reduce=True)
        assert list((await network.run(picture())).outputs) == ["heatmaps"]


async def test_cards_of_the_user() -> None:
    mine = load('task = "pose-heatmap"\nnetworks = ["ref*"]\nkeypoints = ["a", "b", "c", "d", "e", "f"]', base=None)
    async with N6Device(sim_url(), cards=[mine]) as dev:
        (pose,) = (await dev["reference"].run(picture())).decode()
        assert pose.names == tuple("abcdef")


async def test_a_result_has_a_method_for_its_task() -> None:
    async with N6Device(sim_url()) as dev:
        result = await dev["reference"].run(picture())
        (pose,), (meaning,) = result.poses(), result.decode()
        assert np.array_equal(pose.keypoints, meaning.keypoints)
        with pytest.raises(
            CardError, match=r"'reference' is for pose-heatmap, and its results are not of type Token; use"
        ):
            result.tokens()
        with pytest.raises(CardError, match=r"results are not of type Classification; use decode\(\)"):
            result.classification()
        with pytest.raises(BadInput, match="option 'conf' from the caller; pose-heatmap accepts no options"):
            result.poses(conf=0.5)


async def test_a_missing_card_file() -> None:
    with pytest.raises(CardError, match=r"nowhere\.toml"):
        async with N6Device(sim_url(), cards=["nowhere.toml"]):
            pass


# ------------------------------------------------------------------------------------------- timing


async def test_where_the_time_went() -> None:
    async with N6Device(sim_url()) as dev:
        network = dev["reference"]
        before = time.monotonic()
        result = await network.run(picture())
        after = time.monotonic()
        assert before <= result.captured <= after
        timing = result.timing
        stages = dict(timing.stages())
        assert list(stages) == ["prepare", "queue", "upload", "wait", "npu", "download", "decode"]
        assert all(seconds >= 0 for seconds in stages.values())
        assert timing.npu > 0
        assert timing.decode == 0
        assert timing.total <= after - before
        assert timing.error >= 0
        result.decode()
        assert result.timing.decode > 0
        assert result.timing.total == pytest.approx(timing.total + result.timing.decode)


async def test_epoch_timers() -> None:
    async with N6Device(sim_url()) as dev:
        network = dev["reference"]
        result = await network.run(picture())
        epochs = result.epochs
        assert isinstance(epochs, EpochTimers)
        assert epochs is result.epochs
        assert epochs.table is network.epochs
        assert epochs.source is TimerSource.HOST_CLOCK
        assert epochs.simulated
        assert epochs.duration == pytest.approx(result.timing.npu)
        assert 0 < epochs.total.sum() <= epochs.duration * 1.01
        assert (await network.run(picture(), timers=False)).epochs is None


async def test_the_newest_result() -> None:
    async with N6Device(sim_url()) as dev:
        network = dev["reference"]
        assert network.newest is None
        first = await network.run(picture(), captured=100.0)
        assert network.newest is first
        assert first.captured == 100.0
        await network.run(picture(), captured=50.0)
        assert network.newest is first


async def test_profile() -> None:
    async with N6Device(sim_url()) as dev:
        profile = await dev["reference"].profile(runs=3, warmup=1)
        assert profile.runs == 3
        assert (await dev.stats()).networks[0].runs == 4


# ------------------------------------------------------------------------------------------ MoveNet


async def movenet(url: str) -> tuple[Network, Result]:
    async with N6Device(url, timeout=30) as dev:
        network = dev["movenet13"]
        result = await network.run(networks.PHOTO, encode="raw")
        assert (dev.counters.header_errors, dev.counters.payload_errors, dev.counters.malformed) == (0, 0, 0)
        return network, result


async def test_movenet_on_a_photograph() -> None:
    """110,592 bytes in through a UART's pace and back out reduced, and through no pace and back out whole."""
    pytest.importorskip("PIL")
    sim_url()
    try:
        network, whole = await movenet("sim:movenet13")
    except TransportError as error:
        pytest.skip(str(error))
    _, reduced = await movenet("sim:movenet13?baud=921600")
    (a,), (b,) = whole.decode(), reduced.decode()
    assert a.names == b.names
    assert np.array_equal(a.keypoints, b.keypoints)
    assert reduced.timing.upload > 0.95 * 110_592 * 10 / 921_600
    nose = a.keypoints[a.names.index("nose")]
    assert np.hypot(*(nose[:2] - (224, 116))) < 20  # pixels of the 512 x 512 photograph
    assert len(network.epochs) > 50
