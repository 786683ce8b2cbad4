"""What an examination finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from n6link.doctor.limits import Forecast
from n6link.doctor.measure import Measurements
from n6link.json_types import Plain
from n6link.session.check import Check
from n6link.sheet import Grid, Sheet, Shown


class Severity(IntEnum):
    """How bad a finding is."""

    NOTE = 0
    """worth knowing"""
    SLOW = 1
    """the link could be faster"""
    FAULT = 2
    """results can be late, wrong or missing"""
    DEAD = 3
    """the board cannot be used"""


class Trouble(StrEnum):
    """What is wrong."""

    NO_BOARD = "no board"
    NO_PERMISSION = "no permission"
    PORT_BUSY = "busy port"
    SECOND_READER = "second reader"
    MODEM_MANAGER = "ModemManager"
    FULL_SPEED = "full-speed USB"
    HUBS = "hubs"
    LATENCY = "driver latency"
    SILENT = "silent"
    FOREIGN_BYTES = "changed bytes"
    OTHER_PROTOCOL = "other protocol"
    OLD_FIRMWARE = "firmware version"
    UNUSABLE = "cannot be opened"
    LOW_RATE = "low rate"
    LOSSY_LINE = "lossy line"
    STALLS = "stalls"
    STALE_WEIGHTS = "network cannot run"
    FAILING = "failing network"
    WRONG_CLOCK = "wrong clock"
    LOW_VOLTAGE = "core voltage"
    UNSTABLE_CLOCK = "unstable clock"
    WRONG_OUTPUTS = "wrong outputs"
    SHARED = "shared board"
    LEASED = "leased network"
    REMARK = "remark of the firmware"
    RESTARTED = "restarted after a fault"
    SETTINGS = "settings file"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    Attributes:
        trouble: its kind.
        severity: how bad it is.
        sentence: what is wrong, with the value.
        remedy: what to do.
    """

    trouble: Trouble
    severity: Severity
    sentence: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.sentence}; {self.remedy}"


@dataclass(frozen=True, slots=True, repr=False)
class Diagnosis(Shown):
    """The result of an examination.

    Attributes:
        url: of the board; as it was given, if no board was reached.
        board: its name; empty if it was not reached.
        findings: the most severe first.
        measurements: None if the board was not reached.
        forecasts: one per network that can run.
        checks: whether each network computes the right outputs for the input that the firmware stores; without those that have no such input.
        server: name and version of the server through which the board was examined; empty = directly.
        simulated: whether the board does not have an NPU: its times are not those of a board.
        stored: what was stored for the board in the settings file, and is used from now on; see :mod:`n6link.doctor.memory`.
    """

    url: str
    board: str
    findings: tuple[Finding, ...]
    measurements: Measurements | None
    forecasts: tuple[Forecast, ...]
    checks: Mapping[str, Check] = field(default_factory=dict[str, Check])
    server: str = ""
    simulated: bool = False
    stored: Mapping[str, str | int] = field(default_factory=dict[str, str | int])

    def brief(self) -> str:  # noqa: D102
        state = "healthy" if self.healthy else self.findings[0].trouble
        return f"of {self.board or self.url or 'no board'}: {state}"

    def sheet(self) -> Sheet:
        """What was found, and the frames per second of each network."""
        found = [(each.trouble.value, each.severity.name, each.sentence, each.remedy) for each in self.findings]
        speeds = [(each.network, f"{each.stream:.1f}", each.limit) for each in self.forecasts]
        grids = Grid(("finding", "severity", "what", "remedy"), found), Grid(("network", ">frames/s", "limit"), speeds)
        simulated = ("times: simulated: not those of an NPU",) if self.simulated else ()
        return Sheet(tuple(grid for grid in grids if grid.rows), ((self.verdict,) if self.healthy else ()) + simulated)

    @property
    def severity(self) -> Severity:
        """Of the most severe finding; NOTE if there is none."""
        return max((finding.severity for finding in self.findings), default=Severity.NOTE)

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong, and the link is as fast as it can be."""
        return self.severity is Severity.NOTE

    @property
    def verdict(self) -> str:
        """One sentence: the most severe finding, or what limits the slowest network of a healthy board; and what to do."""
        if not self.healthy:
            return str(self.findings[0])
        slowest = min(self.forecasts, key=lambda forecast: forecast.stream, default=None)
        return (
            f"the board is healthy; {slowest.sentence}; {slowest.remedy}"
            if slowest
            else "the board is healthy; it has no network that can run"
        )

    def to_dict(self) -> Plain:
        """Plain values, for JSON."""
        return {
            "url": self.url,
            "board": self.board,
            "healthy": self.healthy,
            "severity": self.severity.name,
            "verdict": self.verdict,
            "findings": [
                {
                    "trouble": finding.trouble.value,
                    "severity": finding.severity.name,
                    "sentence": finding.sentence,
                    "remedy": finding.remedy,
                }
                for finding in self.findings
            ],
            "measurements": self.measurements.to_dict() if self.measurements else None,
            "checks": {name: check.state.name for name, check in self.checks.items()},
            "server": self.server,
            "simulated": self.simulated,
            "stored": dict(self.stored),
            "networks": [forecast.to_dict() for forecast in self.forecasts],
        }
