import asyncio
import json
import os
import random
import resource
import shutil
import signal
import time
from pathlib import Path

import pyarrow as pa
import pytest
from inferloop_runtime.capture.catalog import Catalog

from tests.support.capture import CaptureJob, rows

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def generated(path: Path, count: int, seed: int = 1) -> Path:
    """Write a file in which one row in fifty is malformed or invalid."""
    chance = random.Random(seed)
    with path.open("w") as stream:
        stream.write("symbol,date,price\n")
        for index in range(count):
            price = "many" if index % 50 == 7 else f"{chance.random() * 1000:.2f}"
            stream.write(f"{chance.choice(('IBM', 'AAPL'))},{MONTHS[index % 12]} {index % 28 + 1} 2001,{price}\n")
    return path


def catalog(database: str, table: str) -> list[dict[str, object]]:
    return asyncio.run(rows(database, f"SELECT * FROM {table} ORDER BY 1"))


@pytest.mark.faults
def test_a_run_that_is_killed_at_any_moment_ends_as_if_it_had_not_been(
    database: str, empty_database: str, tmp_path: Path
) -> None:
    source = str(generated(tmp_path / "source.csv", 60_000))
    undisturbed = CaptureJob(tmp_path / "undisturbed", database, source, extra={"rows_per_part": 3_000, "job": "other"})
    undisturbed.extra["dataset"] = "stocks"
    started = time.monotonic()
    expected = undisturbed.run()
    duration = time.monotonic() - started
    (reference,) = catalog(database, "datasets")
    asyncio.run(rows(database, "WITH gone AS (DELETE FROM datasets) DELETE FROM capture_runs"))

    job = CaptureJob(tmp_path / "job", database, source, extra={"rows_per_part": 3_000})
    chance = random.Random(7)
    killed = 0
    for _ in range(20):
        process = job.start("run", "--json")
        time.sleep(chance.uniform(0.2, 1.1) * duration)
        process.kill()
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
    assert killed >= 5
    result = job.run()
    assert result["version"] == 1
    assert {key: result[key] for key in expected if key.startswith("rows")} == {
        key: expected[key] for key in expected if key.startswith("rows")
    }
    assert job.files() == undisturbed.files()
    assert sorted(path.name for path in job.home.iterdir()) == [".lock", "v1"]
    (dataset,) = catalog(database, "datasets")
    assert json.loads(dataset["statistics"]) == json.loads(reference["statistics"])
    assert json.loads(dataset["lineage"])["parts"] == json.loads(reference["lineage"])["parts"]
    runs = catalog(database, "capture_runs")
    assert [run["status"] for run in runs] == ["succeeded"]
    assert runs[0]["id"] == dataset["capture_run_id"]
    assert job.call("verify").returncode == 0
    assert [path.name for path in (tmp_path / "job" / "state").iterdir()] == ["stocks-job.lock"]


def test_a_run_continues_after_its_last_complete_part(database: str, tmp_path: Path) -> None:
    job = CaptureJob(
        tmp_path / "job", database, str(generated(tmp_path / "s.csv", 60_000)), extra={"rows_per_part": 2_000}
    )
    process = job.start("run", "--json")
    state = tmp_path / "job" / "state" / "stocks-job"
    while len(list(state.glob("part-*.json"))) < 3:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    first = job.home / "_building" / "part-00000.parquet"
    inode = first.stat().st_ino
    (job.home / "_building" / "part-00001.parquet").write_bytes(b"damaged")
    done = job.call("run", "--json")
    assert "after 1 complete parts" in done.stderr
    assert (job.home / "v1" / "part-00000.parquet").stat().st_ino == inode
    (run,) = catalog(database, "capture_runs")
    assert (run["attempts"], run["status"], run["rows_read"]) == (2, "succeeded", 60_000)


def test_a_folder_that_was_renamed_but_not_recorded_is_recorded(database: str, tmp_path: Path) -> None:
    job = CaptureJob(tmp_path, database, "sample:stocks.csv")
    first = job.run()
    before = catalog(database, "datasets")
    asyncio.run(rows(database, "DELETE FROM datasets"))
    asyncio.run(rows(database, "UPDATE capture_runs SET status = 'running', finished_at = NULL"))
    assert job.run() == first | {"status": "recovered"}
    after = catalog(database, "datasets")
    assert [{**row, "id": None} for row in after] == [{**row, "id": None} for row in before]
    assert [run["status"] for run in catalog(database, "capture_runs")] == ["succeeded"]


def test_a_lost_catalog_is_written_again_from_the_folders(database: str, tmp_path: Path) -> None:
    source = tmp_path / "s.csv"
    job = CaptureJob(tmp_path / "job", database, str(source))
    for count in (10, 20, 30):
        job.run() if generated(source, count) else None
    before = catalog(database, "datasets")
    asyncio.run(rows(database, "DELETE FROM datasets"))
    asyncio.run(rows(database, "DELETE FROM capture_runs"))
    assert job.run()["status"] == "recovered"
    key = [(row["version"], row["capture_run_id"], row["lineage"]) for row in before]
    assert sorted(key) == sorted(
        (r["version"], r["capture_run_id"], r["lineage"]) for r in catalog(database, "datasets")
    )
    assert len(catalog(database, "capture_runs")) == 3


