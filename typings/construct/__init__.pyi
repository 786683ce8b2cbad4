"""The part of construct that the schema and its tests use; construct has no types of its own."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

class Construct:
    name: str | None
    docs: str
    def __rtruediv__(self, name: str) -> Construct: ...
    def __mul__(self, docs: str) -> Construct: ...
    def sizeof(self) -> int: ...
    def build(self, obj: Mapping[str, object]) -> bytes: ...
    def parse(self, data: bytes) -> Any: ...

class Subconstruct(Construct):
    subcon: Construct
    def __init__(self, subcon: Construct) -> None: ...

class Renamed(Subconstruct): ...

class Array(Subconstruct):
    count: int
    def __init__(self, count: int, subcon: Construct) -> None: ...

class Enum(Subconstruct):
    def __init__(self, subcon: Construct, merge: type[IntEnum]) -> None: ...

class FormatField(Construct):
    fmtstr: str

class Bytes(Construct):
    length: int | Path
    def __init__(self, length: int | Path) -> None: ...

class Struct(Construct):
    subcons: list[Construct]
    def __init__(self, *subcons: Construct) -> None: ...

class Prefixed(Subconstruct):
    def __init__(self, lengthfield: Construct, subcon: Construct) -> None: ...

class Path:
    def __getattr__(self, name: str) -> Path: ...

this: Path
GreedyBytes: Construct
Int8ul: FormatField
Int16ul: FormatField
Int16ub: FormatField
Int32ul: FormatField
Int64ul: FormatField
Int16sl: FormatField
Int32sl: FormatField
Float32l: FormatField
