"""Base class of the generated records: converts bytes to values and back.

A record is one struct of the protocol, as an immutable object with typed fields. It uses ``struct`` and numpy; construct, the
language of the schema, is 30 to 100 times slower. A test checks that both produce the same bytes for every struct.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from struct import Struct, error
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

Buffer: TypeAlias = bytes | bytearray | memoryview


class Record(ABC):
    """One struct of the protocol; the subclasses in :mod:`n6link.protocol.records` are generated."""

    __slots__: tuple[str, ...] = ()

    SIZE: ClassVar[int]
    """bytes"""
    BASE_SIZE: ClassVar[int]
    """bytes of the fields of minor 0; a peer with an older minor may send only these, and the rest is 0"""
    STRUCT: ClassVar[Struct]
    """all fields; reserved fields are padding"""
    DTYPE: ClassVar[np.dtype[np.void]]
    """of an element of :meth:`array`"""

    @abstractmethod
    def pack(self) -> bytes:
        """The bytes of this record; reserved ones are zero.

        Raises:
            struct.error: a number does not fit its field.
            ValueError: a text is longer than its field.
        """

    @classmethod
    @abstractmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        """The record at an offset; enum fields are the enum's member if the value is known, else the number.

        Raises:
            ValueError: the buffer is too short.
        """

    @classmethod
    def unpack_all(cls, buffer: Buffer, count: int, offset: int, stride: int) -> tuple[Self, ...]:
        """Consecutive records.

        Args:
            buffer: the bytes.
            count: number of records.
            offset: of the first one.
            stride: bytes of one record in the sender's version.

        Raises:
            ValueError: the buffer is too short, or the sender's records are smaller than in minor 0.
        """
        cls._check_all(buffer, count, offset, stride)
        if stride >= cls.SIZE:
            return tuple([cls.unpack(buffer, at) for at in range(offset, offset + count * stride, stride)])
        view = memoryview(buffer)
        return tuple(cls.unpack(view[at : at + stride]) for at in range(offset, offset + count * stride, stride))

    @classmethod
    def array(cls, buffer: Buffer, count: int, offset: int, stride: int) -> NDArray[np.void]:
        """Records as a structured array of shape (count,) and dtype :attr:`DTYPE`; without a copy if stride is SIZE.

        Args:
            buffer: the bytes.
            count: number of records.
            offset: of the first one.
            stride: bytes of one record in the sender's version.

        Raises:
            ValueError: the buffer is too short, or the sender's records are smaller than in minor 0.
        """
        cls._check_all(buffer, count, offset, stride)
        if stride == cls.SIZE:
            return np.frombuffer(buffer, cls.DTYPE, count, offset)
        known = min(stride, cls.SIZE)
        rows = np.zeros((count, cls.SIZE), np.uint8)
        rows[:, :known] = np.frombuffer(buffer, np.uint8, count * stride, offset).reshape(count, stride)[:, :known]
        return rows.reshape(-1).view(cls.DTYPE)

    @classmethod
    def _check_all(cls, buffer: Buffer, count: int, offset: int, stride: int) -> None:
        if stride < cls.BASE_SIZE:
            raise ValueError(f"records of {cls.__name__} must have {cls.BASE_SIZE} bytes or more, not {stride}")
        if offset + count * stride > len(buffer):
            there = max(len(buffer) - offset, 0)
            raise ValueError(f"{count} {cls.__name__} of {stride} bytes do not fit in {there} bytes")

    # dataclass would compile these three methods for each record, which doubles the import time.

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self._fields() == other._fields()

    def __hash__(self) -> int:
        return hash((type(self), self._fields()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in self.__slots__)})"

    def _fields(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)

    @classmethod
    def _values(cls, buffer: Buffer, offset: int) -> tuple[Any, ...]:
        """The raw values at an offset; 0 for fields that a sender with an older minor does not have."""
        try:
            return cls.STRUCT.unpack_from(buffer, offset)
        except error:
            there = max(len(buffer) - offset, 0)
            if there < cls.BASE_SIZE:
                raise ValueError(f"{cls.__name__} requires {cls.BASE_SIZE} bytes, got {there}") from None
            return cls.STRUCT.unpack(bytes(buffer[offset:]).ljust(cls.SIZE, b"\0"))


def printable(raw: Buffer) -> str:
    r"""Text of a peer; characters that a terminal would execute are escaped: ``\x1b`` for the start of an escape sequence.

    Line feeds are kept.
    """
    decoded = bytes(raw).decode("utf-8", "replace")
    if decoded.isprintable():
        return decoded
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in decoded)


def text(raw: bytes) -> str:
    """The text of a zero-padded field, printable and of one line."""
    return printable(raw.split(b"\0", 1)[0]).replace("\n", "\\n")


def padded(value: str | bytes, size: int) -> bytes:
    """The bytes of a field of at most size bytes; ``struct`` appends the zeros.

    Raises:
        ValueError: they do not fit.
    """
    raw = value.encode() if isinstance(value, str) else value
    if len(raw) > size:
        raise ValueError(f"{value!r} has {len(raw)} bytes, but the field has {size}")
    return raw
