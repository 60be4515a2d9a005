"""A container registry that has one chart, as `helm pull` asks for it."""

import contextlib
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@contextlib.contextmanager
def chart_registry(name: str, version: str, package: bytes) -> Iterator[str]:
    """Serve a chart's package at `oci://ADDRESS/charts/NAME`; yield the address, on a port from the kernel."""
    config = json.dumps({"name": name, "version": version, "apiVersion": "v2"}).encode()
    layers = [_descriptor("application/vnd.cncf.helm.chart.content.v1.tar+gzip", package)]
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _descriptor("application/vnd.cncf.helm.config.v1+json", config),
            "layers": layers,
        }
    ).encode()
    root = f"/v2/charts/{name}"
    content = {f"{root}/blobs/{_digest(data)}": data for data in (config, package)}
    content |= {f"{root}/manifests/{tag}": manifest for tag in (version, _digest(manifest))}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = content.get(self.path)
            self.send_response(404 if data is None else 200)
            self.send_header("Content-Type", _MANIFEST if "/manifests/" in self.path else "application/octet-stream")
            self.send_header("Content-Length", str(len(data or b"")))
            self.send_header("Docker-Content-Digest", _digest(data or b""))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data or b"")

        do_HEAD = do_GET  # noqa: N815 - the name that the server looks for

        def log_message(self, format: str, *arguments: object) -> None:
            """Stay silent."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _descriptor(media_type: str, data: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": _digest(data), "size": len(data)}


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
