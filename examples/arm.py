"""A control loop around a network: a robot arm with two joints follows a person's arm. python arm.py [--out arm.svg].

One task streams frames of a moving person, about 30 per second. A second task, a loop with 100 Hz, reads the newest pose at every tick
without waiting, and a PID controller for each joint turns the arm to this pose. The plot shows the effect of late results: every
tick is one dot, the shoulder's error against the age of the pose. --delay uses older poses than necessary.
"""

import argparse
import gc
import math
import time
from bisect import bisect_right
from collections.abc import Iterator
from itertools import cycle
from operator import itemgetter
from pathlib import Path

import anyio
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich import box
from rich.console import Console
from rich.table import Table

from n6link import N6Device, Network, Result, networks
from n6link.control.loop import LoopStats
from n6link.control.stream import Stream

Floats = NDArray[np.float64]
JOINTS = ("right_shoulder", "right_elbow", "right_wrist")
PERSON = Image.open(networks.PHOTO).convert("RGB").resize((192, 192))
HZ, FPS, SWAYS = 100, 30, 1.0  # of the loop, of the camera, and of the person per second
HEADINGS = ("delay", "poses", "ticks", "missed", "period", "jitter", "age", "to pose", "to person")
CAPTION = "times in ms; jitter and age p50/p99; to: error of shoulder and elbow, root mean square"
COLOURS = ("#0072b2", "#e69f00", "#c2185b", "#009e73", "#666666")


def sway(moment: float) -> float:
    """The person's lean at a time of time.monotonic(): pixels to the side per pixel down."""
    return 0.2 + 0.25 * math.sin(2 * math.pi * SWAYS * moment)


def frame(lean: float) -> NDArray[np.uint8]:
    matrix = (1, -lean, lean * PERSON.height / 2, 0, 1, 0)
    return np.asarray(PERSON.transform(PERSON.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR))


def camera() -> Iterator[NDArray[np.uint8]]:
    while True:
        yield frame(sway(time.monotonic()))
        time.sleep(1 / FPS)


def limbs(result: Result) -> Floats | None:
    """Upper arm and forearm as vectors (2, xy) in pixels; None = not seen."""
    for pose in result.decode():
        points = pose.keypoints[[pose.names.index(name) for name in JOINTS]]
        if points[:, 2].min() > 0.15:
            return np.asarray(np.diff(points[:, :2], axis=0), np.float64)
    return None


def angles(vectors: Floats) -> Floats:
    """Angles of shoulder and elbow in radians; 0 = down, and stretched."""
    upper, fore = np.arctan2(vectors[:, 0], vectors[:, 1])
    return np.array([upper, (fore - upper + math.pi) % (2 * math.pi) - math.pi])


class Person:
    """The true angles: the median of the limbs that the network finds, with the lean of the source."""

    def __init__(self, seen: list[tuple[float, Floats]]) -> None:
        self.limbs = np.median([self._leaned(limbs, -lean) for lean, limbs in seen], axis=0)

    def angles(self, moment: float) -> Floats:
        """Angles of shoulder and elbow at a time of time.monotonic()."""
        return angles(self._leaned(self.limbs, sway(moment)))

    @staticmethod
    def _leaned(limbs: Floats, lean: float) -> Floats:
        leaned: Floats = limbs @ np.array([[1, 0], [lean, 1]])
        return leaned


class Arm:
    """Two joints, decoupled, with inertia (kg m²) and damping (N m s); each is turned by a PID controller's torque (N m)."""

    inertia, damping, limit = 0.01, 0.05, 4.0
    kp, ki, kd = 20.0, 30.0, 0.6

    def __init__(self, angle: Floats) -> None:
        self.angle, self.speed, self.integral = angle.copy(), np.zeros(2), np.zeros(2)

    def drive(self, target: Floats, dt: float, steps: int = 10) -> None:
        """Turns to the target for ``dt`` seconds."""
        error = target - self.angle
        wanted = self.kp * error + self.ki * self.integral - self.kd * self.speed
        torque = np.clip(wanted, -self.limit, self.limit)
        self.integral += np.where(torque == wanted, error * dt, 0)  # a saturated controller must not wind up
        for _ in range(steps):
            self.speed += (torque - self.damping * self.speed) / self.inertia * dt / steps
            self.angle += self.speed * dt / steps


async def control(
    dev: N6Device, net: Network, person: Person, seconds: float, delay: float
) -> tuple[Floats, LoopStats, int]:
    """Follows the person; returns the measured values and the number of poses.

    One row per tick: its time, the age of the pose, the errors of both joints from that pose, and from the person; s and degrees.
    """
    rows: list[tuple[float, ...]] = []
    poses: list[tuple[float, Floats]] = []  # time of capture and angles
    last, arm = net.newest, Arm(person.angles(time.monotonic()))
    async with net.stream(camera()) as results, dev.loop(hz=HZ) as loop, anyio.create_task_group() as tasks:
        tasks.start_soon(consume, results)
        async for tick in loop:
            newest = tick.latest(net)
            if newest and newest.result is not last:
                last = newest.result
                if (seen := limbs(last)) is not None:
                    poses.append((last.captured, angles(seen)))
            if usable := bisect_right(poses, tick.time - delay, key=itemgetter(0)):
                captured, target = poses[usable - 1]
                arm.drive(target, (1 + tick.missed) / HZ)
                errors = np.degrees([arm.angle - target, arm.angle - person.angles(tick.time)])
                rows.append((tick.time, tick.time - captured, *errors.flat))
            if rows and tick.time - rows[0][0] >= seconds:
                break
        tasks.cancel_scope.cancel()
    return np.array(rows), loop.stats, results.stats.delivered


