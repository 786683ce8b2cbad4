"""What the figures of an open device mean. Each rule states its limit and where that comes from."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from n6link.console import counted, hertz
from n6link.doctor.findings import Finding, Severity, Trouble
from n6link.doctor.measure import Measurements
from n6link.protocol import VERSION_MAJOR, VERSION_MINOR, CheckState, Feature, ResetCause, Status, VoltageMode
from n6link.session.check import Check
from n6link.session.clock import MAX_DRIFT
from n6link.session.info import DeviceInfo
from n6link.session.rates import RATES, Attempt
from n6link.session.sharing import ClientInfo
from n6link.transport.serial_port import DEFAULT_BAUD

LOSS: Final = 0.01
"""share of damaged chunks of a line that needs attention: at this share a transfer takes a few percent longer, and grows worse with
the size of a chunk; a good cable shows none"""
STALL_RATIO: Final = 20.0
STALL: Final = 0.3
"""seconds; if the slowest of 100 round trips is this long, and STALL_RATIO times the median, the line pauses at times. A busy
computer delays a program for less"""
CLOCK_ERROR: Final = 0.02
"""seconds"""
BOARDS: Final = frozenset({"STM32N6570-DK", "NUCLEO-N657X0-Q"})
CLOCKS: Final[Mapping[VoltageMode, tuple[int, int]]] = {
    VoltageMode.NOMINAL: (600_000_000, 800_000_000),
    VoltageMode.OVERDRIVE: (800_000_000, 1_000_000_000),
}
"""CPU and NPU clock that the firmware sets on these boards, in Hz: the maximum of the STM32N6 at each core voltage (ST's data sheet DS14791)"""
HERE: Final = "close programs that use all cores of this computer"
CRASHES: Final = frozenset({ResetCause.WATCHDOG, ResetCause.FAULT})


def of_device(info: DeviceInfo, networks: Collection[str], rejected: Mapping[str, str]) -> Iterator[Finding]:
    """From the description of the device and of its networks, those that can run and those that cannot."""
    for name, reason in rejected.items():
        yield Finding(
            Trouble.STALE_WEIGHTS,
            Severity.FAULT,
            f"network {name!r} cannot run: {reason}",
            "program the weights and the image of one build: n6link firmware flash",
        )
    yield from _of_clocks(info)
    if info.protocol != (own := f"{VERSION_MAJOR}.{VERSION_MINOR}"):
        yield Finding(
            Trouble.OLD_FIRMWARE,
            Severity.NOTE,
            f"the firmware uses protocol {info.protocol}, and this program {own}: functions of later firmware are missing",
            "update the firmware: n6link firmware build",
        )
    # The firmware of a board adds what is slower than possible, with the reason.
    _, *remarks = info.runtime.partition(", through ")[0].split("; ")
    for remark in remarks:
        if remark.partition(": ")[0] in {*networks, *rejected}:  # other findings contain it
            continue
        yield Finding(
            Trouble.REMARK,
            Severity.NOTE,
            f"the firmware reports: {remark}",
            "n6link info shows all of its remarks; firmware/README.md explains them",
        )
    if info.reset_cause in CRASHES:
        record = f": {info.fault_record.splitlines()[0]}" if info.fault_record else ""
        yield Finding(
            Trouble.RESTARTED,
            Severity.NOTE,
            f"the last start of the board followed a {info.reset_cause.name.lower()} reset{record}",
            "n6link info shows the record of the fault",
        )


def of_rate(info: DeviceInfo, url: str) -> Iterator[Finding]:
    """From the bit rate of the line, and the URL, which may fix it."""
    if 0 < info.baud < DEFAULT_BAUD:
        yield Finding(
            Trouble.LOW_RATE,
            Severity.SLOW,
            f"the line has {info.baud:,} baud, and {DEFAULT_BAUD:,} are usual",
            "omit baud= in the URL, or build the firmware with a higher rate",
        )
    elif "baud=" in url and Feature.RATE in info.features and info.baud < RATES[0]:
        yield Finding(
            Trouble.LOW_RATE,
            Severity.SLOW,
            f"the URL sets {info.baud:,} baud, and rates up to {RATES[0]:,} are not tried",
            "omit baud= in the URL",
        )


def of_sharing(info: DeviceInfo, clients: Sequence[ClientInfo]) -> Iterator[Finding]:
    """Through whom the board is used."""
    if info.server:
        yield Finding(
            Trouble.SHARED,
            Severity.NOTE,
            f"the board is used through {info.server}, with {counted(len(clients) - 1, 'other program')}: waits in the server are not counted, "
            "and damage and bit rates of the line are not visible",
            "stop the server and run n6link doctor again to examine the line",
        )


def _of_clocks(info: DeviceInfo) -> Iterator[Finding]:
    """From clocks and core voltage, of boards for which the right ones are known."""
    if info.board not in BOARDS:
        return
    nominal = info.voltage is VoltageMode.NOMINAL
    limits = CLOCKS.get(info.voltage, CLOCKS[VoltageMode.OVERDRIVE])
    at = f" at {info.voltage.name.lower()} core voltage" if info.voltage is not VoltageMode.UNKNOWN else ""
    for what, real, wanted in zip(("CPU", "NPU"), (info.cpu_hz, info.npu_hz), limits, strict=True):
        if real and real != wanted:
            yield Finding(
                Trouble.WRONG_CLOCK,
                Severity.FAULT,
                f"the {what} runs at {hertz(real)}{at}, and not at {hertz(wanted)}",
                "look for the reason in the start-up log of the firmware (core voltage, PLL), or build the firmware for this board",
            )
    if nominal:
        yield Finding(
            Trouble.LOW_VOLTAGE,
            Severity.SLOW,
            f"the core voltage is nominal, which limits the CPU to {hertz(limits[0])} and the NPU to {hertz(limits[1])}",
            "build the firmware with --set N6_OVERDRIVE=ON, if the board's regulator can be set by a pin",
        )


def of_line(measured: Measurements) -> Iterator[Finding]:
    """From the measured figures of the line."""
    yield from _of_rates(measured.rates)
    if (
        measured.lost_up is not None
        and measured.lost_down is not None
        and max(measured.lost_up, measured.lost_down) > LOSS
    ):
        yield Finding(
            Trouble.LOSSY_LINE,
            Severity.FAULT,
            f"the line damages chunks: {measured.lost_up:.1%} to the board, {measured.lost_down:.1%} from it",
            "use a shorter cable, another port, or a lower rate with baud= in the URL",
        )
    trips = measured.round_trips
    median = trips.percentile(50)
    if trips.max > STALL and trips.max > STALL_RATIO * median:
        who, cure = (
            ("server", HERE)
            if measured.shared
            else ("line", f"connect the board directly and not through a hub or a forwarding program, and {HERE}")
        )
        yield Finding(
            Trouble.STALLS,
            Severity.SLOW if measured.shared else Severity.FAULT,
            f"the {who} pauses at times: the slowest of {trips.count} round trips took {trips.max * 1e3:.0f} ms, the median "
            f"{median * 1e3:.3g} ms",
            cure,
        )
    if measured.drift is not None and abs(measured.drift) - measured.drift_error > 2 * MAX_DRIFT:
        yield Finding(
            Trouble.WRONG_CLOCK,
            Severity.FAULT,
            f"the board's clock is {abs(measured.drift):.2%} {'slower' if measured.drift > 0 else 'faster'} than the rate that it reports",
            "its times are wrong by this share; look for the reason in the start-up of the firmware (oscillator, PLL)",
        )
    if measured.clock_error > CLOCK_ERROR:
        yield Finding(
            Trouble.UNSTABLE_CLOCK,
            Severity.SLOW,
            f"the board's clock is known only to {measured.clock_error * 1e3:.0f} ms",
            "times of stages are inexact; close programs that delay this one",
        )


def _of_rates(rates: Sequence[Attempt]) -> Iterator[Finding]:
    """The highest rate that board and port have, and the line does not carry."""
    failed = [tried for tried in rates if tried.obstacle and not tried.refused]
    if failed:
        yield Finding(
            Trouble.LOW_RATE,
            Severity.SLOW,
            f"{failed[0].baud:,} baud cannot be used: {failed[0].obstacle}",
            "use a shorter cable, another USB port or another adapter, and run n6link doctor again",
        )


def of_runs(measured: Measurements) -> Iterator[Finding]:
    """From the networks that could not be run."""
    for name, error in measured.failed.items():
        if error.status is Status.BUSY:
            yield Finding(
                Trouble.LEASED,
                Severity.NOTE,
                f"network {name!r} was not measured: {error}",
                "run n6link doctor again when the lease has ended",
            )
            continue
        yield Finding(
            Trouble.FAILING,
            Severity.FAULT,
            f"network {name!r} fails with random inputs: {error}",
            f"run it with real inputs; if it fails too, n6link check {name} FILE.npz names the likely cause",
        )


def of_checks(checks: Mapping[str, Check]) -> Iterator[Finding]:
    """From the runs with the inputs that the firmware stores."""
    for name, check in checks.items():
        if check.state is CheckState.DIFFERENT:
            yield Finding(
                Trouble.WRONG_OUTPUTS,
                Severity.FAULT,
                f"network {name!r} computes other outputs than its reference for the stored input",
                f"run n6link check {name} FILE.npz, which names the likely cause",
            )
