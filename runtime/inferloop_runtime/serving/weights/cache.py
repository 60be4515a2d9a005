"""The user's cache of converted weights, shared by all checkouts and safe to use from several at once."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from inferloop_runtime.errors import ModelError
from inferloop_runtime.serving.weights.manifest import (
    Manifest,
    build_manifest,
    damaged_files,
    read_manifest,
    write_manifest,
)
from inferloop_runtime.serving.weights.progress import Progress


def cache_folder() -> Path:
    """Return `$XDG_CACHE_HOME/inferloop/weights`, or the same under `~/.cache`."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "inferloop" / "weights"


def cached_model(
    key: str, *, source: str, model_id: str, make: Callable[[Path], list[str]], progress: Progress
) -> tuple[Path, Manifest]:
    """Return the cache's folder for `key` and its manifest, making it where it is missing or damaged.

    `make` writes the files into the folder that it is given and returns their names. Of two processes one makes the
    entry while the other waits; an entry appears whole, by a rename.
    """
    root = cache_folder()
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(f"the cache folder {root} cannot be made ({error.strerror}); set XDG_CACHE_HOME") from error
    entry = root / key
    with locked_folder(root, progress):
        manifest = _sound_manifest(entry, progress)
        if manifest is None:
            manifest = _make_entry(entry, source=source, model_id=model_id, make=make)
    return entry, manifest


@contextlib.contextmanager
def locked_folder(folder: Path, progress: Progress) -> Iterator[None]:
    """Hold the advisory lock of `folder`, waiting for another holder; the kernel frees it when a holder dies."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.say(f"another process prepares weights in {folder}; waiting for it")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sound_manifest(entry: Path, progress: Progress) -> Manifest | None:
    if not entry.exists():
        return None
    try:
        manifest = read_manifest(entry)
    except ModelError:
        progress.say(f"the cache entry {entry} has no readable manifest; it is made again")
        return None
    damaged = damaged_files(entry, manifest)
    if damaged:
        progress.say(
            f"the cache entry {entry} is damaged ({', '.join(item.name for item in damaged)}); it is made again"
        )
        return None
    return manifest


def _make_entry(entry: Path, *, source: str, model_id: str, make: Callable[[Path], list[str]]) -> Manifest:
    for abandoned in entry.parent.glob(f".{entry.name}.*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{entry.name}.", dir=entry.parent))
    try:
        try:
            names = make(partial)
            manifest = build_manifest(partial, names, source=source, model_id=model_id)
            write_manifest(partial, manifest)
        except OSError as error:
            raise ModelError(
                f"the weights cannot be written to the cache {entry.parent} ({error.strerror}); "
                "free space there or set XDG_CACHE_HOME to another disk"
            ) from error
        if entry.exists():
            shutil.rmtree(entry)
        partial.chmod(0o755)
        partial.rename(entry)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return manifest
