"""The tutorial notebook runs as it is: in a kernel of Jupyter, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

NOTEBOOK: Final = Path(__file__).resolve().parents[1] / "examples" / "tutorial.ipynb"
RUN: Final = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], 4)
NotebookClient(notebook, timeout=250, kernel_name="python3").execute()
nbformat.write(notebook, sys.argv[2])
"""


def cells(path: Path) -> list[dict[str, Any]]:
    """The code cells of a notebook."""
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]


def test_it_is_kept_without_outputs() -> None:
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells(NOTEBOOK))


def test_every_cell_runs_and_shows_its_object(virtual_board: None, tmp_path: Path) -> None:
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    target = tmp_path / "done.ipynb"
    done = subprocess.run(
        [sys.executable, "-c", RUN, NOTEBOOK, target], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    shown = [
        {kind for output in cell["outputs"] for kind in output.get("data", {"text/plain": ""})}
        for cell in cells(target)
    ]
    pages = [
        "".join(output["data"]["text/html"])
        for cell in cells(target)
        for output in cell["outputs"]
        if "text/html" in output.get("data", {})
    ]
    assert sum("image/png" in kinds for kinds in shown) == 1, "the drawing"
    for text in (
        "pose-heatmap",
        "110,592",
        "left_wrist",
        "input sent to the board",
        "slowest blocks",
        "StreamStats",
        "closed",
    ):
        assert any(text in page for page in pages), text
    texts = "".join("".join(output.get("text", "")) for cell in cells(target) for output in cell["outputs"])
    assert "has shape (1, 192, 192, 3), got float32 of shape (3, 3)" in texts
