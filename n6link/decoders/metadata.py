"""What files of a network's origin say about it: keys of a card, with their source.

=============================================  ====================================================================
file                                           keys
=============================================  ====================================================================
``.yaml`` of ST's model zoo                    labels, size, colours and values of the picture, anchors, thresholds
``metadata.yaml``, ``metadata.json`` of        task, labels, keypoints, letterbox and values of the picture
ultralytics, also in the ``.tflite``
``.tflite`` with TFLite's own metadata         labels, values of the picture
labels, one per line (``.txt``)                labels
=============================================  ====================================================================

A ``.tflite`` may have a zip archive after the network, with files of labels or the metadata of ultralytics. Files next to it are
read too: ``labels.txt``, ``NAME.txt``, ``NAME_labels.txt``, ``metadata.yaml``.

The data formats are those of: the documents of STM32 model zoo (``docs/README_TRAINING.md``, sections *preprocessing* and
*postprocessing*), files that ultralytics 8 exports, and TFLite's ``metadata_schema.fbs``.
"""

from __future__ import annotations

import ast
import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from n6link.decoders import metadata_tflite
from n6link.errors import BadInput, requires
from n6link.json_types import Json, JsonObject

MAX_BYTES: Final = 1 << 20
"""Larger files do not describe a network."""
PADDING: Final = 114
"""brightness of the bars of ultralytics' letterbox"""
_TASKS: Final = {"detect": "yolo", "pose": "yolo-pose", "classify": "image-classification"}
"""of ultralytics"""
_FITS: Final = {"fit": "stretch", "full_screen": "stretch", "crop": "crop", "padding": "letterbox"}
"""ST's ``fit`` does not keep the proportions: ASPECT_RATIO_FIT of its applications"""
_FILTERS: Final = {
    "nearest": "nearest",
    "bilinear": "bilinear",
    "bicubic": "bicubic",
    "area": "box",
    "lanczos3": "lanczos",
}
_COLOURS: Final = {"rgb": "rgb", "bgr": "bgr", "grayscale": "grey"}
_NUMBERED: Final = re.compile(r"(\d+)[\s:,]+(.+)")


@dataclass(frozen=True, slots=True)
class Facts:
    """Keys of a card that a file contains."""

    source: str
    """the file, for people"""
    keys: Mapping[str, Json] = field(default_factory=dict[str, Json])
    """values by dotted key, such as ``input.mean``; ``task`` is one of them"""


def read(path: Path) -> list[Facts]:
    """The facts in a file and, for a network, in the files next to it, the most reliable first.

    Raises:
        BadInput: the file cannot be read, or is none of those above.
        MissingExtra: a package is not installed.
    """
    suffix = path.suffix.lower()
    if suffix == ".tflite":
        own = list(_of_network(path))
        return own + [facts for beside in _beside(path) if beside.is_file() for facts in read(beside)]
    text = _text(path)
    if suffix == ".txt":
        return [Facts(path.name, {"labels": labels(text)})]
    if suffix not in (".yaml", ".yml", ".json"):
        raise BadInput(f"{str(path)!r} has an unknown suffix; use a .tflite, .yaml, .json or .txt file")
    return [_of_table(_parsed(text, path, suffix), path.name)]


def labels(text: str) -> list[str]:
    """Names, one per line; numbers before them that count the lines are removed."""
    lines = [line.strip() for line in text.removeprefix("\ufeff").splitlines() if line.strip()]
    numbered = [_NUMBERED.fullmatch(line) for line in lines]
    found = [match for match in numbered if match]
    if lines and len(found) == len(lines) and [int(match[1]) for match in found] == list(range(len(lines))):
        return [match[2] for match in found]
    return lines


def _beside(path: Path) -> Iterator[Path]:
    for name in ("labels.txt", f"{path.stem}.txt", f"{path.stem}_labels.txt", "metadata.yaml"):
        yield path.with_name(name)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadInput(f"{str(path)!r} has more than {MAX_BYTES} bytes; use the file that describes the network")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise BadInput(f"{str(path)!r} cannot be read: {reason}") from None


