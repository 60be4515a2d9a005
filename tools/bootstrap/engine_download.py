"""The official engine from Pulumi's download site, checked against the release's own list of digests."""

import errno
import platform
import shutil
import sys
import tarfile
from pathlib import Path, PurePosixPath

from tools.bootstrap import atomic
from tools.bootstrap.context import Context
from tools.bootstrap.engine import EXECUTABLES, Engine
from tools.bootstrap.engine_store import adopt, is_stored, storing
from tools.bootstrap.errors import StoppedError
from tools.bootstrap.network import download, reach, read_text

_TOPIC = "engine"
_MB = 1_000_000
_LIST_TIMEOUT_S = 15.0
# Beside what every engine has: what starts policy packs.
_WANTED = (*EXECUTABLES, "pulumi-analyzer-policy-python")
_ARCHITECTURES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}


class DownloadError(Exception):
    """The official release could not be had; another source may serve."""


def official_problem(context: Context) -> str | None:
    """Say why the official download cannot be had from here, in a few seconds at most; None when it can."""
    if is_stored(context, _key(context)):
        return None
    if _platform() is None:
        return f"there is no official build for {sys.platform} on {platform.machine()}"
    site = reach(f"{context.pins.pulumi_download}/{_archive(context)}")
    if not site.answers:
        return f"the official download cannot be reached ({site.detail})"
    return None if site.detail.startswith("HTTP 2") else f"{site.url} answers {site.detail}"


def download_engine(context: Context) -> Engine:
    """Download, check and unpack the official release; raise DownloadError where the site fails on the way."""
    with storing(context, _key(context), _TOPIC) as (folder, _):
        if folder is not None:
            try:
                _fetch(context, folder)
            except (OSError, tarfile.TarError) as error:
                if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise
                raise DownloadError(f"the official download failed ({error})") from error
    return adopt(context, _key(context), source="official", why=f"Pulumi's own build of {context.pins.pulumi}")


def _fetch(context: Context, folder: Path) -> None:
    name, base = _archive(context), context.pins.pulumi_download
    listed = read_text(f"{base}/pulumi-{context.pins.pulumi}-checksums.txt", timeout_s=_LIST_TIMEOUT_S) or ""
    digest = next((words[0] for line in listed.splitlines() if (words := line.split())[-1:] == [name]), None)
    if digest is None:
        raise DownloadError(f"{base} lists no digest of {name}")

    def on_part(done: int, length: int | None) -> None:
        if context.stop.is_set():
            raise StoppedError
        share = f" of {length / _MB:.0f}" if length else ""
        context.progress.tick(_TOPIC, f"downloaded {done / _MB:.0f}{share} MB of Pulumi {context.pins.pulumi}")

    archive = folder.parent / name
    download(f"{base}/{name}", archive, on_part=on_part)
    if atomic.sha256_of(archive) != digest:
        raise DownloadError(f"{base}/{name} does not have the digest that its release lists")
    with tarfile.open(archive) as content:
        for member in content:
            # Only plain files, under their own names: nothing in an archive chooses where it is written.
            wanted = PurePosixPath(member.name).name
            source = content.extractfile(member) if member.isfile() and wanted in _WANTED else None
            if source is not None:
                with (folder / wanted).open("wb") as target:
                    shutil.copyfileobj(source, target)
                (folder / wanted).chmod(0o755)
    archive.unlink()
    missing = [wanted for wanted in EXECUTABLES if not (folder / wanted).exists()]
    if missing:
        raise DownloadError(f"{base}/{name} holds no {missing[0]}")


def _key(context: Context) -> str:
    return f"official-{context.pins.pulumi}-{_platform()}"


def _platform() -> str | None:
    system = {"linux": "linux", "darwin": "darwin"}.get(sys.platform)
    machine = _ARCHITECTURES.get(platform.machine().lower())
    return f"{system}-{machine}" if system and machine else None


def _archive(context: Context) -> str:
    return f"pulumi-v{context.pins.pulumi}-{_platform()}.tar.gz"
