"""A profile as a trace: every inference on one time base, with host and device in separate processes.

The format is the "JSON object format" of Chrome's trace events: complete events (``ph: X``) with ``ts`` and ``dur`` in
microseconds, and metadata events with the names of processes and tracks. Process 1 is the host: each inference shows its stages
in order; overlapping inferences have separate lanes. Process 2 is the device: one track with the inferences, and one for each kind
of epoch block. Events of a track never overlap, as viewers require.

Device times are aligned with the host's ``npu`` stage. Relative to the host's stages, a block is as exact as the measured clock
offset; relative to other blocks it is exact.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from n6link.epochs.profile import Profile
from n6link.epochs.timers import STAGES
from n6link.json_types import Plain
from n6link.protocol import EpochKind

HOST: Final = 1
DEVICE: Final = 2
INFERENCES: Final = 1
"""Track of the device's inferences; the tracks of the kinds follow it."""
_KIND_TRACKS: Final = {kind: INFERENCES + 1 + position for position, kind in enumerate(EpochKind)}
_NPU_STAGE: Final = STAGES.index("npu")


class _Tracks:
    """Converts seconds to events that do not overlap within a track: each starts at the end of the previous one, or later."""

    def __init__(self, origin: float) -> None:
        self._origin = origin
        self._ends: dict[tuple[int, int], int] = {}

    def free(self, process: int, track: int, begin: float) -> bool:
        """All events on this track end at this time or earlier."""
        return self._ends.get((process, track), 0) <= self._nanoseconds(begin)

    def _nanoseconds(self, moment: float) -> int:
        return round((moment - self._origin) * 1e9)

    def event(self, process: int, track: int, name: str, begin: float, seconds: float, **args: object) -> Plain:
        """A complete event."""
        start = max(self._nanoseconds(begin), self._ends.get((process, track), 0))
        end = max(self._nanoseconds(begin + seconds), start)
        self._ends[process, track] = end
        times = {"ts": start / 1000, "dur": (end - start) / 1000}
        category = "host" if process == HOST else "device"
        return {"ph": "X", "cat": category, "pid": process, "tid": track, "name": name, **times, "args": args}


def trace(profile: Profile) -> str:
    """The profile as trace-event JSON text."""
    events = list(_events(profile))
    lanes = max(event["tid"] for event in events if event["pid"] == HOST)
    other = {
        "network": profile.network,
        "board": profile.board,
        "times": profile.origin,
        "simulated": profile.simulated,
    }
    return json.dumps(
        {"traceEvents": [*_metadata(profile, lanes), *events], "displayTimeUnit": "ms", "otherData": other}
    )


def _events(profile: Profile) -> Iterator[Plain]:
    tracks = _Tracks(float(profile.begun.min()))
    for number in profile.begun.argsort(kind="stable").tolist():
        begun, stages = float(profile.begun[number]), profile.stages[number].tolist()
        lane = next(track for track in range(1, profile.runs + 1) if tracks.free(HOST, track, begun))
        for name, seconds in zip(STAGES, stages, strict=True):
            yield tracks.event(HOST, lane, name, begun, seconds, inference=number)
            begun += seconds
        yield from _device_events(profile, number, float(profile.begun[number]) + sum(stages[:_NPU_STAGE]), tracks)


def _device_events(profile: Profile, number: int, begun: float, tracks: _Tracks) -> Iterator[Plain]:
    run = profile.run(number)
    marks = {"times": run.origin, "simulated": run.simulated}
    yield tracks.event(DEVICE, INFERENCES, profile.network, begun, run.duration, inference=number, **marks)
    columns = zip(run.table.blocks, run.start.tolist(), run.total.tolist(), run.ticks.tolist(), strict=True)
    for block, start, seconds, ticks in columns:
        args = block.to_dict() | dict(zip(("pre", "core", "post"), ticks[1:], strict=True)) | marks
        track = _KIND_TRACKS[block.kind]
        yield tracks.event(DEVICE, track, block.label, begun + start, seconds, inference=number, **args)


def _metadata(profile: Profile, lanes: int) -> Iterator[Plain]:
    """Names of the processes and tracks, in display order."""
    device = f"{profile.board} ({profile.origin})"
    kinds = [kind for kind, count in profile.table.block_counts.items() if count]
    names = {(HOST, lane): f"inferences, lane {lane}" for lane in range(1, lanes + 1)}
    names |= {(DEVICE, INFERENCES): profile.network}
    names |= {(DEVICE, _KIND_TRACKS[kind]): f"{kind.name} blocks: {kind.doc}" for kind in kinds}
    for process, name in ((HOST, "host: n6link"), (DEVICE, device)):
        yield _meta(process, 0, "process_name", name=name)
        yield _meta(process, 0, "process_sort_index", sort_index=process)
    for (process, track), name in names.items():
        yield _meta(process, track, "thread_name", name=name)
        yield _meta(process, track, "thread_sort_index", sort_index=track)


def _meta(process: int, track: int, what: str, **args: str | int) -> Plain:
    return {"ph": "M", "cat": "__metadata", "ts": 0, "pid": process, "tid": track, "name": what, "args": args}
