"""Activation functions that networks leave to the decoder."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from n6link.tensors.tensor import Array


def sigmoid(logits: Array) -> NDArray[np.float32]:
    """1 / (1 + exp(-x)), float32, without overflow."""
    x = np.asarray(logits, np.float32)
    small = np.exp(-np.abs(x))
    shares: NDArray[np.float32] = np.where(x >= 0, np.float32(1), small)
    shares /= 1 + small
    return shares


def logit(share: float) -> float:
    """The inverse of the sigmoid; infinite for 0 and 1."""
    if share <= 0:
        return -math.inf
    return math.inf if share >= 1 else math.log(share) - math.log1p(-share)


def softmax(logits: Array) -> NDArray[np.float64]:
    """Shares of real logits, over the last axis, in float64."""
    powers: NDArray[np.float64] = np.exp(np.subtract(logits, np.max(logits, axis=-1, keepdims=True), dtype=np.float64))
    powers /= powers.sum(axis=-1, keepdims=True)
    return powers
