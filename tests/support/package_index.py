"""A package index of tiny wheels on loopback, for tests of what installs packages."""

import base64
import contextlib
import functools
import hashlib
import http.server
import threading
import urllib.parse
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


def write_wheel(
    folder: Path,
    name: str,
    version: str,
    *,
    files: dict[str, str],
    scripts: dict[str, str] | None = None,
    tag: str = "py3-none-any",
) -> Path:
    """Write one wheel; `files` are modules, `scripts` executables of the environment's bin."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    content = dict(files)
    content |= {f"{module}-{version}.data/scripts/{script}": text for script, text in (scripts or {}).items()}
    content[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    content[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n"
    record = "".join(f"{path},{_digest(text)},{len(text.encode())}\n" for path, text in content.items())
    content[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{module}-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in content.items():
            entry = zipfile.ZipInfo(path)
            entry.external_attr = (0o100755 if "/scripts/" in path or "/bin/" in path else 0o100644) << 16
            archive.writestr(entry, text)
    return wheel


@dataclass
class Site:
    """What a test's web server serves, and what it was asked for; `stalled` paths are never answered."""

    folder: Path
    url: str = ""
    asked: list[str] = field(default_factory=list)
    stalled: set[str] = field(default_factory=set)
    freed: threading.Event = field(default_factory=threading.Event)

    def publish(self, wheel: Path) -> None:
        """Put a wheel under /simple, as a package index has it."""
        name = wheel.name.split("-")[0].replace("_", "-")
        page = self.folder / "simple" / name
        page.mkdir(parents=True, exist_ok=True)
        (page / wheel.name).write_bytes(wheel.read_bytes())
        links = (f'<a href="{urllib.parse.quote(file.name)}">{file.name}</a>' for file in sorted(page.glob("*.whl")))
        (page / "index.html").write_text("<!DOCTYPE html><body>" + "".join(links))


class _Handler(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *arguments: object, site: Site, **options: object) -> None:
        self.site = site
        super().__init__(*arguments, directory=str(site.folder), **options)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        if self._is_answered():
            super().do_GET()

    def do_HEAD(self) -> None:
        if self._is_answered():
            super().do_HEAD()

    def _is_answered(self) -> bool:
        self.site.asked.append(self.path)
        if any(self.path.startswith(path) for path in self.site.stalled):
            self.site.freed.wait(60)
            return False
        return True

    def log_message(self, format: str, *arguments: object) -> None:
        """Stay silent."""


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Site]:
    """Serve a folder on loopback, on a port from the kernel."""
    folder.mkdir(parents=True, exist_ok=True)
    site = Site(folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Handler, site=site)) as server:
        site.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield site
        finally:
            site.freed.set()
            server.shutdown()
            thread.join()


def _digest(text: str) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
