"""The error of a call without an answer contains the cause that follows from the counters."""

from __future__ import annotations

from typing import Any

import pytest

from n6link.link import diagnosis
from n6link.link.exchange import Exchange, Phase
from n6link.link.frames import Counters
from n6link.protocol import InferState, MessageType


def why(phase: Phase = Phase.ASKED, state: int = -1, **counted: Any) -> str:
    before = Counters(rx_bytes=1000, skipped=1000, rx_frames=10, tx_chunks=50, retransmits=50)
    exchange = Exchange(1, MessageType.INFER, b"", phase, 5.0, counted=before.mark(), state=(state, 0))
    for name, value in counted.items():
        setattr(before, name, getattr(before, name) + value)
    return diagnosis.why(exchange, before).text


@pytest.mark.parametrize(
    ("counted", "says"),
    [
        (
            {},
            "no byte has arrived since the request, and 10 frames before it: the board has stopped or restarts, or the line",
        ),
        ({"rx_frames": -10}, "no byte has arrived since the request; check the power and the connection of the board"),
        (
            {"rx_bytes": 40_000, "skipped": 34_998},
            "34,998 of 40,000 received bytes are not part of a frame: another program",
        ),
        ({"rx_bytes": 40_000, "skipped": 34_998}, "flow control, 7 bits, CR/LF conversion"),
        (
            {"rx_bytes": 900, "tx_chunks": 100, "retransmits": 97},
            "3% of the chunks arrive at the device undamaged; use a lower baud rate, and check the line's settings",
        ),
        (
            {"rx_bytes": 900_000, "rx_chunks": 1, "rx_damaged": 3},
            "25% of the chunks arrive undamaged; use a lower baud rate",
        ),
        ({"rx_bytes": 500, "rx_frames": 20}, "the device has sent 20 other frames since the request"),
        (
            {"rx_bytes": 500, "rx_frames": 20, "skipped": 60},
            "20 other frames since the request, and 60 of 500 received bytes are not part of a frame; check the line's",
        ),
        ({"rx_bytes": 500, "rx_frames": 20, "tx_chunks": 100, "retransmits": 20}, "20 other frames"),
    ],
)
def test_what_the_counters_know(counted: dict[str, Any], says: str) -> None:
    assert says in why(**counted)


@pytest.mark.parametrize(
    ("state", "name"), [(InferState.RUNNING, "RUNNING"), (InferState.QUEUED, "QUEUED"), (9, "state 9")]
)
def test_an_inference_that_gets_no_further(state: int, name: str) -> None:
    assert f"the device reports {name} without progress" in why(Phase.ACCEPTED, state, rx_bytes=100, rx_frames=5)


def test_a_result_that_does_not_arrive() -> None:
    """Its frame is small: one that the line changes each time is a small share of the received bytes."""
    says = why(Phase.ACCEPTED, InferState.DONE, rx_bytes=1000, rx_frames=8, skipped=92)
    assert says.startswith(
        "the network has run, but its result does not arrive, and 92 of 1,000 received bytes are not part"
    )
