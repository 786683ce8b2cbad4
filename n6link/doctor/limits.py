"""The stage that limits each network, and its frames per second with and without reductions and compressed pictures.

Inferences that overlap (:meth:`n6link.Network.stream`) are as fast as the slowest of three stages: upload, network, download. One
after the other they need the sum. Both follow from the medians of :mod:`n6link.doctor.measure`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from n6link.console import duration
from n6link.doctor.measure import ENCODE, Measurements, Stages
from n6link.json_types import Plain

GAIN: Final = 0.9
"""share of the time below which another way is worth a sentence"""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Frames per second of one network.

    Attributes:
        network: its name.
        stages: medians with all outputs.
        reduced: the same with reductions; None = there are none.
        encoded: the same with reductions and pictures as :data:`n6link.doctor.measure.ENCODE`; None = not possible. It loses details of
            pictures, so that only a user can choose it: it is not the best way here.
    """

    network: str
    stages: Stages
    reduced: Stages | None
    encoded: Stages | None = None

    @property
    def ways(self) -> dict[str, Stages]:
        """Stages by the name of what is sent."""
        ways = {"whole": self.stages, "reduced": self.reduced, f"reduced, {ENCODE}": self.encoded}
        return {name: way for name, way in ways.items() if way}

    @property
    def best(self) -> Stages:
        """The faster way to get an answer."""
        return min((way for way in (self.reduced, self.stages) if way), key=lambda way: way.total)

    @property
    def limit(self) -> str:
        """The slowest stage of the faster way: "upload", "network" or "download"."""
        return max((self.best.upload, "upload"), (self.best.npu, "network"), (self.best.download, "download"))[1]

    @property
    def run(self) -> float:
        """Frames per second, one after the other."""
        return 1 / self.best.total

    @property
    def stream(self) -> float:
        """Frames per second of a stream."""
        return 1 / self.best.longest

    @property
    def sentence(self) -> str:
        """What limits the network."""
        what = {
            "upload": "the upload of its input",
            "network": "the network itself",
            "download": "the download of its outputs",
        }
        return (
            f"{self.network} is limited by {what[self.limit]} ({duration(self.best.longest)}): {self.stream:.3g} frames/s in a stream, "
            f"{self.run:.3g} one after the other"
        )

    @property
    def remedy(self) -> str:
        """What makes it faster."""
        if self.limit == "network":
            return f"n6link profile {self.network} shows which epochs take the time"
        if self.limit == "upload" and self.encoded and self.encoded.longest < GAIN * self.best.longest:
            return f"pictures sent with encode={ENCODE!r} would give {1 / self.encoded.longest:.3g} frames/s, and lose details"
        if self.limit == "download" and not self.reduced:
            return "a card with a decoder lets the board reduce its outputs"
        return "use the USB port of the board's chip, or a higher rate of the line"

    def to_dict(self) -> Plain:
        """Plain values, for JSON."""
        return {
            "network": self.network,
            "limit": self.limit,
            "sentence": self.sentence,
            "remedy": self.remedy,
            "ways": {
                name: {
                    "upload": way.upload,
                    "npu": way.npu,
                    "download": way.download,
                    "answer_bytes": way.answer,
                    "run_frames_per_second": 1 / way.total,
                    "stream_frames_per_second": 1 / way.longest,
                }
                for name, way in self.ways.items()
            },
        }


def forecasts(measured: Measurements) -> tuple[Forecast, ...]:
    """One per network that was measured."""
    return tuple(
        Forecast(name, stages, measured.reduced.get(name), measured.encoded.get(name))
        for name, stages in measured.networks.items()
    )
