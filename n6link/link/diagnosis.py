"""What the counters know about a call that has ended without an answer, in one sentence for its error."""

from __future__ import annotations

from typing import Final

from n6link.link.exchange import Exchange, Phase
from n6link.link.frames import Counters
from n6link.protocol import InferState

NOISE: Final = 0.2
"""share of the received bytes that belong to no frame, above which the line or another program is to blame"""
DAMAGE: Final = 0.25
"""share of damaged chunks above which the line is too bad for its rate"""


def why(exchange: Exchange, counters: Counters) -> str:
    """Why an exchange got no further, as far as it can be known; without the name of the device.

    Args:
        exchange: that has run out of patience.
        counters: of its link, now.
    """
    now = counters.mark()
    received, skipped, frames, up, repeated, down, damaged = (b - a for a, b in zip(exchange.counted, now, strict=True))
    if skipped > NOISE * received and skipped > 64:
        return (
            f"{skipped:,} of {received:,} bytes that arrived belong to no frame: another program reads this port, or the "
            "line changes bytes (flow control, 7 bits, CR/LF conversion)"
        )
    if up and repeated > DAMAGE * up:
        return f"about {max(1 - repeated / up, 0):.0%} of the chunks reach the device undamaged; lower the baud rate"
    if damaged > DAMAGE * (down + damaged):
        return f"{down / (down + damaged):.0%} of the chunks arrive undamaged; lower the baud rate"
    if exchange.phase is Phase.ACCEPTED:
        state = InferState.named(exchange.state[0])
        name = state.name if isinstance(state, InferState) else f"state {state}"
        return f"the device reports {name} and gets no further; give a larger timeout if the network needs more time"
    if not received:
        return "nothing has arrived since it was asked: is the board powered and connected?"
    return f"the device has sent {frames:,} other frames since it was asked"
