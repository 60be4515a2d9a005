"""Which PyTorch is installed: chosen by what the machine has and what an index offers."""

import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.package_index import serving, write_wheel
from tests.support.tiny_checkout import TinyCheckout, make_checkout, write_engine
from tools.bootstrap.errors import SetupError
from tools.bootstrap.torch_build import TorchBuild, choose_torch, has_nvidia_gpu, installed_torch

TAG = f"cp{sys.version_info.major}{sys.version_info.minor}"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has two builds")


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[TinyCheckout]:
    with serving(tmp_path / "site") as site:
        made = make_checkout(tmp_path, site)
        made.search_path = f"{write_engine(tmp_path / 'engine')}:{made.search_path}"
        yield made


def _offer_cpu_build(checkout: TinyCheckout, tmp_path: Path) -> Path:
    tag = f"{TAG}-{TAG}-manylinux_2_17_{platform.machine()}"
    wheel = write_wheel(tmp_path / "wheels", "torch", "2.0.0+cpu", files={"torch/__init__.py": ""}, tag=tag)
    page = checkout.site.folder / "cpu" / "torch"
    page.mkdir(parents=True)
    (page / wheel.name).write_bytes(wheel.read_bytes())
    escaped = wheel.name.replace("+", "%2B")
    (page / "index.html").write_text(f'<!DOCTYPE html><body><a href="{escaped}">{wheel.name}</a>')
    return page / wheel.name


def _choose(
    checkout: TinyCheckout, *, gpu: bool = False, installed: str | None = None, wish: str = "auto"
) -> TorchBuild:
    context = checkout.context(INFERLOOP_TORCH=wish)
    lock = checkout.root / "uv.lock"
    return choose_torch(lock, context.pins, context.environ, installed=installed, gpu=gpu, tag=TAG)


def _installed(checkout: TinyCheckout) -> set[str]:
    listed = subprocess.run(
        [
            checkout.root / ".venv/bin/python",
            "-c",
            "import importlib.metadata as m; [print(d.name) for d in m.distributions()]",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(listed.stdout.split())


def test_the_cpu_build_is_installed_without_what_only_cuda_needs(checkout: TinyCheckout, tmp_path: Path) -> None:
    _offer_cpu_build(checkout, tmp_path)
    done = checkout.run()
    assert done.returncode == 0, done.stderr
    assert installed_torch(checkout.root / ".venv") == "2.0.0+cpu"
    assert "nvidia-toy" not in _installed(checkout)


def test_the_cpu_build_stays_when_the_lock_changes_elsewhere(checkout: TinyCheckout, tmp_path: Path) -> None:
    _offer_cpu_build(checkout, tmp_path)
    assert checkout.run().returncode == 0
    checkout.pin("cpu_index", "http://127.0.0.1:9")
    with (checkout.root / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    assert checkout.run().returncode == 0
    assert installed_torch(checkout.root / ".venv") == "2.0.0+cpu"


def test_an_index_that_fails_in_the_middle_leads_to_the_locked_build(checkout: TinyCheckout, tmp_path: Path) -> None:
    _offer_cpu_build(checkout, tmp_path).unlink()
    done = checkout.run()
    assert done.returncode == 0, done.stderr
    assert "failed in the middle" in done.stderr
    assert installed_torch(checkout.root / ".venv") == "2.0.0"
    assert "nvidia-toy" in _installed(checkout)


def test_an_index_that_does_not_answer_is_named(checkout: TinyCheckout) -> None:
    build = _choose(checkout)
    assert build.name == "locked"
    assert "does not offer 2.0.0+cpu" in build.why


def test_a_machine_with_a_gpu_takes_the_locked_build(checkout: TinyCheckout, tmp_path: Path) -> None:
    _offer_cpu_build(checkout, tmp_path)
    assert _choose(checkout, gpu=True).name == "locked"
    assert checkout.site.asked == []


def test_the_variable_decides_alone(checkout: TinyCheckout, tmp_path: Path) -> None:
    assert _choose(checkout, gpu=True, wish="cpu").name == "cpu"
    _offer_cpu_build(checkout, tmp_path)
    assert _choose(checkout, wish="locked").name == "locked"
    with pytest.raises(SetupError, match="INFERLOOP_TORCH is 'gpu'"):
        _choose(checkout, wish="gpu")


def test_an_nvidia_driver_is_seen_by_its_device(tmp_path: Path) -> None:
    assert not has_nvidia_gpu(tmp_path, tmp_path)
    (tmp_path / "nvidiactl").touch()
    assert has_nvidia_gpu(tmp_path, tmp_path)
