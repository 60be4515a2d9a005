import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools.image import lock
from tools.image.build import build, command
from tools.image.wheels import IMAGE_PYTHON, gather

ROOT = Path(__file__).resolve().parents[3]
DIGEST = "sha256:" + "0a" * 32


def _lock_file(folder: Path, digest: str | None) -> Path:
    path = folder / "image.lock"
    entry = {"build_arg": "CPU_BASE", "reference": "example.org/python:3.11", "digest": digest, "resolved_at": None}
    path.write_text(json.dumps({"version": 1, "images": {"cpu": entry}}))
    return path


def test_an_unresolved_base_is_refused_with_the_command_that_resolves_it(tmp_path: Path) -> None:
    image = lock.read(_lock_file(tmp_path, None))["cpu"]
    with pytest.raises(lock.ImageError, match=r"python:3\.11 is not resolved; run `python tools/image resolve`"):
        assert image.pinned


def test_a_resolved_base_is_named_by_its_digest_and_no_tag(tmp_path: Path) -> None:
    assert lock.read(_lock_file(tmp_path, DIGEST))["cpu"].pinned == f"example.org/python@{DIGEST}"


def test_a_digest_that_is_none_is_refused_with_its_key(tmp_path: Path) -> None:
    with pytest.raises(lock.ImageError, match=r"images\.cpu\.digest"):
        lock.read(_lock_file(tmp_path, "sha256:latest"))


def test_the_lock_file_survives_reading_and_writing(tmp_path: Path) -> None:
    path = tmp_path / "image.lock"
    lock.write(lock.read(), path)
    assert path.read_text() == lock.PATH.read_text()


def test_every_target_of_the_container_file_has_its_base_in_the_lock() -> None:
    text = (ROOT / "runtime" / "Containerfile").read_text()
    for target, image in lock.read().items():
        assert f"FROM ${{{image.build_arg}}} AS {target}\n" in text
    assert text.count("\nFROM ") == len(lock.read())


def test_no_base_is_named_in_the_container_file_itself() -> None:
    lines = (ROOT / "runtime" / "Containerfile").read_text().splitlines()
    assert all(line.startswith("FROM ${") for line in lines if line.startswith("FROM"))


def test_a_build_on_an_unresolved_base_starts_no_builder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = lock.read(_lock_file(tmp_path, None))
    monkeypatch.setattr("tools.image.build.read", lambda: images)
    with pytest.raises(lock.ImageError, match="tools/image resolve"):
        build("cpu", tmp_path, "never")


def test_a_build_without_wheels_says_how_to_gather_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = lock.read(_lock_file(tmp_path, DIGEST))
    monkeypatch.setattr("tools.image.build.read", lambda: images)
    monkeypatch.setattr("tools.image.build.shutil.which", lambda name: f"/usr/bin/{name}")
    with pytest.raises(lock.ImageError, match="python tools/image wheels"):
        build("cpu", tmp_path, "never")


def test_the_base_reaches_the_builder_as_its_own_build_argument(tmp_path: Path) -> None:
    line = command("buildah", "tgi", "registry.example/tgi@sha256:1", tmp_path, "tag", "capture")
    assert "TGI_BASE=registry.example/tgi@sha256:1" in line
    assert "EXTRAS=capture" in line
    assert line[-1] == str(tmp_path)


def test_the_command_line_reports_a_registry_that_is_not_reached_in_one_line(tmp_path: Path) -> None:
    path = _lock_file(tmp_path, None)
    path.write_text(path.read_text().replace("example.org", "127.0.0.1:9"))
    done = subprocess.run(
        [sys.executable, "tools/image", "resolve", "--lock", path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "the registry of 127.0.0.1:9/python:3.11 is not reached" in done.stderr
    assert "Traceback" not in done.stderr
    assert lock.read(path)["cpu"].digest is None


def test_wheels_are_gathered_under_the_images_python_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.image.wheels.IMAGE_PYTHON", (3, 8))
    with pytest.raises(
        lock.ImageError, match=r"uv run --no-project --python 3\.8 --with pip python tools/image wheels"
    ):
        gather(tmp_path / "wheels", ())
    assert not (tmp_path / "wheels").exists()


def test_wheels_without_uv_are_refused_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.image.wheels.IMAGE_PYTHON", sys.version_info[:2])
    monkeypatch.setattr("tools.image.wheels.ROOT", tmp_path)
    monkeypatch.setattr("tools.image.wheels.shutil.which", lambda name: None)
    with pytest.raises(lock.ImageError, match="make setup"):
        gather(tmp_path / "wheels", ())


def test_the_base_images_run_the_python_that_wheels_are_gathered_for() -> None:
    assert f"/python:{IMAGE_PYTHON[0]}.{IMAGE_PYTHON[1]}-" in lock.read()["cpu"].reference