def test_a_row_without_its_folder_gets_the_same_version_again(database: str, tmp_path: Path) -> None:
    job = CaptureJob(tmp_path / "job", database, str(generated(tmp_path / "s.csv", 500)), extra={"rows_per_part": 100})
    first = job.run()
    files, manifest = job.files(), (job.home / "v1" / "_manifest.json").read_bytes()
    shutil.rmtree(job.home)
    verified = job.call("verify")
    assert verified.returncode == 6
    assert "v1: the folder is missing" in verified.stderr
    assert job.run() == first | {"status": "repaired"}
    assert job.files() == files
    assert json.loads((job.home / "v1" / "_manifest.json").read_bytes()) == json.loads(manifest)
    assert job.call("verify").returncode == 0
    assert len(catalog(database, "datasets")) == 1


@pytest.mark.parametrize("name", ["part-00001.parquet", "_quarantine/part-00002.jsonl", "_manifest.json"])
@pytest.mark.parametrize("harm", ["edited", "removed"])
def test_a_harmed_file_is_named_and_only_it_is_made_again(database: str, tmp_path: Path, name: str, harm: str) -> None:
    job = CaptureJob(tmp_path / "job", database, str(generated(tmp_path / "s.csv", 500)), extra={"rows_per_part": 100})
    first = job.run()
    path = job.home / "v1" / name
    content = path.read_bytes()
    untouched = (job.home / "v1" / "part-00000.parquet").stat().st_ino
    if harm == "edited":
        path.write_bytes(content.replace(b"1", b"2", 1) if name.endswith("json") else b"x" + content[1:])
    else:
        path.unlink()
    verified = job.call("verify", "--json")
    assert verified.returncode == 6
    assert json.loads(verified.stdout)["status"] == "damaged"
    assert name in verified.stderr
    assert "capture run --config" in verified.stderr
    assert job.run() == first | {"status": "repaired"}
    assert json.loads(path.read_bytes()) == json.loads(content) if "manifest" in name else path.read_bytes() == content
    assert (job.home / "v1" / "part-00000.parquet").stat().st_ino == untouched
    assert json.loads(job.call("verify", "--json").stdout)["status"] == "ok"


def test_a_data_set_that_was_never_captured_does_not_verify(database: str, tmp_path: Path) -> None:
    done = CaptureJob(tmp_path, database, "sample:stocks.csv").call("verify", "--json")
    assert (done.returncode, json.loads(done.stdout)["status"]) == (6, "absent")
    assert "not in the catalog" in done.stderr


def test_a_changed_source_makes_a_new_version_and_the_old_one_stays(database: str, tmp_path: Path) -> None:
    source = generated(tmp_path / "s.csv", 100)
    job = CaptureJob(tmp_path / "job", database, str(source))
    job.run()
    files = job.files(1)
    generated(source, 200)
    assert (second := job.run())["version"] == 2
    assert second["status"] == "succeeded"
    generated(source, 100)
    assert job.run()["version"] == 3
    assert job.files(1) == files == job.files(3)
    assert job.call("verify", "--all").returncode == 0
    (job.home / "v1" / "part-00000.parquet").unlink()
    assert job.call("verify").returncode == 0
    assert job.call("verify", "--all").returncode == 6


def test_changed_settings_make_a_new_version(database: str, tmp_path: Path) -> None:
    job = CaptureJob(tmp_path, database, "sample:stocks.csv")
    job.run()
    job.columns = [column | {"privacy": "hash"} if column["name"] == "symbol" else column for column in job.columns]
    assert job.run()["version"] == 2
    (tmp_path / "key").write_text("another key for hashing")
    assert job.run()["version"] == 3


def test_a_run_that_nobody_continues_has_failed(database: str, tmp_path: Path) -> None:
    source = generated(tmp_path / "s.csv", 60_000)
    job = CaptureJob(tmp_path / "job", database, str(source), extra={"rows_per_part": 2_000})
    process = job.start("run")
    while not list((tmp_path / "job" / "state" / "stocks-job").glob("part-*.json")):
        time.sleep(0.01)
    process.kill()
    process.communicate()
    generated(source, 100)
    job.run()
    runs = {str(run["status"]): run for run in catalog(database, "capture_runs")}
    assert runs.keys() == {"failed", "succeeded"}
    assert "never continued" in str(runs["failed"]["error"])


