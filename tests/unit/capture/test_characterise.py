import json
import math
import statistics
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inferloop_runtime.capture.characterise import ColumnProfile
from inferloop_runtime.capture.distinct import DistinctCount, hash_values
from inferloop_runtime.capture.histogram import MAXIMUM_BINS, Histogram
from inferloop_runtime.capture.top_values import TopValues

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
PARTS = st.lists(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), max_size=20), min_size=1, max_size=5)


def profile_of(*parts: list[object], kind: pa.DataType) -> ColumnProfile:
    whole = ColumnProfile()
    for part in parts:
        one = ColumnProfile()
        one.add(pa.array(part, kind))
        whole.merge(ColumnProfile.decode(json.loads(json.dumps(one.encode()))))
    return whole


@given(PARTS)
@settings(deadline=None)
def test_parts_that_are_merged_say_what_one_pass_over_all_rows_says(parts: list[list[float | None]]) -> None:
    everything = [value for part in parts for value in part]
    present = [value for value in everything if value is not None]
    found = profile_of(*parts, kind=pa.float64()).summary()
    assert (found["count"], found["nulls"]) == (len(everything), len(everything) - len(present))
    assert found["distinct"] == len({value + 0.0 for value in present})
    if not present:
        assert (found["min"], found["max"]) == (None, None)
        return
    assert (found["min"], found["max"]) == (min(present), max(present))
    assert found["mean"] == pytest.approx(statistics.fmean(present), abs=1e-6)
    if len(present) > 1:
        assert found["stddev"] == pytest.approx(statistics.stdev(present), rel=1e-6, abs=1e-6)
    assert sum(bin["count"] for bin in found["histogram"]) == len(present)


@given(st.lists(NUMBERS, min_size=1, max_size=40), st.integers(0, 40))
@settings(deadline=None, max_examples=300)
def test_a_histogram_does_not_depend_on_how_the_numbers_were_split(numbers: list[float], cut: int) -> None:
    whole, parts, second = Histogram(), Histogram(), Histogram()
    whole.add(np.array(numbers))
    parts.add(np.array(numbers[:cut]))
    second.add(np.array(numbers[cut:]))
    parts.merge(second)
    assert (parts.bins, parts.exponent) == (whole.bins, whole.exponent)
    bins = whole.summary()
    assert 1 <= len(bins) <= MAXIMUM_BINS
    for bin in bins:
        inside = [n for n in numbers if bin["from"] <= n < bin["to"] or (bin["to"] >= 1.79e308 and n >= bin["from"])]
        assert len(inside) == bin["count"]
    json.dumps(bins, allow_nan=False)


def test_few_distinct_values_are_counted_exactly_and_many_within_a_few_percent() -> None:
    for count in (0, 1, 2_000):
        sketch = DistinctCount()
        for _ in range(3):
            sketch.add(pa.array([f"value {index}" for index in range(count)], pa.string()))
        assert sketch.estimate() == (count, True)
    for values in (pa.array(range(300_000), pa.int64()), pa.array([f"user-{n}" for n in range(300_000)])):
        sketch = DistinctCount()
        for start in range(0, 300_000, 50_000):
            part = DistinctCount()
            part.add(values[start : start + 60_000])
            sketch.merge(DistinctCount.decode(part.encode()))
        estimate, exact = sketch.estimate()
        assert not exact
        assert estimate == pytest.approx(300_000, rel=0.08)


@given(st.lists(st.text(max_size=8), unique=True, max_size=60))
@settings(deadline=None)
def test_different_texts_have_different_hashes_also_in_a_slice(texts: list[str]) -> None:
    array = pa.array(["before", *texts, "after"], pa.string())
    hashes = hash_values(array.slice(1, len(texts)))
    assert len(set(hashes.tolist())) == len(texts)
    assert hashes.tolist() == hash_values(pa.array(texts, pa.string())).tolist()


def test_the_most_frequent_values_are_exact_while_they_are_few_and_bounded_after() -> None:
    values = [f"common {n % 3}" for n in range(3_000)] + [f"rare {n}" for n in range(5_000)]
    top = TopValues()
    for start in range(0, len(values), 1_000):
        counted = pa.array(values[start : start + 1_000]).value_counts()
        top.add(counted.field("values"), counted.field("counts"))
    assert len(top.counts) <= 256
    real = Counter(values)
    for value, count in top.most_frequent(3):
        assert value.startswith("common")
        assert count <= real[value] <= count + top.error


def test_texts_have_lengths_and_what_postgresql_cannot_hold_is_replaced() -> None:
    found = profile_of(["a\0b", "ü" * 300, None], kind=pa.string()).summary()
    assert found["min"] == "a\ufffdb"
    assert found["max"] == "ü" * 200
    assert found["length"] == {"min": 3, "max": 300, "mean": 151.5}
    assert "histogram" not in found


@pytest.mark.parametrize("kind", [pa.date32(), pa.timestamp("us", "UTC"), pa.bool_()])
def test_dates_times_and_truth_values_are_described_too(kind: pa.DataType) -> None:
    number = pa.bool_() if pa.types.is_boolean(kind) else pa.int32() if pa.types.is_date(kind) else pa.int64()
    values = pa.array([True, False, True]).cast(pa.int8()).cast(number).cast(kind)
    one = ColumnProfile()
    one.add(values)
    found = ColumnProfile.decode(json.loads(json.dumps(one.encode()))).summary()
    assert (found["count"], found["distinct"]) == (3, 2)
    assert found["top"][0]["count"] == 2
    json.dumps(found, allow_nan=False)


def test_moments_that_overflow_are_told_as_unknown() -> None:
    found = profile_of([1.7e308, 1.7e308, -1.7e308], kind=pa.float64()).summary()
    assert found["stddev"] is None
    assert found["min"] == -1.7e308
    json.dumps(found, allow_nan=False)
    assert not math.isinf(found["histogram"][-1]["to"])
