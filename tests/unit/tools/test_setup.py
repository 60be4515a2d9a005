"""The whole set-up, run as a newcomer runs it, in a checkout of tiny packages."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.package_index import serving
from tests.support.tiny_checkout import ENGINE_VERSION, REPOSITORY, TinyCheckout, make_checkout, write_engine

NOBODY = 65534
UNROUTABLE_PROXY = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": ""}


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[TinyCheckout]:
    """A checkout with an engine on PATH."""
    with serving(tmp_path / "site") as site:
        made = make_checkout(tmp_path, site)
        engine = write_engine(tmp_path / "engine")
        made.search_path = f"{engine}{os.pathsep}{made.search_path}"
        yield made


def _wait_for(path: Path, timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.02)


def test_one_command_makes_the_environment_and_finds_the_engine(checkout: TinyCheckout) -> None:
    done = checkout.run()
    assert done.returncode == 0, done.stderr
    record = json.loads((checkout.root / ".tools" / "engine.json").read_text())
    assert record["source"] == "path"
    assert record["version"] == ENGINE_VERSION
    assert Path(record["pulumi"]).is_absolute()
    assert record["path"]
    ran = subprocess.run([checkout.root / ".venv/bin/inferloop"], capture_output=True, text=True, check=True)
    assert ran.stdout == "up\n"
    assert "PyTorch 2.0.0" in done.stderr
    assert "source: path" in done.stderr


def test_a_second_run_does_nothing_and_asks_nobody(checkout: TinyCheckout) -> None:
    assert checkout.run().returncode == 0
    checkout.site.asked.clear()
    started = time.monotonic()
    again = checkout.run()
    assert again.returncode == 0
    assert again.stderr == ""
    assert checkout.site.asked == []
    assert time.monotonic() - started < 5


def test_everything_but_caches_lies_in_the_checkout(checkout: TinyCheckout) -> None:
    assert checkout.run().returncode == 0
    assert {path.name for path in checkout.home.iterdir()} == {".cache"}
    assert sorted(path.name for path in checkout.root.iterdir() if path.name.startswith(".")) == [".tools", ".venv"]
    shutil.rmtree(checkout.root)


def test_an_extra_is_added_when_asked_for_and_stays(checkout: TinyCheckout) -> None:
    package = Path(".venv") / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    module = checkout.root / package / "cloud_toy.py"
    assert checkout.run().returncode == 0
    assert not module.exists()
    assert checkout.run("up", "--extra", "cloud").returncode == 0
    assert module.exists()
    checkout.site.asked.clear()
    assert checkout.run().returncode == 0
    assert checkout.run("up", "--extra", "cloud").returncode == 0
    assert checkout.site.asked == []
    assert module.exists()


def test_a_changed_lock_is_noticed(checkout: TinyCheckout) -> None:
    assert checkout.run().returncode == 0
    with (checkout.root / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    again = checkout.run()
    assert again.returncode == 0
    assert "complete" in again.stderr


def test_a_moved_checkout_gets_a_new_environment(checkout: TinyCheckout) -> None:
    assert checkout.run().returncode == 0
    moved = checkout.root.with_name("moved")
    checkout.root.rename(moved)
    checkout.root = moved
    again = checkout.run()
    assert again.returncode == 0, again.stderr
    assert "making it anew" in again.stderr
    assert str(moved) in (moved / ".venv/bin/inferloop").read_text().splitlines()[0]


def test_an_environment_whose_python_vanished_is_made_anew(checkout: TinyCheckout) -> None:
    assert checkout.run().returncode == 0
    (checkout.root / ".venv/bin/python").unlink()
    again = checkout.run()
    assert again.returncode == 0, again.stderr
    assert "lacks a working Python" in again.stderr


def test_an_engine_that_vanished_is_found_again(checkout: TinyCheckout, tmp_path: Path) -> None:
    assert checkout.run().returncode == 0
    (tmp_path / "engine").rename(tmp_path / "other")
    checkout.search_path = checkout.search_path.replace(str(tmp_path / "engine"), str(tmp_path / "other"))
    again = checkout.run()
    assert again.returncode == 0, again.stderr
    assert str(tmp_path / "other") in (checkout.root / ".tools/engine.json").read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_set_up_is_completed_by_the_next(checkout: TinyCheckout, number: signal.Signals) -> None:
    checkout.site.stalled.add("/simple/torch/torch-")
    process = checkout.start()
    _wait_for(checkout.root / ".tools" / "environment.unfinished")
    while not any(path.startswith("/simple/torch/torch-") for path in checkout.site.asked):
        time.sleep(0.02)
    process.send_signal(number)
    _, said = process.communicate(timeout=20)
    assert process.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 130)
    assert number == signal.SIGKILL or "the same command goes on from here" in said
    assert "Traceback" not in said
    checkout.site.stalled.clear()
    checkout.site.freed.set()
    again = checkout.run()
    assert again.returncode == 0, again.stderr
    assert (checkout.root / ".venv/bin/inferloop").exists()
    assert not (checkout.root / ".tools" / "environment.unfinished").exists()


def test_two_set_ups_at_once_do_the_work_once(checkout: TinyCheckout) -> None:
    checkout.site.stalled.add("/simple/torch/torch-")
    first = checkout.start()
    _wait_for(checkout.root / ".tools" / "environment.unfinished")
    second = checkout.start()
    time.sleep(1)
    checkout.site.stalled.clear()
    checkout.site.freed.set()
    _, first_said = first.communicate(timeout=60)
    _, second_said = second.communicate(timeout=60)
    assert (first.returncode, second.returncode) == (0, 0), first_said + second_said
    assert f"another set-up (process {first.pid}) is at work here" in second_said
    assert "Installed" not in second_said


def test_no_network_is_one_clear_message_and_the_next_run_recovers(checkout: TinyCheckout) -> None:
    started = time.monotonic()
    done = checkout.run(**UNROUTABLE_PROXY)
    assert done.returncode == 1
    assert "no network" in done.stderr
    assert "HTTPS_PROXY" in done.stderr
    assert "Traceback" not in done.stderr
    assert time.monotonic() - started < 30
    assert checkout.run().returncode == 0


def test_packages_that_are_cached_need_no_network(checkout: TinyCheckout) -> None:
    assert checkout.run().returncode == 0
    shutil.rmtree(checkout.root / ".venv")
    again = checkout.run(**UNROUTABLE_PROXY)
    assert again.returncode == 0, again.stderr


@pytest.fixture
def ordinary_user(checkout: TinyCheckout, tmp_path: Path) -> Iterator[TinyCheckout]:
    """A checkout that belongs to the user nobody, who runs the system's Python in it."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user; the other tests run as this one")
    system = "/usr/bin/python3"
    probe = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    if subprocess.run([system, "-c", probe], capture_output=True).returncode != 0:
        pytest.skip(f"{system} is not 3.11 or newer with pip")
    # pytest's own folders are root's alone.
    public = Path(tempfile.mkdtemp(prefix="inferloop-setup-"))
    public.chmod(0o755)
    for name in ("checkout", "home", "engine", "programs"):
        (tmp_path / name).rename(public / name)
    for path in (public, *public.rglob("*")):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    yield TinyCheckout(
        public / "checkout",
        public / "home",
        checkout.site,
        f"{public}/engine:{public}/programs:/usr/bin:/bin",
        python=system,
        user=NOBODY,
    )
    shutil.rmtree(public)


