"""The memory pools of a network: what the device describes, and what ST's reports list."""

from __future__ import annotations

from dataclasses import dataclass

from n6link.protocol.records import PoolRecord


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
    def from_record(cls, record: PoolRecord) -> Pool:
        """The pool that a device describes."""
        return cls(record.name, record.base, record.total, record.used, record.weights, record.activations)

    @property
    def share(self) -> float:
        """Used part, 0..1."""
        return self.used / self.total if self.total else 0.0