def _parsed(text: str, path: Path, suffix: str) -> JsonObject:
    try:
        if suffix == ".json":
            found: Json = json.loads(text)
        else:
            with requires("reading a .yaml file", "PyYAML", "yaml"):
                yaml: Any = import_module("yaml")
            found = yaml.safe_load(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{str(path)!r} cannot be read: {error}") from None
    except Exception as error:
        if type(error).__module__.startswith("yaml"):
            raise BadInput(f"{str(path)!r} is not YAML: {' '.join(str(error).split())}") from None
        raise
    if not isinstance(found, dict):
        raise BadInput(f"{str(path)!r} does not contain keys and values; use a file of the network's source")
    return found


# ---- networks


def _of_network(path: Path) -> Iterator[Facts]:
    inside = _archive(path)
    for name in ("metadata.json", "temp_meta.txt"):
        if name in inside and (table := _literal(inside[name])):
            yield _of_table(table, f"{name} in {path.name}")
    found = metadata_tflite.read(path)
    if found is None:
        return
    keys: dict[str, Json] = {}
    for name in found.labels:
        if name in inside:
            keys["labels"] = labels(inside[name])
            break
    if found.mean and len(found.mean) == len(found.std):
        keys |= {"input.mean": _number(found.mean), "input.std": _number(found.std)}
    if keys:
        yield Facts(f"metadata in {path.name}", keys)


def _archive(path: Path) -> dict[str, str]:
    """The texts in the archive after a network."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {
                item.filename: archive.read(item).decode("utf-8-sig", errors="replace")
                for item in archive.infolist()
                if item.file_size <= MAX_BYTES
            }
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError):
        return {}


def _literal(text: str) -> JsonObject:
    """The metadata of ultralytics: JSON, or, until version 8.3, a Python dictionary."""
    for read_ in (json.loads, ast.literal_eval):
        try:
            found: Json = read_(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(found, dict):
            return found
    return {}


# ---- tables


def _of_table(table: JsonObject, source: str) -> Facts:
    if "names" in table and ("task" in table or "imgsz" in table):
        return Facts(source, _ultralytics(table))
    return Facts(source, _zoo(table))


def _ultralytics(table: JsonObject) -> dict[str, Json]:
    task = str(table.get("task"))
    keys: dict[str, Json] = {"task": _TASKS[task]} if task in _TASKS else {}
    if names := _names(table["names"]):
        keys["labels"] = names
    points = table.get("kpt_names")
    if isinstance(points, dict) and points:
        points = next(iter(points.values()))
    if isinstance(points, list) and all(isinstance(name, str) for name in points):
        keys["keypoints"] = points
    if task == "classify":
        keys["input.fit"] = "crop"
    else:
        keys |= {"input.fit": "letterbox", "input.pad": PADDING}
    return keys | {"input.mean": 0, "input.std": 255}


def _zoo(table: JsonObject) -> dict[str, Json]:
    """Keys of a configuration file of ST's model zoo."""
    keys: dict[str, Json] = {}
    dataset, before = _section(table, "dataset"), _section(table, "preprocessing")
    after, resizing = _section(table, "postprocessing"), _section(before, "resizing")
    if names := _names(dataset.get("class_names")):
        keys["labels"] = names
    for key, value, known in (
        ("input.fit", resizing.get("aspect_ratio"), _FITS),
        ("input.resize", resizing.get("interpolation"), _FILTERS),
        ("input.colour", before.get("color_mode"), _COLOURS),
    ):
        if isinstance(value, str) and value.lower() in known:
            keys[key] = known[value.lower()]
    rescaling = _section(before, "rescaling")
    scale, offset = (_fraction(rescaling.get(name)) for name in ("scale", "offset"))
    if scale and offset is not None:
        keys |= {"input.mean": round(-offset / scale, 6) + 0.0, "input.std": round(1 / scale, 6)}
    if isinstance(rate := before.get("target_rate"), int):
        keys["input.rate"] = rate
    anchors = after.get("yolo_anchors")
    sides = [side for side in anchors if isinstance(side, int | float)] if isinstance(anchors, list) else []
    # Those of YOLOv2 are in cells of a grid whose size the file does not contain.
    if sides and len(sides) % 2 == 0 and all(0 < side <= 1 for side in sides):
        keys["anchors"] = [list(pair) for pair in zip(sides[::2], sides[1::2], strict=True)]
    if isinstance(overlap := after.get("NMS_thresh"), float) and 0 <= overlap <= 1:
        keys["decode.iou"] = overlap
    return keys


def _section(table: JsonObject, name: str) -> JsonObject:
    found = table.get(name)
    return found if isinstance(found, dict) else {}


def _names(value: Json) -> list[str]:
    """Names of classes: a list, or a table by number."""
    if isinstance(value, dict):
        try:
            rows = sorted((int(key), str(name)) for key, name in value.items())
        except (TypeError, ValueError):
            return []
        return [name for _, name in rows] if [key for key, _ in rows] == list(range(len(rows))) else []
    return [str(name) for name in value] if isinstance(value, list) else []


def _fraction(value: Json) -> float | None:
    """A number, also written as 1/127.5."""
    try:
        if isinstance(value, str):
            above, _, below = value.partition("/")
            return float(above) / float(below or 1)
        return float(value) if isinstance(value, int | float) else None
    except (ValueError, ZeroDivisionError):
        return None


def _number(values: Sequence[float]) -> Json:
    """One number if all are equal."""
    numbers = [int(value) if value == int(value) else round(value, 6) for value in values]
    return numbers[0] if len(set(numbers)) == 1 else numbers
