import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.support.capture import CaptureJob, rows

HEADER = b"symbol,date,price\n"
GOOD = b"MSFT,Jan 1 2000,39.81\n"


def job_for(tmp_path: Path, database: str, content: bytes, **extra: Any) -> CaptureJob:
    source = tmp_path / "source.csv"
    source.write_bytes(content)
    return CaptureJob(tmp_path / "job", database, str(source), extra={"max_quarantined_fraction": 1} | extra)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"MSFT,Jan 1 2000", "has 2 columns, expected 3"),
        (b"MSFT,Jan 1 2000,1,2", "has 4 columns, expected 3"),
        (b"MSFT", "has 1 columns, expected 3"),
        (b"MSFT,Jan 1 2000,abc", "price: 'abc' is not a float64"),
        (b"MSFT,Jan 1 2000,nan", "price: 'nan' is not a float64"),
        (b"MSFT,Jan 1 2000,1e999", "price: '1e999' is not a float64"),
        (b"MSFT,Jan 1 2000,-1", "price: '-1' is below 0"),
        (b"MSFT,Jan 1 2000,", "price: has no value"),
        (b"MSFT,2000-01-01,1", "date: '2000-01-01' is not a date32 in the format %b %d %Y"),
        (b"MSFT,Feb 30 2000,1", "date: 'Feb 30 2000' is not a date32 in the format %b %d %Y"),
        (b"MSFT,Jan 1 2000x,1", "date: 'Jan 1 2000x' is not a date32 in the format %b %d %Y"),
        (b"msft,Jan 1 2000,1", "symbol: 'msft' breaks the pattern"),
        (b"MS\xffT,Jan 1 2000,1", "is not valid UTF-8"),
        (b'"MSFT,Jan 1 2000,1', "opens a quote that is not closed"),
    ],
)
def test_a_row_that_is_not_as_declared_goes_to_quarantine_with_its_line_text_and_reason(
    database: str, tmp_path: Path, line: bytes, reason: str
) -> None:
    job = job_for(tmp_path, database, HEADER + GOOD + b"\n" + GOOD + line + b"\n" + GOOD)
    result = job.run()
    assert (result["rows_read"], result["rows_written"], result["rows_quarantined"]) == (4, 3, 1)
    assert job.quarantine() == [{"line": 5, "text": line.decode("utf-8", "backslashreplace"), "reasons": [reason]}]
    assert job.table().num_rows == 3


def test_every_reason_of_a_row_is_told(database: str, tmp_path: Path) -> None:
    job = job_for(tmp_path, database, HEADER + b"x,y,z\n")
    job.run()
    assert [reason.split(":")[0] for reason in job.quarantine()[0]["reasons"]] == ["symbol", "date", "price"]


def test_only_the_owner_may_read_quarantined_rows(database: str, tmp_path: Path) -> None:
    job = job_for(tmp_path, database, HEADER + b"x,y,z\n")
    job.run()
    quarantine = job.home / "v1" / "_quarantine"
    assert quarantine.stat().st_mode & 0o777 == 0o700
    assert (quarantine / "part-00000.jsonl").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + HEADER + GOOD + GOOD,
        (HEADER + GOOD + GOOD).replace(b"\n", b"\r\n"),
        (HEADER + GOOD + GOOD).replace(b"\n", b"\r"),
        HEADER + GOOD + GOOD.rstrip(),
        HEADER + b"\n\n" + GOOD + b"\r\n" + GOOD + b"\n\n",
        b'"symbol",date,"price"\n"MSFT","Jan 1 2000","39.81"\n"MSFT",Jan 1 2000,"39.81"\n',
        b"price,symbol,date\n39.81,MSFT,Jan 1 2000\n39.81,MSFT,Jan 1 2000\n",
        HEADER + b"MSFT,Jan 1 2000, 39.81 \nMSFT,jan 01  2000,+3.981e1\n",
    ],
    ids=["bom", "crlf", "cr", "no last line break", "blank lines", "quoted", "other order", "spaces"],
)
def test_files_that_say_the_same_give_the_same_rows(database: str, tmp_path: Path, content: bytes) -> None:
    job = job_for(tmp_path, database, content)
    assert job.run()["rows_quarantined"] == 0
    assert [(str(row["date"]), row["symbol"], row["price"]) for row in job.table().to_pylist()] == [
        ("2000-01-01", "MSFT", 39.81)
    ] * 2


def test_line_breaks_commas_and_quotes_inside_quotes_are_kept(database: str, tmp_path: Path) -> None:
    content = b'note,n\n"two\nlines, ""quoted""",1\n"",2\n,3\nan "odd" one,4\n,x\n'
    job = job_for(tmp_path, database, content)
    job.columns = [{"name": "note", "type": "string", "nullable": True}, {"name": "n", "type": "int64"}]
    job.run()
    assert job.table()["note"].to_pylist() == ['two\nlines, "quoted"', "", None, 'an "odd" one']
    assert [row["line"] for row in job.quarantine()] == [7]


def test_a_last_line_that_was_cut_off_goes_to_quarantine(database: str, tmp_path: Path) -> None:
    job = job_for(tmp_path, database, HEADER + GOOD + b"MSFT,Jan")
    assert job.run()["rows_written"] == 1
    assert job.quarantine()[0]["text"] == "MSFT,Jan"


