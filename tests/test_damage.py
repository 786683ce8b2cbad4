"""Chunks become smaller if the line damages many of them."""

from __future__ import annotations

import math

import pytest

from n6link.link.damage import HEARD, LARGE_SAMPLE, SAMPLE, Damage
from n6link.link.frames import OVERHEAD, Counters
from n6link.protocol import Limit


def watch(samples: list[tuple[int, int]], *, down: bool = False, chunk: int = 8192) -> list[int | None]:
    """The chunk size after each sample of (sent chunks, damaged chunks)."""
    counters = Counters()
    damage = Damage(counters)
    advised = []
    for sent, lost in samples:
        if down:
            counters.rx_chunks += sent - lost
            counters.rx_damaged += lost
        else:
            counters.tx_chunks += sent
            counters.retransmits += lost
        advised.append(damage.better(chunk))
    return advised


@pytest.mark.parametrize("down", [False, True])
def test_a_good_line_keeps_its_chunks(down: bool) -> None:
    assert watch([(100, 0), (100, 20), (100, 24)], down=down) == [None, None, None]


@pytest.mark.parametrize("down", [False, True])
def test_two_bad_samples_in_a_row_make_them_smaller(down: bool) -> None:
    assert watch([(24, 12), (24, 0), (24, 12), (24, 12)], down=down)[:3] == [None, None, None]
    advised = watch([(24, 12), (24, 0), (24, 12), (24, 12)], down=down)[3]
    assert advised == 512  # half of the chunks of 8192 bytes: a fault in 11,859 bytes, and sqrt(28 x 11,859) = 576


def test_the_size_is_near_the_best_one() -> None:
    """The share of bytes that arrive is within a third of the best one for any power of two."""
    for faults in (1e-5, 1e-4, 3e-4, 1e-3):
        lost = 1 - math.exp(-faults * (8192 + OVERHEAD))
        if lost <= 0.25:
            continue
        (_, advised) = watch([(1000, round(1000 * lost))] * 2)
        assert advised

        def goodput(chunk: int, faults: float = faults) -> float:
            return chunk / (chunk + OVERHEAD) * math.exp(-faults * (chunk + OVERHEAD))

        best = max(goodput(1 << bits) for bits in range(8, 14))
        assert goodput(advised) > best * 2 / 3


def test_few_chunks_say_nothing() -> None:
    assert watch([(SAMPLE - 1, SAMPLE - 1)]) == [None]


def test_the_smallest_size_is_kept() -> None:
    assert watch([(100, 100), (100, 100)], chunk=int(Limit.MIN_CHUNK)) == [None, None]
    assert watch([(100, 100), (100, 100)], chunk=512) == [None, Limit.MIN_CHUNK]


def test_a_new_session_is_judged_from_its_start() -> None:
    counters = Counters()
    damage = Damage(counters)
    counters.tx_chunks, counters.retransmits = 100, 90
    assert damage.better(8192) is None
    damage.begin()
    counters.tx_chunks, counters.retransmits = 200, 180
    assert damage.better(8192) is None


def test_rising_damage_is_reported_once_for_each_sample_and_not_for_few_chunks() -> None:
    counters = Counters()
    damage = Damage(counters)
    reported = []
    for lost in (0, 0, 4, 4, 0, 0):  # of 32 chunks each: two are a sample
        counters.tx_chunks += LARGE_SAMPLE // 2
        counters.retransmits += lost
        reported.append(damage.rising())
    assert reported == [False, False, False, True, False, False]
    counters.rx_chunks += LARGE_SAMPLE - 4
    counters.rx_damaged += 4
    damage.begin()  # a new rate
    assert not damage.rising()
    counters.rx_chunks += LARGE_SAMPLE - 4
    counters.rx_damaged += 4
    assert damage.rising()
    counters.rx_bytes += HEARD - 1
    counters.skipped += HEARD // 10
    assert not damage.rising()
    counters.rx_bytes += 1
    assert damage.rising()
    assert not damage.rising()
