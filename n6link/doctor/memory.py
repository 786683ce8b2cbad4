"""What is stored for a board after an examination (``learnt.ID`` of the settings file).

* ``rate``: the best bit rate, stored by the connection, which has tried all rates again. :class:`n6link.N6Device` starts with it.
* ``speed``: of a line without a bit rate. If it is slow, :class:`n6link.N6Device` requests reductions by default, as on a UART.
* ``doctor``, ``examined``: the sentence and its time, which the monitor shows.

Nothing else is stored. A lossy encoding changes results, so only a program can choose it. A smaller chunk is found within two samples
of 24 chunks. A deeper stream makes frames older. Boards without a unique id, and lines that may be others the next time (sockets,
virtual boards that end with the program), are not remembered.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import anyio.to_thread

from n6link import settings
from n6link.device import N6Device
from n6link.doctor.findings import Diagnosis

FASTEST: Final = 1_000_000_000
"""bytes per second that are stored for a line that is too fast to measure"""


async def remember(device: N6Device, found: Diagnosis) -> dict[str, str | int]:
    """Stores what was found, and returns it.

    Raises:
        SettingsError: the settings file cannot be used.
    """
    unique_id = device.info.unique_id
    if not (unique_id and device.connection.durable):
        return {}
    values: dict[str, str | int] = {
        "doctor": found.verdict,
        "examined": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    measured = found.measurements
    if measured and measured.rates:
        values["rate"] = device.info.baud
    if measured and not device.info.baud and (rates := [rate for rate in (measured.up, measured.down) if rate]):
        values["speed"] = int(min(max(min(rates), 1), FASTEST))
    await anyio.to_thread.run_sync(lambda: settings.learn(unique_id, **values))
    return values
