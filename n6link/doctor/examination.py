"""The examination, from the port to the networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import anyio.to_thread

from n6link.device import N6Device
from n6link.doctor import limits, port, rules
from n6link.doctor.findings import Diagnosis, Finding, Severity, Trouble
from n6link.doctor.measure import Measurements, measure
from n6link.doctor.memory import remember
from n6link.errors import (
    BadInput,
    DeviceError,
    N6Error,
    N6Timeout,
    NoDeviceError,
    PortBusy,
    PortDenied,
    RemoteProtocolError,
    SettingsError,
    VersionMismatch,
)
from n6link.link.diagnosis import Cause
from n6link.protocol import Feature, Status
from n6link.session.check import Check
from n6link.transport import servers
from n6link.transport.servers import Running
from n6link.transport.url import chosen, port_of

_CAUSES: Final[Mapping[str, Trouble]] = {
    Cause.SILENT: Trouble.SILENT,
    Cause.STOPPED: Trouble.SILENT,
    Cause.FOREIGN: Trouble.FOREIGN_BYTES,
    Cause.DAMAGED: Trouble.LOSSY_LINE,
    Cause.STUCK: Trouble.STALLS,
    Cause.LOST: Trouble.LOSSY_LINE,
}
_ERRORS: Final[Mapping[type[N6Error], Trouble]] = {
    NoDeviceError: Trouble.NO_BOARD,
    PortDenied: Trouble.NO_PERMISSION,
    PortBusy: Trouble.PORT_BUSY,
    VersionMismatch: Trouble.OLD_FIRMWARE,
    RemoteProtocolError: Trouble.OTHER_PROTOCOL,
}

_UNCHECKED: Final = frozenset({Status.UNSUPPORTED, Status.BUSY})
"""the network has no stored input; another program has leased it, or lets it be checked"""


async def examine(url: str | None = None, *, timeout: float = 5.0) -> Diagnosis:  # noqa: ASYNC109
    """Examines a board and what is between it and this program. An error of the board is a finding, not an exception.

    Each network that can run is run a few times, with random inputs. Other programs are not disturbed: a board that one uses is
    reported as busy.

    Args:
        url: as for :class:`n6link.N6Device`.
        timeout: maximum seconds without an answer.

    Raises:
        BadInput: timeout is not a positive number.
        SettingsError: the settings file cannot be used.
    """
    found: list[Finding] = []
    where = server = None
    try:
        url = await chosen(url)
        server = await anyio.to_thread.run_sync(_server, url)
        if where := await port_of(f"serial:{server.port}" if server and server.port else url):
            found += port.probed(where.path)
            found += port.of_usb(where)
        async with N6Device(url, timeout=timeout, reconnect=0) as device:
            return await _of_device(device, found)
    except (BadInput, SettingsError):
        raise
    except N6Error as error:
        readers = (
            list(port.second_reader(where.path)) if where and not server and not isinstance(error, PortBusy) else []
        )
        found += readers or [_unreached(error)]
    return _diagnosis(url or "", "", found)


def _server(url: str) -> Running | None:
    """The server that has announced this URL."""
    return (
        next((server for server in servers.running() if server.url == url), None) if url.startswith("unix:") else None
    )


async def _of_device(device: N6Device, found: list[Finding]) -> Diagnosis:
    found += rules.of_device(device.info, device.networks, device.connection.rejected)
    found += rules.of_rate(device.info, device.url)
    found += rules.of_sharing(device.info, await device.clients() if device.info.server else ())
    measured = await measure(device)
    found += rules.of_line(measured)
    found += rules.of_runs(measured)
    checks = await _checks(device)
    found += rules.of_checks(checks)
    diagnosis = _diagnosis(device.url, device.info.board, found, measured)
    diagnosis = replace(diagnosis, checks=checks, server=device.info.server, simulated=device.info.simulated)
    try:
        return replace(diagnosis, stored=await remember(device, diagnosis))
    except SettingsError as error:
        sentence, _, remedy = str(error).partition("; ")
        note = Finding(Trouble.SETTINGS, Severity.NOTE, sentence, remedy or "the result is not stored")
        return replace(diagnosis, findings=(*diagnosis.findings, note))


async def _checks(device: N6Device) -> dict[str, Check]:
    """Runs of all networks with the inputs that the firmware stores."""
    checks: dict[str, Check] = {}
    if Feature.CHECK not in device.info.features:
        return checks
    for name, network in device.networks.items():
        try:
            checks[name] = await network.check()
        except DeviceError as error:
            if error.status not in _UNCHECKED:
                raise
    return checks


def _unreached(error: N6Error) -> Finding:
    """What an error means that has ended the examination. Its message has the value and the remedy."""
    if isinstance(error, N6Timeout):
        trouble = _CAUSES.get(error.cause, Trouble.SILENT)
    elif isinstance(error, DeviceError):
        trouble = Trouble.PORT_BUSY if error.status is Status.BUSY else Trouble.UNUSABLE
    else:
        trouble = next((trouble for kind, trouble in _ERRORS.items() if isinstance(error, kind)), Trouble.UNUSABLE)
    sentence, _, remedy = str(error).partition("; ")
    return Finding(trouble, Severity.DEAD, sentence, remedy or "n6link devices lists the boards of this computer")


def _diagnosis(url: str, board: str, found: Sequence[Finding], measured: Measurements | None = None) -> Diagnosis:
    findings = tuple(sorted(found, key=lambda finding: -finding.severity))
    return Diagnosis(url, board, findings, measured, limits.forecasts(measured) if measured else ())
