import subprocess
import sys
from pathlib import Path

BUILD_ONE_PART = """
import resource, sys
from pathlib import Path
from inferloop_runtime.capture.file_source import FileExtractor
from inferloop_runtime.capture.part import PartBuilder
from inferloop_runtime.capture.settings import Column, FileSource
columns = (Column(name="id", type="int64"), Column(name="mail", type="string", privacy="hash"),
           Column(name="price", type="float64"))
extractor = FileExtractor(FileSource(uri=sys.argv[1]), columns)
extractor.describe()
built = PartBuilder(extractor, columns, b"k" * 64).build(Path(sys.argv[2]), 0, extractor.begin(), 10**9)
print(built.part.rows_written, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def peak_mib(tmp_path: Path, rows: int) -> int:
    source = tmp_path / f"{rows}.csv"
    with source.open("w") as stream:
        stream.write("id,mail,price\n")
        stream.writelines(f"{index},user{index}@example.org,{index / 7:.3f}\n" for index in range(rows))
    done = subprocess.run(
        [sys.executable, "-c", BUILD_ONE_PART, str(source), str(tmp_path / f"out{rows}")],
        capture_output=True,
        text=True,
        check=True,
    )
    written, peak = map(int, done.stdout.split())
    assert written == rows
    return peak


def test_ten_times_the_rows_in_one_part_need_no_more_memory(tmp_path: Path) -> None:
    small, large = peak_mib(tmp_path, 100_000), peak_mib(tmp_path, 1_000_000)
    assert (tmp_path / "1000000.csv").stat().st_size > 35_000_000
    assert large - small < 40
