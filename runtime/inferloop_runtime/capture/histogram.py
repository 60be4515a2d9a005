"""Count numbers in bins of equal width that need no bounds beforehand.

The width is a power of two and every bin begins at a multiple of it, so when the range grows, whole bins fall into
wider ones: any order of adding and merging gives the histogram that one pass over everything would give.
"""

import math
import sys
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAXIMUM_BINS = 32
# A double has 52 fraction bits: narrower bins could not be told apart, and their numbers would not fit 64 bits.
_FRACTION_BITS = 52
# The exponent of the smallest double: bins can be no narrower.
_LEAST_EXPONENT = -1_074


@dataclass
class Histogram:
    """Counts by bin number; bin i holds numbers from i * 2**exponent to below (i + 1) * 2**exponent."""

    exponent: int = _LEAST_EXPONENT
    bins: dict[int, int] = field(default_factory=dict)

    def add(self, numbers: NDArray[np.float64]) -> None:
        """Count finite numbers."""
        if len(numbers) == 0:
            return
        low, high = float(numbers.min()), float(numbers.max())
        exponent = max(self.exponent, _exponent_for(low, high))
        scaled = np.floor(np.ldexp(numbers, -exponent)).astype(np.int64)
        # A tiny negative number underflows to zero, and would fall on the wrong side of it.
        scaled[(numbers < 0) & (scaled == 0)] = -1
        indexes, counts = np.unique(scaled, return_counts=True)
        self.merge(Histogram(exponent, dict(zip(indexes.tolist(), counts.tolist(), strict=True))))

    def merge(self, other: "Histogram") -> None:
        """Add the counts of another histogram."""
        exponent = max(self.exponent, other.exponent)
        merged = self._widened(exponent)
        for index, count in other._widened(exponent).items():
            merged[index] = merged.get(index, 0) + count
        self.exponent, self.bins = exponent, merged
        while self.bins and max(self.bins) - min(self.bins) >= MAXIMUM_BINS:
            self.bins = self._widened(self.exponent + 1)
            self.exponent += 1

    def summary(self) -> list[dict[str, Any]]:
        """Return the bins that hold something, in ascending order."""
        return [
            {
                "from": _edge(index, self.exponent),
                "to": _edge(index + 1, self.exponent),
                "count": self.bins[index],
            }
            for index in sorted(self.bins)
        ]

    def _widened(self, exponent: int) -> dict[int, int]:
        shift = exponent - self.exponent
        widened: dict[int, int] = {}
        for index, count in self.bins.items():
            widened[index >> shift] = widened.get(index >> shift, 0) + count
        return widened


def _exponent_for(low: float, high: float) -> int:
    """Find the narrowest width with which the range fits."""
    largest = max(abs(low), abs(high))
    exponent = math.frexp(largest)[1] - _FRACTION_BITS if largest else _LEAST_EXPONENT
    spread = high / 2 - low / 2
    if spread > 0:
        exponent = max(exponent, math.frexp(spread)[1] - MAXIMUM_BINS.bit_length())
    exponent = max(exponent, _LEAST_EXPONENT)
    while _bin(high, exponent) - _bin(low, exponent) >= MAXIMUM_BINS:
        exponent += 1
    return exponent


def _bin(number: float, exponent: int) -> int:
    index = math.floor(math.ldexp(number, -exponent))
    return -1 if number < 0 and index == 0 else index


def _edge(index: int, exponent: int) -> float:
    try:
        return math.ldexp(index, exponent)
    except OverflowError:
        return math.copysign(sys.float_info.max, index)
