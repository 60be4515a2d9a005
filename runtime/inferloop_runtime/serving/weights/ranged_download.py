"""Download large files in parts, several at once, and go on after any interruption where the last run ended."""

import contextlib
import json
import os
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path

from inferloop_runtime.errors import ModelError
from inferloop_runtime.serving.weights.manifest import FileEntry, file_sha256
from inferloop_runtime.serving.weights.object_store import ObjectStore
from inferloop_runtime.serving.weights.progress import Progress

PART_BYTES = 32 * 2**20
_ATTEMPTS = 5
_FIRST_PAUSE_S = 0.5


def download_files(
    store: ObjectStore,
    wanted: Mapping[str, FileEntry],
    folder: Path,
    progress: Progress,
    *,
    part_bytes: int = PART_BYTES,
) -> None:
    """Make `folder` hold the wanted files, each as its digest says; parts that an earlier run fetched are kept.

    A file is whole once nothing is left beside it that notes its parts. Raises ModelError where the store fails, the
    disk is too small, or a file is not what its digest says even when it is fetched anew.
    """
    files = {name: _PartialFile(folder / name, entry, part_bytes) for name, entry in wanted.items()}
    missing = {name: file for name, file in files.items() if not file.is_whole()}
    left = sum(file.bytes_left() for file in missing.values())
    free = shutil.disk_usage(folder).free
    if left > free:
        raise ModelError(
            f"{folder} has {free / 1e9:.1f} GB free, and {left / 1e9:.1f} GB of {store.uri} are still to be fetched; "
            "free space or choose another folder"
        )
    meter = _Meter(progress, f"fetching {store.uri}", left)
    for name in _fetch(store, missing, meter):
        # What an earlier run left may be older than the manifest: fetch the file once more, from nothing.
        file = missing[name]
        file.forget()
        meter.add_total(file.bytes_left())
        if list(_fetch(store, {name: file}, meter)):
            file.forget()
            raise ModelError(
                f"{store.uri}/{name} is not what its manifest says; publish the model again with --replace"
            )


def _fetch(store: ObjectStore, files: "Mapping[str, _PartialFile]", meter: "_Meter") -> list[str]:
    """Fetch every missing part; return the names of files whose digests are wrong."""
    stop = threading.Event()
    with contextlib.ExitStack() as opened, ThreadPoolExecutor(store.connections) as workers:
        jobs: list[Future[None]] = []
        # The largest first, so that no long one is left for the end.
        for name, file in sorted(files.items(), key=lambda item: -item[1].entry.size):
            opened.enter_context(file.opened())
            jobs += [workers.submit(_part, store, name, file, part, meter, stop) for part in file.missing_parts()]
        try:
            done, _ = wait(jobs, return_when=FIRST_EXCEPTION)
            for job in done:
                job.result()
        finally:
            stop.set()
            workers.shutdown(cancel_futures=True)
        return [name for name, good in zip(files, _verified(list(files.values())), strict=True) if not good]


def _verified(files: "Sequence[_PartialFile]") -> list[bool]:
    """Finish files side by side: hashing releases the interpreter's lock."""
    with ThreadPoolExecutor(max(1, min(len(files), os.cpu_count() or 1))) as workers:
        return list(workers.map(_PartialFile.finish, files))


def _part(
    store: ObjectStore, name: str, file: "_PartialFile", part: int, meter: "_Meter", stop: threading.Event
) -> None:
    start, end = file.bounds(part)
    position = start
    for attempt in range(_ATTEMPTS):
        try:
            for piece in store.read(name, position, end):
                if stop.is_set():
                    return
                file.write(piece, position)
                position += len(piece)
                meter.add(len(piece))
            file.note(part)
            return
        except ConnectionError as error:
            if attempt == _ATTEMPTS - 1:
                raise ModelError(
                    f"the connection to {store.uri}/{name} broke {_ATTEMPTS} times ({error}); run the command again, "
                    "which goes on where it ended"
                ) from error
            if stop.wait(_FIRST_PAUSE_S * 2**attempt):
                return


class _PartialFile:
    """One file of known size and digest, and beside it a note of the parts that were written."""

    def __init__(self, path: Path, entry: FileEntry, part_bytes: int) -> None:
        self.entry = entry
        self._path = path
        self._notes = path.with_name(f".{path.name}.parts")
        self._header = json.dumps({"sha256": entry.sha256, "size": entry.size, "part_bytes": part_bytes})
        self._part_bytes = part_bytes
        self._written = self._read_notes()
        self._lock = threading.Lock()
        self._descriptor = -1

    def is_whole(self) -> bool:
        """Tell whether an earlier run finished this file; what it does not know is looked at again."""
        return (
            not self._notes.exists()
            and self._path.is_file()
            and self._path.stat().st_size == self.entry.size
            and file_sha256(self._path) == self.entry.sha256
        )

    def missing_parts(self) -> list[int]:
        """Return the parts that are still to be fetched."""
        return [part for part in range(self._part_count()) if part not in self._written]

    def bytes_left(self) -> int:
        """Return the bytes that are still to be fetched."""
        return sum(end - start for start, end in map(self.bounds, self.missing_parts()))

    def bounds(self, part: int) -> tuple[int, int]:
        """Return where a part begins, and where the next one would."""
        start = part * self._part_bytes
        return start, min(start + self._part_bytes, self.entry.size)

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Open the file for writing; its notes come first, so that a file without notes is a finished one."""
        if not self._written:
            self._notes.write_text(f"{self._header}\n", encoding="utf-8")
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.ftruncate(self._descriptor, self.entry.size)
            yield
        finally:
            os.close(self._descriptor)

    def write(self, piece: bytes, position: int) -> None:
        """Write a piece where it belongs."""
        view = memoryview(piece)
        while view:
            count = os.pwrite(self._descriptor, view, position)
            view, position = view[count:], position + count

    def note(self, part: int) -> None:
        """Note that a part is written."""
        with self._lock, self._notes.open("a", encoding="utf-8") as notes:
            notes.write(f"{part}\n")
            self._written.add(part)

    def finish(self) -> bool:
        """Bring the file to the disk and compare it with its digest; forget the notes where it is right."""
        os.fsync(self._descriptor)
        if file_sha256(self._path) != self.entry.sha256:
            return False
        self._notes.unlink(missing_ok=True)
        return True

    def forget(self) -> None:
        """Remove all that was fetched."""
        self._written.clear()
        self._path.unlink(missing_ok=True)
        self._notes.unlink(missing_ok=True)

    def _part_count(self) -> int:
        return -(-self.entry.size // self._part_bytes)

    def _read_notes(self) -> set[int]:
        try:
            header, *lines = self._notes.read_text(encoding="utf-8").split("\n")
        except OSError:
            return set()
        if header != self._header or not self._path.is_file():
            return set()
        # The last line has no end where its writer was killed.
        return {int(line) for line in lines[:-1] if line.isdigit() and int(line) < self._part_count()}


class _Meter:
    """Add up what all threads fetched."""

    def __init__(self, progress: Progress, what: str, total: int) -> None:
        self._progress, self._what = progress, what
        self._total, self._done = total, 0
        self._lock = threading.Lock()

    def add_total(self, count: int) -> None:
        """Expect more bytes."""
        self._total += count

    def add(self, count: int) -> None:
        """Count bytes that arrived."""
        with self._lock:
            self._done += count
            self._progress.step(self._what, self._done, self._total)
