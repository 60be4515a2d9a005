import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from components.local.keeper import belongs_to, end_processes, recorded_processes, wait_for_end
from components.local.supervision import launch_script
from tests.support.supervised import is_alive, wait_until

LAUNCH = [sys.executable, "-I", "-S", launch_script()]


def test_a_program_is_recorded_under_the_id_that_it_runs_with(tmp_path: Path) -> None:
    code = "import os; print(os.getpid())"
    command = [*LAUNCH, "--pid-file", str(tmp_path / "x.pid"), "--", sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (tmp_path / "x.pid").read_text() == done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["x.pid"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's parent-death signal is Linux's")
def test_a_program_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    file = tmp_path / "x.pid"
    command = [*LAUNCH, "--pid-file", str(file), "--", sys.executable, "-c", "import time; time.sleep(60)"]
    parent = subprocess.Popen([sys.executable, "-c", f"import subprocess; subprocess.run({command!r})"])
    wait_until(lambda: file.exists())
    time.sleep(0.3)
    child = int(file.read_text())
    parent.kill()
    parent.wait()
    wait_until(lambda: not is_alive(child))


def test_a_program_that_refuses_root_is_not_root(tmp_path: Path) -> None:
    tmp_path.chmod(0o711)
    code = "import os; print(os.geteuid())"
    command = [*LAUNCH, "--no-root", str(tmp_path), "--", sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) != 0


def test_processes_are_known_by_their_working_folder(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    own = subprocess.Popen(
        [sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"],
        cwd=tmp_path,
        start_new_session=True,
    )
    (tmp_path / "run" / "own.pid").write_text(f"{own.pid}\n")
    (tmp_path / "run" / "stranger.pid").write_text(f"{os.getpid()}\n")
    (tmp_path / "run" / "broken.pid").write_text("nonsense\n")
    assert recorded_processes(tmp_path) == {own.pid}
    assert not belongs_to(os.getpid(), tmp_path)
    started = time.monotonic()
    end_processes(tmp_path, grace_s=0.2)
    assert time.monotonic() - started < 5
    assert own.wait() == -signal.SIGKILL
    wait_for_end(own.pid)
    assert recorded_processes(tmp_path) == set()
