import asyncio
import datetime as dt
import json
import math
from pathlib import Path

import pyarrow.compute as pc

from tests.support.capture import CaptureJob, rows


async def test_the_real_stock_prices_become_a_data_set_with_its_catalog_row(database: str, tmp_path: Path) -> None:
    job = CaptureJob(tmp_path, database, "sample:stocks.csv")
    done = await asyncio.to_thread(job.call, "run", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    result = json.loads(done.stdout)
    table = job.table()
    assert result == {
        "run_id": result["run_id"],
        "dataset": "stocks",
        "version": 1,
        "path": str(job.home / "v1"),
        "rows_read": 560,
        "rows_written": 560,
        "rows_quarantined": 0,
        "status": "succeeded",
    }
    assert table.num_rows == 560
    assert table.slice(0, 1).to_pylist() == [{"symbol": "MSFT", "date": dt.date(2000, 1, 1), "price": 39.81}]
    assert sorted(path.name for path in job.home.iterdir()) == [".lock", "v1"]
    assert sorted(path.name for path in (job.home / "v1").iterdir()) == ["_manifest.json", "part-00000.parquet"]

    (dataset,) = await rows(database, "SELECT * FROM datasets")
    assert (dataset["name"], dataset["version"], dataset["row_count"]) == ("stocks", 1, 560)
    assert dataset["size_bytes"] == (job.home / "v1" / "part-00000.parquet").stat().st_size
    price = json.loads(dataset["statistics"])["price"]
    assert math.isclose(price["mean"], pc.mean(table["price"]).as_py())
    assert math.isclose(price["stddev"], pc.stddev(table["price"], ddof=1).as_py())
    assert (price["min"], price["max"]) == (5.97, 707.0)
    assert sum(bin["count"] for bin in price["histogram"]) == 560
    symbol = json.loads(dataset["statistics"])["symbol"]
    assert (symbol["distinct"], symbol["distinct_is_exact"]) == (5, True)
    assert symbol["top"][-1] == {"value": "GOOG", "count": 68}
    lineage = json.loads(dataset["lineage"])
    assert lineage["source"]["uri"] == "sample:stocks.csv"
    assert lineage["source"]["size_bytes"] > 10_000
    assert lineage["run"]["id"] == result["run_id"]
    assert [part["rows_read"] for part in lineage["parts"]] == [560]

    (run,) = await rows(database, "SELECT * FROM capture_runs")
    assert (str(run["id"]), run["status"], run["attempts"]) == (result["run_id"], "succeeded", 1)
    assert (run["rows_read"], run["rows_written"], run["rows_quarantined"]) == (560, 560, 0)
    assert run["finished_at"] >= run["started_at"]


async def test_a_second_run_of_the_same_source_does_nothing_and_says_so(database: str, tmp_path: Path) -> None:
    job = CaptureJob(tmp_path, database, "sample:stocks.csv")
    first = await asyncio.to_thread(job.run)
    before = {path: path.stat().st_mtime_ns for path in job.home.rglob("*")}
    assert await asyncio.to_thread(job.run) == first | {"status": "unchanged"}
    assert {path: path.stat().st_mtime_ns for path in job.home.rglob("*")} == before | {
        job.home / ".lock": (job.home / ".lock").stat().st_mtime_ns
    }
    assert "nothing to do" in (await asyncio.to_thread(job.call, "run")).stdout
    assert len(await rows(database, "SELECT * FROM capture_runs")) == 1


def test_an_unknown_sample_names_those_that_there_are(database: str, tmp_path: Path) -> None:
    message = CaptureJob(tmp_path, database, "sample:nothing.csv").refused()
    assert "no sample 'nothing.csv'" in message
    assert "stocks.csv" in message


def test_a_sample_name_cannot_leave_the_samples_folder(database: str, tmp_path: Path) -> None:
    assert "no sample" in CaptureJob(tmp_path, database, "sample:../__init__.py").refused()
