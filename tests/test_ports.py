"""Ports and boards: what is listed, which port is meant, and what is said if that is not clear."""

from __future__ import annotations

import re
from collections.abc import Sequence
from types import SimpleNamespace

import anyio
import pytest
from e2e_fixtures import board
from lines import Line, Usb
from serial.tools import list_ports

import n6link
from n6link import DeviceRebooted, N6Device, NoDeviceError, SettingsError, TransportError, settings
from n6link.transport import discovery, ports, rights
from n6link.transport.url import open_stream

ST_LINK = "0483:3754"
CDC = "0483:5740"
CHIP = "3B0036001151333032393530"
"""unique id of a chip, as its USB port reports it"""


def board_port(usb: Usb, name: str = "ttyACM1", chip: str = CHIP, at: str = "2-1", **options: str) -> str:
    """Connects the USB port of a board itself."""
    return usb.plug(name, CDC, chip, at=at, product="n6link STM32N6", manufacturer="n6link", **options)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------- what is listed


def test_boards_come_first_and_say_what_they_are(usb: Usb) -> None:
    usb.plug("ttyUSB0", "0403:6001", "FT01", at="1-9", product="FT232R")
    usb.plug("ttyACM10", "0483:374e", "B", at="1-2", product="STLINK-V3")
    usb.plug("ttyACM2", "0483:374e", "A", at="1-3", product="STLINK-V3")
    usb.plug("ttyACM0", "1234:5740", "X", at="1-4")
    usb.solder("ttyAMA0", "pnp")
    found = ports.devices()
    assert [port.path.rpartition("/")[2] for port in found] == ["ttyACM2", "ttyACM10", "ttyACM0", "ttyAMA0", "ttyUSB0"]
    assert [port.kind for port in found] == ["ST-Link V3"] * 2 + [None] * 3
    first, adapter = found[0], found[-1]
    assert (first.vid, first.pid, first.serial_number, first.location) == (0x0483, 0x374E, "A", "1-3")
    assert first.url == f"serial:{first.path}" and str(first) == f"{first.path} (ST-Link V3, serial number A)"
    assert (adapter.vid, adapter.serial_number, str(adapter)) == (0x0403, "FT01", f"{adapter.path} (FT232R)")
    assert str(found[2]).endswith("ttyACM0 (USB serial port)") and str(found[3]).endswith("ttyAMA0 (serial port)")


def test_every_st_link_of_the_third_generation_is_known(usb: Usb) -> None:
    for index, pid in enumerate(("374d", "374e", "374f", "3753", "3754", "3755", "3757")):
        usb.plug(f"ttyACM{index}", f"0483:{pid}", at=f"1-{index}")
    usb.plug("ttyACM9", "0483:374b", at="1-9")  # of boards with another chip
    assert [port.kind for port in ports.devices()] == ["ST-Link V3"] * 7 + [None]


def test_firmware_with_usb_ids_of_its_own(usb: Usb) -> None:
    usb.plug("ttyACM0", "1209:0001", CHIP, manufacturer="n6link")
    usb.plug("ttyACM1", "1209:0001", "not a unique id", at="1-2", manufacturer="n6link")
    first, second = ports.devices()
    assert first.kind == second.kind == "USB CDC"
    assert (first.unique_id, second.unique_id) == (CHIP.lower(), "")


def test_a_unique_id_is_written_as_the_board_reports_it(usb: Usb) -> None:
    """``DeviceInfo.unique_id`` drops zero bytes at the end."""
    board_port(usb, chip="3B0036001151333032390000")
    assert ports.devices()[0].unique_id == "3b003600115133303239"


def test_ports_without_a_chip_are_not_listed(usb: Usb) -> None:
    usb.solder("ttyS0", "pnp", kind=4)
    usb.solder("ttyS1", "pnp", kind=0)
    usb.solder("ttyS2", "platform", kind=4)
    assert [port.path.rpartition("/")[2] for port in ports.devices()] == ["ttyS0"]


def test_a_port_that_goes_while_it_is_listed(usb: Usb) -> None:
    usb.plug("ttyACM0", ST_LINK, "A")
    for file in ("idVendor", "idProduct"):
        (usb.root / "sys/devices/1-1" / file).unlink()
    assert ports.devices() == []


