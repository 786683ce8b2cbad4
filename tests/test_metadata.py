"""Files that describe networks, and the drafts of cards that are made of them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import tflite
from reductions import Network, spec

from n6link.decoders.draft import draft
from n6link.decoders.metadata import Facts, labels, read
from n6link.errors import BadInput, CardError, MissingExtra
from n6link.json_types import Json
from n6link.tensors import card

pytest.importorskip("yaml", reason="the extra `yaml` is not installed")
flatbuffers: Any = pytest.importorskip("flatbuffers", reason="the extra `sim` is not installed")

ZOO = """
general: {project_name: flowers}
dataset:
  class_names: [daisy, rose]
preprocessing:
  rescaling: {scale: 1/127.5, offset: -1}
  resizing: {interpolation: nearest, aspect_ratio: fit}
  color_mode: rgb
postprocessing:
  NMS_thresh: 0.5
  yolo_anchors: [0.1, 0.2, 0.3, 0.4]
"""
ULTRALYTICS = {
    "description": "own",
    "task": "pose",
    "imgsz": [64, 64],
    "names": {0: "person"},
    "kpt_shape": [2, 3],
    "kpt_names": {0: ["head", "foot"]},
}
LETTERBOX: dict[str, Json] = {"input.fit": "letterbox", "input.pad": 114, "input.mean": 0, "input.std": 255}


def described(path: Path, *, mean: list[float], std: list[float], files: list[str]) -> Path:
    """A network with TFLite's metadata: the normalisation of its input, and files with labels of its output."""
    made = flatbuffers.Builder()

    def table(fields: int, **values: tuple[int, Any]) -> int:
        made.StartObject(fields)
        for kind, (slot, value) in values.items():
            (made.PrependUOffsetTRelativeSlot if kind.startswith("at") else made.PrependUint8Slot)(slot, value, 0)
        return int(made.EndObject())

    def vector(items: list[int]) -> int:
        made.StartVector(4, len(items), 4)
        for item in reversed(items):
            made.PrependUOffsetTRelative(item)
        return int(made.EndVector())

    def floats(numbers: list[float]) -> int:
        made.StartVector(4, len(numbers), 4)
        for number in reversed(numbers):
            made.PrependFloat32(number)
        return int(made.EndVector())

    options = table(2, at_mean=(0, floats(mean)), at_std=(1, floats(std)))
    unit = table(2, kind=(0, 1), at_options=(1, options))
    source = table(7, at_units=(4, vector([unit])))
    named = [table(4, at_name=(0, made.CreateString(name)), kind=(2, 2)) for name in files]
    target = table(7, at_files=(6, vector(named)))
    graph = table(9, at_inputs=(2, vector([source])), at_outputs=(3, vector([target])))
    made.Finish(table(7, at_graphs=(3, vector([graph]))), file_identifier=b"M001")
    add_metadata(path, bytes(made.Output()))
    return path


def add_metadata(path: Path, content: bytes) -> None:
    tflite.write_copies(path, [b"y"])
    schema: Any = pytest.importorskip("ai_edge_litert.schema_py_generated")
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    entry, buffer = schema.MetadataT(), schema.BufferT()
    entry.name, entry.buffer, buffer.data = "TFLITE_METADATA", len(model.buffers), list(content)
    model.metadata = [entry]
    model.buffers.append(buffer)
    made = flatbuffers.Builder()
    made.Finish(model.Pack(made), b"TFL3")
    path.write_bytes(made.Output())


def append(path: Path, name: str, text: str) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, text)


# ---- files


def test_tflites_own_metadata(tmp_path: Path) -> None:
    path = described(tmp_path / "net.tflite", mean=[127.5, 127.5], std=[127.5, 127.5], files=["none.txt", "names.txt"])
    append(path, "names.txt", "cat\ndog\n")
    (facts,) = read(path)
    assert facts == Facts("metadata in net.tflite", {"labels": ["cat", "dog"], "input.mean": 127.5, "input.std": 127.5})
    (facts,) = read(described(path, mean=[0, 1.5, 2], std=[1, 2, 3], files=[]))
    assert facts.keys == {"input.mean": [0, 1.5, 2], "input.std": [1, 2, 3]}
    tflite.write_copies(path, [b"y"])
    assert read(path) == []
    for damaged in (b"", b"\xff" * 40, b"\x10\0\0\0M001" + bytes(20)):
        add_metadata(path, damaged)
        assert read(path) == []
    path.write_bytes(b"nothing here")
    with pytest.raises(BadInput, match="is not a .tflite file"):
        read(path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metadata.json", json.dumps(ULTRALYTICS)),
        ("temp_meta.txt", str(ULTRALYTICS)),
    ],
)
def test_metadata_of_ultralytics(tmp_path: Path, name: str, text: str) -> None:
    wanted: dict[str, Json] = {"task": "yolo-pose", "labels": ["person"], "keypoints": ["head", "foot"], **LETTERBOX}
    path = tmp_path / "net.tflite"
    tflite.write_copies(path, [b"y"])
    append(path, name, text)
    assert read(path) == [Facts(f"{name} in net.tflite", wanted)]
    if name.endswith("json"):
        (tmp_path / name).write_text(text)
        assert read(tmp_path / name) == [Facts(name, wanted)]
    tflite.write_copies(path, [b"y"])
    append(path, name, "[1]")
    assert read(path) == []


def test_other_networks_of_ultralytics(tmp_path: Path) -> None:
    path = tmp_path / "metadata.yaml"
    path.write_text("task: classify\nimgsz: [64, 64]\nnames: {0: a, 1: b}\n")
    assert read(path)[0].keys == {
        "task": "image-classification",
        "labels": ["a", "b"],
        "input.fit": "crop",
        "input.mean": 0,
        "input.std": 255,
    }
    for names in ("{1: a}", "{x: a}", "3"):
        path.write_text(f"task: segment\nnames: {names}\n")
        assert read(path)[0].keys == LETTERBOX, "no labels, and a task without a decoder"


