"""The rate of the line: chosen at opening, stored for a board, fixed by a URL. What happens on a line that cannot carry it is in tests/simulation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import anyio
import m55
import pytest
from e2e_fixtures import board, noise, sim_url

from n6link import N6Device, settings
from n6link.errors import DeviceError, TransportError
from n6link.protocol import Feature, MessageType, Status, records
from n6link.session.rates import RATES
from n6link.transport.serial_port import SerialStream

pytestmark = pytest.mark.usefixtures("busy_computer")
BOARD = b"n6sim".hex()
"""the unique id of a virtual board"""
FIRST, FASTEST = 921_600, RATES[0]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings file of the test, which does not exist."""
    monkeypatch.setenv("N6LINK_CONFIG", str(tmp_path / "settings.toml"))
    return tmp_path / "settings.toml"


@pytest.fixture
def port(file: Path) -> Iterator[str]:
    """The URL of a virtual board on a serial port, whose rate can be changed."""
    with board("--pty", "--uart", str(FIRST)) as virtual:
        yield virtual.url


async def baud(url: str) -> int:
    """The rate that is in use after opening, by both ends.

    If this computer pauses for a second during the change, the board is at the first rate again, and this line does not show it: then the
    board is opened again.
    """
    for _ in range(5):
        async with N6Device(url) as dev:
            info = records.InfoReply.unpack(await dev.connection.ask(MessageType.INFO))
            assert dev.info.baud == dev.health.baud
            if info.baud == dev.info.baud:
                return info.baud
    raise AssertionError(f"the board has {info.baud} baud")


async def test_the_fastest_rate_is_used_and_the_virtual_board_has_its_speed() -> None:
    async with N6Device(sim_url(uart=FIRST)) as dev:
        assert Feature.RATE in dev.info.features
        assert dev.info.baud == dev.health.baud == FASTEST
        await dev["reference"].run(noise(dev["reference"]))
        await dev.reset(restart=True)
        assert dev.info.baud == FASTEST
        await dev["reference"].run(noise(dev["reference"]))


@pytest.mark.parametrize(("first", "used"), [(FASTEST, FASTEST), (2_500_000, FASTEST), (5_000_000, 5_000_000)])
async def test_lower_rates_than_the_first_one_are_not_used(first: int, used: int) -> None:
    assert await baud(sim_url(uart=first)) == used


async def test_a_rate_in_the_url_is_fixed(port: str) -> None:
    assert await baud(sim_url(baud=FIRST)) == FIRST
    assert await baud(f"{port}?baud={FIRST}") == FIRST


async def test_a_device_on_a_socket_keeps_its_rate() -> None:
    with board("--tcp", "0", "--uart", str(FIRST)) as virtual:
        assert await baud(virtual.url) == FIRST


async def test_a_rate_that_the_clock_cannot_be_divided_to_is_refused_with_the_nearest_one() -> None:
    async with N6Device(sim_url(uart=FIRST)) as dev:
        with pytest.raises(DeviceError) as refused:
            await dev.connection.ask(MessageType.RATE, records.Rate(baud=11_500_000).pack())
        assert (refused.value.status, refused.value.value) == (Status.UNSUPPORTED, 11_764_706)
        assert "value is near" in str(refused.value)
    async with N6Device(sim_url()) as dev:
        assert Feature.RATE not in dev.info.features
        with pytest.raises(DeviceError, match="not possible on this device"):
            await dev.connection.ask(MessageType.RATE, records.Rate(baud=FASTEST).pack())


async def test_the_rate_is_stored_for_the_board_and_used_again(port: str, file: Path) -> None:
    assert await baud(port) == FASTEST
    assert settings.load().learnt(BOARD)["rate"] == FASTEST
    for rate, used in ((RATES[1], RATES[1]), (1_843_200, 1_843_200), (FIRST, FIRST)):
        settings.learn(BOARD, rate=rate)
        assert await baud(port) == used
        assert settings.load().learnt(BOARD)["rate"] == used


async def test_a_port_without_a_rate_gets_a_lower_one(
    port: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    original = SerialStream.set_baud

    async def refuse(stream: SerialStream, baud: int) -> None:
        if baud == FASTEST:
            raise TransportError(f"the port does not support {baud} baud")
        await original(stream, baud)

    monkeypatch.setattr(SerialStream, "set_baud", refuse)
    caplog.set_level("INFO", logger="n6link.device")
    assert await baud(port) == RATES[1]
    assert f"{FASTEST} baud is not possible: the port does not support" in caplog.text
    assert settings.load().learnt(BOARD)["rate"] == RATES[1]


async def test_settings_that_cannot_be_used_do_not_prevent_a_connection(
    port: str, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await anyio.Path(file).write_text("version = 99\n")
    assert await baud(port) == FASTEST
    assert "the rate of the line is not read" in caplog.text
    assert "the rate of the line is not stored" in caplog.text


@pytest.mark.arm_gcc
@pytest.mark.qemu
async def test_the_emulated_cortex_m55_sets_a_rate() -> None:
    async with N6Device(f"qemu:{m55.build('qemu') / 'n6qemu.elf'}") as dev:
        assert Feature.RATE in dev.info.features
        for wanted in (921_600, 115_200):
            reply = await dev.connection.ask(MessageType.RATE, records.Rate(baud=wanted).pack())
            assert records.RateReply.unpack(reply).baud == wanted
            await dev["reference"].run(noise(dev["reference"]))
        with pytest.raises(DeviceError) as refused:
            await dev.connection.ask(MessageType.RATE, records.Rate(baud=1_500_000).pack())
        assert refused.value.value == 1_470_588
