"""Matching of two sequences of blocks."""

from __future__ import annotations

import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from n6link.epochs.align import MAX_EDITS, align

sequences = st.lists(st.integers(0, 3), max_size=14)


def longest_common(old: list[int], new: list[int]) -> int:
    """Length of the longest common subsequence, by the textbook's table."""
    row = [0] * (len(new) + 1)
    for left in old:
        above = row.copy()
        for column, right in enumerate(new, 1):
            row[column] = above[column - 1] + 1 if left == right else max(above[column], row[column - 1])
    return row[-1]


@given(sequences, sequences)
def test_everything_occurs_once_in_order_and_as_much_as_possible_is_matched(old: list[int], new: list[int]) -> None:
    pairs = align(old, new)
    assert [i for i, _ in pairs if i is not None] == list(range(len(old)))
    assert [j for _, j in pairs if j is not None] == list(range(len(new)))
    matched = [(i, j) for i, j in pairs if i is not None and j is not None]
    assert all(old[i] == new[j] for i, j in matched)
    assert len(matched) == longest_common(old, new)
    assert all(a < c and b < d for (a, b), (c, d) in pairwise(matched))


def test_one_insertion() -> None:
    assert align("abcab", "abXcab") == [(0, 0), (1, 1), (None, 2), (2, 3), (3, 4), (4, 5)]


def test_unlike_sequences_are_replaced_between_their_ends() -> None:
    rng = random.Random(5)
    middle = [rng.random() for _ in range(4 * MAX_EDITS)]
    pairs = align(["head", *middle, "tail"], ["head", *map(str, middle), "tail"])
    assert pairs[0] == (0, 0)
    assert pairs[-1] == (len(middle) + 1, len(middle) + 1)
    assert len(pairs) == 2 + 2 * len(middle)


def test_long_and_equal_costs_nothing() -> None:
    assert align([1] * 100_000, [1] * 100_000)[-1] == (99_999, 99_999)
