"""Remember which parts of an unfinished version are complete, so that a run continues where another was killed.

`<state_dir>/<job>/run.json` names the run and what it captures; `part-NNNNN.json` is written atomically after the
part's files are on the disk. The files themselves wait in `<datasets_dir>/<dataset>/_building/`.
"""

import json
import shutil
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from inferloop_runtime.capture.atomic_file import write_atomically
from inferloop_runtime.capture.manifest import FileDigest
from inferloop_runtime.capture.part import QUARANTINE_FOLDER, BuiltPart


@dataclass(frozen=True)
class BuildState:
    """An unfinished run: `run_id`, `started_at` (ISO 8601), and where its progress and its files lie."""

    run_id: str
    started_at: str
    folder: Path
    building: Path

    @classmethod
    def resume_or_begin(cls, folder: Path, building: Path, content_key: tuple[str, str]) -> "BuildState":
        """Return the unfinished run of the same source and settings, or begin a new one in place of any other."""
        header = folder / "run.json"
        try:
            known = json.loads(header.read_bytes())
            if tuple(known["content_key"]) == content_key:
                return cls(known["run_id"], known["started_at"], folder, building)
        except (OSError, ValueError, KeyError, TypeError):
            pass
        state = cls(str(uuid.uuid4()), datetime.now(UTC).isoformat(), folder, building)
        state.discard()
        folder.mkdir(parents=True)
        document = {"content_key": content_key, "run_id": state.run_id, "started_at": state.started_at}
        write_atomically(header, json.dumps(document).encode())
        return state

    def completed(self) -> list[BuiltPart]:
        """Return the parts from the first on that are complete and unharmed; remove everything else."""
        parts: list[BuiltPart] = []
        while (path := self._part_file(len(parts))).is_file():
            try:
                built = BuiltPart.decode(path.read_bytes())
                whole = all(FileDigest.of(self.building / name) == known for name, known in built.part.files.items())
            except (OSError, ValueError, KeyError, TypeError):
                break
            if not whole:
                break
            parts.append(built)
        kept = {name for built in parts for name in built.part.files}
        for path in self.building.rglob("*"):
            if path.is_file() and str(path.relative_to(self.building)) not in kept:
                path.unlink()
        index = len(parts)
        while (path := self._part_file(index)).is_file():
            path.unlink()
            index += 1
        return parts

    def record(self, built: BuiltPart) -> None:
        """Record a part whose files are complete."""
        write_atomically(self._part_file(built.part.index), built.encode())

    def discard(self) -> None:
        """Remove all progress and unfinished files."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.building, ignore_errors=True)

    def _part_file(self, index: int) -> Path:
        return self.folder / f"part-{index:05d}.json"


def remove_empty_quarantine(folder: Path) -> None:
    """Remove a version's quarantine folder where nothing was set aside."""
    quarantine = folder / QUARANTINE_FOLDER
    if quarantine.is_dir() and not any(quarantine.iterdir()):
        quarantine.rmdir()