def test_a_second_run_at_the_same_time_waits_or_is_refused(database: str, tmp_path: Path) -> None:
    job = CaptureJob(
        tmp_path / "job", database, str(generated(tmp_path / "s.csv", 60_000)), extra={"rows_per_part": 2_000}
    )
    first = job.start("run", "--json")
    while not (tmp_path / "job" / "state" / "stocks-job" / "run.json").exists():
        time.sleep(0.01)
    os.kill(first.pid, signal.SIGSTOP)
    refused = job.call("run", "--wait-s", "0.3")
    assert refused.returncode == 6
    assert f"job stocks-job is being captured by process {first.pid}" in refused.stderr
    second = job.start("run", "--json")
    os.kill(first.pid, signal.SIGCONT)
    results = [json.loads(process.communicate(timeout=100)[0]) for process in (first, second)]
    assert [result["status"] for result in results] == ["succeeded", "unchanged"]
    assert results[0]["run_id"] == results[1]["run_id"]


@pytest.mark.faults
def test_a_full_disk_is_told_and_the_next_run_continues(database: str, tmp_path: Path) -> None:
    job = CaptureJob(
        tmp_path / "job", database, str(generated(tmp_path / "s.csv", 50_000)), extra={"rows_per_part": 20_000}
    )

    def small_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))

    done = job.call("run", preexec_fn=small_files)
    assert done.returncode == 6, done.stderr
    assert "cannot write part 0 into" in done.stderr
    assert "run again" in done.stderr
    assert [path for path in (job.home / "_building").rglob("*") if path.is_file()] == []
    assert [run["status"] for run in catalog(database, "capture_runs")] == ["failed"]
    assert job.run()["rows_read"] == 50_000
    assert [(run["status"], run["error"]) for run in catalog(database, "capture_runs")] == [("succeeded", None)]


def test_a_database_without_the_tables_is_told_and_no_version_appears(empty_database: str, tmp_path: Path) -> None:
    job = CaptureJob(tmp_path, empty_database, "sample:stocks.csv")
    assert "migrate up" in job.refused(code=5)
    assert sorted(path.name for path in job.home.iterdir()) == [".lock"]


def test_a_commit_whose_answer_was_lost_is_not_taken_for_a_failure(database: str, tmp_path: Path) -> None:
    job = CaptureJob(tmp_path, database, "sample:stocks.csv")
    run_id = job.run()["run_id"]
    asyncio.run(Catalog(database).fail_run(run_id, "connection lost", read=0, written=0, quarantined=0))
    (run,) = catalog(database, "capture_runs")
    assert (run["status"], run["error"], run["rows_read"]) == ("succeeded", None, 560)


def test_a_lost_row_of_a_run_is_found_and_written_again(database: str, tmp_path: Path) -> None:
    job = CaptureJob(tmp_path, database, "sample:stocks.csv")
    job.run()
    before = catalog(database, "capture_runs")
    asyncio.run(rows(database, "ALTER TABLE datasets DROP CONSTRAINT datasets_capture_run_id_fkey"))
    asyncio.run(rows(database, "DELETE FROM capture_runs"))
    assert "the run of version 1 is not in the catalog" in job.call("verify").stderr
    assert job.run()["status"] == "unchanged"
    assert catalog(database, "capture_runs") == before


def test_a_version_folder_that_is_damaged_and_not_recorded_is_left_alone(database: str, tmp_path: Path) -> None:
    job = CaptureJob(tmp_path, database, "sample:stocks.csv")
    job.run()
    asyncio.run(rows(database, "DELETE FROM datasets"))
    (job.home / "v1" / "part-00000.parquet").write_bytes(b"x")
    assert job.run()["version"] == 2
    assert any("part-00000.parquet was changed; it is left alone" in line for line in job.told)


def test_a_foreign_folder_is_left_alone(database: str, tmp_path: Path) -> None:
    job = CaptureJob(tmp_path, database, "sample:stocks.csv")
    (job.home / "v1").mkdir(parents=True)
    (job.home / "v1" / "mine.txt").write_text("mine")
    assert job.run()["version"] == 2
    assert (job.home / "v1" / "mine.txt").read_text() == "mine"


def test_rows_are_split_into_parts_of_the_wanted_size(database: str, tmp_path: Path) -> None:
    job = CaptureJob(tmp_path / "job", database, str(generated(tmp_path / "s.csv", 300)), extra={"rows_per_part": 100})
    job.run()
    parts = json.loads(catalog(database, "datasets")[0]["lineage"])["parts"]
    assert [(part["rows_read"], part["rows_written"], part["rows_quarantined"]) for part in parts] == [(100, 98, 2)] * 3
    assert parts[0]["end"] == parts[1]["start"]
    assert parts[-1]["end"]["byte"] == (tmp_path / "s.csv").stat().st_size
    files = [pa.parquet.read_metadata(job.home / "v1" / f"part-{index:05d}.parquet") for index in range(3)]
    assert [file.num_rows for file in files] == [98] * 3
    assert files[0].row_group(0).column(0).compression == "ZSTD"
