"""Compares two profiles of a network, and checks the rules of a gate for CI.

Blocks are matched by the sequence of their operations (:mod:`n6link.epochs.align`): if one operation was replaced, the blocks after
it are still matched.

A gate is a list of rules, separated by commas; it fails if any rule is true::

    new-sw               the new profile has a CPU block that the base does not have
    added  removed       a block was added, or removed
    p95>+5%              a figure of the new profile is more than 5 % above that of the base
    p95>+2ms             ... or more than 2 ms above it; units are s, ms, us
    p95>25ms             the same with a fixed limit
    offload-time<90%     shares have fixed limits in %
    sw-epochs>4          counts do not have a unit
    block-median>+10%    any block that is in both profiles

Figures of the whole inference are mean, median, p95, min, max, overhead; each of the first five has a block- form. Shares are
offload-time and offload-count. Counts are epochs and, by kind, ec-epochs, hw-epochs, hybrid-epochs and sw-epochs. A limit with a sign
is relative to the base; with % it is a share of the base.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Self, TypeAlias

from n6link.epochs.align import align
from n6link.epochs.profile import SPREAD, Profile
from n6link.epochs.table import FOUR, ON_CPU, EpochBlock
from n6link.errors import BadInput
from n6link.json_types import Plain
from n6link.protocol import EpochKind
from n6link.sheet import Grid, Sheet, Shown

TOLERANCE: Final = 0.05
"""A block has changed if its median differs by more than this share of the base's ..."""
FLOOR: Final = 0.001
"""... and by more than this share of the whole inference ..."""
TICKS: Final = 3
"""... and by more than this number of clock ticks: smaller differences are random."""


@dataclass(frozen=True, slots=True)
class Change:
    """One block in the base, in the new profile, or in both; times are medians in seconds."""

    old: EpochBlock | None
    new: EpochBlock | None
    old_seconds: float = 0.0
    new_seconds: float = 0.0
    what: str = ""
    """``added``, ``removed``, ``changed``, or empty"""

    @property
    def seconds(self) -> float:
        """Difference in the time of the inference because of this block."""
        return self.new_seconds - self.old_seconds

    @property
    def label(self) -> str:
        """The block's kind, epochs and operation, and its previous kind and span if they have changed."""
        block = self.new or self.old
        if block is None:
            return ""
        was = (
            []
            if self.old is None or self.new is None
            else [(self.old.kind.name, self.new.kind.name), (self.old.span, self.new.span)]
        )
        changed = " ".join(old for old, new in was if old != new)
        return f"{block.label} (was {changed})" if changed else block.label


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Diff(Shown):
    """The differences between a base and a new profile."""

    base: Profile
    new: Profile
    blocks: tuple[Change, ...]
    """every block of both, in order"""

    @classmethod
    def of(cls, base: Profile, new: Profile) -> Self:
        """Compares two profiles of the same network."""
        old_seconds, new_seconds = base.blocks.median.tolist(), new.blocks.median.tolist()
        floor = max(FLOOR * float(base.inference.median), TICKS / min(base.tick_hz, new.tick_hz))
        olds, news = base.table.blocks, new.table.blocks
        blocks: list[Change] = []
        for i, j in align([block.key for block in olds], [block.key for block in news]):
            if i is None and j is not None:
                blocks.append(Change(None, news[j], 0.0, new_seconds[j], "added"))
            elif j is None and i is not None:
                blocks.append(Change(olds[i], None, old_seconds[i], 0.0, "removed"))
            elif i is not None and j is not None:
                difference = abs(new_seconds[j] - old_seconds[i])
                changed = difference > max(TOLERANCE * old_seconds[i], floor) or olds[i].epochs != news[j].epochs
                changed = changed or olds[i].kind is not news[j].kind
                blocks.append(Change(olds[i], news[j], old_seconds[i], new_seconds[j], "changed" if changed else ""))
        return cls(base, new, tuple(blocks))

    def only(self, what: str) -> tuple[Change, ...]:
        """The blocks that were ``added``, ``removed`` or ``changed``."""
        return tuple(block for block in self.blocks if block.what == what)

    def brief(self) -> str:  # noqa: D102
        from n6link.console import duration

        old, new = (duration(float(profile.inference.median)) for profile in (self.base, self.new))
        counts = ", ".join(f"{len(self.only(what))} {what}" for what in ("changed", "added", "removed"))
        return f"of {self.new.network}: median {old} -> {new}; blocks: {counts}"

    def sheet(self) -> Sheet:
        """The blocks that differ, those with the largest difference first."""
        from n6link.console import duration

        changes = sorted((change for change in self.blocks if change.what), key=lambda change: -abs(change.seconds))
        rows = [
            (change.what, change.label, duration(change.old_seconds), duration(change.new_seconds))
            for change in changes
        ]
        notes = () if self.comparable else (f"the times of the base are of another kind: {self.base.origin}",)
        return Sheet((Grid(("", "block", ">base", ">new"), rows),) if rows else (), notes)

    @property
    def comparable(self) -> bool:
        """Whether both profiles have the same source of times, so that times can be compared."""
        return (self.base.source, self.base.simulated) == (self.new.source, self.new.simulated)

    def to_dict(self) -> Plain:
        """Plain values, for JSON; unchanged blocks are omitted."""
        return {
            "base": self.base.summary(),
            "new": self.new.summary(),
            "comparable": self.comparable,
            "blocks": [
                {
                    "what": change.what,
                    "old": change.old.to_dict() if change.old else None,
                    "new": change.new.to_dict() if change.new else None,
                    "old_s": change.old_seconds,
                    "new_s": change.new_seconds,
                }
                for change in self.blocks
                if change.what
            ],
        }


