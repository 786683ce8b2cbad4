"""Matches the blocks of two epoch tables.

Two builds of a network number their epochs differently, so blocks are matched by the sequence of their operations, with the
smallest number of added and removed blocks (the greedy algorithm of E. W. Myers, "An O(ND) difference algorithm and its
variations", 1986).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Final

MAX_EDITS: Final = 600
"""If sequences differ by more edits, all between their common start and end is replaced: the search takes quadratic time."""

Pair = tuple[int | None, int | None]


def align(old: Sequence[Hashable], new: Sequence[Hashable]) -> list[Pair]:
    """Pairs of positions, in order of both sequences.

    Returns:
        ``(i, j)`` for a match ``old[i] == new[j]``, ``(i, None)`` for a removed element, ``(None, j)`` for an added
        element; every position of either sequence occurs once.
    """
    # Builds usually differ in a few places: without the common start and end the rest is short.
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    pairs: list[Pair] = [(index, index) for index in range(head)]
    middle = _edits(old[head : len(old) - tail], new[head : len(new) - tail])
    pairs += [(None if i is None else i + head, None if j is None else j + head) for i, j in middle]
    pairs += [(len(old) - back, len(new) - back) for back in range(tail, 0, -1)]
    return pairs


def _edits(old: Sequence[Hashable], new: Sequence[Hashable]) -> list[Pair]:
    """The shortest edit script, or all elements replaced if it has more than MAX_EDITS edits."""
    reached = {1: 0}
    history: list[dict[int, int]] = []
    for edits in range(min(len(old) + len(new), MAX_EDITS) + 1):
        history.append(reached.copy())
        for diagonal in range(-edits, edits + 1, 2):
            down = diagonal == -edits or (diagonal != edits and reached[diagonal - 1] < reached[diagonal + 1])
            x = reached[diagonal + 1] if down else reached[diagonal - 1] + 1
            while x < len(old) and 0 <= x - diagonal < len(new) and old[x] == new[x - diagonal]:
                x += 1
            reached[diagonal] = x
            if x >= len(old) and x - diagonal >= len(new):
                return list(_walk(history, len(old), len(new)))[::-1]
    removed: list[Pair] = [(index, None) for index in range(len(old))]
    return [*removed, *((None, index) for index in range(len(new)))]


def _walk(history: list[dict[int, int]], x: int, y: int) -> Iterator[Pair]:
    """The edit script backwards, from the end of both sequences."""
    for edits in range(len(history) - 1, -1, -1):
        reached, diagonal = history[edits], x - y
        down = diagonal == -edits or (diagonal != edits and reached[diagonal - 1] < reached[diagonal + 1])
        before = diagonal + 1 if down else diagonal - 1
        before_x = reached[before]
        before_y = before_x - before
        while x > before_x and y > before_y:
            x, y = x - 1, y - 1
            yield x, y
        if edits:
            yield (None, before_y) if down else (before_x, None)
            x, y = before_x, before_y
