"""The memory pools of a network, from the device's description or from ST's reports."""

from __future__ import annotations

from dataclasses import dataclass

from n6link.protocol.records import PoolRecord


@dataclass(frozen=True, slots=True)
class Pool:
    """A memory pool that a network uses, as planned by ST's compiler. Sizes in bytes."""

    name: str
    base: int
    """address"""
    total: int
    used: int
    weights: int
    activations: int

    @classmethod
    def from_record(cls, record: PoolRecord) -> Pool:
        """Converts a device's description of a pool."""
        return cls(record.name, record.base, record.total, record.used, record.weights, record.activations)

    @property
    def share(self) -> float:
        """Used part, 0..1."""
        return self.used / self.total if self.total else 0.0
