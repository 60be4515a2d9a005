import hashlib
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import huggingface_hub.constants
import huggingface_hub.file_download
import pytest
from inferloop_runtime.errors import ModelError
from inferloop_runtime.serving.weights.hub import download_model
from inferloop_runtime.serving.weights.preparation import prepare_model

from tests.support.tiny_model import tiny_model

COMMIT = "a" * 40


class Hub(BaseHTTPRequestHandler):
    """The parts of the hub's HTTP API that a download uses, over one repository: owner/tiny."""

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = self.path.split("?")[0]
        if path.startswith("/api/models/owner/tiny/revision/"):
            revision = path.rsplit("/", 1)[1]
            if revision in ("main", COMMIT):
                names = [*(item.name for item in tiny_model().iterdir()), "pytorch_model.bin"]
                info = {"id": "owner/tiny", "sha": COMMIT, "siblings": [{"rfilename": name} for name in names]}
                return self.reply(200, json.dumps(info).encode())
            return self.reply(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        if path == f"/api/models/owner/tiny/tree/{COMMIT}":
            names = [*(item.name for item in tiny_model().iterdir()), "pytorch_model.bin"]
            files = [{"type": "file", "path": name, "size": 1, "oid": "0" * 40} for name in names]
            return self.reply(200, json.dumps(files).encode())
        if path.startswith("/api/models/owner/gated/"):
            return self.reply(403, b"{}", {"X-Error-Code": "GatedRepo"})
        prefix = f"/owner/tiny/resolve/{COMMIT}/"
        if path.startswith(prefix):
            content = (tiny_model() / path.removeprefix(prefix)).read_bytes()
            etag = hashlib.sha256(content).hexdigest()
            return self.reply(200, content, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT})
        return self.reply(404, b"{}", {"X-Error-Code": "RepoNotFound"})

    def reply(self, status, body, headers=None):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def hub_address():
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def hub(hub_address, tmp_path, monkeypatch):
    use_hub(monkeypatch, hub_address, tmp_path)


def use_hub(monkeypatch, address, tmp_path):
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", address)
    monkeypatch.setattr(
        huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")


@pytest.mark.usefixtures("hub", "cache")
def test_a_hub_model_is_downloaded_without_files_that_serving_does_not_need(tmp_path):
    prepared = prepare_model("owner/tiny", tmp_path / "model")
    assert prepared.manifest.model_id == prepared.manifest.source == "owner/tiny"
    assert "pytorch_model.bin" not in prepared.manifest.files
    assert (tmp_path / "model" / "config.json").read_bytes() == (tiny_model() / "config.json").read_bytes()


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(
    ("repository", "revision", "message"),
    [
        ("owner/tiny", "v9", "no revision 'v9'"),
        ("owner/absent", None, "has no model owner/absent"),
        ("owner/gated", None, "is gated"),
    ],
)
def test_what_the_hub_does_not_give_is_told_apart(repository, revision, message):
    with pytest.raises(ModelError, match=message):
        download_model(repository, revision)


def test_a_hub_that_cannot_be_reached_is_told_with_what_to_do(tmp_path, monkeypatch):
    use_hub(monkeypatch, "http://127.0.0.1:9", tmp_path)
    with pytest.raises(ModelError, match=r"cannot be reached for owner/tiny .*HF_ENDPOINT"):
        download_model("owner/tiny")
