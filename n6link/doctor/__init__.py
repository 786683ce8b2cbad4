"""Finds why a board is slow, or does not answer, and says it in one sentence.

:func:`examine` goes from the port to the network, and stops where nothing further can be reached:

1. :mod:`~n6link.doctor.port`: what the operating system knows of the port: rights, other programs, USB speed, hubs, latency timer.
2. The connection: the firmware's version, and the cause of a missing answer.
3. :mod:`~n6link.doctor.measure`: round trips, rates in both directions, damage, and the times of each network.
4. :mod:`~n6link.doctor.rules`: what these figures mean; :mod:`~n6link.doctor.limits`: the stage that limits each network.
5. :mod:`~n6link.doctor.memory`: what is stored for the board, and used by programs.

The result is a :class:`Diagnosis`: what was found, the most severe first, and the frames per second of each network.
"""

from __future__ import annotations

from n6link.doctor.examination import examine
from n6link.doctor.findings import Diagnosis, Finding, Severity, Trouble

__all__ = ["Diagnosis", "Finding", "Severity", "Trouble", "examine"]