# ---------------------------------------------------------------------------------------------- gate


Figure: TypeAlias = Callable[[Profile], float]


def _spread(name: str) -> Figure:
    return lambda profile: float(getattr(profile.inference, name))


def _epochs(kind: EpochKind) -> Figure:
    return lambda profile: profile.table.counts[kind]


_SECONDS: Final[dict[str, Figure]] = {
    **{name: _spread(name) for name in SPREAD},
    "overhead": lambda profile: profile.overhead,
}
_SHARES: Final[dict[str, Figure]] = {
    "offload-time": lambda profile: profile.offload_by_time,
    "offload-count": lambda profile: profile.offload_by_count,
}
_COUNTS: Final[dict[str, Figure]] = {
    "epochs": lambda profile: profile.table.epochs,
    **{f"{kind.name.lower()}-epochs": _epochs(kind) for kind in FOUR},
}
_FIGURES: Final = _SECONDS | _SHARES | _COUNTS
_STRUCTURE: Final = ("new-sw", "added", "removed")
_UNITS: Final = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
_RULE: Final = re.compile(
    r"(?P<block>block-)?(?P<figure>[a-z0-9-]+)(?P<sign>[<>])(?P<limit>[+-]?\d+(?:\.\d+)?)(?P<unit>[a-z%]*)"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a gate."""

    text: str
    figure: str
    above: bool = True
    limit: float = 0.0
    """seconds, a share, a count, or a share of the base"""
    relative: bool = False
    """whether the limit is added to the base"""
    part: bool = False
    """whether the limit is multiplied by the base first"""
    each_block: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads one rule.

        Raises:
            BadInput: it is not a rule.
        """
        text = text.strip()
        if text in _STRUCTURE:
            return cls(text, text)
        match = _RULE.fullmatch(text)
        if match is None:
            raise BadInput(
                f"{text!r} is not a rule; use {', '.join(_STRUCTURE)}, or a limit such as p95>+5%, p95>25ms, offload-time<90%"
            )
        figure, unit, each = match["figure"], match["unit"], bool(match["block"])
        if figure not in (SPREAD if each else _FIGURES):
            raise BadInput(f"unknown figure in {text!r}; choose {', '.join(SPREAD if each else _FIGURES)}")
        relative = match["limit"][0] in "+-"
        part = relative and unit == "%"
        units = ("%",) if figure in _SHARES else ("",) if figure in _COUNTS else tuple(_UNITS)
        if not part and unit not in units:
            wanted = " or ".join(units) or "plain numbers"
            raise BadInput(f"wrong unit in {text!r}; use a limit in {wanted}, or relative to the base, such as +5%")
        limit = float(match["limit"]) * (0.01 if unit == "%" else _UNITS.get(unit, 1.0))
        return cls(text, figure, match["sign"] == ">", limit, relative, part, each)

    @property
    def needs_base(self) -> bool:
        """Whether the rule compares with a base."""
        return self.relative or self.figure in _STRUCTURE

    def broken(self, new: Profile, diff: Diff | None) -> Iterator[str]:
        """One sentence for each violation."""
        if self.figure in _STRUCTURE:
            yield from self._new_blocks(diff)
        elif self.each_block and diff:
            olds, news = getattr(diff.base.blocks, self.figure), getattr(new.blocks, self.figure)
            for change in diff.blocks:
                if change.old and change.new:
                    old, now = float(olds[change.old.index]), float(news[change.new.index])
                    yield from self._compare(f"{change.label}: {self.figure}", now, old)
        elif self.each_block:
            for block, now in zip(new.table.blocks, getattr(new.blocks, self.figure).tolist(), strict=True):
                yield from self._compare(f"{block.label}: {self.figure}", now, 0.0)
        else:
            value = _FIGURES[self.figure]
            yield from self._compare(self.figure, value(new), value(diff.base) if diff else 0.0)

    def _new_blocks(self, diff: Diff | None) -> Iterator[str]:
        for change in diff.only("removed" if self.figure == "removed" else "added") if diff else ():
            block = change.new or change.old
            if block and (self.figure != "new-sw" or block.kind in ON_CPU):
                yield f"{block.label} was {change.what} ({_say(change.new_seconds or change.old_seconds, 's')})"

    def _compare(self, name: str, value: float, base: float) -> Iterator[str]:
        limit = self.limit * (base if self.part else 1.0) + (base if self.relative else 0.0)
        # The limit is a product of rounded numbers: a value that is equal to it must not fail by the last bit.
        if not math.isclose(value, limit) and (value > limit) == self.above and not math.isnan(value):
            unit = "%" if self.figure in _SHARES else "" if self.figure in _COUNTS else "s"
            was = f", was {_say(base, unit)}" if self.relative else ""
            yield f"{name} is {_say(value, unit)}{was}: {self.text}"


def rules(gate: str, *, compared: bool) -> list[Rule]:
    """The rules of a gate, such as ``new-sw,p95>+5%``.

    Args:
        gate: the rules, separated by commas.
        compared: whether there is a base.

    Raises:
        BadInput: a rule is not valid, or requires a base and there is none.
    """
    found = [Rule.parse(part) for part in gate.split(",")]
    for rule in found:
        if rule.needs_base and not compared:
            raise BadInput(f"{rule.text!r} compares with a base, but there is none; pass a base (--diff FILE)")
    return found


def check(gate: str, new: Profile, base: Profile | None = None) -> list[str]:
    """Checks a profile with the rules of a gate.

    Returns:
        One sentence for each violation; an empty list if the gate is passed.

    Raises:
        BadInput: a rule is not valid, requires a base and there is none, or compares times with different sources.
    """
    diff = Diff.of(base, new) if base else None
    found = rules(gate, compared=base is not None)
    for rule in found:
        timed = rule.figure not in (*_STRUCTURE, *_COUNTS, "offload-count")
        if rule.relative and timed and diff and not diff.comparable:
            raise BadInput(
                f"{rule.text!r} compares times from different sources: {diff.base.origin}, and {diff.new.origin}; "
                "use a base from the same kind of board"
            )
    return [sentence for rule in found for sentence in rule.broken(new, diff)]


def _say(value: float, unit: str) -> str:
    """A figure with its unit."""
    if unit == "s":
        return f"{value * 1e3:.3f} ms"
    return f"{value:.1%}" if unit == "%" else f"{value:g}"
