"""A Dask scheduler and its workers, as processes on the loopback interface."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

LIMIT: Final = 60.0
"""seconds for the start of a process on a busy machine"""
ENVIRONMENT: Final = {
    "PYTHONPATH": str(Path(__file__).parent),
    "DASK_DISTRIBUTED__ADMIN__TICK__LIMIT": "60s",
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
}


DASK: Final = """
import ctypes, runpy, sys
ctypes.CDLL(None).prctl(1, 15)  # PR_SET_PDEATHSIG, SIGTERM
sys.argv[0] = "dask"
runpy.run_module("dask", run_name="__main__", alter_sys=True)
"""
"""``python -m dask`` that ends when the tests end, also when a time-out ends their process"""


def heatmaps(result: Any) -> bytes:
    """What the tests compare: made on the workers, which have this module."""
    return np.ascontiguousarray(result.outputs["heatmaps"]).tobytes()


@dataclass
class Farm:
    """A scheduler, and the workers that were started; all end with the block."""

    folder: Path
    address: str
    scheduler: subprocess.Popen[bytes]
    stack: ExitStack
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def worker(self, *options: str, **environment: str) -> subprocess.Popen[bytes]:
        """Starts a worker."""
        words = [
            "worker",
            self.address,
            "--no-nanny",
            "--nthreads",
            "1",
            "--no-dashboard",
            "--host",
            "127.0.0.1",
            *options,
        ]
        process = _start(self.stack, self.folder, words, environment)
        self.workers.append(process)
        return process


@contextmanager
def farm(folder: Path) -> Iterator[Farm]:
    """A farm without workers.

    Args:
        folder: for temporary files.
    """
    with ExitStack() as stack:
        file = folder / "scheduler.json"
        words = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)]
        scheduler = _start(stack, folder, words, {})
        until = time.monotonic() + LIMIT
        while not (address := _address(file)):
            assert scheduler.poll() is None and time.monotonic() < until, (folder / "log").read_text()
            time.sleep(0.02)
        yield Farm(folder, address, scheduler, stack)


def _address(file: Path) -> str:
    import json

    try:
        return str(json.loads(file.read_text())["address"])
    except (OSError, ValueError):
        return ""


def _start(stack: ExitStack, folder: Path, words: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    log = stack.enter_context((folder / "log").open("ab"))
    command = [sys.executable, "-c", DASK, *words]
    process = subprocess.Popen(
        command, stdout=log, stderr=log, cwd=folder, env=os.environ | ENVIRONMENT | environment, start_new_session=True
    )
    stack.callback(_end, process)
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
