"""The seam between a source and the stages after it: what every capture engine gives."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import pyarrow as pa

from inferloop_runtime.capture.settings import CaptureSettings

Cursor = dict[str, int]


@dataclass(frozen=True)
class SourceVersion:
    """What a source was when it was read; `sha256` (hexadecimal) tells two versions apart, `size_bytes` its length."""

    uri: str
    sha256: str
    size_bytes: int
    modified_at: datetime

    def document(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "uri": self.uri,
            "sha256": self.sha256,
            "size_bytes": self.size_bytes,
            "modified_at": self.modified_at.isoformat(),
        }


@dataclass(frozen=True)
class RejectedRow:
    """One row that goes to quarantine: the line where it begins, its original text, and every reason."""

    line: int
    text: str
    reasons: list[str]


@dataclass(frozen=True)
class ExtractedBatch:
    """Consecutive rows of a source.

    `table` holds the declared columns in their order, as text or in their type; `rejected` the rows that could not be
    parsed; `origin(i)` gives line and original text of the table's row i; `end` is the cursor after the last row.
    """

    table: pa.Table
    origin: Callable[[int], tuple[int, str]]
    end: Cursor
    rejected: list[RejectedRow] = field(default_factory=list)

    @property
    def rows_read(self) -> int:
        """Count the rows, rejected ones included."""
        return int(self.table.num_rows) + len(self.rejected)


class Extractor(Protocol):
    """Read one source. Reading from the same cursor gives the same batches, as long as the source is the same."""

    def describe(self) -> SourceVersion:
        """Tell the source's version. Raises CaptureError where the source cannot be read."""
        ...

    def begin(self) -> Cursor:
        """Check the source against the declared columns and return the cursor of its first row.

        Raises CaptureError that names the source and the columns where these do not fit.
        """
        ...

    def read(self, cursor: Cursor, max_rows: int) -> Iterator[ExtractedBatch]:
        """Read at most `max_rows` rows from `cursor` on; fewer come only at the end of the source."""
        ...


def _file_extractor(settings: CaptureSettings) -> Extractor:
    from inferloop_runtime.capture.file_source import FileExtractor

    return FileExtractor(settings.source, settings.columns)


EXTRACTORS: dict[str, Callable[[CaptureSettings], Extractor]] = {"file": _file_extractor}


def extractor_for(settings: CaptureSettings) -> Extractor:
    """Return the extractor of the job's engine."""
    return EXTRACTORS[settings.source.engine](settings)
