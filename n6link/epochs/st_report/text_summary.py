"""Data of the whole build in a text: versions, names, sizes, and, for a network on the CPU, its layers by type."""

from __future__ import annotations

import re
from typing import Final

from n6link.epochs.st_report.model import DEFAULT_NAME, Work, argument
from n6link.epochs.st_report.numbers import whole
from n6link.json_types import Plain

_MACC: Final = re.compile(r"\s*(?:model: macc=|macc\s*:\s*)(\d[\d,]{0,19})\b")
_LAYER: Final = re.compile(
    r"\s*\d+\s+\S+\s+\d+\s+(?P<type>[A-Za-z]\S{0,80})\s+(?P<macc>\d[\d,]{0,19})\s+\d[\d,]{0,19}\s"
)
_BYTES: Final = re.compile(r"(\d[\d,]{0,19}) B\b")
_NO_COMPILER: Final = "0.0.0-0000"
"""Written by 2.0 instead of the compiler's version."""
_NAMES: Final = {"model_name": "network", "c_name": "name", "target/series": "series"}


class SummaryPart:
    """Collects fields of the report."""

    def __init__(self) -> None:
        self.fields: Plain = {}
        self.layers: dict[str, Work] = {}
        self._memory = [0, 0]

    @property
    def values(self) -> Plain:
        """The fields that were read, by name."""
        return self.fields | {"layers": self.layers, "memory": tuple(self._memory)}

    def set(self, name: str, value: str) -> None:
        """Sets a field, unless it has a value: the first of several runs in a log is used."""
        if value:
            self.fields.setdefault(name, value)

    def read_head(self, line: str) -> bool:
        """Reads a line after the version of the tool."""
        if match := re.match(r"\s*(Created date|Parameters)\s*:\s*(.+)", line):
            self.set("created" if match[1] == "Created date" else "arguments", match[2].strip())
            if match[1] == "Parameters":
                self.set("name", argument(match[2], "--name", "-n") or DEFAULT_NAME)
        return match is not None

    def read_summary(self, line: str) -> bool:
        """Reads a line ``key : value`` of the summary."""
        key, _, value = line.partition(" : ")
        key, value = key.strip(), value.strip()
        if key in _NAMES:
            self.set(_NAMES[key], value)
        elif key in ("weights (ro)", "activations (rw)") and (match := _BYTES.match(value)):
            place = 0 if key.startswith("weights") else 1
            self._memory[place] = self._memory[place] or whole(match[1])
        else:
            return self.read_macc(line)
        return True

    def read_macc(self, line: str) -> bool:
        """Reads the multiply-accumulates; the tool writes 0 if they are unknown."""
        match = _MACC.match(line)
        if match and whole(match[1]):
            self.fields.setdefault("macc", whole(match[1]))
        return match is not None

    def read_compilation(self, line: str) -> bool:
        """Reads a line on the Neural-ART compiler."""
        if match := re.match(r"\s*Compiler version:\s*(\S+)", line):
            self.set("compiler", match[1] if match[1] != _NO_COMPILER else "")
        return match is not None or line.lstrip().startswith("Compiler arguments:")

    def read_layer(self, line: str) -> bool:
        """Reads a row of the table of layers; other rows continue the row before."""
        if match := _LAYER.match(line):
            known = self.layers.get(match["type"], Work(0, 0))
            self.layers[match["type"]] = Work(known.layers + 1, known.macc + whole(match["macc"]))
        return match is not None
