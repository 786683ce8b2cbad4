"""Finds a board among the serial ports and the servers: the only board, or a board by its USB serial number or unique id.

Ports of one USB device belong to one board, and so do ports with the same unique id: a board's own USB port reports it, and for an
ST-Link it is in the settings file after the first connection. A board that is connected with both cables is used at its own USB
port: firmware for that port does not use the ST-Link's.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import anyio.to_thread

from n6link import settings
from n6link.errors import NoDeviceError, SettingsError
from n6link.transport import servers
from n6link.transport.ports import ST_LINK, USB_CDC, Port, devices
from n6link.transport.servers import Running

_logger = logging.getLogger("n6link.transport")


@dataclass(frozen=True, slots=True)
class Board:
    """A board and its ports.

    Attributes:
        ports: in order of preference.
        unique_id: of the chip, hexadecimal; empty = unknown.
    """

    ports: tuple[Port, ...]
    unique_id: str = ""

    @property
    def port(self) -> Port:
        """The port to use.

        Raises:
            NoDeviceError: two boards report one unique id.
        """
        for kind in (USB_CDC, ST_LINK, None):
            places: dict[str, Port] = {}
            for port in self.ports:
                if port.kind == kind:
                    places.setdefault(port.location or port.path, port)
            if len(places) > 1:
                raise NoDeviceError(
                    f"{len(places)} boards have the id {self.unique_id or self.ports[0].serial_number}: "
                    f"{_listed(list(places.values()))}; use the name of a port, such as serial:{self.ports[0].path}"
                )
        return self.ports[0]

    def __str__(self) -> str:
        return " and ".join(map(str, self.ports))


def boards(ports: Sequence[Port], learnt: Mapping[str, Sequence[str]]) -> list[Board]:
    """The boards at these ports.

    Args:
        ports: serial ports of this machine.
        learnt: USB serial numbers of ports, by the unique id of their board.
    """
    known = {number: unique_id for unique_id, numbers in learnt.items() for number in numbers}
    groups: dict[tuple[str, str], list[Port]] = {}
    for port in ports:
        if port.kind:
            unique_id = port.unique_id or known.get(port.serial_number or "", "")
            groups.setdefault(("", unique_id) if unique_id else (port.location or port.path, ""), []).append(port)
    found = [
        Board(tuple(sorted(group, key=lambda port: (port.kind != USB_CDC, port.interface))), unique_id)
        for (_, unique_id), group in groups.items()
    ]
    return _joined(found)


def _joined(found: list[Board]) -> list[Board]:
    """Joins the only board with an own USB port and the only ST-Link of an unknown board: one board with two cables."""
    debug = [board for board in found if board.ports[0].kind == ST_LINK]
    own = [board for board in found if board.ports[0].kind == USB_CDC]
    if len(found) == 2 and len(own) == len(debug) == 1 and not debug[0].unique_id and len(own[0].ports) == 1:
        return [Board(own[0].ports + debug[0].ports, own[0].unique_id)]
    return found


async def find_board() -> Port:
    """The port of the only connected board.

    Raises:
        NoDeviceError: no board is connected, or more than one.
        SettingsError: the settings file cannot be used.
    """
    found = await anyio.to_thread.run_sync(_only)
    assert isinstance(found, Board)
    return found.port


async def find_url() -> str:
    """The URL of the only board: that of its server, if there is one, else that of its port.

    Raises:
        NoDeviceError, SettingsError: as for :func:`find_board`.
    """
    found = await anyio.to_thread.run_sync(lambda: _only(servers.running()))
    return found.url if isinstance(found, Running) else found.port.url


async def find_server(number: str) -> Running | None:
    """The server of the board with a USB serial number or unique id; None = none runs.

    Args:
        number: in upper or lower case.
    """
    return await anyio.to_thread.run_sync(_server, number.casefold())


def _server(number: str) -> Running | None:
    running = servers.running()
    ports = {port.path for port in devices() if (port.serial_number or "").casefold() == number} if running else ()
    return next((server for server in running if server.unique_id == number or server.port in ports), None)


def urls() -> list[str]:
    """The URLs of all boards: of their servers, and of the connected boards that have none.

    Raises:
        NoDeviceError: two boards report one unique id.
        SettingsError: the settings file cannot be used.
    """
    found = _all(devices(), servers.running())
    return [each.url if isinstance(each, Running) else stable_url(each.port) for each in found]


def urls_without_server() -> list[str]:
    """The URLs of the connected boards that have no server.

    Raises:
        NoDeviceError, SettingsError: as for :func:`urls`.
    """
    found = _all(devices(), servers.running())
    return [stable_url(each.port) for each in found if isinstance(each, Board)]


def _all(ports: Sequence[Port], serving: Sequence[Running]) -> list[Board | Running]:
    """These servers, and the boards at these ports that they do not have."""
    served = {server.port for server in serving}, {server.unique_id for server in serving} - {""}
    alone = [
        board
        for board in boards(ports, settings.load().ports)
        if board.unique_id not in served[1] and not any(port.path in served[0] for port in board.ports)
    ]
    return [*serving, *alone]


def _only(serving: Sequence[Running] = ()) -> Board | Running:
    """The only board, or its server.

    Args:
        serving: servers that count; their boards do not.
    """
    ports = devices()
    found = _all(ports, serving)
    if len(found) == 1:
        return found[0]
    if found:
        raise NoDeviceError(
            f"{len(found)} boards are connected: {_listed(found)}; choose one, such as N6Device({_example(found[0])!r}) or "
            f"N6LINK_URL={_example(found[0])}"
        )
    seen = f"the serial ports are {_listed(ports)}" if ports else "there are no serial ports"
    raise NoDeviceError(
        f"no STM32N6 board was found: {seen}; connect a board, specify its port with N6Device('serial:PORT') or "
        "N6LINK_URL=serial:PORT, or use the virtual board with N6Device('sim:')"
    )


def _example(found: Board | Running) -> str:
    if isinstance(found, Running):
        return found.url
    number = found.ports[0].serial_number
    return f"serial:{number}" if number else found.ports[0].url


def find(number: str) -> tuple[Port, str]:
    """The port of the board with a USB serial number or unique id.

    Args:
        number: in upper or lower case.

    Returns:
        The port, and the unique id that its board must report; empty = any.

    Raises:
        NoDeviceError: no connected board has it, or more than one.
        SettingsError: the settings file cannot be used.
    """
    ports, wanted = devices(), number.casefold()
    same = tuple(port for port in ports if (port.serial_number or "").casefold() == wanted)
    if same:
        return Board(tuple(sorted(same, key=lambda port: port.interface))).port, ""
    for board in boards(ports, settings.load().ports):
        if board.unique_id == wanted:
            return board.port, wanted
    raise NoDeviceError(
        f"no connected board has the serial number or unique id {number!r}; the ports are {_listed(ports) or 'none'}; "
        "to make the unique id of a board at an ST-Link known, connect once with the name of its port"
    )


async def confirm(port: Port | None, expected: str, unique_id: str) -> None:
    """Compares a board that has answered with the board that was asked for, and remembers its ST-Link if that is new.

    A settings file that cannot be written is logged: the connection does not depend on it.

    Args:
        port: where it has answered; None = unknown.
        expected: unique id of the board that was asked for; empty = any.
        unique_id: of the board that has answered; empty = unknown.

    Raises:
        NoDeviceError: it is another board.
    """
    if port and port.kind == ST_LINK and port.serial_number and unique_id:
        await anyio.to_thread.run_sync(_remember, port.serial_number, unique_id)
    if expected and unique_id != expected:
        raise NoDeviceError(
            f"the board at {port} has the unique id {unique_id or 'unknown'}, and not {expected}; its ST-Link was moved: "
            "connect once to each board with the name of its port"
        )


def _remember(number: str, unique_id: str) -> None:
    try:
        known = settings.load().ports
        for other, numbers in known.items():
            if other != unique_id and number in numbers:  # an ST-Link that is not part of its board
                settings.learn(other, ports=[one for one in numbers if one != number])
        settings.learn(unique_id, ports=sorted({*known.get(unique_id, ()), number}))
    except SettingsError as error:
        _logger.info("the port of board %s is not remembered: %s", unique_id, error)


def stable_url(port: Port) -> str:
    """A URL that stays correct if the name of the port changes: with its serial number, if no other port has it."""
    try:
        if port.serial_number and find(port.serial_number)[0] == port:
            return f"serial:{port.serial_number}"
    except NoDeviceError:
        pass
    return port.url


def _listed(items: Sequence[object]) -> str:
    return ", ".join(map(str, items))
