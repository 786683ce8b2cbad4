"""A check of a network: the firmware runs it with the input that it stores, and returns the digest of the outputs."""

from __future__ import annotations

from dataclasses import dataclass

from n6link.protocol import CheckState, records


@dataclass(frozen=True, slots=True)
class Check:
    """The result of :meth:`n6link.network.Network.check`."""

    state: CheckState
    """whether the firmware knows the digest of right outputs, and this is it"""
    digest: int
    """CRC-32 of all raw outputs, in the network's order"""
    seconds: float
    """duration of the run, in time of the device"""

    @classmethod
    def parse(cls, payload: bytes, tick_hz: float) -> Check:
        """Creates it from the payload of a CHECK reply.

        Raises:
            ValueError: the payload is too short, or has an unknown state.
        """
        raw = records.CheckReply.unpack(payload)
        return cls(CheckState(raw.state), raw.digest, raw.ticks / tick_hz)
