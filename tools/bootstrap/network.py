"""What can be reached from here: short questions, and downloads that fail fast."""

import http.client
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

REACH_TIMEOUT_S = 4.0
_STALL_TIMEOUT_S = 30.0
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Reach:
    """Whether an address answers, and what was seen."""

    url: str
    answers: bool
    detail: str


def reach(url: str) -> Reach:
    """Ask one address, through the proxy that the environment names; any HTTP answer counts."""
    return reach_all([url])[url]


def reach_all(urls: Iterable[str], timeout_s: float = REACH_TIMEOUT_S) -> dict[str, Reach]:
    """Ask several addresses at once; name resolution, which has time-outs of its own, is bounded too."""
    found = {url: _silence(url, timeout_s) for url in urls}

    def ask(url: str) -> None:
        found[url] = _ask(url, timeout_s)

    threads = [threading.Thread(target=ask, args=(url,), daemon=True) for url in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout_s)
    return dict(found)


def _ask(url: str, timeout_s: float) -> Reach:
    try:
        # Only the addresses of versions.toml and of Go's own settings come here.
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=timeout_s) as answer:  # noqa: S310
            return Reach(url, True, f"HTTP {answer.status}")
    except urllib.error.HTTPError as error:
        return Reach(url, True, f"HTTP {error.code}")
    except TimeoutError:
        return _silence(url, timeout_s)
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            return _silence(url, timeout_s)
        # uv, pip and Go bring certificates of their own: an unknown one here does not tell about them.
        return Reach(url, isinstance(error.reason, ssl.SSLError), str(error.reason))
    except (OSError, ValueError, http.client.HTTPException) as error:
        return Reach(url, False, str(error) or type(error).__name__)


def _silence(url: str, timeout_s: float) -> Reach:
    return Reach(url, False, f"no answer in {timeout_s:g} s")


def read_text(url: str, timeout_s: float = REACH_TIMEOUT_S) -> str | None:
    """Read a small page; None where it cannot be had."""
    try:
        with urllib.request.urlopen(url, timeout=timeout_s) as answer:  # noqa: S310
            return bytes(answer.read()).decode(errors="replace")
    except (OSError, ValueError, http.client.HTTPException):
        return None


def download(url: str, path: Path, *, on_part: Callable[[int, int | None], None]) -> None:
    """Write what `url` holds to `path`, calling `on_part(bytes so far, bytes in all)`; raise OSError when it stalls."""
    try:
        with urllib.request.urlopen(url, timeout=_STALL_TIMEOUT_S) as answer, path.open("wb") as file:  # noqa: S310
            length = int(answer.headers["Content-Length"]) if answer.headers["Content-Length"] else None
            done = 0
            while block := answer.read(_BLOCK_BYTES):
                file.write(block)
                done += len(block)
                on_part(done, length)
    except http.client.HTTPException as error:
        raise OSError(str(error)) from error
    if length is not None and done != length:
        raise OSError(f"{url} ended after {done} of {length} bytes")
