"""Measure the capture pipeline's rows a second and memory beside plain Arrow (CSV to Parquet) in one run.

    python benchmarks/capture_throughput.py [--rows 1000000] [--runs 3] [--json]

Plain Arrow reads the CSV with types and writes zstd Parquet, a batch at a time on one thread and with all of them: no
validation, quarantine, privacy, statistics or digests. The pipeline does all of that; only the catalog is left out.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def write_source(path: Path, rows: int) -> None:
    chance = random.Random(1)
    with path.open("w") as stream:
        stream.write("symbol,date,price,volume\n")
        for index in range(rows):
            symbol = chance.choice(("MSFT", "AMZN", "IBM", "GOOG", "AAPL"))
            date = f"{MONTHS[index % 12]} {index % 28 + 1} {1990 + index % 30}"
            stream.write(f"{symbol},{date},{chance.random() * 500:.2f},{chance.randrange(10**6)}\n")


def plain(source: Path, folder: Path, *, threads: bool) -> None:
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    pa.set_cpu_count(os.cpu_count() if threads else 1)
    reader = pa.csv.open_csv(
        source,
        pa.csv.ReadOptions(use_threads=threads),
        convert_options=pa.csv.ConvertOptions(timestamp_parsers=["%b %d %Y"], column_types={"date": pa.timestamp("s")}),
    )
    with pa.parquet.ParquetWriter(folder / "plain.parquet", reader.schema, compression="zstd") as writer:
        for batch in reader:
            writer.write_batch(batch)


def pipeline(source: Path, folder: Path) -> None:
    from inferloop_runtime.capture.file_source import FileExtractor
    from inferloop_runtime.capture.part import PartBuilder
    from inferloop_runtime.capture.settings import Column, FileSource

    columns = (
        Column(name="symbol", type="string", pattern="[A-Z]{1,5}"),
        Column(name="date", type="date32", format="%b %d %Y"),
        Column(name="price", type="float64", minimum=0),
        Column(name="volume", type="int64", minimum=0),
    )
    extractor = FileExtractor(FileSource(uri=str(source)), columns)
    extractor.describe()
    builder, index, cursor = PartBuilder(extractor, columns, b""), 0, extractor.begin()
    while built := builder.build(folder, index, cursor, 50_000):
        index, cursor = index + 1, built.part.end


def measure(kind: str, source: Path) -> dict[str, float]:
    """Run one kind in a process of its own, so that its peak memory is its own."""
    done = subprocess.run([sys.executable, __file__, "--only", kind, str(source)], capture_output=True, check=True)
    return dict(json.loads(done.stdout))


def only(kind: str, source: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        import pyarrow.csv
        import pyarrow.parquet  # noqa: F401

        started = time.perf_counter()
        if kind == "pipeline":
            pipeline(source, Path(folder))
        else:
            plain(source, Path(folder), threads=kind == "plain_threads")
        seconds = time.perf_counter() - started
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_mib": peak_mib}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        only(arguments.only[0], Path(arguments.only[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source.csv"
        write_source(source, arguments.rows)
        kinds = ("plain", "plain_threads", "pipeline")
        runs: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
        for _ in range(arguments.runs):
            for kind in kinds:
                runs[kind].append(measure(kind, source))
    best = {kind: min(results, key=lambda result: result["seconds"]) for kind, results in runs.items()}
    report = {
        kind: {"rows_per_s": round(arguments.rows / result["seconds"]), "peak_mib": round(result["peak_mib"])}
        for kind, result in best.items()
    }
    if arguments.json:
        print(json.dumps({"rows": arguments.rows, "results": report}))
        return
    for kind, result in report.items():
        ratio = best[kind]["seconds"] / best["plain"]["seconds"]
        print(f"{kind:14} {result['rows_per_s']:>10,} rows/s  {result['peak_mib']:>5} MiB  {ratio:5.2f} x plain's time")


if __name__ == "__main__":
    main()
