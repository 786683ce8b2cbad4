"""The memory pools in a text: the placement by the compiler.

Printed sizes have three decimals: sizes in B are exact, in kB exact to a byte, in MB and larger units to half a kB. If the text has the
used ranges of a pool, its size is as exact as these (a range may end with up to 15 bytes of alignment). If it has the sizes by section,
the weights are exact.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from n6link.epochs.pools import Pool
from n6link.epochs.st_report.numbers import NUMBER, SIZE, UNITS, in_bytes, whole

MAX_ROUNDING: Final = 1024
"""Maximum error of a size in MB, in bytes: half of the third decimal, doubled."""
_ROUNDING: Final = {1: 0, 1024: 1}
"""The same by unit."""

_USED: Final = rf"(?:\(\s*{NUMBER}\s*% used\s*\)\s*)?"
_PARTS: Final = rf"--\s*weights:{SIZE}{_USED}activations:{SIZE}{_USED}"
_POOL: Final = r"\s*(\S+)\s+\[\s*(0x[0-9A-Fa-f]{1,16})\s*-\s*(0x[0-9A-Fa-f]{1,16})\s*\]:"
_POOL_LINE: Final = re.compile(rf"{_POOL}{SIZE}/{SIZE}{_USED}{_PARTS}$")
_RANGES_LINE: Final = re.compile(rf"{_POOL}\s*(.+)")
_RANGE: Final = re.compile(r"(0x[0-9A-Fa-f]{1,16})\s*-\s*(0x[0-9A-Fa-f]{1,16})")
_TOTAL: Final = re.compile(rf"\s*Total:{SIZE}{_PARTS}$")
_SECTION: Final = re.compile(r"\s*weights\s+\d[\d,]{0,19}\s+(\d[\d,]{0,19})\s")


class PoolsPart:
    """Collects the pools of a text."""

    def __init__(self) -> None:
        self.pools: dict[str, Pool] = {}
        self.total: Pool | None = None
        self._rounding: dict[str, int] = {}

    def __bool__(self) -> bool:
        return bool(self.pools)

    def read_pool(self, line: str) -> bool:
        """Reads a line of the list of pools."""
        if match := _TOTAL.match(line):
            used, weights, activations = (in_bytes(match[i], match[i + 1]) for i in (1, 3, 5))
            self.total = Pool("Total", 0, 0, used, weights, activations)
        elif match := _POOL_LINE.match(line):
            used, size, weights, activations = (in_bytes(match[i], match[i + 1]) for i in (4, 6, 8, 10))
            base, end = int(match[2], 16), int(match[3], 16)
            self.pools[match[1]] = Pool(match[1], base, end - base if end > base else size, used, weights, activations)
            self._rounding[match[1]] = _ROUNDING.get(UNITS[match[5]], MAX_ROUNDING)
        return match is not None

    def read_ranges(self, line: str) -> bool:
        """Reads a line of the used ranges."""
        match = _RANGES_LINE.match(line)
        if match is None:
            return False
        ranges = _RANGE.findall(match[4])
        self._set(match[1], sum(int(end, 16) - int(begin, 16) for begin, end in ranges))
        return bool(ranges)

    def read_section(self, line: str) -> bool:
        """Reads a line of the sizes by section: the weights of all pools. With one pool, its rounded size becomes exact."""
        if match := _SECTION.match(line):
            places = [pool for pool in self.pools.values() if pool.weights]
            if len(places) == 1 and places[0].weights == places[0].used:
                self._set(places[0].name, whole(match[1]))
        return match is not None

    def _set(self, name: str, used: int) -> None:
        """Replaces a rounded size by the exact one, if they are close enough."""
        pool = self.pools.get(name)
        if pool and abs(used - pool.used) <= self._rounding[name]:
            weights, activations = (used if part == pool.used else part for part in (pool.weights, pool.activations))
            self.pools[name] = replace(pool, used=used, weights=weights, activations=activations)

    def contradictions(self) -> Iterator[str]:
        """Contradictions between the sum of the pools and the total."""
        used = sum(pool.used for pool in self.pools.values())
        if self.total and abs(self.total.used - used) > MAX_ROUNDING * (len(self.pools) + 1):
            yield f"the sum of the pools is {used} bytes, but the report's total is {self.total.used}"
