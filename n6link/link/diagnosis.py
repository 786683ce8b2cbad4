"""Finds the probable cause of a missing answer in the counters of the link: a :class:`Cause`, and one sentence for the error."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from n6link.link.exchange import Exchange, Phase
from n6link.link.frames import Counters
from n6link.protocol import InferState

NOISE: Final = 0.2
"""maximum share of received bytes outside of frames; a larger share is caused by the line or by another program"""
DAMAGE: Final = 0.25
"""maximum share of damaged chunks; with a larger share, the rate is too high for the line"""


class Cause(StrEnum):
    """Why a device has not answered."""

    SILENT = "silent"
    """no byte has ever arrived"""
    STOPPED = "stopped"
    """frames have arrived before the request, and no byte since"""
    FOREIGN = "foreign bytes"
    """most bytes are not part of a frame: another program reads the port, or the line changes bytes"""
    DAMAGED = "damaged chunks"
    """many chunks arrive damaged"""
    STUCK = "stuck"
    """the device answers, and the inference does not continue"""
    LOST = "lost"
    """frames arrive, but not the answer"""


class Reason(NamedTuple):
    """The cause of a time-out, and its sentence with the remedy, without the name of the device."""

    cause: Cause
    text: str


def why(exchange: Exchange, counters: Counters) -> Reason:
    """The probable cause of a time-out.

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
        return Reason(
            Cause.FOREIGN,
            f"{skipped:,} of {received:,} received bytes are not part of a frame: another program reads this port, or the "
            "line changes bytes (flow control, 7 bits, CR/LF conversion); close other programs and check the line's settings",
        )
    if up and repeated > DAMAGE * up:
        return Reason(
            Cause.DAMAGED,
            f"about {max(1 - repeated / up, 0):.0%} of the chunks arrive at the device undamaged; use a lower baud rate, "
            "and check the line's settings (flow control, CR/LF conversion)",
        )
    if damaged > DAMAGE * (down + damaged):
        share = f"{down / (down + damaged):.0%}"
        return Reason(Cause.DAMAGED, f"{share} of the chunks arrive undamaged; use a lower baud rate")
    if exchange.phase is Phase.ACCEPTED:
        state = InferState.named(exchange.state[0])
        if state is InferState.DONE:
            return Reason(Cause.LOST, f"the network has run, but its result does not arrive, and {outside}")
        name = state.name if isinstance(state, InferState) else f"state {state}"
        text = f"the device reports {name} without progress; use a larger timeout if the network takes longer"
        return Reason(Cause.STUCK, text)
    if not received and counters.rx_frames:
        return Reason(
            Cause.STOPPED,
            f"no byte has arrived since the request, and {counters.rx_frames:,} frames before it: the board has stopped or "
            "restarts, or the line changes what is sent to it; check its power, the cable and the line's settings",
        )
    if not received:
        text = "no byte has arrived since the request; check the power and the connection of the board"
        return Reason(Cause.SILENT, text)
    others = f"the device has sent {frames:,} other frames since the request"
    why_not = ": the line damages this request each time, or the firmware does not answer it"
    return Reason(Cause.LOST, f"{others}, and {outside}" if skipped else others + why_not)
