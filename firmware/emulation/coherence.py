"""Who may see what: a checker of cache maintenance over the memory that CPU, DMA and NPU share.

No hardware keeps the CPU's data cache (32-byte lines) and the NPU's cache (CACHEAXI, 64-byte lines, external memory only) in step with memory.
The emulated CPU has no cache, so its programs work whatever they forget; this checker says what silicon could have done instead. It is
pessimistic: the CPU may hold any line at any time, since it reads ahead; the NPU's cache holds what the NPU touched.

    CPU writes            the line is dirty until it is cleaned
    DMA or NPU reads      a dirty line: gets old bytes
    DMA or NPU writes     a dirty line: its eviction destroys them. Else the line is stale for the CPU until it is invalidated
    CPU reads             a stale line: gets old bytes
    CPU cleans            a line that was stale and is not written whole: puts old bytes over new ones
    CPU invalidates       a dirty line: loses what it wrote
    NPU writes externally the line is in its cache until that is cleaned: CPU and DMA get old bytes
    NPU reads externally  a line that it holds and that was written by another since

Source: Arm's description of the data cache operations by address, and ST's for CACHEAXI; the rules are ours.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

LINE: Final = 32
FULL: Final = (1 << LINE) - 1
EXTERNAL: Final = 0x6000_0000
DIRTY, STALE, NPU_DIRTY, NPU_HOLDS, NPU_STALE, HELD, STALE_HELD = (1 << i for i in range(7))
NOTICED: Final = STALE | NPU_DIRTY


@dataclass(slots=True)
class Area:
    """A watched piece of memory."""

    name: str
    first: int
    end: int
    state: bytearray = field(init=False)
    written: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.state = bytearray((self.end - self.first + LINE - 1) // LINE + 1)


@dataclass
class Coherence:
    """The rules above, with counts of what was checked and what was broken."""

    areas: list[Area] = field(default_factory=list)
    checked: Counter[str] = field(default_factory=Counter)
    broken: Counter[tuple[str, str]] = field(default_factory=Counter)
    possible: Counter[tuple[str, str]] = field(default_factory=Counter)
    first: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    """address and place of the first one of each kind"""
    cached: bool = False
    """the CPU's data cache is on"""

    def watch(self, name: str, first: int, end: int) -> None:
        """Adds an area; it begins at a line."""
        if end > first:
            self.areas.append(Area(name, first // LINE * LINE, end))

    def forget(self) -> None:
        """After a reset: caches are empty, and the CPU's is off."""
        self.cached = False
        for area in self.areas:
            area.state[:] = bytes(len(area.state))
            area.written.clear()

    def _break(self, area: Area, kind: str, line: int, place: str, *, sure: bool = True) -> None:
        key = (kind, area.name)
        (self.broken if sure else self.possible)[key] += 1
        self.first.setdefault(key, (area.first + line * LINE, place))

    def cpu_read(self, area: Area, address: int, size: int, place: str) -> None:
        """A load."""
        self.checked["CPU reads"] += 1
        for line in range((address - area.first) // LINE, (address + size - 1 - area.first) // LINE + 1):
            state = area.state[line]
            if state & STALE:
                self._break(area, "CPU reads a stale line", line, place, sure=bool(state & STALE_HELD))
                state &= ~(STALE | STALE_HELD)
            if state & NPU_DIRTY:
                self._break(area, "CPU reads what is in the NPU's cache", line, place)
            area.state[line] = state | (HELD if self.cached else 0)

    def cpu_write(self, area: Area, address: int, size: int) -> None:
        """A store."""
        self.checked["CPU writes"] += 1
        if not self.cached:
            return
        offset = address - area.first
        line, at = divmod(offset, LINE)
        state = area.state[line]
        if state & STALE:
            area.written[line] = area.written.get(line, 0) | ((1 << size) - 1) << at
        area.state[line] = state | DIRTY | HELD
        if at + size > LINE:
            area.state[line + 1] |= DIRTY | HELD

    def maintain(self, operation: str, address: int, place: str) -> None:
        """A data cache operation on one line."""
        for area in self.areas:
            if not area.first <= address < area.first + len(area.state) * LINE:
                continue
            self.checked["lines " + operation] += 1
            line = (address - area.first) // LINE
            state = area.state[line]
            if "clean" in operation and state & DIRTY:
                if state & STALE and area.written.get(line, 0) & FULL != FULL:
                    sure = bool(state & STALE_HELD)
                    self._break(area, "CPU cleans a line that is partly stale", line, place, sure=sure)
                state &= ~DIRTY
                if area.written.pop(line, 0):
                    state &= ~(STALE | STALE_HELD)
                if state & NPU_HOLDS:
                    state |= NPU_STALE
            if "invalidate" in operation:
                if state & DIRTY:
                    self._break(area, "CPU invalidates a dirty line", line, place)
                state &= ~(DIRTY | STALE | STALE_HELD | HELD)
                area.written.pop(line, 0)
            area.state[line] = state

    def maintain_all(self, operation: str, place: str) -> None:
        """A data cache operation on all lines."""
        for area in self.areas:
            for line, state in enumerate(area.state):
                if state & (DIRTY | STALE | HELD):
                    self.maintain(operation, area.first + line * LINE, place)

    def maintain_npu(self, operation: str, first: int, end: int) -> None:
        """A command of CACHEAXI; it works on lines of 64 bytes."""
        drop = (NPU_DIRTY if "clean" in operation else 0) | (NPU_HOLDS | NPU_STALE if "invalidate" in operation else 0)
        self.checked["NPU cache commands"] += 1
        for area in self.areas:
            if area.first < EXTERNAL:
                continue
            low, high = max(first // 64 * 64, area.first), min((end + 63) // 64 * 64, area.end)
            for line in range((low - area.first) // LINE, max(0, high - area.first + LINE - 1) // LINE):
                if operation == "invalidate" and area.state[line] & NPU_DIRTY:
                    self._break(area, "NPU's cache invalidates what is not in memory", line, "")
                area.state[line] &= ~drop

    def master(self, who: str, address: int, size: int, *, writes: bool, place: str) -> None:
        """An access of DMA or NPU."""
        for area in self.areas:
            low, high = max(address, area.first), min(address + size, area.end)
            if low >= high:
                continue
            self.checked[f"bytes {who} {'writes' if writes else 'reads'}"] += high - low
            through_cache = who == "NPU" and area.first >= EXTERNAL
            for line in range((low - area.first) // LINE, (high - 1 - area.first) // LINE + 1):
                state = area.state[line]
                if state & DIRTY:
                    self._break(area, f"{who} {'writes' if writes else 'reads'} a dirty line", line, place)
                if through_cache:
                    if not writes and state & NPU_STALE:
                        self._break(area, "NPU reads what its cache holds of before", line, place)
                    state |= NPU_HOLDS | (NPU_DIRTY if writes else 0)
                elif state & NPU_DIRTY:
                    self._break(
                        area, f"{who} {'writes' if writes else 'reads'} what is in the NPU's cache", line, place
                    )
                if writes:
                    state |= STALE | (STALE_HELD if state & HELD else 0)
                    area.written.pop(line, 0)
                    if not through_cache and state & NPU_HOLDS:
                        state |= NPU_STALE
                area.state[line] = state
