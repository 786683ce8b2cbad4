"""Cards: what they may say, what they must not, and which one a network gets."""

from __future__ import annotations

import hashlib
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reductions import spec

from n6link import networks
from n6link.errors import CardError
from n6link.tensors import card
from n6link.tensors.card import Card, Picture

FULL = """
task = "pose-heatmap"
name = "dancer"
networks = ["dancer_*", "Ballet?"]
model = "d.tflite"
keypoints = ["head", "hand", "foot"]
edges = [[0, 1], [0, 2]]
labels = ["a"]

[input]
name = "image"
fit = "crop"
pad = 114
colour = "bgr"
layout = "nchw"
mean = [1, 2.5, 3]
std = 4
resize = "lanczos"
order = "bgr"
rate = 16000

[output]
name = "heat"
coordinates = "pixels"

[text]
tokenizer = "t.json"
embedding = "e.npy"
pad = "[PAD]"
stop = ["."]
never = ["[UNK]"]
mask = "m"

[decode]
conf = 0.4
"""


def test_every_key() -> None:
    loaded = card.load(FULL, base=Path("/cards"))
    assert loaded == Card(
        "dancer",
        "pose-heatmap",
        ("dancer_*", "Ballet?"),
        "d.tflite",
        Picture("image", "crop", 114, "bgr", "nchw", (1.0, 2.5, 3.0), (4.0,), "lanczos", "bgr", 16000),
        "heat",
        "pixels",
        ("head", "hand", "foot"),
        ((0, 1), (0, 2)),
        ("a",),
        "t.json",
        "e.npy",
        "[PAD]",
        (".",),
        "m",
        never=("[UNK]",),
        options={"conf": 0.4},
        text=FULL,
        folder=Path("/cards"),
    )


def test_defaults() -> None:
    loaded = card.load('task = "x"', base=None, name="net")
    assert loaded == Card("net", "x", ("net",), "net.tflite", text='task = "x"')


def test_the_table_lists_every_key() -> None:
    """The table at the head of the module is what the README quotes."""
    assert card.__doc__
    listed = set(re.findall(r"^((?:[a-z]+\.)?[a-z]+(?:, [a-z]+\.[a-z]+)?)  ", card.__doc__, re.MULTILINE))
    listed = {key for entry in listed for key in entry.split(", ")} - {"key"}
    tables = {field.name for field in fields(Picture)}
    expected = {"task", "name", "networks", "model", "keypoints", "edges", "labels", "classes", "anchors", "decode"}
    expected |= {f"input.{key}" for key in tables} | {
        f"output.{key}" for key in ("name", "coordinates", "scores", "boxes", "anchors")
    }
    expected |= {f"text.{key}" for key in ("tokenizer", "embedding", "pad", "stop", "never", "mask")}
    assert listed == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("task", "not valid TOML: Expected"),
        ("", 'does not have the key task; add it, such as task = "pose-heatmap"'),
        ("task = 3", "task is 3; it must be a string"),
        ("task = true", "task is True"),
        ('task = "x"\nkeypoint = []', "unknown key keypoint; choose"),
        ('task = "x"\n[input]\ncolor = "rgb"', "unknown key input.color; choose name, fit, pad, colour"),
        ('task = "x"\ninput = 3', "input is 3; it must be a table"),
        ('task = "x"\nlabels = "a"', "labels is 'a'; it must be a list"),
        ('task = "x"\nlabels = [1]', "it must be a list of strings"),
        ('task = "x"\nedges = [[0, 1, 2]]', r"edges is \[0, 1, 2\]; it must be a pair"),
        ('task = "x"\nedges = [[0, -1]]', "a pair of indices"),
        ('task = "x"\nedges = [[0, true]]', "a pair of indices"),
        ('task = "x"\nkeypoints = ["a"]\nedges = [[0, 1]]', "below 1, the number of keypoints"),
        ('task = "x"\n[input]\nfit = "fill"', "one of letterbox, stretch, crop"),
        ('task = "x"\n[input]\npad = 256', "input.pad is 256; it must be a brightness"),
        ('task = "x"\n[input]\npad = 1.5', "a whole number"),
        ('task = "x"\n[input]\nmean = 1', "must both be given"),
        ('task = "x"\n[input]\nmean = 1\nstd = [1, 0]', "std must not contain 0"),
        ('task = "x"\n[input]\nmean = nan\nstd = 1', "a number or a list of numbers"),
        ('task = "x"\n[input]\nmean = []\nstd = 1', "a number or a list of numbers"),
        ('task = "x"\n[text]\npad = -1', "text.pad is -1; it must be a string or a whole number, 0 or more"),
        ('task = "x"\n[text]\npad = true', "text.pad is True"),
        ('task = "x"\n[input]\nresize = "area"', "one of nearest, bilinear, bicubic, lanczos, box"),
        ('task = "x"\n[input]\norder = "bgra"', "one of rgb, bgr"),
        ('task = "x"\n[input]\nrate = 0', "input.rate is 0; it must be the number of samples per second"),
        ('task = "x"\nlabels = ["a"]\nclasses = 2', "classes is 2; it must be 1, the number of labels, or omitted"),
        ('task = "x"\nclasses = 0', "classes is 0; it must be a number from 1 to 65536"),
        ('task = "x"\n[output]\ncoordinates = "mm"', "one of normalised, pixels"),
    ],
)
def test_wrong_cards(text: str, message: str) -> None:
    with pytest.raises(CardError, match=message):
        card.load(text, base=None)


