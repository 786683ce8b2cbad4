"""Reads text of ST Edge AI Core: reports of 2.0 to 4.0, and console logs of this tool, STM32CubeMX and STM32Cube AI Studio.

The text is a sequence of parts. A part starts with a title (:data:`_TITLES`) and ends at the next title or at a line of ``=``. For every
part one method reads the forms of its lines; they are in ``text_*.py``. A line of a known part without a matching form becomes a
:class:`~n6link.epochs.st_report.model.Note` with its number, and so does a sum that differs from the listed values, as in a truncated
file. Text outside of all parts (a console log contains a whole build) is counted, and searched only for errors of the tool.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from n6link.epochs.st_report.lines import MAX_LINE, clean
from n6link.epochs.st_report.model import MAX_NOTES, Note, Report
from n6link.epochs.st_report.text_epochs import EpochsPart
from n6link.epochs.st_report.text_pools import PoolsPart
from n6link.epochs.st_report.text_run import RunPart
from n6link.epochs.st_report.text_summary import SummaryPart

_TITLES: Final = {
    "tool": r"ST Edge AI Core v\S+",
    "model": r"Model name\s+- ",
    "summary": r"Exec/report summary",
    "compilation": r"Compilation details",
    "pools": r"Memory usage information",
    "ranges": r"Used memory ranges",
    "epochs": r"Epochs details",
    "sections": r"Requested memory size by section",
    "code_summary": r"Summary - \"",
    "graph": r"Generated C-graph summary|C-Arrays \(|Complexity report|Memory-pools summary|Number of operation",
    "layers": r"C-Layers \(",
    "files": r"Generated files \(",
    "data": r"Setting validation data",
    "run": r"Running the .*model",
    "runtime": r"Summary '",
    "profile": r"ST\.AI Profiling results",
    "times": r"Inference time per node",
    "tensors": r"Statistic per tensor",
    "saved": r"Saving validation data",
    "accuracy": r"Computing the metrics|Cross accuracy report|Accuracy report",
    "metrics": r"Evaluation report",
    "end": r"Creating (?:txt|c \(debug\)|csv)|elapsed time \(|>>> |<<<< |Computing AI RT",
}
_FORMATS: Final = {"pools": "generate", "epochs": "generate", "profile": "validate", "times": "validate"}
"""A text with one of these parts is a report."""
_CUT: Final = frozenset({"pools", "ranges", "epochs"})
"""Parts that end with a line of ``=``."""
_LOOSE: Final = frozenset({"", "model", "summary", "tool", "layers", "sections"})
"""Parts with only some lines of interest."""

_TITLE: Final = re.compile(r"\s*(?:" + "|".join(f"(?P<t_{name}>{text})" for name, text in _TITLES.items()) + ")")
_RULE: Final = re.compile(r"[\s\-+]*")
_END: Final = re.compile(r"={10,}\s*")
_TOOL: Final = re.compile(r"\bST Edge AI Core v(\S+)")
_ERROR: Final = re.compile(
    r"(?:^\s*|\berror: )((?:E\d{3}\(\w{1,40}\)|[A-Z]{3,10} ERROR|NOT IMPLEMENTED|INTERRUPT): .+?)(?:\. Please check the report\b.*)?$"
)
"""ST's categories of errors, alone on a line or in the summary of STM32Cube AI Studio."""
_MAX_ERROR: Final = 300


