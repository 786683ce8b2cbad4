"""The profile of a network: the epoch times of many inferences, and their statistics.

A :class:`Profile` contains samples: the ticks of every block in every run. Statistics are computed from them when they are used, so
a saved profile can be evaluated in new ways later. :mod:`n6link.epochs.diff` compares two profiles, :mod:`n6link.epochs.export`
writes other formats.

Times are in seconds. Percentiles are those of numpy (linear between samples).
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

import numpy as np

from n6link.epochs import patterns
from n6link.epochs.advice import Advice
from n6link.epochs.join import join
from n6link.epochs.offload import Measured, TimeUse
from n6link.epochs.timers import STAGES, EpochTable, EpochTimers, Seconds, Ticks, origin, to_csv
from n6link.errors import BadInput
from n6link.json_types import Json, JsonObject, Plain, mapping, number
from n6link.protocol import TimerSource

FORMAT: Final = "n6link-profile"
VERSION: Final = 1
"""Version of the saved format."""


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """Statistics over the runs, in seconds: scalars or one value per block."""

    mean: Seconds
    median: Seconds
    p95: Seconds
    min: Seconds
    max: Seconds

    @classmethod
    def of(cls, samples: Seconds) -> Self:
        """The statistics over the first axis."""
        median, p95 = np.percentile(samples, (50, 95), axis=0)
        return cls(samples.mean(axis=0), median, p95, samples.min(axis=0), samples.max(axis=0))

    def at(self, index: int) -> dict[str, float]:
        """The values of one block, by name with the unit."""
        return {f"{name}_s": float(np.atleast_1d(getattr(self, name))[index]) for name in SPREAD}


SPREAD: Final = ("mean", "median", "p95", "min", "max")


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One inference of a profile."""

    timers: EpochTimers
    begun: float
    """time of the request, on the host's monotonic clock"""
    stages: Sequence[float]
    """seconds of the STAGES"""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Profile(Measured):
    """The measurements of several inferences of one network."""

    network: str
    board: str
    """name of the board, and its firmware"""
    table: EpochTable
    source: TimerSource
    simulated: bool
    tick_hz: float
    ticks: Ticks
    """shape (runs, blocks, 4): as :attr:`EpochTimers.ticks`"""
    elapsed: Ticks
    """shape (runs,): as :attr:`EpochTimers.elapsed`"""
    begun: Seconds
    """shape (runs,): time of each request, on the host's monotonic clock (``Result.captured``)"""
    stages: Seconds
    """shape (runs, 7): seconds of the STAGES"""
    encoding: str = "raw"
    """how the inputs were sent, which determines the time of their upload: ``raw``, ``qoi``, ``jpeg:95``, or several"""

    def brief(self) -> str:  # noqa: D102
        median = float(self.inference.median) * 1e3
        return (
            f"of {self.network} on {self.board}: median {median:.3f} ms over {self.runs} runs; on the NPU: {self.use}"
        )

    @classmethod
    def of(cls, network: str, board: str, samples: Sequence[Sample], encoding: str = "raw") -> Self:
        """The profile of inferences.

        Args:
            network: name.
            board: name of the board, and its firmware.
            samples: at least one, in any order; the inferences may overlap.
            encoding: how the inputs were sent.
        """
        first = samples[0].timers
        return cls(
            network,
            board,
            first.table,
            first.source,
            first.simulated,
            first.tick_hz,
            np.stack([sample.timers.ticks for sample in samples]),
            np.array([sample.timers.elapsed for sample in samples], np.uint64),
            np.array([sample.begun for sample in samples], np.float64),
            np.array([sample.stages for sample in samples], np.float64),
            encoding,
        )

    @property
    def runs(self) -> int:
        """Number of inferences."""
        return len(self.elapsed)

    def run(self, index: int) -> EpochTimers:
        """The timers of one inference."""
        parts = self.ticks[index], int(self.elapsed[index])
        return EpochTimers(self.table, self.source, self.tick_hz, *parts, simulated=self.simulated)

    @property
    def durations(self) -> Seconds:
        """Time of each inference on the device, including gaps; shape (runs,)."""
        return self.elapsed / self.tick_hz

    @property
    def samples(self) -> Seconds:
        """Time of each block in each run; shape (runs, blocks)."""
        ticks: Ticks = self.ticks[:, :, 1:].sum(axis=2)
        return ticks / self.tick_hz

    @property
    def inference(self) -> Spread:
        """Statistics of :attr:`durations`: scalars."""
        return Spread.of(self.durations)

    @property
    def blocks(self) -> Spread:
        """Statistics of :attr:`samples`: one value per block."""
        return Spread.of(self.samples)

    @property
    def use(self) -> TimeUse:
        """The use of time in the mean of all inferences."""
        core = self.ticks[:, :, 2].mean(axis=0) / self.tick_hz
        return TimeUse(self.table, core, self.samples.mean(axis=0), float(self.durations.mean()))

    def fallbacks(self) -> dict[str, tuple[int, float]]:
        """Operations that fall back to the CPU: for each, its number of epochs and their mean seconds, the longest first."""
        seconds = dict.fromkeys(self.table.fallbacks, 0.0)
        for block, mean in zip(self.table.blocks, self.blocks.mean.tolist(), strict=True):
            if block.fallback:
                seconds[block.fallback] += mean
        costliest = sorted(seconds.items(), key=lambda item: -item[1])
        return {name: (self.table.fallbacks[name], cost) for name, cost in costliest}

    @property
    def advice(self) -> Advice:
        """What the CPU computes, with the mean times, and what helps."""
        use = self.use
        return Advice.of(
            self.table, seconds=use.total, inference=use.inference, origin=self.origin, compiled=not self.simulated
        )

    def repeats(self) -> list[tuple[patterns.Repeat, list[float]]]:
        """The repeats of the network (:mod:`n6link.epochs.patterns`) with the mean seconds of each copy."""
        mean = self.blocks.mean
        found = patterns.find(self.table)
        return [(repeat, [float(mean[begin:end].sum()) for begin, end in repeat.spans]) for repeat in found]

    @property
    def origin(self) -> str:
        """The source of the times, for every view and export."""
        return origin(self.source, self.simulated)

    def joined(self, report: EpochTable) -> tuple[Self, tuple[str, ...]]:
        """This profile with the names and estimates of a compiler's report, and the contradictions."""
        joined = join(report, self.table)
        return replace(self, table=joined.table), joined.disagreements

    # ------------------------------------------------------------------------------------------ plain forms

    def rows(self) -> list[Plain]:
        """One dictionary per block: description, statistics in seconds, share of the time, and source of the times."""
        spread, whole = self.blocks, float(self.durations.mean()) or float("nan")
        tail = {"runs": self.runs, "source": self.source.name, "simulated": self.simulated}
        return [
            block.to_dict() | spread.at(block.index) | {"share": float(spread.mean[block.index]) / whole} | tail
            for block in self.table.blocks
        ]

    def summary(self) -> Plain:
        """The figures of the whole inference."""
        return {
            "network": self.network,
            "board": self.board,
            "source": self.source.name,
            "simulated": self.simulated,
            "origin": self.origin,
            "runs": self.runs,
            "encoding": self.encoding,
            "epochs": self.table.epochs,
            **self.figures(),
            "inference": self.inference.at(0),
            "stages_s": dict(zip(STAGES, self.stages.mean(axis=0).tolist(), strict=True)),
            "fallbacks": [
                {"operation": name, "epochs": epochs, "mean_s": seconds}
                for name, (epochs, seconds) in self.fallbacks().items()
            ],
            "repeats": [{"name": str(repeat), "copies_s": seconds} for repeat, seconds in self.repeats()],
        }

    def to_dict(self) -> Plain:
        """Plain values, for JSON: the samples, which :meth:`from_dict` reads, and their statistics."""
        return {
            "format": FORMAT,
            "version": VERSION,
            **self.summary(),
            "tick_hz": self.tick_hz,
            "table": self.table.to_dict(),
            "statistics": self.rows(),
            "ticks": self.ticks.tolist(),
            "elapsed": self.elapsed.tolist(),
            "begun": self.begun.tolist(),
            "stages": self.stages.tolist(),
        }

    @classmethod
    def from_dict(cls, values: JsonObject) -> Self:
        """The profile of a :meth:`to_dict`.

        Raises:
            BadInput: this is not a profile, or it has another version.
        """
        if values.get("format") != FORMAT or values.get("version") != VERSION:
            what = f"format {values.get('format')!r}, version {values.get('version')!r}"
            raise BadInput(f"this is not a profile of version {VERSION} ({what}); measure it again")
        try:
            table = EpochTable.from_dict(mapping(values["table"]))
            ticks = np.array(values["ticks"], np.uint64)
            runs = len(ticks)
            profile = cls(
                str(values["network"]),
                str(values["board"]),
                table,
                TimerSource[str(values["source"])],
                bool(values["simulated"]),
                number(values["tick_hz"]),
                ticks.reshape(runs, len(table), 4),
                np.array(values["elapsed"], np.uint64).reshape(runs),
                np.array(values["begun"], np.float64).reshape(runs),
                np.array(values["stages"], np.float64).reshape(runs, len(STAGES)),
                str(values.get("encoding", "raw")),
            )
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise BadInput(f"the profile is damaged: {error!r}; measure it again") from error
        if not runs or not profile.tick_hz > 0:
            raise BadInput(f"the profile is damaged: it has {runs} runs at {profile.tick_hz} Hz; measure it again")
        return profile

    def to_json(self) -> str:
        """:meth:`to_dict` as JSON text."""
        return json.dumps(self.to_dict())

    def to_csv(self) -> str:
        """One line per block, with its statistics in seconds."""
        return to_csv(self.rows())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes :meth:`to_json`; :meth:`load` reads it."""
        Path(path).write_text(self.to_json(), encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Reads a profile that :meth:`save` has written.

        Raises:
            BadInput: the file cannot be read, or is not a profile.
        """
        try:
            values: Json = json.loads(Path(path).read_bytes())
        except OSError as error:
            raise BadInput(f"{path} cannot be read: {error.strerror}") from error
        except (ValueError, RecursionError) as error:
            raise BadInput(f"{path} cannot be read as a profile: {error}") from error
        if not isinstance(values, dict):
            raise BadInput(f"{path} is not a profile; use a file of `n6link profile --save`")
        try:
            return cls.from_dict(values)
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from error
