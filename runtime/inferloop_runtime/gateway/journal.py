"""Usage records on disk, from the moment a request is answered until the database has them.

One process owns a journal's folder. Records are appended to the newest of its segments with one write each, which the
kernel keeps when the process is killed; `sync` makes them outlive a power failure too. A segment is deleted when all
its records were confirmed.
"""

import contextlib
import fcntl
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from inferloop_runtime.errors import SettingsError

log = logging.getLogger(__name__)

_SEGMENT_BYTES = 8 * 1024 * 1024
_BATCH_BYTES = 128 * 1024


@dataclass(slots=True)
class _Segment:
    path: Path
    size: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Whole lines from the journal's oldest end; pass it to `confirm` once they are stored."""

    lines: tuple[bytes, ...]
    end: int


class Journal:
    """Append usage records and read them back in order until they are confirmed.

    What was confirmed is not written down: after a crash a segment is read again from its start, so the reader must
    tolerate records that it has seen. `max_bytes` bounds the disk it takes; records beyond it, or that a full disk
    refuses, are dropped, counted in `dropped` and logged.
    """

    def __init__(self, folder: Path, *, max_bytes: int, segment_bytes: int = _SEGMENT_BYTES) -> None:
        """Take the folder and find what an earlier process left.

        Raises SettingsError where the folder cannot be written, or another process owns it.
        """
        self._folder = folder
        self._max_bytes = max_bytes
        self._segment_bytes = segment_bytes
        self._confirmed = 0
        self._unsynced = False
        self._file: int | None = None
        self.dropped = 0
        self.problem: str | None = None
        self._lock = self._take_folder()
        self._segments = [_Segment(path, path.stat().st_size) for path in sorted(folder.glob("usage-*.jsonl"))]
        self._backlog = sum(segment.size for segment in self._segments)
        self._open_segment()

    def _take_folder(self) -> int:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SettingsError(
                f"cannot write the usage journal in {self._folder}: {error.strerror}; correct `journal_dir`"
            ) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(lock, 20, 0).decode(errors="replace").strip()
            os.close(lock)
            raise SettingsError(
                f"another gateway (process {owner or 'unknown'}) owns the usage journal in {self._folder}: "
                "stop it, or give each gateway a `journal_dir` of its own"
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        return lock

    def _open_segment(self) -> None:
        number = int(self._segments[-1].path.stem.removeprefix("usage-")) + 1 if self._segments else 1
        path = self._folder / f"usage-{number:012d}.jsonl"
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        if self._file is not None:
            os.fsync(self._file)
            os.close(self._file)
        self._file = file
        self._segments.append(_Segment(path, 0))

    @property
    def backlog_bytes(self) -> int:
        """Count the bytes that are not yet confirmed."""
        return self._backlog - self._confirmed

    @property
    def writable(self) -> bool:
        """Tell whether the last record was kept."""
        return self.problem is None

    def append(self, line: bytes) -> bool:
        """Write one line, which ends with its line break; return whether it was kept. Never raises."""
        if self._file is None:
            return self._drop("the journal is closed")
        if self._backlog + len(line) > self._max_bytes:
            return self._drop(f"the journal holds its {self._max_bytes} bytes; is the database running?")
        segment = self._segments[-1]
        try:
            if segment.size >= self._segment_bytes:
                self._open_segment()
                segment = self._segments[-1]
            written = os.write(self._file, line)
            if written != len(line):
                os.ftruncate(self._file, segment.size)
                return self._drop("the disk is full")
        except OSError as error:
            return self._drop(f"cannot write {segment.path}: {error.strerror}")
        segment.size += written
        self._backlog += written
        self._unsynced = True
        if self.problem is not None:
            log.warning("usage records are kept again", extra={"dropped_so_far": self.dropped})
            self.problem = None
        return True

    def _drop(self, reason: str) -> bool:
        self.dropped += 1
        if reason != self.problem:
            log.error("usage records are LOST: %s", reason, extra={"journal": str(self._folder)})
            self.problem = reason
        return False

    def read(self) -> Batch | None:
        """Return the oldest lines that are not confirmed, or None where there are none.

        A last line without a line break, which a power failure can leave in a segment of an earlier process, is
        skipped.
        """
        while True:
            segment = self._segments[0]
            is_active = len(self._segments) == 1
            if self._confirmed < segment.size:
                with segment.path.open("rb") as file:
                    file.seek(self._confirmed)
                    data = file.read(_BATCH_BYTES)
                whole = data.rfind(b"\n") + 1
                if whole:
                    return Batch(tuple(data[:whole].splitlines()), self._confirmed + whole)
                log.warning("skipping a torn record at the end of %s", segment.path)
                if is_active:
                    self._open_segment()
            elif is_active:
                return None
            self._discard_oldest()

    def confirm(self, batch: Batch) -> None:
        """Forget the records of the batch that `read` returned last; delete segments that are done."""
        self._confirmed = batch.end
        segment = self._segments[0]
        if self._confirmed < segment.size:
            return
        if len(self._segments) == 1:
            if segment.size < self._segment_bytes:
                return
            self._open_segment()
        self._discard_oldest()

    def _discard_oldest(self) -> None:
        segment = self._segments.pop(0)
        self._backlog -= segment.size
        self._confirmed = 0
        with contextlib.suppress(FileNotFoundError):
            segment.path.unlink()

    @property
    def needs_sync(self) -> bool:
        """Tell whether records were appended since the last `sync`."""
        return self._unsynced

    def sync(self) -> None:
        """Flush what was appended to the disk itself; blocks, so call it from another thread."""
        self._unsynced = False
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.fdatasync(self._file) if hasattr(os, "fdatasync") else os.fsync(self._file)

    def close(self) -> None:
        """Let the folder go; delete the segments where everything was confirmed."""
        if self._file is None:
            return
        os.fsync(self._file)
        os.close(self._file)
        self._file = None
        if self.backlog_bytes == 0:
            for segment in self._segments:
                segment.path.unlink(missing_ok=True)
        os.close(self._lock)
