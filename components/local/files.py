"""Write files whole or not at all."""

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path


def write_atomically(path: Path, content: str | bytes, *, mode: int = 0o644) -> None:
    """Replace `path` by `content` with permission bits `mode`; a reader sees the old file or the new one.

    The folder must exist. Both file and folder are flushed to disk before this returns.
    """
    data = content.encode() if isinstance(content, str) else content
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    flush_directory(path.parent)


def flush_directory(path: Path) -> None:
    """Flush a folder's entries to disk, so that a rename in it survives a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def digest_of(content: str | bytes) -> str:
    """Return the first 128 bits of the content's SHA-256 in hexadecimal: a revision mark, not a signature."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()[:32]


def remove_empty_parents(path: Path, *, up_to: Path) -> None:
    """Remove `path`'s parents while they are empty, `up_to` included."""
    for parent in path.parents:
        with contextlib.suppress(FileNotFoundError):
            try:
                parent.rmdir()
            except OSError:
                return
        if parent == up_to:
            return
