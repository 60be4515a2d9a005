import os
import subprocess
import sys
from pathlib import Path

from inferloop_runtime.observability.process_metrics import process_families

_TAKES_MEMORY = "import sys; held = bytearray(80_000_000); print(len(held), flush=True); sys.stdin.read()"


def sample(pid_dir: Path, family: str, process: str) -> float | None:
    for metric in process_families(pid_dir):
        for item in metric.samples:
            if metric.name == family and item.labels["process"] == process:
                return float(item.value)
    return None


def test_a_child_counts_with_its_parent_until_it_has_a_pid_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "parent.pid").write_text(str(os.getpid()))
    alone = sample(tmp_path, "inferloop_process_resident_bytes", "parent") or 0
    with subprocess.Popen(
        [sys.executable, "-c", _TAKES_MEMORY], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        together = sample(tmp_path, "inferloop_process_resident_bytes", "parent") or 0
        (tmp_path / "child.pid").write_text(str(child.pid))
        apart = sample(tmp_path, "inferloop_process_resident_bytes", "parent") or 0
        own = sample(tmp_path, "inferloop_process_resident_bytes", "child") or 0
        child.communicate()
    assert together - alone > 70_000_000
    assert abs(apart - alone) < 40_000_000
    assert own > 80_000_000


def test_a_process_that_is_gone_runs_no_more_and_has_no_figures(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / "ended.pid").write_text(str(ended.pid))
    (tmp_path / "odd.pid").write_text("no number")
    for process in ("ended", "odd"):
        assert sample(tmp_path, "inferloop_process_running", process) == 0
        assert sample(tmp_path, "inferloop_process_resident_bytes", process) is None