def test_an_ordinary_user_needs_no_rights_outside_the_checkout(ordinary_user: TinyCheckout) -> None:
    done = ordinary_user.run()
    assert done.returncode == 0, done.stderr
    assert {path.owner() for path in (ordinary_user.root / ".tools").iterdir()} == {"nobody"}


def test_a_home_that_cannot_be_written_moves_the_caches_into_the_checkout(ordinary_user: TinyCheckout) -> None:
    done = ordinary_user.run(HOME="/nonexistent")
    assert done.returncode == 0, done.stderr
    assert (ordinary_user.root / ".tools" / "cache" / "inferloop").is_dir()
    assert (ordinary_user.root / ".tools" / "cache" / "uv").is_dir()


def test_folders_that_root_left_are_refused_with_the_remedy(ordinary_user: TinyCheckout) -> None:
    (ordinary_user.root / ".tools").mkdir()
    done = ordinary_user.run()
    assert done.returncode == 1
    assert "cannot be written by this user" in done.stderr
    assert "chown" in done.stderr


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MiB, where this user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("this user may not mount a file system")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_disk_that_is_too_small_is_refused_before_anything_is_downloaded(
    checkout: TinyCheckout, tiny_disk: Path
) -> None:
    done = checkout.run(XDG_CACHE_HOME=str(tiny_disk))
    assert done.returncode == 1
    assert "of disk free; set-up needs" in done.stderr
    assert "XDG_CACHE_HOME" in done.stderr
    assert not any(path.endswith(".whl") for path in checkout.site.asked)


