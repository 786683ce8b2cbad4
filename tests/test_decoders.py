"""The registry: which decoder a network gets, and what is said when it gets none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from e2e_fixtures import noise, sim_url
from reductions import Answer, Network, answer, spec

from n6link import decoders
from n6link.decoders.classification import TextClassification
from n6link.decoders.logits import NextToken
from n6link.decoders.pose_heatmap import PoseHeatmap
from n6link.decoders.yolo_pose import YoloPose
from n6link.device import N6Device
from n6link.errors import BadInput, CardError
from n6link.tensors import card, reduce


def network(toml: str | None) -> Network:
    loaded = card.load(toml, base=None, name="net") if toml is not None else None
    return Network("net", {"x": spec("x", (1, 8), "int8")}, {"a": spec("a", (1, 2), "float32")}, loaded)


@pytest.mark.parametrize(
    ("task", "kind"),
    [
        ("pose-heatmap", PoseHeatmap),
        ("yolo-pose", YoloPose),
        ("text-generation", NextToken),
        ("text-classification", TextClassification),
    ],
)
def test_bundled_decoders(task: str, kind: type[object]) -> None:
    assert task in decoders.tasks()
    assert type(decoders.get(task)) is kind
    assert type(decoders.for_network(network(f'task = "{task}"'))) is kind


def test_no_card() -> None:
    with pytest.raises(CardError) as caught:
        decoders.for_network(network(None))
    text = str(caught.value)
    assert "'net' does not have a card" in text and "(a)" in text and 'cards=["net.toml"]' in text
    assert all(task in text for task in decoders.tasks())


def test_unknown_task() -> None:
    with pytest.raises(
        CardError, match=r"unknown task 'juggling'; install its decoder, or choose audio-classification, fomo, image-"
    ):
        decoders.for_network(network('task = "juggling"'))


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution that brings two decoders, one of them broken; as pip would lay it out."""
    (tmp_path / "plates.py").write_text(
        "class Plates:\n"
        "    def check(self, network): pass\n"
        "    def returns(self, network, **options): return None\n"
        "    def complete(self, result): return True\n"
        "    def decode(self, result, **options): return max(float(raw.max()) for raw in result.outputs.values())\n"
    )
    metadata = tmp_path / "plates-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: plates\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[n6link.decoders]\nplate-reader = plates:Plates\nbroken = plates:Missing\npose-heatmap = plates:Plates\n"
    )
    monkeypatch.syspath_prepend(tmp_path)


BUNDLED = (
    *(
        "audio-classification",
        "fomo",
        "image-classification",
        "landmark-boxes",
        "pose-heatmap",
        "pose-points",
        "segmentation",
    ),
    *("ssd", "text-classification", "text-generation", "yolo", "yolo-grid", "yolo-pose"),
)


@pytest.mark.usefixtures("installed")
def test_own_decoders() -> None:
    assert set(decoders.tasks()) == {"plate-reader", "broken", *BUNDLED}
    net = network('task = "plate-reader"')
    result = Answer(net, {"a": np.array([[1.0, 3.0]], np.float32)})
    assert decoders.for_network(net).decode(result) == 3.0
    assert type(decoders.get("pose-heatmap")) is PoseHeatmap
    with pytest.raises(CardError, match="'plates:Missing' of task 'broken' cannot be loaded"):
        decoders.get("broken")


@pytest.mark.usefixtures("installed")
async def test_own_decoder_of_a_network_on_a_device() -> None:
    plates = card.load('task = "plate-reader"\nnetworks = ["reference"]', base=None)
    async with N6Device(sim_url(), cards=[plates]) as dev:
        for reduce_ in (None, True):
            result = await dev["reference"].run(noise(dev["reference"]), reduce=reduce_)
            assert result.decode() == result.outputs["heatmaps"].max()


def test_options() -> None:
    loaded = card.load('task = "yolo-pose"\ndecode.conf = 0.4\ndecode.iou = 0.6', base=None)
    assert decoders.options_of(loaded, {"conf": 0.5}, "conf", "iou") == {"conf": 0.5, "iou": 0.6}
    with pytest.raises(CardError, match="unknown option 'iou' from the card; yolo-pose accepts conf"):
        decoders.options_of(loaded, {}, "conf")
    with pytest.raises(BadInput, match="unknown option 'nms' from the caller; yolo-pose accepts conf, iou"):
        decoders.options_of(loaded, {"nms": 1}, "conf", "iou")


def test_outputs_that_were_not_returned() -> None:
    """A result without the output that is decoded, or with another reduction of it, says so."""
    net = network('task = "text-classification"\nlabels = ["a", "b"]')
    decoder = decoders.for_network(net)
    with pytest.raises(BadInput, match="output 'a' was not returned, but"):
        decoder.decode(Answer(net))
    request = reduce.argmax(0, net.outputs["a"])
    reduced = answer(net, {"a": np.array([[1.0, 3.0]], np.float32)}, [request], None)
    with pytest.raises(BadInput, match="output 'a' was returned as Peaks, but"):
        decoder.decode(reduced)
