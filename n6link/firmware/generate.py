"""``stedgeai generate`` for a model file: the step before a firmware is built, where ST Edge AI Core is installed."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from n6link.errors import BadInput, ToolError
from n6link.firmware import folder
from n6link.firmware.boards import Board
from n6link.firmware.process import Command, run

SUFFIXES: Final = frozenset({".tflite", ".onnx", ".keras", ".h5"})
"""Model formats of ``stedgeai``."""


def command(program: Path, model: Path, name: str, neural_art: str, output: Path, options: Sequence[str]) -> Command:
    """The command; ``--name`` is also the C name, so that several networks fit into one firmware."""
    fixed: Command = [program, "generate", "--model", model, "--target", "stm32n6", "--st-neural-art", neural_art]
    return [*fixed, "--name", name, "--output", output, "--workspace", output / "workspace", *options]


def check_neural_art(neural_art: str | None, model: Path, board: Board) -> str:
    """The option ``--st-neural-art``, with the absolute path of its file.

    Raises:
        BadInput: it is missing, or its file is.
    """
    example = f"Model/user_neuralart_{board.product}.json of ST's STM32N6-GettingStarted-PoseEstimation, with the folder my_mpools next to it"
    if neural_art is None:
        raise BadInput(
            f"{model} is a model: add --st-neural-art PROFILE@FILE.json with a memory pool file for {board.product}; an example is {example}"
        )
    profile, sign, file = neural_art.rpartition("@")
    if not sign or not Path(file).is_file():
        raise BadInput(
            f"--st-neural-art {neural_art!r} must be PROFILE@FILE.json with an existing file, such as {example}"
        )
    return f"{profile}@{Path(file).resolve()}"


def generate(
    program: Path, model: Path, name: str, neural_art: str, output: Path, options: Sequence[str], log: Path
) -> Path:
    """Generates into an empty folder, which is returned.

    Raises:
        BadInput: the name cannot be a C name, or the model does not exist.
        ToolError: ``stedgeai`` failed.
    """
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise BadInput(f"{name!r} cannot be the C name of a network; pass the model as NAME={model}")
    if not model.is_file():
        raise BadInput(f"there is no model {str(model)!r}; check the name")
    with folder.writing(output):
        if output.exists():
            shutil.rmtree(output)  # files of two runs do not belong together
        output.mkdir(parents=True)
    done = run(command(program, model.resolve(), name, neural_art, output, options), log)
    if done.code:
        raise ToolError(f"stedgeai generate failed for {model}: {done.tail}; see {log}")
    return output
