"""Finds the probable cause of a missing answer in the counters of the link, as one sentence for the error."""

from __future__ import annotations

from typing import Final

from n6link.link.exchange import Exchange, Phase
from n6link.link.frames import Counters
from n6link.protocol import InferState

NOISE: Final = 0.2
"""maximum share of received bytes outside of frames; a larger share is caused by the line or by another program"""
DAMAGE: Final = 0.25
"""maximum share of damaged chunks; with a larger share, the rate is too high for the line"""


def why(exchange: Exchange, counters: Counters) -> str:
    """The probable cause of a time-out, and the remedy; without the name of the device.

    Args:
        exchange: the exchange without an answer.
        counters: of its link, now.
    """
    now = counters.mark()
    received, skipped, frames, up, repeated, down, damaged = (b - a for a, b in zip(exchange.counted, now, strict=True))
    outside = (
        f"{skipped:,} of {received:,} received bytes are not part of a frame; check the line's settings "
        "(flow control, 7 bits, CR/LF conversion)"
    )
    if skipped > NOISE * received and skipped > 64:
        return (
            f"{skipped:,} of {received:,} received bytes are not part of a frame: another program reads this port, or the "
            "line changes bytes (flow control, 7 bits, CR/LF conversion); close other programs and check the line's settings"
        )
    if up and repeated > DAMAGE * up:
        return (
            f"about {max(1 - repeated / up, 0):.0%} of the chunks arrive at the device undamaged; use a lower baud rate, "
            "and check the line's settings (flow control, CR/LF conversion)"
        )
    if damaged > DAMAGE * (down + damaged):
        return f"{down / (down + damaged):.0%} of the chunks arrive undamaged; use a lower baud rate"
    if exchange.phase is Phase.ACCEPTED:
        state = InferState.named(exchange.state[0])
        if state is InferState.DONE:
            return f"the network has run, but its result does not arrive, and {outside}"
        name = state.name if isinstance(state, InferState) else f"state {state}"
        return f"the device reports {name} without progress; use a larger timeout if the network takes longer"
    if not received and counters.rx_frames:
        return (
            f"no byte has arrived since the request, and {counters.rx_frames:,} frames before it: the board has stopped or "
            "restarts, or the line changes what is sent to it; check its power, the cable and the line's settings"
        )
    if not received:
        return "no byte has arrived since the request; check the power and the connection of the board"
    others = f"the device has sent {frames:,} other frames since the request"
    return f"{others}, and {outside}" if skipped else others