def test_text_of_a_usb_device_is_made_printable(usb: Usb) -> None:
    evil = "\x1b[2J\nttyACM9"
    usb.plug("ttyUSB0", "0403:6001", evil, product=evil, manufacturer=evil)
    (port,) = ports.devices()
    assert {port.description, port.serial_number, port.manufacturer} == {r"\x1b[2J\nttyACM9"}


def test_a_system_without_ports(usb: Usb) -> None:
    (usb.root / "sys/class/tty/tty0").rmdir()
    (usb.root / "sys/class/tty").rmdir()
    assert ports.devices() == []


def test_other_systems_ask_pyserial(monkeypatch: pytest.MonkeyPatch) -> None:
    def port(name: str, vid: int | None, pid: int | None, location: str | None, description: str) -> SimpleNamespace:
        return SimpleNamespace(
            device=name,
            vid=vid,
            pid=pid,
            serial_number="A",
            location=location,
            description=description,
            manufacturer=None,
        )

    found = [port("COM3", 0x0483, 0x3753, "1-2:1.2", "STLink COM Port"), port("COM1", None, None, None, "n/a")]
    monkeypatch.setattr(list_ports, "comports", lambda: found)
    link, other = ports.from_pyserial()
    assert (link.kind, link.location, link.interface, link.description) == ("ST-Link V3", "1-2", 2, "STLink COM Port")
    assert (other.kind, other.location, other.description) == (None, "", "serial port")


# ------------------------------------------------------------------------------------------- which board


def found_boards(learnt: dict[str, Sequence[str]] | None = None) -> list[tuple[str, list[str]]]:
    """Unique id and ports of each board."""
    return [
        (board.unique_id, [port.path.rpartition("/")[2] for port in board.ports])
        for board in discovery.boards(ports.devices(), learnt or {})
    ]


def test_both_cables_of_one_board_are_one_board(usb: Usb) -> None:
    usb.plug("ttyACM0", ST_LINK, "A")
    board_port(usb)
    assert found_boards() == [(CHIP.lower(), ["ttyACM1", "ttyACM0"])], "its own port is the faster one, and comes first"
    assert found_boards({CHIP.lower(): ["A"]}) == [(CHIP.lower(), ["ttyACM1", "ttyACM0"])]


def test_an_st_link_of_another_board_is_another_board(usb: Usb) -> None:
    usb.plug("ttyACM0", ST_LINK, "A")
    board_port(usb)
    assert found_boards({"ab12": ["A"]}) == [("ab12", ["ttyACM0"]), (CHIP.lower(), ["ttyACM1"])]


def test_two_cables_of_two_boards_are_told_apart_once_they_are_known(usb: Usb) -> None:
    usb.plug("ttyACM0", ST_LINK, "A", at="1-1")
    usb.plug("ttyACM2", ST_LINK, "B", at="1-2")
    board_port(usb)
    assert sorted(ids for ids, _ in found_boards()) == ["", "", CHIP.lower()]
    assert found_boards({CHIP.lower(): ["B"]}) == [("", ["ttyACM0"]), (CHIP.lower(), ["ttyACM1", "ttyACM2"])]


def test_an_st_link_with_two_ports_is_one_board(usb: Usb) -> None:
    usb.plug("ttyACM1", "0483:3753", "A", interface=3)
    usb.plug("ttyACM2", "0483:3753", "A", interface=1)
    assert found_boards() == [("", ["ttyACM2", "ttyACM1"])]
    assert discovery.find("a")[0].path.endswith("ttyACM2")


async def test_the_one_board_is_taken(usb: Usb, line: Line) -> None:
    usb.solder("ttyS0", "pnp")
    path = usb.plug("ttyACM0", ST_LINK, "A", node=line.path)
    async with await open_stream() as ours:
        assert ours.url == f"serial:{path}"
        assert ours.port and ours.port.serial_number == "A" and ours.stable_url == "serial:A"


async def test_two_boards_have_to_be_told_apart(usb: Usb) -> None:
    usb.plug("ttyACM0", ST_LINK, "A", at="1-1")
    usb.plug("ttyACM1", ST_LINK, "B", at="1-2")
    with pytest.raises(
        NoDeviceError,
        match=r"2 boards .*ACM0 \(ST-Link V3, serial number A\), .*ACM1.*; choose one.*N6LINK_URL=serial:A",
    ):
        await open_stream()


async def test_boards_without_a_serial_number_are_named_by_port(usb: Usb) -> None:
    path = usb.plug("ttyACM0", ST_LINK, at="1-1")
    usb.plug("ttyACM1", ST_LINK, at="1-2")
    with pytest.raises(NoDeviceError, match=f"N6LINK_URL=serial:{path}"):
        await open_stream()


