"""Why a serial port cannot be opened, and what to do: who owns it, and which program has it.

ModemManager, a service of most desktop systems, opens every new port that could be a modem and sends it ``AT`` commands for some seconds.
Meanwhile nobody else can open the port, and a board gets bytes that are not for it, which it skips. The rules in ``70-n6link.rules`` tell
ModemManager to leave boards alone, and give the user at the machine the right to open them.
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
    """What gives this user the right to open a port."""
    try:
        found = os.stat(port)
    except OSError:  # it has gone
        return f"connect the board again, or install the rules: {INSTALL}"
    group = _group(found.st_gid)
    if not group or found.st_gid == 0 or found.st_mode & (stat.S_IRGRP | stat.S_IWGRP) != stat.S_IRGRP | stat.S_IWGRP:
        return f"no group that users are in may open it; install the rules: {INSTALL}"
    name, members = group
    if _user() in members:
        return f"it belongs to the group {name}, which this user is in since the last login: log out and log in again"
    return f"it belongs to the group {name}; run: sudo usermod -aG {name} $USER, and log in again"


def busy(port: str) -> str:
    """Which program has a port open, and what to do."""
    if holder := _holder(port):
        return f"in use by {holder}; close it"
    if _probed(port):
        return (
            "in use, and ModemManager is running, which tries new ports for some seconds; wait, or tell it to leave "
            f"boards alone: {INSTALL}"
        )
    return "in use by another program; close the terminal, IDE or n6link that has it open"


def _holder(port: str) -> str:
    """Name and id of a program that has a port open, if this user may know."""
    target = os.path.realpath(port)
    for process in _processes():
        try:
            if any(os.path.realpath(descriptor) == target for descriptor in (process / "fd").iterdir()):
                here = process.name == str(os.getpid())
                return "this program" if here else f"{(process / 'comm').read_text().strip()} (process {process.name})"
        except OSError:  # of another user, or ended
            continue
    return ""


def _probed(port: str) -> bool:
    """Whether ModemManager runs, and udev has no rule that keeps it from this port."""
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
    return sorted((ports.ROOT / "proc").glob("[0-9]*"))


def _group(gid: int) -> tuple[str, list[str]] | None:
    """Name and members of a group; None where there are no groups, or it has no name."""
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
