"""Who may see what: a checker of cache maintenance over the memory that CPU, DMA and NPU share.

No hardware keeps the CPU's data cache (32-byte lines) and the NPU's cache (CACHEAXI, 64-byte lines, external memory only) in step with memory.
The emulated CPU has no cache, so its programs work whatever they forget; this checker says what silicon could have done instead. It is
pessimistic: after an access, the CPU may hold any line of the same 4 KB that it has not invalidated since, because it reads ahead; the NPU's
cache holds what the NPU touched. An error with a line that the CPU has accessed itself is called broken, else possible.

    CPU writes            the line is dirty until it is cleaned
    DMA or NPU reads      a dirty line: gets old bytes
    DMA or NPU writes     a dirty line: its eviction destroys them. Else the bytes are stale for the CPU until it invalidates the line
    CPU reads             bytes that are stale, and that it has not written since: gets old bytes
    CPU cleans            a line with stale bytes: puts old bytes over new ones. This is an error when somebody reads them before they
                          are written again: kernels work in memory that held results of the NPU which nobody needs any longer
    CPU invalidates       a dirty line: loses what it wrote
    NPU writes externally the line is in its cache until that is cleaned: CPU and DMA get old bytes
    NPU reads externally  a line that it holds and that was written by another since

Source: Arm's description of the data cache operations by address, and ST's for CACHEAXI; the rules are ours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

LINE: Final = 32
PAGE: Final = 4096 // LINE
"""lines around an access that the CPU may fetch as well"""
FULL: Final = (1 << LINE) - 1
EXTERNAL: Final = 0x6000_0000
DIRTY, STALE, NPU_DIRTY, NPU_HOLDS, NPU_STALE, HELD, STALE_HELD, LOST = (1 << i for i in range(8))
NOTICED: Final = STALE | NPU_DIRTY | LOST


def _lines(offset: int, size: int) -> Iterator[tuple[int, int]]:
    """The lines of a range of an area, each with the mask of its bytes."""
    end = offset + size
    while offset < end:
        line, at = divmod(offset, LINE)
        count = min(LINE - at, end - offset)
        yield line, ((1 << count) - 1) << at
        offset += count


@dataclass(slots=True)
class Area:
    """A watched piece of memory."""

    name: str
    first: int
    end: int
    state: bytearray = field(init=False)
    stale: dict[int, int] = field(default_factory=dict)
    """by line: mask of bytes that the CPU's copy does not have"""
    touched: dict[int, int] = field(default_factory=dict)
    """by page: moment of the CPU's last access"""
    dropped: dict[int, int] = field(default_factory=dict)
    """by line: moment at which the CPU invalidated it"""
    lost: dict[int, int] = field(default_factory=dict)
    """by line: mask of bytes that are old in memory, since a line was cleaned that had them stale"""

    surely: set[int] = field(default_factory=set)
    """lines with lost bytes that the CPU had accessed itself"""

    def __post_init__(self) -> None:
        self.state = bytearray((self.end - self.first + LINE - 1) // LINE + 1)

    def refresh(self, line: int, mask: int) -> int:
        """Some bytes are not stale any longer; the state of the line."""
        left = self.stale.get(line, 0) & ~mask
        if left:
            self.stale[line] = left
            return self.state[line]
        self.stale.pop(line, None)
        return self.state[line] & ~(STALE | STALE_HELD)

    def recover(self, line: int, mask: int) -> None:
        """Some bytes are written again."""
        if not self.state[line] & LOST:
            return
        self.lost[line] &= ~mask
        if not self.lost[line]:
            del self.lost[line]
            self.surely.discard(line)
            self.state[line] &= ~LOST


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
    moment: int = 0
    """counts accesses and cache operations of the CPU"""

    def watch(self, name: str, first: int, end: int) -> None:
        """Adds an area; it begins at a line."""
        if end > first:
            self.areas.append(Area(name, first // LINE * LINE, end))

    def forget(self) -> None:
        """After a reset: caches are empty, and the CPU's is off."""
        self.cached = False
        for area in self.areas:
            area.state[:] = bytes(len(area.state))
            area.stale.clear()
            area.touched.clear()
            area.dropped.clear()
            area.lost.clear()
            area.surely.clear()

    def _break(self, area: Area, kind: str, line: int, place: str, *, sure: bool = True) -> None:
        key = (kind, area.name)
        (self.broken if sure else self.possible)[key] += 1
        self.first.setdefault(key, (area.first + line * LINE, place))

    def cpu_read(self, area: Area, address: int, size: int, place: str) -> None:
        """A load."""
        self.checked["CPU reads"] += 1
        for line, mask in _lines(address - area.first, size):
            state = area.state[line]
            if area.stale.get(line, 0) & mask:
                self._break(area, "CPU reads stale bytes", line, place, sure=bool(state & STALE_HELD))
                state = area.refresh(line, mask)
            self._find_lost(area, line, mask, "CPU", place)
            if state & NPU_DIRTY:
                self._break(area, "CPU reads what is in the NPU's cache", line, place)
            if self.cached:
                area.state[line] = state | HELD
                self._touch(area, line)
            else:
                area.state[line] = state

    def _touch(self, area: Area, line: int) -> None:
        self.moment += 1
        area.touched[line // PAGE] = self.moment

    def _may_hold(self, area: Area, line: int) -> bool:
        """The CPU has, or may have fetched, this line since it dropped it."""
        return bool(area.state[line] & HELD) or area.touched.get(line // PAGE, -1) > area.dropped.get(line, 0)

    def cpu_write(self, area: Area, address: int, size: int) -> None:
        """A store."""
        self.checked["CPU writes"] += 1
        for line, mask in _lines(address - area.first, size):
            area.recover(line, mask)
            if self.cached:
                area.state[line] = area.refresh(line, mask) | DIRTY | HELD
                self._touch(area, line)

    def _find_lost(self, area: Area, line: int, mask: int, who: str, place: str) -> None:
        if area.state[line] & LOST and area.lost.get(line, 0) & mask:
            self._break(area, f"{who} reads what a clean has overwritten", line, place, sure=line in area.surely)
            area.recover(line, mask)

    def maintain(self, operation: str, address: int, place: str) -> None:
        """A data cache operation on one line."""
        for area in self.areas:
            if not area.first <= address < area.first + len(area.state) * LINE:
                continue
            self.checked["lines " + operation] += 1
            line = (address - area.first) // LINE
            state = area.state[line]
            if "clean" in operation and state & DIRTY:
                if old := area.stale.pop(line, 0):
                    self.checked["lines cleaned with stale bytes in them"] += 1
                    area.lost[line] = area.lost.get(line, 0) | old
                    if state & STALE_HELD:
                        area.surely.add(line)
                    state |= LOST
                state &= ~(DIRTY | STALE | STALE_HELD)
                if state & NPU_HOLDS:
                    state |= NPU_STALE
            if "invalidate" in operation:
                if state & DIRTY:
                    self._break(area, "CPU invalidates a dirty line", line, place)
                state &= ~(DIRTY | STALE | STALE_HELD | HELD)
                area.stale.pop(line, 0)
                self.moment += 1
                area.dropped[line] = self.moment
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
            for line, mask in _lines(low - area.first, high - low):
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
                if not writes:
                    self._find_lost(area, line, mask, who, place)
                    area.state[line] = state & ~LOST | area.state[line] & LOST
                    continue
                area.recover(line, mask)
                if self._may_hold(area, line):
                    area.stale[line] = area.stale.get(line, 0) | mask
                    state |= STALE | (STALE_HELD if state & HELD else 0)
                if not through_cache and state & NPU_HOLDS:
                    state |= NPU_STALE
                area.state[line] = state & ~LOST | area.state[line] & LOST
