import datetime as dt

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inferloop_runtime.capture.convert import convert
from inferloop_runtime.capture.settings import Column


def converted(kind: str, *texts: str | None, layout: str | None = None) -> list[object]:
    column = Column(name="c", type=kind, format=layout)  # type: ignore[arg-type]
    return convert(column, pa.array(texts, pa.string())).to_pylist()


@pytest.mark.parametrize(
    ("kind", "good", "values", "bad"),
    [
        ("int64", ["1", " -7 ", "9223372036854775807"], [1, -7, 2**63 - 1], ["0x10", "9223372036854775808", "1.0", ""]),
        (
            "float64",
            ["1.5", ".5", "5.", "1e3", "+2"],
            [1.5, 0.5, 5.0, 1000.0, 2.0],
            ["nan", "inf", "1e999", "1_0", "x"],
        ),
        ("bool", ["true", "FALSE", "1", "0"], [True, False, True, False], ["yes", "2", "t"]),
        ("date32", ["2020-02-29"], [dt.date(2020, 2, 29)], ["2021-02-29", "29.02.2020", "2020-2-1"]),
        ("string", ["x", ""], ["x", ""], []),
    ],
)
def test_values_that_fit_are_converted_and_others_become_null(
    kind: str, good: list[str], values: list[object], bad: list[str]
) -> None:
    assert converted(kind, *good) == values
    assert converted(kind, *good, None, *bad) == values + [None] * (1 + len(bad))
    for text in bad:
        assert converted(kind, text) == [None]


def test_timestamps_are_utc_and_one_without_an_offset_is_taken_as_utc() -> None:
    expected = dt.datetime(2020, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    texts = ["2020-01-02T03:04:05Z", "2020-01-02 05:04:05+02:00", "2020-01-02T03:04:05", "2020-01-02T05:04:05+02"]
    assert converted("timestamp", *texts) == [expected] * 4
    assert converted("timestamp", "2020-01-02", "soon") == [dt.datetime(2020, 1, 2, tzinfo=dt.UTC), None]


def test_a_format_may_hold_an_offset() -> None:
    texts = ["02/01/2020 05:04 +0200", "02/01/2020 03:04 +0000"]
    assert (
        converted("timestamp", *texts, layout="%d/%m/%Y %H:%M %z") == [dt.datetime(2020, 1, 2, 3, 4, tzinfo=dt.UTC)] * 2
    )


def test_a_day_that_does_not_exist_is_not_moved_to_the_next_month() -> None:
    texts = ["Feb 29 2000", "Feb 29 2001", "Feb 30 2000", "Apr 31 2000", "jan  1 2000", "Jan 01 2000"]
    found = converted("date32", *texts, layout="%b %d %Y")
    assert found == [dt.date(2000, 2, 29), None, None, None, dt.date(2000, 1, 1), dt.date(2000, 1, 1)]


@given(st.lists(st.dates(min_value=dt.date(1, 1, 1)), max_size=50))
def test_every_date_comes_back_from_its_text(dates: list[dt.date]) -> None:
    assert converted("date32", *[date.isoformat() for date in dates]) == dates


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=50))
def test_every_number_comes_back_from_its_text(numbers: list[float]) -> None:
    assert converted("float64", *map(repr, numbers)) == numbers