def test_a_disk_that_fills_up_on_the_way_is_told_and_the_next_run_recovers(
    checkout: TinyCheckout, tiny_disk: Path
) -> None:
    machine = checkout.root / "tools" / "bootstrap" / "machine.py"
    # The disk is large enough when it is asked, and full when it is written to.
    machine.write_text(machine.read_text().replace("1 << 30", "1 << 10").replace("1 << 20", "1"))
    ballast = tiny_disk / "ballast"
    with ballast.open("wb") as file:
        free = shutil.disk_usage(tiny_disk).free
        file.write(b"\0" * (free - 40 * 1024))
    done = checkout.run(XDG_CACHE_HOME=str(tiny_disk))
    assert done.returncode == 1
    assert "the disk is full" in done.stderr
    assert "Traceback" not in done.stderr
    ballast.unlink()
    again = checkout.run(XDG_CACHE_HOME=str(tiny_disk))
    assert again.returncode == 0, again.stderr


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.8", "3.10"])
def test_a_python_that_is_too_old_says_which_one_is_needed(checkout: TinyCheckout, version: str) -> None:
    candidates = [
        *Path.home().glob(f".pyenv/versions/{version}.*/bin/python"),
        *[Path(found) for found in [shutil.which(f"python{version}")] if found],
    ]
    working = [path for path in candidates if subprocess.run([path, "-c", ""], capture_output=True).returncode == 0]
    if not working:
        pytest.skip(f"no Python {version} is here")
    done = subprocess.run([working[0], "tools/bootstrap"], cwd=checkout.root, text=True, capture_output=True)
    assert done.returncode == 1
    assert f"Python 3.11 to 3.14 is needed, found {version}" in done.stderr
    assert "PYTHON=" in done.stderr


def test_the_wanted_pythons_are_those_of_the_project() -> None:
    wanted = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["requires-python"]
    source = (REPOSITORY / "tools" / "bootstrap" / "__main__.py").read_text()
    assert wanted == ">=3.11,<3.15"
    assert "FIRST, LAST = (3, 11), (3, 14)" in source
    assert "'(3, 11) <= sys.version_info[:2] <= (3, 14)'" in (REPOSITORY / "tools" / "find-python").read_text()


def test_make_takes_the_first_python_that_can_run_the_set_up(checkout: TinyCheckout, tmp_path: Path) -> None:
    folder = tmp_path / "pythons"
    folder.mkdir()
    (folder / "python3").symlink_to(sys.executable)
    (folder / "python3.13").write_text("#!/bin/sh\nexit 127\n")
    (folder / "python3.13").chmod(0o755)
    found = subprocess.run(
        ["/bin/sh", checkout.root / "tools" / "find-python"], env={"PATH": str(folder)}, capture_output=True, text=True
    )
    assert found.stdout.strip() == "python3"