@pytest.mark.parametrize("port", [False, True])
async def test_no_board(usb: Usb, port: bool) -> None:
    if port:
        usb.solder("ttyS0", "pnp")
    with pytest.raises(NoDeviceError) as error:
        await open_stream()
    assert "N6Device('sim:')" in str(error.value)
    assert ("ttyS0 (serial port)" if port else "there are no serial ports") in str(error.value)


async def test_the_environment_names_a_board(monkeypatch: pytest.MonkeyPatch, line: Line) -> None:
    monkeypatch.setenv("N6LINK_URL", line.url)
    async with await open_stream() as ours:
        assert ours.url == ours.stable_url == line.url and ours.port is None


@pytest.mark.parametrize("number", ["0039aB", "0039AB", CHIP, CHIP.lower()])
async def test_a_board_by_its_number(usb: Usb, line: Line, number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """USB serial number and unique id, in capitals or not."""
    usb.plug("ttyACM0", ST_LINK, "0039AB", at="1-1", node=line.path)
    usb.plug("ttyACM1", ST_LINK, "0040", at="1-2")
    monkeypatch.setenv("N6LINK_CONFIG", str(usb.root / "settings.toml"))
    settings.learn(CHIP.lower(), ports=["0039AB"])
    async with await open_stream(f"serial:{number}?baud=115200") as ours:
        assert ours.stable_url == "serial:0039AB?baud=115200"
        await ours.send(b"hello")
        assert await line.read(5) == b"hello"
        with pytest.raises(TransportError, match="is in use"):
            await open_stream(ours.stable_url)


async def test_a_board_that_is_not_connected(usb: Usb) -> None:
    usb.plug("ttyACM0", ST_LINK, "A")
    with pytest.raises(NoDeviceError, match=r"no connected board has .* '0099'; the ports are .*ttyACM0 \(ST-Link"):
        await open_stream("serial:0099")


@pytest.mark.parametrize("kind", ["serial number", "unique id", "adapters"])
async def test_two_boards_with_one_id(usb: Usb, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    number = "A"
    if kind == "unique id":
        board_port(usb, "ttyACM0", at="1-1")
        board_port(usb, "ttyACM1", at="1-2")
        number = CHIP
    else:
        ids = ST_LINK if kind == "serial number" else "0403:6001"
        usb.plug("ttyACM0", ids, "A", at="1-1")
        usb.plug("ttyACM1", ids, "A", at="1-2")
    with pytest.raises(
        NoDeviceError, match=r"2 boards have the id \w+: .*ACM0.*, .*ACM1.*; use the name of a port, such as serial:/"
    ):
        await open_stream(f"serial:{number}")


async def test_a_port_with_a_number_that_two_have_is_found_again_by_its_name(usb: Usb, line: Line) -> None:
    path = usb.plug("ttyACM0", ST_LINK, "A", at="1-1", node=line.path)
    usb.plug("ttyACM1", ST_LINK, "A", at="1-2")
    async with await open_stream(f"serial:{path}") as ours:
        assert ours.stable_url == f"serial:{path}"


async def test_a_port_that_goes_between_listing_and_opening(usb: Usb) -> None:
    path = usb.plug("ttyACM0", ST_LINK, "A")  # its file has gone
    for url in (None, "serial:A", f"serial:{path}"):
        with pytest.raises(TransportError, match=f"serial port {path} does not exist; connect .*existing ports: none$"):
            await open_stream(url)


async def test_a_unique_id_needs_the_settings(usb: Usb, monkeypatch: pytest.MonkeyPatch) -> None:
    file = usb.root / "settings.toml"
    file.write_text("version = 7")
    monkeypatch.setenv("N6LINK_CONFIG", str(file))
    usb.plug("ttyACM0", ST_LINK, "A")
    for url in (None, "serial:AB12"):
        with pytest.raises(SettingsError, match="version = 7"):
            await open_stream(url)


# ------------------------------------------------------------------------------------------- what is learnt


async def test_the_board_at_an_st_link_is_remembered(usb: Usb, monkeypatch: pytest.MonkeyPatch) -> None:
    """A virtual board at a port that looks like that of an ST-Link."""
    monkeypatch.setenv("N6LINK_CONFIG", str(usb.root / "settings.toml"))
    with board("--pty") as virtual:
        path = usb.plug("ttyACM0", ST_LINK, "0039AB", node=virtual.url.removeprefix("serial:"))
        async with N6Device(f"serial:{path}") as device:
            unique_id = device.info.unique_id
        assert settings.load().ports == {unique_id: ("0039AB",)}
        async with N6Device(f"serial:{unique_id}") as device:
            assert device.info.unique_id == unique_id
        settings.change(f"learnt.{unique_id}.ports", "0050")
        settings.change("learnt.ab12.ports", "0039AB")
        with pytest.raises(
            NoDeviceError, match=f"ttyACM0 .* has the unique id {unique_id}, and not ab12; its ST-Link was moved"
        ):
            async with N6Device("serial:AB12"):
                pass
        assert settings.load().ports == {"ab12": (), unique_id: ("0039AB", "0050")}, "the next time is right"
        (usb.root / "settings.toml").write_text("version = 2")
        async with N6Device(f"serial:{path}") as device:
            assert device.info.unique_id == unique_id, "a connection does not depend on the settings"


async def test_a_board_comes_back_at_a_port_of_another_name(usb: Usb, monkeypatch: pytest.MonkeyPatch) -> None:
    """The USB serial number is enough: the settings are of no use here."""
    (usb.root / "settings.toml").write_text("version = 2")
    monkeypatch.setenv("N6LINK_CONFIG", str(usb.root / "settings.toml"))
    with board("--pty") as first, board("--pty") as second:
        path = usb.plug("ttyACM0", ST_LINK, "0039AB", node=first.url.removeprefix("serial:"))
        async with N6Device(f"serial:{path}", reconnect=60) as device:
            usb.unplug("ttyACM0")
            first.die()
            usb.plug("ttyACM7", ST_LINK, "0039AB", at="1-7", node=second.url.removeprefix("serial:"))
            with anyio.fail_after(100):
                with pytest.raises(DeviceRebooted):  # it is the same board to a host, but another process
                    await device.ping()
                assert (await device.ping()).rtt > 0


# ------------------------------------------------------------------------------------------- hot-plug


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_ports_that_come_and_go(usb: Usb, backend: str) -> None:
    async def main() -> None:
        usb.plug("ttyACM0", ST_LINK, "A")
        usb.plug("ttyUSB0", "0403:6001", at="1-9")
        changes = n6link.watch(0.01)

        async def following(count: int) -> list[tuple[bool, str, str | None]]:
            heard = [await anext(changes) for _ in range(count)]
            return [(one.added, one.port.path.rpartition("/")[2], one.port.serial_number) for one in heard]

        with anyio.fail_after(60):
            assert await following(1) == [(True, "ttyACM0", "A")]
            usb.plug("ttyACM3", ST_LINK, "B", at="1-3")
            assert await following(1) == [(True, "ttyACM3", "B")]
            usb.unplug("ttyACM0")
            assert await following(1) == [(False, "ttyACM0", "A")]
            usb.unplug("ttyACM3")
            usb.plug("ttyACM3", ST_LINK, "B", at="1-3")
            again = await following(2)
            assert again == [(False, "ttyACM3", "B"), (True, "ttyACM3", "B")], (
                "taken out and put back between two looks"
            )
            await changes.aclose()

    anyio.run(main, backend=backend)


@pytest.mark.parametrize("interval", [0, -1.0, float("nan"), 1e9])
async def test_an_interval_that_is_none(interval: float) -> None:
    with pytest.raises(n6link.BadInput, match="interval="):
        await anext(n6link.watch(interval))


# ------------------------------------------------------------------------------------------- rules


def test_the_rules_know_the_same_boards() -> None:
    text = rights.RULES.read_text()
    (vendor, products), *rest = re.findall(r'ATTRS\{idVendor\}=="(\w+)", ATTRS\{idProduct\}=="([^"]+)"', text)
    assert not rest and int(vendor, 16) == ports.ST_VENDOR
    assert {int(pid, 16) for pid in products.split("|")} == set(ports.BOARDS)
    assert f'ATTRS{{manufacturer}}=="{ports.MANUFACTURER}"' in text
    assert 'ENV{ID_MM_DEVICE_IGNORE}="1"' in text and 'TAG+="uaccess"' in text
    for jump in re.findall(r'GOTO="(\w+)"', text):
        assert text.count(f'LABEL="{jump}"') == 1
