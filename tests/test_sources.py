"""What commands accept as inputs of networks, and the files that they write: sounds, videos, cameras, arrays, standard input."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from reductions import Network, spec
from typer.testing import CliRunner
from typer.testing import Result as Outcome

from n6link import networks
from n6link.cli import app, sources
from n6link.cli.sources import Camera, Content, Reader, Sample
from n6link.cli.writing import Targets, rows
from n6link.decoders.boxes import Detection
from n6link.decoders.classification import Classification
from n6link.decoders.logits import Token
from n6link.decoders.segmentation import Segmentation
from n6link.errors import BadInput, CardError, MissingExtra
from n6link.tensors import card
from n6link.tensors.image import Placement
from n6link.tensors.inputs import Raw
from n6link.tensors.tensor import TensorSpec

soundfile = pytest.importorskip("soundfile", reason="the extra `sound` is not installed")

POSE = "sim:movenet13"
PHOTO = Path(networks.PHOTO)
RATE = 16000
PICTURE = spec("x", (1, 8, 8, 3), "uint8")


def reader(tensor: TensorSpec, text: str = "", *, resample: bool = False) -> Reader:
    loaded = card.load(f'task = "audio-classification"\n{text}', base=None, name="net")
    return Reader(Network("net", {"x": tensor}, {}, loaded), resample=resample)


def hearing(dtype: str = "float32", scale: float | None = None, zero_point: int = 0, **options: Any) -> Reader:
    return reader(spec("x", (1, 400), dtype, scale, zero_point), f"input.rate = {RATE}", **options)


def tone(seconds: float, rate: int = RATE) -> NDArray[np.float32]:
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def values(found: Sequence[Sample]) -> NDArray[Any]:
    return np.concatenate([np.asarray(sample.data).ravel() for sample in found])


# ---- sounds


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_sounds_of_all_formats(tmp_path: Path, subtype: str) -> None:
    samples = tone(0.1)
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype=subtype)
    found = list(hearing().samples(tmp_path / "a.wav"))
    assert [sample.stem for sample in found] == ["a-00000", "a-00001", "a-00002", "a-00003"]
    assert [sample.name.removeprefix(str(tmp_path / "a.wav")) for sample in found] == [
        " at 0.00 s",
        " at 0.03 s",
        " at 0.05 s",
        " at 0.07 s",
    ]
    assert np.allclose(values(found), samples, atol=1 / 2**15)
    assert all(sample.picture is None and np.asarray(sample.data).shape == (1, 400) for sample in found)


def test_a_short_stereo_sound(tmp_path: Path) -> None:
    left, right = tone(0.01), np.zeros(160, np.float32)
    soundfile.write(tmp_path / "a.flac", np.column_stack([left, right]), RATE)
    (only,) = hearing().samples(tmp_path / "a.flac")
    assert (only.name, only.stem) == (str(tmp_path / "a.flac"), "a")
    heard = values([only])
    assert np.allclose(heard[:160], left / 2, atol=1e-4) and not heard[160:].any()


def test_sounds_for_integers(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.array([0.0, 0.5, -1.0, 0.25] * 100, np.float32), RATE, subtype="FLOAT")
    for dtype, expected in (("int16", [0, 16384, -32768, 8192]), ("uint8", [128, 192, 0, 160])):
        (found,) = hearing(dtype).samples(tmp_path / "a.wav")
        assert isinstance(found.data, Raw) and found.data.values.dtype == dtype
        assert found.data.values[0, :4].tolist() == expected
    (found,) = hearing("int8", 1 / 128).samples(tmp_path / "a.wav")
    assert np.asarray(found.data).dtype == np.float32, "the input's own scale is used"


def test_another_rate_is_converted_only_if_stated(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(0.2, 44100), 44100)
    with pytest.raises(
        BadInput,
        match="has 44100 samples per second, but the network hears 16000; convert the file, or add --resample to n6link run",
    ):
        list(hearing().samples(tmp_path / "a.wav"))
    heard = values(list(hearing(resample=True).samples(tmp_path / "a.wav")))[:3200]
    assert np.abs(heard - tone(0.2))[100:-100].max() < 0.01


def test_what_is_not_a_sound_for_this_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(0.1), RATE)
    for shape in ((1, 64, 96, 1), (1, 10)):
        with pytest.raises(BadInput, match="is not a series of samples; compute what network 'net' reads"):
            list(reader(spec("x", shape, "float32"), "input.rate = 8000").samples(path))
    with pytest.raises(
        CardError, match=r"the samples per second that network 'net' hears are unknown; add input\.rate"
    ):
        list(reader(spec("x", (1, 400), "float32")).samples(path))
    with pytest.raises(BadInput, match=r"none\.wav' does not exist"):
        list(hearing().samples(tmp_path / "none.wav"))
    path.write_bytes(b"RIFF")
    with pytest.raises(BadInput, match=r"a\.wav' cannot be read as a sound: .*; use WAV, FLAC or Ogg"):
        list(hearing().samples(path))
    soundfile.write(path, np.zeros(0, np.float32), RATE)
    with pytest.raises(BadInput, match="does not contain samples"):
        list(hearing().samples(path))
    soundfile.write(path, np.array([np.nan], np.float32), RATE, subtype="FLOAT")
    with pytest.raises(BadInput, match="a sample that is not finite"):
        list(hearing().samples(path))
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(MissingExtra, match=r"requires soundfile; install it with: pip install 'n6link\[sound\]'"):
        list(hearing().samples(path))


# ---- arrays


def test_arrays(tmp_path: Path) -> None:
    raw = np.random.default_rng(1).integers(0, 256, (3, 8, 8, 3), np.uint8)
    found = Reader(Network("net", {"x": PICTURE}, {}, None))

    def read(array: NDArray[Any]) -> list[Sample]:
        np.save(tmp_path / "a.npy", array)
        return list(found.samples(tmp_path / "a.npy"))

    batch = read(raw)
    assert [sample.name for sample in batch] == [f"{tmp_path / 'a.npy'}[{index}]" for index in range(3)]
    assert all(isinstance(one.data, Raw) and (one.data.values == raw[i : i + 1]).all() for i, one in enumerate(batch))
    (own,) = read(raw[:1])
    assert isinstance(own.data, Raw), "raw values are not normalised"
    (picture,) = read(raw[0])
    assert isinstance(picture.data, np.ndarray), "a picture is"
    np.savez(tmp_path / "a.npz", x=raw[:1], other=np.zeros(3))
    (named,) = found.samples(tmp_path / "a.npz")
    assert isinstance(named.data, dict) and isinstance(named.data["x"], Raw) and len(named.data) == 2
    assert found.one(tmp_path / "a.npz").stem == "a"
    with pytest.raises(BadInput, match="does not contain inputs; save an array with one or more"):
        read(raw[:0])
    read(raw)
    with pytest.raises(BadInput, match="contains more than one input"):
        found.one(tmp_path / "a.npy")
    with pytest.raises(BadInput, match="is text; for a text network use n6link generate or n6link classify"):
        found.one(Path("prompt.txt"))
    with pytest.raises(BadInput, match=r"none\.npy' does not exist"):
        found.one(Path("none.npy"))


def test_raw_values_are_not_normalised_again() -> None:
    """A uint8 input with a card that changes colours and values: its raw values look like a picture."""
    import anyio

    from n6link.tensors.inputs import Inputs, as_raw

    tensor = replace(PICTURE, scale=2 / 255, zero_point=127)
    loaded = card.load(
        'task = "segmentation"\ninput.colour = "bgr"\ninput.mean = 127.5\ninput.std = 127.5', base=None, name="net"
    )
    raw = np.random.default_rng(2).integers(0, 256, PICTURE.shape, np.uint8)
    for given in (raw, raw[0]):
        sent = anyio.run(Inputs("net", {"x": tensor}, raw.nbytes, loaded, "").prepare, as_raw({"x": given}))
        assert bytes(sent.data) == raw.tobytes() and sent.placement is None
    for wrong in (raw.astype(np.int8), raw[:, 1:]):
        with pytest.raises(BadInput, match="tensor 'x' is uint8 of shape"):
            anyio.run(Inputs("net", {"x": tensor}, raw.nbytes, loaded, "").prepare, as_raw({"x": wrong}))


# ---- names


def test_a_jpeg_file_of_the_inputs_size_stays_as_it_is(tmp_path: Path) -> None:
    """Other pictures are decoded: a device does not scale them."""

    def seeing(tensor: TensorSpec) -> Reader:
        return Reader(Network("net", {"x": tensor}, {}, None))

    pose, path = seeing(spec("x", (1, 40, 60, 3), "uint8")), tmp_path / "frame.jpg"
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 256, (40, 60, 3), np.uint8))
    picture.save(path)
    for place in (path, Content(path.read_bytes())):
        sample = pose.one(place)
        assert sample.data == path.read_bytes()
        assert sample.picture is not None and sample.picture.size == (60, 40)
    picture.resize((61, 40)).save(path)
    assert isinstance(pose.one(path).data, Image.Image)
    assert isinstance(seeing(spec("x", (1, 8), "float32")).one(path).data, Image.Image)


def test_expand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("b.wav", "a.png", "c.npz", "d.mp4", "notes.odt"):
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    assert [Path(str(place)).name for place in sources.expand([str(tmp_path)])] == ["a.png", "b.wav", "c.npz", "d.mp4"]
    assert sources.expand([str(tmp_path / "*.w*")]) == [sources.one_place(str(tmp_path / "b*"))] == [tmp_path / "b.wav"]
    with pytest.raises(BadInput, match="matches 4 files; name one"):
        sources.one_place(str(tmp_path))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"data")))
    with pytest.raises(BadInput, match="- is given twice"):
        sources.expand(["-", "-"])
    (content,) = sources.expand(["-"])
    assert content == Content(b"data") and str(content) == "-"
    with pytest.raises(BadInput, match="standard input is empty"):
        sources.expand(["-"])
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    with pytest.raises(BadInput, match="which is a terminal; redirect a file to it"):
        sources.expand(["-"])


def test_texts_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    for content, says in ((b"", "redirect a text to it"), (b"\xff", "is not UTF-8")):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        with pytest.raises(BadInput, match=says):
            sources.expand_texts(["-"])
    with pytest.raises(BadInput, match="- is given twice"):
        sources.expand_texts(["-", "-"])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("Elle était\r\n".encode())))
    assert sources.expand_texts(["-", "is"]) == ["Elle était", "is"]


def test_standard_input_is_known_by_its_content(tmp_path: Path) -> None:
    seeing = Reader(Network("net", {"x": PICTURE}, {}, None))
    (picture,) = seeing.samples(Content(PHOTO.read_bytes()))
    assert picture.picture is not None and picture.picture.size == (512, 512) and picture.name == "-"
    np.save(tmp_path / "a.npy", np.zeros((2, 8, 8, 3), np.uint8))
    assert [one.stem for one in seeing.samples(Content((tmp_path / "a.npy").read_bytes()))] == [
        "stdin-00000",
        "stdin-00001",
    ]
    soundfile.write(tmp_path / "a.wav", tone(0.01), RATE)
    (heard,) = hearing().samples(Content((tmp_path / "a.wav").read_bytes()))
    assert np.asarray(heard.data).shape == (1, 400)
    Image.new("RGB", (4, 4)).save(tmp_path / "a.webp")
    (picture,) = seeing.samples(Content((tmp_path / "a.webp").read_bytes()))
    assert picture.picture is not None
    with pytest.raises(BadInput, match="cannot be read as a picture"):
        list(seeing.samples(Content(b"hello")))


def test_names_of_files_never_replace_an_input(tmp_path: Path) -> None:
    source = tmp_path / "a.png"
    source.touch()
    targets = Targets(tmp_path, "drawings", ".png", [source, Camera(0)])
    assert [targets.path(stem).name for stem in ("a", "a", "b")] == ["a-2.png", "a-3.png", "b.png"]


# ---- a camera and videos, with a stand-in for OpenCV


class OpenCV(SimpleNamespace):
    """The functions of OpenCV that are used: videos are files of arrays, frames are BGR."""

    CAP_PROP_BUFFERSIZE, COLOR_BGR2RGB, COLOR_RGB2BGR = 38, 4, 4

    class VideoCapture:
        def __init__(self, source: int | str) -> None:
            photo = np.asarray(Image.open(PHOTO).convert("RGB").resize((64, 48)))[:, :, ::-1]
            self.frames: list[NDArray[np.uint8]] = []
            if isinstance(source, int):
                self.frames = [photo] * (5 if source == 0 else 0)
            elif Path(source).stat().st_size:
                self.frames = list(np.load(source, allow_pickle=False))
            opened.append(self)

        def set(self, key: int, value: int) -> bool:
            return (key, value) == (38, 1)

        def read(self) -> tuple[bool, NDArray[np.uint8] | None]:
            return (True, self.frames.pop(0)) if self.frames else (False, None)

        def release(self) -> None:
            opened.remove(self)

    class VideoWriter:
        def __init__(self, path: str, code: int, rate: float, size: tuple[int, int]) -> None:
            self.path, self.size, self.frames = path, size, list[NDArray[np.uint8]]()
            assert (code, rate) == (1, 25.0)

        def isOpened(self) -> bool:
            return Path(self.path).parent.is_dir()

        def write(self, frame: NDArray[np.uint8]) -> None:
            assert frame.shape[1::-1] == self.size
            self.frames.append(frame)

        def release(self) -> None:
            if self.frames:
                with Path(self.path).open("wb") as file:
                    np.save(file, np.stack(self.frames))

    @staticmethod
    def VideoWriter_fourcc(*letters: str) -> int:
        return int("".join(letters) in ("mp4v", "MJPG"))

    @staticmethod
    def cvtColor(frame: NDArray[np.uint8], code: int) -> NDArray[np.uint8]:
        assert code == 4
        return np.ascontiguousarray(frame[:, :, ::-1])


opened: list[OpenCV.VideoCapture] = []


@pytest.fixture
def opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    opened.clear()
    monkeypatch.setitem(sys.modules, "cv2", OpenCV())


def n6link(*words: str | Path, content: bytes | None = None) -> Outcome:
    return CliRunner().invoke(app, ["run", "movenet13", *map(str, words), "--url", POSE], input=content)


def lines(outcome: Outcome) -> list[Any]:
    assert outcome.exit_code == 0, outcome.stderr
    return list(map(json.loads, outcome.stdout.splitlines()))


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text())))


def film(path: Path, frames: int = 3) -> Path:
    with path.open("wb") as file:
        np.save(file, np.stack([np.asarray(Image.open(PHOTO).convert("RGB"))[:, :, ::-1]] * frames))
    return path


def test_frames(opencv: None, tmp_path: Path) -> None:
    seeing = Reader(Network("net", {"x": PICTURE}, {}, None))
    found = list(seeing.samples(film(tmp_path / "a.mp4")))
    assert [one.stem for one in found] == ["a-00000", "a-00001", "a-00002"] and not opened
    assert all(np.array_equal(np.asarray(one.picture), np.asarray(Image.open(PHOTO).convert("RGB"))) for one in found)
    shown = []
    with pytest.raises(BadInput, match="camera 0 does not send frames any more; check its cable"):
        for one in seeing.samples(Camera(0)):
            shown.append(one.name)  # noqa: PERF401  it raises an error
    assert shown == [f"camera 0[{index}]" for index in range(5)] and not opened
    with pytest.raises(BadInput, match="camera 1 cannot be opened; choose another number"):
        list(seeing.samples(Camera(1)))
    (tmp_path / "b.avi").touch()
    with pytest.raises(BadInput, match=r"b\.avi' cannot be read as a video"):
        list(seeing.samples(tmp_path / "b.avi"))
    with pytest.raises(BadInput, match=r"c\.avi' does not exist"):
        list(seeing.samples(tmp_path / "c.avi"))
    half = seeing.samples(tmp_path / "a.mp4")
    next(half)
    assert opened
    half.close()
    assert not opened, "a camera is released when it is not read to its end"


def test_without_opencv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    for words in (["--camera", "0"], [str(film(tmp_path / "a.mp4"))], [str(PHOTO), str(PHOTO), "--draw", "x.mp4"]):
        outcome = n6link(*words)
        assert outcome.exit_code == 1
        assert "requires OpenCV; install it with: pip install 'n6link[camera]'" in outcome.stderr


def test_run_on_a_video_draws_a_video(virtual_board: None, opencv: None, tmp_path: Path) -> None:
    found = lines(n6link(film(tmp_path / "a.mp4"), "--json", "--draw", tmp_path / "b.mp4"))
    assert [line["input"] for line in found] == [f"{tmp_path / 'a.mp4'}[{index}]" for index in range(3)]
    assert all(line["decoded"][0]["score"] > 0.3 for line in found)
    drawn = np.load(tmp_path / "b.mp4")
    assert drawn.shape == (3, 512, 512, 3)
    source = np.asarray(Image.open(PHOTO).convert("RGB"))[:, :, ::-1]
    changed = (drawn[0] != source).any(axis=2).mean()
    assert 0.005 < changed < 0.3, "only the skeleton differs"
    wrong = n6link(tmp_path / "a.mp4", "--draw", tmp_path / "none" / "b.mp4")
    assert wrong.exit_code == 2 and "does not exist; create it" in wrong.stderr


def test_run_on_a_camera(virtual_board: None, opencv: None, tmp_path: Path) -> None:
    outcome = n6link("--camera", "0", "--limit", "3", "--draw", tmp_path / "drawn", "--csv", tmp_path / "t.csv")
    assert outcome.exit_code == 0 and not outcome.stderr and not opened
    assert [line.split("  ")[0] for line in outcome.stdout.splitlines()] == [f"camera 0[{index}]" for index in range(3)]
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == [
        f"camera0-0000{index}.png" for index in range(3)
    ]
    rows = table(tmp_path / "t.csv")
    assert [row["input"] for row in rows] == [f"camera 0[{index}]" for index in range(3)]
    unplugged = n6link("--camera", "0")
    assert unplugged.exit_code == 1 and "camera 0[4]  1 person" in unplugged.stdout, "what it has sent is shown"
    assert "camera 0 does not send frames any more; check its cable" in unplugged.stdout.splitlines()[-1]
    assert {"score", "nose_x", "nose_y", "nose_score"} < rows[0].keys()
    assert "no input is given; add a picture" in n6link().stderr


def test_run_reads_standard_input(virtual_board: None, tmp_path: Path) -> None:
    found = lines(n6link("-", "--json", content=PHOTO.read_bytes()))
    assert found == [found[0] | {"input": "-"}] and found[0]["decoded"][0]["score"] > 0.3


def test_run_on_a_batch_of_arrays(virtual_board: None, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.random.default_rng(3).integers(-128, 128, (2, 192, 192, 3), np.int8))
    found = lines(n6link(tmp_path / "a.npy", "--json", "--save", tmp_path / "out"))
    assert [line["input"][-3:] for line in found] == ["[0]", "[1]"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a-00000.npz", "a-00001.npz"]
    refused = n6link(tmp_path / "a.npy", "--draw", tmp_path / "drawn")
    assert refused.exit_code == 2 and "is not a picture, so nothing can be drawn into it" in refused.stderr


def test_tables(virtual_board: None, tmp_path: Path) -> None:
    assert n6link(PHOTO, "--raw", "--csv", tmp_path / "t.csv").exit_code == 0
    (row,) = table(tmp_path / "t.csv")
    assert (row["output"], row["shape"], row["type"]) == ("output_0", "1x48x48x13", "int8")
    assert float(row["minimum"]) < float(row["mean"]) < float(row["maximum"])
    assert "cannot be written" in n6link(PHOTO, "--csv", tmp_path / "none" / "t.csv").stderr


def test_rows_of_each_kind() -> None:
    result: Any = None  # decoded results are complete without it
    where = Placement((4, 2), (4, 2))
    box = np.array([1, 2, 3, 4], np.float32)
    face = Detection("face", 0, 0.5, box, np.array([[5, 6]], np.float32), ("nose",), np.array([True]))
    for meaning, expected in (
        (Classification("a", 0.75, {"b": 0.25, "a": 0.75}), [(1, "a", 0.75), (2, "b", 0.25)]),
        (Segmentation(np.array([[0, 0, 0, 1]] * 2, np.uint8), ("sky", "tree"), where), [("sky", 0.75), ("tree", 0.25)]),
        ([face], [(0, "face", 0, 0.5, 1.0, 2.0, 3.0, 4.0, False, 5.0, 6.0, True)]),
        ([Token(7, 1.5)], [(0, 7, 1.5)]),
        ("text", [(0, "text")]),
        ([], []),
    ):
        assert [tuple(row.values()) for row in rows(result, meaning)] == expected
    (row,) = rows(result, [face])
    assert list(row)[4:] == ["left", "top", "right", "bottom", "cut", "nose_x", "nose_y", "nose_outside"]


@pytest.mark.parametrize("option", ["--draw", "--save", "--csv"])
def test_no_option_writes_over_an_input(option: str, tmp_path: Path) -> None:
    source = tmp_path / "a.png"
    source.write_bytes(PHOTO.read_bytes())
    (tmp_path / "link.png").symlink_to(source)
    outcome = n6link(source, option, tmp_path / "link.png")
    assert outcome.exit_code == 2 and "is an input, which would be overwritten; choose another file" in outcome.stderr
    assert source.read_bytes() == PHOTO.read_bytes()
