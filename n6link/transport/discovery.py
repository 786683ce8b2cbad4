"""Finds boards among the serial ports by their USB vendor and product ids.

The ids are those of STMicroelectronics (vendor 0x0483): the virtual COM ports of the ST-Link debuggers on Discovery and Nucleo
boards, and ST's CDC class device, which the firmware uses on the board's own USB port.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import anyio.to_thread
from serial.tools import list_ports

from n6link.errors import NoDeviceError

ST_VENDOR: Final = 0x0483
BOARDS: Final = {
    0x374E: "ST-Link V3",
    0x374F: "ST-Link V3",
    0x3753: "ST-Link V3",
    0x3754: "ST-Link V3",
    0x5740: "USB CDC",
}
"""USB product ids of ST: ST-Link V3E and V3 (374e, 374f), with two COM ports (3753), V3 power (3754); CDC device (5740)"""


@dataclass(frozen=True, slots=True)
class Port:
    """A serial port.

    Attributes:
        path: its name in the operating system.
        kind: the connection of a board ("ST-Link V3" or "USB CDC"), None for any other port.
        description: from the operating system.
        vid: USB vendor id; None = not a USB port.
        pid: USB product id; None = not a USB port.
        serial_number: that of the USB device, if it has one.
    """

    path: str
    kind: str | None
    description: str
    vid: int | None = None
    pid: int | None = None
    serial_number: str | None = None

    @property
    def url(self) -> str:
        """Its URL for :func:`n6link.transport.url.open_stream`."""
        return f"serial:{self.path}"

    def __str__(self) -> str:
        return f"{self.path} ({self.kind or self.description})"


def devices() -> list[Port]:
    """All serial ports of this machine; possible boards are first."""
    ports = [
        Port(
            path=info.device,
            kind=BOARDS.get(info.pid) if info.vid == ST_VENDOR else None,
            description=info.description if info.description not in (None, "n/a") else "serial port",
            vid=info.vid,
            pid=info.pid,
            serial_number=info.serial_number,
        )
        for info in list_ports.comports()
    ]
    return sorted(ports, key=lambda port: (port.kind is None, port.path))


async def find_board() -> str:
    """URL of the only connected board.

    Raises:
        NoDeviceError: no board is connected, or more than one.
    """
    ports = await anyio.to_thread.run_sync(devices)
    boards = [port for port in ports if port.kind]
    if len(boards) == 1:
        return boards[0].url
    if boards:
        raise NoDeviceError(
            f"{len(boards)} boards are connected: {', '.join(map(str, boards))}; choose one, "
            f"such as N6Device({boards[0].url!r}) or N6LINK_URL={boards[0].url}"
        )
    seen = f"the serial ports are {', '.join(map(str, ports))}" if ports else "there are no serial ports"
    raise NoDeviceError(
        f"no STM32N6 board was found: {seen}; connect a board, specify its port with N6Device('serial:PORT') or "
        "N6LINK_URL=serial:PORT, or use the virtual board with N6Device('sim:')"
    )
