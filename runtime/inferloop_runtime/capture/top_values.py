"""Keep the most frequent values in bounded memory, with a bound on the error of their counts."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

_KEPT = 256


@dataclass
class TopValues:
    """Counts of frequent values; each may be up to `error` too low, and a value left out occurred at most so often.

    While no more than 256 values are seen, `error` is 0 and the counts are exact.
    """

    counts: dict[Any, int] = field(default_factory=dict)
    error: int = 0

    def add(self, uniques: pa.Array, counts: pa.Array) -> None:
        """Add distinct values with their counts."""
        numbers = counts.to_numpy(zero_copy_only=False)
        order = np.argsort(-numbers, kind="stable")
        kept = order[:_KEPT]
        lost = int(numbers[order[_KEPT]]) if len(order) > _KEPT else 0
        values = uniques.take(pa.array(kept)).to_pylist()
        self.merge(TopValues(dict(zip(values, numbers[kept].tolist(), strict=True)), lost))

    def merge(self, other: "TopValues") -> None:
        """Add the counts of another summary."""
        for value, count in other.counts.items():
            self.counts[value] = self.counts.get(value, 0) + count
        self.error += other.error
        if len(self.counts) > _KEPT:
            ranked = sorted(self.counts.items(), key=lambda item: -item[1])
            self.counts = dict(ranked[:_KEPT])
            self.error += ranked[_KEPT][1]

    def most_frequent(self, count: int) -> list[tuple[Any, int]]:
        """Return the values with the highest counts; equal counts in the order in which they were seen."""
        return sorted(self.counts.items(), key=lambda item: -item[1])[:count]
