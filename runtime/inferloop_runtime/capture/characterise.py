"""Describe every column of a data set from one pass over its batches; descriptions of parts can be merged."""

import math
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from inferloop_runtime.capture.distinct import DistinctCount
from inferloop_runtime.capture.histogram import Histogram
from inferloop_runtime.capture.top_values import TopValues

_TOP_SHOWN = 10
_SHOWN_CHARACTERS = 200


@dataclass
class ColumnProfile:
    """What is known of one column: counts, extremes, moments, distinct and frequent values, histogram, lengths.

    Moments and histogram are those of numbers, lengths (in characters) those of texts. Moments are merged by Chan,
    Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances" (1979).
    """

    type: str = ""
    count: int = 0
    nulls: int = 0
    minimum: Any = None
    maximum: Any = None
    mean: float = 0.0
    squares: float = 0.0
    characters: int = 0
    shortest: int | None = None
    longest: int | None = None
    distinct: DistinctCount = field(default_factory=DistinctCount)
    top: TopValues = field(default_factory=TopValues)
    histogram: Histogram = field(default_factory=Histogram)

    def add(self, values: pa.Array) -> None:
        """Add one batch of the column."""
        present = pc.drop_null(values)
        part = ColumnProfile(str(values.type), len(values), values.null_count)
        if len(present):
            extremes = pc.min_max(present)
            part.minimum, part.maximum = _json_value(extremes["min"].as_py()), _json_value(extremes["max"].as_py())
            if pa.types.is_string(present.type):
                lengths = pc.utf8_length(present)
                part.characters = pc.sum(lengths).as_py()
                part.shortest, part.longest = (pc.min_max(lengths)[end].as_py() for end in ("min", "max"))
            elif pa.types.is_integer(present.type) or pa.types.is_floating(present.type):
                numbers = present.to_numpy(zero_copy_only=False).astype(np.float64)
                with np.errstate(over="ignore", invalid="ignore"):
                    part.mean = float(numbers.mean())
                    part.squares = float(np.square(numbers - part.mean).sum())
                part.histogram.add(numbers)
            counted = pc.value_counts(present)
            part.distinct.add(counted.field("values"))
            part.top.add(_json_values(counted.field("values")), counted.field("counts"))
        self.merge(part)

    def merge(self, other: "ColumnProfile") -> None:
        """Add the description of other rows of the same column."""
        ours, theirs = self.count - self.nulls, other.count - other.nulls
        if theirs:
            self.minimum = other.minimum if ours == 0 else min(self.minimum, other.minimum)
            self.maximum = other.maximum if ours == 0 else max(self.maximum, other.maximum)
            shift = other.mean - self.mean
            self.mean = other.mean if ours == 0 else self.mean + shift * (theirs / (ours + theirs))
            self.squares += other.squares + (shift * shift * (ours * theirs / (ours + theirs)) if ours else 0.0)
        self.type = self.type or other.type
        self.count += other.count
        self.nulls += other.nulls
        self.characters += other.characters
        self.shortest = min((n for n in (self.shortest, other.shortest) if n is not None), default=None)
        self.longest = max((n for n in (self.longest, other.longest) if n is not None), default=None)
        self.distinct.merge(other.distinct)
        self.top.merge(other.top)
        self.histogram.merge(other.histogram)

    def encode(self) -> dict[str, Any]:
        """Return all of it as JSON values, to be merged later."""
        fields = ("type", "count", "nulls", "minimum", "maximum", "characters", "shortest", "longest")
        return {name: getattr(self, name) for name in fields} | {
            # As text: JSON has no infinities.
            "mean": repr(self.mean),
            "squares": repr(self.squares),
            "distinct": self.distinct.encode(),
            "top": list(self.top.counts.items()),
            "top_error": self.top.error,
            "exponent": self.histogram.exponent,
            "bins": list(self.histogram.bins.items()),
        }

    @classmethod
    def decode(cls, document: dict[str, Any]) -> "ColumnProfile":
        """Read what `encode` gave."""
        rest = dict(document)
        return cls(
            mean=float(rest.pop("mean")),
            squares=float(rest.pop("squares")),
            distinct=DistinctCount.decode(rest.pop("distinct")),
            top=TopValues(dict(rest.pop("top")), rest.pop("top_error")),
            histogram=Histogram(rest.pop("exponent"), dict(rest.pop("bins"))),
            **rest,
        )

    def summary(self) -> dict[str, Any]:
        """Return the statistics that the catalog keeps; `stddev` is the sample's (n - 1)."""
        present = self.count - self.nulls
        distinct, exact = self.distinct.estimate()
        statistics: dict[str, Any] = {
            "type": self.type,
            "count": self.count,
            "nulls": self.nulls,
            "distinct": distinct,
            "distinct_is_exact": exact,
            "min": _shown(self.minimum),
            "max": _shown(self.maximum),
            "top": [{"value": _shown(value), "count": count} for value, count in self.top.most_frequent(_TOP_SHOWN)],
            "top_count_error": self.top.error,
        }
        if self.histogram.bins:
            deviation = math.sqrt(self.squares / (present - 1)) if present > 1 else None
            statistics |= {
                "mean": _finite(self.mean),
                "stddev": _finite(deviation),
                "histogram": self.histogram.summary(),
            }
        if self.longest is not None:
            lengths = {"min": self.shortest, "max": self.longest, "mean": self.characters / present}
            statistics["length"] = lengths
        return statistics


def profile(profiles: dict[str, ColumnProfile], table: pa.Table) -> None:
    """Add every column of `table` to its profile."""
    for name in table.column_names:
        profiles.setdefault(name, ColumnProfile()).add(table.column(name).combine_chunks())


def _json_value(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else value


def _json_values(values: pa.Array) -> pa.Array:
    if pa.types.is_temporal(values.type):
        layout = "%Y-%m-%d" if pa.types.is_date(values.type) else "%Y-%m-%dT%H:%M:%S+00:00"
        return pc.strftime(values, format=layout)
    return values


def _shown(value: Any) -> Any:
    """Shorten a text, and replace what PostgreSQL's JSON cannot hold."""
    return value[:_SHOWN_CHARACTERS].replace("\0", "\ufffd") if isinstance(value, str) else value


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
