"""Fuzzes a target in Python, with the options of libFuzzer: ``python -m fuzzing.run_python NAME OPTION... CORPUS...``."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import atheris


def main() -> None:
    """Runs until an option of libFuzzer ends the process."""
    name = sys.argv.pop(1)
    # atheris instruments modules that the standard finder loads, but not those of an editable installation.
    sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in type(finder).__module__]
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    with atheris.instrument_imports(include=["n6link"]):
        target = importlib.import_module(f"fuzzing.{name}")
    sys.argv[0] = (
        f"{sys.executable} -m fuzzing.run_python {name}"  # libFuzzer starts this command again to merge corpora
    )
    atheris.Setup(sys.argv, target.one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
