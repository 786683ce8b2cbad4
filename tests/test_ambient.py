from __future__ import annotations

import random
import time
from contextvars import copy_context

from n6link import ambient


def test_the_real_clock_and_real_random_numbers_unless_others_are_set() -> None:
    before = time.monotonic()
    assert before <= ambient.monotonic() <= time.monotonic()
    assert ambient.randbits(64) != ambient.randbits(64)


def test_a_source_belongs_to_its_context() -> None:
    def simulated() -> tuple[float, int]:
        ambient.source.set(ambient.Source(lambda: -5.0, random.Random(1).getrandbits))
        return ambient.monotonic(), ambient.randbits(64)

    assert copy_context().run(simulated) == copy_context().run(simulated) == (-5.0, random.Random(1).getrandbits(64))
    assert ambient.monotonic() >= 0
