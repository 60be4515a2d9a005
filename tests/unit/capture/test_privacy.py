import asyncio
import json
from pathlib import Path

import pyarrow as pa
import pytest
from inferloop_runtime.capture.detect import Findings, look_for_personal_data, passes_luhn, passes_mod_97
from inferloop_runtime.capture.privacy import PrivacyStage
from inferloop_runtime.capture.settings import Column

from tests.support.capture import CaptureJob, rows


def applied(column: Column, values: pa.Array, key: bytes = b"k" * 64) -> list[object]:
    return (
        PrivacyStage((column, Column(name="o", type="int64")), key)
        .apply(pa.table({column.name: values, "o": pa.array(range(len(values)))}))[column.name]
        .to_pylist()
    )


def test_hashing_keeps_equal_values_equal_and_depends_on_the_key() -> None:
    column = Column(name="c", type="string", nullable=True, privacy="hash")
    values = pa.array(["a", "b", "a", None])
    first, second, third, null = applied(column, values)
    assert first == third != second
    assert null is None
    assert len(str(first)) == 32
    assert applied(column, values, b"x" * 64)[0] != first
    assert (
        applied(Column(name="n", type="int64", privacy="hash"), pa.array([7]))[0]
        == applied(Column(name="s", type="string", privacy="hash"), pa.array(["7"]))[0]
    )


def test_masking_keeps_the_shape() -> None:
    column = Column(name="c", type="string", nullable=True, privacy="mask")
    assert applied(column, pa.array(["Ann.Lee@x-1.org", "ÄÖü ß 東京", None, "+49 30 123"])) == [
        "Xxx.Xxx@x-0.xxx",
        "XXx x xx",
        None,
        "+00 00 000",
    ]
    assert applied(Column(name="n", type="float64", privacy="mask"), pa.array([-12.5])) == ["-00.0"]


def test_a_data_set_holds_no_trace_of_what_is_hashed_masked_or_dropped(database: str, tmp_path: Path) -> None:
    source = tmp_path / "people.csv"
    source.write_text(
        "mail,phone,card,age,note\n"
        + "".join(f"user{n}@example.org,+4930{n:07d},4111111111111111,{20 + n % 50},ok\n" for n in range(300))
    )
    job = CaptureJob(tmp_path / "job", database, str(source))
    job.columns = [
        {"name": "mail", "type": "string", "privacy": "hash"},
        {"name": "phone", "type": "string", "privacy": "mask"},
        {"name": "card", "type": "int64", "privacy": "drop"},
        {"name": "age", "type": "int64"},
        {"name": "note", "type": "string"},
    ]
    job.run()
    table = job.table()
    assert table.schema.names == ["mail", "phone", "age", "note"]
    assert set(table["phone"].to_pylist()) == {"+00000000000"}
    everything = str(table.to_pylist()) + str(asyncio.run(rows(database, "SELECT * FROM datasets, capture_runs")))
    for personal in ("example.org", "+4930", "4111111111111111"):
        assert personal not in everything
    (dataset,) = asyncio.run(rows(database, "SELECT privacy FROM datasets"))
    report = json.loads(dataset["privacy"])
    assert {name: done["action"] for name, done in report["columns"].items()} == {
        "mail": "hash",
        "phone": "mask",
        "card": "drop",
        "age": "keep",
        "note": "keep",
    }
    assert report["columns"]["mail"]["algorithm"] == "blake2b-128, keyed"
    assert "k" * 40 not in json.dumps(report)
    assert report["warnings"] == []


def test_personal_columns_that_are_kept_are_reported(database: str, tmp_path: Path) -> None:
    source = tmp_path / "people.csv"
    source.write_text("mail,age\n" + "".join(f"user{n}@example.org,{20 + n % 50}\n" for n in range(300)))
    job = CaptureJob(tmp_path / "job", database, str(source))
    job.columns = [{"name": "mail", "type": "string"}, {"name": "age", "type": "int64"}]
    done = job.call("run")
    assert "warning: column 'mail' looks like e-mail addresses (300 of 300 values) and is kept" in done.stderr
    (dataset,) = asyncio.run(rows(database, "SELECT privacy FROM datasets"))
    assert len(json.loads(dataset["privacy"])["warnings"]) == 1


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["a@b.org", "x", "y"], "e-mail address"),
        (["please ask ann.lee+x@mail.example.co.uk today"], "e-mail address"),
        (["+49 30 1234567", "(030) 123-4567", "+1-202-555-0123"], "phone number"),
        (["+493012345678"], "phone number"),
        (["4111 1111 1111 1111", "5500-0000-0000-0004"], "payment card number"),
        ([4111111111111111, 5500000000000004], "payment card number"),
        (["DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432"], "IBAN"),
    ],
)
def test_columns_that_look_personal_are_found(values: list[object], kind: str) -> None:
    findings = Findings()
    look_for_personal_data("c", pa.array(values), findings)
    assert len(findings.warnings()) == 1
    assert kind in findings.warnings()[0]


@pytest.mark.parametrize(
    "values",
    [
        ["2020-01-02", "2021-12-31"],
        ["12.50", "1999.99"],
        ["10:30", "192.168.0.1"] * 5,
        [f"{n:016d}" for n in range(4_000_000_000_000_000, 4_000_000_000_000_400, 10)],
        list(range(4_000_000_000_000_000, 4_000_000_000_000_400)),
        ["MSFT", "a word @ all", None],
        [1.5, 2.5],
    ],
)
def test_ordinary_columns_are_not_taken_for_personal_ones(values: list[object]) -> None:
    findings = Findings()
    look_for_personal_data("c", pa.array(values), findings)
    assert findings.warnings() == []


def test_check_digits_are_checked() -> None:
    assert passes_luhn("4111 1111 1111 1111")
    assert not passes_luhn("4111 1111 1111 1112")
    assert passes_mod_97("GB82 WEST 1234 5698 7654 32")
    assert not passes_mod_97("GB83 WEST 1234 5698 7654 32")


def test_a_key_that_is_too_short_is_refused(database: str, tmp_path: Path) -> None:
    job = CaptureJob(tmp_path, database, "sample:stocks.csv")
    job.columns = [column | {"privacy": "hash"} if column["name"] == "symbol" else column for column in job.columns]
    job.config()
    (tmp_path / "key").write_text("short")
    assert "fewer than 16 characters" in job.refused()
    assert "short" not in job.refused().replace(str(tmp_path), "")
