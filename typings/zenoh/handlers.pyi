from collections.abc import Callable
from typing import Generic, Self, TypeVar

_T = TypeVar("_T")

class Handler(Generic[_T]):
    def try_recv(self) -> _T | None: ...
    def recv(self) -> _T: ...

class RingChannel(Generic[_T]):
    def __new__(cls, capacity: int) -> Self: ...

class Callback(Generic[_T]):
    def __new__(cls, callback: Callable[[_T], object], *, indirect: bool = True) -> Self: ...
