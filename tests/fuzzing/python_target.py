"""Runs a target under atheris, with the options of libFuzzer: ``python -m fuzzing.python_target NAME OPTION... CORPUS``."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import atheris


def main() -> None:
    """Has atheris count the branches of the link and of the target."""
    name = sys.argv.pop(1)
    # The loader of an editable installation hides the modules from atheris: they are imported from their folder instead.
    sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in type(finder).__module__]
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    with atheris.instrument_imports(include=["n6link.link", "n6link.protocol", "fuzzing"]):
        target = importlib.import_module(f"fuzzing.{name}")
    sys.argv[0] = f"{sys.executable} -m fuzzing.python_target {name}"  # what libFuzzer starts again to merge corpora
    atheris.Setup(sys.argv, target.one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
