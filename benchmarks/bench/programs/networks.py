"""Networks that compute nothing, written by a module of the tests."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests"))
from tflite import write_filled

__all__ = ["write_filled"]
