"""The epochs in a text: rows, and the totals before them.

Forms that differ between versions::

    Total number of epochs: 407 of which 150 implemented in software          2.0 to 3.0
    epoch 7      -SW-   (     Transpose      )
    epoch 94      ??                                                          a hybrid epoch
    Total number of epochs                               58                   4.0
    >> hybrid epochs (using both software and hardware)   0
    | epochs    1 -> 53 |  EC  |                          |
    | epoch_65          | Hybrid |      Split             |
    | <no executed epochs> |  EC  |                       |                   a blob whose epochs were all removed

The totals have priority over the rows, because the range of a blob includes the numbers of removed epochs. Contradictions between
rows and totals are reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from n6link.epochs.table import FOUR, EpochBlock, EpochTable
from n6link.protocol import EpochKind

KINDS: Final = {
    "": EpochKind.HW,
    "HW": EpochKind.HW,
    "EC": EpochKind.EC,
    "SW": EpochKind.SW,
    "HYBRID": EpochKind.HYBRID,
    "??": EpochKind.HYBRID,
    "HW/SW": EpochKind.HYBRID,
    "SW_HW": EpochKind.HYBRID,
    "EXTRA": EpochKind.EXTRA,
    "EXTRA HW": EpochKind.EXTRA,
}
"""Kinds by their text, in upper case."""

_EPOCHS_2: Final = re.compile(r"\s*Total number of epochs:\s*(\d{1,9}) of which (\d{1,9}) implemented in software")
_EPOCHS_4: Final = re.compile(
    r"\s*(?:Total number of|>> pure|>>) (epochs|software|hybrid|hardware)\b.*?\s(\d{1,9})\b"
    r"(?:\s*\(implemented in (\d{1,9}) epoch controller blobs)?"
)
_ROW_2: Final = re.compile(
    r"\s*epoch (?P<first>\d{1,9})(?P<last>)\s+-?(?P<kind>\?\?|[A-Za-z_/]+)-?\s*(?:\((?P<operation>.*)\))?$"
)
_ROW_4: Final = re.compile(
    r"\s*\|\s*(?:<no executed epochs>|epochs?[ _]+(?P<first>\d{1,9})(?:\s*->\s*(?P<last>\d{1,9}))?)\s*"
    r"\|\s*(?P<kind>[A-Za-z_/]+)\s*\|(?P<operation>[^|]*)\|$"
)
_WORDS: Final = {"software": "software epochs", "hybrid": "hybrid epochs", "hardware": "HW or EC epochs"}


class EpochsPart:
    """Collects the epochs of a text."""

    def __init__(self) -> None:
        self._rows: list[EpochBlock] = []
        self._blobs = 0
        self._empty: list[int] = []
        self._announced: dict[str, int] = {}

    def __bool__(self) -> bool:
        return bool(self._rows)

    def read(self, line: str) -> bool | str:
        """Reads a line: whether it was understood, or a sentence about the error in it."""
        if match := _ROW_2.match(line) or _ROW_4.match(line):
            kind = KINDS.get(match["kind"].upper())
            return kind is not None and self._add(match, kind, listed_singly=match.re is _ROW_2)
        if match := _EPOCHS_2.match(line):
            self._announced |= {"epochs": int(match[1]), "software": int(match[2])}
        elif match := _EPOCHS_4.match(line):
            self._announced[match[1]] = int(match[2])
            if match[3]:
                self._announced["blobs"] = int(match[3])
        return match is not None or line.lstrip("| ").startswith("epoch ID")

    def _add(self, match: re.Match[str], kind: EpochKind, *, listed_singly: bool) -> bool | str:
        """Adds an epoch; consecutive EC epochs that are listed one by one become one blob."""
        self._blobs += kind is EpochKind.EC
        if match["first"] is None:
            self._empty.append(len(self._rows))
            return True
        first, before = int(match["first"]), self._rows[-1] if self._rows else None
        last = int(match["last"] or first)
        if last < first:
            return False
        if before and first <= before.last:
            return "an epoch is listed twice or out of order, and was ignored"
        if before and before.kind is kind is EpochKind.EC and listed_singly and first == before.last + 1:
            self._rows[-1] = replace(before, last=last)
        else:
            self._rows.append(EpochBlock(0, kind, first, last, (match["operation"] or "").strip()))
        return True

    def table(self) -> EpochTable | None:
        """The table of the rows, with the announced number of epochs."""
        if not self._rows:
            return None
        listed = EpochTable.from_blocks(self._blocks())
        counts = self._counts(EpochTable(tuple(self._rows)).counts)
        unlisted = max(self._announced.get("epochs", 0) - sum(counts.values()), 0)
        as_numbered = all(listed.counts[kind] == count for kind, count in counts.items())
        return replace(listed, totals=None if as_numbered else counts, unlisted=unlisted)

    def _blocks(self) -> Iterator[EpochBlock]:
        """The rows, and blobs without epochs if there are unused numbers for them."""
        for index, row in enumerate(self._rows):
            before = self._rows[index - 1].last if index else 0
            if index in self._empty and row.first > before + 1:
                yield EpochBlock(0, EpochKind.EC, before + 1, row.first - 1)
            yield row

    def _counts(self, rows: Mapping[EpochKind, int]) -> dict[EpochKind, int]:
        """Epochs by kind, as announced. If only sums are announced, the rest is from the rows, without the removed numbers of blobs."""
        counts = {kind: rows[kind] for kind in FOUR}
        counts[EpochKind.SW] = self._announced.get("software", rows[EpochKind.SW])
        counts[EpochKind.HYBRID] = self._announced.get("hybrid", rows[EpochKind.HYBRID])
        if self._announced.get("blobs") == 0:
            counts[EpochKind.HW] = self._announced.get("hardware", rows[EpochKind.HW])
        total, others = self._announced.get("epochs"), sum(counts.values()) - counts[EpochKind.EC]
        if total is not None:
            counts[EpochKind.EC] = max(min(counts[EpochKind.EC], total - others), 0)
        return counts

    def contradictions(self) -> Iterator[str]:
        """Contradictions between the rows and the announced numbers."""
        counts = EpochTable(tuple(self._rows)).counts
        listed = {
            "software": counts[EpochKind.SW],
            "hybrid": counts[EpochKind.HYBRID],
            "hardware": counts[EpochKind.HW] + counts[EpochKind.EC],
        }
        listed["epochs"] = sum(listed.values())
        removed = listed["hardware"] - self._announced.get("hardware", listed["hardware"])
        if removed > 0 and counts[EpochKind.EC] >= removed:
            listed["hardware"] -= removed
            listed["epochs"] -= removed
        for name, announced in self._announced.items():
            if name == "blobs":
                if announced != self._blobs:
                    yield f"the report announces {announced} blobs, but lists {self._blobs}"
            elif announced != listed[name]:
                yield f"the report announces {announced} {_WORDS.get(name, name)}, but lists {listed[name]}"
