"""What the operating system knows of a serial port. Only Linux has the files that are read here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from n6link.doctor.findings import Finding, Severity, Trouble
from n6link.transport import ports, rights
from n6link.transport.ports import USB_CDC, Port

FULL: Final = 12
"""Mbit/s of full-speed USB"""
LATENCY: Final = 4
"""milliseconds; chips of FTDI wait this long for more bytes before they report a few: 16 by default"""
HUBS: Final = 2
"""more hubs than this between computer and board are worth a note: each adds a cable, and its bandwidth is shared"""


def probed(path: str) -> Iterator[Finding]:
    """Whether ModemManager sends commands to the port."""
    if rights.probed(path):
        yield Finding(
            Trouble.MODEM_MANAGER,
            Severity.NOTE,
            "ModemManager is running, and sends AT commands to new ports for some seconds",
            f"install the rules that exclude boards: {rights.INSTALL}",
        )


def second_reader(path: str) -> Iterator[Finding]:
    """Another program that has the port open while this one uses it, or wants to."""
    if holder := rights.holder(path):
        yield Finding(
            Trouble.SECOND_READER,
            Severity.DEAD,
            f"{holder} has serial port {path} open, and takes bytes of the board's answers",
            "close it",
        )


def of_usb(port: Port) -> Iterator[Finding]:
    """From the position and speed of the USB device."""
    if not port.location:
        return
    device = ports.ROOT / "sys/bus/usb/devices" / port.location
    speed = _number(device / "speed")
    if port.kind == USB_CDC and speed == FULL:
        yield Finding(
            Trouble.FULL_SPEED,
            Severity.SLOW,
            f"the board's USB port {port.location} runs at {FULL} Mbit/s (full speed), and it can do 480 Mbit/s",
            "use a port and a cable for USB 2.0 High Speed, without an old hub",
        )
    hubs = port.location.count(".")
    if hubs > HUBS:
        yield Finding(
            Trouble.HUBS,
            Severity.NOTE,
            f"{hubs} hubs are between this computer and the board",
            "connect the board directly if the link is slow or fails",
        )
    latency = _number(ports.ROOT / "sys/bus/usb-serial/devices" / Path(port.path).name / "latency_timer")
    if latency is not None and latency > LATENCY:
        yield Finding(
            Trouble.LATENCY,
            Severity.SLOW,
            f"the driver of {port.path} waits {latency:g} ms for more bytes before it reports a few",
            f"run: echo 1 | sudo tee /sys/bus/usb-serial/devices/{Path(port.path).name}/latency_timer",
        )


def _number(path: Path) -> float | None:
    try:
        return float(path.read_text())
    except (OSError, ValueError):
        return None
