"""Who may open a port and who has it open: as a user without root rights, whom the system really refuses."""

from __future__ import annotations

import asyncio
import fcntl
import grp
import os
import stat
import subprocess
import sys
import termios

import nobody
import pytest
from lines import Line, Usb

from n6link import TransportError
from n6link.transport import rights
from n6link.transport.url import open_stream

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to other users")
OPEN = "print(asyncio.run(refusal(sys.argv[1])))"


@needs_root
def test_a_port_of_a_group(line: Line) -> None:
    """The group is that of the port: dialout on Debian, uucp on Arch."""
    for group in ("dialout", "uucp"):
        os.chown(line.path, 0, grp.getgrnam(group).gr_gid)
        os.chmod(line.path, 0o660)
        (says,) = nobody.run(OPEN, line.url)
        assert says == (
            f"no permission to open serial port {line.path}; it belongs to the group {group}; "
            f"run: sudo usermod -aG {group} $USER, and log in again"
        )


@needs_root
def test_a_user_who_has_been_added_to_the_group(line: Line) -> None:
    os.chown(line.path, 0, grp.getgrnam("dialout").gr_gid)
    os.chmod(line.path, 0o660)
    added = "grp.getgrgid = lambda gid: grp.struct_group(('dialout', 'x', gid, [pwd.getpwuid(os.geteuid()).pw_name]))\n"
    (says,) = nobody.run(added + OPEN, line.url)
    assert says.endswith(
        "this user is a member of its group dialout, but not in this session; log out and log in again"
    )


@needs_root
@pytest.mark.parametrize(("gid", "mode"), [(0, 0o660), (20, 0o600), (20, 0o640), (987654, 0o660)])
def test_a_port_of_nobody_s_group(line: Line, gid: int, mode: int) -> None:
    os.chown(line.path, 0, gid)
    os.chmod(line.path, mode)
    (says,) = nobody.run(OPEN, line.url)
    assert "install the rules: n6link devices --udev | sudo tee /etc/udev/rules.d/70-n6link.rules" in says


@needs_root
def test_settings_of_another_user() -> None:
    with nobody.folder() as folder:
        file = folder / "settings.toml"
        file.write_text("version = 1\n")
        file.chmod(0o600)
        script = (
            "os.environ['N6LINK_CONFIG'] = sys.argv[1]\n"
            "for call in (settings.load, lambda: settings.change('boards.arm', 'sim:')):\n"
            "    try: call()\n"
            "    except N6Error as error: print(type(error).__name__, error)\n"
            "asyncio.run(discovery.confirm(ports.Port('p', ports.ST_LINK, '', serial_number='1'), '', 'ab'))\n"
        )
        read, written = nobody.run(script, str(file))
        assert read == f"SettingsError the settings file {file} cannot be read (Permission denied)"
        assert written == f"SettingsError the settings file {file} cannot be written (Permission denied)"
        file.chmod(0o644)
        assert nobody.run(script, str(file)) == [written]


def test_an_open_port_excludes_every_program(line: Line) -> None:
    """Also programs that use no lock. A pseudo terminal is treated like a real port here."""
    os.chmod(line.path, 0o666)
    script = """
serial_port.PSEUDO_TERMINALS = range(0)
def attempt():
    try:
        os.close(os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY))
    except OSError as error:
        return errno.errorcode[error.errno]
    return "opened"
async def main():
    async with await url.open_stream("serial:" + sys.argv[1]):
        print(attempt())
    print(attempt())
asyncio.run(main())
"""
    assert nobody.run(script, line.path) == ["EBUSY", "opened"]
    assert nobody.run(script, line.path) == ["EBUSY", "opened"], "nothing of it stays"


@needs_root
def test_a_port_that_another_user_has(line: Line, usb: Usb) -> None:
    os.chmod(line.path, 0o666)
    port = os.open(line.path, os.O_RDWR | os.O_NOCTTY)
    fcntl.ioctl(port, termios.TIOCEXCL)
    (says,) = nobody.run(OPEN, line.url)
    assert says == (
        f"serial port {line.path} is in use by another program; close the terminal, IDE or n6link program that uses it"
    )
    fcntl.ioctl(port, termios.TIOCNXCL)
    os.close(port)
    assert nobody.run(OPEN, line.url) == ["opened"]


HOLD = """
import fcntl, os, sys
port = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)
fcntl.flock(port, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_the_program_that_has_a_port_is_named(line: Line) -> None:
    words = [sys.executable, "-c", HOLD, line.path]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout and holder.stdout.readline() == "held\n"
        with pytest.raises(TransportError, match=rf"is in use by python[\d.]* \(process {holder.pid}\); close it"):
            asyncio.run(open_and_close(line.url))
        holder.communicate()
    asyncio.run(open_and_close(line.url))


async def open_and_close(url: str) -> None:
    async with await open_stream(url):
        pass


def test_modem_manager_may_be_the_one(line: Line, usb: Usb) -> None:
    assert "by another program" in rights.busy(line.path)
    usb.run(77, "ModemManager")
    assert "ModemManager is running, and opens new ports for some seconds; wait, or" in rights.busy(line.path)
    number = os.stat(line.path).st_rdev
    rules = usb.root / f"run/udev/data/c{os.major(number)}:{os.minor(number)}"
    rules.write_text("E:ID_MM_DEVICE_IGNORE=1\n")
    assert "by another program" in rights.busy(line.path), "ModemManager is configured to ignore this port"
    rules.write_text("E:ID_VENDOR=x\n")
    assert "ModemManager" in rights.busy(line.path)
    assert "ModemManager" in rights.busy("/dev/none"), "the port has gone"


def test_a_port_that_has_gone_has_no_group() -> None:
    assert "connect the board again" in rights.denied("/dev/none")


def test_the_rules_are_a_file_of_the_package() -> None:
    assert stat.S_ISREG(rights.RULES.stat().st_mode) and rights.RULES.name == "70-n6link.rules"