@given(st.text(max_size=60) | st.sampled_from([FULL]).flatmap(lambda t: st.integers(0, len(t)).map(lambda n: t[:n])))
def test_any_text_is_a_card_or_an_error(text: str) -> None:
    try:
        card.load(text, base=None)
    except CardError:
        pass


def test_read(tmp_path: Path) -> None:
    path = tmp_path / "pose.toml"
    path.write_text('task = "yolo-pose"')
    loaded = card.read(path)
    assert (loaded.name, loaded.folder, loaded.model) == ("pose", tmp_path, "pose.tflite")
    with pytest.raises(CardError, match="pose.tflite does not exist"):
        loaded.file("model")
    with pytest.raises(CardError, match="No such file"):
        card.read(tmp_path / "none.toml")


def test_a_card_with_a_byte_order_mark_as_editors_of_windows_write_it(tmp_path: Path) -> None:
    path = tmp_path / "pose.toml"
    path.write_text('task = "yolo-pose"\nclasses = 2', encoding="utf-8-sig")
    assert card.read(path).labels == ("class_0", "class_1")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1"])
def test_a_card_in_another_encoding(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "pose.toml"
    path.write_bytes('task = "yolo-pose"  # caf\xe9'.encode(encoding))
    with pytest.raises(CardError) as caught:
        card.read(path)
    assert str(caught.value) == f"card {path} cannot be read: the text is not UTF-8; save the file as UTF-8"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_card_in_utf_16_of_latin_letters_without_a_mark(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "pose.toml"
    path.write_text('task = "yolo-pose"', encoding=encoding)
    with pytest.raises(CardError) as caught:
        card.read(path)
    assert str(caught.value) == "card 'pose' cannot be read: the text is not UTF-8; save the file as UTF-8"


def test_files(tmp_path: Path) -> None:
    (tmp_path / "t.json").touch()
    loaded = card.load('task = "x"\n[text]\ntokenizer = "t.json"', base=tmp_path, name="net")
    assert loaded.file("tokenizer") == tmp_path / "t.json"
    with pytest.raises(CardError, match=r"does not have the key text.embedding; add text.embedding = \"FILE\""):
        loaded.file("embedding")
    reported = card.load(loaded.text, base=None, name="net")
    with pytest.raises(CardError, match=r"comes from the firmware.*cards=\[\"net.toml\"\]"):
        reported.file("tokenizer")


def test_tensors_by_name() -> None:
    inputs = {"image": spec("image", (1, 8, 8, 3), "uint8"), "mask": spec("mask", (1, 8), "uint8")}
    plain = card.load('task = "x"', base=None)
    assert plain.main_input(inputs).name == "image" and plain.decoded_output(inputs).name == "image"
    named = card.load('task = "x"\ninput.name = "mask"\noutput.name = "heat"', base=None, name="net")
    assert named.main_input(inputs).name == "mask"
    with pytest.raises(CardError, match="card 'net': output.name is 'heat', but the network has image, mask"):
        named.decoded_output(inputs)
    with pytest.raises(CardError, match="has none"):
        plain.main_input({})


# ---- which card


def test_precedence(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('task = "yolo-pose"\nnetworks = ["Movenet13*", "x?"]')
    reported = 'task = "own-task"'
    assert getattr(card.find("movenet13_192"), "name", "") == "movenet13"
    assert getattr(card.find("movenet13_192", reported), "task", "") == "own-task"
    assert getattr(card.find("movenet13_192", reported, [mine]), "name", "") == "mine"
    assert getattr(card.find("movenet13_192", reported, [card.read(mine)]), "name", "") == "mine"
    assert getattr(card.find("other", reported, [str(mine)]), "name", "") == "other"
    assert card.find("other", " \n", [mine]) is None
    with pytest.raises(CardError, match="'movenet13' is not valid TOML"):
        card.find("movenet13", "task")
    with pytest.raises(CardError, match="No such file"):
        card.find("movenet13", "", [tmp_path / "none.toml"])


def test_a_reported_card_uses_bundled_files_only() -> None:
    text = (networks.FOLDER / "tinybert/tinybert.toml").read_text()
    reported = card.find("tinybert", text)
    assert reported is not None and reported.file("tokenizer").is_file()
    for name in ("../../../etc/passwd", "/etc/passwd", "a/b.json"):
        with pytest.raises(CardError, match="use a plain file name"):
            card.find("tinybert", text.replace("tokenizer.json", name))
    stranger = card.find("stranger", text)
    assert stranger is not None
    with pytest.raises(CardError, match="comes from the firmware"):
        stranger.file("tokenizer")


def test_beside(tmp_path: Path) -> None:
    model = tmp_path / "pose.v2.tflite"
    assert card.beside(model) is None
    (tmp_path / "pose.v2.toml").write_text('task = "yolo-pose"')
    found = card.beside(model)
    assert found is not None and (found.task, found.name) == ("yolo-pose", "pose.v2")


# ---- the bundled ones


@pytest.mark.parametrize(
    ("network", "name"),
    [
        ("movenet13", "movenet13"),
        ("MoveNet13_192_int8", "movenet13"),
        ("movenet", "movenet13"),
        ("tinybert", "tinybert"),
        ("tinybert_textgen", "tinybert"),
        ("movenet17", None),
        ("yolov8n", None),
    ],
)
def test_bundled(network: str, name: str | None) -> None:
    found = card.bundled(network)
    assert (found.name if found else None) == name


def test_bundled_files() -> None:
    assert list(networks.cards()) == ["movenet13", "tinybert"]
    for path in networks.cards().values():
        loaded = card.read(path)
        assert loaded.file("model").stat().st_size > 1_000_000
        assert len(loaded.text.encode()) < 0xFFFF, "a firmware reports it, with a 16-bit length"
    tinybert = card.read(networks.cards()["tinybert"])
    assert np.load(tinybert.file("embedding")).shape == (5000, 128)
    assert tinybert.file("tokenizer").is_file()


def test_notice_holds_the_hash_of_every_file() -> None:
    notice = (networks.FOLDER / "NOTICE").read_text()
    claimed: dict[str, str] = dict(re.findall(r"^(\S+)\n    sha256 ([0-9a-f]{64})$", notice, re.MULTILINE))
    shipped: dict[str, Any] = {
        path.relative_to(networks.FOLDER).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in networks.FOLDER.rglob("*")
        if path.suffix in {".tflite", ".npy", ".json", ".png"}
    }
    assert claimed == shipped
