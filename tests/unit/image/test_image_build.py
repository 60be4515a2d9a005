"""The `cpu` target's file system, built and run without a network on a base made from this machine's own Python.

What it proves: the Containerfile's steps, the offline installation, the user and the entry point. What it does not:
that the real base image (by its digest) does the same; that needs a registry.
"""

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from inferloop_runtime.api_key import new_api_key

from tests.support.base_file_system import make_base
from tests.support.buildah import Buildah, why_not
from tests.support.postgres import free_port
from tests.support.wheelhouse import build_wheelhouse
from tools.image.build import command

_REASON = why_not()
pytestmark = [
    pytest.mark.skipif(_REASON is not None, reason=_REASON or ""),
    pytest.mark.xdist_group("image"),
    pytest.mark.timeout(600),
]
USER_ID = 10001
HOME = "/var/lib/inferloop"


class Image:
    """The built image, in one working container that every test runs its command in."""

    def __init__(self, buildah: Buildah, name: str) -> None:
        self.buildah = buildah
        self.container = buildah("from", "--pull-never", name).strip()

    def put(self, name: str, content: str) -> None:
        """Write a file of the image's user, readable by nobody else."""
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(content)
            file.flush()
            owner = f"{USER_ID}:{USER_ID}"
            self.buildah("copy", "--chown", owner, "--chmod", "600", self.container, file.name, f"{HOME}/{name}")

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a command that goes on; its network is this machine's."""
        return self.buildah.start("run", "--isolation", "chroot", self.container, "--", *command)

    def run(self, *command: str | Path, check: bool = True, network: bool = False) -> str:
        arguments = ("run", "--isolation", "chroot", self.container, "--", *command)
        return self.buildah(*arguments, network=network, check=check)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    folder = tmp_path_factory.mktemp("image")
    buildah = Buildah(folder)
    root = folder / "base"
    root.mkdir()
    make_base(root)
    container = buildah("from", "scratch").strip()
    buildah("copy", container, root, "/")
    buildah("commit", container, "base-of-this-machine")
    buildah("rm", container)
    context = folder / "context"
    (context / "wheels").mkdir(parents=True)
    build_wheelhouse(context / "wheels", ())
    shutil.copy("tools/image/install.py", context)
    built = command("buildah", "cpu", "localhost/base-of-this-machine", context, "runtime-under-test", "")
    buildah("build", "--isolation", "chroot", "--pull-never", *built[2:], network=False)
    running = Image(buildah, "localhost/runtime-under-test")
    yield running
    buildah("rm", "--all")
    shutil.rmtree(folder)


def test_the_entry_point_names_every_command(image: Image) -> None:
    text = image.run("inferloop-runtime", "--help")
    for name in ("serve", "gateway", "capture", "migrate", "probe"):
        assert name in text


def test_the_image_runs_as_a_user_that_is_not_root_and_cannot_change_it(image: Image) -> None:
    program = (
        "import os, pwd; print(os.getuid(), pwd.getpwuid(os.getuid()).pw_name, os.access('/opt/inferloop', os.W_OK))"
    )
    assert image.run("/opt/inferloop/bin/python", "-c", program).split() == [str(USER_ID), "inferloop", "False"]


def test_the_image_is_configured_with_the_entry_point_and_user(image: Image) -> None:
    config = json.loads(image.buildah("inspect", "--type", "image", "localhost/runtime-under-test"))["OCIv1"]["config"]
    assert config["Entrypoint"] == ["/opt/inferloop/bin/inferloop-runtime"]
    assert config["User"] == f"{USER_ID}:{USER_ID}"


def test_the_image_leaves_no_build_tool_or_wheel_behind(image: Image) -> None:
    program = """
from pathlib import Path
found = [path for folder in ("/opt", "/var", "/tmp", "/wheels") for path in Path(folder).rglob("*.whl")]
# The builder may leave the empty file that it mounted the script on.
print(*found, *(path for path in Path("/").glob("*.py") if path.stat().st_size))
"""
    assert image.run("/opt/inferloop/bin/python", "-c", program).strip() == ""


def test_pulumi_is_not_in_the_image(image: Image) -> None:
    program = "import importlib.util; print(importlib.util.find_spec('pulumi'))"
    assert image.run("/opt/inferloop/bin/python", "-c", program).strip() == "None"


def test_the_image_migrates_a_database(image: Image, empty_database: str) -> None:
    image.put("dsn", empty_database)
    migrate = ("inferloop-runtime", "migrate")
    image.run(*migrate, "up", "--dsn-file", f"{HOME}/dsn", network=True)
    found = json.loads(image.run(*migrate, "check", "--dsn-file", f"{HOME}/dsn", "--json", network=True))
    assert found["current"] == found["head"]
    assert found["drift"] == []


def test_the_image_runs_the_gateway_until_it_is_told_to_stop(image: Image, empty_database: str) -> None:
    port = free_port()
    image.put("dsn", empty_database)
    image.put("admin-key", new_api_key())
    settings = {
        "stack": "image",
        "port": port,
        "dsn_file": f"{HOME}/dsn",
        "admin_key_file": f"{HOME}/admin-key",
        "upstreams": [{"model": "none", "url": f"http://127.0.0.1:{free_port()}"}],
        "journal_dir": f"{HOME}/journal",
    }
    image.put("gateway.json", json.dumps(settings))
    image.run("inferloop-runtime", "migrate", "up", "--dsn-file", f"{HOME}/dsn", network=True)
    gateway = image.start("inferloop-runtime", "gateway", "--config", f"{HOME}/gateway.json")
    try:
        probe = ("inferloop-runtime", "probe", f"http://127.0.0.1:{port}/healthz")
        deadline = time.monotonic() + 60
        while answer := image.run(*probe, check=False, network=True):
            assert gateway.poll() is None
            assert time.monotonic() < deadline, answer
        for process in psutil.Process(gateway.pid).children(recursive=True):
            if "gateway" in process.cmdline() and "buildah" not in process.name():
                process.terminate()
        assert gateway.wait(30) == 0
    finally:
        for process in (*psutil.Process().children(recursive=True),):
            if f"{HOME}/gateway.json" in process.cmdline():
                process.kill()
        gateway.wait(10)