class TextReader:
    """Collects the data of one text: call ``feed``, then ``report``."""

    def __init__(self) -> None:
        self._part = ""
        self._line = 0
        self._formats: list[str] = []
        self._errors: list[str] = []
        self._notes: list[Note] = []
        self._more = 0
        self._skipped: Counter[str] = Counter()
        self._summary = SummaryPart()
        self._pools = PoolsPart()
        self._epochs = EpochsPart()
        self._run = RunPart()

    def _reader(self) -> Callable[[str], bool | str] | None:
        """The method for the lines of the present part."""
        return {
            "": self._summary.read_macc,
            "tool": self._summary.read_head,
            "model": self._summary.read_macc,
            "summary": self._summary.read_summary,
            "compilation": self._summary.read_compilation,
            "layers": self._summary.read_layer,
            "pools": self._pools.read_pool,
            "ranges": self._pools.read_ranges,
            "sections": self._pools.read_section,
            "epochs": self._epochs.read,
            "runtime": self._run.read_runtime,
            "profile": self._run.read_profile,
            "times": self._run.read_times,
            "metrics": self._run.read_metrics,
        }.get(self._part)

    def feed(self, lines: Iterable[str]) -> None:
        """Reads the lines of a text, with or without their ends."""
        for self._line, line in clean(lines):
            if len(line) > MAX_LINE:
                self._note(f"a line of {len(line)} characters was not read", line)
                continue
            if error := _ERROR.search(line):
                self._errors.append(error[1].strip()[:_MAX_ERROR])
                self._part = ""
                if tool := _TOOL.search(line):
                    self._summary.set("tool", tool[1])
            if _RULE.fullmatch(line) or self._begin(line) or error:
                continue
            reader = self._reader()
            if _END.fullmatch(line):
                self._part = ""
            elif reader is None or (not (understood := reader(line)) and self._part in _LOOSE):
                self._skipped[self._part or "other text"] += 1
            elif understood is not True:
                self._note(understood or f"not understood in the part '{self._part}'", line)

    def report(self, source: str) -> Report | None:
        """The report, or None if the text does not contain a part of a report."""
        table, validation, values = self._epochs.table(), self._run.validation(), self._summary.values
        last, self._line = self._line, 0
        for contradiction in (*self._epochs.contradictions(), *self._pools.contradictions()):
            self._note(contradiction)
        if self._part in _CUT and self._notes:
            self._line = last
            self._note(f"the text ends in the part '{self._part}'; it may be truncated")
        formats = self._formats or ["failed"] * bool(self._errors)
        if not formats:
            return None
        if str(values.get("arguments")).startswith("analyze"):
            formats = ["analyze" if form == "generate" else form for form in formats]
        return Report(
            source,
            tuple(dict.fromkeys(formats)),
            pools=tuple(self._pools.pools.values()),
            total=self._pools.total,
            table=table,
            validation=validation,
            errors=tuple(dict.fromkeys(self._errors)),
            notes=tuple(self._notes),
            more_notes=self._more,
            skipped=dict(self._skipped),
            **values,
        )

    def _note(self, reason: str, line: str = "") -> None:
        if len(self._notes) < MAX_NOTES:
            self._notes.append(Note(self._line, line.strip()[:120], reason))
        else:
            self._more += 1

    def _begin(self, line: str) -> bool:
        """Starts a part if the line is a title."""
        match = _TITLE.match(line)
        if match is None or match.lastgroup is None:
            return False
        name = match.lastgroup.removeprefix("t_")
        self._part = "" if name == "end" else name
        if name == "tool" and (tool := _TOOL.search(line)):
            self._summary.set("tool", tool[1])
        elif name == "model":
            self._summary.set("network", line[match.end() :].strip())
        elif name == "run":
            self._run.begin(line)
        elif name == "summary" and (command := re.search(r"\((generate|analyze)\)", line)):
            self._formats.append(command[1])
        elif name in _FORMATS and not (_FORMATS[name] == "generate" and "analyze" in self._formats):
            self._formats.append(_FORMATS[name])
        self._restart(name, line)
        return True

    def _restart(self, name: str, line: str) -> None:
        """A log may contain several runs: the last one is used."""
        if {"pools": self._pools, "epochs": self._epochs, "times": self._run}.get(name):
            self._note(f"a second part '{name}' replaces the first one", line)
            if name == "pools":
                self._pools = PoolsPart()
            elif name == "epochs":
                self._epochs = EpochsPart()
            else:
                self._run.forget_blocks()
