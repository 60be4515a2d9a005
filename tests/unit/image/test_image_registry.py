"""Digests against real registries: distribution's server where it is installed, and its token challenge beside it."""

import hashlib
import http.server
import json
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgres import free_port
from tools.image import lock
from tools.image.registry import digest_of, manifest_url

ROOT = Path(__file__).resolve().parents[3]
MANIFEST = json.dumps(
    {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}
).encode()
DIGEST = f"sha256:{hashlib.sha256(MANIFEST).hexdigest()}"


@pytest.fixture
def distribution(tmp_path: Path) -> Iterator[str]:
    """The address of a real registry that holds `base:1`."""
    binary = shutil.which("docker-registry") or shutil.which("registry")
    if binary is None:
        pytest.skip("no registry server is installed (apt-get install docker-registry)")
    address = f"127.0.0.1:{free_port()}"
    config = tmp_path / "config.json"
    config.write_text(
        json.dumps(
            {
                "version": "0.1",
                "storage": {"filesystem": {"rootdirectory": str(tmp_path / "store")}},
                "http": {"addr": address},
            }
        )
    )
    server = subprocess.Popen([binary, "serve", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            try:
                urllib.request.urlopen(f"http://{address}/v2/").close()
                break
            except urllib.error.URLError:
                time.sleep(0.05)
        request = urllib.request.Request(
            f"http://{address}/v2/base/manifests/1",
            data=MANIFEST,
            method="PUT",
            headers={"Content-Type": "application/vnd.oci.image.index.v1+json"},
        )
        urllib.request.urlopen(request).close()
        yield address
    finally:
        server.terminate()
        server.wait(10)


def test_the_digest_is_that_of_the_registrys_manifest(distribution: str) -> None:
    assert digest_of(f"{distribution}/base:1") == DIGEST


def test_a_tag_that_is_missing_is_reported_with_the_registrys_answer(distribution: str) -> None:
    with pytest.raises(lock.ImageError, match=f"404 .* for {distribution}/base:2"):
        digest_of(f"{distribution}/base:2")


def test_resolve_writes_what_the_registry_answered(distribution: str, tmp_path: Path) -> None:
    path = tmp_path / "image.lock"
    entry = {"build_arg": "CPU_BASE", "reference": f"{distribution}/base:1", "digest": None, "resolved_at": None}
    path.write_text(json.dumps({"version": 1, "images": {"cpu": entry}}))
    subprocess.run([sys.executable, "tools/image", "resolve", "--lock", path], cwd=ROOT, check=True)
    image = lock.read(path)["cpu"]
    assert image.pinned == f"{distribution}/base@{DIGEST}"
    assert image.resolved_at is not None


@pytest.fixture
def token_registry() -> Iterator[tuple[str, dict[str, str]]]:
    """A registry that wants an anonymous token first; `answers["digest"]` is what it states."""
    answers = {"digest": DIGEST}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = f"127.0.0.1:{self.server.server_port}"  # type: ignore[attr-defined]
            if self.path.startswith("/token?"):
                assert "scope=repository%3Abase%3Apull" in self.path
                self._answer(200, json.dumps({"token": "anonymous"}).encode(), {})
            elif self.headers.get("Authorization") != "Bearer anonymous":
                challenge = f'Bearer realm="http://{address}/token",service="test",scope="repository:base:pull"'
                self._answer(401, b"", {"WWW-Authenticate": challenge})
            else:
                self._answer(200, MANIFEST, {"Docker-Content-Digest": answers["digest"]})

        def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}/base:1", answers
        server.shutdown()
        thread.join()


def test_an_anonymous_token_is_fetched_where_the_registry_asks_for_one(
    token_registry: tuple[str, dict[str, str]],
) -> None:
    assert digest_of(token_registry[0]) == DIGEST


def test_a_registry_that_contradicts_its_own_answer_is_refused(token_registry: tuple[str, dict[str, str]]) -> None:
    token_registry[1]["digest"] = "sha256:" + "0" * 64
    with pytest.raises(lock.ImageError, match="but its answer has the digest"):
        digest_of(token_registry[0])


def test_docker_hubs_names_are_asked_at_its_registry() -> None:
    url = manifest_url("docker.io/library/python:3.11-slim")
    assert url == "https://registry-1.docker.io/v2/library/python/manifests/3.11-slim"


@pytest.mark.parametrize("reference", ["python", "python:3.11", "example.org/python@sha256:0"])
def test_a_reference_without_host_or_tag_is_refused(reference: str) -> None:
    with pytest.raises(lock.ImageError, match="host/name:tag"):
        manifest_url(reference)
