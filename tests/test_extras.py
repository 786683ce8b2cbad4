"""Without a package of an extra, what needs it raises one kind of error with the command that installs it."""

from __future__ import annotations

import ast
import io
import re
import sys
import tomllib
from collections.abc import Callable
from importlib import import_module, util
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

import n6link
from n6link import networks
from n6link.errors import MissingExtra

ROOT: Final = Path(__file__).resolve().parents[1]
EXTRAS: Final = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
MODEL: Final = networks.FOLDER / "movenet13" / "movenet13_192_int8.tflite"
GREY: Final = np.zeros((8, 8, 3), np.uint8)
NAMES: Final = {"litert": "ai-edge-litert", "opencv": "opencv-python-headless"}
"""packages that have a shorter name in messages"""
NO_NEED: Final = {"all", "serialx"}
"""extras of others, and one that is used only where it is installed"""


def call(module: str, function: str, *arguments: object, **options: object) -> Callable[[], Any]:
    """A call of a function of the package, whose module is imported then."""
    return lambda: getattr(import_module(f"n6link.{module}"), function)(*arguments, **options)


def tokenizer() -> Any:
    from n6link.tensors import card
    from n6link.text.tokens import load_tokenizer

    return load_tokenizer(card.read(networks.FOLDER / "tinybert" / "tinybert.toml"))


def page() -> Any:
    import typer

    from n6link.cli import app

    commands: Any = typer.main.get_command(app)
    return commands.commands["view"].main(["--listen", "127.0.0.1:0"], standalone_mode=False)


NEEDED: Final[list[tuple[str, str, Callable[[], Any]]]] = [
    ("sim", "ai_edge_litert", call("epochs.predict.tflite", "read_tflite", MODEL)),
    ("sim", "ai_edge_litert", call("transport.sim", "find_litert")),
    ("vision", "PIL", call("tensors.image", "load", networks.PHOTO)),
    ("vision", "PIL", call("decoders.draw_result", "draw", GREY, [])),
    ("text", "tokenizers", tokenizer),
    ("yaml", "yaml", lambda: import_module("n6link.decoders.metadata").read(Path("a.yaml"))),
    ("sound", "soundfile", call("tensors.sound", "read", io.BytesIO(), "a.wav", 8000, resample=False)),
    ("camera", "cv2", lambda: next(import_module("n6link.cli.video").camera(0))),
    ("evaluate", "faster_coco_eval", call("evaluation.coco", "Evaluation", "bbox", [], [], [], [])),
    ("web", "starlette", page),
    ("dask", "distributed", lambda: import_module("n6link.dask")),
    ("zenoh", "zenoh", call("bridge.link", "open_session")),
    ("mcap", "mcap", call("robotics.mcap_file", "McapFile", "a.mcap")),
]
"""the extra, its module, and what needs it"""


@pytest.mark.parametrize(("extra", "module", "use"), NEEDED)
def test_a_missing_package_is_one_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, extra: str, module: str, use: Callable[[], Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text("a: 1")
    found = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda name, *more: None if name == module else found(name, *more))
    for name in [module, *(name for name in sys.modules if name.startswith(f"{module}."))]:
        monkeypatch.setitem(sys.modules, name, None)
    for name in ("view", "dask"):
        if f"n6link.{name}" in sys.modules:
            monkeypatch.setattr(n6link, name, sys.modules[f"n6link.{name}"])  # the next import changes it
    for name in [name for name in sys.modules if name.startswith(("n6link.view", "n6link.dask"))]:
        monkeypatch.delitem(sys.modules, name)  # imported by another test, with its package
    with pytest.raises(MissingExtra, match=rf"requires .*; install it with: pip install 'n6link\[{extra}\]'"):
        use()


def test_every_extra_is_in_the_table() -> None:
    assert {extra for extra, *_ in NEEDED} == set(EXTRAS) - NO_NEED


def test_the_command_of_every_message_installs_the_package() -> None:
    """Each call of requires() in the package names an extra that has the package."""
    constants = {"PILLOW": ("Pillow", "vision")}
    seen: set[str] = set()
    for path in (ROOT / "n6link").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "requires":
                words: list[str | None] = []
                for argument in node.args[1:]:
                    if isinstance(argument, ast.Starred) and isinstance(argument.value, ast.Name):
                        words += constants[argument.value.id]
                    else:
                        words.append(argument.value if isinstance(argument, ast.Constant) else None)  # type: ignore[arg-type]
                package, extra = words
                assert extra in EXTRAS, path
                seen.add(str(extra))
                if package is not None:
                    named = {NAMES.get(name, name) for name in package.lower().split(" and ")}
                    packages = {re.split(r"[<>=]", line)[0] for line in EXTRAS[extra]}
                    assert named <= packages, f"{path}: {package} is not in the extra {extra}: {packages}"
    assert seen == set(EXTRAS) - NO_NEED


def test_the_extra_all_has_everything_that_is_small() -> None:
    named = set(re.findall(r"[\w]+", EXTRAS["all"][0].partition("[")[2]))
    assert named == set(EXTRAS) - {"all", "camera", "dask", "serialx", "zenoh"}
