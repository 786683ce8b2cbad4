"""A validation in a text: device, times of the inference and of its blocks, and accuracy.

Rows of blocks differ between versions::

    0   -   epoch (EC)           15.781  36.75%   36.75%  [ 22,993  9,440,048  5,849 ]   EpochBlock_1 -> 64
    0   -   epoch - Conv2D_PW     0.199  53.27%   53.27%  [ 15,174    100,202  3,726 ]   EpochBlock_2               4.0
    2   -   epoch (extra HW.6)    0.079   0.18%   37.11%  [ 32,823      1,740 12,565 ]   EpochBlock_65 (6)          4.0
    0   11  Conv2D (0x103)        0.144    2.4%     2.4%     ai_node_0                                              a layer, on a CPU
"""

from __future__ import annotations

import re
from typing import Final

from n6link.epochs.st_report.model import BlockTime, Validation
from n6link.epochs.st_report.numbers import NUMBER, number, whole
from n6link.epochs.st_report.text_epochs import KINDS
from n6link.json_types import Plain

_COUNT: Final = r"\d[\d,]{0,17}"
_BLOCK: Final = re.compile(
    rf"\s*\d+\s+\S+\s+epoch(?: \((?P<kind>[^)]+)\))?(?: - (?P<operation>\S{{1,80}}))?\s+(?P<ms>{NUMBER})\s+{NUMBER}\s*%?\s+{NUMBER}\s*%\s+"
    rf"\[\s*(?P<pre>{_COUNT})\s+(?P<core>{_COUNT})\s+(?P<post>{_COUNT})\s*\]\s+"
    r"EpochBlock_(?P<first>\d{1,9})(?:\s*->\s*(?P<last>\d{1,9}))?(?:\s*\(\d{1,9}\))?$"
)
_LAYER: Final = re.compile(rf"\s*(?:\d+|n/a)\s+\S+\s+(?!epoch\b)\S.{{0,80}}?\s{NUMBER}\s+{NUMBER}\s*%\s+{NUMBER}\s*%\s")
_TOTAL: Final = re.compile(rf"\s*total\s+({NUMBER})\s*(?:\[|$)")
_REST: Final = re.compile(rf"\s*(?:c_id\s+m_id\s+type|{NUMBER} inf/s\s|HW: {NUMBER}\s*%)")
_DURATION: Final = re.compile(rf"({NUMBER}) ms(?: by sample)?(?:\s*\(({NUMBER})/({NUMBER})/({NUMBER})\))?")
_METRIC: Final = re.compile(r"-?\d{1,15}(\.\d{1,15})?(e-?\d{1,2})?")


class RunPart:
    """Collects a validation."""

    def __init__(self) -> None:
        self._blocks: list[BlockTime] = []
        self._run: Plain = {}
        self._columns: list[str] = []

    def __bool__(self) -> bool:
        return bool(self._blocks)

    def forget_blocks(self) -> None:
        """The blocks of another run follow; the figures of its whole inference were already read."""
        self._blocks.clear()

    def validation(self) -> Validation | None:
        """The validation, or None if there is none."""
        return Validation(tuple(self._blocks), **self._run) if self._blocks or self._run.keys() - {"mode"} else None

    def begin(self, line: str) -> None:
        """Reads the title, which contains the place of the run."""
        if match := re.search(r"\bmode=(\w{1,20})", line):
            self._run["mode"] = match[1].upper()

    def read_runtime(self, line: str) -> bool:
        """Reads a line of the summary of the runtime."""
        key, _, value = line.partition(" : ")
        key, value = key.strip(), value.strip()
        if key == "runtime lib":
            self._run["runtime"] = value
        elif key == "device.desc":
            self._run["device"] = value
            if match := re.search(r"@(\d{1,5})/\d+MHz", value):
                self._run.setdefault("cpu_hz", float(match[1]) * 1e6)
        elif key == "device.attrs":
            for name, clock in re.findall(r"\b(mcu|npu)_freq=(\d{1,5})MHz", value):
                self._run["cpu_hz" if name == "mcu" else "npu_hz"] = float(clock) * 1e6
        return bool(value) or re.match(r"\s*(?:Warning:|NOTE:|on the host machine)", line, re.IGNORECASE) is not None

    def read_profile(self, line: str) -> bool:
        """Reads a line of the figures of the whole inference."""
        key, _, value = line.partition(" : ")
        key, value = key.strip(), value.strip()
        if key.startswith("nb sample") and value.isdigit():
            self._run["samples"] = int(value)
        elif key == "duration" and (match := _DURATION.match(value)):
            names = ("seconds", "min", "max", "deviation")
            self._run |= {name: number(match[i]) / 1e3 for i, name in enumerate(names, 1) if match[i]}
        return bool(value)

    def read_times(self, line: str) -> bool:
        """Reads a row of the times of blocks or layers."""
        if match := _BLOCK.match(line):
            kind = KINDS.get(re.sub(r"\.\d+$", "", (match["kind"] or "").upper()))
            if kind is None:
                return False
            first = int(match["first"])
            pre, core, post = (whole(match[name]) for name in ("pre", "core", "post"))
            where = kind, first, int(match["last"] or first)
            self._blocks.append(BlockTime(number(match["ms"]) / 1e3, pre, core, post, *where, match["operation"] or ""))
        elif match := _TOTAL.match(line):
            self._run.setdefault("seconds", number(match[1]) / 1e3)
        return match is not None or _REST.match(line) is not None or _LAYER.match(line) is not None

    def read_metrics(self, line: str) -> bool:
        """Reads a line of the evaluation report."""
        cells = re.split(r"\s{2,}", line.strip())
        if cells[0] == "Output":
            self._columns = cells
        elif self._columns and len(cells) == len(self._columns):
            values = self._run.setdefault("metrics", {})
            for name, cell in zip(self._columns, cells, strict=True):
                if _METRIC.fullmatch(cell):
                    values.setdefault(name, float(cell))
        else:
            return re.match(r"\s*\w+\s*: ", line) is not None
        return True