def test_the_configuration_of_the_model_zoo(tmp_path: Path) -> None:
    path = tmp_path / "user_config.yaml"
    path.write_text(ZOO)
    (facts,) = read(path)
    assert facts == Facts(
        "user_config.yaml",
        {
            "labels": ["daisy", "rose"],
            "input.fit": "stretch",
            "input.resize": "nearest",
            "input.colour": "rgb",
            "input.mean": 127.5,
            "input.std": 127.5,
            "anchors": [[0.1, 0.2], [0.3, 0.4]],
            "decode.iou": 0.5,
        },
    )
    path.write_text(
        "preprocessing: {target_rate: 16000, rescaling: {scale: 1/0, offset: 0}}\npostprocessing: {yolo_anchors: [1, 9]}"
    )
    assert read(path)[0].keys == {"input.rate": 16000}, "anchors in cells of an unknown grid are not used"


def test_labels() -> None:
    assert labels("\ufeffcat\r\n\n dog \n") == ["cat", "dog"]
    assert labels("0 cat\n1: a dog") == ["cat", "a dog"]
    assert labels("1 cat\n2 dog") == ["1 cat", "2 dog"], "they do not count from 0"


def test_files_next_to_a_network(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    tflite.write_copies(path, [b"y"])
    (tmp_path / "labels.txt").write_text("a\nb")
    (tmp_path / "metadata.yaml").write_text("task: detect\nnames: [a, b]\n")
    assert [(facts.source, facts.keys["labels"]) for facts in read(path)] == [
        ("labels.txt", ["a", "b"]),
        ("metadata.yaml", ["a", "b"]),
    ]


def test_files_that_describe_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.yaml"
    for content, says in (
        (b"\xff", "it is not UTF-8"),
        (b"a: [", "is not YAML"),
        (b"- a", "does not contain keys and values"),
        (b"#" * (1 << 21), "has more than"),
    ):
        path.write_bytes(content)
        with pytest.raises(BadInput, match=says):
            read(path)
    for name, says in (("none.yaml", "No such file"), ("a.onnx", "unknown suffix"), ("a.json", "cannot be read")):
        if "none" not in name:
            (tmp_path / name).write_text("{")
        with pytest.raises(BadInput, match=says):
            read(tmp_path / name)
    path.write_text("a: 1")
    monkeypatch.setitem(__import__("sys").modules, "yaml", None)
    with pytest.raises(MissingExtra, match=r"n6link\[yaml\]"):
        read(path)


# ---- drafts


def network(shape: tuple[int, ...], dtype: str = "float32") -> Network:
    scale = None if dtype == "float32" else 1 / 255
    return Network("net", {"x": spec("x", (1, 64, 64, 3), dtype, scale)}, {"y": spec("y", shape, "float32")}, None)


def test_a_draft_without_files() -> None:
    made = draft(network((1, 5)))
    assert made.problem == "" and made.card.task == "image-classification" and made.card.input.mean == (127.5,)
    assert "(a guess)" in made.text and "input.mean = 127.5  # a guess" in made.text and "# labels = [" in made.text
    hearing = Network("net", {"x": spec("x", (1, 800), "float32")}, {"y": spec("y", (1, 5), "float32")}, None)
    assert "# input.rate = 16000" in draft(hearing).text
    with pytest.raises(CardError, match="no decoder is known for the outputs of network 'net': y"):
        draft(network((2, 3, 4, 5, 6)))


@pytest.mark.parametrize(("shape", "dtype"), [((1, 30, 128), "int8"), ((1, 30), "int32")])
def test_a_draft_for_a_text_network(shape: tuple[int, ...], dtype: str) -> None:
    """Rows of vectors are not a grey picture."""
    net = Network("net", {"x": spec("x", shape, dtype)}, {"y": spec("y", (1, 1, 5000), "int8", 0.1)}, None)
    made = draft(net)
    assert made.card.task == "text-generation" and made.problem == "" and "# text.tokenizer" in made.text


def test_a_draft_has_what_fits() -> None:
    facts = Facts(
        "f.yaml",
        {"labels": ["a", "b"], "input.mean": 0, "input.std": 255, "input.colour": "grey", "decode.conf": 0.5},
    )
    made = draft(network((1, 2)), [facts, Facts("second.yaml", {"labels": ["c", "d"]})])
    assert made.card.labels == ("a", "b") and made.card.input.mean == (0.0,) and made.problem == ""
    assert made.card.input.colour is None and '# input.colour = "grey"  # from f.yaml, but input' in made.text
    assert "# decode.conf = 0.5  # from f.yaml, but unknown option 'conf'" in made.text
    assert "second.yaml" not in made.text
    made = draft(network((1, 3)), [facts])
    assert made.card.labels == () and "but card 'net' has 2 labels, but the network has 3 classes" in made.text


def test_a_foreground_has_a_background() -> None:
    made = draft(network((1, 64, 64, 1), "uint8"), [Facts("f.txt", {"labels": ["road"]})])
    assert made.card.task == "segmentation" and made.card.labels == ("background", "road") and made.problem == ""


def test_the_task_of_a_file_is_used() -> None:
    made = draft(network((1, 300, 6)), [Facts("m.json", {"task": "yolo", "labels": ["a"]})])
    assert made.card.task == "yolo" and 'task = "yolo"  # from m.json' in made.text and made.problem == ""
    made = draft(network((1, 5)), [Facts("m.json", {"task": "yolo"})])
    assert "is not a YOLO head" in made.problem
    assert card.load(made.text, base=None).task == "yolo"
