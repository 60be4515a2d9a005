"""A small model hub for tests: the part of the Hugging Face hub's HTTP API that reads one repository's files."""

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@contextmanager
def running_hub(repository: str, folder: Path) -> Iterator[tuple[str, list[int]]]:
    """Serve `folder` as `repository`; yield the address and the sizes of the bodies that were sent."""
    sent: list[int] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path.split("?")[0].startswith(f"/api/models/{repository}"):
                self._answer(200, json.dumps({"id": repository, "sha": COMMIT, "siblings": []}).encode())
                return
            self._file()

        def do_HEAD(self) -> None:
            self._file()

        def _file(self) -> None:
            path = folder / self.path.rsplit("/", 1)[-1]
            if not self.path.startswith(f"/{repository}/resolve/") or not path.is_file():
                code = "EntryNotFound" if self.path.startswith(f"/{repository}/") else "RepoNotFound"
                self._answer(404, b"", {"X-Error-Code": code})
                return
            size = path.stat().st_size
            headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{hashlib.sha256(path.name.encode()).hexdigest()}"'}
            start, end = 0, size - 1
            wanted = self.headers.get("Range")
            if wanted:
                first, _, last = wanted.removeprefix("bytes=").partition("-")
                start, end = int(first), min(int(last or end), end)
                headers["Content-Range"] = f"bytes {start}-{end}/{size}"
            if self.command == "HEAD":
                self._answer(200, b"", {**headers, "Content-Length": str(size)})
                return
            with path.open("rb") as file:
                file.seek(start)
                self._answer(206 if wanted else 200, file.read(end - start + 1), headers)

        def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            sent.append(len(body))

        def log_message(self, *_arguments: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", sent
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
