"""Decoders, against those of other libraries on the same outputs, and inputs, records of the protocol: in this process, one thread.

Ratios of decoders are to n6link's; the notes say how far the answers of the others are from its. The floor of the choice of a token is the one numpy operation that is needed
at least; of an input, the copy of its bytes; of a record, ``struct`` for the same bytes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import chain

import numpy as np

from bench.measure import Bench, Measure, Sample
from bench.outputs import invented, public
from bench.programs import decoders as peers
from n6link.decoders import logits as token_logits
from n6link.protocol import records
from n6link.tensors import card, image
from n6link.tensors.tensor import TensorSpec


def timed(call: Callable[[], object], span: float) -> Measure:
    """A function of this process; each sample takes ``span`` seconds."""

    def measure() -> Sample:
        count, wall, cpu = 0, time.perf_counter(), time.process_time()
        # At least one round: the machine may stop this process for longer than `span` between two lines.
        while not count or time.perf_counter() - wall < span:
            for _ in range(10):
                call()
            count += 10
        return Sample((time.perf_counter() - wall) / count, (time.process_time() - cpu) / count)

    return measure


def text_programs() -> dict[str, Callable[[], object]]:
    """The next token of 5,000 logits."""
    values, random = np.random.default_rng(4).integers(-128, 128, 5000, np.int8), np.random.default_rng(5)

    def pick() -> object:
        return token_logits.pick(token_logits.rank(values, 20), scale=0.1, temperature=0.8, random=random)

    return {"floor": values.argmax, "n6link, greedy": lambda: token_logits.rank(values, 1), "n6link, top 20": pick}


def picture_programs() -> dict[str, Callable[[], object]]:
    """A picture as an input of MoveNet."""
    spec = TensorSpec("x", (1, 192, 192, 3), np.dtype("i1"), 110592, scale=0.0077028, zero_point=2)
    frame, movenet = np.random.default_rng(3).integers(0, 256, (480, 640, 3), np.uint8), card.bundled("movenet13")
    fitting = np.ascontiguousarray(frame[:192, :192])
    return {
        "floor": fitting.tobytes,
        "n6link, 192x192": lambda: image.prepare(fitting, spec, movenet),
        "n6link, 640x480": lambda: image.prepare(frame, spec, movenet),
    }


def record_programs() -> dict[str, Callable[[], object]]:
    """A record of the protocol."""
    packed = records.Infer(key=1, upload=2, ttl_us=3, network=1, slot=1, priority=2, flags=3, returns=1).pack()
    flat = records.Infer.STRUCT.unpack(packed)
    make = records.Infer.unpack(packed)
    return {
        "floor": lambda: records.Infer.STRUCT.pack(*flat),
        "n6link, pack": make.pack,
        "n6link, unpack": lambda: records.Infer.unpack(packed),
    }


def run(bench: Bench) -> None:
    """All of them."""
    for case in chain(public(), invented()):
        others = peers.programs(case)
        notes = {name: peers.agreement(case, program()) for name, program in others.items()}
        timers = {name: timed(call, bench.span / 2) for name, call in {"n6link": case.decode, **others}.items()}
        bench.compare("decoding", case.name, timers, notes=notes)
    works = {
        "next of 5,000 logits": text_programs(),
        "picture to int8 192x192x3": picture_programs(),
        "a record of 24 bytes": record_programs(),
    }
    for work, programs in works.items():
        bench.compare("decoding", work, {name: timed(call, bench.span / 2) for name, call in programs.items()})
