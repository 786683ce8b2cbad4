"""Activation functions that networks leave to the decoder."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from n6link.tensors.tensor import Array

LOWEST: Final = np.float32(-87)
"""smallest logit whose exp(-x) is a float32; the sigmoid of smaller ones is 0, less than 1e-37"""


def sigmoid(logits: Array) -> NDArray[np.float32]:
    """1 / (1 + exp(-x)), float32, without overflow."""
    shares: NDArray[np.float32] = np.maximum(logits, LOWEST, dtype=np.float32)
    np.exp(np.negative(shares, out=shares), out=shares)
    shares += 1
    return np.divide(np.float32(1), shares, out=shares)


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
