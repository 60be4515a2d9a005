"""Record what plugins did, as JSON lines that a rehearsal's report reads."""

import fcntl
import json
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict


class Fidelity(StrEnum):
    """How much of a resource exists.

    REAL was made in an emulator and is read back; EMULATED is only checked against its type and kept; REPRESENTED is a
    chart that is not had: its definitions are installed and its values checked, and none of its objects are made.
    """

    REAL = "real"
    EMULATED = "emulated"
    REPRESENTED = "represented"


class JournalEntry(BaseModel):
    """One call of the engine; `error` is empty where it went well. No property value is recorded.

    `reason` tells why a resource that is not real is not; it is empty for a real one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    operation: str
    type: str
    urn: str
    id: str = ""
    fidelity: Fidelity
    reason: str = ""
    duration_s: float
    error: str = ""


class Journal:
    """Append entries to a file that several processes share; without a file nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def append(self, entry: JournalEntry) -> None:
        """Write one entry as one line."""
        if self._path is None:
            return
        line = json.dumps(entry.model_dump(mode="json"), separators=(",", ":")) + "\n"
        with self._path.open("a", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(line)

    def entries(self) -> Iterator[JournalEntry]:
        """Yield every entry in the order in which they were written."""
        if self._path is None or not self._path.exists():
            return
        for line in self._path.read_text(encoding="utf-8").splitlines():
            answer: dict[str, Any] = json.loads(line)
            yield JournalEntry.model_validate(answer)
