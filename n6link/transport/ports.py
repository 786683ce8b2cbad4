"""The serial ports of this machine, with their USB identity.

Linux: read from sysfs, under :data:`ROOT`. Other systems: by pyserial.

A board is connected with the virtual COM port of its ST-Link (vendor 0x0483, STMicroelectronics), or with its own USB port. There the
firmware is a CDC device of the manufacturer "n6link", and its USB serial number is the chip's unique id.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from n6link.protocol.codec import text

ST_VENDOR: Final = 0x0483
ST_LINK: Final = "ST-Link V3"
USB_CDC: Final = "USB CDC"
BOARDS: Final = {
    0x374D: ST_LINK,
    0x374E: ST_LINK,
    0x374F: ST_LINK,
    0x3753: ST_LINK,
    0x3754: ST_LINK,
    0x3755: ST_LINK,
    0x3757: ST_LINK,
    0x5740: USB_CDC,
}
"""USB product ids of ST: ST-Link V3 in its boot loader (374d), V3E (374e), V3 (374f), V3 with two COM ports (3753), V3E without mass
storage (3754), V3PWR in its boot loader (3755), V3PWR (3757); CDC device of ST's examples (5740), the firmware's default. Source of the
ST-Link's: ST's technical note TN1235 and the tables of OpenOCD. Older ST-Links are on no board with an STM32N6."""
MANUFACTURER: Final = "n6link"
"""USB manufacturer of the firmware, with any vendor and product id"""

ROOT: Path = Path("/")
"""folder of ``sys``, ``dev``, ``proc`` and ``run``; tests replace it"""
_SYSFS: Final = sys.platform == "linux"


@dataclass(frozen=True, slots=True)
class Port:
    """A serial port.

    Attributes:
        path: its name in the operating system.
        kind: the connection of a board (:data:`ST_LINK` or :data:`USB_CDC`), None for any other port.
        description: from the operating system.
        vid: USB vendor id; None = not a USB port.
        pid: USB product id; None = not a USB port.
        serial_number: that of the USB device, if it has one.
        location: position of the USB device in the tree of hubs, such as "1-1.2"; ports of one device have the same.
        interface: number of the USB interface; a device with two COM ports has two.
        address: of the USB device on its bus, different after each connection; 0 = unknown.
        manufacturer: from the USB device.
    """

    path: str
    kind: str | None
    description: str
    vid: int | None = None
    pid: int | None = None
    serial_number: str | None = None
    location: str = ""
    interface: int = 0
    address: int = 0
    manufacturer: str = ""

    @property
    def url(self) -> str:
        """Its URL for :func:`n6link.transport.url.open_stream`."""
        return f"serial:{self.path}"

    @property
    def unique_id(self) -> str:
        """Of the board's chip, equal to ``DeviceInfo.unique_id``, if the port reports it; else empty."""
        if self.manufacturer != MANUFACTURER or not re.fullmatch(r"([0-9A-Fa-f]{2})+", self.serial_number or ""):
            return ""
        return bytes.fromhex(self.serial_number or "").rstrip(b"\0").hex()

    def __str__(self) -> str:
        number = f", serial number {self.serial_number}" if self.kind and self.serial_number else ""
        return f"{self.path} ({self.kind or self.description}{number})"


def devices() -> list[Port]:
    """All serial ports of this machine; possible boards are first."""
    found = _from_sysfs(ROOT) if _SYSFS else from_pyserial()
    return sorted(found, key=lambda port: (port.kind is None, _natural(port.path)))


def from_pyserial() -> Iterator[Port]:
    """The ports that pyserial lists, for systems without sysfs."""
    from serial.tools import list_ports

    for info in list_ports.comports():
        manufacturer = _printable(info.manufacturer)
        yield Port(
            path=info.device,
            kind=_kind(info.vid, info.pid, manufacturer),
            description=_printable(info.description) if info.description not in (None, "n/a") else "serial port",
            vid=info.vid,
            pid=info.pid,
            serial_number=_printable(info.serial_number) or None,
            location=(info.location or "").partition(":")[0],
            interface=_interface(info.location or ""),
            manufacturer=manufacturer,
        )


def _from_sysfs(root: Path) -> Iterator[Port]:
    folder = root / "sys/class/tty"
    for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
        device = (entry / "device").resolve()
        subsystem = (device / "subsystem").resolve().name
        # Terminals of the screen do not have a device. Type 0 is a reserved port whose chip does not exist.
        if not device.is_dir() or subsystem == "platform" or _read(entry / "type") == "0":
            continue
        path = str(root / "dev" / entry.name)
        if subsystem not in ("usb", "usb-serial"):
            yield Port(path, None, "serial port")
            continue
        interface = device if subsystem == "usb" else device.parent
        usb = interface.parent
        numbers = (_read(usb / name) for name in ("idVendor", "idProduct"))
        vid, pid = (int(number, 16) if number else None for number in numbers)
        if vid is None:  # unplugged after the folder was listed
            continue
        manufacturer = _read(usb / "manufacturer")
        yield Port(
            path,
            _kind(vid, pid, manufacturer),
            _read(usb / "product") or _read(interface / "interface") or "USB serial port",
            vid,
            pid,
            _read(usb / "serial") or None,
            usb.name,
            _interface(interface.name),
            int(_read(usb / "devnum") or 0),
            manufacturer,
        )


def _kind(vid: int | None, pid: int | None, manufacturer: str) -> str | None:
    if manufacturer == MANUFACTURER:
        return USB_CDC
    return BOARDS.get(pid or 0) if vid == ST_VENDOR else None


def _interface(name: str) -> int:
    """The last number of ``1-1.2:1.0``: configuration 1, interface 0."""
    number = name.partition(":")[2].rpartition(".")[2]
    return int(number) if number.isdecimal() else 0


def _natural(path: str) -> list[tuple[int, str]]:
    """Sorts numbers by value: ttyACM2 before ttyACM10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", path)]


def _printable(said: str | None) -> str:
    """Text that a USB device has sent."""
    return text((said or "").encode("utf-8", "replace"))


def _read(path: Path) -> str:
    """Content of a file in sysfs, which a USB device may have sent; empty if it does not exist (any more)."""
    try:
        return text(path.read_bytes().strip())
    except OSError:
        return ""
