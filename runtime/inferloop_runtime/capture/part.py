"""Make one part: take its rows through all stages and write its files."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import orjson
import pyarrow as pa
import pyarrow.parquet

from inferloop_runtime.capture.atomic_file import replacing
from inferloop_runtime.capture.characterise import ColumnProfile, profile
from inferloop_runtime.capture.convert import ARROW_TYPES
from inferloop_runtime.capture.detect import Findings
from inferloop_runtime.capture.extract import Cursor, ExtractedBatch, Extractor, RejectedRow
from inferloop_runtime.capture.manifest import FileDigest, Part
from inferloop_runtime.capture.privacy import PrivacyStage
from inferloop_runtime.capture.settings import Column
from inferloop_runtime.capture.validate import validate
from inferloop_runtime.errors import CaptureError

QUARANTINE_FOLDER = "_quarantine"


@dataclass
class BuiltPart:
    """A finished part with what is known of its columns and of personal data in them."""

    part: Part
    profiles: dict[str, ColumnProfile]
    findings: Findings

    def encode(self) -> bytes:
        """Return all of it as JSON, for the progress file."""
        return orjson.dumps(
            {
                "part": self.part.model_dump(),
                "profiles": {name: column.encode() for name, column in self.profiles.items()},
                "findings": {"seen": self.findings.seen, "found": self.findings.found},
            }
        )

    @classmethod
    def decode(cls, content: bytes) -> "BuiltPart":
        """Read what `encode` gave. Raises ValueError, KeyError or TypeError where it is something else."""
        document = orjson.loads(content)
        return cls(
            Part.model_validate(document["part"]),
            {name: ColumnProfile.decode(column) for name, column in document["profiles"].items()},
            Findings(**document["findings"]),
        )


@dataclass
class PartBuilder:
    """Make parts of one source with one set of rules; the same rows always give the same files.

    `progress` is told the rows and source bytes of each batch.
    """

    extractor: Extractor
    columns: tuple[Column, ...]
    privacy_key: bytes
    progress: Callable[[int, Cursor], None] = field(default=lambda rows, cursor: None)

    def build(self, folder: Path, index: int, start: Cursor, rows: int) -> BuiltPart | None:
        """Read at most `rows` rows from `start` on and write their files into `folder`.

        Returns None, and writes nothing, where a part after the first has no rows. Raises CaptureError where a file
        cannot be written (a full disk, say); nothing half-written stays.
        """
        batches = self.extractor.read(start, rows)
        first = next(batches, None)
        if first is None and index > 0:
            return None
        stage = PrivacyStage(self.columns, self.privacy_key)
        counts = _Counts(end=start)
        profiles: dict[str, ColumnProfile] = {}
        parquet_name = f"part-{index:05d}.parquet"
        quarantine_name = f"{QUARANTINE_FOLDER}/part-{index:05d}.jsonl"
        files = {}
        try:
            (folder / QUARANTINE_FOLDER).mkdir(mode=0o700, parents=True, exist_ok=True)
            # Quarantined rows are as they came, before any privacy: only the owner may read them.
            with replacing(folder / quarantine_name) as quarantine_path, _private(quarantine_path) as quarantine:
                with (
                    replacing(folder / parquet_name) as parquet_path,
                    pa.parquet.ParquetWriter(parquet_path, output_schema(self.columns), compression="zstd") as writer,
                ):
                    batch = first
                    while batch is not None:
                        self._take_through(batch, stage, profiles, writer, quarantine, counts)
                        batch = next(batches, None)
                    if not profiles:
                        profile(profiles, output_schema(self.columns).empty_table())
                quarantine.flush()
            files[parquet_name] = FileDigest.of(folder / parquet_name)
            if counts.quarantined:
                files[quarantine_name] = FileDigest.of(folder / quarantine_name)
            else:
                (folder / quarantine_name).unlink()
        except OSError as error:
            raise CaptureError(
                f"cannot write part {index} into {folder}: {error.strerror or error}; parts before it are kept, "
                "so free some space and run again"
            ) from error
        part = Part(
            index=index,
            start=start,
            end=counts.end,
            rows_read=counts.read,
            rows_written=counts.written,
            rows_quarantined=counts.quarantined,
            files=files,
        )
        return BuiltPart(part, profiles, stage.findings)

    def _take_through(
        self,
        batch: ExtractedBatch,
        stage: PrivacyStage,
        profiles: dict[str, ColumnProfile],
        writer: pa.parquet.ParquetWriter,
        quarantine: BinaryIO,
        counts: "_Counts",
    ) -> None:
        valid, reasons = validate(self.columns, batch.table)
        rejected = batch.rejected + [RejectedRow(*batch.origin(row), why) for row, why in reasons.items()]
        for row in sorted(rejected, key=lambda row: row.line):
            quarantine.write(orjson.dumps({"line": row.line, "text": row.text, "reasons": row.reasons}) + b"\n")
        stored = stage.apply(valid).cast(output_schema(self.columns))
        profile(profiles, stored)
        writer.write_table(stored)
        counts.read += batch.rows_read
        counts.written += stored.num_rows
        counts.quarantined += len(rejected)
        counts.end = batch.end
        self.progress(batch.rows_read, batch.end)


@dataclass
class _Counts:
    end: Cursor
    read: int = 0
    written: int = 0
    quarantined: int = 0


def _private(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def output_schema(columns: tuple[Column, ...]) -> pa.Schema:
    """Return the schema of the Parquet files: hashed and masked columns are text, dropped ones are absent."""
    return pa.schema(
        [
            pa.field(
                column.name,
                ARROW_TYPES[column.type] if column.privacy == "keep" else pa.string(),
                nullable=column.nullable,
            )
            for column in columns
            if column.privacy != "drop"
        ]
    )


def schema_document(columns: tuple[Column, ...]) -> list[dict[str, Any]]:
    """Return the schema as JSON values for manifest and catalog."""
    return [
        {"name": field.name, "type": str(field.type), "nullable": field.nullable} for field in output_schema(columns)
    ]