def test_an_empty_file_is_refused_and_says_what_was_expected(database: str, tmp_path: Path) -> None:
    assert (
        "source.csv is empty; expected a header with symbol, date, price" in job_for(tmp_path, database, b"").refused()
    )


def test_a_file_with_a_header_alone_is_a_data_set_without_rows(database: str, tmp_path: Path) -> None:
    job = job_for(tmp_path, database, HEADER)
    assert job.run()["rows_read"] == 0
    assert job.table().schema.names == ["symbol", "date", "price"]
    assert job.run()["status"] == "unchanged"


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (b"symbol,price\n", ["missing columns 'date'"]),
        (b"symbol,date,price,volume\n", ["not declared 'volume'"]),
        (b"symbol,date,price,price\n", ["repeated columns 'price'"]),
        (b"Symbol,date,price\n", ["missing columns 'symbol'", "not declared 'Symbol'"]),
        (HEADER.decode().encode("utf-16"), ["not UTF-8"]),
    ],
)
def test_a_wrong_header_is_refused_and_names_file_and_columns(
    database: str, tmp_path: Path, header: bytes, said: list[str]
) -> None:
    message = job_for(tmp_path, database, header + GOOD).refused()
    assert "source.csv" in message
    assert all(part in message for part in said), message


def test_too_many_bad_rows_fail_the_run_and_commit_nothing(database: str, tmp_path: Path) -> None:
    job = job_for(tmp_path, database, HEADER + GOOD * 7 + b"bad\n" * 3, max_quarantined_fraction=0.25, rows_per_part=4)
    for _ in range(2):
        message = job.refused()
        assert "3 of 10 rows" in message
        assert "line 9: has 1 columns, expected 3" in message
    assert not (job.home / "v1").exists()
    assert asyncio.run(rows(database, "SELECT * FROM datasets")) == []
    (run,) = asyncio.run(rows(database, "SELECT * FROM capture_runs"))
    assert (run["status"], run["rows_read"], run["rows_quarantined"], run["attempts"]) == ("failed", 10, 3, 2)
    job.extra["max_quarantined_fraction"] = 0.3
    assert job.run()["rows_quarantined"] == 3


def test_a_missing_source_is_named(database: str, tmp_path: Path) -> None:
    assert "/nowhere/x.csv" in CaptureJob(tmp_path, database, "/nowhere/x.csv").refused()


def test_a_quote_that_is_never_closed_costs_its_own_line_only(database: str, tmp_path: Path) -> None:
    job = job_for(tmp_path, database, HEADER + GOOD + b'"open,Jan 1 2000,1\n' + GOOD * 200_000)
    result = job.run()
    assert (result["rows_written"], result["rows_quarantined"]) == (200_001, 1)
    assert job.quarantine()[0]["line"] == 3


def test_a_line_without_an_end_is_set_aside_in_bounded_memory(database: str, tmp_path: Path) -> None:
    job = job_for(tmp_path, database, HEADER + GOOD + b"x" * 5_000_000 + b"\n" + GOOD)
    assert job.run()["rows_written"] == 2
    (row,) = job.quarantine()
    assert (row["line"], row["reasons"], len(row["text"])) == (3, ["is longer than 1 MiB"], 4096)


JSON_COLUMNS = [
    {"name": "s", "type": "string"},
    {"name": "i", "type": "int64", "nullable": True},
    {"name": "f", "type": "float64", "nullable": True},
    {"name": "b", "type": "bool", "nullable": True},
    {"name": "t", "type": "timestamp", "nullable": True},
]


def test_json_lines_are_read_and_lines_that_are_not_as_declared_set_aside(database: str, tmp_path: Path) -> None:
    good = [
        '{"s": "a", "i": 1, "f": 1.5, "b": true, "t": "2020-01-02T03:04:05+02:00"}',
        '{"s": "ü\\nb"}',
        '{"s": "c", "f": 2, "t": "2020-01-02"}',
    ]
    bad = [
        '{"s": 1}',
        '{"s": "a", "i": 1.5}',
        '{"s": "a", "i": "1"}',
        '{"i": 1}',
        '{"s": "a", "unknown": 1}',
        '{"s": "a"',
        "[1]",
        '{"s": "a"}{"s": "b"}',
        '{"s": "a", "f": NaN}',
        '{"s": "a", "t": "yesterday"}',
        "   ",
    ]
    lines = [good[0], *bad[:5], good[1], "", *bad[5:], good[2]]
    job = job_for(tmp_path, database, "\n".join(lines).encode())
    job.columns, job.source = JSON_COLUMNS, {"format": "jsonl"}
    result = job.run()
    assert (result["rows_read"], result["rows_written"]) == (len(good) + len(bad), len(good))
    assert [row["text"] for row in job.quarantine()] == bad
    assert all(row["reasons"] for row in job.quarantine())
    assert [row["line"] for row in job.quarantine()] == [2, 3, 4, 5, 6, 9, 10, 11, 12, 13, 14]
    table = job.table().to_pylist()
    assert [row["s"] for row in table] == ["a", "ü\nb", "c"]
    assert table[0]["t"].isoformat() == "2020-01-02T01:04:05+00:00"
