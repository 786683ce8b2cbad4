"""A serial line for tests: a pseudo terminal, and a folder that describes it as a USB device."""

from __future__ import annotations

import os
import pty
import shutil
import termios
import tty
from pathlib import Path

import anyio


class Line:
    """A pseudo terminal: ``path`` is the port, ``board`` the other end of its cable."""

    def __init__(self) -> None:
        self.board, self._port = pty.openpty()
        tty.setraw(self._port)
        os.set_blocking(self.board, False)
        self.path = os.ttyname(self._port)

    @property
    def url(self) -> str:
        return f"serial:{self.path}"

    def attributes(self) -> list[object]:
        return termios.tcgetattr(self._port)

    async def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            await anyio.wait_writable(self.board)
            view = view[os.write(self.board, view) :]

    async def read(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            await anyio.wait_readable(self.board)
            data += os.read(self.board, count - len(data))
        return bytes(data)

    def unplug(self) -> None:
        for descriptor in (self._port, self.board):
            if descriptor >= 0:
                os.close(descriptor)
        self._port = self.board = -1


class Usb:
    """The files in which Linux describes ports, under a folder of the test."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in (
            "dev",
            "proc",
            "run/udev/data",
            "sys/bus/usb",
            "sys/bus/usb-serial",
            "sys/bus/pnp",
            "sys/bus/platform",
        ):
            (root / folder).mkdir(parents=True)
        (root / "sys/class/tty").mkdir(parents=True)
        (root / "sys/class/tty/tty0").mkdir()  # a terminal of the screen
        self._address = 0

    def plug(
        self,
        name: str,
        ids: str,
        serial: str | None = None,
        *,
        at: str = "1-1",
        interface: int = 0,
        product: str = "",
        manufacturer: str = "",
        node: str | None = None,
    ) -> str:
        """Connects a USB device; returns the path of its port.

        Args:
            name: of the port.
            ids: vendor and product, such as "0483:374e".
            serial: its serial number.
            at: its place.
            interface: number of the port's interface.
            product: how it calls itself.
            manufacturer: who it says that it is of.
            node: what the port leads to, such as a pseudo terminal; None = there is no such file yet.
        """
        device = self.root / "sys/devices" / at
        if not device.exists():
            self._address += 1
            vid, pid = ids.split(":")
            _write(device, idVendor=vid, idProduct=pid, serial=serial, devnum=str(self._address))
            _write(device, product=product or None, manufacturer=manufacturer or None)
        part = device / f"{at}:1.{interface}"
        part.mkdir()
        (part / "subsystem").symlink_to(self.root / "sys/bus/usb")
        holder = part
        if name.startswith("ttyUSB"):  # a driver between the interface and the port
            holder = part / name
            holder.mkdir()
            (holder / "subsystem").symlink_to(self.root / "sys/bus/usb-serial")
        self._enter(name, holder)
        if node:
            (self.root / "dev" / name).symlink_to(node)
        return str(self.root / "dev" / name)

    def solder(self, name: str, bus: str, kind: int | None = None) -> None:
        """Adds a port that is not at USB; a kind of 0 is a chip that is not there."""
        device = self.root / "sys/devices" / bus / name
        device.mkdir(parents=True)
        (device / "subsystem").symlink_to(self.root / "sys/bus" / bus)
        self._enter(name, device)
        if kind is not None:
            (self.root / "sys/class/tty" / name / "type").write_text(f"{kind}\n")

    def unplug(self, name: str) -> None:
        """Takes out the device of a port."""
        entry = self.root / "sys/class/tty" / name
        device = (entry / "device").resolve()
        shutil.rmtree(entry)
        while ":" not in device.name:
            device = device.parent
        shutil.rmtree(device.parent)
        (self.root / "dev" / name).unlink(missing_ok=True)

    def run(self, process: int, command: str) -> None:
        """Adds a process of another user."""
        _write(self.root / "proc" / str(process), comm=command)

    def _enter(self, name: str, device: Path) -> None:
        entry = self.root / "sys/class/tty" / name
        entry.mkdir()
        (entry / "device").symlink_to(device)


def _write(folder: Path, **files: str | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        if text is not None:
            (folder / name).write_text(f"{text}\n")
