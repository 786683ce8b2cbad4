"""The memory pools of a network: what the device describes, and what ST's reports list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from n6link.protocol import text


@dataclass(frozen=True, slots=True)
class Pool:
    """A memory pool that a network uses, as ST's compiler laid it out. Sizes are bytes."""

    name: str
    base: int
    """address"""
    total: int
    used: int
    weights: int
    activations: int

    @classmethod
    def from_record(cls, record: Any) -> Pool:
        """The pool of a ``PoolRecord`` (an element of a structured array)."""
        numbers = [int(record[key]) for key in ("base", "total", "used", "weights", "activations")]
        return cls(text(bytes(record["name"])), *numbers)

    @property
    def share(self) -> float:
        """Used part, 0..1."""
        return self.used / self.total if self.total else 0.0
