"""Counts the work of a call, independent of the speed of the machine."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Final


def lines(action: Callable[[], object]) -> int:
    """The number of lines of the package that are executed during a call."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        if not str(frame.f_globals.get("__name__", "")).startswith("n6link"):
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(before)
    return count


@dataclass
class Work:
    """What happens in a block, in all of this thread."""

    calls: int = 0
    """of functions of the package"""
    python: int = 0
    """calls of all functions in Python"""
    turns: int = 0
    """of asyncio's event loop"""
    system: Counter[str] = field(default_factory=Counter[str])
    """calls of the system for the line, by name"""


_SYSTEM: Final = ("socket.send", "socket.recv", "epoll.poll", "epoll.register", "epoll.modify", "epoll.unregister")


@contextmanager
def work() -> Iterator[Work]:
    """Counts the work of this block."""
    done = Work()

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            done.python += 1
            done.calls += str(frame.f_globals.get("__name__", "")).startswith("n6link")
            done.turns += frame.f_code.co_name == "_run_once"
        elif event == "c_call" and (name := getattr(argument, "__qualname__", "")) in _SYSTEM:
            done.system[name] += 1

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        yield done
    finally:
        sys.setprofile(before)
