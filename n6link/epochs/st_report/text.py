"""Reads the text that ST Edge AI Core writes: generate and validate reports of 2.1, 2.2 and 4.0, and console logs.

The text is a sequence of parts, each begun by a title (:data:`_TITLES`) and ended by the next title or by a line of ``=``. For every part
one method knows the forms of its lines. A line of a known part that no form fits becomes a :class:`~n6link.epochs.st_report.model.Note`
with its number; so does a sum that does not agree with what was listed, as in a truncated file. Text outside of all parts (a
console log holds a whole build) is counted, and not looked at.

Forms that differ between versions::

    Total number of epochs: 407 of which 150 implemented in software          2.1, 2.2
    epoch 7      -SW-   (     Transpose      )
    Total number of epochs                               58                   4.0
    | epochs    1 -> 53 |  EC  |                          |

Units are B, kB = 1024 B, MB, GB; numbers may have thousands separators. Where the used ranges of a pool are given, its used bytes are
exact; else they are as exact as the three printed decimals.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from n6link.epochs.pools import Pool
from n6link.epochs.st_report.model import MAX_NOTES, BlockTime, Note, Report, Validation
from n6link.epochs.timers import EpochBlock, EpochTable
from n6link.json_types import Plain
from n6link.protocol import EpochKind

MAX_LINE: Final = 16384
"""Longer lines are not looked into."""

KINDS: Final = {
    "": EpochKind.HW,
    "HW": EpochKind.HW,
    "EC": EpochKind.EC,
    "SW": EpochKind.SW,
    "HYBRID": EpochKind.HYBRID,
    "HW/SW": EpochKind.HYBRID,
    "SW_HW": EpochKind.HYBRID,
    "EXTRA": EpochKind.EXTRA,
    "EXTRA HW": EpochKind.EXTRA,
}

MAX_ROUNDING: Final = 1024
"""Bytes by which a printed size may be wrong: half of the third decimal of a MB, doubled."""

_UNITS: Final = {
    "B": 1,
    "kB": 1024,
    "KB": 1024,
    "KiB": 1024,
    "MB": 1024**2,
    "MiB": 1024**2,
    "GB": 1024**3,
    "GiB": 1024**3,
}

_TITLES: Final = {
    "tool": r"ST Edge AI Core v\S+",
    "model": r"Model name\s+- ",
    "summary": r"Exec/report summary",
    "compilation": r"Compilation details",
    "pools": r"Memory usage information",
    "ranges": r"Used memory ranges",
    "epochs": r"Epochs details",
    "code_sizes": r"Requested memory size by section",
    "code_summary": r"Summary - \"",
    "files": r"Generated files \(",
    "data": r"Setting validation data",
    "run": r"Running the .*model",
    "runtime": r"Summary '",
    "profile": r"ST\.AI Profiling results",
    "times": r"Inference time per node",
    "tensors": r"Statistic per tensor",
    "saved": r"Saving validation data",
    "accuracy": r"Computing the metrics|Cross accuracy report",
    "metrics": r"Evaluation report",
    "end": r"Creating (?:txt|c \(debug\)|csv)|elapsed time \(|>>> |<<<< |Computing AI RT",
}
_FORMATS: Final = {"pools": "generate", "epochs": "generate", "profile": "validate", "times": "validate"}
"""Parts that make a text a report."""

_TITLE: Final = re.compile(r"\s*(?:" + "|".join(f"(?P<t_{name}>{text})" for name, text in _TITLES.items()) + ")")
_RULE: Final = re.compile(r"[\s\-+]*")
_END: Final = re.compile(r"={10,}\s*")
_ESCAPES: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

_NUMBER: Final = r"\d[\d,]{0,19}(?:\.\d{1,9})?"
_SIZE: Final = rf"\s*({_NUMBER})\s*([kKMG]?i?B)\s*"
_USED: Final = rf"(?:\(\s*{_NUMBER}\s*% used\s*\)\s*)?"
_PARTS: Final = rf"--\s*weights:{_SIZE}{_USED}activations:{_SIZE}{_USED}"
_POOL: Final = r"\s*(\S+)\s+\[\s*(0x[0-9A-Fa-f]{1,16})\s*-\s*(0x[0-9A-Fa-f]{1,16})\s*\]:"
_POOL_LINE: Final = re.compile(rf"{_POOL}{_SIZE}/{_SIZE}{_USED}{_PARTS}$")
_RANGES_LINE: Final = re.compile(rf"{_POOL}\s*(.+)")
_RANGE: Final = re.compile(r"(0x[0-9A-Fa-f]{1,16})\s*-\s*(0x[0-9A-Fa-f]{1,16})")
_TOTAL: Final = re.compile(rf"\s*Total:{_SIZE}{_PARTS}$")

_EPOCHS_2: Final = re.compile(r"\s*Total number of epochs:\s*(\d{1,9}) of which (\d{1,9}) implemented in software")
_EPOCHS_4: Final = re.compile(r"\s*(?:Total number of|>> pure|>>) (epochs|software|hybrid|hardware)\b.*?\s(\d{1,9})\b")
_EPOCH: Final = re.compile(
    r"\s*epoch (?P<first>\d{1,9})(?P<last>)\s+-?(?P<kind>[A-Z_/]+)-?\s*(?:\((?P<operation>.*)\))?$"
)
_EPOCH_ROW: Final = re.compile(
    r"\s*\|\s*epochs?[ _]+(?P<first>\d{1,9})(?:\s*->\s*(?P<last>\d{1,9}))?\s*"
    r"\|\s*(?P<kind>[A-Z_/]+)\s*\|(?P<operation>[^|]*)\|$"
)
_TIME_ROW: Final = re.compile(
    rf"\s*\d+\s+\S+\s+epoch(?: \((?P<kind>[^)]+)\))?\s+(?P<ms>{_NUMBER})\s+{_NUMBER}\s*%?\s+{_NUMBER}\s*%\s+"
    rf"\[\s*(?P<pre>\d[\d,]{{0,17}})\s+(?P<core>\d[\d,]{{0,17}})\s+(?P<post>\d[\d,]{{0,17}})\s*\]\s+"
    r"EpochBlock_(?P<first>\d{1,9})(?:\s*->\s*(?P<last>\d{1,9}))?$"
)
_TIME_TOTAL: Final = re.compile(rf"\s*total\s+({_NUMBER})\s+\[")
_TIME_REST: Final = re.compile(rf"\s*(?:c_id\s+m_id\s+type|{_NUMBER} inf/s\s|HW: {_NUMBER}\s*%)")
_DURATION: Final = re.compile(rf"({_NUMBER}) ms(?: by sample)?(?:\s*\(({_NUMBER})/({_NUMBER})/({_NUMBER})\))?")
_MACC: Final = re.compile(r"\s*(?:model: macc=|macc\s*:\s*)(\d[\d,]{0,19})\b")
_METRIC: Final = re.compile(r"-?\d{1,15}(\.\d{1,15})?(e-?\d{1,2})?")


def _number(text: str) -> float:
    """A number that may have thousands separators."""
    return float(text.replace(",", ""))


def _bytes(value: str, unit: str) -> int:
    return round(_number(value) * _UNITS[unit])


class TextReader:
    """Collects what the lines of one text say. ``feed`` it, then ask for the ``report``."""

    def __init__(self) -> None:
        self._part = ""
        self._line = 0
        self._fields: Plain = {}
        self._formats: list[str] = []
        self._pools: dict[str, Pool] = {}
        self._rows: list[EpochBlock] = []
        self._announced: dict[str, int] = {}
        self._blocks: list[BlockTime] = []
        self._run: Plain = {}
        self._columns: list[str] = []
        self._notes: list[Note] = []
        self._more = 0
        self._skipped: Counter[str] = Counter()
        self._readers: dict[str, Callable[[str], bool]] = {
            "tool": self._read_head,
            "model": self._read_model,
            "summary": self._read_summary,
            "compilation": self._read_compilation,
            "pools": self._read_pools,
            "ranges": self._read_ranges,
            "epochs": self._read_epochs,
            "runtime": self._read_runtime,
            "profile": self._read_profile,
            "times": self._read_times,
            "metrics": self._read_metrics,
        }

    def feed(self, lines: Iterable[str]) -> None:
        """Reads the lines of a text, without their ends."""
        for raw in lines:
            self._line += 1
            if len(raw) > MAX_LINE:
                self._note(f"A line of {len(raw)} characters was not looked into", raw[:MAX_LINE])
                continue
            line = _ESCAPES.sub("", raw).rstrip()
            if _RULE.fullmatch(line) or self._begin(line):
                continue
            reader = self._readers.get(self._part)
            if _END.fullmatch(line):
                self._part = ""
            elif reader is None:
                self._skipped[self._part or "other text"] += 1
            elif not reader(line):
                self._note(f"Not understood in the part '{self._part}'", line)

    def report(self, source: str) -> Report | None:
        """What was read, or None if there was no part of a report in it."""
        if not self._formats:
            return None
        table = EpochTable.from_blocks(self._rows) if self._rows else None
        self._check(table)
        return Report(
            source,
            tuple(dict.fromkeys(self._formats)),
            pools=tuple(self._pools.values()),
            table=table,
            validation=Validation(tuple(self._blocks), **self._run) if self._blocks or self._run else None,
            notes=tuple(self._notes),
            more_notes=self._more,
            skipped=dict(self._skipped),
            **self._fields,
        )

    def _note(self, reason: str, line: str = "") -> None:
        if len(self._notes) < MAX_NOTES:
            self._notes.append(Note(self._line, line.strip()[:120], reason))
        else:
            self._more += 1

    def _begin(self, line: str) -> bool:
        """Begins a part if the line is a title."""
        match = _TITLE.match(line)
        if match is None or match.lastgroup is None:
            return False
        name, title = match.lastgroup.removeprefix("t_"), match.group(match.lastgroup)
        self._part = "" if name == "end" else name
        if name == "tool":
            self._fields.setdefault("tool", title.removeprefix("ST Edge AI Core v"))
        elif name == "model":
            self._fields.setdefault("network", line[match.end() :].strip())
        elif name in _FORMATS:
            self._formats.append(_FORMATS[name])
        listed: dict[str, dict[str, Pool] | list[EpochBlock] | list[BlockTime]]
        listed = {"pools": self._pools, "epochs": self._rows, "times": self._blocks}
        if known := listed.get(name):
            self._note(f"A second part '{name}' replaces the first one", line)
            known.clear()
        return True

    # ------------------------------------------------------------------------------------------ generate

    def _read_head(self, line: str) -> bool:
        if match := re.match(r"Created date\s*:\s*(.+)", line):
            self._fields.setdefault("created", match[1])
        else:
            self._skipped["other text"] += 1
        return True

    def _read_model(self, line: str) -> bool:
        if match := _MACC.match(line):
            self._fields["macc"] = int(_number(match[1]))
        else:
            self._skipped["model"] += 1
        return True

    def _read_summary(self, line: str) -> bool:
        if match := re.match(r"\s*model_name\s*:\s*(.+)", line):
            self._fields.setdefault("network", match[1])
        elif match := _MACC.match(line):
            self._fields.setdefault("macc", int(_number(match[1])))
        else:
            self._skipped["summary"] += 1
        return True

    def _read_compilation(self, line: str) -> bool:
        if match := re.match(r"Compiler version:\s*(\S+)", line):
            self._fields["compiler"] = match[1]
        return match is not None or line.startswith("Compiler arguments:")

    def _read_pools(self, line: str) -> bool:
        if match := _TOTAL.match(line):
            used, weights, activations = (_bytes(match[i], match[i + 1]) for i in (1, 3, 5))
            self._fields["total"] = Pool("Total", 0, 0, used, weights, activations)
        elif match := _POOL_LINE.match(line):
            used, size, weights, activations = (_bytes(match[i], match[i + 1]) for i in (4, 6, 8, 10))
            base, end = int(match[2], 16), int(match[3], 16)
            self._pools[match[1]] = Pool(match[1], base, end - base if end > base else size, used, weights, activations)
        return match is not None

    def _read_ranges(self, line: str) -> bool:
        """A pool's used ranges make its used bytes exact, unless they are no nearer than the printed decimals."""
        match = _RANGES_LINE.match(line)
        if match is None:
            return False
        ranges = _RANGE.findall(match[4])
        exact = sum(int(end, 16) - int(begin, 16) for begin, end in ranges)
        pool = self._pools.get(match[1])
        if pool and abs(exact - pool.used) <= MAX_ROUNDING:
            weights, activations = (exact if part == pool.used else part for part in (pool.weights, pool.activations))
            self._pools[match[1]] = replace(pool, used=exact, weights=weights, activations=activations)
        return bool(ranges)

    def _read_epochs(self, line: str) -> bool:
        if match := _EPOCH.match(line) or _EPOCH_ROW.match(line):
            first = int(match["first"])
            return self._add(
                first, int(match["last"] or first), match["kind"], (match["operation"] or "").strip(), line
            )
        if match := _EPOCHS_2.match(line):
            self._announced |= {"epochs": int(match[1]), "software": int(match[2])}
        elif match := _EPOCHS_4.match(line):
            self._announced[match[1]] = int(match[2])
        return match is not None or line.lstrip("| ").startswith("epoch ID")

    def _add(self, first: int, last: int, kind: str, operation: str, line: str) -> bool:
        """Adds an epoch; neighbouring EC epochs that are listed one by one are one blob."""
        if kind not in KINDS or last < first:
            return False
        before = self._rows[-1] if self._rows else None
        if before and first <= before.last:
            self._note("An epoch comes twice, or out of order, and was left out", line)
        elif before and before.kind is KINDS[kind] is EpochKind.EC and "|" not in line and first == before.last + 1:
            self._rows[-1] = replace(before, last=last)
        else:
            self._rows.append(EpochBlock(0, KINDS[kind], first, last, operation))
        return True

    def _check(self, table: EpochTable | None) -> None:
        """Compares what the report announces with what it lists."""
        self._line = 0
        counts = table.counts if table else dict.fromkeys(EpochKind, 0)
        listed = {
            "epochs": sum(counts.values()),
            "software": counts[EpochKind.SW],
            "hybrid": counts[EpochKind.HYBRID],
            "hardware": counts[EpochKind.HW] + counts[EpochKind.EC],
        }
        for name, announced in self._announced.items():
            if announced != listed[name]:
                what = name if name == "epochs" else f"{name} epochs"
                self._note(f"The report announces {announced} {what}, and lists {listed[name]}")
        total = self._fields.get("total")
        used = sum(pool.used for pool in self._pools.values())
        if total and abs(total.used - used) > MAX_ROUNDING * (len(self._pools) + 1):
            self._note(f"The pools add up to {used} bytes, and the report's total is {total.used}")

    # ------------------------------------------------------------------------------------------ validate

    def _read_runtime(self, line: str) -> bool:
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
        return bool(value) or line.lstrip().startswith("Warning:")

    def _read_profile(self, line: str) -> bool:
        key, _, value = line.partition(" : ")
        key, value = key.strip(), value.strip()
        if key.startswith("nb sample") and value.isdigit():
            self._run["samples"] = int(value)
        elif key == "duration" and (match := _DURATION.match(value)):
            names = ("seconds", "min", "max", "deviation")
            self._run |= {name: _number(match[i]) / 1e3 for i, name in enumerate(names, 1) if match[i]}
        return bool(value)

    def _read_times(self, line: str) -> bool:
        if match := _TIME_ROW.match(line):
            kind, first = match["kind"] or "", int(match["first"])
            if kind.upper() not in KINDS:
                return False
            pre, core, post = (int(_number(match[name])) for name in ("pre", "core", "post"))
            where = KINDS[kind.upper()], first, int(match["last"] or first)
            self._blocks.append(BlockTime(_number(match["ms"]) / 1e3, pre, core, post, *where))
        elif match := _TIME_TOTAL.match(line):
            self._run.setdefault("seconds", _number(match[1]) / 1e3)
        return match is not None or _TIME_REST.match(line) is not None

    def _read_metrics(self, line: str) -> bool:
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
