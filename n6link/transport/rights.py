"""Why a serial port cannot be opened, and what to do: who owns it, and which program uses it.

ModemManager, a service of most desktop systems, opens new ports that could be modems and sends ``AT`` commands for some seconds. During that
time no other program can open the port, and a board receives bytes that it has to skip. The rules in ``70-n6link.rules`` exclude boards
from this, and permit the user at the machine to open them.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from n6link.transport import ports

RULES: Final = Path(__file__).with_name("70-n6link.rules")
"""udev rules for boards"""
INSTALL: Final = f"n6link devices --udev | sudo tee /etc/udev/rules.d/{RULES.name} && sudo udevadm control --reload && sudo udevadm trigger"


def denied(port: str) -> str:
    """What to do if this user is not permitted to open a port."""
    try:
        found = os.stat(port)
    except OSError:  # the port was lost
        return f"connect the board again, or install the rules: {INSTALL}"
    group = _group(found.st_gid)
    if not group or found.st_gid == 0 or found.st_mode & (stat.S_IRGRP | stat.S_IWGRP) != stat.S_IRGRP | stat.S_IWGRP:
        return f"it is not open to a group of users; install the rules: {INSTALL}"
    name, members = group
    if _user() in members:
        return f"this user is a member of its group {name}, but not in this session; log out and log in again"
    return f"it belongs to the group {name}; run: sudo usermod -aG {name} $USER, and log in again"


def busy(port: str) -> str:
    """Which program uses a port, and what to do."""
    if name := holder(port):
        return f"in use by {name}; close it"
    if probed(port):
        return (
            "in use; ModemManager is running, and opens new ports for some seconds; wait, or install the rules that "
            f"exclude boards: {INSTALL}"
        )
    return "in use by another program; close the terminal, IDE or n6link program that uses it"


def holder(port: str) -> str:
    """Name and id of a program that uses a port, if this user is permitted to see it."""
    target, here = os.path.realpath(port), str(os.getpid())
    for process in sorted(_processes(), key=lambda process: process.name == here):
        try:
            if any(os.path.realpath(descriptor) == target for descriptor in (process / "fd").iterdir()):
                name = (process / "comm").read_text().strip()
                return "this program" if process.name == here else f"{name} (process {process.name})"
        except OSError:  # of another user, or ended
            continue
    return ""


def probed(port: str) -> bool:
    """Whether ModemManager runs, and no udev rule excludes this port."""
    try:
        number = os.stat(port).st_rdev
        about = (ports.ROOT / f"run/udev/data/c{os.major(number)}:{os.minor(number)}").read_text()
    except OSError:
        about = ""
    if "E:ID_MM_DEVICE_IGNORE=1" in about:
        return False
    for process in _processes():
        try:
            if (process / "comm").read_text().strip() == "ModemManager":
                return True
        except OSError:
            continue
    return False


def _processes() -> list[Path]:
    return list((ports.ROOT / "proc").glob("[0-9]*"))


def _group(gid: int) -> tuple[str, list[str]] | None:
    """Name and members of a group; None if the system has no groups, or the group has no name."""
    try:
        import grp

        entry = grp.getgrgid(gid)
    except (ImportError, KeyError):
        return None
    return entry.gr_name, entry.gr_mem


def _user() -> str:
    try:
        import pwd

        return pwd.getpwuid(os.geteuid()).pw_name
    except (ImportError, KeyError):
        return ""