async def consume(results: Stream) -> None:
    async for _ in results:
        pass  # the loop reads the newest result


def panel(left: int, title: str, runs: list[tuple[Floats, Floats]], *, joined: bool) -> str:
    """A plot of degrees (y) against x."""
    right = max(xs.max() for xs, _ in runs)
    high = max(10 * math.ceil(np.abs(ys).max() / 10) for _, ys in runs)
    low = -high if joined else 0
    parts = [f'<text x="{left}" y="54" font-weight="bold">{title}</text>']
    for degrees in range(low, high + 1, 10):
        y = 470 - 400 * (degrees - low) / (high - low)
        parts.append(f'<path d="M{left} {y:.1f}h480" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{degrees}°</text>')
    for x in np.arange(0, right, 10 ** math.floor(math.log10(right)) / 2):
        at = f'x="{left + 480 * x / right:.1f}" y="490"'
        parts.append(f'<text {at} text-anchor="middle">{x:g}</text>')
    for (xs, ys), colour in zip(runs, cycle(COLOURS), strict=False):
        points = np.stack((left + 480 * xs / right, 470 - 400 * (ys - low) / (high - low)), axis=1)
        if joined:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        else:
            dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>' for x, y in points)
            x, y = np.median(points, axis=0)
            parts.append(f'<g fill="{colour}"><g fill-opacity="0.3">{dots}</g>')
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="8" stroke="#fff" stroke-width="2"/></g>')
    return "\n".join(parts)


def plot(runs: dict[float, Floats]) -> str:
    ages = [(1e3 * rows[:, 1], np.abs(rows[:, 4])) for rows in runs.values()]
    times = [(rows[:, 0] - rows[0, 0], rows[:, 4]) for rows in runs.values()]
    legend = [
        f'<circle cx="{66 + 130 * i}" cy="22" r="6" fill="{colour}"/><text x="{80 + 130 * i}" y="27">{delay:g} ms older</text>'
        for i, (delay, colour) in enumerate(zip(runs, cycle(COLOURS), strict=False))
    ]
    return "\n".join(
        (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1140 510" font-family="sans-serif" font-size="13">',
            '<rect width="1140" height="510" fill="#fff"/>',
            *legend,
            panel(60, "Error of the shoulder against the age of the pose in ms; medians", ages, joined=False),
            panel(630, "Error of the shoulder over time in s", times, joined=True),
            "</svg>\n",
        )
    )


async def main(url: str, seconds: float, delays: list[float], out: Path) -> None:
    table = Table(*HEADINGS, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, caption=CAPTION)
    runs: dict[float, Floats] = {}
    async with N6Device(url) as dev:
        net = dev["movenet13"]
        leans = np.linspace(-0.05, 0.45, 25)
        seen = [(lean, found) for lean in leans if (found := limbs(await net.run(frame(lean)))) is not None]
        if not seen:
            raise SystemExit(f"{net.name} of this board does not find the person")
        person = Person(seen)
        gc.freeze()  # existing objects are never collected: a collection of all of them stops the loop for tens of ms
        for delay in delays:
            rows, stats, poses = await control(dev, net, person, seconds, delay / 1e3)
            runs[delay] = rows
            jitter = (stats.jitter.percentile(50), stats.jitter.percentile(99))
            rms = np.sqrt(np.mean(rows[:, 2:] ** 2, axis=0))
            table.add_row(
                f"{delay:g} ms",
                *map(str, (poses, stats.ticks, stats.missed)),
                f"{1e3 * stats.period.mean:.2f}",
                "/".join(f"{1e3 * late:.1f}" for late in jitter),
                "/".join(f"{1e3 * age:.0f}" for age in np.percentile(rows[:, 1], (50, 99))),
                f"{rms[0]:.1f}/{rms[1]:.1f}°",
                f"{rms[2]:.1f}/{rms[3]:.1f}°",
            )
    Console().print(table)
    await anyio.Path(out).write_text(plot(runs), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="sim:")
    parser.add_argument("--seconds", type=float, default=5, help="of each run")
    parser.add_argument("--delay", type=float, nargs="+", default=[0, 50, 150], help="minimum age of poses in ms")
    parser.add_argument("--out", type=Path, default=Path("arm.svg"))
    options = parser.parse_args()
    anyio.run(main, options.url, options.seconds, options.delay, options.out)
