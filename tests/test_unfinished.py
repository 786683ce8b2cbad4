"""Which INFERs may leave while the end of others is unknown."""

from __future__ import annotations

from n6link.link.exchange import Exchange, Phase
from n6link.link.unfinished import MOST, Unfinished
from n6link.protocol import MessageType


def infer(number: int) -> Exchange:
    return Exchange(number, MessageType.INFER, b"", Phase.ASKED, 1.0)


def run(unfinished: Unfinished, count: int) -> list[list[Exchange]]:
    """So many others leave and end; who has to be asked for after each."""
    asked = []
    for number in range(count):
        one = infer(100 + number)
        asked.append(unfinished.leaves(one))
        unfinished.reported(one)
        unfinished.ended(one)
    return asked


def test_one_that_is_not_answered_holds_the_others() -> None:
    unfinished, silent = Unfinished(), infer(1)
    assert unfinished.leaves(silent) == []
    assert run(unfinished, MOST - 1) == [[]] * (MOST - 1)
    assert not unfinished.full
    run(unfinished, 1)
    assert unfinished.full
    unfinished.reported(silent)
    assert unfinished.full, "it is the first transmission that was answered"
    unfinished.leaves(silent)
    unfinished.reported(silent)
    assert not unfinished.full


def test_one_that_waits_is_asked_for_before_the_others_are_held() -> None:
    unfinished, waits = Unfinished(), infer(1)
    unfinished.leaves(waits)
    unfinished.reported(waits)
    asked = run(unfinished, MOST)
    assert asked[: MOST // 2] == [[]] * (MOST // 2 - 1) + [[waits]]
    assert unfinished.full
    unfinished.ended(waits)
    assert not unfinished.full


def test_a_report_counts_from_the_oldest_transmission_that_it_may_answer() -> None:
    unfinished, waits = Unfinished(), infer(1)
    unfinished.leaves(waits)
    unfinished.reported(waits)
    run(unfinished, 2)
    unfinished.leaves(waits)
    run(unfinished, MOST - 1)
    unfinished.leaves(waits)
    unfinished.reported(waits)
    run(unfinished, 1)
    assert unfinished.full


def test_nothing_is_held_when_the_device_has_forgotten_all() -> None:
    unfinished = Unfinished()
    unfinished.leaves(infer(1))
    run(unfinished, MOST)
    unfinished.clear()
    assert not unfinished.full
